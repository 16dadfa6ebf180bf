package batch

import (
	"math"

	"weir/planner/types"
)

// NewVector makes an empty vector of type t with room for n rows, its children included.
func NewVector(t types.Type, n int) *Vector {
	v := &Vector{Type: t}
	switch ClassOf(t) {
	case ClassNone:
	case ClassBool:
		v.Bool = make([]bool, 0, n)
	case ClassInt:
		v.Int = make([]int64, 0, n)
	case ClassFloat:
		v.Flt = make([]float64, 0, n)
	case ClassDec:
		v.Dec = make([]types.Dec, 0, n)
	case ClassBytes:
		v.Off, v.Len = make([]uint32, 0, n), make([]uint32, 0, n)
	case ClassList:
		v.Off, v.Len = make([]uint32, 0, n), make([]uint32, 0, n)
		switch t.Kind {
		case types.Map:
			v.Children = []*Vector{NewVector(t.Nested.Key, n), NewVector(t.Nested.Elem, n)}
		case types.Multiset:
			v.Children = []*Vector{NewVector(t.Nested.Elem, n), NewVector(types.TInt.NotNull(), n)}
		default:
			v.Children = []*Vector{NewVector(t.Nested.Elem, n)}
		}
	case ClassRow:
		for _, f := range t.Nested.Fields {
			v.Children = append(v.Children, NewVector(f.Type, n))
		}
	}
	return v
}

// New makes an empty batch of the given column types with room for n rows.
func New(ts []types.Type, n int) *Batch {
	b := &Batch{Cols: make([]*Vector, len(ts))}
	for i, t := range ts {
		b.Cols[i] = NewVector(t, n)
	}
	return b
}

// Types is the type of every column.
func (b *Batch) Types() []types.Type {
	ts := make([]types.Type, len(b.Cols))
	for i, c := range b.Cols {
		ts[i] = c.Type
	}
	return ts
}

// Reset empties b and keeps its memory. Kinds becomes nil: the next rows are inserts until
// one with another kind is appended.
func (b *Batch) Reset() {
	b.N, b.Sel, b.Kinds = 0, nil, nil
	if b.keyed != nil {
		b.keyed.n = 0
	}
	for _, c := range b.Cols {
		c.Reset()
	}
}

// Rows is the number of rows that v holds.
func (v *Vector) Rows() int {
	switch ClassOf(v.Type) {
	case ClassInt:
		return len(v.Int)
	case ClassFloat:
		return len(v.Flt)
	case ClassDec:
		return len(v.Dec)
	case ClassBytes, ClassList:
		return len(v.Off)
	case ClassRow:
		if len(v.Children) > 0 {
			return v.Children[0].Rows()
		}
	}
	return len(v.Bool) // of ClassBool, of NULLs, and of rows without fields (countEmpty)
}

// countEmpty makes a vector of rows without fields n rows longer: it has no child by which they could be counted, and
// counts them in Bool, as a vector of NULLs does. Rows with fields are as many as their children's.
func (v *Vector) countEmpty(n int) {
	if len(v.Children) == 0 {
		v.Bool = resize(v.Bool, len(v.Bool)+n)
	}
}

// Reset empties v and keeps its memory, but for Data that was given by Share.
func (v *Vector) Reset() {
	v.clearNulls()
	v.Bool, v.Int, v.Flt, v.Dec = v.Bool[:0], v.Int[:0], v.Flt[:0], v.Dec[:0]
	v.Off, v.Len = v.Off[:0], v.Len[:0]
	if v.shared {
		v.Data, v.shared = nil, false
	}
	v.Data = v.Data[:0]
	for _, c := range v.Children {
		c.Reset()
	}
}

// Share makes data the arena of v without copying. The vector never writes to it: it must be empty, is filled by
// AppendView, and forgets data at Reset. The owner of data keeps it unchanged until then.
func (v *Vector) Share(data []byte) { v.Data, v.shared = data[:len(data):len(data)], true }

// clearNulls makes the set of nulls empty and keeps its memory.
func (v *Vector) clearNulls() {
	if v.Nulls != nil {
		v.spare, v.Nulls = v.Nulls[:0], nil
	}
}

// ClearNulls declares that no row is NULL; the bitmap's memory is kept for SetNull.
func (v *Vector) ClearNulls() { v.clearNulls() }

// GrowNulls makes sure that Nulls is there and has a bit for rows 0 .. n-1, for who writes its words. New bits are clear.
func (v *Vector) GrowNulls(n int) {
	words := (n + 63) >> 6
	if v.Nulls == nil {
		v.Nulls, v.spare = v.spare[:0], nil
	}
	for len(v.Nulls) < words {
		v.Nulls = append(v.Nulls, 0)
	}
	if v.Nulls == nil { // n is 0
		v.Nulls = Bitmap{}
	}
}

// SetNull makes row i NULL, whatever was there.
func (v *Vector) SetNull(i int) {
	if w := i >> 6; w >= len(v.Nulls) {
		v.GrowNulls(i + 1)
	}
	v.Nulls.Set(i)
}

// UnsetNulls takes back the NULLs of rows from .. to-1, and those in the fields of a ROW: of rows that a decoder began and gave up.
func (v *Vector) UnsetNulls(from, to int) {
	for i := from; i < to && i>>6 < len(v.Nulls); i++ {
		v.Nulls.Clear(i)
	}
	if v.Type.Kind == types.Row {
		for _, c := range v.Children {
			c.UnsetNulls(from, to)
		}
	}
}

// Resize makes v n rows long; what rows hold is undefined until written. Nulls stay. Lists and rows get
// empty values; children of rows are resized too.
func (v *Vector) Resize(n int) {
	switch ClassOf(v.Type) {
	case ClassNone, ClassBool:
		v.Bool = resize(v.Bool, n)
	case ClassInt:
		v.Int = resize(v.Int, n)
	case ClassFloat:
		v.Flt = resize(v.Flt, n)
	case ClassDec:
		v.Dec = resize(v.Dec, n)
	case ClassBytes, ClassList:
		v.Off, v.Len = resize(v.Off, n), resize(v.Len, n)
	case ClassRow:
		v.countEmpty(n - len(v.Bool))
		for _, c := range v.Children {
			c.Resize(n)
		}
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		t := make([]T, n, n+n/4)
		copy(t, s)
		return t
	}
	return s[:n]
}

// AppendNull appends a NULL.
func (v *Vector) AppendNull() {
	n := v.Rows()
	v.appendZero()
	v.SetNull(n)
}

// appendZero appends a value that stands under a NULL.
func (v *Vector) appendZero() {
	switch ClassOf(v.Type) {
	case ClassNone, ClassBool:
		v.Bool = append(v.Bool, false)
	case ClassInt:
		v.Int = append(v.Int, 0)
	case ClassFloat:
		v.Flt = append(v.Flt, 0)
	case ClassDec:
		v.Dec = append(v.Dec, types.Dec{})
	case ClassBytes, ClassList:
		v.Off, v.Len = append(v.Off, 0), append(v.Len, 0)
	case ClassRow:
		v.countEmpty(1)
		for _, c := range v.Children {
			c.AppendNull()
		}
	}
}

// AppendBool appends to a ClassBool vector.
func (v *Vector) AppendBool(x bool) { v.Bool = append(v.Bool, x) }

// AppendInt appends to a ClassInt vector, in the unit of its type.
func (v *Vector) AppendInt(x int64) { v.Int = append(v.Int, x) }

// AppendFloat appends to a ClassFloat vector. A FLOAT is the caller's to round.
func (v *Vector) AppendFloat(x float64) { v.Flt = append(v.Flt, x) }

// AppendDec appends to a ClassDec vector, at the scale of its type.
func (v *Vector) AppendDec(x types.Dec) { v.Dec = append(v.Dec, x) }

// AppendBytes appends a copy of x to a ClassBytes vector.
func (v *Vector) AppendBytes(x []byte) {
	v.Off, v.Len = append(v.Off, uint32(len(v.Data))), append(v.Len, uint32(len(x)))
	v.Data = append(v.Data, x...)
}

// AppendString is AppendBytes for a string.
func (v *Vector) AppendString(x string) {
	v.Off, v.Len = append(v.Off, uint32(len(v.Data))), append(v.Len, uint32(len(x)))
	v.Data = append(v.Data, x...)
}

// AppendView appends the value Data[off:off+n], which is there already, to a ClassBytes vector.
func (v *Vector) AppendView(off, n uint32) {
	v.Off, v.Len = append(v.Off, off), append(v.Len, n)
}

// BeginList starts a value of a ClassList vector: what is appended to the children from here to EndList are its
// elements.
func (v *Vector) BeginList() { v.Off = append(v.Off, uint32(v.Children[0].Rows())) }

// EndList ends the value that BeginList started.
func (v *Vector) EndList() {
	v.Len = append(v.Len, uint32(v.Children[0].Rows())-v.Off[len(v.Off)-1])
}

// AppendValue appends a planner's constant of v's type.
func (v *Vector) AppendValue(x types.Value) {
	if x == nil {
		v.AppendNull()
		return
	}
	switch x := x.(type) {
	case bool:
		v.AppendBool(x)
	case int64:
		v.AppendInt(x)
	case float64:
		v.AppendFloat(x)
	case types.Dec:
		v.AppendDec(x)
	case string:
		v.AppendString(x)
	case []byte:
		v.AppendBytes(x)
	case []types.Value:
		if ClassOf(v.Type) == ClassRow {
			v.countEmpty(1)
			for i, c := range v.Children {
				c.AppendValue(x[i])
			}
			return
		}
		v.BeginList()
		for _, e := range x {
			v.Children[0].AppendValue(e)
		}
		v.EndList()
	case [][2]types.Value:
		v.BeginList()
		for _, e := range x {
			v.Children[0].AppendValue(e[0])
			v.Children[1].AppendValue(e[1])
		}
		v.EndList()
	default:
		panic("batch: not a constant of any SQL type")
	}
}

// Value is row i as a planner's constant; it shares no memory with v. It allocates: for tests,
// messages and constant folding.
func (v *Vector) Value(i int) types.Value {
	if v.IsNull(i) {
		return nil
	}
	switch ClassOf(v.Type) {
	case ClassBool:
		return v.Bool[i]
	case ClassInt:
		return v.Int[i]
	case ClassFloat:
		return v.Flt[i]
	case ClassDec:
		return v.Dec[i]
	case ClassBytes:
		if v.Type.IsBinary() {
			return append([]byte{}, v.Bytes(i)...)
		}
		return string(v.Bytes(i))
	case ClassList:
		from, to := int(v.Off[i]), int(v.Off[i]+v.Len[i])
		if v.Type.Kind == types.Array {
			list := make([]types.Value, 0, to-from)
			for j := from; j < to; j++ {
				list = append(list, v.Children[0].Value(j))
			}
			return list
		}
		pairs := make([][2]types.Value, 0, to-from)
		for j := from; j < to; j++ {
			pairs = append(pairs, [2]types.Value{v.Children[0].Value(j), v.Children[1].Value(j)})
		}
		return pairs
	case ClassRow:
		row := make([]types.Value, len(v.Children))
		for j, c := range v.Children {
			row[j] = c.Value(i)
		}
		return row
	}
	return nil
}

// SetKind gives the row at physical position i its kind; those before it that have none yet are inserts. Kinds is made when the first row
// comes that is no Insert.
func (b *Batch) SetKind(i int, k ChangeKind) {
	if b.Kinds == nil {
		if k == Insert {
			return
		}
		b.Kinds = make([]ChangeKind, 0, max(b.N, TargetRows))
	}
	for len(b.Kinds) <= i {
		b.Kinds = append(b.Kinds, Insert)
	}
	b.Kinds[i] = k
}

// Size is about the number of bytes that the values of all rows of b take.
func (b *Batch) Size() int {
	n := 0
	for _, c := range b.Cols {
		n += c.size()
	}
	return n
}

func (v *Vector) size() int {
	n := len(v.Bool) + 8*(len(v.Int)+len(v.Flt)+len(v.Off)) + 16*len(v.Dec) + len(v.Data)
	for _, c := range v.Children {
		n += c.size()
	}
	return n
}

// MaxArena is the most bytes that the arena of one vector may have: its offsets are 32 bits.
const MaxArena = math.MaxUint32
