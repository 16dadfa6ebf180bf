package filesystem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/connectors/formats"
	"weir/exec"
	"weir/exec/batch"
)

// writer writes the part files of one subtask. The task's goroutine appends; the coordinator
// syncs and renames beside it. mu guards what both touch.
type writer struct {
	*sink
	ctx *exec.TaskContext
	enc formats.Encoder
	uid string

	payloads formats.Payloads
	folder   []byte // of the row before
	next     []byte
	number   int // of the next part file
	wm       exec.Watermark
	ended    bool
	touched  map[string]int64 // partitions written to since the last barrier, with the time of the first row; nil without a trigger

	mu      sync.Mutex
	files   map[string]*part // open part files, by their folder
	handles int              // of files that hold one
	closed  []string         // complete, not yet in an epoch
	folders map[string]bool  // that have new names since they were synced
	epochs  map[exec.Epoch]*flushed
}

// part is an open part file.
type part struct {
	name      string
	file      *os.File // nil: there are many, and this one waits to be opened again
	buf       []byte   // rows that are not written yet
	size      int64
	opened    time.Time
	written   time.Time
	committed int64 // bytes that are committed
}

// flushed is an epoch between its barrier and its commit.
type flushed struct {
	side
	parts map[string]*part // those of side.Open
}

// mostHandles is how many files a writer keeps open. More than so many part files take turns.
const mostHandles = 256

// Write implements exec.SinkWriter.
func (w *writer) Write(b *batch.Batch) error {
	p := &w.payloads
	p.Data, p.Off, p.Len = p.Data[:0], p.Off[:0], p.Len[:0]
	if err := w.enc.EncodeAll(p, b); err != nil {
		return exec.Fatalf("", "write table "+w.table, err)
	}
	if len(p.Off) == 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var to *part
	var dirty []string
	for i := range p.Off {
		line, null := p.Get(i)
		if null {
			return exec.Fatalf("replace NULL in the query, by COALESCE for instance", "write table "+w.table,
				fmt.Errorf("format '%s' cannot write NULL as a line of a file", w.format.Name))
		}
		if w.partitions != nil {
			row := b.At(i)
			w.next = w.partitions.appendFolder(w.next[:0], b, row)
			if to == nil || !bytes.Equal(w.next, w.folder) {
				w.folder = append(w.folder[:0], w.next...)
				to = nil
			}
		}
		if to == nil {
			var err error
			if to, err = w.part(string(w.folder)); err != nil {
				return err
			}
		}
		if len(to.buf) == 0 {
			dirty = append(dirty, string(w.folder))
		}
		to.buf = append(append(to.buf, line...), '\n')
	}
	for _, folder := range dirty {
		if err := w.append(folder, w.files[folder]); err != nil {
			return err
		}
	}
	return nil
}

// part is the open part file of a folder.
func (w *writer) part(folder string) (*part, error) {
	if w.trigger != nil {
		if _, ok := w.touched[folder]; !ok {
			w.commits.mu.Lock()
			err := w.learn(folder)
			w.commits.mu.Unlock()
			if err != nil {
				return nil, err
			}
			w.touched[folder] = w.now().UnixMilli()
		}
	}
	if f := w.files[folder]; f != nil {
		return f, nil
	}
	f := &part{name: filepath.Join(folder, fmt.Sprintf("part-%s-%d-%d", w.uid, w.ctx.Subtask, w.number)), opened: w.now()}
	w.number++
	if err := w.folderOf(folder); err != nil {
		return nil, w.failed("open", f, err)
	}
	if err := w.open(f, os.O_CREATE|os.O_EXCL); err != nil {
		return nil, err
	}
	w.files[folder] = f
	return f, nil
}

// folderOf makes a folder, and notes which directories have got a name that is to be synced.
func (w *writer) folderOf(folder string) error {
	w.folders[folder] = true
	if folder == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(w.dir, folder), 0o777); err != nil {
		return err
	}
	for folder != "" {
		folder = strings.TrimSuffix(filepath.Dir(folder), ".")
		w.folders[folder] = true
	}
	return nil
}

// open gives f a handle; of many others one that was not written to for long gives its own back.
func (w *writer) open(f *part, how int) error {
	if w.handles >= mostHandles {
		var oldest *part
		for _, o := range w.files {
			if o.file != nil && len(o.buf) == 0 && (oldest == nil || o.written.Before(oldest.written)) {
				oldest = o
			}
		}
		if oldest != nil {
			if err := w.park(oldest); err != nil {
				return err
			}
		}
	}
	var err error
	if f.file, err = os.OpenFile(w.hidden(f.name), how|os.O_WRONLY|os.O_APPEND, 0o666); err != nil {
		f.file = nil
		return w.failed("open", f, err)
	}
	w.handles++
	return nil
}

// park syncs f and gives its handle back.
func (w *writer) park(f *part) error {
	if f.file == nil {
		return nil
	}
	if err := f.file.Sync(); err != nil {
		return w.failed("sync", f, err)
	}
	err := f.file.Close()
	f.file = nil
	w.handles--
	if err != nil {
		return w.failed("close", f, err)
	}
	return nil
}

// append writes the buffered rows of the part file of a folder.
func (w *writer) append(folder string, f *part) error {
	if f.file == nil {
		if err := w.open(f, 0); err != nil {
			return err
		}
	}
	n, err := f.file.Write(f.buf)
	f.size += int64(n)
	if err != nil {
		return w.failed("write", f, err)
	}
	f.buf = f.buf[:0]
	f.written = w.now()
	w.ctx.Metrics.Bytes.Add(int64(n))
	if f.size >= w.maxSize {
		return w.roll(folder)
	}
	return nil
}

func (w *writer) failed(doing string, f *part, err error) error {
	return exec.Restartf("free space on the disk, or give the job the right to write in "+w.dir, doing+" part file "+f.name+" of table "+w.table, err)
}

// roll completes the part file of a folder.
func (w *writer) roll(folder string) error {
	f := w.files[folder]
	if err := w.park(f); err != nil {
		return err
	}
	delete(w.files, folder)
	w.closed = append(w.closed, f.name)
	return nil
}

// old reports that f is to be completed at the next barrier.
func (w *writer) old(f *part, now time.Time) bool {
	return now.Sub(f.opened) >= w.rollover || now.Sub(f.written) >= w.idle
}

// Watermark implements exec.WatermarkWriter.
func (w *writer) Watermark(wm exec.Watermark) { w.wm = max(w.wm, wm) }

// End implements exec.WatermarkWriter.
func (w *writer) End() { w.ended = true }

// WantsEpoch implements exec.EpochWanter: a file that is due is published by an epoch, also when no row comes any more; and so is a partition.
func (w *writer) WantsEpoch() bool {
	w.mu.Lock()
	now := w.now()
	for _, f := range w.files {
		if w.old(f, now) {
			w.mu.Unlock()
			return true
		}
	}
	w.mu.Unlock()
	return w.wantsCommit()
}

// Barrier implements exec.SinkWriter.
func (w *writer) Barrier(epoch exec.Epoch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for folder, f := range w.files {
		if w.ended || w.old(f, now) {
			if err := w.roll(folder); err != nil {
				return err
			}
		}
	}
	if w.trigger != nil {
		for _, folder := range w.dueAtBarrier(epoch, w) {
			if err := w.roll(folder); err != nil {
				return err
			}
		}
		clear(w.touched)
	}
	s := &flushed{side: side{Dir: w.dir, Run: w.run, Closed: w.closed, Ended: w.ended}, parts: map[string]*part{}}
	w.closed = nil
	for _, f := range w.files {
		if s.Open == nil {
			s.Open = map[string]int64{}
		}
		s.Open[f.name], s.parts[f.name] = f.size, f
	}
	w.epochs[epoch] = s
	return nil
}

// Flush implements exec.SinkWriter.
func (w *writer) Flush(_ context.Context, epoch exec.Epoch) ([]byte, error) {
	w.mu.Lock()
	at := w.epochs[epoch]
	if at == nil {
		w.mu.Unlock()
		return nil, nil
	}
	s := at.side
	// Files of earlier epochs that were not renamed yet are told again: should the process die now, the
	// manifest of this epoch is all that recovery sees.
	s.Closed = slices.Clone(s.Closed)
	for e, old := range w.epochs {
		if e < epoch {
			s.Closed = append(s.Closed, old.Closed...)
		}
	}
	// What was parked or finished since was synced then.
	handles := map[string]*os.File{}
	for name, f := range at.parts {
		if f.file != nil {
			handles[name] = f.file
		}
	}
	folders := w.folders
	w.folders = map[string]bool{}
	w.mu.Unlock()
	for name, file := range handles {
		if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
			return nil, w.failed("sync", &part{name: name}, err)
		}
	}
	for folder := range folders { // the hidden names themselves
		if err := syncDir(filepath.Join(w.dir, folder)); err != nil {
			return nil, exec.Restartf("", "sync the folders of table "+w.table, err)
		}
	}
	if w.trigger != nil {
		s.Due, s.Pending = w.settle(epoch)
	}
	if len(s.Closed) == 0 && len(s.Open) == 0 && len(s.Due) == 0 && len(s.Pending) == 0 && !w.overwrite {
		return nil, nil
	}
	return json.Marshal(s)
}

// Commit implements exec.SinkWriter.
func (w *writer) Commit(_ context.Context, epoch exec.Epoch, data []byte) error {
	w.mu.Lock()
	var closed []string
	ended := false
	if s := w.epochs[epoch]; s != nil {
		ended = s.Ended
		for name, f := range s.parts {
			f.committed = s.Open[name]
		}
	}
	for e, s := range w.epochs { // epochs are committed in order; one that was skipped comes with the next
		if e <= epoch {
			closed = append(closed, s.Closed...)
			delete(w.epochs, e)
		}
	}
	w.mu.Unlock()
	if len(data) > 0 {
		var stored side
		if err := json.Unmarshal(data, &stored); err != nil {
			return fmt.Errorf("table %s: side data of epoch %d not understood: %w", w.table, epoch, err)
		}
		closed = append(closed, stored.Closed...)
	}
	if err := w.publish(closed); err != nil {
		return err
	}
	if ended {
		if err := w.replace(); err != nil {
			return err
		}
	}
	if w.trigger == nil {
		return nil
	}
	return w.published(epoch)
}

// Close implements exec.SinkWriter. Open files whose rows are all committed are published;
// those with other rows are left to recovery.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var whole []string
	var errs []error
	for _, f := range w.files {
		if f.file != nil {
			if err := f.file.Close(); err != nil {
				errs = append(errs, w.failed("close", f, err))
				continue
			}
		}
		if f.size > 0 && f.size == f.committed {
			whole = append(whole, f.name)
		}
	}
	w.files = map[string]*part{}
	if len(w.closed) == 0 {
		errs = append(errs, w.publish(whole))
	}
	return errors.Join(errs...)
}
