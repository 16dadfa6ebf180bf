package fn

// windowFuncs are known by name only: the planner types their arguments, which are tables and descriptors.
func windowFuncs() []*Func {
	f := func(name, syntax, doc string) *Func {
		return &Func{
			Name: name, Kind: WindowTVF, Family: "window", Syntax: syntax, Doc: doc, Deterministic: true,
			Resolve: unsupported("it is a table function and stands in FROM: " + syntax),
		}
	}
	return []*Func{
		f("TUMBLE", "TABLE(TUMBLE(TABLE t, DESCRIPTOR(time), size [, offset]))", "Every row with window_start, window_end and window_time of the window of a fixed size that it is in."),
		f("HOP", "TABLE(HOP(TABLE t, DESCRIPTOR(time), slide, size [, offset]))", "Every row once for each window of a fixed size that it is in; a window begins every slide."),
	}
}

// refusedFuncs are functions of Flink's that weir does not have.
func refusedFuncs() []*Func {
	f := func(kind Kind, name, syntax, why string) *Func {
		return &Func{Name: name, Kind: kind, Family: "refused", Syntax: syntax, Unsupported: why, Resolve: unsupported(why)}
	}
	var out []*Func
	for _, r := range []struct {
		kind              Kind
		name, syntax, why string
	}{
		{WindowTVF, "CUMULATE", "TABLE(CUMULATE(...))", "CUMULATE windows are not supported; use TUMBLE or HOP"},
		{WindowTVF, "SESSION", "TABLE(SESSION(...))", "SESSION windows are not supported; use TUMBLE or HOP"},
		{Scalar, "CURRENT_WATERMARK", "CURRENT_WATERMARK(t)", "the watermark is not available to expressions; late rows are dropped by windows and counted in the metrics"},
		{Scalar, "PROCTIME", "PROCTIME()", "processing-time attributes are not supported; CURRENT_TIMESTAMP is the time when a row is processed"},
		{Scalar, "JSON_OBJECT", "JSON_OBJECT(...)", "JSON_OBJECT is not supported; write the columns with 'format' = 'json'"},
		{Scalar, "JSON_ARRAY", "JSON_ARRAY(...)", "JSON_ARRAY is not supported"},
		{Scalar, "STR_TO_MAP", "STR_TO_MAP(s)", "STR_TO_MAP is not supported; use SPLIT_INDEX or REGEXP_EXTRACT"},
		{Aggregate, "APPROX_COUNT_DISTINCT", "APPROX_COUNT_DISTINCT(x)", "APPROX_COUNT_DISTINCT is not supported; use COUNT(DISTINCT x)"},
		{Aggregate, "JSON_OBJECTAGG", "JSON_OBJECTAGG(...)", "JSON_OBJECTAGG is not supported"},
		{Aggregate, "JSON_ARRAYAGG", "JSON_ARRAYAGG(...)", "JSON_ARRAYAGG is not supported; LISTAGG puts strings together"},
		{Aggregate, "ARRAY_AGG", "ARRAY_AGG(x)", "ARRAY_AGG is not supported; COLLECT makes a MULTISET, LISTAGG a string"},
		{Aggregate, "RANK", "RANK() OVER (...)", "OVER windows are not supported"},
		{Aggregate, "DENSE_RANK", "DENSE_RANK() OVER (...)", "OVER windows are not supported"},
		{Aggregate, "ROW_NUMBER", "ROW_NUMBER() OVER (...)", "OVER windows are not supported; for the last row of a key use LAST_VALUE with GROUP BY, or an upsert-kafka table"},
		{Aggregate, "LAG", "LAG(x) OVER (...)", "OVER windows are not supported"},
		{Aggregate, "LEAD", "LEAD(x) OVER (...)", "OVER windows are not supported"},
	} {
		out = append(out, f(r.kind, r.name, r.syntax, r.why))
	}
	return out
}
