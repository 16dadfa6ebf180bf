package parser

import (
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// queryAhead reports whether the ( at token i opens a query and not an expression or a
// join: ((SELECT 1) UNION ...) is one, ((SELECT 1) + 2) is none.
func (p *parser) queryAhead(i int) bool {
	k := i
	for k < i+maxDepth+2 && p.toks[k].Is("(") {
		k++
	}
	t := p.toks[k]
	if table := t.Is("TABLE") && !p.toks[k+1].Is("("); k == i || !t.Is("SELECT") && !t.Is("WITH") && !t.Is("VALUES") && !table {
		return false
	}
	// From the innermost bracket outwards: what stands behind each decides.
	for b := k - 1; b > i; b-- {
		m := p.match[b]
		if m < 0 {
			return true
		}
		switch p.toks[m+1].Key {
		case "UNION", "EXCEPT", "INTERSECT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH":
			return true
		case ")":
		default:
			return false
		}
	}
	return true
}

// query takes a whole query.
func (p *parser) query() *ast.Query {
	q := &ast.Query{}
	start := p.start()
	if !p.enter() {
		return q
	}
	defer p.leave()
	if p.accept("WITH") {
		q.Recursive = p.accept("RECURSIVE")
		for {
			from := p.i
			c := p.cte()
			q.With = append(q.With, c)
			if q.Recursive && !p.failed && p.readsItself(c, from) {
				return q
			}
			if !p.accept(",") {
				break
			}
		}
		if !p.failed && !p.isAny("SELECT", "VALUES", "(") {
			p.unexpected("a comma or the query behind WITH")
			return q
		}
	}
	q.Body = p.setOps()
	if p.is("ORDER", "BY") {
		q.OrderBy = p.orderBy()
	}
	if p.accept("LIMIT") {
		if !p.accept("ALL") {
			q.Limit = p.exprAt(LevelAdd)
		}
		if p.is(",") {
			p.notSupported(p.i, p.here(), "LIMIT with a comma").Help("write LIMIT count OFFSET start")
			return q
		}
	}
	if p.accept("OFFSET") {
		q.Offset = p.exprAt(LevelAdd)
		if !p.accept("ROWS") {
			p.accept("ROW")
		}
	}
	if p.is("FETCH") {
		p.fetch(q)
	}
	q.At = p.from(start)
	return q
}

// readsItself reports a query of WITH RECURSIVE, whose first token is number from, that reads itself.
func (p *parser) readsItself(c *ast.CTE, from int) bool {
	found := false
	ast.Inspect(c.Query, func(n ast.Node, _ []ast.Node) bool {
		if t, ok := n.(*ast.TableName); ok && !found && len(t.Name.Parts) == 1 && t.Name.Parts[0].Name == c.Name.Name {
			found = true
			p.notSupported(from, t.Name.Parts[0].Sp, "a query of WITH RECURSIVE that reads itself")
		}
		return !found
	})
	return found
}

// fetch takes FETCH FIRST n ROWS ONLY.
func (p *parser) fetch(q *ast.Query) {
	if q.Limit != nil {
		p.errorf("SQ1012", "LIMIT and FETCH say the same twice").Help("keep one of them")
		return
	}
	p.next()
	if !p.accept("FIRST") && !p.accept("NEXT") {
		p.unexpected("FIRST or NEXT")
	}
	start := p.start()
	if p.isAny("ROW", "ROWS") {
		q.Limit = &ast.NumberLit{At: ast.At{Sp: diag.Span{File: p.file, Start: start, End: start}}, Text: "1"}
	} else {
		q.Limit = p.exprAt(LevelAdd)
	}
	if !p.accept("ROWS") && !p.accept("ROW") {
		p.unexpected("ROWS ONLY")
	}
	if p.is("WITH", "TIES") {
		p.notSupported(p.i, p.here(), "WITH TIES")
		return
	}
	p.expect("ONLY")
}

func (p *parser) cte() *ast.CTE {
	start := p.start()
	c := &ast.CTE{Name: p.ident("a name for the query")}
	if p.is("(") {
		c.Columns = p.idents("a column name")
	}
	if !p.accept("AS") {
		p.unexpected("AS and a query in brackets")
	}
	if !p.accept("(") {
		p.unexpected("( and a query")
	}
	c.Query = p.query()
	p.closing(") behind the query")
	c.At = p.from(start)
	return c
}

// setOps takes a chain of UNION and EXCEPT, from left to right; INTERSECT binds tighter.
func (p *parser) setOps() ast.QueryBody {
	start := p.start()
	left := p.intersects()
	for p.isAny("UNION", "EXCEPT") {
		op := p.next()
		all := p.setQuantifier()
		right := p.intersects()
		left = &ast.SetOp{At: p.from(start), Op: op.Key, OpSpan: p.span(op), All: all, Left: left, Right: right}
	}
	if p.is("MINUS") {
		p.notSupported(p.i, p.here(), "MINUS").Help("write EXCEPT")
	}
	return left
}

func (p *parser) intersects() ast.QueryBody {
	start := p.start()
	left := p.queryPrimary()
	for p.is("INTERSECT") {
		op := p.next()
		all := p.setQuantifier()
		right := p.queryPrimary()
		left = &ast.SetOp{At: p.from(start), Op: op.Key, OpSpan: p.span(op), All: all, Left: left, Right: right}
	}
	return left
}

// setQuantifier takes ALL or DISTINCT.
func (p *parser) setQuantifier() (all bool) {
	if p.accept("ALL") {
		return true
	}
	p.accept("DISTINCT")
	return false
}

func (p *parser) queryPrimary() ast.QueryBody {
	switch {
	case p.is("SELECT"):
		return p.selectCore()
	case p.is("VALUES"):
		return p.values()
	case p.accept("("):
		start := p.toks[p.i-1].Start
		q := p.query()
		p.closing(") behind the query")
		q.At = p.from(start)
		return q
	case p.is("TABLE"):
		return p.wholeTable()
	default:
		p.unexpected("SELECT, VALUES or a query in brackets")
	}
	return nil
}

// wholeTable takes TABLE t, which is SELECT * FROM t.
func (p *parser) wholeTable() ast.QueryBody {
	start := p.next().Start
	at := p.start()
	t := &ast.TableName{Name: p.name("the name of a table")}
	t.At = p.from(at)
	return &ast.SelectCore{At: p.from(start), Items: []*ast.SelectItem{{At: p.from(start), Star: true}}, From: t, Whole: true}
}

// values takes VALUES (a, b), (c, d); a row of one value may stand without brackets.
func (p *parser) values() ast.QueryBody {
	start := p.next().Start
	rows := commaList(p, p.valuesRow)
	return &ast.Values{At: p.from(start), Rows: rows}
}

// valuesRow takes one row of VALUES.
func (p *parser) valuesRow() *ast.RowExpr {
	start := p.start()
	r := &ast.RowExpr{}
	if p.accept("ROW", "(") || p.is("(") && p.rowAhead() && p.accept("(") {
		r.Items = p.exprs()
		p.closing("a comma or )")
	} else {
		r.Items = []ast.Expr{p.expr()}
	}
	r.At = p.from(start)
	return r
}

// rowAhead reports whether the brackets that open here are a whole row of VALUES and not
// the start of an expression such as (1 + 2) * 3.
func (p *parser) rowAhead() bool {
	if n := p.peek(1); n.Is("SELECT") || n.Is("WITH") || n.Is("VALUES") {
		return false
	}
	m := p.match[p.i]
	if m < 0 {
		return true
	}
	t := p.toks[m+1]
	_, op := binaryLevel[t.Key]
	return !op && !t.Is("[") && !t.Is(".") && !t.Is("IS") && !t.Is("IN") && !t.Is("NOT") && !t.Is("BETWEEN") && !t.Is("LIKE") && !t.Is("SIMILAR") && !t.Is("AT")
}

func (p *parser) selectCore() ast.QueryBody {
	start := p.next().Start
	s := &ast.SelectCore{}
	if p.is("/*+") {
		s.Hints = p.hints()
	}
	if p.accept("DISTINCT") {
		s.Distinct = true
	} else {
		p.accept("ALL")
	}
	if p.is("STREAM") {
		p.notSupported(p.i, p.here(), "SELECT STREAM").Help("leave the word out: every query streams")
		return s
	}
	s.Items = p.selectItems()
	if p.accept("FROM") {
		s.From = p.fromClause()
	} else if t := p.tok(); !p.failed && t.Kind != token.EOF && !p.isAny(")", "WHERE", "GROUP", "HAVING", "WINDOW", "QUALIFY",
		"UNION", "EXCEPT", "INTERSECT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH", "ON") {
		p.unexpected("a comma or FROM")
		return s
	}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	if p.is("GROUP") {
		at := p.start()
		p.next()
		p.expect("BY")
		if !p.accept("DISTINCT") {
			p.accept("ALL")
		}
		s.GroupBy = p.groupItems()
		s.GroupAt = p.from(at).Sp
	}
	if p.accept("HAVING") {
		s.Having = p.expr()
	}
	if p.accept("WINDOW") {
		s.Windows = commaList(p, p.namedWindow)
	}
	if p.accept("QUALIFY") {
		s.Qualify = p.expr()
	}
	s.At = p.from(start)
	return s
}

// selectItems takes a, b, ... behind SELECT. A comma in front of FROM is too many.
func (p *parser) selectItems() []*ast.SelectItem {
	for items := []*ast.SelectItem{}; ; {
		items = append(items, p.selectItem())
		if !p.accept(",") {
			return items
		}
		if p.is("FROM") && !p.peek(1).Is(",") && !p.peek(1).Is(".") {
			p.mend(p.i, p.here(), "SQ1001", "expected an expression, found FROM").Label(p.span(p.toks[p.i-1]), "or is this comma too many?")
			return items
		}
	}
}

func (p *parser) selectItem() *ast.SelectItem {
	start := p.start()
	it := &ast.SelectItem{}
	switch {
	case p.accept("*"):
		it.Star = true
		if p.isAny("EXCEPT", "EXCLUDE", "REPLACE") && p.peek(1).Is("(") && !p.queryAhead(p.i+1) {
			p.notSupported(p.i, p.here(), "* "+p.tok().Key).Help("list the columns")
			return it
		}
	case p.starAhead():
		n := p.name("a table's name")
		p.i += 2 // .*
		it.Star, it.Of = true, &n
	default:
		it.Expr = p.expr()
		it.Alias = p.alias("a name for the column")
	}
	it.At = p.from(start)
	return it
}

// starAhead reports whether t.* or a.b.* comes next.
func (p *parser) starAhead() bool {
	i := p.i
	for isName(p.toks[i]) && p.toks[i+1].Is(".") {
		if i += 2; p.toks[i].Is("*") {
			return true
		}
	}
	return false
}

// alias takes [AS] name, or nothing.
func (p *parser) alias(what string) *ast.Ident {
	if p.accept("AS") {
		id := p.ident(what)
		return &id
	}
	if isName(p.tok()) {
		id := p.ident(what)
		return &id
	}
	return nil
}

// namedWindow takes name AS (...) behind WINDOW.
func (p *parser) namedWindow() *ast.NamedWindow {
	w := &ast.NamedWindow{Name: p.ident("a window's name")}
	p.expect("AS")
	w.Spec = p.windowSpec()
	return w
}

// groupItems takes what stands behind GROUP BY, or inside one grouping set.
func (p *parser) groupItems() []ast.GroupItem {
	return commaList(p, p.groupItem)
}

func (p *parser) groupItem() ast.GroupItem {
	start := p.start()
	g := ast.GroupItem{}
	switch {
	case p.accept("GROUPING", "SETS"):
		g.Sets = "GROUPING SETS"
	case p.is("ROLLUP", "("), p.is("CUBE", "("):
		g.Sets = p.next().Key
	case p.accept("(", ")"):
		g.Sets, g.Args = "GROUPING SETS", [][]ast.GroupItem{nil}
		g.At = p.from(start)
		return g
	default:
		g.Expr = p.expr()
		g.At = p.from(start)
		return g
	}
	if !p.enter() {
		return g
	}
	defer p.leave()
	p.expect("(")
	g.Args = commaList(p, p.groupingSet)
	p.closing("a comma or )")
	g.At = p.from(start)
	return g
}

// groupingSet takes one element of GROUPING SETS, ROLLUP or CUBE: a, (a, b), or ().
func (p *parser) groupingSet() []ast.GroupItem {
	if p.accept("(", ")") {
		return nil
	}
	if p.is("(") && p.setAhead() && !p.queryAhead(p.i) {
		p.next()
		items := p.groupItems()
		p.closing("a comma or )")
		return items
	}
	return []ast.GroupItem{p.groupItem()}
}

// setAhead reports whether the brackets that open here are one whole grouping set.
func (p *parser) setAhead() bool {
	m := p.match[p.i]
	return m < 0 || p.toks[m+1].Is(",") || p.toks[m+1].Is(")")
}

// hints takes /*+ NAME(args), ... */.
func (p *parser) hints() []*ast.Hint {
	p.next()
	var hs []*ast.Hint
	for {
		start := p.start()
		h := &ast.Hint{}
		h.Name = token.Upper(p.ident("a hint's name").Name)
		if p.accept("(") {
			for !p.failed && !p.is(")") {
				switch k := p.tok(); {
				case k.Kind == token.String && (p.peek(1).Is("=") || p.peek(1).Kind == token.String):
					h.KVs = append(h.KVs, p.property())
				case (k.Kind == token.Word || k.Kind == token.Quoted) && p.peek(1).Is("="):
					key := strings.Trim(k.Text(p.file), "`")
					p.errorf("SQ1014", "the keys of options are strings, found %s", p.found(k)).Help("write '%s' = '...'", key)
				default:
					h.Args = append(h.Args, p.expr())
				}
				if !p.accept(",") {
					break
				}
			}
			p.closing("a comma or )")
		}
		h.At = p.from(start)
		hs = append(hs, h)
		p.accept(",")
		if p.failed || p.accept("*/") {
			return hs
		}
	}
}
