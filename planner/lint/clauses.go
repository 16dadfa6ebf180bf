package lint

import (
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/logical"
)

// aggregates are the names by which an aggregate is known in the text.
var aggregates = map[string]bool{
	"COUNT": true, "SUM": true, "AVG": true, "MIN": true, "MAX": true, "LISTAGG": true, "COLLECT": true, "STDDEV": true, "STDDEV_POP": true,
	"STDDEV_SAMP": true, "VAR_POP": true, "VAR_SAMP": true, "VARIANCE": true, "FIRST_VALUE": true, "LAST_VALUE": true, "ARRAY_AGG": true,
	"JSON_OBJECTAGG": true, "JSON_ARRAYAGG": true, "APPROX_COUNT_DISTINCT": true,
}

func hasAggregate(n ast.Node) (found bool) {
	within(n, func(c *ast.Call, _ []ast.Node) {
		found = found || c.Over == nil && aggregates[strings.ToUpper(c.Name.Name)]
	})
	return found
}

func havingWithoutAggregate(p *pass) {
	each(p, func(c *ast.SelectCore, _ []ast.Node) {
		if c.Having == nil || len(c.GroupBy) == 0 {
			return
		}
		aliases := map[string]bool{}
		for _, it := range c.Items {
			if it.Alias != nil {
				aliases[it.Alias.Name] = true
			}
		}
		plain := !hasAggregate(c.Having)
		within(ast.Node(c.Having), func(r *ast.ColumnRef, _ []ast.Node) {
			if aliases[r.Name.String()] {
				plain = false
			}
		})
		within(ast.Node(c.Having), func(*ast.Query, []ast.Node) { plain = false })
		if plain {
			p.report(c.Having.Span(), "this HAVING needs no groups").At("state is kept for groups that are thrown away").
				Help("put the condition into WHERE")
		}
	})
}

func countNotNull(p *pass) {
	p.eachBound(func(n logical.Node) {
		a, ok := n.(*logical.Aggregate)
		if !ok {
			return
		}
		for _, g := range a.Aggs {
			if g.Func == "COUNT" && len(g.Args) == 1 && !g.Distinct && !a.Input.Cols()[g.Args[0]].Type.Nullable && !g.Span.IsZero() {
				p.report(g.Span, "this COUNT counts all rows: its column is NOT NULL").Help("write COUNT(*)")
			}
		}
	})
}

func duplicateInList(p *pass) {
	each(p, func(in *ast.In, _ []ast.Node) {
		first := map[string]ast.Expr{}
		for _, e := range in.List {
			if _, _, _, ok := constant(e); !ok {
				continue
			}
			if at, twice := first[text(e)]; twice {
				p.report(e.Span(), "%s is in the list twice", text(e)).Label(at.Span(), "first here").Help("remove it, or write the value that was meant")
				continue
			}
			first[text(e)] = e
		}
	})
}

func groupByPosition(p *pass) {
	each(p, func(c *ast.SelectCore, _ []ast.Node) {
		for _, g := range c.GroupBy {
			if g.Expr == nil {
				continue
			}
			if _, _, _, ok := constant(g.Expr); ok {
				p.report(g.Sp, "GROUP BY %s groups by a constant", text(g.Expr)).At("all rows are one group").
					Note("a number here is no position in the SELECT list").Help("write the column's name")
			}
		}
	})
}

func distinctWithoutEffect(p *pass) {
	each(p, func(c *ast.SelectCore, _ []ast.Node) {
		if !c.Distinct || len(c.GroupBy) == 0 {
			return
		}
		have := map[string]bool{}
		for _, it := range c.Items {
			if it.Expr != nil {
				have[text(it.Expr)] = true
			}
		}
		for _, g := range c.GroupBy {
			if g.Expr == nil || !have[text(g.Expr)] {
				return
			}
		}
		at := distinctAt(c)
		d := p.report(at, "DISTINCT has no effect: GROUP BY makes one row of each group").Help("remove DISTINCT")
		if !at.IsZero() {
			d.Fix(diag.Span{File: at.File, Start: at.Start, End: c.Items[0].Sp.Start}, "")
		}
	})
	each(p, func(c *ast.Call, _ []ast.Node) {
		if n := strings.ToUpper(c.Name.Name); c.Distinct && (n == "MIN" || n == "MAX") && c.Over == nil {
			p.report(c.Sp, "DISTINCT has no effect in %s", n).At("and costs a state of all values").Help("remove DISTINCT")
		}
	})
}

// distinctAt is the word DISTINCT of a SELECT.
func distinctAt(c *ast.SelectCore) diag.Span {
	head := strings.ToUpper(c.Sp.File.Text[c.Sp.Start:c.Items[0].Sp.Start])
	i := strings.LastIndex(head, "DISTINCT")
	if i < 0 {
		return c.Sp
	}
	return diag.Span{File: c.Sp.File, Start: c.Sp.Start + i, End: c.Sp.Start + i + len("DISTINCT")}
}

// outerJoinMadeInner reports a WHERE that no row without a partner passes.
func outerJoinMadeInner(p *pass) {
	each(p, func(c *ast.SelectCore, _ []ast.Node) {
		if c.Where == nil || c.From == nil {
			return
		}
		optional := map[string]*ast.Join{}
		within(ast.Node(c.From), func(j *ast.Join, above []ast.Node) {
			if _, inner := nearest[*ast.Query](above); inner {
				return
			}
			if j.Kind == "LEFT" {
				optional[refName(j.Right)] = j
			}
			if j.Kind == "RIGHT" {
				optional[refName(j.Left)] = j
			}
		})
		delete(optional, "")
		for _, e := range conjuncts(c.Where, "AND") {
			b, ok := e.(*ast.Binary)
			if !ok || !isComparison(b.Op) {
				continue
			}
			for _, side := range []ast.Expr{b.X, b.Y} {
				r, isRef := side.(*ast.ColumnRef)
				if !isRef || len(r.Name.Parts) != 2 || optional[r.Name.Parts[0].Name] == nil {
					continue
				}
				j := optional[r.Name.Parts[0].Name]
				p.report(e.Span(), "this condition makes an inner join of the %s JOIN", j.Kind).
					At("never true of a row without a partner, where %s is NULL", text(r)).Label(j.JoinSpan, "this one").
					Help("put the condition into ON, or write INNER JOIN")
				break
			}
		}
	})
}

// refName is the name by which a relation is referred to.
func refName(t ast.TableRef) string {
	switch t := t.(type) {
	case *ast.TableName:
		if t.Alias.Name != nil {
			return t.Alias.Name.Name
		}
		return t.Name.Last().Name
	case *ast.TableFunc:
		if t.Alias.Name != nil {
			return t.Alias.Name.Name
		}
	case *ast.SubQuery:
		if t.Alias.Name != nil {
			return t.Alias.Name.Name
		}
	}
	return ""
}

// aliasHidesColumn reports a name that means the input's column in WHERE and GROUP BY, and something else in what
// comes out.
func aliasHidesColumn(p *pass) {
	each(p, func(c *ast.SelectCore, _ []ast.Node) {
		if len(c.GroupBy) == 0 {
			return
		}
		for _, it := range c.Items {
			if it.Alias == nil || it.Expr == nil || hasAggregate(it.Expr) {
				continue
			}
			if r, ok := it.Expr.(*ast.ColumnRef); ok && r.Name.Last().Name == it.Alias.Name {
				continue
			}
			reads := false
			within(ast.Node(it.Expr), func(r *ast.ColumnRef, _ []ast.Node) { reads = reads || r.Name.Last().Name == it.Alias.Name })
			for _, g := range c.GroupBy {
				if r, ok := g.Expr.(*ast.ColumnRef); ok && reads && r.Name.String() == it.Alias.Name {
					p.report(it.Alias.Sp, "the alias %s is the name of a column of the input", it.Alias.Name).
						Label(g.Sp, "this is the column of the input, not the alias").Help("give it another name, and write GROUP BY %s if that is meant", text(it.Expr))
				}
			}
		}
	})
}
