package scalar

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"weir/planner/types"
)

// ValueText prints a constant as a SQL literal of its type; for EXPLAIN and for comparing
// expressions, not for data.
func ValueText(v types.Value, t types.Type) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case bool:
		if v {
			return "TRUE"
		}
		return "FALSE"
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case []byte:
		return "X'" + hex.EncodeToString(v) + "'"
	case float64:
		return floatText(v)
	case types.Dec:
		return decText(v, t.Scale)
	case int64:
		return intText(v, t)
	case []types.Value:
		var b strings.Builder
		if t.Kind == types.Row {
			b.WriteString("ROW(")
			for i, f := range v {
				separate(&b, i)
				b.WriteString(ValueText(f, t.Nested.Fields[i].Type))
			}
			return b.String() + ")"
		}
		b.WriteString("ARRAY[")
		for i, e := range v {
			separate(&b, i)
			b.WriteString(ValueText(e, t.Nested.Elem))
		}
		return b.String() + "]"
	case [][2]types.Value:
		key, elem := t.Nested.Key, t.Nested.Elem
		if t.Kind == types.Multiset {
			key, elem = t.Nested.Elem, types.TInt
		}
		var b strings.Builder
		b.WriteString(t.Kind.String() + "[")
		for i, p := range v {
			separate(&b, i)
			b.WriteString(ValueText(p[0], key) + ", " + ValueText(p[1], elem))
		}
		return b.String() + "]"
	}
	return fmt.Sprint(v)
}

func separate(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteString(", ")
	}
}

// floatText prints small and large numbers with an exponent and the others without, always as a DOUBLE.
func floatText(v float64) string {
	a := math.Abs(v)
	if a != 0 && (a < 1e-3 || a >= 1e7) {
		m, e, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, 64), "E")
		sign := ""
		if e[0] == '-' {
			sign = "-"
		}
		return m + "E" + sign + strings.TrimLeft(e[1:], "0")
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func decText(d types.Dec, scale int) string {
	n := new(big.Int).Lsh(big.NewInt(d.Hi), 64)
	n.Add(n, new(big.Int).SetUint64(d.Lo))
	s := new(big.Int).Abs(n).String()
	if scale > 0 {
		if len(s) <= scale {
			s = strings.Repeat("0", scale-len(s)+1) + s
		}
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	if n.Sign() < 0 {
		s = "-" + s
	}
	return s
}

func intText(v int64, t types.Type) string {
	at := time.UnixMicro(v).UTC()
	switch t.Kind {
	case types.Date:
		return "DATE '" + time.Unix(v*86400, 0).UTC().Format("2006-01-02") + "'"
	case types.Time:
		return "TIME '" + at.Format("15:04:05"+fraction(t.Prec)) + "'"
	case types.Timestamp:
		return "TIMESTAMP '" + at.Format("2006-01-02 15:04:05"+fraction(t.Prec)) + "'"
	case types.TimestampLTZ:
		return "TIMESTAMP_LTZ '" + at.Format("2006-01-02 15:04:05"+fraction(t.Prec)) + " UTC'"
	case types.IntervalYearMonth:
		return intervalText(v, 12, "YEAR", "MONTH")
	case types.IntervalDaySecond:
		return IntervalText(v)
	}
	return strconv.FormatInt(v, 10)
}

func fraction(prec int) string {
	if prec == 0 {
		return ""
	}
	return "." + strings.Repeat("0", prec)
}

func intervalText(v, per int64, big, small string) string {
	if v%per == 0 && v != 0 {
		return fmt.Sprintf("INTERVAL '%d' %s", v/per, big)
	}
	return fmt.Sprintf("INTERVAL '%d' %s", v, small)
}

// IntervalText prints microseconds as an interval literal in the largest unit that fits.
func IntervalText(micros int64) string {
	units := []struct {
		size int64
		name string
	}{{86400e6, "DAY"}, {3600e6, "HOUR"}, {60e6, "MINUTE"}, {1e6, "SECOND"}}
	for _, u := range units {
		if micros != 0 && micros%u.size == 0 {
			return fmt.Sprintf("INTERVAL '%d' %s", micros/u.size, u.name)
		}
	}
	s := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.6f", float64(micros)/1e6), "0"), ".")
	return "INTERVAL '" + s + "' SECOND"
}
