package avro

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/twmb/avro"

	"weir/connectors/formats"
	"weir/connectors/spec/avroschema"
	"weir/exec/batch"
	"weir/planner/decimal"
	"weir/planner/types"
)

// NewEncoder makes an encoder of records with the schema that follows from the columns.
func NewEncoder(spec formats.EncoderSpec) (formats.Encoder, error) {
	text := avroschema.Of(fieldsOf(spec.Columns), formats.Flag(spec.Options, "timestamp_mapping.legacy", true))
	s, err := avroschema.Parse(text, false)
	if err != nil {
		return nil, err
	}
	e, err := newEncoder("avro", spec.Columns, avroschema.TreeOf(s))
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(formats.Text(spec.Options, "encoding", "binary"), "json") {
		return newJSONEncoder(text, e)
	}
	return e, nil
}

// action is how a value is written.
type action uint8

const (
	writeNothing action = iota // NULL
	writeBool
	writeInt
	writeTime
	writeFloat
	writeDouble
	writeBytes
	writeFixed
	writeEnum
	writeDecimal
	writeFixedDecimal
	writeArray
	writeMap
	writeRow
)

// part is the plan of one value that is written.
type part struct {
	action action
	path   string
	typ    types.Type
	index  int // of a column, in the batch

	// A union of null and the value, or of the value alone: the byte of either branch; nil where there is none.
	null, value []byte

	div     int64 // of writeTime: microseconds of a unit
	mul     int64 // units of a microsecond
	size    int   // of a FIXED
	symbols map[string]int64
	parts   []*part // fields of a ROW, the element of an ARRAY, the value of a MAP
}

// encoder writes records of one schema. It belongs to one goroutine.
type encoder struct {
	head    []byte // in front of each record
	columns []*part
}

// newEncoder plans how rows of columns become records of schema, which matches them.
func newEncoder(format string, columns []formats.Column, schema *avroschema.Tree) (*encoder, error) {
	e := &encoder{}
	root, null := schema.Nullable(schema.Root)
	if null >= 0 {
		e.head = binary.AppendVarint(nil, int64(1-null))
	}
	if len(root.Fields) != len(columns) {
		return nil, fmt.Errorf("format '%s': a schema of %d fields for %d columns", format, len(root.Fields), len(columns))
	}
	for i, c := range columns {
		p, err := newPart(c.Name, c.Type, &root.Fields[i].Type, schema)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		p.index = c.Index
		e.columns = append(e.columns, p)
	}
	return e, nil
}

func newPart(path string, t types.Type, n *avro.SchemaNode, schema *avroschema.Tree) (*part, error) {
	p := &part{path: path, typ: t}
	w, null := schema.Nullable(n)
	if null >= 0 {
		p.null, p.value = binary.AppendVarint(nil, int64(null)), binary.AppendVarint(nil, int64(1-null))
	}
	if u := schema.Resolve(n); u.Type == "union" && len(u.Branches) == 1 {
		p.value = []byte{0}
	}
	within := func(path string, t types.Type, n *avro.SchemaNode) error {
		c, err := newPart(path, t, n, schema)
		p.parts = append(p.parts, c)
		return err
	}
	switch w.Type {
	case "null":
	case "boolean":
		p.action = writeBool
	case "int", "long":
		p.action = writeInt
		switch t.Kind {
		case types.Time:
			p.action, p.div, p.mul = writeTime, 1000, 1
			if w.LogicalType == "time-micros" {
				p.div = 1
			}
		case types.Timestamp, types.TimestampLTZ:
			p.action = writeTime
			if p.div, p.mul = units(w.LogicalType); p.div == 0 {
				p.div, p.mul = 1000, 1
			}
		}
	case "float":
		p.action = writeFloat
	case "double":
		p.action = writeDouble
	case "string", "bytes":
		if p.action = writeBytes; t.Kind == types.Decimal {
			p.action = writeDecimal
		}
	case "fixed":
		p.size = w.Size
		if p.action = writeFixed; t.Kind == types.Decimal {
			p.action = writeFixedDecimal
		}
	case "enum":
		p.action, p.symbols = writeEnum, map[string]int64{}
		for i, s := range w.Symbols {
			p.symbols[s] = int64(i)
		}
	case "array":
		p.action = writeArray
		return p, within(path, t.Nested.Elem, w.Items)
	case "map":
		p.action = writeMap
		elem := t.Nested.Elem
		if t.Kind == types.Multiset {
			elem = types.TInt.NotNull()
		}
		return p, within(path, elem, w.Values)
	case "record", "error":
		p.action = writeRow
		for i, f := range t.Nested.Fields {
			if err := within(path+"."+f.Name, f.Type, &w.Fields[i].Type); err != nil {
				return nil, err
			}
		}
	default:
		return nil, fmt.Errorf("%s cannot be written as %s", t, describe(w))
	}
	return p, nil
}

// Encode implements formats.Encoder.
func (e *encoder) Encode(dst []byte, b *batch.Batch, i int) (out []byte, null bool, err error) {
	dst = append(dst, e.head...)
	for _, p := range e.columns {
		if dst, err = p.append(dst, b.Cols[p.index], i); err != nil {
			return dst, false, err
		}
	}
	return dst, false, nil
}

// EncodeAll implements formats.Encoder.
func (e *encoder) EncodeAll(p *formats.Payloads, b *batch.Batch) error { return encodeAll(e, p, b) }

// encodeAll encodes a batch row by row.
func encodeAll(e formats.Encoder, p *formats.Payloads, b *batch.Batch) error {
	n := b.Rows()
	p.Off, p.Len = slices.Grow(p.Off, n), slices.Grow(p.Len, n)
	out := p.Data
	for k := range n {
		start := len(out)
		var err error
		if out, _, err = e.Encode(out, b, b.At(k)); err != nil {
			p.Data = out[:start]
			return err
		}
		p.Off, p.Len = append(p.Off, uint32(start)), append(p.Len, uint32(len(out)-start))
	}
	p.Data = out
	return nil
}

// append writes the value at row i of v.
func (p *part) append(dst []byte, v *batch.Vector, i int) ([]byte, error) {
	if v.IsNull(i) {
		if p.null == nil && p.action != writeNothing {
			return dst, fmt.Errorf("column %s is NULL, which its schema does not allow", p.path)
		}
		return append(dst, p.null...), nil
	}
	if p.value != nil {
		dst = append(dst, p.value[0])
	}
	switch p.action {
	case writeInt:
		return appendLong(dst, v.Int[i]), nil
	case writeTime:
		x := v.Int[i]
		switch {
		case p.div > 1:
			r := x % p.div
			if x /= p.div; r < 0 {
				x--
			}
		case p.mul > 1:
			if x > math.MaxInt64/p.mul || x < math.MinInt64/p.mul {
				return dst, fmt.Errorf("column %s: a time that its schema cannot hold in 64 bits", p.path)
			}
			x *= p.mul
		}
		return appendLong(dst, x), nil
	case writeBytes:
		b := v.Bytes(i)
		return append(appendLong(dst, int64(len(b))), b...), nil
	case writeDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Flt[i])), nil
	case writeFloat:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.Flt[i]))), nil
	case writeBool:
		if v.Bool[i] {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case writeDecimal:
		b, n := unscaled(v.Dec[i])
		return append(appendLong(dst, int64(n)), b[16-n:]...), nil
	case writeFixedDecimal:
		b, n := unscaled(v.Dec[i])
		if n > p.size {
			return dst, fmt.Errorf("column %s: %s does not fit the %d bytes that its schema has for it", p.path, decimal.String(v.Dec[i], p.typ.Scale), p.size)
		}
		for range p.size - 16 {
			dst = append(dst, byte(v.Dec[i].Hi>>63))
		}
		return append(dst, b[max(0, 16-p.size):]...), nil
	case writeFixed:
		b := v.Bytes(i)
		if len(b) != p.size {
			return dst, fmt.Errorf("column %s: %d bytes, and its schema has exactly %d", p.path, len(b), p.size)
		}
		return append(dst, b...), nil
	case writeEnum:
		n, ok := p.symbols[string(v.Bytes(i))]
		if !ok {
			return dst, fmt.Errorf("column %s: '%s' is no symbol of the enum in its schema", p.path, formats.Excerpt(v.Bytes(i), 0))
		}
		return appendLong(dst, n), nil
	case writeRow:
		var err error
		for k, f := range p.parts {
			if dst, err = f.append(dst, v.Children[k], i); err != nil {
				return dst, err
			}
		}
	case writeArray, writeMap:
		return p.list(dst, v, i)
	}
	return dst, nil
}

// list writes the elements as one block, and the end.
func (p *part) list(dst []byte, v *batch.Vector, i int) ([]byte, error) {
	from, n := int(v.Off[i]), int(v.Len[i])
	if n > 0 {
		dst = appendLong(dst, int64(n))
	}
	elem := v.Children[len(v.Children)-1]
	for j := from; j < from+n; j++ {
		if p.action == writeMap {
			if v.Children[0].IsNull(j) {
				return dst, fmt.Errorf("column %s: a key of a MAP is NULL, which Avro cannot hold", p.path)
			}
			key := v.Children[0].Bytes(j)
			dst = append(appendLong(dst, int64(len(key))), key...)
		}
		var err error
		if dst, err = p.parts[0].append(dst, elem, j); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func appendLong(dst []byte, x int64) []byte {
	u := uint64(x<<1) ^ uint64(x>>63)
	if u < 0x80 {
		return append(dst, byte(u))
	}
	return binary.AppendUvarint(dst, u)
}

// unscaled is d in 16 bytes, and how many of them, the last ones, say it.
func unscaled(d types.Dec) (b [16]byte, n int) {
	binary.BigEndian.PutUint64(b[:8], uint64(d.Hi))
	binary.BigEndian.PutUint64(b[8:], d.Lo)
	hi, lo := uint64(d.Hi), d.Lo
	if d.Hi < 0 {
		hi, lo = ^hi, ^lo
	}
	used := bits.Len64(lo)
	if hi != 0 {
		used = 64 + bits.Len64(hi)
	}
	return b, used/8 + 1 // one bit more for the sign
}
