// Package bind gives names their meaning: it makes logical trees and typed scalar expressions of
// the parser's syntax, and reports every name, type and form that does not fit. It collects findings and
// goes on; a result of nil means that findings were reported for it.
package bind

import (
	"slices"
	"sort"
	"strings"
	"time"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Catalog is the tables and views that a query may name.
type Catalog interface {
	Table(name string) *catalog.Table // nil when there is none
	View(name string) *catalog.View   // nil when there is none
	Names() []string                  // of both, for suggestions
	// Object is the name by which Table and View know what n names, in a query that stands in place; ok is false where its
	// catalog or database is not known, which is reported in diags.
	Object(n ast.Name, in catalog.Place, diags *diag.List) (name string, at catalog.Place, ok bool)
	// Broken reports a table or view whose definition has findings: whoever names it is not to blame.
	Broken(name string) bool
}

// Binder binds the queries of one statement. It is used by one goroutine.
type Binder struct {
	Functions fn.Catalog
	Catalog   Catalog
	In        catalog.Place // where names alone are looked for
	Registry  *catalog.Registry
	Zone      *time.Location
	Diags     *diag.List
	// Batch: of a batch job, where every TIMESTAMP can be windowed: its end closes all windows (execution.runtime-mode).
	Batch bool
	// LegacyCast: a CAST that fails gives NULL (table.exec.legacy-cast-behaviour).
	LegacyCast bool
	// NullsWithin: tables may have NULLs in what their columns declare NOT NULL within ROWs and collections, since that is
	// enforced where it is written (table.exec.sink.nested-constraint-enforcer).
	NullsWithin bool
	// Fold computes a constant expression; nil when only literals are known.
	Fold func(scalar.Expr) (types.Value, error)
	// Hints makes a copy of t with the options of a hint checked and added; nil when hints are refused.
	Hints func(t *catalog.Table, hints []*ast.Property) *catalog.Table
	Views Views // of statements before; nil: each view is bound where it is read

	ctes  []*cte   // in scope, innermost last
	views []string // being expanded, against circles
	used  []Use
	hints *hints // of the SELECT whose FROM is being bound
	// versioned is the right side of the join that is being bound, when it has FOR SYSTEM_TIME AS OF.
	versioned *ast.TableName
	// around is the expression that the sub-query being bound stands in; nil outside of sub-queries.
	around *exprBinder
	// dep is what the sub-query being bound needs of the query around; nil where that does not come into it. dependents is how many
	// such sub-queries are around.
	dep        *dependence
	dependents int
	// inFrom is what the SELECT whose FROM is being bound needs of the query around, for queries in that FROM and of WITH which need it
	// too; nil where they cannot have it.
	inFrom *dependence
	// lead is what the FROM being bound begins with, so that an UNNEST in it may be of a list of the query around; nil for its first table.
	lead *dependence
}

type cte struct {
	name  string
	cols  []ast.Ident
	query *ast.Query
	outer int // the CTEs that query itself may see
	at    diag.Span
	bound bool
	node  logical.Node
	needs bool // it names columns of a query around the one that WITH belongs to, and is bound where it is read
}

// Use is a table that a query reads, and where it is named first.
type Use struct {
	Table *catalog.Table
	At    diag.Span
}

// Used is the tables that the bound queries read, each once, in order.
func (b *Binder) Used() []Use { return b.used }

// rel is one named relation of FROM.
type rel struct {
	name       string
	start, end int // its columns in the scope
	at         diag.Span
	in         catalog.Place // of a table that has no alias; its name may stand behind that
}

// scope is what an expression may refer to.
type scope struct {
	cols []logical.Column
	rels []rel
	what string // for messages: "FROM", "table orders"
	// hidden columns of a join with USING are found by their table's name only; nil when there are none.
	hidden []bool
	// star is what * stands for where a join with USING has moved columns; nil for all that are not hidden, as they stand.
	star []int
	// dep is what comes from the query around, as the columns from depAt on; nil outside of such sub-queries.
	dep   *dependence
	depAt int
	// brought is where queries in FROM have brought the columns of dep along; the columns from each place on are dep's.
	brought []int
}

func (s *scope) hides(i int) bool { return i < len(s.hidden) && s.hidden[i] }

// starred is the columns that * stands for.
func (s *scope) starred() []int {
	if s.star != nil {
		return slices.Clone(s.star)
	}
	var out []int
	for i := range s.cols {
		if !s.hides(i) {
			out = append(out, i)
		}
	}
	return out
}

func (s *scope) names() []string {
	var out []string
	for _, c := range s.cols {
		out = append(out, c.Name)
	}
	return out
}

func nodeScope(n logical.Node, name string, at diag.Span) *scope {
	s := &scope{cols: n.Cols()}
	if name != "" {
		s.rels = []rel{{name: name, start: 0, end: len(s.cols), at: at}}
	}
	return s
}

// UnknownTable reports a table or view that is not there.
func UnknownTable(diags *diag.List, n ast.Name, name, what string, names []string) {
	d := diags.Errorf(codes.UnknownTable, n.Sp, "%s %s is not known", what, name)
	if s, ok := diag.Suggest(name, names); ok {
		if !strings.Contains(s, ".") { // else with its database
			s = scalar.QuoteName(s)
		}
		d.Help("did you mean %s?", s)
		return
	}
	if len(names) == 0 {
		d.Help("define it first: CREATE TABLE %s (...) WITH (...)", scalar.QuoteName(name))
		return
	}
	d.Note("known are %s", list(names, 8))
}

// list is at most n of names, for a message.
func list(names []string, n int) string {
	names = append([]string(nil), names...)
	more := ""
	if len(names) > n {
		names, more = names[:n], ", ..."
	}
	return strings.Join(names, ", ") + more
}

// withoutPlace takes from a name of a column the catalog and database that stand before its table's name.
func (s *scope) withoutPlace(parts []ast.Ident) []ast.Ident {
	for _, r := range s.rels {
		for _, prefix := range [][]string{{r.in.Catalog, r.in.Database}, {r.in.Database}} {
			if n := len(prefix); len(parts) > n+1 && hasPrefix(parts, prefix) && parts[n].Name == r.name {
				return parts[n:]
			}
		}
	}
	return parts
}

// resolve finds a column, and the rest of the path when the name goes on into a ROW. It reports
// what does not fit and returns nil then.
func (b *Binder) resolve(s *scope, n ast.Name) (col *scalar.Column, path []ast.Ident) {
	parts := n.Parts
	if !s.has(parts[0].Name) {
		parts = s.withoutPlace(parts)
	}
	if len(parts) > 1 {
		var found []rel
		for _, r := range s.rels {
			if r.name == parts[0].Name {
				found = append(found, r)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			r := found[0]
			if i := b.find(s, r.start, r.end, parts[1]); i >= 0 {
				return b.column(s, i, n), parts[2:]
			} else if i == -2 {
				return nil, nil
			}
			if b.find(s, 0, len(s.cols), parts[0]) < 0 {
				b.unknown(s, parts[1], r.name, s.cols[r.start:r.end])
				return nil, nil
			}
		default:
			b.Diags.Errorf(codes.AmbiguousColumn, n.Sp, "%s is ambiguous: two relations are called %s", n, parts[0].Name).
				Label(found[0].at, "one").Label(found[1].at, "the other").Help("give one of them an alias of its own")
			return nil, nil
		}
	}
	i := b.find(s, 0, len(s.cols), parts[0])
	switch {
	case i >= 0:
		return b.column(s, i, n), parts[1:]
	case i == -1 && len(parts) > 1:
		var names []string
		for _, r := range s.rels {
			names = append(names, r.name)
		}
		d := b.Diags.Errorf(codes.UnknownColumn, parts[0].Sp, "neither a table nor a column is called %s here", parts[0].Name)
		if g, ok := diag.Suggest(parts[0].Name, append(names, s.names()...)); ok {
			d.Help("did you mean %s?", scalar.QuoteName(g))
		} else if len(names) > 0 {
			d.Note("FROM has %s", list(names, 8))
		}
	case i == -1:
		b.unknown(s, parts[0], "", s.cols)
	}
	return nil, nil
}

func hasPrefix(parts []ast.Ident, prefix []string) bool {
	for i, p := range prefix {
		if parts[i].Name != p {
			return false
		}
	}
	return true
}

func (s *scope) has(rel string) bool {
	for _, r := range s.rels {
		if r.name == rel {
			return true
		}
	}
	return false
}

func (b *Binder) column(s *scope, i int, n ast.Name) *scalar.Column {
	return &scalar.Column{Index: i, Name: s.cols[i].Name, Typ: s.cols[i].Type, Sp: n.Sp}
}

// find is the position of the column called id between start and end: -1 when there is none, -2,
// reported, when there are several.
func (b *Binder) find(s *scope, start, end int, id ast.Ident) int {
	at := -1
	for i := start; i < end; i++ {
		if s.cols[i].Name != id.Name || s.hides(i) && end-start == len(s.cols) {
			continue
		}
		if at >= 0 {
			d := b.Diags.Errorf(codes.AmbiguousColumn, id.Sp, "column %s is ambiguous", id.Name)
			var qualified []string
			for _, r := range s.rels {
				if r.name != "" && (at >= r.start && at < r.end || i >= r.start && i < r.end) && len(d.Labels) < 2 {
					d.Label(r.at, "%s has one", r.name)
					qualified = append(qualified, scalar.QuoteName(r.name)+"."+scalar.QuoteName(id.Name))
				}
			}
			if strings.HasPrefix(id.Name, "window_") && len(d.Labels) < 2 {
				d.Note("a window adds window_start, window_end and window_time to the columns of its input")
				d.Help("give the column %s of the window's input another name with AS", id.Name)
			} else if len(qualified) == 2 && qualified[0] != qualified[1] {
				d.Help("write %s or %s", qualified[0], qualified[1])
			} else {
				d.Help("put the table's name in front of it, or give the columns different names")
			}
			return -2
		}
		at = i
	}
	return at
}

func (b *Binder) unknown(s *scope, id ast.Ident, rel string, cols []logical.Column) {
	var d *diag.Diagnostic
	if rel != "" {
		d = b.Diags.Errorf(codes.UnknownColumn, id.Sp, "column %s is not known in %s", id.Name, rel)
	} else {
		d = b.Diags.Errorf(codes.UnknownColumn, id.Sp, "column %s is not known", id.Name)
	}
	var names []string
	for i, c := range cols {
		if c.Name != "" && (s.dep == nil || !s.hides(i)) {
			names = append(names, c.Name)
		}
	}
	if g, ok := diag.Suggest(id.Name, names); ok {
		d.Help("did you mean %s?", scalar.QuoteName(g))
		return
	}
	if help, ok := foreignColumns[strings.ToUpper(id.Name)]; ok {
		d.Help("%s", help)
		return
	}
	if len(names) == 0 {
		d.Note("there are no columns here")
		if len(s.rels) == 0 && rel == "" {
			d.Help("is FROM missing?")
		}
		return
	}
	where := s.what
	if rel != "" {
		where = rel
	}
	if where == "" && len(s.rels) == 1 {
		where = s.rels[0].name
	}
	if where == "" {
		where = "FROM"
	}
	d.Note("%s has %s", where, list(names, 12))
}

// functionNames is the callable names, for suggestions.
func (b *Binder) functionNames() []string {
	var out []string
	for n := range b.Functions {
		if n != "" && (n[0] >= 'A' && n[0] <= 'Z') && !strings.Contains(n, " ") {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out
}
