package op_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// counter is an Emitter that counts.
type counter struct{ rows int }

func (c *counter) Emit(b *batch.Batch) error { c.rows += b.Rows(); return nil }

// input is columns user_id BIGINT, price DOUBLE, ts TIMESTAMP(3).
var input = &physical.Values{Props: physical.Props{Columns: []physical.Column{
	{Name: "user_id", Type: types.TBigInt}, {Name: "price", Type: types.TDouble}, {Name: "ts", Type: types.MakeTimestamp(3)},
}}}

func countAndSum() []physical.AggCall {
	return []physical.AggCall{
		{Func: "COUNT", Filter: -1, Type: types.TBigInt.NotNull()},
		{Func: "SUM", Args: []int{1}, Filter: -1, Type: types.TDouble},
	}
}

// batches makes rows of uniform keys, 10 µs of event time apart.
func batches(keys, rows int) []*batch.Batch {
	rnd := rand.New(rand.NewPCG(1, 2))
	var out []*batch.Batch
	for at := 0; at < rows; {
		b := batch.New([]types.Type{types.TBigInt, types.TDouble, types.MakeTimestamp(3)}, batch.TargetRows)
		for ; b.N < batch.TargetRows && at < rows; at++ {
			b.Cols[0].AppendInt(rnd.Int64N(int64(keys)))
			b.Cols[1].AppendFloat(float64(rnd.IntN(100000)) / 100)
			b.Cols[2].AppendInt(int64(at) * 10)
			b.N++
		}
		out = append(out, b)
	}
	return out
}

// open opens an operator on the real store.
func open(b *testing.B, n physical.Node, env op.Env) exec.Operator {
	b.Helper()
	o, err := op.New(n, env)
	if err != nil {
		b.Fatal(err)
	}
	store, err := state.Open(b.TempDir(), state.Options{Job: "bench", Memory: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := store.Start(nil, state.KeyGroups); err != nil {
		b.Fatal(err)
	}
	all := state.KeyGroupRange{From: 0, To: state.KeyGroups}
	ctx := &exec.TaskContext{Operator: "bench", Parallelism: 1, KeyGroups: all, Config: config.New(), Metrics: &exec.Metrics{}}
	if err := o.Open(ctx, store.Scope("bench", all)); err != nil {
		b.Fatal(err)
	}
	return o
}

func BenchmarkGroupAggregate(b *testing.B) {
	for _, c := range []struct {
		name      string
		keys      int
		before    bool
		miniBatch bool
	}{
		{"1M", 1_000_000, false, false},
		{"1M/mini-batch", 1_000_000, false, true},
		{"1M/before", 1_000_000, true, false},
		{"100k", 100_000, false, false},
		{"100", 100, false, false},
		{"1", 1, false, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := &physical.GroupAggregate{Input: input, Keys: []int{0}, Aggs: countAndSum(), UpdateBefore: c.before}
			n.Columns = []physical.Column{{Name: "user_id", Type: types.TBigInt}, {Name: "n", Type: types.TBigInt.NotNull()}, {Name: "s", Type: types.TDouble}}
			if c.miniBatch {
				n.MiniBatch = &physical.MiniBatch{}
			}
			o := open(b, n, op.Env{})
			in := batches(c.keys, 2_000_000)
			var out counter
			for _, x := range in { // the keys are there
				if err := o.Process(x, &out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			rows := 0
			for i := 0; rows < b.N; i++ {
				x := in[i%len(in)]
				rows += x.N
				if err := o.Process(x, &out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
		})
	}
}

func BenchmarkWindowAggregate(b *testing.B) {
	for _, slide := range []int64{10, 5} {
		b.Run(fmt.Sprintf("10s/%ds", slide), func(b *testing.B) {
			n := &physical.WindowAggregate{
				Input: input, Keys: []int{0}, Aggs: countAndSum(), WindowColumns: []string{"start", "end"},
				Window: physical.Window{Kind: physical.Hop, Size: 10_000_000, Slide: slide * 1_000_000, TimeColumn: 2},
			}
			ts := types.MakeTimestamp(3).NotNull()
			n.Columns = []physical.Column{
				{Name: "user_id", Type: types.TBigInt}, {Name: "n", Type: types.TBigInt.NotNull()}, {Name: "s", Type: types.TDouble},
				{Name: "window_start", Type: ts}, {Name: "window_end", Type: ts},
			}
			o := open(b, n, op.Env{})
			in := batches(100_000, 2_000_000)
			var out counter
			b.ReportAllocs()
			b.ResetTimer()
			rows, shift := 0, int64(0)
			for rows < b.N {
				for _, x := range in {
					if shift > 0 {
						for i := range x.Cols[2].Int {
							x.Cols[2].Int[i] += 20_000_000
						}
					}
					rows += x.N
					if err := o.Process(x, &out); err != nil {
						b.Fatal(err)
					}
					if err := o.Watermark(exec.Watermark(x.Cols[2].Int[x.N-1]-1_000_000), &out); err != nil {
						b.Fatal(err)
					}
					if rows >= b.N {
						break
					}
				}
				shift++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
		})
	}
}

func BenchmarkNormalize(b *testing.B) {
	for _, before := range []bool{false, true} {
		b.Run(fmt.Sprintf("before=%t", before), func(b *testing.B) {
			n := &physical.ChangelogNormalize{Input: input, Keys: []int{0}, UpdateBefore: before}
			n.Columns = input.Columns
			o := open(b, n, op.Env{})
			in := batches(1_000_000, 2_000_000)
			var out counter
			b.ReportAllocs()
			b.ResetTimer()
			rows := 0
			for i := 0; rows < b.N; i++ {
				x := in[i%len(in)]
				rows += x.N
				if err := o.Process(x, &out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
		})
	}
}

// BenchmarkTemporalJoin joins rows with one of 1,000 keys, each of which has a new version every ten rows; a watermark behind each batch.
func BenchmarkTemporalJoin(b *testing.B) {
	n := &physical.TemporalJoin{Left: input, Right: input, Kind: physical.InnerJoin, Equi: physical.Equi{Left: []int{0}, Right: []int{0}, NullSafe: []bool{false}}, LeftTime: 2, RightTime: 2}
	n.Props = physical.Props{ID: "join", Columns: append(append([]physical.Column(nil), input.Columns...), input.Columns...)}
	const rows = 1 << 18
	left, right := batches(1000, rows), batches(1000, rows/10)
	for _, r := range right {
		for i := range r.Cols[2].Int {
			r.Cols[2].Int[i] *= 10
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		o := open(b, n, op.Env{}).(exec.TwoInput)
		out := &counter{}
		b.StartTimer()
		for i, l := range left {
			if i%10 == 0 && i/10 < len(right) {
				if err := o.ProcessRight(right[i/10], out); err != nil {
					b.Fatal(err)
				}
			}
			if err := o.Process(l, out); err != nil {
				b.Fatal(err)
			}
			if err := o.Watermark(exec.Watermark(l.Cols[2].Int[l.N-1]), out); err != nil {
				b.Fatal(err)
			}
		}
		if out.rows == 0 {
			b.Fatal("no row came out")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

// BenchmarkLocalAggregate is the first phase of a window aggregation alone; the time is a row's, rows-out the part of the rows that is sent on. Of
// many keys rows pass as they are most of the time.
func BenchmarkLocalAggregate(b *testing.B) {
	for _, keys := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			w := physical.Window{Kind: physical.Tumble, Size: 3600e6, Slide: 3600e6, TimeColumn: 2}
			n := &physical.LocalAggregate{Input: input, Keys: []int{0}, Aggs: countAndSum(), Window: &w, Hold: -1}
			n.Columns = withPartial(input)
			o := open(b, n, op.Env{})
			in := batches(keys, 1<<20)
			var out counter
			b.ReportAllocs()
			b.ResetTimer()
			rows := 0
			for i := 0; rows < b.N; i++ {
				batch := in[i%len(in)]
				if err := o.Process(batch, &out); err != nil {
					b.Fatal(err)
				}
				rows += batch.N
			}
			b.ReportMetric(float64(out.rows)/float64(rows), "rows-out/row")
		})
	}
}
