package expr

import (
	"errors"
	"math/rand/v2"

	"weir/exec/batch"
	"weir/planner/scalar"
)

var errNotLiteral = errors.New("a unit of time is no literal; this is a bug")

// seeded is the generator of RAND(seed): the seed is a constant, 0 otherwise.
func seeded(n node) *rand.Rand {
	seed := uint64(0)
	if c := constOf(n); c != nil && !c.null() {
		seed = uint64(c.v.Int[0])
	}
	return rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
}

// cases is CASE and IF: each condition is a filter over the rows that are still open, each value is computed for the
// rows that chose it and copied into the result.
type cases struct {
	result
	conds  []pred
	values []node // one more than conds
	picked []int32
	open   []int32
}

func (c *compiler) cases(e *scalar.Call) (node, error) {
	k := &cases{result: newResult(e.Typ)}
	for i, a := range e.Args {
		if i%2 == 0 && i < len(e.Args)-1 {
			p, err := c.pred(a)
			if err != nil {
				return nil, err
			}
			k.conds = append(k.conds, p)
			continue
		}
		n, err := c.node(a)
		if err != nil {
			return nil, err
		}
		k.values = append(k.values, n)
	}
	return k, nil
}

func (k *cases) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	out := k.begin(x.n)
	n := x.n
	if sel != nil {
		n = len(sel)
	}
	k.open, k.picked = growSel(k.open, n), growSel(k.picked, n)
	open := sel
	for c, cond := range k.conds {
		picked, err := cond.filter(x, open, k.picked[:0:n])
		if err != nil {
			return nil, err
		}
		if len(picked) > 0 {
			if err := put(x, out, k.values[c], picked); err != nil {
				return nil, err
			}
		}
		open = without(k.open[:n], open, picked, x.n)
		if len(open) == 0 {
			return out, nil
		}
	}
	return out, put(x, out, k.values[len(k.conds)], open)
}

// without is the rows of sel, all n when it is nil, that are not in picked. dst may be the memory of sel.
func without(dst, sel, picked []int32, n int) []int32 {
	k, p := 0, 0
	one := func(i int32) {
		if p < len(picked) && picked[p] == i {
			p++
			return
		}
		dst[k] = i
		k++
	}
	if sel == nil {
		for i := range int32(n) {
			one(i)
		}
	} else {
		for _, i := range sel {
			one(i)
		}
	}
	return dst[:k]
}

// put computes n for rows, which are not nil, and copies the values.
func put(x *ctx, out *batch.Vector, n node, rows []int32) error {
	if c := constOf(n); c != nil {
		putConst(out, c, rows)
		return nil
	}
	v, err := n.eval(x, rows)
	if err != nil {
		return err
	}
	putRows(out, v, rows)
	return nil
}

func putConst(out *batch.Vector, c *constant, rows []int32) {
	if c.null() {
		for _, i := range rows {
			out.SetNull(int(i))
		}
		return
	}
	switch batch.ClassOf(out.Type) {
	case batch.ClassBool:
		fill(out.Bool, c.v.Bool[0], rows)
	case batch.ClassInt:
		fill(out.Int, c.v.Int[0], rows)
	case batch.ClassFloat:
		fill(out.Flt, c.v.Flt[0], rows)
	case batch.ClassDec:
		fill(out.Dec, c.v.Dec[0], rows)
	case batch.ClassBytes:
		s := c.v.Bytes(0)
		fill(out.Off, uint32(len(out.Data)), rows)
		fill(out.Len, uint32(len(s)), rows)
		out.Data = append(out.Data, s...)
	default:
		for _, i := range rows {
			out.SetFrom(int(i), c.v, 0)
		}
	}
}

func fill[T any](dst []T, v T, rows []int32) {
	for _, i := range rows {
		dst[i] = v
	}
}

func pick[T any](dst, src []T, rows []int32) {
	for _, i := range rows {
		dst[i] = src[i]
	}
}

// putRows copies rows of v to the same places of out.
func putRows(out, v *batch.Vector, rows []int32) {
	if len(v.Nulls) > 0 || batch.ClassOf(v.Type) == batch.ClassNone {
		for _, i := range rows {
			if v.IsNull(int(i)) {
				out.SetNull(int(i))
			}
		}
	}
	switch batch.ClassOf(out.Type) {
	case batch.ClassBool:
		pick(out.Bool, v.Bool, rows)
	case batch.ClassInt:
		pick(out.Int, v.Int, rows)
	case batch.ClassFloat:
		pick(out.Flt, v.Flt, rows)
	case batch.ClassDec:
		pick(out.Dec, v.Dec, rows)
	case batch.ClassBytes:
		for _, i := range rows {
			if v.Nulls.Has(int(i)) {
				continue
			}
			s := v.Bytes(int(i))
			out.Off[i], out.Len[i] = uint32(len(out.Data)), uint32(len(s))
			out.Data = append(out.Data, s...)
		}
	case batch.ClassNone:
	default:
		for _, i := range rows {
			out.SetFrom(int(i), v, int(i))
		}
	}
}

// coalesce is COALESCE and IFNULL: each argument is computed for the rows that are NULL so far.
type coalesce struct {
	result
	args []node
	open []int32
	some []int32
}

func (c *compiler) coalesce(e *scalar.Call) (node, error) {
	args, err := c.nodes(e.Args)
	if err != nil {
		return nil, err
	}
	return &coalesce{result: newResult(e.Typ), args: args}, nil
}

func (k *coalesce) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	first, err := k.args[0].eval(x, sel)
	if err != nil || len(first.Nulls) == 0 && batch.ClassOf(first.Type) != batch.ClassNone {
		return first, err
	}
	out := k.begin(x.n)
	n := x.n
	if sel != nil {
		n = len(sel)
	}
	k.open, k.some = growSel(k.open, n), growSel(k.some, n)
	open := k.open[:n]
	if sel != nil {
		copy(open, sel)
	} else {
		for i := range open {
			open[i] = int32(i)
		}
	}
	for a, arg := range k.args {
		v := first
		if a > 0 {
			if v, err = arg.eval(x, open); err != nil {
				return nil, err
			}
		}
		some, rest := k.some[:0], 0
		for _, i := range open {
			if v.IsNull(int(i)) {
				open[rest] = i
				rest++
			} else {
				some = append(some, i)
			}
		}
		putRows(out, v, some)
		open = open[:rest]
		if rest == 0 {
			return out, nil
		}
	}
	for _, i := range open {
		out.SetNull(int(i))
	}
	return out, nil
}
