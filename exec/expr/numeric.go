package expr

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"weir/exec/batch"
	"weir/planner/datetime"
	"weir/planner/decimal"
	"weir/planner/scalar"
	"weir/planner/types"
)

var numericKernels = map[string]builder{
	"ABS": absolute, "SIGN": signum, "FLOOR": whole(math.Floor, decimal.Floor, datetime.Floor, datetime.FloorDate),
	"CEIL": whole(math.Ceil, decimal.Ceil, datetime.Ceil, datetime.CeilDate), "CEILING": whole(math.Ceil, decimal.Ceil, datetime.Ceil, datetime.CeilDate),
	"ROUND": rounding(true), "TRUNCATE": rounding(false),
	"POWER": float2(math.Pow), "ATAN2": float2(math.Atan2), "LOG": logarithm,
	"SQRT": float1(squareRoot), "EXP": float1(math.Exp), "LN": float1(math.Log), "LOG10": float1(log10),
	"LOG2": float1(func(x float64) float64 { return math.Log(x) / math.Ln2 }),
	"SIN":  float1(math.Sin), "COS": float1(math.Cos), "TAN": float1(math.Tan), "ASIN": float1(math.Asin), "ACOS": float1(math.Acos),
	"ATAN": float1(math.Atan), "SINH": float1(math.Sinh), "COSH": float1(math.Cosh), "TANH": float1(math.Tanh), "COT": rows(cotangent),
	"DEGREES": float1(func(x float64) float64 { return x * (180 / math.Pi) }),
	"RADIANS": float1(func(x float64) float64 { return x * (math.Pi / 180) }),
	"PI":      fixed(math.Pi), "E": fixed(math.E), "RAND": random, "RAND_INTEGER": randomInt,
	"BIN": rows(func(k *rowKernel, i int) error {
		k.end(i, strconv.AppendUint(k.arena(), uint64(k.int(0, i)), 2))
		return nil
	}),
	"HEX": hexOf, "UNHEX": rows(unhex),
}

// squareRoot is the power of a half, which is 0 for a zero of either sign.
func squareRoot(x float64) float64 { return math.Sqrt(x) + 0 }

// float1 and float2 compute functions of DOUBLEs.
func float1(f func(float64) float64) builder {
	return rows(func(k *rowKernel, i int) error {
		k.out.Flt[i] = f(k.in[0].Flt[i])
		return nil
	})
}

func float2(f func(a, b float64) float64) builder {
	return rows(func(k *rowKernel, i int) error {
		k.out.Flt[i] = f(k.in[0].Flt[i], k.in[1].Flt[i])
		return nil
	})
}

func fixed(f float64) builder {
	return func(_ *compiler, e *scalar.Call, _ []node) (node, error) { return newConstant(f, e.Typ), nil }
}

// log10 splits off the power of two, whose logarithm is kept in two parts: exact for powers of ten, and the
// digits that Java gives.
func log10(x float64) float64 {
	const (
		perE    = 4.34294481903251816668e-01 // 1/ln 10
		twoHigh = 3.01029995663611771306e-01 // log10 2
		twoLow  = 3.69423907715893078616e-13
	)
	if x <= 0 || x != x || math.IsInf(x, 0) {
		return math.Log(x)
	}
	frac, exp := math.Frexp(x) // frac from 0.5 to below 1
	if exp > 0 {
		frac, exp = 2*frac, exp-1
	}
	y := float64(exp)
	return y*twoLow + perE*math.Log(frac) + y*twoHigh
}

func cotangent(k *rowKernel, i int) error {
	k.setFlt(i, 1/math.Tan(k.flt(0, i)))
	return nil
}

func logarithm(_ *compiler, e *scalar.Call, args []node) (node, error) {
	return newRows(e, args, func(k *rowKernel, i int) error {
		if len(k.in) == 1 {
			k.setFlt(i, math.Log(k.flt(0, i)))
		} else {
			k.setFlt(i, math.Log(k.flt(1, i))/math.Log(k.flt(0, i)))
		}
		return nil
	}), nil
}

func absolute(_ *compiler, e *scalar.Call, args []node) (node, error) {
	cl, kind := batch.ClassOf(e.Typ), e.Typ.Kind
	return newRows(e, args, func(k *rowKernel, i int) error {
		switch cl {
		case batch.ClassInt:
			x := k.int(0, i)
			k.out.Int[i] = max(x, -x)
			wrapInts(kind, k.out.Int[i:i+1])
		case batch.ClassFloat:
			k.out.Flt[i] = math.Abs(k.flt(0, i))
		default:
			k.out.Dec[i] = decimal.Abs(k.in[0].Dec[i])
		}
		return nil
	}), nil
}

func signum(_ *compiler, e *scalar.Call, args []node) (node, error) {
	cl, scale := batch.ClassOf(e.Typ), e.Typ.Scale
	return newRows(e, args, func(k *rowKernel, i int) error {
		switch cl {
		case batch.ClassInt:
			k.out.Int[i] = int64(bit(k.int(0, i) > 0) - bit(k.int(0, i) < 0))
		case batch.ClassFloat:
			switch f := k.flt(0, i); {
			case f > 0:
				f = 1
				fallthrough
			default:
				if f < 0 {
					f = -1
				}
				k.out.Flt[i] = f // 0, -0 and NaN as they are
			}
		default:
			one, _ := decimal.Rescale(decimal.FromInt(int64(decimal.Sign(k.in[0].Dec[i]))), 0, scale)
			k.out.Dec[i] = one
		}
		return nil
	}), nil
}

// whole is FLOOR and CEIL of a number, or of a time to a unit.
func whole(float func(float64) float64, dec func(types.Dec, int) types.Dec, stamp, date func(datetime.Unit, int64) int64) builder {
	return func(c *compiler, e *scalar.Call, args []node) (node, error) {
		if len(args) == 2 {
			return wholeTime(c, e, args, stamp, date)
		}
		scale := e.Args[0].Type().Scale
		switch batch.ClassOf(e.Typ) {
		case batch.ClassInt:
			return args[0], nil
		case batch.ClassFloat:
			return float1(float)(c, e, args)
		}
		return newRows(e, args, func(k *rowKernel, i int) error {
			k.out.Dec[i] = dec(k.in[0].Dec[i], scale)
			return nil
		}), nil
	}
}

func wholeTime(c *compiler, e *scalar.Call, args []node, stamp, date func(datetime.Unit, int64) int64) (node, error) {
	u, err := unitArg(e.Args[1])
	if err != nil {
		return nil, err
	}
	args = args[:1]
	switch e.Typ.Kind {
	case types.Date:
		return newRows(e, args, func(k *rowKernel, i int) error {
			k.out.Int[i] = date(u, k.int(0, i))
			return nil
		}), nil
	case types.TimestampLTZ:
		return newRows(e, args, func(k *rowKernel, i int) error {
			k.out.Int[i] = k.x.zone.UTC(stamp(u, k.x.zone.Local(k.int(0, i))))
			return nil
		}), nil
	case types.Time:
		return newRows(e, args, func(k *rowKernel, i int) error {
			k.out.Int[i] = datetime.TimeOf(stamp(u, k.int(0, i)))
			return nil
		}), nil
	}
	return newRows(e, args, func(k *rowKernel, i int) error {
		k.out.Int[i] = stamp(u, k.int(0, i))
		return nil
	}), nil
}

// unitArg is the unit that the planner passes as a literal.
func unitArg(e scalar.Expr) (datetime.Unit, error) {
	l, _ := e.(*scalar.Literal)
	if l == nil {
		return 0, errNotLiteral
	}
	s, _ := l.Value.(string)
	return datetime.UnitOf(s)
}

// rounding is ROUND (half up) and TRUNCATE.
func rounding(half bool) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		digits := func(k *rowKernel, i int) int64 {
			if len(k.in) == 1 {
				return 0
			}
			return k.int(1, i)
		}
		from, t := e.Args[0].Type(), e.Typ
		switch batch.ClassOf(t) {
		case batch.ClassInt:
			return newRows(e, args, func(k *rowKernel, i int) error {
				k.out.Int[i] = roundInt(k.int(0, i), digits(k, i), half)
				wrapInts(t.Kind, k.out.Int[i:i+1])
				return nil
			}), nil
		case batch.ClassFloat:
			if c := digitsOf(args); c != nil && t.Kind == types.Double {
				return &roundConst{newResult(t), args[0], c.v.Int[0], half}, nil
			}
			return newRows(e, args, func(k *rowKernel, i int) error {
				k.out.Flt[i] = roundFloat(k.in[0].Flt[i], digits(k, i), half, t.Kind == types.Float)
				return nil
			}), nil
		}
		return newRows(e, args, func(k *rowKernel, i int) error {
			d, n := k.in[0].Dec[i], int(min(max(digits(k, i), -decimal.MaxPrecision), decimal.MaxPrecision))
			ok := true
			switch {
			case n >= from.Scale:
			case !half:
				d = decimal.Truncate(d, from.Scale, n)
			case n >= 0:
				d, _ = decimal.Rescale(d, from.Scale, n)
				d, ok = decimal.Rescale(d, n, from.Scale)
			default:
				d, _ = decimal.Rescale(d, from.Scale-n, 0)
				d, ok = decimal.Rescale(d, 0, from.Scale-n)
			}
			if ok {
				d, ok = decimal.Convert(d, from.Scale, t.Prec, t.Scale)
			}
			if !ok {
				return k.setNull(i)
			}
			k.out.Dec[i] = d
			return nil
		}), nil
	}
}

// digitsOf is the number of digits of ROUND and TRUNCATE, where it is a constant.
func digitsOf(args []node) *constant {
	if len(args) == 1 {
		return newConstant(int64(0), types.TInt)
	}
	if c := constOf(args[1]); c != nil && !c.null() {
		return c
	}
	return nil
}

// roundConst is ROUND and TRUNCATE of a DOUBLE to a constant number of digits.
type roundConst struct {
	result
	a      node
	digits int64
	half   bool
}

func (k *roundConst) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	a, err := k.a.eval(x, sel)
	if err != nil {
		return nil, err
	}
	out := k.begin(x.n)
	orNulls(out, a, x.n)
	dst, src := out.Flt[:x.n], a.Flt[:x.n]
	p := 0.0 // no fast way
	if k.half && k.digits >= 0 && k.digits < int64(len(pow10)) {
		p = pow10[k.digits]
	}
	one := func(i int) {
		dst[i] = roundFloat(src[i], k.digits, k.half, false)
	}
	if sel == nil {
		for i, v := range src {
			// As in roundFloat, for what is clear at once: positive and not near the middle of two results.
			y := v * p
			if n := float64(int64(y + 0.5)); y > 0 && y < 1<<50 && math.Abs(y-n)+y*4e-16 < 0.4999 {
				dst[i] = n / p
				continue
			}
			one(i)
		}
		return out, nil
	}
	for _, i := range sel {
		y := src[i] * p
		if n := float64(int64(y + 0.5)); y > 0 && y < 1<<50 && math.Abs(y-n)+y*4e-16 < 0.4999 {
			dst[i] = n / p
			continue
		}
		one(int(i))
	}
	return out, nil
}

func roundInt(x, digits int64, half bool) int64 {
	if digits >= 0 {
		return x
	}
	if digits < -18 {
		return 0
	}
	p := int64(1)
	for ; digits < 0; digits++ {
		p *= 10
	}
	r := x % p
	x -= r
	if half && r >= p-r && r > 0 {
		x += p
	}
	if half && r <= -p-r && r < 0 {
		x -= p
	}
	return x
}

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// roundFloat rounds the decimal text of x, as SQL prints it, half up, or cuts it. A zero has no sign, as no DECIMAL has.
func roundFloat(x float64, digits int64, half, single bool) float64 {
	return rounded(x, digits, half, single) + 0
}

// rounded is roundFloat, and may give a zero with a sign. Where x times the power of ten is clearly to one side of the limit, arithmetic
// gives the same.
func rounded(x float64, digits int64, half, single bool) float64 {
	a := math.Abs(x)
	if digits >= 0 && digits < int64(len(pow10)) && !single {
		p := pow10[digits]
		y := a * p
		if y < 1<<50 {
			n := math.Floor(y)
			limit := 0.5
			if !half {
				limit = 1
			}
			f := y - n
			slack := y*4e-16 + 1e-300
			switch {
			case f+slack < limit && (half || f > slack):
				return math.Copysign(n/p, x)
			case half && f-slack > limit:
				return math.Copysign((n+1)/p, x)
			}
		}
	}
	if a == 0 || math.IsInf(x, 0) || x != x || digits > 400 {
		return x
	}
	return roundText(x, digits, half, single)
}

// roundText rounds the digits of x's text.
func roundText(x float64, digits int64, half, single bool) float64 {
	bits := 64
	if single {
		bits = 32
	}
	var buf [400]byte
	s := strconv.AppendFloat(buf[:0], math.Abs(x), 'f', -1, bits)
	point := strings.IndexByte(string(s), '.')
	if point < 0 {
		point = len(s)
		s = append(s, '.')
	}
	cut := point + 1 + int(digits)
	if digits < 0 {
		cut = point + int(digits)
	}
	if cut >= len(s) {
		return x
	}
	up := half && cut >= 0 && s[cut] >= '5'
	for i := max(cut, 0); i < len(s); i++ {
		if s[i] != '.' {
			s[i] = '0'
		}
	}
	for i := cut - 1; up && i >= 0; i-- {
		switch {
		case s[i] == '.':
		case s[i] == '9':
			s[i] = '0'
		default:
			s[i]++
			up = false
		}
	}
	text := string(s)
	if up {
		text = "1" + text
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return x
	}
	return math.Copysign(f, x)
}

func random(c *compiler, e *scalar.Call, args []node) (node, error) {
	r := c.x.rand
	if len(args) == 1 {
		r = seeded(args[0])
	}
	k := newRows(e, args, func(k *rowKernel, i int) error {
		k.setFlt(i, r.Float64())
		return nil
	})
	k.nulls = true
	return k, nil
}

func randomInt(c *compiler, e *scalar.Call, args []node) (node, error) {
	r := c.x.rand
	bound := len(args) - 1
	if bound == 1 {
		r = seeded(args[0])
	}
	return newRows(e, args, func(k *rowKernel, i int) error {
		n := k.int(bound, i)
		if n <= 0 {
			return k.fail(i, "give a bound of at least 1", "RAND_INTEGER below %d", n)
		}
		k.setInt(i, r.Int64N(n))
		return nil
	}), nil
}

func hexOf(_ *compiler, e *scalar.Call, args []node) (node, error) {
	if e.Args[0].Type().IsString() {
		return newRows(e, args, func(k *rowKernel, i int) error {
			data := k.arena()
			for _, b := range k.str(0, i) {
				data = append(data, "0123456789ABCDEF"[b>>4], "0123456789ABCDEF"[b&15])
			}
			k.end(i, data)
			return nil
		}), nil
	}
	return newRows(e, args, func(k *rowKernel, i int) error {
		k.setStr(i, []byte(strings.ToUpper(strconv.FormatUint(uint64(k.int(0, i)), 16))))
		return nil
	}), nil
}

func unhex(k *rowKernel, i int) error {
	s := k.str(0, i)
	if len(s)%2 == 1 {
		s = append([]byte{'0'}, s...)
	}
	data, err := hex.AppendDecode(k.arena(), s)
	if err != nil {
		return k.setNull(i)
	}
	k.end(i, data)
	return nil
}
