// Package batch holds rows as columns: the form in which they move through a running job.
//
// A Batch is a few thousand rows as typed vectors with null bitmaps, an optional selection,
// and an optional column of change kinds. Strings lie in an arena of bytes and are views
// into it, so that a filter or a projection never copies them.
//
// Ownership: a batch that is handed to Operator.Process or Sink.Write is borrowed for the
// call; its owner reuses the memory afterwards. Who wants to keep rows copies them
// (Batch.AppendRows). Nothing here is safe for concurrent use.
package batch

import (
	"math"

	"weir/planner/types"
)

// ChangeKind says what a row does to the table that its stream describes.
type ChangeKind uint8

// The change kinds, with Flink's short strings.
const (
	Insert       ChangeKind = iota // +I
	UpdateBefore                   // -U
	UpdateAfter                    // +U
	Delete                         // -D
)

func (k ChangeKind) String() string { return [...]string{"+I", "-U", "+U", "-D"}[k] }

// Adds reports +I and +U: the row is there after the change.
func (k ChangeKind) Adds() bool { return k == Insert || k == UpdateAfter }

// TargetRows is the number of rows that a source aims at in one batch, and TargetBytes
// the bytes of payload after which it stops earlier.
const (
	TargetRows  = 2048
	TargetBytes = 1 << 20
)

// Class is the physical form of a SQL type in a Vector.
type Class uint8

// The classes.
const (
	ClassNone  Class = iota // NULL: no data, every row null
	ClassBool               // BOOLEAN
	ClassInt                // integers, DATE, TIME, TIMESTAMP*, INTERVAL*: int64 in the unit of types.Kind
	ClassFloat              // FLOAT (rounded to 32 bits), DOUBLE
	ClassDec                // DECIMAL: 128-bit unscaled
	ClassBytes              // CHAR, VARCHAR (UTF-8), BINARY, VARBINARY, VARIANT (package variant)
	ClassList               // ARRAY, MULTISET (element, count), MAP (key, value)
	ClassRow                // ROW
)

// ClassOf is the physical form of t.
func ClassOf(t types.Type) Class {
	switch t.Kind {
	case types.Boolean:
		return ClassBool
	case types.Float, types.Double:
		return ClassFloat
	case types.Decimal:
		return ClassDec
	case types.Char, types.VarChar, types.Binary, types.VarBinary, types.Variant:
		return ClassBytes
	case types.Array, types.Multiset, types.Map:
		return ClassList
	case types.Row:
		return ClassRow
	case types.Null, types.Invalid:
		return ClassNone
	}
	return ClassInt
}

// Bitmap is a set of row numbers, one bit a row. It may be shorter than the rows that it speaks
// of: what lies behind its end is not in the set, and a nil Bitmap is the empty set.
type Bitmap []uint64

// Has reports whether row i is in the set.
func (m Bitmap) Has(i int) bool {
	w := uint(i) >> 6
	return w < uint(len(m)) && m[w]&(1<<(uint(i)&63)) != 0
}

// Full reports that rows 0 .. n-1 are in the set.
func (m Bitmap) Full(n int) bool {
	if len(m)*64 < n {
		return false
	}
	for _, w := range m[:n>>6] {
		if w != math.MaxUint64 {
			return false
		}
	}
	rest := uint64(1)<<(uint(n)&63) - 1
	return rest == 0 || m[n>>6]&rest == rest
}

// Set adds row i; the bitmap must be long enough.
func (m Bitmap) Set(i int) { m[i>>6] |= 1 << (i & 63) }

// Clear removes row i; the bitmap must be long enough.
func (m Bitmap) Clear(i int) { m[i>>6] &^= 1 << (i & 63) }

// Vector is one column of a batch. Only the fields of its Class are in use. Positions of
// rows outside the selection, and values at null positions, hold anything.
type Vector struct {
	Type  types.Type
	Nulls Bitmap // rows that are NULL; nil when none is

	Bool []bool
	Int  []int64
	Flt  []float64
	Dec  []types.Dec

	// ClassBytes: row i is Data[Off[i] : Off[i]+Len[i]]. Views may overlap, be out of order
	// and share Data with other vectors, which nobody writes to below its length.
	Off, Len []uint32
	Data     []byte

	// ClassList: row i is the elements Off[i] .. Off[i]+Len[i] of the children (one child for ARRAY,
	// two for MAP: keys and values; two for MULTISET: elements and counts).
	// ClassRow: one child a field, as long as the vector itself.
	Children []*Vector

	spare  Bitmap // memory for Nulls while that is nil
	shared bool   // Data belongs to somebody else
}

// Bytes is the string or binary value at row i, which must not be null. It is a view.
func (v *Vector) Bytes(i int) []byte {
	o := v.Off[i]
	return v.Data[o : o+v.Len[i] : o+v.Len[i]]
}

// IsNull reports whether row i is NULL.
func (v *Vector) IsNull(i int) bool { return v.Nulls.Has(i) || v.Type.Kind == types.Null }

// Batch is a number of rows in columns.
type Batch struct {
	N     int          // rows in the vectors, selected or not
	Sel   []int32      // the rows that count, ascending; nil: all N
	Kinds []ChangeKind // one a row (physical position); nil: all Insert
	Cols  []*Vector

	keyed *keyed // what an exchange knows of the rows' keys; nil: nothing
}

// Rows is the number of rows that count.
func (b *Batch) Rows() int {
	if b.Sel != nil {
		return len(b.Sel)
	}
	return b.N
}

// At is the physical position of the k-th row that counts.
func (b *Batch) At(k int) int { return nth(b.Sel, k) }

// nth is the k-th of the rows sel, or, where that is nil, row k.
func nth(sel []int32, k int) int {
	if sel != nil {
		return int(sel[k])
	}
	return k
}

// Kind is the change kind of the row at physical position i.
func (b *Batch) Kind(i int) ChangeKind {
	if b.Kinds == nil {
		return Insert
	}
	return b.Kinds[i]
}
