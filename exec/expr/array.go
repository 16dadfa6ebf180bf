package expr

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"weir/exec/batch"
	"weir/planner/scalar"
)

var arrayKernels = map[string]builder{
	"ARRAY_APPEND": lists(func(k *rowKernel, i int) {
		k.elements(0, i)
		k.out.Children[0].AppendFrom(k.in[1], i)
	}),
	"ARRAY_PREPEND": lists(func(k *rowKernel, i int) {
		k.out.Children[0].AppendFrom(k.in[1], i)
		k.elements(0, i)
	}),
	"ARRAY_CONCAT": rows(func(k *rowKernel, i int) error {
		return k.list(i, func() {
			for a := range k.in {
				k.elements(a, i)
			}
		})
	}),
	"ARRAY_CONTAINS": found(func(k *rowKernel, i, place int) { k.setBool(i, place > 0) }),
	"ARRAY_POSITION": rows(func(k *rowKernel, i int) error { k.setInt(i, int64(placeOf(k.in[0], i, k.in[1], i))); return nil }),
	"ARRAY_DISTINCT": rows(func(k *rowKernel, i int) error {
		return k.list(i, func() { k.once(0, i, func(int) bool { return true }) })
	}),
	"ARRAY_EXCEPT": rows(func(k *rowKernel, i int) error {
		return k.list(i, func() { k.once(0, i, func(j int) bool { return placeOf(k.in[1], i, k.in[0].Children[0], j) == 0 }) })
	}),
	"ARRAY_INTERSECT": rows(func(k *rowKernel, i int) error {
		return k.list(i, func() { k.once(0, i, func(j int) bool { return placeOf(k.in[1], i, k.in[0].Children[0], j) > 0 }) })
	}),
	"ARRAY_UNION": rows(func(k *rowKernel, i int) error {
		return k.list(i, func() {
			for a := range k.in {
				k.once(a, i, func(int) bool { return true })
			}
		})
	}),
	"ARRAY_JOIN": rows(arrayJoin),
	"ARRAY_MAX":  arrayExtreme(1),
	"ARRAY_MIN":  arrayExtreme(-1),
	"ARRAY_REMOVE": lists(func(k *rowKernel, i int) {
		v := k.in[0]
		for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
			if !sameValue(v.Children[0], j, k.in[1], i) {
				k.out.Children[0].AppendFrom(v.Children[0], j)
			}
		}
	}),
	"ARRAY_REVERSE": rows(func(k *rowKernel, i int) error {
		v := k.in[0]
		return k.list(i, func() {
			for j := int(v.Off[i]+v.Len[i]) - 1; j >= int(v.Off[i]); j-- {
				k.out.Children[0].AppendFrom(v.Children[0], j)
			}
		})
	}),
	"ARRAY_SLICE": rows(arraySlice),
	"ARRAY_SORT":  arraySort,
	"MAP_KEYS":    mapPart(0),
	"MAP_VALUES":  mapPart(1),
	"MAP_ENTRIES": rows(func(k *rowKernel, i int) error {
		v := k.in[0]
		return k.list(i, func() {
			for c, f := range k.out.Children[0].Children {
				for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
					f.AppendFrom(v.Children[c], j)
				}
			}
		})
	}),
	"MAP_FROM_ARRAYS": rows(func(k *rowKernel, i int) error {
		keys, values := k.in[0], k.in[1]
		if keys.Len[i] != values.Len[i] {
			return k.fail(i, "", "MAP_FROM_ARRAYS takes arrays of one length, these have %d keys and %d values", keys.Len[i], values.Len[i])
		}
		return k.list(i, func() {
			for e := range keys.Len[i] {
				k.entry(keys.Children[0], int(keys.Off[i]+e), values.Children[0], int(values.Off[i]+e))
			}
		})
	}),
	"MAP_UNION": rows(func(k *rowKernel, i int) error {
		return k.list(i, func() {
			for _, v := range k.in {
				for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
					k.entry(v.Children[0], j, v.Children[1], j)
				}
			}
		})
	}),
	"SPLIT": rows(split),
}

// list makes row i the list of what fill appends to the children.
func (k *rowKernel) list(i int, fill func()) error {
	k.from = k.out.Children[0].Rows()
	fill()
	k.out.Off[i], k.out.Len[i] = uint32(k.from), uint32(k.out.Children[0].Rows()-k.from)
	return nil
}

// elements appends those of argument a.
func (k *rowKernel) elements(a, i int) {
	v := k.in[a]
	for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
		k.out.Children[0].AppendFrom(v.Children[0], j)
	}
}

// once appends the elements of argument a that take says yes to and that the list under way does not have.
func (k *rowKernel) once(a, i int, take func(j int) bool) {
	v, out := k.in[a], k.out.Children[0]
	for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
		if take(j) && !has(out, k.from, out.Rows(), v.Children[0], j) {
			out.AppendFrom(v.Children[0], j)
		}
	}
}

// search is the first of the rows from .. to-1 of v that is the same as row j of x, or -1.
func search(v *batch.Vector, from, to int, x *batch.Vector, j int) int {
	for r := from; r < to; r++ {
		if sameValue(v, r, x, j) {
			return r
		}
	}
	return -1
}

// has reports that row j of x is among the rows from .. to-1 of v.
func has(v *batch.Vector, from, to int, x *batch.Vector, j int) bool {
	return search(v, from, to, x, j) >= 0
}

// entry adds an entry to the map under way; of a key that is there the value is replaced.
func (k *rowKernel) entry(keys *batch.Vector, i int, values *batch.Vector, j int) {
	key, value := k.out.Children[0], k.out.Children[1]
	r := search(key, k.from, key.Rows(), keys, i)
	if r < 0 {
		key.AppendFrom(keys, i)
		value.AppendFrom(values, j)
		return
	}
	if value.Nulls.Has(r) {
		value.Nulls.Clear(r)
	}
	value.SetFrom(r, values, j)
}

// placeOf is the place of row j of x in the list at row i of v, from 1; 0: there is none.
func placeOf(v *batch.Vector, i int, x *batch.Vector, j int) int {
	from := int(v.Off[i])
	if r := search(v.Children[0], from, from+int(v.Len[i]), x, j); r >= 0 {
		return r - from + 1
	}
	return 0
}

// lists is for functions of a list and a value that may be NULL; the result of no list is NULL.
func lists(fill func(k *rowKernel, i int)) builder {
	return withNulls(func(k *rowKernel, i int) error {
		if k.null(0, i) {
			return k.setNull(i)
		}
		return k.list(i, func() { fill(k, i) })
	})
}

// found is for functions that look for a value that may be NULL.
func found(set func(k *rowKernel, i, place int)) builder {
	return withNulls(func(k *rowKernel, i int) error {
		if k.null(0, i) {
			return k.setNull(i)
		}
		set(k, i, placeOf(k.in[0], i, k.in[1], i))
		return nil
	})
}

func arrayJoin(k *rowKernel, i int) error {
	v := k.in[0]
	data, first := k.arena(), true
	for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
		null := v.Children[0].IsNull(j)
		if null && len(k.in) < 3 {
			continue
		}
		if !first {
			data = append(data, k.str(1, i)...)
		}
		first = false
		if null {
			data = append(data, k.str(2, i)...)
		} else {
			data = append(data, v.Children[0].Bytes(j)...)
		}
	}
	k.end(i, data)
	return nil
}

// arrayExtreme is ARRAY_MAX (want 1) and ARRAY_MIN (want -1).
func arrayExtreme(want int) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		less := elementOrder(e)
		return newRows(e, args, func(k *rowKernel, i int) error {
			v := k.in[0]
			best := -1
			for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
				if !v.Children[0].IsNull(j) && (best < 0 || less(v.Children[0], j, best) == want) {
					best = j
				}
			}
			if best < 0 {
				return k.setNull(i)
			}
			k.out.SetFrom(i, v.Children[0], best)
			return nil
		}), nil
	}
}

// elementOrder compares two elements of the array that is the first argument of e.
func elementOrder(e *scalar.Call) func(v *batch.Vector, a, b int) int {
	elem := e.Args[0].Type().Nested.Elem
	order := orderOf(batch.ClassOf(elem), elem.Scale, elem.Scale)
	// orderOf compares one row of two vectors: each is copied into a vector of one row.
	x, y := batch.NewVector(elem, 1), batch.NewVector(elem, 1)
	return func(v *batch.Vector, a, b int) int {
		x.Reset()
		y.Reset()
		x.AppendFrom(v, a)
		y.AppendFrom(v, b)
		return order(x, y, 0)
	}
}

// arraySlice counts places from 1, those below 0 from the end; 0 is the start.
func arraySlice(k *rowKernel, i int) error {
	v := k.in[0]
	n := int64(v.Len[i])
	from, to := k.int(1, i), n
	if len(k.in) > 2 {
		to = k.int(2, i)
	}
	place := func(p int64) int64 {
		switch {
		case p < 0:
			return p + n + 1
		case p == 0:
			return 1
		}
		return p
	}
	from, to = place(from), place(to)
	return k.list(i, func() {
		if from > n || to < 1 {
			return
		}
		for p := max(from, 1); p <= min(to, n); p++ {
			k.out.Children[0].AppendFrom(v.Children[0], int(v.Off[i])+int(p)-1)
		}
	})
}

func arraySort(_ *compiler, e *scalar.Call, args []node) (node, error) {
	less := elementOrder(e)
	var places []int
	return newRows(e, args, func(k *rowKernel, i int) error {
		v := k.in[0]
		elems := v.Children[0]
		up := len(k.in) < 2 || k.in[1].Bool[i]
		nullsFirst := up
		if len(k.in) > 2 {
			nullsFirst = k.in[2].Bool[i]
		}
		places = places[:0]
		for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
			places = append(places, j)
		}
		slices.SortStableFunc(places, func(a, b int) int {
			an, bn := elems.IsNull(a), elems.IsNull(b)
			switch {
			case an && bn:
				return 0
			case an || bn:
				if an == nullsFirst {
					return -1
				}
				return 1
			case up:
				return less(elems, a, b)
			}
			return less(elems, b, a)
		})
		return k.list(i, func() {
			for _, j := range places {
				k.out.Children[0].AppendFrom(elems, j)
			}
		})
	}), nil
}

// mapPart is the keys (0) or the values (1) of a map.
func mapPart(c int) builder {
	return rows(func(k *rowKernel, i int) error {
		v := k.in[0]
		return k.list(i, func() {
			for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
				k.out.Children[0].AppendFrom(v.Children[c], j)
			}
		})
	})
}

func split(k *rowKernel, i int) error {
	s, sep := k.str(0, i), k.str(1, i)
	out := k.out.Children[0]
	return k.list(i, func() {
		switch {
		case len(sep) == 0:
			for len(s) > 0 {
				_, n := utf8.DecodeRune(s)
				out.AppendBytes(s[:n])
				s = s[n:]
			}
		default:
			for {
				part, rest, more := bytes.Cut(s, sep)
				out.AppendBytes(part)
				if !more {
					return
				}
				s = rest
			}
		}
	})
}
