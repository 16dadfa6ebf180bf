package expr

import (
	"bytes"
	"cmp"

	"weir/exec/batch"
	"weir/planner/decimal"
	"weir/planner/scalar"
	"weir/planner/types"
)

// cmpOp is a comparison.
type cmpOp uint8

const (
	opEQ cmpOp = iota
	opNE
	opLT
	opLE
	opGT
	opGE
)

// flip is the comparison with its sides changed.
func (o cmpOp) flip() cmpOp { return [...]cmpOp{opEQ, opNE, opGT, opGE, opLT, opLE}[o] }

// holds says whether the comparison is true for the order c of its sides.
func (o cmpOp) holds(c int) bool {
	switch o {
	case opEQ:
		return c == 0
	case opNE:
		return c != 0
	case opLT:
		return c < 0
	case opLE:
		return c <= 0
	case opGT:
		return c > 0
	}
	return c >= 0
}

var compareKernels = map[string]builder{
	"=": comparison(opEQ), "<>": comparison(opNE), "<": comparison(opLT), "<=": comparison(opLE), ">": comparison(opGT), ">=": comparison(opGE),
	"IS DISTINCT FROM": distinct(true), "IS NOT DISTINCT FROM": distinct(false),
	"GREATEST": extreme(1), "LEAST": extreme(-1), "NULLIF": nullif,
}

func comparison(op cmpOp) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) { return newCompare(op, e, args), nil }
}

// compare is a comparison of two values of one class.
type compare struct {
	result
	op    cmpOp
	class batch.Class
	a, b  node
	sa    int // scales of DECIMALs
	sb    int
	c     *constant // b, if it is a constant that is not NULL
}

func newCompare(op cmpOp, e *scalar.Call, args []node) *compare {
	k := &compare{result: newResult(e.Typ), op: op, a: args[0], b: args[1], class: batch.ClassOf(e.Args[0].Type())}
	k.sa, k.sb = e.Args[0].Type().Scale, e.Args[1].Type().Scale
	if constOf(k.a) != nil && constOf(k.b) == nil {
		k.a, k.b, k.sa, k.sb, k.op = k.b, k.a, k.sb, k.sa, op.flip()
	}
	if c := constOf(k.b); c != nil && !c.null() {
		k.c = c
	}
	return k
}

func (k *compare) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	a, err := k.a.eval(x, sel)
	if err != nil {
		return nil, err
	}
	b := (*batch.Vector)(nil)
	if k.c == nil {
		if b, err = k.b.eval(x, sel); err != nil {
			return nil, err
		}
	}
	out := k.begin(x.n)
	orNulls(out, a, x.n)
	if b != nil {
		orNulls(out, b, x.n)
	}
	all := sel
	if dense(sel, x.n) {
		all = nil
	}
	dst := out.Bool[:x.n]
	switch k.class {
	case batch.ClassInt:
		if b == nil {
			compareConst(k.op, dst, a.Int[:x.n], k.c.v.Int[0], all)
		} else {
			compareVec(k.op, dst, a.Int[:x.n], b.Int[:x.n], all)
		}
	case batch.ClassFloat:
		if b == nil {
			compareConst(k.op, dst, a.Flt[:x.n], k.c.v.Flt[0], all)
		} else {
			compareVec(k.op, dst, a.Flt[:x.n], b.Flt[:x.n], all)
		}
	default:
		if b == nil {
			if b, err = k.c.eval(x, sel); err != nil {
				return nil, err
			}
		}
		if k.class == batch.ClassBytes && k.op <= opNE {
			k.sameBytes(dst, a, b, out.Nulls, sel)
			break
		}
		order := orderOf(k.class, k.sa, k.sb)
		nulls := out.Nulls
		if sel == nil {
			for i := range dst {
				if !nulls.Has(i) {
					dst[i] = k.op.holds(order(a, b, i))
				}
			}
			break
		}
		for _, i := range sel {
			if !nulls.Has(int(i)) {
				dst[i] = k.op.holds(order(a, b, int(i)))
			}
		}
	}
	return out, nil
}

// sameBytes is = and <> of strings.
func (k *compare) sameBytes(dst []bool, a, b *batch.Vector, nulls batch.Bitmap, sel []int32) {
	n := len(dst)
	if sel != nil {
		n = len(sel)
	}
	for s := range n {
		i := s
		if sel != nil {
			i = int(sel[s])
		}
		if !nulls.Has(i) {
			dst[i] = (string(a.Bytes(i)) == string(b.Bytes(i))) == (k.op == opEQ)
		}
	}
}

// orderOf compares row i of two vectors of one class: -1, 0, 1.
func orderOf(cl batch.Class, sa, sb int) func(a, b *batch.Vector, i int) int {
	switch cl {
	case batch.ClassBytes:
		return func(a, b *batch.Vector, i int) int { return bytes.Compare(a.Bytes(i), b.Bytes(i)) }
	case batch.ClassDec:
		return func(a, b *batch.Vector, i int) int { return decimal.CmpScaled(a.Dec[i], sa, b.Dec[i], sb) }
	case batch.ClassBool:
		return func(a, b *batch.Vector, i int) int { return cmp.Compare(bit(a.Bool[i]), bit(b.Bool[i])) }
	case batch.ClassInt:
		return func(a, b *batch.Vector, i int) int { return cmp.Compare(a.Int[i], b.Int[i]) }
	case batch.ClassFloat:
		return func(a, b *batch.Vector, i int) int {
			switch x, y := a.Flt[i], b.Flt[i]; {
			case x < y:
				return -1
			case x > y:
				return 1
			case x == y:
				return 0
			}
			// A NaN is larger than all numbers and equal to itself.
			return cmp.Compare(bit(a.Flt[i] != a.Flt[i]), bit(b.Flt[i] != b.Flt[i]))
		}
	}
	return func(a, b *batch.Vector, i int) int { return bit(!sameNested(a, i, b, i)) } // there is no order, only 0
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

type number interface{ int64 | float64 }

func compareVec[T number](op cmpOp, dst []bool, a, b []T, sel []int32) {
	switch op {
	case opGT:
		op, a, b = opLT, b, a
	case opGE:
		op, a, b = opLE, b, a
	}
	if sel != nil {
		for _, i := range sel {
			x, y := a[i], b[i]
			switch op {
			case opEQ:
				dst[i] = x == y
			case opNE:
				dst[i] = x != y
			case opLT:
				dst[i] = x < y
			default:
				dst[i] = x <= y
			}
		}
		return
	}
	a, b = a[:len(dst)], b[:len(dst)]
	switch op {
	case opEQ:
		for i := range dst {
			dst[i] = a[i] == b[i]
		}
	case opNE:
		for i := range dst {
			dst[i] = a[i] != b[i]
		}
	case opLT:
		for i := range dst {
			dst[i] = a[i] < b[i]
		}
	default:
		for i := range dst {
			dst[i] = a[i] <= b[i]
		}
	}
}

func compareConst[T number](op cmpOp, dst []bool, a []T, c T, sel []int32) {
	if sel != nil {
		for _, i := range sel {
			x := a[i]
			switch op {
			case opEQ:
				dst[i] = x == c
			case opNE:
				dst[i] = x != c
			case opLT:
				dst[i] = x < c
			case opLE:
				dst[i] = x <= c
			case opGT:
				dst[i] = x > c
			default:
				dst[i] = x >= c
			}
		}
		return
	}
	a = a[:len(dst)]
	switch op {
	case opEQ:
		for i := range dst {
			dst[i] = a[i] == c
		}
	case opNE:
		for i := range dst {
			dst[i] = a[i] != c
		}
	case opLT:
		for i := range dst {
			dst[i] = a[i] < c
		}
	case opLE:
		for i := range dst {
			dst[i] = a[i] <= c
		}
	case opGT:
		for i := range dst {
			dst[i] = a[i] > c
		}
	default:
		for i := range dst {
			dst[i] = a[i] >= c
		}
	}
}

// distinct is IS [NOT] DISTINCT FROM.
func distinct(want bool) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		cl := batch.ClassOf(e.Args[0].Type())
		order := orderOf(cl, e.Args[0].Type().Scale, e.Args[1].Type().Scale)
		k := newRows(e, args, func(k *rowKernel, i int) error {
			a, b := k.null(0, i), k.null(1, i)
			differs := a != b
			if !a && !b {
				differs = order(k.in[0], k.in[1], i) != 0
				if cl == batch.ClassFloat {
					differs = k.flt(0, i) != k.flt(1, i) // NaN is distinct from NaN, as in a comparison
				}
			}
			k.setBool(i, differs == want)
			return nil
		})
		k.nulls = true
		return k, nil
	}
}

// extreme is GREATEST (want 1) and LEAST (want -1).
func extreme(want int) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		cl := batch.ClassOf(e.Typ)
		return newRows(e, args, func(k *rowKernel, i int) error {
			best := k.in[0]
			for _, v := range k.in[1:] {
				if orderRows(cl, v, best, i) == want {
					best = v
				}
			}
			k.copyRow(i, best)
			return nil
		}), nil
	}
}

func orderRows(cl batch.Class, a, b *batch.Vector, i int) int {
	return orderOf(cl, a.Type.Scale, b.Type.Scale)(a, b, i)
}

// copyRow makes row i that of v.
func (k *rowKernel) copyRow(i int, v *batch.Vector) {
	switch batch.ClassOf(v.Type) {
	case batch.ClassBool:
		k.out.Bool[i] = v.Bool[i]
	case batch.ClassInt:
		k.out.Int[i] = v.Int[i]
	case batch.ClassFloat:
		k.out.Flt[i] = v.Flt[i]
	case batch.ClassDec:
		k.out.Dec[i] = v.Dec[i]
	case batch.ClassBytes:
		k.setStr(i, v.Bytes(i))
	default:
		k.out.SetFrom(i, v, i)
	}
}

// nullif compares in the type that the comparison has and gives back its first argument.
func nullif(c *compiler, e *scalar.Call, args []node) (node, error) {
	a, b := e.Args[0].Type(), e.Args[1].Type()
	var same func(k *rowKernel, i int) bool
	switch ca, cb := batch.ClassOf(a), batch.ClassOf(b); {
	case ca == cb:
		order := orderOf(ca, a.Scale, b.Scale)
		same = func(k *rowKernel, i int) bool { return order(k.in[0], k.in[1], i) == 0 }
	case ca == batch.ClassFloat || cb == batch.ClassFloat:
		same = func(k *rowKernel, i int) bool { return asFloat(k.in[0], i) == asFloat(k.in[1], i) }
	default:
		same = func(k *rowKernel, i int) bool {
			return decimal.CmpScaled(asDec(k.in[0], i), a.Scale, asDec(k.in[1], i), b.Scale) == 0
		}
	}
	k := newRows(e, args, func(k *rowKernel, i int) error {
		if k.null(0, i) || !k.null(1, i) && same(k, i) {
			return k.setNull(i)
		}
		k.copyRow(i, k.in[0])
		return nil
	})
	k.nulls = true
	return k, nil
}

// asFloat and asDec read a number of any class.
func asFloat(v *batch.Vector, i int) float64 {
	switch batch.ClassOf(v.Type) {
	case batch.ClassInt:
		return float64(v.Int[i])
	case batch.ClassDec:
		return decimal.Float(v.Dec[i], v.Type.Scale)
	}
	return v.Flt[i]
}

func asDec(v *batch.Vector, i int) types.Dec {
	if batch.ClassOf(v.Type) == batch.ClassInt {
		return decimal.FromInt(v.Int[i])
	}
	return v.Dec[i]
}

// inSet is IN over constants, through a set of them.
type inSet struct {
	result
	x       node
	class   batch.Class
	ints    map[int64]struct{}
	few     []int64 // instead of ints, when there are only a few
	floats  map[float64]struct{}
	strs    map[string]struct{}
	decs    map[types.Dec]struct{}
	bools   [2]bool
	hasNull bool
}

const fewInts = 8

// in makes a set of the constants; the planner gives x and constants of one type.
func (c *compiler) in(e *scalar.Call) (node, error) {
	x, err := c.node(e.Args[0])
	if err != nil {
		return nil, err
	}
	k := &inSet{result: newResult(e.Typ), x: x, class: batch.ClassOf(e.Args[0].Type())}
	k.ints, k.floats, k.strs, k.decs = map[int64]struct{}{}, map[float64]struct{}{}, map[string]struct{}{}, map[types.Dec]struct{}{}
	for _, a := range e.Args[1:] {
		lit, ok := a.(*scalar.Literal)
		if !ok {
			return c.inList(e, x)
		}
		switch v := lit.Value.(type) {
		case nil:
			k.hasNull = true
		case bool:
			k.bools[bit(v)] = true
		case int64:
			k.ints[v] = struct{}{}
		case float64:
			k.floats[v] = struct{}{}
		case string:
			k.strs[v] = struct{}{}
		case []byte:
			k.strs[string(v)] = struct{}{}
		case types.Dec:
			k.decs[v] = struct{}{}
		default: // of a list or a row there are no sets
			return c.inList(e, x)
		}
	}
	if len(k.ints) <= fewInts {
		for v := range k.ints {
			k.few = append(k.few, v)
		}
	}
	return k, nil
}

func (k *inSet) has(v *batch.Vector, i int) bool {
	ok := false
	switch k.class {
	case batch.ClassBool:
		ok = k.bools[bit(v.Bool[i])]
	case batch.ClassInt:
		if k.few == nil {
			_, ok = k.ints[v.Int[i]]
			break
		}
		for _, c := range k.few {
			ok = ok || c == v.Int[i]
		}
	case batch.ClassFloat:
		_, ok = k.floats[v.Flt[i]]
	case batch.ClassBytes:
		_, ok = k.strs[string(v.Bytes(i))]
	case batch.ClassDec:
		_, ok = k.decs[v.Dec[i]]
	}
	return ok
}

func (k *inSet) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	v, err := k.x.eval(x, sel)
	if err != nil {
		return nil, err
	}
	out := k.begin(x.n)
	orNulls(out, v, x.n)
	if k.few != nil && !k.hasNull && dense(sel, x.n) {
		fewOf(out.Bool[:x.n], v.Int[:x.n], k.few)
		return out, nil
	}
	one := func(i int) {
		if v.IsNull(i) {
			return
		}
		found := k.has(v, i)
		out.Bool[i] = found
		if !found && k.hasNull {
			out.SetNull(i)
		}
	}
	if sel == nil {
		for i := range x.n {
			one(i)
		}
		return out, nil
	}
	for _, i := range sel {
		one(int(i))
	}
	return out, nil
}

// fewOf looks for each value among a few.
func fewOf(dst []bool, src, few []int64) {
	for i, v := range src {
		found := false
		for _, c := range few {
			found = found || c == v
		}
		dst[i] = found
	}
}

// inList is IN with elements that are computed for each row.
func (c *compiler) inList(e *scalar.Call, x node) (node, error) {
	rest, err := c.nodes(e.Args[1:])
	if err != nil {
		return nil, err
	}
	t := e.Args[0].Type()
	order := orderOf(batch.ClassOf(t), t.Scale, t.Scale)
	k := newRows(e, append([]node{x}, rest...), func(k *rowKernel, i int) error {
		if k.null(0, i) {
			return k.setNull(i)
		}
		found, unknown := false, false
		for _, v := range k.in[1:] {
			if v.IsNull(i) {
				unknown = true
			} else if order(k.in[0], v, i) == 0 {
				found = true
			}
		}
		k.setBool(i, found)
		if !found && unknown {
			return k.setNull(i)
		}
		return nil
	})
	k.nulls = true
	return k, nil
}
