package expr

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/planner/datetime"
	"weir/planner/decimal"
	"weir/planner/scalar"
	"weir/planner/types"
)

// cast makes the conversion of e. Between types of one form that need no change it is its operand itself.
func (c *compiler) cast(e *scalar.Cast) (node, error) {
	if lit, ok := e.X.(*scalar.Literal); ok && lit.Value == nil || e.X.Type().Kind == types.Null {
		return newConstant(nil, e.Typ), nil
	}
	x, err := c.node(e.X)
	if err != nil {
		return nil, err
	}
	if _, lit := e.X.(*scalar.Literal); e.Implicit && !lit && e.X.Type().IsString() && isClock(e.Typ) {
		// A string that is compared with a time: one that is no time is NULL, as in Flink at =. One that is no number fails.
		try := *e
		try.Try = true
		e = &try
	}
	n, err := convert(x, e.X.Type(), e.Typ, e)
	if err != nil || n != x || e.X.Type().EqualIgnoringNull(e.Typ) {
		return n, err
	}
	// The same vector under another type: what reads it may go by the type.
	return &retyped{x: x, t: e.Typ}, nil
}

func isClock(t types.Type) bool {
	return t.IsTimestamp() || t.Kind == types.Date || t.Kind == types.Time
}

// retyped is the vector of x with another type of the same form.
type retyped struct {
	x   node
	t   types.Type
	out batch.Vector
}

func (k *retyped) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	v, err := k.x.eval(x, sel)
	if err != nil {
		return nil, err
	}
	k.out = *v
	k.out.Type = k.t
	return &k.out, nil
}

// convert makes the node that converts x.
func convert(x node, from, to types.Type, e *scalar.Cast) (node, error) {
	if from.Kind == types.Null { // a field that is always NULL: its vector has no values to be read as those of another type
		return newConstant(nil, to), nil
	}
	f, view := converter(from, to, e.Try)
	if f == nil {
		if from.Nested != nil && to.Nested != nil && from.Kind == to.Kind {
			return convertNested(x, from, to, e)
		}
		if sameForm(from, to) {
			return x, nil
		}
		return nil, fmt.Errorf("there is no kernel for a cast from %s to %s; this is a bug", from, to)
	}
	k := &rowKernel{result: newResult(to), name: "CAST", span: e.Sp, args: []node{x}, in: make([]*batch.Vector, 1), f: f}
	if view {
		k.view = 1
	}
	return k, nil
}

// sameForm reports whether values of from are values of to as they are.
func sameForm(from, to types.Type) bool {
	switch {
	case from.EqualIgnoringNull(to):
		return true
	case from.IsInteger() && to.IsInteger():
		return from.Kind <= to.Kind
	case from.Kind == types.Float && to.Kind == types.Double:
		return true
	case from.Kind == types.Decimal && to.Kind == types.Decimal:
		return from.Scale == to.Scale && from.Prec <= to.Prec
	case from.IsString() && to.Kind == types.VarChar, from.IsBinary() && to.Kind == types.VarBinary:
		return to.Len >= from.Len
	case from.Kind == to.Kind && (from.IsTimestamp() || from.Kind == types.Time):
		return to.Prec >= from.Prec
	}
	return false
}

type rowFunc = func(k *rowKernel, i int) error

// converter is the conversion of a value that is not NULL; nil where none is needed or there is none. view says that its results
// are parts of its argument.
func converter(from, to types.Type, try bool) (f rowFunc, view bool) {
	if sameForm(from, to) {
		return nil, false
	}
	switch {
	case to.IsString():
		if from.IsBinary() {
			return func(k *rowKernel, i int) error {
				s := k.str(0, i)
				if !utf8.Valid(s) { // what is no character becomes one that says so
					s = []byte(string([]rune(string(s))))
				}
				if to.Kind == types.Char {
					k.end(i, padded(k.arena(), s, to.Len))
				} else {
					k.setStr(i, s[:firstChars(s, to.Len)])
				}
				return nil
			}, false
		}
		if from.IsString() {
			if to.Kind == types.VarChar {
				return func(k *rowKernel, i int) error { k.part(i, 0, firstChars(k.str(0, i), to.Len)); return nil }, true
			}
			return func(k *rowKernel, i int) error { k.end(i, padded(k.arena(), k.str(0, i), to.Len)); return nil }, false
		}
		return toText(from, to), false
	case to.IsBinary():
		if to.Kind == types.VarBinary {
			return func(k *rowKernel, i int) error { k.part(i, 0, min(len(k.str(0, i)), to.Len)); return nil }, true
		}
		return func(k *rowKernel, i int) error {
			s := k.str(0, i)
			data := append(k.arena(), s[:min(len(s), to.Len)]...)
			for n := len(s); n < to.Len; n++ {
				data = append(data, 0)
			}
			k.end(i, data)
			return nil
		}, false
	case from.IsString():
		return fromText(to, try), false
	case to.IsNumeric():
		return toNumber(from, to), false
	case to.Kind == types.Boolean && from.IsInteger():
		return func(k *rowKernel, i int) error { k.setBool(i, k.int(0, i) != 0); return nil }, false
	case to.Kind == types.Boolean && from.Kind == types.Decimal:
		return func(k *rowKernel, i int) error { k.setBool(i, k.in[0].Dec[i] != types.Dec{}); return nil }, false
	case to.Kind == types.Boolean && from.IsNumeric():
		return func(k *rowKernel, i int) error { k.setBool(i, k.flt(0, i) != 0); return nil }, false
	}
	return timeCast(from, to), false
}

// firstChars is the number of bytes of the first n characters.
func firstChars(s []byte, n int) int {
	if len(s) <= n {
		return len(s)
	}
	at := 0
	for ; n > 0 && at < len(s); n-- {
		at += runeLen(s[at:])
	}
	return at
}

// runeLen is the length of the first character; a byte that is none counts as one.
func runeLen(s []byte) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRune(s)
	return n
}

// padded appends s with exactly n characters.
func padded(dst, s []byte, n int) []byte {
	have := utf8.RuneCount(s)
	if have >= n {
		return append(dst, s[:firstChars(s, n)]...)
	}
	dst = append(dst, s...)
	for ; have < n; have++ {
		dst = append(dst, ' ')
	}
	return dst
}

func toText(from, to types.Type) rowFunc {
	if from.IsInteger() && to.Len >= 20 && to.Kind == types.VarChar {
		return func(k *rowKernel, i int) error {
			k.end(i, strconv.AppendInt(k.arena(), k.int(0, i), 10))
			return nil
		}
	}
	return func(k *rowKernel, i int) error {
		data := k.arena()
		at := len(data)
		data = text.AppendValue(data, k.in[0], i, k.x.zone)
		if n := firstChars(data[at:], to.Len); n < len(data)-at {
			data = data[:at+n]
		}
		if to.Kind == types.Char {
			for n := utf8.RuneCount(data[at:]); n < to.Len; n++ {
				data = append(data, ' ')
			}
		}
		k.end(i, data)
		return nil
	}
}

const castHelp = "correct the data, filter such rows out, or use TRY_CAST to get NULL for them"

// fromText reads a string.
func fromText(to types.Type, try bool) rowFunc {
	bad := func(k *rowKernel, i int) error {
		if try {
			return k.setNull(i)
		}
		return k.fail(i, castHelp, "cannot cast %s to %s", quoted(k.str(0, i)), to.WithNullable(true))
	}
	zoned := to.Kind == types.TimestampLTZ
	switch to.Kind {
	case types.Boolean:
		return func(k *rowKernel, i int) error {
			b, ok := text.ParseBool(k.str(0, i))
			if !ok {
				return bad(k, i)
			}
			k.setBool(i, b)
			return nil
		}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return func(k *rowKernel, i int) error {
			n, ok, in := text.ParseInt(k.str(0, i), to.Kind)
			if !ok || !in {
				return bad(k, i)
			}
			k.setInt(i, n)
			return nil
		}
	case types.Float, types.Double:
		return func(k *rowKernel, i int) error {
			f, ok := text.ParseFloat(k.str(0, i), to.Kind == types.Float)
			if !ok {
				return bad(k, i)
			}
			k.setFlt(i, f)
			return nil
		}
	case types.Decimal:
		return func(k *rowKernel, i int) error {
			d, ok := decimal.Parse(k.str(0, i), to.Prec, to.Scale)
			if !ok {
				return bad(k, i) // also a number that does not fit, as in Flink
			}
			k.setDec(i, d)
			return nil
		}
	case types.Date:
		return func(k *rowKernel, i int) error {
			d, ok := datetime.ParseDate(k.str(0, i))
			if !ok {
				return bad(k, i)
			}
			k.setInt(i, d)
			return nil
		}
	case types.Time:
		return func(k *rowKernel, i int) error {
			t, ok := datetime.ParseTime(k.str(0, i))
			if !ok {
				return bad(k, i)
			}
			k.setInt(i, datetime.Truncate(t, to.Prec))
			return nil
		}
	case types.Timestamp, types.TimestampLTZ:
		return func(k *rowKernel, i int) error {
			t, ok := datetime.ParseTimestamp(k.str(0, i), ' ')
			if !ok {
				return bad(k, i)
			}
			t = datetime.Truncate(t, to.Prec)
			if zoned {
				t = k.x.zone.UTC(t)
			}
			k.setInt(i, t)
			return nil
		}
	}
	return nil
}

// toNumber converts numbers, BOOLEAN and intervals to a number.
func toNumber(from, to types.Type) rowFunc {
	integer := func(read func(k *rowKernel, i int) int64) rowFunc {
		return func(k *rowKernel, i int) error {
			k.out.Int[i] = read(k, i)
			wrapInts(to.Kind, k.out.Int[i:i+1])
			return nil
		}
	}
	float := func(read func(k *rowKernel, i int) float64) rowFunc {
		return func(k *rowKernel, i int) error {
			k.out.Flt[i] = read(k, i)
			wrapFloats(to.Kind, k.out.Flt[i:i+1])
			return nil
		}
	}
	dec := func(read func(k *rowKernel, i int) (types.Dec, bool)) rowFunc {
		return func(k *rowKernel, i int) error {
			d, ok := read(k, i)
			if !ok {
				return k.setNull(i)
			}
			k.setDec(i, d)
			return nil
		}
	}
	switch cl := batch.ClassOf(to); {
	case from.IsInterval() && from.Kind == types.IntervalDaySecond:
		return integer(func(k *rowKernel, i int) int64 { return k.int(0, i) / 1000 }) // milliseconds, as Flink counts them
	case from.IsInteger() || from.IsInterval():
		switch cl {
		case batch.ClassInt:
			return integer(func(k *rowKernel, i int) int64 { return k.int(0, i) })
		case batch.ClassFloat:
			return float(func(k *rowKernel, i int) float64 { return float64(k.int(0, i)) })
		}
		return dec(func(k *rowKernel, i int) (types.Dec, bool) {
			return decimal.Convert(decimal.FromInt(k.int(0, i)), 0, to.Prec, to.Scale)
		})
	case from.IsApprox():
		switch cl {
		case batch.ClassInt:
			return integer(func(k *rowKernel, i int) int64 { return javaInt(k.flt(0, i), to.Kind) })
		case batch.ClassFloat:
			return float(func(k *rowKernel, i int) float64 { return k.flt(0, i) })
		}
		return dec(func(k *rowKernel, i int) (types.Dec, bool) { return decimal.FromFloat(k.flt(0, i), to.Prec, to.Scale) })
	case from.Kind == types.Decimal:
		switch cl {
		case batch.ClassInt:
			return integer(func(k *rowKernel, i int) int64 {
				n, _ := decimal.Int(k.in[0].Dec[i], from.Scale) // too large ones lose their upper bits, as in Java
				return n
			})
		case batch.ClassFloat:
			return float(func(k *rowKernel, i int) float64 { return decimal.Float(k.in[0].Dec[i], from.Scale) })
		}
		return dec(func(k *rowKernel, i int) (types.Dec, bool) {
			return decimal.Convert(k.in[0].Dec[i], from.Scale, to.Prec, to.Scale)
		})
	case from.Kind == types.Boolean:
		switch cl {
		case batch.ClassInt:
			return integer(func(k *rowKernel, i int) int64 { return int64(bit(k.in[0].Bool[i])) })
		case batch.ClassFloat:
			return float(func(k *rowKernel, i int) float64 { return float64(bit(k.in[0].Bool[i])) })
		}
		return dec(func(k *rowKernel, i int) (types.Dec, bool) {
			return decimal.Convert(decimal.FromInt(int64(bit(k.in[0].Bool[i]))), 0, to.Prec, to.Scale)
		})
	}
	return nil
}

// javaInt converts as Java does: NaN is 0, what is too large is the largest number; smaller types take the lower bits of an INT.
func javaInt(f float64, k types.Kind) int64 {
	lo, hi := int64(math.MinInt32), int64(math.MaxInt32)
	if k == types.BigInt {
		lo, hi = math.MinInt64, math.MaxInt64
	}
	switch {
	case f != f:
		return 0
	case f >= float64(hi):
		return hi
	case f <= float64(lo):
		return lo
	}
	return int64(f)
}

// timeCast converts times to times.
func timeCast(from, to types.Type) rowFunc {
	fromZone, toZone := from.Kind == types.TimestampLTZ, to.Kind == types.TimestampLTZ
	// local is the argument as a timestamp of the local clock.
	local := func(k *rowKernel, i int) int64 {
		t := k.int(0, i)
		switch {
		case from.Kind == types.Date:
			return t * datetime.Day
		case fromZone:
			return k.x.zone.Local(t)
		}
		return t // a TIME is one of 1970-01-01
	}
	switch {
	case fromZone && toZone:
		return func(k *rowKernel, i int) error { k.setInt(i, datetime.Truncate(k.int(0, i), to.Prec)); return nil }
	case to.Kind == types.Date:
		return func(k *rowKernel, i int) error { k.setInt(i, datetime.DaysOf(local(k, i))); return nil }
	case to.Kind == types.Time:
		return func(k *rowKernel, i int) error {
			k.setInt(i, datetime.Truncate(datetime.TimeOf(local(k, i)), to.Prec))
			return nil
		}
	case to.Kind == types.Timestamp:
		return func(k *rowKernel, i int) error { k.setInt(i, datetime.Truncate(local(k, i), to.Prec)); return nil }
	case toZone:
		return func(k *rowKernel, i int) error {
			k.setInt(i, k.x.zone.UTC(datetime.Truncate(local(k, i), to.Prec)))
			return nil
		}
	}
	return nil
}

// nested converts the elements of lists and the fields of rows.
type nested struct {
	result
	x        node
	children []node  // each reads input
	inputs   []*held // what the children read
	rows     []int32
	fails    []bool // TRY_CAST: whether a child that has become NULL makes the whole value NULL
}

// held is a vector as a node.
type held struct{ v *batch.Vector }

func (h *held) eval(*ctx, []int32) (*batch.Vector, error) { return h.v, nil }

func convertNested(x node, from, to types.Type, e *scalar.Cast) (node, error) {
	k := &nested{result: result{&batch.Vector{Type: to}}, x: x}
	a, b := batch.NewVector(from, 0), batch.NewVector(to, 0)
	for i := range a.Children {
		h := &held{}
		n, err := convert(h, a.Children[i].Type, b.Children[i].Type, e)
		if err != nil {
			return nil, err
		}
		if n == node(h) {
			n = &retyped{x: h, t: b.Children[i].Type}
		}
		k.inputs, k.children = append(k.inputs, h), append(k.children, n)
		if f, t := a.Children[i].Type, b.Children[i].Type; e.Try {
			k.fails = append(k.fails, f.Nested != nil || f.IsString() && !t.IsString())
		}
	}
	return k, nil
}

func (k *nested) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	v, err := k.x.eval(x, sel)
	if err != nil {
		return nil, err
	}
	out := k.out
	out.Nulls, out.Off, out.Len, out.Children = v.Nulls, v.Off, v.Len, out.Children[:0]
	// The rows of the children that belong to values: all others may hold anything.
	k.rows = k.rows[:0]
	list := batch.ClassOf(out.Type) == batch.ClassList
	add := func(i int) {
		switch {
		case v.IsNull(i):
		case list:
			for j := v.Off[i]; j < v.Off[i]+v.Len[i]; j++ {
				k.rows = append(k.rows, int32(j))
			}
		default:
			k.rows = append(k.rows, int32(i))
		}
	}
	if sel == nil {
		for i := range x.n {
			add(i)
		}
	} else {
		for _, i := range sel {
			add(int(i))
		}
	}
	inner := *x
	for c, n := range k.children {
		k.inputs[c].v = v.Children[c]
		if list {
			inner.n = v.Children[c].Rows()
		}
		rows := k.rows
		if rows == nil {
			rows = []int32{}
		}
		child, err := n.eval(&inner, rows)
		if err != nil {
			return nil, err
		}
		out.Children = append(out.Children, child)
	}
	if k.fails != nil {
		k.tried(v, x.n, sel)
	}
	return out, nil
}

// tried makes those of the n values of v NULL of which an element could not be converted.
func (k *nested) tried(v *batch.Vector, n int, sel []int32) {
	out := k.out
	copied := false
	fail := func(i int) {
		if !copied { // the bits are those of the argument until now
			nulls := out.Nulls
			out.Nulls, copied = nil, true
			out.GrowNulls(n)
			copy(out.Nulls, nulls)
		}
		out.Nulls.Set(i)
	}
	look := func(i int) {
		if v.IsNull(i) {
			return
		}
		from, to := uint32(i), uint32(i+1)
		if batch.ClassOf(out.Type) == batch.ClassList {
			from, to = v.Off[i], v.Off[i]+v.Len[i]
		}
		for c, child := range out.Children {
			for j := from; k.fails[c] && j < to; j++ {
				if child.IsNull(int(j)) && !v.Children[c].IsNull(int(j)) {
					fail(i)
					return
				}
			}
		}
	}
	if sel == nil {
		for i := range n {
			look(i)
		}
		return
	}
	for _, i := range sel {
		look(int(i))
	}
}
