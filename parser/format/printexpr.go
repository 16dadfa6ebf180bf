package format

import (
	"fmt"

	"weir/parser"
	"weir/parser/ast"
	"weir/parser/token"
)

// level is how tight the outermost operator of x binds; operands are above all levels.
func level(x ast.Expr) int {
	switch e := x.(type) {
	case *ast.Binary:
		return parser.BinaryLevel(e.Op)
	case *ast.Quantified:
		return parser.BinaryLevel(e.Op)
	case *ast.Unary:
		if e.Op == "NOT" {
			return parser.LevelNot
		}
		return parser.LevelUnary
	case *ast.Is:
		return parser.LevelIs
	case *ast.Between, *ast.In, *ast.LikeExpr:
		return parser.LevelRange
	case *ast.Index, *ast.FieldAccess, *ast.AtTimeZone:
		return parser.LevelPostfix
	}
	return parser.LevelPostfix + 1
}

// expr writes x, in brackets where it binds looser than least.
func (p *printer) expr(x ast.Expr, least int) {
	if level(x) < least {
		p.w("(")
		defer p.w(")")
	}
	if !p.literal(x) && !p.operation(x) && !p.construction(x) {
		panic(fmt.Sprintf("format: no text for a %T", x))
	}
}

// literal prints a constant; false for another expression.
func (p *printer) literal(x ast.Expr) bool {
	switch e := x.(type) {
	case *ast.NullLit:
		p.w("NULL")
	case *ast.BoolLit:
		switch {
		case e.Unknown:
			p.w("UNKNOWN")
		case e.Value:
			p.w("TRUE")
		default:
			p.w("FALSE")
		}
	case *ast.NumberLit:
		p.w(e.Text)
	case *ast.StringLit:
		p.str(e)
	case *ast.BinaryLit:
		p.w(fmt.Sprintf("X'%X'", e.Value))
	case *ast.TemporalLit:
		p.w(e.Kind, " ")
		p.str(e.Text)
	case *ast.IntervalLit:
		p.w("INTERVAL ", ifWord(e.Negative, "-"))
		p.str(e.Text)
		p.w(" ", e.From)
		if e.Precision > 0 {
			p.w(fmt.Sprintf("(%d)", e.Precision))
		}
		if e.To != "" {
			p.w(" TO ", e.To)
		}
	default:
		return false
	}
	return true
}

// operation prints what an operator makes, conditions above all; false for another expression.
func (p *printer) operation(x ast.Expr) bool {
	switch e := x.(type) {
	case *ast.Unary:
		if e.Op == "NOT" {
			p.w("NOT ")
			p.expr(e.X, parser.LevelNot)
			break
		}
		p.w(e.Op)
		if in, ok := e.X.(*ast.Unary); ok && in.Op != "NOT" {
			p.w(" ") // -- would start a comment
		}
		p.expr(e.X, parser.LevelUnary)
	case *ast.Binary:
		p.binary(e)
	case *ast.Is:
		p.expr(e.X, parser.LevelIs)
		p.w(" IS ", ifWord(e.Not, "NOT "), e.What)
		if e.Y != nil {
			p.w(" ")
			p.expr(e.Y, parser.LevelCompare)
		}
	case *ast.Between:
		p.expr(e.X, parser.LevelRange)
		p.w(ifWord(e.Not, " NOT"), " BETWEEN ", ifWord(e.Symmetric, "SYMMETRIC "))
		p.expr(e.Lo, parser.LevelAdd)
		p.w(" AND ")
		p.expr(e.Hi, parser.LevelAdd)
	case *ast.In:
		p.expr(e.X, parser.LevelRange)
		p.w(ifWord(e.Not, " NOT"), " IN (")
		p.among(e.Query, e.List)
		p.w(")")
	case *ast.Quantified:
		p.expr(e.X, parser.BinaryLevel(e.Op))
		p.w(" ", e.Op, " ", e.Word, " (")
		p.among(e.Query, e.List)
		p.w(")")
	case *ast.LikeExpr:
		p.expr(e.X, parser.LevelRange)
		op := " LIKE "
		if e.Similar {
			op = " SIMILAR TO "
		}
		p.w(ifWord(e.Not, " NOT"), op)
		p.expr(e.Pattern, parser.LevelAdd)
		if e.Escape != nil {
			p.w(" ESCAPE ")
			p.expr(e.Escape, parser.LevelAdd)
		}
	case *ast.Exists:
		p.w("EXISTS ")
		p.subquery(e.Query)
	case *ast.AtTimeZone:
		p.expr(e.X, parser.LevelPostfix)
		p.w(" AT TIME ZONE ")
		p.expr(e.Zone, parser.LevelPostfix+1)
	default:
		return false
	}
	return true
}

// construction prints a call, a constructor, or a part of a value; false for another expression.
func (p *printer) construction(x ast.Expr) bool {
	switch e := x.(type) {
	case *ast.Call:
		p.call(e)
	case *ast.Cast:
		p.w(ifWord(e.Try, "TRY_"), "CAST(")
		p.expr(e.X, 0)
		p.w(" AS ")
		p.typeName(e.Type)
		p.w(")")
	case *ast.Case:
		p.caseExpr(e)
	case *ast.ScalarQuery:
		p.subquery(e.Query)
	case *ast.RowExpr:
		if len(e.Items) < 2 {
			p.w("ROW")
		}
		p.w("(")
		p.exprs(e.Items)
		p.w(")")
	case *ast.ArrayExpr:
		p.w("ARRAY[")
		p.exprs(e.Items)
		p.w("]")
	case *ast.MapExpr:
		p.w("MAP[")
		p.exprs(e.Items)
		p.w("]")
	case *ast.Index:
		p.expr(e.X, parser.LevelPostfix)
		p.w("[")
		p.expr(e.I, 0)
		p.w("]")
	case *ast.FieldAccess:
		switch e.X.(type) {
		case *ast.ColumnRef, *ast.NumberLit:
			// Without brackets the field would be one more part of the name or number.
			p.w("(")
			p.expr(e.X, 0)
			p.w(")")
		default:
			p.expr(e.X, parser.LevelPostfix)
		}
		p.w(".")
		p.ident(e.Field)
	case *ast.ColumnRef:
		p.name(e.Name)
	case *ast.Keyword:
		p.w(e.Word)
	default:
		return false
	}
	return true
}

// among prints what stands in the brackets behind IN, ANY and ALL: a query, or values.
func (p *printer) among(q *ast.Query, list []ast.Expr) {
	if q != nil {
		p.query(q)
		return
	}
	p.exprs(list)
}

// binary writes a chain of operators that nest to the left without recursion, for such
// chains may be long.
func (p *printer) binary(e *ast.Binary) {
	chain := []*ast.Binary{e}
	for {
		x, ok := chain[len(chain)-1].X.(*ast.Binary)
		if !ok || level(x) < parser.BinaryLevel(chain[len(chain)-1].Op) {
			break
		}
		chain = append(chain, x)
	}
	last := chain[len(chain)-1]
	p.expr(last.X, parser.BinaryLevel(last.Op))
	for i := len(chain) - 1; i >= 0; i-- {
		p.w(" ", chain[i].Op, " ")
		p.expr(chain[i].Y, parser.BinaryLevel(chain[i].Op)+1)
	}
}

func (p *printer) exprs(list []ast.Expr) {
	p.list(len(list), func(i int) { p.expr(list[i], 0) })
}

func (p *printer) subquery(q *ast.Query) {
	p.w("(")
	p.query(q)
	p.w(")")
}

func (p *printer) caseExpr(e *ast.Case) {
	p.w("CASE ")
	if e.Operand != nil {
		p.expr(e.Operand, 0)
		p.w(" ")
	}
	for _, a := range e.Whens {
		p.w("WHEN ")
		p.expr(a.Cond, 0)
		p.w(" THEN ")
		p.expr(a.Then, 0)
		p.w(" ")
	}
	if e.Else != nil {
		p.w("ELSE ")
		p.expr(e.Else, 0)
		p.w(" ")
	}
	p.w("END")
}

func (p *printer) call(c *ast.Call) {
	if c.Sees != "" {
		p.w(c.Sees, " ")
	}
	if c.Name.Quoted {
		p.ident(c.Name)
	} else {
		p.w(c.Name.Name) // a function may be named by a reserved word
	}
	if c.NoParens {
		return
	}
	p.w("(", ifWord(c.Distinct, "DISTINCT "), ifWord(c.Star, "*"))
	p.callArgs(c)
	if len(c.OrderBy) > 0 {
		p.w(" ")
		p.orderBy(c.OrderBy)
	}
	if c.JSON != nil {
		p.jsonClauses(c.JSON, len(c.Args) > 0)
	}
	p.w(")")
	if c.Filter != nil {
		p.w(" FILTER (WHERE ")
		p.expr(c.Filter, 0)
		p.w(")")
	}
	if c.Nulls != "" {
		p.w(" ", c.Nulls, " NULLS")
	}
	if c.Over != nil {
		p.w(" OVER ")
		p.window(c.Over)
	}
}

// jsonClauses writes what stands behind the arguments of a JSON function, where there are any.
func (p *printer) jsonClauses(j *ast.JSONClauses, args bool) {
	sep := ifWord(args, " ")
	if j.Returning != nil {
		p.w(sep, "RETURNING ")
		p.typeName(j.Returning)
	}
	switch j.Wrapper {
	case "":
	case "WITHOUT":
		p.w(" WITHOUT WRAPPER")
	default:
		p.w(" WITH ", j.Wrapper, " WRAPPER")
	}
	on := func(b *ast.JSONBehavior, what string) {
		if b == nil {
			return
		}
		p.w(" ", b.Word)
		if b.Default != nil {
			p.w(" ")
			p.expr(b.Default, 0)
		}
		p.w(" ON ", what)
	}
	on(j.OnEmpty, "EMPTY")
	on(j.OnError, "ERROR")
	if j.OnNull != "" {
		p.w(sep, j.OnNull, " ON NULL")
	}
}

// callArgs writes the arguments, with the words that some functions want between them.
func (p *printer) callArgs(c *ast.Call) {
	words := map[int]string{}
	loose := 0
	isWord := func(i int) bool {
		if i >= len(c.Args) {
			return false
		}
		_, ok := c.Args[i].(*ast.Keyword)
		return ok
	}
	if !c.Name.Quoted {
		switch key := token.Upper(c.Name.Name); {
		case key == "EXTRACT":
			words[1] = " FROM "
		case key == "TRIM" && isWord(0):
			words[1], words[2] = " ", " FROM "
		case key == "POSITION":
			words[1], words[2] = " IN ", " FROM "
			loose = parser.LevelAdd
		case key == "OVERLAY" && len(c.Args) <= 4:
			words[1], words[2], words[3] = " PLACING ", " FROM ", " FOR "
		case key == "JSON_OBJECT" || key == "JSON_OBJECTAGG":
			for i := 1; i < len(c.Args); i += 2 {
				words[i] = " VALUE "
			}
		case (key == "FLOOR" || key == "CEIL" || key == "CEILING") && isWord(1):
			words[1] = " TO "
		}
	}
	for i, a := range c.Args {
		if i > 0 {
			if w, ok := words[i]; ok {
				p.w(w)
			} else {
				p.w(", ")
			}
		}
		if i == 0 {
			p.expr(a, loose)
		} else {
			p.expr(a, 0)
		}
	}
}

func (p *printer) window(w *ast.WindowSpec) {
	if w.Ref != nil && len(w.PartitionBy) == 0 && len(w.OrderBy) == 0 && !w.Frame {
		p.ident(*w.Ref)
		return
	}
	p.windowBody(w)
}

func (p *printer) windowBody(w *ast.WindowSpec) {
	p.w("(")
	sep := ""
	if w.Ref != nil {
		p.ident(*w.Ref)
		sep = " "
	}
	if len(w.PartitionBy) > 0 {
		p.w(sep, "PARTITION BY ")
		p.exprs(w.PartitionBy)
		sep = " "
	}
	if len(w.OrderBy) > 0 {
		p.w(sep)
		p.orderBy(w.OrderBy)
		sep = " "
	}
	if w.Frame {
		unit := "RANGE"
		if w.Rows {
			unit = "ROWS"
		}
		p.w(sep, unit, " BETWEEN ")
		p.bound(w.From)
		p.w(" AND ")
		p.bound(w.To)
	}
	p.w(")")
}

func (p *printer) bound(b ast.FrameBound) {
	if b.Expr != nil {
		p.expr(b.Expr, parser.LevelAdd)
		p.w(" ")
	}
	p.w(b.Kind)
}

func (p *printer) orderBy(items []*ast.OrderItem) {
	p.w("ORDER BY ")
	p.list(len(items), func(i int) { p.orderItem(items[i]) })
}

func (p *printer) orderItem(o *ast.OrderItem) {
	p.expr(o.Expr, 0)
	p.w(ifWord(o.Desc, " DESC"))
	if o.NullsFirst != nil {
		if *o.NullsFirst {
			p.w(" NULLS FIRST")
		} else {
			p.w(" NULLS LAST")
		}
	}
}
