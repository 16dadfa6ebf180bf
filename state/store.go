package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"math/bits"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"
	"github.com/gofrs/flock"
)

// The life of an epoch in the state directory. The Badger version of epoch n is n+1, since Badger
// treats version 0 as "nothing".
//
//	          Freeze            Prepare writes pages        Prepare writes the manifest           Commit
//	RUNNING n -------> FROZEN n ------------------> WRITTEN n ----------------------> PREPARED n ------> COMMITTED n
//	                                                    |                                  |
//	                                                    +------------- Undo(n-1) ----------+--> as COMMITTED n-1
//
//	RUNNING n    entries change in memory.               Crash: the directory holds COMMITTED n-1, nothing of n.
//	FROZEN n     the dirty entries as of the barrier     Crash: the same.
//	             belong to Prepare; tasks go on with n+1.
//	WRITTEN n    some or all pages of version n+1 are    Crash: Badger's newest version is above the manifest's.
//	             in Badger, perhaps also the checkpoint. Start undoes it; the checkpoint has no marker and is deleted.
//	PREPARED n   the newer slot names n, and n-1 as the  Crash: the marker decides: go on from n, or Undo(n-1).
//	             one before. Versions of n-1 are all kept.
//	COMMITTED n  versions before n may be discarded.     Crash: go on from n. The record of the commit is a hint; the
//	                                                     marker is the truth, so it is written without a sync.
//
// The manifests lie in two slots that are written in turns (manifest.go); one that is half written is WRITTEN n. Undo first makes n-1
// the only one, which is WRITTEN n again, and then takes the pages back; both steps may be repeated. RestoreFrom fills a new data folder
// and then writes a manifest that names it; a crash before leaves a folder that nothing names, which Open deletes.

// Hash is the 64-bit hash of an encoded key that the whole package goes by (xxHash64).
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }

// HashWord is Hash of the 8 bytes of w, little endian, without a call: most keys are one number.
func HashWord(w uint64) uint64 {
	const (
		prime1 = 0x9e3779b185ebca87
		prime2 = 0xc2b2ae3d27d4eb4f
		prime3 = 0x165667b19e3779f9
		prime4 = 0x85ebca77c2b2ae63
		prime5 = 0x27d4eb2f165667c5
	)
	h := (prime5 + 8) ^ bits.RotateLeft64(w*prime2, 31)*prime1
	h = bits.RotateLeft64(h, 27)*prime1 + prime4
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}

// Options of Open. The zero value works.
type Options struct {
	Log    *slog.Logger     // nil: discarded
	FS     FS               // nil: the operating system's; tests put faults here
	Clock  func() time.Time // processing time, for TTLs and Manifest.Made; nil: time.Now
	Memory int64            // budget of all tables and their directory together, bytes; 0: DefaultMemory
	Lazy   bool             // Badger is opened for the first epoch that is prepared: a job without checkpoints may never need it
	Job    string           // pipeline.name; a directory of another job is refused; empty: any

	farRun, runFileSize int64 // tests choose other sizes; 0: farRunBytes, runFileSize
}

// DefaultMemory is the budget of the tables when the job does not say otherwise.
const DefaultMemory = 512 << 20

// Store is the state of one job in one directory, held by one process. Its methods are called
// from the coordinator's goroutine, but for Scope and Pressure (any goroutine) and the
// methods of what Scope returns (the task's goroutine).
type Store struct {
	dir    string
	opt    Options
	fs     FS
	log    *slog.Logger
	lock   *flock.Flock
	budget int64

	db       *badger.DB
	merging  chan error // takes how the merge of db's tables ended; nil: there is none (merge.go)
	runs     *runFiles
	data     string // name of the data folder
	slots    slots
	record   inPlace // committed.json
	current  *Manifest
	previous *Manifest
	done     *commitRecord // nil: nothing known to be committed

	// Of the run that Start began.
	generation atomic.Int64
	started    *Manifest
	groups     int
	used       atomic.Int64 // by the tables
	index      atomic.Int64 // by dirs
	tables     atomic.Int64
	pressure   atomic.Bool
	writing    sync.Mutex // held by Prepare from its first page to the new directory
	dirMu      sync.Mutex // guards the map in dirs
	dirs       *directory
	scanned    bool // dirs is as Open read it, of current
	entries    int64
	copying    checkpointBuffers
	stored     checkpointRuns // where the live runs lie in the checkpoint directory
	builder    runBuilder
	closed     bool
}

// version is the Badger version of an epoch.
func version(e Epoch) uint64 { return uint64(e) + 1 }

// Open opens or makes the state directory dir, takes its lock, and verifies the newest manifest
// against the data: every block of Badger's tables by its checksum, and the keys of all pages
// (which carry row counts and checksums of the pages) by number and checksum. The contents
// of a page are verified whenever it is read.
//
// Errors: *LockedError, *OtherJobError, *FormatError, *CorruptError, *FullError.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{dir: dir, opt: o, fs: o.FS, log: o.Log, budget: o.Memory, data: "data-1"}
	if s.fs == nil {
		s.fs = osFS{}
	}
	if s.log == nil {
		s.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s.openFiles()
	if s.budget <= 0 {
		s.budget = DefaultMemory
	}
	if err := s.fs.MkdirAll(dir); err != nil {
		return nil, s.diskError("make the state directory", err)
	}
	// Prepare syncs dir itself; its name in the folder above is synced here, once.
	if err := s.fs.SyncDir(filepath.Dir(filepath.Clean(dir))); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, s.diskError("sync the folder above", err)
	}
	if err := s.takeLock(); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		if c := (*CorruptError)(nil); errors.As(err, &c) {
			c.Dir = dir
		}
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openFiles says where the manifests and the record of the last commit lie; nothing is opened yet.
func (s *Store) openFiles() {
	s.slots, s.record = newSlots(s.fs, s.dir), inPlace{fs: s.fs, path: filepath.Join(s.dir, committedName)}
}

func (s *Store) open() error {
	found, err := s.readManifests()
	if err != nil {
		return err
	}
	if found && s.opt.Job != "" && s.current.Name != s.opt.Job {
		return &OtherJobError{Dir: s.dir, Found: s.current.Name, Want: s.opt.Job}
	}
	if err := s.sweepFolder(); err != nil {
		return s.diskError("clean the state directory", err)
	}
	if found {
		if _, err := s.fs.ReadDir(filepath.Join(s.dir, s.data)); errors.Is(err, fs.ErrNotExist) {
			return s.corrupt("folder "+s.data+" is missing", nil)
		}
	}
	if !found && s.opt.Lazy {
		return nil
	}
	s.db, s.runs, err = s.openData(s.data)
	if !found {
		if c := (*CorruptError)(nil); errors.As(err, &c) {
			// The process died while it made the folder: nothing was ever committed in it.
			s.log.Info("making the data folder anew: it was never finished", "path", filepath.Join(s.dir, s.data), "cause", err)
			if err := s.fs.RemoveAll(filepath.Join(s.dir, s.data)); err != nil {
				return s.diskError("empty the data folder", err)
			}
			s.db, s.runs, err = s.openData(s.data)
		}
		return err
	}
	if err != nil {
		return err
	}
	s.readCommitted()
	if s.dirs, err = s.scan(version(s.current.Epoch), s.current.Groups); err != nil {
		return err
	}
	s.scanned = true
	return s.verify(s.current, s.dirs)
}

// sweepFolder deletes what crashes left behind: temporary files and data folders that no manifest names.
func (s *Store) sweepFolder() error {
	names, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasSuffix(n.Name(), ".tmp") || strings.HasPrefix(n.Name(), "data-") && n.Name() != s.data {
			if err := s.fs.RemoveAll(filepath.Join(s.dir, n.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// verify compares the directory of pages with what the manifest says of it.
func (s *Store) verify(m *Manifest, d *directory) error {
	switch {
	case d.pages != m.Pages:
		return s.corrupt(fmt.Sprintf("epoch %d has %d pages instead of %d", m.Epoch, d.pages, m.Pages), nil)
	case sumText(d.sum) != m.Checksum:
		return s.corrupt(fmt.Sprintf("the pages of epoch %d have checksum %s instead of %s", m.Epoch, sumText(d.sum), m.Checksum), nil)
	case d.entries() != m.Entries:
		return s.corrupt(fmt.Sprintf("epoch %d has %d entries instead of %d", m.Epoch, d.entries(), m.Entries), nil)
	}
	return nil
}

func (d *directory) entries() int64 {
	var n int64
	for _, t := range d.tables {
		for g := range t.groups {
			for _, c := range t.group(g).counts {
				n += c.live
			}
		}
	}
	return n
}

func sumText(sum uint64) string { return fmt.Sprintf("%016x", sum) }

// Manifest is the newest durable manifest; nil when there is none.
func (s *Store) Manifest() *Manifest { return s.current }

// Previous is the manifest before the newest, the one that Undo would go back to; nil when there is none.
func (s *Store) Previous() *Manifest { return s.previous }

// Committed is the last epoch known to be committed.
func (s *Store) Committed() (Epoch, bool) {
	if s.done != nil {
		return s.done.Epoch, true
	}
	return 0, false
}

// Undo throws away every version after epoch to, data and manifest. to is the epoch of
// Manifest or of Previous; an epoch that Commit was told of cannot be undone. It is idempotent; a crash
// within is repaired by calling it again.
func (s *Store) Undo(to Epoch) error {
	switch {
	case s.current != nil && s.current.Epoch == to:
	case s.previous != nil && s.previous.Epoch == to:
		if s.done != nil && s.done.Epoch > to {
			return fmt.Errorf("undo to epoch %d: epoch %d is committed", to, s.done.Epoch)
		}
		if err := s.fs.At("undo:manifest"); err != nil {
			return err
		}
		s.scanned = false
		if err := s.writeManifests(s.previous, nil, s.data); err != nil {
			return err
		}
		s.current, s.previous = s.previous, nil
	default:
		return fmt.Errorf("undo to epoch %d: this state directory does not hold that epoch", to)
	}
	if err := s.undoData(version(to)); err != nil {
		return s.diskError(fmt.Sprintf("undo to epoch %d", to), err)
	}
	return nil
}

// undoData makes the newest version of every key equal to its version as of keep.
func (s *Store) undoData(keep uint64) error {
	if s.db.MaxVersion() <= keep {
		return nil
	}
	s.scanned = false
	newest := s.db.NewTransactionAt(^uint64(0), false)
	defer newest.Discard()
	then := s.db.NewTransactionAt(keep, false)
	defer then.Discard()
	opt := badger.DefaultIteratorOptions
	opt.PrefetchValues = false
	opt.AllVersions = true
	opt.SinceTs = keep
	it := newest.NewIterator(opt)
	defer it.Close()

	wb := s.db.NewManagedWriteBatch()
	defer func() { wb.Cancel() }()
	var last []byte
	size := 0
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		if string(item.Key()) == string(last) || item.Version() <= keep {
			continue // the first one of a key is its newest
		}
		last = item.KeyCopy(last)
		key := item.KeyCopy(nil)
		old, err := then.Get(key)
		switch {
		case errors.Is(err, badger.ErrKeyNotFound):
			if item.IsDeletedOrExpired() {
				continue
			}
			err = wb.DeleteAt(key, item.Version())
		case err == nil:
			if !item.IsDeletedOrExpired() {
				continue // pages do not change: the same key is the same page
			}
			var value []byte
			if value, err = old.ValueCopy(nil); err == nil {
				size += len(value)
				err = wb.SetEntryAt(badger.NewEntry(key, value), item.Version())
			}
		}
		if err != nil {
			return err
		}
		if size += len(key); size > flushBytes {
			size = 0
			if err := wb.Flush(); err != nil {
				return err
			}
			if err := s.fs.At("undo:pages"); err != nil {
				return err
			}
			wb = s.db.NewManagedWriteBatch()
		}
	}
	if err := wb.Flush(); err != nil {
		return err
	}
	return s.fs.At("undo:done")
}

// Start says which manifest the job goes on from (Manifest(), Previous(), or nil at the first start) and
// the number of key groups. Data of later epochs is undone. It comes before Scope, and once more
// after each failure: it forgets all scopes and tables made before, whose tasks have ended.
func (s *Store) Start(from *Manifest, groups int) error {
	s.generation.Add(1)
	if groups < 1 || groups > 1<<15 {
		return fmt.Errorf("the number of key groups (pipeline.max-parallelism) is %d; it must be 1 to %d", groups, 1<<15)
	}
	s.used.Store(0)
	s.index.Store(0)
	s.tables.Store(0)
	s.pressure.Store(false)
	s.groups, s.started = groups, from
	s.stored = checkpointRuns{}
	if from == nil {
		if s.current != nil {
			return fmt.Errorf("start without state: state directory %s holds epoch %d", s.dir, s.current.Epoch)
		}
		if s.db != nil && s.db.MaxVersion() > 0 {
			if err := s.replaceData(); err != nil {
				return err
			}
		}
		s.dirs = &directory{tables: map[uint64]*tableDir{}, files: map[uint32]int64{}}
		s.entries = 0
		return nil
	}
	if from.Groups != groups {
		return fmt.Errorf("the state has %d key groups and the job %d; the number cannot change: SET 'pipeline.max-parallelism' = '%d', or start anew with an empty --state-dir", from.Groups, groups, from.Groups)
	}
	if s.current == nil || s.current.Epoch != from.Epoch || s.current.Nonce != from.Nonce {
		if s.previous == nil || s.previous.Epoch != from.Epoch || s.previous.Nonce != from.Nonce {
			return fmt.Errorf("start from epoch %d (%s): this state directory does not hold it", from.Epoch, from.Nonce)
		}
	}
	if err := s.Undo(from.Epoch); err != nil {
		return err
	}
	if s.scanned {
		s.adopt(s.dirs)
		return nil
	}
	// What Undo wrote has versions after the epoch's own; all of it is the state as of the epoch.
	d, err := s.scan(max(version(from.Epoch), s.db.MaxVersion()), groups)
	if err != nil {
		return err
	}
	if err := s.verify(s.current, d); err != nil {
		return err
	}
	s.adopt(d)
	return nil
}

func (s *Store) adopt(d *directory) {
	s.dirs = d
	s.entries = d.entries()
	for _, t := range d.tables {
		for g := range t.groups {
			s.index.Add(t.group(g).memory())
		}
	}
}

// replaceData throws the data folder away: it holds pages of an epoch 0 that was never prepared.
func (s *Store) replaceData() error {
	err := s.closeData(s.db, s.runs)
	s.db, s.runs = nil, nil
	if err != nil {
		return s.diskError("close the data folder", err)
	}
	if err := s.fs.RemoveAll(filepath.Join(s.dir, s.data)); err != nil {
		return s.diskError("empty the data folder", err)
	}
	s.db, s.runs, err = s.openData(s.data)
	return err
}

// Scope is the state of one subtask of an operator.
func (s *Store) Scope(operator string, r KeyGroupRange) *OperatorScope {
	return &OperatorScope{store: s, operator: operator, groups: r, groupCount: s.groups, generation: s.generation.Load()}
}

// compatible compares a declared table with the one in the state.
func (s *Store) compatible(operator string, spec TableSpec) error {
	if s.started == nil {
		return nil
	}
	for _, o := range s.started.Operators {
		if o.ID != operator {
			continue
		}
		for _, t := range o.Tables {
			switch {
			case t.Name != spec.Name:
			case t.Fixed != spec.Fixed:
				return &IncompatibleError{operator, spec.Name, fmt.Sprintf("its values have a fixed part of %d bytes in the state and of %d bytes in the job", t.Fixed, spec.Fixed)}
			case t.Schema != spec.Schema:
				return &IncompatibleError{operator, spec.Name, fmt.Sprintf("it holds %q in the state and %q in the job", t.Schema, spec.Schema)}
			}
		}
	}
	return nil
}

func (s *Store) dirOf(id uint64) *tableDir {
	s.dirMu.Lock()
	defer s.dirMu.Unlock()
	t := s.dirs.tables[id]
	if t == nil {
		t = &tableDir{id: id, groups: make([]atomic.Pointer[groupDir], s.groups)}
		s.dirs.tables[id] = t
	}
	return t
}

// allTables iterates over the tables there are now; tasks may open further ones meanwhile.
func (s *Store) allTables() iter.Seq[*tableDir] {
	s.dirMu.Lock()
	defer s.dirMu.Unlock()
	return slices.Values(slices.Collect(maps.Values(s.dirs.tables)))
}

// Pressure reports that dirty entries fill the memory budget: the epoch should be cut now.
func (s *Store) Pressure() bool { return s.pressure.Load() }

// Used is the memory that the tables and their directory hold now, bytes. Any goroutine.
func (s *Store) Used() int64 { return s.used.Load() + s.index.Load() }

// Commit records e as committed: versions before it may be discarded, and checkpoints beyond the
// retained number are deleted. e is the epoch of Manifest or Previous.
func (s *Store) Commit(e Epoch) error {
	m := s.current
	if m == nil || m.Epoch != e {
		if m = s.previous; m == nil || m.Epoch != e {
			return fmt.Errorf("commit of epoch %d: it is not prepared", e)
		}
	}
	if err := s.fs.At("commit:record"); err != nil {
		return err
	}
	s.db.SetDiscardTs(version(e))
	s.done = &commitRecord{Epoch: e, Nonce: m.Nonce}
	if err := s.writeCommitted(s.done); err != nil {
		return s.diskError(fmt.Sprintf("record the commit of epoch %d", e), err)
	}
	if m == s.current {
		// Nothing goes back before e any more, and the directory is that of e.
		if err := s.runs.sweep(s.dirs.files); err != nil {
			return s.diskError("delete a file of runs", err)
		}
	}
	if err := s.fs.At("commit:swept"); err != nil {
		return err
	}
	if s.stored.cp != nil && m.Checkpoint != nil {
		if err := s.stored.cp.Prune(m); err != nil {
			return err
		}
	}
	return s.fs.At("commit:done")
}

// Close closes the store and gives up the lock. Idempotent.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.generation.Add(1)
	var err error
	if s.db != nil {
		err = s.closeData(s.db, s.runs)
	}
	return errors.Join(err, s.slots.close(), s.record.close(), s.lock.Close())
}

func (s *Store) corrupt(what string, cause error) error {
	return &CorruptError{Path: filepath.Join(s.dir, s.data), What: what, Dir: s.dir, Cause: cause}
}

// asCorrupt is corrupt, unless the cause says it itself.
func (s *Store) asCorrupt(what string, err error) error {
	if c := (*CorruptError)(nil); errors.As(err, &c) {
		return err
	}
	return s.corrupt(what, err)
}

// pageError names the table of a damaged page as the manifest knows it.
func (s *Store) pageError(table uint64, group int, err error) error {
	if errors.Is(err, errGone) && err != errGone {
		return err
	}
	name := fmt.Sprintf("a page of table %016x", table)
	if s.started != nil {
		for _, o := range s.started.Operators {
			for _, t := range o.Tables {
				if tableID(o.ID, t.Name) == table {
					name = fmt.Sprintf("a page of table %s of operator %s", t.Name, o.ID)
				}
			}
		}
	}
	return s.asCorrupt(fmt.Sprintf("%s, key group %d", name, group), err)
}

// diskError wraps an error of the disk, and names a full one.
func (s *Store) diskError(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		if f := (*FullError)(nil); errors.As(err, &f) {
			return err
		}
		return &FullError{Dir: s.dir, Cause: err}
	}
	return fmt.Errorf("state directory %s: %s: %w", s.dir, doing, err)
}
