package agg

import (
	"fmt"
	"math"
	"strings"

	"weir/exec/batch"
	"weir/planner/decimal"
	"weir/planner/fn"
	"weir/planner/types"
)

// newVariance makes VAR_POP, VAR_SAMP (VARIANCE), STDDEV_POP and STDDEV_SAMP (STDDEV).
//
// As in Flink they are made of sums, (SUM(x*x) - SUM(x)*SUM(x)/n) / n, or n-1 for a sample: over integers in
// 64-bit integers, without fractions; over decimals in decimals, each step rounded to its type. A sample of one
// value has none: NULL.
func newVariance(c *Call) (Func, error) {
	a := &variance{
		arg: c.Args[0], in: class(c.Types[0]), shift: wrap(c.Result),
		sample: !strings.HasSuffix(c.Func, "_POP"), root: strings.HasPrefix(c.Func, "STDDEV"),
	}
	if !c.Types[0].IsNumeric() {
		return nil, fmt.Errorf("%s of a value of type %s is not supported; it needs a number", c.Func, c.Types[0])
	}
	if a.in == batch.ClassDec {
		return newVarianceDec(a, c.Types[0]), nil
	}
	return a, nil
}

// variance: SUM(x), SUM(x*x) and the number of values, 8 bytes each.
type variance struct {
	place
	arg    int
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
		x := v.Flt[i]
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
		}
	}
	return nil
}

// varianceDec: SUM(x) and SUM(x*x), 16 bytes each, the number of values, 8, and a byte that is 1 when a sum has no room in its type.
type varianceDec struct {
	place
	arg          int
	sample, root bool
	x, sum       types.Type // of a value, and of the sum of them
	square, sq   types.Type // of a value's square, and of the sum of them
}

func newVarianceDec(a *variance, t types.Type) *varianceDec {
	v := &varianceDec{arg: a.arg, sample: a.sample, root: a.root, x: t, square: fn.Product(t, t)}
	v.sum, v.sq = types.MakeDecimal(decimal.MaxPrecision, t.Scale), types.MakeDecimal(decimal.MaxPrecision, v.square.Scale)
	return v
}

func (a *varianceDec) size() (int, bool) { return 41, false }
func (a *varianceDec) format() string    { return fmt.Sprintf("vardec%d", a.x.Scale) }

func (a *varianceDec) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		x := v.Dec[i]
		square, ok := decimal.MulTo(x, a.x.Scale, x, a.x.Scale, a.square.Prec, a.square.Scale)
		n := uint64(1)
		if r.retracts(k) {
			x, square, n = decimal.Neg(x), decimal.Neg(square), ^uint64(0)
		}
		a.add(r.Slots[k][a.off:a.off+41], x, square, n, ok)
	}
	return nil
}

// add adds sums to an accumulator.
func (a *varianceDec) add(s []byte, x, square types.Dec, n uint64, ok bool) {
	ok = addDec(s, x) && ok
	ok = addDec(s[16:], square) && ok
	putWord(s[32:], word(s[32:])+n)
	if !ok {
		s[40] = 1
	}
}

func (a *varianceDec) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		s = s[a.off : a.off+41]
		a.add(dst.Slots[k][a.off:a.off+41], getDec(s), getDec(s[16:]), word(s[32:]), s[40] == 0)
	}
	return nil
}

func (a *varianceDec) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		i := int(at[k])
		d, ok := a.value(s[a.off:a.off+41], out.Type)
		if !ok {
			out.SetNull(i)
			continue
		}
		out.Dec[i] = d
	}
	return nil
}

// value is the result in type t; ok is false for NULL.
func (a *varianceDec) value(s []byte, t types.Type) (d types.Dec, ok bool) {
	n := int64(word(s[32:]))
	div := n
	if a.sample {
		div--
	}
	if n <= 0 || div <= 0 || s[40] != 0 {
		return d, false
	}
	count := types.MakeDecimal(19, 0) // of a BIGINT
	product := fn.Product(a.sum, a.sum)
	if d, ok = decimal.MulTo(getDec(s), a.sum.Scale, getDec(s), a.sum.Scale, product.Prec, product.Scale); !ok {
		return d, false
	}
	mean := fn.Quotient(product, count)
	if d, ok = decimal.DivTo(d, product.Scale, decimal.FromInt(n), 0, mean.Prec, mean.Scale); !ok {
		return d, false
	}
	rest := fn.Difference(a.sq, mean)
	if d, ok = decimal.AddTo(getDec(s[16:]), a.sq.Scale, decimal.Neg(d), mean.Scale, rest.Prec, rest.Scale); !ok {
		return d, false
	}
	result := fn.Quotient(rest, count)
	if d, ok = decimal.DivTo(d, rest.Scale, decimal.FromInt(div), 0, result.Prec, result.Scale); !ok {
		return d, false
	}
	if a.root {
		return floatDec(math.Sqrt(decFloat(d, result.Scale)), t.Scale)
	}
	return decimal.Convert(d, result.Scale, t.Prec, t.Scale)
}
