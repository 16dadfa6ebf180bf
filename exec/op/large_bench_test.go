package op_test

import (
	"math/rand/v2"
	"testing"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// feed gives rows of in to o until there were b.N of them, event time going on; with a watermark behind each batch.
func feed(b *testing.B, o exec.Operator, in []*batch.Batch, watermarks bool) {
	b.Helper()
	var out counter
	perRow(b, in, int64(len(in))*batch.TargetRows*10, []int{2}, func(x *batch.Batch, _ exec.Watermark) error {
		if err := o.Process(x, &out); err != nil || !watermarks {
			return err
		}
		return o.Watermark(exec.Watermark(x.Cols[2].Int[x.N-1]), &out)
	})
	if out.rows == 0 && b.N > batch.TargetRows {
		b.Fatal("no row came out")
	}
	b.ReportMetric(float64(out.rows)/float64(max(b.N, 1)), "rows-out/row")
}

// BenchmarkManyPlaces is a Top-N of 10,000 places of one key, by price: while it fills, and behind that, of rows that only come and of rows that are
// taken back; and with the number in the result, where each row changes what it comes before.
func BenchmarkManyPlaces(b *testing.B) {
	const places = 10_000
	rank := func() *physical.Rank {
		n := &physical.Rank{Input: input, Partition: []int{0}, Order: []physical.SortKey{{Column: 1, Desc: true}}, From: 1, To: places}
		n.Columns = input.Columns
		return n
	}
	b.Run("fills", func(b *testing.B) { feed(b, open(b, rank(), op.Env{}), batches(1, places), false) })
	b.Run("is full", func(b *testing.B) { feed(b, open(b, rank(), op.Env{}), batches(1, 20*places), false) })
	b.Run("retracts", func(b *testing.B) {
		n := rank()
		n.InputRetracts = true
		feed(b, open(b, n, op.Env{}), comingAndGoing(batches(1, places)), false)
	})
	b.Run("number", func(b *testing.B) {
		n := rank()
		n.Number = true
		n.Columns = append(append([]physical.Column(nil), input.Columns...), physical.Column{Name: "n", Type: types.TBigInt.NotNull()})
		feed(b, open(b, n, op.Env{}), batches(1, places), false)
	})
}

// comingAndGoing is rows of in, and behind each of its batches all but the last tenth of its rows again, taken back.
func comingAndGoing(in []*batch.Batch) []*batch.Batch {
	var out []*batch.Batch
	for _, x := range in {
		gone := batch.New([]types.Type{types.TBigInt, types.TDouble, types.MakeTimestamp(3)}, x.N)
		for _, i := range rand.New(rand.NewPCG(3, 4)).Perm(x.N)[:x.N*9/10] {
			for c, v := range gone.Cols {
				v.AppendFrom(x.Cols[c], i)
			}
			gone.EndRow(batch.Delete)
		}
		out = append(out, x, gone)
	}
	return out
}

// BenchmarkLargeFrame is aggregates of an OVER whose frame has 10,000 rows of one key.
func BenchmarkLargeFrame(b *testing.B) {
	for _, f := range []string{"SUM", "MAX", "MIN", "FIRST_VALUE", "LAST_VALUE"} {
		for _, rows := range []bool{true, false} {
			name := f + "/range"
			if rows {
				name = f + "/rows"
			}
			b.Run(name, func(b *testing.B) {
				n := &physical.Over{Input: input, Partition: []int{0}, Time: 2, Rows: rows, Preceding: 9_999,
					Calls: []physical.AggCall{{Func: f, Args: []int{1}, Filter: -1, Type: types.TDouble}}}
				if !rows {
					n.Preceding *= 10 // microseconds
				}
				n.Columns = append(append([]physical.Column(nil), input.Columns...), physical.Column{Name: "v", Type: types.TDouble})
				feed(b, open(b, n, op.Env{}), batches(1, 500_000), true)
			})
		}
	}
}

// BenchmarkLongMatch is PATTERN (A+ B) over one key where A takes every row but each 1,000th, which is B: from each row on a match is open.
func BenchmarkLongMatch(b *testing.B) {
	const length = 1000
	cond := func(name string) scalar.Expr {
		return &scalar.Call{Func: fn.Builtins()[name], Typ: types.TBoolean, Args: []scalar.Expr{
			&scalar.Column{Index: 1, Name: "price", Typ: types.TDouble}, &scalar.Literal{Value: 0.0, Typ: types.TDouble.NotNull()}}}
	}
	n := &physical.Match{Input: input, Partition: []int{0}, Time: 2, Skip: physical.Skip{Kind: physical.PastLastRow, Var: -1}}
	n.Refs = []physical.MatchRef{
		{Var: 0, Column: 1, Type: types.TDouble, Name: "A.price"},
		{Var: 0, Func: "COUNT", Type: types.TBigInt.NotNull(), Name: "COUNT(A.*)"},
	}
	n.Vars = []physical.PatternVar{{Name: "A", Min: 1, Max: -1, Cond: cond(">=")}, {Name: "B", Min: 1, Max: 1, Cond: cond("<")}}
	n.Measures = []scalar.Expr{&scalar.Column{Index: 3, Typ: types.TDouble}, &scalar.Column{Index: 4, Typ: types.TBigInt.NotNull()}}
	n.Columns = []physical.Column{{Name: "user_id", Type: types.TBigInt}, {Name: "a", Type: types.TDouble}, {Name: "n", Type: types.TBigInt.NotNull()}}
	for _, skip := range []physical.Skip{{Kind: physical.PastLastRow, Var: -1}, {Kind: physical.ToNextRow, Var: -1}} {
		name := map[physical.SkipKind]string{physical.PastLastRow: "past last row", physical.ToNextRow: "to next row"}[skip.Kind]
		b.Run(name, func(b *testing.B) {
			m := *n
			m.Skip = skip
			in := batches(1, 100*length)
			for k, x := range in {
				for i := range x.N {
					if (k*batch.TargetRows+i)%length == length-1 {
						x.Cols[1].Flt[i] = -1
					}
				}
			}
			feed(b, open(b, &m, op.Env{}), in, true)
		})
	}
}
