// Package variant holds values of the type VARIANT: what a JSON text says, in a binary form whose members and elements are found without
// reading the whole again.
//
// The form is the Variant encoding of Apache Parquet: a dictionary of the names of all members, and behind it
// the value. A value begins with a byte of which the low two bits are its basic type and the others a header; all numbers are little-endian.
//
//	dictionary   1 byte: version 1, and in the top two bits the width of what follows less 1
//	             number of names; where each begins, and where the last ends; the names
//	scalar       the header says of which kind it is; numbers have 1 to 16 bytes, strings of 64 bytes and more their length in 4
//	short text   the header is the length
//	object       the header: width of places (2 bits), of numbers of names (2 bits), whether the size has 4 bytes;
//	             the size; numbers of the names, in the order of the names; place of each member, and the end; the members as they came
//	array        the header: width of places (2 bits), whether the size has 4 bytes; the size; place of each element, and the end; the elements
//
// Two values are equal where their bytes are: names in the order in which they came are part of the value, as in Flink.
package variant

import (
	"encoding/binary"
	"math"

	"weir/planner/types"
)

// The basic types.
const (
	basicScalar = iota
	basicShort
	basicObject
	basicArray
)

// The kinds of scalars that JSON can say, with their numbers in the encoding.
const (
	scalarNull = iota
	scalarTrue
	scalarFalse
	scalarInt8
	scalarInt16
	scalarInt32
	scalarInt64
	scalarDouble
	scalarDec4
	scalarDec8
	scalarDec16
	scalarText = 16
)

const (
	version   = 1
	maxShort  = 63      // bytes of a short text
	sizeLimit = 1 << 24 // bytes of a dictionary, and of a value
)

// Kind is what a value is.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Int
	Double
	Decimal
	Text
	Object
	Array
)

func (k Kind) String() string {
	return [...]string{"null", "a Boolean", "a whole number", "a number", "a decimal number", "a string", "an object", "an array"}[k]
}

// Value is a value within encoded bytes. It is a view: it lives as long as they do.
type Value struct {
	names []byte // the dictionary
	data  []byte // begins with the value
}

// Of is the value that b, made by Builder.Parse or Value.Append, holds.
func Of(b []byte) Value {
	d := Value{names: b}
	n, w := d.dictionary()
	end := 1 + w + (n+1)*w + number(b[1+w+n*w:], w)
	return Value{b[:end], b[end:]}
}

// dictionary is the number of names, and the width of numbers in the dictionary.
func (v Value) dictionary() (n, width int) {
	width = int(v.names[0]>>6) + 1
	return number(v.names[1:], width), width
}

// name is the name of a number.
func (v Value) name(i int) []byte {
	n, w := v.dictionary()
	at := v.names[1+w+i*w:]
	text := v.names[1+w+(n+1)*w:]
	return text[number(at, w):number(at[w:], w)]
}

// number is the number of so many bytes at the beginning of b.
func number(b []byte, width int) int {
	switch width {
	case 1:
		return int(b[0])
	case 2:
		return int(binary.LittleEndian.Uint16(b))
	case 3:
		return int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	}
	return int(binary.LittleEndian.Uint32(b))
}

func (v Value) basic() (basic, header byte) { return v.data[0] & 3, v.data[0] >> 2 }

// Kind is what v is.
func (v Value) Kind() Kind {
	switch basic, header := v.basic(); basic {
	case basicShort:
		return Text
	case basicObject:
		return Object
	case basicArray:
		return Array
	default:
		switch header {
		case scalarTrue, scalarFalse:
			return Bool
		case scalarInt8, scalarInt16, scalarInt32, scalarInt64:
			return Int
		case scalarDouble:
			return Double
		case scalarDec4, scalarDec8, scalarDec16:
			return Decimal
		case scalarText:
			return Text
		}
		return Null
	}
}

// Bool is the value of a Boolean.
func (v Value) Bool() bool { return v.data[0]>>2 == scalarTrue }

// Int is the value of a whole number of up to 64 bits.
func (v Value) Int() int64 {
	switch b := v.data[1:]; v.data[0] >> 2 {
	case scalarInt8:
		return int64(int8(b[0]))
	case scalarInt16:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case scalarInt32:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	default:
		return int64(binary.LittleEndian.Uint64(b))
	}
}

// Double is the value of a number with an exponent, or one that is too long for a decimal.
func (v Value) Double() float64 { return math.Float64frombits(binary.LittleEndian.Uint64(v.data[1:])) }

// Decimal is the value of a number with up to 38 digits.
func (v Value) Decimal() (d types.Dec, scale int) {
	b := v.data[2:]
	switch v.data[0] >> 2 {
	case scalarDec4:
		d.Lo = uint64(int64(int32(binary.LittleEndian.Uint32(b))))
	case scalarDec8:
		d.Lo = binary.LittleEndian.Uint64(b)
	default:
		return types.Dec{Lo: binary.LittleEndian.Uint64(b), Hi: int64(binary.LittleEndian.Uint64(b[8:]))}, int(v.data[1])
	}
	d.Hi = int64(d.Lo) >> 63
	return d, int(v.data[1])
}

// Text is the value of a string.
func (v Value) Text() []byte {
	if basic, header := v.basic(); basic == basicShort {
		return v.data[1 : 1+header]
	}
	n := number(v.data[1:], 4)
	return v.data[5 : 5+n]
}

// list is the layout of an object or array.
type list struct {
	n              int
	ids, places    []byte // of an array without ids
	idWidth, width int
	items          []byte
}

func (v Value) list() list {
	basic, header := v.basic()
	l := list{width: int(header&3) + 1}
	large := header&4 != 0
	if basic == basicObject {
		l.idWidth = int(header>>2&3) + 1
		large = header&16 != 0
	}
	b := v.data[1:]
	if large {
		l.n, b = number(b, 4), b[4:]
	} else {
		l.n, b = int(b[0]), b[1:]
	}
	l.ids, b = b[:l.n*l.idWidth], b[l.n*l.idWidth:]
	l.places, l.items = b[:(l.n+1)*l.width], b[(l.n+1)*l.width:]
	return l
}

func (v Value) item(l list, i int) Value {
	return Value{v.names, l.items[number(l.places[i*l.width:], l.width):]}
}

// Len is the number of members of an object, or of elements of an array.
func (v Value) Len() int { return v.list().n }

// Elem is element i of an array, counted from 0; ok is false where there is none.
func (v Value) Elem(i int) (e Value, ok bool) {
	l := v.list()
	if i < 0 || i >= l.n {
		return e, false
	}
	return v.item(l, i), true
}

// Member is member i of an object, in the order of the names.
func (v Value) Member(i int) (name []byte, m Value) {
	l := v.list()
	return v.name(number(l.ids[i*l.idWidth:], l.idWidth)), v.item(l, i)
}

// Get is the member of a name; ok is false where there is none.
func (v Value) Get(name []byte) (m Value, ok bool) {
	l := v.list()
	lo, hi := 0, l.n
	for lo < hi {
		mid := (lo + hi) / 2
		switch c := compareNames(v.name(number(l.ids[mid*l.idWidth:], l.idWidth)), name); {
		case c == 0:
			return v.item(l, mid), true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return m, false
}

// size is the number of bytes of the value.
func (v Value) size() int {
	basic, header := v.basic()
	switch basic {
	case basicShort:
		return 1 + int(header)
	case basicScalar:
		switch header {
		case scalarInt8:
			return 2
		case scalarInt16:
			return 3
		case scalarInt32:
			return 5
		case scalarInt64, scalarDouble:
			return 9
		case scalarDec4:
			return 6
		case scalarDec8:
			return 10
		case scalarDec16:
			return 18
		case scalarText:
			return 5 + number(v.data[1:], 4)
		}
		return 1
	}
	l := v.list()
	return len(v.data) - len(l.items) + number(l.places[l.n*l.width:], l.width)
}

// Append appends v as a value of its own, with a dictionary of the names that it uses only.
func (v Value) Append(dst []byte) []byte {
	if k := v.Kind(); k != Object && k != Array {
		dst = append(dst, version, 0, 0)
		return append(dst, v.data[:v.size()]...)
	}
	b := Builder{ids: map[string]int{}}
	b.put(v)
	dst, _ = b.append(dst) // a part is no larger than the whole
	return dst
}

// put writes v into b.
func (b *Builder) put(v Value) {
	switch start := len(b.data); v.Kind() {
	case Object:
		members := make([]member, v.Len())
		for i := range members {
			name, m := v.Member(i)
			members[i] = member{name, b.id(name), len(b.data) - start}
			b.put(m)
		}
		b.endObject(start, members)
	case Array:
		places := make([]int, v.Len())
		for i := range places {
			e, _ := v.Elem(i)
			places[i] = len(b.data) - start
			b.put(e)
		}
		b.endArray(start, places)
	default:
		b.data = append(b.data, v.data[:v.size()]...)
	}
}
