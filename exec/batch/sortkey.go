package batch

import (
	"encoding/binary"
	"math"
)

// AppendSortKey appends the value at row i of v so that the bytes of two values compare as ORDER BY has them: by bytes.Compare over
// the keys of all columns put together. desc turns the values around, not the NULLs.
// An ARRAY comes before those that go on where it ends; a NULL in an ARRAY or a ROW before all other values. MAPs have no order.
//
//	NULL or not     1 byte
//	ClassBool       1 byte
//	ClassInt        8 bytes, big endian, the sign turned around
//	ClassFloat      8 bytes: the bits, all of them turned around for negative numbers; -0.0 as 0.0, NaN above all
//	ClassDec        16 bytes, as ClassInt
//	ClassBytes      the bytes, 0 as 0 255, then 0 0
//	ClassList       1 and the element, as above, for each of an ARRAY, then 0
//	ClassRow        the fields, as above
func AppendSortKey(dst []byte, v *Vector, i int, desc, nullsFirst bool) []byte {
	if v.IsNull(i) == nullsFirst {
		dst = append(dst, 0)
	} else {
		dst = append(dst, 1)
	}
	if v.IsNull(i) {
		return dst
	}
	from := len(dst)
	dst = appendOrdered(dst, v, i)
	if desc {
		for k := from; k < len(dst); k++ {
			dst[k] = ^dst[k]
		}
	}
	return dst
}

// appendOrdered appends the value at row i, which is not NULL, ascending. A NULL in a list or a ROW is less than all else.
func appendOrdered(dst []byte, v *Vector, i int) []byte {
	const sign = 1 << 63
	switch ClassOf(v.Type) {
	case ClassBool:
		x := byte(0)
		if v.Bool[i] {
			x = 1
		}
		dst = append(dst, x)
	case ClassInt:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.Int[i])^sign)
	case ClassFloat:
		f := v.Flt[i]
		if f == 0 {
			f = 0
		}
		x := FloatBits(f)
		if x&sign != 0 {
			x = ^x
		} else {
			x |= sign
		}
		if math.IsNaN(f) {
			x = math.MaxUint64
		}
		dst = binary.BigEndian.AppendUint64(dst, x)
	case ClassDec:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.Dec[i].Hi)^sign)
		dst = binary.BigEndian.AppendUint64(dst, v.Dec[i].Lo)
	case ClassBytes:
		for _, c := range v.Bytes(i) {
			dst = append(dst, c)
			if c == 0 {
				dst = append(dst, 255)
			}
		}
		dst = append(dst, 0, 0)
	case ClassList:
		for e := v.Off[i]; e < v.Off[i]+v.Len[i]; e++ {
			dst = AppendSortKey(append(dst, 1), v.Children[0], int(e), false, true)
		}
		dst = append(dst, 0)
	case ClassRow:
		for _, f := range v.Children {
			dst = AppendSortKey(dst, f, i, false, true)
		}
	}
	return dst
}
