package agg

import (
	"weir/planner/decimal"
	"weir/planner/types"
)

// An unscaled 128-bit decimal takes 16 bytes of an accumulator.

func getDec(b []byte) types.Dec { return types.Dec{Lo: word(b), Hi: int64(word(b[8:]))} }

func putDec(b []byte, d types.Dec) {
	putWord(b, d.Lo)
	putWord(b[8:], uint64(d.Hi))
}

// addDec adds x to the sum in s; ok is false when that has more than 38 digits.
func addDec(s []byte, x types.Dec) (ok bool) {
	sum, ok := decimal.Add(getDec(s), x)
	putDec(s, sum)
	return ok && decimal.Fits(sum, decimal.MaxPrecision)
}

// pow10 is 10^n as a float, for the scales of decimals.
var pow10 = func() (t [decimal.MaxPrecision + 1]float64) {
	t[0] = 1
	for i := 1; i < len(t); i++ {
		t[i] = t[i-1] * 10
	}
	return t
}()

// decFloat is d / 10^scale, nearly.
func decFloat(d types.Dec, scale int) float64 {
	a := decimal.Abs(d)
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
		d = decimal.Neg(d)
	}
	return d, true
}
