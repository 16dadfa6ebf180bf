package fn

import (
	"fmt"

	"weir/planner/decimal"
	"weir/planner/types"
)

func aggregateFuncs() []*Func {
	f := func(name, syntax, doc string, r ResolveFunc) *Func {
		return &Func{Name: name, Kind: Aggregate, Family: "aggregate", Syntax: syntax, Doc: doc, Deterministic: true, Nulls: NullsToKernel, Resolve: r}
	}
	sum := func(nulls func([]Arg) bool) ResolveFunc {
		return resolve(form(func(a []Arg) types.Type {
			if t := a[0].Type; t.Kind == types.Decimal {
				return types.MakeDecimal(maxPrecision, t.Scale)
			}
			return a[0].Type
		}, aNumber).nulls(nulls))
	}
	ordered := param{what: "a value that has an order", null: types.TInt, ok: types.Type.HasOrder}
	variance := func(name, doc string) *Func {
		return f(name, name+"(x)", doc, resolve(form(func(a []Arg) types.Type {
			if t := a[0].Type; t.Kind == types.Decimal {
				return types.MakeDecimal(maxPrecision, max(6, t.Scale))
			}
			return a[0].Type
		}, aNumber).nulls(always)))
	}
	anyValue := resolve(form(arg(0), aTyped).nulls(always))
	value, frequency := aDouble, anInt
	frequency.cast = func(t types.Type) types.Type { return types.TBigInt.WithNullable(t.Nullable) }
	countable := param{what: "a value that can be compared", null: types.TInt, ok: func(t types.Type) bool { return t.Nested == nil }}
	return []*Func{
		f("COUNT", "COUNT(*), COUNT([DISTINCT] x)", "The number of rows, or of those where x is not NULL, or of different values of x.",
			resolve(form(is(types.TBigInt)).variadic(anything).nulls(never))),
		f("SUM", "SUM([DISTINCT] x)", "The sum of the values that are not NULL; NULL of none. It has the type of x, so that a sum of INT wraps around: CAST to BIGINT where it may be large. Of DECIMAL(p, s) it is DECIMAL(38, s).", sum(always)),
		f("$SUM0", "`$SUM0`(x)", "As SUM, but 0 of no value.", sum(never)),
		f("SUM0", "SUM0(x)", "The same by a name that needs no quotes; Flink does not know it.", sum(never)),
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
		f("SINGLE_VALUE", "SINGLE_VALUE(x)", "The value of the only row; NULL of no row, and an error when there are more.", anyValue),
		f("PERCENTILE", "PERCENTILE([DISTINCT] x, percentage [, frequency])", "The value below which a part of the values is, from 0 to 1: 0.5 is the median. Between two values it is in proportion. With a frequency x counts so many times; not at all where it is NULL or less than 1.",
			percentile(resolve(form(is(types.TDouble), value, aPercentage, frequency).opt(1).nulls(always)))),
		f("APPROX_COUNT_DISTINCT", "APPROX_COUNT_DISTINCT(x)", "About how many different values of x there are, to about one in a hundred, in at most 16 kB for each group. Rows cannot be taken back from it.",
			resolve(form(is(types.TBigInt), countable).nulls(never))),
		f("LISTAGG", "LISTAGG(s [, separator])", "The strings put together with a separator, a comma when not given.", resolve(form(is(types.TString), aString, aSeparator).opt(1).nulls(always))),
		f("COLLECT", "COLLECT([DISTINCT] x)", "The values as a MULTISET.", func(args []Arg) (types.Type, []types.Type, error) {
			if len(args) != 1 {
				return types.Type{}, nil, fmt.Errorf("it takes 1 argument, not %d", len(args))
			}
			t := args[0].Type
			return types.Type{Kind: types.Multiset, Nested: &types.Nested{Elem: t}}, []types.Type{t}, nil
		}),
		f("ARRAY_AGG", "ARRAY_AGG([DISTINCT] x [RESPECT NULLS | IGNORE NULLS])", "The values as an ARRAY, in the order in which they came, NULLs included unless they are ignored; NULL of none.", resolve(form(func(a []Arg) types.Type { return arrayOf(a[0].Type) }, aTyped).nulls(always))),
		f("JSON_ARRAYAGG", "JSON_ARRAYAGG(x [NULL ON NULL | ABSENT ON NULL])", "The values as a JSON array, in the order in which they came. NULLs are left out, or null with NULL ON NULL. What is JSON of JSON_OBJECT or JSON_ARRAY goes in as JSON.", resolve(form(is(jsonText), aString).nulls(never))),
		f("JSON_OBJECTAGG", "JSON_OBJECTAGG([KEY] key VALUE x [NULL ON NULL | ABSENT ON NULL])", "The keys and values as a JSON object. NULLs are null, or left out with ABSENT ON NULL. A key that comes twice is an error.", resolve(form(is(jsonText), aString, aString).nulls(never))),
		variance("STDDEV", "The sample standard deviation."),
		variance("STDDEV_POP", "The population standard deviation."),
		variance("STDDEV_SAMP", "The sample standard deviation."),
		variance("VARIANCE", "The sample variance."),
		variance("VAR_POP", "The population variance."),
		variance("VAR_SAMP", "The sample variance."),
	}
}

// jsonText is what Flink gives the aggregates that make JSON; the text may be longer all the same.
var jsonText = varchar(2000)

// aTyped is any value but a bare NULL.
var aTyped = param{what: "a value of a type", null: types.TInt, ok: func(t types.Type) bool { return t.Kind != types.Null }}

// aPercentage is a literal number from 0 to 1.
var aPercentage = param{what: "a number from 0 to 1", ok: types.Type.IsNumeric, null: types.TDouble, cast: toDouble,
	lit: func(v types.Value) string {
		if v == nil {
			return "a number from 0 to 1"
		}
		return ""
	},
}

// percentile is the types of PERCENTILE, whose percentage is looked at.
func percentile(of ResolveFunc) ResolveFunc {
	return func(args []Arg) (types.Type, []types.Type, error) {
		t, casts, err := of(args)
		if err != nil {
			return t, casts, err
		}
		p := args[1]
		var x float64
		switch v := p.Value.(type) {
		case int64:
			x = float64(v)
		case float64:
			x = v
		case types.Dec:
			x = decimal.Float(v, p.Type.Scale)
		}
		if !(x >= 0 && x <= 1) {
			return types.Type{}, nil, fmt.Errorf("argument 2 must be a number from 0 to 1")
		}
		return t, casts, nil
	}
}

// aSeparator is a literal string.
var aSeparator = param{what: "a string literal", ok: types.Type.IsString, null: types.TString, lit: func(v types.Value) string {
	if _, ok := v.(string); ok {
		return ""
	}
	return "a string literal"
}}
