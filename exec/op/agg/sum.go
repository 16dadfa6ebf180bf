package agg

import (
	"fmt"
	"math"

	"weir/exec/batch"
	"weir/planner/decimal"
	"weir/planner/types"
)

// tally is how a sum knows whether it has any value: with retraction the number of values (8 bytes),
// otherwise a byte that is 1.
type tally struct{ counted bool }

func (t tally) bytes() int {
	if t.counted {
		return 8
	}
	return 1
}

func (t tally) any(b []byte) bool {
	if t.counted {
		return word(b) != 0
	}
	return b[0] != 0
}

func (t tally) String() string {
	if t.counted {
		return "n"
	}
	return "f"
}

// merge adds the tally at s to the one at d.
func (t tally) merge(d, s []byte) {
	if t.counted {
		putWord(d, word(d)+word(s))
	} else {
		d[0] |= s[0]
	}
}

func (t tally) add(b []byte, retract bool) {
	switch {
	case !t.counted:
		b[0] = 1
	case retract:
		putWord(b, word(b)-1)
	default:
		putWord(b, word(b)+1)
	}
}

// wrap is how many bits an integer of type t leaves unused in 64: shifting up and down again by
// so many wraps it around as Java does.
func wrap(t types.Type) uint {
	switch t.Kind {
	case types.TinyInt:
		return 56
	case types.SmallInt:
		return 48
	case types.Int, types.Date, types.Time, types.IntervalYearMonth:
		return 32
	}
	return 0
}

func newSum(c *Call) (Func, error) {
	t := tally{c.Retract}
	zero := c.Func != "SUM" // of no value 0, not NULL
	switch class(c.Types[0]) {
	case batch.ClassInt:
		if c.Types[0].IsInteger() || c.Types[0].IsInterval() {
			return &sumInt{arg: c.Args[0], shift: wrap(c.Result), tally: t, zero: zero}, nil
		}
	case batch.ClassFloat:
		return &sumFloat{arg: c.Args[0], single: c.Result.Kind == types.Float, tally: t, zero: zero}, nil
	case batch.ClassDec:
		return &sumDec{arg: c.Args[0], tally: t, zero: zero}, nil
	}
	return nil, fmt.Errorf("%s of a value of type %s is not supported; it needs a number", c.Func, c.Types[0])
}

func class(t types.Type) batch.Class { return batch.ClassOf(t) }

// sumInt: the sum, 8 bytes, and the tally.
type sumInt struct {
	place
	arg   int
	shift uint
	tally tally
	zero  bool
}

func (a *sumInt) size() (int, bool) { return 8 + a.tally.bytes(), false }
func (a *sumInt) format() string    { return "sumint" + a.tally.String() }

func (a *sumInt) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	off, sh := a.off, a.shift
	if r.In.Kinds == nil && noNulls(v) && !a.tally.counted {
		x := v.Int
		for k, i := range r.Pos {
			s := r.Slots[k][off : off+9]
			putWord(s, uint64((int64(word(s))+x[i])<<sh>>sh))
			s[8] = 1
		}
		return nil
	}
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][off:]
		x, neg := v.Int[i], r.retracts(k)
		if neg {
			x = -x
		}
		putWord(s, uint64((int64(word(s))+x)<<sh>>sh))
		a.tally.add(s[8:], neg)
	}
	return nil
}

func (a *sumInt) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		d, s := dst.Slots[k][a.off:], s[a.off:]
		putWord(d, uint64((int64(word(d))+int64(word(s)))<<a.shift>>a.shift))
		a.tally.merge(d[8:], s[8:])
	}
	return nil
}

func (a *sumInt) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		s = s[a.off:]
		out.Int[at[k]] = int64(word(s))
		if !a.zero && !a.tally.any(s[8:]) {
			out.SetNull(int(at[k]))
		}
	}
	return nil
}

// sumFloat: the sum, 8 bytes, and the tally.
type sumFloat struct {
	place
	arg    int
	single bool // the sum of FLOATs is a FLOAT, rounded after each addition
	tally  tally
	zero   bool
}

func (a *sumFloat) size() (int, bool) { return 8 + a.tally.bytes(), false }
func (a *sumFloat) format() string    { return "sumfloat" + a.tally.String() }

func (a *sumFloat) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	off := a.off
	if r.In.Kinds == nil && noNulls(v) && !a.tally.counted && !a.single {
		x := v.Flt
		for k, i := range r.Pos {
			s := r.Slots[k][off : off+9]
			putWord(s, math.Float64bits(math.Float64frombits(word(s))+x[i]))
			s[8] = 1
		}
		return nil
	}
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][off:]
		x, neg := v.Flt[i], r.retracts(k)
		if neg {
			x = -x
		}
		a.put(s, math.Float64frombits(word(s))+x)
		a.tally.add(s[8:], neg)
		if a.tally.counted && word(s[8:]) == 0 {
			putWord(s, 0) // no rounding error outlives the values
		}
	}
	return nil
}

func (a *sumFloat) put(s []byte, x float64) {
	if a.single {
		x = float64(float32(x))
	}
	putWord(s, math.Float64bits(x))
}

func (a *sumFloat) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		d, s := dst.Slots[k][a.off:], s[a.off:]
		a.put(d, math.Float64frombits(word(d))+math.Float64frombits(word(s)))
		a.tally.merge(d[8:], s[8:])
	}
	return nil
}

func (a *sumFloat) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		s = s[a.off:]
		out.Flt[at[k]] = math.Float64frombits(word(s))
		if !a.zero && !a.tally.any(s[8:]) {
			out.SetNull(int(at[k]))
		}
	}
	return nil
}

// sumDec: the unscaled sum, 16 bytes, the tally, and a byte that is 1 after an overflow. The scale of
// argument and result is the same. A sum beyond 38 digits is NULL, and stays so until the
// accumulator is gone.
type sumDec struct {
	place
	arg   int
	tally tally
	zero  bool
}

func (a *sumDec) size() (int, bool) { return 17 + a.tally.bytes(), false }
func (a *sumDec) format() string    { return "sumdec" + a.tally.String() }

func (a *sumDec) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][a.off:]
		x, neg := v.Dec[i], r.retracts(k)
		if neg {
			x = decimal.Neg(x)
		}
		a.add(s, x)
		a.tally.add(s[17:], neg)
	}
	return nil
}

func (a *sumDec) add(s []byte, x types.Dec) {
	if !addDec(s, x) {
		s[16] = 1
	}
}

func (a *sumDec) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		d, s := dst.Slots[k][a.off:], s[a.off:]
		a.add(d, getDec(s))
		d[16] |= s[16]
		a.tally.merge(d[17:], s[17:])
	}
	return nil
}

func (a *sumDec) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		s = s[a.off:]
		out.Dec[at[k]] = getDec(s)
		if s[16] != 0 || !a.zero && !a.tally.any(s[17:]) {
			out.SetNull(int(at[k]))
		}
	}
	return nil
}
