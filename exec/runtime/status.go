package runtime

import (
	"fmt"
	"sync"
	"time"

	"weir/exec"
)

// State is what a job is doing.
type State string

// The states of a job.
const (
	StateStarting   State = "starting" // recovering, opening
	StateRunning    State = "running"
	StateStopping   State = "stopping" // making its last epoch
	StateRestarting State = "restarting"
	StateFinished   State = "finished"
	StateFailed     State = "failed"
)

// statusEvery is how often Options.Status is called.
const statusEvery = 200 * time.Millisecond

// Status is a snapshot of a running job. It is the receiver's.
type Status struct {
	Job         string
	State       State
	Rows        Rows
	InRate      float64 // rows a second over the last two seconds or so
	OutRate     float64
	BytesIn     int64
	BytesOut    int64
	Lag         int64          // records between the sources' positions and their ends; -1 when unknown
	Watermark   exec.Watermark // the least of the sinks'; MinWatermark when unknown
	Epoch       exec.Epoch     // last committed
	HasEpoch    bool           // false: none is committed yet
	Epochs      int64          // committed by this run
	LastCommit  time.Time      // zero: none in this run
	CommitTook  time.Duration  // of the last epoch, from barrier to commit
	Attempt     int
	LastFailure string // of the attempt before; empty: none
	Operators   []OperatorStatus
}

// OperatorStatus is the counters of one operator, source or sink, summed over its subtasks.
type OperatorStatus struct {
	ID          string
	Kind        string // "Scan", "WindowAggregate", "Sink"
	Parallelism int
	Rows        Rows
	Bytes       int64
	Watermark   exec.Watermark // the least of the subtasks
	Table       string         // of a source or sink; empty for others, and for VALUES
	Paused      int64          // source: splits that wait for others of their alignment group
	Silent      int64          // source: splits that are idle, and not waited for
	Splits      int64          // source: splits that are not read to their end
	Slowest     exec.SlowSplit // source: the split that holds the watermark back; without an ID none does
	Lag         int64          // source: -1 when unknown
	Batches     int64
	State       int64 // bytes of keyed state in memory; known only while the job is timed
	// Busy is the time in the operator itself, waiting left out, counted only while the job is timed (Runner.Time).
	Busy     time.Duration
	Subtasks []SubtaskStatus // of a job that was timed
}

// SubtaskStatus is the counters of one subtask of an operator.
type SubtaskStatus struct {
	Rows    Rows
	Batches int64
	Busy    time.Duration
}

// metered is the counters of one operator of the running attempt.
type metered struct {
	id, kind     string
	table        string // of a source or sink
	source, sink bool
	metrics      []*exec.Metrics
}

// view is what the outside sees of a run. Any goroutine.
type view struct {
	mu        sync.Mutex
	status    Status // without what metered gives
	operators []metered
	before    Status           // counters of finished attempts
	last      []OperatorStatus // of the attempt that ended last
	ended     bool             // the input ended
	samples   []sample
}

type sample struct {
	at      time.Time
	in, out int64
}

func (v *view) init(job string) {
	v.status = Status{Job: job, State: StateStarting, Lag: -1, Watermark: exec.MinWatermark}
}

func (v *view) locked(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

func (v *view) attempt(n int) {
	v.locked(func() { v.status.Attempt, v.status.State = n, StateStarting })
}

func (v *view) state(s State) { v.locked(func() { v.status.State = s }) }

func (v *view) failed(err error) { v.locked(func() { v.status.LastFailure = err.Error() }) }

func (v *view) inputEnds() { v.locked(func() { v.ended = true }) }

func (v *view) inputEnded() (ended bool) {
	v.locked(func() { ended = v.ended })
	return ended
}

func (v *view) end(err error, _ bool) {
	v.locked(func() {
		v.status.State = StateFinished
		if err != nil {
			v.status.State, v.status.LastFailure = StateFailed, err.Error()
		}
	})
}

// epoch notes a committed epoch. took is 0 for one that the run went on from.
func (v *view) epoch(e exec.Epoch, at time.Time, took time.Duration, made bool) {
	v.locked(func() {
		v.status.Epoch, v.status.HasEpoch = e, true
		if made {
			v.status.Epochs++
			v.status.LastCommit, v.status.CommitTook = at, took
		}
	})
}

// committed is the last committed epoch as text.
func (v *view) committed() (s string) {
	v.locked(func() {
		s = "none"
		if v.status.HasEpoch {
			s = fmt.Sprint(v.status.Epoch)
		}
	})
	return s
}

// meter sets the counters of the running attempt; nil keeps the sums of the one that ended.
func (v *view) meter(ops []metered) {
	v.locked(func() {
		sum := v.sum()
		v.before = Status{Rows: sum.Rows, BytesIn: sum.BytesIn, BytesOut: sum.BytesOut}
		if len(v.operators) > 0 {
			v.last = sum.Operators
		}
		v.operators = ops
	})
}

// sum adds up the counters. The caller holds mu.
func (v *view) sum() Status {
	s := v.status
	s.Rows, s.BytesIn, s.BytesOut = v.before.Rows, v.before.BytesIn, v.before.BytesOut
	s.Lag, s.Watermark = -1, exec.MaxWatermark
	sinks := 0
	s.Operators = make([]OperatorStatus, 0, len(v.operators))
	for _, o := range v.operators {
		os := OperatorStatus{ID: o.id, Kind: o.kind, Parallelism: len(o.metrics), Table: o.table, Watermark: exec.MaxWatermark, Lag: -1}
		idle := exec.MinWatermark // the furthest of the subtasks that are not waited for
		for _, m := range o.metrics {
			os.Rows.In += m.RowsIn.Load()
			os.Rows.Out += m.RowsOut.Load()
			os.Rows.Late += m.Late.Load()
			os.Rows.Skipped += m.Skipped.Load()
			os.Bytes += m.Bytes.Load()
			if wm := exec.Watermark(m.Watermark.Load()); m.Idle.Load() {
				idle = max(idle, wm)
			} else {
				os.Watermark = min(os.Watermark, wm)
			}
			os.Paused += m.Paused.Load()
			os.Silent += m.Silent.Load()
			os.Splits += m.Splits.Load()
			if slow := m.Slowest.Load(); slow != nil && (os.Slowest.ID == "" || slow.Watermark < os.Slowest.Watermark) {
				os.Slowest = *slow
			}
			os.time(m)
			if l := m.Lag.Load(); l >= 0 {
				os.Lag = max(os.Lag, 0) + l
			}
		}
		if os.Watermark == exec.MaxWatermark && idle > exec.MinWatermark {
			os.Watermark = idle
		}
		s.Rows.Late += os.Rows.Late
		s.Rows.Skipped += os.Rows.Skipped
		if o.source {
			s.Rows.In += os.Rows.In
			s.BytesIn += os.Bytes
			if os.Lag >= 0 {
				s.Lag = max(s.Lag, 0) + os.Lag
			}
		}
		if o.sink {
			sinks++
			s.Rows.Out += os.Rows.Out
			s.BytesOut += os.Bytes
			s.Watermark = min(s.Watermark, os.Watermark)
		}
		s.Operators = append(s.Operators, os)
	}
	if sinks == 0 {
		s.Watermark = exec.MinWatermark
	}
	if len(v.operators) == 0 {
		s.Operators = v.last
	}
	return s
}

// Status is a snapshot of the job. Any goroutine, also before and after Run.
func (r *Runner) Status() Status { return r.view.now(r.clock.Now(), false) }

func (v *view) now(at time.Time, take bool) (s Status) {
	v.locked(func() {
		s = v.sum()
		if n := len(v.samples); n > 0 {
			old := v.samples[0]
			if d := at.Sub(old.at).Seconds(); d > 0 {
				s.InRate = float64(s.Rows.In-old.in) / d
				s.OutRate = float64(s.Rows.Out-old.out) / d
			}
		}
		if take {
			v.samples = append(v.samples, sample{at, s.Rows.In, s.Rows.Out})
			if len(v.samples) > 10 {
				v.samples = v.samples[1:]
			}
		}
	})
	return s
}

func (v *view) summary() (sum Summary) {
	v.locked(func() {
		s := v.sum()
		sum = Summary{Rows: s.Rows, Epochs: s.Epochs, Epoch: s.Epoch, HasEpoch: s.HasEpoch, LastTook: s.CommitTook}
	})
	return sum
}

// publish calls Options.Status until the returned function is called.
func (r *Runner) publish() (end func()) {
	if r.o.Status == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(statusEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				r.o.Status(r.view.now(r.clock.Now(), true))
			case <-quit:
				r.o.Status(r.view.now(r.clock.Now(), true))
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// checkpointResult answers Checkpoint.
type checkpointResult struct {
	epoch exec.Epoch
	err   error
}
