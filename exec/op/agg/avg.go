package agg

import (
	"fmt"
	"math"

	"weir/exec/batch"
	"weir/planner/decimal"
	"weir/planner/types"
)

// newAvg makes AVG: a sum and the number of values, 8 bytes.
func newAvg(c *Call) (Func, error) {
	switch class(c.Types[0]) {
	case batch.ClassInt:
		if c.Types[0].IsInteger() {
			return &avgInt{arg: c.Args[0], result: c.Result}, nil
		}
	case batch.ClassFloat:
		return &avgFloat{arg: c.Args[0], single: c.Result.Kind == types.Float}, nil
	case batch.ClassDec:
		up := c.Result.Scale - c.Types[0].Scale
		if class(c.Result) != batch.ClassDec || up < 0 {
			return nil, fmt.Errorf("AVG of %s cannot be a %s", c.Types[0], c.Result)
		}
		return &avgDec{arg: c.Args[0], up: up}, nil
	}
	return nil, fmt.Errorf("AVG of a value of type %s is not supported; it needs a number", c.Types[0])
}

// avgInt sums in 64 bits and divides without a fraction.
type avgInt struct {
	place
	arg    int
	result types.Type
}

func (a *avgInt) size() (int, bool) { return 16, false }
func (a *avgInt) format() string    { return "avgint" }

func (a *avgInt) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][a.off : a.off+16]
		if r.retracts(k) {
			putWord(s, word(s)-uint64(v.Int[i]))
			putWord(s[8:], word(s[8:])-1)
		} else {
			putWord(s, word(s)+uint64(v.Int[i]))
			putWord(s[8:], word(s[8:])+1)
		}
	}
	return nil
}

func (a *avgInt) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		d, s := dst.Slots[k][a.off:], s[a.off:]
		putWord(d, word(d)+word(s))
		putWord(d[8:], word(d[8:])+word(s[8:]))
	}
	return nil
}

func (a *avgInt) Values(r *Rows, out *batch.Vector, at []int32) error {
	float := class(out.Type) == batch.ClassFloat
	sh := wrap(a.result)
	for k, s := range r.Slots {
		s = s[a.off:]
		n := int64(word(s[8:]))
		switch {
		case n == 0:
			out.SetNull(int(at[k]))
		case float:
			out.Flt[at[k]] = float64(int64(word(s))) / float64(n)
		default:
			out.Int[at[k]] = int64(word(s)) / n << sh >> sh
		}
	}
	return nil
}

type avgFloat struct {
	place
	arg    int
	single bool
}

func (a *avgFloat) size() (int, bool) { return 16, false }
func (a *avgFloat) format() string    { return "avgfloat" }

func (a *avgFloat) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][a.off : a.off+16]
		sum, n := math.Float64frombits(word(s)), word(s[8:])
		if r.retracts(k) {
			sum -= v.Flt[i]
			n--
		} else {
			sum += v.Flt[i]
			n++
		}
		if n == 0 {
			sum = 0
		}
		putWord(s, math.Float64bits(sum))
		putWord(s[8:], n)
	}
	return nil
}

func (a *avgFloat) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		d, s := dst.Slots[k][a.off:], s[a.off:]
		putWord(d, math.Float64bits(math.Float64frombits(word(d))+math.Float64frombits(word(s))))
		putWord(d[8:], word(d[8:])+word(s[8:]))
	}
	return nil
}

func (a *avgFloat) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		s = s[a.off:]
		n := int64(word(s[8:]))
		if n == 0 {
			out.SetNull(int(at[k]))
			continue
		}
		x := math.Float64frombits(word(s)) / float64(n)
		if a.single {
			x = float64(float32(x))
		}
		out.Flt[at[k]] = x
	}
	return nil
}

// avgDec: sum 16 bytes, number of values, and a byte that is 1 after an overflow.
type avgDec struct {
	place
	arg int
	up  int // digits of the result's scale more than the argument's
}

func (a *avgDec) size() (int, bool) { return 25, false }
func (a *avgDec) format() string    { return "avgdec" }

func (a *avgDec) add(s []byte, x types.Dec, n uint64) {
	if !addDec(s, x) {
		s[24] = 1
	}
	putWord(s[16:], word(s[16:])+n)
}

func (a *avgDec) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][a.off:]
		if r.retracts(k) {
			a.add(s, decimal.Neg(v.Dec[i]), math.MaxUint64)
		} else {
			a.add(s, v.Dec[i], 1)
		}
	}
	return nil
}

func (a *avgDec) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		d, s := dst.Slots[k][a.off:], s[a.off:]
		a.add(d, getDec(s), word(s[16:]))
		d[24] |= s[24]
	}
	return nil
}

func (a *avgDec) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		s = s[a.off:]
		if n := int64(word(s[16:])); n > 0 && s[24] == 0 {
			if q, ok := decimal.DivTo(getDec(s), 0, decimal.FromInt(n), 0, decimal.MaxPrecision, a.up); ok {
				out.Dec[at[k]] = q
				continue
			}
		}
		out.SetNull(int(at[k]))
	}
	return nil
}
