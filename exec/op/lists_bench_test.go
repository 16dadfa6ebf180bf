package op_test

import (
	"fmt"
	"testing"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op"
	"weir/planner/physical"
	"weir/planner/types"
)

// named is columns k BIGINT, name STRING, ts TIMESTAMP(3).
var named = &physical.Values{Props: physical.Props{Columns: []physical.Column{
	{Name: "k", Type: types.TBigInt}, {Name: "name", Type: types.TString}, {Name: "ts", Type: types.MakeTimestamp(3)},
}}}

// names is so many rows in turn of the keys 0 .. keys-1, whose names are all different.
func names(keys, rows int) []*batch.Batch {
	var out []*batch.Batch
	for at := 0; at < rows; {
		b := batch.New([]types.Type{types.TBigInt, types.TString, types.MakeTimestamp(3)}, batch.TargetRows)
		for ; b.N < batch.TargetRows && at < rows; at++ {
			b.Cols[0].AppendInt(int64(at % keys))
			b.Cols[1].AppendString(fmt.Sprintf("name-%07d", at))
			b.Cols[2].AppendInt(int64(at))
			b.N++
		}
		out = append(out, b)
	}
	return out
}

// BenchmarkLists collects rows by the aggregates whose result is as long as their input: 10,000 rows in a window, and in mini-batches.
func BenchmarkLists(b *testing.B) {
	const rows = 10_000
	calls := []physical.AggCall{
		{Func: "ARRAY_AGG", Args: []int{1}, Type: types.Type{Kind: types.Array, Nullable: true, Nested: &types.Nested{Elem: types.TString}}},
		{Func: "LISTAGG", Args: []int{1}, Type: types.TString},
		{Func: "JSON_ARRAYAGG", Args: []int{1}, Type: types.TString},
		{Func: "JSON_OBJECTAGG", Args: []int{1, 1}, Type: types.TString},
	}
	ts := types.MakeTimestamp(3).NotNull()
	for _, c := range calls {
		c.Filter = -1
		for _, keys := range []int{1, 100} {
			in := names(keys, rows)
			window := &physical.WindowAggregate{
				Input: named, Keys: []int{0}, Aggs: []physical.AggCall{c}, WindowColumns: []string{"start", "end"},
				Window: physical.Window{Kind: physical.Hop, Size: 10_000_000, Slide: 10_000_000, TimeColumn: 2},
			}
			window.Columns = []physical.Column{{Name: "k", Type: types.TBigInt}, {Name: "all", Type: c.Type}, {Name: "window_start", Type: ts}, {Name: "window_end", Type: ts}}
			group := &physical.GroupAggregate{Input: named, Keys: []int{0}, Aggs: []physical.AggCall{c}, MiniBatch: &physical.MiniBatch{}}
			group.Columns = window.Columns[:2]
			for name, n := range map[string]physical.Node{"window": window, "mini-batch": group} {
				b.Run(fmt.Sprintf("%s/%s/%d", c.Func, name, keys), func(b *testing.B) {
					for b.Loop() {
						b.StopTimer()
						o := open(b, n, op.Env{})
						b.StartTimer()
						var out counter
						for _, x := range in {
							if err := o.Process(x, &out); err != nil {
								b.Fatal(err)
							}
						}
						if err := o.Watermark(exec.Watermark(20_000_000), &out); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
				})
			}
		}
	}
}
