package state

import (
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
const FormatVersion = 2

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

// manifestFile is manifest.json: the two newest manifests and the data folder they speak of,
// replaced as one.
type manifestFile struct {
	Format   int             `json:"format"`
	Checksum string          `json:"checksum"` // xxHash64 of Body
	Body     json.RawMessage `json:"body"`
}

type manifestBody struct {
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
	manifestName  = "manifest.json"
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

// readManifests reads manifest.json into the store; false when there is none.
func (s *Store) readManifests() (bool, error) {
	path := filepath.Join(s.dir, manifestName)
	b, err := s.fs.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, s.diskError("read the manifest", err)
	}
	var body manifestBody
	if err := decodeManifest(path, b, &body); err != nil {
		return false, err
	}
	if body.Current == nil || body.Data == "" || filepath.Base(body.Data) != body.Data {
		return false, &CorruptError{Path: path, What: "the manifest", Cause: errors.New("it names no epoch")}
	}
	s.data, s.current, s.previous = body.Data, body.Current, body.Previous
	return true, nil
}

func (s *Store) writeManifests(current, previous *Manifest, data string) error {
	b, err := encodeManifest(manifestBody{Data: data, Current: current, Previous: previous})
	if err != nil {
		return fmt.Errorf("encode the manifest of epoch %d: %w", current.Epoch, err)
	}
	return s.diskError(fmt.Sprintf("write the manifest of epoch %d", current.Epoch), writeFile(s.fs, filepath.Join(s.dir, manifestName), b, true))
}

// readCommitted finds the last epoch known to be committed. The record may be lost in a power cut; the
// previous manifest's epoch is committed in any case, since nothing is prepared before that.
func (s *Store) readCommitted() {
	if s.previous != nil {
		s.done = &commitRecord{Epoch: s.previous.Epoch, Nonce: s.previous.Nonce}
	}
	path := filepath.Join(s.dir, committedName)
	b, err := s.fs.ReadFile(path)
	if err != nil {
		return
	}
	var r commitRecord
	if err := decodeManifest(path, b, &r); err != nil {
		s.log.Warn("the record of the last commit is unreadable; the epoch before the newest counts as committed", "path", path, "error", err)
		return
	}
	if r.Epoch == s.current.Epoch && r.Nonce == s.current.Nonce {
		s.done = &r
	}
}

func (s *Store) writeCommitted(r *commitRecord) error {
	b, err := encodeManifest(r)
	if err != nil {
		return err
	}
	return writeFile(s.fs, filepath.Join(s.dir, committedName), b, false)
}
