package parser

import (
	"maps"
	"slices"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// call takes name(args) and what an aggregate may have behind it. The next tokens are a
// name, or a reserved word that names a function, and (.
func (p *parser) call() ast.Expr {
	t := p.next()
	c := &ast.Call{Name: p.identOf(t)}
	p.next() // (
	switch key := t.Key; {
	case key == "EXTRACT":
		c.Args = p.extractArgs()
	case key == "TRIM":
		c.Args = p.trimArgs()
	case key == "POSITION":
		x := p.exprAt(LevelAdd)
		if !p.accept("IN") {
			p.expectOr(",", "IN")
		}
		y := p.expr()
		c.Args = []ast.Expr{x, y}
		if p.accept("FROM") {
			c.Args = append(c.Args, p.expr())
		}
	case key == "OVERLAY":
		c.Args = p.wordArgs("PLACING", "FROM", "FOR")
	case key == "SUBSTRING":
		c.Args = p.wordArgs("FROM", "FOR")
	case key == "CEIL" || key == "CEILING" || key == "FLOOR":
		c.Args = []ast.Expr{p.expr()}
		if p.accept("TO") {
			c.Args = append(c.Args, p.field())
			break
		}
		for p.accept(",") {
			c.Args = append(c.Args, p.expr())
		}
	case key == "TIMESTAMPADD" || key == "TIMESTAMPDIFF":
		c.Args = []ast.Expr{p.field()}
		for p.accept(",") {
			c.Args = append(c.Args, p.expr())
		}
	default:
		if !p.jsonArgs(c, t) {
			p.plainArgs(c, t)
		}
	}
	p.closing("a comma or )")
	p.behindCall(c, t)
	c.At = p.from(t.Start)
	return c
}

// expectOr takes key or fails with both words.
func (p *parser) expectOr(key, word string) {
	if !p.accept(key) {
		p.unexpected(word + " or " + describe(key))
	}
}

// plainArgs takes [DISTINCT] args [ORDER BY ...], or a star, or nothing.
func (p *parser) plainArgs(c *ast.Call, t token.Token) {
	switch {
	case p.is(")"):
		return
	case p.is("*", ")"):
		p.next()
		c.Star = true
		return
	case p.accept("DISTINCT"):
		c.Distinct = true
	case p.accept("ALL"):
	}
	if p.is("TABLE") || p.is("DESCRIPTOR", "(") {
		p.errorf("SQ1001", "%s is a table function and stands in FROM", t.Text(p.file)).
			Help("write FROM TABLE(%s(...))", t.Text(p.file))
		return
	}
	c.Args = p.exprs()
	p.nullTreatment(c)
	switch {
	case p.is("ORDER", "BY"):
		c.OrderBy = p.orderBy()
	case p.is("SEPARATOR"):
		p.notSupported(p.i, p.here(), "SEPARATOR").Help("give the separator as the second argument")
	}
}

// behindCall takes FILTER and OVER.
func (p *parser) behindCall(c *ast.Call, t token.Token) {
	if p.is("WITHIN", "GROUP") {
		p.notSupported(p.i, p.here(), "WITHIN GROUP").
			Help("put ORDER BY into the brackets of %s", t.Text(p.file))
		return
	}
	if p.is("FILTER", "(") {
		p.i += 2
		if !p.accept("WHERE") {
			p.unexpected("WHERE")
		}
		c.Filter = p.expr()
		p.closing(") behind the condition")
	}
	p.nullTreatment(c)
	if p.accept("OVER") {
		if p.is("(") {
			c.Over = p.windowSpec()
			return
		}
		start := p.start()
		id := p.ident("a window's name or (")
		c.Over = &ast.WindowSpec{At: p.from(start), Ref: &id}
	}
}

// nullTreatment takes RESPECT NULLS or IGNORE NULLS, which may stand inside the brackets and behind them.
func (p *parser) nullTreatment(c *ast.Call) {
	if p.is("RESPECT", "NULLS") || p.is("IGNORE", "NULLS") {
		c.Nulls = p.next().Key
		p.next()
	}
}

// field takes a unit of time as a bare word.
func (p *parser) field() ast.Expr {
	t := p.tok()
	if !fields[t.Key] {
		d := p.unexpected("a unit of time, such as DAY")
		if s, ok := diag.Suggest(t.Key, slices.Sorted(maps.Keys(fields))); ok && t.Kind == token.Word {
			d.Help("did you mean %s?", s)
		}
		return nil
	}
	p.next()
	return &ast.Keyword{At: p.from(t.Start), Word: t.Key}
}

// extractArgs takes unit FROM x.
func (p *parser) extractArgs() []ast.Expr {
	defer p.whole("EXTRACT(HOUR FROM t)")()
	u := p.field()
	p.expect("FROM")
	return []ast.Expr{u, p.expr()}
}

// trimArgs takes x, or [BOTH|LEADING|TRAILING] [chars] FROM x. The long form always comes
// out with all three parts.
func (p *parser) trimArgs() []ast.Expr {
	t := p.tok()
	side := &ast.Keyword{At: ast.At{Sp: p.span(t)}, Word: "BOTH"}
	long := p.isAny("BOTH", "LEADING", "TRAILING")
	if long {
		side.Word = t.Key
		p.next()
	}
	var chars ast.Expr = &ast.StringLit{At: ast.At{Sp: p.span(t)}, Value: " "}
	if p.is("FROM") {
		p.next()
		return []ast.Expr{side, chars, p.expr()}
	}
	x := p.expr()
	if p.accept("FROM") {
		return []ast.Expr{side, x, p.expr()}
	}
	if long {
		p.unexpected("FROM")
	}
	args := []ast.Expr{x}
	for p.accept(",") {
		args = append(args, p.expr())
	}
	return args
}

// wordArgs takes arguments with words between them, or with commas.
func (p *parser) wordArgs(words ...string) []ast.Expr {
	args := []ast.Expr{p.expr()}
	if p.is(",") {
		for p.accept(",") {
			args = append(args, p.expr())
		}
		return args
	}
	for n, w := range words {
		if p.accept(w) {
			args = append(args, p.expr())
		} else if n == 0 {
			p.expectOr(",", w)
		}
	}
	return args
}

// windowSpec takes ( [name] [PARTITION BY ...] [ORDER BY ...] [frame] ).
func (p *parser) windowSpec() *ast.WindowSpec {
	start := p.start()
	p.expect("(")
	w := &ast.WindowSpec{}
	if isName(p.tok()) {
		id := p.ident("a window's name")
		w.Ref = &id
	}
	if p.accept("PARTITION") {
		p.expect("BY")
		w.PartitionBy = p.exprs()
	}
	if p.is("ORDER") {
		w.OrderBy = p.orderBy()
	}
	if p.isAny("ROWS", "RANGE") {
		p.frame(w)
	}
	if p.isAny("GROUPS", "EXCLUDE") {
		p.notSupported(p.i, p.here(), p.tok().Key+" in a window's frame")
	}
	p.closing("PARTITION BY, ORDER BY, ROWS, RANGE or )")
	w.At = p.from(start)
	return w
}

// frame takes ROWS|RANGE bound, or ROWS|RANGE BETWEEN bound AND bound.
func (p *parser) frame(w *ast.WindowSpec) {
	w.Frame, w.Rows = true, p.next().Is("ROWS")
	w.To.Kind = "CURRENT ROW"
	form := "RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW"
	if w.Rows {
		form = "ROWS BETWEEN 5 PRECEDING AND CURRENT ROW"
	}
	defer p.whole(form)()
	if !p.accept("BETWEEN") {
		w.From = p.bound()
		return
	}
	w.From = p.bound()
	p.expect("AND")
	w.To = p.bound()
}

// bound takes one end of a frame.
func (p *parser) bound() ast.FrameBound {
	switch {
	case p.accept("UNBOUNDED", "PRECEDING"):
		return ast.FrameBound{Kind: "UNBOUNDED PRECEDING"}
	case p.accept("UNBOUNDED", "FOLLOWING"):
		return ast.FrameBound{Kind: "UNBOUNDED FOLLOWING"}
	case p.accept("CURRENT", "ROW"):
		return ast.FrameBound{Kind: "CURRENT ROW"}
	}
	x := p.exprAt(LevelAdd)
	switch {
	case p.accept("PRECEDING"):
		return ast.FrameBound{Kind: "PRECEDING", Expr: x}
	case p.accept("FOLLOWING"):
		return ast.FrameBound{Kind: "FOLLOWING", Expr: x}
	}
	p.unexpected("PRECEDING or FOLLOWING")
	return ast.FrameBound{}
}

// orderBy takes ORDER BY a [ASC|DESC] [NULLS FIRST|LAST], ...
func (p *parser) orderBy() []*ast.OrderItem {
	p.next()
	p.expect("BY")
	return commaList(p, p.orderItem)
}

// orderItem takes a [ASC|DESC] [NULLS FIRST|LAST].
func (p *parser) orderItem() *ast.OrderItem {
	start := p.start()
	o := &ast.OrderItem{Expr: p.expr()}
	if !p.accept("ASC") {
		o.Desc = p.accept("DESC")
	}
	if p.accept("NULLS") {
		first := p.accept("FIRST")
		if !first && !p.accept("LAST") {
			p.unexpected("FIRST or LAST")
		}
		o.NullsFirst = &first
	}
	o.At = p.from(start)
	return o
}
