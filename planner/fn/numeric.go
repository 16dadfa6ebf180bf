package fn

import "weir/planner/types"

func numericFuncs() []*Func {
	f := func(name, syntax, doc string, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "numeric", Syntax: syntax, Doc: doc, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	same := resolve(form(arg(0), aNumber))
	double := func(name, doc string, ex ...string) *Func {
		return f(name, name+"(x)", doc, resolve(form(is(types.TDouble), aDouble)), ex...)
	}
	mod := f("MOD", "MOD(a, b)", "The remainder of a divided by b, with the sign of a.", resolveMod, "MOD(29, 9)", "2", "MOD(-5, 3)", "-2")
	ceil := f("CEIL", "CEIL(x), CEIL(t TO unit)", "The least whole number not below x; or the time t moved up to the start of a unit of time.",
		resolve(form(wholeType, aNumber), form(arg(0), aTime, aUnit)),
		"CEIL(1.2)", "2", "CEIL(CAST(-1.5 AS DOUBLE))", "-1.0", "CEIL(TIME '12:44:31' TO MINUTE)", "12:45:00",
		"CEIL(DATE '2026-02-10' TO MONTH)", "2026-03-01", "CEIL(DATE '2026-02-01' TO MONTH)", "2026-02-01")
	return []*Func{
		f("ABS", "ABS(x)", "The absolute value.", same, "ABS(-5)", "5", "ABS(-1.50)", "1.50", "ABS(CAST(NULL AS INT))", "NULL"),
		ceil,
		alias(ceil, "CEILING", "CEILING(x), CEILING(t TO unit)", "CEILING(-1.2)", "-1"),
		f("FLOOR", "FLOOR(x), FLOOR(t TO unit)", "The greatest whole number not above x; or the time t moved down to the start of a unit of time.",
			resolve(form(wholeType, aNumber), form(arg(0), aTime, aUnit)),
			"FLOOR(1.8)", "1", "FLOOR(-1.2)", "-2", "FLOOR(TIME '12:44:31' TO MINUTE)", "12:44:00",
			"FLOOR(TIMESTAMP '2026-02-10 12:44:31' TO HOUR)", "2026-02-10 12:00:00", "FLOOR(DATE '2026-02-12' TO WEEK)", "2026-02-08"),
		f("ROUND", "ROUND(x [, digits])", "x rounded half up (away from zero) to so many digits behind the point, 0 when not given.",
			resolve(form(rounded, aNumber, anInt).opt(1)), "ROUND(2.5)", "3", "ROUND(-2.5)", "-3", "ROUND(1.2345, 2)", "1.23", "ROUND(CAST(1.005 AS DOUBLE), 2)", "1.01", "ROUND(125, -1)", "130"),
		f("TRUNCATE", "TRUNCATE(x [, digits])", "x cut to so many digits behind the point, 0 when not given.",
			resolve(form(rounded, aNumber, anInt).opt(1)), "TRUNCATE(42.324, 2)", "42.32", "TRUNCATE(-42.9)", "-42", "TRUNCATE(125, -1)", "120", "TRUNCATE(CAST(42.324 AS DOUBLE), 1)", "42.3"),
		mod,
		f("POWER", "POWER(x, y)", "x to the power of y.", resolve(form(is(types.TDouble), aDouble, aDouble)), "POWER(2, 10)", "1024.0"),
		double("SQRT", "The square root; NaN below zero.", "SQRT(4)", "2.0"),
		double("EXP", "e to the power of x.", "EXP(0)", "1.0"),
		double("LN", "The natural logarithm.", "LN(1)", "0.0"),
		f("LOG", "LOG(x), LOG(base, x)", "The natural logarithm of x, or the logarithm to a base.",
			resolve(form(is(types.TDouble), aDouble), form(is(types.TDouble), aDouble, aDouble)), "LOG(1)", "0.0", "LOG(2, 8)", "3.0"),
		double("LOG10", "The logarithm to base 10.", "LOG10(1000)", "3.0"),
		double("LOG2", "The logarithm to base 2.", "LOG2(8)", "3.0"),
		double("SIN", "The sine.", "SIN(0)", "0.0"),
		double("COS", "The cosine.", "COS(0)", "1.0"),
		double("TAN", "The tangent.", "TAN(0)", "0.0"),
		double("COT", "The cotangent; infinite at 0.", "COT(PI() / 4) > 0.999999", "TRUE"),
		double("ASIN", "The arc sine.", "ASIN(0)", "0.0"),
		double("ACOS", "The arc cosine.", "ACOS(1)", "0.0"),
		double("ATAN", "The arc tangent.", "ATAN(0)", "0.0"),
		f("ATAN2", "ATAN2(y, x)", "The angle of the point (x, y).", resolve(form(is(types.TDouble), aDouble, aDouble)), "ATAN2(0, 1)", "0.0"),
		double("SINH", "The hyperbolic sine.", "SINH(0)", "0.0"),
		double("COSH", "The hyperbolic cosine.", "COSH(0)", "1.0"),
		double("TANH", "The hyperbolic tangent.", "TANH(0)", "0.0"),
		double("DEGREES", "An angle in radians as degrees.", "DEGREES(PI())", "180.0"),
		double("RADIANS", "An angle in degrees as radians.", "RADIANS(180)", "3.141592653589793"),
		f("SIGN", "SIGN(x)", "-1, 0 or 1: the sign of x, in the type of x.", same, "SIGN(-7)", "-1", "SIGN(2.5)", "1.0", "SIGN(CAST(0 AS DOUBLE))", "0.0"),
		f("PI", "PI()", "The number pi.", resolve(form(is(types.TDouble.NotNull()))), "PI()", "3.141592653589793"),
		f("E", "E()", "The number e.", resolve(form(is(types.TDouble.NotNull()))), "E()", "2.718281828459045"),
		{
			Name: "RAND", Family: "numeric", Syntax: "RAND([seed])", Doc: "A random number from 0 to below 1, another one for each row.",
			Resolve: resolve(form(is(types.TDouble.NotNull()), anInt).opt(1).nulls(never)), Nulls: NullsToKernel,
			Examples: examples("RAND() < 1", "TRUE", "RAND(7) >= 0", "TRUE"),
		},
		{
			Name: "RAND_INTEGER", Family: "numeric", Syntax: "RAND_INTEGER([seed,] bound)", Doc: "A random whole number from 0 to below bound, another one for each row.",
			Resolve:  resolve(form(is(types.TInt), anInt), form(is(types.TInt), anInt, anInt)),
			Examples: examples("RAND_INTEGER(1)", "0", "RAND_INTEGER(42, 10) < 10", "TRUE"),
		},
		f("BIN", "BIN(n)", "A whole number in binary; two's complement of 64 bits below zero.", resolve(form(is(types.TString), anInt)), "BIN(12)", "1100"),
		f("HEX", "HEX(n), HEX(s)", "A whole number, or the UTF-8 bytes of a string, in upper-case hexadecimal digits.",
			resolve(form(is(types.TString), anInt), form(is(types.TString), aString)), "HEX(20)", "14", "HEX(-1)", "FFFFFFFFFFFFFFFF", "HEX('hello,world')", "68656C6C6F2C776F726C64"),
		f("UNHEX", "UNHEX(s)", "The bytes that hexadecimal digits stand for; NULL if s is not such digits.",
			resolve(form(is(types.TBytes), aString).nulls(always)), "CAST(UNHEX('466C696E6B') AS STRING)", "Flink", "UNHEX('G')", "NULL"),
	}
}

// wholeType is the type of FLOOR and CEIL: a DECIMAL without digits behind the point.
func wholeType(a []Arg) types.Type {
	if t := a[0].Type; t.Kind == types.Decimal {
		return types.MakeDecimal(t.Prec, 0)
	}
	return a[0].Type
}

// rounded is the type of ROUND and TRUNCATE: of a DECIMAL it follows from a constant number of digits.
func rounded(a []Arg) types.Type {
	t := a[0].Type
	if t.Kind != types.Decimal {
		return t
	}
	if len(a) == 1 {
		return roundType(t, 0)
	}
	if n, ok := a[1].Value.(int64); ok && a[1].Literal {
		return roundType(t, int(min(max(n, -maxPrecision), maxPrecision)))
	}
	return t
}
