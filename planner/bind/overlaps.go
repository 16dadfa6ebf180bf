package bind

import (
	"weir/parser/ast"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/scalar"
)

// overlaps is (a, b) OVERLAPS (c, d): whether two periods have a time in common, their ends included. The second of a pair is
// the other end, or an interval from the first; either end may come first.
func (x *exprBinder) overlaps(e *ast.Binary) scalar.Expr {
	lo, hi, ok := x.period(e.X)
	lo2, hi2, ok2 := x.period(e.Y)
	if !ok || !ok2 {
		return nil
	}
	left := x.apply(">=", []scalar.Expr{hi, lo2}, e.Sp)
	right := x.apply(">=", []scalar.Expr{hi2, lo}, e.Sp)
	if left == nil || right == nil {
		return nil
	}
	return x.apply("AND", []scalar.Expr{left, right}, e.Sp)
}

// period is the lesser and the greater end of a pair.
func (x *exprBinder) period(e ast.Expr) (lo, hi scalar.Expr, ok bool) {
	pair, isRow := e.(*ast.RowExpr)
	if !isRow || len(pair.Items) != 2 {
		x.Diags.Errorf(codes.Arguments, e.Span(), "OVERLAPS compares two periods").
			Help("write (start, end) OVERLAPS (start, end), or an interval for an end")
		return nil, nil, false
	}
	a, b := x.bind(pair.Items[0]), x.bind(pair.Items[1])
	if a == nil || b == nil {
		return nil, nil, false
	}
	if b.Type().IsInterval() {
		if b = x.apply("+", []scalar.Expr{a, b}, pair.Sp); b == nil {
			return nil, nil, false
		}
	}
	if _, err := fn.CommonType(a.Type(), b.Type()); err != nil {
		x.Diags.Errorf(codes.Arguments, pair.Sp, "this is no period: %s", err).
			Help("write (start, end), or an interval for the end")
		return nil, nil, false
	}
	ordered := x.apply("<=", []scalar.Expr{a, b}, pair.Sp)
	if ordered == nil {
		return nil, nil, false
	}
	lo = x.apply("CASE", []scalar.Expr{ordered, a, b}, pair.Sp)
	hi = x.apply("CASE", []scalar.Expr{ordered, b, a}, pair.Sp)
	return lo, hi, lo != nil && hi != nil
}
