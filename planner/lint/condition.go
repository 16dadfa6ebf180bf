package lint

import (
	"strconv"
	"strings"

	"weir/parser/ast"
)

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
