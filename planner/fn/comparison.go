package fn

import (
	"fmt"
	"slices"

	"weir/planner/datetime"
	"weir/planner/types"
)

func comparisonFuncs() []*Func {
	op := func(symbol, doc string, ex ...string) *Func {
		return &Func{
			Name: symbol, Family: "comparison", Syntax: "a " + symbol + " b", Doc: doc, Deterministic: true,
			Resolve: resolveCompare(is(types.TBoolean), anyNullable, symbol != "=" && symbol != "<>"), Examples: examples(ex...),
		}
	}
	distinct := func(name, doc string, ex ...string) *Func {
		f := op(name, doc, ex...)
		f.Nulls, f.Resolve = NullsToKernel, resolveCompare(is(types.TBoolean), never, false)
		return f
	}
	extreme := func(name, doc string, ex ...string) *Func {
		return &Func{
			Name: name, Family: "comparison", Syntax: name + "(a, b, ...)", Doc: doc, Deterministic: true,
			Resolve: resolveExtreme, Examples: examples(ex...),
		}
	}
	return []*Func{
		op("=", "TRUE if a equals b.", "1 = 1.0", "TRUE", "'a' = 'b'", "FALSE", "CAST(NULL AS INT) = 1", "NULL",
			"DATE '2026-01-02' = '2026-01-02'", "TRUE"),
		op("<>", "TRUE if a differs from b.", "1 <> 2", "TRUE", "'a' <> 'a'", "FALSE", "CAST(NULL AS INT) <> 1", "NULL"),
		op("<", "TRUE if a is less than b; strings are compared by their bytes.", "1 < 2", "TRUE", "'B' < 'a'", "TRUE", "2.50 < 2.5", "FALSE"),
		op("<=", "TRUE if a is at most b.", "2.50 <= 2.5", "TRUE", "TIME '10:00:00' <= TIME '09:59:59'", "FALSE"),
		op(">", "TRUE if a is greater than b.", "TRUE > FALSE", "TRUE", "1 > CAST(1.5 AS DOUBLE)", "FALSE"),
		op(">=", "TRUE if a is at least b.", "TIMESTAMP '2026-01-01 00:00:00' >= CAST(DATE '2026-01-01' AS TIMESTAMP(0))", "TRUE", "'a' >= 'aa'", "FALSE"),
		distinct("IS DISTINCT FROM", "TRUE if a differs from b, where NULL equals NULL and nothing else.",
			"1 IS DISTINCT FROM NULL", "TRUE", "CAST(NULL AS INT) IS DISTINCT FROM NULL", "FALSE"),
		distinct("IS NOT DISTINCT FROM", "TRUE if a equals b, where NULL equals NULL and nothing else.",
			"1 IS NOT DISTINCT FROM NULL", "FALSE", "CAST(NULL AS INT) IS NOT DISTINCT FROM NULL", "TRUE"),
		{
			Name: "IN", Family: "comparison", Syntax: "x [NOT] IN (a, b, ...)", Deterministic: true, Nulls: NullsToKernel,
			Doc:     "TRUE if x equals one of the values; NULL if it equals none and one of them, or x, is NULL.",
			Resolve: resolveIn,
			Examples: examples("4 IN (1, 2, 3)", "FALSE", "1 IN (1, 2, NULL)", "TRUE", "4 IN (1, 2, NULL)", "NULL",
				"4 NOT IN (1, 2, 3)", "TRUE", "'b' IN ('a', 'b')", "TRUE"),
		},
		extreme("GREATEST", "The greatest of the values; NULL if any is NULL.", "GREATEST(1, 3, 2)", "3", "GREATEST('a', 'b')", "b", "GREATEST(1, CAST(NULL AS INT))", "NULL"),
		extreme("LEAST", "The least of the values; NULL if any is NULL.", "LEAST(1, 3, 2)", "1", "LEAST(1.5, 2)", "1.5"),
	}
}

// ordering is comparing, for <, <=, > and >=, which read a string beside a number or BOOLEAN as one, as in Flink, where = does not.
func ordering(a, b Arg) (ta, tb types.Type, err error) {
	switch ta, tb = a.Type, b.Type; {
	case isPlain(ta) && tb.IsString():
		return ta, readAs(ta).WithNullable(tb.Nullable), nil
	case ta.IsString() && isPlain(tb):
		return readAs(tb).WithNullable(ta.Nullable), tb, nil
	}
	return comparing(a, b)
}

// isPlain reports a type whose values compare with strings only where one is converted: a number or BOOLEAN.
func isPlain(t types.Type) bool { return t.IsNumeric() || t.Kind == types.Boolean }

// readAs is what a string beside a t is read as: a DECIMAL may have more digits before the point.
func readAs(t types.Type) types.Type {
	if t.Kind == types.Decimal {
		return types.MakeDecimal(maxPrecision, t.Scale)
	}
	return t
}

// comparing brings a and b to types that can be compared: equal ones, but for lengths of strings, fractions of seconds,
// and two DECIMALs, which are compared as they are.
func comparing(a, b Arg) (ta, tb types.Type, err error) {
	ta, tb = a.Type, b.Type
	switch {
	case ta.Kind == types.Null && tb.Kind == types.Null:
		return types.TInt, types.TInt, nil
	case ta.Kind == types.Null:
		return tb.WithNullable(true), tb, nil
	case tb.Kind == types.Null:
		return ta, ta.WithNullable(true), nil
	case ta.IsNumeric() && tb.IsNumeric():
		if ta.Kind == types.Decimal || tb.Kind == types.Decimal {
			if !ta.IsApprox() && !tb.IsApprox() {
				return AsDecimal(ta), AsDecimal(tb), nil
			}
		}
		if ta.IsInteger() && tb.IsInteger() {
			return ta, tb, nil
		}
		c := commonNumeric(ta, tb)
		return c.WithNullable(ta.Nullable), c.WithNullable(tb.Nullable), nil
	case ta.IsString() && tb.IsString(), ta.IsBinary() && tb.IsBinary():
		return ta, tb, nil
	case isTemporal(ta) && tb.IsString():
		return ta, ta.WithNullable(tb.Nullable), checkTime(b, ta)
	case ta.IsString() && isTemporal(tb):
		return tb.WithNullable(ta.Nullable), tb, checkTime(a, tb)
	case ta.Kind == types.TimestampLTZ && tb.Kind == types.Timestamp:
		return ta, types.MakeTimestampLTZ(tb.Prec).WithNullable(tb.Nullable), nil
	case ta.Kind == types.Timestamp && tb.Kind == types.TimestampLTZ:
		return types.MakeTimestampLTZ(ta.Prec).WithNullable(ta.Nullable), tb, nil
	case ta.Nested != nil || tb.Nested != nil:
		return comparingNested(ta, tb)
	case ta.Kind == tb.Kind:
		return ta, tb, nil
	}
	return ta, tb, fmt.Errorf("%s and %s cannot be compared; CAST one to the type of the other", ta.WithNullable(true), tb.WithNullable(true))
}

// checkTime reads a constant string that is compared with a time.
func checkTime(a Arg, t types.Type) error {
	text, ok := a.Value.(string)
	if !a.Literal || !ok {
		return nil
	}
	form := "yyyy-MM-dd HH:mm:ss"
	switch t.Kind {
	case types.Date:
		form = "yyyy-MM-dd"
		_, ok = datetime.ParseDate([]byte(text))
	case types.Time:
		form = "HH:mm:ss"
		_, ok = datetime.ParseTime([]byte(text))
	default:
		_, ok = datetime.ParseTimestamp([]byte(text), ' ')
	}
	if !ok {
		return fmt.Errorf("'%s' is no %s; write it as '%s'", text, t.Kind, form)
	}
	return nil
}

// resolveCompare takes two operands that can be compared; ordered: that one may come before the other.
func resolveCompare(result func([]Arg) types.Type, nullable func([]Arg) bool, ordered bool) ResolveFunc {
	return func(args []Arg) (types.Type, []types.Type, error) {
		if len(args) != 2 {
			return types.Type{}, nil, fmt.Errorf("it takes 2 operands, not %d", len(args))
		}
		compare := comparing
		if ordered {
			compare = ordering
		}
		a, b, err := compare(args[0], args[1])
		if err != nil {
			return types.Type{}, nil, err
		}
		if ordered && !a.HasOrder() {
			return types.Type{}, nil, fmt.Errorf("values of type %s have no order", a.WithNullable(true))
		}
		seen := []Arg{{Type: a}, {Type: b}}
		return result(seen).WithNullable(nullable(seen)), []types.Type{a, b}, nil
	}
}

// resolveIn casts everything to one type.
func resolveIn(args []Arg) (types.Type, []types.Type, error) {
	if len(args) < 2 {
		return types.Type{}, nil, fmt.Errorf("the list is empty")
	}
	args = slices.Clone(args)
	alikeInList(args)
	x := args[0]
	ts := []types.Type{x.Type}
	for i, a := range args[1:] {
		ta, tb, err := comparing(x, a)
		if err != nil {
			return types.Type{}, nil, fmt.Errorf("element %d: %w", i+1, err)
		}
		ts = append(ts, ta, tb)
	}
	if isTemporal(x.Type) {
		ts = ts[1:]
	} else if x.Type.IsString() && ts[1].Kind != x.Type.Kind && isTemporal(ts[1]) {
		ts = ts[1:]
	}
	t, err := CommonType(ts...)
	if err != nil {
		return types.Type{}, nil, err
	}
	casts := make([]types.Type, len(args))
	for i, a := range args {
		casts[i] = t.WithNullable(a.Type.Nullable || a.Type.Kind == types.Null)
	}
	return types.TBoolean.WithNullable(anyNullable(args)), casts, nil
}

// alikeInList gives a list of strings the type of the number or BOOLEAN before IN, and makes strings of a list of those behind a string.
func alikeInList(args []Arg) {
	x, list := args[0].Type, args[1:]
	all := func(is func(types.Type) bool) bool {
		return !slices.ContainsFunc(list, func(a Arg) bool { return a.Type.Kind != types.Null && !is(a.Type) })
	}
	var to types.Type
	switch {
	case isPlain(x) && all(types.Type.IsString):
		to = readAs(x)
	case x.IsString() && all(types.Type.IsInteger), x.IsString() && all(func(t types.Type) bool { return isPlain(t) && t.EqualIgnoringNull(list[0].Type) }):
		to = types.TString
	default:
		return
	}
	for i, a := range list {
		if a.Type.Kind != types.Null {
			list[i].Type = to.WithNullable(a.Type.Nullable)
		}
	}
}

func resolveExtreme(args []Arg) (types.Type, []types.Type, error) {
	if len(args) == 0 {
		return types.Type{}, nil, fmt.Errorf("it takes at least 1 argument, not 0")
	}
	t, casts, err := castAll(widest(args), 0)
	if err != nil {
		return t, nil, err
	}
	if !t.HasOrder() || t.Kind == types.Null {
		return t, nil, fmt.Errorf("values of type %s have no order", t.WithNullable(true))
	}
	return t, casts, nil
}
