package runtime

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	goruntime "runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"weir/exec"
	"weir/parser/diag"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/state"
)

// Clock is processing time; tests own it.
type Clock interface{ Now() time.Time }

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

// Options says how a job runs.
type Options struct {
	Connectors exec.Connectors
	// StateDir is this job's own directory. "" makes a temporary one: for interactive queries. A job without
	// checkpoints never uses it.
	StateDir string
	Log      *slog.Logger // nil: discarded
	// UntilEnd ends the job at the offsets that are the ends of its unbounded sources now.
	UntilEnd bool
	// AcceptEpoch goes on from this epoch where the rules would refuse to (--accept-epoch).
	AcceptEpoch *uint64
	// Restore is a checkpoint to start from: the path or file:// URI of its folder, or of the job's folder for
	// the newest one in it. "" for none.
	Restore string
	Clock   Clock // nil: the system's
	// Status is called about every 200 ms, and once at the end, from one goroutine.
	Status func(Status)
	// Memory is the budget of keyed state in bytes. 0: the state's share of weir.memory, or state's default.
	Memory int64
	// FS is what the state store writes through; nil: the operating system's. Tests put faults here.
	FS state.FS

	// Watch, when set, is asked for every condition of the plan, by its place in the text: what it returns, unless nil,
	// then counts the rows for which the condition is true and those for which it is not. Tasks call it from their own goroutines.
	Watch func(at diag.Span) func(true, other int)

	hook func(point string) error // tests of this package: called at every kill point
}

// Runner runs one job.
type Runner struct {
	job      *physical.Job
	o        Options
	cfg      *config.Config
	log      *slog.Logger
	clock    Clock
	restarts *restartStrategy

	durable  bool // checkpoints are on
	stateful bool // some operator keeps state
	interval time.Duration
	pause    time.Duration // least time between the end of an epoch and the next
	timeout  time.Duration // of an epoch

	stop     chan struct{} // closed by Stop
	stopOnce sync.Once
	requests chan chan checkpointResult
	probes   chan chan error

	// Of Run's goroutine, for the life of the run:
	sources     []*source
	sinks       []*sink
	lookups     map[*physical.LookupJoin]exec.LookupSpec
	searches    map[*physical.VectorSearch]exec.SearchSpec
	committing  exec.CommitterSpec // nil: no transactional sink
	store       *state.Store
	tempDir     string
	checkpoints *state.Checkpoints
	expired     int // attempts in a row that could not commit an epoch within the transaction timeout
	ran         bool

	view   view        // what Status shows
	timing atomic.Bool // see Time
}

// sink is one Sink of the plan for the life of a run.
type sink struct {
	node    *physical.Sink
	spec    exec.SinkSpec
	recover exec.SideRecoverer // nil: its writers leave no side data
}

// Summary is what a run did.
type Summary struct {
	Rows     Rows          // read and written, rows that were replayed after a failure counted again
	Epochs   int64         // committed by this run
	Epoch    exec.Epoch    // last committed one
	HasEpoch bool          // false: none was ever committed
	Attempts int           // 1 when nothing failed
	Stopped  bool          // by Stop; false: the input ended
	Took     time.Duration //
	LastTook time.Duration // from barrier to commit of the last epoch
}

// Rows counts what went in and out.
type Rows struct{ In, Out, Late, Skipped int64 }

// New checks job and the options. Nothing is opened before Run.
func New(job *physical.Job, o Options) (*Runner, error) {
	if err := checkPlan(job); err != nil {
		return nil, err
	}
	r := &Runner{job: job, o: o, cfg: job.Config, log: o.Log, clock: o.Clock,
		stop: make(chan struct{}), requests: make(chan chan checkpointResult), probes: make(chan chan error)}
	if r.cfg == nil {
		r.cfg = config.New()
	}
	if r.log == nil {
		r.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if r.clock == nil {
		r.clock = systemClock{}
	}
	r.interval = r.cfg.Duration(config.CheckpointInterval)
	r.durable = r.interval > 0
	r.pause = r.cfg.Duration("execution.checkpointing.min-pause")
	r.timeout = r.cfg.Duration(config.CheckpointTimeout)
	if r.timeout == 0 {
		r.timeout = math.MaxInt64 // '0 s' waits for ever
	}
	for n := range job.Nodes() {
		r.stateful = r.stateful || stateful(n)
	}
	var err error
	if r.restarts, err = newRestartStrategy(r.cfg, r.durable); err != nil {
		return nil, exec.Fatalf("correct the setting", "read the restart strategy", err)
	}
	r.lookups = map[*physical.LookupJoin]exec.LookupSpec{}
	r.searches = map[*physical.VectorSearch]exec.SearchSpec{}
	r.view.init(job.Name)
	return r, nil
}

// Stop ends the job gracefully: the sources stop reading, a last epoch is committed, Run returns. Windows stay
// open for the next start. Any goroutine, any number of times, also before Run.
func (r *Runner) Stop() { r.stopOnce.Do(func() { close(r.stop) }) }

func (r *Runner) stopping() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

// errStopped ends an attempt that Stop caught before it ran.
var errStopped = errors.New("stopped before the job ran")

// Run runs the job until its input ends, Stop, the end of ctx, or a failure that the restart
// strategy does not mend. It is called once. When ctx ends it leaves at once: the last committed epoch stands, what came
// after it will be replayed. The error then is ctx's cause.
func (r *Runner) Run(ctx context.Context) (Summary, error) {
	if r.ran {
		return Summary{}, bug(r.job.Name, "a Runner runs once")
	}
	r.ran = true
	began := r.clock.Now()
	endStatus := r.publish()
	if n := r.cfg.Int("execution.checkpointing.tolerable-failed-checkpoints"); n > 0 {
		r.log.Warn("execution.checkpointing.tolerable-failed-checkpoints has no effect: after a checkpoint that fails the job goes back to the last one that did not", "job", r.job.Name)
	}
	err := r.open()
	attempts := 0
	if err == nil {
		for {
			attempts++
			r.view.attempt(attempts)
			if attempts > 1 {
				r.log.Info("job restarts", "job", r.job.Name, "attempt", attempts)
			}
			r.restarts.begin(r.clock.Now())
			if err = r.attempt(ctx); err == nil || !r.again(ctx, &err, attempts) {
				break
			}
		}
	}
	if errors.Is(err, errStopped) {
		err = nil
	}
	if cerr := r.close(err == nil); err == nil {
		err = cerr
	}
	r.view.end(err, r.stopping())
	endStatus()
	sum := r.view.summary()
	sum.Attempts, sum.Took = attempts, r.clock.Now().Sub(began)
	sum.Stopped = r.stopping() && !r.view.inputEnded()
	return sum, err
}

// again decides what follows on the failure *err and waits for the pause of the restart strategy. Where
// nothing follows it leaves in *err what Run is to return.
func (r *Runner) again(ctx context.Context, err *error, attempts int) bool {
	if errors.Is(*err, errStopped) || ctx.Err() != nil {
		return false
	}
	r.view.failed(*err)
	if in := (*InternalError)(nil); errors.As(*err, &in) {
		r.log.Debug("internal error", "job", r.job.Name, "operator", in.Operator, "stack", string(in.Stack))
	}
	if reactionTo(*err) != reactRestart {
		return false
	}
	if r.stopping() {
		*err = fmt.Errorf("stop the job: the last epoch could not be committed, what came after epoch %s is replayed at the next start: %w", r.view.committed(), *err)
		return false
	}
	delay, ok, why := r.restarts.failed(r.clock.Now())
	if !ok {
		if why != "" {
			*err = fmt.Errorf("%w (given up after %d attempts: %s)", *err, attempts, why)
		}
		return false
	}
	r.view.state(StateRestarting)
	r.log.Warn("job failed, it will restart from its last committed epoch", "job", r.job.Name, "error", *err,
		"attempt", attempts, "pause", delay, "epoch", r.view.committed())
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.stop:
		*err = errStopped
		return false
	case <-ctx.Done():
		*err = context.Cause(ctx)
		return false
	}
	return true
}

// open makes what lives as long as the run: the specs of sources and sinks.
func (r *Runner) open() error {
	if r.o.Connectors == nil {
		return bug(r.job.Name, "no connectors")
	}
	for n := range r.job.Nodes() {
		var err error
		switch n := n.(type) {
		case *physical.LookupJoin:
			err = r.openLookup(n)
		case *physical.VectorSearch:
			err = r.openSearch(n)
		case *physical.Sink:
			err = r.openSink(n)
		default:
			err = r.openSource(n)
		}
		if err != nil {
			return err
		}
	}
	if r.committing != nil && !r.durable {
		return exec.Fatalf("SET 'execution.checkpointing.interval' = '5 s'", "start job "+r.job.Name,
			errors.New("a sink is exactly-once, and the job makes no checkpoints"))
	}
	return nil
}

func (r *Runner) openSource(n physical.Node) error {
	s := &source{id: n.Base().ID}
	switch n := n.(type) {
	case *physical.Scan:
		spec, err := r.o.Connectors.Source(n, r.cfg, r.log)
		if err != nil {
			return fmt.Errorf("open table %s: %w", n.Table.Name, err)
		}
		s.scan, s.spec, s.table = n, spec, n.Table.Name
	case *physical.Values:
		s.spec, s.table = &valuesSource{n}, "VALUES"
	default:
		return nil
	}
	s.node = n
	r.sources = append(r.sources, s)
	s.ends, s.keepsDone = s.spec.Bounded(), true
	if r.o.UntilEnd && !s.ends {
		e, ok := s.spec.(exec.EndBounder)
		if !ok {
			return exec.Fatalf("leave --until end out and stop the job with Ctrl-C, or bound the table by its own options",
				"bound table "+s.table, fmt.Errorf("the connector '%s' cannot read up to the end of now: its table has none", s.scan.Table.Connector))
		}
		e.UntilEnd()
		s.ends, s.keepsDone = true, false
	}
	return nil
}

func (r *Runner) openSink(n *physical.Sink) error {
	spec, err := r.o.Connectors.Sink(n, r.cfg, r.log)
	if err != nil {
		return fmt.Errorf("open table %s: %w", n.Table.Name, err)
	}
	s := &sink{node: n, spec: spec}
	s.recover, _ = spec.(exec.SideRecoverer)
	r.sinks = append(r.sinks, s)
	t := spec.Transactional()
	switch {
	case t == nil:
	case r.committing == nil:
		r.committing = t
	default:
		if err := r.committing.Join(t); err != nil {
			return fmt.Errorf("table %s: %w", n.Table.Name, err)
		}
	}
	return nil
}

// close ends what open and the attempts made.
func (r *Runner) close(ok bool) error {
	var errs []error
	if ok && r.checkpoints != nil && r.stopping() && r.cfg.String(config.CheckpointRetention) == "DELETE_ON_CANCELLATION" {
		if err := r.checkpoints.DeleteAll(); err != nil {
			errs = append(errs, fmt.Errorf("delete the job's checkpoints: %w", err))
		}
	}
	for _, s := range slices.Backward(r.sinks) {
		if err := s.spec.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close table %s: %w", s.node.Table.Name, err))
		}
	}
	for _, s := range r.sources {
		if err := s.spec.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close table %s: %w", s.table, err))
		}
	}
	for n, s := range r.lookups {
		if err := s.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close table %s: %w", n.Lookup.Table.Name, err))
		}
	}
	for n, s := range r.searches {
		if err := s.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close table %s: %w", n.Lookup.Table.Name, err))
		}
	}
	return errors.Join(append(errs, r.closeStore())...)
}

func (r *Runner) closeStore() error {
	var errs []error
	if r.store != nil {
		if err := r.store.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close the state directory: %w", err))
		}
		r.store = nil
	}
	if r.tempDir != "" {
		if err := os.RemoveAll(r.tempDir); err != nil {
			errs = append(errs, fmt.Errorf("remove the temporary state: %w", err))
		}
		r.tempDir = ""
	}
	return errors.Join(errs...)
}

// groups is the number of key groups of the job.
func (r *Runner) groups() int {
	if n := r.cfg.Int(config.MaxParallelism); n > 0 {
		return n
	}
	return state.KeyGroups
}

func (r *Runner) parallelism() int { return Parallelism(r.cfg) }

// Parallelism is parallelism.default, by default the number of processors.
func Parallelism(c *config.Config) int {
	if n := c.Int(config.Parallelism); n > 0 {
		return n
	}
	return goruntime.GOMAXPROCS(0)
}

// randomID is 32 hex digits.
func randomID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
