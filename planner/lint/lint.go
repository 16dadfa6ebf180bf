// Package lint finds what runs and is most probably not meant: state that never ends, watermarks that are later than
// their windows, comparisons that no row passes. A rule is a line in a table and a function over what the planner
// has made of a script; it needs neither broker nor cgo.
//
//	planner.Analyze ──> Analysis ──rules──> diagnostics, warnings by default
//
// Rules report what is surely a mistake, or a trap that the author should have looked at. A rule that could cry wolf
// over a sound job is a note, or pedantic: run only when it is asked for. What a code means, with an example
// that has it and one that has not, is in package parser/diag/explain.
package lint

import (
	"reflect"
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/logical"
	"weir/planner/scalar"
)

// Rule is one rule. Its code is stable, as those of all diagnostics.
type Rule struct {
	Code string
	Name string // in words joined by '-', for configurations
	// Note rules report what may well be meant; all others warn.
	Note bool
	// Pedantic rules are a matter of taste, or of where a job runs: they run only when they are asked for.
	Pedantic bool
	// Sound rules look for what is not there, and would cry wolf over a script with errors.
	Sound bool

	run func(p *pass)
}

// Rules is every rule, in the order of their codes.
var Rules = join(timeRules, stateRules, deliveryRules, sinkRules, exprRules, unusedRules)

func join(tables ...[]Rule) (all []Rule) {
	for _, t := range tables {
		all = append(all, t...)
	}
	return all
}

// Lookup is the rule of a code, nil when it has none.
func Lookup(code string) *Rule {
	for i := range Rules {
		if Rules[i].Code == code {
			return &Rules[i]
		}
	}
	return nil
}

// Options say what is looked for.
type Options struct {
	// Enabled says whether a rule runs; nil: all that are not pedantic.
	Enabled func(*Rule) bool
	// Partitions is how many partitions a topic has, where a broker was asked; nil without one.
	Partitions func(servers, topic string) (n int, ok bool)
}

// Check plans files, in order, as one script, and returns all findings: of parsing, of planning, and of the rules.
// The list is never nil.
func Check(files []*diag.File, po planner.Options, o Options) *diag.List {
	a := planner.Analyze(files, po)
	Run(a, o)
	return a.Findings
}

// Run adds the findings of the rules to those of a. What the planner has already reported at a place is not said
// again, of two rules the one of the smaller code speaks, and in a statement with errors none does: its mistakes would
// be taken for others.
func Run(a *planner.Analysis, o Options) {
	p := &pass{Analysis: a, opts: o, sound: true}
	said := map[diag.Span]bool{}
	var wrong []ast.Statement
	for _, d := range a.Findings.All {
		said[d.Span] = true
		if refusal(d.Code) {
			continue // what weir has not yet may have faults elsewhere all the same
		}
		if d.Severity == diag.Error {
			p.sound = false
			wrong = append(wrong, p.statementAt(d.Span))
		}
	}
	for i := range Rules {
		r := &Rules[i]
		on := !r.Pedantic
		if o.Enabled != nil {
			on = o.Enabled(r)
		}
		if !on || r.Sound && !p.sound {
			continue
		}
		p.rule = r
		r.run(p)
	}
	var fresh []*diag.Diagnostic
	for _, d := range p.found {
		if st := p.statementAt(d.Span); !said[d.Span] && (st == nil || !slices.Contains(wrong, st)) {
			said[d.Span] = true
			fresh = append(fresh, d)
		}
	}
	a.Add(fresh)
}

// refusal reports the codes of what weir parses and does not run yet.
func refusal(code string) bool { return strings.HasPrefix(code, "SQ25") }

// statementAt is the statement that holds a place, nil when none does.
func (p *pass) statementAt(at diag.Span) ast.Statement {
	for _, s := range p.Scripts {
		for _, st := range s.Statements {
			if sp := st.Span(); sp.File == at.File && sp.Start <= at.Start && at.Start <= sp.End {
				return st
			}
		}
	}
	return nil
}

// pass is one run of the rules over a script.
type pass struct {
	*planner.Analysis
	opts  Options
	sound bool
	rule  *Rule
	found []*diag.Diagnostic
	names *naming        // what the script's names stand for; made when it is first asked for
	bound []logical.Node // what eachBound goes over; made when it is first asked for
	// nodes are the nodes of all statements by their types, in the order of the text: rules ask for one type again and again.
	nodes map[reflect.Type][]placed
}

// placed is a node with those above it.
type placed struct {
	node  ast.Node
	above []ast.Node
}

// report adds a finding of the rule at work.
func (p *pass) report(at diag.Span, format string, args ...any) *diag.Diagnostic {
	var l diag.List
	d := l.Warnf(p.rule.Code, at, format, args...)
	if p.rule.Note {
		d.Severity = diag.Note
	}
	p.found = append(p.found, d)
	return d
}

// each calls f for every node of type T in the script, with the nodes above it.
func each[T ast.Node](p *pass, f func(n T, above []ast.Node)) {
	if p.nodes == nil {
		p.nodes = map[reflect.Type][]placed{}
		for _, s := range p.Scripts {
			for _, st := range s.Statements {
				ast.Inspect(st, func(n ast.Node, above []ast.Node) bool {
					t := reflect.TypeOf(n)
					p.nodes[t] = append(p.nodes[t], placed{n, slices.Clone(above)})
					return true
				})
			}
		}
	}
	for _, n := range p.nodes[reflect.TypeFor[T]()] {
		f(n.node.(T), n.above)
	}
}

// within calls f for every node of type T in n.
func within[T ast.Node](n ast.Node, f func(n T, above []ast.Node)) {
	ast.Inspect(n, func(n ast.Node, above []ast.Node) bool {
		if t, ok := n.(T); ok {
			f(t, above)
		}
		return true
	})
}

// nearest is the innermost node of type T in above.
func nearest[T ast.Node](above []ast.Node) (t T, ok bool) {
	for i := len(above) - 1; i >= 0; i-- {
		if t, ok = above[i].(T); ok {
			return t, true
		}
	}
	return t, false
}

// eachBound calls f for every relation of the script's queries, once also where several queries read the view it is in.
func (p *pass) eachBound(f func(logical.Node)) {
	if p.bound == nil {
		seen := map[logical.Node]bool{}
		var add func(n logical.Node)
		add = func(n logical.Node) {
			if seen[n] {
				return
			}
			seen[n] = true
			p.bound = append(p.bound, n)
			for _, in := range n.Inputs() {
				add(in)
			}
		}
		for _, v := range p.Views {
			add(v.Query)
		}
		for _, q := range p.Selects {
			add(q)
		}
		for _, j := range p.Jobs {
			for _, in := range j.Inserts {
				if in.Query != nil {
					add(in.Query)
				}
			}
		}
	}
	for _, n := range p.bound {
		f(n)
	}
}

// expressions calls f for every expression of the script's queries with those above it, outermost first.
func (p *pass) expressions(f func(e scalar.Expr, above []scalar.Expr)) {
	p.eachBound(func(n logical.Node) { inCalc(n, f) })
}

// walk calls f for n and every relation below it.
func walk(n logical.Node, f func(logical.Node)) {
	f(n)
	for _, in := range n.Inputs() {
		walk(in, f)
	}
}

// scalars calls f for every expression under n with those above it, outermost first.
func scalars(n logical.Node, f func(e scalar.Expr, above []scalar.Expr)) {
	walk(n, func(n logical.Node) { inCalc(n, f) })
}

// inCalc calls f for every expression of n itself.
func inCalc(n logical.Node, f func(e scalar.Expr, above []scalar.Expr)) {
	c, ok := n.(*logical.Calc)
	if !ok {
		return
	}
	if c.Filter != nil {
		inExpr(c.Filter, nil, f)
	}
	for _, e := range c.Exprs {
		inExpr(e, nil, f)
	}
}

func inExpr(e scalar.Expr, above []scalar.Expr, f func(scalar.Expr, []scalar.Expr)) {
	f(e, above)
	above = append(above, e)
	for _, c := range scalar.Children(e) {
		inExpr(c, above[:len(above):len(above)], f)
	}
}

// bare is e without the conversions that the planner put around it.
func bare(e scalar.Expr) scalar.Expr {
	for {
		c, ok := e.(*scalar.Cast)
		if !ok || !c.Implicit {
			return e
		}
		e = c.X
	}
}

// option is the value of an option of t, "" when it is not given.
func option(t *catalog.Table, key string) string {
	v, _ := t.Options.Get(key)
	return v
}

// optionAt is where an option's value is written, or the table's name.
func optionAt(t *catalog.Table, keys ...string) diag.Span {
	for _, k := range keys {
		if o := t.Options.Lookup(k); o != nil && !o.ValueSpan.IsZero() {
			return o.ValueSpan
		}
	}
	return t.NameSpan
}

// definition is the CREATE TABLE of t.
func (p *pass) definition(t *catalog.Table) (def *ast.CreateTable) {
	each(p, func(st *ast.CreateTable, _ []ast.Node) {
		if st.Sp == t.Span {
			def = st
		}
	})
	return def
}

// setAt is the SET of key that holds at the place at: the last one before it.
func (p *pass) setAt(key string, at diag.Span) (found *ast.Set) {
	for _, s := range p.Scripts {
		for _, st := range s.Statements {
			if st.Span() == at {
				return found
			}
			if set, ok := st.(*ast.Set); ok && set.KV != nil && set.KV.Key.Value == key {
				found = set
			}
		}
	}
	return found
}

// text is the source of n with blanks single, by which expressions are compared.
func text(n ast.Node) string { return strings.Join(strings.Fields(n.Span().Text()), " ") }
