package op

import (
	"math"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/state"
)

// miniBatch gathers the rows of an aggregation (table.exec.mini-batch.*), which then puts out one change a key for all of them. They go to
// it when there are enough, when the first of them has waited for so long, before a watermark, and before a barrier: so that they
// are never in a snapshot, and what comes out of a snapshot's rows comes before it.
type miniBatch struct {
	exec.Operator // the aggregation
	node          *physical.MiniBatch
	clock         func() time.Time
	now           int64        // as far as it is known
	due           int64        // when the rows go on; math.MaxInt64 while there are none
	rows          *batch.Batch // nil before the first
	latency       time.Duration
}

func newMiniBatch(o exec.Operator, n *physical.MiniBatch, latency time.Duration, clock func() time.Time) *miniBatch {
	return &miniBatch{Operator: o, node: n, clock: clock, now: math.MinInt64, due: math.MaxInt64, latency: latency}
}

func (o *miniBatch) Process(in *batch.Batch, out exec.Emitter) error {
	if o.due == math.MaxInt64 && in.Rows() > 0 {
		if o.now == math.MinInt64 {
			o.now = o.clock().UnixMicro()
		}
		o.due = o.now + o.latency.Microseconds()
	}
	if o.rows == nil {
		o.rows = batch.New(in.Types(), batch.TargetRows)
	}
	o.rows.AppendRows(in, in.Sel)
	if o.node.Size > 0 && int64(o.rows.N) >= o.node.Size {
		return o.flush(out)
	}
	return nil
}

// flush hands the rows on.
func (o *miniBatch) flush(out exec.Emitter) error {
	o.due = math.MaxInt64
	if o.rows == nil || o.rows.N == 0 {
		return nil
	}
	err := o.Operator.Process(o.rows, out)
	o.rows.Reset()
	return err
}

func (o *miniBatch) ProcessingTime(now int64, out exec.Emitter) (fired bool, err error) {
	o.now = max(o.now, now)
	if o.now < o.due {
		return false, nil
	}
	return true, o.flush(out)
}

func (o *miniBatch) NextTimer() int64 { return o.due }

func (o *miniBatch) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if err := o.flush(out); err != nil {
		return err
	}
	return o.Operator.Watermark(wm, out)
}

func (o *miniBatch) Snapshot(e state.Epoch, out exec.Emitter) error {
	if err := o.flush(out); err != nil {
		return err
	}
	return o.Operator.Snapshot(e, out)
}

var _ exec.ProcessingTimer = (*miniBatch)(nil)
