package text

import (
	"strconv"

	"weir/exec/variant"
	"weir/planner/decimal"
	"weir/planner/types"
)

// AppendVariant appends v as JSON, the members of objects in the order of their names. Decimal numbers have no zeros at their end, other
// numbers are as Java prints them.
func AppendVariant(dst []byte, v variant.Value) []byte {
	switch v.Kind() {
	case variant.Bool:
		return strconv.AppendBool(dst, v.Bool())
	case variant.Int:
		return strconv.AppendInt(dst, v.Int(), 10)
	case variant.Double:
		return AppendFloat(dst, v.Double(), false)
	case variant.Decimal:
		d, scale := v.Decimal()
		if d == (types.Dec{}) {
			return append(dst, '0')
		}
		dst = decimal.Append(dst, d, scale)
		if scale > 0 {
			for dst[len(dst)-1] == '0' {
				dst = dst[:len(dst)-1]
			}
			if dst[len(dst)-1] == '.' {
				dst = dst[:len(dst)-1]
			}
		}
		return dst
	case variant.Text:
		return AppendJSONString(dst, v.Text())
	case variant.Object:
		dst = append(dst, '{')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			name, m := v.Member(i)
			dst = AppendVariant(append(AppendJSONString(dst, name), ':'), m)
		}
		return append(dst, '}')
	case variant.Array:
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			e, _ := v.Elem(i)
			dst = AppendVariant(dst, e)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}
