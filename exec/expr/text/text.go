// Package text is how values look as text: what CAST(x AS STRING) prints and what CAST of a string reads, as
// Flink and Java do it. Formats, the print connector and the shell share it.
package text

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"weir/exec/batch"
	"weir/exec/variant"
	"weir/planner/datetime"
	"weir/planner/decimal"
	"weir/planner/types"
)

// AppendValue appends row i of v as CAST(x AS STRING) prints it: NULL, TRUE, 1.0E10, 2026-01-02 03:04:05.000,
// [a, b], {k=v}, (a, b), and a VARIANT as JSON. zone is the session's, for TIMESTAMP_LTZ; nil is UTC.
func AppendValue(dst []byte, v *batch.Vector, i int, zone *datetime.Zone) []byte {
	if v.IsNull(i) {
		return append(dst, "NULL"...)
	}
	switch t := v.Type; batch.ClassOf(t) {
	case batch.ClassBool:
		return AppendBool(dst, v.Bool[i])
	case batch.ClassInt:
		return AppendInt(dst, v.Int[i], t, zone)
	case batch.ClassFloat:
		return AppendFloat(dst, v.Flt[i], t.Kind == types.Float)
	case batch.ClassDec:
		return decimal.Append(dst, v.Dec[i], t.Scale)
	case batch.ClassBytes:
		if t.Kind == types.Variant {
			return AppendVariant(dst, variant.Of(v.Bytes(i)))
		}
		return append(dst, v.Bytes(i)...)
	case batch.ClassRow:
		dst = append(dst, '(')
		for c, child := range v.Children {
			if c > 0 {
				dst = append(dst, ", "...)
			}
			dst = AppendValue(dst, child, i, zone)
		}
		return append(dst, ')')
	case batch.ClassList:
		return appendList(dst, v, i, zone)
	}
	return append(dst, "NULL"...)
}

func appendList(dst []byte, v *batch.Vector, i int, zone *datetime.Zone) []byte {
	brackets := "{}"
	if v.Type.Kind == types.Array {
		brackets = "[]"
	}
	dst = append(dst, brackets[0])
	for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
		if j > int(v.Off[i]) {
			dst = append(dst, ", "...)
		}
		dst = AppendValue(dst, v.Children[0], j, zone)
		if len(v.Children) > 1 {
			dst = AppendValue(append(dst, '='), v.Children[1], j, zone)
		}
	}
	return append(dst, brackets[1])
}

// AppendBool appends TRUE or FALSE.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "TRUE"...)
	}
	return append(dst, "FALSE"...)
}

// AppendInt appends a value of ClassInt by its type: a number, date, time, timestamp or interval.
func AppendInt(dst []byte, x int64, t types.Type, zone *datetime.Zone) []byte {
	switch t.Kind {
	case types.Date:
		return datetime.AppendDate(dst, x)
	case types.Time:
		return datetime.AppendTime(dst, x, t.Prec)
	case types.TimestampLTZ:
		if zone != nil {
			x = zone.Local(x)
		}
		return datetime.AppendTimestamp(dst, x, t.Prec, ' ')
	case types.Timestamp:
		return datetime.AppendTimestamp(dst, x, t.Prec, ' ')
	case types.IntervalYearMonth, types.IntervalDaySecond:
		return datetime.AppendInterval(dst, x, t.Kind == types.IntervalYearMonth)
	}
	return strconv.AppendInt(dst, x, 10)
}

// AppendFloat appends a DOUBLE, or with single a FLOAT, as Java prints it: the fewest digits that read back as the same number, but for what
// appendJava says, with at least one behind the point, and an exponent below 0.001 and from 10^7 on: 1.0, 1.0E10, NaN, Infinity.
func AppendFloat(dst []byte, f float64, single bool) []byte {
	if f != f {
		return append(dst, "NaN"...)
	}
	if math.Signbit(f) {
		dst, f = append(dst, '-'), -f
	}
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case f == 0:
		return append(dst, "0.0"...)
	}
	bits := 64
	if single {
		bits = 32
	}
	if f >= 1e-3 && f < 1e7 {
		if n := int64(f); float64(n) == f {
			return append(strconv.AppendInt(dst, n, 10), ".0"...)
		}
		if digits, point, ok := appendJava(dst, f, single); ok {
			for len(digits)-len(dst) <= point {
				digits = append(digits, '0')
			}
			return slices.Insert(digits, len(dst)+point, '.')
		}
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	start := len(dst)
	digits, point, ok := appendJava(dst, f, single)
	if ok {
		dst = slices.Insert(digits, start+1, '.')
		if len(dst) == start+2 {
			dst = append(dst, '0')
		}
		return strconv.AppendInt(append(dst, 'E'), int64(point-1), 10)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits) // d.ddde±xx
	e := start + bytes.IndexByte(dst[start:], 'e')
	exp, err := strconv.Atoi(string(dst[e+1:]))
	if err != nil {
		panic("text: no exponent in " + string(dst[start:]))
	}
	dst = dst[:e]
	if bytes.IndexByte(dst[start:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return strconv.AppendInt(append(dst, 'E'), int64(exp), 10)
}

// Trim cuts blanks and control characters at both ends.
func Trim(s []byte) []byte {
	for len(s) > 0 && s[0] <= ' ' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// ParseInt reads a whole number of an integer type; digits behind a point are allowed and cut. inRange is false for a
// number that the type does not hold.
func ParseInt(s []byte, k types.Kind) (x int64, ok, inRange bool) {
	s = Trim(s)
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, s = s[0] == '-', s[1:]
	}
	i, over := 0, false
	var u uint64
	for i < len(s) && s[i]-'0' <= 9 {
		d := uint64(s[i] - '0')
		if u > (math.MaxUint64-d)/10 {
			over = true
		}
		u = u*10 + d
		i++
	}
	if i < len(s) && s[i] == '.' {
		for i++; i < len(s) && s[i]-'0' <= 9; i++ {
		}
	}
	if i == 0 || i < len(s) {
		return 0, false, false
	}
	limit := uint64(math.MaxInt64)
	switch k {
	case types.TinyInt:
		limit = math.MaxInt8
	case types.SmallInt:
		limit = math.MaxInt16
	case types.Int:
		limit = math.MaxInt32
	}
	if neg {
		return -int64(u), true, !over && u <= limit+1
	}
	return int64(u), true, !over && u <= limit
}

// ParseFloat reads a number as Java does; too large ones are infinite.
func ParseFloat(s []byte, single bool) (float64, bool) {
	s = Trim(s)
	if len(s) == 0 {
		return 0, false
	}
	body := s
	if body[0] == '-' || body[0] == '+' {
		body = body[1:]
	}
	switch string(body) {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		if s[0] == '-' {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	// Java's own forms: a suffix of f or d, and hexadecimal digits, which need an exponent.
	if n := len(s) - 1; n > 0 && (s[n]|0x20 == 'f' || s[n]|0x20 == 'd') && (s[n-1]-'0' <= 9 || s[n-1] == '.') {
		s, body = s[:n], body[:len(body)-1]
	}
	hex := len(body) > 2 && body[0] == '0' && body[1]|0x20 == 'x' && bytes.ContainsAny(body, "pP")
	for _, c := range body {
		if !hex && c-'0' > 9 && c != '.' && c != 'e' && c != 'E' && c != '-' && c != '+' || c == '_' {
			return 0, false
		}
	}
	bits := 64
	if single {
		bits = 32
	}
	f, err := strconv.ParseFloat(string(s), bits)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// ParseBool reads true, t, yes, y, 1 and false, f, no, n, 0 in any case, with nothing around them.
func ParseBool(s []byte) (b, ok bool) {
	if len(s) > 5 {
		return false, false
	}
	var low [5]byte
	for i, c := range s {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	switch string(low[:len(s)]) {
	case "true", "t", "yes", "y", "1":
		return true, true
	case "false", "f", "no", "n", "0":
		return false, true
	}
	return false, false
}
