package fn

import (
	"fmt"

	"weir/planner/types"
)

func conditionalFuncs() []*Func {
	f := func(name, syntax, doc string, nulls NullRule, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "conditional", Syntax: syntax, Doc: doc, Nulls: nulls, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	letters := func(name, doc string, ex ...string) *Func {
		return f(name, name+"(s)", doc, NullsToKernel, resolve(form(is(types.TBoolean), aString).nulls(never), form(is(types.TBoolean), aNumber).nulls(never)), ex...)
	}
	return []*Func{
		f("CASE", "CASE WHEN condition THEN x ... [ELSE y] END, CASE v WHEN a THEN x ... [ELSE y] END",
			"The value behind the first condition that is TRUE; otherwise that of ELSE, or NULL. Only what is chosen is computed.", NullsToKernel, resolveCase,
			"CASE WHEN 1 > 2 THEN 'a' WHEN 2 > 1 THEN 'b' ELSE 'c' END", "b", "CASE 5 WHEN 1 THEN 'one' END", "NULL", "CASE WHEN TRUE THEN 1 ELSE 1 / 0 END", "1", "CASE WHEN FALSE THEN 1 ELSE 2.5 END", "2.5"),
		f("IF", "IF(condition, x, y)", "x if the condition is TRUE, otherwise y.", NullsToKernel, resolveIf, "IF(5 > 3, 5, 3)", "5", "IF(CAST(NULL AS BOOLEAN), 'a', 'b')", "b"),
		f("COALESCE", "COALESCE(x, ...)", "The first value that is not NULL.", NullsToKernel, resolveCoalesce, "COALESCE(NULL, 'default')", "default", "COALESCE(CAST(NULL AS INT), CAST(NULL AS INT))", "NULL", "COALESCE(1, 1 / 0)", "1"),
		f("IFNULL", "IFNULL(x, y)", "x if it is not NULL, otherwise y.", NullsToKernel, func(args []Arg) (types.Type, []types.Type, error) {
			if len(args) != 2 {
				return types.Type{}, nil, fmt.Errorf("it takes 2 arguments, not %d", len(args))
			}
			return resolveCoalesce(args)
		}, "IFNULL(CAST(NULL AS INT), 5)", "5", "IFNULL(1, 5)", "1"),
		f("NULLIF", "NULLIF(x, y)", "NULL if x equals y, otherwise x.", NullsToKernel, resolveNullif, "NULLIF(5, 5)", "NULL", "NULLIF(5, 0)", "5", "NULLIF('a', CAST(NULL AS STRING))", "a"),
		letters("IS_ALPHA", "TRUE if s has only letters, and at least one.", "IS_ALPHA('Grün')", "TRUE", "IS_ALPHA('a1')", "FALSE", "IS_ALPHA(CAST(NULL AS STRING))", "FALSE"),
		letters("IS_DIGIT", "TRUE if s has only digits, and at least one.", "IS_DIGIT('0042')", "TRUE", "IS_DIGIT('4.2')", "FALSE"),
		letters("IS_DECIMAL", "TRUE if s is a number.", "IS_DECIMAL('-4.2')", "TRUE", "IS_DECIMAL('abc')", "FALSE"),
	}
}

// resolveCase takes cond, value, ..., else.
func resolveCase(args []Arg) (types.Type, []types.Type, error) {
	if len(args) < 3 || len(args)%2 == 0 {
		return types.Type{}, nil, fmt.Errorf("it takes conditions with their values and an ELSE")
	}
	var values []Arg
	var at []int
	for i, a := range args {
		if i%2 == 1 || i == len(args)-1 {
			values, at = append(values, a), append(at, i)
		} else if a.Type.Kind != types.Boolean && a.Type.Kind != types.Null {
			return types.Type{}, nil, fmt.Errorf("the condition of WHEN must be BOOLEAN, not %s", a.Type.WithNullable(true))
		}
	}
	t, valueCasts, err := castAll(values, 0)
	if err != nil {
		return t, nil, fmt.Errorf("the values: %w", err)
	}
	casts := make([]types.Type, len(args))
	for i, a := range args {
		casts[i] = types.TBoolean.WithNullable(a.Type.Nullable || a.Type.Kind == types.Null)
	}
	for k, i := range at {
		casts[i] = valueCasts[k]
	}
	return t, casts, nil
}

func resolveIf(args []Arg) (types.Type, []types.Type, error) {
	if len(args) != 3 {
		return types.Type{}, nil, fmt.Errorf("it takes 3 arguments, not %d", len(args))
	}
	return resolveCase(args)
}

// resolveCoalesce is NULL only where every argument may be.
func resolveCoalesce(args []Arg) (types.Type, []types.Type, error) {
	if len(args) == 0 {
		return types.Type{}, nil, fmt.Errorf("it takes at least 1 argument, not 0")
	}
	t, casts, err := castAll(widest(args), 0)
	nullable := true
	for _, a := range args {
		nullable = nullable && (a.Type.Nullable || a.Type.Kind == types.Null)
	}
	return t.WithNullable(nullable), casts, err
}

func resolveNullif(args []Arg) (types.Type, []types.Type, error) {
	if len(args) != 2 {
		return types.Type{}, nil, fmt.Errorf("it takes 2 arguments, not %d", len(args))
	}
	a, b, err := comparing(args[0], args[1])
	if err != nil {
		return a, nil, err
	}
	x := args[0].Type
	if x.IsNumeric() && !a.EqualIgnoringNull(x) {
		// The comparison is in another type than the result: the kernel casts for it and gives back x.
		a = x
		if b.IsInteger() || b.Kind == types.Decimal || b.IsApprox() {
			b = args[1].Type
		}
		if b.Kind == types.Null {
			b = a.WithNullable(true)
		}
	}
	if x.IsString() {
		return x.WithNullable(true), []types.Type{a, b}, nil
	}
	return a.WithNullable(true), []types.Type{a, b}, nil
}
