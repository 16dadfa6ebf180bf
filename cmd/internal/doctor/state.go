package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"weir/cmd/internal/control"
	"weir/connectors/kafka"
	"weir/state"
)

// usualRetention is how long a broker keeps a marker unless it is told otherwise (offsets.retention.minutes).
const usualRetention = 7 * 24 * time.Hour

// States looks at the state directories below base, and at those that markers names: it has what the broker keeps of the job of a
// directory, where that was asked.
func States(base string, markers map[string]kafka.Marker) []Check {
	var out []Check
	var dirs []string
	entries, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		out = append(out, ok("state directories", "%v", err).but(Fail, "make it readable for this user"))
	}
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(base, e.Name()))
		}
	}
	for dir := range markers {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		out = append(out, stateDir(dir, markers[dir])...)
	}
	if out == nil {
		out = []Check{ok("state directories", "none in %s", base)}
	}
	return out
}

func stateDir(dir string, m kafka.Marker) []Check {
	name := filepath.Base(dir)
	runs := control.Running(dir)
	seen, err := state.Look(dir)
	out := []Check{folder("state of "+name, dir, runs, seen.Holder != nil), lock("lock of "+name, seen.Holder, runs)}
	switch {
	case err != nil:
		hint := "make it readable for the user that runs the job"
		var helped interface{ Help() string }
		if errors.As(err, &helped) {
			hint = helped.Help()
		}
		out = append(out, ok("epoch of "+name, "%v", err).but(Fail, hint))
	case seen.Manifest == nil:
		out = append(out, ok("epoch of "+name, "none yet"))
	case !runs && seen.Holder == nil:
		out = append(out, epoch("epoch of "+name, seen, m, time.Now()))
	}
	return out
}

// folder looks at what lies in a state directory.
func folder(name, dir string, runs, held bool) Check {
	if runs {
		return ok(name, "the job runs")
	}
	var bytes int64
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		bytes += info.Size()
		return nil
	})
	if err != nil {
		return ok(name, "%v", err).but(Fail, "make it readable for the user that runs the job")
	}
	if _, err := os.Stat(filepath.Join(dir, "control")); err == nil && !held {
		return ok(name, "%s; the job was killed, or lost its machine", size(bytes)).
			but(Warn, "start it again: it goes on from its last committed epoch; until then its open transaction holds read_committed readers back")
	}
	return ok(name, "%s", size(bytes))
}

// lock says who holds a state directory: a living process does, since the system gives the locks of dead ones back.
func lock(name string, holder *state.LockedError, runs bool) Check {
	switch {
	case holder == nil:
		return ok(name, "no process holds it")
	case runs:
		return ok(name, "%s holds it", process(holder))
	}
	return ok(name, "%s holds it, and answers no questions as a running job does", process(holder)).
		but(Warn, "it starts, stops, hangs, or runs on another machine; another start is refused until it has ended: look at it, and stop it if it is left over")
}

func process(e *state.LockedError) string {
	if e.PID == 0 {
		return "another process"
	}
	return fmt.Sprintf("process %d on %s", e.PID, e.Host)
}

// epoch says whether a stopped job can go on from its state: the marker in its output is kept by the broker, which forgets it in time.
func epoch(name string, seen state.Sight, m kafka.Marker, now time.Time) Check {
	last := seen.Manifest
	c := ok(name, "%d, of %s", last.Epoch, last.Made.Local().Format("2006-01-02 15:04"))
	group := kafka.GroupOf(last.Identity)
	if group == "" {
		return c // no marker: it writes nothing to Kafka exactly once
	}
	if group != m.Group {
		m.Asked = false // the prefix has been edited since: the marker is still where it was
	}
	// The first epoch holds no output yet: a start writes its marker.
	first := last.Epoch == 0 && last.Previous == "" && !seen.Committed
	accept := fmt.Sprintf("weir run --accept-epoch %d goes on from it: right if nothing was committed after it, and else what was is written a second time; "+
		"or start anew under another 'sink.transactional-id-prefix' and 'pipeline.name'", last.Epoch)
	if m.Asked && (m.There || first) {
		return c
	}
	if m.Asked {
		c.Found += "; the broker has no marker of the job: it has forgotten it, a sink topic was deleted or may not be described, or it is another cluster"
		return c.but(Fail, "the job will refuse to start. "+accept)
	}
	keeps, known := m.Retention, "the broker"
	if keeps == 0 {
		keeps, known = usualRetention, "a broker that is not told otherwise"
	}
	if age := now.Sub(last.Made); age > keeps && !first {
		c.Found += ", " + kafka.Days(age.Truncate(24*time.Hour)) + " ago"
		return c.but(Warn, fmt.Sprintf("%s forgets a stopped job's marker after %s (offsets.retention.minutes), and the job then refuses to start; weir doctor FILE asks whether it is there. If it is gone: %s. "+
			"If the job is gone for good, remove the folder", known, kafka.Days(keeps), accept))
	}
	return c
}
