package op_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op"
	"weir/exec/op/memstate"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// Rows of few values in two windows, in batches of any size: what goes out is the first of all rows in the order, sorted at once.
func TestWindowRankKeepsTheFirstOfManyRows(t *testing.T) {
	ts := types.MakeTimestamp(3).NotNull()
	in := &physical.Values{Props: physical.Props{Columns: []physical.Column{
		{Name: "k", Type: types.TBigInt}, {Name: "v", Type: types.TBigInt}, {Name: "id", Type: types.TBigInt}, {Name: "ws", Type: ts}, {Name: "we", Type: ts},
	}}}
	type row struct{ k, v, id, end int64 }
	for seed := range uint64(12) {
		for _, to := range []int64{1, 2, 17, 40, 150} {
			latest := seed%2 == 1
			rnd := rand.New(rand.NewPCG(seed, uint64(to)))
			n := &physical.WindowRank{Input: in, Partition: []int{0, 3, 4}, Order: []physical.SortKey{{Column: 1}}, From: 1 + to/4, To: to, Latest: latest,
				Window: physical.Window{TimeColumn: -1, StartColumn: 3, EndColumn: 4}}
			n.Columns = in.Columns
			o, err := op.New(n, op.Env{})
			if err != nil {
				t.Fatal(err)
			}
			all := state.KeyGroupRange{From: 0, To: state.KeyGroups}
			if err := o.Open(&exec.TaskContext{Operator: "rank", Parallelism: 1, KeyGroups: all, Metrics: &exec.Metrics{}}, memstate.NewScope(nil)); err != nil {
				t.Fatal(err)
			}
			var rows []row
			for range 10 {
				b := batch.New(physical.Types(in.Columns), batch.TargetRows)
				for range rnd.IntN(200) {
					r := row{rnd.Int64N(3), rnd.Int64N(60), int64(len(rows)), 10 + 10*rnd.Int64N(2)}
					rows = append(rows, r)
					for c, v := range []int64{r.k, r.v, r.id, r.end - 10, r.end} {
						b.Cols[c].AppendInt(v)
					}
					b.N++
				}
				if err := o.Process(b, into(nil)); err != nil {
					t.Fatal(err)
				}
			}
			var got, want []string
			err = o.Watermark(exec.MaxWatermark, into(func(b *batch.Batch) error {
				for i := range b.N {
					got = append(got, fmt.Sprint(b.Cols[4].Int[i], b.Cols[0].Int[i], b.Cols[1].Int[i], b.Cols[2].Int[i]))
				}
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			for k := range int64(3) {
				for _, end := range []int64{10, 20} {
					part := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.k != k || r.end != end })
					slices.SortFunc(part, func(a, b row) int {
						byID := int(a.id - b.id)
						if latest {
							byID = -byID
						}
						return 1000*int(a.v-b.v)*len(rows) + byID
					})
					for i := n.From - 1; i < min(to, int64(len(part))); i++ {
						want = append(want, fmt.Sprint(end, k, part[i].v, part[i].id))
					}
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, the first %d, latest %t: got\n%s\nwant\n%s", seed, to, latest, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}
