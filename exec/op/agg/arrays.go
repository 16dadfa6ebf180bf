package agg

import (
	"bytes"
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr/text"
)

// arrayAgg is ARRAY_AGG: all values in the order in which they came. The section is a sequence of elements, each a byte that is 0
// for NULL, and the value. Taking one back removes its earliest occurrence; one that is not there is ignored.
type arrayAgg struct {
	list
	value       cell
	ignoreNulls bool
	element     []byte
}

// rawBytes is the cell of elements.
var rawBytes = cell{class: batch.ClassBytes}

func newArrayAgg(c *Call) (Func, error) {
	cl, err := newCell(c.Func, c.Types[0])
	if err != nil {
		return nil, err
	}
	return &arrayAgg{list: list{cell: rawBytes, arg: c.Args[0]}, value: cl, ignoreNulls: c.IgnoreNulls}, nil
}

func (a *arrayAgg) format() string { return "array" + a.value.format() }

// read is row i of v as an element; ok is false where it is left out.
func (a *arrayAgg) read(v *batch.Vector, i int, tmp *[16]byte) (element []byte, ok bool) {
	if v.IsNull(i) {
		a.element = append(a.element[:0], 0)
		return a.element, !a.ignoreNulls
	}
	a.element = append(append(a.element[:0], 1), a.value.read(v, i, tmp)...)
	return a.element, true
}

func (a *arrayAgg) Update(r *Rows) (err error) {
	v := r.In.Cols[a.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		e, ok := a.read(v, int(i), &tmp)
		if !ok {
			continue
		}
		a.buf = a.change(a.getVar(r, k), e, r.retracts(k))
		if a.whole, err = a.putVar(r, k, a.buf, a.whole); err != nil {
			return err
		}
	}
	return nil
}

func (a *arrayAgg) Values(r *Rows, out *batch.Vector, at []int32) error {
	elems := out.Children[0]
	for k := range r.Slots {
		from := elems.Rows()
		for data := a.getVar(r, k); len(data) > 0; {
			var e []byte
			if e, data = a.cell.next(data); e[0] == 0 {
				elems.AppendNull()
			} else {
				a.value.appendTo(elems, e[1:])
			}
		}
		if out.Off[at[k]], out.Len[at[k]] = uint32(from), uint32(elems.Rows()-from); elems.Rows() == from {
			out.SetNull(int(at[k]))
		}
	}
	return nil
}

// jsonArrayAgg is JSON_ARRAYAGG of texts that are JSON already.
type jsonArrayAgg struct{ arrayAgg }

func newJSONArrayAgg(c *Call) (Func, error) {
	if !c.Types[0].IsString() {
		return nil, fmt.Errorf("JSON_ARRAYAGG puts texts together that are JSON, not %s", c.Types[0])
	}
	return &jsonArrayAgg{arrayAgg{list: list{cell: rawBytes, arg: c.Args[0]}, value: rawBytes, ignoreNulls: c.IgnoreNulls}}, nil
}

func (a *jsonArrayAgg) format() string { return "jsonarray" }

func (a *jsonArrayAgg) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		a.buf = append(a.buf[:0], '[')
		for data := a.getVar(r, k); len(data) > 0; {
			var e []byte
			e, data = a.cell.next(data)
			a.buf = append(appendElement(a.buf, e), ',')
		}
		a.cell.write(out, int(at[k]), closeJSON(a.buf, ']'))
	}
	return nil
}

// appendElement appends an element whose value is JSON.
func appendElement(dst, e []byte) []byte {
	if e[0] == 0 {
		return append(dst, "null"...)
	}
	return append(dst, e[1:]...)
}

// closeJSON puts end behind the last element, in the place of its comma.
func closeJSON(b []byte, end byte) []byte {
	if n := len(b) - 1; b[n] == ',' {
		b = b[:n]
	}
	return append(b, end)
}

// jsonObjectAgg is JSON_OBJECTAGG of keys and texts that are JSON already. The section is a sequence in which keys and elements take
// turns. Taking a row back removes its key.
type jsonObjectAgg struct {
	jsonArrayAgg
	key   int
	pairs [][2][]byte
	from  []byte // what is merged
}

func newJSONObjectAgg(c *Call) (Func, error) {
	if len(c.Args) != 2 || !c.Types[0].IsString() || !c.Types[1].IsString() {
		return nil, fmt.Errorf("JSON_OBJECTAGG takes keys, and texts that are JSON")
	}
	a := &jsonObjectAgg{key: c.Args[0]}
	a.arrayAgg = arrayAgg{list: list{cell: rawBytes, arg: c.Args[1]}, value: rawBytes, ignoreNulls: c.IgnoreNulls}
	return a, nil
}

func (a *jsonObjectAgg) format() string { return "jsonobject" }

// find is what lies before and behind the pair of key; ok is false where there is none.
func (a *jsonObjectAgg) find(data, key []byte) (before, behind []byte, ok bool) {
	for rest := data; len(rest) > 0; {
		k, tail := a.cell.next(rest)
		_, tail = a.cell.next(tail)
		if bytes.Equal(k, key) {
			return data[:len(data)-len(rest)], tail, true
		}
		rest = tail
	}
	return data, nil, false
}

// add appends a pair to a.buf, which begins with data.
func (a *jsonObjectAgg) add(data, key, element []byte) error {
	if _, _, there := a.find(data, key); there {
		return exec.Fatalf("aggregate the values of a key before, for example by MAX, or take JSON_ARRAYAGG", "compute JSON_OBJECTAGG",
			fmt.Errorf("the key '%s' comes twice in a group, and an object has each of its keys once", key))
	}
	a.buf = a.cell.push(append(a.buf[:0], data...), key)
	a.buf = a.cell.push(a.buf, element)
	return nil
}

func (a *jsonObjectAgg) Update(r *Rows) (err error) {
	keys, v := r.In.Cols[a.key], r.In.Cols[a.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if keys.IsNull(int(i)) {
			return exec.Fatalf("write COALESCE(key, '...'), or leave such rows out", "compute JSON_OBJECTAGG", fmt.Errorf("a key is NULL"))
		}
		e, ok := a.read(v, int(i), &tmp)
		if !ok {
			continue
		}
		key, data := keys.Bytes(int(i)), a.getVar(r, k)
		if r.retracts(k) {
			before, behind, there := a.find(data, key)
			if !there {
				continue
			}
			a.buf = append(append(a.buf[:0], before...), behind...)
		} else if err := a.add(data, key, e); err != nil {
			return err
		}
		if a.whole, err = a.putVar(r, k, a.buf, a.whole); err != nil {
			return err
		}
	}
	return nil
}

func (a *jsonObjectAgg) Merge(dst, src *Rows) (err error) {
	for k := range src.Slots {
		a.from = append(a.from[:0], a.getVar(src, k)...)
		for data := a.from; len(data) > 0; {
			var key, e []byte
			key, data = a.cell.next(data)
			e, data = a.cell.next(data)
			if err := a.add(a.getVar(dst, k), key, e); err != nil {
				return err
			}
			if a.whole, err = a.putVar(dst, k, a.buf, a.whole); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *jsonObjectAgg) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		a.pairs = a.pairs[:0]
		for data := a.getVar(r, k); len(data) > 0; {
			var key, e []byte
			key, data = a.cell.next(data)
			e, data = a.cell.next(data)
			a.pairs = append(a.pairs, [2][]byte{key, e})
		}
		slices.SortFunc(a.pairs, func(x, y [2][]byte) int { return bytes.Compare(x[0], y[0]) })
		a.buf = append(a.buf[:0], '{')
		for _, p := range a.pairs {
			a.buf = append(text.AppendJSONString(a.buf, p[0]), ':')
			a.buf = append(appendElement(a.buf, p[1]), ',')
		}
		a.cell.write(out, int(at[k]), closeJSON(a.buf, '}'))
	}
	return nil
}
