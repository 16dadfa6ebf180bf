package expr

import (
	"bytes"

	"weir/exec/batch"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Filter is a compiled condition.
type Filter struct {
	p pred
	x *ctx
}

// CompileFilter makes a filter of a BOOLEAN expression.
func CompileFilter(e scalar.Expr, env Env) (Filter, error) {
	c := compiler{x: newCtx(env)}
	p, err := c.pred(e)
	return Filter{p, c.x}, err
}

// Apply appends to dst the rows of b, of those that count, for which the condition is TRUE, ascending. The operands of AND are computed
// from left to right, each for the rows that are left. An error is a *RowError.
func (f *Filter) Apply(b *batch.Batch, dst []int32) ([]int32, error) {
	f.x.start(b)
	if b.Rows() == 0 {
		return dst, nil
	}
	at := len(dst)
	if cap(dst)-at < b.Rows() {
		grown := make([]int32, at, at+b.N)
		copy(grown, dst)
		dst = grown
	}
	rows, err := f.p.filter(f.x, b.Sel, dst[at:at:at+b.Rows()])
	return dst[:at+len(rows)], err
}

// pred is a condition as a filter.
type pred interface {
	// filter puts those of the rows sel, all when it is nil, for which the condition is TRUE into dst, which is empty and
	// has room for all of them. dst may be the memory of sel.
	filter(x *ctx, sel, dst []int32) ([]int32, error)
}

func (c *compiler) pred(e scalar.Expr) (pred, error) {
	p, err := c.plainPred(e)
	if err != nil || c.x.env.Watch == nil {
		return p, err
	}
	if told := c.x.env.Watch(e.Span()); told != nil {
		return &watchedPred{p, told}, nil
	}
	return p, nil
}

func (c *compiler) plainPred(e scalar.Expr) (pred, error) {
	call, ok := e.(*scalar.Call)
	if !ok {
		return c.boolPred(e)
	}
	switch call.Func.Name {
	case "AND":
		all := &allOf{}
		for _, a := range call.Args {
			p, err := c.pred(a)
			if err != nil {
				return nil, err
			}
			all.preds = append(all.preds, p)
		}
		return all, nil
	case "=", "<>", "<", "<=", ">", ">=":
		args, err := c.nodes(call.Args)
		if err != nil {
			return nil, err
		}
		if k := newCompare(compareOps[call.Func.Name], call, args); k.c != nil {
			switch k.class {
			case batch.ClassInt, batch.ClassFloat, batch.ClassBytes, batch.ClassDec:
				return &constPred{k}, nil
			}
		}
	case "LIKE":
		return c.likePred(call, false)
	case "NOT":
		if in, ok := call.Args[0].(*scalar.Call); ok && in.Func.Name == "LIKE" {
			return c.likePred(in, true)
		}
	}
	return c.boolPred(e)
}

var compareOps = map[string]cmpOp{"=": opEQ, "<>": opNE, "<": opLT, "<=": opLE, ">": opGT, ">=": opGE}

// boolPred is any other condition: its value is computed, then looked at.
type boolPred struct{ n node }

func (c *compiler) boolPred(e scalar.Expr) (pred, error) {
	n, err := c.node(e)
	return &boolPred{n}, err
}

func (p *boolPred) filter(x *ctx, sel, dst []int32) ([]int32, error) {
	v, err := p.n.eval(x, sel)
	if err != nil {
		return dst, err
	}
	k := 0
	if sel == nil {
		dst = dst[:x.n]
		for i, b := range v.Bool[:x.n] {
			dst[k] = int32(i)
			k += bit(b)
		}
	} else {
		dst = dst[:len(sel)]
		for _, i := range sel {
			dst[k] = i
			k += bit(v.Bool[i])
		}
	}
	return dropNulls(dst[:k], v), nil
}

// dropNulls removes the rows where v is NULL.
func dropNulls(rows []int32, v *batch.Vector) []int32 {
	if len(v.Nulls) == 0 && v.Type.Kind != types.Null {
		return rows
	}
	k := 0
	for _, i := range rows {
		rows[k] = i
		k += bit(!v.IsNull(int(i)))
	}
	return rows[:k]
}

// allOf is AND.
type allOf struct{ preds []pred }

func (p *allOf) filter(x *ctx, sel, dst []int32) ([]int32, error) {
	for n, q := range p.preds {
		rows, err := q.filter(x, sel, dst[:0])
		if err != nil || len(rows) == 0 || n == len(p.preds)-1 {
			return rows, err
		}
		sel, dst = rows, rows[:0]
	}
	return dst, nil
}

// constPred is a comparison with a constant.
type constPred struct{ k *compare }

func (p *constPred) filter(x *ctx, sel, dst []int32) ([]int32, error) {
	a, err := p.k.a.eval(x, sel)
	if err != nil {
		return dst, err
	}
	c := p.k.c.v
	n := x.n
	if sel != nil {
		n = len(sel)
	}
	dst = dst[:n]
	switch p.k.class {
	case batch.ClassInt:
		dst = filterConst(p.k.op, dst, a.Int[:x.n], c.Int[0], sel)
	case batch.ClassFloat:
		dst = filterConst(p.k.op, dst, a.Flt[:x.n], c.Flt[0], sel)
	case batch.ClassDec:
		order := orderOf(batch.ClassDec, p.k.sa, p.k.sb)
		all, err := p.k.c.eval(x, sel)
		if err != nil {
			return dst, err
		}
		return filterRows(dst, a, sel, func(i int) bool { return p.k.op.holds(order(a, all, i)) }), nil
	default:
		want := c.Bytes(0)
		switch p.k.op {
		case opEQ:
			return filterRows(dst, a, sel, func(i int) bool { return string(a.Bytes(i)) == string(want) }), nil
		case opNE:
			return filterRows(dst, a, sel, func(i int) bool { return string(a.Bytes(i)) != string(want) }), nil
		}
		return filterRows(dst, a, sel, func(i int) bool { return p.k.op.holds(bytes.Compare(a.Bytes(i), want)) }), nil
	}
	return dropNulls(dst, a), nil
}

// filterRows keeps the rows that are not NULL in v and that keep says yes to. dst is as long as sel.
func filterRows(dst []int32, v *batch.Vector, sel []int32, keep func(i int) bool) []int32 {
	k := 0
	if sel == nil {
		for i := range dst {
			if !v.Nulls.Has(i) && keep(i) {
				dst[k] = int32(i)
				k++
			}
		}
		return dst[:k]
	}
	for _, i := range sel {
		if !v.Nulls.Has(int(i)) && keep(int(i)) {
			dst[k] = i
			k++
		}
	}
	return dst[:k]
}

// filterConst writes every row and moves on only behind those that pass: no branch depends on the data.
func filterConst[T number](op cmpOp, dst []int32, a []T, c T, sel []int32) []int32 {
	k := 0
	if sel != nil {
		for _, i := range sel {
			dst[k] = i
			x := a[i]
			switch op {
			case opEQ:
				k += bit(x == c)
			case opNE:
				k += bit(x != c)
			case opLT:
				k += bit(x < c)
			case opLE:
				k += bit(x <= c)
			case opGT:
				k += bit(x > c)
			default:
				k += bit(x >= c)
			}
		}
		return dst[:k]
	}
	switch op {
	case opEQ:
		for i, x := range a {
			dst[k] = int32(i)
			k += bit(x == c)
		}
	case opNE:
		for i, x := range a {
			dst[k] = int32(i)
			k += bit(x != c)
		}
	case opLT:
		for i, x := range a {
			dst[k] = int32(i)
			k += bit(x < c)
		}
	case opLE:
		for i, x := range a {
			dst[k] = int32(i)
			k += bit(x <= c)
		}
	case opGT:
		for i, x := range a {
			dst[k] = int32(i)
			k += bit(x > c)
		}
	default:
		for i, x := range a {
			dst[k] = int32(i)
			k += bit(x >= c)
		}
	}
	return dst[:k]
}
