package bind

import (
	"slices"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// EXISTS and IN that are more than conditions of their own are values: of each row of the query around it is asked whether
// the sub-query has a row. What the sub-query's conditions compare with the query around become keys, of which each is
// there once, beside a column that is TRUE; a left join finds it or does not.

// clausePlace is where x is, for messages.
func (x *exprBinder) clausePlace() string {
	if x.within != "" {
		return x.within + "(...)"
	}
	return x.clause
}

// takesValues reports that sub-queries may be values here; otherwise that is reported. what is the form that was met.
func (x *exprBinder) takesValues(what string, at diag.Span) bool {
	if x.subs != nil {
		return true
	}
	if x.clause == "QUALIFY" {
		x.Diags.Errorf(codes.NoSubquery, at, "%s cannot stand in a condition of QUALIFY that has an OVER in it", what).
			Help("take the OVER in a query in FROM, and compare in the WHERE around it; a condition without OVER may stand behind AND")
		return false
	}
	x.Diags.Errorf(codes.NoSubquery, at, "%s cannot stand in %s", what, x.clausePlace()).
		Help("it may stand in SELECT, WHERE and HAVING; elsewhere join it in FROM")
	return false
}

// value gives q, whose value is known, a place among the values of the clause.
func (x *exprBinder) value(q *inner, typ types.Type, at diag.Span) scalar.Expr {
	x.subs.values, x.subs.at = append(x.subs.values, q), append(x.subs.at, at)
	return &scalar.Column{Index: valueBase + len(x.subs.values) - 1, Name: "EXPR$0", Typ: typ, Sp: at}
}

// equalSides says which argument of cond, an equality, is over the sub-query when the other one is over the query around.
func equalSides(cond scalar.Expr) (own int, ok bool) {
	call, isCall := cond.(*scalar.Call)
	if !isCall || call.Func.Name != "=" && call.Func.Name != "IS NOT DISTINCT FROM" {
		return 0, false
	}
	for i, a := range call.Args {
		if readsInner(a) && !readsOuter(a) && !readsInner(call.Args[1-i]) {
			return i, true
		}
	}
	for i, a := range call.Args { // a constant
		if !readsOuter(a) && !readsInner(call.Args[1-i]) {
			return i, true
		}
	}
	return 0, false
}

// onlyEqualities reports a condition over the query around that makes no key.
func (b *Binder) onlyEqualities(cond scalar.Expr) {
	b.Diags.Errorf(codes.NoSubquery, cond.Span(), "a condition over the query around must be an equality here").
		At("there would be another result for every row of the query around").
		Help("join the two tables in FROM")
}

// existence is whether q has a row under conds, as a value.
func (x *exprBinder) existence(q *inner, conds []scalar.Expr, at diag.Span) scalar.Expr {
	out := &inner{outer: q.outer}
	exprs, names, ok := x.keysOf(conds, out)
	if !ok {
		return nil
	}
	yes := types.TBoolean.NotNull()
	exprs, names = append(exprs, &scalar.Literal{Value: true, Typ: yes}), append(names, "$exists")
	keys := logical.NewCalc(q.node, nil, exprs, names, at)
	a := distinct(keys, at)
	a.Subquery = true
	out.node = a
	out.value = x.apply("IS NOT NULL", []scalar.Expr{&scalar.Column{Index: len(conds), Name: "$exists", Typ: yes.WithNullable(true), Sp: at}}, at)
	return x.value(out, yes, at)
}

// existsValue is EXISTS as a value.
func (x *exprBinder) existsValue(e *ast.Exists) scalar.Expr {
	if !x.takesValues("EXISTS", e.Sp) {
		return nil
	}
	q := x.subquery(e.Query, asKeys)
	if q == nil {
		return nil
	}
	if q.one {
		return truth(true, e.Sp)
	}
	return x.existence(q, q.conds, e.Sp)
}

// inValue is IN with a sub-query as a value: TRUE, FALSE, or NULL where a NULL on one of the sides might be what is
// looked for. Where nobody asks whether it is FALSE or NULL, it is not told apart.
func (x *exprBinder) inValue(e *ast.In) scalar.Expr {
	if !x.takesValues("IN with a sub-query", e.Sp) {
		return nil
	}
	if r, isRow := e.X.(*ast.RowExpr); isRow {
		return x.rowsIn(e, r)
	}
	v := x.bind(e.X)
	if v == nil {
		return nil
	}
	q := x.lookedIn(e, 1, asKeys)
	if q == nil {
		return nil
	}
	y := logical.Ref(q.node, 0)
	eq := x.same(scalar.Shift(v, func(i int) int { return i + outerBase }), y, e.Sp)
	if eq == nil {
		return nil
	}
	found := x.existence(q, append(slices.Clone(q.conds), eq), e.Sp)
	if found == nil || x.positive[e] || !v.Type().Nullable && !y.Typ.Nullable {
		return found
	}
	null := &scalar.Literal{Typ: types.TNull, Sp: e.Sp}
	cases := []scalar.Expr{found, truth(true, e.Sp)}
	if y.Typ.Nullable {
		nulls := *q
		nulls.node = logical.NewFilter(q.node, x.apply("IS NULL", []scalar.Expr{y}, e.Sp), e.Sp)
		some := x.existence(&nulls, q.conds, e.Sp)
		if some == nil {
			return nil
		}
		cases = append(cases, some, null)
	}
	if v.Type().Nullable {
		some := x.existence(q, q.conds, e.Sp)
		if some == nil {
			return nil
		}
		cases = append(cases, x.apply("AND", []scalar.Expr{x.apply("IS NULL", []scalar.Expr{v}, e.Sp), some}, e.Sp), null)
	}
	return x.apply("CASE", append(cases, truth(false, e.Sp)), e.Sp)
}

// rowsIn is (a, b) IN (query) as a value, where it need not be told apart whether it is FALSE or NULL.
func (x *exprBinder) rowsIn(e *ast.In, r *ast.RowExpr) scalar.Expr {
	var left []scalar.Expr
	nullable := false
	for _, item := range r.Items {
		v := x.bind(item)
		if v == nil {
			return nil
		}
		left = append(left, v)
		nullable = nullable || v.Type().Nullable
	}
	q := x.lookedIn(e, len(left), asKeys)
	if q == nil {
		return nil
	}
	conds := slices.Clone(q.conds)
	for i, v := range left {
		y := logical.Ref(q.node, i)
		nullable = nullable || y.Typ.Nullable
		eq := x.same(scalar.Shift(v, func(i int) int { return i + outerBase }), y, e.Sp)
		if eq == nil {
			return nil
		}
		conds = append(conds, eq)
	}
	if nullable && !x.positive[e] {
		x.Diags.Errorf(codes.NoSubquery, e.Sp, "IN of several values that may be NULL must be a condition of its own in WHERE or HAVING").
			Help("put it together with the other conditions by AND, or write EXISTS with a condition for each of them")
		return nil
	}
	return x.existence(q, conds, e.Sp)
}

// positives finds the INs of a condition that let a row through only when they are TRUE: those below AND and OR alone.
func positives(e ast.Expr, to map[*ast.In]bool) {
	switch e := e.(type) {
	case *ast.Binary:
		if e.Op == "AND" || e.Op == "OR" {
			positives(e.X, to)
			positives(e.Y, to)
		}
	case *ast.In:
		if e.Query != nil && !e.Not {
			to[e] = true
		}
	}
}
