package batch

import (
	"encoding/binary"
	"fmt"
	"math"

	"weir/planner/types"
	"weir/state"
)

// The encoding of keys. It is part of the format of stored state: a change of it makes old
// state unreadable, and KeyFormat is raised.
//
//	one column of 8 bytes   the value in 8 bytes, little endian; nothing for NULL
//	otherwise               a bitmap of the columns that are NULL, 8 columns a byte, then the columns
//
//	ClassBool               1 byte
//	ClassInt, ClassFloat    8 bytes, little endian; all NaNs alike
//	ClassDec                16 bytes: Lo, Hi, little endian
//	ClassBytes              length (4 bytes) and bytes; as the last column without the length
//	ClassList               count (4 bytes), then for every child its elements, each after a byte that is 1 for NULL
//	ClassRow                every field after a byte that is 1 for NULL
//
// A NULL has zeros of its column's fixed size, and no bytes at all as a list or row (in a list, too).
// Equal keys have equal bytes and different keys different ones; 0.0 and -0.0 are different, as
// they are to Flink's GROUP BY. The order of the bytes means nothing.

// KeyFormat is the version of the encoding, for state.TableSpec.Schema.
const KeyFormat = 1

var nanBits = math.Float64bits(math.NaN())

// FloatBits is the bits of a FLOAT or DOUBLE as keys compare them: all NaNs are alike.
func FloatBits(f float64) uint64 {
	if f != f {
		return nanBits
	}
	return math.Float64bits(f)
}

// EncodeKeys makes the keys of the rows of b that count from its columns cols: key k is the k-th
// selected row. It overwrites keys and returns hashes, made longer where needed, with state.Hash
// of each. With no columns every key is empty. Hashes that b carries (SetHashes) are not made again; they are given to
// the first who asks for all of them.
func EncodeKeys(b *Batch, cols []int, keys *state.Keys, hashes []uint64) []uint64 {
	hashes, carried := b.takeHashes(cols, hashes)
	words := encode(b, cols, keys)
	switch {
	case carried:
		return hashes
	case words:
		return hashWords(keys, b.Rows(), hashes)
	}
	return hashKeys(keys, b.Rows(), hashes)
}

// EncodeUnhashed is EncodeKeys without the hashes, for what is kept and not looked up.
func EncodeUnhashed(b *Batch, cols []int, keys *state.Keys) { encode(b, cols, keys) }

// encode makes the keys. words reports that each is 8 bytes, or none.
func encode(b *Batch, cols []int, keys *state.Keys) (words bool) {
	n := b.Rows()
	keys.Off = resize(keys.Off, n+1)
	keys.Off[0] = 0
	if len(cols) == 1 && oneWord(b.Cols[cols[0]]) {
		encodeWord(b.Cols[cols[0]], b.Sel, n, keys)
		return true
	}
	e := keyEncoder{b: b, cols: cols, n: n}
	e.sizes(keys)
	keys.Data = resize(keys.Data, int(keys.Off[n]))
	e.write(keys)
	return false
}

func hashKeys(keys *state.Keys, n int, hashes []uint64) []uint64 {
	hashes = resize(hashes, n)
	for k := range hashes {
		hashes[k] = state.Hash(keys.At(k))
	}
	return hashes
}

// hashWords is hashKeys of keys that encodeWord made.
func hashWords(keys *state.Keys, n int, hashes []uint64) []uint64 {
	if len(keys.Data) < 8*n {
		return hashKeys(keys, n, hashes)
	}
	hashes = resize(hashes, n)
	for k := range hashes {
		hashes[k] = state.HashWord(binary.LittleEndian.Uint64(keys.Data[8*k:]))
	}
	return hashes
}

// oneWord reports that a key of v alone is 8 bytes, or none for NULL.
func oneWord(v *Vector) bool {
	cl := ClassOf(v.Type)
	return cl == ClassInt || cl == ClassFloat
}

// encodeWord is the case of one column of 8 bytes.
func encodeWord(v *Vector, sel []int32, n int, keys *state.Keys) {
	keys.Data = resize(keys.Data, 8*n)
	data, off, at := keys.Data, keys.Off, 0
	integer := ClassOf(v.Type) == ClassInt
	if integer && sel == nil && len(v.Nulls) == 0 {
		for k, x := range v.Int[:n] {
			binary.LittleEndian.PutUint64(data[8*k:], uint64(x))
			off[k+1] = uint32(8 + 8*k)
		}
		return
	}
	for k := range n {
		i := nth(sel, k)
		if !v.IsNull(i) {
			w := uint64(0)
			if integer {
				w = uint64(v.Int[i])
			} else {
				w = FloatBits(v.Flt[i])
			}
			binary.LittleEndian.PutUint64(data[at:], w)
			at += 8
		}
		off[k+1] = uint32(at)
	}
	keys.Data = data[:at]
}

type keyEncoder struct {
	b    *Batch
	cols []int
	n    int
}

// sizes fills keys.Off with where each key starts.
func (e *keyEncoder) sizes(keys *state.Keys) {
	off := keys.Off[1:]
	fixed := uint32((len(e.cols) + 7) / 8)
	for k := range off {
		off[k] = 0
	}
	for c, col := range e.cols {
		v := e.b.Cols[col]
		switch ClassOf(v.Type) {
		case ClassNone:
		case ClassBool:
			fixed++
		case ClassInt, ClassFloat:
			fixed += 8
		case ClassDec:
			fixed += 16
		case ClassBytes:
			if c < len(e.cols)-1 {
				fixed += 4
			}
			for k := range off {
				if i := e.b.At(k); !v.Nulls.Has(i) {
					off[k] += v.Len[i]
				}
			}
		default:
			for k := range off {
				if i := e.b.At(k); !v.Nulls.Has(i) {
					off[k] += uint32(nestedSize(v, i))
				}
			}
		}
	}
	at := uint32(0)
	for k := range off {
		at += fixed + off[k]
		off[k] = at
	}
}

// write fills keys.Data column by column. While it runs keys.Off[k] is where the next column of
// key k goes; at the end that is where key k+1 starts, and the offsets are moved back by one.
func (e *keyEncoder) write(keys *state.Keys) {
	data, pos := keys.Data, keys.Off[:e.n]
	bitmap := uint32((len(e.cols) + 7) / 8)
	for k := range pos {
		clear(data[pos[k] : pos[k]+bitmap])
	}
	for c, col := range e.cols {
		v := e.b.Cols[col]
		if len(v.Nulls) == 0 && v.Type.Kind != types.Null {
			continue
		}
		for k := range pos {
			if v.IsNull(e.b.At(k)) {
				data[pos[k]+uint32(c>>3)] |= 1 << (c & 7)
			}
		}
	}
	for k := range pos {
		pos[k] += bitmap
	}
	for c, col := range e.cols {
		v := e.b.Cols[col]
		switch ClassOf(v.Type) {
		case ClassNone:
		case ClassBool:
			for k := range pos {
				i, x := e.b.At(k), byte(0)
				if v.Bool[i] && !v.Nulls.Has(i) {
					x = 1
				}
				data[pos[k]] = x
				pos[k]++
			}
		case ClassInt:
			for k := range pos {
				i, x := e.b.At(k), uint64(0)
				if !v.Nulls.Has(i) {
					x = uint64(v.Int[i])
				}
				binary.LittleEndian.PutUint64(data[pos[k]:], x)
				pos[k] += 8
			}
		case ClassFloat:
			for k := range pos {
				i, x := e.b.At(k), uint64(0)
				if !v.Nulls.Has(i) {
					x = FloatBits(v.Flt[i])
				}
				binary.LittleEndian.PutUint64(data[pos[k]:], x)
				pos[k] += 8
			}
		case ClassDec:
			for k := range pos {
				i, x := e.b.At(k), types.Dec{}
				if !v.Nulls.Has(i) {
					x = v.Dec[i]
				}
				putDec(data[pos[k]:], x)
				pos[k] += 16
			}
		case ClassBytes:
			last := c == len(e.cols)-1
			for k := range pos {
				i := e.b.At(k)
				var x []byte
				if !v.Nulls.Has(i) {
					x = v.Bytes(i)
				}
				if !last {
					binary.LittleEndian.PutUint32(data[pos[k]:], uint32(len(x)))
					pos[k] += 4
				}
				pos[k] += uint32(copy(data[pos[k]:], x))
			}
		default:
			for k := range pos {
				if i := e.b.At(k); !v.Nulls.Has(i) {
					pos[k] += uint32(len(appendNested(data[pos[k]:pos[k]], v, i)))
				}
			}
		}
	}
	// pos[k] is now the start of key k+1.
	copy(keys.Off[1:], keys.Off[:e.n])
	keys.Off[0] = 0
}

func columnSize(v *Vector, i int, last bool) int {
	switch ClassOf(v.Type) {
	case ClassBool:
		return 1
	case ClassInt, ClassFloat:
		return 8
	case ClassDec:
		return 16
	case ClassBytes:
		n := 4
		if last {
			n = 0
		}
		if !v.Nulls.Has(i) {
			n += int(v.Len[i])
		}
		return n
	case ClassList, ClassRow:
		if !v.Nulls.Has(i) {
			return nestedSize(v, i)
		}
	}
	return 0
}

func putDec(dst []byte, d types.Dec) {
	binary.LittleEndian.PutUint64(dst, d.Lo)
	binary.LittleEndian.PutUint64(dst[8:], uint64(d.Hi))
}

// nestedSize is the length of what appendNested appends.
func nestedSize(v *Vector, i int) int {
	n := 0
	switch ClassOf(v.Type) {
	case ClassList:
		n = 4
		for _, c := range v.Children {
			for j := v.Off[i]; j < v.Off[i]+v.Len[i]; j++ {
				n++
				if !c.IsNull(int(j)) {
					n += nestedSize(c, int(j))
				}
			}
		}
	case ClassRow:
		for _, c := range v.Children {
			n++
			if !c.IsNull(i) {
				n += nestedSize(c, i)
			}
		}
	default:
		return columnSize(v, i, false)
	}
	return n
}

// appendNested appends the value at row i of v, which is not NULL.
func appendNested(dst []byte, v *Vector, i int) []byte {
	elem := func(c *Vector, j int) {
		if c.IsNull(j) {
			dst = append(dst, 1)
		} else {
			dst = appendNested(append(dst, 0), c, j)
		}
	}
	switch ClassOf(v.Type) {
	case ClassBool:
		if v.Bool[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case ClassInt:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Int[i]))
	case ClassFloat:
		return binary.LittleEndian.AppendUint64(dst, FloatBits(v.Flt[i]))
	case ClassDec:
		dst = binary.LittleEndian.AppendUint64(dst, v.Dec[i].Lo)
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Dec[i].Hi))
	case ClassBytes:
		dst = binary.LittleEndian.AppendUint32(dst, v.Len[i])
		return append(dst, v.Bytes(i)...)
	case ClassList:
		dst = binary.LittleEndian.AppendUint32(dst, v.Len[i])
		for _, c := range v.Children {
			for j := v.Off[i]; j < v.Off[i]+v.Len[i]; j++ {
				elem(c, int(j))
			}
		}
	case ClassRow:
		for _, c := range v.Children {
			elem(c, i)
		}
	}
	return dst
}

// AppendValue appends the encoding of row i of v, which is not NULL, as a value within another: it says itself how long it is.
func AppendValue(dst []byte, v *Vector, i int) []byte { return appendNested(dst, v, i) }

// DecodeValue appends the value that AppendValue encoded to v, of the same type.
func DecodeValue(data []byte, v *Vector) error {
	d := keyDecoder{rest: data}
	d.value(v)
	if d.bad || len(d.rest) > 0 {
		return fmt.Errorf("%d bytes that are not a value of type %s", len(data), v.Type)
	}
	return nil
}

// DecodeKey appends the columns of a key that EncodeKeys made to into, one vector a column, with the types
// that the encoded columns had. An error means that the bytes are not such a key; into may then
// have got some of the columns.
func DecodeKey(key []byte, into []*Vector) error {
	if len(into) == 1 {
		if v := into[0]; oneWord(v) {
			switch {
			case len(key) == 0:
				v.AppendNull()
			case len(key) != 8:
				return fmt.Errorf("a key of %d bytes where one of 8 is expected", len(key))
			case ClassOf(v.Type) == ClassInt:
				v.Int = append(v.Int, int64(binary.LittleEndian.Uint64(key)))
			default:
				v.Flt = append(v.Flt, math.Float64frombits(binary.LittleEndian.Uint64(key)))
			}
			return nil
		}
	}
	bitmap := (len(into) + 7) / 8
	d := keyDecoder{rest: key}
	nulls := d.take(bitmap)
	for c, v := range into {
		if d.bad {
			break
		}
		null := nulls[c>>3]&(1<<(c&7)) != 0
		switch cl := ClassOf(v.Type); {
		case cl == ClassBytes && c == len(into)-1:
			if x := d.take(len(d.rest)); null {
				v.AppendNull()
			} else {
				v.AppendBytes(x)
			}
		case null && cl < ClassList:
			d.take(columnSize(&Vector{Type: v.Type, Nulls: Bitmap{1}}, 0, false))
			v.AppendNull()
		case null:
			v.AppendNull()
		default:
			d.value(v)
		}
	}
	if d.bad || len(d.rest) > 0 {
		return fmt.Errorf("a key of %d bytes that is not of columns %s", len(key), typeNames(into))
	}
	return nil
}

func typeNames(vs []*Vector) string {
	s := "("
	for i, v := range vs {
		if i > 0 {
			s += ", "
		}
		s += v.Type.String()
	}
	return s + ")"
}

type keyDecoder struct {
	rest []byte
	bad  bool
}

var zeros [16]byte

// take is the next n bytes; zeros and bad where there are not so many.
func (d *keyDecoder) take(n int) []byte {
	if n > len(d.rest) || n < 0 {
		d.bad, d.rest = true, nil
		return zeros[:min(max(n, 0), len(zeros))]
	}
	x := d.rest[:n]
	d.rest = d.rest[n:]
	return x
}

func (d *keyDecoder) value(v *Vector) {
	switch ClassOf(v.Type) {
	case ClassNone:
		v.AppendNull()
	case ClassBool:
		v.AppendBool(d.take(1)[0] != 0)
	case ClassInt:
		v.AppendInt(int64(binary.LittleEndian.Uint64(d.take(8))))
	case ClassFloat:
		v.AppendFloat(math.Float64frombits(binary.LittleEndian.Uint64(d.take(8))))
	case ClassDec:
		x := d.take(16)
		v.AppendDec(types.Dec{Lo: binary.LittleEndian.Uint64(x), Hi: int64(binary.LittleEndian.Uint64(x[8:]))})
	case ClassBytes:
		v.AppendBytes(d.take(int(binary.LittleEndian.Uint32(d.take(4)))))
	case ClassList:
		n := int(binary.LittleEndian.Uint32(d.take(4)))
		v.BeginList()
		for _, c := range v.Children {
			for j := 0; j < n && !d.bad; j++ {
				d.elem(c)
			}
		}
		v.EndList()
	case ClassRow:
		v.countEmpty(1)
		for _, c := range v.Children {
			d.elem(c)
		}
	}
}

func (d *keyDecoder) elem(c *Vector) {
	if d.take(1)[0] != 0 {
		c.AppendNull()
		return
	}
	d.value(c)
}
