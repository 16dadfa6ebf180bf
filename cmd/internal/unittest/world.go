package unittest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/runtime"
	"weir/exec/runtime/runtimetest"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// clock is processing time: it stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Causes of the end of a job that are no failures.
var (
	errKilled = errors.New("killed by the test")
	errEnded  = errors.New("the job has ended")
)

// live is one job of a test with its world. The world outlives the job's deaths.
type live struct {
	e     *execution
	job   *physical.Job
	world *runtimetest.World
	dir   string // of the state; empty without checkpoints
	scans map[string]int
	sinks []*output
	last  string // the table that was fed last

	runner *runtime.Runner // nil: it does not run
	ctx    context.Context // ends with the runner
	cancel context.CancelCauseFunc
	done   chan struct{}
	err    error // how Run ended; after done
	ended  bool  // by itself
}

// output is one written table of a job.
type output struct {
	sink      *physical.Sink
	name      string
	columns   []column
	at        []int // where each is in the rows of the sink
	forwarded int   // changes that were handed to other jobs' tables
}

func newLive(e *execution, job *physical.Job, n int) (*live, error) {
	l := &live{e: e, job: job, world: runtimetest.New(), scans: map[string]int{}}
	l.world.BatchRows = 1 // whether a row is late is up to the rows before it
	l.world.Now = e.clock.Now
	l.world.Guarantee = func(*catalog.Table) string {
		if e.durable {
			return "exactly-once"
		}
		return "none"
	}
	for _, s := range job.Sinks {
		walk(s, func(n physical.Node) {
			if scan, ok := n.(*physical.Scan); ok {
				l.scans[scan.Table.Name]++
			}
		})
		l.sinks = append(l.sinks, newOutput(s))
	}
	for t := range l.scans {
		l.world.Table(t, true, 1)
		l.world.Hold(t)
	}
	if e.durable {
		dir, err := os.MkdirTemp(scratch(), "weir-test-")
		if err != nil {
			return nil, fmt.Errorf("make a folder for the state of the test: %w", err)
		}
		l.dir = dir
	}
	return l, nil
}

func newOutput(s *physical.Sink) *output {
	o := &output{sink: s, name: shown(s.Table)}
	for f := range s.Table.Columns {
		if at := slices.Index(s.Fields, f); at >= 0 {
			o.columns = append(o.columns, column{s.Table.Columns[f].Name, s.Table.Columns[f].Type})
			o.at = append(o.at, at)
		}
	}
	return o
}

// scratch is where tests keep state: in memory where the system offers a folder there, which no sync makes wait.
var scratch = sync.OnceValue(func() string {
	const shm = "/dev/shm"
	if free, err := state.OS().Free(shm); err == nil && free > 1<<30 {
		return shm
	}
	return ""
})

// start starts the job, for the first time or again.
func (l *live) start() error {
	e := l.e
	cfg := l.job.Config.Clone()
	interval := "0 ms"
	if e.durable {
		interval = "24 h" // epochs are the test's
	}
	for _, kv := range [][2]string{{config.CheckpointInterval, interval}, {config.RestartStrategy, "none"}, {config.Parallelism, fmt.Sprint(e.par)}} {
		if err := cfg.Set(kv[0], kv[1], config.FromFlag); err != nil {
			return err
		}
	}
	cfg.Reset(config.CheckpointDir)
	job := *l.job
	job.Config = cfg
	o := runtime.Options{Connectors: l.world, Clock: e.clock, FS: unsynced{state.OS()}, Memory: 8 << 20}
	if e.durable {
		o.StateDir = filepath.Join(l.dir, "state")
	}
	if e.r.Coverage != nil {
		o.Watch = e.r.Coverage.watcher(l.job)
	}
	r, err := runtime.New(&job, o)
	if err != nil {
		return err
	}
	l.runner, l.done, l.last = r, make(chan struct{}), ""
	l.ctx, l.cancel = context.WithCancelCause(e.ctx)
	go func() {
		defer close(l.done)
		_, l.err = r.Run(l.ctx)
		if l.err == nil {
			l.ended = true
			l.cancel(errEnded)
			return
		}
		l.cancel(l.err)
	}()
	return nil
}

// over is the job's failure behind an error of waiting for it; nil where it has ended well.
func (l *live) over(err error) error {
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}

// settle returns when everything that the job was given has been processed.
func (l *live) settle() error {
	if l.runner == nil || l.ended {
		return nil
	}
	for t, n := range l.scans {
		if err := l.world.AwaitRead(l.ctx, t, n); err != nil {
			return l.over(err)
		}
	}
	return l.over(l.runner.Settle(l.ctx))
}

// die ends the job as a crash does; what is not committed is lost.
func (l *live) die() error {
	if l.runner == nil {
		return nil
	}
	if err := l.settle(); err != nil {
		return err
	}
	l.cancel(errKilled)
	<-l.done
	l.runner = nil
	if l.err != nil && !errors.Is(l.err, errKilled) {
		return l.err
	}
	return nil
}

// feed hands an entry to a table of the job. Rows of one table are processed in order anyway; before a row of another one the job
// comes to rest, so that tests say in which order rows of several tables come.
func (l *live) feed(table string, x entry) error {
	n := l.scans[table]
	if n == 0 {
		return nil
	}
	if l.last != "" && (l.last != table || n > 1) {
		if err := l.settle(); err != nil {
			return err
		}
	}
	l.last = table
	switch {
	case x.row != nil:
		l.world.AppendChange(table, 0, x.kind, x.row)
	case x.idle:
		l.world.Idle(table, 0)
	default:
		l.world.Advance(table, 0, exec.Watermark(x.watermark))
	}
	return nil
}

// rows is the changes that the job has put out for o, in the order of o's columns.
func (l *live) rows(o *output) []runtimetest.Change {
	out := l.world.Output(o.sink.Table.Name)
	for i, c := range out {
		row := make([]types.Value, len(o.at))
		for k, at := range o.at {
			row[k] = c.Row[at]
		}
		out[i].Row = row
	}
	return out
}

// start starts the jobs that do not run.
func (e *execution) start() error {
	for _, l := range e.jobs {
		if l.runner == nil && !l.ended {
			if err := l.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *execution) feed(table string, x entry) error {
	if err := e.start(); err != nil { // after a death it goes on by itself
		return err
	}
	for _, l := range e.jobs {
		if err := l.feed(table, x); err != nil {
			return err
		}
	}
	if e.chained() && !e.durable {
		return e.settle()
	}
	return nil
}

// settle lets all jobs come to rest. What one writes and another reads goes on its way.
func (e *execution) settle() error {
	for {
		for _, l := range e.jobs {
			if err := l.settle(); err != nil {
				return err
			}
		}
		if moved, err := e.forward(); err != nil || !moved {
			return err
		}
	}
}

// chained reports that one job reads what another writes.
func (e *execution) chained() bool {
	for _, l := range e.jobs {
		for _, o := range l.sinks {
			if e.readers(l, o) {
				return true
			}
		}
	}
	return false
}

func (e *execution) readers(writer *live, o *output) bool {
	for _, l := range e.jobs {
		if l != writer && l.scans[o.sink.Table.Name] > 0 {
			return true
		}
	}
	return false
}

// forward hands what jobs have written to the jobs that read it, as a topic would.
func (e *execution) forward() (moved bool, err error) {
	for _, l := range e.jobs {
		for _, o := range l.sinks {
			if !e.readers(l, o) {
				continue
			}
			all := l.world.Output(o.sink.Table.Name)
			for _, c := range all[o.forwarded:] {
				wide := make([]types.Value, len(o.sink.Table.Columns))
				for at, f := range o.sink.Fields {
					wide[f] = c.Row[at]
				}
				moved = true
				for _, reader := range e.jobs {
					if reader != l {
						if err := reader.feed(o.sink.Table.Name, entry{kind: c.Kind, row: wide}); err != nil {
							return false, err
						}
					}
				}
			}
			o.forwarded = len(all)
		}
	}
	return moved, nil
}

// advance moves processing time on.
func (e *execution) advance(d time.Duration) error {
	if err := e.start(); err != nil {
		return err
	}
	if err := e.settle(); err != nil {
		return err
	}
	e.clock.advance(d)
	for _, l := range e.jobs {
		for t := range l.scans {
			l.world.Wake(t)
		}
	}
	return e.settle()
}

// checkpoint commits what the jobs have done so far.
func (e *execution) checkpoint() error {
	if err := e.start(); err != nil {
		return err
	}
	for {
		for _, l := range e.jobs {
			if err := l.settle(); err != nil {
				return err
			}
			if l.ended {
				continue
			}
			if _, err := l.runner.Checkpoint(l.ctx); err != nil {
				if err = l.over(context.Cause(l.ctx)); err != nil {
					return err
				}
			}
		}
		if moved, err := e.forward(); err != nil || !moved {
			return err
		}
	}
}

func (e *execution) kill() error {
	for _, l := range e.jobs {
		if err := l.die(); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the jobs as SIGTERM does: with a last epoch.
func (e *execution) stop() error {
	for _, l := range e.jobs {
		if l.runner == nil || l.ended {
			continue
		}
		if err := l.settle(); err != nil {
			return err
		}
		l.runner.Stop()
		<-l.done
		if l.err != nil {
			return l.err
		}
		l.runner, l.ended = nil, false
	}
	_, err := e.forward()
	return err
}

// finish ends the tables, and with them the jobs: writers before readers.
func (e *execution) finish() error {
	if err := e.start(); err != nil {
		return err
	}
	if err := e.settle(); err != nil {
		return err
	}
	left := slices.Clone(e.jobs)
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(l *live) bool {
			return !slices.ContainsFunc(left, func(w *live) bool {
				return w != l && slices.ContainsFunc(w.sinks, func(o *output) bool { return l.scans[o.sink.Table.Name] > 0 })
			})
		})
		next = max(next, 0) // of jobs that feed each other, one is first
		l := left[next]
		left = slices.Delete(left, next, next+1)
		for t := range l.scans {
			l.world.End(t)
		}
		<-l.done
		if l.err != nil {
			return l.err
		}
		if _, err := e.forward(); err != nil {
			return err
		}
	}
	return nil
}

// close ends what still runs and removes the state.
func (e *execution) close() error {
	var errs []error
	for _, l := range e.jobs {
		if l.runner != nil {
			l.cancel(errKilled)
			<-l.done
		}
		if l.dir != "" {
			errs = append(errs, os.RemoveAll(l.dir))
		}
	}
	return errors.Join(errs...)
}

// unsynced is a file system that does not wait for the disk: nothing that a test writes outlives it.
type unsynced struct{ state.FS }

func (u unsynced) Create(name string) (state.File, error) {
	f, err := u.FS.Create(name)
	return unsyncedFile{f}, err
}

func (unsynced) SyncDir(string) error { return nil }

type unsyncedFile struct{ state.File }

func (unsyncedFile) Sync() error { return nil }
