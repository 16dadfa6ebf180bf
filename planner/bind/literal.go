package bind

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/scalar"
	"weir/planner/types"
)

// number types a number as Flink does: INT, BIGINT where that is too small, DECIMAL with a
// point, DOUBLE with an exponent. A whole number beyond BIGINT is refused.
func (b *Binder) number(text string, negative bool, at diag.Span) scalar.Expr {
	if strings.ContainsAny(text, "eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) {
			b.Diags.Errorf(codes.Literal, at, "the number %s does not fit into DOUBLE", text)
			return nil
		}
		if negative {
			f = -f
		}
		return &scalar.Literal{Value: f, Typ: types.TDouble.NotNull(), Sp: at}
	}
	text = strings.TrimSuffix(text, ".")
	if whole, _, _ := strings.Cut(text, "."); len(strings.TrimLeft(whole, "0")) > 18 {
		sign := ""
		if negative {
			sign = "-"
		}
		if n, ok := new(big.Int).SetString(sign+whole, 10); ok && !n.IsInt64() {
			d := b.Diags.Errorf(codes.Literal, at, "the number %s is out of range: before the point it must fit into BIGINT", text)
			if scale := max(0, len(text)-len(whole)-1); len(whole)+scale <= 38 {
				d.Help("write CAST('%s' AS DECIMAL(38, %d))", text, scale)
			}
			d.Help("write it with an exponent for a DOUBLE: %se0", text)
			return nil
		}
	}
	digits, scale := text, 0
	if i := strings.IndexByte(text, '.'); i >= 0 {
		digits, scale = text[:i]+text[i+1:], len(text)-i-1
	}
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		b.Diags.Errorf(codes.Literal, at, "%s is not a number", text)
		return nil
	}
	if negative {
		n.Neg(n)
	}
	if !strings.Contains(text, ".") && n.IsInt64() {
		v := n.Int64()
		t := types.TBigInt
		if v >= math.MinInt32 && v <= math.MaxInt32 {
			t = types.TInt
		}
		return &scalar.Literal{Value: v, Typ: t.NotNull(), Sp: at}
	}
	prec := max(len(new(big.Int).Abs(n).String()), scale)
	if n.Sign() == 0 {
		prec = max(scale, 1)
	}
	if len(digits) <= 38 { // zeros before the others count, as in Flink: 0.5 is a DECIMAL(2, 1)
		prec = len(digits)
	}
	if prec > 38 {
		b.Diags.Errorf(codes.Literal, at, "the number %s has more than the 38 digits of DECIMAL", text).
			Help("write it with an exponent for a DOUBLE: %se0", text)
		return nil
	}
	return &scalar.Literal{Value: dec(n), Typ: types.MakeDecimal(prec, scale).NotNull(), Sp: at}
}

func dec(n *big.Int) types.Dec {
	m := new(big.Int).Set(n)
	if n.Sign() < 0 {
		m.Add(m, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	lo := new(big.Int).And(m, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	return types.Dec{Hi: int64(new(big.Int).Rsh(m, 64).Uint64()), Lo: lo}
}

func text(s string, at diag.Span) *scalar.Literal {
	return &scalar.Literal{Value: s, Typ: types.Type{Kind: types.Char, Len: utf8.RuneCountInString(s)}, Sp: at}
}

func (b *Binder) temporal(e *ast.TemporalLit) scalar.Expr {
	s := e.Text.Value
	var v int64
	var t types.Type
	var err error
	form := ""
	switch e.Kind {
	case "DATE":
		form = "DATE '2026-01-31'"
		var day time.Time
		day, err = time.Parse("2006-1-2", s)
		v, t = day.Unix()/86400, types.TDate
	case "TIME":
		form = "TIME '12:30:00.123'"
		v, t.Prec, err = clock(s)
		t.Kind = types.Time
	default:
		form = e.Kind + " '2026-01-31 12:30:00.123'"
		day, rest, found := strings.Cut(strings.TrimSpace(s), " ")
		if !found {
			rest = "00:00:00"
		}
		var d time.Time
		d, err = time.Parse("2006-1-2", day)
		if err == nil {
			v, t.Prec, err = clock(rest)
		}
		t.Kind = types.Timestamp
		if e.Kind == "TIMESTAMP_LTZ" {
			t.Kind = types.TimestampLTZ
			at := time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, b.Zone)
			h := time.Duration(v) * time.Microsecond
			at = time.Date(d.Year(), d.Month(), d.Day(), int(h.Hours()), int(h.Minutes())%60, int(h.Seconds())%60, int(h%time.Second), at.Location())
			v = at.UnixMicro()
		} else {
			v += d.Unix() * 1e6
		}
	}
	if err != nil {
		d := b.Diags.Errorf(codes.Literal, e.Text.Sp, "'%s' is not a %s", s, strings.ToLower(e.Kind)).Help("write it as in %s", form)
		if errors.Is(err, errFraction) {
			d.Note("a fraction of a second has at most 6 digits")
		}
		return nil
	}
	t.Nullable = false
	return &scalar.Literal{Value: v, Typ: t, Sp: e.Sp}
}

var errFraction = errors.New("too many digits")

// clock reads hh:mm:ss[.ffffff] as microseconds and the number of digits of the fraction.
func clock(s string) (micros int64, prec int, err error) {
	s, frac, found := strings.Cut(s, ".")
	if found {
		if len(frac) > 6 {
			return 0, 0, errFraction
		}
		if strings.Trim(frac, "0123456789") != "" {
			return 0, 0, fmt.Errorf("bad fraction")
		}
		prec = len(frac)
		micros, _ = strconv.ParseInt((frac + "000000")[:6], 10, 64) // only digits: cannot fail
	}
	at, err := time.Parse("15:4:5", s)
	if err != nil {
		return 0, 0, err
	}
	return micros + int64(at.Hour()*3600+at.Minute()*60+at.Second())*1e6, prec, nil
}

// otherUnits are units that Flink's INTERVAL gets wrong (a week is an hour, a quarter a month), so that a job would
// mean one thing here and another there; and what to write instead.
var otherUnits = map[string]string{"WEEK": "days: INTERVAL '7' DAY", "QUARTER": "months: INTERVAL '3' MONTH"}

// unitMicros is the length of the units of day-time intervals.
var unitMicros = map[string]int64{"WEEK": 7 * 86400e6, "DAY": 86400e6, "HOUR": 3600e6, "MINUTE": 60e6, "SECOND": 1e6}

// unitMonths is the length of the units of year-month intervals.
var unitMonths = map[string]int64{"YEAR": 12, "QUARTER": 3, "MONTH": 1}

func (b *Binder) interval(e *ast.IntervalLit) scalar.Expr {
	if instead, ok := otherUnits[e.From]; ok {
		b.Diags.Errorf(codes.Literal, e.Sp, "an INTERVAL of %s is not supported: Flink takes it for another length", strings.ToLower(e.From)).
			Help("write it in %s", instead)
		return nil
	}
	v, months, err := parseInterval(e.Text.Value, e.From, e.To)
	if err != nil {
		b.Diags.Errorf(codes.Literal, e.Text.Sp, "'%s' is not an interval of %s", e.Text.Value, unitRange(e)).
			Help("write it as in %s", intervalExample(e))
		return nil
	}
	lead := strings.TrimLeft(e.Text.Value, "+-")
	if n := strings.IndexFunc(lead, func(r rune) bool { return r < '0' || r > '9' }); n >= 0 {
		lead = lead[:n]
	}
	most := e.Precision
	if most == 0 {
		most = 2
	}
	if digits := len(strings.TrimLeft(lead, "0")); digits > most {
		b.Diags.Errorf(codes.Literal, e.Text.Sp, "%s has more digits than the %d of %s", lead, most, e.From).
			Help("say how many there are: INTERVAL '%s' %s(%d)", e.Text.Value, e.From, digits)
		return nil
	}
	if e.Negative {
		v = -v
	}
	t := types.Type{Kind: types.IntervalDaySecond}
	if months {
		t.Kind = types.IntervalYearMonth
	}
	return &scalar.Literal{Value: v, Typ: t, Sp: e.Sp}
}

func unitRange(e *ast.IntervalLit) string {
	if e.To == "" {
		return e.From
	}
	return e.From + " TO " + e.To
}

func intervalExample(e *ast.IntervalLit) string {
	switch {
	case e.To == "":
		return "INTERVAL '10' " + e.From
	case e.From == "YEAR":
		return "INTERVAL '1-6' YEAR TO MONTH"
	}
	full := []string{"1", "02", "03", "04.5"}
	units := []string{"DAY", "HOUR", "MINUTE", "SECOND"}
	from, to := 0, 3
	for i, u := range units {
		if u == e.From {
			from = i
		}
		if u == e.To {
			to = i
		}
	}
	s := ""
	for i := from; i <= to && i < 4; i++ {
		if i > from {
			s += map[bool]string{true: " ", false: ":"}[i == 1]
		}
		s += strings.TrimSuffix(full[i], ".5")
	}
	return "INTERVAL '" + s + "' " + unitRange(e)
}

func parseInterval(s, from, to string) (v int64, months bool, err error) {
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	bad := fmt.Errorf("malformed interval")
	if to == "" {
		if m, ok := unitMonths[from]; ok {
			n, err := strconv.ParseUint(s, 10, 31)
			if err != nil {
				return 0, true, bad
			}
			v, months = int64(n)*m, true
		} else {
			whole, frac, found := strings.Cut(s, ".")
			if found && from != "SECOND" {
				return 0, false, bad
			}
			n, err := strconv.ParseUint(whole, 10, 40)
			if err != nil || int64(n) > math.MaxInt64/unitMicros[from]/2 {
				return 0, false, bad
			}
			v = int64(n) * unitMicros[from]
			if found {
				f, err := micros(frac)
				if err != nil {
					return 0, false, err
				}
				v += f
			}
		}
	} else if from == "YEAR" && to == "MONTH" {
		y, m, ok := strings.Cut(s, "-")
		a, e1 := strconv.ParseUint(y, 10, 31)
		c, e2 := strconv.ParseUint(m, 10, 31)
		if !ok || e1 != nil || e2 != nil || c > 11 {
			return 0, true, bad
		}
		v, months = int64(a*12+c), true
	} else {
		v, err = dayTime(s, from, to)
		if err != nil {
			return 0, false, err
		}
	}
	if neg {
		v = -v
	}
	return v, months, nil
}

func micros(frac string) (int64, error) {
	if frac == "" || len(frac) > 6 {
		return 0, errFraction
	}
	n, err := strconv.ParseUint(frac+strings.Repeat("0", 6-len(frac)), 10, 40)
	return int64(n), err
}

// dayTime reads "1 02:03:04.5" from one unit to another.
func dayTime(s, from, to string) (int64, error) {
	units := []string{"DAY", "HOUR", "MINUTE", "SECOND"}
	index := map[string]int{"DAY": 0, "HOUR": 1, "MINUTE": 2, "SECOND": 3}
	i, ok1 := index[from]
	j, ok2 := index[to]
	if !ok1 || !ok2 || i >= j {
		return 0, fmt.Errorf("not a range of units")
	}
	if i == 0 {
		s = strings.Replace(s, " ", ":", 1)
	}
	frac := ""
	if j == 3 {
		var found bool
		s, frac, found = strings.Cut(s, ".")
		if !found {
			frac = "0"
		}
	}
	parts := strings.Split(s, ":")
	if len(parts) != j-i+1 {
		return 0, fmt.Errorf("malformed interval")
	}
	limits := []uint64{1 << 31, 24, 60, 60}
	var v int64
	for k, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil || k > 0 && n >= limits[i+k] {
			return 0, fmt.Errorf("malformed interval")
		}
		v += int64(n) * unitMicros[units[i+k]]
	}
	if frac != "" {
		f, err := micros(frac)
		return v + f, err
	}
	return v, nil
}
