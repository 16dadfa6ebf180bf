package state

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"math/bits"
	"syscall"
)

// NewNonce makes a random nonce.
func NewNonce() Nonce {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return Nonce(hex.EncodeToString(b[:]))
}

// Prepare makes epoch m.Epoch durable: pages to Badger, synced; the increment to cp (unless nil);
// then, last, the manifest. It fills in Format, Nonce, Made, Groups, Entries, Pages, Checksum and
// Checkpoint of m. It runs beside processing. After an error the job must recover (Start).
func (s *Store) Prepare(ctx context.Context, m *Manifest, frozen []*Frozen, cp *Checkpoints) error {
	for _, f := range frozen {
		f.freeze.begun.Store(true)
		defer close(f.freeze.ended)
	}
	if s.dirs == nil || s.groups == 0 {
		return fmt.Errorf("this is a bug: epoch %d is prepared before Start", m.Epoch)
	}
	if s.current != nil && m.Epoch <= s.current.Epoch {
		return fmt.Errorf("this is a bug: epoch %d is prepared after epoch %d", m.Epoch, s.current.Epoch)
	}
	for _, f := range frozen {
		if f.epoch != m.Epoch || f.scope.generation != s.generation.Load() {
			return fmt.Errorf("this is a bug: operator %s was frozen for epoch %d of another run, and is prepared for epoch %d", f.scope.operator, f.epoch, m.Epoch)
		}
	}
	s.scanned = false
	m.Format = FormatVersion
	m.Groups = s.groups
	m.Made = s.clock().UTC()
	if m.Nonce == "" {
		m.Nonce = NewNonce()
	}
	if m.Previous == "" && s.current != nil {
		m.Previous = s.current.Nonce
	}
	if err := s.fs.At("prepare:start"); err != nil {
		return err
	}
	dirty := dirtyBytes(frozen)
	if err := s.leaves(spareDisk + 2*dirty); err != nil { // the log, and a table
		return err
	}
	if err := s.handles(spareHandles); err != nil {
		return err
	}
	if s.db == nil { // Options.Lazy
		var err error
		if s.db, s.runs, err = s.openData(s.data); err != nil {
			return err
		}
	}
	if err := s.mergeTables(s.db); err != nil {
		return s.diskError("merge the tables of the data folder", err)
	}
	p := &preparer{ctx: ctx, s: s, version: version(m.Epoch), epoch: m.Epoch, farRun: s.farRun(dirty), pages: s.dirs.pages, sum: s.dirs.sum, files: maps.Clone(s.dirs.files), entries: s.entries}
	defer p.cancel()
	if cp != nil {
		w, err := s.beginCheckpoint(cp, m)
		if err != nil {
			return err
		}
		p.copy = w
		defer w.abandon()
	}

	s.writing.Lock()
	err := p.write(frozen)
	s.writing.Unlock()
	if err != nil {
		return s.diskError(fmt.Sprintf("write epoch %d", m.Epoch), err)
	}
	m.Entries, m.Pages, m.Checksum = p.entries, p.pages, sumText(p.sum)
	if p.copy != nil {
		if err := s.fs.At("prepare:checkpoint"); err != nil {
			return err
		}
		if err := p.copy.finish(ctx, m); err != nil {
			return err
		}
	} else {
		s.stored = checkpointRuns{}
	}
	if err := s.publish(m, p.copy); err != nil {
		return err
	}
	s.previous, s.current = s.current, m
	s.dirs.pages, s.dirs.sum, s.dirs.files, s.entries = p.pages, p.sum, p.files, p.entries
	for _, f := range frozen {
		f.freeze.done.Store(true)
		for i := range f.tables {
			f.tables[i].maps = nil
		}
	}
	s.pressure.Store(false)
	return s.fs.At("prepare:done")
}

// publish makes the checkpoint cp (unless nil) and then the manifest m valid and durable: all contents of the checkpoint, then its name, then
// the manifest, which names it. Syncs are most of what a small epoch takes, so those of one step are made at the same time.
func (s *Store) publish(m *Manifest, cp *checkpointWriter) error {
	if cp != nil {
		contents, names, err := cp.seal(m)
		if err != nil {
			return err
		}
		if err := beside(contents...); err != nil {
			return err
		}
		if err := s.fs.At("checkpoint:manifest"); err != nil {
			return err
		}
		if err := cp.publish(); err != nil {
			return err
		}
		if err := beside(names...); err != nil {
			return err
		}
	}
	if err := s.fs.At("prepare:manifest"); err != nil {
		return err
	}
	return s.diskError(fmt.Sprintf("write the manifest of epoch %d", m.Epoch), s.slots.write(s.data, m, s.current))
}

// dirtyBytes is about what an epoch has to write.
func dirtyBytes(frozen []*Frozen) (n int64) {
	for _, f := range frozen {
		for i := range f.tables {
			ft := &f.tables[i]
			for _, m := range ft.maps {
				for _, c := range m.chunks {
					n += int64(bits.OnesCount64(c.rows)*ft.t.stride + len(c.arena))
				}
			}
		}
	}
	return n
}

// spareDisk is room that Badger needs for its own files: a mapped file on a full disk kills the process.
const spareDisk = 96 << 20

// leaves refuses when the disk has less room than need.
func (s *Store) leaves(need int64) error {
	free, err := s.fs.Free(s.dir)
	if err != nil {
		return s.diskError("look for free space", err)
	}
	if free < need {
		return &FullError{Dir: s.dir, Need: need, Free: free, Cause: syscall.ENOSPC}
	}
	return nil
}

// spareHandles is how many files an epoch opens at most beside those that stay open: a log and a table of Badger, tables that are merged, a
// run file, those of the checkpoint. Badger has no way to go on without one: it waits for ever.
const spareHandles = 24

// handles refuses when fewer than n more files can be opened.
func (s *Store) handles(n int) error {
	if err := s.fs.CanOpen(n); err != nil {
		return &HandlesError{Dir: s.dir, Need: n, Cause: err}
	}
	return nil
}
