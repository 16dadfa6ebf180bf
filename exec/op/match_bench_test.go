package op_test

import (
	"testing"

	"weir/exec"
	"weir/exec/op"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// dips is a price that falls and rises again: A B+ C, where B and C look at the rows before. history false: at thresholds.
func dips(history bool) *physical.Match {
	call := func(name string, args ...scalar.Expr) scalar.Expr {
		return &scalar.Call{Func: fn.Builtins()[name], Args: args, Typ: types.TBoolean}
	}
	price := &scalar.Column{Index: 1, Name: "price", Typ: types.TDouble}
	ref := func(i int) scalar.Expr { return &scalar.Column{Index: 3 + i, Typ: types.TDouble} }
	limit := func(x float64) scalar.Expr { return &scalar.Literal{Value: x, Typ: types.TDouble.NotNull()} }
	n := &physical.Match{Input: input, Partition: []int{0}, Time: 2, Within: 3600e6, Skip: physical.Skip{Kind: physical.PastLastRow, Var: -1}}
	n.Refs = []physical.MatchRef{
		{Var: 0, Column: 1, Type: types.TDouble, Name: "A.price"},
		{Var: 1, Column: 1, Type: types.TDouble, Name: "B.price"},
		{Var: 1, Column: 1, Offset: 1, Type: types.TDouble, Name: "LAST(B.price, 1)"},
		{Var: physical.AllVars, Func: "COUNT", Type: types.TBigInt.NotNull(), Name: "COUNT(*)"},
	}
	a, b, c := physical.PatternVar{Name: "A", Min: 1, Max: 1}, physical.PatternVar{Name: "B", Min: 1, Max: -1}, physical.PatternVar{Name: "C", Min: 1, Max: 1}
	if history {
		b.Cond = call("AND", call("<", price, ref(0)), call("OR", call("IS NULL", ref(2)), call("<", price, ref(2))))
		c.Cond = call(">", price, ref(1))
	} else {
		a.Cond, b.Cond, c.Cond = call(">", price, limit(700)), call("<", price, limit(500)), call(">", price, limit(800))
	}
	n.Vars = []physical.PatternVar{a, b, c}
	n.Measures = []scalar.Expr{ref(0), ref(1), &scalar.Column{Index: 6, Typ: types.TBigInt.NotNull()}}
	n.Columns = []physical.Column{{Name: "user_id", Type: types.TBigInt}, {Name: "a", Type: types.TDouble}, {Name: "b", Type: types.TDouble}, {Name: "n", Type: types.TBigInt.NotNull()}}
	return n
}

func BenchmarkMatch(b *testing.B) {
	for _, c := range []struct {
		name    string
		keys    int
		history bool
	}{
		{"conditions of the row/10k", 10_000, false},
		{"conditions of the row/100", 100, false},
		{"conditions of the match/10k", 10_000, true},
		{"conditions of the match/100", 100, true},
		{"conditions of the match/1", 1, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := open(b, dips(c.history), op.Env{})
			in := batches(c.keys, 1_000_000)
			var out counter
			b.ReportAllocs()
			b.ResetTimer()
			rows, base := 0, int64(0)
			for i := 0; rows < b.N; i++ {
				x := in[i%len(in)]
				if i > 0 && i%len(in) == 0 { // time goes on
					base += 10_000_000
				}
				for k := range x.Cols[2].Int {
					x.Cols[2].Int[k] = base + int64(i%len(in)*2048+k)*10
				}
				rows += x.N
				if err := o.Process(x, &out); err != nil {
					b.Fatal(err)
				}
				if err := o.Watermark(exec.Watermark(x.Cols[2].Int[x.N-1]), &out); err != nil {
					b.Fatal(err)
				}
				if i%100 == 99 {
					if err := o.Snapshot(0, &out); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
			b.ReportMetric(float64(out.rows)/float64(rows), "matches/row")
		})
	}
}
