package op

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// materialize is UpsertMaterialize. Where the key of a sink is not the key of the query, the changes of several
// rows meet under one key of the sink, and may come in any order. It keeps the rows of each sink key, in the
// order in which they came, and the sink's row is the last of them.
//
//	+I +U   the row is appended (in the place of the one with the same key of the query, where that is known)
//	        and goes out: +I as the only one, +U otherwise
//	-U -D   the first equal row is removed. The last one of all: -D; the latest: +U of the one
//	        before; another: nothing. A row that is not there (its TTL is over): nothing
//
// An entry's fixed part is a byte: noRow, hasRow or given. Its variable part is the rows, each as two byte strings with their lengths (uvarint) in front: the key of
// the query, empty where it is not known, and all columns, encoded like a key.
type materialize struct {
	node  *physical.UpsertMaterialize
	key   []int // the query's key; nil when it is not known: rows are compared as a whole
	cols  []int
	types []types.Type
	table state.Table

	entries
	rowKeys state.Keys
	rows    state.Keys
	buf     []byte
	out     *batch.Batch
}

func newMaterialize(n *physical.UpsertMaterialize) (exec.Operator, error) {
	o := &materialize{node: n, types: columnTypes(n.Input), key: n.Input.Base().Changelog.Key}
	if n.Same {
		o.key = n.Keys
	}
	o.cols = scalar.FirstColumns(len(o.types))
	o.out = batch.New(o.types, batch.TargetRows)
	return o, nil
}

func (o *materialize) Open(_ *exec.TaskContext, st state.Scope) (err error) {
	o.table, err = st.Table(state.TableSpec{
		Name: "rows", Fixed: 1, TTL: o.node.TTL,
		Schema: fmt.Sprintf("materialize1 key%d(%s) by%v(%s)", batch.KeyFormat, typeList(pick(o.types, o.node.Keys)), o.key, typeList(o.types)),
	})
	return err
}

func (o *materialize) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos := o.encode(in, o.node.Keys)
	batch.EncodeUnhashed(in, o.cols, &o.rows)
	if o.key != nil {
		batch.EncodeUnhashed(in, o.key, &o.rowKeys)
	}
	m := o.table.Map(0)
	if err := o.upsert(m); err != nil {
		return err
	}
	o.out.Reset()
	gone := false
	for k, i := range pos {
		r := o.refs[k]
		row := o.rows.At(k)
		var key []byte
		if o.key != nil {
			key = o.rowKeys.At(k)
		}
		list := m.Var(r)
		at, end, found := len(list), len(list), false
		if o.key != nil || !in.Kind(int(i)).Adds() {
			at, end, found = find(list, key, row, o.key != nil)
		}
		o.buf = append(o.buf[:0], list[:at]...)
		if in.Kind(int(i)).Adds() {
			o.buf = pushBytes(pushBytes(o.buf, key), row)
			kind := batch.Insert
			if len(list) > 0 {
				kind = batch.UpdateAfter
			}
			o.out.AppendRowAs(in, int(i), kind)
			m.Fixed(r)[0] = hasRow
		} else {
			gone = true
			if !found {
				continue
			}
			switch {
			case at == 0 && end == len(list):
				o.out.AppendRowAs(in, int(i), batch.Delete)
				m.Fixed(r)[0] = noRow
			case end == len(list):
				if err := o.last(o.buf); err != nil {
					return err
				}
			}
		}
		o.buf = append(o.buf, list[end:]...)
		if err := m.SetVar(r, o.buf); err != nil {
			return err
		}
	}
	if gone {
		giveBack(m, o.refs)
	}
	if o.out.N == 0 {
		return nil
	}
	return out.Emit(o.out)
}

// find is where the row is in the list; where it is not, at and end are the list's end.
func find(list, key, row []byte, byKey bool) (at, end int, found bool) {
	for rest := list; len(rest) > 0; {
		k, tail := nextBytes(rest)
		x, tail := nextBytes(tail)
		if byKey && bytes.Equal(k, key) || !byKey && bytes.Equal(x, row) {
			return len(list) - len(rest), len(list) - len(tail), true
		}
		rest = tail
	}
	return len(list), len(list), false
}

func pushBytes(dst, x []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(x))), x...)
}

func nextBytes(b []byte) (x, rest []byte) {
	n, w := binary.Uvarint(b)
	return b[w : w+int(n)], b[w+int(n):]
}

// last puts out the last row of a list.
func (o *materialize) last(list []byte) error {
	var row []byte
	for len(list) > 0 {
		_, list = nextBytes(list)
		row, list = nextBytes(list)
	}
	if err := decodeRow(o.node.ID, row, o.out.Cols); err != nil {
		return err
	}
	o.out.EndRow(batch.UpdateAfter)
	return nil
}

func (*materialize) Watermark(exec.Watermark, exec.Emitter) error { return nil }
func (*materialize) Snapshot(state.Epoch, exec.Emitter) error     { return nil }
func (*materialize) Close() error                                 { return nil }
