package bind

import (
	"slices"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
)

var joinKinds = map[string]logical.JoinKind{
	"INNER": logical.InnerJoin, "CROSS": logical.InnerJoin, "LEFT": logical.LeftJoin, "RIGHT": logical.RightJoin, "FULL": logical.FullJoin,
}

// join binds left JOIN right, and a comma.
func (b *Binder) join(t *ast.Join) (logical.Node, *scope) {
	at := t.JoinSpan
	if at.IsZero() {
		at = t.Sp
	}
	inFrom := b.inFrom
	defer func() { b.inFrom = inFrom }()
	onlyMatches := !t.Natural && len(t.Using) == 0
	if !onlyMatches || t.Kind == "RIGHT" || t.Kind == "FULL" { // rows without a partner would bring nothing along
		b.inFrom = nil
	}
	left, ls := b.from(t.Left)
	b.inFrom = nil
	if onlyMatches && t.Kind != "LEFT" && t.Kind != "FULL" {
		b.inFrom = inFrom
	}
	if q, ok := t.Right.(*ast.SubQuery); ok && q.Lateral {
		if left == nil {
			return nil, nil
		}
		return b.lateral(t, q, left, ls, at)
	}
	if u, ok := t.Right.(*ast.Unnest); ok {
		if left == nil {
			return nil, nil
		}
		return b.joinUnnest(t, u, left, ls)
	}
	if f, ok := isSearch(t.Right); ok {
		if left == nil {
			return nil, nil
		}
		return b.joinSearch(t, f, left, ls)
	}
	b.versioned = versioned(t)
	right, rs := b.from(t.Right)
	if left == nil || right == nil {
		return nil, nil
	}
	s := joinScope(ls, rs)
	kind := joinKinds[t.Kind]
	asOf, ok := b.asOf(t, kind, right, ls)
	if !ok {
		return nil, nil
	}
	if asOf != nil && asOf.Looks() {
		asOf.Hint = b.hints.lookup(rs)
	}
	using := t.Using
	if t.Natural {
		for _, l := range ls.starred() { // a column that USING has made one of two is one
			c := ls.cols[l]
			if slices.ContainsFunc(rs.starred(), func(r int) bool { return rs.cols[r].Name == c.Name }) {
				using = append(using, ast.Ident{At: ast.At{Sp: at}, Name: c.Name})
			}
		}
	}
	var cond scalar.Expr
	switch {
	case t.On != nil && asOf == nil && b.hasSubquery(t.On):
		return b.joinOn(t, kind, left, right, ls, s, at)
	case t.On != nil:
		x := &exprBinder{Binder: b, scope: s, clause: "ON"}
		if cond = x.condition(t.On, "ON"); cond == nil {
			return nil, nil
		}
	case len(using) > 0:
		return b.joinUsing(kind, left, right, ls, rs, using, asOf, at)
	}
	if asOf != nil {
		j := logical.NewTemporalJoin(kind, left, right, asOf, cond, at)
		s.cols = j.Cols()
		return j, s
	}
	j := joinWhere(left, right, kind, cond, at, b.Functions["AND"])
	j.LeftTTL, j.RightTTL = b.hints.ttl(ls), b.hints.ttl(rs)
	s.cols = j.Cols()
	return j, s
}

// joinScope is the names of both sides, side by side.
func joinScope(l, r *scope) *scope {
	n := len(l.cols)
	s := &scope{cols: append(slices.Clone(l.cols), r.cols...), rels: slices.Clone(l.rels), dep: l.dep, depAt: l.depAt}
	for _, x := range r.rels {
		x.start, x.end = x.start+n, x.end+n
		s.rels = append(s.rels, x)
	}
	s.brought = slices.Clone(l.brought)
	for _, at := range r.brought {
		s.brought = append(s.brought, n+at)
	}
	for i := range l.cols {
		s.hidden = append(s.hidden, l.hides(i))
	}
	for i := range r.cols {
		s.hidden = append(s.hidden, r.hides(i))
	}
	if l.star != nil || r.star != nil {
		s.star = l.starred()
		for _, i := range r.starred() {
			s.star = append(s.star, n+i)
		}
	}
	return s
}

// joinUsing binds USING (a, b): equal columns of both sides, which are one column to whoever names them without a table. They are the first
// ones of *.
func (b *Binder) joinUsing(kind logical.JoinKind, left, right logical.Node, ls, rs *scope, using []ast.Ident, asOf *logical.AsOf, at diag.Span) (logical.Node, *scope) {
	s := joinScope(ls, rs)
	n := len(ls.cols)
	var conds []scalar.Expr
	var pairs [][2]int // of columns that are one
	ok := true
	for _, id := range using {
		l, r := b.find(ls, 0, n, id), b.find(rs, 0, len(rs.cols), id)
		switch {
		case l == -1:
			b.unknown(ls, id, "the left side of the join", ls.cols)
		case r == -1:
			b.unknown(rs, id, "the right side of the join", rs.cols)
		}
		if l < 0 || r < 0 {
			ok = false
			continue
		}
		x := &exprBinder{Binder: b, scope: s, clause: "USING"}
		args := []scalar.Expr{
			&scalar.Column{Index: l, Name: id.Name, Typ: s.cols[l].Type, Sp: id.Sp},
			&scalar.Column{Index: n + r, Name: id.Name, Typ: s.cols[n+r].Type, Sp: id.Sp},
		}
		e := x.apply("=", args, id.Sp)
		if e == nil {
			ok = false
			continue
		}
		conds = append(conds, e)
		pairs = append(pairs, [2]int{l, n + r})
	}
	if !ok {
		return nil, nil
	}
	cond := scalar.And(b.Functions["AND"], conds)
	if asOf != nil {
		j := logical.NewTemporalJoin(kind, left, right, asOf, cond, at)
		s.cols = j.Cols()
		s.merge(kind, pairs)
		return j, s
	}
	j := joinWhere(left, right, kind, cond, at, b.Functions["AND"])
	j.LeftTTL, j.RightTTL = b.hints.ttl(ls), b.hints.ttl(rs)
	s.cols = j.Cols()
	if kind != logical.FullJoin {
		s.merge(kind, pairs)
		return j, s
	}
	// Of a full join the common column is the one of the side that is there. It stands behind those of the sides.
	exprs, names := logical.Pass(j)
	for i, p := range pairs {
		id := using[i]
		e := b.apply("COALESCE", []scalar.Expr{logical.Ref(j, p[0]), logical.Ref(j, p[1])}, id.Sp)
		if e == nil {
			return nil, nil
		}
		exprs, names = append(exprs, e), append(names, id.Name)
	}
	c := logical.NewCalc(j, nil, exprs, names, at)
	s.merge(kind, pairs)
	s.cols = c.Cols()
	return c, s
}

// merge makes one column of each pair of s, the columns of both sides of a join: that of the side that is always there, or, of a full join,
// one of those that are about to follow. * begins with them.
func (s *scope) merge(kind logical.JoinKind, pairs [][2]int) {
	var first []int
	for i, p := range pairs {
		switch kind {
		case logical.RightJoin:
			s.hidden[p[0]] = true
			first = append(first, p[1])
		case logical.FullJoin:
			s.hidden[p[0]], s.hidden[p[1]] = true, true
			first = append(first, len(s.cols)+i)
		default:
			s.hidden[p[1]] = true
			first = append(first, p[0])
		}
	}
	rest := slices.DeleteFunc(s.starred(), func(i int) bool { return s.hidden[i] || slices.Contains(first, i) })
	s.star = append(first, rest...)
	if kind == logical.FullJoin {
		s.hidden = append(s.hidden, make([]bool, len(pairs))...)
	}
}

// joinWhere joins, with the conditions that are over one side of an inner join put below it, where they may complete
// the condition of a join there: FROM a, b, c WHERE a.x = b.x AND b.y = c.y.
func joinWhere(left, right logical.Node, kind logical.JoinKind, cond scalar.Expr, at diag.Span, and *fn.Func) *logical.Join {
	if kind == logical.InnerJoin {
		left, right, cond = sink(left, right, cond, and)
	}
	return logical.NewJoin(kind, left, right, cond, at)
}

func sink(left, right logical.Node, cond scalar.Expr, and *fn.Func) (l, r logical.Node, rest scalar.Expr) {
	n := len(left.Cols())
	var ofLeft, ofRight, both []scalar.Expr
	for _, c := range scalar.Conjuncts(cond) {
		switch l, r := scalar.Sides(c, n); {
		case l && !r:
			ofLeft = append(ofLeft, c)
		case r && !l:
			ofRight = append(ofRight, scalar.Shift(c, func(i int) int { return i - n }))
		default:
			both = append(both, c)
		}
	}
	if ofLeft != nil {
		left = where(left, scalar.And(and, ofLeft), and)
	}
	if ofRight != nil {
		right = where(right, scalar.And(and, ofRight), and)
	}
	return left, right, scalar.And(and, both)
}

// where keeps the rows of in that satisfy cond: a filter, or, over an inner join, a further condition of it.
func where(in logical.Node, cond scalar.Expr, and *fn.Func) logical.Node {
	if j, ok := in.(*logical.Join); ok && j.AsOf == nil && j.Kind == logical.InnerJoin && scalar.Deterministic(cond) {
		l, r, rest := sink(j.Left, j.Right, cond, and)
		if l != j.Left || r != j.Right {
			j = j.WithInputs(l, r)
		}
		if rest != nil {
			j = j.WithCond(scalar.And(and, append(slices.Clone(scalar.Conjuncts(j.Cond)), scalar.Conjuncts(rest)...)))
		}
		return j
	}
	return logical.NewFilter(in, cond, cond.Span())
}
