package runtime

import (
	"errors"
	"fmt"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/state"
)

// stage is one step of a task. A task calls its first stage, each stage calls the next; the
// last one is an exchange or a sink writer. All calls come from the task's goroutine.
type stage interface {
	// Emit takes rows, which are borrowed for the call. It is never called with none.
	exec.Emitter
	// watermark takes a promise; one that is not above the last is ignored.
	watermark(wm exec.Watermark) error
	// barrier ends an epoch and adds this stage's part to a.
	barrier(b *barrier, a *ack) error
	// idle says that no watermark is to be expected, or (false) that one is again.
	idle(idle bool) error
	// end says that no rows follow. Barriers may.
	end() error
}

// ack is what a task hands to the coordinator when a barrier has passed through it.
type ack struct {
	task       *task
	barrier    *barrier
	frozen     []*state.Frozen
	watermarks map[string]exec.Watermark // of operators with state, by id, and of the task's valve
	splits     []exec.SplitState         // of a source task
	activity   uint64                    // the task's activity counter at the barrier
	paused     time.Duration             // for which no row was processed, because the barrier was
}

// opStage runs one operator.
type opStage struct {
	id      string
	op      exec.Operator
	late    []stage              // take the rows that op drops as late
	timer   exec.ProcessingTimer // op, where that works by processing time; nil otherwise
	scope   *state.OperatorScope // nil for an operator without state
	metrics *exec.Metrics
	next    stage
	out     countingEmitter
	wm      exec.Watermark
	told    exec.Watermark // the last one that was passed on; behind wm after a restore
	reached exec.Watermark // wm, but not the end of the input: how far event time has really come
	delay   int64          // of the watermarks that are forwarded, microseconds
	keeps   bool           // wm is saved with each epoch
}

// rightInput is the second input of an operator that has two.
type rightInput struct {
	stage *opStage
	op    exec.TwoInput
}

func (r *rightInput) Emit(b *batch.Batch) error {
	s := r.stage
	s.metrics.RowsIn.Add(int64(b.Rows()))
	s.metrics.Batches.Add(1)
	return s.fail(r.op.ProcessRight(b, &s.out))
}

// countingEmitter counts what an operator puts out and drops empty batches.
type countingEmitter struct {
	next    stage
	metrics *exec.Metrics
}

func (e *countingEmitter) Emit(b *batch.Batch) error {
	n := b.Rows()
	if n == 0 {
		return nil
	}
	e.metrics.RowsOut.Add(int64(n))
	return e.next.Emit(b)
}

func newOpStage(id string, op exec.Operator, m *exec.Metrics, next stage) *opStage {
	timer, _ := op.(exec.ProcessingTimer)
	return &opStage{id: id, op: op, timer: timer, metrics: m, next: next, out: countingEmitter{next, m}, wm: exec.MinWatermark, told: exec.MinWatermark, reached: exec.MinWatermark}
}

func (s *opStage) Emit(b *batch.Batch) error {
	s.metrics.RowsIn.Add(int64(b.Rows()))
	s.metrics.Batches.Add(1)
	return s.fail(s.op.Process(b, &s.out))
}

// fail names the operator in an error of its own; one that came from further down has been named there.
func (s *opStage) fail(err error) error {
	if err == nil {
		return nil
	}
	if e := (*stageError)(nil); errors.As(err, &e) {
		return err
	}
	return &stageError{s.id, err}
}

// stageError says which operator an error comes from.
type stageError struct {
	id    string
	cause error
}

func (e *stageError) Error() string { return fmt.Sprintf("operator %s: %v", e.id, e.cause) }
func (e *stageError) Unwrap() error { return e.cause }

func (s *opStage) watermark(wm exec.Watermark) error {
	if wm > s.wm {
		s.wm = wm
		if wm < exec.MaxWatermark {
			s.reached = wm
		}
		s.metrics.Watermark.Store(int64(wm))
		if err := s.op.Watermark(wm, &s.out); err != nil {
			return s.fail(err)
		}
	}
	if wm <= s.told {
		return nil
	}
	s.told = wm
	for _, l := range s.late {
		if err := l.watermark(wm); err != nil {
			return err
		}
	}
	if s.delay > 0 && wm != exec.MaxWatermark {
		wm = max(wm, exec.MinWatermark+exec.Watermark(s.delay)) - exec.Watermark(s.delay)
	}
	return s.next.watermark(wm)
}

// restore gives the operator the watermark that it had at the restored epoch, before any rows:
// what was late then is late now. Nothing is due at it, since the windows that it closed are gone from the state. It goes on when it
// comes again from above: a join below, whose other side was behind, has not been told of it by a watermark of its own.
func (s *opStage) restore(wm exec.Watermark) error {
	if wm <= s.wm {
		return nil
	}
	s.wm, s.reached = wm, wm
	s.metrics.Watermark.Store(int64(wm))
	if r, ok := s.op.(exec.Restorer); ok {
		r.Restored(wm)
		return nil
	}
	return s.fail(s.op.Watermark(wm, &s.out))
}

func (s *opStage) barrier(b *barrier, a *ack) error {
	if b.probe {
		return s.next.barrier(b, a)
	}
	if err := s.op.Snapshot(b.epoch, &s.out); err != nil {
		return s.fail(err)
	}
	if s.scope != nil && b.durable {
		f, err := s.scope.Freeze(b.epoch)
		if err != nil {
			return s.fail(err)
		}
		a.frozen = append(a.frozen, f)
	}
	if s.keeps {
		// The end of the input is told again when it comes again. After weir run --until end it does not: the next
		// run reads on, and its rows must not be late by an end that was none.
		a.watermarks[s.id] = s.reached
	}
	for _, l := range s.late {
		if err := l.barrier(b, a); err != nil {
			return err
		}
	}
	return s.next.barrier(b, a)
}

func (s *opStage) idle(idle bool) error {
	if h, ok := s.op.(exec.Holder); ok && idle {
		if err := h.Idle(&s.out); err != nil {
			return s.fail(err)
		}
	}
	return s.next.idle(idle)
}

func (s *opStage) end() error { return s.next.end() }

// sinkStage hands rows to a sink writer.
type sinkStage struct {
	node    *physical.Sink
	writer  exec.SinkWriter
	metrics *exec.Metrics
	wm      exec.Watermark
}

func (s *sinkStage) Emit(b *batch.Batch) error {
	n := int64(b.Rows())
	s.metrics.RowsIn.Add(n)
	s.metrics.Batches.Add(1)
	if err := s.writer.Write(b); err != nil {
		return &stageError{s.node.ID, err}
	}
	s.metrics.RowsOut.Add(n)
	return nil
}

func (s *sinkStage) watermark(wm exec.Watermark) error {
	s.wm = max(s.wm, wm)
	s.metrics.Watermark.Store(int64(s.wm))
	if w, ok := s.writer.(exec.WatermarkWriter); ok {
		w.Watermark(s.wm)
	}
	return nil
}

func (s *sinkStage) barrier(b *barrier, _ *ack) error {
	if b.probe {
		return nil
	}
	if err := s.writer.Barrier(b.epoch); err != nil {
		return &stageError{s.node.ID, err}
	}
	return nil
}

func (s *sinkStage) idle(bool) error { return nil }

func (s *sinkStage) end() error {
	if w, ok := s.writer.(exec.WatermarkWriter); ok {
		w.End()
	}
	return nil
}

// forkStage hands what comes to each of several pipelines: it is behind a source, or an operator, whose rows several operators read.
type forkStage struct{ branches []stage }

// each calls f for the branches, until one fails.
func (s *forkStage) each(f func(stage) error) error {
	for _, b := range s.branches {
		if err := f(b); err != nil {
			return err
		}
	}
	return nil
}

func (s *forkStage) Emit(b *batch.Batch) error {
	return s.each(func(x stage) error { return x.Emit(b) })
}

func (s *forkStage) watermark(wm exec.Watermark) error {
	return s.each(func(x stage) error { return x.watermark(wm) })
}

func (s *forkStage) barrier(b *barrier, a *ack) error {
	return s.each(func(x stage) error { return x.barrier(b, a) })
}

func (s *forkStage) idle(idle bool) error {
	return s.each(func(x stage) error { return x.idle(idle) })
}

func (s *forkStage) end() error { return s.each(stage.end) }

var (
	_ stage = (*opStage)(nil)
	_ stage = (*forkStage)(nil)
	_ stage = (*sinkStage)(nil)
	_ stage = (*exchangeStage)(nil)
)
