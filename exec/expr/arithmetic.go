package expr

import (
	"weir/exec/batch"
	"weir/planner/datetime"
	"weir/planner/decimal"
	"weir/planner/scalar"
	"weir/planner/types"
)

var arithmeticKernels = map[string]builder{
	"+": arithmetic(opAdd), "-": arithmetic(opSub), "*": arithmetic(opMul), "/": divide, "%": remainder, "MOD": remainder,
}

type arithOp uint8

const (
	opAdd arithOp = iota
	opSub
	opMul
)

func arithmetic(op arithOp) builder {
	return func(c *compiler, e *scalar.Call, args []node) (node, error) {
		if len(args) == 1 {
			return signed(op, e, args), nil
		}
		if n := shifted(op, e, args); n != nil {
			return n, nil
		}
		switch batch.ClassOf(e.Typ) {
		case batch.ClassDec:
			return decimalOp(op, e, args), nil
		case batch.ClassFloat:
			return &arith[float64]{newResult(e.Typ), op, args[0], args[1], floats, func(v []float64) { wrapFloats(e.Typ.Kind, v) }}, nil
		}
		return &arith[int64]{newResult(e.Typ), op, args[0], args[1], ints, func(v []int64) { wrapInts(e.Typ.Kind, v) }}, nil
	}
}

func ints(v *batch.Vector) []int64     { return v.Int }
func floats(v *batch.Vector) []float64 { return v.Flt }

// wrapInts cuts numbers to the width of their type, as Java does.
func wrapInts(k types.Kind, v []int64) {
	switch k {
	case types.TinyInt:
		for i, x := range v {
			v[i] = int64(int8(x))
		}
	case types.SmallInt:
		for i, x := range v {
			v[i] = int64(int16(x))
		}
	case types.Int:
		for i, x := range v {
			v[i] = int64(int32(x))
		}
	}
}

// wrapFloats rounds the numbers of a FLOAT.
func wrapFloats(k types.Kind, v []float64) {
	if k == types.Float {
		for i, x := range v {
			v[i] = float64(float32(x))
		}
	}
}

// arith is + - * of numbers of one class. All rows are computed where most are selected: garbage does no harm.
type arith[T number] struct {
	result
	op   arithOp
	a, b node
	data func(*batch.Vector) []T
	wrap func([]T)
}

func (k *arith[T]) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	a, b := constOf(k.a), constOf(k.b)
	var va, vb *batch.Vector
	var err error
	if a == nil || a.null() {
		if va, err = k.a.eval(x, sel); err != nil {
			return nil, err
		}
	}
	if b == nil || b.null() || va == nil {
		if vb, err = k.b.eval(x, sel); err != nil {
			return nil, err
		}
	}
	out := k.begin(x.n)
	if va != nil {
		orNulls(out, va, x.n)
	}
	if vb != nil {
		orNulls(out, vb, x.n)
	}
	if dense(sel, x.n) {
		sel = nil
	}
	dst := k.data(out)[:x.n]
	switch {
	case vb == nil:
		arithConst(k.op, dst, k.data(va)[:x.n], k.data(b.v)[0], sel)
	case va == nil:
		c := k.data(a.v)[0]
		op := k.op
		if op == opSub { // c - y: the negative of y - c would turn 0 into -0
			subFrom(dst, c, k.data(vb)[:x.n], sel)
		} else {
			arithConst(op, dst, k.data(vb)[:x.n], c, sel)
		}
	default:
		arithVec(k.op, dst, k.data(va)[:x.n], k.data(vb)[:x.n], sel)
	}
	if sel == nil {
		k.wrap(dst)
		return out, nil
	}
	for _, i := range sel {
		k.wrap(dst[i : i+1])
	}
	return out, nil
}

func arithVec[T number](op arithOp, dst, a, b []T, sel []int32) {
	if sel != nil {
		for _, i := range sel {
			switch op {
			case opAdd:
				dst[i] = a[i] + b[i]
			case opSub:
				dst[i] = a[i] - b[i]
			default:
				dst[i] = a[i] * b[i]
			}
		}
		return
	}
	a, b = a[:len(dst)], b[:len(dst)]
	switch op {
	case opAdd:
		for i := range dst {
			dst[i] = a[i] + b[i]
		}
	case opSub:
		for i := range dst {
			dst[i] = a[i] - b[i]
		}
	default:
		for i := range dst {
			dst[i] = a[i] * b[i]
		}
	}
}

func arithConst[T number](op arithOp, dst, a []T, c T, sel []int32) {
	if sel != nil {
		for _, i := range sel {
			switch op {
			case opAdd:
				dst[i] = a[i] + c
			case opSub:
				dst[i] = a[i] - c
			default:
				dst[i] = a[i] * c
			}
		}
		return
	}
	a = a[:len(dst)]
	switch op {
	case opAdd:
		for i := range dst {
			dst[i] = a[i] + c
		}
	case opSub:
		for i := range dst {
			dst[i] = a[i] - c
		}
	default:
		for i := range dst {
			dst[i] = a[i] * c
		}
	}
}

func subFrom[T number](dst []T, c T, b []T, sel []int32) {
	if sel != nil {
		for _, i := range sel {
			dst[i] = c - b[i]
		}
		return
	}
	for i := range dst {
		dst[i] = c - b[i]
	}
}

// signed is + x and - x.
func signed(op arithOp, e *scalar.Call, args []node) node {
	if op == opAdd {
		return args[0]
	}
	cl, kind := batch.ClassOf(e.Typ), e.Typ.Kind
	return newRows(e, args, func(k *rowKernel, i int) error {
		switch cl {
		case batch.ClassInt:
			k.out.Int[i] = -k.int(0, i)
			wrapInts(kind, k.out.Int[i:i+1])
		case batch.ClassFloat:
			k.out.Flt[i] = -k.flt(0, i)
		default:
			k.out.Dec[i] = decimal.Neg(k.in[0].Dec[i])
		}
		return nil
	})
}

// decimalOp is + - * of DECIMALs of any scales; what does not fit is NULL.
func decimalOp(op arithOp, e *scalar.Call, args []node) node {
	sa, sb, prec, scale := e.Args[0].Type().Scale, e.Args[1].Type().Scale, e.Typ.Prec, e.Typ.Scale
	return newRows(e, args, func(k *rowKernel, i int) error {
		a, b := k.in[0].Dec[i], k.in[1].Dec[i]
		var d types.Dec
		var ok bool
		switch op {
		case opAdd:
			d, ok = decimal.AddTo(a, sa, b, sb, prec, scale)
		case opSub:
			d, ok = decimal.AddTo(a, sa, decimal.Neg(b), sb, prec, scale)
		default:
			d, ok = decimal.MulTo(a, sa, b, sb, prec, scale)
		}
		if !ok {
			return k.setNull(i)
		}
		k.out.Dec[i] = d
		return nil
	})
}

const zeroHelp = "put NULLIF(divisor, 0) in its place to get NULL, or filter such rows out"

func divide(_ *compiler, e *scalar.Call, args []node) (node, error) {
	t := e.Typ
	switch batch.ClassOf(t) {
	case batch.ClassInt:
		return newRows(e, args, func(k *rowKernel, i int) error {
			b := k.int(1, i)
			if b == 0 {
				return k.fail(i, zeroHelp, "division of %d by zero", k.int(0, i))
			}
			k.out.Int[i] = k.int(0, i) / b
			wrapInts(t.Kind, k.out.Int[i:i+1])
			return nil
		}), nil
	case batch.ClassFloat:
		return newRows(e, args, func(k *rowKernel, i int) error {
			k.out.Flt[i] = k.flt(0, i) / k.flt(1, i)
			wrapFloats(t.Kind, k.out.Flt[i:i+1])
			return nil
		}), nil
	}
	return decimalQuotient(e, args, "division of %s by zero", decimal.DivTo), nil
}

func remainder(_ *compiler, e *scalar.Call, args []node) (node, error) {
	if batch.ClassOf(e.Typ) == batch.ClassInt {
		return newRows(e, args, func(k *rowKernel, i int) error {
			b := k.int(1, i)
			if b == 0 {
				return k.fail(i, zeroHelp, "remainder of %d divided by zero", k.int(0, i))
			}
			k.out.Int[i] = k.int(0, i) % b
			return nil
		}), nil
	}
	return decimalQuotient(e, args, "remainder of %s divided by zero", decimal.ModTo), nil
}

// decimalQuotient is what op makes of two decimals; zero says what cannot be done with a divisor of 0.
func decimalQuotient(e *scalar.Call, args []node, zero string, op func(a types.Dec, sa int, b types.Dec, sb, prec, scale int) (types.Dec, bool)) node {
	sa, sb, t := e.Args[0].Type().Scale, e.Args[1].Type().Scale, e.Typ
	return newRows(e, args, func(k *rowKernel, i int) error {
		a, b := k.in[0].Dec[i], k.in[1].Dec[i]
		if decimal.Sign(b) == 0 {
			return k.fail(i, zeroHelp, zero, decimal.String(a, sa))
		}
		d, ok := op(a, sa, b, sb, t.Prec, t.Scale)
		if !ok {
			return k.setNull(i)
		}
		k.out.Dec[i] = d
		return nil
	})
}

// shifted is time ± interval where that is more than a sum; nil otherwise.
func shifted(op arithOp, e *scalar.Call, args []node) node {
	a, b := e.Args[0].Type(), e.Args[1].Type()
	if op == opMul {
		return nil
	}
	at, by := 0, 1
	if a.IsInterval() {
		a, b, at, by = b, a, 1, 0
	}
	if !b.IsInterval() || a.IsInterval() {
		return nil
	}
	step := func(k *rowKernel, i int) int64 {
		if op == opSub {
			return -k.int(by, i)
		}
		return k.int(by, i)
	}
	months := b.Kind == types.IntervalYearMonth
	var move func(t, n int64) int64
	switch {
	case a.Kind == types.Time && months:
		move = func(t, _ int64) int64 { return t }
	case a.Kind == types.Time:
		move = func(t, n int64) int64 { return datetime.TimeOf(t + n) }
	case a.Kind == types.Date && months:
		move = datetime.AddMonths
	case a.Kind == types.Date:
		move = func(t, n int64) int64 { return t + n/datetime.Day }
	case months:
		move = datetime.AddMonthsTime
	default:
		return nil
	}
	return newRows(e, args, func(k *rowKernel, i int) error {
		k.out.Int[i] = move(k.int(at, i), step(k, i))
		return nil
	})
}
