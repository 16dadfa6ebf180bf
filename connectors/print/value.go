package print

import (
	"strconv"

	"weir/connectors/formats/literal"
	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/exec/variant"
	"weir/planner/types"
)

// AppendValue writes the value at row i as Java's toString of the class that Flink has for its
// type: null, LocalDateTime, Instant, BigDecimal, an array in brackets, a map in braces.
func AppendValue(dst []byte, v *batch.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	t := v.Type
	switch t.Kind {
	case types.Boolean:
		return strconv.AppendBool(dst, v.Bool[i])
	case types.Double:
		return literal.AppendFloat(dst, v.Flt[i], 64)
	case types.Float:
		return literal.AppendFloat(dst, v.Flt[i], 32)
	case types.Decimal:
		return literal.AppendBigDecimal(dst, v.Dec[i], t.Scale, false)
	case types.Variant:
		return text.AppendVariant(dst, variant.Of(v.Bytes(i)))
	case types.Char, types.VarChar:
		return append(dst, v.Bytes(i)...)
	case types.Binary, types.VarBinary:
		dst = append(dst, '[')
		for k, c := range v.Bytes(i) {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			dst = literal.AppendInt(dst, int64(int8(c)))
		}
		return append(dst, ']')
	case types.Date:
		return literal.AppendDate(dst, v.Int[i])
	case types.Time:
		return literal.AppendLocalTime(dst, v.Int[i])
	case types.Timestamp:
		return literal.AppendLocalDateTime(dst, v.Int[i])
	case types.TimestampLTZ:
		return literal.AppendInstant(dst, v.Int[i])
	case types.IntervalYearMonth:
		return appendPeriod(dst, v.Int[i])
	case types.IntervalDaySecond:
		return appendDuration(dst, v.Int[i])
	case types.Array:
		dst = append(dst, '[')
		for j := v.Off[i]; j < v.Off[i]+v.Len[i]; j++ {
			if j > v.Off[i] {
				dst = append(dst, ", "...)
			}
			dst = AppendValue(dst, v.Children[0], int(j))
		}
		return append(dst, ']')
	case types.Map, types.Multiset:
		dst = append(dst, '{')
		for j := v.Off[i]; j < v.Off[i]+v.Len[i]; j++ {
			if j > v.Off[i] {
				dst = append(dst, ", "...)
			}
			dst = append(AppendValue(dst, v.Children[0], int(j)), '=')
			dst = AppendValue(dst, v.Children[1], int(j))
		}
		return append(dst, '}')
	case types.Row:
		dst = append(dst, "+I["...)
		for k, c := range v.Children {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			dst = AppendValue(dst, c, i)
		}
		return append(dst, ']')
	}
	return literal.AppendInt(dst, v.Int[i])
}

// appendPeriod writes months as java.time.Period.toString does: P1Y2M.
func appendPeriod(dst []byte, months int64) []byte {
	dst = append(dst, 'P')
	if months == 0 {
		return append(dst, "0D"...)
	}
	if y := months / 12; y != 0 {
		dst = append(literal.AppendInt(dst, y), 'Y')
	}
	if m := months % 12; m != 0 {
		dst = append(literal.AppendInt(dst, m), 'M')
	}
	return dst
}

// appendDuration writes microseconds as java.time.Duration.toString does: PT26H3M4.5S.
func appendDuration(dst []byte, micros int64) []byte {
	dst = append(dst, "PT"...)
	if micros == 0 {
		return append(dst, "0S"...)
	}
	neg := micros < 0
	u := uint64(micros)
	if neg {
		u = -u
	}
	part := func(n uint64, unit byte) {
		if n == 0 {
			return
		}
		if neg {
			dst = append(dst, '-')
		}
		dst = append(strconv.AppendUint(dst, n, 10), unit)
	}
	seconds, frac := u/1_000_000, u%1_000_000
	part(seconds/3600, 'H')
	part(seconds/60%60, 'M')
	if frac == 0 {
		part(seconds%60, 'S')
		return dst
	}
	if neg {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, seconds%60, 10)
	text := strconv.AppendUint(nil, 1_000_000+frac, 10)[1:]
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	dst = append(append(dst, '.'), text...)
	return append(dst, 'S')
}
