package op_test

import (
	"syscall"
	"testing"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op"
	"weir/planner/physical"
	"weir/planner/types"
)

// perRow feeds batches to o, event time going on by shift from round to round, with a watermark a second behind the last row of each batch.
func perRow(b *testing.B, in []*batch.Batch, shift int64, times []int, feed func(x *batch.Batch, wm exec.Watermark) error) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	cpu := cpuTime()
	rows := 0
	for round := 0; rows < b.N; round++ {
		for _, x := range in {
			if round > 0 {
				for _, c := range times {
					for i := range x.Cols[c].Int {
						x.Cols[c].Int[i] += shift
					}
				}
			}
			rows += x.N
			if err := feed(x, exec.Watermark(x.Cols[2].Int[x.N-1]-1_000_000)); err != nil {
				b.Fatal(err)
			}
			if rows >= b.N {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	b.ReportMetric(float64(cpuTime()-cpu)/float64(rows), "cpu-ns/row")
}

// cpuTime is the processor time of this process in nanoseconds, which other work on the machine does not change much.
func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// into is an Emitter that hands batches on to f.
type into func(x *batch.Batch) error

func (f into) Emit(x *batch.Batch) error { return f(x) }

// BenchmarkSession counts and sums 20,000 keys in sessions of some 25 rows each: with their accumulators, and with their rows, as where keys
// and sessions are not the same.
func BenchmarkSession(b *testing.B) {
	ts := types.MakeTimestamp(3).NotNull()
	w := physical.Window{Kind: physical.Session, Size: 1_000_000, Slide: 1_000_000, TimeColumn: 2}
	aggregate := func(in physical.Node, w physical.Window, keys []int, props []string) *physical.WindowAggregate {
		n := &physical.WindowAggregate{Input: in, Keys: keys, Aggs: countAndSum(), Window: w, WindowColumns: props}
		for _, k := range keys {
			n.Columns = append(n.Columns, in.Base().Columns[k])
		}
		n.Columns = append(n.Columns, physical.Column{Name: "n", Type: types.TBigInt.NotNull()}, physical.Column{Name: "s", Type: types.TDouble})
		for _, p := range props {
			n.Columns = append(n.Columns, physical.Column{Name: p, Type: ts})
		}
		return n
	}
	const shift = 5_000_000 // of 500,000 rows
	b.Run("accumulators", func(b *testing.B) {
		o := open(b, aggregate(input, w, []int{0}, []string{"start", "end"}), op.Env{})
		var out counter
		perRow(b, batches(20_000, 500_000), shift, []int{2}, func(x *batch.Batch, wm exec.Watermark) error {
			if err := o.Process(x, &out); err != nil {
				return err
			}
			return o.Watermark(wm, &out)
		})
	})
	b.Run("rows", func(b *testing.B) {
		tvf := &physical.SessionTVF{Input: input, Partition: []int{0}, Window: w}
		tvf.Columns = append(append(tvf.Columns, input.Columns...), physical.Column{Name: "window_start", Type: ts}, physical.Column{Name: "window_end", Type: ts},
			physical.Column{Name: "window_time", Type: ts})
		attached := physical.Window{Kind: physical.Session, Size: w.Size, Slide: w.Size, TimeColumn: -1, StartColumn: 3, EndColumn: 4}
		rows, sums := open(b, tvf, op.Env{}), open(b, aggregate(tvf, attached, []int{0, 3}, []string{"end"}), op.Env{})
		var out counter
		add := into(func(x *batch.Batch) error { return sums.Process(x, &out) })
		perRow(b, batches(20_000, 500_000), shift, []int{2}, func(x *batch.Batch, wm exec.Watermark) error {
			if err := rows.Process(x, add); err != nil {
				return err
			}
			if err := rows.Watermark(wm, add); err != nil {
				return err
			}
			return sums.Watermark(wm, &out)
		})
	})
}

// BenchmarkTopN keeps the first rows of each of 1,000 keys by price: in windows of 2.5 s, and without windows.
func BenchmarkTopN(b *testing.B) {
	ts := types.MakeTimestamp(3).NotNull()
	cols := append(append([]physical.Column(nil), input.Columns...), physical.Column{Name: "window_start", Type: ts}, physical.Column{Name: "window_end", Type: ts})
	in := &physical.Values{Props: physical.Props{Columns: cols}}
	order := []physical.SortKey{{Column: 1, Desc: true}}
	rows := func() []*batch.Batch {
		list := batches(1000, 500_000)
		for _, x := range list {
			for _, t := range []types.Type{ts, ts} {
				x.Cols = append(x.Cols, batch.NewVector(t, x.N))
			}
			for _, t := range x.Cols[2].Int {
				x.Cols[3].Int, x.Cols[4].Int = append(x.Cols[3].Int, t-t%2_500_000), append(x.Cols[4].Int, t-t%2_500_000+2_500_000)
			}
		}
		return list
	}
	for _, c := range []struct {
		name string
		to   int64
	}{{"3", 3}, {"100", 100}} {
		b.Run("window/"+c.name, func(b *testing.B) {
			n := &physical.WindowRank{Input: in, Partition: []int{0, 3, 4}, Order: order, From: 1, To: c.to,
				Window: physical.Window{TimeColumn: -1, StartColumn: 3, EndColumn: 4}}
			n.Columns = cols
			o := open(b, n, op.Env{})
			var out counter
			perRow(b, rows(), 5_000_000, []int{2, 3, 4}, func(x *batch.Batch, wm exec.Watermark) error {
				if err := o.Process(x, &out); err != nil {
					return err
				}
				return o.Watermark(wm, &out)
			})
		})
		b.Run("rank/"+c.name, func(b *testing.B) {
			n := &physical.Rank{Input: in, Partition: []int{0}, Order: order, From: 1, To: c.to}
			n.Columns = cols
			o := open(b, n, op.Env{})
			var out counter
			perRow(b, rows(), 5_000_000, []int{2, 3, 4}, func(x *batch.Batch, wm exec.Watermark) error { return o.Process(x, &out) })
		})
	}
}
