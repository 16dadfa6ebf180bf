package fn

// CurrentDatabase is the name of the function that gives the database in use. The binder writes the name in its place.
const CurrentDatabase = "CURRENT_DATABASE"

func conversionFuncs() []*Func {
	note := refused("it is written with AS: CAST(x AS type)")
	return []*Func{
		{
			Name: "CAST", Family: "conversion", Syntax: "CAST(x AS type)", Deterministic: true, Resolve: note,
			Doc: "x as a value of another type; an error that stops the job where it has none.",
			Examples: examples("CAST('42' AS INT)", "42", "CAST(' 7 ' AS BIGINT)", "7", "CAST(CAST(1 AS DOUBLE) AS STRING)", "1.0", "CAST(CAST(10000000000 AS DOUBLE) AS STRING)", "1.0E10",
				"CAST(1.995 AS DECIMAL(5, 2))", "2.00", "CAST(CAST(2.9 AS DOUBLE) AS INT)", "2", "CAST(300 AS TINYINT)", "44", "CAST('2026-02-03 04:05:06' AS TIMESTAMP(3))", "2026-02-03 04:05:06.000",
				"CAST(TIMESTAMP '2026-02-03 04:05:06' AS DATE)", "2026-02-03", "CAST('true' AS BOOLEAN)", "TRUE", "CAST(0 AS BOOLEAN)", "FALSE", "CAST('abcdef' AS VARCHAR(3))", "abc", "CAST('a' AS CHAR(3)) || '|'", "a  |", "CAST(NULL AS INT)", "NULL",
				"CAST(X'616263' AS STRING)", "abc"),
		},
		{
			Name: "TRY_CAST", Family: "conversion", Syntax: "TRY_CAST(x AS type)", Deterministic: true, Resolve: note,
			Doc:      "x as a value of another type; NULL where it has none.",
			Examples: examples("TRY_CAST('42' AS INT)", "42", "TRY_CAST('non-number' AS INT)", "NULL", "COALESCE(TRY_CAST('x' AS DATE), DATE '2026-01-01')", "2026-01-01"),
		},
		{
			Name: CurrentDatabase, Family: "conversion", Syntax: CurrentDatabase + "()", Deterministic: true,
			Doc:     "The database that is in use, USE has said which, where the function stands: a view keeps the one of its definition.",
			Resolve: resolve(form(varcharOf).nulls(never)), Examples: examples("CURRENT_DATABASE()", "default_database"),
		},
		{
			Name: "TYPEOF", Family: "conversion", Syntax: "TYPEOF(x)", Deterministic: true, Nulls: NullsToKernel, Doc: "The type of x, as DESCRIBE prints it.",
			Resolve: resolve(form(varcharOf, anything).nulls(never)), Examples: examples("TYPEOF(CAST(1 AS BIGINT))", "BIGINT NOT NULL", "TYPEOF('abc')", "CHAR(3) NOT NULL"),
		},
	}
}
