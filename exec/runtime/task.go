package runtime

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"weir/exec"
)

// task is one subtask of a pipeline: one goroutine.
type task struct {
	name    string // "vertex 0/2", for messages
	vertex  *vertex
	subtask int
	first   stage          // what the head hands its rows to
	inputs  []exec.Emitter // by channel.input: first, and the second input of an operator with two
	ops     []*opStage
	heads   []string   // ids of the operators that take the rows of the task's input as they are
	sink    *sinkStage // nil unless the pipeline ends in a sink
	run     func(ctx context.Context) error

	timers []*opStage // those of ops that work by processing time
	clock  func() time.Time

	watch  stopwatch
	source *sourceTask // nil for an inner task
	gate   *gate       // nil for a source task
	valve  *valve      // of gate

	// activity grows with whatever makes the next epoch worth making: of a source task rows, watermarks, splits that are done; of
	// any task timers that fired.
	activity atomic.Uint64

	acks  chan<- *ack // to the coordinator; never full: it has room for one ack a task
	ended chan<- *task
	done  atomic.Bool // has seen the end of its input
}

// valveID is the name of the task's valve among the watermarks of an epoch. It is that of no operator.
func (t *task) valveID() string { return "valve " + t.vertex.id }

// runInner is the loop of a task that is fed by others: rows go through, watermarks through the
// valve, and barriers are aligned: a channel whose barrier has come is not read until all others' have.
func (t *task) runInner(ctx context.Context) error {
	v := t.valve
	aligned, ended := 0, 0
	for {
		c, m, err := t.gate.receive(ctx, t.untilTimer())
		if err != nil {
			return err
		}
		if c == nil || m.kind == rowsMessage {
			if err := t.tick(); err != nil {
				return err
			}
			if c == nil {
				continue
			}
		}
		switch m.kind {
		case rowsMessage:
			err = t.inputs[c.input].Emit(m.batch)
			c.recycle(m.batch)
		case watermarkMessage:
			c.promise(m.wm)
			err = t.apply(v.change())
		case idleMessage:
			c.idle = true
			err = t.apply(v.change())
		case activeMessage:
			c.idle = false
			err = t.apply(v.change())
		case endMessage:
			c.ended = true
			ended++
			if err = t.apply(v.change()); err == nil && ended == len(t.gate.channels) {
				err = t.finish()
			}
		case barrierMessage:
			c.block()
			if aligned++; aligned == len(t.gate.channels) {
				aligned = 0
				err = t.barrier(m.barrier, &ack{})
				t.gate.unblock()
			}
		}
		if err != nil {
			return err
		}
	}
}

// tick tells the operators that work by processing time what time it is.
func (t *task) tick() error {
	if len(t.timers) == 0 || t.done.Load() {
		return nil
	}
	now := t.clock().UnixMicro()
	for _, s := range t.timers {
		was, timed := t.watch.enter(s.metrics)
		fired, err := s.timer.ProcessingTime(now, &s.out)
		t.watch.leave(was, timed)
		if err != nil {
			return s.fail(err)
		}
		if fired {
			t.activity.Add(1)
		}
	}
	return nil
}

// forever is how long a task without timers may wait.
const forever = time.Duration(math.MaxInt64)

// untilTimer is how long the task may wait for input before something is due by processing time.
func (t *task) untilTimer() time.Duration {
	next := int64(math.MaxInt64)
	if !t.done.Load() {
		for _, s := range t.timers {
			next = min(next, s.timer.NextTimer())
		}
	}
	if next == math.MaxInt64 {
		return forever
	}
	return max(time.UnixMicro(next).Sub(t.clock()), time.Millisecond)
}

// apply forwards what the valve decided.
func (t *task) apply(o valveOutput) error {
	if o.active {
		if err := t.first.idle(false); err != nil {
			return err
		}
	}
	if o.advance {
		if err := t.first.watermark(o.wm); err != nil {
			return err
		}
	}
	if o.idle {
		return t.first.idle(true)
	}
	return nil
}

// finish passes the end of the input on and tells the coordinator. The task lives on: barriers
// keep flowing through it until the last epoch is committed.
func (t *task) finish() error {
	if err := t.first.end(); err != nil {
		return err
	}
	t.done.Store(true)
	t.ended <- t
	return nil
}

// barrier carries b through the task's stages and hands the result to the coordinator.
func (t *task) barrier(b *barrier, a *ack) error {
	began := time.Now()
	if err := t.tick(); err != nil {
		return err
	}
	a.task, a.barrier, a.watermarks = t, b, map[string]exec.Watermark{}
	if t.valve != nil {
		a.watermarks[t.valveID()] = t.valve.reached
	}
	a.activity = t.activity.Load()
	if err := t.first.barrier(b, a); err != nil {
		return err
	}
	a.paused = time.Since(began)
	t.acks <- a
	return nil
}
