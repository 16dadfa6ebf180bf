package format

import (
	"fmt"

	"weir/parser"
	"weir/parser/ast"
)

func (p *printer) query(q *ast.Query) {
	if len(q.With) > 0 {
		p.w("WITH ", ifWord(q.Recursive, "RECURSIVE "))
		p.list(len(q.With), func(i int) { p.cte(q.With[i]) })
		p.w(" ")
	}
	p.body(q.Body, 0)
	if len(q.OrderBy) > 0 {
		p.w(" ")
		p.orderBy(q.OrderBy)
	}
	if q.Limit != nil {
		p.w(" LIMIT ")
		p.expr(q.Limit, parser.LevelAdd)
	}
	if q.Offset != nil {
		p.w(" OFFSET ")
		p.expr(q.Offset, parser.LevelAdd)
	}
}

func (p *printer) cte(c *ast.CTE) {
	p.ident(c.Name)
	if len(c.Columns) > 0 {
		p.w(" ")
		p.idents(c.Columns)
	}
	p.w(" AS ")
	p.subquery(c.Query)
}

// The levels of set operations, loosest first.
const (
	levelUnion = iota + 1
	levelIntersect
	levelCore
)

func bodyLevel(b ast.QueryBody) int {
	if op, ok := b.(*ast.SetOp); ok {
		if op.Op == "INTERSECT" {
			return levelIntersect
		}
		return levelUnion
	}
	return levelCore
}

// body writes a query's body. A set operation stands where the parser would read it
// back in the same place; a tree that the parser cannot have made gets brackets, too.
func (p *printer) body(b ast.QueryBody, least int) {
	if bodyLevel(b) < least {
		p.w("(")
		defer p.w(")")
	}
	switch q := b.(type) {
	case *ast.SelectCore:
		p.selectCore(q)
	case *ast.Values:
		p.w("VALUES ")
		p.list(len(q.Rows), func(i int) {
			p.w("(")
			p.exprs(q.Rows[i].Items)
			p.w(")")
		})
	case *ast.Query:
		p.subquery(q)
	case *ast.SetOp:
		p.setOp(q)
	default:
		panic(fmt.Sprintf("format: no text for a %T", b))
	}
}

// setOp writes a chain of set operations that nest to the left without recursion.
func (p *printer) setOp(op *ast.SetOp) {
	chain := []*ast.SetOp{op}
	for {
		last := chain[len(chain)-1]
		left, ok := last.Left.(*ast.SetOp)
		if !ok || bodyLevel(left) < bodyLevel(last) {
			break
		}
		chain = append(chain, left)
	}
	last := chain[len(chain)-1]
	p.body(last.Left, bodyLevel(last))
	for i := len(chain) - 1; i >= 0; i-- {
		p.w(" ", chain[i].Op, " ", ifWord(chain[i].All, "ALL "))
		p.body(chain[i].Right, bodyLevel(chain[i])+1)
	}
}

func (p *printer) selectCore(s *ast.SelectCore) {
	if s.Whole {
		p.w("TABLE ")
		p.tableRef(s.From, false)
		return
	}
	p.w("SELECT ")
	if len(s.Hints) > 0 {
		p.w("/*+ ")
		p.list(len(s.Hints), func(i int) { p.hint(s.Hints[i]) })
		p.w(" */ ")
	}
	p.w(ifWord(s.Distinct, "DISTINCT "))
	p.list(len(s.Items), func(i int) { p.selectItem(s.Items[i]) })
	if s.From != nil {
		p.w(" FROM ")
		p.tableRef(s.From, false)
	}
	if s.Where != nil {
		p.w(" WHERE ")
		p.expr(s.Where, 0)
	}
	if len(s.GroupBy) > 0 {
		p.w(" GROUP BY ")
		p.list(len(s.GroupBy), func(i int) { p.groupItem(s.GroupBy[i]) })
	}
	if s.Having != nil {
		p.w(" HAVING ")
		p.expr(s.Having, 0)
	}
	if len(s.Windows) > 0 {
		p.w(" WINDOW ")
		p.list(len(s.Windows), func(i int) {
			p.ident(s.Windows[i].Name)
			p.w(" AS ")
			p.windowBody(s.Windows[i].Spec)
		})
	}
	if s.Qualify != nil {
		p.w(" QUALIFY ")
		p.expr(s.Qualify, 0)
	}
}

func (p *printer) hint(h *ast.Hint) {
	p.ident(ast.Ident{Name: h.Name})
	if len(h.Args)+len(h.KVs) == 0 {
		return
	}
	p.w("(")
	p.exprs(h.Args)
	p.w(ifWord(len(h.Args) > 0 && len(h.KVs) > 0, ", "))
	p.list(len(h.KVs), func(i int) { p.prop(h.KVs[i]) })
	p.w(")")
}

func (p *printer) selectItem(it *ast.SelectItem) {
	switch {
	case it.Star && it.Of != nil:
		p.name(*it.Of)
		p.w(".*")
	case it.Star:
		p.w("*")
	default:
		p.expr(it.Expr, 0)
		if it.Alias != nil {
			p.w(" AS ")
			p.ident(*it.Alias)
		}
	}
}

func (p *printer) groupItem(g ast.GroupItem) {
	if g.Expr != nil {
		p.expr(g.Expr, 0)
		return
	}
	p.w(g.Sets, " (")
	p.list(len(g.Args), func(i int) {
		set := g.Args[i]
		if len(set) == 1 {
			if _, row := set[0].Expr.(*ast.RowExpr); !row {
				p.groupItem(set[0])
				return
			}
		}
		p.w("(")
		p.list(len(set), func(j int) { p.groupItem(set[j]) })
		p.w(")")
	})
	p.w(")")
}

// tableRef writes what stands in FROM; right says that it is the right side of a join,
// where another join needs brackets.
func (p *printer) tableRef(t ast.TableRef, right bool) {
	switch r := t.(type) {
	case *ast.Join:
		if right {
			p.w("(")
			defer p.w(")")
		}
		p.join(r)
	case *ast.TableName:
		p.name(r.Name)
		p.options(r.Hints)
		if r.SysAsOf != nil {
			p.w(" FOR SYSTEM_TIME AS OF ")
			p.expr(r.SysAsOf, parser.LevelAdd)
		}
		p.alias(r.Alias)
	case *ast.TableFunc:
		p.w(ifWord(r.Lateral, "LATERAL "), "TABLE(")
		p.call(&ast.Call{Name: r.Name, NoParens: true})
		p.w("(")
		p.list(len(r.Args), func(i int) { p.tableArg(r.Args[i]) })
		p.w("))")
		p.alias(r.Alias)
	case *ast.SubQuery:
		p.w(ifWord(r.Lateral, "LATERAL "))
		p.subquery(r.Query)
		p.alias(r.Alias)
	case *ast.Unnest:
		p.w("UNNEST(")
		p.expr(r.Expr, 0)
		p.w(")", ifWord(r.Ordinality, " WITH ORDINALITY"))
		p.alias(r.Alias)
	case *ast.MatchRecognize:
		p.w(r.Span().Text())
	default:
		panic(fmt.Sprintf("format: no text for a %T", t))
	}
}

// join writes a chain of joins that nest to the left without recursion.
func (p *printer) join(j *ast.Join) {
	var chain []*ast.Join
	var left ast.TableRef = j
	for {
		in, ok := left.(*ast.Join)
		if !ok {
			break
		}
		chain = append(chain, in)
		left = in.Left
	}
	p.tableRef(left, true)
	for i := len(chain) - 1; i >= 0; i-- {
		in := chain[i]
		p.w(" ", ifWord(in.Natural, "NATURAL "), ifWord(in.Kind != "INNER", in.Kind+" "), "JOIN ")
		p.tableRef(in.Right, true)
		if in.On != nil {
			p.w(" ON ")
			p.expr(in.On, 0)
		}
		if len(in.Using) > 0 {
			p.w(" USING ")
			p.idents(in.Using)
		}
	}
}

func (p *printer) alias(a ast.Alias) {
	if a.Name == nil {
		return
	}
	p.w(" AS ")
	p.ident(*a.Name)
	if len(a.Columns) > 0 {
		p.idents(a.Columns)
	}
}

func (p *printer) tableArg(a *ast.TableArg) {
	if a.Param != nil {
		p.ident(*a.Param)
		p.w(" => ")
	}
	switch {
	case a.Table != nil:
		p.w("TABLE ")
		p.name(*a.Table)
	case a.Query != nil:
		p.w("TABLE ")
		p.subquery(a.Query)
	case a.Descriptor != nil:
		p.w("DESCRIPTOR")
		p.idents(a.Descriptor)
	default:
		p.expr(a.Expr, 0)
	}
	if len(a.PartitionBy) > 0 {
		p.w(" PARTITION BY (")
		p.exprs(a.PartitionBy)
		p.w(")")
	}
	if len(a.OrderBy) > 0 {
		p.w(" ORDER BY (")
		p.list(len(a.OrderBy), func(i int) { p.orderItem(a.OrderBy[i]) })
		p.w(")")
	}
}
