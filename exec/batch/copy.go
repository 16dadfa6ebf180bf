package batch

import "weir/planner/types"

// AppendRow appends the row at physical position i of src, with its kind. The columns of b and
// src have the same classes.
func (b *Batch) AppendRow(src *Batch, i int) {
	for c, v := range b.Cols {
		v.AppendFrom(src.Cols[c], i)
	}
	b.N++
	b.alignKinds(src.Kind(i))
}

// alignKinds keeps Kinds as long as the batch, the last row being of kind k.
func (b *Batch) alignKinds(k ChangeKind) {
	if b.Kinds != nil || k != Insert {
		b.SetKind(b.N-1, k)
	}
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
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		b.SetKind(at+k, src.Kind(i))
	}
}

// AppendFrom appends row i of src, a vector of the same class, by copy.
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
		for j := src.Off[i]; j < src.Off[i]+src.Len[i]; j++ {
			for c, child := range v.Children {
				child.AppendFrom(src.Children[c], int(j))
			}
		}
		v.EndList()
	case ClassRow:
		for c, child := range v.Children {
			child.AppendFrom(src.Children[c], i)
		}
	}
}

// AppendMany appends the rows sel of src, or with a nil sel its rows 0 .. n-1, by copy.
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
	at := v.Rows()
	row := func(k int) int {
		if sel == nil {
			return k
		}
		return int(sel[k])
	}
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
	default:
		for k := range n {
			v.AppendFrom(src, row(k))
		}
		return
	}
	v.appendNulls(src, sel, at, n)
}

// appendViews copies strings. Values under NULL may be garbage and become empty.
func (v *Vector) appendViews(src *Vector, sel []int32, n int) {
	at := len(v.Off)
	v.Off, v.Len = resize(v.Off, at+n), resize(v.Len, at+n)
	off, length, data := v.Off[at:at+n], v.Len[at:at+n], v.Data
	for k := range n {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
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
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		if src.Nulls.Has(i) {
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
