package agg

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"weir/exec/batch"
	"weir/planner/decimal"
	"weir/planner/types"
)

// cell is the encoding of one value of a type: 8 bytes for booleans, integers, times and floats, 16 for
// decimals, the bytes themselves for strings, and that of package batch for lists and rows.
type cell struct {
	class  batch.Class
	size   int     // bytes; 0: any number
	nested *nested // of lists and rows
}

// nested is what a cell of lists or rows works with.
type nested struct {
	buf []byte        // the encoding that was read last
	one *batch.Vector // the value that was decoded last
}

func newCell(fn string, t types.Type) (cell, error) {
	switch c := class(t); c {
	case batch.ClassBool, batch.ClassInt, batch.ClassFloat:
		return cell{c, 8, nil}, nil
	case batch.ClassDec:
		return cell{c, 16, nil}, nil
	case batch.ClassBytes:
		return cell{c, 0, nil}, nil
	case batch.ClassList, batch.ClassRow:
		return cell{c, 0, &nested{one: batch.NewVector(t, 1)}}, nil
	}
	return cell{}, fmt.Errorf("%s of a value of type %s is not supported", fn, t)
}

func (c cell) format() string {
	return [...]string{"", "bool", "int", "float", "dec", "bytes", "list", "row"}[c.class]
}

// read is the encoding of row i of v, which is not NULL: in tmp, a view of v, or in memory that the next read of a list or row
// overwrites.
func (c cell) read(v *batch.Vector, i int, tmp *[16]byte) []byte {
	switch c.class {
	case batch.ClassBytes:
		return v.Bytes(i)
	case batch.ClassDec:
		putDec(tmp[:], v.Dec[i])
		return tmp[:16]
	case batch.ClassList, batch.ClassRow:
		c.nested.buf = batch.AppendValue(c.nested.buf[:0], v, i)
		return c.nested.buf
	}
	putWord(tmp[:], c.word(v, i))
	return tmp[:8]
}

func (c cell) word(v *batch.Vector, i int) uint64 {
	switch c.class {
	case batch.ClassBool:
		if v.Bool[i] {
			return 1
		}
		return 0
	case batch.ClassInt:
		return uint64(v.Int[i])
	}
	return math.Float64bits(v.Flt[i])
}

// write puts the value that b encodes at row i of out.
func (c cell) write(out *batch.Vector, i int, b []byte) {
	switch c.class {
	case batch.ClassBool:
		out.Bool[i] = b[0] != 0
	case batch.ClassInt:
		out.Int[i] = int64(word(b))
	case batch.ClassFloat:
		out.Flt[i] = math.Float64frombits(word(b))
	case batch.ClassDec:
		out.Dec[i] = getDec(b)
	case batch.ClassBytes:
		out.Off[i], out.Len[i] = uint32(len(out.Data)), uint32(len(b))
		out.Data = append(out.Data, b...)
	default:
		c.nested.one.Reset()
		c.decode(c.nested.one, b)
		out.SetFrom(i, c.nested.one, 0)
	}
}

// decode appends the list or row that b encodes.
func (c cell) decode(out *batch.Vector, b []byte) {
	if err := batch.DecodeValue(b, out); err != nil {
		panic("agg: " + err.Error()) // the state's checksums have been verified
	}
}

// appendTo appends the value that b encodes to out.
func (c cell) appendTo(out *batch.Vector, b []byte) {
	switch c.class {
	case batch.ClassBool:
		out.AppendBool(b[0] != 0)
	case batch.ClassInt:
		out.AppendInt(int64(word(b)))
	case batch.ClassFloat:
		out.AppendFloat(math.Float64frombits(word(b)))
	case batch.ClassDec:
		out.AppendDec(getDec(b))
	case batch.ClassBytes:
		out.AppendBytes(b)
	default:
		c.decode(out, b)
	}
}

// cmp orders two encoded values. NaN is above all other floats, as Java's Double.compare has it.
func (c cell) cmp(a, b []byte) int {
	switch c.class {
	case batch.ClassBool, batch.ClassInt:
		x, y := int64(word(a)), int64(word(b))
		if x < y {
			return -1
		} else if x > y {
			return 1
		}
		return 0
	case batch.ClassFloat:
		x, y := math.Float64frombits(word(a)), math.Float64frombits(word(b))
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		case x == y:
			return 0
		case x != x && y != y:
			return 0
		case x != x:
			return 1
		}
		return -1
	case batch.ClassDec:
		return decimal.Cmp(getDec(a), getDec(b))
	}
	return bytes.Compare(a, b)
}

// next splits the first value off a sequence of values: those of no fixed size have their length in
// front, as a uvarint.
func (c cell) next(seq []byte) (val, rest []byte) {
	if c.size > 0 {
		return seq[:c.size:c.size], seq[c.size:]
	}
	n, w := binary.Uvarint(seq)
	end := w + int(n)
	return seq[w:end:end], seq[end:]
}

// push appends a value to a sequence.
func (c cell) push(seq, val []byte) []byte {
	if c.size == 0 {
		seq = binary.AppendUvarint(seq, uint64(len(val)))
	}
	return append(seq, val...)
}
