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
// An entry's fixed part is a byte: 1 while there is a row, 2 once it was deleted, until the end of the
// batch. Its variable part is the columns that are not the key, encoded like a key.
type normalize struct {
	node  *physical.ChangelogNormalize
	rest  []int // the columns that are not the key
	types []types.Type
	table state.Table

	all     []int32
	keys    state.Keys
	rows    state.Keys
	hashes  []uint64
	unused  []uint64
	refs    []state.Ref
	created []bool
	kinds   []batch.ChangeKind
	sel     []int32
	view    batch.Batch
	out     *batch.Batch
	restv   []*batch.Vector // columns of out
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
	n := in.Rows()
	if n == 0 {
		return nil
	}
	pos := positions(in, &o.all)
	o.hashes = batch.EncodeKeys(in, o.node.Keys, &o.keys, o.hashes)
	o.unused = batch.EncodeKeys(in, o.rest, &o.rows, o.unused)
	o.refs, o.created = grow(o.refs, n), grow(o.created, n)
	m := o.table.Map(0)
	if err := m.UpsertMany(o.hashes[:n], o.keys, o.refs, o.created); err != nil {
		return err
	}
	o.out.Reset()
	// While no old row is put out, the rows of the input go on as they are, under other kinds.
	plain := true
	o.kinds, o.sel = grow(o.kinds, in.N), o.sel[:0]
	gone := false
	for k, i := range pos {
		r := o.refs[k]
		s := m.Fixed(r)
		row := o.rows.Data[o.rows.Off[k]:o.rows.Off[k+1]]
		known := s[0] == 1
		kindIn := in.Kind(int(i))
		old := known && (kindIn == batch.Delete || kindIn.Adds() && o.node.UpdateBefore)
		if old && plain {
			plain = false
			for _, p := range o.sel {
				o.copy(in, p, o.kinds[p])
			}
		}
		kind := batch.Insert
		switch {
		case in.Kind(int(i)) == batch.UpdateBefore:
			gone = true // the entry may have been made for it alone; the old row is here, or unknown
			continue
		case !in.Kind(int(i)).Adds():
			gone = true
			if known {
				if err := o.old(in, i, m.Var(r), batch.Delete); err != nil {
					return err
				}
				s[0] = 0
			}
			continue
		case known:
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
		s[0] = 1
		if err := m.SetVar(r, row); err != nil {
			return err
		}
		if plain {
			o.sel, o.kinds[i] = append(o.sel, i), kind
		} else {
			o.copy(in, i, kind)
		}
	}
	if gone {
		for _, r := range o.refs {
			if s := m.Fixed(r); s[0] == 0 {
				s[0] = 2
				m.Delete(r)
			}
		}
	}
	if !plain {
		return out.Emit(o.out)
	}
	if len(o.sel) == 0 {
		return nil
	}
	o.view = *in
	o.view.Sel, o.view.Kinds = o.sel, o.kinds
	return out.Emit(&o.view)
}

func (o *normalize) copy(in *batch.Batch, i int32, kind batch.ChangeKind) {
	for c, v := range o.out.Cols {
		v.AppendFrom(in.Cols[c], int(i))
	}
	o.out.N++
	o.out.SetKind(o.out.N-1, kind)
}

// old appends the row that is kept under the key of input row i.
func (o *normalize) old(in *batch.Batch, i int32, row []byte, kind batch.ChangeKind) error {
	for _, c := range o.node.Keys {
		o.out.Cols[c].AppendFrom(in.Cols[c], int(i))
	}
	if len(o.restv) > 0 {
		if err := decodeRow(o.node.ID, row, o.restv); err != nil {
			return err
		}
	}
	o.out.N++
	o.out.SetKind(o.out.N-1, kind)
	return nil
}

func (*normalize) Watermark(exec.Watermark, exec.Emitter) error { return nil }
func (*normalize) Snapshot(state.Epoch, exec.Emitter) error     { return nil }
func (*normalize) Close() error                                 { return nil }
