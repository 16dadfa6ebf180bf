package text

import (
	"bytes"
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// Java up to 18, which Flink runs on, does not print the shortest digits in four cases:
//
//   - whole numbers that have more digits than the type is sure of keep some of those that say nothing: 2^60 is 1.15292150460684698E18;
//   - a short number just half way to the next one, which still reads back as this one, is not taken: 1e23 is 9.999999999999999E22;
//   - powers of two are printed as if their neighbours were half as far away, also the upper one;
//   - there are two digits at least, and the second is not 0 for its own sake: the smallest DOUBLE is 4.9E-324 and not 5E-324.
//
// A fifth is not followed: for some numbers of 25 and 26 digits Java's own arithmetic overflows, and the last digit is not rounded up.

const (
	sureBits       = 53 // significant bits of a DOUBLE
	sureBitsSingle = 24 // and of a FLOAT
)

// appendJava appends the digits that Java prints for f, which is positive and finite, and gives the place of the point: f is
// 0.digits times ten to the power of it. ok is false where these are the shortest digits that read back as f, and nothing is appended.
func appendJava(dst []byte, f float64, single bool) (digits []byte, point int, ok bool) {
	sure := sureBits
	smallest := -1074
	if single {
		sure, smallest = sureBitsSingle, -149
	}
	frac, exp := math.Frexp(f) // f is frac * 2^exp, and frac has 53 bits behind its point
	m := uint64(frac * (1 << sureBits))
	unit := exp - sureBits // f is m * 2^unit
	zeros := bits.TrailingZeros64(m)
	m, unit = m>>zeros, unit+zeros
	top := exp - 1 // f is at least 2^top
	switch {
	case unit >= 0 && top <= 62:
		if top <= sure {
			return dst, 0, false
		}
		digits, point = appendWhole(dst, m<<unit, top-sure-1)
		return digits, point, true
	case top > sure, single && top >= 20: // what is half way to the next number may be short
	case m == 1 && top < -9:
	case top < smallest+12:
	default:
		return dst, 0, false
	}
	if least := smallest + sure - 1; top < least { // the type has less bits left there
		sure -= least - top
	}
	digits, point = appendBetween(dst, m, unit, top, sure)
	return digits, point, true
}

// appendWhole appends the digits of n, rounded to those that 2^spare numbers in a row do not have alike, and without zeros at the end.
func appendWhole(dst []byte, n uint64, spare int) ([]byte, int) {
	cut := 0
	if spare > 1 {
		cut = int(float64(spare) * math.Log10(2))
	}
	unit := uint64(1)
	for range cut {
		unit *= 10
	}
	rest := n % unit
	if n /= unit; cut > 0 && rest >= unit/2 {
		n++
	}
	start := len(dst)
	dst = strconv.AppendUint(dst, n, 10)
	point := len(dst) - start + cut
	return bytes.TrimRight(dst, "0"), point
}

// appendBetween makes digits of m * 2^unit, which is at least 2^top, until what is left, or what is missing to the next digit, is less than
// half the distance of two numbers with so many bits.
func appendBetween(dst []byte, m uint64, unit, top, sure int) ([]byte, int) {
	half := top - sure
	if m == 1 {
		half--
	}
	// The logarithm by its tangent at 1.5, as Java takes it: it may be one too high, never too low.
	x := math.Ldexp(float64(m), unit-top)
	point := int(math.Floor((x-1.5)*0.289529654 + 0.176091259 + float64(top)*0.301029995663981))

	// rest/scale is the number by ten to the power of point, and near/scale half the distance.
	low := min(unit, half, 0)
	rest := new(big.Int).Lsh(new(big.Int).SetUint64(m), uint(unit-low))
	near := new(big.Int).Lsh(big.NewInt(1), uint(half-low))
	scale := new(big.Int).Lsh(big.NewInt(1), uint(-low))
	ten := big.NewInt(10)
	if power := new(big.Int).Exp(ten, big.NewInt(int64(max(point, -point))), nil); point > 0 {
		scale.Mul(scale, power)
	} else {
		rest.Mul(rest, power)
		near.Mul(near, power)
	}
	var quotient, sum big.Int
	start := len(dst)
	var below, above bool
	next := func() byte {
		quotient.QuoRem(rest, scale, rest)
		below = rest.Cmp(near) < 0
		above = sum.Add(rest, near).Cmp(scale) > 0
		rest.Mul(rest, ten)
		near.Mul(near, ten)
		return byte(quotient.Uint64())
	}
	if d := next(); d == 0 && !above {
		point--
	} else {
		dst = append(dst, '0'+d)
	}
	if point < -3 || point >= 8 {
		below, above = false, false // a digit behind the point, in any case
	}
	for !below && !above {
		dst = append(dst, '0'+next())
	}
	point++
	up := above
	if below && above {
		c := rest.Lsh(rest, 1).Cmp(scale.Mul(scale, ten)) // next has moved rest on by a digit
		up = c > 0 || c == 0 && (dst[len(dst)-1]-'0')%2 == 1
	}
	if !up {
		return dst, point
	}
	i := len(dst) - 1
	for ; i >= start && dst[i] == '9'; i-- {
		dst[i] = '0'
	}
	if i < start {
		dst[start] = '1'
		return dst, point + 1
	}
	dst[i]++
	return dst, point
}
