// Package decimal computes with SQL's DECIMAL: 128-bit unscaled numbers whose scale is kept by their
// type. Results are exact and rounded half up to the scale asked for; a result that does not fit into its
// precision is reported, never wrapped. Nothing here allocates but for what the name or the comment says.
package decimal

import (
	"math"
	"math/big"
	"math/bits"

	"weir/planner/types"
)

// MaxPrecision is the most digits a DECIMAL has.
const MaxPrecision = 38

// Dec is the unscaled number.
type Dec = types.Dec

// pow10 has 10^0 .. 10^38.
var pow10 [MaxPrecision + 1]Dec

// pow10f has the same as floats, which are exact up to 10^22.
var pow10f [MaxPrecision + 1]float64

func init() {
	pow10[0] = Dec{Lo: 1}
	for i := 1; i <= MaxPrecision; i++ {
		hi, lo := bits.Mul64(pow10[i-1].Lo, 10)
		pow10[i] = Dec{Hi: pow10[i-1].Hi*10 + int64(hi), Lo: lo}
	}
	for i := range pow10f {
		pow10f[i] = math.Pow10(i)
	}
}

// FromInt is n at scale 0.
func FromInt(n int64) Dec { return Dec{Hi: n >> 63, Lo: uint64(n)} }

// Sign is -1, 0 or 1.
func Sign(d Dec) int {
	switch {
	case d.Hi < 0:
		return -1
	case d.Hi == 0 && d.Lo == 0:
		return 0
	}
	return 1
}

// Neg is -d. The least 128-bit number, which no DECIMAL is, stays itself.
func Neg(d Dec) Dec {
	lo, carry := bits.Add64(^d.Lo, 1, 0)
	return Dec{Hi: int64(uint64(^d.Hi) + carry), Lo: lo}
}

// Abs is the absolute value.
func Abs(d Dec) Dec {
	if d.Hi < 0 {
		return Neg(d)
	}
	return d
}

// Cmp compares two numbers of one scale: -1, 0 or 1.
func Cmp(a, b Dec) int {
	switch {
	case a.Hi < b.Hi:
		return -1
	case a.Hi > b.Hi:
		return 1
	case a.Lo < b.Lo:
		return -1
	case a.Lo > b.Lo:
		return 1
	}
	return 0
}

// CmpScaled compares a at scale sa with b at scale sb by their values.
func CmpScaled(a Dec, sa int, b Dec, sb int) int {
	switch {
	case sa == sb:
		return Cmp(a, b)
	case sa < sb:
		if x, ok := scaleUp(a, sb-sa); ok {
			return Cmp(x, b)
		}
		return Sign(a) // too large for 128 bits, while b is not
	}
	if x, ok := scaleUp(b, sa-sb); ok {
		return Cmp(a, x)
	}
	return -Sign(b)
}

// Fits reports whether d has at most prec digits.
func Fits(d Dec, prec int) bool {
	if prec > MaxPrecision {
		prec = MaxPrecision
	}
	return Cmp(Abs(d), pow10[prec]) < 0
}

// Add is a + b of one scale; false where the sum leaves 128 bits.
func Add(a, b Dec) (Dec, bool) {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), carry)
	s := Dec{Hi: int64(hi), Lo: lo}
	return s, (a.Hi^s.Hi)&(b.Hi^s.Hi) >= 0
}

// Sub is a - b of one scale; false where the difference leaves 128 bits.
func Sub(a, b Dec) (Dec, bool) {
	lo, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	hi, _ := bits.Sub64(uint64(a.Hi), uint64(b.Hi), borrow)
	s := Dec{Hi: int64(hi), Lo: lo}
	return s, (a.Hi^b.Hi)&(a.Hi^s.Hi) >= 0
}

// mulAbs is a * b of numbers that are not negative; false where it leaves 127 bits.
func mulAbs(a, b Dec) (Dec, bool) {
	if a.Hi != 0 && b.Hi != 0 {
		return Dec{}, false
	}
	if a.Hi != 0 {
		a, b = b, a
	}
	// a has one word only.
	hi, lo := bits.Mul64(a.Lo, b.Lo)
	over, mid := bits.Mul64(a.Lo, uint64(b.Hi))
	sum, carry := bits.Add64(hi, mid, 0)
	if over|carry != 0 || sum>>63 != 0 {
		return Dec{}, false
	}
	return Dec{Hi: int64(sum), Lo: lo}, true
}

// scaleUp is d * 10^n; false where it leaves 128 bits.
func scaleUp(d Dec, n int) (Dec, bool) {
	if n > MaxPrecision {
		return Dec{}, Sign(d) == 0
	}
	if d.Hi < 0 {
		m, ok := mulAbs(Neg(d), pow10[n])
		return Neg(m), ok
	}
	return mulAbs(d, pow10[n])
}

// divAbs divides numbers that are not negative, b not 0.
func divAbs(a, b Dec) (q, r Dec) {
	if b.Hi == 0 {
		qhi, rem := uint64(a.Hi)/b.Lo, uint64(a.Hi)%b.Lo
		qlo, rem := bits.Div64(rem, a.Lo, b.Lo)
		return Dec{Hi: int64(qhi), Lo: qlo}, Dec{Lo: rem}
	}
	// The quotient has one word: normalise the divisor, estimate with its upper word, correct.
	shift := uint(bits.LeadingZeros64(uint64(b.Hi)))
	top := uint64(b.Hi)<<shift | b.Lo>>1>>(63-shift)
	// a >> 1 keeps bits.Div64 from overflowing.
	est, _ := bits.Div64(uint64(a.Hi)>>1, uint64(a.Hi)<<63|a.Lo>>1, top)
	est = est >> (63 - shift)
	if est > 0 {
		est--
	}
	p, _ := mulAbs(Dec{Lo: est}, b)
	r, _ = Sub(a, p)
	for Cmp(r, b) >= 0 {
		est++
		r, _ = Sub(r, b)
	}
	return Dec{Lo: est}, r
}

// divRound divides a by b, which is positive, and rounds half away from zero.
func divRound(a, b Dec) Dec {
	neg := a.Hi < 0
	q, r := divAbs(Abs(a), b)
	// Round up when r >= b - r, which does not overflow.
	if rest, _ := Sub(b, r); Cmp(r, rest) >= 0 {
		q, _ = Add(q, Dec{Lo: 1})
	}
	if neg {
		return Neg(q)
	}
	return q
}

// Rescale brings d from one scale to another, rounding half up; false where it leaves 128 bits.
func Rescale(d Dec, from, to int) (Dec, bool) {
	switch {
	case from == to:
		return d, true
	case from < to:
		return scaleUp(d, to-from)
	case from-to > MaxPrecision:
		return Dec{}, true
	}
	return divRound(d, pow10[from-to]), true
}

// Convert is Rescale to a precision and scale; false where the number does not fit.
func Convert(d Dec, from, prec, scale int) (Dec, bool) {
	x, ok := Rescale(d, from, scale)
	return x, ok && Fits(x, prec)
}

// Truncate is d of the given scale cut to keep digits behind the point (before it, if negative), at the same scale.
func Truncate(d Dec, scale, keep int) Dec {
	n := scale - keep
	if n <= 0 {
		return d
	}
	if n > MaxPrecision {
		return Dec{}
	}
	_, r := divAbs(Abs(d), pow10[n])
	if d.Hi < 0 {
		r = Neg(r)
	}
	x, _ := Sub(d, r)
	return x
}

// Floor is the largest whole number not above d, at scale 0.
func Floor(d Dec, scale int) Dec { return whole(d, scale, -1) }

// Ceil is the smallest whole number not below d, at scale 0.
func Ceil(d Dec, scale int) Dec { return whole(d, scale, 1) }

func whole(d Dec, scale, toward int) Dec {
	if scale == 0 {
		return d
	}
	q, r := divAbs(Abs(d), pow10[scale])
	if d.Hi < 0 {
		q = Neg(q)
	}
	if Sign(r) != 0 && Sign(d) == toward {
		q, _ = Add(q, FromInt(int64(toward)))
	}
	return q
}

// AddTo is a (scale sa) + b (scale sb) as DECIMAL(prec, scale); false where it does not fit.
func AddTo(a Dec, sa int, b Dec, sb, prec, scale int) (Dec, bool) {
	if sa == sb && sa == scale {
		s, ok := Add(a, b)
		return s, ok && Fits(s, prec)
	}
	s := max(sa, sb)
	x, ok1 := Rescale(a, sa, s)
	y, ok2 := Rescale(b, sb, s)
	if ok1 && ok2 {
		if z, ok := Add(x, y); ok {
			return Convert(z, s, prec, scale)
		}
	}
	z := toBig(a)
	z.Mul(z, bigPow(s-sa))
	w := toBig(b)
	z.Add(z, w.Mul(w, bigPow(s-sb)))
	return fromBig(z, s, prec, scale)
}

// MulTo is a (scale sa) * b (scale sb) as DECIMAL(prec, scale); false where it does not fit.
func MulTo(a Dec, sa int, b Dec, sb, prec, scale int) (Dec, bool) {
	if m, ok := mulAbs(Abs(a), Abs(b)); ok {
		if (a.Hi < 0) != (b.Hi < 0) {
			m = Neg(m)
		}
		return Convert(m, sa+sb, prec, scale)
	}
	x := toBig(a)
	return fromBig(x.Mul(x, toBig(b)), sa+sb, prec, scale)
}

// DivTo is a (scale sa) / b (scale sb), b not 0, as DECIMAL(prec, scale); false where it does not fit.
func DivTo(a Dec, sa int, b Dec, sb, prec, scale int) (Dec, bool) {
	// a/10^sa / (b/10^sb) * 10^scale = a * 10^(scale+sb-sa) / b
	neg := (a.Hi < 0) != (b.Hi < 0)
	x, y, up := Abs(a), Abs(b), scale+sb-sa
	ok := true
	if up >= 0 {
		x, ok = scaleUp(x, up)
	} else {
		y, ok = scaleUp(y, -up)
	}
	if ok {
		q := divRound(x, y)
		if neg {
			q = Neg(q)
		}
		return q, Fits(q, prec)
	}
	n, d := toBig(Abs(a)), toBig(Abs(b))
	if up >= 0 {
		n.Mul(n, bigPow(up))
	} else {
		d.Mul(d, bigPow(-up))
	}
	q := roundQuo(n, d)
	if neg {
		q.Neg(q)
	}
	return fromBig(q, scale, prec, scale)
}

// ModTo is the remainder of a (scale sa) divided by b (scale sb), b not 0, with the sign of a, as
// DECIMAL(prec, scale); false where it does not fit.
func ModTo(a Dec, sa int, b Dec, sb, prec, scale int) (Dec, bool) {
	s := max(sa, sb)
	x, ok1 := scaleUp(Abs(a), s-sa)
	y, ok2 := scaleUp(Abs(b), s-sb)
	if ok1 && ok2 {
		_, r := divAbs(x, y)
		if a.Hi < 0 {
			r = Neg(r)
		}
		return Convert(r, s, prec, scale)
	}
	n, d := toBig(a), toBig(b)
	n.Mul(n, bigPow(s-sa))
	d.Mul(d, bigPow(s-sb))
	return fromBig(n.Rem(n, d), s, prec, scale)
}

// Int is the whole part of d, cut towards zero; false where an int64 cannot hold it.
func Int(d Dec, scale int) (int64, bool) {
	if scale > 0 {
		q, _ := divAbs(Abs(d), pow10[scale])
		if d.Hi < 0 {
			q = Neg(q)
		}
		d = q
	}
	return int64(d.Lo), d.Hi == int64(d.Lo)>>63
}

// Float is the nearest float64 of d.
func Float(d Dec, scale int) float64 {
	a := Abs(d)
	if a.Hi == 0 && a.Lo < 1<<53 && scale <= 22 {
		f := float64(a.Lo) / pow10f[scale] // both exact: correctly rounded
		if d.Hi < 0 {
			return -f
		}
		return f
	}
	return slowFloat(d, scale)
}

func toBig(d Dec) *big.Int {
	a := Abs(d)
	z := new(big.Int).SetUint64(uint64(a.Hi))
	z.Lsh(z, 64).Or(z, new(big.Int).SetUint64(a.Lo))
	if d.Hi < 0 {
		z.Neg(z)
	}
	return z
}

func bigPow(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// roundQuo is n/d, both not negative, rounded half up.
func roundQuo(n, d *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(n, d, new(big.Int))
	if r.Lsh(r, 1).Cmp(d) >= 0 {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// fromBig is z of scale from as DECIMAL(prec, scale).
func fromBig(z *big.Int, from, prec, scale int) (Dec, bool) {
	neg := z.Sign() < 0
	z.Abs(z)
	if from > scale {
		z = roundQuo(z, bigPow(from-scale))
	} else if from < scale {
		z.Mul(z, bigPow(scale-from))
	}
	if z.BitLen() > 127 {
		return Dec{}, false
	}
	lo := new(big.Int).And(z, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	d := Dec{Hi: int64(new(big.Int).Rsh(z, 64).Uint64()), Lo: lo}
	if neg {
		d = Neg(d)
	}
	return d, Fits(d, prec)
}
