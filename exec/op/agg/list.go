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
	place
	cell  cell
	arg   int
	buf   []byte
	whole []byte
}

func (l *list) size() (int, bool) { return 0, true }
func (l *list) format() string    { return "list" + l.cell.format() }

// change is data with val appended, or removed.
func (l *list) change(data, val []byte, retract bool) []byte {
	if !retract {
		return l.cell.push(append(l.buf[:0], data...), val)
	}
	for rest := data; len(rest) > 0; {
		v, tail := l.cell.next(rest)
		if bytes.Equal(v, val) {
			return append(append(l.buf[:0], data[:len(data)-len(rest)]...), tail...)
		}
		rest = tail
	}
	return append(l.buf[:0], data...)
}

func (l *list) Update(r *Rows) (err error) {
	v := r.In.Cols[l.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		l.buf = l.change(l.getVar(r, k), l.cell.read(v, int(i), &tmp), r.retracts(k))
		if l.whole, err = l.putVar(r, k, l.buf, l.whole); err != nil {
			return err
		}
	}
	return nil
}

func (l *list) Merge(dst, src *Rows) (err error) {
	for k := range src.Slots {
		if data := l.getVar(src, k); len(data) > 0 {
			l.buf = append(append(l.buf[:0], l.getVar(dst, k)...), data...)
			if l.whole, err = l.putVar(dst, k, l.buf, l.whole); err != nil {
				return err
			}
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
		data := a.getVar(r, k)
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

// newListAgg makes LISTAGG(value [, separator]). Without retraction it keeps the text; with it the values, of
// which the first is the separator seen last.
func newListAgg(c *Call) (Func, error) {
	for _, t := range c.Types {
		if !t.IsString() {
			return nil, fmt.Errorf("LISTAGG of a value of type %s is not supported; cast it to STRING", t)
		}
	}
	t := listText{list: list{cell: cell{class: batch.ClassBytes}, arg: c.Args[0]}, sep: -1}
	if len(c.Args) > 1 {
		t.sep = c.Args[1]
	}
	if c.Retract {
		return &listAgg{t}, nil
	}
	return &t, nil
}

var comma = []byte{','}

// listText is LISTAGG without retraction: a byte that is 1 when there is a value, and in the variable
// part a sequence of two, the separator seen last (for merging) and the text.
type listText struct {
	list
	sep int
}

func (a *listText) size() (int, bool) { return 1, true }
func (a *listText) format() string    { return "listagg" }

func (a *listText) separator(r *Rows, k int) ([]byte, bool) {
	if a.sep < 0 {
		return comma, true
	}
	v := r.In.Cols[a.sep]
	if v.IsNull(int(r.Pos[k])) {
		return nil, false
	}
	return v.Bytes(int(r.Pos[k])), true
}

func (a *listText) set(r *Rows, k int, sep, x []byte) (err error) {
	s := r.Slots[k]
	a.buf = a.buf[:0]
	text := x
	if s[a.off] != 0 {
		_, rest := a.cell.next(a.getVar(r, k))
		old, _ := a.cell.next(rest)
		a.buf = append(append(append(a.buf, old...), sep...), x...)
		text = a.buf
	}
	s[a.off] = 1
	n := len(a.buf)
	a.buf = a.cell.push(a.buf, sep)
	a.buf = a.cell.push(a.buf, text)
	a.whole, err = a.putVar(r, k, a.buf[n:], a.whole)
	return err
}

func (a *listText) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		if sep, ok := a.separator(r, k); ok {
			if err := a.set(r, k, sep, v.Bytes(int(i))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *listText) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		if s[a.off] != 0 {
			sep, rest := a.cell.next(a.getVar(src, k))
			text, _ := a.cell.next(rest)
			if err := a.set(dst, k, sep, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *listText) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		if s[a.off] == 0 {
			out.SetNull(int(at[k]))
			continue
		}
		_, rest := a.cell.next(a.getVar(r, k))
		text, _ := a.cell.next(rest)
		a.cell.write(out, int(at[k]), text)
	}
	return nil
}

// listAgg is LISTAGG with retraction. The section is the separator seen last, then the values.
type listAgg struct{ listText }

func (a *listAgg) size() (int, bool) { return 0, true }
func (a *listAgg) format() string    { return "listaggn" }

func (a *listAgg) parts(r *Rows, k int) (sep, values []byte) {
	data := a.getVar(r, k)
	if len(data) == 0 {
		return comma, nil
	}
	return a.cell.next(data)
}

func (a *listAgg) set(r *Rows, k int, sep []byte, values []byte) (err error) {
	a.buf = append(a.cell.push(a.buf[:0], sep), values...)
	a.whole, err = a.putVar(r, k, a.buf, a.whole)
	return err
}

func (a *listAgg) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		sep, values := a.parts(r, k)
		if s, ok := a.separator(r, k); ok {
			sep = s
		}
		a.buf = a.change(values, v.Bytes(int(i)), r.retracts(k))
		n := len(a.buf)
		a.buf = append(a.cell.push(a.buf, sep), a.buf[:n]...)
		var err error
		if a.whole, err = a.putVar(r, k, a.buf[n:], a.whole); err != nil {
			return err
		}
	}
	return nil
}

func (a *listAgg) Merge(dst, src *Rows) error {
	for k := range src.Slots {
		sep, more := a.parts(src, k)
		if len(more) == 0 {
			continue
		}
		_, values := a.parts(dst, k)
		all := append(append([]byte{}, values...), more...)
		if err := a.set(dst, k, sep, all); err != nil {
			return err
		}
	}
	return nil
}

func (a *listAgg) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		sep, values := a.parts(r, k)
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
