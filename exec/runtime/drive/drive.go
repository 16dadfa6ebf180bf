// Package drive runs one job in a world in memory (package runtimetest), moved by a test step by step: `weir test` and the conformance
// corpus stand on it.
package drive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"weir/exec/runtime"
	"weir/exec/runtime/runtimetest"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/state"
)

// Job is one job in a world of its own: rows are handed to it one after the other, and it is
// killed, stopped and started again in between. The world outlives the job's deaths. Tables have one split and
// end when End says so. Its methods are called from one goroutine.
type Job struct {
	World *runtimetest.World
	// Scans is how often the job reads each table.
	Scans map[string]int
	// Ended is whether the job has come to an end by itself.
	Ended bool

	plan *physical.Job
	o    Options
	dir  string // of the state; empty without checkpoints
	last string // the table that was fed last
	// looked has the tables that are asked for rows: what they were given so far is what they hold.
	looked map[string]bool

	runner *runtime.Runner // nil: it does not run
	ctx    context.Context // ends with the runner
	cancel context.CancelCauseFunc
	done   chan struct{}
	err    error // how Run ended; after done
}

// Options is how a job is run.
type Options struct {
	// Durable jobs keep state in a folder and make epochs when Checkpoint asks for one. Others show what they write at once, and cannot
	// go on after a death.
	Durable bool
	// Options are handed to the runner; connectors, state and memory are the Job's own.
	Options runtime.Options
}

// Causes of the end of a job that are no failures.
var (
	errKilled = errors.New("killed by the test")
	errEnded  = errors.New("the job has ended")
)

// New makes the world of a job. Start starts it.
func New(plan *physical.Job, o Options) (*Job, error) {
	j := &Job{World: runtimetest.New(), Scans: map[string]int{}, looked: map[string]bool{}, plan: plan, o: o}
	j.World.BatchRows = 1 // whether a row is late is up to the rows before it
	if o.Options.Clock != nil {
		j.World.Now = o.Options.Clock.Now
	}
	j.World.Guarantee = func(*catalog.Table) string {
		if o.Durable {
			return "exactly-once"
		}
		return "none"
	}
	for n := range plan.Nodes() {
		switch n := n.(type) {
		case *physical.Scan:
			j.Scans[n.Table.Name]++
		case *physical.LookupJoin:
			j.looked[n.Lookup.Table.Name] = true
		case *physical.VectorSearch:
			j.looked[n.Lookup.Table.Name] = true
		}
	}
	for t := range j.Scans {
		j.World.Table(t, true, 1)
		j.World.Hold(t)
	}
	for t := range j.looked {
		if j.Scans[t] == 0 {
			j.World.Table(t, true, 1)
		}
	}
	if o.Durable {
		dir, err := os.MkdirTemp(scratch(), "weir-test-")
		if err != nil {
			return nil, fmt.Errorf("make a folder for the state of the test: %w", err)
		}
		j.dir = dir
	}
	return j, nil
}

// scratch is where tests keep state: in memory where the system offers a folder there, which no sync makes wait.
var scratch = sync.OnceValue(func() string {
	const shm = "/dev/shm"
	if free, err := state.OS().Free(shm); err == nil && free > 1<<30 {
		return shm
	}
	return ""
})

// replay stands for a table that was fed last: what was not committed is read again after a death, before what comes then.
const replay = "\x00"

// Start starts the job, for the first time or again, unless it runs or has ended.
func (j *Job) Start(ctx context.Context, parallelism int) error {
	if j.runner != nil || j.Ended {
		return nil
	}
	cfg := j.plan.Config.Clone()
	interval := "0 ms"
	if j.o.Durable {
		interval = "24 h" // epochs are the test's
	}
	for _, kv := range [][2]string{{config.CheckpointInterval, interval}, {config.RestartStrategy, "none"}, {config.Parallelism, fmt.Sprint(parallelism)}} {
		if err := cfg.Set(kv[0], kv[1], config.FromFlag); err != nil {
			return err
		}
	}
	cfg.Reset(config.CheckpointDir)
	job := *j.plan
	job.Config = cfg
	o := j.o.Options
	o.Connectors, o.FS, o.Memory = j.World, unsynced{state.OS()}, 8<<20
	if j.o.Durable {
		o.StateDir = filepath.Join(j.dir, "state")
	}
	r, err := runtime.New(&job, o)
	if err != nil {
		return err
	}
	j.last = ""
	if j.done != nil {
		j.last = replay
	}
	j.runner, j.done = r, make(chan struct{})
	j.ctx, j.cancel = context.WithCancelCause(ctx)
	go func() {
		defer close(j.done)
		_, j.err = r.Run(j.ctx)
		if j.err == nil {
			j.Ended = true
			j.cancel(errEnded)
			return
		}
		j.cancel(j.err)
	}()
	return nil
}

// over is the job's failure behind an error of waiting for it; nil where it has ended well.
func (j *Job) over(err error) error {
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}

// Settle returns when everything that the job was given has been processed.
func (j *Job) Settle() error {
	if j.runner == nil || j.Ended {
		return nil
	}
	for t, n := range j.Scans {
		if err := j.World.AwaitRead(j.ctx, t, n); err != nil {
			return j.over(err)
		}
	}
	return j.over(j.runner.Settle(j.ctx))
}

// Die ends the job as a crash does, after it has settled; what is not committed is lost.
func (j *Job) Die() error {
	if j.runner == nil {
		return nil
	}
	if err := j.Settle(); err != nil {
		return err
	}
	j.cancel(errKilled)
	<-j.done
	j.runner = nil
	if j.err != nil && !errors.Is(j.err, errKilled) {
		return j.err
	}
	return nil
}

// Stop ends the job as SIGTERM does: with a last epoch.
func (j *Job) Stop() error {
	if j.runner == nil || j.Ended {
		return nil
	}
	if err := j.Settle(); err != nil {
		return err
	}
	j.runner.Stop()
	<-j.done
	if j.err != nil {
		return j.err
	}
	j.runner, j.Ended = nil, false
	return nil
}

// Feed hands entries to a table of the job. Rows of one table are processed in order anyway; before those of another one the job
// comes to rest, so that tests say in which order rows of several tables come. A table that the job does not read is passed over.
func (j *Job) Feed(table string, xs ...runtimetest.Entry) error {
	n := j.Scans[table]
	if n == 0 && !j.looked[table] {
		return nil
	}
	if j.last != "" && (j.last != table || n > 1 || j.looked[table]) {
		if err := j.Settle(); err != nil {
			return err
		}
	}
	j.last = table
	j.World.Give(table, 0, xs...)
	return nil
}

// Checkpoint commits what the job has done so far.
func (j *Job) Checkpoint() error {
	if err := j.Settle(); err != nil || j.runner == nil || j.Ended {
		return err
	}
	if _, err := j.runner.Checkpoint(j.ctx); err != nil {
		return j.over(context.Cause(j.ctx))
	}
	return nil
}

// Wake makes the job look at its tables and the clock at once.
func (j *Job) Wake() {
	for t := range j.Scans {
		j.World.Wake(t)
	}
}

// End ends the tables, and returns when the job has ended.
func (j *Job) End() error {
	for t := range j.Scans {
		j.World.End(t)
	}
	<-j.done
	return j.err
}

// Close ends what still runs and removes the state.
func (j *Job) Close() error {
	if j.runner != nil {
		j.cancel(errKilled)
		<-j.done
	}
	if j.dir == "" {
		return nil
	}
	return os.RemoveAll(j.dir)
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
