package fn

import "weir/planner/types"

func logicFuncs() []*Func {
	test := func(name, doc string, ex ...string) *Func {
		return &Func{
			Name: name, Family: "logic", Syntax: "condition " + name, Doc: doc, Nulls: NullsToKernel, Deterministic: true,
			Resolve: resolve(form(is(types.TBoolean), aBool).nulls(never)), Examples: examples(ex...),
		}
	}
	null := func(name, doc string, ex ...string) *Func {
		f := test(name, doc, ex...)
		f.Syntax, f.Resolve = "x "+name, resolve(form(is(types.TBoolean), anything).nulls(never))
		return f
	}
	return []*Func{
		{
			Name: "AND", Family: "logic", Syntax: "a AND b", Nulls: NullsToKernel, Deterministic: true,
			Doc:      "FALSE if an operand is FALSE, otherwise NULL if one is NULL, otherwise TRUE. What is decided by the left is not computed on the right.",
			Resolve:  resolve(form(is(types.TBoolean), aBool, aBool).variadic(aBool)),
			Examples: examples("TRUE AND TRUE", "TRUE", "TRUE AND CAST(NULL AS BOOLEAN)", "NULL", "CAST(NULL AS BOOLEAN) AND FALSE", "FALSE", "FALSE AND 1 / 0 = 1", "FALSE"),
		},
		{
			Name: "OR", Family: "logic", Syntax: "a OR b", Nulls: NullsToKernel, Deterministic: true,
			Doc:      "TRUE if an operand is TRUE, otherwise NULL if one is NULL, otherwise FALSE. What is decided by the left is not computed on the right.",
			Resolve:  resolve(form(is(types.TBoolean), aBool, aBool).variadic(aBool)),
			Examples: examples("FALSE OR FALSE", "FALSE", "FALSE OR CAST(NULL AS BOOLEAN)", "NULL", "CAST(NULL AS BOOLEAN) OR TRUE", "TRUE", "TRUE OR 1 / 0 = 1", "TRUE"),
		},
		{
			Name: "NOT", Family: "logic", Syntax: "NOT a", Deterministic: true, Doc: "TRUE if a is FALSE; NULL if it is NULL.",
			Resolve: resolve(form(is(types.TBoolean), aBool)), Examples: examples("NOT TRUE", "FALSE", "NOT CAST(NULL AS BOOLEAN)", "NULL"),
		},
		null("IS NULL", "TRUE if x is NULL.", "CAST(NULL AS INT) IS NULL", "TRUE", "1 IS NULL", "FALSE"),
		null("IS NOT NULL", "TRUE if x is not NULL.", "CAST(NULL AS INT) IS NOT NULL", "FALSE", "1 IS NOT NULL", "TRUE"),
		test("IS TRUE", "TRUE if the condition is TRUE.", "(1 = 1) IS TRUE", "TRUE", "CAST(NULL AS BOOLEAN) IS TRUE", "FALSE"),
		test("IS NOT TRUE", "TRUE if the condition is FALSE or NULL.", "(1 = 1) IS NOT TRUE", "FALSE", "CAST(NULL AS BOOLEAN) IS NOT TRUE", "TRUE"),
		test("IS FALSE", "TRUE if the condition is FALSE.", "(1 = 2) IS FALSE", "TRUE", "CAST(NULL AS BOOLEAN) IS FALSE", "FALSE"),
		test("IS NOT FALSE", "TRUE if the condition is TRUE or NULL.", "(1 = 2) IS NOT FALSE", "FALSE", "CAST(NULL AS BOOLEAN) IS NOT FALSE", "TRUE"),
		test("IS UNKNOWN", "TRUE if the condition is NULL.", "(1 = 2) IS UNKNOWN", "FALSE", "CAST(NULL AS BOOLEAN) IS UNKNOWN", "TRUE"),
		test("IS NOT UNKNOWN", "TRUE if the condition is TRUE or FALSE.", "(1 = 2) IS NOT UNKNOWN", "TRUE", "CAST(NULL AS BOOLEAN) IS NOT UNKNOWN", "FALSE"),
	}
}
