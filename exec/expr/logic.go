package expr

import (
	"weir/exec/batch"
	"weir/planner/scalar"
)

var logicKernels = map[string]builder{
	"NOT": func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		return &not{newResult(e.Typ), args[0]}, nil
	},
	"IS NULL":        nullTest(true),
	"IS NOT NULL":    nullTest(false),
	"IS UNKNOWN":     nullTest(true),
	"IS NOT UNKNOWN": nullTest(false),
	"IS TRUE":        truthTest(true, true),
	"IS NOT TRUE":    truthTest(true, false),
	"IS FALSE":       truthTest(false, true),
	"IS NOT FALSE":   truthTest(false, false),
}

type not struct {
	result
	a node
}

func (k *not) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	a, err := k.a.eval(x, sel)
	if err != nil {
		return nil, err
	}
	out := k.begin(x.n)
	orNulls(out, a, x.n)
	dst, src := out.Bool[:x.n], a.Bool[:x.n]
	if dense(sel, x.n) {
		for i, b := range src {
			dst[i] = !b
		}
		return out, nil
	}
	for _, i := range sel {
		dst[i] = !src[i]
	}
	return out, nil
}

// isNull is IS NULL (want) and IS NOT NULL.
type isNull struct {
	result
	a    node
	want bool
}

func nullTest(want bool) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		return &isNull{newResult(e.Typ), args[0], want}, nil
	}
}

func (k *isNull) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	a, err := k.a.eval(x, sel)
	if err != nil {
		return nil, err
	}
	out := k.begin(x.n)
	dst := out.Bool[:x.n]
	for i := range dst {
		dst[i] = a.IsNull(i) == k.want
	}
	return out, nil
}

// truth is IS [NOT] TRUE and FALSE: value is what is asked for, want whether it should be.
type truth struct {
	result
	a           node
	value, want bool
}

func truthTest(value, want bool) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		return &truth{newResult(e.Typ), args[0], value, want}, nil
	}
}

func (k *truth) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	a, err := k.a.eval(x, sel)
	if err != nil {
		return nil, err
	}
	out := k.begin(x.n)
	dst := out.Bool[:x.n]
	for i := range dst {
		dst[i] = (!a.IsNull(i) && a.Bool[i] == k.value) == k.want
	}
	return out, nil
}

// junction is AND (neutral TRUE) and OR (neutral FALSE). A row is decided by the first operand that is neither neutral nor
// NULL; later ones are not computed for it.
type junction struct {
	result
	args    []node
	neutral bool
	open    []int32
}

func (c *compiler) logic(e *scalar.Call) (node, error) {
	args, err := c.nodes(e.Args)
	if err != nil {
		return nil, err
	}
	return &junction{result: newResult(e.Typ), args: args, neutral: e.Func.Name == "AND"}, nil
}

func (k *junction) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	out := k.begin(x.n)
	dst := out.Bool[:x.n]
	for i := range dst {
		dst[i] = k.neutral
	}
	open := sel
	for _, arg := range k.args {
		if open != nil && len(open) == 0 {
			break
		}
		v, err := arg.eval(x, open)
		if err != nil {
			return nil, err
		}
		src, nulls := v.Bool[:x.n], v.Nulls
		n := 0
		if open == nil {
			k.open = growSel(k.open, x.n)
			for i, b := range src {
				k.open[n] = int32(i)
				switch {
				case nulls.Has(i):
					out.SetNull(i)
					n++
				case b == k.neutral:
					n++
				default:
					dst[i] = b
				}
			}
			open = k.open[:n]
			continue
		}
		k.open = growSel(k.open, len(open))
		to := k.open[:len(open)]
		for _, i := range open {
			to[n] = i
			switch {
			case nulls.Has(int(i)):
				out.SetNull(int(i))
				n++
			case src[i] == k.neutral:
				n++
			default:
				dst[i] = src[i]
				if out.Nulls.Has(int(i)) {
					out.Nulls.Clear(int(i))
				}
			}
		}
		open = to[:n]
	}
	return out, nil
}

// growSel is a selection of at least n places, never nil.
func growSel(s []int32, n int) []int32 {
	if cap(s) < n || s == nil {
		t := make([]int32, n, n+n/4+1)
		copy(t, s)
		return t
	}
	return s[:max(n, len(s))]
}
