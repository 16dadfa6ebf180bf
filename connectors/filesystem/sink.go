package filesystem

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/connectors/formats"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/config"
	"weir/planner/physical"
)

type sink struct {
	table      string
	dir        string
	tag        string // begins the uid of all files of this job's sink
	run        string // follows the tag: of this run of the job, restarts and recoveries included
	format     formats.Format
	encoder    formats.EncoderSpec
	partitions *partitions // nil: the table has none
	trigger    *trigger    // nil: partitions are not committed
	delivery   exec.Delivery
	log        *slog.Logger
	now        func() time.Time

	// INSERT OVERWRITE. replaced is the folder that is emptied though no row comes for it: the table's own, or the one that PARTITION names;
	// nil: only those that rows come for.
	overwrite bool
	replaced  *string
	batch     bool

	maxSize  int64
	rollover time.Duration
	idle     time.Duration

	before   []string // hidden files that were there before earlier instances were fenced off, relative to dir
	commits  commits
	restored map[string]int64 // partitions that were pending in the epoch that the job goes on from
	times    map[string]int64 // of partitions, by the values of their columns; guarded by commits.mu
}

func newSink(s *physical.Sink, cfg *config.Config, log *slog.Logger, registry formats.Registry) (*sink, error) {
	t := s.Table
	k := &sink{table: t.Name, log: log, now: time.Now, delivery: exec.AtLeastOnce, times: map[string]int64{}, overwrite: s.Overwrite,
		batch: cfg.String(config.RuntimeMode) == "BATCH"}
	var err error
	if k.dir, err = root(t); err != nil {
		return nil, err
	}
	f, opts, err := findFormat(t, registry)
	if err != nil {
		return nil, err
	}
	columns, err := formats.SinkColumns(s)
	if err != nil {
		return nil, err
	}
	k.partitions, columns = newPartitions(t, columns)
	if k.trigger, err = newTrigger(t); err != nil {
		return nil, err
	}
	if k.partitions == nil && !k.batch {
		k.trigger = nil // of a table without partitions only a batch job says that it is complete
	}
	if k.overwrite {
		whole := ""
		if k.partitions == nil {
			k.replaced = &whole
		} else if folder, all := k.partitions.folder(s.Static); all {
			k.replaced = &folder
		}
	}
	k.format, k.encoder = f, formats.EncoderSpec{Columns: columns, Options: opts, TimeZone: cfg.Zone()}
	if _, err := f.Encoder(k.encoder); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	if k.maxSize, err = config.ParseMemory(option(t, "sink.rolling-policy.file-size")); err != nil {
		return nil, fmt.Errorf("table %s: sink.rolling-policy.file-size: %w", t.Name, err)
	}
	for key, d := range map[string]*time.Duration{
		"sink.rolling-policy.rollover-interval": &k.rollover, "sink.rolling-policy.inactivity-interval": &k.idle,
	} {
		if *d, err = config.ParseDuration(option(t, key)); err != nil {
			return nil, fmt.Errorf("table %s: %s: %w", t.Name, key, err)
		}
	}
	if cfg.Duration(config.CheckpointInterval) > 0 {
		k.delivery = exec.ExactlyOnce
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s\x00%s\x00%s", cfg.String(config.PipelineName), s.ID, t.Name)
	k.tag = fmt.Sprintf("%08x", h.Sum32())
	k.run, err = random(4)
	return k, err
}

func (k *sink) Delivery() exec.Delivery           { return k.delivery }
func (k *sink) Transactional() exec.CommitterSpec { return nil }
func (k *sink) Close() error                      { return nil }

// random is so many random bytes as hexadecimal digits.
func random(n int) (string, error) {
	b := make([]byte, n)
	_, err := rand.Read(b)
	return hex.EncodeToString(b), err
}

// hidden is the path of a part file while it is written. A name is relative to the table's directory: its folder goes before it.
func (k *sink) hidden(name string) string {
	folder, base := filepath.Split(name)
	return filepath.Join(k.dir, folder, "."+base+".inprogress")
}

func (k *sink) final(name string) string { return filepath.Join(k.dir, name) }

// side is what an epoch's manifest keeps of one writer.
type side struct {
	Dir    string           `json:"dir"`
	Run    string           `json:"run,omitempty"`
	Closed []string         `json:"closed,omitempty"` // names of part files that are complete
	Open   map[string]int64 `json:"open,omitempty"`   // names of those that go on, and how much of each belongs to the epoch
	// One writer tells these for all:
	Due     []string         `json:"due,omitempty"`     // partitions that the epoch commits
	Pending map[string]int64 `json:"pending,omitempty"` // those that wait to be, with the time of their first row
	Ended   bool             `json:"ended,omitempty"`   // the input has ended
}

func (k *sink) Writer(ctx *exec.TaskContext, _ exec.Committer) (exec.SinkWriter, error) {
	spec := k.encoder
	spec.Asking = ctx.Asking()
	enc, err := k.format.Encoder(spec)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", k.table, err)
	}
	if err := os.MkdirAll(k.dir, 0o777); err != nil {
		return nil, exec.Fatalf("let 'path' be a folder that this user may write to", "create the directory of table "+k.table, err)
	}
	own, err := random(4)
	if err != nil {
		return nil, err
	}
	w := &writer{sink: k, ctx: ctx, enc: enc, uid: k.tag + k.run + own, wm: exec.MinWatermark, files: map[string]*part{},
		touched: map[string]int64{}, folders: map[string]bool{}, epochs: map[exec.Epoch]*flushed{}}
	k.join(w)
	return w, nil
}

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

// publish renames complete part files; those that are renamed already are left alone, also when a reader of the folder has taken
// them away since.
func (k *sink) publish(names []string) error {
	changed := map[string]bool{}
	for _, name := range names {
		folder := filepath.Dir(k.final(name))
		if k.overwrite {
			if err := k.empty(folder); err != nil {
				return err
			}
		}
		err := os.Rename(k.hidden(name), k.final(name))
		if errors.Is(err, fs.ErrNotExist) {
			if _, e := os.Stat(k.final(name)); errors.Is(e, fs.ErrNotExist) {
				k.log.Warn("a part file that is to be published is not there: somebody has taken it after it was published", "table", k.table, "file", name)
			}
			continue
		}
		if err != nil {
			return exec.Restartf("", "publish part file "+name+" of table "+k.table, err)
		}
		changed[folder] = true
	}
	for folder := range changed {
		if err := syncDir(folder); err != nil {
			return exec.Restartf("", "publish part files of table "+k.table, err)
		}
	}
	return nil
}

// replace empties the folder that INSERT OVERWRITE replaces though no row may have come for it.
func (k *sink) replace() error {
	if k.replaced == nil {
		return nil
	}
	folder := filepath.Join(k.dir, *k.replaced)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return k.empty(folder)
}

// empty removes from a folder what readers see and this run of the job has not written. A table without partitions is its whole directory.
func (k *sink) empty(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return exec.Restartf("", "overwrite table "+k.table, err)
	}
	removed := false
	for _, e := range entries {
		if n := e.Name(); strings.HasPrefix(n, ".") || strings.HasPrefix(n, "_") || strings.HasPrefix(n, "part-"+k.tag+k.run) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
			return exec.Restartf("give the job the right to write in "+k.dir, "overwrite table "+k.table, err)
		}
		removed = true
	}
	if !removed {
		return nil
	}
	if err := syncDir(folder); err != nil {
		return exec.Restartf("", "overwrite table "+k.table, err)
	}
	return nil
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

// BeforeClaim implements exec.SideRecoverer.
func (k *sink) BeforeClaim(context.Context) error {
	k.before = nil
	err := filepath.WalkDir(k.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != k.dir && k.partitions == nil {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(d.Name(), ".part-"+k.tag) {
			rel, err := filepath.Rel(k.dir, path)
			k.before = append(k.before, rel)
			return err
		}
		return nil
	})
	if err != nil {
		return exec.Restartf("", "look for part files of table "+k.table, err)
	}
	return nil
}

// Recover implements exec.SideRecoverer. An instance that was fenced off may still have the open file of the
// epoch, and write to it before it notices: what is published is a copy of the part that was committed.
func (k *sink) Recover(_ context.Context, epoch exec.Epoch, sides [][]byte) error {
	doing := fmt.Sprintf("recover table %s to epoch %d", k.table, epoch)
	k.restored = map[string]int64{}
	var due []string
	ended := 0
	for _, data := range sides {
		if len(data) == 0 {
			continue
		}
		var s side
		if err := json.Unmarshal(data, &s); err != nil {
			return exec.Fatalf("", doing, fmt.Errorf("side data not understood: %w", err))
		}
		if s.Dir != k.dir {
			return exec.Fatalf("set 'path' back, or start the job anew from an empty state", doing,
				fmt.Errorf("the table's files were in %s, and its path is now %s", s.Dir, k.dir))
		}
		if s.Run != "" {
			k.run = s.Run
		}
		if err := k.publish(s.Closed); err != nil {
			return err
		}
		for name, length := range s.Open {
			if length == 0 {
				continue
			}
			if err := k.cut(name, length); err != nil {
				return exec.Fatalf("restore the files of "+k.dir+", or start the job anew from an empty state", doing, err)
			}
		}
		due = append(due, s.Due...)
		maps.Copy(k.restored, s.Pending)
		if s.Ended {
			ended++
		}
	}
	if ended > 0 && ended == len(sides) {
		if err := k.replace(); err != nil {
			return err
		}
	}
	if k.trigger != nil {
		k.commits.mu.Lock()
		var err error
		for p := range k.restored {
			err = errors.Join(err, k.learn(p))
		}
		k.commits.mu.Unlock()
		if err == nil {
			err = k.succeed(due)
		}
		if err != nil {
			return err
		}
	}
	for _, n := range k.before {
		err := os.Remove(filepath.Join(k.dir, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue // published
		}
		if err != nil {
			return exec.Restartf("", doing, err)
		}
		k.log.Info("removed uncommitted part file", "table", k.table, "file", n)
	}
	k.before = nil
	return nil
}

// cut publishes the first length bytes of a part file. It may be repeated.
func (k *sink) cut(name string, length int64) error {
	if info, err := os.Stat(k.final(name)); err == nil {
		if info.Size() == length {
			return nil // published when the job ended, or by an earlier recovery
		}
		return fmt.Errorf("part file %s has %d bytes, and %d of them are committed", name, info.Size(), length)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	path := k.hidden(name)
	from, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("part file %s is gone, and %d bytes of it are committed", name, length)
	}
	if err != nil {
		return err
	}
	defer from.Close()
	if info, err := from.Stat(); err != nil {
		return err
	} else if info.Size() < length {
		return fmt.Errorf("part file %s has %d bytes, and %d are committed", name, info.Size(), length)
	}
	own, err := random(8)
	if err != nil {
		return err
	}
	copied := path + "." + own // another instance may be at it too
	to, err := os.OpenFile(copied, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(to, from, length); err != nil {
		return errors.Join(err, to.Close())
	}
	if err := errors.Join(to.Sync(), to.Close()); err != nil {
		return err
	}
	if k.overwrite {
		if err := k.empty(filepath.Dir(k.final(name))); err != nil {
			return err
		}
	}
	if err := os.Rename(copied, k.final(name)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(k.final(name)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
