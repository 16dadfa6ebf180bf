package op

import (
	"bytes"
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// finalOver is OVER in a batch job: rows are kept until the end of the input, then put in order, partition by partition, and go out with
// their results. A partition is in memory at once.
type finalOver struct {
	node   *physical.FinalOver
	types  []types.Type
	cols   []int
	lists  rowLists
	frames *frameCalls

	keyedRows
	now []finalRow
	cur *batch.Batch // the rows of a partition with their results
	out *batch.Batch
}

func newFinalOver(n *physical.FinalOver) (exec.Operator, error) {
	o := &finalOver{node: n, types: columnTypes(n.Input)}
	o.cols = scalar.FirstColumns(len(o.types))
	if err := orderable(o.types, n.Order); err != nil {
		return nil, err
	}
	var err error
	if o.frames, err = newFrameCalls(n, o.types); err != nil {
		return nil, err
	}
	o.cur, o.out = batch.New(columnTypes(n), 0), batch.New(columnTypes(n), batch.TargetRows)
	return o, nil
}

func (o *finalOver) Open(_ *exec.TaskContext, st state.Scope) error {
	n := o.node
	schema := fmt.Sprintf("finalover key%d(%s) (%s)", batch.KeyFormat, typeList(pick(o.types, n.Partition)), typeList(o.types))
	return o.lists.open(st, "rows", state.TableSpec{Schema: schema}, rowSpec{retracts: true})
}

func (o *finalOver) Process(in *batch.Batch, _ exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos, err := o.read(in, o.node.Partition, o.cols, o.lists.heads.Map(0))
	if err != nil {
		return err
	}
	return o.keep(in, pos)
}

// keep keeps the rows of a batch job until its end.
func (o *finalOver) keep(in *batch.Batch, pos []int32) error {
	for k, i := range pos {
		x := o.list(&o.lists, k)
		row := o.row(k)
		var err error
		if in.Kind(int(i)).Adds() {
			err = x.add(row, 0, 0)
		} else {
			_, err = x.remove(row)
		}
		if err != nil {
			return err
		}
	}
	o.lists.deleteEmpty(0, o.refs)
	return nil
}

// evaluate makes the rows of a partition, with their results, of its items.
func (o *finalOver) evaluate(items []finalRow, to *batch.Batch) error {
	to.Reset()
	for _, r := range items {
		if err := decodeListed(o.node.ID, r.row, to.Cols[:len(o.types)]); err != nil {
			return err
		}
	}
	to.N = len(items)
	for _, v := range to.Cols[len(o.types):] {
		v.Resize(to.N)
	}
	return o.frames.evaluate(to, func(a, b int) bool { return bytes.Equal(items[a].sort, items[b].sort) }, to.Cols[len(o.types):])
}

func (o *finalOver) put(i int, out exec.Emitter) error {
	for c, v := range o.out.Cols {
		v.AppendFrom(o.cur.Cols[c], i)
	}
	o.out.N++
	if o.out.N < batch.TargetRows {
		return nil
	}
	return emitRows(o.out, out)
}

// Watermark puts out all rows behind the end of the input of a batch job.
func (o *finalOver) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm != exec.MaxWatermark {
		return nil
	}
	type key struct {
		hash uint64
		key  []byte
	}
	var keys []key
	m := o.lists.heads.Map(0)
	err := m.Scan(func(r state.Ref) bool {
		k := slices.Clone(m.Key(r))
		keys = append(keys, key{state.Hash(k), k})
		return true
	})
	if err != nil {
		return err
	}
	slices.SortFunc(keys, func(a, b key) int { return bytes.Compare(a.key, b.key) })
	o.out.Reset()
	for _, k := range keys {
		x, ok, err := o.lists.find(0, k.hash, k.key)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := o.finish(&x, out); err != nil {
			return err
		}
	}
	return emitRows(o.out, out)
}

// finish puts the rows of a partition out, in the order, and forgets them.
func (o *finalOver) finish(x *rowList, out exec.Emitter) error {
	one := batch.New(o.types, 1)
	o.now = o.now[:0]
	err := x.each(func(q *place) error {
		row := bytes.Clone(q.data())
		one.Reset()
		if err := decodeListed(o.node.ID, row, one.Cols); err != nil {
			return err
		}
		var sort []byte
		sort = appendOrder(sort, o.node.Order, one, 0)
		for range q.count() {
			o.now = append(o.now, finalRow{sort: sort, row: row})
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(o.now, func(a, b finalRow) int {
		if c := bytes.Compare(a.sort, b.sort); c != 0 {
			return c
		}
		return bytes.Compare(a.row, b.row)
	})
	if err := o.evaluate(o.now, o.cur); err != nil {
		return err
	}
	for k := range o.now {
		if err := o.put(k, out); err != nil {
			return err
		}
	}
	if err := x.clear(); err != nil {
		return err
	}
	x.headMap().Delete(x.head)
	return nil
}

func (*finalOver) Snapshot(state.Epoch, exec.Emitter) error { return nil }
func (*finalOver) Close() error                             { return nil }
