package runtime

import (
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/state"
)

// Time switches the counting of time on or off: what each operator takes, for EXPLAIN ANALYZE. While it is off it costs a look at
// a flag for each batch and operator; while it is on, two readings of the clock. Any goroutine, also before Run.
func (r *Runner) Time(on bool) { r.timing.Store(on) }

// stopwatch divides a task's time among its stages: each is charged with what passes while it is the innermost one that was
// entered. It belongs to the task's goroutine.
type stopwatch struct {
	current *exec.Metrics // nil: no stage is timed now
	since   time.Time
}

// enter makes m the stage that time is charged to. It reports what leave is to be given.
func (w *stopwatch) enter(m *exec.Metrics) (was *exec.Metrics, timed bool) {
	if !m.Timing() {
		return nil, false
	}
	was = w.current
	w.charge(m)
	return was, true
}

// leave ends what enter began.
func (w *stopwatch) leave(was *exec.Metrics, timed bool) {
	if timed {
		w.charge(was)
	}
}

func (w *stopwatch) charge(next *exec.Metrics) {
	now := time.Now()
	if w.current != nil {
		w.current.Busy.Add(int64(now.Sub(w.since)))
	}
	w.current, w.since = next, now
}

// stateEvery is after how many batches the size of an operator's state is looked at again.
const stateEvery = 64

// timedStage charges the time of a stage to it.
type timedStage struct {
	stage
	metrics *exec.Metrics
	watch   *stopwatch
	scope   *state.OperatorScope // nil for a stage without state
	counts  bool                 // rows are counted here: an exchange does not do so
	batches int
}

func (s *timedStage) Emit(b *batch.Batch) error {
	if s.counts {
		n := int64(b.Rows())
		s.metrics.RowsIn.Add(n)
		s.metrics.RowsOut.Add(n)
		s.metrics.Batches.Add(1)
	}
	return s.emit(s.stage, b)
}

// emit hands b to an input of the stage.
func (s *timedStage) emit(to exec.Emitter, b *batch.Batch) error {
	was, timed := s.watch.enter(s.metrics)
	err := to.Emit(b)
	if timed {
		if s.batches++; s.batches == stateEvery {
			s.size()
		}
		s.watch.leave(was, true)
	}
	return err
}

// timedInput is the second input of a stage that has two.
type timedInput struct {
	stage *timedStage
	right exec.Emitter
}

func (i *timedInput) Emit(b *batch.Batch) error { return i.stage.emit(i.right, b) }

// size notes how large the state is.
func (s *timedStage) size() {
	s.batches = 0
	if s.scope != nil && s.metrics.Timing() {
		s.metrics.State.Store(s.scope.Bytes())
	}
}

func (s *timedStage) watermark(wm exec.Watermark) error {
	was, timed := s.watch.enter(s.metrics)
	err := s.stage.watermark(wm)
	s.watch.leave(was, timed)
	return err
}

func (s *timedStage) barrier(b *barrier, a *ack) error {
	s.size()
	was, timed := s.watch.enter(s.metrics)
	err := s.stage.barrier(b, a)
	s.watch.leave(was, timed)
	return err
}

func (s *timedStage) idle(idle bool) error {
	was, timed := s.watch.enter(s.metrics)
	err := s.stage.idle(idle)
	s.watch.leave(was, timed)
	return err
}

func (s *timedStage) end() error {
	s.size()
	was, timed := s.watch.enter(s.metrics)
	err := s.stage.end()
	s.watch.leave(was, timed)
	return err
}

var _ stage = (*timedStage)(nil)

// time adds what a subtask counted.
func (o *OperatorStatus) time(m *exec.Metrics) {
	batches, state := m.Batches.Load(), m.State.Load()
	// Waiting is counted within Busy, and may be ahead of it by what goes on now.
	busy := max(0, m.Busy.Load()-m.Waited.Load())
	o.Batches += batches
	o.State += state
	o.Busy += time.Duration(busy)
	if m.Busy.Load() > 0 {
		o.Subtasks = append(o.Subtasks, SubtaskStatus{
			Rows: Rows{In: m.RowsIn.Load(), Out: m.RowsOut.Load(), Late: m.Late.Load(), Skipped: m.Skipped.Load()}, Batches: batches, Busy: time.Duration(busy),
		})
	}
}
