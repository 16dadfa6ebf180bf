package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// Runs of at least farRunBytes, and nearly all those of an epoch that writes farEpochBytes, lie in run files, in the folder "runs" of the data
// folder, and Badger has one key for each. That is where a large state is: a page is written once instead of once for the log, once for a table and once for each
// level of Badger, and is read by one positioned read, which counts as the system's cache and not as the memory of the
// process, unlike Badger's mapped tables, and what merging them takes. Smaller runs are whole in Badger, so that a small epoch is one write and one sync; a large
// epoch has a file to sync in any case.
//
//	file:   "weir runs 1\n" | runs
//	run:    pages 1, 2, ..., page 0 | index
//	index:  for each page, from 0: namespace 8 | first hash 8 | xxHash64 of the page 8 | rows 4 | bytes 4
//	key:    'r' | table 8 | key group 2 | ^epoch 8 | ^seq 4 | file 4 | offset 8 | bytes of pages 8 | pages 4 | xxHash64 of the index 8
//
// Page 0 comes last because it has the run's header, which is known at the end only; so a run of any size is written with one page
// in memory. A file is synced before the keys of its runs are written. It is never changed afterwards, and
// deleted when an epoch is committed in which none of its runs lives. What a crash or an undone epoch leaves in it, or
// of it, nothing refers to.
const (
	runFileMagic  = "weir runs 1\n"
	farRunBytes   = 32 << 10
	farRunLeast   = 1 << 10
	farEpochBytes = 1 << 20
	runFileSize   = 64 << 20
	indexEntry    = 32
	runPrefix     = 'r'
	runKeyLen     = 55

	runsFolder = "runs"
)

// runFile is one file. Any goroutine may read it.
type runFile struct {
	id   uint32
	dir  string // the state directory
	path string
	f    RandomFile
	size int64
}

// runFiles is the run files of one data folder. Prepare and the other calls of the coordinator's goroutine write;
// readers have the file of their run.
type runFiles struct {
	s       *Store // for its FS, which tests exchange
	dir     string
	mu      sync.Mutex // guards files and next
	files   map[uint32]*runFile
	next    uint32
	out     *runFile // that grows; nil: none
	buf     []byte   // written behind out.size - len(buf)
	dirty   bool     // out has something that is not synced
	fresh   bool     // the name of out is not synced
	written int64    // bytes, since the folder was opened
	maxSize int64    // a file of this size gets no further run
}

// openRunFiles opens what is in the folder of a data folder.
func (s *Store) openRunFiles(data string) (*runFiles, error) {
	r := &runFiles{s: s, dir: filepath.Join(data, runsFolder), files: map[uint32]*runFile{}, next: 1, maxSize: runFileSize}
	if s.opt.runFileSize > 0 {
		r.maxSize = s.opt.runFileSize
	}
	es, err := s.fs.ReadDir(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range es {
		name, ok := strings.CutSuffix(e.Name(), ".runs")
		id, err := strconv.ParseUint(name, 10, 32)
		if !ok || err != nil {
			continue
		}
		rf := &runFile{id: uint32(id), dir: s.dir, path: filepath.Join(r.dir, e.Name())}
		if rf.f, err = s.fs.OpenRandom(rf.path); err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.files[rf.id] = rf
		info, err := e.Info()
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		rf.size = info.Size()
		r.next = max(r.next, rf.id+1)
	}
	return r, nil
}

func (r *runFiles) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.f.Close())
	}
	r.files, r.out = nil, nil
	return errors.Join(errs...)
}

func (r *runFiles) file(id uint32) *runFile {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.files[id]
}

// begin makes the file ready for a run, and says where its first byte will lie.
func (r *runFiles) begin() (*runFile, int64, error) {
	if r.out != nil && r.out.size < r.maxSize {
		return r.out, r.out.size, nil
	}
	if err := r.sync(); err != nil {
		return nil, 0, err
	}
	r.out = nil
	if err := r.s.fs.MkdirAll(r.dir); err != nil {
		return nil, 0, err
	}
	f := &runFile{id: r.next, dir: r.s.dir, path: filepath.Join(r.dir, fmt.Sprintf("%08d.runs", r.next))}
	var err error
	if f.f, err = r.s.fs.OpenRandom(f.path); err != nil {
		return nil, 0, err
	}
	r.mu.Lock()
	r.next++
	r.files[f.id] = f
	r.mu.Unlock()
	r.out, r.dirty, r.fresh = f, true, true
	if err := r.write([]byte(runFileMagic)); err != nil {
		return nil, 0, err
	}
	return f, f.size, nil
}

const runBuffer = 1 << 20

// write appends to the file that begin returned.
func (r *runFiles) write(b []byte) error {
	r.dirty = true
	r.out.size += int64(len(b))
	r.written += int64(len(b))
	r.buf = append(r.buf, b...)
	if len(r.buf) < runBuffer {
		return nil
	}
	return r.flush()
}

func (r *runFiles) flush() error {
	if len(r.buf) == 0 {
		return nil
	}
	// Badger, whose files are mapped, keeps its room: no write of ours may take it.
	if err := r.s.leaves(spareDisk + int64(len(r.buf))); err != nil {
		r.abandon()
		return err
	}
	_, err := r.out.f.WriteAt(r.buf, r.out.size-int64(len(r.buf)))
	r.buf = r.buf[:0]
	if err != nil {
		r.abandon() // it has a hole; what was appended is void with the epoch
	}
	return err
}

// abandon lets the next run go into another file.
func (r *runFiles) abandon() {
	r.buf, r.out, r.dirty, r.fresh = r.buf[:0], nil, false, false
}

// sync makes durable what was written.
func (r *runFiles) sync() error {
	if r.out == nil || !r.dirty {
		return nil
	}
	if err := r.flush(); err != nil {
		return err
	}
	if err := r.out.f.Sync(); err != nil {
		r.abandon()
		return err
	}
	if r.fresh {
		for _, d := range []string{r.dir, filepath.Dir(r.dir)} {
			if err := r.s.fs.SyncDir(d); err != nil {
				r.abandon()
				return err
			}
		}
	}
	r.dirty, r.fresh = false, false
	return nil
}

// sweep deletes the files without a live run. A task that still has an older directory finds them closed, and looks again.
func (r *runFiles) sweep(live map[uint32]int64) error {
	r.mu.Lock()
	var dead []*runFile
	for id, f := range r.files {
		if f != r.out && live[id] == 0 {
			dead = append(dead, f)
			delete(r.files, id)
		}
	}
	r.mu.Unlock()
	for _, f := range dead {
		if err := errors.Join(f.f.Close(), r.s.fs.Remove(f.path)); err != nil {
			return err
		}
	}
	return nil
}

// place is where a far run lies.
type place struct {
	file *runFile // nil: its pages are in Badger
	off  int64    // of page 1
}

// farKey is the key of a far run in Badger.
func farKey(table uint64, group int, r *run) []byte {
	k := make([]byte, 0, runKeyLen)
	k = append(k, runPrefix)
	k = binary.BigEndian.AppendUint64(k, table)
	k = binary.BigEndian.AppendUint16(k, uint16(group))
	k = binary.BigEndian.AppendUint64(k, ^uint64(r.id.epoch))
	k = binary.BigEndian.AppendUint32(k, ^r.id.seq)
	k = binary.BigEndian.AppendUint32(k, r.far.file.id)
	k = binary.BigEndian.AppendUint64(k, uint64(r.far.off))
	k = binary.BigEndian.AppendUint64(k, uint64(r.bytes))
	k = binary.BigEndian.AppendUint32(k, uint32(len(r.pages)))
	return binary.BigEndian.AppendUint64(k, xxhash.Sum64(appendIndex(nil, r.pages)))
}

// farRecord is a parsed farKey.
type farRecord struct {
	table      uint64
	group      int
	id         runID
	file       uint32
	off, bytes int64
	pages      int
	sum        uint64
}

func parseFarKey(k []byte) (farRecord, bool) {
	if len(k) != runKeyLen || k[0] != runPrefix {
		return farRecord{}, false
	}
	be := binary.BigEndian
	return farRecord{
		table: be.Uint64(k[1:]), group: int(be.Uint16(k[9:])), id: runID{Epoch(^be.Uint64(k[11:])), ^be.Uint32(k[19:])},
		file: be.Uint32(k[23:]), off: int64(be.Uint64(k[27:])), bytes: int64(be.Uint64(k[35:])), pages: int(be.Uint32(k[43:])), sum: be.Uint64(k[47:]),
	}, true
}

func appendIndex(to []byte, pages []pageRef) []byte {
	to = slices.Grow(to, len(pages)*indexEntry)
	le := binary.LittleEndian
	for i := range pages {
		p := &pages[i]
		to = le.AppendUint64(to, uint64(p.ns))
		to = le.AppendUint64(to, p.hash)
		to = le.AppendUint64(to, p.sum)
		to = le.AppendUint32(to, p.rows)
		to = le.AppendUint32(to, p.bytes)
	}
	return to
}

// finish ends the run whose pages from 1 on were written since begin.
func (r *runFiles) finish(run *run, page0 []byte) error {
	placePages(run.pages, run.far.off)
	if err := r.write(page0); err != nil {
		return err
	}
	return r.write(appendIndex(nil, run.pages))
}

// placePages fills in where each page of a far run lies.
func placePages(pages []pageRef, off int64) {
	for i := 1; i < len(pages); i++ {
		pages[i].at = off
		off += int64(pages[i].bytes)
	}
	pages[0].at = off
}

// openFar reads the index of a far run.
func (r *runFiles) openFar(rec *farRecord) (*run, error) {
	f := r.file(rec.file)
	if f == nil {
		return nil, &CorruptError{Path: filepath.Join(r.dir, fmt.Sprintf("%08d.runs", rec.file)), Dir: r.s.dir, What: "a file of runs is missing"}
	}
	damaged := func(what string, cause error) error {
		return &CorruptError{Path: f.path, Dir: f.dir, What: fmt.Sprintf("a run of epoch %d, key group %d: %s", rec.id.epoch, rec.group, what), Cause: cause}
	}
	if rec.pages < 1 || rec.off < 0 || rec.bytes < 0 || rec.off+rec.bytes+int64(rec.pages)*indexEntry > f.size {
		return nil, damaged("the file ends too early", nil)
	}
	b := make([]byte, rec.pages*indexEntry)
	if _, err := f.f.ReadAt(b, rec.off+rec.bytes); err != nil {
		return nil, damaged("its index cannot be read", err)
	}
	if xxhash.Sum64(b) != rec.sum {
		return nil, damaged("the checksum of its index does not match", nil)
	}
	out := &run{id: rec.id, pages: make([]pageRef, rec.pages), far: place{f, rec.off}}
	le := binary.LittleEndian
	for i := range out.pages {
		e := b[i*indexEntry:]
		out.pages[i] = pageRef{ns: int64(le.Uint64(e)), hash: le.Uint64(e[8:]), sum: le.Uint64(e[16:]), rows: le.Uint32(e[24:]), bytes: le.Uint32(e[28:])}
		out.bytes += int64(out.pages[i].bytes)
	}
	if out.bytes != rec.bytes {
		return nil, damaged("its pages have another size than it says", nil)
	}
	placePages(out.pages, rec.off)
	return out, nil
}

// readFar reads a page of a far run into buf, which grows as needed, and verifies it.
func readFar(r *run, i int, buf []byte) ([]byte, error) {
	p := &r.pages[i]
	buf = slices.Grow(buf[:0], int(p.bytes))[:p.bytes]
	if _, err := r.far.file.f.ReadAt(buf, p.at); err != nil {
		if errors.Is(err, os.ErrClosed) {
			return nil, errGone
		}
		return nil, &CorruptError{Path: r.far.file.path, Dir: r.far.file.dir, What: fmt.Sprintf("a page at byte %d cannot be read", p.at), Cause: err}
	}
	if xxhash.Sum64(buf) != p.sum {
		return nil, &CorruptError{Path: r.far.file.path, Dir: r.far.file.dir, What: fmt.Sprintf("the page at byte %d", p.at), Cause: errChecksum}
	}
	return buf, nil
}

// sparse lists the files most of which is dead, by the bytes that live in each, as far as copying budget bytes out of them goes.
func (r *runFiles) sparse(live map[uint32]int64, budget int64) map[*runFile]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[*runFile]bool{}
	for id, f := range r.files {
		if n := live[id]; f != r.out && n > 0 && n*4 < f.size && n <= budget {
			out[f] = true
			budget -= n
		}
	}
	return out
}

// farRun is the size from which on the runs of an epoch that writes about so many bytes lie in run files.
func (s *Store) farRun(dirty int64) int64 {
	switch {
	case s.opt.farRun > 0:
		return s.opt.farRun
	case dirty >= farEpochBytes:
		return farRunLeast
	}
	return farRunBytes
}
