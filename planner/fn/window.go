package fn

import (
	"fmt"

	"weir/planner/types"
)

// windowFuncs are known by name only: the planner types their arguments, which are tables and descriptors.
func windowFuncs() []*Func {
	f := func(name, syntax, doc string) *Func { return tableFunc("window", name, syntax, doc) }
	return []*Func{
		f("TUMBLE", "TABLE(TUMBLE(TABLE t, DESCRIPTOR(time), size [, offset]))", "Every row with window_start, window_end and window_time of the window of a fixed size that it is in."),
		f("HOP", "TABLE(HOP(TABLE t, DESCRIPTOR(time), slide, size [, offset]))", "Every row once for each window of a fixed size that it is in; a window begins every slide."),
		f("CUMULATE", "TABLE(CUMULATE(TABLE t, DESCRIPTOR(time), step, size [, offset]))", "Every row once for each window that it is in; the windows begin every size and grow by a step up to it."),
		f("SESSION", "TABLE(SESSION(TABLE t [PARTITION BY key, ...], DESCRIPTOR(time), gap))", "Every row with the bounds of its session, when that has ended: rows of one key that are no more than a gap apart."),
	}
}

// VectorSearch is the form of VECTOR_SEARCH, without the words around it in FROM.
const VectorSearch = "VECTOR_SEARCH(TABLE t, DESCRIPTOR(vector), query_vector, top_k [, MAP['key', 'value', ...]])"

// searchFuncs find rows of a table by something else than their key.
func searchFuncs() []*Func {
	return []*Func{tableFunc("search", "VECTOR_SEARCH", "LATERAL TABLE("+VectorSearch+")",
		"Every row beside the top_k rows of t whose vector is the most similar to its own, and their score. Without a table before it the vector is a constant.")}
}

// The forms of the functions of changes, without the words around them in FROM.
const (
	ToChangelog   = "TO_CHANGELOG(input => TABLE t [, op => DESCRIPTOR(column)] [, op_mapping => MAP['INSERT', 'code', ...]])"
	FromChangelog = "FROM_CHANGELOG(input => TABLE t [, op => DESCRIPTOR(column)] [, op_mapping => MAP['code', 'INSERT', ...]])"
)

// changelogFuncs make rows of changes, and changes of rows.
func changelogFuncs() []*Func {
	return []*Func{
		tableFunc("changelog", "TO_CHANGELOG", ToChangelog,
			"Every change of t as a row that is only added, with its kind in front, in column op: INSERT, UPDATE_BEFORE, UPDATE_AFTER or DELETE. op_mapping gives kinds other names; several may stand before one, with commas, and kinds without one are dropped."),
		tableFunc("changelog", "FROM_CHANGELOG", FromChangelog,
			"Every row of t as the change that its column op says: the way back from TO_CHANGELOG, and from flat records of other systems. op_mapping says which codes mean what; several codes of one kind stand together, with commas. Another code, or NULL, fails the job."),
	}
}

func tableFunc(family, name, syntax, doc string) *Func {
	return &Func{
		Name: name, Kind: TableFunction, Family: family, Syntax: syntax, Doc: doc, Deterministic: true,
		Resolve: refused("it is a table function and stands in FROM: " + syntax),
	}
}

// rankFuncs are functions of a row's place among the rows of its partition.
func rankFuncs() []*Func {
	f := func(name, syntax, doc string, r ResolveFunc) *Func {
		return &Func{Name: name, Kind: Window, Family: "window", Syntax: syntax, Doc: doc, Deterministic: true, Nulls: NullsToKernel, Resolve: r}
	}
	number := resolve(form(is(types.TBigInt)).nulls(never))
	double := resolve(form(is(types.TDouble)).nulls(never))
	shifted := func(args []Arg) (types.Type, []types.Type, error) {
		if len(args) < 1 || len(args) > 3 {
			return types.Type{}, nil, fmt.Errorf("it takes 1 to 3 arguments, not %d", len(args))
		}
		t := args[0].Type.WithNullable(true)
		casts := []types.Type{{}, {}, t}
		return t, casts[:len(args)], nil
	}
	return []*Func{
		f("ROW_NUMBER", "ROW_NUMBER() OVER ([PARTITION BY ...] ORDER BY ...)", "The number of the row in its partition, from 1. WHERE row_number <= n around it makes a Top-N query.", number),
		f("RANK", "RANK() OVER ([PARTITION BY ...] ORDER BY ...)", "The number of the first row of the same place, with gaps.", number),
		f("DENSE_RANK", "DENSE_RANK() OVER ([PARTITION BY ...] ORDER BY ...)", "As RANK, without gaps.", number),
		f("PERCENT_RANK", "PERCENT_RANK() OVER ([PARTITION BY ...] ORDER BY ...)", "(RANK() - 1) / (rows of the partition - 1), 0 for the only row. In batch jobs.", double),
		f("CUME_DIST", "CUME_DIST() OVER ([PARTITION BY ...] ORDER BY ...)", "The part of the rows of the partition that are not behind this one. In batch jobs.", double),
		f("NTILE", "NTILE(n) OVER ([PARTITION BY ...] ORDER BY ...)", "The number of the row's part when the partition is cut into n parts of the same size, the first ones with a row more where that does not come out. In batch jobs.",
			resolve(form(is(types.TBigInt), param{what: "a number of parts", ok: types.Type.IsInteger, null: types.TInt, lit: func(v types.Value) string {
				if n, ok := v.(int64); ok && n > 0 {
					return ""
				}
				return "a number of parts"
			}, cast: func(t types.Type) types.Type { return types.TBigInt.WithNullable(t.Nullable) }}).nulls(never))),
		f("LEAD", "LEAD(x [, offset [, default]]) OVER ([PARTITION BY ...] ORDER BY ...)", "The value of x so many rows (1 when not given) behind this one; the default, or NULL, where there is none. In batch jobs.", shifted),
		f("LAG", "LAG(x [, offset [, default]]) OVER ([PARTITION BY ...] ORDER BY ...)", "The value of x so many rows (1 when not given) before this one; the default, or NULL, where there is none.", shifted),
	}
}
