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
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weir/connectors/formats"
	"weir/exec"
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
