package batch

import (
	"encoding/binary"
	"fmt"
	"math"

	"weir/planner/types"
	"weir/state"
)

// The encoding of rows that are kept as they are: smaller than that of keys, and as canonical, so that equal rows have equal bytes. It
// is part of the format of stored state, too: RowFormat is raised with a change of it.
//
//	a bitmap of the columns that are NULL, 8 columns a byte, then the columns that are not
//
//	ClassBool               1 byte
//	ClassInt                varint
//	ClassFloat              8 bytes, little endian; all NaNs alike
//	ClassDec                0 and a varint, where one holds it; otherwise 1 and 16 bytes: Lo, Hi, little endian
//	ClassBytes              length (uvarint) and bytes; as the last column without the length
//	ClassList, ClassRow     as in a key

// RowFormat is the version of the encoding, for state.TableSpec.Schema.
const RowFormat = 1

// EncodeRows makes the rows of b that count from its columns cols: row k is the k-th selected one. It overwrites rows.
func EncodeRows(b *Batch, cols []int, rows *state.Keys) {
	n := b.Rows()
	rows.Off = resize(rows.Off, n+1)
	rows.Off[0] = 0
	dst := rows.Data[:0]
	bitmap := (len(cols) + 7) / 8
	for k := range n {
		i := b.At(k)
		nulls := len(dst)
		for range bitmap {
			dst = append(dst, 0)
		}
		for c, col := range cols {
			v := b.Cols[col]
			if v.IsNull(i) {
				dst[nulls+c>>3] |= 1 << (c & 7)
				continue
			}
			switch ClassOf(v.Type) {
			case ClassInt:
				dst = binary.AppendVarint(dst, v.Int[i])
			case ClassBytes:
				if c < len(cols)-1 {
					dst = binary.AppendUvarint(dst, uint64(v.Len[i]))
				}
				dst = append(dst, v.Bytes(i)...)
			case ClassDec:
				d := v.Dec[i]
				if d.Hi == int64(d.Lo)>>63 {
					dst = binary.AppendVarint(append(dst, 0), int64(d.Lo))
				} else {
					dst = appendNested(append(dst, 1), v, i)
				}
			default:
				dst = appendNested(dst, v, i)
			}
		}
		rows.Off[k+1] = uint32(len(dst))
	}
	rows.Data = dst
}

// DecodeRow appends the columns of a row that EncodeRows made to into, one vector a column, with the types that the encoded columns had.
// An error means that the bytes are not such a row; into may then have got some of the columns.
func DecodeRow(row []byte, into []*Vector) error {
	d := keyDecoder{rest: row}
	nulls := d.take((len(into) + 7) / 8)
	for c, v := range into {
		if d.bad {
			break
		}
		if nulls[c>>3]&(1<<(c&7)) != 0 {
			v.AppendNull()
			continue
		}
		switch ClassOf(v.Type) {
		case ClassInt:
			v.AppendInt(d.varint())
		case ClassBytes:
			n := len(d.rest)
			if c < len(into)-1 {
				n = d.length()
			}
			v.AppendBytes(d.take(n))
		case ClassDec:
			if d.take(1)[0] != 0 {
				d.value(v)
				continue
			}
			lo := d.varint()
			v.AppendDec(types.Dec{Lo: uint64(lo), Hi: lo >> 63})
		default:
			d.value(v)
		}
	}
	if d.bad || len(d.rest) > 0 {
		return fmt.Errorf("a row of %d bytes that is not of columns %s", len(row), typeNames(into))
	}
	return nil
}

func (d *keyDecoder) varint() int64 {
	n, w := binary.Varint(d.rest)
	if w <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[w:]
	return n
}

// length is a number of bytes that follow.
func (d *keyDecoder) length() int {
	n, w := binary.Uvarint(d.rest)
	if w <= 0 || n > math.MaxInt32 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[w:]
	return int(n)
}
