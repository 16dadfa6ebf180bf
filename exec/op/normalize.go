package op

import (
	"bytes"
	"fmt"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// normalize is ChangelogNormalize: it keeps the last row of each key, and so knows what an upsert stream leaves
// out: whether a row is new, what it was before, and what a deletion deletes.
//
//	key known  row is   out
//	no         +I +U    +I
//	yes        +I +U    nothing when it is the same row (without a TTL); otherwise -U of the old one if wanted, +U
//	no         -D       nothing
//	yes        -D       -D of the old row, forgotten
//	           -U       nothing: the old row is known here, or +U follows for the first time
//
// An entry's fixed part is a byte: noRow, hasRow or given. Its variable part is the columns that are not the key, encoded like a key.
type normalize struct {
	node  *physical.ChangelogNormalize
	rest  []int // the columns that are not the key
	types []types.Type
	table state.Table

	entries
	rows state.Keys

	// What goes out: while no old row does, the rows of the input as they are, under other kinds; from the first one on, copies in out.
	kinds  []batch.ChangeKind // by position in the input
	sel    []int32
	view   batch.Batch
	copies bool
	out    *batch.Batch
	restv  []*batch.Vector // columns of out
}

// What the first byte of an entry says of its key, in normalize and materialize.
const (
	noRow  = byte(iota) // the entry was made in this batch, or what it had was deleted
	hasRow              // the variable part has a row
	given               // the entry was given back to the table, at the end of a batch
)

// giveBack deletes the entries of a batch that have no row; one may be there more than once.
func giveBack(m state.Map, refs []state.Ref) {
	for _, r := range refs {
		if s := m.Fixed(r); s[0] == noRow {
			s[0] = given
			m.Delete(r)
		}
	}
}

func newNormalize(n *physical.ChangelogNormalize) (exec.Operator, error) {
	o := &normalize{node: n, types: columnTypes(n.Input)}
	key := map[int]bool{}
	for _, c := range n.Keys {
		key[c] = true
	}
	o.out = batch.New(o.types, batch.TargetRows)
	for c, v := range o.out.Cols {
		if !key[c] {
			o.rest = append(o.rest, c)
			o.restv = append(o.restv, v)
		}
	}
	return o, nil
}

func (o *normalize) Open(_ *exec.TaskContext, st state.Scope) (err error) {
	o.table, err = st.Table(state.TableSpec{
		Name: "rows", Fixed: 1, TTL: o.node.TTL,
		Schema: fmt.Sprintf("normalize1 key%d(%s)(%s)", batch.KeyFormat, typeList(pick(o.types, o.node.Keys)), typeList(pick(o.types, o.rest))),
	})
	return err
}

func (o *normalize) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos := o.encode(in, o.node.Keys)
	batch.EncodeUnhashed(in, o.rest, &o.rows)
	m := o.table.Map(0)
	if err := o.upsert(m); err != nil {
		return err
	}
	o.out.Reset()
	o.copies, o.kinds, o.sel = false, grow(o.kinds, in.N), o.sel[:0]
	gone := false
	for k, i := range pos {
		r := o.refs[k]
		s := m.Fixed(r)
		known := s[0] == hasRow
		if kind := in.Kind(int(i)); !kind.Adds() {
			gone = true // an entry may have been made for this row alone
			if kind == batch.Delete && known {
				if err := o.old(in, i, m.Var(r), batch.Delete); err != nil {
					return err
				}
				s[0] = noRow
			}
			continue
		}
		row, kind := o.rows.At(k), batch.Insert
		if known {
			if o.node.TTL == 0 && bytes.Equal(m.Var(r), row) {
				continue
			}
			kind = batch.UpdateAfter
			if o.node.UpdateBefore {
				if err := o.old(in, i, m.Var(r), batch.UpdateBefore); err != nil {
					return err
				}
			}
		}
		s[0] = hasRow
		if err := m.SetVar(r, row); err != nil {
			return err
		}
		o.put(in, i, kind)
	}
	if gone {
		giveBack(m, o.refs)
	}
	switch {
	case o.copies:
		return out.Emit(o.out)
	case len(o.sel) == 0:
		return nil
	}
	o.view = *in
	o.view.Sel, o.view.Kinds = o.sel, o.kinds
	return out.Emit(&o.view)
}

// put puts out row i of the input.
func (o *normalize) put(in *batch.Batch, i int32, kind batch.ChangeKind) {
	if o.copies {
		o.out.AppendRowAs(in, int(i), kind)
		return
	}
	o.sel, o.kinds[i] = append(o.sel, i), kind
}

// old puts out the row that is kept under the key of row i of the input. It is in no input: what was put out before is copied, too.
func (o *normalize) old(in *batch.Batch, i int32, row []byte, kind batch.ChangeKind) error {
	if !o.copies {
		o.copies = true
		for _, p := range o.sel {
			o.out.AppendRowAs(in, int(p), o.kinds[p])
		}
	}
	for _, c := range o.node.Keys {
		o.out.Cols[c].AppendFrom(in.Cols[c], int(i))
	}
	if len(o.restv) > 0 {
		if err := decodeRow(o.node.ID, row, o.restv); err != nil {
			return err
		}
	}
	o.out.EndRow(kind)
	return nil
}

func (*normalize) Watermark(exec.Watermark, exec.Emitter) error { return nil }
func (*normalize) Snapshot(state.Epoch, exec.Emitter) error     { return nil }
func (*normalize) Close() error                                 { return nil }
