package op

import (
	"encoding/binary"
	"fmt"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// deduplicate keeps one row of each key: the last in time, or the first that comes. An entry is, by key, 1 | time 8, with
// the row in the variable part where -U is wanted. Of rows of one time the last that comes is the last.
type deduplicate struct {
	node  *physical.Deduplicate
	types []types.Type
	cols  []int
	table state.Table

	entries
	rows  state.Keys
	sel   []int32
	kinds []batch.ChangeKind
	view  batch.Batch
	out   *batch.Batch
}

func newDeduplicate(n *physical.Deduplicate) (exec.Operator, error) {
	if n.Waits() {
		return newFirstRow(n), nil
	}
	o := &deduplicate{node: n, types: columnTypes(n.Input)}
	o.cols = scalar.FirstColumns(len(o.types))
	o.out = batch.New(o.types, batch.TargetRows)
	return o, nil
}

func (o *deduplicate) Open(_ *exec.TaskContext, st state.Scope) (err error) {
	n := o.node
	o.table, err = st.Table(state.TableSpec{Name: "row", Fixed: 9, TTL: n.TTL,
		Schema: fmt.Sprintf("deduplicate1 key%d(%s) (%s)", batch.KeyFormat, typeList(pick(o.types, n.Keys)), typeList(o.types))})
	return err
}

func (o *deduplicate) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos := o.encode(in, o.node.Keys)
	if !o.node.Last && o.node.TTL > 0 {
		return o.firstOfAWhile(in, pos, out)
	}
	if o.node.UpdateBefore {
		batch.EncodeUnhashed(in, o.cols, &o.rows)
	}
	m := o.table.Map(0)
	if err := o.upsert(m); err != nil {
		return err
	}
	o.out.Reset()
	o.sel, o.kinds = o.sel[:0], grow(o.kinds, in.N)
	for k, i := range pos {
		s := m.Fixed(o.refs[k])
		t := int64(0)
		if o.node.Time >= 0 {
			v := in.Cols[o.node.Time]
			if v.IsNull(int(i)) {
				return noTimeOf(o.node.Input, o.node.Time)
			}
			t = v.Int[i]
		}
		kind := batch.Insert
		if s[0] != 0 {
			kept := int64(binary.LittleEndian.Uint64(s[1:]))
			if !o.node.Last || t < kept {
				continue
			}
			kind = batch.UpdateAfter
			if o.node.UpdateBefore {
				if err := decodeRow(o.node.ID, m.Var(o.refs[k]), o.out.Cols); err != nil {
					return err
				}
				o.out.EndRow(batch.UpdateBefore)
			}
		}
		s[0] = 1
		binary.LittleEndian.PutUint64(s[1:], uint64(t))
		if !o.node.UpdateBefore {
			o.sel = append(o.sel, i)
			o.kinds[i] = kind
			continue
		}
		if err := m.SetVar(o.refs[k], o.rows.At(k)); err != nil {
			return err
		}
		o.out.AppendRowAs(in, int(i), kind)
	}
	if o.node.UpdateBefore {
		return emitRows(o.out, out)
	}
	if len(o.sel) == 0 {
		return nil
	}
	o.view = *in
	o.view.Sel = o.sel
	if o.node.Last {
		o.view.Kinds = o.kinds
	}
	return out.Emit(&o.view)
}

// firstOfAWhile puts out the first row of each key, and the next one when the TTL of that is over: rows between them are not written, and do
// not make it last, as in Flink.
func (o *deduplicate) firstOfAWhile(in *batch.Batch, pos []int32, out exec.Emitter) error {
	m := o.table.Map(0)
	o.sel = o.sel[:0]
	for k, i := range pos {
		key := o.enc.At(k)
		r, err := m.Find(o.hashes[k], key)
		if err != nil {
			return err
		}
		if r != state.NoRef {
			continue
		}
		if r, _, err = m.Upsert(o.hashes[k], key); err != nil {
			return err
		}
		m.Fixed(r)[0] = 1
		o.sel = append(o.sel, i)
	}
	if len(o.sel) == 0 {
		return nil
	}
	o.view = *in
	o.view.Sel = o.sel
	return out.Emit(&o.view)
}

func (*deduplicate) Watermark(exec.Watermark, exec.Emitter) error { return nil }
func (*deduplicate) Snapshot(state.Epoch, exec.Emitter) error     { return nil }
func (*deduplicate) Close() error                                 { return nil }

// firstRow keeps the first row of each key by row time. A row waits until the watermark has passed it, since an
// earlier one may come; then it goes out and stays. Late rows are dropped. Table row has, by key: what has come of it 1 (firstWaits,
// firstGone) | time of the row that waits 8.
type firstRow struct {
	node   *physical.Deduplicate
	ctx    *exec.TaskContext
	types  []types.Type
	cols   []int
	table  state.Table
	buffer timeBuffer // rows that wait; of a key, those that were the earliest as they came
	wm     exec.Watermark

	entries
	rows state.Keys
	late []int32 // of the batch under way
	out  *batch.Batch
}

const (
	firstWaits = 1
	firstGone  = 2
)

func newFirstRow(n *physical.Deduplicate) *firstRow {
	o := &firstRow{node: n, types: columnTypes(n.Input), wm: exec.MinWatermark}
	o.cols = scalar.FirstColumns(len(o.types))
	o.out = batch.New(o.types, batch.TargetRows)
	return o
}

func (o *firstRow) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	schema := fmt.Sprintf("firstrow1 key%d(%s) (%s)", batch.KeyFormat, typeList(pick(o.types, o.node.Keys)), typeList(o.types))
	if o.table, err = st.Table(state.TableSpec{Name: "row", Fixed: 9, TTL: o.node.TTL, Schema: schema}); err != nil {
		return err
	}
	return o.buffer.open(st, "pending", schema)
}

func (o *firstRow) Process(in *batch.Batch, _ exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos := o.encode(in, o.node.Keys)
	batch.EncodeUnhashed(in, o.cols, &o.rows)
	times := in.Cols[o.node.Time]
	m := o.table.Map(0)
	o.late = o.late[:0]
	for k, i := range pos {
		if times.IsNull(int(i)) {
			return noTimeOf(o.node.Input, o.node.Time)
		}
		t := times.Int[i]
		if o.wm != exec.MinWatermark && t < int64(o.wm) { // one with just its time is the first as long as no other has gone out
			o.late = append(o.late, i)
			continue
		}
		key := o.enc.At(k)
		r, err := m.Find(o.hashes[k], key)
		if err != nil {
			return err
		}
		if r == state.NoRef {
			r, _, err = m.Upsert(o.hashes[k], key)
		} else {
			// A row that changes nothing does not make the key's TTL begin anew.
			s := m.Fixed(r)
			if s[0] == firstGone || s[0] == firstWaits && t >= int64(binary.LittleEndian.Uint64(s[1:])) {
				continue
			}
			m.Touch(r)
		}
		if err != nil {
			return err
		}
		s := m.Fixed(r)
		s[0] = firstWaits
		binary.LittleEndian.PutUint64(s[1:], uint64(t))
		o.buffer.add(t, o.hashes[k], key, o.rows.At(k))
	}
	return o.ctx.DropLate(0, in, o.late, o.wm)
}

func (o *firstRow) Watermark(wm exec.Watermark, out exec.Emitter) error {
	o.wm = wm
	m := o.table.Map(0)
	o.out.Reset()
	for o.buffer.due(int64(wm)) {
		row := o.buffer.pop()
		r, _, err := m.Upsert(row.hash, row.key) // the TTL may have taken it
		if err != nil {
			return err
		}
		s := m.Fixed(r)
		if s[0] == firstGone {
			continue // an earlier one came after it
		}
		s[0] = firstGone
		if err := decodeRow(o.node.ID, row.row, o.out.Cols); err != nil {
			return err
		}
		if o.out.N++; o.out.N == batch.TargetRows {
			if err := emitRows(o.out, out); err != nil {
				return err
			}
		}
	}
	return emitRows(o.out, out)
}

// Restored: a row with just the watermark's time waits for the next one, in another run too.
func (o *firstRow) Restored(wm exec.Watermark) { o.wm = wm }

func (o *firstRow) Snapshot(state.Epoch, exec.Emitter) error { return o.buffer.snapshot() }
func (*firstRow) Close() error                               { return nil }

var _ exec.Restorer = (*firstRow)(nil)
