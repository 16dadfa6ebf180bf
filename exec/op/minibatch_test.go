package op_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
)

// One change a key goes out: when the first row has waited for so long, when there are enough, before a watermark and before a barrier.
func TestMiniBatchEndsByTimeSizeWatermarkAndBarrier(t *testing.T) {
	n := &physical.GroupAggregate{Input: &physical.Values{Props: keyed}, Keys: []int{0}, UpdateBefore: true,
		Aggs:      []physical.AggCall{{Func: "SUM", Args: []int{1}, Filter: -1, Type: types.TBigInt}},
		MiniBatch: &physical.MiniBatch{Latency: 5 * time.Second, Size: 4}}
	n.Columns = append(slices.Clone(keyed.Columns[:1]), physical.Column{Name: "s", Type: types.TBigInt})
	x := newTimed(t, n)
	timer := x.op.(exec.ProcessingTimer)
	tick := func(d time.Duration) string {
		x.now = x.now.Add(d)
		return x.gives(func(out exec.Emitter) error {
			_, err := timer.ProcessingTime(x.now.UnixMicro(), out)
			return err
		})
	}
	tick(0)
	if timer.NextTimer() != math.MaxInt64 {
		t.Error("a timer without rows")
	}
	x.want(x.row(0, batch.Insert, 1, 10), "")
	x.want(tick(3*time.Second), "")
	x.want(x.row(0, batch.Insert, 1, 5), "")
	if want := x.now.Add(2 * time.Second).UnixMicro(); timer.NextTimer() != want {
		t.Errorf("the timer is at %d, want %d", timer.NextTimer(), want)
	}
	x.want(tick(2*time.Second), "+I 1 15")
	x.want(tick(time.Hour), "")

	x.row(0, batch.Insert, 1, 1)
	x.row(0, batch.Insert, 2, 7)
	x.row(0, batch.Insert, 1, 1)
	x.want(x.row(0, batch.Insert, 2, 1), "+I 2 8, +U 1 17, -U 1 15")

	x.row(0, batch.Insert, 1, 1)
	x.want(x.gives(func(out exec.Emitter) error { return x.op.Watermark(100, out) }), "+U 1 18, -U 1 17")
	x.row(0, batch.Insert, 1, 1)
	x.want(x.gives(func(out exec.Emitter) error { return x.op.Snapshot(1, out) }), "+U 1 19, -U 1 18")
	x.want(tick(time.Hour), "")
}
