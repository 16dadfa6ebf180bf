package expr

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/exec/expr/text"
	"weir/planner/types"
)

// spec is one place of a format: %[index$][flags][width][.precision]conversion.
type spec struct {
	index, width, precision                          int // index 0: the next argument, -1: that of the place before
	left, plus, blank, zero, comma, parentheses, alt bool
	flagged                                          bool // any flag but left and alt
	conv                                             byte
	upper                                            bool
}

// printf is PRINTF: Java's formats. What Java refuses makes the result NULL.
func printf(k *rowKernel, i int) error {
	if k.null(0, i) {
		return k.setNull(i)
	}
	format, data := k.str(0, i), k.arena()
	next, last := 1, 0
	for len(format) > 0 {
		n := bytes.IndexByte(format, '%')
		if n < 0 {
			data = append(data, format...)
			break
		}
		data = append(data, format[:n]...)
		s, rest, ok := readSpec(format[n+1:])
		if !ok {
			return k.setNull(i)
		}
		format = rest
		switch s.conv {
		case '%', 'n':
			lit := "%"
			if s.conv == 'n' {
				lit = "\n"
			}
			data = pad0(data, []byte(lit), s)
			continue
		case 'a', 'h':
			return k.fail(i, "use %x, %e or %s", "PRINTF: %%%c is not supported", s.conv)
		}
		a := s.index
		switch {
		case a == 0:
			a, next = next, next+1
		case a < 0:
			a = last
		}
		if a < 1 || a >= len(k.in) {
			return k.setNull(i)
		}
		last = a
		if data, ok = printArg(data, k, a, i, s); !ok {
			return k.setNull(i)
		}
	}
	k.end(i, data)
	return nil
}

// readSpec reads what is behind a %.
func readSpec(f []byte) (s spec, rest []byte, ok bool) {
	s.width, s.precision = -1, -1
	number := func() (int, bool) {
		n, start := 0, len(f)
		for len(f) > 0 && f[0]-'0' <= 9 && n < 1<<20 {
			n = n*10 + int(f[0]-'0')
			f = f[1:]
		}
		return n, len(f) < start
	}
	if len(f) > 0 && f[0] == '<' {
		s.index, f = -1, f[1:]
	} else if len(f) > 0 && f[0]-'1' <= 8 {
		from := f
		if n, _ := number(); len(f) > 0 && f[0] == '$' {
			s.index, f = n, f[1:]
		} else {
			f = from
		}
	}
	for ; len(f) > 0; f = f[1:] {
		flag := map[byte]*bool{'-': &s.left, '+': &s.plus, ' ': &s.blank, '0': &s.zero, ',': &s.comma, '(': &s.parentheses, '#': &s.alt}[f[0]]
		if flag == nil {
			break
		}
		if *flag {
			return s, nil, false // twice
		}
		*flag = true
	}
	s.flagged = s.plus || s.blank || s.zero || s.comma || s.parentheses
	if n, found := number(); found {
		s.width = n
	}
	if len(f) > 0 && f[0] == '.' {
		f = f[1:]
		n, found := number()
		if !found {
			return s, nil, false
		}
		s.precision = n
	}
	if len(f) == 0 || (s.left || s.zero) && s.width < 0 || s.left && s.zero || s.plus && s.blank || s.width > maxWidth || s.precision > maxWidth {
		return s, nil, false
	}
	s.conv = f[0]
	if s.upper = strings.IndexByte("SXBCEGH", s.conv) >= 0; s.upper {
		s.conv |= 0x20
	}
	return s, f[1:], strings.IndexByte("sdxobcefgahn%", s.conv) >= 0
}

// maxWidth bounds the width and the precision of one place.
const maxWidth = 1 << 16

// pad0 appends v filled up with blanks to the width.
func pad0(dst, v []byte, s spec) []byte {
	fill := max(0, s.width-utf8.RuneCount(v))
	if s.left {
		return append(append(dst, v...), bytes.Repeat([]byte{' '}, fill)...)
	}
	return append(append(dst, bytes.Repeat([]byte{' '}, fill)...), v...)
}

// printArg appends argument a as s says; false where it does not fit.
func printArg(dst []byte, k *rowKernel, a, i int, s spec) ([]byte, bool) {
	v, null := k.in[a], k.null(a, i)
	t := v.Type
	var out []byte
	switch s.conv {
	case 's', 'b':
		if s.flagged || s.alt {
			return nil, false
		}
		switch {
		case s.conv == 'b' && t.Kind == types.Boolean && !null:
			out = strconv.AppendBool(nil, v.Bool[i])
		case s.conv == 'b':
			out = strconv.AppendBool(nil, !null)
		case null:
			out = []byte("null")
		case t.Kind == types.Boolean:
			out = strconv.AppendBool(nil, v.Bool[i])
		default:
			out = text.AppendValue(nil, v, i, k.x.zone)
		}
		if s.precision >= 0 {
			out = out[:firstChars(out, s.precision)]
		}
	case 'c':
		if s.flagged || s.alt || s.precision >= 0 {
			return nil, false
		}
		switch {
		case null:
			out = []byte("null")
		case !t.IsInteger() || t.Kind == types.BigInt || v.Int[i] < 0 || v.Int[i] > unicode.MaxRune:
			return nil, false
		default:
			out = utf8.AppendRune(nil, rune(v.Int[i]))
		}
	case 'd':
		if s.precision >= 0 || s.alt || !null && !t.IsInteger() {
			return nil, false
		}
		if null {
			out = []byte("null")
			break
		}
		n := v.Int[i]
		u := uint64(n)
		if n < 0 {
			u = -u
		}
		return signedNumber(dst, strconv.AppendUint(nil, u, 10), n < 0, s), true
	case 'x', 'o':
		if s.precision >= 0 || s.plus || s.blank || s.comma || s.parentheses || !null && !t.IsInteger() {
			return nil, false
		}
		if null {
			out = []byte("null")
			break
		}
		base, prefix := 16, "0x"
		if s.conv == 'o' {
			base, prefix = 8, "0"
		}
		bits := map[types.Kind]int{types.TinyInt: 8, types.SmallInt: 16, types.Int: 32, types.BigInt: 64}[t.Kind]
		out = strconv.AppendUint(nil, uint64(v.Int[i])<<(64-bits)>>(64-bits), base)
		if !s.alt {
			prefix = ""
		}
		for s.zero && len(out)+len(prefix) < s.width {
			out = append([]byte{'0'}, out...)
		}
		out = append([]byte(prefix), out...)
	default: // e f g
		if s.conv == 'e' && s.comma || s.conv == 'g' && s.alt || !null && !t.IsApprox() {
			return nil, false
		}
		if null {
			out = []byte("null")
			break
		}
		f := v.Flt[i]
		switch {
		case f != f:
			out = []byte("NaN")
		case math.IsInf(f, 0):
			s.zero, s.comma = false, false
			return signedNumber(dst, []byte("Infinity"), f < 0, s), true
		default:
			dst = signedNumber(dst, fraction(math.Abs(f), s), math.Signbit(f), s)
			return dst, true
		}
	}
	if s.upper {
		out = bytes.ToUpper(out)
	}
	return pad0(dst, out, s), true
}

// signedNumber appends the digits of a number with its sign, thousands and zeros.
func signedNumber(dst, digits []byte, negative bool, s spec) []byte {
	if s.comma {
		whole, frac := digits, []byte(nil)
		if n := bytes.IndexByte(digits, '.'); n >= 0 {
			whole, frac = digits[:n], digits[n:]
		}
		var out []byte
		for n, c := range whole {
			if n > 0 && (len(whole)-n)%3 == 0 {
				out = append(out, ',')
			}
			out = append(out, c)
		}
		digits = append(out, frac...)
	}
	before, behind := "", ""
	switch {
	case negative && s.parentheses:
		before, behind = "(", ")"
	case negative:
		before = "-"
	case s.plus:
		before = "+"
	case s.blank:
		before = " "
	}
	for s.zero && len(before)+len(digits)+len(behind) < s.width {
		digits = append([]byte{'0'}, digits...)
	}
	out := append(append([]byte(before), digits...), behind...)
	if s.upper {
		out = bytes.ToUpper(out)
	}
	return pad0(dst, out, s)
}

// fraction is f, not negative, in the form of s. Java rounds half up the shortest digits that f has.
func fraction(f float64, s spec) []byte {
	prec := s.precision
	if prec < 0 {
		prec = 6
	}
	digits, exp := shortest(f) // 0.digits * 10^exp
	conv := s.conv
	if conv == 'g' {
		prec = max(prec, 1)
		rounded, e := roundDigits(digits, exp, prec)
		switch {
		case f == 0:
			prec, conv = prec-1, 'f'
		case e-1 >= -4 && e-1 < prec:
			prec, conv, digits, exp = prec-e, 'f', rounded, e
		default:
			prec, conv = prec-1, 'e'
		}
	}
	if conv == 'f' {
		digits, exp = roundDigits(digits, exp, exp+prec)
		return placePoint(digits, exp, prec, s.alt)
	}
	digits, exp = roundDigits(digits, exp, prec+1)
	e := exp - 1
	if f == 0 {
		e = 0
	}
	out := append(placePoint(digits, 1, prec, s.alt), 'e')
	sign := byte('+')
	if e < 0 {
		sign, e = '-', -e
	}
	out = append(out, sign)
	if e < 10 {
		out = append(out, '0')
	}
	return strconv.AppendInt(out, int64(e), 10)
}

// shortest is the fewest digits of f: f is 0.digits * 10^exp.
func shortest(f float64) (digits []byte, exp int) {
	if f == 0 {
		return []byte("0"), 1
	}
	s := strconv.AppendFloat(nil, f, 'e', -1, 64)
	e := bytes.IndexByte(s, 'e')
	exp, err := strconv.Atoi(string(s[e+1:]))
	if err != nil {
		panic("expr: no exponent in " + string(s))
	}
	return bytes.ReplaceAll(s[:e], []byte{'.'}, nil), exp + 1
}

// roundDigits rounds 0.digits * 10^exp to n digits, half up.
func roundDigits(digits []byte, exp, n int) ([]byte, int) {
	switch {
	case n >= len(digits):
		return digits, exp
	case n < 0:
		return []byte("0"), exp
	}
	up := digits[n] >= '5'
	out := bytes.Clone(digits[:n])
	for i := n - 1; up && i >= 0; i-- {
		if out[i]++; out[i] <= '9' {
			up = false
		} else {
			out[i] = '0'
		}
	}
	if up {
		return append([]byte{'1'}, out...), exp + 1
	}
	if n == 0 {
		return []byte("0"), exp
	}
	return out, exp
}

// placePoint writes 0.digits * 10^exp with prec digits behind the point.
func placePoint(digits []byte, exp, prec int, point bool) []byte {
	digit := func(i int) byte { // the digit at 10^-i behind the point of 0.digits
		if i < 0 || i >= len(digits) {
			return '0'
		}
		return digits[i]
	}
	var out []byte
	for i := range max(exp, 0) {
		out = append(out, digit(i))
	}
	if len(out) == 0 {
		out = append(out, '0')
	}
	if prec > 0 || point {
		out = append(out, '.')
	}
	for i := range prec {
		out = append(out, digit(exp+i))
	}
	return out
}

// urlEncode and urlDecode are the form that HTML forms have.
func urlEncode(k *rowKernel, i int) error {
	const hex = "0123456789ABCDEF"
	data := k.arena()
	for _, c := range k.str(0, i) {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-*_", c) >= 0:
			data = append(data, c)
		case c == ' ':
			data = append(data, '+')
		default:
			data = append(data, '%', hex[c>>4], hex[c&15])
		}
	}
	k.end(i, data)
	return nil
}

func urlDecode(k *rowKernel, i int) error {
	s, data := k.str(0, i), k.arena()
	from := len(data)
	for len(s) > 0 {
		switch s[0] {
		case '+':
			data, s = append(data, ' '), s[1:]
		case '%':
			if len(s) < 3 {
				return k.setNull(i)
			}
			c, err := strconv.ParseUint(string(s[1:3]), 16, 8)
			if err != nil {
				return k.setNull(i)
			}
			data, s = append(data, byte(c)), s[3:]
		default:
			data, s = append(data, s[0]), s[1:]
		}
	}
	if !utf8.Valid(data[from:]) {
		data = append(data[:from], string([]rune(string(data[from:])))...)
	}
	k.end(i, data)
	return nil
}
