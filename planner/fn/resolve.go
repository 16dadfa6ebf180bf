package fn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/planner/types"
)

// ResolveFunc is the form of Func.Resolve.
type ResolveFunc = func(args []Arg) (types.Type, []types.Type, error)

// param is what one argument must be.
type param struct {
	what string // "a string"; for messages
	ok   func(types.Type) bool
	null types.Type                        // what a bare NULL is taken for
	cast func(t types.Type) types.Type     // nil: the argument stays as it is
	lit  func(v types.Value) (want string) // nil; or for an argument that must be a literal: what is wanted when v is not it
	// check looks at the value of a literal; nil: nothing to check. Values of rows are checked when they come.
	check func(v types.Value) error
}

var (
	aString  = param{what: "a string", ok: types.Type.IsString, null: types.TString}
	aBinary  = param{what: "BYTES", ok: types.Type.IsBinary, null: types.TBytes}
	anInt    = param{what: "a whole number", ok: types.Type.IsInteger, null: types.TInt}
	aNumber  = param{what: "a number", ok: types.Type.IsNumeric, null: types.TDouble}
	aDouble  = param{what: "a number", ok: types.Type.IsNumeric, null: types.TDouble, cast: toDouble}
	aBool    = param{what: "BOOLEAN", ok: isKind(types.Boolean), null: types.TBoolean}
	aDay     = param{what: "a DATE or TIMESTAMP", ok: hasDate, null: types.MakeTimestamp(3)}
	aClock   = param{what: "a TIME or TIMESTAMP", ok: hasTime, null: types.MakeTimestamp(3)}
	aTime    = param{what: "a DATE, TIME or TIMESTAMP", ok: isTemporal, null: types.MakeTimestamp(3)}
	anything = param{what: "a value", ok: func(types.Type) bool { return true }, null: types.TNull}
)

func isKind(k types.Kind) func(types.Type) bool {
	return func(t types.Type) bool { return t.Kind == k }
}

func toDouble(t types.Type) types.Type { return types.TDouble.WithNullable(t.Nullable) }

func hasDate(t types.Type) bool    { return t.IsTimestamp() || t.Kind == types.Date }
func hasTime(t types.Type) bool    { return t.IsTimestamp() || t.Kind == types.Time }
func isTemporal(t types.Type) bool { return hasDate(t) || t.Kind == types.Time }

// word is a literal out of a list, as the planner passes units of time and the sides of TRIM.
func word(what string, list ...string) param {
	return param{
		what: what, ok: types.Type.IsString, null: types.TString,
		lit: func(v types.Value) string {
			for _, w := range list {
				if v == types.Value(w) {
					return ""
				}
			}
			return what + ": " + strings.Join(list, ", ")
		},
	}
}

// overload is one form of a function.
type overload struct {
	params   []param
	optional int    // the last so many params may be left out
	rest     *param // further arguments, any number; nil: none
	result   func(args []Arg) types.Type
	// The result is nullable if any argument is; forced says otherwise.
	nullable func(args []Arg) bool
}

func form(result func([]Arg) types.Type, params ...param) overload {
	return overload{params: params, result: result}
}

func (o overload) opt(n int) overload                     { o.optional = n; return o }
func (o overload) variadic(p param) overload              { o.rest = &p; return o }
func (o overload) nulls(f func(args []Arg) bool) overload { o.nullable = f; return o }
func always([]Arg) bool                                   { return true }
func never([]Arg) bool                                    { return false }
func is(t types.Type) func([]Arg) types.Type              { return func([]Arg) types.Type { return t } }
func arg(i int) func([]Arg) types.Type                    { return func(a []Arg) types.Type { return a[i].Type } }
func anyNullable(args []Arg) bool {
	for _, a := range args {
		if a.Type.Nullable {
			return true
		}
	}
	return false
}

// varying is argument i as a VARCHAR of the same length.
func varying(i int) func([]Arg) types.Type {
	return func(a []Arg) types.Type {
		t := a[i].Type
		if t.Kind == types.Char {
			t.Kind = types.VarChar
		}
		return t
	}
}

// resolve makes Func.Resolve of the forms of a function.
func resolve(forms ...overload) ResolveFunc {
	return func(args []Arg) (types.Type, []types.Type, error) {
		var best error
		bestAt := -1
		for _, o := range forms {
			t, casts, at, err := o.try(args)
			if err == nil {
				return t, casts, nil
			}
			if at > bestAt {
				best, bestAt = err, at
			}
		}
		if bestAt < 0 {
			return types.Type{}, nil, countError(len(args), forms)
		}
		return types.Type{}, nil, best
	}
}

// try matches args; on failure at is the argument that does not fit, -1 when their number does not.
func (o overload) try(args []Arg) (result types.Type, casts []types.Type, at int, err error) {
	if len(args) < len(o.params)-o.optional || len(args) > len(o.params) && o.rest == nil {
		return types.Type{}, nil, -1, errors.New("count")
	}
	casts = make([]types.Type, len(args))
	seen := make([]Arg, len(args))
	for i, a := range args {
		p := o.rest
		if i < len(o.params) {
			p = &o.params[i]
		}
		switch {
		case a.Type.Kind == types.Null && p.lit == nil:
			a.Type = p.null
		case !p.ok(a.Type):
			return types.Type{}, nil, i, fmt.Errorf("argument %d must be %s, not %s", i+1, p.what, a.Type.WithNullable(true))
		}
		if p.lit != nil {
			if want := p.lit(a.Value); !a.Literal || want != "" {
				if want == "" {
					want = p.what
				}
				return types.Type{}, nil, i, fmt.Errorf("argument %d must be %s", i+1, want)
			}
		}
		if p.check != nil && a.Literal && a.Value != nil {
			if err := p.check(a.Value); err != nil {
				return types.Type{}, nil, i, fmt.Errorf("argument %d: %w", i+1, err)
			}
		}
		casts[i] = a.Type
		if p.cast != nil {
			casts[i] = p.cast(a.Type)
		}
		seen[i] = a
		seen[i].Type = casts[i]
	}
	result = o.result(seen)
	nullable := anyNullable(seen)
	if o.nullable != nil {
		nullable = o.nullable(seen)
	}
	return result.WithNullable(nullable), casts, 0, nil
}

// countError says how many arguments there may be.
func countError(n int, forms []overload) error {
	least, most, open := 1<<30, 0, false
	for _, o := range forms {
		least = min(least, len(o.params)-o.optional)
		most = max(most, len(o.params))
		open = open || o.rest != nil
	}
	var want string
	switch {
	case open:
		want = fmt.Sprintf("at least %d", least)
	case least == most:
		want = fmt.Sprint(most)
	default:
		want = fmt.Sprintf("%d to %d", least, most)
	}
	unit := "arguments"
	if want == "1" || want == "at least 1" {
		unit = "argument"
	}
	return fmt.Errorf("it takes %s %s, not %d", want, unit, n)
}

// widest makes DOUBLEs of the FLOATs among args where there are both: COALESCE, GREATEST and LEAST do that, CASE and
// arithmetic go by the first.
func widest(args []Arg) []Arg {
	double := false
	for _, a := range args {
		double = double || a.Type.Kind == types.Double
	}
	if !double {
		return args
	}
	out := slices.Clone(args)
	for i, a := range out {
		if a.Type.Kind == types.Float {
			out[i].Type = toDouble(a.Type)
		}
	}
	return out
}

// castAll is a common type for all arguments from the first on.
func castAll(args []Arg, from int) (types.Type, []types.Type, error) {
	ts := make([]types.Type, 0, len(args))
	for _, a := range args[from:] {
		ts = append(ts, a.Type)
	}
	t, err := CommonType(ts...)
	if err != nil {
		return t, nil, err
	}
	casts := make([]types.Type, len(args))
	for i, a := range args {
		casts[i] = a.Type
		if i >= from {
			casts[i] = t.WithNullable(a.Type.Nullable || a.Type.Kind == types.Null)
		}
	}
	return t, casts, nil
}

// refused is Resolve of a function that is not called like others.
func refused(why string) ResolveFunc {
	return func([]Arg) (types.Type, []types.Type, error) { return types.Type{}, nil, errors.New(why) }
}
