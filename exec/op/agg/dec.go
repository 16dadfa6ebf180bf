package agg

import (
	"math/bits"

	"weir/planner/types"
)

// The few operations on unscaled 128-bit decimals that sums need, without allocation.

func getDec(b []byte) types.Dec { return types.Dec{Lo: word(b), Hi: int64(word(b[8:]))} }

func putDec(b []byte, d types.Dec) {
	putWord(b, d.Lo)
	putWord(b[8:], uint64(d.Hi))
}

func negDec(d types.Dec) types.Dec {
	lo, borrow := bits.Sub64(0, d.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(d.Hi), borrow)
	return types.Dec{Hi: int64(hi), Lo: lo}
}

// addDec is a+b, and whether it fits into 128 bits.
func addDec(a, b types.Dec) (types.Dec, bool) {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), carry)
	sum := types.Dec{Hi: int64(hi), Lo: lo}
	over := (a.Hi < 0) == (b.Hi < 0) && (sum.Hi < 0) != (a.Hi < 0)
	return sum, !over
}

func cmpDec(a, b types.Dec) int {
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

// ten38 is 10^38.
var ten38 = types.Dec{Hi: 0x4b3b4ca85a86c47a, Lo: 0x098a224000000000}

func absDec(d types.Dec) types.Dec {
	if d.Hi < 0 {
		return negDec(d)
	}
	return d
}

// fits38 reports whether d has at most 38 digits.
func fits38(d types.Dec) bool {
	a := absDec(d)
	return a.Hi >= 0 && cmpDec(a, ten38) < 0
}

// divRound is d * 10^up / n, rounded half up (away from zero), for n > 0; ok is false when it has more than 38 digits.
func divRound(d types.Dec, up int, n uint64) (q types.Dec, ok bool) {
	neg := d.Hi < 0
	a := absDec(d)
	// Three words: l2 l1 l0 = a * 10^up.
	l2, l1, l0 := uint64(0), uint64(a.Hi), a.Lo
	for ; up > 0; up-- {
		var c0, c1, c2, carry uint64
		c0, l0 = bits.Mul64(l0, 10)
		c1, l1 = bits.Mul64(l1, 10)
		c2, l2 = bits.Mul64(l2, 10)
		if c2 != 0 {
			return types.Dec{}, false
		}
		l1, carry = bits.Add64(l1, c0, 0)
		l2, carry = bits.Add64(l2, c1, carry)
		if carry != 0 {
			return types.Dec{}, false
		}
	}
	var rem uint64
	l2, rem = bits.Div64(0, l2, n)
	l1, rem = bits.Div64(rem, l1, n)
	l0, rem = bits.Div64(rem, l0, n)
	if rem >= n-rem { // 2*rem >= n
		var carry uint64
		l0, carry = bits.Add64(l0, 1, 0)
		l1, carry = bits.Add64(l1, 0, carry)
		l2 += carry
	}
	q = types.Dec{Hi: int64(l1), Lo: l0}
	if l2 != 0 || q.Hi < 0 || !fits38(q) {
		return types.Dec{}, false
	}
	if neg {
		q = negDec(q)
	}
	return q, true
}

// pow10 is 10^n as a float, for the scales of decimals.
var pow10 = func() (t [39]float64) {
	t[0] = 1
	for i := 1; i < len(t); i++ {
		t[i] = t[i-1] * 10
	}
	return t
}()

// decFloat is d / 10^scale, nearly.
func decFloat(d types.Dec, scale int) float64 {
	a := absDec(d)
	f := (float64(uint64(a.Hi))*(1<<64) + float64(a.Lo)) / pow10[scale]
	if d.Hi < 0 {
		return -f
	}
	return f
}

// floatDec is f * 10^scale as an unscaled decimal, rounded half up; ok is false when it has more than 38 digits.
func floatDec(f float64, scale int) (d types.Dec, ok bool) {
	neg := f < 0
	if neg {
		f = -f
	}
	f = f*pow10[scale] + 0.5
	if !(f < 1e38) {
		return types.Dec{}, false
	}
	hi := uint64(f / (1 << 64))
	lo := uint64(f - float64(hi)*(1<<64))
	d = types.Dec{Hi: int64(hi), Lo: lo}
	if neg {
		d = negDec(d)
	}
	return d, true
}
