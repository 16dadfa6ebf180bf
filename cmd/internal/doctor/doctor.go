// Package doctor looks for what is wrong with a machine, a state directory and a broker, and says what to do. It changes nothing but for
// a file that it writes and removes where it measures the disk.
package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"weir/connectors/kafka"
	"weir/parser/diag"
)

// Result is how a check came out.
type Result string

// The results.
const (
	OK   Result = "ok"
	Warn Result = "warn"
	Fail Result = "fail"
	// Skipped is a check that could not be made without changing something, or without a permission; Found says why.
	Skipped Result = "skipped"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Result Result `json:"result"`
	Found  string `json:"found"`
	Hint   string `json:"hint,omitempty"` // what to do; empty where nothing is to be done
}

// ok, warn and fail make checks.
func ok(name, format string, args ...any) Check {
	return Check{Name: name, Result: OK, Found: fmt.Sprintf(format, args...)}
}

func (c Check) but(r Result, hint string) Check {
	c.Result, c.Hint = r, hint
	return c
}

// The limits below which something is wrong.
const (
	littleRoom  = 2 << 30
	noRoom      = 200 << 20
	slowSync    = 20 * time.Millisecond
	fewFiles    = 4096
	littleBytes = 512 << 20
)

// Machine looks at the machine: memory is the budget that a job would have, and base the folder of state directories.
func Machine(memory int64, base string) []Check {
	return []Check{files(), memoryOf(memory), temporary(), room(base), sync(base)}
}

func files() Check {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return ok("open files", "%v", err).but(Warn, "")
	}
	c := ok("open files", "at most %d", l.Cur)
	if l.Cur < fewFiles {
		return c.but(Warn, fmt.Sprintf("ulimit -n %d, or LimitNOFILE=65536 in the unit: Badger and the connections to brokers need files", 65536))
	}
	return c
}

func memoryOf(budget int64) Check {
	c := ok("memory", "a job may use %s", size(budget))
	if budget < littleBytes {
		return c.but(Warn, "raise the limit of the container, or SET 'weir.memory'; below 512 MiB state is read from disk again and again")
	}
	return c
}

func temporary() Check {
	dir := os.TempDir()
	f, err := os.CreateTemp(dir, "weir-doctor-")
	if err != nil {
		return ok("temporary files", "%v", err).but(Fail, "make "+dir+" writable, or set TMPDIR to a folder that is")
	}
	f.Close()           //nolint:errcheck // nothing was written
	os.Remove(f.Name()) //nolint:errcheck // it is in the folder of temporary files
	return ok("temporary files", "%s can be written", dir)
}

// existing is dir, or the nearest folder above it that there is.
func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return dir
		}
		dir = up
	}
}

func room(base string) Check {
	dir := existing(base)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return ok("disk room", "%s: %v", dir, err).but(Fail, "give another folder with --state-dir")
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	c := ok("disk room", "%s free in %s", size(free), dir)
	switch {
	case free < noRoom:
		return c.but(Fail, "make room, or keep state elsewhere with --state-dir: a job stops when an epoch does not fit")
	case free < littleRoom:
		return c.but(Warn, "state grows while old epochs are compacted: leave twice the state's size free")
	}
	return c
}

// sync measures how long a synced write takes: every epoch waits for some.
func sync(base string) Check {
	dir := existing(base)
	f, err := os.CreateTemp(dir, ".weir-doctor-")
	if err != nil {
		return ok("synced writes", "%v", err).but(Fail, "make "+dir+" writable for this user, or give another folder with --state-dir")
	}
	defer os.Remove(f.Name()) //nolint:errcheck // what is left of it is 80 KiB
	defer f.Close()           //nolint:errcheck // as above
	var took []time.Duration
	block := make([]byte, 4096)
	for range 20 {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return ok("synced writes", "%v", err).but(Fail, "see whether the disk is full or damaged")
		}
		if err := f.Sync(); err != nil {
			return ok("synced writes", "%v", err).but(Fail, "see whether the disk is damaged")
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	middle := took[len(took)/2]
	c := ok("synced writes", "%s each in %s", middle.Round(10*time.Microsecond), dir)
	if middle > slowSync {
		return c.but(Warn, "every checkpoint waits for the disk: use a local SSD, and intervals of several times that")
	}
	return c
}

// Broker is the checks of what brokers have answered to kafka.Inspect.
func Broker(in *kafka.Inspection) []Check {
	var out []Check
	for _, a := range in.Answers {
		c := Check{Name: a.Subject + ": " + a.Name, Result: OK, Found: a.Detail, Hint: a.Hint}
		switch {
		case a.Skipped:
			c.Result = Skipped
		case a.Finding != nil && a.Finding.Severity == diag.Error:
			c.Result = Fail
		case a.Finding != nil:
			c.Result = Warn
		}
		out = append(out, c)
	}
	return out
}

func size(n int64) string {
	f, unit := float64(n), 0
	for f >= 1024 && unit < 4 {
		f /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %s", f, []string{"B", "KiB", "MiB", "GiB", "TiB"}[unit])
}
