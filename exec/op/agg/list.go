package agg

import (
	"bytes"
	"fmt"

	"weir/exec/batch"
	"weir/planner/types"
)

// list is all values in the order in which they came. Taking one back removes its earliest occurrence;
// one that is not there is ignored.
type list struct {
	sequence
	cell cell
	arg  int
	one  []byte // scratch: a value as it stands in the sequence
}

func (l *list) format() string { return "list2" + l.cell.format() }

// push appends a value to the list of row k.
func (l *list) push(r *Rows, k int, val []byte) error {
	l.one = l.cell.push(l.one[:0], val)
	return l.append(r, k, l.one)
}

// drop takes the earliest occurrence of a value out of the list of row k, which begins behind so many bytes of its sequence.
func (l *list) drop(r *Rows, k, from int, val []byte) error {
	data := l.data(r, k)
	for rest := data[from:]; len(rest) > 0; {
		v, tail := l.cell.next(rest)
		if bytes.Equal(v, val) {
			return l.cut(r, k, len(data)-len(rest), len(data)-len(tail))
		}
		rest = tail
	}
	return nil
}

// change appends a value, or takes it back as the row says.
func (l *list) change(r *Rows, k int, val []byte) error {
	if r.retracts(k) {
		return l.drop(r, k, 0, val)
	}
	return l.push(r, k, val)
}

func (l *list) Update(r *Rows) error {
	v := r.In.Cols[l.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		if err := l.change(r, k, l.cell.read(v, int(i), &tmp)); err != nil {
			return err
		}
	}
	return nil
}

func (l *list) Merge(dst, src *Rows) error {
	for k := range src.Slots {
		if err := l.append(dst, k, l.data(src, k)); err != nil {
			return err
		}
	}
	return nil
}

// endList is FIRST_VALUE and LAST_VALUE of values that may be taken back.
type endList struct {
	list
	last bool
}

func (a *endList) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		data := a.data(r, k)
		if len(data) == 0 {
			out.SetNull(int(at[k]))
			continue
		}
		v, rest := a.cell.next(data)
		for a.last && len(rest) > 0 {
			v, rest = a.cell.next(rest)
		}
		a.cell.write(out, int(at[k]), v)
	}
	return nil
}

// newListAgg makes LISTAGG(value [, separator]). Without retraction it keeps the text; with it the values.
func newListAgg(c *Call) (Func, error) {
	for _, t := range c.Types {
		if !t.IsString() {
			return nil, fmt.Errorf("LISTAGG of a value of type %s is not supported; cast it to STRING", t)
		}
	}
	s := separated{list: list{cell: rawBytes, arg: c.Args[0]}, sep: -1}
	if len(c.Args) > 1 {
		s.sep = c.Args[1]
	}
	if c.Retract {
		return &listAgg{s}, nil
	}
	return &listText{s}, nil
}

var comma = []byte{','}

// separated is what both kinds of LISTAGG have: a sequence that begins with the separator seen last.
type separated struct {
	list
	sep int // column, or -1
}

// separator is that of row k; ok is false where it is NULL.
func (a *separated) separator(r *Rows, k int) (sep []byte, ok bool) {
	if a.sep < 0 {
		return comma, true
	}
	v := r.In.Cols[a.sep]
	if v.IsNull(int(r.Pos[k])) {
		return nil, false
	}
	return v.Bytes(int(r.Pos[k])), true
}

// parts is the separator seen last, and what stands behind it; there is false where there is no value.
func (a *separated) parts(r *Rows, k int) (sep, rest []byte, there bool) {
	data := a.data(r, k)
	if len(data) == 0 {
		return comma, nil, false
	}
	sep, rest = a.cell.next(data)
	return sep, rest, true
}

// head makes sep the separator of row k, where it is another one.
func (a *separated) head(r *Rows, k int, sep []byte) error {
	old, rest, there := a.parts(r, k)
	if there && bytes.Equal(sep, old) {
		return nil
	}
	a.one = a.cell.push(a.one[:0], sep)
	return a.set(r, k, a.one, rest)
}

// listText is LISTAGG without retraction: the separator and the text.
type listText struct{ separated }

func (a *listText) format() string { return "listagg2" }

// add appends a piece of text, behind the separator unless it is the first.
func (a *listText) add(r *Rows, k int, sep, text []byte) error {
	if a.used(r, k) == 0 {
		a.one = append(a.cell.push(a.one[:0], sep), text...)
		return a.append(r, k, a.one)
	}
	if err := a.head(r, k, sep); err != nil {
		return err
	}
	if err := a.append(r, k, sep); err != nil {
		return err
	}
	return a.append(r, k, text)
}

func (a *listText) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		if sep, ok := a.separator(r, k); ok {
			if err := a.add(r, k, sep, v.Bytes(int(i))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *listText) Merge(dst, src *Rows) error {
	for k := range src.Slots {
		if sep, text, there := a.parts(src, k); there {
			if err := a.add(dst, k, sep, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *listText) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		if _, text, there := a.parts(r, k); there {
			a.cell.write(out, int(at[k]), text)
		} else {
			out.SetNull(int(at[k]))
		}
	}
	return nil
}

// listAgg is LISTAGG with retraction: the separator and the values.
type listAgg struct{ separated }

func (a *listAgg) format() string { return "listaggn2" }

func (a *listAgg) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		sep, ok := a.separator(r, k)
		if !ok {
			sep, _, _ = a.parts(r, k)
		}
		if err := a.head(r, k, sep); err != nil {
			return err
		}
		change := a.push
		if r.retracts(k) {
			change = a.drop
		}
		if err := change(r, k, v.Bytes(int(i))); err != nil {
			return err
		}
	}
	return nil
}

// drop takes the earliest occurrence of a value back.
func (a *listAgg) drop(r *Rows, k int, val []byte) error {
	_, values, _ := a.parts(r, k)
	return a.list.drop(r, k, a.used(r, k)-len(values), val)
}

func (a *listAgg) Merge(dst, src *Rows) error {
	for k := range src.Slots {
		sep, values, _ := a.parts(src, k)
		if len(values) == 0 {
			continue
		}
		if err := a.head(dst, k, sep); err != nil {
			return err
		}
		if err := a.append(dst, k, values); err != nil {
			return err
		}
	}
	return nil
}

func (a *listAgg) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		sep, values, _ := a.parts(r, k)
		if len(values) == 0 {
			out.SetNull(int(at[k]))
			continue
		}
		i, from := int(at[k]), len(out.Data)
		for first := true; len(values) > 0; first = false {
			var v []byte
			v, values = a.cell.next(values)
			if !first {
				out.Data = append(out.Data, sep...)
			}
			out.Data = append(out.Data, v...)
		}
		out.Off[i], out.Len[i] = uint32(from), uint32(len(out.Data)-from)
	}
	return nil
}

// newCollect makes COLLECT: the multiset of the values that are not NULL.
func newCollect(c *Call) (Func, error) {
	cl, err := newCell(c.Func, c.Types[0])
	if err != nil {
		return nil, err
	}
	if c.Result.Kind != types.Multiset {
		return nil, fmt.Errorf("COLLECT cannot be a %s", c.Result)
	}
	return &collect{bag: bag{cell: cl}, arg: c.Args[0]}, nil
}

type collect struct {
	place
	bag
	arg int
}

func (a *collect) size() (int, bool)          { return 0, true }
func (a *collect) format() string             { return "collect" + a.cell.format() }
func (a *collect) Update(r *Rows) error       { return a.update(&a.place, r, a.arg) }
func (a *collect) Merge(dst, src *Rows) error { return a.merge(&a.place, dst, src) }

func (a *collect) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		elems, counts := out.Children[0], out.Children[1]
		from := elems.Rows()
		a.each(a.getVar(r, k), func(v []byte, n int64) bool {
			a.cell.appendTo(elems, v)
			counts.AppendInt(n)
			return true
		})
		out.Off[at[k]], out.Len[at[k]] = uint32(from), uint32(elems.Rows()-from)
	}
	return nil
}
