package lookup

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// search is a search of a table of names and vectors.
func search(metric physical.Metric, elem types.Type, top int) *physical.VectorSearch {
	n := &physical.VectorSearch{Metric: metric, TopK: top, Search: 1}
	n.Lookup.Table = &catalog.Table{Name: "t"}
	n.Lookup.Columns = []physical.Column{{Name: "name", Type: types.TBigInt}, {Name: "v", Type: types.Type{Kind: types.Array, Nullable: true, Nested: &types.Nested{Elem: elem}}}}
	n.Lookup.Exprs = []scalar.Expr{&scalar.Column{Index: 0, Name: "name", Typ: types.TBigInt}}
	return n
}

func TestTheMostSimilarRowsAreFoundWhateverTheOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		metric := physical.Metric(r.IntN(3))
		elem := []types.Type{types.TFloat, types.TDouble}[r.IntN(2)]
		dim, rows, top := 1+r.IntN(9), r.IntN(40), 1+r.IntN(6)
		n := search(metric, elem, top)
		vec := func() []float64 { // few values, so that scores are often equal
			v := make([]float64, dim)
			for i := range v {
				v[i] = float64(r.IntN(5) - 2)
			}
			return v
		}
		all := make([][]float64, rows)
		for i := range all {
			all[i] = vec()
		}
		query := vec()

		type want struct {
			name  int64
			score float64
		}
		var wanted []want
		for i, v := range all {
			var dot, a, b, d float64
			for k := range v {
				dot, a, b, d = dot+v[k]*query[k], a+v[k]*v[k], b+query[k]*query[k], d+(v[k]-query[k])*(v[k]-query[k])
			}
			s := []float64{dot / math.Sqrt(a) / math.Sqrt(b), dot, math.Sqrt(d)}[metric]
			if !math.IsNaN(s) {
				wanted = append(wanted, want{int64(i), s})
			}
		}
		slices.SortFunc(wanted, func(x, y want) int {
			if math.Abs(x.score-y.score) > 1e-9 {
				if metric == physical.L2 {
					return cmp.Compare(x.score, y.score)
				}
				return cmp.Compare(y.score, x.score)
			}
			return 0
		})

		table := NewVectorTable(n)
		b := batch.New(physical.Types(n.Lookup.Columns), 8)
		for _, i := range r.Perm(rows) {
			b.Cols[0].AppendInt(int64(i))
			b.Cols[1].BeginList()
			for _, x := range all[i] {
				b.Cols[1].Children[0].AppendFloat(x)
			}
			b.Cols[1].EndList()
			if b.N++; b.N == 8 {
				if err := table.Add(b); err != nil {
					t.Fatal(err)
				}
				b.Reset()
			}
		}
		if err := table.Add(b); err != nil {
			t.Fatal(err)
		}
		out := batch.New(append(physical.Types(n.Lookup.Columns), types.TDouble), 8)
		if err := table.Nearest(query, out); err != nil {
			t.Fatal(err)
		}
		if out.N != min(top, len(wanted)) {
			t.Fatalf("%s: %d rows are found, not %d", metric, out.N, min(top, len(wanted)))
		}
		for i := range out.N {
			score := out.Cols[2].Flt[i]
			if math.Abs(score-wanted[i].score) > 1e-9 {
				t.Errorf("%s, row %d: score %v, not %v", metric, i, score, wanted[i].score)
			}
			name := out.Cols[0].Int[i]
			if k := slices.IndexFunc(wanted, func(w want) bool { return w.name == name }); k < 0 || math.Abs(wanted[k].score-score) > 1e-9 {
				t.Errorf("%s, row %d: score %v is not that of row %d", metric, i, score, name)
			}
			if i > 0 && score == out.Cols[2].Flt[i-1] && name < out.Cols[0].Int[i-1] {
				t.Errorf("%s, row %d: of equal scores row %d comes behind row %d", metric, i, name, out.Cols[0].Int[i-1])
			}
		}
	}
}

func BenchmarkNearest(b *testing.B) {
	n := search(physical.Cosine, types.TFloat, 10)
	table := NewVectorTable(n)
	const dim, rows = 384, 10_000
	r := rand.New(rand.NewPCG(1, 2))
	in := batch.New(physical.Types(n.Lookup.Columns), rows)
	for i := range rows {
		in.Cols[0].AppendInt(int64(i))
		in.Cols[1].BeginList()
		for range dim {
			in.Cols[1].Children[0].AppendFloat(float64(float32(r.NormFloat64())))
		}
		in.Cols[1].EndList()
	}
	in.N = rows
	if err := table.Add(in); err != nil {
		b.Fatal(err)
	}
	query := Vector(in.Cols[1], 7)
	out := batch.New(append(physical.Types(n.Lookup.Columns), types.TDouble), 10)
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := table.Nearest(query, out); err != nil {
			b.Fatal(err)
		}
	}
}
