package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// FormatVersion is the version of the state directory's and the checkpoints' format that this build writes. It
// reads the older ones: 2 differs from 1 in that larger runs lie in run files (runfile.go).
const FormatVersion = 3

// Manifest describes one prepared epoch: everything that a job needs to go on from it. The
// runtime fills in what it knows; Prepare fills in Format, Nonce, Made, Entries, Pages,
// Checksum and Checkpoint. A Manifest that a method returned is not to be written to.
type Manifest struct {
	Format      int       `json:"format"`             // FormatVersion of the writer
	Job         string    `json:"job"`                // job id: a random name made at the first start
	Name        string    `json:"name"`               // pipeline.name
	Epoch       Epoch     `json:"epoch"`              //
	Nonce       Nonce     `json:"nonce"`              // random; made by Prepare when empty
	Previous    Nonce     `json:"previous,omitempty"` // the nonce of the epoch that this one continues; empty in the first manifest
	Made        time.Time `json:"made"`               // when Prepare made it
	Fingerprint string    `json:"fingerprint"`        // of the plan
	Groups      int       `json:"groups"`             // number of key groups; never changes for a job
	Parallelism int       `json:"parallelism"`        // that the epoch was made with; for information

	Sources   map[string][]SplitRecord `json:"sources,omitempty"`   // by source id
	Sides     map[string][][]byte      `json:"sides,omitempty"`     // by sink id: what its writers' Flush returned
	Identity  []byte                   `json:"identity,omitempty"`  // the committer's; nil without one
	Operators []OperatorRecord         `json:"operators,omitempty"` // every operator with state
	Extra     map[string][]byte        `json:"extra,omitempty"`     // whatever else the runtime wants to find again, by name

	Entries    int64          `json:"entries"`              // live entries of all tables; an upper bound where a table has a TTL
	Pages      int64          `json:"pages"`                // pages in Badger that make up the epoch
	Checksum   string         `json:"checksum"`             // over the keys (which hold the checksums) of all those pages, 16 hex digits
	Checkpoint *CheckpointRef `json:"checkpoint,omitempty"` // the copy in the checkpoint directory; nil when there is none
}

// SplitRecord is the state of one split of a source.
type SplitRecord struct {
	ID        string `json:"id"`
	State     []byte `json:"state,omitempty"`     // the connector's own encoding of the position
	Watermark int64  `json:"watermark,omitempty"` // of this split alone, microseconds
	Done      bool   `json:"done,omitempty"`      // bounded, and read to its end
}

// OperatorRecord names an operator that keeps state, and its tables.
type OperatorRecord struct {
	ID     string      `json:"id"`
	Tables []TableSpec `json:"tables"`
}

// CheckpointRef says where the copy of an epoch lies.
type CheckpointRef struct {
	Path  string   `json:"path"`  // of the checkpoint's own folder, relative to the job's folder
	Files []string `json:"files"` // page files that it needs, its own last, relative to the job's folder
	Bytes int64    `json:"bytes"` // that this checkpoint added
}

// manifestFile is a manifest's file. The state directory has two, which are written in turns (slots); a checkpoint has one.
type manifestFile struct {
	Format   int             `json:"format"`
	Checksum string          `json:"checksum"` // xxHash64 of Body
	Body     json.RawMessage `json:"body"`
}

// manifestBody is what a slot holds: the two newest manifests and the data folder they speak of, replaced as one.
type manifestBody struct {
	Seq      uint64    `json:"seq"` // one more than in the slot written before; the higher one counts
	Data     string    `json:"data"`
	Current  *Manifest `json:"current"`
	Previous *Manifest `json:"previous,omitempty"`
}

// commitRecord is committed.json.
type commitRecord struct {
	Epoch Epoch `json:"epoch"`
	Nonce Nonce `json:"nonce"`
}

const (
	manifestName  = "manifest.json" // also the first slot
	secondSlot    = "manifest.2.json"
	committedName = "committed.json"
)

func encodeManifest(body any) ([]byte, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(manifestFile{Format: FormatVersion, Checksum: sumText(xxhash.Sum64(b)), Body: b})
}

// decodeManifest verifies and decodes a file that encodeManifest made. Errors: *FormatError, *CorruptError.
func decodeManifest(path string, b []byte, body any) error {
	var f manifestFile
	damaged := func(err error) error { return &CorruptError{Path: path, What: "the manifest", Cause: err} }
	if err := json.Unmarshal(b, &f); err != nil {
		return damaged(err)
	}
	if f.Format < 1 || f.Format > FormatVersion {
		return &FormatError{Path: path, Found: f.Format, Known: FormatVersion}
	}
	if sumText(xxhash.Sum64(f.Body)) != f.Checksum {
		return damaged(errors.New("its checksum does not match"))
	}
	if err := json.Unmarshal(f.Body, body); err != nil {
		return damaged(err)
	}
	return nil
}

// newFile is a file that is being written beside the one that it is to replace.
type newFile struct {
	fs   FS
	path string
	f    File // nil once closed
}

// createFile writes data for path, under another name; nothing is durable or visible yet.
func createFile(f FS, path string, data []byte) (*newFile, error) {
	w, err := f.Create(path + ".tmp")
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &newFile{f, path, w}, nil
}

// close ends the writing; with sync the content is durable on return. Idempotent.
func (n *newFile) close(sync bool) error {
	if n.f == nil {
		return nil
	}
	var err error
	if sync {
		err = n.f.Sync()
	}
	err = errors.Join(err, n.f.Close())
	n.f = nil
	return err
}

// publish puts the file, which is closed, into its place.
func (n *newFile) publish() error { return n.fs.Rename(n.path+".tmp", n.path) }

// writeFile replaces a file, so that after a crash it is the old or the new one. It is durable on return if
// sync is set.
func writeFile(f FS, path string, data []byte, sync bool) error {
	n, err := createFile(f, path, data)
	if err != nil {
		return err
	}
	if err := n.close(sync); err != nil {
		return err
	}
	if err := n.publish(); err != nil {
		return err
	}
	if sync {
		return f.SyncDir(filepath.Dir(path))
	}
	return nil
}

// beside runs syncs at the same time, so that a journal takes them in one go, and joins their errors.
func beside(syncs ...func() error) error {
	errs := make([]error, len(syncs))
	var wg sync.WaitGroup
	for i, f := range syncs {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// slots are the two files that hold the manifests. They are written in turns and in place, so that making an epoch durable is the sync of one
// block: replacing a file changes a folder and frees blocks, which a file system writes to its journal together with all that other
// programs are writing just then. A slot that a crash left half written does not count; the other one is the epoch before.
type slots struct {
	file [2]inPlace
	next int    // the one to be written
	seq  uint64 // of the last one written
}

func newSlots(f FS, dir string) slots {
	return slots{file: [2]inPlace{{fs: f, path: filepath.Join(dir, manifestName)}, {fs: f, path: filepath.Join(dir, secondSlot)}}}
}

// read is the newest body; nil when there is none. damaged is the error of a slot that does not count.
func (l *slots) read() (newest *manifestBody, damaged, err error) {
	for i := range l.file {
		b, err := l.file[i].read()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		var body manifestBody
		if err := decodeManifest(l.file[i].path, b, &body); err != nil {
			if f := (*FormatError)(nil); errors.As(err, &f) {
				return nil, nil, err
			}
			damaged = err
			continue
		}
		if newest == nil || body.Seq > newest.Seq {
			newest, l.next, l.seq = &body, 1-i, body.Seq
		}
	}
	return newest, damaged, nil
}

// write makes the manifests durable. An error may have left the slot half written: the epoch before it is not touched.
func (l *slots) write(data string, current, previous *Manifest) error {
	b, err := encodeManifest(manifestBody{Seq: l.seq + 1, Data: data, Current: current, Previous: previous})
	if err != nil {
		return err
	}
	if err := l.file[l.next].write(b, true); err != nil {
		return err
	}
	l.seq++
	l.next = 1 - l.next
	return nil
}

// forget deletes the older slot, to which nothing may go back.
func (l *slots) forget() error { return l.file[l.next].remove() }

func (l *slots) close() error { return errors.Join(l.file[0].close(), l.file[1].close()) }

// inPlace is a small file whose content is written again and again. What is behind the content is blank.
type inPlace struct {
	fs   FS
	path string
	size int        // of the file; 0: not known to be there
	f    RandomFile // nil: not open
}

func (p *inPlace) read() ([]byte, error) {
	b, err := p.fs.ReadFile(p.path)
	p.size = len(b)
	return b, err
}

// write replaces the content, where it has room in one step but for a power cut. It is durable on return if sync is set.
func (p *inPlace) write(b []byte, sync bool) error {
	const block = 4096
	size := p.size
	if len(b) > size {
		size = (len(b) + len(b)/4 + block - 1) / block * block
	}
	b = append(b, bytes.Repeat([]byte{'\n'}, size-len(b))...)
	if size > p.size {
		if err := p.close(); err != nil {
			return err
		}
		if err := writeFile(p.fs, p.path, b, sync); err != nil {
			return err
		}
		p.size = size
		return nil
	}
	if p.f == nil {
		f, err := p.fs.OpenRandom(p.path)
		if err != nil {
			return err
		}
		p.f = f
	}
	if _, err := p.f.WriteAt(b, 0); err != nil {
		return err
	}
	if !sync {
		return nil
	}
	return p.f.Sync()
}

// remove deletes the file, durably.
func (p *inPlace) remove() error {
	if err := p.close(); err != nil {
		return err
	}
	p.size = 0
	if err := p.fs.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return p.fs.SyncDir(filepath.Dir(p.path))
}

// close closes the file; it is opened again when it is written.
func (p *inPlace) close() error {
	if p.f == nil {
		return nil
	}
	f := p.f
	p.f = nil
	return f.Close()
}

// readManifests reads the newest slot into the store; false when there is none. A damaged slot is taken for one that a crash has
// left half written, unless the record of the last commit knows a later epoch than the other slot.
func (s *Store) readManifests() (bool, error) {
	body, damaged, err := s.slots.read()
	var f *FormatError
	switch {
	case errors.As(err, &f):
		return false, err
	case err != nil:
		return false, s.diskError("read the manifest", err)
	case body == nil:
		return false, damaged
	}
	path := s.slots.file[1-s.slots.next].path
	if body.Current == nil || body.Data == "" || filepath.Base(body.Data) != body.Data {
		return false, &CorruptError{Path: path, What: "the manifest", Cause: errors.New("it names no epoch")}
	}
	s.data, s.current, s.previous = body.Data, body.Current, body.Previous
	if damaged != nil {
		if r, err := s.readRecord(); err == nil && r.Epoch > s.current.Epoch {
			return false, damaged
		}
		s.log.Info("a manifest was not written to its end: the one before it counts", "epoch", s.current.Epoch, "cause", damaged)
	}
	return true, nil
}

// writeManifests makes current and previous the only manifests.
func (s *Store) writeManifests(current, previous *Manifest, data string) error {
	err := s.slots.write(data, current, previous)
	if err == nil {
		err = s.slots.forget()
	}
	return s.diskError(fmt.Sprintf("write the manifest of epoch %d", current.Epoch), err)
}

// readCommitted finds the last epoch known to be committed. The record may be lost in a power cut; the
// previous manifest's epoch is committed in any case, since nothing is prepared before that.
func (s *Store) readCommitted() {
	if s.previous != nil {
		s.done = &commitRecord{Epoch: s.previous.Epoch, Nonce: s.previous.Nonce}
	}
	r, err := s.readRecord()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		s.log.Warn("the record of the last commit is unreadable; the epoch before the newest counts as committed", "path", s.record.path, "error", err)
	case r.Epoch == s.current.Epoch && r.Nonce == s.current.Nonce:
		s.done = r
	}
}

func (s *Store) readRecord() (*commitRecord, error) {
	b, err := s.record.read()
	if err != nil {
		return nil, err
	}
	r := new(commitRecord)
	return r, decodeManifest(s.record.path, b, r)
}

func (s *Store) writeCommitted(r *commitRecord) error {
	b, err := encodeManifest(r)
	if err != nil {
		return err
	}
	return s.record.write(b, false)
}
