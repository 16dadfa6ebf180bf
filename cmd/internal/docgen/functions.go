package main

import (
	"slices"
	"sort"
	"strings"

	"weir/planner/fn"
)

const functionsHead = `# Functions

This page is generated from the table that weir itself plans by (` + "`go run ./cmd/internal/docgen`" + `). Names, types and meaning are those of
Flink SQL. Every example is run by a test; results are shown as ` + "`CAST(x AS STRING)`" + ` gives them.

The result is NULL when an argument is, but where ° stands: such a function looks at NULLs itself.
`

// families is the order and the headings of the page; families that it does not name follow by name.
var families = []struct{ name, title string }{
	{"comparison", "Comparison"},
	{"logic", "Logic"},
	{"conditional", "Conditions"},
	{"collection", "Rows, arrays, maps"},
	{"arithmetic", "Arithmetic"},
	{"numeric", "Numbers"},
	{"string", "Strings"},
	{"pattern", "Patterns"},
	{"time", "Dates and times"},
	{"conversion", "Types"},
	{"json", "JSON"},
	{"hash", "Hashes and identifiers"},
	{"aggregate", "Aggregates"},
	{"window", "Windows"},
	{"search", "Search"},
}

func functions() string {
	by := map[string][]*fn.Func{}
	for _, f := range fn.Builtins() {
		by[f.Family] = append(by[f.Family], f)
	}
	p := &page{}
	p.WriteString(functionsHead)
	order := slices.Clone(families)
	for name := range by {
		if !slices.ContainsFunc(order, func(f struct{ name, title string }) bool { return f.name == name }) {
			order = append(order, struct{ name, title string }{name, name})
		}
	}
	sort.Slice(order[len(families):], func(i, j int) bool { return order[len(families)+i].name < order[len(families)+j].name })
	for _, family := range order {
		list := by[family.name]
		if len(list) == 0 {
			continue
		}
		sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
		p.line("\n## %s\n", family.title)
		switch family.name {
		case "aggregate":
			p.line("With `GROUP BY`, or over all rows without it; `FILTER (WHERE condition)` behind one counts some rows only. Rows whose value is NULL do not count.\n")
		case "window":
			p.line("Window functions stand in `FROM` and give a table.\n")
		case "search":
			p.line("It stands in `FROM`, behind the rows that search: `FROM q, LATERAL TABLE(...)`, or `LEFT JOIN LATERAL TABLE(...) ON TRUE`. Keys of the `MAP` are `async`, `max-concurrent-operations`, `timeout`, `output-mode` and `vector-search.metric`.\n")
		}
		examples := slices.ContainsFunc(list, func(f *fn.Func) bool { return len(f.Examples) > 0 })
		if examples {
			p.table("call", "meaning", "examples")
		} else {
			p.table("call", "meaning")
		}
		for _, f := range list {
			cells := []string{call(f), meaning(f)}
			if examples {
				cells = append(cells, exampleCell(f))
			}
			p.row(cells...)
		}
	}
	return p.String()
}

func call(f *fn.Func) string {
	mark := ""
	if f.Kind == fn.Scalar && f.Nulls == fn.NullsToKernel {
		mark = " °"
	}
	return code(f.Syntax) + mark
}

func meaning(f *fn.Func) string {
	if f.Deterministic {
		return f.Doc
	}
	if f.PerQuery {
		return f.Doc + " Not deterministic: a replay may give another value."
	}
	return strings.TrimSpace(f.Doc + " Not deterministic.")
}

func exampleCell(f *fn.Func) string {
	out := make([]string, len(f.Examples))
	for i, e := range f.Examples {
		result := e.Result
		if result == "" {
			result = "''"
		}
		out[i] = code(e.SQL) + " → " + code(result)
	}
	return strings.Join(out, "<br>")
}
