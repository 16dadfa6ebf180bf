package op_test

import (
	"testing"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op"
	"weir/exec/op/memstate"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// TestRangeOverForgetsItsPartitions: behind 3000 partitions the watermark, or the clock, goes on by one and a half times the RANGE. Before that
// all of them are there, and then nothing is, not even of a DISTINCT.
func TestRangeOverForgetsItsPartitions(t *testing.T) {
	const second = 1_000_000
	for _, byClock := range []bool{false, true} {
		in := &physical.Values{Props: physical.Props{Columns: []physical.Column{
			{Name: "k", Type: types.TBigInt}, {Name: "v", Type: types.TBigInt}, {Name: "ts", Type: types.MakeTimestamp(3)}}}}
		sum := func(distinct bool, name string) physical.AggCall {
			return physical.AggCall{Func: "SUM", Args: []int{1}, Distinct: distinct, Filter: -1, Type: types.TBigInt.WithNullable(true), Name: name}
		}
		calls := []physical.AggCall{sum(false, "s"), sum(true, "d")}
		columns := append([]physical.Column(nil), in.Columns...)
		for _, c := range calls {
			columns = append(columns, physical.Column{Name: c.Name, Type: c.Type})
		}
		o, err := op.New(&physical.Over{Props: physical.Props{ID: "over", Columns: columns}, Input: in, Partition: []int{0}, Time: 2, ProcTime: byClock,
			Preceding: 10 * second, Calls: calls}, op.Env{})
		if err != nil {
			t.Fatal(err)
		}
		st := memstate.NewScope(nil)
		ctx := &exec.TaskContext{Operator: "over", Parallelism: 1, KeyGroups: state.KeyGroupRange{From: 0, To: state.KeyGroups}, Metrics: &exec.Metrics{}}
		if err := o.Open(ctx, st); err != nil {
			t.Fatal(err)
		}
		rows := 0
		out := into(func(b *batch.Batch) error { rows += b.Rows(); return nil })
		reach := func(at int64) {
			t.Helper()
			var err error
			if byClock {
				_, err = o.(exec.ProcessingTimer).ProcessingTime(at+1000, out) // the millisecond is over
			} else {
				err = o.Watermark(exec.Watermark(at), out)
			}
			if err == nil {
				err = o.Snapshot(1, out)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		b := batch.New([]types.Type{types.TBigInt, types.TBigInt, types.MakeTimestamp(3)}, 3000)
		for k := range int64(3000) {
			b.Cols[0].AppendInt(k)
			b.Cols[1].AppendInt(7)
			b.Cols[2].AppendInt(100 * second)
		}
		b.N = 3000
		if err := o.Process(b, out); err != nil {
			t.Fatal(err)
		}
		reach(115 * second)
		if rows != 3000 {
			t.Errorf("by clock %t: %d rows came out, want 3000", byClock, rows)
		}
		// An entry, a row of the frame, a value of DISTINCT, the time at which it ends and its place in the order of those.
		if n := st.Len(); n != 5*3000 {
			t.Errorf("by clock %t: %d entries before the partitions' time is over, want %d", byClock, n, 5*3000)
		}
		if p, ok := o.(exec.ProcessingTimer); ok && p.NextTimer() != 115*second+2000 {
			t.Errorf("the next timer is at %d", p.NextTimer())
		}
		reach(115*second + 1000)
		if n := st.Len(); n != 0 {
			t.Errorf("by clock %t: %d entries are left", byClock, n)
		}
	}
}
