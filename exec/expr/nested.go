package expr

import (
	"weir/exec/batch"
	"weir/planner/scalar"
	"weir/planner/types"
)

var nestedKernels = map[string]builder{
	"ROW": func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		return &makeRow{out: batch.Vector{Type: e.Typ}, args: args}, nil
	},
	"ARRAY": func(_ *compiler, e *scalar.Call, args []node) (node, error) { return newMakeList(e, args, 1), nil },
	"MAP":   func(_ *compiler, e *scalar.Call, args []node) (node, error) { return newMakeList(e, args, 2), nil },
	"[]": func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		switch e.Args[0].Type().Kind {
		case types.Map:
			return newItem(e, args, valueOfKey), nil
		case types.Variant:
			return withNulls(variantItem(e.Args[1].Type().IsString()))(nil, e, args)
		}
		return newItem(e, args, elementAt), nil
	},
	"CARDINALITY": rows(func(k *rowKernel, i int) error {
		k.setInt(i, int64(k.in[0].Len[i]))
		return nil
	}),
	"ELEMENT": rows(func(k *rowKernel, i int) error {
		switch v := k.in[0]; v.Len[i] {
		case 0:
			return k.setNull(i)
		case 1:
			k.out.SetFrom(i, v.Children[0], int(v.Off[i]))
			return nil
		default:
			return k.fail(i, "write x[1] for the first of several", "ELEMENT takes an array of one element, this one has %d", v.Len[i])
		}
	}),
}

// fieldOf is a field of a ROW: the vector of the field itself, with the NULLs of the ROW.
type fieldOf struct {
	x     node
	index int
	out   batch.Vector
	nulls batch.Bitmap
}

func (c *compiler) field(e *scalar.Field) (node, error) {
	x, err := c.node(e.X)
	if err != nil {
		return nil, err
	}
	return &fieldOf{x: x, index: e.Index}, nil
}

func (k *fieldOf) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	v, err := k.x.eval(x, sel)
	if err != nil {
		return nil, err
	}
	f := v.Children[k.index]
	if len(v.Nulls) == 0 {
		return f, nil
	}
	// The field's own bitmap belongs to the ROW and stays as it is.
	k.out = *f
	k.nulls = append(k.nulls[:0], v.Nulls...)
	for i, w := range f.Nulls {
		if i < len(k.nulls) {
			k.nulls[i] |= w
		} else {
			k.nulls = append(k.nulls, w)
		}
	}
	k.out.Nulls = k.nulls
	return &k.out, nil
}

// makeRow is ROW(a, b): its fields are the vectors of its arguments.
type makeRow struct {
	out  batch.Vector
	args []node
}

func (k *makeRow) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	k.out.Children = k.out.Children[:0]
	for _, a := range k.args {
		v, err := a.eval(x, sel)
		if err != nil {
			return nil, err
		}
		k.out.Children = append(k.out.Children, v)
	}
	if len(k.args) == 0 {
		k.out.Resize(x.n)
	}
	return &k.out, nil
}

// makeList is ARRAY[a, b] and MAP[k, v, k, v]: width arguments make an element.
type makeList struct {
	result
	args  []node
	in    []*batch.Vector
	width int
}

func newMakeList(e *scalar.Call, args []node, width int) *makeList {
	return &makeList{result: newResult(e.Typ), args: args, in: make([]*batch.Vector, len(args)), width: width}
}

func (k *makeList) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	for i, a := range k.args {
		v, err := a.eval(x, sel)
		if err != nil {
			return nil, err
		}
		k.in[i] = v
	}
	out := k.begin(x.n)
	if sel == nil {
		for i := range x.n {
			k.row(out, i)
		}
		return out, nil
	}
	for _, i := range sel {
		k.row(out, int(i))
	}
	return out, nil
}

func (k *makeList) row(out *batch.Vector, i int) {
	from := out.Children[0].Rows()
	for a := 0; a < len(k.in); a += k.width {
		if k.width == 2 && k.again(a, i) {
			continue
		}
		for c, child := range out.Children {
			child.AppendFrom(k.in[a+c], i)
		}
	}
	out.Off[i], out.Len[i] = uint32(from), uint32(out.Children[0].Rows()-from)
}

// again reports that the key of argument a is there again behind it: the later one counts.
func (k *makeList) again(a, i int) bool {
	for b := a + 2; b < len(k.in); b += 2 {
		if sameValue(k.in[a], i, k.in[b], i) {
			return true
		}
	}
	return false
}

// newItem is x[i]. find is the place of the element in the children of v's list at row i; -1: there is none.
func newItem(e *scalar.Call, args []node, find func(v, key *batch.Vector, i int) int) node {
	return newRows(e, args, func(k *rowKernel, i int) error {
		v := k.in[0]
		elems := v.Children[len(v.Children)-1]
		at := find(v, k.in[1], i)
		if at < 0 {
			return k.setNull(i)
		}
		k.out.SetFrom(i, elems, at)
		return nil
	})
}

func elementAt(v, index *batch.Vector, i int) int {
	if n := index.Int[i]; n >= 1 && n <= int64(v.Len[i]) {
		return int(v.Off[i]) + int(n) - 1
	}
	return -1
}

func valueOfKey(v, key *batch.Vector, i int) int {
	keys := v.Children[0]
	for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
		if !keys.IsNull(j) && sameValue(keys, j, key, i) {
			return j
		}
	}
	return -1
}

// sameValue compares row i of a with row j of b, of one class. Two NULLs are equal here, as are two NaNs: so elements of lists
// and fields of rows are compared.
func sameValue(a *batch.Vector, i int, b *batch.Vector, j int) bool {
	an, bn := a.IsNull(i), b.IsNull(j)
	if an || bn {
		return an && bn
	}
	switch batch.ClassOf(a.Type) {
	case batch.ClassBool:
		return a.Bool[i] == b.Bool[j]
	case batch.ClassInt:
		return a.Int[i] == b.Int[j]
	case batch.ClassFloat:
		return a.Flt[i] == b.Flt[j] || a.Flt[i] != a.Flt[i] && b.Flt[j] != b.Flt[j]
	case batch.ClassDec:
		return a.Dec[i] == b.Dec[j] && a.Type.Scale == b.Type.Scale
	case batch.ClassBytes:
		return string(a.Bytes(i)) == string(b.Bytes(j))
	}
	return sameNested(a, i, b, j)
}

// sameNested compares lists and rows. The order of a MAP or MULTISET does not count.
func sameNested(a *batch.Vector, i int, b *batch.Vector, j int) bool {
	if batch.ClassOf(a.Type) == batch.ClassRow {
		for c := range a.Children {
			if !sameValue(a.Children[c], i, b.Children[c], j) {
				return false
			}
		}
		return true
	}
	n := a.Len[i]
	if n != b.Len[j] {
		return false
	}
	if len(a.Children) == 1 {
		for e := range n {
			if !sameValue(a.Children[0], int(a.Off[i]+e), b.Children[0], int(b.Off[j]+e)) {
				return false
			}
		}
		return true
	}
	for e := range n {
		at, found := int(a.Off[i]+e), false
		for f := range n {
			// Mostly both have the same order.
			other := int(b.Off[j] + (e+f)%n)
			if sameValue(a.Children[0], at, b.Children[0], other) {
				found = sameValue(a.Children[1], at, b.Children[1], other)
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
