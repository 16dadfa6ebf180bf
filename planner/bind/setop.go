package bind

import (
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// setOp binds UNION, INTERSECT and EXCEPT:
//
//	UNION ALL            a union; without ALL, the distinct rows of it
//	INTERSECT, EXCEPT    the distinct rows of a semi, or anti, join over all columns
//	with ALL             the rows of both sides are counted for each value, and every value goes out as often as
//	                     the counts say
func (b *Binder) setOp(q *ast.SetOp) logical.Node {
	// A long chain nests to the left: taken apart by a loop.
	parts := []ast.QueryBody{q.Right}
	left := q.Left
	for q.Op == "UNION" {
		l, ok := left.(*ast.SetOp)
		if !ok || l.Op != "UNION" || l.All != q.All {
			break
		}
		parts = append(parts, l.Right)
		left = l.Left
	}
	parts = append(parts, left)
	var ins []logical.Node
	ok := true
	for i := len(parts) - 1; i >= 0; i-- {
		n := b.body(parts[i])
		ok = ok && n != nil
		ins = append(ins, n)
	}
	if !ok {
		return nil
	}
	names := ins[0].Cols()
	if ins = b.align(ins, q.Op, q.OpSpan); ins == nil {
		return nil
	}
	switch {
	case q.Op == "UNION" && q.All:
		return union(ins, names, q.OpSpan)
	case q.Op == "UNION":
		return distinct(union(ins, names, q.OpSpan), q.OpSpan)
	case q.All:
		return b.counted(ins[0], ins[1], q.Op == "EXCEPT", q.OpSpan)
	}
	kind := logical.SemiJoin
	if q.Op == "EXCEPT" {
		kind = logical.AntiJoin
	}
	var conds []scalar.Expr
	n := len(names)
	for i := range names {
		r := logical.Ref(ins[1], i)
		r.Index += n
		eq := b.apply("IS NOT DISTINCT FROM", []scalar.Expr{logical.Ref(ins[0], i), r}, q.OpSpan)
		if eq == nil {
			return nil
		}
		conds = append(conds, eq)
	}
	return distinct(logical.NewJoin(kind, ins[0], ins[1], scalar.And(b.Functions["AND"], conds), q.OpSpan), q.OpSpan)
}

func distinct(n logical.Node, at diag.Span) *logical.Aggregate {
	return newAggregate(n, scalar.FirstColumns(len(n.Cols())), nil, at)
}

// counted is INTERSECT ALL and EXCEPT ALL: of every value as many rows as the side with fewer has, or as many as the
// left side has more.
func (b *Binder) counted(left, right logical.Node, except bool, at diag.Span) logical.Node {
	side := func(in logical.Node, isLeft bool) logical.Node {
		exprs, names := logical.Pass(in)
		for _, v := range []bool{isLeft, !isLeft} {
			exprs = append(exprs, &scalar.Literal{Value: v, Typ: types.TBoolean.NotNull()})
		}
		return logical.NewCalc(in, nil, exprs, append(names, "$left", "$right"), at)
	}
	n := len(left.Cols())
	both := union([]logical.Node{side(left, true), side(right, false)}, append(left.Cols()[:n:n], logical.Column{Name: "$left", Type: types.TBoolean.NotNull()},
		logical.Column{Name: "$right", Type: types.TBoolean.NotNull()}), at)
	keys := scalar.FirstColumns(n)
	count := func(name string, of int) logical.Agg {
		return logical.Agg{Func: "COUNT", Filter: of, Type: types.TBigInt.NotNull(), Name: name, Span: at}
	}
	groups := newAggregate(both, keys, []logical.Agg{count("$l", n), count("$r", n+1)}, at)
	l, r := logical.Ref(groups, n), logical.Ref(groups, n+1)
	times := b.apply("-", []scalar.Expr{l, r}, at)
	if !except {
		times = b.apply("LEAST", []scalar.Expr{l, r}, at)
	}
	some := b.apply(">", []scalar.Expr{times, &scalar.Literal{Value: int64(0), Typ: types.TBigInt.NotNull()}}, at)
	exprs, names := logical.Pass(groups)
	c := logical.NewCalc(groups, some, append(exprs[:n], times), append(names[:n], "$copies"), at)
	return logical.NewReplicate(c, n, at)
}

// align brings relations of one shape to the common types of their columns; nil after findings. op is for messages.
func (b *Binder) align(ins []logical.Node, op string, at diag.Span) []logical.Node {
	first := ins[0].Cols()
	for _, in := range ins[1:] {
		if len(in.Cols()) != len(first) {
			d := b.Diags.Errorf(codes.ColumnCount, at, "the queries of this %s have %d and %d columns", op, len(first), len(in.Cols()))
			d.Label(ins[0].Span(), "%s", columnNames(first)).Label(in.Span(), "%s", columnNames(in.Cols()))
			return nil
		}
	}
	common := make([]types.Type, len(first))
	for i := range first {
		var all []types.Type
		for _, in := range ins {
			all = append(all, in.Cols()[i].Type)
		}
		t, err := fn.CommonType(all...)
		if err != nil {
			b.Diags.Errorf(codes.NoCommonType, at, "column %d (%s) of this %s has no common type: %s", i+1, first[i].Name, op, err).
				Help("add a CAST to one of the queries")
			return nil
		}
		common[i] = t
	}
	var out []logical.Node
	for _, in := range ins {
		out = append(out, b.convertAll(in, common, at))
	}
	return out
}

// union puts relations together whose columns have the same types, but for NULL. The columns are named as those of
// first, which also say why they are no time attributes.
func union(ins []logical.Node, first []logical.Column, at diag.Span) logical.Node {
	u := &logical.Union{Base: logical.Base{Sp: at}, Ins: ins}
	for i, c := range first {
		t := ins[0].Cols()[i].Type
		col := logical.Column{Name: c.Name, Type: t, Time: c.Time, Lost: c.Lost}
		for _, in := range ins {
			o := in.Cols()[i]
			col.Type.Nullable = col.Type.Nullable || o.Type.Nullable
			if o.Time != col.Time {
				lost := o.Lost
				if lost == nil {
					lost = &logical.Lost{Column: c.Name, Why: "it is a time attribute in only some of the queries of this UNION",
						Help: "give every query of the UNION a table with a WATERMARK", Span: at}
				}
				col.Time, col.Lost = catalog.NoTime, lost
			}
		}
		u.Columns = append(u.Columns, col)
	}
	return u
}

func (b *Binder) convertAll(n logical.Node, to []types.Type, at diag.Span) logical.Node {
	exprs, names := logical.Pass(n)
	same := true
	for i, e := range exprs {
		exprs[i] = b.Convert(e, to[i])
		same = same && exprs[i] == e
	}
	if same {
		return n
	}
	return logical.NewCalc(n, nil, exprs, names, at)
}
