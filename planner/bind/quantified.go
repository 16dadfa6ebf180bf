package bind

import (
	"fmt"
	"slices"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// membership is the IN that = ANY (...) and <> ALL (...) are; nil for other comparisons.
func membership(e *ast.Quantified) *ast.In {
	all := e.Word == "ALL"
	if all != (e.Op == "<>") || !all && e.Op != "=" {
		return nil
	}
	return &ast.In{At: e.At, X: e.X, Not: all, List: e.List, Query: e.Query}
}

// quantified binds x op ANY|ALL (...): a list as comparisons with each of its values; a query by the least and the greatest of its
// values, how many there are, and how many of them are NULL.
//
//	x > ALL (query)    TRUE of no rows, FALSE unless x is greater than the greatest; else NULL when there is a NULL, or TRUE
//	x > ANY (query)    FALSE of no rows, TRUE when x is greater than the least; else NULL when there is a NULL, or FALSE
func (x *exprBinder) quantified(e *ast.Quantified) scalar.Expr {
	if in := membership(e); in != nil {
		return x.in(in)
	}
	all := e.Word == "ALL"
	v := x.bind(e.X)
	if v == nil {
		return nil
	}
	if e.Query == nil {
		var parts []scalar.Expr
		for _, item := range e.List {
			i := x.bind(item)
			if i == nil {
				return nil
			}
			c := x.apply(e.Op, []scalar.Expr{v, i}, e.Sp)
			if c == nil {
				return nil
			}
			parts = append(parts, c)
		}
		if len(parts) == 1 {
			return parts[0]
		}
		if all {
			return x.apply("AND", parts, e.Sp)
		}
		return x.apply("OR", parts, e.Sp)
	}
	what := e.Op + " " + e.Word
	if !x.takesValues(what+" with a sub-query", e.Sp) {
		return nil
	}
	q := x.subquery(e.Query, asKeys)
	if q == nil {
		return nil
	}
	if q.width != 1 {
		return x.columnsOf(q, 1, what, e.Query.Sp)
	}
	y := logical.Ref(q.node, 0)
	if x.apply(e.Op, []scalar.Expr{v, y}, e.Sp) == nil {
		return nil
	}
	if v.Type().IsString() != y.Typ.IsString() && v.Type().Kind != types.Null && y.Typ.Kind != types.Null {
		// The least and the greatest as strings are not those as numbers.
		x.Diags.Errorf(codes.Arguments, e.Sp, "%s and %s cannot be compared by %s", v.Type().WithNullable(true), y.Typ.WithNullable(true), what).
			Help("CAST one to the type of the other")
		return nil
	}
	out := x.summary(q, e.Query.Sp)
	if out == nil {
		return nil
	}
	n := len(out.conds)
	column := func(i int) scalar.Expr {
		c := logical.Ref(out.node, n+i)
		c.Typ = c.Typ.WithNullable(true)
		return c
	}
	rows, values, least, greatest := column(0), column(1), column(2), column(3)
	around := scalar.Shift(v, func(i int) int { return i + outerBase })
	compare := func(with scalar.Expr) scalar.Expr { return x.apply(e.Op, []scalar.Expr{around, with}, e.Sp) }
	var is scalar.Expr
	switch e.Op {
	case "=":
		is = x.apply("AND", []scalar.Expr{compare(least), compare(greatest)}, e.Sp)
	case "<>":
		is = x.apply("OR", []scalar.Expr{compare(least), compare(greatest)}, e.Sp)
	default:
		with := least
		if all == (e.Op[0] == '>') {
			with = greatest
		}
		is = compare(with)
	}
	decided := "IS TRUE"
	if all {
		decided = "IS FALSE"
	}
	null := &scalar.Literal{Typ: types.TNull, Sp: e.Sp}
	zero := &scalar.Literal{Value: int64(0), Typ: types.TBigInt.NotNull(), Sp: e.Sp}
	empty := x.apply("=", []scalar.Expr{x.apply("COALESCE", []scalar.Expr{rows, zero}, e.Sp), zero}, e.Sp)
	out.value = x.apply("CASE", []scalar.Expr{
		empty, truth(all, e.Sp),
		x.apply(decided, []scalar.Expr{is}, e.Sp), truth(!all, e.Sp),
		x.apply("<", []scalar.Expr{values, rows}, e.Sp), null,
		is,
	}, e.Sp)
	if out.value == nil {
		return nil
	}
	return x.value(out, types.TBoolean, e.Sp)
}

// summary is the number of the rows of q, of its values that are not NULL, the least and the greatest of them, for each of the keys that
// its conditions compare.
func (x *exprBinder) summary(q *inner, at diag.Span) *inner {
	return x.aggregated(q, at, func(n int, t types.Type) []logical.Agg {
		agg := func(f, name string, t types.Type, args ...int) logical.Agg {
			return logical.Agg{Func: f, Args: args, Filter: -1, Type: t, Name: name, Span: at}
		}
		return []logical.Agg{
			agg("COUNT", "$rows", types.TBigInt.NotNull()), agg("COUNT", "$values", types.TBigInt.NotNull(), n),
			agg("MIN", "$least", t, n), agg("MAX", "$greatest", t, n),
		}
	})
}

// aggregated is q, a sub-query of one column, with a row for each of the keys that its conditions compare: the keys, then what aggs makes of
// the column, which is number n, of type t. It is nil where a condition compares otherwise, which is reported.
func (x *exprBinder) aggregated(q *inner, at diag.Span, aggs func(n int, t types.Type) []logical.Agg) *inner {
	out := &inner{outer: q.outer}
	exprs, names, ok := x.keysOf(q.conds, out)
	if !ok {
		return nil
	}
	n, name := len(exprs), q.node.Cols()[0].Name
	v := scalar.Expr(logical.Ref(q.node, 0))
	if v.Type().Kind == types.Null { // no aggregate is of a value without a type
		v = &scalar.Literal{Typ: types.TInt, Sp: at}
	}
	rows := logical.NewCalc(q.node, nil, append(exprs, v), append(names, name), at)
	a := newAggregate(rows, scalar.FirstColumns(n), aggs(n, v.Type().WithNullable(true)), at)
	a.Subquery = true
	out.node, out.width = a, len(a.Columns)
	return out
}

// keysOf takes the sides of conds, equalities, that are over the sub-query out as keys, and makes the conditions of out of them, over the
// keys as its first columns.
func (x *exprBinder) keysOf(conds []scalar.Expr, out *inner) (exprs []scalar.Expr, names []string, ok bool) {
	for i, cond := range conds {
		own, ok := equalSides(cond)
		if !ok {
			x.onlyEqualities(cond)
			return nil, nil, false
		}
		call := *cond.(*scalar.Call)
		key := call.Args[own]
		exprs, names = append(exprs, key), append(names, fmt.Sprintf("$k%d", i))
		call.Args = slices.Clone(call.Args)
		call.Args[own] = &scalar.Column{Index: i, Name: names[i], Typ: key.Type(), Sp: key.Span()}
		out.conds = append(out.conds, &call)
	}
	return exprs, names, true
}
