package batch

import (
	"math"

	"weir/planner/types"
)

// AppendRow appends the row at physical position i of src, with its kind. The columns of b have the classes of the first
// columns of src.
func (b *Batch) AppendRow(src *Batch, i int) { b.AppendRowAs(src, i, src.Kind(i)) }

// AppendRowAs is AppendRow for a row that is a change of kind k from here on.
func (b *Batch) AppendRowAs(src *Batch, i int, k ChangeKind) {
	for c, v := range b.Cols {
		v.AppendFrom(src.Cols[c], i)
	}
	b.EndRow(k)
}

// EndRow counts a row, of kind k, whose values were appended to the columns one by one.
func (b *Batch) EndRow(k ChangeKind) {
	b.N++
	b.SetKind(b.N-1, k)
}

// AppendRows appends the rows sel (physical positions) of src, or with a nil sel all rows 0 .. N-1,
// whatever src.Sel says. Pass src.Sel to append the rows that count. The values are copied.
func (b *Batch) AppendRows(src *Batch, sel []int32) {
	n := len(sel)
	if sel == nil {
		n = src.N
	}
	for c, v := range b.Cols {
		v.AppendMany(src.Cols[c], sel, src.N)
	}
	at := b.N
	b.N += n
	if src.Kinds == nil && b.Kinds == nil {
		return
	}
	for k := range n {
		b.SetKind(at+k, src.Kind(nth(sel, k)))
	}
}

// AppendFrom appends row i of src by copy: of a vector of the same class, or one that is all NULL.
func (v *Vector) AppendFrom(src *Vector, i int) {
	if src.IsNull(i) {
		v.AppendNull()
		return
	}
	switch ClassOf(v.Type) {
	case ClassNone:
		v.AppendNull()
	case ClassBool:
		v.Bool = append(v.Bool, src.Bool[i])
	case ClassInt:
		v.Int = append(v.Int, src.Int[i])
	case ClassFloat:
		v.Flt = append(v.Flt, src.Flt[i])
	case ClassDec:
		v.Dec = append(v.Dec, src.Dec[i])
	case ClassBytes:
		v.AppendBytes(src.Bytes(i))
	case ClassList:
		v.BeginList()
		for c, child := range v.Children {
			child.appendRange(src.Children[c], src.Off[i], src.Len[i])
		}
		v.EndList()
	case ClassRow:
		v.countEmpty(1)
		for c, child := range v.Children {
			child.AppendFrom(src.Children[c], i)
		}
	}
}

// SetFrom makes row dst, which is there already and not NULL, row i of src, a vector of the same class. Strings and elements
// are copied behind those that v has; what was at dst before stays in the arena.
func (v *Vector) SetFrom(dst int, src *Vector, i int) {
	if src.IsNull(i) {
		v.SetNull(dst)
		return
	}
	switch ClassOf(v.Type) {
	case ClassBool:
		v.Bool[dst] = src.Bool[i]
	case ClassInt:
		v.Int[dst] = src.Int[i]
	case ClassFloat:
		v.Flt[dst] = src.Flt[i]
	case ClassDec:
		v.Dec[dst] = src.Dec[i]
	case ClassBytes:
		s := src.Bytes(i)
		v.Off[dst], v.Len[dst] = uint32(len(v.Data)), uint32(len(s))
		v.Data = append(v.Data, s...)
	case ClassList:
		v.Off[dst], v.Len[dst] = uint32(v.Children[0].Rows()), src.Len[i]
		for c, child := range v.Children {
			child.appendRange(src.Children[c], src.Off[i], src.Len[i])
		}
	case ClassRow:
		for c, child := range v.Children {
			child.SetFrom(dst, src.Children[c], i)
		}
	}
}

// appendRange appends n rows of src from row off on, by copy.
func (v *Vector) appendRange(src *Vector, off, n uint32) {
	from, to := int(off), int(off+n)
	if len(src.Nulls) == 0 && src.Type.Kind != types.Null {
		switch ClassOf(v.Type) {
		case ClassBool:
			v.Bool = append(v.Bool, src.Bool[from:to]...)
			return
		case ClassInt:
			v.Int = append(v.Int, src.Int[from:to]...)
			return
		case ClassFloat:
			v.Flt = append(v.Flt, src.Flt[from:to]...)
			return
		}
	}
	for i := from; i < to; i++ {
		v.AppendFrom(src, i)
	}
}

// AppendMany appends the rows sel (physical positions) of src, or with a nil sel its rows 0 .. n-1, by copy. The vectors have one class, or
// src is all NULL (types.Null) and v has no children.
func (v *Vector) AppendMany(src *Vector, sel []int32, n int) {
	if sel == nil && src.Type.Kind != types.Null && ClassOf(v.Type) < ClassBytes && ClassOf(v.Type) > ClassNone {
		at := v.Rows()
		v.Bool = append(v.Bool, head(src.Bool, n)...)
		v.Int = append(v.Int, head(src.Int, n)...)
		v.Flt = append(v.Flt, head(src.Flt, n)...)
		v.Dec = append(v.Dec, head(src.Dec, n)...)
		v.appendNulls(src, nil, at, n)
		return
	}
	if sel != nil {
		n = len(sel)
	}
	if src.Type.Kind == types.Null && ClassOf(v.Type) < ClassList {
		v.appendNullRows(n)
		return
	}
	at := v.Rows()
	switch ClassOf(v.Type) {
	case ClassBool:
		v.Bool = gather(v.Bool, src.Bool, sel)
	case ClassInt:
		v.Int = gather(v.Int, src.Int, sel)
	case ClassFloat:
		v.Flt = gather(v.Flt, src.Flt, sel)
	case ClassDec:
		v.Dec = gather(v.Dec, src.Dec, sel)
	case ClassBytes:
		v.appendViews(src, sel, n)
	case ClassRow:
		v.countEmpty(n)
		for c, child := range v.Children {
			child.AppendMany(src.Children[c], sel, n)
		}
	default:
		for k := range n {
			v.AppendFrom(src, nth(sel, k))
		}
		return
	}
	v.appendNulls(src, sel, at, n)
}

// appendNullRows appends n NULLs to a vector without children.
func (v *Vector) appendNullRows(n int) {
	at := v.Rows()
	v.Resize(at + n)
	v.GrowNulls(at + n)
	for i := at; i < at+n; {
		if i&63 == 0 && i+64 <= at+n {
			v.Nulls[i>>6] = math.MaxUint64
			i += 64
			continue
		}
		v.Nulls.Set(i)
		i++
	}
}

// appendViews copies strings. Values under NULL may be garbage and become empty.
func (v *Vector) appendViews(src *Vector, sel []int32, n int) {
	at := len(v.Off)
	v.Off, v.Len = resize(v.Off, at+n), resize(v.Len, at+n)
	off, length, data := v.Off[at:at+n], v.Len[at:at+n], v.Data
	for k := range n {
		i := nth(sel, k)
		off[k], length[k] = uint32(len(data)), 0
		if !src.Nulls.Has(i) {
			o, l := src.Off[i], src.Len[i]
			length[k] = l
			data = append(data, src.Data[o:o+l]...)
		}
	}
	v.Data = data
}

func (v *Vector) appendNulls(src *Vector, sel []int32, at, n int) {
	if src.Type.Kind == types.Null {
		for k := range n {
			v.SetNull(at + k)
		}
		return
	}
	if len(src.Nulls) == 0 {
		return
	}
	for k := range n {
		if src.Nulls.Has(nth(sel, k)) {
			v.SetNull(at + k)
		}
	}
}

func head[T any](s []T, n int) []T {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func gather[T any](dst, src []T, sel []int32) []T {
	at := len(dst)
	dst = resize(dst, at+len(sel))
	out := dst[at:]
	for k, i := range sel {
		out[k] = src[i]
	}
	return dst
}
