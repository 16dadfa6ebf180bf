package op

import (
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
)

// unnest puts every row out once for each element of a list of it. It gathers rows and elements for a batch of output,
// then copies column by column.
type unnest struct {
	stateless
	node  *physical.Unnest
	cols  []int // of the input that go out
	parts []part
	all   []int32
	rows  []int32 // of the input, one an output row
	elems []int32 // places in the list's children; -1: there is no element
	ords  []int32 // place within the list, from 1
	out   *batch.Batch
}

// part is a column that an element makes.
type part struct {
	child int // of the list
	field int // of the child, -1: the child itself
	place bool
}

func newUnnest(n *physical.Unnest) (exec.Operator, error) {
	o := &unnest{node: n, out: batch.New(columnTypes(n), batch.TargetRows)}
	for c := range n.Input.Base().Columns {
		if c != n.List {
			o.cols = append(o.cols, c)
		}
	}
	list := n.Input.Base().Columns[n.List].Type
	var fields []part
	switch elem := list.Nested.Elem; {
	case list.Kind == types.Map:
		fields = []part{{0, -1, false}, {1, -1, false}}
	case elem.Kind == types.Row:
		for f := range elem.Nested.Fields {
			fields = append(fields, part{0, f, false})
		}
	default:
		fields = []part{{0, -1, false}}
	}
	fields = append(fields, part{place: true})
	for _, p := range n.Parts {
		o.parts = append(o.parts, fields[p])
	}
	return o, nil
}

func (o *unnest) Process(in *batch.Batch, out exec.Emitter) error {
	list := in.Cols[o.node.List]
	var counts []int64
	if list.Type.Kind == types.Multiset {
		counts = list.Children[1].Int
	}
	for _, i := range positions(in, &o.all) {
		n := uint32(0)
		if !list.IsNull(int(i)) {
			n = list.Len[i]
		}
		ord := int32(0)
		for e := range n {
			at := int32(list.Off[i] + e)
			times := int64(1)
			if counts != nil {
				times = counts[at]
			}
			for range times {
				ord++
				if err := o.add(in, i, at, ord, out); err != nil {
					return err
				}
			}
		}
		if ord == 0 && o.node.Outer {
			if err := o.add(in, i, -1, 0, out); err != nil {
				return err
			}
		}
	}
	return o.flush(in, out)
}

func (o *unnest) add(in *batch.Batch, row, elem, ord int32, out exec.Emitter) error {
	o.rows, o.elems, o.ords = append(o.rows, row), append(o.elems, elem), append(o.ords, ord)
	if len(o.rows) < batch.TargetRows {
		return nil
	}
	return o.flush(in, out)
}

func (o *unnest) flush(in *batch.Batch, out exec.Emitter) error {
	if len(o.rows) == 0 {
		return nil
	}
	o.out.Reset()
	for c, from := range o.cols {
		o.out.Cols[c].AppendMany(in.Cols[from], o.rows, in.N)
	}
	list := in.Cols[o.node.List]
	for p, part := range o.parts {
		o.column(o.out.Cols[len(o.cols)+p], list, part)
	}
	o.out.N = len(o.rows)
	if in.Kinds != nil {
		for k, i := range o.rows {
			o.out.SetKind(k, in.Kinds[i])
		}
	}
	o.rows, o.elems, o.ords = o.rows[:0], o.elems[:0], o.ords[:0]
	return out.Emit(o.out)
}

// column fills v with a part of the elements.
func (o *unnest) column(v, list *batch.Vector, p part) {
	if p.place {
		for k, n := range o.ords {
			v.AppendInt(int64(n))
			if n == 0 {
				v.SetNull(k)
			}
		}
		return
	}
	elem := list.Children[p.child]
	src := elem
	if p.field >= 0 {
		src = elem.Children[p.field]
	}
	if !o.node.Outer && (src == elem || len(elem.Nulls) == 0) {
		v.AppendMany(src, o.elems, 0)
		return
	}
	for _, e := range o.elems {
		if e < 0 || elem.IsNull(int(e)) {
			v.AppendNull()
		} else {
			v.AppendFrom(src, int(e))
		}
	}
}
