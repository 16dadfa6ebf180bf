package parser

import (
	"weir/parser/ast"
	"weir/parser/token"
)

// fromClause takes what stands behind FROM: joins, and commas that mean a cross join and
// bind loosest.
func (p *parser) fromClause() ast.TableRef {
	start := p.start()
	left := p.joins()
	for p.is(",") {
		comma := p.next()
		right := p.joins()
		left = &ast.Join{At: p.from(start), Kind: "CROSS", Left: left, Right: right, JoinSpan: p.span(comma)}
	}
	return left
}

// joins takes a table and the joins behind it, from left to right.
func (p *parser) joins() ast.TableRef {
	start := p.start()
	left := p.tablePrimary()
	for !p.failed {
		at := p.start()
		j := &ast.Join{Kind: "INNER", Left: left}
		j.Natural = p.accept("NATURAL")
		switch {
		case p.accept("JOIN"), p.accept("INNER", "JOIN"):
		case p.accept("CROSS", "JOIN"):
			j.Kind = "CROSS"
		case p.isAny("LEFT", "RIGHT", "FULL"):
			j.Kind = p.next().Key
			p.accept("OUTER")
			if !p.accept("JOIN") {
				p.unexpected("JOIN")
			}
		case p.is("CROSS", "APPLY"), p.is("OUTER", "APPLY"):
			p.notSupported(p.i, p.here(), p.tok().Key+" APPLY").Help("write LEFT JOIN LATERAL ... ON TRUE")
			return left
		default:
			if j.Natural || p.isAny("INNER", "CROSS") {
				p.unexpected("JOIN")
			}
			return left
		}
		j.JoinSpan = p.from(at).Sp
		j.Right = p.tablePrimary()
		switch {
		case p.is("ON") && !((j.Kind == "CROSS" || j.Natural) && p.is("ON", "CONFLICT", "DO")): // that is the INSERT's
			if j.Kind == "CROSS" || j.Natural {
				p.errorf("SQ1001", "a %s JOIN takes no condition", crossOrNatural(j)).
					Label(j.JoinSpan, "this join").Help("write JOIN ... ON, or leave the condition out")
				return left
			}
			p.next()
			j.On = p.expr()
		case p.is("USING"):
			if j.Kind == "CROSS" || j.Natural {
				p.errorf("SQ1001", "a %s JOIN takes no USING", crossOrNatural(j)).Label(j.JoinSpan, "this join")
				return left
			}
			p.next()
			j.Using = p.idents("a column name")
		case j.Kind != "CROSS" && !j.Natural && !p.failed:
			if d := p.unexpected("ON and the condition of the join").Label(j.JoinSpan, "this join"); len(d.Helps) == 0 {
				d.Help("write ON a.id = b.id, or CROSS JOIN for all pairs")
			}
		}
		j.At = p.from(start)
		left = j
	}
	return left
}

func crossOrNatural(j *ast.Join) string {
	if j.Natural {
		return "NATURAL"
	}
	return "CROSS"
}

// tablePrimary takes one table reference with its alias.
func (p *parser) tablePrimary() ast.TableRef {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	start := p.start()
	lateral := p.accept("LATERAL")
	switch t := p.tok(); {
	case p.is("("):
		if p.queryAhead(p.i) {
			p.next()
			s := &ast.SubQuery{Lateral: lateral, Query: p.query()}
			p.closing(") behind the subquery")
			s.Alias = p.tableAlias()
			s.At = p.from(start)
			return p.behindTable(start, s)
		}
		if lateral {
			p.next()
			p.unexpected("a query")
			return nil
		}
		p.next()
		r := p.fromClause()
		p.closing("a join or )")
		return p.behindTable(start, r)
	case p.is("TABLE", "("):
		p.i += 2
		f := p.tableFunc()
		p.closing(") behind the table function")
		f.Lateral, f.Alias = lateral, p.tableAlias()
		f.At = p.from(start)
		return p.behindTable(start, f)
	case p.is("UNNEST", "("):
		p.i += 2
		u := &ast.Unnest{Expr: p.expr()}
		p.closing(") behind the array")
		u.Ordinality = p.accept("WITH", "ORDINALITY")
		u.Alias = p.tableAlias()
		u.At = p.from(start)
		return p.behindTable(start, u)
	case p.peek(1).Is("(") && (isName(t) || t.Kind == token.Word && !structural[t.Key]):
		f := p.tableFunc()
		f.Lateral, f.Alias = lateral, p.tableAlias()
		f.At = p.from(start)
		return p.behindTable(start, f)
	}
	if lateral {
		p.unexpected("TABLE(...) or a query in brackets behind LATERAL")
		return nil
	}
	n := &ast.TableName{Name: p.name("a table's name")}
	if p.is("/*+") {
		n.Hints = p.tableHints()
	}
	if p.accept("FOR") {
		p.expect("SYSTEM_TIME", "AS", "OF")
		n.SysAsOf = p.exprAt(LevelAdd)
	}
	if !p.is("MATCH_RECOGNIZE") {
		n.Alias = p.tableAlias()
	}
	n.At = p.from(start)
	return p.behindTable(start, n)
}

// behindTable takes MATCH_RECOGNIZE behind r and refuses TABLESAMPLE.
func (p *parser) behindTable(start int, r ast.TableRef) ast.TableRef {
	if p.is("TABLESAMPLE") {
		p.notSupported(p.i, p.here(), "TABLESAMPLE")
		return r
	}
	if !p.is("MATCH_RECOGNIZE", "(") {
		return r
	}
	return p.matchRecognize(start, r)
}

// tableAlias takes [AS] name [(columns)], or nothing.
func (p *parser) tableAlias() ast.Alias {
	if p.is("ASOF", "JOIN") {
		p.notSupported(p.i, p.here(), "ASOF JOIN").
			Help("the version of a table with a PRIMARY KEY at a time: JOIN u FOR SYSTEM_TIME AS OF t.ts AS v ON t.id = v.id")
	}
	a := ast.Alias{Name: p.alias("a name for the table")}
	if a.Name != nil && p.is("(") {
		a.Columns = p.idents("a column name")
	}
	return a
}

// tableHints takes /*+ OPTIONS('k' = 'v', ...) */ behind a table.
func (p *parser) tableHints() []*ast.Property {
	at := p.i
	var kvs []*ast.Property
	for _, h := range p.hints() {
		if !p.failed && (h.Name != "OPTIONS" || len(h.Args) > 0) {
			if h.Name == "OPTIONS" {
				p.errorAt(at, h.Sp, "SQ1014", "the keys of options are strings").Help("write OPTIONS('key' = 'value')")
				return nil
			}
			p.errorAt(at, h.Sp, "SQ1011", "the hint %s is not supported behind a table", h.Name).
				Help("OPTIONS('key' = 'value') is")
			return nil
		}
		kvs = append(kvs, h.KVs...)
	}
	return kvs
}

// tableFunc takes name(args) in FROM.
func (p *parser) tableFunc() *ast.TableFunc {
	t := p.tok()
	start := t.Start
	f := &ast.TableFunc{}
	if t.Kind == token.Word && !structural[t.Key] || isName(t) {
		p.next()
		f.Name = p.identOf(t)
	} else {
		p.unexpected("the name of a table function")
	}
	if !p.accept("(") {
		p.unexpected("( behind the table function's name")
	}
	for !p.failed && !p.is(")") {
		f.Args = append(f.Args, p.tableArg())
		if !p.accept(",") {
			break
		}
	}
	p.closing("a comma or )")
	f.At = p.from(start)
	return f
}

// tableArg takes one argument: [name =>] TABLE t, a query, DESCRIPTOR(c) or an expression.
func (p *parser) tableArg() *ast.TableArg {
	start := p.start()
	a := &ast.TableArg{}
	if isName(p.tok()) && p.peek(1).Is("=>") {
		id := p.ident("a parameter's name")
		a.Param = &id
		p.next()
	}
	switch {
	case p.accept("TABLE"):
		if p.is("(") {
			if !p.queryAhead(p.i) {
				p.next()
				p.unexpected("a query")
				return a
			}
			p.next()
			a.Query = p.query()
			p.closing(") behind the query")
		} else {
			n := p.name("a table's name")
			a.Table = &n
		}
		p.tableArgTail(a)
	case p.is("(") && p.queryAhead(p.i) && p.argEndsBehind(p.match[p.i]):
		p.next()
		a.Query = p.query()
		p.closing(") behind the query")
		p.tableArgTail(a)
	case p.is("DESCRIPTOR", "("):
		p.next()
		a.Descriptor = p.idents("a column name")
	default:
		a.Expr = p.expr()
	}
	a.At = p.from(start)
	return a
}

// argEndsBehind reports whether an argument that closes with token m ends there, or goes
// on with PARTITION BY or ORDER BY; otherwise it is an expression.
func (p *parser) argEndsBehind(m int) bool {
	if m < 0 {
		return true
	}
	t := p.toks[m+1]
	return t.Kind == token.EOF || t.Is(",") || t.Is(")") || t.Is("PARTITION") || t.Is("ORDER")
}

// tableArgTail takes PARTITION BY and ORDER BY behind a table argument. Several columns
// stand in brackets, for a comma begins the next argument.
func (p *parser) tableArgTail(a *ast.TableArg) {
	if p.accept("PARTITION") {
		p.expect("BY")
		if p.is("(") {
			p.next()
			a.PartitionBy = p.exprs()
			p.closing("a comma or )")
		} else {
			a.PartitionBy = []ast.Expr{p.expr()}
		}
	}
	if p.is("ORDER", "BY") {
		if p.peek(2).Is("(") {
			p.i += 2
			p.next()
			a.OrderBy = commaList(p, p.orderItem)
			p.closing("a comma or )")
		} else {
			p.i += 2
			a.OrderBy = []*ast.OrderItem{p.orderItem()}
		}
	}
}
