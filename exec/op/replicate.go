package op

import (
	"fmt"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
)

// replicate puts every row out as often as a column of it says, without that column: what INTERSECT ALL and EXCEPT ALL
// make of one row for each value with the number of its copies.
type replicate struct {
	stateless
	node  *physical.Replicate
	cols  []int // of the input that go out
	all   []int32
	rows  []int32
	kinds []batch.ChangeKind
	out   *batch.Batch
}

func newReplicate(n *physical.Replicate) (exec.Operator, error) {
	o := &replicate{node: n, out: batch.New(columnTypes(n), batch.TargetRows)}
	for c := range n.Input.Base().Columns {
		if c != n.Times {
			o.cols = append(o.cols, c)
		}
	}
	return o, nil
}

func (o *replicate) Process(in *batch.Batch, out exec.Emitter) error {
	times := in.Cols[o.node.Times]
	for _, i := range positions(in, &o.all) {
		if times.IsNull(int(i)) {
			return fmt.Errorf("this is a bug: %s has a row without a number of copies", o.node.ID)
		}
		// The number may differ between the two halves of an update, so that they are no pair any more.
		kind := batch.Insert
		if !in.Kind(int(i)).Adds() {
			kind = batch.Delete
		}
		for range times.Int[i] {
			o.rows, o.kinds = append(o.rows, i), append(o.kinds, kind)
			if len(o.rows) >= batch.TargetRows {
				if err := o.flush(in, out); err != nil {
					return err
				}
			}
		}
	}
	return o.flush(in, out)
}

func (o *replicate) flush(in *batch.Batch, out exec.Emitter) error {
	if len(o.rows) == 0 {
		return nil
	}
	o.out.Reset()
	for c, v := range o.out.Cols {
		v.AppendMany(in.Cols[o.cols[c]], o.rows, in.N)
	}
	o.out.N = len(o.rows)
	for k, kind := range o.kinds {
		o.out.SetKind(k, kind)
	}
	o.rows, o.kinds = o.rows[:0], o.kinds[:0]
	return out.Emit(o.out)
}
