package unittest

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"weir/parser/diag"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// Coverage counts, over the tests that run, which INSERTs wrote something and which ways conditions went: WHERE and HAVING
// by the operands of their ANDs, the FILTERs of aggregates, the branches of CASE. Conditions that became something else in
// the plan, as the keys of a join, are not among them.
type Coverage struct {
	mu     sync.Mutex
	points map[point]*covered
	texts  map[string]string // of files
}

// point is a place that can be covered.
type point struct {
	file       string
	start, end int
}

func pointOf(s diag.Span) point { return point{s.File.Name, s.Start, s.End} }

// covered is what became of a place.
type covered struct {
	kind  string // "statement", "condition", "branch": taken or not, "else"
	yes   atomic.Int64
	no    atomic.Int64
	named string
}

// ways is how many ways there are through a place, and how many were gone.
func (c *covered) ways() (gone, all int) {
	if c.yes.Load() > 0 {
		gone++
	}
	if c.kind != "condition" {
		return gone, 1
	}
	if c.no.Load() > 0 {
		gone++
	}
	return gone, 2
}

// what says what was not covered; empty: nothing.
func (c *covered) what() string {
	yes, no := c.yes.Load() > 0, c.no.Load() > 0
	switch {
	case c.kind == "statement" && !yes:
		return "wrote nothing"
	case c.kind == "branch" && !yes, c.kind == "else" && !yes:
		return "was never taken"
	case c.kind != "condition" || yes && no:
		return ""
	case !yes && !no:
		return "was never asked"
	case !yes:
		return "was never true"
	}
	return "was never false"
}

// NewCoverage is a coverage of nothing.
func NewCoverage() *Coverage {
	return &Coverage{points: map[point]*covered{}, texts: map[string]string{}}
}

func (c *Coverage) at(s diag.Span, kind string) *covered {
	if s.IsZero() || s.Start == s.End {
		return nil
	}
	p := pointOf(s)
	if c.points[p] == nil {
		c.points[p] = &covered{kind: kind, named: s.Text()}
		c.texts[s.File.Name] = s.File.Text
	}
	return c.points[p]
}

// plan notes what there is to be covered in a job.
func (c *Coverage) plan(job *physical.Job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range job.Nodes() {
		switch n := n.(type) {
		case *physical.Sink:
			c.at(n.Span, "statement")
		case *physical.Calc:
			if n.Filter != nil {
				c.conjuncts(n.Filter)
			}
			for _, e := range n.Exprs {
				c.branches(e)
			}
		}
		for _, in := range n.Inputs() {
			calc, ok := in.(*physical.Calc)
			if !ok {
				continue
			}
			for _, a := range aggregates(n) {
				if a.Filter >= 0 {
					c.at(calc.Exprs[a.Filter].Span(), "condition")
				}
			}
		}
	}
}

func aggregates(n physical.Node) []physical.AggCall {
	switch n := n.(type) {
	case *physical.GroupAggregate:
		return n.Aggs
	case *physical.WindowAggregate:
		return n.Aggs
	}
	return nil
}

func (c *Coverage) conjuncts(e scalar.Expr) {
	if call, ok := e.(*scalar.Call); ok && call.Func.Name == "AND" {
		for _, a := range call.Args {
			c.conjuncts(a)
		}
		return
	}
	c.at(e.Span(), "condition")
	c.branches(e)
}

// branches notes the branches of every CASE in e. The ELSE is taken where the last condition is not true.
func (c *Coverage) branches(e scalar.Expr) {
	scalar.Walk(e, func(x scalar.Expr) bool {
		call, ok := x.(*scalar.Call)
		if !ok || call.Func.Name != "CASE" {
			return true
		}
		for i := 0; i+1 < len(call.Args); i += 2 {
			c.at(call.Args[i].Span(), "branch")
		}
		if n := len(call.Args); n >= 3 {
			if other := call.Args[n-1].Span(); !other.IsZero() {
				c.at(other, "else")
			}
		}
		return true
	})
}

// elseOf finds the ELSE that belongs to the last condition of a CASE: by the plan, since the text alone does not say.
func elseOf(job *physical.Job) map[point]diag.Span {
	out := map[point]diag.Span{}
	for n := range job.Nodes() {
		calc, ok := n.(*physical.Calc)
		if !ok {
			continue
		}
		es := slices.Clone(calc.Exprs)
		if calc.Filter != nil {
			es = append(es, calc.Filter)
		}
		for _, e := range es {
			scalar.Walk(e, func(x scalar.Expr) bool {
				if call, ok := x.(*scalar.Call); ok && call.Func.Name == "CASE" && len(call.Args) >= 3 {
					last, other := call.Args[len(call.Args)-3].Span(), call.Args[len(call.Args)-1].Span()
					if !last.IsZero() && !other.IsZero() {
						out[pointOf(last)] = other
					}
				}
				return true
			})
		}
	}
	return out
}

// watcher is for runtime.Options.Watch of one job.
func (c *Coverage) watcher(job *physical.Job) func(diag.Span) func(int, int) {
	c.plan(job)
	others := elseOf(job)
	return func(at diag.Span) func(int, int) {
		if at.IsZero() {
			return nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		p := c.points[pointOf(at)]
		if p == nil || p.kind == "statement" {
			return nil
		}
		var other *covered
		if s, ok := others[pointOf(at)]; ok {
			other = c.points[pointOf(s)]
		}
		return func(yes, no int) {
			p.yes.Add(int64(yes))
			p.no.Add(int64(no))
			if other != nil && other.kind == "else" {
				other.yes.Add(int64(no))
			}
		}
	}
}

// ran notes what the statements of a run have written.
func (c *Coverage) ran(e *execution) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range e.jobs {
		for _, s := range l.plan.Sinks {
			if _, late := s.Input.(*physical.LateRows); late {
				continue
			}
			if p := c.at(s.Span, "statement"); p != nil {
				for _, change := range l.World.Output(s.Table.Name) {
					if change.Sink == s.ID {
						p.yes.Add(1)
					}
				}
			}
		}
	}
}

// tally is how many ways there are and were gone: of statements, and of conditions and branches.
type tally struct{ gone, all [2]int }

// add counts the ways of x, which it returns.
func (t *tally) add(x *covered) (gone, all int) {
	i := 1
	if x.kind == "statement" {
		i = 0
	}
	gone, all = x.ways()
	t.gone[i] += gone
	t.all[i] += all
	return gone, all
}

// text is how many of how many: of statements, 0, or of conditions and branches, 1.
func (t *tally) text(i int) string { return fmt.Sprintf("%d/%d", t.gone[i], t.all[i]) }

// Summary writes what is covered, file by file, and what is not.
func (c *Coverage) Summary(w io.Writer) error {
	for _, f := range c.files() {
		var n tally
		var lines []string
		for _, p := range c.of(f) {
			x := c.points[p]
			n.add(x)
			if what := x.what(); what != "" {
				lines = append(lines, fmt.Sprintf("  %s: %s %s", c.span(p), title(x), what))
			}
		}
		if _, err := fmt.Fprintf(w, "coverage: %s  statements %s, conditions %s\n", f, n.text(0), n.text(1)); err != nil {
			return err
		}
		for _, l := range lines {
			if _, err := fmt.Fprintln(w, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func title(c *covered) string {
	text := strings.Join(strings.Fields(c.named), " ")
	if r := []rune(text); len(r) > 50 {
		text = string(r[:47]) + "..."
	}
	switch c.kind {
	case "branch":
		return "WHEN " + text
	case "else":
		return "ELSE " + text
	}
	return text
}

func (c *Coverage) span(p point) diag.Span {
	return diag.Span{File: &diag.File{Name: p.file, Text: c.texts[p.file]}, Start: p.start, End: p.end}
}

// files is the names of what was tested, sorted; queries of the tests themselves are left out.
func (c *Coverage) files() []string {
	var out []string
	for f := range c.texts {
		if strings.HasSuffix(f, ".sql") {
			out = append(out, f)
		}
	}
	sort.Strings(out)
	return out
}

// of is the points of a file, in order, outer ones first.
func (c *Coverage) of(file string) []point {
	var out []point
	for p := range c.points {
		if p.file == file {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b point) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	return out
}

var page = template.Must(template.New("coverage").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>weir test: coverage</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
pre { font: 13px/1.5 ui-monospace, monospace; border: 1px solid #ddd; padding: 1em; overflow-x: auto }
.all { background: #c8f0cc } .some { background: #fdeab0 } .none { background: #f8c9c5 }
.statement.all { background: #eefaf0 } .statement.none { background: #fdecea }
</style>
<h1>Coverage</h1>
<p><span class="all">gone every way</span> <span class="some">gone one way only</span> <span class="none">never gone</span>;
the tooltip counts the rows.</p>
{{range .}}<h2>{{.Name}}</h2>
<p>statements {{.Statements}}, conditions {{.Conditions}}</p>
<pre>{{range .Pieces}}{{if .Close}}</span>{{else if .Class}}<span class="{{.Class}}" title="{{.Title}}">{{else}}{{.Text}}{{end}}{{end}}</pre>
{{end}}</html>
`))

// piece is a bit of a page: text, or the beginning or end of a coloured stretch.
type piece struct {
	Text, Class, Title string
	Close              bool
}

// HTML writes the files with their conditions coloured.
func (c *Coverage) HTML(w io.Writer) error {
	type file struct {
		Name, Statements, Conditions string
		Pieces                       []piece
	}
	var out []file
	for _, name := range c.files() {
		f := file{Name: name}
		text, at := c.texts[name], 0
		var open []point
		var n tally
		closeTo := func(to int) {
			for len(open) > 0 && open[len(open)-1].end <= to {
				p := open[len(open)-1]
				open = open[:len(open)-1]
				f.Pieces = append(f.Pieces, piece{Text: text[at:p.end]}, piece{Close: true})
				at = p.end
			}
		}
		for _, p := range c.of(name) {
			closeTo(p.start)
			x := c.points[p]
			g, a := n.add(x)
			class := "some"
			switch g {
			case 0:
				class = "none"
			case a:
				class = "all"
			}
			tip := fmt.Sprintf("%d rows", x.yes.Load())
			if x.kind == "condition" {
				tip = fmt.Sprintf("true %d, not true %d", x.yes.Load(), x.no.Load())
			}
			if len(open) > 0 && p.end > open[len(open)-1].end {
				continue // it crosses another: cannot be drawn within it
			}
			f.Pieces = append(f.Pieces, piece{Text: text[at:p.start]}, piece{Class: x.kind + " " + class, Title: tip})
			at = p.start
			open = append(open, p)
		}
		closeTo(len(text))
		f.Pieces = append(f.Pieces, piece{Text: text[at:]})
		f.Statements, f.Conditions = n.text(0), n.text(1)
		out = append(out, f)
	}
	return page.Execute(w, out)
}
