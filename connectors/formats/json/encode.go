package json

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/exec/variant"
	"weir/planner/types"
)

// How a MAP's NULL key is written.
const (
	nullKeyFail = iota
	nullKeyDrop
	nullKeyLiteral
)

// field is the plan of one value to write: a column, a field of a ROW, an element.
type field struct {
	typ  types.Type
	kind types.Kind
	col  int // column of the batch

	name  []byte   // with a comma before it, quoted, with the colon: ,"user_id":
	name0 [24]byte // the same in an array, for short names

	fields []*field // ROW
	elem   *field   // ARRAY, MAP, MULTISET
	fixed  int      // most bytes that the value takes without its text
	column string

	// The day that was written last and its text.
	day     int64
	dayText [12]byte
	dayLen  int

	// The timestamp that was written last, quoted: neighbours often have the same.
	last     int64
	lastText [40]byte
	lastLen  int // 0: none yet
}

type encoder struct {
	name    string // of the format, for messages
	columns []*field
	fixed   int // most bytes of a row without the bytes of text

	format    int
	plain     bool // encode.decimal-as-plain-number
	omitNulls bool // encode.ignore-null-fields
	nullKey   int
	keyText   []byte
}

// NewEncoder makes an encoder for the columns of spec.
func NewEncoder(spec formats.EncoderSpec) (formats.Encoder, error) {
	e, err := newRowEncoder("json", spec)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// newRowEncoder makes what encodes rows in a format that has json's options.
func newRowEncoder(format string, spec formats.EncoderSpec) (*encoder, error) {
	o := spec.Options
	e := &encoder{
		name:      format,
		plain:     formats.Flag(o, "encode.decimal-as-plain-number", false),
		omitNulls: formats.Flag(o, "encode.ignore-null-fields", false),
		keyText:   []byte(formats.Text(o, "map-null-key.literal", "null")),
		fixed:     2,
	}
	switch mode := strings.ToUpper(formats.Text(o, "map-null-key.mode", "FAIL")); mode {
	case "FAIL":
	case "DROP":
		e.nullKey = nullKeyDrop
	case "LITERAL":
		e.nullKey = nullKeyLiteral
	default:
		return nil, fmt.Errorf("format '%s': map-null-key.mode is FAIL, DROP or LITERAL, not '%s'", format, mode)
	}
	var err error
	if e.format, err = timestampFormat(format, formats.Text(o, "timestamp-format.standard", "")); err != nil {
		return nil, err
	}
	for _, c := range spec.Columns {
		f, err := newField(c.Name, c.Name, c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		f.col = c.Index
		e.columns = append(e.columns, f)
		e.fixed += f.fixed
	}
	return e, nil
}

func newField(column, name string, t types.Type) (f *field, err error) {
	f = &field{typ: t, kind: t.Kind, column: column, day: math.MinInt64}
	f.name = append(appendString([]byte{','}, []byte(name)), ':')
	copy(f.name0[:], f.name)
	f.fixed = len(f.name) + 64 + 24
	switch t.Kind {
	case types.Array:
		f.elem, err = newField(column, "", t.Nested.Elem)
	case types.Map, types.Multiset:
		key, elem := t.Nested.Key, t.Nested.Elem
		if t.Kind == types.Multiset {
			key, elem = t.Nested.Elem, types.TInt.NotNull()
		}
		if !key.IsString() {
			return nil, fmt.Errorf("format 'json' knows only text as the key of a %s, not %s", t.Kind, key)
		}
		f.elem, err = newField(column, "", elem)
	case types.Row:
		for _, n := range t.Nested.Fields {
			c, err := newField(column, n.Name, n.Type)
			if err != nil {
				return nil, err
			}
			f.fields = append(f.fields, c)
		}
	case types.Invalid:
		return nil, fmt.Errorf("format 'json' cannot carry %s", t)
	}
	return f, err
}

// Encode implements formats.Encoder. It never reports a null payload.
func (e *encoder) Encode(dst []byte, b *batch.Batch, i int) ([]byte, bool, error) {
	dst, err := e.row(dst, b, i)
	return dst, false, err
}

// EncodeAll implements formats.Encoder.
func (e *encoder) EncodeAll(p *formats.Payloads, b *batch.Batch) error {
	dst := p.Data
	var err error
	for k := range b.Rows() {
		start := len(dst)
		if dst, err = e.row(dst, b, b.At(k)); err != nil {
			return err
		}
		p.Off, p.Len = append(p.Off, uint32(start)), append(p.Len, uint32(len(dst)-start))
	}
	p.Data = dst
	return nil
}

// row writes one object. Room for everything but text is made once, so that most values are
// stored without asking for it again.
func (e *encoder) row(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	dst = grow(dst, e.fixed)
	dst = append(dst, '{')
	first := true
	for _, f := range e.columns {
		v := b.Cols[f.col]
		if v.Nulls != nil && v.Nulls.Has(i) || f.kind == types.Null {
			if e.omitNulls {
				continue
			}
			dst = key(dst, f, &first)
			dst = append(dst, "null"...)
			continue
		}
		dst = key(dst, f, &first)
		switch f.kind {
		case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
			dst = appendInt(dst, v.Int[i])
		case types.Char, types.VarChar:
			o := v.Off[i]
			dst = appendText(dst, v.Data, int(o), int(o+v.Len[i]), e.fixed)
		case types.Double:
			dst = appendFloat(dst, v.Flt[i], 64)
		case types.Timestamp, types.TimestampLTZ:
			dst = e.timestamp(dst, f, v.Int[i])
		default:
			var err error
			if dst, err = e.value(dst, f, v, i); err != nil {
				return nil, err
			}
		}
	}
	return append(dst, '}'), nil
}

// key writes the comma, where one is due, and the member's name.
func key(dst []byte, f *field, first *bool) []byte {
	at, n := len(dst), len(f.name)
	if *first {
		*first = false
		return append(dst, f.name[1:]...)
	}
	if n <= len(f.name0) && cap(dst)-at >= len(f.name0) {
		*(*[24]byte)(dst[at : at+24]) = f.name0
		return dst[:at+n]
	}
	return append(dst, f.name...)
}

// grow makes room for n more bytes.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	bigger := make([]byte, len(dst), 2*cap(dst)+n)
	copy(bigger, dst)
	return bigger
}

const pairs = "0001020304050607080910111213141516171819" +
	"2021222324252627282930313233343536373839" +
	"4041424344454647484950515253545556575859" +
	"6061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

// appendInt is strconv.AppendInt, quicker for short numbers where there is room.
func appendInt(dst []byte, v int64) []byte {
	at := len(dst)
	if uint64(v) > 99_999_999 || cap(dst)-at < 8 {
		return strconv.AppendInt(dst, v, 10)
	}
	return dst[:at+putUint((*[8]byte)(dst[at:at+8]), uint32(v))]
}

// putUint writes a number of up to eight digits and returns how many it has.
func putUint(out *[8]byte, u uint32) int {
	switch {
	case u < 10:
		out[0] = byte('0' + u)
		return 1
	case u < 100:
		out[0], out[1] = pairs[u*2], pairs[u*2+1]
		return 2
	}
	n := 3
	for limit := uint32(1000); n < 8 && u >= limit; limit *= 10 {
		n++
	}
	at := n
	for u >= 100 {
		q := u / 100
		r := (u - q*100) * 2
		u = q
		at -= 2
		out[at&7], out[(at+1)&7] = pairs[r], pairs[r+1]
	}
	if u >= 10 {
		out[0], out[1] = pairs[u*2], pairs[u*2+1]
	} else {
		out[0] = byte('0' + u)
	}
	return n
}

// value writes a value that is not NULL.
func (e *encoder) value(dst []byte, f *field, v *batch.Vector, i int) ([]byte, error) {
	switch f.kind {
	case types.Boolean:
		if v.Bool[i] {
			return append(dst, "true"...), nil
		}
		return append(dst, "false"...), nil
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYearMonth:
		return appendInt(dst, v.Int[i]), nil
	case types.IntervalDaySecond:
		return appendInt(dst, v.Int[i]/1000), nil // milliseconds, as Flink has them
	case types.Double:
		return appendFloat(dst, v.Flt[i], 64), nil
	case types.Float:
		return appendFloat(dst, v.Flt[i], 32), nil
	case types.Decimal:
		if e.plain {
			return literal.AppendDecimal(dst, v.Dec[i], f.typ.Scale), nil
		}
		return literal.AppendBigDecimal(dst, v.Dec[i], f.typ.Scale, false), nil
	case types.Char, types.VarChar:
		o := v.Off[i]
		return appendText(dst, v.Data, int(o), int(o+v.Len[i]), 0), nil
	case types.Variant:
		return text.AppendVariant(dst, variant.Of(v.Bytes(i))), nil
	case types.Binary, types.VarBinary:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes(i))
		return append(dst, '"'), nil
	case types.Date:
		dst = append(dst, '"')
		return append(literal.AppendDate(dst, v.Int[i]), '"'), nil
	case types.Time:
		dst = append(dst, '"')
		return append(literal.AppendTime(dst, v.Int[i]), '"'), nil
	case types.Timestamp, types.TimestampLTZ:
		return e.timestamp(dst, f, v.Int[i]), nil
	case types.Array:
		dst = append(dst, '[')
		for j := v.Off[i]; j < v.Off[i]+v.Len[i]; j++ {
			if j > v.Off[i] {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = e.nullable(dst, f.elem, v.Children[0], int(j)); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case types.Map, types.Multiset:
		return e.mapValue(dst, f, v, i)
	case types.Row:
		dst = append(dst, '{')
		first := true
		for k, c := range f.fields {
			child := v.Children[k]
			if e.omitNulls && child.IsNull(i) {
				continue
			}
			dst = key(dst, c, &first)
			var err error
			if dst, err = e.nullable(dst, c, child, i); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	return nil, fmt.Errorf("column %s: format 'json' cannot write %s", f.column, f.typ)
}

func (e *encoder) nullable(dst []byte, f *field, v *batch.Vector, i int) ([]byte, error) {
	if v.IsNull(i) {
		return append(dst, "null"...), nil
	}
	return e.value(dst, f, v, i)
}

func (e *encoder) mapValue(dst []byte, f *field, v *batch.Vector, i int) ([]byte, error) {
	keys, elems := v.Children[0], v.Children[1]
	dst = append(dst, '{')
	first := true
	for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
		var name []byte
		if keys.IsNull(j) {
			switch e.nullKey {
			case nullKeyDrop:
				continue
			case nullKeyFail:
				return nil, fmt.Errorf("column %s: JSON has no NULL key for a %s; '%s.map-null-key.mode' = 'DROP' leaves it out, 'LITERAL' writes a text for it", f.column, f.kind, e.name)
			}
			name = e.keyText
		} else {
			name = keys.Bytes(j)
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendString(dst, name), ':')
		var err error
		if dst, err = e.nullable(dst, f.elem, elems, j); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// timestamp writes a quoted timestamp without trailing zeros, TIMESTAMP_LTZ in UTC with a Z.
func (e *encoder) timestamp(dst []byte, f *field, micros int64) []byte {
	if micros == f.last && f.lastLen > 0 {
		dst = grow(dst, len(f.lastText))
		at := len(dst)
		*(*[40]byte)(dst[at : at+40]) = f.lastText
		return dst[:at+f.lastLen]
	}
	days, t := literal.Split(micros)
	if days != f.day {
		text := literal.AppendDate(f.dayText[:0], days)
		if len(text) > len(f.dayText) { // a year far beyond 9999
			return e.longTimestamp(dst, f, micros)
		}
		f.day, f.dayLen = days, len(text)
	}
	sec, frac := uint32(t/literal.Second), uint32(t%literal.Second)
	h, m, s := sec/3600*2, sec/60%60*2, sec%60*2
	sep := byte(literal.SQL)
	if e.format != formatSQL {
		sep = literal.ISO
	}
	// The longest is "+yyyyy-MM-dd HH:mm:ss.SSSSSSZ" and its quotes.
	dst = grow(dst, 40)
	at := len(dst)
	out := dst[at : at+40 : at+40]
	out[0] = '"'
	*(*[12]byte)(out[1:13]) = f.dayText
	n := 1 + f.dayLen
	c := (*[9]byte)(out[n : n+9])
	*c = [9]byte{sep, pairs[h], pairs[h+1], ':', pairs[m], pairs[m+1], ':', pairs[s], pairs[s+1]}
	n += 9
	if frac != 0 {
		a, b, c := frac/10000*2, frac/100%100*2, frac%100*2
		*(*[7]byte)(out[n : n+7]) = [7]byte{'.', pairs[a], pairs[a+1], pairs[b], pairs[b+1], pairs[c], pairs[c+1]}
		n += 7
		for out[n-1] == '0' {
			n--
		}
	}
	if f.kind == types.TimestampLTZ || e.format == formatOffset {
		out[n] = 'Z'
		n++
	}
	out[n] = '"'
	f.last, f.lastLen = micros, n+1
	copy(f.lastText[:], out)
	return dst[:at+n+1]
}

func (e *encoder) longTimestamp(dst []byte, f *field, micros int64) []byte {
	sep := byte(literal.SQL)
	if e.format != formatSQL {
		sep = literal.ISO
	}
	dst = literal.AppendTimestamp(append(dst, '"'), micros, sep)
	if f.kind == types.TimestampLTZ || e.format == formatOffset {
		dst = append(dst, 'Z')
	}
	return append(dst, '"')
}

// appendFloat writes a number as Java prints it; what is no number is quoted, as Jackson does.
func appendFloat(dst []byte, v float64, size int) []byte {
	at := len(dst)
	// Up to two decimals: 100 times the value has the shortest digits.
	if h := v * 100; size == 64 && h >= 1 && h < 99_999_999 && cap(dst)-at >= 16 {
		if u := uint32(h + 0.5); float64(u)/100 == v {
			whole, frac := u/100, u%100*2
			at += putUint((*[8]byte)(dst[at:at+8]), whole)
			out := dst[at : at+3]
			out[0], out[1], out[2] = '.', pairs[frac], pairs[frac+1]
			if out[2] == '0' {
				return dst[:at+2]
			}
			return dst[:at+3]
		}
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		dst = append(dst, '"')
		return append(literal.AppendFloat(dst, v, size), '"')
	}
	return literal.AppendFloat(dst, v, size)
}

// appendString writes s quoted and escaped.
func appendString(dst, s []byte) []byte { return appendText(dst, s, 0, len(s), 0) }

// appendText writes data[from:to] quoted and escaped, and leaves room for spare more bytes.
func appendText(dst, data []byte, from, to, spare int) []byte {
	dst = grow(dst, to-from+10+spare)
	at := len(dst)
	out := dst[:cap(dst)]
	out[at] = '"'
	at++
	i := from
	// Eight bytes at a time: stored first, kept as far as they need no escape. Non-ASCII stands as it is.
	for i+8 <= to {
		w := binary.LittleEndian.Uint64(data[i:])
		binary.LittleEndian.PutUint64(out[at:], w)
		q := (w ^ lows*'"') - lows
		s := (w ^ lows*'\\') - lows
		c := w - lows*0x20
		if m := (q | s | c) & ^w & highs; m != 0 {
			return appendEscaped(dst[:at], data, i, to, spare)
		}
		i += 8
		at += 8
	}
	for ; i < to; i++ {
		c := data[i]
		if c == '"' || c == '\\' || c < 0x20 {
			return appendEscaped(out[:at], data, i, to, spare)
		}
		out[at] = c
		at++
	}
	out[at] = '"'
	return out[:at+1]
}

// appendEscaped writes the rest of a text in which escapes occur, and the closing quote.
func appendEscaped(dst, data []byte, i, to, spare int) []byte {
	const hex = "0123456789ABCDEF"
	for ; i < to; i++ {
		switch c := data[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return grow(append(dst, '"'), spare)
}
