package state

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/gofrs/flock"
)

// flushBytes is the size of one write to Badger: large enough to pay for its sync.
const flushBytes = 4 << 20

// openBadger opens a data folder, verifying every table in it.
func (s *Store) openBadger(name string) (db *badger.DB, err error) {
	dir := filepath.Join(s.dir, name)
	memtable := min(max(s.budget/16, 8<<20), 32<<20)
	o := badger.DefaultOptions(dir)
	o.SyncWrites = true
	o.DetectConflicts = false
	o.NumVersionsToKeep = 1
	o.MemTableSize = memtable
	o.NumMemtables = 3
	o.NumCompactors = 2
	o.MetricsEnabled = false
	// Pages stay in the tables: folding makes them short-lived, and compaction, unlike the value log's
	// collection, drops them for good with no help.
	o.ValueThreshold = maxFragment + 1
	o.ValueLogFileSize = 64 << 20
	// Pages are read at random and once; the operating system's cache serves them.
	o.Compression = options.None
	o.BlockCacheSize = 0
	o.ChecksumVerificationMode = options.OnTableAndBlockRead
	o.Logger = badgerLog{s.log}
	err = s.guard(func() error {
		db, err = badger.OpenManaged(o)
		return err
	})
	switch {
	case err == nil:
		return db, nil
	case isDiskError(err):
		return nil, s.diskError("open the data folder", err)
	}
	return nil, &CorruptError{Path: dir, What: "Badger cannot open it", Cause: err}
}

func isDiskError(err error) bool {
	var p *os.PathError
	var l *os.LinkError
	return errors.As(err, &p) || errors.As(err, &l)
}

// guard turns a panic of Badger over damaged files into an error.
func (s *Store) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &CorruptError{Path: filepath.Join(s.dir, s.data), What: fmt.Sprint("Badger stopped: ", firstLine(fmt.Sprint(p)))}
		}
	}()
	return f()
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// badgerLog hands Badger's messages on; what it calls information is detail here.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(f string, a ...any)   { l.log.Error("badger: " + line(f, a)) }
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn("badger: " + line(f, a)) }
func (l badgerLog) Infof(f string, a ...any)    { l.log.Debug("badger: " + line(f, a)) }
func (l badgerLog) Debugf(string, ...any)       {}

func line(f string, a []any) string { return strings.TrimSpace(fmt.Sprintf(f, a...)) }

// takeLock takes the lock file of the directory, which names its holder.
func (s *Store) takeLock() error {
	path := filepath.Join(s.dir, "LOCK")
	s.lock = flock.New(path)
	ok, err := s.lock.TryLock()
	if err != nil {
		return s.diskError("take the lock", err)
	}
	if !ok {
		e := &LockedError{Dir: s.dir}
		if b, err := os.ReadFile(path); err == nil {
			pid, host, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
			e.PID, _ = strconv.Atoi(pid)
			e.Host = host
		}
		return e
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	if err := os.WriteFile(path, []byte(fmt.Sprintf("%d %s\n", os.Getpid(), host)), 0o644); err != nil {
		return errors.Join(s.diskError("write the lock", err), s.lock.Close())
	}
	return nil
}
