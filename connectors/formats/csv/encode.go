package csv

import (
	"encoding/base64"
	"fmt"
	"unicode/utf8"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/exec/batch"
	"weir/planner/types"
)

// longText is the number of characters above which text is quoted without looking at it.
const longText = 24

type encoder struct {
	options
	columns []formats.Column
	safe    rune // characters below it ask for quotes
	scratch []byte
}

// NewEncoder makes an encoder for the columns of spec.
func NewEncoder(spec formats.EncoderSpec) (formats.Encoder, error) {
	o, err := newOptions(spec.Options)
	if err != nil {
		return nil, err
	}
	e := &encoder{options: o, columns: spec.Columns}
	for _, c := range spec.Columns {
		if _, err := newNode(c.Name, c.Type, 0); err != nil {
			return nil, err
		}
	}
	for _, special := range [][]byte{o.delimiter, o.quote, o.escape} {
		if r, n := utf8.DecodeRune(special); n > 0 {
			e.safe = max(e.safe, r+1)
		}
	}
	return e, nil
}

// Encode implements formats.Encoder. It never reports a null payload.
func (e *encoder) Encode(dst []byte, b *batch.Batch, i int) ([]byte, bool, error) {
	dst, err := e.row(dst, b, i)
	return dst, false, err
}

// EncodeAll implements formats.Encoder.
func (e *encoder) EncodeAll(p *formats.Payloads, b *batch.Batch) error {
	n := b.Rows()
	for k := range n {
		i := b.At(k)
		start := len(p.Data)
		out, err := e.row(p.Data, b, i)
		if err != nil {
			return err
		}
		p.Data = out
		p.Off, p.Len = append(p.Off, uint32(start)), append(p.Len, uint32(len(out)-start))
	}
	return nil
}

func (e *encoder) row(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	for k, c := range e.columns {
		if k > 0 {
			dst = append(dst, e.delimiter...)
		}
		v := b.Cols[c.Index]
		if v.IsNull(i) {
			dst = append(dst, e.null...)
			continue
		}
		switch c.Type.Kind {
		case types.Char, types.VarChar:
			dst = e.text(dst, v.Bytes(i))
		case types.Boolean, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double, types.Decimal,
			types.IntervalYearMonth, types.IntervalDaySecond:
			dst = e.value(dst, v, i)
		case types.Array:
			e.scratch = e.scratch[:0]
			for j := v.Off[i]; j < v.Off[i]+v.Len[i]; j++ {
				if j > v.Off[i] {
					e.scratch = append(e.scratch, e.element...)
				}
				e.scratch = e.value(e.scratch, v.Children[0], int(j))
			}
			dst = e.text(dst, e.scratch)
		case types.Row:
			e.scratch = e.scratch[:0]
			for j, child := range v.Children {
				if j > 0 {
					e.scratch = append(e.scratch, e.element...)
				}
				e.scratch = e.value(e.scratch, child, i)
			}
			dst = e.text(dst, e.scratch)
		case types.Binary, types.VarBinary, types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
			e.scratch = e.value(e.scratch[:0], v, i)
			dst = e.text(dst, e.scratch)
		default:
			return nil, fmt.Errorf("column %s: format 'csv' cannot write %s", c.Name, c.Type)
		}
	}
	return dst, nil
}

// value writes a value without quotes.
func (e *encoder) value(dst []byte, v *batch.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, e.null...)
	}
	switch v.Type.Kind {
	case types.Boolean:
		if v.Bool[i] {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case types.Float:
		return literal.AppendFloat(dst, v.Flt[i], 32)
	case types.Double:
		return literal.AppendFloat(dst, v.Flt[i], 64)
	case types.Decimal:
		if e.scientific {
			return literal.AppendBigDecimal(dst, v.Dec[i], v.Type.Scale, true)
		}
		return literal.AppendDecimal(dst, v.Dec[i], v.Type.Scale)
	case types.Char, types.VarChar:
		return append(dst, v.Bytes(i)...)
	case types.Binary, types.VarBinary:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes(i))
	case types.Date:
		return literal.AppendDate(dst, v.Int[i])
	case types.Time:
		return literal.AppendTime(dst, v.Int[i])
	case types.Timestamp:
		return literal.AppendTimestamp(dst, v.Int[i], literal.SQL)
	case types.TimestampLTZ:
		return append(literal.AppendTimestamp(dst, v.Int[i], literal.SQL), 'Z')
	case types.IntervalDaySecond:
		return literal.AppendInt(dst, v.Int[i]/1000) // milliseconds, as Flink has them
	}
	return literal.AppendInt(dst, v.Int[i])
}

// text writes s, quoted where it may be needed.
func (e *encoder) text(dst, s []byte) []byte {
	if e.quote == nil {
		if e.escape == nil {
			return append(dst, s...)
		}
		return e.escaped(dst, s)
	}
	if !e.needsQuotes(s) {
		return append(dst, s...)
	}
	dst = append(dst, e.quote...)
	for len(s) > 0 {
		_, n := utf8.DecodeRune(s)
		switch {
		case string(s[:n]) == string(e.quote):
			dst = append(dst, e.quote...)
		case e.escape != nil && string(s[:n]) == string(e.escape):
			dst = append(dst, e.escape...)
		}
		dst = append(dst, s[:n]...)
		s = s[n:]
	}
	return append(dst, e.quote...)
}

// escaped writes s with the escape character before what has a meaning.
func (e *encoder) escaped(dst, s []byte) []byte {
	for len(s) > 0 {
		_, n := utf8.DecodeRune(s)
		c := string(s[:n])
		switch {
		case c == "\n":
			dst = append(append(dst, e.escape...), 'n')
			s = s[n:]
			continue
		case c == "\r":
			dst = append(append(dst, e.escape...), 'r')
			s = s[n:]
			continue
		case c == string(e.delimiter) || c == string(e.escape):
			dst = append(dst, e.escape...)
		}
		dst = append(dst, c...)
		s = s[n:]
	}
	return dst
}

func (e *encoder) needsQuotes(s []byte) bool {
	if len(s) > longText && utf8.RuneCount(s) > longText {
		return true
	}
	if e.safe <= utf8.RuneSelf {
		for _, c := range s {
			if c < byte(e.safe) {
				return true
			}
		}
		return false
	}
	for _, r := range string(s) {
		if r < e.safe {
			return true
		}
	}
	return false
}
