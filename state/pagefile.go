package state

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

// A page file holds the pages that one epoch added to a checkpoint directory, and ends with the
// index of the checkpoint: all live runs, and the file that each lies in.
//
//	file:  "weir pages 1\n" | blocks | end block
//	block: kind 1 | raw length 4 | packed length 4 | xxHash64 of packed 8 | packed (zstd)
//	'P':   pages, each: key 61 | value length 4 | value
//	'I':   files 4, each: name length 2, name, bytes of pages 8 | runs 4, each: table 8, key group 2, epoch 8, seq 4, file 4
//	'E':   empty
const (
	pageFileMagic = "weir pages 1\n"
	blockTarget   = 256 << 10
	blockHead     = 17
	rewriteFloor  = 4 << 20 // bytes that one checkpoint may copy out of sparse files however little it adds
)

// runKey names a run in the whole state.
type runKey struct {
	table uint64
	group int
	id    runID
}

// checkpointRuns is where the runs of the newest checkpoint lie.
type checkpointRuns struct {
	cp    *Checkpoints // nil: no checkpoint since Start
	job   string
	files map[runKey]string // relative to the job's folder
	sizes map[string]int64  // bytes of pages in a file, live or not
}

// checkpointWriter writes one checkpoint.
type checkpointWriter struct {
	s     *Store
	c     *Checkpoints
	dir   string
	file  string
	first bool // since Start
	f     File // nil before the first block: a state without a row needs no file
	done  bool // everything is written
	files []string
	mani  *newFile
	raw   []byte
	size  int64 // bytes of pages
	total int64 // bytes of the file
}

// checkpointBuffers are kept from one checkpoint to the next.
type checkpointBuffers struct {
	w   *bufio.Writer
	enc *zstd.Encoder
	out []byte
}

// beginCheckpoint starts the page file of m's epoch.
func (s *Store) beginCheckpoint(c *Checkpoints, m *Manifest) (*checkpointWriter, error) {
	if m.Job == "" {
		return nil, errors.New("this is a bug: a checkpoint is written without a job id")
	}
	dir := c.dir
	first := s.stored.cp != c || s.stored.job != m.Job
	if first {
		s.stored = checkpointRuns{cp: c, job: m.Job, files: map[runKey]string{}, sizes: map[string]int64{}}
		if err := s.resumeCheckpoint(c); err != nil {
			return nil, err
		}
	}
	if err := c.fs.MkdirAll(filepath.Join(dir, pagesDir)); err != nil {
		return nil, c.diskError("make the folder of the checkpoint", err)
	}
	return &checkpointWriter{s: s, c: c, dir: dir, file: pageFileName(m), first: first, files: []string{}}, nil
}

// open makes the page file.
func (w *checkpointWriter) open() error {
	b := &w.s.copying
	var err error
	if b.enc == nil {
		if b.enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)); err != nil {
			return err
		}
		b.w = bufio.NewWriterSize(nil, 1<<20)
	}
	if w.f, err = w.c.fs.Create(filepath.Join(w.dir, w.file) + ".tmp"); err != nil {
		return w.c.diskError("write a checkpoint", err)
	}
	b.w.Reset(w.f)
	_, err = b.w.WriteString(pageFileMagic)
	return w.c.diskError("write a checkpoint", err)
}

// resumeCheckpoint learns from the last checkpoint of the current manifest what need not be written
// again. When that checkpoint is not here, everything is.
func (s *Store) resumeCheckpoint(c *Checkpoints) error {
	if s.current == nil || s.current.Checkpoint == nil {
		return nil
	}
	m, ok, err := c.read(filepath.Join(c.dir, checkpointName(s.current.Epoch, s.current.Nonce)))
	if err != nil || !ok || m.Checkpoint == nil {
		return err
	}
	dir := c.dir
	es, err := c.pageFiles()
	if err != nil {
		return err
	}
	for _, f := range m.Checkpoint.Files {
		if !slices.ContainsFunc(es, func(e fs.DirEntry) bool { return e.Name() == filepath.Base(f) }) {
			s.log.Warn("the checkpoint directory lacks a file of the last checkpoint; the next one is written in full", "dir", dir, "file", f)
			return nil
		}
	}
	files, sizes, err := c.index(m)
	if err != nil {
		return err
	}
	s.stored.files, s.stored.sizes = files, sizes
	return nil
}

func (w *checkpointWriter) page(key, value []byte) error {
	w.raw = append(w.raw, key...)
	w.raw = binary.LittleEndian.AppendUint32(w.raw, uint32(len(value)))
	w.raw = append(w.raw, value...)
	w.size += int64(len(value))
	if len(w.raw) < blockTarget {
		return nil
	}
	return w.block('P')
}

func (w *checkpointWriter) block(kind byte) error {
	if w.f == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	b := &w.s.copying
	b.out = b.enc.EncodeAll(w.raw, b.out[:0])
	var head [blockHead]byte
	head[0] = kind
	binary.LittleEndian.PutUint32(head[1:], uint32(len(w.raw)))
	binary.LittleEndian.PutUint32(head[5:], uint32(len(b.out)))
	binary.LittleEndian.PutUint64(head[9:], xxhash.Sum64(b.out))
	w.raw = w.raw[:0]
	w.total += int64(blockHead + len(b.out))
	if _, err := b.w.Write(head[:]); err != nil {
		return w.c.diskError("write a checkpoint", err)
	}
	_, err := b.w.Write(b.out)
	return w.c.diskError("write a checkpoint", err)
}

// wrote says that all pages of a new run are in this file.
func (w *checkpointWriter) wrote(table uint64, group int, id runID) {
	w.s.stored.files[runKey{table, group, id}] = w.file
}

func (w *checkpointWriter) removed(table uint64, group int, id runID) {
	delete(w.s.stored.files, runKey{table, group, id})
}

// abandon closes and forgets a checkpoint that was not finished.
func (w *checkpointWriter) abandon() {
	if w.done {
		return
	}
	var err error
	if w.f != nil {
		err = w.f.Close()
	}
	if w.mani != nil {
		err = errors.Join(err, w.mani.close(false))
	}
	if err != nil {
		w.s.log.Warn("an unfinished checkpoint could not be closed", "file", w.file, "error", err)
	}
	w.s.stored = checkpointRuns{} // what it says of this file is void
}

// finish copies what is missing, and writes the index.
func (w *checkpointWriter) finish(ctx context.Context, m *Manifest) error {
	st := &w.s.stored
	if err := w.forgetLost(); err != nil {
		return err
	}
	live := map[string]int64{}
	w.each(func(k runKey, r *run) error { live[st.files[k]] += r.bytes; return nil })
	budget := max(rewriteFloor, w.size)
	sparse := map[string]bool{"": true} // "": in no file yet
	for f, n := range live {
		if f != "" && f != w.file && n*4 < st.sizes[f] && n <= budget {
			sparse[f] = true
			budget -= n
		}
	}
	err := w.each(func(k runKey, r *run) error {
		if !sparse[st.files[k]] {
			return nil
		}
		if err := w.copyRun(k, r); err != nil {
			return err
		}
		st.files[k] = w.file
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if len(w.raw) > 0 {
		if err := w.block('P'); err != nil {
			return err
		}
	}
	files := []string{}
	number := map[string]uint32{}
	var runs []byte
	n := uint32(0)
	err = w.each(func(k runKey, _ *run) error {
		f := st.files[k]
		if _, ok := number[f]; !ok {
			number[f] = uint32(len(files))
			files = append(files, f)
		}
		runs = binary.LittleEndian.AppendUint64(runs, k.table)
		runs = binary.LittleEndian.AppendUint16(runs, uint16(k.group))
		runs = binary.LittleEndian.AppendUint64(runs, uint64(k.id.epoch))
		runs = binary.LittleEndian.AppendUint32(runs, k.id.seq)
		runs = binary.LittleEndian.AppendUint32(runs, number[f])
		n++
		return nil
	})
	if err != nil {
		return err
	}
	if n == 0 && w.f == nil {
		clear(st.sizes)
		return nil
	}
	st.sizes[w.file] = w.size
	w.raw = binary.LittleEndian.AppendUint32(w.raw, uint32(len(files)))
	for _, f := range files {
		w.raw = binary.LittleEndian.AppendUint16(w.raw, uint16(len(f)))
		w.raw = append(w.raw, f...)
		w.raw = binary.LittleEndian.AppendUint64(w.raw, uint64(st.sizes[f]))
	}
	w.raw = binary.LittleEndian.AppendUint32(w.raw, n)
	w.raw = append(w.raw, runs...)
	if err := w.block('I'); err != nil {
		return err
	}
	if err := w.block('E'); err != nil {
		return err
	}
	for f := range st.sizes {
		if _, ok := number[f]; !ok && f != w.file {
			delete(st.sizes, f)
		}
	}
	files = slices.DeleteFunc(files, func(f string) bool { return f == w.file })
	slices.Sort(files)
	w.files = append(files, w.file)
	return w.c.diskError("write a checkpoint", w.s.copying.w.Flush())
}

// forgetLost forgets page files that somebody has deleted under the running job: what lay in them is written again. Without this
// the new checkpoint would look complete and could never be restored.
func (w *checkpointWriter) forgetLost() error {
	es, err := w.c.pageFiles()
	if err != nil {
		return err
	}
	there := map[string]bool{w.file: true}
	for _, e := range es {
		there[filepath.Join(pagesDir, e.Name())] = true
	}
	st := &w.s.stored
	for f := range st.sizes {
		if !there[f] {
			w.s.log.Warn("somebody has deleted a file of the job's checkpoints; what it held is written again", "dir", w.dir, "file", f)
			delete(st.sizes, f)
		}
	}
	for k, f := range st.files {
		if !there[f] {
			delete(st.files, k)
		}
	}
	return nil
}

// seal gives the checkpoint's files their names, but for the manifest's, and says what must be synced before that gets its own
// (publish), and what after it.
func (w *checkpointWriter) seal(m *Manifest) (contents, names []func() error, err error) {
	fail := func(err error) error { return w.c.diskError("write a checkpoint", err) }
	later := func(f func() error) { contents = append(contents, func() error { return fail(f()) }) }
	syncDir := func(dir string) { later(func() error { return w.c.fs.SyncDir(dir) }) }
	if f := w.f; f != nil {
		path := filepath.Join(w.dir, w.file)
		if err := w.c.fs.Rename(path+".tmp", path); err != nil {
			return nil, nil, fail(err)
		}
		later(func() error { return f.Sync() })
		syncDir(filepath.Dir(path))
	}
	m.Checkpoint = &CheckpointRef{Path: checkpointName(m.Epoch, m.Nonce), Files: w.files, Bytes: w.total}
	b, err := encodeManifest(m)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(w.dir, m.Checkpoint.Path)
	if err := w.c.fs.MkdirAll(dir); err != nil {
		return nil, nil, fail(err)
	}
	if w.mani, err = createFile(w.c.fs, filepath.Join(dir, manifestName), b); err != nil {
		return nil, nil, fail(err)
	}
	later(func() error { return w.mani.close(true) })
	syncDir(w.dir)
	if w.first {
		syncDir(filepath.Dir(w.dir))
	}
	return contents, []func() error{func() error { return fail(w.c.fs.SyncDir(dir)) }}, nil
}

// publish makes the checkpoint a valid one.
func (w *checkpointWriter) publish() error {
	if w.f != nil {
		if err := w.f.Close(); err != nil {
			return w.c.diskError("write a checkpoint", err)
		}
		w.f = nil
	}
	if err := w.mani.publish(); err != nil {
		return w.c.diskError("write a checkpoint", err)
	}
	w.done = true
	return nil
}

// each walks all live runs.
func (w *checkpointWriter) each(f func(k runKey, r *run) error) error {
	for t := range w.s.allTables() {
		for g := range t.groups {
			for _, r := range t.group(g).runs {
				if err := f(runKey{t.id, g, r.id}, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// copyRun takes the pages of a run over from the store.
func (w *checkpointWriter) copyRun(k runKey, r *run) error {
	src := w.s.pages(k.table, k.group, w.s.dirOf(k.table).group(k.group).ts)
	defer src.close()
	var buf []byte
	for i, p := range r.pages {
		v, err := src.read(r, i, buf)
		if err != nil {
			return w.s.pageError(k.table, k.group, err)
		}
		buf = v
		if err := w.page(pageKey(k.table, k.group, k.id, i, p), v); err != nil {
			return err
		}
	}
	return nil
}

// readPageFile calls f for each block of a page file, unpacked if f wants its kind.
func (c *Checkpoints) readPageFile(path string, kind byte, f func(raw []byte) error) (err error) {
	damaged := func(cause error) error {
		return &CorruptError{Path: path, What: "a page file of the checkpoint", Cause: cause}
	}
	in, err := c.fs.Open(path)
	if err != nil {
		return c.diskError("read a checkpoint", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<32))
	if err != nil {
		return err
	}
	defer dec.Close()
	r := bufio.NewReaderSize(in, 1<<20)
	magic := make([]byte, len(pageFileMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != pageFileMagic {
		return damaged(errors.New("it does not begin like one"))
	}
	var head [blockHead]byte
	var packed bytes.Buffer
	var raw []byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return damaged(fmt.Errorf("it ends too early: %w", err))
		}
		n := int64(binary.LittleEndian.Uint32(head[5:]))
		packed.Reset()
		if got, err := io.CopyN(&packed, r, n); got != n {
			return damaged(fmt.Errorf("it ends too early: %w", err))
		}
		if xxhash.Sum64(packed.Bytes()) != binary.LittleEndian.Uint64(head[9:]) {
			return damaged(errors.New("a checksum does not match"))
		}
		if head[0] == 'E' {
			return nil
		}
		if head[0] != kind {
			continue
		}
		if raw, err = dec.DecodeAll(packed.Bytes(), raw[:0]); err != nil || len(raw) != int(binary.LittleEndian.Uint32(head[1:])) {
			return damaged(errors.New("a block does not unpack"))
		}
		if err := f(raw); err != nil {
			if errors.Is(err, errPage) {
				return damaged(err)
			}
			return err
		}
	}
}

// index reads the index of a checkpoint: the file of each live run, and the files' sizes.
func (c *Checkpoints) index(m *Manifest) (map[runKey]string, map[string]int64, error) {
	files, sizes := map[runKey]string{}, map[string]int64{}
	if m.Checkpoint != nil && len(m.Checkpoint.Files) == 0 && m.Pages == 0 {
		return files, sizes, nil
	}
	if m.Checkpoint == nil || len(m.Checkpoint.Files) == 0 {
		return nil, nil, &CorruptError{Path: filepath.Join(c.dir, checkpointName(m.Epoch, m.Nonce)), What: "the manifest lists no page files"}
	}
	own := filepath.Join(c.dir, m.Checkpoint.Files[len(m.Checkpoint.Files)-1])
	err := c.readPageFile(own, 'I', func(b []byte) error {
		r := &pageReader{b: b}
		u32 := func() uint32 {
			v, ok := r.bytes(4)
			if !ok {
				return 0
			}
			return binary.LittleEndian.Uint32(v)
		}
		var names []string
		for n := u32(); n > 0; n-- {
			l, ok := r.bytes(2)
			if !ok {
				return errPage
			}
			name, ok1 := r.bytes(uint64(binary.LittleEndian.Uint16(l)))
			size, ok2 := r.u64()
			if !ok1 || !ok2 {
				return errPage
			}
			names = append(names, string(name))
			sizes[string(name)] = int64(size)
		}
		for n := u32(); n > 0; n-- {
			table, ok1 := r.u64()
			group, ok2 := r.bytes(2)
			epoch, ok3 := r.u64()
			if !ok1 || !ok2 || !ok3 || len(r.b) < 8 {
				return errPage
			}
			seq, file := u32(), u32()
			if int(file) >= len(names) {
				return errPage
			}
			files[runKey{table, int(binary.LittleEndian.Uint16(group)), runID{Epoch(epoch), seq}}] = names[file]
		}
		return nil
	})
	return files, sizes, err
}
