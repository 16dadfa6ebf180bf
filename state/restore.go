package state

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// RestoreFrom replaces the local state by the checkpoint (epoch, nonce) of cp, whole or not at all,
// and counts that epoch as committed. Start comes next.
func (s *Store) RestoreFrom(ctx context.Context, cp *Checkpoints, epoch Epoch, nonce Nonce) (*Manifest, error) {
	m, ok, err := cp.Find(epoch, nonce)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("checkpoint directory %s holds no checkpoint of epoch %d (%s)", cp.Dir(), epoch, nonce)
	}
	if s.opt.Job != "" && m.Name != s.opt.Job {
		return nil, &OtherJobError{Dir: cp.Dir(), Found: m.Name, Want: s.opt.Job}
	}
	files, _, err := cp.index(m)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(strings.TrimPrefix(s.data, "data-"))
	if err != nil {
		return nil, s.corrupt("the data folder has an unknown name", err)
	}
	name := "data-" + strconv.Itoa(number+1)
	if err := s.fs.RemoveAll(filepath.Join(s.dir, name)); err != nil {
		return nil, s.diskError("restore a checkpoint", err)
	}
	fresh, runs, err := s.openData(name)
	if err != nil {
		return nil, err
	}
	old, oldRuns, oldName := s.db, s.runs, s.data
	dirs, err := s.fill(ctx, fresh, runs, cp, m, files)
	if err == nil {
		err = s.fs.At("restore:manifest")
	}
	if err == nil {
		err = s.diskError("restore a checkpoint", s.fs.SyncDir(s.dir))
	}
	if err == nil {
		err = s.writeManifests(m, nil, name)
	}
	if err != nil {
		if cerr := s.closeData(fresh, runs); cerr != nil {
			s.log.Warn("an unfinished restore could not be closed", "folder", name, "error", cerr)
		}
		return nil, err
	}
	s.db, s.runs, s.data, s.dirs, s.scanned = fresh, runs, name, dirs, true
	s.current, s.previous = m, nil
	s.done = &commitRecord{Epoch: m.Epoch, Nonce: m.Nonce}
	if err := s.writeCommitted(s.done); err != nil {
		return nil, s.diskError("record the restored epoch", err)
	}
	if err := s.closeData(old, oldRuns); err != nil {
		s.log.Warn("the replaced state could not be closed", "folder", oldName, "error", err)
	}
	if err := s.fs.RemoveAll(filepath.Join(s.dir, oldName)); err != nil {
		return nil, s.diskError("delete the replaced state", err)
	}
	return m, s.fs.At("restore:done")
}

// fill copies the live runs of a checkpoint into an empty data folder, and verifies them.
func (s *Store) fill(ctx context.Context, db *badger.DB, runs *runFiles, cp *Checkpoints, m *Manifest, files map[runKey]string) (*directory, error) {
	f := &filler{s: s, db: db, runs: runs, version: version(m.Epoch)}
	defer f.cancel()
	for _, file := range m.Checkpoint.Files {
		err := cp.readPageFile(filepath.Join(cp.dir, file), 'P', func(raw []byte) error {
			for len(raw) > 0 {
				if len(raw) < keyLen+4 {
					return errPage
				}
				key := raw[:keyLen]
				n := int(binary.LittleEndian.Uint32(raw[keyLen:]))
				raw = raw[keyLen+4:]
				if n > len(raw) {
					return errPage
				}
				value := raw[:n]
				raw = raw[n:]
				table, group, id, no, ref, _, ok := parsePageKey(key)
				if !ok {
					return errPage
				}
				k := runKey{table, group, id}
				if files[k] != file {
					continue
				}
				if err := f.page(k, no, ref, value); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
		if err == nil {
			err = f.end()
		}
		if err != nil {
			return nil, err
		}
	}
	if err := f.flush(); err != nil {
		return nil, err
	}
	before, beforeRuns := s.db, s.runs
	s.db, s.runs = db, runs
	defer func() { s.db, s.runs = before, beforeRuns }()
	d, err := s.scan(version(m.Epoch), m.Groups)
	if err != nil {
		return nil, err
	}
	if err := s.verify(m, d); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", filepath.Join(cp.dir, checkpointName(m.Epoch, m.Nonce)), err)
	}
	return d, nil
}

// filler writes the runs that a checkpoint's files hold. The pages of a run come one after the other in their order, but for page 0, which
// may come first or last.
type filler struct {
	s       *Store
	db      *badger.DB
	runs    *runFiles
	version uint64
	wb      *badger.WriteBatch
	pending int

	open bool // a run has begun
	key  runKey
	run  run
	head []byte   // page 0; nil: not seen
	near [][]byte // pages from 1 on, as long as the run is not far
}

func (f *filler) cancel() {
	if f.wb != nil {
		f.wb.Cancel()
	}
}

func (f *filler) page(k runKey, no int, ref pageRef, value []byte) error {
	if !f.open || f.key != k {
		if err := f.end(); err != nil {
			return err
		}
		f.open, f.key, f.run, f.head, f.near = true, k, run{id: k.id, pages: make([]pageRef, 1)}, nil, nil
	}
	if len(value) != int(ref.bytes) {
		return errPage
	}
	f.run.bytes += int64(len(value))
	if no == 0 {
		if f.head != nil {
			return errPage
		}
		f.head, f.run.pages[0] = slices.Clone(value), ref
		return nil
	}
	if no != len(f.run.pages) {
		return errPage
	}
	f.run.pages = append(f.run.pages, ref)
	if f.run.far.file == nil {
		f.near = append(f.near, slices.Clone(value))
		return f.goFar()
	}
	return f.s.diskError("restore a checkpoint", f.runs.write(value))
}

// goFar begins to write the run to a file when it has grown large.
func (f *filler) goFar() (err error) {
	if f.run.far.file != nil || f.run.bytes < f.s.farRun(farEpochBytes) {
		return nil
	}
	f.run.far.file, f.run.far.off, err = f.runs.begin()
	for i := 0; err == nil && i < len(f.near); i++ {
		err = f.runs.write(f.near[i])
	}
	f.near = nil
	return f.s.diskError("restore a checkpoint", err)
}

// end writes what is left of a run.
func (f *filler) end() error {
	if !f.open {
		return nil
	}
	f.open = false
	if f.head == nil {
		return errPage
	}
	if err := f.goFar(); err != nil {
		return err
	}
	r := &f.run
	if r.far.file != nil {
		if err := f.runs.finish(r, f.head); err != nil {
			return f.s.diskError("restore a checkpoint", err)
		}
		return f.entry(farKey(f.key.table, f.key.group, r), nil)
	}
	for i, ref := range r.pages {
		value := f.head
		if i > 0 {
			value = f.near[i-1]
		}
		key := pageKey(f.key.table, f.key.group, r.id, i, ref)
		for n := range fragments(len(value)) {
			if err := f.entry(fragmentKey(key, n), fragmentOf(value, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *filler) entry(key, value []byte) error {
	if f.wb == nil {
		f.wb = f.db.NewWriteBatchAt(f.version)
	}
	if err := f.wb.Set(key, value); err != nil {
		return f.s.diskError("restore a checkpoint", err)
	}
	if f.pending += len(key) + len(value); f.pending < flushBytes {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	return f.s.fs.At("restore:pages")
}

// flush writes and syncs what was added.
func (f *filler) flush() error {
	wb := f.wb
	f.wb, f.pending = nil, 0
	err := f.runs.sync()
	switch {
	case wb == nil:
	case err != nil:
		wb.Cancel()
	default:
		err = wb.Flush()
	}
	return f.s.diskError("restore a checkpoint", err)
}
