package agg

import (
	"fmt"
	"math"
	"strings"

	"weir/exec/batch"
	"weir/planner/types"
)

// newVariance makes VAR_POP, VAR_SAMP (VARIANCE), STDDEV_POP and STDDEV_SAMP (STDDEV).
//
// As in Flink they are made of sums, (SUM(x*x) - SUM(x)*SUM(x)/n) / n, or n-1 for a sample: over integers in
// 64-bit integers, without fractions; over decimals in DOUBLE, rounded to the result's scale. A sample of one
// value has none: NULL.
func newVariance(c *Call) (Func, error) {
	a := &variance{
		arg: c.Args[0], scale: c.Types[0].Scale, in: class(c.Types[0]), shift: wrap(c.Result),
		sample: !strings.HasSuffix(c.Func, "_POP"), root: strings.HasPrefix(c.Func, "STDDEV"),
	}
	if !c.Types[0].IsNumeric() {
		return nil, fmt.Errorf("%s of a value of type %s is not supported; it needs a number", c.Func, c.Types[0])
	}
	return a, nil
}

// variance: SUM(x), SUM(x*x) and the number of values, 8 bytes each.
type variance struct {
	place
	arg    int
	scale  int
	in     batch.Class
	shift  uint
	sample bool
	root   bool
}

func (a *variance) size() (int, bool) { return 24, false }

func (a *variance) format() string {
	if a.in == batch.ClassInt {
		return "varint"
	}
	return "varfloat"
}

func (a *variance) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][a.off : a.off+24]
		neg := r.retracts(k)
		n := word(s[16:]) + 1
		if neg {
			n -= 2
		}
		putWord(s[16:], n)
		if a.in == batch.ClassInt {
			x := v.Int[i]
			sq := x * x
			if neg {
				x, sq = -x, -sq
			}
			putWord(s, word(s)+uint64(x))
			putWord(s[8:], word(s[8:])+uint64(sq))
			continue
		}
		var x float64
		if a.in == batch.ClassDec {
			x = decFloat(v.Dec[i], a.scale)
		} else {
			x = v.Flt[i]
		}
		sq := x * x
		if neg {
			x, sq = -x, -sq
		}
		addFloat(s, x)
		addFloat(s[8:], sq)
		if n == 0 {
			clear(s[:16]) // no rounding error outlives the values
		}
	}
	return nil
}

func addFloat(b []byte, x float64) {
	putWord(b, math.Float64bits(math.Float64frombits(word(b))+x))
}

func (a *variance) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		d, s := dst.Slots[k][a.off:], s[a.off:]
		putWord(d[16:], word(d[16:])+word(s[16:]))
		if a.in == batch.ClassInt {
			putWord(d, word(d)+word(s))
			putWord(d[8:], word(d[8:])+word(s[8:]))
			continue
		}
		addFloat(d, math.Float64frombits(word(s)))
		addFloat(d[8:], math.Float64frombits(word(s[8:])))
	}
	return nil
}

func (a *variance) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		s = s[a.off:]
		i := int(at[k])
		n := int64(word(s[16:]))
		div := n
		if a.sample {
			div--
		}
		if n <= 0 || div <= 0 {
			out.SetNull(i)
			continue
		}
		var x float64
		if a.in == batch.ClassInt {
			sum, sq := int64(word(s)), int64(word(s[8:]))
			x = float64((sq - sum*sum/n) / div)
		} else {
			sum, sq := math.Float64frombits(word(s)), math.Float64frombits(word(s[8:]))
			x = (sq - sum*sum/float64(n)) / float64(div)
		}
		if a.root {
			x = math.Sqrt(x)
		}
		switch class(out.Type) {
		case batch.ClassInt:
			if x != x {
				out.SetNull(i)
				continue
			}
			out.Int[i] = int64(x) << a.shift >> a.shift
		case batch.ClassFloat:
			if out.Type.Kind == types.Float {
				x = float64(float32(x))
			}
			out.Flt[i] = x
		default:
			d, ok := floatDec(x, out.Type.Scale)
			if !ok {
				out.SetNull(i)
				continue
			}
			out.Dec[i] = d
		}
	}
	return nil
}
