package lint

import (
	"strconv"
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

// atom is a comparison of something with a constant.
type atom struct {
	x, op string
	num   float64
	str   string
	isNum bool
	e     ast.Expr
}

var flipped = map[string]string{"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func constant(e ast.Expr) (num float64, str string, isNum, ok bool) {
	switch e := e.(type) {
	case *ast.NumberLit:
		f, err := strconv.ParseFloat(e.Text, 64)
		return f, "", true, err == nil
	case *ast.StringLit:
		return 0, e.Value, false, true
	case *ast.Unary:
		if n, _, isNum, ok := constant(e.X); ok && isNum && e.Op == "-" {
			return -n, "", true, true
		}
	case *ast.TemporalLit:
		return 0, e.Text.Value, false, true
	}
	return 0, "", false, false
}

func atomOf(e ast.Expr) (a atom, ok bool) {
	b, isBinary := e.(*ast.Binary)
	if !isBinary || !isComparison(b.Op) {
		return a, false
	}
	x, y, op := b.X, b.Y, b.Op
	if _, _, _, left := constant(x); left {
		x, y, op = y, x, flipped[op]
	}
	if _, _, _, both := constant(x); both {
		return a, false
	}
	a = atom{x: text(x), op: op, e: e}
	a.num, a.str, a.isNum, ok = constant(y)
	return a, ok && volatile(x) == ""
}

// volatile is the name of a function in e that gives another value each time, "" without one.
func volatile(e ast.Node) (name string) {
	within(e, func(c *ast.Call, _ []ast.Node) {
		switch n := strings.ToUpper(c.Name.Name); n {
		case "RAND", "RAND_INTEGER", "UUID":
			name = n
		}
	})
	return name
}

// holds reports that a value, a number or a text as the atom's constant is, satisfies the atom.
func (a atom) holds(v float64, s string) bool {
	c := 0
	switch {
	case a.isNum && v < a.num, !a.isNum && s < a.str:
		c = -1
	case a.isNum && v > a.num, !a.isNum && s > a.str:
		c = 1
	}
	switch a.op {
	case "=":
		return c == 0
	case "<>":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// implies reports that whatever satisfies a satisfies b.
func (a atom) implies(b atom) bool {
	if a.x != b.x || a.isNum != b.isNum {
		return false
	}
	if a.op == "=" {
		return b.holds(a.num, a.str)
	}
	up, down := a.op == ">" || a.op == ">=", a.op == "<" || a.op == "<="
	switch b.op {
	case ">", ">=":
		return up && (b.holds(a.num, a.str) || a.op == ">" && a.num == b.num && a.str == b.str)
	case "<", "<=":
		return down && (b.holds(a.num, a.str) || a.op == "<" && a.num == b.num && a.str == b.str)
	}
	return false
}

// excludes reports that nothing satisfies both a and b.
func (a atom) excludes(b atom) bool {
	if a.x != b.x || a.isNum != b.isNum {
		return false
	}
	if a.op == "=" {
		return !b.holds(a.num, a.str)
	}
	if b.op == "=" {
		return !a.holds(b.num, b.str)
	}
	up := func(o string) bool { return o == ">" || o == ">=" }
	down := func(o string) bool { return o == "<" || o == "<=" }
	if up(a.op) && down(b.op) {
		return !a.holds(b.num, b.str) || !b.holds(a.num, a.str)
	}
	if down(a.op) && up(b.op) {
		return b.excludes(a)
	}
	return false
}

func unreachableBranch(p *pass) {
	each(p, func(c *ast.Case, _ []ast.Node) {
		if c.Operand != nil {
			return
		}
		var before []atom
		for _, w := range c.Whens {
			if l, ok := w.Cond.(*ast.BoolLit); ok && l.Value {
				continue
			}
			a, ok := atomOf(w.Cond)
			if !ok {
				continue
			}
			for _, b := range before {
				if text(a.e) != text(b.e) && a.implies(b) {
					p.report(w.Cond.Span(), "this WHEN is never chosen").Label(b.e.Span(), "what satisfies it has been taken here").
						Help("put the narrower condition first")
					break
				}
			}
			before = append(before, a)
		}
	})
}

func selfComparison(p *pass) {
	each(p, func(b *ast.Binary, _ []ast.Node) {
		if !isComparison(b.Op) && b.Op != "-" && b.Op != "/" || volatile(b) != "" {
			return
		}
		if _, _, _, lit := constant(b.X); lit || text(b.X) != text(b.Y) || isNull(b.X) {
			return
		}
		switch b.Op {
		case "=", "<=", ">=":
			p.report(b.Sp, "%s is compared with itself", text(b.X)).At("true of every value but NULL").Help("compare it with what was meant")
		case "-", "/":
			p.report(b.Sp, "%s stands on both sides of %s", text(b.X), b.Op).At("the result is always the same").Help("write what was meant")
		default:
			p.report(b.Sp, "%s is compared with itself", text(b.X)).At("never true").Help("compare it with what was meant")
		}
	})
}

// conditionOf reports whether e stands where a condition decides: WHERE, HAVING, ON, WHEN, FILTER, or a part of one.
func conditionOf(e ast.Expr, above []ast.Node) bool {
	var inner ast.Node = e
	for i := len(above) - 1; i >= 0; i-- {
		switch a := above[i].(type) {
		case *ast.Binary:
			if a.Op != "AND" && a.Op != "OR" {
				return false
			}
		case *ast.Unary:
			if a.Op != "NOT" {
				return false
			}
		case *ast.Case:
			for _, w := range a.Whens {
				if w.Cond == inner && a.Operand == nil {
					return true
				}
			}
			return false
		case *ast.SelectCore:
			return a.Where == inner || a.Having == inner || a.Qualify == inner
		case *ast.Join:
			return a.On == inner
		case *ast.Call:
			return a.Filter == inner
		default:
			return false
		}
		inner = above[i]
	}
	return false
}

func constantCondition(p *pass) {
	say := func(e ast.Expr, value string) {
		p.report(e.Span(), "this condition is always %s", value).Help("remove it, or write the condition that was meant")
	}
	each(p, func(b *ast.Binary, above []ast.Node) {
		if !isComparison(b.Op) {
			return
		}
		x, xs, xNum, ok := constant(b.X)
		y, ys, yNum, ok2 := constant(b.Y)
		if !ok || !ok2 || xNum != yNum {
			return
		}
		a := atom{op: b.Op, num: y, str: ys, isNum: yNum}
		say(b, map[bool]string{true: "true", false: "false"}[a.holds(x, xs)])
	})
	each(p, func(l *ast.BoolLit, above []ast.Node) {
		if j, ok := nearest[*ast.Join](above); ok && j.On == ast.Expr(l) {
			return // ON TRUE is how LATERAL is joined
		}
		if !l.Unknown && conditionOf(l, above) {
			say(l, strings.ToLower(text(l)))
		}
	})
}

// conjuncts takes e apart at op.
func conjuncts(e ast.Expr, op string) []ast.Expr {
	if b, ok := e.(*ast.Binary); ok && b.Op == op {
		return append(conjuncts(b.X, op), conjuncts(b.Y, op)...)
	}
	return []ast.Expr{e}
}

// chains calls f for every maximal chain of op.
func chains(p *pass, op string, f func(parts []ast.Expr)) {
	each(p, func(b *ast.Binary, above []ast.Node) {
		if b.Op != op {
			return
		}
		if len(above) > 0 {
			if up, ok := above[len(above)-1].(*ast.Binary); ok && up.Op == op {
				return
			}
		}
		f(conjuncts(b, op))
	})
}

func neverTrue(p *pass) {
	chains(p, "AND", func(parts []ast.Expr) {
		var seen []atom
		for _, e := range parts {
			a, ok := atomOf(e)
			if !ok {
				continue
			}
			for _, b := range seen {
				if a.excludes(b) {
					p.report(a.e.Span(), "this condition and another one exclude each other").At("no row satisfies both").
						Label(b.e.Span(), "the other one").Help("write OR between them, or the values that were meant")
					break
				}
			}
			seen = append(seen, a)
		}
	})
	each(p, func(b *ast.Between, _ []ast.Node) {
		if b.Symmetric {
			return
		}
		lo, los, loNum, ok := constant(b.Lo)
		hi, his, hiNum, ok2 := constant(b.Hi)
		wrong := ok && ok2 && loNum == hiNum && (loNum && lo > hi || !loNum && los > his)
		if !wrong {
			xl, dl, okl := offset(b.Lo)
			xh, dh, okh := offset(b.Hi)
			wrong = okl && okh && xl == xh && dl > dh
		}
		if wrong {
			d := p.report(b.Lo.Span().To(b.Hi.Span()), "the bounds of this BETWEEN are the wrong way round").At("nothing lies between them")
			d.Help("write BETWEEN %s AND %s", text(b.Hi), text(b.Lo))
			d.Fix(b.Lo.Span(), b.Hi.Span().Text()).Fix(b.Hi.Span(), b.Lo.Span().Text())
		}
	})
}

// offset takes x ± INTERVAL apart; x alone has the offset 0.
func offset(e ast.Expr) (x string, micros int64, ok bool) {
	switch e := e.(type) {
	case *ast.ColumnRef:
		return text(e), 0, true
	case *ast.Binary:
		iv, isInterval := e.Y.(*ast.IntervalLit)
		if !isInterval || e.Op != "+" && e.Op != "-" {
			return "", 0, false
		}
		n, known := micros64(iv)
		if e.Op == "-" {
			n = -n
		}
		return text(e.X), n, known
	}
	return "", 0, false
}

func duplicateCondition(p *pass) {
	for _, op := range []string{"AND", "OR"} {
		chains(p, op, func(parts []ast.Expr) {
			first := map[string]ast.Expr{}
			for _, e := range parts {
				k := text(e)
				if at, twice := first[k]; twice && volatile(e) == "" {
					p.report(e.Span(), "this condition stands there twice").Label(at.Span(), "first here").Help("remove it, or write the condition that was meant")
				}
				first[k] = e
			}
		})
	}
}

// orOfNotEquals reports x <> 1 OR x <> 2, which every x satisfies.
func orOfNotEquals(p *pass) {
	chains(p, "OR", func(parts []ast.Expr) {
		var seen []atom
		for _, e := range parts {
			a, ok := atomOf(e)
			if !ok || a.op != "<>" {
				continue
			}
			for _, b := range seen {
				if a.x == b.x && (a.num != b.num || a.str != b.str) {
					p.report(a.e.Span(), "this condition or another one is always true").Label(b.e.Span(), "the other one").
						At("no %s is both", a.x).Help("write AND between them")
					break
				}
			}
			seen = append(seen, a)
		}
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
