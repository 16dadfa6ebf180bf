package op_test

import (
	"slices"
	"testing"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// keeper is an Emitter that keeps the last batch.
type keeper struct {
	lines
	last *batch.Batch
}

func (k *keeper) Emit(b *batch.Batch) error { k.last = b; return k.lines.Emit(b) }

func TestCalcSelectsRowsAndPassesColumnsOnWithoutCopying(t *testing.T) {
	in := batch.New([]types.Type{types.TString, types.TBoolean}, 4)
	for i, f := range []types.Value{true, false, nil, true} {
		in.AppendRow(row(t, string(rune('a'+i)), f), 0)
	}
	in.Kinds = []batch.ChangeKind{batch.Insert, batch.Delete, batch.UpdateBefore, batch.UpdateAfter}
	n := &physical.Calc{
		Filter: &scalar.Column{Index: 1, Typ: types.TBoolean},
		Exprs:  []scalar.Expr{&scalar.Literal{Value: int64(7), Typ: types.TInt}, &scalar.Column{Index: 0, Typ: types.TString}},
	}
	o, err := op.New(n, op.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Open(&exec.TaskContext{}, nil); err != nil {
		t.Fatal(err)
	}
	var out keeper
	if err := o.Process(in, &out); err != nil {
		t.Fatal(err)
	}
	if want := []string{"+I[7, a]", "+U[7, d]"}; !slices.Equal(out.lines, want) {
		t.Errorf("got %v, want %v", out.lines, want)
	}
	if out.last.Cols[1] != in.Cols[0] {
		t.Error("a plain column was copied")
	}
	out = keeper{}
	in.Sel = []int32{1, 2}
	if err := o.Process(in, &out); err != nil {
		t.Fatal(err)
	}
	if out.last != nil {
		t.Errorf("rows that do not satisfy the filter went out: %v", out.lines)
	}
}

func row(t *testing.T, s string, f types.Value) *batch.Batch {
	t.Helper()
	b := batch.New([]types.Type{types.TString, types.TBoolean}, 1)
	b.Cols[0].AppendString(s)
	b.Cols[1].AppendValue(f)
	b.N = 1
	return b
}
