package op

import (
	"math"

	"weir/exec"
	"weir/exec/batch"
	"weir/state"
)

// procTime has an operator of event time work by processing time: rows get the time of the clock in place of their time
// attribute's value, and the clock is the watermark. The watermark of event time says nothing to the operator, and its end closes
// nothing: as in Flink, what waits for a time that does not come before the end of the input is never put out.
//
// The clock may be set back while the job is down. Time then stands still until it is where it was.
type procTime struct {
	op   clocked
	time int   // the time attribute, -1 for an operator that reads none
	now  int64 // as far as it is known

	in    batch.Batch // a batch with the time put in
	times *batch.Vector
}

// clocked is an operator of event time that can work by processing time.
type clocked interface {
	exec.Operator
	// reached is the greatest watermark that the operator has been given, in an earlier run too; MinWatermark when there was none
	// or it is not known.
	reached() exec.Watermark
	// due is the watermark at which it has something to do; MaxWatermark: nothing waits.
	due() exec.Watermark
}

// procTimeJoin is procTime for an operator with two inputs.
type procTimeJoin struct {
	procTime
	right exec.TwoInput
	rTime int
}

// byProcessingTime is op by processing time; time is its time attribute, -1 for none.
func byProcessingTime(op clocked, time int) *procTime {
	return &procTime{op: op, time: time, now: math.MinInt64}
}

// clockTick is the step of processing time: SQL's time attributes and Flink's clock have milliseconds.
const clockTick = 1000

func (o *procTime) Open(ctx *exec.TaskContext, st state.Scope) error {
	if err := o.op.Open(ctx, st); err != nil {
		return err
	}
	if wm := o.op.reached(); wm != exec.MinWatermark {
		o.now = int64(wm) + clockTick
	}
	return nil
}

func (o *procTime) ProcessingTime(now int64, out exec.Emitter) (fired bool, err error) {
	now -= now % clockTick
	if now > o.now {
		o.now = now
	}
	if o.NextTimer() > o.now {
		return false, nil
	}
	return true, o.op.Watermark(exec.Watermark(o.now-clockTick), out)
}

func (o *procTime) NextTimer() int64 {
	due := o.op.due()
	if due == exec.MaxWatermark {
		return math.MaxInt64
	}
	return int64(due) + clockTick
}

func (o *procTime) Process(in *batch.Batch, out exec.Emitter) error {
	return o.op.Process(o.timed(in, o.time), out)
}

// timed is in with the present time in column time.
func (o *procTime) timed(in *batch.Batch, time int) *batch.Batch {
	if time < 0 {
		return in
	}
	if o.times == nil {
		o.times = batch.NewVector(in.Cols[time].Type.NotNull(), in.N)
	}
	o.times.Reset()
	o.times.Resize(in.N)
	for i := range o.times.Int {
		o.times.Int[i] = o.now
	}
	o.in = *in
	o.in.Cols = append(o.in.Cols[:0:0], in.Cols...)
	o.in.Cols[time] = o.times
	return &o.in
}

// Watermark does nothing: event time does not count.
func (o *procTime) Watermark(exec.Watermark, exec.Emitter) error { return nil }

func (o *procTime) Snapshot(e state.Epoch, out exec.Emitter) error { return o.op.Snapshot(e, out) }
func (o *procTime) Close() error                                   { return o.op.Close() }

func (o *procTimeJoin) ProcessRight(in *batch.Batch, out exec.Emitter) error {
	return o.right.ProcessRight(o.timed(in, o.rTime), out)
}

var (
	_ exec.ProcessingTimer = (*procTime)(nil)
	_ exec.TwoInput        = (*procTimeJoin)(nil)
)
