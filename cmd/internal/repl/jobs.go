package repl

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/exec"
	"weir/exec/runtime"
	"weir/parser/ast"
	"weir/planner/config"
	"weir/planner/explain"
	"weir/planner/physical"
	"weir/state"
)

// job is an INSERT or a statement set that runs, or has run, in this shell.
type job struct {
	id      string
	name    string
	plan    *physical.Job
	dir     string // of its local state; "" keeps none behind
	runner  *runtime.Runner
	sampled atomic.Pointer[runtime.Status] // the last one, with its rates
	started time.Time
	durable bool // it makes checkpoints
	cancel  context.CancelFunc
	done    chan struct{} // closed when Run has returned
	// Written before done is closed.
	summary runtime.Summary
	err     error
}

// last says what happens to the job when it is stopped; nothing special to one without checkpoints.
func (j *job) last() string {
	if j.durable {
		return ": a last checkpoint is taken and committed"
	}
	return ""
}

func (j *job) ended() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// status is the word that SHOW JOBS shows, Flink's.
func (j *job) status() string {
	st := j.runner.Status()
	if j.ended() {
		switch {
		case j.err != nil:
			return "FAILED"
		case j.summary.Stopped:
			return "STOPPED"
		}
		return "FINISHED"
	}
	switch st.State {
	case runtime.StateStarting:
		return "STARTING"
	case runtime.StateStopping:
		return "STOPPING"
	case runtime.StateRestarting:
		return "RESTARTING"
	}
	return "RUNNING"
}

// jobs is the jobs of a shell. The shell's goroutine starts and stops them; each runs in its own.
type jobs struct {
	list []*job
	wg   sync.WaitGroup
}

// start runs j in the background; ended is called from its goroutine when it has ended.
func (s *Shell) start(j *physical.Job, ended func(*job)) (*job, error) {
	for _, other := range s.jobs.list {
		if other.name == j.Name && !other.ended() {
			return nil, &refusal{
				fmt.Sprintf("a job called %s runs already, as job %s", j.Name, other.id),
				fmt.Sprintf("stop it with STOP JOB '%s', or SET 'pipeline.name' to another name", other.name),
			}
		}
	}
	if err := s.o.Prepare(j); err != nil {
		return nil, err
	}
	dir := ""
	if s.bounded(j) {
		j = ownRun(j)
	} else {
		var err error
		if dir, err = s.o.StateDir(j); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &job{id: itoa(len(s.jobs.list) + 1), name: j.Name, plan: j, dir: dir, started: time.Now(), cancel: cancel, done: make(chan struct{}),
		durable: j.Config.Duration(config.CheckpointInterval) > 0}
	r, err := runtime.New(j, runtime.Options{
		Connectors: s.connectors, StateDir: dir, Log: s.log.With("job", j.Name), UntilEnd: s.o.UntilEnd, Memory: s.o.Memory,
		Status: func(st runtime.Status) { run.sampled.Store(&st) },
	})
	if err != nil {
		cancel()
		return nil, err
	}
	run.runner = r
	s.jobs.list = append(s.jobs.list, run)
	s.jobs.wg.Add(1)
	go func() {
		defer s.jobs.wg.Done()
		defer cancel()
		run.summary, run.err = r.Run(ctx)
		close(run.done)
		ended(run)
	}()
	return run, nil
}

// ownRun is a bounded job as a run of its own. A job that is named is continued where it was stopped; but an INSERT of a
// few rows that is entered twice is to write them twice. So it keeps no state behind, and its transactions have
// an id of their own: those of the table may belong to a job whose state is elsewhere.
func ownRun(j *physical.Job) *physical.Job {
	var random [6]byte
	rand.Read(random[:]) //nolint:errcheck // it never fails
	run := *j
	run.Sinks = make([]*physical.Sink, len(j.Sinks))
	for i, s := range j.Sinks {
		sink, table := *s, *s.Table
		if o := table.Options.Lookup(transactionPrefix); o != nil {
			own := *o
			own.Value += "sql-" + hex.EncodeToString(random[:]) + "-"
			table.Options = append(slices.Clone(table.Options), own)
		}
		sink.Table = &table
		run.Sinks[i] = &sink
	}
	return &run
}

// transactionPrefix is the option that names a sink's transactions.
const transactionPrefix = "sink.transactional-id-prefix"

// insert runs an INSERT or a statement set: as a background job from a person, to its end in a script, unless
// 'table.dml-sync' says otherwise.
func (s *Shell) insert(j *physical.Job) error {
	sync := !s.o.Interactive
	if j.Config.IsSet("table.dml-sync") {
		sync = j.Config.Bool("table.dml-sync")
	}
	if sync {
		run, err := s.start(j, func(*job) {})
		if err != nil {
			return err
		}
		return s.wait(run)
	}
	run, err := s.start(j, s.announce)
	if err != nil {
		return err
	}
	s.note(fmt.Sprintf("job %s (%s) is running; SHOW JOBS lists it, STOP JOB '%s' stops it", run.id, run.name, run.name))
	return nil
}

// wait waits for a job of the foreground. The first interrupt stops it with a last checkpoint, the second leaves at once.
func (s *Shell) wait(run *job) error {
	interrupted := false
	done := s.foreground(func(n int) {
		interrupted = true
		if n > 1 {
			run.cancel()
			return
		}
		s.note("stopping " + run.name + run.last())
		run.runner.Stop()
	})
	<-run.done
	done()
	if run.err != nil && !(interrupted && errors.Is(run.err, context.Canceled)) {
		return run.err
	}
	s.note(s.o.Summary(run.name, run.summary))
	if interrupted {
		return errInterrupted
	}
	return nil
}

// announce says how a background job ended.
func (s *Shell) announce(run *job) {
	switch {
	case run.err == nil:
		s.note("job " + run.id + " " + s.o.Summary(run.name, run.summary))
	case errors.Is(run.err, context.Canceled):
	default:
		s.o.ShowError(s.talk, fmt.Errorf("job %s (%s): %w", run.id, run.name, run.err))
		s.failed.CompareAndSwap(nil, &run.err)
	}
}

// showJobs is SHOW JOBS.
func (s *Shell) showJobs() error {
	rows := make([][]string, 0, len(s.jobs.list))
	for _, j := range s.jobs.list {
		st := j.runner.Status()
		epoch := "NULL"
		if st.HasEpoch {
			epoch = fmt.Sprint(st.Epoch)
		}
		rows = append(rows, []string{
			j.id, j.name, j.status(), since(j.started),
			fmt.Sprint(st.Rows.In), fmt.Sprint(st.Rows.Out), epoch,
		})
	}
	return s.rows([]string{"job id", "job name", "status", "start time", "rows in", "rows out", "epoch"}, rows)
}

// job is the job of that id, or of that name: the newest, should there have been several. nil: none.
func (s *Shell) job(name string) *job {
	for _, j := range s.jobs.list {
		if j.id == name {
			return j
		}
	}
	for _, j := range slices.Backward(s.jobs.list) {
		if j.name == name {
			return j
		}
	}
	return nil
}

// jobNames is the names of the jobs, each once, those that run before the others.
func (s *Shell) jobNames() (names []string) {
	for _, ended := range []bool{false, true} {
		for _, j := range s.jobs.list {
			if j.ended() == ended && !slices.Contains(names, j.name) {
				names = append(names, j.name)
			}
		}
	}
	return names
}

// noJob is the refusal of a name that no job has.
func (s *Shell) noJob(name string) error {
	var ids []string
	for _, j := range s.jobs.list {
		if !j.ended() {
			ids = append(ids, "'"+j.name+"' (job "+j.id+")")
		}
	}
	help := "no job is running here"
	if len(ids) > 0 {
		help = "running: " + strings.Join(ids, ", ")
	}
	return &refusal{fmt.Sprintf("there is no job '%s' in this shell", name), help}
}

// describeJob is DESCRIBE JOB: what is known of it, then its plan.
func (s *Shell) describeJob(name string) error {
	j := s.job(name)
	if j == nil {
		return s.noJob(name)
	}
	st := j.runner.Status()
	if last := j.sampled.Load(); last != nil && !j.ended() {
		st.InRate, st.OutRate = last.InRate, last.OutRate
	}
	var rows [][]string
	add := func(what, format string, args ...any) {
		rows = append(rows, []string{what, fmt.Sprintf(format, args...)})
	}
	add("job id", "%s", j.id)
	add("job name", "%s", j.name)
	add("status", "%s", j.status())
	add("start time", "%s", j.started.Format("2006-01-02 15:04:05"))
	add("rows in", "%d (%.0f/s)", st.Rows.In, st.InRate)
	add("rows out", "%d (%.0f/s)", st.Rows.Out, st.OutRate)
	if st.Rows.Late > 0 {
		add("late rows dropped", "%d", st.Rows.Late)
	}
	if st.Rows.Skipped > 0 {
		add("records skipped", "%d", st.Rows.Skipped)
	}
	if st.Lag >= 0 {
		add("lag", "%s", plural(int(st.Lag), "record"))
	}
	if w := st.Watermark; w != exec.MinWatermark && w != exec.MaxWatermark {
		add("watermark", "%s", eventTime(w))
	}
	for _, o := range st.Operators {
		if p := sourceProgress(o); p != "" {
			add("watermark of "+o.Table, "%s", p)
		}
	}
	switch {
	case !j.durable:
		add("epoch", "none: 'execution.checkpointing.interval' is not set")
	case !st.HasEpoch:
		add("epoch", "none is committed yet")
	default:
		add("epoch", "%d", st.Epoch)
	}
	if !st.LastCommit.IsZero() {
		add("last commit", "%s, took %s", st.LastCommit.Format("2006-01-02 15:04:05"), seconds(st.CommitTook))
	}
	if j.dir != "" {
		add("state directory", "%s", j.dir)
	}
	if st.Attempt > 1 {
		add("attempts", "%d", st.Attempt)
	}
	switch {
	case j.ended() && j.err != nil && !errors.Is(j.err, context.Canceled):
		add("failure", "%v", j.err)
	case st.LastFailure != "":
		add("last failure", "%s", st.LastFailure)
	}
	return s.paged(func() error {
		if err := s.list([]string{"what", "value"}, rows); err != nil {
			return err
		}
		_, err := fmt.Fprint(s.stdout(), strings.TrimRight(explain.Text(j.plan, nil), "\n")+"\n")
		return err
	})
}

func eventTime(w exec.Watermark) string {
	return time.UnixMicro(int64(w)).UTC().Format("2006-01-02 15:04:05.000")
}

// sourceProgress is how far the event time of a source is, which of its splits holds it back, and how many do not count or wait; empty for a source
// without a watermark and for all that is none.
func sourceProgress(o runtime.OperatorStatus) string {
	if o.Slowest.ID == "" && o.Silent == 0 && o.Paused == 0 {
		return ""
	}
	parts := []string{"none yet"}
	if w := o.Watermark; w != exec.MinWatermark && w != exec.MaxWatermark {
		parts[0] = eventTime(w)
	}
	if s := o.Slowest; s.ID != "" && o.Splits > 1 {
		if s.Watermark == exec.MinWatermark {
			parts = append(parts, s.ID+" has had no record")
		} else {
			parts = append(parts, s.ID+" is the slowest")
		}
	}
	if o.Silent > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d idle", o.Silent, o.Splits))
	}
	if o.Paused > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d waiting for the alignment group", o.Paused, o.Splits))
	}
	return strings.Join(parts, ", ")
}

// since is when something began: the time alone when that was within a day.
func since(at time.Time) string {
	if time.Since(at) < 24*time.Hour {
		return at.Format("15:04:05")
	}
	return at.Format("2006-01-02 15:04:05")
}

// stopJob is STOP JOB. A savepoint is the last checkpoint, where there is a directory that keeps it.
func (s *Shell) stopJob(st *ast.StopJob) error {
	name := st.Job.Value
	if st.Drain {
		return &refusal{
			"STOP JOB WITH DRAIN is not supported",
			fmt.Sprintf("write STOP JOB '%s': open windows are kept in a last checkpoint, and the next start goes on with them", name),
		}
	}
	j := s.job(name)
	if j == nil {
		return s.noJob(name)
	}
	if j.ended() {
		s.note("job " + j.id + " (" + j.name + ") has ended already")
		return nil
	}
	dir := j.plan.Config.String(config.CheckpointDir)
	if st.Savepoint {
		switch {
		case !j.durable || j.dir == "":
			return &refusal{"job " + j.name + " makes no checkpoints that could be its savepoint",
				fmt.Sprintf("STOP JOB '%s' stops it; SET 'execution.checkpointing.interval' and '%s' before the INSERT", name, config.CheckpointDir)}
		case dir == "":
			return &refusal{"job " + j.name + " has no checkpoint directory to leave a savepoint in",
				fmt.Sprintf("STOP JOB '%s' takes a last checkpoint too, in %s; SET '%s' before the INSERT for one that can be moved", name, j.dir, config.CheckpointDir)}
		case j.plan.Config.String(config.CheckpointRetention) == "DELETE_ON_CANCELLATION":
			return &refusal{"'" + config.CheckpointRetention + "' = 'DELETE_ON_CANCELLATION' deletes what would be the savepoint",
				"SET it to 'RETAIN_ON_CANCELLATION' before the INSERT"}
		}
	}
	s.note("stopping " + j.name + j.last())
	j.runner.Stop()
	done := s.foreground(func(int) { j.cancel() })
	<-j.done
	done()
	if j.err != nil {
		return nil // announce has said it
	}
	if st.Savepoint {
		return s.showSavepoint(j, dir)
	}
	return nil
}

// showSavepoint shows where the last checkpoint of a stopped job is.
func (s *Shell) showSavepoint(j *job, dir string) error {
	checkpoints, err := state.OpenCheckpoints(dir, j.name, 1, nil)
	if err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(checkpoints.Dir(), fmt.Sprintf("chk-%d-*", j.summary.Epoch)))
	if err != nil || len(found) == 0 {
		return &refusal{fmt.Sprintf("the last checkpoint is not in %s", checkpoints.Dir()), "start the job again: it goes on from " + j.dir}
	}
	return s.rows([]string{"savepoint path"}, [][]string{{found[0]}})
}

// leave stops all jobs that run, each with a last checkpoint, and waits for them. A second interrupt leaves at once.
func (s *Shell) leave() {
	running, last := 0, ""
	for _, j := range s.jobs.list {
		if !j.ended() {
			running++
			last = max(last, j.last())
		}
	}
	if running > 0 {
		s.note(fmt.Sprintf("stopping %s%s (^C leaves at once)", plural(running, "job"), last))
	}
	for _, j := range s.jobs.list {
		j.runner.Stop()
	}
	done := s.foreground(func(int) {
		for _, j := range s.jobs.list {
			j.cancel()
		}
	})
	s.jobs.wg.Wait()
	done()
}

// waitAll waits for the background jobs of a script; an interrupt stops them.
func (s *Shell) waitAll() error {
	interrupted := false
	done := s.foreground(func(n int) {
		interrupted = true
		for _, j := range s.jobs.list {
			j.runner.Stop()
			if n > 1 {
				j.cancel()
			}
		}
	})
	s.jobs.wg.Wait()
	done()
	if interrupted {
		return errInterrupted
	}
	if err := s.failed.Load(); err != nil {
		return &shownError{*err}
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// was is a number of things with its verb.
func was(n int, one, more string) string {
	if n == 1 {
		return "1 " + one + " was"
	}
	return fmt.Sprintf("%d %s were", n, more)
}
