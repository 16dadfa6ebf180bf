// Package exec runs a physical plan. This file is the contract between its parts: the
// operators, the sources and sinks that package connectors implements, and the commit point
// of a job. Sub-packages: batch (rows), expr (compiled expressions), op (operators), runtime
// (tasks, channels, barriers, the checkpoint coordinator and recovery).
package exec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/state"
)

// Epoch numbers the checkpoints of a job: 0 is made before the first record is read.
type Epoch = state.Epoch

// Watermark is an event time in microseconds (of TIMESTAMP's or TIMESTAMP_LTZ's own clock):
// no row with an earlier or equal event time is still expected. It never falls.
type Watermark int64

// The ends of the watermark's range.
const (
	MinWatermark Watermark = math.MinInt64 // nothing known
	MaxWatermark Watermark = math.MaxInt64 // the bounded input has ended: close every window
)

// Emitter takes what an operator puts out. It is called from the task's goroutine only.
type Emitter interface {
	// Emit hands b to the next operator. b is borrowed for the call.
	Emit(b *batch.Batch) error
}

// TaskContext is what an operator or sink may know of the task it runs in.
type TaskContext struct {
	// Ctx ends with the attempt. Whatever blocks in Process, Write or Poll (a full buffer, a
	// broker that is away) returns with an error when it is done.
	Ctx context.Context
	// Answers ends with Ctx, and soon after the job is told to stop: by it waits who asks others that may never answer (a schema
	// registry, a table that is looked up), lest the last checkpoint wait for them. Its cause is then ErrNoAnswer. nil: use Ctx; Asking does.
	Answers     context.Context
	Job         string // pipeline.name
	Operator    string // stable id of the plan node, also the prefix of its state tables
	Subtask     int    // 0 .. Parallelism-1
	Parallelism int
	KeyGroups   state.KeyGroupRange // this subtask's share of the key groups
	Config      *config.Config
	Log         *slog.Logger
	Metrics     *Metrics // of this subtask of the operator
	// Late takes rows of each input of an operator that come behind the watermark: positions of in, which is borrowed. nil: they are
	// dropped. An operator calls DropLate.
	Late [2]func(in *batch.Batch, rows []int32, wm Watermark) error
}

// Asking is the context by which to ask others.
func (c *TaskContext) Asking() context.Context {
	if c.Answers != nil {
		return c.Answers
	}
	return c.Ctx
}

// DropLate counts rows of an input, 0 or 1, that come behind the watermark, and hands them to the table of late rows where there is one. They
// are positions of in, whatever is selected of it.
func (c *TaskContext) DropLate(input int, in *batch.Batch, rows []int32, wm Watermark) error {
	if len(rows) == 0 {
		return nil
	}
	if c.Metrics != nil {
		c.Metrics.Late.Add(int64(len(rows)))
	}
	if c.Late[input] == nil {
		return nil
	}
	return c.Late[input](in, rows, wm)
}

// Operator is one step of a running job. The runtime drives it from one goroutine.
//
// Order of calls: Open, then any mix of Process, Watermark and Snapshot, then Close. Close
// may come at any time, also before Open, and more than once.
type Operator interface {
	// Open binds the operator to its state. After a restore the state already holds the
	// entries of the snapshot; Open must not assume an empty store.
	Open(ctx *TaskContext, st state.Scope) error

	// Process consumes in and may emit through out. It must not keep in or anything it
	// points to: its memory is reused after Process returns.
	Process(in *batch.Batch, out Emitter) error

	// Watermark promises that no row with an earlier or equal event time will follow on this
	// input. Rows due are emitted before it returns; the runtime forwards the watermark after.
	Watermark(wm Watermark, out Emitter) error

	// Snapshot is called between batches, before the state of epoch is frozen. Everything the
	// operator knows must be in its state when Snapshot returns; what it buffers it emits first.
	Snapshot(epoch Epoch, out Emitter) error

	Close() error
}

// TwoInput is an Operator with two inputs: Process takes the rows of the first, ProcessRight those of the second, in
// whatever order they come. Watermark is the least of both.
type TwoInput interface {
	Operator
	ProcessRight(in *batch.Batch, out Emitter) error
}

// ProcessingTimer is an Operator that works by processing time. The runtime tells it the time before each batch and each
// barrier, and when NextTimer is reached. Within a task all such operators are told one time, in the order in which rows go through
// them: what one puts out at its timer is with the next one before that is told. After the end of the input no
// time is told any more: what waits then never goes out, as in Flink.
type ProcessingTimer interface {
	Operator
	// ProcessingTime says that it is now, in microseconds since 1970; it never falls. What is due goes out before it returns. fired
	// reports that anything was due, which makes the next epoch worth making.
	ProcessingTime(now int64, out Emitter) (fired bool, err error)
	// NextTimer is when something will be due; math.MaxInt64: nothing waits.
	NextTimer() int64
}

// Holder is implemented by an Operator that holds rows back, not in its state, although nothing says that more of them will come. Idle says that no
// watermark is to be expected for now: it puts them out, lest others' watermarks overtake them.
type Holder interface{ Idle(out Emitter) error }

// Restorer is implemented by an Operator that has rows wait behind the watermark for the next one. After a restore the runtime tells it the
// watermark of the restored epoch by Restored, before any row, and other operators by Watermark. Nothing is put out: what waited then
// waits on, as it would have if the job had not been restored, so that which rows are late is not up to checkpoints.
type Restorer interface{ Restored(wm Watermark) }

// WatermarkDelayer is implemented by an Operator that may put out rows whose times are older than its input's watermark,
// by at most so many microseconds: the runtime forwards watermarks that much earlier. It is asked once, after Open.
type WatermarkDelayer interface{ WatermarkDelay() int64 }

// Split is one independently readable part of a source: a topic partition, a file, a generator's share.
type Split struct {
	ID    string // stable: "topic_1-3", a path
	State []byte // the connector's own encoding of the position: the next record to read
}

// SplitState is a split as a checkpoint keeps it.
type SplitState struct {
	Split
	Watermark Watermark // of this split alone
	Done      bool      // bounded split, read to its end
}

// SourceSpec makes the parts of one source of a plan. Connectors implement it.
//
// One spec serves all attempts of a run. At the start of an attempt the runtime calls Discover,
// then Reader for every subtask, and spreads the splits over the readers; then Discover every
// DiscoveryInterval and Committed after committed epochs. Discover and Committed never run beside one
// another; Committed may skip epochs when the next one is committed before it could be called.
type SourceSpec interface {
	// Discover resolves the splits that exist now. known holds the splits of the restored or
	// running job (nil at the very first start: start positions follow the table's start-up
	// options; afterwards a new split starts at its beginning). It returns splits not in known.
	// At a restore it also validates known: a topic that was recreated is refused here.
	Discover(ctx context.Context, known []Split) ([]Split, error)
	// DiscoveryInterval is how often to look for new splits; 0: never.
	DiscoveryInterval() time.Duration
	// Bounded reports whether every split ends by itself.
	Bounded() bool
	// Reader makes the reader of one subtask.
	Reader(ctx *TaskContext) (SourceReader, error)
	// Committed is told the positions of a committed epoch, for side effects such as the user's
	// consumer group. An error is logged with a counter, it never stops the job.
	Committed(ctx context.Context, epoch Epoch, splits []Split) error
	Close() error
}

// EndBounder is implemented by a SourceSpec whose unbounded table can be read up to where it
// ends now (weir run --until end). A job that is to end so is refused when an unbounded
// source of it does not implement it.
//
// UntilEnd is called once, before the first Discover of the process. The spec then resolves
// the end of every split, known ones too, in that Discover, keeps the ends for the life of the process (a spec
// outlives a failed attempt; Discover may then come again with splits known from the last committed epoch), and
// its readers report a split in Done when it is read up to its end. No split is looked for while the job runs; one that the Discover of a later
// attempt finds has the end of then.
type EndBounder interface{ UntilEnd() }

// SplitRun says that rows From .. To-1 of a batch come from one split.
type SplitRun struct {
	Split    int // index into the reader's splits, in the order they were added
	From, To int
}

// SourceBatch is what a reader puts out: rows and where they come from, runs ascending.
type SourceBatch struct {
	Batch *batch.Batch
	Runs  []SplitRun
}

// RowLocator is implemented by a SourceReader that can say where a row of the batch that Poll
// returned last came from, for messages: "topic_1 partition 3 offset 1042". row is a physical position.
type RowLocator interface{ Locate(row int) string }

// ProgressReader is implemented by a SourceReader that knows more of event time than its rows say. Progress is asked after
// each Poll, also after one without rows, and tells what came behind the rows of that Poll.
type ProgressReader interface{ Progress() []SplitProgress }

// SplitProgress is news of one split.
type SplitProgress struct {
	Split     int       // index into the reader's splits, in the order they were added
	Watermark Watermark // MinWatermark: nothing new
	Idle      bool      // the split is idle until its next row
}

// SourceReader reads the splits of one subtask. It is driven from the task's goroutine, but
// for Wake.
type SourceReader interface {
	// AddSplits gives it further splits, from their positions on.
	AddSplits(splits []Split) error
	// Poll returns the next rows in the columns of the plan's Scan, or (nil, nil) when none came
	// within wait or Wake was called. The batch belongs to the reader and is valid until the
	// next Poll.
	Poll(ctx context.Context, wait time.Duration) (*SourceBatch, error)
	// Positions is where each split would go on, behind the last row that Poll returned; in the
	// order the splits were added.
	Positions() []Split
	// Done lists the indexes of splits that were read to their end (bounded sources).
	Done() []int
	// Pause keeps Poll from reading on in a split, by its index, until it is called again with false. Rows that were taken from
	// outside before may still come, and positions stay exact. Pausing a split that is paused or done changes nothing.
	Pause(split int, paused bool) error
	// Wake makes a waiting Poll return at once. Any goroutine.
	Wake()
	Close() error
}

// Waker is the Wake of a SourceReader that waits in Go: embedded there, and received from by Poll while it waits. One that comes
// earlier is kept.
type Waker chan struct{}

// NewWaker is a Waker for one reader.
func NewWaker() Waker { return make(Waker, 1) }

// Wake implements SourceReader.
func (w Waker) Wake() {
	select {
	case w <- struct{}{}:
	default: // it has been woken already
	}
}

// SinkSpec makes the parts of one sink of a plan. Connectors implement it.
type SinkSpec interface {
	// Delivery is what the table asks for.
	Delivery() Delivery
	// Transactional names the transactional resource that rows of this sink go through, and is
	// nil for a sink without one. All non-nil committers of a job must be of one resource: the planner
	// has checked it, and Join (below) merges them.
	Transactional() CommitterSpec
	// Writer makes the writer of one subtask. c is the job's committer when Transactional is
	// not nil, and nil otherwise.
	Writer(ctx *TaskContext, c Committer) (SinkWriter, error)
	Close() error
}

// Delivery is sink.delivery-guarantee.
type Delivery uint8

// The guarantees.
const (
	DeliveryNone Delivery = iota
	AtLeastOnce
	ExactlyOnce
)

// SinkWriter takes the rows of one subtask. It is driven from the task's goroutine, but for
// Flush, Commit and Abort.
type SinkWriter interface {
	// Write encodes and hands on b, which is borrowed for the call.
	Write(b *batch.Batch) error
	// Barrier ends the epoch: rows written later belong to the next one and stay invisible and
	// unsent (exactly once) until Commit(epoch).
	Barrier(epoch Epoch) error
	// Flush returns when all rows up to Barrier(epoch) are as durable as they can be before the
	// commit: accepted by the broker, synced to a .inprogress file. It runs in a goroutine of the
	// coordinator's, beside Write and beside the Flush of other writers; ctx ends with the attempt. A job that is
	// not checkpointed gets one Barrier, Flush and Commit at its end, and where it is stopped. Side is what Commit needs to be told again after a crash (names of files to
	// rename); it is kept in the manifest; nil when nothing is to be done.
	Flush(ctx context.Context, epoch Epoch) (side []byte, err error)
	// Commit makes the epoch's side effects, after the commit point and Release; idempotent. Coordinator's goroutine.
	Commit(ctx context.Context, epoch Epoch, side []byte) error
	Close() error
}

// EpochWanter is implemented by a SinkWriter that may have something to make visible though no row has come since the last
// epoch: a file that is due. WantsEpoch is asked before an epoch with nothing new is skipped; coordinator's goroutine.
type EpochWanter interface{ WantsEpoch() bool }

// WatermarkWriter is implemented by a SinkWriter that goes by event time. Both are called from the task's goroutine, between Writes.
type WatermarkWriter interface {
	// Watermark promises that no row with an earlier or equal event time will follow.
	Watermark(wm Watermark)
	// End says that the input has ended by itself: barriers may follow, and no row. A job that is stopped has no End.
	End()
}

// SideRecoverer is implemented by a SinkSpec whose writers return side data from Flush.
type SideRecoverer interface {
	// BeforeClaim is called at the start of an attempt, before earlier instances are fenced off. What Recover removes must have
	// been there then: an instance that is overtaken in its recovery must not touch what a newer one writes.
	BeforeClaim(ctx context.Context) error
	// Recover redoes the side effects of the epoch that the job goes on from, and removes what
	// later, uncommitted epochs left. sides holds all writers' data of that epoch.
	Recover(ctx context.Context, epoch Epoch, sides [][]byte) error
}

// Marker is what a transaction carries to say which snapshot belongs to its output.
type Marker struct {
	Job   string // job id, a random name made at the first start
	Epoch Epoch
	Nonce state.Nonce // of the epoch's manifest
}

// CommitterSpec opens the commit point of a job.
type CommitterSpec interface {
	// Resource identifies the cluster ("kafka:" and its bootstrap servers until the cluster id is known).
	Resource() string
	// Join merges the settings of another sink of the same job into this one.
	Join(other CommitterSpec) error
	// Open connects. Nobody is fenced yet.
	Open(ctx context.Context, job *JobContext) (Committer, error)
}

// JobContext is what a committer may know of the job.
type JobContext struct {
	Name     string
	Instance string // random, of this process and attempt
	Config   *config.Config
	Log      *slog.Logger
}

// Committer is the commit point of a job with transactional output. All methods are called
// from the coordinator's goroutine. design: docs/architecture.md, "The commit point".
type Committer interface {
	// Identity is what the first manifest fixes: cluster id, transactional id, marker's group, topic and
	// partition, and sink topic ids. fixed is nil at the first start; later a difference that
	// cannot be carried over is an error. It is the first call, and comes again, with the identity that was
	// restored, when the state turned out to be elsewhere.
	Identity(ctx context.Context, fixed []byte) ([]byte, error)
	// Peek reads the marker without fencing anybody. found is false when there is none.
	Peek(ctx context.Context) (m Marker, found bool, err error)
	// Settle waits, with some patience, until no commit of the marker is pending: one that was acknowledged may not be shown yet, and an
	// instance that died may have left one. Peek then says what there is. It fences nobody, and fails only when ctx is over.
	Settle(ctx context.Context) error
	// Claim fences earlier instances, finishes or aborts what they left open, writes this
	// instance as the owner, and reads the marker again.
	Claim(ctx context.Context) (m Marker, found bool, err error)
	// TransactionTimeout is after how long the resource aborts an open transaction by itself: an epoch is cut
	// early when its transaction has been open for a third of it.
	TransactionTimeout() time.Duration
	// TransactionStarted is when the open transaction took its first row; zero if none is open.
	TransactionStarted() time.Time
	// Commit sends the marker and commits the transaction with every row up to the barrier of
	// m.Epoch, and returns when it is committed. It repeats retriable failures for at most
	// the transaction timeout. Errors: Fencedf when another instance took over, Restartf otherwise
	// (outcome unknown, timed out, aborted: the recovery reads the marker). Between sending the marker and
	// committing it calls killpoint.Hit(killpoint.Step4After) and killpoint.Hit(killpoint.Step5Before).
	Commit(ctx context.Context, m Marker) error
	// Release lets the held rows of the next epoch go.
	Release() error
	Close() error
}

// Errors by the reaction that they demand. Wrap them with Fatalf, Restartf or Fencedf.
var (
	// ErrNoAnswer is the cause with which TaskContext.Answers ends when the job is told to stop.
	ErrNoAnswer = errors.New("no answer came when the job was told to stop")

	// ErrFatal: the job must stop (exit 3); trying again cannot help.
	ErrFatal = errors.New("fatal")
	// ErrRestart: everything since the last committed epoch is thrown away and replayed after a
	// full recovery, under the restart strategy.
	ErrRestart = errors.New("restart")
	// ErrFenced: a newer instance of the job has taken over (exit 4).
	ErrFenced = errors.New("fenced")
)

// Error is an operational error: a reaction, what was being done, the cause, and what the
// user can do.
type Error struct {
	Reaction error  // ErrFatal, ErrRestart or ErrFenced
	Doing    string // "commit epoch 7", "read topic_1 partition 3 offset 1042"
	Cause    error
	Help     string // what to do; may be empty
}

// Error is "doing: cause".
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Doing, e.Cause) }

// Unwrap makes errors.Is find both the reaction and the cause.
func (e *Error) Unwrap() []error { return []error{e.Reaction, e.Cause} }

// Fatalf is an error that stops the job, with a text that says what to do.
func Fatalf(help, doing string, cause error) error { return &Error{ErrFatal, doing, cause, help} }

// Restartf is an error after which the job recovers and replays.
func Restartf(help, doing string, cause error) error { return &Error{ErrRestart, doing, cause, help} }

// Fencedf is an error that says that a newer instance has taken over.
func Fencedf(help, doing string, cause error) error { return &Error{ErrFenced, doing, cause, help} }

// Connectors makes sources and sinks of catalog tables; cmd registers the connectors.
type Connectors interface {
	Source(scan *physical.Scan, cfg *config.Config, log *slog.Logger) (SourceSpec, error)
	Sink(sink *physical.Sink, cfg *config.Config, log *slog.Logger) (SinkSpec, error)
	// Lookup makes the lookups of a join whose table is not read as a whole (physical.FullCache).
	Lookup(join *physical.LookupJoin, cfg *config.Config, log *slog.Logger) (LookupSpec, error)
	// Search makes the searches of a table whose connector searches it by itself (catalog.ConnectorSpec.OwnSearch).
	Search(search *physical.VectorSearch, cfg *config.Config, log *slog.Logger) (SearchSpec, error)
}

// Connector is one registered connector.
type Connector struct {
	Name   string // value of the option 'connector'
	Source func(scan *physical.Scan, cfg *config.Config, log *slog.Logger) (SourceSpec, error)
	Sink   func(sink *physical.Sink, cfg *config.Config, log *slog.Logger) (SinkSpec, error)
	Lookup func(join *physical.LookupJoin, cfg *config.Config, log *slog.Logger) (LookupSpec, error)
	Search func(search *physical.VectorSearch, cfg *config.Config, log *slog.Logger) (SearchSpec, error)
}

// Registry is Connectors from a list.
type Registry map[string]Connector

// Source makes the source of scan.
func (r Registry) Source(scan *physical.Scan, cfg *config.Config, log *slog.Logger) (SourceSpec, error) {
	c, ok := r[scan.Table.Connector]
	if !ok || c.Source == nil {
		return nil, unknownConnector(scan.Table, "read from")
	}
	return c.Source(scan, cfg, log)
}

// Sink makes the sink of s.
func (r Registry) Sink(s *physical.Sink, cfg *config.Config, log *slog.Logger) (SinkSpec, error) {
	c, ok := r[s.Table.Connector]
	if !ok || c.Sink == nil {
		return nil, unknownConnector(s.Table, "write to")
	}
	return c.Sink(s, cfg, log)
}

// Lookup makes the lookups of a join.
func (r Registry) Lookup(n *physical.LookupJoin, cfg *config.Config, log *slog.Logger) (LookupSpec, error) {
	t := n.Lookup.Table
	c, ok := r[t.Connector]
	if !ok || c.Lookup == nil {
		return nil, unknownConnector(t, "look rows up by")
	}
	return c.Lookup(n, cfg, log)
}

// Search makes the searches of a table.
func (r Registry) Search(n *physical.VectorSearch, cfg *config.Config, log *slog.Logger) (SearchSpec, error) {
	t := n.Lookup.Table
	c, ok := r[t.Connector]
	if !ok || c.Search == nil {
		return nil, unknownConnector(t, "search by vectors in")
	}
	return c.Search(n, cfg, log)
}

func unknownConnector(t *catalog.Table, verb string) error {
	return fmt.Errorf("table %s: this build cannot %s connector '%s'", t.Name, verb, t.Connector)
}
