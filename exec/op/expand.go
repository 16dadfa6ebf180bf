package op

import (
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
)

// expand puts every row out once for each grouping set: with NULL for the keys that the set does not have, and the number of the
// set. Rows are not copied: a batch goes out several times with other columns in those places.
type expand struct {
	stateless
	node  *physical.Expand
	types []types.Type
	id    *batch.Vector
	nulls []*batch.Vector // by column; nil until it is needed
	out   batch.Batch
}

func newExpand(n *physical.Expand) (exec.Operator, error) {
	ts := columnTypes(n)
	return &expand{node: n, types: ts, id: batch.NewVector(ts[n.ID], batch.TargetRows), nulls: make([]*batch.Vector, len(ts))}, nil
}

func (o *expand) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	for set, lacking := range o.node.Null {
		o.out.Cols = append(o.out.Cols[:0], in.Cols...)
		for _, c := range lacking {
			o.out.Cols[c] = o.null(c, in.N)
		}
		o.id.Resize(in.N)
		for i := range o.id.Int {
			o.id.Int[i] = int64(set)
		}
		o.out.Cols[o.node.ID] = o.id
		o.out.N, o.out.Sel, o.out.Kinds = in.N, in.Sel, in.Kinds
		if err := out.Emit(&o.out); err != nil {
			return err
		}
	}
	return nil
}

// null is n NULLs for column c.
func (o *expand) null(c, n int) *batch.Vector {
	v := o.nulls[c]
	if v == nil {
		v = batch.NewVector(o.types[c], batch.TargetRows)
		o.nulls[c] = v
	}
	if v.Rows() == n {
		return v
	}
	v.Reset()
	for range n {
		v.AppendNull()
	}
	return v
}
