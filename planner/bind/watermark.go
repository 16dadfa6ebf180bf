package bind

import (
	"weir/parser/ast"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/scalar"
)

// currentWatermark is CURRENT_WATERMARK(t): t is a row-time attribute, or computed of one. CAST makes a plain value of it, as in Flink.
func (x *exprBinder) currentWatermark(e *ast.Call) scalar.Expr {
	if x.match != nil {
		x.Diags.Errorf(codes.NoCallForm, e.Sp, "%s cannot stand in MATCH_RECOGNIZE", fn.CurrentWatermark).
			Help("compute it in a sub-query in FROM, and use its column")
		return nil
	}
	v := x.applyTo(fn.CurrentWatermark, e.Sp, e.Args...)
	c, ok := v.(*scalar.Call)
	if !ok || x.agg != nil && x.within == "" {
		return v
	}
	why, ok := x.rowTime(c.Args[0])
	if _, cast := e.Args[0].(*ast.Cast); cast { // also to the type that it has
		why, ok = "CAST makes a plain value of it", false
	}
	if !ok {
		d := x.Diags.Errorf(codes.NeedsEventTime, e.Args[0].Span(), "%s needs a row-time attribute, this is %s", fn.CurrentWatermark, c.Args[0].Type().WithNullable(true)).At("%s", why)
		d.Help("write the column that has the WATERMARK")
		return nil
	}
	if x.over != nil {
		x.over.marks = append(x.over.marks, v)
	}
	return v
}

// rowTime reports whether e is a row-time attribute, or computed of one without CAST; why says what it is otherwise.
func (x *exprBinder) rowTime(e scalar.Expr) (why string, ok bool) {
	switch e := e.(type) {
	case *scalar.Column:
		if e.Index >= len(x.scope.cols) {
			return "it is of a query around this one", false
		}
		switch c := x.scope.cols[e.Index]; {
		case c.Time == catalog.ProcTime:
			return "it is processing time, which has no watermark", false
		case c.Time == catalog.RowTime, c.Lost != nil && !c.Lost.Cast:
			return "", true
		case c.Lost != nil:
			return c.Lost.Why, false
		}
		return "it has no WATERMARK", false
	case *scalar.Cast:
		if e.Implicit {
			return x.rowTime(e.X)
		}
		return "CAST makes a plain value of it", false
	case *scalar.Call:
		for _, a := range e.Args {
			if why, ok = x.rowTime(a); ok || why != "" {
				return why, ok
			}
		}
	}
	return "it is no column with a WATERMARK", false
}
