package op

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// final keeps the rows that the changes of its input lead to, and puts them out when the input has ended, in the node's
// order where it has one. An entry of the table is, by all columns of a row, how many of it there are.
//
// Where there is an order all rows are in memory at once at the end.
type final struct {
	node  *physical.Final
	types []types.Type
	cols  []int
	table state.Table

	entries
	out *batch.Batch
}

// finalRow is a row at the end, and how many of it there are.
type finalRow struct {
	sort, row []byte
	n         int64
}

func newFinal(n *physical.Final) (exec.Operator, error) {
	o := &final{node: n, types: columnTypes(n)}
	o.cols = scalar.FirstColumns(len(o.types))
	if err := orderable(o.types, n.Order); err != nil {
		return nil, err
	}
	o.out = batch.New(o.types, batch.TargetRows)
	return o, nil
}

func (o *final) Open(_ *exec.TaskContext, st state.Scope) (err error) {
	o.table, err = st.Table(state.TableSpec{Name: "rows", Fixed: 8, Schema: fmt.Sprintf("final1 key%d(%s)", batch.KeyFormat, typeList(o.types))})
	return err
}

func (o *final) Process(in *batch.Batch, _ exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos := o.encode(in, o.cols)
	m := o.table.Map(0)
	if err := o.upsert(m); err != nil {
		return err
	}
	for k, i := range pos {
		by := int64(1)
		if !in.Kind(int(i)).Adds() {
			by = -1
		}
		f := m.Fixed(o.refs[k])
		binary.LittleEndian.PutUint64(f, binary.LittleEndian.Uint64(f)+uint64(by))
	}
	for _, r := range o.refs {
		if f := m.Fixed(r); int64(binary.LittleEndian.Uint64(f)) == 0 {
			binary.LittleEndian.PutUint64(f, deletedCount)
			m.Delete(r)
		}
	}
	return nil
}

// Watermark puts out the rows behind the end of the input.
func (o *final) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm != exec.MaxWatermark {
		return nil
	}
	o.out.Reset()
	var rows []finalRow // with an order
	one := batch.New(o.types, 1)
	m := o.table.Map(0)
	var bad error
	err := m.Scan(func(r state.Ref) bool {
		q := finalRow{row: m.Key(r), n: int64(binary.LittleEndian.Uint64(m.Fixed(r)))}
		if len(o.node.Order) == 0 {
			bad = o.put(q, out)
		} else {
			q.row = bytes.Clone(q.row)
			one.Reset()
			if bad = o.decode(q.row, one); bad == nil {
				q.sort = appendOrder(q.sort, o.node.Order, one, 0)
				rows = append(rows, q)
			}
		}
		m.Delete(r)
		return bad == nil
	})
	if err = cmp.Or(err, bad); err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b finalRow) int {
		return cmp.Or(bytes.Compare(a.sort, b.sort), bytes.Compare(a.row, b.row))
	})
	for _, q := range rows {
		if err := o.put(q, out); err != nil {
			return err
		}
	}
	return emitRows(o.out, out)
}

// put puts a row out as often as it is there. One that was taken back more often than it came is not.
func (o *final) put(q finalRow, out exec.Emitter) error {
	for range q.n {
		if err := o.decode(q.row, o.out); err != nil {
			return err
		}
		if o.out.N >= batch.TargetRows {
			if err := emitRows(o.out, out); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *final) decode(row []byte, to *batch.Batch) error {
	if err := decodeRow(o.node.ID, row, to.Cols); err != nil {
		return err
	}
	to.N++
	return nil
}

func (*final) Snapshot(state.Epoch, exec.Emitter) error { return nil }
func (*final) Close() error                             { return nil }
