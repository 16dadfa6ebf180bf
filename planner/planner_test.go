package planner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/parser"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/explain"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// TestTexts runs the cases of testdata. The commands of a case:
//
//	setup                    SQL put in front of every later case of the file
//	plan [details=(X,...)]   the plans of the jobs and queries, after the warnings
//	check                    the findings alone, as users see them
//	run                      statements one by one in an interactive session, with what each gives
//	scan                     what the sources are asked to read, and every column's type in the sinks
//
// The argument env=(NAME=value) sets variables; without it there are none.
func TestTexts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		setup := ""
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "setup":
				setup = d.Input + "\n"
				_, diags := compile(d, "")
				return render(diags)
			case "plan":
				var details []string
				if d.HasArg("details") {
					for _, a := range d.CmdArgs {
						if a.Key == "details" {
							details = a.Vals
						}
					}
				}
				p, diags := compile(d, setup)
				out := render(diags)
				if p == nil {
					return out
				}
				for _, j := range p.Jobs {
					out += explain.Text(j, details)
				}
				for _, q := range p.Queries {
					out += explain.Text(q.Job, details)
				}
				return out
			case "check":
				_, diags := compile(d, setup)
				if len(diags.All) == 0 {
					return "ok\n"
				}
				return render(diags)
			case "scan":
				p, diags := compile(d, setup)
				if p == nil {
					return render(diags)
				}
				return scans(p)
			case "run":
				return run(d, setup)
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

func options(d *datadriven.TestData) Options {
	env := map[string]string{}
	for _, a := range d.CmdArgs {
		if a.Key == "env" {
			for _, v := range a.Vals {
				k, val, _ := strings.Cut(v, "=")
				env[k] = val
			}
		}
	}
	cfg := config.New()
	if err := cfg.Set(config.LocalTimeZone, "UTC", config.FromDefault); err != nil {
		panic(err)
	}
	return Options{
		Registry: testRegistry(), Functions: fn.Builtins(), Config: cfg, Fold: fold,
		Env: func(k string) (string, bool) { v, ok := env[k]; return v, ok },
	}
}

func compile(d *datadriven.TestData, setup string) (*Program, *diag.List) {
	files := []*diag.File{{Name: "job.sql", Text: d.Input}}
	if setup != "" {
		files = []*diag.File{{Name: "setup.sql", Text: setup}, files[0]}
	}
	return Compile(files, options(d))
}

func render(l *diag.List) string {
	var b strings.Builder
	if err := diag.Render(&b, l, diag.RenderOptions{}); err != nil {
		return err.Error()
	}
	return b.String()
}

func run(d *datadriven.TestData, setup string) string {
	o := options(d)
	o.Interactive = true
	s := NewSession(o)
	var out strings.Builder
	script, diags := parser.Parse(&diag.File{Name: "repl", Text: setup + d.Input})
	out.WriteString(render(diags))
	for _, st := range script.Statements {
		quiet := st.Span().Start < len(setup)
		r, found := s.Execute(st)
		if !quiet || found.HasErrors() {
			out.WriteString(render(found))
		}
		if quiet {
			continue
		}
		switch r := r.(type) {
		case *Done:
			fmt.Fprintf(&out, "done: %s\n", r.Message)
		case *Rows:
			fmt.Fprintf(&out, "%s\n", strings.Join(r.Columns, " | "))
			for _, row := range r.Rows {
				fmt.Fprintf(&out, "%s\n", strings.Join(row, " | "))
			}
		case *Text:
			out.WriteString(r.Text)
		case *JobResult:
			fmt.Fprintf(&out, "job %s\n", r.Job.Name)
		case *QueryResult:
			for _, c := range r.Columns {
				fmt.Fprintf(&out, "%s %s\n", c.Name, c.Type)
			}
		}
	}
	return out.String()
}

// scans shows what the sources read and what the sinks get.
func scans(p *Program) string {
	var b strings.Builder
	cols := func(list []physical.Column) string {
		var out []string
		for _, c := range list {
			s := c.Name + " " + c.Type.String()
			if c.Time == catalog.RowTime {
				s += " *ROWTIME*"
			}
			out = append(out, s)
		}
		return strings.Join(out, ", ")
	}
	var walk func(n physical.Node)
	walk = func(n physical.Node) {
		switch n := n.(type) {
		case *physical.Scan:
			fmt.Fprintf(&b, "scan %s fields=%v: %s\n", n.Table.Name, n.Fields, cols(n.Columns))
			if w := n.Watermark; w != nil {
				fmt.Fprintf(&b, "  watermark %s of %s idle=%s\n", scalar.Format(w.Expr, true), scalar.Format(w.RowTime, true), w.Idle)
			}
			if n.Filter != nil {
				fmt.Fprintf(&b, "  filter %s\n", scalar.Format(n.Filter, true))
			}
		case *physical.Values:
			for _, r := range n.Rows {
				fmt.Fprintf(&b, "row")
				for i, v := range r {
					fmt.Fprintf(&b, " %s", scalar.ValueText(v, n.Columns[i].Type))
				}
				b.WriteByte('\n')
			}
		case *physical.Sink:
			fmt.Fprintf(&b, "sink %s fields=%v key=%v notnull=%v lengths=%v: %s\n", n.Table.Name, n.Fields, n.Key, n.NotNull, n.Lengths, cols(n.Columns))
		case *physical.Calc:
			for _, e := range n.Exprs {
				if _, plain := e.(*scalar.Column); !plain {
					fmt.Fprintf(&b, "  compute %s\n", scalar.Format(e, true))
				}
			}
		}
		for _, in := range n.Inputs() {
			walk(in)
		}
	}
	for _, j := range p.Jobs {
		fmt.Fprintf(&b, "job %s\n", j.Name)
		for _, s := range j.Sinks {
			walk(s)
		}
	}
	return b.String()
}

// fold computes what the cases need of constants: integer arithmetic and casts of integers.
func fold(e scalar.Expr) (types.Value, error) {
	lit := func(x scalar.Expr) (int64, bool) {
		l, ok := x.(*scalar.Literal)
		if !ok {
			return 0, false
		}
		v, ok := l.Value.(int64)
		return v, ok
	}
	switch e := e.(type) {
	case *scalar.Cast:
		if v, ok := lit(e.X); ok && e.X.Type().IsInteger() && e.Typ.IsInteger() {
			return v, nil
		}
		if v, ok := lit(e.X); ok && e.X.Type().IsInteger() && e.Typ.Kind == types.Double {
			return float64(v), nil
		}
	case *scalar.Call:
		if len(e.Args) == 2 {
			a, ok1 := lit(e.Args[0])
			b, ok2 := lit(e.Args[1])
			if ok1 && ok2 {
				switch e.Func.Name {
				case "+":
					return a + b, nil
				case "*":
					return a * b, nil
				case "=":
					return a == b, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("not a constant that the cases need")
}
