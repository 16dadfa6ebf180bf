package filesystem

import (
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
	table    string
	dir      string
	tag      string // begins the uid of all files of this job's sink
	format   formats.Format
	encoder  formats.EncoderSpec
	delivery exec.Delivery
	log      *slog.Logger
	now      func() time.Time

	maxSize  int64
	rollover time.Duration
	idle     time.Duration

	before []string // hidden files that were there before earlier instances were fenced off
}

func newSink(s *physical.Sink, cfg *config.Config, log *slog.Logger, registry formats.Registry) (*sink, error) {
	t := s.Table
	k := &sink{table: t.Name, log: log, now: time.Now, delivery: exec.AtLeastOnce}
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
	return k, nil
}

func (k *sink) Delivery() exec.Delivery           { return k.delivery }
func (k *sink) Transactional() exec.CommitterSpec { return nil }
func (k *sink) Close() error                      { return nil }

// hidden is the name of a part file while it is written.
func (k *sink) hidden(name string) string { return filepath.Join(k.dir, "."+name+".inprogress") }

func (k *sink) final(name string) string { return filepath.Join(k.dir, name) }

// side is what an epoch's manifest keeps of one writer.
type side struct {
	Dir    string   `json:"dir"`
	Closed []string `json:"closed,omitempty"` // names of part files that are complete
	Open   string   `json:"open,omitempty"`   // name of the one that goes on
	Length int64    `json:"length,omitempty"` // how much of it belongs to the epoch
}

func (k *sink) Writer(ctx *exec.TaskContext, _ exec.Committer) (exec.SinkWriter, error) {
	enc, err := k.format.Encoder(k.encoder)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", k.table, err)
	}
	if err := os.MkdirAll(k.dir, 0o777); err != nil {
		return nil, exec.Fatalf("", "create the directory of table "+k.table, err)
	}
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	return &writer{sink: k, ctx: ctx, enc: enc, uid: k.tag + hex.EncodeToString(random[:]), epochs: map[exec.Epoch]side{}}, nil
}

// writer writes the part files of one subtask. The task's goroutine appends; the coordinator
// syncs and renames beside it. mu guards what both touch.
type writer struct {
	*sink
	ctx *exec.TaskContext
	enc formats.Encoder
	uid string

	payloads formats.Payloads
	buf      []byte
	number   int // of the next part file

	mu        sync.Mutex
	file      *os.File // the open part file, nil for none
	name      string
	size      int64
	opened    time.Time
	written   time.Time
	closed    []string // complete, not yet in an epoch
	epochs    map[exec.Epoch]side
	committed int64 // bytes of the open file that are committed
}

// Write implements exec.SinkWriter.
func (w *writer) Write(b *batch.Batch) error {
	p := &w.payloads
	p.Data, p.Off, p.Len = p.Data[:0], p.Off[:0], p.Len[:0]
	if err := w.enc.EncodeAll(p, b); err != nil {
		return exec.Fatalf("", "write table "+w.table, err)
	}
	w.buf = w.buf[:0]
	for i := range p.Off {
		line, null := p.Get(i)
		if null {
			return exec.Fatalf("replace NULL in the query, by COALESCE for instance", "write table "+w.table,
				fmt.Errorf("format '%s' cannot write NULL as a line of a file", w.format.Name))
		}
		w.buf = append(append(w.buf, line...), '\n')
	}
	if len(w.buf) == 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	n, err := w.file.Write(w.buf)
	w.size += int64(n)
	if err != nil {
		return w.failed("write", err)
	}
	w.written = w.now()
	w.ctx.Metrics.Bytes.Add(int64(n))
	if w.size >= w.maxSize {
		return w.roll()
	}
	return nil
}

func (w *writer) failed(doing string, err error) error {
	return exec.Restartf("free space on the disk, or give the job the right to write in "+w.dir, doing+" part file "+w.name+" of table "+w.table, err)
}

func (w *writer) open() error {
	w.name = fmt.Sprintf("part-%s-%d-%d", w.uid, w.ctx.Subtask, w.number)
	f, err := os.OpenFile(w.hidden(w.name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return w.failed("open", err)
	}
	w.number++
	w.file, w.size, w.committed, w.opened = f, 0, 0, w.now()
	return nil
}

// roll completes the open file.
func (w *writer) roll() error {
	if err := w.file.Sync(); err != nil {
		return w.failed("sync", err)
	}
	if err := w.file.Close(); err != nil {
		return w.failed("close", err)
	}
	w.file = nil
	w.closed = append(w.closed, w.name)
	return nil
}

// due reports that the open file is to be completed at the next barrier. mu is held.
func (w *writer) due() bool {
	now := w.now()
	return w.file != nil && (now.Sub(w.opened) >= w.rollover || now.Sub(w.written) >= w.idle)
}

// WantsEpoch implements exec.EpochWanter: a file that is due is published by an epoch, also when no row comes any more.
func (w *writer) WantsEpoch() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.due()
}

// Barrier implements exec.SinkWriter.
func (w *writer) Barrier(epoch exec.Epoch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.due() {
		if err := w.roll(); err != nil {
			return err
		}
	}
	s := side{Dir: w.dir, Closed: w.closed}
	w.closed = nil
	if w.file != nil {
		s.Open, s.Length = w.name, w.size
	}
	w.epochs[epoch] = s
	return nil
}

// Flush implements exec.SinkWriter.
func (w *writer) Flush(_ context.Context, epoch exec.Epoch) ([]byte, error) {
	w.mu.Lock()
	s, ok := w.epochs[epoch]
	// Files of earlier epochs that were not renamed yet are told again: should the process die now, the
	// manifest of this epoch is all that recovery sees.
	s.Closed = slices.Clone(s.Closed)
	for e, old := range w.epochs {
		if e < epoch {
			s.Closed = append(s.Closed, old.Closed...)
		}
	}
	file := w.file
	if w.name != s.Open {
		file = nil // rolled since, and synced then
	}
	w.mu.Unlock()
	if !ok || len(s.Closed) == 0 && s.Open == "" {
		return nil, nil
	}
	if file != nil {
		// A roll beside us syncs before it closes, so that a closed file is no failure.
		if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
			return nil, w.failed("sync", err)
		}
	}
	if err := syncDir(w.dir); err != nil { // the hidden names themselves
		return nil, w.failed("sync", err)
	}
	return json.Marshal(s)
}

// Commit implements exec.SinkWriter.
func (w *writer) Commit(_ context.Context, epoch exec.Epoch, data []byte) error {
	w.mu.Lock()
	s := w.epochs[epoch]
	for e, old := range w.epochs { // epochs are committed in order; one that was skipped comes with the next
		if e < epoch {
			s.Closed = append(append([]string{}, old.Closed...), s.Closed...)
		}
		if e <= epoch {
			delete(w.epochs, e)
		}
	}
	if w.file != nil && w.name == s.Open {
		w.committed = s.Length
	}
	w.mu.Unlock()
	if len(data) > 0 {
		var stored side
		if err := json.Unmarshal(data, &stored); err != nil {
			return fmt.Errorf("table %s: side data of epoch %d not understood: %w", w.table, epoch, err)
		}
		s.Closed = append(s.Closed, stored.Closed...)
	}
	return w.publish(s.Closed)
}

// publish renames complete part files; those that are renamed already are left alone, also when a reader of the folder has taken
// them away since.
func (k *sink) publish(names []string) error {
	changed := false
	for _, name := range names {
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
		changed = true
	}
	if !changed {
		return nil
	}
	return syncDir(k.dir)
}

// Close implements exec.SinkWriter. An open file whose rows are all committed is published;
// one with other rows is left to recovery.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	if err != nil {
		return w.failed("close", err)
	}
	if w.size > 0 && w.size == w.committed && len(w.closed) == 0 {
		return w.publish([]string{w.name})
	}
	return nil
}

// BeforeClaim implements exec.SideRecoverer.
func (k *sink) BeforeClaim(context.Context) error {
	k.before = nil
	entries, err := os.ReadDir(k.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return exec.Restartf("", "look for part files of table "+k.table, err)
	}
	for _, e := range entries {
		if n := e.Name(); strings.HasPrefix(n, ".part-"+k.tag) {
			k.before = append(k.before, n)
		}
	}
	return nil
}

// Recover implements exec.SideRecoverer. An instance that was fenced off may still have the open file of the
// epoch, and write to it before it notices: what is published is a copy of the part that was committed.
func (k *sink) Recover(_ context.Context, epoch exec.Epoch, sides [][]byte) error {
	doing := fmt.Sprintf("recover table %s to epoch %d", k.table, epoch)
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
		if err := k.publish(s.Closed); err != nil {
			return err
		}
		if s.Open == "" || s.Length == 0 {
			continue
		}
		if err := k.cut(s.Open, s.Length); err != nil {
			return exec.Fatalf("restore the files of "+k.dir+", or start the job anew from an empty state", doing, err)
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
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	copied := path + "." + hex.EncodeToString(random[:]) // another instance may be at it too
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
	if err := os.Rename(copied, k.final(name)); err != nil {
		return err
	}
	return syncDir(k.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
