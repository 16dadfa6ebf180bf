package parser

import (
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// The levels of the operators, loosest first. Comparison, arithmetic, AND and OR
// associate to the left; a level's right operand is parsed one level tighter. Whoever
// prints a tree puts an operand into brackets where its level is below what its place asks.
const (
	LevelOr = iota + 1
	LevelAnd
	LevelNot
	LevelIs      // x IS NULL
	LevelCompare // = <> < <= > >=
	LevelRange   // BETWEEN, IN, LIKE, SIMILAR TO
	LevelAdd     // + -
	LevelMul     // * / % ||
	LevelUnary   // - x, + x
	LevelPostfix // x[i], x.f, AT TIME ZONE
)

var binaryLevel = map[string]int{
	"OR": LevelOr, "AND": LevelAnd,
	"=": LevelCompare, "<>": LevelCompare, "!=": LevelCompare, "<": LevelCompare, "<=": LevelCompare, ">": LevelCompare, ">=": LevelCompare,
	"OVERLAPS": LevelCompare,
	"+":        LevelAdd, "-": LevelAdd,
	"*": LevelMul, "/": LevelMul, "%": LevelMul, "||": LevelMul,
}

// BinaryLevel is the level of a binary operator; 0 for what is none.
func BinaryLevel(op string) int { return binaryLevel[op] }

// expr takes an expression.
func (p *parser) expr() ast.Expr { return p.exprAt(LevelOr) }

// exprs takes a, b, ...
func (p *parser) exprs() []ast.Expr { return commaList(p, p.expr) }

// exprAt takes an expression whose operators bind at least as tight as level.
func (p *parser) exprAt(level int) ast.Expr {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	start := p.start()
	x := p.prefix()
	for !p.failed {
		t := p.tok()
		if n, ok := binaryLevel[t.Key]; ok {
			if n < level {
				return x
			}
			p.next()
			op := t.Key
			if op == "!=" {
				op = "<>"
			}
			if n == LevelCompare && p.isAny("ANY", "SOME", "ALL") && p.peek(1).Is("(") {
				x = p.quantified(start, x, op, p.span(t))
				continue
			}
			y := p.exprAt(n + 1)
			x = &ast.Binary{At: p.from(start), Op: op, OpSpan: p.span(t), X: x, Y: y}
			continue
		}
		switch t.Key {
		case "IS":
			if LevelIs < level {
				return x
			}
			x = p.isTest(start, x)
		case "NOT":
			if LevelRange < level || !p.peek(1).Is("BETWEEN") && !p.peek(1).Is("IN") && !p.peek(1).Is("LIKE") && !p.peek(1).Is("SIMILAR") {
				return x
			}
			p.next()
			x = p.rangeOp(start, x, true)
		case "BETWEEN", "IN", "LIKE", "SIMILAR":
			if LevelRange < level {
				return x
			}
			x = p.rangeOp(start, x, false)
		case "CONTAINS", "MEMBER", "SUBMULTISET", "EQUALS", "PRECEDES", "SUCCEEDS":
			p.notSupported(p.i, p.here(), t.Key)
		default:
			return x
		}
	}
	return x
}

// quantified takes ANY|SOME|ALL (list) or (query) behind x and a comparison.
func (p *parser) quantified(start int, x ast.Expr, op string, at diag.Span) ast.Expr {
	e := &ast.Quantified{X: x, Op: op, OpSpan: at, Word: p.next().Key}
	e.List, e.Query = p.listOrQuery()
	e.At = p.from(start)
	return e
}

// listOrQuery takes (list) or (query); ( is there.
func (p *parser) listOrQuery() (list []ast.Expr, q *ast.Query) {
	isQuery := p.queryAhead(p.i)
	p.next()
	if isQuery {
		q = p.query()
	} else {
		list = p.exprs()
	}
	p.closing("a comma or )")
	return list, q
}

// isTest takes IS [NOT] ... behind x.
func (p *parser) isTest(start int, x ast.Expr) ast.Expr {
	p.next()
	e := &ast.Is{X: x, Not: p.accept("NOT")}
	switch t := p.tok(); t.Key {
	case "NULL", "TRUE", "FALSE", "UNKNOWN":
		p.next()
		e.What = t.Key
	case "DISTINCT":
		p.next()
		p.expect("FROM")
		e.What, e.Y = "DISTINCT FROM", p.exprAt(LevelCompare)
	case "JSON":
		p.next()
		e.What = t.Key
		if kind := p.tok(); p.isAny("VALUE", "SCALAR", "ARRAY", "OBJECT") {
			p.next()
			e.What += " " + kind.Key
		}
	default:
		if d := p.unexpected("NULL, TRUE, FALSE, UNKNOWN, JSON or DISTINCT FROM"); p.tok().Kind == token.String || p.tok().Kind == token.Number {
			d.Help("write = for equality")
		}
	}
	e.At = p.from(start)
	return e
}

// rangeOp takes BETWEEN, IN, LIKE or SIMILAR TO behind x [NOT].
func (p *parser) rangeOp(start int, x ast.Expr, not bool) ast.Expr {
	switch t := p.next(); t.Key {
	case "BETWEEN":
		e := &ast.Between{X: x, Not: not}
		if !p.accept("ASYMMETRIC") {
			e.Symmetric = p.accept("SYMMETRIC")
		}
		e.Lo = p.exprAt(LevelAdd)
		if p.isAny("PRECEDING", "FOLLOWING") {
			p.unexpected("AND").Help("a window's frame begins with ROWS or RANGE: ROWS BETWEEN 5 PRECEDING AND CURRENT ROW")
			return e
		}
		if !p.accept("AND") {
			p.unexpected("AND").Help("write x BETWEEN low AND high")
		}
		e.Hi = p.exprAt(LevelAdd)
		e.At = p.from(start)
		return e
	case "IN":
		e := &ast.In{X: x, Not: not}
		if !p.is("(") {
			p.unexpected("( behind IN").Help("write IN (1, 2)")
			return e
		}
		e.List, e.Query = p.listOrQuery()
		e.At = p.from(start)
		return e
	default:
		e := &ast.LikeExpr{X: x, Not: not, Similar: t.Key == "SIMILAR"}
		if e.Similar {
			p.expect("TO")
		}
		e.Pattern = p.exprAt(LevelAdd)
		if p.accept("ESCAPE") {
			e.Escape = p.exprAt(LevelAdd)
		}
		e.At = p.from(start)
		return e
	}
}

// prefix takes NOT x, - x, + x or an operand with what is attached to it.
func (p *parser) prefix() ast.Expr {
	start := p.start()
	switch t := p.tok(); t.Key {
	case "NOT":
		p.next()
		x := p.exprAt(LevelNot)
		return &ast.Unary{At: p.from(start), Op: "NOT", X: x}
	case "-", "+":
		if !p.enter() {
			return nil
		}
		defer p.leave()
		p.next()
		x := p.prefix()
		return &ast.Unary{At: p.from(start), Op: t.Key, X: x}
	}
	return p.postfix(start, p.primary())
}

// postfix takes [i], .f and AT TIME ZONE behind x.
func (p *parser) postfix(start int, x ast.Expr) ast.Expr {
	for n := 0; !p.failed; n++ {
		if n >= maxDepth {
			p.errorf("SQ1013", "this is nested more than %d levels deep", maxDepth)
			return x
		}
		switch {
		case p.accept("["):
			i := p.expr()
			p.expect("]")
			x = &ast.Index{At: p.from(start), X: x, I: i}
		case p.is(".") && !p.peek(1).Is("*"):
			p.next()
			f := p.ident("a field's name behind the point")
			x = &ast.FieldAccess{At: p.from(start), X: x, Field: f}
		case p.is("AT", "TIME", "ZONE"):
			p.i += 3
			z := p.primary() // a second AT TIME ZONE applies to the whole
			x = &ast.AtTimeZone{At: p.from(start), X: x, Zone: z}
		default:
			return x
		}
	}
	return x
}

// primary takes an operand.
func (p *parser) primary() ast.Expr {
	t := p.tok()
	start := t.Start
	switch t.Kind {
	case token.Number:
		p.next()
		return &ast.NumberLit{At: p.from(start), Text: t.Text(p.file)}
	case token.String, token.UString:
		return p.str("a string")
	case token.Binary:
		p.next()
		v, err := token.Hex(t.Text(p.file))
		if err != nil {
			p.errorAt(p.i-1, p.span(t), "SQ1009", "this binary literal is malformed: %v", err).
				Help("two hexadecimal digits make a byte: X'0AFF'")
		}
		return &ast.BinaryLit{At: p.from(start), Value: v}
	case token.Quoted:
		return p.column()
	case token.Op:
		if t.Is("(") {
			return p.brackets()
		}
		if t.Is("*") {
			if p.i > 1 && p.toks[p.i-1].Is("(") && p.toks[p.i-2].Is("COUNT") {
				p.next()
				p.unexpected(")")
				return nil
			}
			p.unexpected("an expression").Help("a star stands alone in SELECT, behind a table's name, or in COUNT(*)")
			return nil
		}
	case token.Word:
		return p.wordExpr(t)
	}
	p.unexpected("an expression")
	return nil
}

// column takes a column's name, or a function's with its arguments.
func (p *parser) column() ast.Expr {
	if p.peek(1).Is("(") {
		return p.call()
	}
	return p.columnRef("a column name")
}

// columnRef takes the name of a column; what is what else it could be, for the message.
func (p *parser) columnRef(what string) ast.Expr {
	n := p.name(what)
	if p.failed {
		return nil
	}
	if p.is("(") {
		p.notSupported(p.i-1, n.Sp, "a function of another catalog or database")
		return nil
	}
	return &ast.ColumnRef{At: n.At, Name: n}
}

// brackets takes (x), (x, y) or (query).
func (p *parser) brackets() ast.Expr {
	start := p.start()
	if p.queryAhead(p.i) {
		p.next()
		q := p.query()
		p.closing(") behind the subquery")
		return &ast.ScalarQuery{At: p.from(start), Query: q}
	}
	p.next()
	x := p.expr()
	if p.accept(")") {
		return x
	}
	items := []ast.Expr{x}
	for p.accept(",") {
		items = append(items, p.expr())
	}
	p.closing("an operator, a comma or )")
	return &ast.RowExpr{At: p.from(start), Items: items}
}

// noParens are the functions that are called by their bare name.
var noParens = wordSet("CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP")

// userNames are reserved for what SQL calls by its bare name and Flink does not have. In an expression, each is the name of a column.
var userNames = wordSet("CURRENT_CATALOG CURRENT_DEFAULT_TRANSFORM_GROUP CURRENT_PATH CURRENT_ROLE CURRENT_SCHEMA CURRENT_USER SESSION_USER SYSTEM_USER USER")

// wordExpr takes an operand that starts with the word t.
func (p *parser) wordExpr(t token.Token) ast.Expr {
	start := t.Start
	behind := p.peek(1)
	text := behind.IsString()
	switch t.Key {
	case "NULL":
		p.next()
		return &ast.NullLit{At: p.from(start)}
	case "TRUE", "FALSE", "UNKNOWN":
		p.next()
		return &ast.BoolLit{At: p.from(start), Value: t.Key == "TRUE", Unknown: t.Key == "UNKNOWN"}
	case "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ":
		if text {
			p.next()
			s := p.str("a string")
			return &ast.TemporalLit{At: p.from(start), Kind: t.Key, Text: s}
		}
		if t.Key == "TIMESTAMP" && p.is("TIMESTAMP", "WITH", "LOCAL", "TIME", "ZONE") {
			p.i += 5
			s := p.str("the timestamp as a string")
			return &ast.TemporalLit{At: p.from(start), Kind: "TIMESTAMP_LTZ", Text: s}
		}
	case "INTERVAL":
		return p.interval()
	case "FINAL", "RUNNING":
		if behind.Kind == token.Word && p.peek(2).Is("(") {
			p.next()
			c, ok := p.primary().(*ast.Call)
			if !ok || p.failed {
				p.unexpected("FIRST, LAST or an aggregate behind " + t.Key)
				return nil
			}
			c.Sees, c.At = t.Key, p.from(start)
			return c
		}
	case "CASE":
		return p.caseExpr()
	case "CAST", "TRY_CAST":
		if behind.Is("(") {
			p.i += 2
			defer p.whole(t.Key + "(x AS type)")()
			x := p.expr()
			if !p.accept("AS") {
				p.unexpected("AS and a type")
			}
			ty := p.typeName()
			p.closing(") behind the type")
			return &ast.Cast{At: p.from(start), X: x, Type: ty, Try: t.Key == "TRY_CAST"}
		}
	case "EXISTS":
		if behind.Is("(") {
			p.i += 2
			q := p.query()
			p.closing(") behind the subquery")
			return &ast.Exists{At: p.from(start), Query: q}
		}
	case "ROW":
		if behind.Is("(") {
			p.i += 2
			var items []ast.Expr
			if !p.is(")") {
				items = p.exprs()
			}
			p.closing("a comma or )")
			return &ast.RowExpr{At: p.from(start), Items: items}
		}
	case "ARRAY":
		if behind.Is("[") {
			items := p.elements()
			return &ast.ArrayExpr{At: p.from(start), Items: items}
		}
		if behind.Is("(") {
			p.notSupported(p.i, p.span(t), "ARRAY(subquery)").Help("an array is written ARRAY[a, b]")
			return nil
		}
	case "MAP":
		if behind.Is("[") {
			items := p.elements()
			m := &ast.MapExpr{At: p.from(start), Items: items}
			if !p.failed && len(items)%2 != 0 {
				p.errorAt(p.i, m.Sp, "SQ1009", "this MAP has a key without a value").
					Help("keys and values take turns: MAP['a', 1, 'b', 2]")
			}
			return m
		}
	case "MULTISET":
		p.notSupported(p.i, p.span(t), "MULTISET in an expression")
		return nil
	case "UNIQUE":
		p.notSupported(p.i, p.span(t), "UNIQUE in an expression")
		return nil
	case "SELECT", "VALUES", "WITH":
		if !behind.Is(",") && !behind.Is(")") {
			p.unexpected("an expression").Help("a subquery stands in brackets")
			return nil
		}
	}
	if noParens[t.Key] && !behind.Is("(") {
		p.next()
		return &ast.Call{At: p.from(start), Name: p.identOf(t), NoParens: true}
	}
	if userNames[t.Key] && !behind.Is("(") && !behind.Is(".") {
		p.next()
		return &ast.ColumnRef{At: p.from(start), Name: ast.Name{At: p.from(start), Parts: []ast.Ident{p.identOf(t)}}}
	}
	if behind.Is("(") && (!structural[t.Key] || t.Key == "LEFT" || t.Key == "RIGHT") {
		return p.call()
	}
	if token.Reserved(t.Key) {
		if behind.Is("(") {
			p.unexpected("an expression")
			return nil
		}
		return p.columnRef("an expression")
	}
	return p.column()
}

// elements takes WORD[a, b, ...].
func (p *parser) elements() []ast.Expr {
	p.i += 2
	var items []ast.Expr
	if !p.is("]") {
		items = p.exprs()
	}
	if !p.accept("]") {
		p.unexpected("a comma or ]")
	}
	return items
}

func (p *parser) caseExpr() ast.Expr {
	start := p.next().Start
	defer p.whole("CASE WHEN condition THEN value ELSE value END")()
	e := &ast.Case{}
	if !p.is("WHEN") {
		e.Operand = p.expr()
	}
	for p.accept("WHEN") {
		c := p.expr()
		if !p.accept("THEN") {
			p.unexpected("THEN")
		}
		v := p.expr()
		e.Whens = append(e.Whens, ast.When{Cond: c, Then: v})
	}
	if len(e.Whens) == 0 {
		p.unexpected("WHEN")
	}
	if p.accept("ELSE") {
		e.Else = p.expr()
	}
	if !p.accept("END") {
		want := "WHEN, ELSE or END"
		if e.Else != nil {
			want = "END"
		}
		p.unexpected(want)
	}
	e.At = p.from(start)
	return e
}

// units are the units of time that an interval may have, by what users write.
var units = map[string]string{
	"YEAR": "YEAR", "YEARS": "YEAR", "QUARTER": "QUARTER", "QUARTERS": "QUARTER", "MONTH": "MONTH", "MONTHS": "MONTH",
	"WEEK": "WEEK", "WEEKS": "WEEK", "DAY": "DAY", "DAYS": "DAY", "HOUR": "HOUR", "HOURS": "HOUR",
	"MINUTE": "MINUTE", "MINUTES": "MINUTE", "SECOND": "SECOND", "SECONDS": "SECOND",
}

// fields are the further words that EXTRACT, FLOOR, TIMESTAMPADD and the like take.
var fields = wordSet(`YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND MILLISECOND MICROSECOND NANOSECOND
	DOY DOW ISODOW ISOYEAR DAYOFWEEK DAYOFYEAR DECADE CENTURY MILLENNIUM EPOCH FRAC_SECOND
	SQL_TSI_YEAR SQL_TSI_QUARTER SQL_TSI_MONTH SQL_TSI_WEEK SQL_TSI_DAY SQL_TSI_HOUR SQL_TSI_MINUTE SQL_TSI_SECOND
	SQL_TSI_MICROSECOND SQL_TSI_FRAC_SECOND`)

func (p *parser) interval() ast.Expr {
	start := p.next().Start
	e := &ast.IntervalLit{}
	if p.accept("-") {
		e.Negative = true
	} else {
		p.accept("+")
	}
	if n := p.tok(); n.Kind == token.Number {
		unit := unitOr(p.peek(1).Key) // behind an error there is nothing to peek at
		p.errorf("SQ1001", "expected the length of the interval as a string, found %s", p.found(n)).
			Help("write INTERVAL '%s' %s", n.Text(p.file), unit)
		return e
	}
	e.Text = p.str("the length of the interval as a string, as in INTERVAL '10' SECOND")
	if h := intervalHelp(e.Text.Value); h != "" && units[p.tok().Key] == "" {
		p.errorAt(p.i, e.Text.Sp, "SQ1001", "the unit of an interval stands behind its number, outside of the string").Help("%s", h)
		return e
	}
	e.From = p.unit("a unit of time, as in INTERVAL '10' SECOND")
	e.Precision = p.precision()
	if p.accept("TO") {
		e.To = p.unit("a unit of time behind TO")
		p.precision()
	}
	e.At = p.from(start)
	return e
}

func unitOr(word string) string {
	if u, ok := units[word]; ok {
		return u
	}
	return "SECOND"
}

// unit takes a unit of time; a plural is taken for its singular.
func (p *parser) unit(what string) string {
	t := p.tok()
	u, ok := units[t.Key]
	if !ok {
		p.unexpected(what)
		return ""
	}
	p.next()
	return u
}

// precision takes the (p) or (p, s) behind a unit and gives p, 0 where there is none. It only limits what may be
// written in the string.
func (p *parser) precision() int {
	if p.is("(") {
		if list := p.params(2); len(list) > 0 {
			return list[0]
		}
	}
	return 0
}
