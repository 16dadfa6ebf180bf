package fn

import (
	"fmt"

	"weir/planner/types"
)

func arithmeticFuncs() []*Func {
	op := func(symbol, syntax, doc string, r ResolveFunc, ex ...string) *Func {
		return &Func{
			Name: symbol, Family: "arithmetic", Syntax: syntax, Doc: doc, Deterministic: true, Resolve: r, Examples: examples(ex...),
		}
	}
	return []*Func{
		op("+", "a + b, + a", "The sum. Whole numbers wrap around as in Java; a DECIMAL that does not fit is NULL. A time plus an interval is a time of the same type: of an interval, a DATE takes the whole days only.",
			resolvePlus, "1 + 2", "3", "2147483647 + 1", "-2147483648", "1.5 + 2.25", "3.75", "1 + CAST(0.5 AS DOUBLE)", "1.5",
			"DATE '2026-01-31' + INTERVAL '1' MONTH", "2026-02-28", "DATE '2026-01-31' + INTERVAL '36' HOUR", "2026-02-01",
			"TIMESTAMP '2026-01-01 00:00:00.000' + INTERVAL '90' SECOND", "2026-01-01 00:01:30.000",
			"TIME '23:59:59' + INTERVAL '2' SECOND", "00:00:01", "+ 5", "5"),
		op("-", "a - b, - a", "The difference, or the number with its sign changed. A time minus an interval is a time; for the time between two times use TIMESTAMPDIFF.",
			resolveMinus, "5 - 7", "-2", "- 5", "-5", "1.00 - 0.015", "0.985",
			"TIMESTAMP '2026-03-31 10:00:00' - INTERVAL '1' MONTH", "2026-02-28 10:00:00", "CAST(NULL AS INT) - 1", "NULL"),
		op("*", "a * b", "The product.", resolveTimes, "3 * 4", "12", "1.2 * 1.25", "1.500", "CAST(1.5 AS DOUBLE) * 2", "3.0"),
		op("/", "a / b", "The quotient; whole numbers give a whole number, cut towards zero. Division by zero is an error, for DOUBLE it is infinite or NaN.",
			resolveDivide, "7 / 2", "3", "-7 / 2", "-3", "7 / CAST(2 AS DOUBLE)", "3.5", "1.0 / 3", "0.333333333333", "CAST(1 AS DOUBLE) / 0", "Infinity"),
		op("%", "a % b", "The remainder of the division, with the sign of a.", resolveMod, "7 % 3", "1", "-7 % 3", "-1", "7.5 % 2", "1.5"),
	}
}

// numbers gives the types in which two numbers are computed: DECIMALs as they are, everything else alike.
func numbers(a, b types.Type, decimal func(a, b types.Type) types.Type) (result types.Type, casts []types.Type) {
	nullable := a.Nullable || b.Nullable
	if a.IsApprox() || b.IsApprox() || a.IsInteger() && b.IsInteger() {
		t := commonNumeric(a, b)
		return t.WithNullable(nullable), []types.Type{t.WithNullable(a.Nullable), t.WithNullable(b.Nullable)}
	}
	a, b = AsDecimal(a), AsDecimal(b)
	// A DECIMAL result that does not fit is NULL, so that it is nullable whatever the operands are.
	return decimal(a, b).WithNullable(true), []types.Type{a, b}
}

// operands replaces a bare NULL by the other operand's type.
func operands(args []Arg) (a, b types.Type, err error) {
	if len(args) != 2 {
		return a, b, fmt.Errorf("it takes 2 operands, not %d", len(args))
	}
	a, b = args[0].Type, args[1].Type
	if a.Kind == types.Null && b.Kind == types.Null {
		return types.TInt, types.TInt, nil
	}
	if a.Kind == types.Null && b.IsNumeric() {
		a = b.WithNullable(true)
	}
	if b.Kind == types.Null && a.IsNumeric() {
		b = a.WithNullable(true)
	}
	return a, b, nil
}

func mismatch(a, b types.Type) error {
	time, other := a, b
	if !time.IsTimestamp() && time.Kind != types.Date {
		time, other = b, a
	}
	if (time.IsTimestamp() || time.Kind == types.Date) && (other.IsString() || other.IsNumeric()) {
		span := "INTERVAL '5' MINUTE"
		if time.Kind == types.Date {
			span = "INTERVAL '1' DAY"
		}
		return fmt.Errorf("%s is no span of time; write one as in %s", other.WithNullable(true), span)
	}
	for _, t := range []types.Type{a, b} {
		if t.IsString() {
			return fmt.Errorf("%s is no number; CAST it, or use || to put strings together", t.WithNullable(true))
		}
	}
	return fmt.Errorf("no such operation on %s and %s", a.WithNullable(true), b.WithNullable(true))
}

// resolvePlus and resolveMinus are of one operand and of two.
var (
	resolvePlus = signOr(func(args []Arg, a, b types.Type) (types.Type, []types.Type, error) {
		if a.IsInterval() && isTemporal(b) {
			return b.WithNullable(anyNullable(args)), []types.Type{a, b}, nil
		}
		return timeArithmetic(args, a, b)
	})
	resolveMinus = signOr(func(args []Arg, a, b types.Type) (types.Type, []types.Type, error) {
		if isTemporal(a) && isTemporal(b) {
			return a, nil, fmt.Errorf("times cannot be subtracted; write TIMESTAMPDIFF(SECOND, b, a) with the unit you need")
		}
		return timeArithmetic(args, a, b)
	})
)

// signOr resolves a sign before a number, the sum of two numbers, and by others what else two operands are.
func signOr(others func(args []Arg, a, b types.Type) (types.Type, []types.Type, error)) func(args []Arg) (types.Type, []types.Type, error) {
	return func(args []Arg) (types.Type, []types.Type, error) {
		if len(args) == 1 {
			return sign(args[0].Type)
		}
		a, b, err := operands(args)
		if err != nil {
			return a, nil, err
		}
		if a.IsNumeric() && b.IsNumeric() {
			t, casts := numbers(a, b, addType)
			return t, casts, nil
		}
		return others(args, a, b)
	}
}

// timeArithmetic is time ± interval and interval ± interval.
func timeArithmetic(args []Arg, a, b types.Type) (types.Type, []types.Type, error) {
	switch {
	case isTemporal(a) && b.IsInterval():
		return a.WithNullable(anyNullable(args)), []types.Type{a, b}, nil
	case a.IsInterval() && b.Kind == a.Kind:
		return a.WithNullable(anyNullable(args)), []types.Type{a, b}, nil
	case a.IsInterval() && b.IsInterval():
		return a, nil, fmt.Errorf("an interval of months and one of days cannot be added")
	}
	return a, nil, mismatch(a, b)
}

func sign(t types.Type) (types.Type, []types.Type, error) {
	if t.Kind == types.Null {
		t = types.TInt
	}
	if !t.IsNumeric() && !t.IsInterval() {
		return t, nil, fmt.Errorf("%s has no sign", t.WithNullable(true))
	}
	return t, []types.Type{t}, nil
}

func resolveTimes(args []Arg) (types.Type, []types.Type, error) {
	a, b, err := operands(args)
	switch {
	case err != nil:
		return a, nil, err
	case a.IsNumeric() && b.IsNumeric():
		t, casts := numbers(a, b, mulType)
		return t, casts, nil
	case a.IsInterval() && b.IsInteger():
		return a.WithNullable(anyNullable(args)), []types.Type{a, b}, nil
	case a.IsInteger() && b.IsInterval():
		return b.WithNullable(anyNullable(args)), []types.Type{a, b}, nil
	}
	return a, nil, mismatch(a, b)
}

func resolveDivide(args []Arg) (types.Type, []types.Type, error) {
	a, b, err := operands(args)
	if err != nil {
		return a, nil, err
	}
	if !a.IsNumeric() || !b.IsNumeric() {
		return a, nil, mismatch(a, b)
	}
	t, casts := numbers(a, b, divType)
	return t, casts, nil
}

func resolveMod(args []Arg) (types.Type, []types.Type, error) {
	a, b, err := operands(args)
	if err != nil {
		return a, nil, err
	}
	if !a.IsNumeric() || !b.IsNumeric() {
		return a, nil, mismatch(a, b)
	}
	if a.IsApprox() || b.IsApprox() {
		return a, nil, fmt.Errorf("a remainder is for whole numbers and DECIMAL; CAST to DECIMAL(38, 10), say")
	}
	t, casts := numbers(a, b, modType)
	if b.IsInteger() && a.IsInteger() {
		// The result has the type of the divisor, which holds every remainder.
		t = b.WithNullable(t.Nullable)
	}
	return t, casts, nil
}
