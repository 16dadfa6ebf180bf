package filesystem

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/exec"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/datetime"
)

// The commit of a partition tells readers that it is complete: its files are finished and a file _SUCCESS is put beside them. The job
// commits a partition with the first epoch at whose barrier it was due; rows that come for it later make it due once more.
//
//	pending    rows were written to it since it was committed last
//	due        its time and the delay have passed: by the watermark, or since its first row by the clock
//	barrier    each writer finishes its open files in partitions that are due by what it knows itself
//	flush      all barriers have passed: those that are due, and of which no writer has an open file, go to the epoch's manifest
//	commit     when the files of all writers are there, _SUCCESS is written
//	recovery   the same once more for the epoch that the job goes on from; those that were pending are so again

// trigger says when a partition is due. nil: partitions are not committed.
type trigger struct {
	success string // name of the file
	delay   time.Duration
	byTime  bool // by the watermark and the time that the partition's values say; otherwise by the clock
	pattern string
	form    *datetime.Pattern // nil: year-month-day hour:minute:second
	zone    *datetime.Zone
	keys    []string
}

func newTrigger(t *catalog.Table) (*trigger, error) {
	if v, ok := t.Options.Get("sink.partition-commit.policy.kind"); !ok || strings.TrimSpace(v) == "" {
		return nil, nil
	}
	g := &trigger{success: option(t, "sink.partition-commit.success-file.name"), keys: t.Partitions,
		byTime: strings.EqualFold(option(t, "sink.partition-commit.trigger"), "partition-time")}
	var err error
	if g.delay, err = config.ParseDuration(option(t, "sink.partition-commit.delay")); err != nil {
		return nil, fmt.Errorf("table %s: sink.partition-commit.delay: %w", t.Name, err)
	}
	g.pattern, _ = t.Options.Get("partition.time-extractor.timestamp-pattern")
	if v, ok := t.Options.Get("partition.time-extractor.timestamp-formatter"); ok {
		if g.form, err = datetime.CompilePattern(v); err != nil {
			return nil, fmt.Errorf("table %s: partition.time-extractor.timestamp-formatter: %w", t.Name, err)
		}
	}
	loc, err := config.ParseZone(option(t, "sink.partition-commit.watermark-time-zone"))
	if err != nil {
		return nil, fmt.Errorf("table %s: sink.partition-commit.watermark-time-zone: %w", t.Name, err)
	}
	g.zone = datetime.NewZone(loc)
	return g, nil
}

// timestamp is the form of a time that needs no 'partition.time-extractor.timestamp-formatter'.
var timestamp = regexp.MustCompile(`^([+-]?\d{1,10})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?)?$`)

// time is the time of a partition, in microseconds as watermarks are.
func (g *trigger) time(texts []string) (int64, error) {
	s := texts[0]
	if g.pattern != "" {
		s = g.pattern
		for k, key := range g.keys {
			s = strings.ReplaceAll(s, "$"+key, texts[k])
		}
	}
	var local int64
	if g.form != nil {
		p, ok := g.form.Parse([]byte(s))
		if !ok {
			return 0, fmt.Errorf("'%s' is no time in the form '%s'", s, g.form)
		}
		local = p.Local
	} else {
		m := timestamp.FindStringSubmatch(s)
		if m == nil {
			return 0, fmt.Errorf("'%s' is no time in the form 'yyyy-MM-dd HH:mm:ss'", s)
		}
		n := make([]int, len(m))
		for i := range m {
			n[i], _ = strconv.Atoi(m[i]) // of a part that is missing: 0
		}
		local = time.Date(n[1], time.Month(n[2]), n[3], n[4], n[5], n[6], 0, time.UTC).UnixMicro()
		if frac := (m[7] + "000000"); m[7] != "" {
			us, _ := strconv.Atoi(frac[:6])
			local += int64(us)
		}
	}
	return g.zone.UTC(local), nil
}

// commits is what the writers of one attempt know together of partitions.
type commits struct {
	mu      sync.Mutex
	attempt context.Context
	writers []*writer
	pending map[string]int64 // partition: when its first row was written, milliseconds UTC
	epochs  map[exec.Epoch]*epochCommit
}

// epochCommit is one epoch between its first barrier and its commit.
type epochCommit struct {
	now     time.Time      // of its first barrier
	wm      exec.Watermark // the least of the writers'
	ended   int            // writers whose input has ended
	touched map[string]int64
	open    map[string]bool // partitions in which a writer has a file that goes on
	settled bool
	due     []string
	left    map[string]int64
	done    int // writers that have published
}

// join makes w one of the writers of its attempt; the first one of an attempt begins anew, with what recovery has found.
func (k *sink) join(w *writer) {
	c := &k.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writers == nil || c.attempt != w.ctx.Ctx {
		c.attempt, c.writers, c.pending, c.epochs = w.ctx.Ctx, nil, maps.Clone(k.restored), map[exec.Epoch]*epochCommit{}
		if c.pending == nil {
			c.pending = map[string]int64{}
		}
	}
	c.writers = append(c.writers, w)
}

// isDue reports whether partition, whose first row came at first, is due.
func (k *sink) isDue(partition string, first int64, now time.Time, wm exec.Watermark) bool {
	g := k.trigger
	if !g.byTime {
		return g.delay == 0 || now.Sub(time.UnixMilli(first)) > g.delay
	}
	return wm > exec.Watermark(k.times[partition])+exec.Watermark(g.delay.Microseconds())
}

// learn notes the time of a partition that rows are written to. commits.mu is held.
func (k *sink) learn(partition string) error {
	if k.trigger == nil || !k.trigger.byTime {
		return nil
	}
	if _, known := k.times[partition]; known {
		return nil
	}
	texts, ok := k.partitions.texts(partition + "/")
	var at int64
	err := fmt.Errorf("its name says no values")
	if ok {
		at, err = k.trigger.time(texts)
	}
	if err != nil {
		return exec.Fatalf("see 'partition.time-extractor.timestamp-pattern' of table "+k.table+", and the values of its partition columns",
			"tell the time of partition "+partition+" of table "+k.table, err)
	}
	k.times[partition] = at
	return nil
}

// dueAtBarrier is called by each writer at its barrier, with the partitions of its open files and those that it has written to since the
// last one: it says of which partitions to finish the files.
func (k *sink) dueAtBarrier(epoch exec.Epoch, w *writer) (finish []string) {
	c := &k.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.epochs[epoch]
	if e == nil {
		e = &epochCommit{now: k.now(), wm: exec.MaxWatermark, touched: map[string]int64{}, open: map[string]bool{}}
		c.epochs[epoch] = e
	}
	e.wm = min(e.wm, w.wm)
	if w.ended {
		e.ended++
	}
	for p, first := range w.touched {
		if at, ok := e.touched[p]; !ok || first < at {
			e.touched[p] = first
		}
	}
	for p := range w.files {
		first, ok := e.touched[p]
		if was, before := c.pending[p]; before && (!ok || was < first) {
			first = was
		}
		if w.ended || k.isDue(p, first, e.now, w.wm) {
			finish = append(finish, p)
		} else {
			e.open[p] = true
		}
	}
	return finish
}

// settle decides which partitions an epoch commits; all its barriers have passed.
func (k *sink) settle(epoch exec.Epoch) (due []string, left map[string]int64) {
	c := &k.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.epochs[epoch]
	if e == nil || e.settled {
		return nil, nil // told by another writer
	}
	e.settled, e.left = true, maps.Clone(c.pending)
	for p, first := range e.touched {
		if was, ok := e.left[p]; !ok || first < was {
			e.left[p] = first
		}
	}
	for p, first := range e.left {
		if !e.open[p] && (e.ended == len(c.writers) || k.isDue(p, first, e.now, e.wm)) {
			e.due = append(e.due, p)
			delete(e.left, p)
		}
	}
	slices.Sort(e.due)
	c.pending = maps.Clone(e.left)
	return e.due, e.left
}

// published is called by each writer when the files of epoch are there; the last one commits the partitions.
func (k *sink) published(epoch exec.Epoch) error {
	c := &k.commits
	c.mu.Lock()
	var due []string
	if e := c.epochs[epoch]; e != nil {
		if e.done++; e.done == len(c.writers) {
			for n, e := range c.epochs {
				if n <= epoch {
					due = append(due, e.due...)
					delete(c.epochs, n)
				}
			}
		}
	}
	c.mu.Unlock()
	return k.succeed(due)
}

// wantsCommit reports a partition that is due by the clock though no row comes any more.
func (k *sink) wantsCommit() bool {
	if k.trigger == nil || k.trigger.byTime {
		return false
	}
	c := &k.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	for p, first := range c.pending {
		if k.isDue(p, first, k.now(), exec.MinWatermark) {
			return true
		}
	}
	return false
}

// succeed puts the file that says so into partitions that are complete. It may be repeated.
func (k *sink) succeed(due []string) error {
	for _, p := range due {
		dir := filepath.Join(k.dir, p)
		err := os.MkdirAll(dir, 0o777)
		if err == nil {
			err = touch(filepath.Join(dir, k.trigger.success))
		}
		if err == nil {
			err = syncDir(dir)
		}
		if err != nil {
			return exec.Restartf("", "commit partition "+p+" of table "+k.table, err)
		}
		k.log.Debug("partition committed", "table", k.table, "partition", p)
	}
	return nil
}

// touch makes an empty file.
func touch(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
