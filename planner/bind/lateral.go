package bind

import (
	"slices"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/scalar"
)

// lateral binds left JOIN LATERAL (query): for each row of left the rows of the query, which may name left's columns.
func (b *Binder) lateral(t *ast.Join, sub *ast.SubQuery, left logical.Node, ls *scope, at diag.Span) (logical.Node, *scope) {
	kind := joinKinds[t.Kind]
	switch {
	case kind != logical.InnerJoin && kind != logical.LeftJoin:
		b.Diags.Errorf(codes.NoJoin, at, "%s JOIN LATERAL has no meaning", t.Kind).At("there is a query for each row of the left side, and for no other").Help("write LEFT JOIN LATERAL, or turn the sides")
		return nil, nil
	case t.Natural || len(t.Using) > 0:
		b.Diags.Errorf(codes.NoJoin, at, "JOIN LATERAL takes ON").Help("compare columns in the WHERE of the query, and write ON TRUE")
		return nil, nil
	}
	x := &exprBinder{Binder: b, scope: ls, clause: "LATERAL"}
	if kind == logical.InnerJoin && b.unnestsAlone(sub.Query) {
		n, ok := x.perRow(sub.Query, left)
		switch {
		case n != nil:
			return b.besideElements(t, sub, n, left, ls)
		case !ok:
			return nil, nil
		}
	}
	q := x.subquery(sub.Query, asTable)
	if q == nil {
		return nil, nil
	}
	q.outer.of(left)
	n := len(left.Cols())
	right, rs := b.aliased(q.shown(sub.Sp), sub.Alias, "", sub.Sp)
	if right == nil {
		return nil, nil
	}
	s := joinScope(ls, rs)
	var on []scalar.Expr
	if t.On != nil {
		if b.hasSubquery(t.On) {
			b.Diags.Errorf(codes.NoSubquery, t.On.Span(), "a sub-query cannot stand in the ON of JOIN LATERAL").Help("put the condition into the query")
			return nil, nil
		}
		c := (&exprBinder{Binder: b, scope: s, clause: "ON"}).condition(t.On, "ON")
		if c == nil {
			return nil, nil
		}
		on = scalar.Conjuncts(c)
	}
	// The query's own columns stand where they were; those that are only compared follow.
	conds := q.pairs(n)
	and := b.Functions["AND"]
	var j logical.Node
	if len(q.node.Cols()) == q.width {
		if kind == logical.InnerJoin {
			j = joinWhere(left, right, kind, scalar.And(and, append(conds, on...)), at, and)
		} else {
			j = logical.NewJoin(kind, left, right, scalar.And(and, append(conds, on...)), at)
		}
		s.cols = j.Cols()
		return j, s
	}
	j = logical.NewJoin(kind, left, q.node, scalar.And(and, append(conds, on...)), at)
	exprs, names := logical.Pass(j)
	names = slices.Clone(names[:n+q.width])
	for i, c := range rs.cols {
		names[n+i] = c.Name
	}
	out := logical.NewCalc(j, nil, exprs[:n+q.width], names, at)
	s.cols = out.Cols()
	return out, s
}

// unnestsAlone reports that q is computed for each row around it by itself: an UNNEST, conditions and expressions.
func (b *Binder) unnestsAlone(q *ast.Query) bool {
	c := plainSelect(q)
	if c == nil || c.Distinct || !c.GroupAt.IsZero() || c.Having != nil || c.Qualify != nil {
		return false
	}
	if _, ok := c.From.(*ast.Unnest); !ok {
		return false
	}
	plain := func(e ast.Expr) bool {
		if e == nil {
			return true
		}
		over := false
		walkAST(e, func(e ast.Expr) bool {
			if call, ok := e.(*ast.Call); ok && call.Over != nil {
				over = true
			}
			return !over
		})
		return !over && !b.hasSubquery(e) && !b.containsAggregate(e)
	}
	return plain(c.Where) && !slices.ContainsFunc(c.Items, func(it *ast.SelectItem) bool { return !plain(it.Expr) })
}

// perRow binds q, of which unnestsAlone holds, over the rows of left themselves: its columns, then left's. Without findings it is nil
// where q names columns of a query further out; ok is false after findings.
func (x *exprBinder) perRow(q *ast.Query, left logical.Node) (n logical.Node, ok bool) {
	rows := &dependence{distinct: left}
	for i, c := range left.Cols() {
		rows.cols = append(rows.cols, &scalar.Column{Index: i, Name: c.Name, Typ: c.Type})
	}
	b := x.Binder
	x.outer = b.around
	around, diags := b.around, b.Diags
	b.around, b.Diags = x, &diag.List{}
	defer func() { b.around, b.Diags = around, diags }()
	n = x.boundWith(rows, q)
	switch {
	case !b.Diags.HasErrors():
		return n, true
	case onlyCorrelation(b.Diags):
		return nil, true
	}
	diags.All = append(diags.All, b.Diags.All...)
	return nil, false
}

// besideElements is left JOIN LATERAL with n, what perRow made of its query.
func (b *Binder) besideElements(t *ast.Join, sub *ast.SubQuery, n, left logical.Node, ls *scope) (logical.Node, *scope) {
	exprs, names := logical.Pass(n)
	width := len(exprs) - len(left.Cols())
	right, rs := b.aliased(logical.NewCalc(n, nil, exprs[:width], names[:width], sub.Sp), sub.Alias, "", sub.Sp)
	if right == nil {
		return nil, nil
	}
	exprs = slices.Concat(exprs[width:], exprs[:width])
	names = names[:0:0]
	for _, c := range left.Cols() {
		names = append(names, c.Name)
	}
	for _, c := range rs.cols {
		names = append(names, c.Name)
	}
	out := logical.NewCalc(n, nil, exprs, names, sub.Sp)
	s := joinScope(ls, rs)
	s.cols = out.Cols()
	if t.On == nil {
		return out, s
	}
	cond := (&exprBinder{Binder: b, scope: s, clause: "ON"}).condition(t.On, "ON")
	switch {
	case cond == nil:
		return nil, nil
	case scalar.IsTrue(cond):
		return out, s
	}
	return logical.NewFilter(out, cond, t.On.Span()), s
}

// shown is q without the columns that only its conditions compare.
func (q *inner) shown(at diag.Span) logical.Node {
	if len(q.node.Cols()) == q.width {
		return q.node
	}
	exprs, names := logical.Pass(q.node)
	return logical.NewCalc(q.node, nil, exprs[:q.width], names[:q.width], at)
}

// joinOn binds a join with sub-queries in its ON: over an inner join they are conditions as those of WHERE; of an outer join a
// condition must be over the side alone of which rows may be missing, and is one on that side's rows.
func (b *Binder) joinOn(t *ast.Join, kind logical.JoinKind, left, right logical.Node, ls *scope, s *scope, at diag.Span) (logical.Node, *scope) {
	and := b.Functions["AND"]
	x := &exprBinder{Binder: b, scope: s, clause: "ON"}
	if kind == logical.InnerJoin {
		conds := x.conditions(t.On, nil)
		if conds == nil {
			return nil, nil
		}
		j := conds.over(logical.NewJoin(kind, left, right, nil, at), b)
		s.cols = j.Cols()
		return j, s
	}
	var plain []scalar.Expr
	for _, c := range conjuncts(t.On) {
		if !b.hasSubquery(c) {
			cond := x.condition(c, "ON")
			if cond == nil {
				return nil, nil
			}
			plain = append(plain, cond)
			continue
		}
		conds := x.conditions(c, nil)
		if conds == nil {
			return nil, nil
		}
		if kind == logical.FullJoin || !conds.side(kind == logical.LeftJoin, len(ls.cols)) {
			b.Diags.Errorf(codes.NoSubquery, c.Span(), "a condition with a sub-query in the ON of a %s JOIN must be over the side alone of which rows may be missing", t.Kind).
				Help("compute it in a query in FROM, as a column of one of the sides")
			return nil, nil
		}
		if kind == logical.LeftJoin {
			right = conds.over(right, b)
		} else {
			left = conds.over(left, b)
		}
	}
	j := logical.NewJoin(kind, left, right, scalar.And(and, plain), at)
	s.cols = j.Cols()
	return j, s
}

// side reports that the conditions are over one side alone of a join whose left side has n columns, and makes them conditions over the
// columns of that side.
func (c *conditions) side(right bool, n int) bool {
	ok := true
	shift := func(e scalar.Expr) scalar.Expr {
		return scalar.Shift(e, func(i int) int {
			base := 0
			switch {
			case i >= outerBase+valueBase:
				return i
			case i >= outerBase:
				base = outerBase
			case i >= valueBase:
				return i
			}
			if i -= base; (i >= n) != right {
				ok = false
			}
			if right {
				i -= n
			}
			return base + i
		})
	}
	// Of the conditions that tie a sub-query to this one only the side of this one moves.
	around := func(q *inner) {
		for i, e := range q.conds {
			q.conds[i] = scalar.Rewrite(e, func(e scalar.Expr) scalar.Expr {
				if r, isCol := e.(*scalar.Column); isCol && r.Index >= outerBase {
					return shift(r)
				}
				return e
			})
		}
		if q.outer != nil {
			for i, e := range q.outer.rows.Exprs {
				q.outer.rows.Exprs[i] = shift(e)
			}
		}
	}
	for i := range c.plain {
		c.plain[i] = shift(c.plain[i])
	}
	for i := range c.after {
		c.after[i] = shift(c.after[i])
	}
	for _, q := range c.subs.values {
		around(q)
	}
	for i := range c.tests {
		t := &c.tests[i]
		around(&t.inner)
		for k := range t.left {
			t.left[k] = shift(t.left[k])
		}
	}
	return ok
}
