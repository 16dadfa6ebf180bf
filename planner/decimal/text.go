package decimal

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// Parse reads a number, with an exponent or not, as DECIMAL(prec, scale), rounding half up. Blanks around
// it do not count. It fails for a text that is no number and for one that does not fit.
func Parse(s []byte, prec, scale int) (Dec, bool) {
	n, ok := scan(s)
	if !ok || n.overflow && n.exp >= 0 {
		return Dec{}, false
	}
	if n.lost || n.overflow {
		// Digits behind the 38th count for rounding only in theory; read them exactly.
		return slowParse(s, n, prec, scale)
	}
	from := n.frac - n.exp
	d := n.signed()
	if from < 0 {
		x, ok := scaleUp(d, scale-from)
		return x, ok && Fits(x, prec)
	}
	return Convert(d, from, prec, scale)
}

// IsNumber reports whether Parse would accept s but for its size.
func IsNumber(s []byte) bool {
	_, ok := scan(s)
	return ok
}

type number struct {
	neg      bool
	abs      Dec
	sig      int  // digits from the first that is not 0
	frac     int  // digits behind the point
	exp      int  // the exponent
	lost     bool // abs has not all digits
	overflow bool // the exponent is beyond reason
}

func (n number) signed() Dec {
	if n.neg {
		return Neg(n.abs)
	}
	return n.abs
}

func trim(s []byte) []byte {
	for len(s) > 0 && s[0] <= ' ' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// scan reads [sign] digits [. digits] [e [sign] digits], with at least one digit before the exponent.
func scan(s []byte) (n number, ok bool) {
	s = trim(s)
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		n.neg = s[i] == '-'
		i++
	}
	var small uint64 // while there are at most 18 digits
	digits, point := 0, false
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits++
		if point {
			n.frac++
		}
		if n.sig == 0 && c == '0' {
			continue
		}
		n.sig++
		switch {
		case n.sig <= 18:
			small = small*10 + uint64(c-'0')
			n.abs.Lo = small
		case n.sig <= MaxPrecision:
			hi, lo := bits.Mul64(n.abs.Lo, 10)
			lo, carry := bits.Add64(lo, uint64(c-'0'), 0)
			n.abs = Dec{Hi: n.abs.Hi*10 + int64(hi+carry), Lo: lo}
		default:
			n.lost = true
		}
	}
	if digits == 0 {
		return n, false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		neg := false
		if i < len(s) && (s[i] == '-' || s[i] == '+') {
			neg = s[i] == '-'
			i++
		}
		start := i
		for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			if n.exp < 100000 {
				n.exp = n.exp*10 + int(s[i]-'0')
			}
		}
		if i == start {
			return n, false
		}
		n.overflow = n.exp >= 100000 && Sign(n.abs) != 0
		if neg {
			n.exp = -n.exp
		}
	}
	return n, i == len(s)
}

// slowParse is Parse for texts with more digits than 128 bits hold.
func slowParse(s []byte, n number, prec, scale int) (Dec, bool) {
	if n.overflow { // a negative exponent beyond reason: nothing is left of the digits
		return Dec{}, true
	}
	var digits []byte
	for _, c := range trim(s) {
		if c == 'e' || c == 'E' {
			break
		}
		if c >= '0' && c <= '9' {
			digits = append(digits, c)
		}
	}
	if n.sig+n.exp-n.frac > MaxPrecision {
		return Dec{}, false
	}
	z, ok := new(big.Int).SetString(string(digits), 10)
	if !ok {
		return Dec{}, false
	}
	if n.neg {
		z.Neg(z)
	}
	return fromBig(z, n.frac-n.exp, prec, scale)
}

// FromFloat is the shortest decimal text of f, as SQL prints it, as DECIMAL(prec, scale), rounded half up; false for
// what does not fit, infinities and NaN.
func FromFloat(f float64, prec, scale int) (Dec, bool) {
	if f != f || math.IsInf(f, 0) {
		return Dec{}, false
	}
	var buf [32]byte
	return Parse(strconv.AppendFloat(buf[:0], f, 'e', -1, 64), prec, scale)
}

// Append appends d of the given scale in plain digits: -12.50.
func Append(dst []byte, d Dec, scale int) []byte {
	if d.Hi < 0 {
		dst = append(dst, '-')
		d = Neg(d)
	}
	if d.Hi == 0 && scale == 0 {
		return strconv.AppendUint(dst, d.Lo, 10)
	}
	var buf [48]byte
	i := len(buf)
	put := func(x uint64, least int) {
		for x > 0 || least > 0 {
			i--
			buf[i] = byte('0' + x%10)
			x /= 10
			least--
		}
	}
	if d.Hi == 0 {
		put(d.Lo, scale+1)
	} else {
		q, r := divAbs(d, pow10[19])
		put(r.Lo, 19)
		q, r = divAbs(q, pow10[19])
		put(r.Lo, 0)
		put(q.Lo, 0)
		for len(buf)-i <= scale {
			i--
			buf[i] = '0'
		}
	}
	whole := len(buf) - scale
	dst = append(dst, buf[i:whole]...)
	if scale > 0 {
		dst = append(dst, '.')
		dst = append(dst, buf[whole:]...)
	}
	return dst
}

// String is Append as a string.
func String(d Dec, scale int) string { return string(Append(nil, d, scale)) }

// slowFloat is Float where one division would round twice.
func slowFloat(d Dec, scale int) float64 {
	var buf [48]byte
	f, err := strconv.ParseFloat(string(Append(buf[:0], d, scale)), 64)
	if err != nil {
		panic("decimal: its own text is no number: " + err.Error())
	}
	return f
}
