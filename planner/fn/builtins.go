package fn

import "weir/planner/types"

// Builtins is every function and operator that weir knows, Flink's names and types. Each call makes a new
// Catalog, which the caller may add to.
//
// How special syntax reaches a function: a time unit, and the side of TRIM, is an argument that is a literal
// of an upper-case word: EXTRACT('DAY', x), FLOOR(x, 'HOUR'), TIMESTAMPADD('DAY', 1, x), TRIM('BOTH', ' ', x).
// The words and types of the JSON functions are literals, too; see json.go and jsonmake.go.
// SUBSTRING, OVERLAY and POSITION have their arguments in the order they are written in. Operators are called by
// their symbols, - with one argument is the sign; NOT LIKE, NOT IN and the like are NOT around the function;
// BETWEEN is two comparisons.
func Builtins() Catalog {
	c := Catalog{}
	for _, family := range [][]*Func{
		comparisonFuncs(), logicFuncs(), arithmeticFuncs(), numericFuncs(), stringFuncs(), patternFuncs(), timeFuncs(),
		conditionalFuncs(), conversionFuncs(), hashFuncs(), jsonFuncs(), jsonMakers(), collectionFuncs(), arrayFuncs(), aggregateFuncs(), windowFuncs(), rankFuncs(), searchFuncs(), changelogFuncs(),
	} {
		for _, f := range family {
			if f.Since == "" {
				f.Since = "0.1"
			}
			c[f.Name] = f
		}
	}
	return c
}

// examples makes Examples of pairs: SQL, result, SQL, result.
func examples(pairs ...string) []Example {
	out := make([]Example, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, Example{pairs[i], pairs[i+1]})
	}
	return out
}

// alias is f under another name.
func alias(f *Func, name, syntax string, ex ...string) *Func {
	g := *f
	g.Name, g.Syntax, g.Examples = name, syntax, examples(ex...)
	return &g
}

// char is CHAR(n), varchar VARCHAR(n), both nullable.
func char(n int) types.Type    { return types.Type{Kind: types.Char, Nullable: true, Len: n} }
func varchar(n int) types.Type { return types.Type{Kind: types.VarChar, Nullable: true, Len: n} }
