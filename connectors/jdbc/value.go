package jdbc

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"weir/connectors/formats/literal"
	"weir/exec/batch"
	"weir/planner/datetime"
	"weir/planner/decimal"
	"weir/planner/types"
)

// appendValue appends a value as the drivers give it to a column. An error says what does not fit.
func appendValue(v *batch.Vector, x any) error {
	if x == nil {
		v.AppendNull()
		return nil
	}
	t := v.Type
	if u, unsigned := x.(uint64); unsigned { // MySQL: every kind of column takes a whole number, and text
		if x = int64(u); u > math.MaxInt64 {
			x = strconv.FormatUint(u, 10)
		}
	}
	switch {
	case t.Kind == types.Boolean:
		return appendBool(v, x)
	case t.IsInteger():
		return appendInt(v, x)
	case t.IsApprox():
		return appendFloat(v, x)
	case t.Kind == types.Decimal:
		return appendDecimal(v, x)
	case t.IsString():
		v.AppendBytes(text(x))
		return nil
	case t.IsBinary():
		switch x := x.(type) {
		case []byte:
			v.AppendBytes(x)
			return nil
		case string:
			v.AppendString(x)
			return nil
		}
	case t.Kind == types.Date, t.Kind == types.Time, t.IsTimestamp():
		return appendTime(v, x)
	}
	return misfit(x, t)
}

func misfit(x any, t types.Type) error {
	s := fmt.Sprint(x)
	if b, ok := x.([]byte); ok {
		s = string(b)
	}
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return fmt.Errorf("the value '%s' is no %s", s, t.WithNullable(true))
}

func appendBool(v *batch.Vector, x any) error {
	switch x := x.(type) {
	case bool:
		v.AppendBool(x)
	case int64:
		v.AppendBool(x != 0)
	case []byte, string:
		b := text(x)
		if len(b) == 1 && b[0] < 2 { // BIT(1) of MySQL
			v.AppendBool(b[0] == 1)
			return nil
		}
		t, err := strconv.ParseBool(string(b))
		if err != nil {
			return misfit(x, v.Type)
		}
		v.AppendBool(t)
	default:
		return misfit(x, v.Type)
	}
	return nil
}

func appendInt(v *batch.Vector, x any) error {
	var n int64
	switch x := x.(type) {
	case int64:
		n = x
	case bool:
		if x {
			n = 1
		}
	case float32, float64:
		f := reflectFloat(x)
		if f != math.Trunc(f) || math.Abs(f) > 1<<62 {
			return misfit(x, v.Type)
		}
		n = int64(f)
	case []byte, string:
		m, ok, in := literal.ParseInt(text(x))
		if !ok || !in {
			return misfit(x, v.Type)
		}
		n = m
	default:
		return misfit(x, v.Type)
	}
	if lo, hi := literal.Range(v.Type.Kind); n < lo || n > hi {
		return misfit(x, v.Type)
	}
	v.AppendInt(n)
	return nil
}

func reflectFloat(x any) float64 {
	switch x := x.(type) {
	case float32:
		return float64(x)
	case float64:
		return x
	}
	return math.NaN()
}

func appendFloat(v *batch.Vector, x any) error {
	bits := 64
	if v.Type.Kind == types.Float {
		bits = 32
	}
	var f float64
	switch x := x.(type) {
	case float32, float64:
		f = reflectFloat(x)
	case int64:
		f = float64(x)
	case []byte, string:
		n, ok := literal.ParseFloat(text(x), bits)
		if !ok {
			return misfit(x, v.Type)
		}
		f = n
	default:
		return misfit(x, v.Type)
	}
	if bits == 32 {
		f = float64(float32(f))
	}
	v.AppendFloat(f)
	return nil
}

func appendDecimal(v *batch.Vector, x any) error {
	t := v.Type
	var d types.Dec
	var ok bool
	switch x := x.(type) {
	case float32, float64:
		d, ok = decimal.FromFloat(reflectFloat(x), t.Prec, t.Scale)
	case []byte, string, int64:
		d, ok = decimal.Parse(text(x), t.Prec, t.Scale)
	}
	if !ok {
		return misfit(x, t)
	}
	v.AppendDec(d)
	return nil
}

// appendTime appends a date or time. A driver gives one without a zone in UTC.
func appendTime(v *batch.Vector, x any) error {
	t := v.Type
	if at, ok := x.(time.Time); ok {
		switch {
		case t.Kind == types.Date:
			v.AppendInt(datetime.Days(int64(at.Year()), int(at.Month()), at.Day()))
		case t.Kind == types.Time:
			v.AppendInt(literal.Truncate(int64(at.Hour())*3_600_000_000+int64(at.Minute())*60_000_000+int64(at.Second())*1_000_000+int64(at.Nanosecond()/1000), t.Prec))
		case t.Kind == types.TimestampLTZ:
			v.AppendInt(literal.Truncate(at.UnixMicro(), t.Prec))
		default: // what its clock shows
			_, off := at.Zone()
			v.AppendInt(literal.Truncate(at.UnixMicro()+int64(off)*1_000_000, t.Prec))
		}
		return nil
	}
	var n int64
	var ok bool
	switch b := literal.Trim(text(x)); {
	case t.Kind == types.Date:
		if n, ok = literal.ParseDate(b, false); !ok {
			if n, ok = literal.ParseTimestamp(b, ' '); ok {
				n, _ = literal.Split(n)
			}
		}
	case t.Kind == types.Time:
		n, ok = literal.ParseTime(b, true)
	default:
		for _, sep := range []byte{' ', 'T'} {
			if n, ok = literal.ParseTimestamp(b, sep); ok {
				break
			}
			if n, ok = literal.ParseTimestampZ(b, sep); ok {
				break
			}
		}
		if !ok {
			n, ok = literal.ParseTimestampOffset(b)
		}
	}
	if !ok {
		return misfit(x, t)
	}
	if t.Kind != types.Date {
		n = literal.Truncate(n, t.Prec)
	}
	v.AppendInt(n)
	return nil
}

// text is a value as text.
func text(x any) []byte {
	switch x := x.(type) {
	case []byte:
		return x
	case string:
		return []byte(x)
	case int64:
		return literal.AppendInt(nil, x)
	case time.Time:
		return []byte(x.Format("2006-01-02 15:04:05.999999"))
	}
	return fmt.Append(nil, x)
}

// parameter is row i of v as a parameter for a column of type to. ok is false when no value of that type is equal.
func (d *dialect) parameter(v *batch.Vector, i int, to types.Type) (x any, ok bool) {
	switch t := v.Type; {
	case v.IsNull(i):
		return nil, true
	case t.Kind == types.Boolean:
		return v.Bool[i], true
	case t.IsInteger():
		if to.IsInteger() {
			if lo, hi := literal.Range(to.Kind); v.Int[i] < lo || v.Int[i] > hi {
				return nil, false
			}
		}
		return v.Int[i], true
	case t.IsApprox():
		return v.Flt[i], true
	case t.Kind == types.Decimal:
		return decimal.String(v.Dec[i], t.Scale), true
	case t.IsString():
		return string(v.Bytes(i)), true
	case t.IsBinary():
		return append([]byte(nil), v.Bytes(i)...), true
	case t.Kind == types.Date:
		if d.textTimes || d.textClocks {
			return string(literal.AppendDate(nil, v.Int[i])), true
		}
		return time.Unix(v.Int[i]*86400, 0).UTC(), true
	case t.Kind == types.Time:
		return string(literal.AppendTime(nil, v.Int[i])), true
	case t.IsTimestamp():
		if d.textTimes || d.textClocks && t.Kind == types.Timestamp {
			return string(literal.AppendTimestamp(nil, v.Int[i], ' ')), true
		}
		return time.UnixMicro(v.Int[i]).UTC(), true
	}
	return nil, false
}
