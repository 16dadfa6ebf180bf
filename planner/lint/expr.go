package lint

import (
	"strings"
	"unicode"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// exprRules are about conditions and values.
var exprRules = []Rule{
	{Code: "SQ7501", Name: "compare-null", run: compareNull},
	{Code: "SQ7502", Name: "null-in-list", run: nullInList},
	{Code: "SQ7503", Name: "integer-division", run: integerDivision},
	{Code: "SQ7504", Name: "integer-average", run: integerAverage},
	{Code: "SQ7505", Name: "like-without-wildcard", run: like(likeWithoutWildcard)},
	{Code: "SQ7506", Name: "like-shell-wildcard", run: like(likeShellWildcard)},
	{Code: "SQ7507", Name: "like-underscore", Note: true, run: like(likeUnderscore)},
	{Code: "SQ7508", Name: "like-everything", run: like(likeEverything)},
	{Code: "SQ7509", Name: "like-prefix", run: like(likePrefix)},
	{Code: "SQ7510", Name: "duplicate-case-branch", run: duplicateBranch},
	{Code: "SQ7511", Name: "case-without-difference", run: sameBranches},
	{Code: "SQ7512", Name: "unreachable-case-branch", run: unreachableBranch},
	{Code: "SQ7513", Name: "self-comparison", run: selfComparison},
	{Code: "SQ7514", Name: "constant-condition", run: constantCondition},
	{Code: "SQ7515", Name: "never-true", run: neverTrue},
	{Code: "SQ7516", Name: "duplicate-condition", run: duplicateCondition},
	{Code: "SQ7517", Name: "float-equality", run: floatEquality},
	{Code: "SQ7518", Name: "letter-case", run: letterCase},
	{Code: "SQ7519", Name: "null-test-of-not-null", run: nullTest},
	{Code: "SQ7520", Name: "having-without-aggregate", run: havingWithoutAggregate},
	{Code: "SQ7521", Name: "count-of-not-null", Note: true, run: countNotNull},
	{Code: "SQ7522", Name: "duplicate-in-list", run: duplicateInList},
	{Code: "SQ7523", Name: "group-by-position", run: groupByPosition},
	{Code: "SQ7524", Name: "distinct-without-effect", run: distinctWithoutEffect},
	{Code: "SQ7525", Name: "outer-join-made-inner", run: outerJoinMadeInner},
	{Code: "SQ7526", Name: "alias-hides-column", run: aliasHidesColumn},
	{Code: "SQ7527", Name: "or-of-not-equals", run: orOfNotEquals},
}

func isComparison(op string) bool {
	switch op {
	case "=", "<>", "<", "<=", ">", ">=":
		return true
	}
	return false
}

func isNull(e ast.Expr) bool { _, ok := e.(*ast.NullLit); return ok }

func compareNull(p *pass) {
	each(p, func(b *ast.Binary, _ []ast.Node) {
		if !isComparison(b.Op) || !isNull(b.X) && !isNull(b.Y) {
			return
		}
		d := p.report(b.Sp, "a comparison with NULL is never true").At("%s is NULL for every row", text(b))
		x := b.X
		if isNull(x) {
			x = b.Y
		}
		if (b.Op == "=" || b.Op == "<>") && !isNull(x) {
			is := map[string]string{"=": " IS NULL", "<>": " IS NOT NULL"}[b.Op]
			d.Help("write %s%s", text(x), is).Fix(b.Sp, x.Span().Text()+is)
			return
		}
		d.Help("test for NULL with IS NULL or IS NOT NULL")
	})
	each(p, func(c *ast.Case, _ []ast.Node) {
		if c.Operand == nil {
			return
		}
		for _, w := range c.Whens {
			if isNull(w.Cond) {
				p.report(w.Cond.Span(), "this WHEN is never chosen: nothing equals NULL").
					Help("write CASE WHEN %s IS NULL THEN ...", text(c.Operand))
			}
		}
	})
}

func nullInList(p *pass) {
	each(p, func(in *ast.In, _ []ast.Node) {
		for _, e := range in.List {
			if !isNull(e) {
				continue
			}
			if in.Not {
				p.report(e.Span(), "NOT IN with a NULL in its list is never true").At("x <> NULL is NULL").
					Help("take NULL out of the list, and add AND %s IS NOT NULL if that is meant", text(in.X))
			} else {
				p.report(e.Span(), "a NULL in the list of IN matches nothing").At("x = NULL is NULL").
					Help("take it out, and add OR %s IS NULL if that is meant", text(in.X))
			}
		}
	})
}

// unitDivisors are divisors by which whole numbers are turned into larger units, where cutting off is meant.
var unitDivisors = map[string]bool{
	"60": true, "1000": true, "1024": true, "3600": true, "60000": true, "86400": true, "1000000": true, "1048576": true,
	"3600000": true, "86400000": true, "1000000000": true,
}

// integerDivision reports quotients of whole numbers whose fraction was wanted, as far as what is done with them
// tells. Cast to a whole number, rounded, or given to a function that takes one, they are what they seem.
func integerDivision(p *pass) {
	p.expressions(func(e scalar.Expr, above []scalar.Expr) {
		c, ok := e.(*scalar.Call)
		if !ok || c.Func.Name != "/" || !c.Typ.IsInteger() || c.Sp.IsZero() {
			return
		}
		units := false
		if l, isLit := bare(c.Args[1]).(*scalar.Literal); isLit && !l.Sp.IsZero() {
			units = unitDivisors[l.Sp.Text()]
		}
		into := types.Type{}
	up:
		for i := len(above) - 1; i >= 0; i-- {
			switch a := above[i].(type) {
			case *scalar.Cast:
				if !a.Implicit && a.Typ.IsInteger() {
					return
				}
				into = a.Typ
			case *scalar.Call:
				switch a.Func.Name {
				case "+", "-", "*":
					if a.Func.Name == "*" && len(a.Args) == 2 && (sameExpr(a.Args[1], c.Args[1]) || sameExpr(a.Args[0], c.Args[1])) {
						return // x / n * n cuts to a multiple, and means it
					}
				case "CASE", "COALESCE", "IF", "IFNULL", "=", "<>", "<", "<=", ">", ">=", "BETWEEN":
				default:
					return
				}
			default:
				break up
			}
		}
		if fractional := into.Kind == types.Double || into.Kind == types.Float || into.Kind == types.Decimal; units && !fractional {
			return
		}
		d := p.report(c.Sp, "a quotient of whole numbers is cut to a whole number").At("7 / 2 is 3")
		if x := bare(c.Args[0]); !x.Span().IsZero() {
			d.Help("write CAST(%s AS DOUBLE) / ..., or CAST the result to its whole type if that is meant", x.Span().Text())
		}
	})
	// A quotient that is written into a column of fractions, computed one relation below.
	p.intoFractions(func(tree logical.Node, e scalar.Expr) {
		if c, ok := bare(e).(*scalar.Call); ok && c.Func.Name == "/" && c.Typ.IsInteger() && !c.Sp.IsZero() {
			p.report(c.Sp, "a quotient of whole numbers is cut to a whole number").At("7 / 2 is 3").
				Help("write CAST(... AS DOUBLE) / ...")
		}
	})
}

func sameExpr(a, b scalar.Expr) bool { return scalar.Digest(bare(a)) == scalar.Digest(bare(b)) }

// intoFractions calls f for what is computed as a whole number and then written into a column of a type with
// fractions, at the relation that computes it.
func (p *pass) intoFractions(f func(tree logical.Node, e scalar.Expr)) {
	for _, j := range p.Jobs {
		for _, in := range j.Inserts {
			top, ok := in.Query.(*logical.Calc)
			if !ok {
				continue
			}
			for _, e := range top.Exprs {
				cast, ok := e.(*scalar.Cast)
				if !ok || !cast.Implicit || !cast.X.Type().IsInteger() {
					continue
				}
				if k := cast.Typ.Kind; k != types.Double && k != types.Float && k != types.Decimal || k == types.Decimal && cast.Typ.Scale == 0 {
					continue
				}
				f(top, cast.X)
				if n, x := origin(top.Input, cast.X); n != nil {
					f(n, x)
				}
			}
		}
	}
}

// origin follows e, a plain column of in, down to the relation that computes it. For an aggregate the expression is a
// column of that relation's output.
func origin(in logical.Node, e scalar.Expr) (logical.Node, scalar.Expr) {
	for {
		col, ok := bare(e).(*scalar.Column)
		if !ok {
			return in, e
		}
		switch n := in.(type) {
		case *logical.Calc:
			e, in = n.Exprs[col.Index], n.Input
			if _, plain := bare(e).(*scalar.Column); !plain {
				return n, e
			}
		default:
			return n, col
		}
	}
}

func integerAverage(p *pass) {
	p.intoFractions(func(n logical.Node, e scalar.Expr) {
		a, ok := n.(*logical.Aggregate)
		col, isCol := bare(e).(*scalar.Column)
		if !ok || !isCol || col.Index < len(a.Keys) {
			return
		}
		if g := a.Aggs[col.Index-len(a.Keys)]; g.Func == "AVG" && g.Type.IsInteger() {
			p.report(g.Span, "the average of whole numbers is cut to a whole number").At("its type is %s", g.Type.WithNullable(true)).
				Note("the column that it is written into keeps fractions, which are gone by then").
				Help("write AVG(CAST(... AS DOUBLE))")
		}
	})
}

// like makes a rule of a look at patterns that are written as strings.
func like(look func(p *pass, l *ast.LikeExpr, pattern *ast.StringLit)) func(*pass) {
	return func(p *pass) {
		each(p, func(l *ast.LikeExpr, _ []ast.Node) {
			if pattern, ok := l.Pattern.(*ast.StringLit); ok && !l.Similar && l.Escape == nil {
				look(p, l, pattern)
			}
		})
	}
}

func likeWithoutWildcard(p *pass, l *ast.LikeExpr, s *ast.StringLit) {
	if strings.ContainsAny(s.Value, "%_*?") {
		return
	}
	op := "="
	if l.Not {
		op = "<>"
	}
	p.report(s.Sp, "this LIKE has no wildcard and matches '%s' only", s.Value).
		Help("write %s LIKE '%s%%' for what begins so, or %s %s '%s'", text(l.X), s.Value, text(l.X), op, s.Value)
}

func likeShellWildcard(p *pass, l *ast.LikeExpr, s *ast.StringLit) {
	if strings.ContainsAny(s.Value, "%_") || !strings.ContainsAny(s.Value, "*?") {
		return
	}
	p.report(s.Sp, "LIKE takes * and ? for themselves").At("its wildcards are %% and _").
		Help("write '%s'", strings.NewReplacer("*", "%", "?", "_").Replace(s.Value))
}

func likeUnderscore(p *pass, l *ast.LikeExpr, s *ast.StringLit) {
	r := []rune(s.Value)
	for i := 1; i < len(r); i++ {
		if r[i] == '_' && unicode.IsLetter(r[i-1]) && (i+1 == len(r) || r[i+1] == '%' || unicode.IsLetter(r[i+1])) {
			escaped := strings.ReplaceAll(s.Value, "_", `\_`)
			p.report(s.Sp, "the _ in this LIKE stands for any character").Help(`write '%s' ESCAPE '\' where the character itself is meant`, escaped)
			return
		}
	}
}

func likeEverything(p *pass, l *ast.LikeExpr, s *ast.StringLit) {
	if s.Value == "" || strings.Trim(s.Value, "%") != "" {
		return
	}
	p.report(s.Sp, "LIKE '%s' is true of every value but NULL", s.Value).Help("write IS NOT NULL if that is meant")
}

// likePrefix reports a wildcard before what can only stand at the start of a value.
func likePrefix(p *pass, l *ast.LikeExpr, s *ast.StringLit) {
	rest := strings.TrimLeft(s.Value, "%")
	if rest == s.Value || !strings.HasPrefix(rest, "http://") && !strings.HasPrefix(rest, "https://") && !strings.HasPrefix(rest, "^") {
		return
	}
	p.report(s.Sp, "this LIKE looks everywhere for what stands at the start").At("a leading %% makes every value be searched to its end").
		Help("write '%s'", strings.TrimPrefix(rest, "^"))
}

func duplicateBranch(p *pass) {
	each(p, func(c *ast.Case, _ []ast.Node) {
		first := map[string]ast.Expr{}
		for _, w := range c.Whens {
			k := text(w.Cond)
			if at, twice := first[k]; twice {
				p.report(w.Cond.Span(), "this WHEN is never chosen: the same stands before it").Label(at.Span(), "first here").
					Help("remove it, or write the condition that was meant")
				continue
			}
			first[k] = w.Cond
		}
	})
}

func sameBranches(p *pass) {
	each(p, func(c *ast.Case, _ []ast.Node) {
		if c.Else == nil {
			return
		}
		for _, w := range c.Whens {
			if text(w.Then) != text(c.Else) {
				return
			}
		}
		p.report(c.Sp, "all branches of this CASE give %s", text(c.Else)).Help("write %s, or the values that were meant", text(c.Else))
	})
}

func isFloat(t types.Type) bool { return t.Kind == types.Double || t.Kind == types.Float }

func floatEquality(p *pass) {
	p.expressions(func(e scalar.Expr, _ []scalar.Expr) {
		c, ok := e.(*scalar.Call)
		if !ok || c.Func.Name != "=" && c.Func.Name != "<>" || c.Sp.IsZero() {
			return
		}
		x, y := bare(c.Args[0]), bare(c.Args[1])
		if _, isLit := x.(*scalar.Literal); isLit {
			x, y = y, x
		}
		l, isLit := y.(*scalar.Literal)
		if _, both := x.(*scalar.Literal); both || !isFloat(x.Type()) {
			return
		}
		if isLit && (l.Sp.IsZero() || !strings.ContainsAny(l.Sp.Text(), ".eE") || strings.Trim(l.Sp.Text(), "0.") == "") {
			return
		}
		if !isLit && !isFloat(y.Type()) {
			return
		}
		p.report(c.Sp, "numbers of type %s are compared for equality", x.Type().WithNullable(true)).At("0.1 + 0.2 is not 0.3").
			Help("compare with a tolerance, ABS(a - b) < 0.001, or declare the column DECIMAL")
	})
}

func letterCase(p *pass) {
	check := func(f ast.Expr, lit ast.Expr, at diag.Span) {
		c, ok := f.(*ast.Call)
		s, isLit := lit.(*ast.StringLit)
		if !ok || !isLit || len(c.Args) != 1 {
			return
		}
		name := strings.ToUpper(c.Name.Name)
		want := map[string]func(string) string{"UPPER": strings.ToUpper, "LOWER": strings.ToLower, "UCASE": strings.ToUpper, "LCASE": strings.ToLower}[name]
		if want == nil || want(s.Value) == s.Value {
			return
		}
		d := p.report(s.Sp, "%s never gives '%s'", name, s.Value)
		d.Label(c.Sp, "all letters are in one case here").Help("write '%s'", want(s.Value)).Fix(s.Sp, strings.Replace(s.Sp.Text(), s.Value, want(s.Value), 1))
	}
	each(p, func(b *ast.Binary, _ []ast.Node) {
		if b.Op == "=" || b.Op == "<>" {
			check(b.X, b.Y, b.Sp)
			check(b.Y, b.X, b.Sp)
		}
	})
	each(p, func(in *ast.In, _ []ast.Node) {
		for _, e := range in.List {
			check(in.X, e, e.Span())
		}
	})
	each(p, func(l *ast.LikeExpr, _ []ast.Node) {
		if l.Escape == nil && !l.Similar {
			check(l.X, l.Pattern, l.Sp)
		}
	})
}

func nullTest(p *pass) {
	p.expressions(func(e scalar.Expr, _ []scalar.Expr) {
		c, ok := e.(*scalar.Call)
		if !ok || c.Sp.IsZero() || len(c.Args) == 0 || c.Args[0].Type().Nullable || c.Args[0].Span().IsZero() {
			return
		}
		x := c.Args[0].Span().Text()
		switch c.Func.Name {
		case "IS NULL":
			p.report(c.Sp, "%s is never NULL", x).At("always false").Help("remove the condition")
		case "IS NOT NULL":
			p.report(c.Sp, "%s is never NULL", x).At("always true").Help("remove the condition")
		case "COALESCE", "IFNULL":
			if _, isLit := bare(c.Args[0]).(*scalar.Literal); !isLit {
				p.report(c.Sp, "%s is never NULL", x).At("the rest is never looked at").Help("write %s", x)
			}
		}
	})
}
