package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	sst "github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"
	"github.com/gofrs/flock"
)

// flushBytes is the size of one write to Badger: large enough to pay for its sync.
const flushBytes = 4 << 20

// openData opens a data folder: Badger, and the run files beside it.
func (s *Store) openData(name string) (*badger.DB, *runFiles, error) {
	dir := filepath.Join(s.dir, name)
	n := spareHandles
	for _, folder := range []string{dir, filepath.Join(dir, runsFolder)} {
		files, err := s.fs.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, s.diskError("list the data folder", err)
		}
		n += len(files) // they stay open
	}
	if err := s.handles(n); err != nil {
		return nil, nil, err
	}
	db, err := s.openBadger(name)
	if err != nil {
		return nil, nil, err
	}
	runs, err := s.openRunFiles(dir)
	if err != nil {
		return nil, nil, errors.Join(s.diskError("open the files of runs", err), s.guard(db.Close))
	}
	return db, runs, nil
}

func (s *Store) closeData(db *badger.DB, runs *runFiles) error {
	if db == nil { // Options.Lazy
		return nil
	}
	return errors.Join(s.awaitMerge(), s.guard(db.Close), runs.close())
}

// openBadger opens a data folder verifying every table in it.
func (s *Store) openBadger(name string) (db *badger.DB, err error) {
	dir := filepath.Join(s.dir, name)
	memtable := min(max(s.budget/32, 4<<20), 32<<20)
	o := badger.DefaultOptions(dir)
	o.SyncWrites = true
	o.DetectConflicts = false
	o.NumVersionsToKeep = 1
	o.MemTableSize = memtable
	o.NumMemtables = 3
	o.NumCompactors = 0 // mergeTables says why
	o.NumLevelZeroTables, o.NumLevelZeroTablesStall = level0Tables-1, math.MaxInt32
	o.MetricsEnabled = false
	// Pages stay in the tables: folding makes them short-lived, and compaction, unlike the value log's
	// collection, drops them for good with no help.
	o.ValueThreshold = maxFragment + 1
	o.ValueLogFileSize = 64 << 20
	// Pages are read at random and once; the operating system's cache serves them.
	o.Compression = options.None
	o.BlockCacheSize = 0
	o.ChecksumVerificationMode = options.OnBlockRead
	o.Logger = badgerLog{s.log}
	if err := s.sweepData(dir); err != nil {
		return nil, s.diskError("clean the data folder", err)
	}
	if err := s.verifyTables(dir, o); err != nil {
		return nil, err
	}
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
	if cause := canGrow(dir, 2*o.MemTableSize); cause != nil { // Badger's own error does not tell it apart from damage
		return nil, s.diskError("open the data folder", cause)
	}
	return nil, &CorruptError{Path: dir, What: "Badger cannot open it", Cause: err}
}

// sweepData deletes logs without a byte: what is left when the process dies, or the power is cut, between the making of a log and
// its first growth. Badger refuses to open them.
func (s *Store) sweepData(dir string) error {
	for _, kind := range []string{"*.mem", "*.vlog"} {
		paths, err := filepath.Glob(filepath.Join(dir, kind))
		if err != nil {
			return err
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if info.Size() > 0 {
				continue
			}
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// tables lists the table files that Badger's own manifest names. Others are what a flush or a compaction that died has left half
// made; Badger deletes them. Nothing is listed where that manifest cannot be read: Badger says why.
func tables(dir string, o badger.Options) (paths []string, err error) {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, 0, o)
	if err != nil {
		return nil, nil
	}
	for id := range m.Tables {
		paths = append(paths, sst.NewFilename(id, dir))
	}
	slices.Sort(paths)
	return paths, nil
}

// verifyTables checks every block of every table file. Badger would do it as well, but in goroutines of its
// own, where a damaged index is a panic that nobody can catch.
func (s *Store) verifyTables(dir string, o badger.Options) error {
	paths, err := tables(dir, o)
	if err != nil {
		return s.diskError("read the manifest of the data folder", err)
	}
	for _, path := range paths {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return &CorruptError{Path: path, What: "a table of Badger is missing"}
		}
		f, err := z.OpenMmapFile(path, os.O_RDWR, 0)
		if err != nil {
			return s.diskError("open a table of the data folder", err)
		}
		err = s.guard(func() error {
			t, err := sst.OpenTable(f, sst.Options{BlockSize: 4 << 10, Compression: options.None, ChkMode: options.NoVerification})
			if err != nil {
				return err
			}
			return t.VerifyChecksum()
		})
		if err != nil {
			err = &CorruptError{Path: path, What: "a table of Badger", Cause: errors.New(firstLine(err.Error()))}
		}
		if err = errors.Join(err, s.diskError("close a table of the data folder", f.Close(-1))); err != nil {
			return err
		}
	}
	return nil
}

func isDiskError(err error) bool {
	var p *os.PathError
	var l *os.LinkError
	return errors.As(err, &p) || errors.As(err, &l)
}

// canGrow makes a file of so many bytes in dir and takes it away again: an error says that the system lets nobody write there, for want
// of room or by its limits.
func canGrow(dir string, size int64) (err error) {
	f, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	return f.Truncate(size)
}

// guard turns a panic of Badger over damaged files into an error.
func (s *Store) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("Badger stopped: " + firstLine(fmt.Sprint(p)))
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

// lockName is the lock file of a state directory. It stays when the lock is given back.
const lockName = "LOCK"

// takeLock takes the lock file of the directory, which names its holder.
func (s *Store) takeLock() error {
	path := filepath.Join(s.dir, lockName)
	s.lock = flock.New(path)
	// Look holds the lock for a moment: a directory is in use when it stays locked. The first try is without a limit: where the machine is busy
	// one may be over before it.
	ok, err := s.lock.TryLock()
	if err == nil && !ok {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		ok, err = s.lock.TryLockContext(ctx, 5*time.Millisecond)
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return s.diskError("take the lock", err)
	}
	if !ok {
		return holderOf(s.dir)
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
