package literal

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
	"unsafe"

	"weir/planner/types"
)

const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// text is b as a string without copying, for calls that do not keep it.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// AppendInt writes v in decimal.
func AppendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

// ParseInt reads a whole number with an optional sign. inRange is false when it is one but
// does not fit 64 bits.
func ParseInt(b []byte) (v int64, ok, inRange bool) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	if i == len(b) {
		return 0, false, true
	}
	var u uint64
	over := false
	for _, c := range b[i:] {
		d := uint64(c - '0')
		if d > 9 {
			return 0, false, true
		}
		if u > (math.MaxUint64-9)/10 {
			over = true
		}
		u = u*10 + d
	}
	switch {
	case over, !neg && u > math.MaxInt64, neg && u > 1<<63:
		return 0, true, false
	case neg:
		return -int64(u), true, true
	}
	return int64(u), true, true
}

// Powers of ten that a float64 holds exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// ParseFloat reads a number as Java's Double.parseDouble (or Float.parseFloat for 32 bits) does: also
// NaN, Infinity and a suffix d or f. Values beyond the range are infinite.
func ParseFloat(b []byte, bitSize int) (float64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	// Mantissas below 2^53 over an exact power of ten give the correctly rounded value.
	i, neg := 0, false
	if b[0] == '-' {
		i, neg = 1, true
	}
	var m uint64
	start, point := i, -1
	for ; i < len(b); i++ {
		c := b[i]
		if d := c - '0'; d <= 9 {
			m = m*10 + uint64(d)
		} else if c == '.' && point < 0 {
			point = i
		} else {
			break
		}
	}
	if n := i - start; i == len(b) && n > 0 && n <= 16 && m < 1<<53 && bitSize == 64 && !(point >= 0 && n == 1) {
		frac := 0
		if point >= 0 {
			frac = len(b) - 1 - point
		}
		f := float64(m) / pow10[frac]
		if neg {
			f = -f
		}
		return f, true
	}
	return parseFloatSlow(b, bitSize)
}

func parseFloatSlow(b []byte, bitSize int) (float64, bool) {
	body, sign := b, 1
	if b[0] == '-' || b[0] == '+' {
		body = b[1:]
		if b[0] == '-' {
			sign = -1
		}
	}
	switch string(body) {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(sign), true
	case "":
		return 0, false
	}
	if n := len(b) - 1; n > 0 && bytes.IndexByte([]byte("dDfF"), b[n]) >= 0 {
		b = b[:n]
	}
	// strconv also knows inf, nan, hexadecimal and underscores, which are no numbers here.
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E') {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(text(b), bitSize)
	if err != nil && !isInf(f) {
		return 0, false
	}
	return f, true
}

func isInf(f float64) bool { return math.IsInf(f, 0) }

// AppendFloat writes v as Java's Double.toString does (Float.toString for 32 bits): the fewest digits
// that give the value back, at least one behind the point, an exponent outside 10^-3 to 10^7. NaN, Infinity.
func AppendFloat(dst []byte, v float64, bitSize int) []byte {
	if bitSize == 64 {
		// Values with up to two decimals: the shortest digits are those of 100 times the value.
		if a := math.Abs(v); a < 1e7 && a >= 1e-3 {
			s := math.Round(v * 100)
			if s/100 == v {
				return appendHundredths(dst, int64(s))
			}
		}
	}
	switch {
	case v == 0:
		if math.Signbit(v) {
			return append(dst, "-0.0"...)
		}
		return append(dst, "0.0"...)
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	}
	start := len(dst)
	if a := math.Abs(v); a >= 1e-3 && a < 1e7 {
		dst = strconv.AppendFloat(dst, v, 'f', -1, bitSize)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	// d.ddde+XX becomes d.dddE[-]X.
	dst = strconv.AppendFloat(dst, v, 'e', -1, bitSize)
	if bytes.IndexByte(dst[start:], '.') < 0 {
		// Java chooses among two digits then: the least float is 1.4E-45, not 1.0E-45.
		dst = strconv.AppendFloat(dst[:start], v, 'e', 1, bitSize)
	}
	e := start + bytes.IndexByte(dst[start:], 'e')
	exp, neg := 0, dst[e+1] == '-'
	for _, c := range dst[e+2:] {
		exp = exp*10 + int(c-'0')
	}
	dst = append(dst[:e], 'E')
	if neg {
		dst = append(dst, '-')
	}
	return AppendInt(dst, int64(exp))
}

func appendHundredths(dst []byte, s int64) []byte {
	if s < 0 {
		dst = append(dst, '-')
		s = -s
	}
	whole, frac := s/100, int(s%100)
	dst = AppendInt(dst, whole)
	dst = append(dst, '.', pairs[frac*2])
	if frac%10 != 0 {
		dst = append(dst, pairs[frac*2+1])
	}
	return dst
}

// wide is an unsigned 128-bit number.
type wide struct{ hi, lo uint64 }

// mulAdd is w*m + a; ok is false on overflow.
func (w wide) mulAdd(m, a uint64) (wide, bool) {
	h1, l1 := bits.Mul64(w.lo, m)
	h2, l2 := bits.Mul64(w.hi, m)
	if h2 != 0 {
		return wide{}, false
	}
	lo, c := bits.Add64(l1, a, 0)
	hi, c := bits.Add64(l2, h1, c)
	return wide{hi, lo}, c == 0
}

// divMod is w divided by d, and the rest.
func (w wide) divMod(d uint64) (wide, uint64) {
	hi, r := w.hi/d, w.hi%d
	lo, r := bits.Div64(r, w.lo, d)
	return wide{hi, lo}, r
}

func (w wide) less(o wide) bool { return w.hi < o.hi || w.hi == o.hi && w.lo < o.lo }

var tens [39]wide // 10^0 .. 10^38

func init() {
	tens[0] = wide{0, 1}
	for i := 1; i < len(tens); i++ {
		tens[i], _ = tens[i-1].mulAdd(10, 0)
	}
}

func (w wide) dec(neg bool) types.Dec {
	if neg {
		lo, b := bits.Sub64(0, w.lo, 0)
		hi, _ := bits.Sub64(0, w.hi, b)
		return types.Dec{Hi: int64(hi), Lo: lo}
	}
	return types.Dec{Hi: int64(w.hi), Lo: w.lo}
}

func magnitude(d types.Dec) (w wide, neg bool) {
	w = wide{uint64(d.Hi), d.Lo}
	if d.Hi < 0 {
		lo, b := bits.Sub64(0, w.lo, 0)
		hi, _ := bits.Sub64(0, w.hi, b)
		return wide{hi, lo}, true
	}
	return w, false
}

// ParseDecimal reads a number with an optional exponent as DECIMAL(prec, scale), rounded half up.
// inRange is false when it is a number but has more digits before the point than fit.
func ParseDecimal(b []byte, prec, scale int) (v types.Dec, ok, inRange bool) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	// Find the exponent first: it says at which digit to stop.
	exp, mantissa := 0, b[i:]
	if e := bytes.IndexAny(mantissa, "eE"); e >= 0 {
		n, ok, in := ParseInt(mantissa[e+1:])
		if !ok || !in || n > 1<<30 || n < -1<<30 {
			return v, ok, false
		}
		exp, mantissa = int(n), mantissa[:e]
	}
	whole, point := len(mantissa), bytes.IndexByte(mantissa, '.')
	if point >= 0 {
		whole = point
	}
	keep := whole + exp + scale // digits that count, leading zeros included
	var w wide
	seen, round := 0, false
	for _, c := range mantissa {
		if c == '.' {
			if point < 0 {
				return v, false, true
			}
			point = -1 // a second one is an error
			continue
		}
		d := c - '0'
		if d > 9 {
			return v, false, true
		}
		if seen < keep {
			var fit bool
			if w, fit = w.mulAdd(10, uint64(d)); !fit {
				inRange = true // overflowed; go on to see whether it is a number at all
			}
		} else if seen == keep {
			round = d >= 5
		}
		seen++
	}
	if seen == 0 {
		return v, false, true
	}
	if inRange {
		return v, true, false
	}
	if w != (wide{}) {
		for ; seen < keep; seen++ {
			var fit bool
			if w, fit = w.mulAdd(10, 0); !fit {
				return v, true, false
			}
		}
	}
	if round {
		w, _ = w.mulAdd(1, 1)
	}
	if !w.less(tens[prec]) {
		return v, true, false
	}
	return w.dec(neg), true, true
}

// AppendDecimal writes a DECIMAL of the given scale without an exponent: all digits of the scale.
func AppendDecimal(dst []byte, v types.Dec, scale int) []byte {
	var buf [40]byte
	d, neg := decimalDigits(&buf, v)
	if neg {
		dst = append(dst, '-')
	}
	return appendPlain(dst, d, scale)
}

func appendPlain(dst, d []byte, scale int) []byte {
	if scale <= 0 {
		return append(dst, d...)
	}
	if n := len(d) - scale; n > 0 {
		dst = append(dst, d[:n]...)
		dst = append(dst, '.')
		return append(dst, d[n:]...)
	}
	dst = append(dst, "0."...)
	for i := len(d); i < scale; i++ {
		dst = append(dst, '0')
	}
	return append(dst, d...)
}

// AppendBigDecimal writes a DECIMAL as Java's BigDecimal.toString does: with an exponent when the first digit is
// more than six places behind the point. With strip, trailing zeros are taken off first, which gives large
// round numbers an exponent too: 1E+5.
func AppendBigDecimal(dst []byte, v types.Dec, scale int, strip bool) []byte {
	var buf [40]byte
	d, neg := decimalDigits(&buf, v)
	if neg {
		dst = append(dst, '-')
	}
	if strip {
		if len(d) == 1 && d[0] == '0' {
			return append(dst, '0')
		}
		for len(d) > 1 && d[len(d)-1] == '0' {
			d = d[:len(d)-1]
			scale--
		}
	}
	exp := len(d) - 1 - scale
	if scale >= 0 && exp >= -6 {
		return appendPlain(dst, d, scale)
	}
	dst = append(dst, d[0])
	if len(d) > 1 {
		dst = append(dst, '.')
		dst = append(dst, d[1:]...)
	}
	if exp != 0 {
		dst = append(dst, 'E')
		if exp > 0 {
			dst = append(dst, '+')
		}
		dst = AppendInt(dst, int64(exp))
	}
	return dst
}

func decimalDigits(buf *[40]byte, v types.Dec) (d []byte, neg bool) {
	w, neg := magnitude(v)
	i := len(buf)
	for {
		var r uint64
		w, r = w.divMod(10)
		i--
		buf[i] = byte('0' + r)
		if w == (wide{}) {
			return buf[i:], neg
		}
	}
}

// Trim takes the characters off both ends that Java's String.trim does: all up to the space.
func Trim(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// ParseBool is Java's Boolean.parseBoolean: only "true", in any case, is true.
func ParseBool(b []byte) bool { return bytes.EqualFold(b, []byte("true")) }
