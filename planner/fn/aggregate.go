package fn

import (
	"fmt"

	"weir/planner/types"
)

func aggregateFuncs() []*Func {
	f := func(name, syntax, doc string, r ResolveFunc) *Func {
		return &Func{Name: name, Kind: Aggregate, Family: "aggregate", Syntax: syntax, Doc: doc, Deterministic: true, Nulls: NullsToKernel, Resolve: r}
	}
	sum := func(name string, nulls func([]Arg) bool) ResolveFunc {
		return resolve(form(func(a []Arg) types.Type {
			if t := a[0].Type; t.Kind == types.Decimal {
				return types.MakeDecimal(maxPrecision, t.Scale)
			}
			return a[0].Type
		}, aNumber).nulls(nulls))
	}
	ordered := param{what: "a value that has an order", null: types.TInt, ok: func(t types.Type) bool { return t.Nested == nil }}
	variance := func(name, doc string) *Func {
		return f(name, name+"(x)", doc, resolve(form(func(a []Arg) types.Type {
			if t := a[0].Type; t.Kind == types.Decimal {
				return types.MakeDecimal(maxPrecision, max(6, t.Scale))
			}
			return a[0].Type
		}, aNumber).nulls(always)))
	}
	anyValue := resolve(form(arg(0), anything).nulls(always))
	return []*Func{
		f("COUNT", "COUNT(*), COUNT([DISTINCT] x)", "The number of rows, or of those where x is not NULL, or of different values of x.",
			resolve(form(is(types.TBigInt)).variadic(anything).nulls(never))),
		f("SUM", "SUM([DISTINCT] x)", "The sum of the values that are not NULL; NULL of none. It has the type of x, so that a sum of INT wraps around: CAST to BIGINT where it may be large. Of DECIMAL(p, s) it is DECIMAL(38, s).", sum("SUM", always)),
		f("SUM0", "SUM0(x)", "As SUM, but 0 of no value.", sum("SUM0", never)),
		f("AVG", "AVG([DISTINCT] x)", "The mean of the values that are not NULL, in the type of x (whole numbers are cut towards zero). Of DECIMAL(p, s) it is DECIMAL(38, at least 6).",
			resolve(form(func(a []Arg) types.Type {
				if t := a[0].Type; t.Kind == types.Decimal {
					return types.MakeDecimal(maxPrecision, max(6, t.Scale))
				}
				return a[0].Type
			}, aNumber).nulls(always))),
		f("MIN", "MIN(x)", "The least value.", resolve(form(arg(0), ordered).nulls(always))),
		f("MAX", "MAX(x)", "The greatest value.", resolve(form(arg(0), ordered).nulls(always))),
		f("FIRST_VALUE", "FIRST_VALUE(x)", "The value of the first row.", anyValue),
		f("LAST_VALUE", "LAST_VALUE(x)", "The value of the last row.", anyValue),
		f("LISTAGG", "LISTAGG(s [, separator])", "The strings put together with a separator, a comma when not given.", resolve(form(is(types.TString), aString, aSeparator).opt(1).nulls(always))),
		f("COLLECT", "COLLECT([DISTINCT] x)", "The values as a MULTISET.", func(args []Arg) (types.Type, []types.Type, error) {
			if len(args) != 1 {
				return types.Type{}, nil, fmt.Errorf("it takes 1 argument, not %d", len(args))
			}
			t := args[0].Type
			return types.Type{Kind: types.Multiset, Nested: &types.Nested{Elem: t}}, []types.Type{t}, nil
		}),
		variance("STDDEV", "The sample standard deviation."),
		variance("STDDEV_POP", "The population standard deviation."),
		variance("STDDEV_SAMP", "The sample standard deviation."),
		variance("VARIANCE", "The sample variance."),
		variance("VAR_POP", "The population variance."),
		variance("VAR_SAMP", "The sample variance."),
	}
}

// aSeparator is a literal string.
var aSeparator = param{what: "a string literal", ok: types.Type.IsString, null: types.TString, lit: func(v types.Value) string {
	if _, ok := v.(string); ok {
		return ""
	}
	return "a string literal"
}}
