package raw

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"weir/connectors/formats"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/types"
)

// Format is the format for a formats.Registry.
func Format() formats.Format {
	return formats.Format{Name: "raw", Decoder: NewDecoder, Encoder: NewEncoder}
}

// codec is what decoder and encoder share.
type codec struct {
	name      string
	typ       types.Type
	order     binary.ByteOrder
	charset   *charset // nil: UTF-8
	delimiter []byte   // line-delimiter in the charset; nil without one
}

func newCodec(columns []formats.Column, o catalog.Options) (c codec, col formats.Column, err error) {
	if len(columns) != 1 {
		return c, col, fmt.Errorf("format 'raw' carries exactly one column, not %d", len(columns))
	}
	col = columns[0]
	c = codec{name: col.Name, typ: col.Type, order: binary.BigEndian}
	switch e := formats.Text(o, "endianness", "big-endian"); strings.ToLower(e) {
	case "big-endian":
	case "little-endian":
		c.order = binary.LittleEndian
	default:
		return c, col, fmt.Errorf("format 'raw': endianness is big-endian or little-endian, not '%s'", e)
	}
	if c.charset, err = findCharset(formats.Text(o, "charset", "UTF-8")); err != nil {
		return c, col, err
	}
	switch c.typ.Kind {
	case types.Char, types.VarChar, types.Binary, types.VarBinary, types.Boolean, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double:
	default:
		return c, col, fmt.Errorf("column %s: format 'raw' cannot carry %s", c.name, c.typ)
	}
	if d := formats.Text(o, "line-delimiter", ""); d != "" {
		c.delimiter = []byte(strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(d))
		if c.charset != nil && c.typ.IsString() {
			if c.delimiter, err = apply(c.charset.encoder, nil, c.delimiter); err != nil {
				return c, col, fmt.Errorf("format 'raw': line-delimiter in %s: %w", c.charset.name, err)
			}
		}
	}
	return c, col, nil
}

// width is the bytes of a value of a type of fixed width, 0 for text and bytes.
func width(k types.Kind) int {
	switch k {
	case types.Boolean, types.TinyInt:
		return 1
	case types.SmallInt:
		return 2
	case types.Int, types.Float:
		return 4
	case types.BigInt, types.Double:
		return 8
	}
	return 0
}

type decoder struct {
	codec
	index int
	width int
	view  bool
}

// NewDecoder makes a decoder for the one column of spec.
func NewDecoder(spec formats.DecoderSpec) (formats.Decoder, error) {
	c, col, err := newCodec(spec.Schema, spec.Options)
	if err != nil {
		return nil, err
	}
	return &decoder{codec: c, index: col.Index, width: width(col.Type.Kind)}, nil
}

// Decode implements formats.Decoder. A null payload is a row with NULL.
func (d *decoder) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	var v *batch.Vector
	if d.index >= 0 {
		v = dst.Cols[d.index]
		d.view = false
		if d.width == 0 && len(p.Data) > 0 && (d.charset == nil || d.typ.IsBinary()) {
			if v.Rows() == 0 && len(v.Data) == 0 {
				v.Share(p.Data)
			}
			d.view = len(v.Data) == len(p.Data) && &v.Data[0] == &p.Data[0]
		}
	}
	for k := from; k < to; k++ {
		b, null := p.Get(k)
		if null {
			if !d.typ.Nullable {
				return src, 0, d.fail(k, nil, 0, "a null record in a column that is NOT NULL")
			}
			if v != nil {
				v.AppendNull()
			}
			dst.N++
			src = append(src, int32(k))
			continue
		}
		if d.delimiter == nil {
			if at, reason := d.value(v, p, b, p.Off[k]); reason != "" {
				return src, 0, d.fail(k, b, at, reason)
			}
			dst.N++
			src = append(src, int32(k))
			continue
		}
		n, reason, at := d.lines(v, p, b, p.Off[k])
		if reason != "" {
			if v != nil {
				v.Resize(dst.N)
			}
			return src, 0, d.fail(k, b, at, reason)
		}
		dst.N += n
		for range n {
			src = append(src, int32(k))
		}
	}
	return src, 0, nil
}

// lines appends a row for each part of b. The end of b ends the last part, unless a delimiter did.
func (d *decoder) lines(v *batch.Vector, p *formats.Payloads, b []byte, off uint32) (n int, reason string, at int) {
	for pos := 0; pos < len(b); n++ {
		end, next := len(b), len(b)
		if i := bytes.Index(b[pos:], d.delimiter); i >= 0 {
			end = pos + i
			next = end + len(d.delimiter)
		}
		if at, reason := d.value(v, p, b[pos:end], off+uint32(pos)); reason != "" {
			return n, reason, pos + at
		}
		pos = next
	}
	return n, "", 0
}

// value appends the value of b, which lies at off of the buffer. A reason says why it has none. With
// a nil v it only checks.
func (d *decoder) value(v *batch.Vector, p *formats.Payloads, b []byte, off uint32) (at int, reason string) {
	if d.width > 0 {
		if len(b) != d.width {
			return 0, fmt.Sprintf("a %s has %d bytes, the record has %d", d.typ.Kind, d.width, len(b))
		}
		if v != nil {
			d.number(v, b)
		}
		return 0, ""
	}
	if d.typ.IsString() {
		if d.charset != nil {
			if v == nil {
				return 0, ""
			}
			start := len(v.Data)
			data, err := apply(d.charset.decoder, v.Data, b)
			if err != nil {
				return 0, fmt.Sprintf("not text in %s: %s", d.charset.name, err)
			}
			v.Data = data
			v.AppendView(uint32(start), uint32(len(data)-start))
			return 0, ""
		}
		if !utf8.Valid(b) {
			return invalidAt(b), "invalid UTF-8"
		}
	}
	switch {
	case v == nil:
	case d.view:
		v.AppendView(off, uint32(len(b)))
	default:
		v.AppendBytes(b)
	}
	return 0, ""
}

func (d *decoder) number(v *batch.Vector, b []byte) {
	switch d.typ.Kind {
	case types.Boolean:
		v.AppendBool(b[0] != 0)
	case types.TinyInt:
		v.AppendInt(int64(int8(b[0])))
	case types.SmallInt:
		v.AppendInt(int64(int16(d.order.Uint16(b))))
	case types.Int:
		v.AppendInt(int64(int32(d.order.Uint32(b))))
	case types.BigInt:
		v.AppendInt(int64(d.order.Uint64(b)))
	case types.Float:
		v.AppendFloat(float64(math.Float32frombits(d.order.Uint32(b))))
	case types.Double:
		v.AppendFloat(math.Float64frombits(d.order.Uint64(b)))
	}
}

// invalidAt is the place of the first byte of b that is not UTF-8.
func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

func (d *decoder) fail(k int, b []byte, at int, reason string) error {
	help := ""
	if d.typ.IsString() && d.charset == nil {
		help = "declare the column as BYTES, or say with 'raw.charset' in which encoding the text is"
	} else if d.width > 0 {
		help = "declare the column as BYTES or STRING"
	}
	return &formats.RecordError{Payload: k, Column: d.name, At: at, Excerpt: formats.Excerpt(b, at), Reason: reason, Help: help}
}

type encoder struct {
	codec
	col int
}

// NewEncoder makes an encoder for the one column of spec.
func NewEncoder(spec formats.EncoderSpec) (formats.Encoder, error) {
	c, col, err := newCodec(spec.Columns, spec.Options)
	if err != nil {
		return nil, err
	}
	return &encoder{c, col.Index}, nil
}

// Encode implements formats.Encoder; NULL is a null payload.
func (e *encoder) Encode(dst []byte, b *batch.Batch, i int) (out []byte, null bool, err error) {
	v := b.Cols[e.col]
	if v.IsNull(i) {
		return dst, true, nil
	}
	switch e.typ.Kind {
	case types.Boolean:
		x := byte(0)
		if v.Bool[i] {
			x = 1
		}
		dst = append(dst, x)
	case types.TinyInt:
		dst = append(dst, byte(v.Int[i]))
	case types.SmallInt:
		dst = e.append(dst, uint64(v.Int[i]), 2)
	case types.Int:
		dst = e.append(dst, uint64(v.Int[i]), 4)
	case types.BigInt:
		dst = e.append(dst, uint64(v.Int[i]), 8)
	case types.Float:
		dst = e.append(dst, uint64(math.Float32bits(float32(v.Flt[i]))), 4)
	case types.Double:
		dst = e.append(dst, math.Float64bits(v.Flt[i]), 8)
	default:
		if e.charset == nil || e.typ.IsBinary() {
			dst = append(dst, v.Bytes(i)...)
			break
		}
		if dst, err = apply(e.charset.encoder, dst, v.Bytes(i)); err != nil {
			return nil, false, fmt.Errorf("column %s: %q cannot be written in %s: %w", e.name, v.Bytes(i), e.charset.name, err)
		}
	}
	return append(dst, e.delimiter...), false, nil
}

// append writes the low n bytes of x in the codec's order.
func (e *encoder) append(dst []byte, x uint64, n int) []byte {
	for k := range n {
		shift := 8 * k
		if e.order == binary.BigEndian {
			shift = 8 * (n - 1 - k)
		}
		dst = append(dst, byte(x>>shift))
	}
	return dst
}

// EncodeAll implements formats.Encoder.
func (e *encoder) EncodeAll(p *formats.Payloads, b *batch.Batch) error {
	n := b.Rows()
	for k := range n {
		i := b.At(k)
		start := len(p.Data)
		out, null, err := e.Encode(p.Data, b, i)
		if err != nil {
			return err
		}
		p.Data = out
		length := uint32(len(out) - start)
		if null {
			length = formats.NullLen
		}
		p.Off, p.Len = append(p.Off, uint32(start)), append(p.Len, length)
	}
	return nil
}
