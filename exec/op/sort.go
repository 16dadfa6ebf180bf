package op

import (
	"bytes"
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

// timeSort puts rows out in the order of their event time. They wait in a timeBuffer for the watermark to pass them. A row is late, and
// dropped, when a row of its time or a later one has gone out; one that the watermark alone has passed still finds its place, as in Flink.
//
// Table last: how late the last row that went out is, 8 bytes.
type timeSort struct {
	node   *physical.Sort
	ctx    *exec.TaskContext
	types  []types.Type
	cols   []int
	buffer timeBuffer

	wm       exec.Watermark
	progress progress
	last     int64 // time of the last row that went out
	none     bool  // there was none
	lastRow  state.Table

	rows state.Keys
	all  []int32
	late []int32      // of the batch under way
	one  *batch.Batch // the rows of one time
	keys [][]byte     // their further order
	at   []int32
	out  *batch.Batch
}

func newSort(n *physical.Sort) (*timeSort, error) {
	o := &timeSort{node: n, types: columnTypes(n)}
	o.cols = scalar.FirstColumns(len(o.types))
	if err := orderable(o.types, n.Then); err != nil {
		return nil, err
	}
	o.one, o.out = batch.New(o.types, 0), batch.New(o.types, batch.TargetRows)
	return o, nil
}

func (o *timeSort) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	if o.wm, err = o.progress.open(ctx, st); err != nil {
		return err
	}
	if o.lastRow, err = st.Table(state.TableSpec{Name: "last", Fixed: 8, Schema: "time1"}); err != nil {
		return err
	}
	m := o.lastRow.Map(0)
	r, err := m.Find(state.Hash(nil), nil)
	if err != nil {
		return err
	}
	if o.none = r == state.NoRef; !o.none {
		o.last = int64(binary.LittleEndian.Uint64(m.Fixed(r)))
	}
	return o.buffer.open(st, "pending", fmt.Sprintf("key%d (%s)", batch.KeyFormat, typeList(o.types)))
}

func (o *timeSort) Process(in *batch.Batch, _ exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	batch.EncodeUnhashed(in, o.cols, &o.rows)
	times := in.Cols[o.node.Time]
	o.late = o.late[:0]
	for k, i := range positions(in, &o.all) {
		if times.IsNull(int(i)) {
			return noTimeOf(o.node.Input, o.node.Time)
		}
		t := times.Int[i]
		if !o.none && t <= o.last {
			o.late = append(o.late, i)
			continue
		}
		o.buffer.add(t, state.Hash(nil), nil, o.rows.At(k))
	}
	return o.ctx.DropLate(0, in, o.late, o.wm)
}

func (o *timeSort) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm <= o.wm {
		return nil // older than what the state was made at
	}
	o.wm = wm
	o.out.Reset()
	for o.buffer.due(int64(wm)) {
		if err := o.next(); err != nil {
			return err
		}
		if o.out.N >= batch.TargetRows {
			if err := emitRows(o.out, out); err != nil {
				return err
			}
		}
	}
	return emitRows(o.out, out)
}

// next moves the rows of the buffer's first time to out.
func (o *timeSort) next() error {
	r := o.buffer.pop()
	o.last, o.none = r.time, false
	if len(o.node.Then) == 0 || !o.buffer.due(r.time) {
		return o.decode(r.row, o.out)
	}
	o.one.Reset()
	if err := o.decode(r.row, o.one); err != nil {
		return err
	}
	for time := r.time; o.buffer.due(time); {
		if err := o.decode(o.buffer.pop().row, o.one); err != nil {
			return err
		}
	}
	o.keys, o.at = grow(o.keys, o.one.N), grow(o.at, o.one.N)
	for i := range o.keys {
		k := o.keys[i][:0]
		k = appendOrder(k, o.node.Then, o.one, i)
		o.keys[i], o.at[i] = k, int32(i)
	}
	slices.SortStableFunc(o.at, func(a, b int32) int { return bytes.Compare(o.keys[a], o.keys[b]) })
	for c, v := range o.out.Cols {
		v.AppendMany(o.one.Cols[c], o.at, o.one.N)
	}
	o.out.N += o.one.N
	return nil
}

func (o *timeSort) decode(row []byte, to *batch.Batch) error {
	if err := decodeRow(o.node.ID, row, to.Cols); err != nil {
		return err
	}
	to.N++
	return nil
}

func (o *timeSort) Snapshot(state.Epoch, exec.Emitter) error {
	if err := o.progress.snapshot(o.wm); err != nil {
		return err
	}
	if !o.none {
		m := o.lastRow.Map(0)
		r, _, err := m.Upsert(state.Hash(nil), nil)
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(m.Fixed(r), uint64(o.last))
	}
	return o.buffer.snapshot()
}

func (o *timeSort) reached() exec.Watermark { return o.wm }

func (o *timeSort) due() exec.Watermark {
	if len(o.buffer.heap) == 0 {
		return exec.MaxWatermark
	}
	return exec.Watermark(o.buffer.heap[0].time)
}

func (*timeSort) Close() error { return nil }
