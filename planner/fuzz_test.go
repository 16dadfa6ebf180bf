package planner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/parser/diag"
	"weir/planner/explain"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// FuzzCompile plans what the fuzzer makes of the cases: no text makes the planner panic, every finding lies in its
// file, and every plan reads only columns that are there.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		if st, err := os.Stat(path); err != nil || st.IsDir() {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		setup := ""
		for _, c := range strings.Split(string(b), "\n\n") {
			lines := strings.Split(c, "\n")
			for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
				lines = lines[1:]
			}
			if len(lines) < 2 {
				continue
			}
			sql, _, _ := strings.Cut(strings.Join(lines[1:], "\n"), "----")
			if lines[0] == "setup" {
				setup = sql
			}
			f.Add(setup + sql)
		}
	}
	f.Fuzz(func(t *testing.T, sql string) {
		file := &diag.File{Name: "fuzz.sql", Text: sql}
		p, diags := Compile([]*diag.File{file}, options(&datadriven.TestData{}))
		for _, d := range diags.All {
			if d.Span.File != nil && (d.Span.Start < 0 || d.Span.End > len(sql) || d.Span.Start > d.Span.End) {
				t.Fatalf("%s: place %d to %d of %d", d.Title, d.Span.Start, d.Span.End, len(sql))
			}
		}
		render(diags)
		if p == nil {
			return
		}
		for _, q := range p.Queries {
			p.Jobs = append(p.Jobs, q.Job)
		}
		for _, j := range p.Jobs {
			explain.Text(j, []string{"CHANGELOG_MODE"})
			for _, s := range j.Sinks {
				checkPlan(t, s, map[string]physical.Node{})
			}
		}
	})
}

// checkPlan holds a plan to its contract: column numbers are in range and have the types that expressions say, ids
// are given once.
func checkPlan(t *testing.T, n physical.Node, ids map[string]physical.Node) {
	t.Helper()
	base := n.Base()
	if ids[base.ID] == n {
		return // several operators read it
	}
	if ids[base.ID] != nil || base.ID == "" {
		t.Fatalf("id %q is given twice, or empty", base.ID)
	}
	ids[base.ID] = n
	if len(base.Columns) == 0 {
		t.Fatalf("%s has no columns", base.ID)
	}
	var in []physical.Column
	if ins := n.Inputs(); len(ins) > 0 {
		in = ins[0].Base().Columns
	}
	refs := func(what string, cols []int, of []physical.Column) {
		for _, c := range cols {
			if c < 0 || c >= len(of) {
				t.Fatalf("%s: %s reads column %d of %d", base.ID, what, c, len(of))
			}
		}
	}
	expr := func(e scalar.Expr, of []physical.Column) {
		if e == nil {
			return
		}
		scalar.Walk(e, func(x scalar.Expr) bool {
			if c, ok := x.(*scalar.Column); ok {
				refs("expression", []int{c.Index}, of)
				if !c.Typ.EqualIgnoringNull(of[c.Index].Type) {
					t.Fatalf("%s: column %s is %s, read as %s", base.ID, of[c.Index].Name, of[c.Index].Type, c.Typ)
				}
			}
			return true
		})
	}
	aggs := func(list []physical.AggCall) {
		for _, a := range list {
			refs(a.Func, a.Args, in)
			if a.Filter >= 0 {
				refs("FILTER", []int{a.Filter}, in)
			}
		}
	}
	refs("changelog key", base.Changelog.Key, base.Columns)
	switch n := n.(type) {
	case *physical.Scan:
		if len(n.Fields) != len(n.Columns) {
			t.Fatalf("%s: %d fields for %d columns", base.ID, len(n.Fields), len(n.Columns))
		}
		expr(n.Filter, n.Columns)
		if n.Watermark != nil {
			expr(n.Watermark.Expr, n.Columns)
			expr(n.Watermark.RowTime, n.Columns)
		}
	case *physical.Calc:
		expr(n.Filter, in)
		if len(n.Exprs) != len(n.Columns) {
			t.Fatalf("%s: %d expressions for %d columns", base.ID, len(n.Exprs), len(n.Columns))
		}
		for i, e := range n.Exprs {
			expr(e, in)
			if !e.Type().EqualIgnoringNull(n.Columns[i].Type) {
				t.Fatalf("%s: %s is %s in a column of %s", base.ID, scalar.Format(e, true), e.Type(), n.Columns[i].Type)
			}
		}
	case *physical.WindowTVF:
		refs("time", []int{n.Window.TimeColumn}, in)
		if len(n.Columns) != len(in)+3 {
			t.Fatalf("%s: %d columns of %d", base.ID, len(n.Columns), len(in))
		}
	case *physical.WindowAggregate:
		refs("keys", n.Keys, in)
		aggs(n.Aggs)
		if n.Window.TimeColumn >= 0 {
			refs("time", []int{n.Window.TimeColumn}, in)
		} else {
			refs("window", []int{n.Window.StartColumn, n.Window.EndColumn}, in)
		}
		if len(n.Columns) != len(n.Keys)+len(n.Aggs)+len(n.WindowColumns) {
			t.Fatalf("%s: %d columns", base.ID, len(n.Columns))
		}
	case *physical.GroupAggregate:
		refs("keys", n.Keys, in)
		aggs(n.Aggs)
		if len(n.Columns) != len(n.Keys)+len(n.Aggs) {
			t.Fatalf("%s: %d columns", base.ID, len(n.Columns))
		}
	case *physical.ChangelogNormalize:
		refs("keys", n.Keys, in)
	case *physical.UpsertMaterialize:
		refs("keys", n.Keys, in)
	case *physical.ResolveConflicts:
		refs("keys", n.Keys, in)
		refs("query", n.Query, in)
	case *physical.StampWatermark, *physical.ToChangelog:
		if len(base.Columns) != len(in)+1 {
			t.Fatalf("%s: %d columns of %d", base.ID, len(base.Columns), len(in))
		}
	case *physical.FromChangelog:
		refs("op", []int{n.Op}, in)
		if len(n.Columns) != len(in)-1 {
			t.Fatalf("%s: %d columns of %d", base.ID, len(n.Columns), len(in))
		}
	case *physical.Exchange:
		refs("keys", n.Keys, in)
	case *physical.Union:
		for _, i := range n.Ins {
			cols := i.Base().Columns
			if len(cols) != len(n.Columns) {
				t.Fatalf("%s: inputs of %d and %d columns", base.ID, len(cols), len(n.Columns))
			}
			for c := range cols {
				if !cols[c].Type.EqualIgnoringNull(n.Columns[c].Type) {
					t.Fatalf("%s: column %s is %s and %s", base.ID, cols[c].Name, cols[c].Type, n.Columns[c].Type)
				}
			}
		}
	case *physical.Sink:
		if len(n.Fields) != len(in) {
			t.Fatalf("%s: %d fields for %d columns", base.ID, len(n.Fields), len(in))
		}
	}
	for _, i := range n.Inputs() {
		checkPlan(t, i, ids)
	}
}
