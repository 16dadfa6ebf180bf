package agg

import (
	"bytes"
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/state"
)

// arrayAgg is ARRAY_AGG: all values in the order in which they came. The section is a list of elements, each a byte that is 0
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

func (a *arrayAgg) format() string { return "array2" + a.value.format() }

// read is row i of v as an element; ok is false where it is left out.
func (a *arrayAgg) read(v *batch.Vector, i int, tmp *[16]byte) (element []byte, ok bool) {
	if v.IsNull(i) {
		a.element = append(a.element[:0], 0)
		return a.element, !a.ignoreNulls
	}
	a.element = append(append(a.element[:0], 1), a.value.read(v, i, tmp)...)
	return a.element, true
}

func (a *arrayAgg) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		e, ok := a.read(v, int(i), &tmp)
		if !ok {
			continue
		}
		if err := a.change(r, k, e); err != nil {
			return err
		}
	}
	return nil
}

func (a *arrayAgg) Values(r *Rows, out *batch.Vector, at []int32) error {
	elems := out.Children[0]
	for k := range r.Slots {
		from := elems.Rows()
		for data := a.data(r, k); len(data) > 0; {
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
type jsonArrayAgg struct {
	arrayAgg
	text []byte // scratch: the result
}

func newJSONArrayAgg(c *Call) (Func, error) {
	if !c.Types[0].IsString() {
		return nil, fmt.Errorf("JSON_ARRAYAGG puts texts together that are JSON, not %s", c.Types[0])
	}
	return &jsonArrayAgg{arrayAgg: arrayAgg{list: list{cell: rawBytes, arg: c.Args[0]}, value: rawBytes, ignoreNulls: c.IgnoreNulls}}, nil
}

func (a *jsonArrayAgg) format() string { return "jsonarray2" }

func (a *jsonArrayAgg) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		a.text = append(a.text[:0], '[')
		for data := a.data(r, k); len(data) > 0; {
			var e []byte
			e, data = a.cell.next(data)
			a.text = append(appendElement(a.text, e), ',')
		}
		a.cell.write(out, int(at[k]), closeJSON(a.text, ']'))
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
	known map[state.Ref]keySet // the keys of the entries that the rows of one Update belong to
}

// keySet tells whether a key is in an object. It is made when the object is asked the second time in a batch: one look through the object
// costs less than the set, many cost much more.
type keySet map[string]struct{}

func newJSONObjectAgg(c *Call) (Func, error) {
	if len(c.Args) != 2 || !c.Types[0].IsString() || !c.Types[1].IsString() {
		return nil, fmt.Errorf("JSON_OBJECTAGG takes keys, and texts that are JSON")
	}
	a := &jsonObjectAgg{key: c.Args[0], known: map[state.Ref]keySet{}}
	a.arrayAgg = arrayAgg{list: list{cell: rawBytes, arg: c.Args[1]}, value: rawBytes, ignoreNulls: c.IgnoreNulls}
	return a, nil
}

func (a *jsonObjectAgg) format() string { return "jsonobject2" }

// each calls f for the pairs of a sequence, with the places at which they begin and end, until it returns false.
func (a *jsonObjectAgg) each(data []byte, f func(key, element []byte, from, to int) bool) {
	for rest := data; len(rest) > 0; {
		key, tail := a.cell.next(rest)
		element, tail := a.cell.next(tail)
		if !f(key, element, len(data)-len(rest), len(data)-len(tail)) {
			return
		}
		rest = tail
	}
}

// find is where the pair of key begins and ends; both are 0 where there is none.
func (a *jsonObjectAgg) find(data, key []byte) (from, to int) {
	a.each(data, func(k, _ []byte, at, end int) bool {
		if !bytes.Equal(k, key) {
			return true
		}
		from, to = at, end
		return false
	})
	return from, to
}

// has reports whether the object of row k has a key; if not, the key is about to be added.
func (a *jsonObjectAgg) has(r *Rows, k int, key []byte) bool {
	ref := r.Refs[k]
	set, asked := a.known[ref]
	if !asked {
		a.known[ref] = nil
		_, to := a.find(a.data(r, k), key)
		return to > 0
	}
	if set == nil {
		set = keySet{}
		a.each(a.data(r, k), func(k, _ []byte, _, _ int) bool {
			set[string(k)] = struct{}{}
			return true
		})
		a.known[ref] = set
	}
	if _, there := set[string(key)]; there {
		return true
	}
	set[string(key)] = struct{}{}
	return false
}

// add appends a pair to the object of row k.
func (a *jsonObjectAgg) add(r *Rows, k int, key, element []byte) error {
	if a.has(r, k, key) {
		return exec.Fatalf("aggregate the values of a key before, for example by MAX, or take JSON_ARRAYAGG", "compute JSON_OBJECTAGG",
			fmt.Errorf("the key '%s' comes twice in a group, and an object has each of its keys once", key))
	}
	a.one = a.cell.push(a.cell.push(a.one[:0], key), element)
	return a.append(r, k, a.one)
}

// remove takes the pair of a key out of the object of row k; one that is not there is ignored.
func (a *jsonObjectAgg) remove(r *Rows, k int, key []byte) error {
	from, to := a.find(a.data(r, k), key)
	if to == 0 {
		return nil
	}
	delete(a.known, r.Refs[k])
	return a.cut(r, k, from, to)
}

func (a *jsonObjectAgg) Update(r *Rows) error {
	clear(a.known)
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
		var err error
		if key := keys.Bytes(int(i)); r.retracts(k) {
			err = a.remove(r, k, key)
		} else {
			err = a.add(r, k, key, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *jsonObjectAgg) Merge(dst, src *Rows) (err error) {
	clear(a.known)
	for k := range src.Slots {
		a.each(a.data(src, k), func(key, element []byte, _, _ int) bool {
			err = a.add(dst, k, key, element)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *jsonObjectAgg) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		a.pairs = a.pairs[:0]
		a.each(a.data(r, k), func(key, element []byte, _, _ int) bool {
			a.pairs = append(a.pairs, [2][]byte{key, element})
			return true
		})
		slices.SortFunc(a.pairs, func(x, y [2][]byte) int { return bytes.Compare(x[0], y[0]) })
		a.text = append(a.text[:0], '{')
		for _, p := range a.pairs {
			a.text = append(text.AppendJSONString(a.text, p[0]), ':')
			a.text = append(appendElement(a.text, p[1]), ',')
		}
		a.cell.write(out, int(at[k]), closeJSON(a.text, '}'))
	}
	return nil
}
