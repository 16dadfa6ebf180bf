package bind

import (
	"fmt"
	"math"
	"slices"

	"weir/parser/ast"
	"weir/planner/codes"
	"weir/planner/decimal"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// ordering is an ORDER BY, as columns of the query under it.
type ordering struct {
	items []*ast.OrderItem
	keys  []logical.SortKey
	// width is the columns of the SELECT list; behind them are those that are only ordered by.
	width int
}

// ordered binds the body of q, its ORDER BY, and its LIMIT and OFFSET:
//
//	ORDER BY           a sort, which a stream allows by time
//	ORDER BY, LIMIT    a Rank: the first rows of the order
//	LIMIT              a Rank without an order: the rows that come first
//
// The order of a part of a query may be left out where it has no LIMIT.
func (b *Binder) ordered(q *ast.Query, part bool) logical.Node {
	if len(q.OrderBy) == 0 && q.Limit == nil && q.Offset == nil {
		if in, ok := q.Body.(*ast.Query); ok && !part { // parentheses around it all
			return b.query(in)
		}
		return b.body(q.Body)
	}
	from, to, ok := b.limits(q)
	by := &ordering{items: q.OrderBy}
	var n logical.Node
	if c, isSelect := q.Body.(*ast.SelectCore); isSelect && len(q.OrderBy) > 0 {
		n = b.selectCore(c, nil, by)
	} else if n = b.body(q.Body); n != nil {
		ok = by.columns(b, n) && ok
	}
	if n == nil || !ok {
		return nil
	}
	var each []int // what of the query around is in it: behind the other columns
	if b.dep != nil && b.dep.distinct != nil {
		for i := range b.dep.cols {
			each = append(each, len(n.Cols())-len(b.dep.cols)+i)
		}
	}
	return by.of(q, n, from, to, each, part)
}

// of puts n, with the columns that it is ordered by, in the order, and leaves the rows from .. to, of each value of the columns each; those
// stay behind the columns of the SELECT list.
func (o *ordering) of(q *ast.Query, n logical.Node, from, to int64, each []int, part bool) logical.Node {
	at := q.Sp
	switch {
	case len(q.OrderBy) > 0:
		at = q.OrderBy[0].Sp.To(q.OrderBy[len(q.OrderBy)-1].Sp)
	case q.Limit != nil:
		at = q.Limit.Span()
	}
	switch {
	case q.Limit == nil && (each != nil || len(o.keys) == 0): // no order that anybody sees
	case q.Limit == nil:
		s := logical.NewSort(n, o.keys, at)
		s.Part = part
		n = s
	case to < from:
		n = logical.NewFilter(n, truth(false, at), at)
	default:
		n = &logical.Rank{Base: logical.Base{Sp: at, Columns: n.Cols()}, Input: n, Partition: each, Order: o.keys, From: from, To: to}
	}
	if o.width+len(each) == len(n.Cols()) {
		return n
	}
	all, names := logical.Pass(n)
	exprs, kept := slices.Clone(all[:o.width]), slices.Clone(names[:o.width])
	for _, i := range each {
		exprs, kept = append(exprs, all[i]), append(kept, names[i])
	}
	return logical.NewCalc(n, nil, exprs, kept, at)
}

// orderedFor binds c, the SELECT of q with ORDER BY or LIMIT behind it, as a sub-query with k's conditions over the query around: the
// order and the limit are those of the rows that these conditions leave.
func (b *Binder) orderedFor(q *ast.Query, c *ast.SelectCore, k *correlation) logical.Node {
	from, to, ok := b.limits(q)
	by := &ordering{items: q.OrderBy}
	value := k.scalar
	k.scalar = false
	n := b.selectCore(c, k, by)
	k.scalar = value
	if n == nil || !ok {
		return nil
	}
	if k.one && len(k.conds) > 0 {
		b.onlyEqualities(k.conds[0])
		return nil
	}
	var each []int
	for i, cond := range k.conds {
		own, ok := equalSides(cond)
		call, isCall := cond.(*scalar.Call)
		if !ok || !isCall {
			b.onlyEqualities(cond)
			return nil
		}
		key, isCol := call.Args[own].(*scalar.Column)
		if !isCol {
			b.onlyEqualities(cond)
			return nil
		}
		at := slices.Index(each, key.Index)
		if at < 0 {
			at = len(each)
			each = append(each, key.Index)
		}
		moved, column := *call, *key
		column.Index = by.width + at
		moved.Args = slices.Clone(call.Args)
		moved.Args[own] = &column
		k.conds[i] = &moved
	}
	k.one = false
	k.width = by.width
	if q.Limit != nil && from == to {
		k.value = &scalar.Column{Index: 0}
	}
	if each == nil {
		each = []int{}
	}
	return by.of(q, n, from, to, each, true)
}

// limits reads LIMIT and OFFSET: the numbers of the first and the last row, counted from 1.
func (b *Binder) limits(q *ast.Query) (from, to int64, ok bool) {
	number := func(e ast.Expr, what string) (int64, bool) {
		if c, isName := e.(*ast.ColumnRef); isName {
			b.Diags.Errorf(codes.NoLimit, c.Sp, "%s takes a whole number, found the name %s", what, c.Name).Help("as in %s 10", what)
			return 0, false
		}
		v := b.scalarOver(e, &scope{what: what}, what)
		if v == nil {
			return 0, false
		}
		if l, isLit := v.(*scalar.Literal); isLit {
			if _, plain := e.(*ast.NumberLit); plain { // as in Flink, which does not compute here
				return wholeRows(l), true
			}
		}
		b.Diags.Errorf(codes.NoLimit, e.Span(), "%s must be a constant number of rows", what).Help("as in %s 10", what)
		return 0, false
	}
	ok = true
	skip, rows := int64(0), int64(0)
	if q.Offset != nil {
		skip, ok = number(q.Offset, "OFFSET")
	}
	if q.Limit != nil {
		var fine bool
		rows, fine = number(q.Limit, "LIMIT")
		ok = ok && fine
	} else if skip > 0 {
		b.Diags.Errorf(codes.NoLimit, q.Offset.Span(), "OFFSET without LIMIT is not supported").
			At("a stream has no end: all rows but some would have to be kept").Help("add LIMIT")
		ok = false
	}
	return skip + 1, skip + rows, ok
}

// wholeRows is the number l, cut to a whole one as Flink cuts it.
func wholeRows(l *scalar.Literal) int64 {
	const most = math.MaxInt64 / 4 // two of them can be added
	switch v := l.Value.(type) {
	case int64:
		return min(v, most)
	case float64:
		return int64(min(v, most))
	case types.Dec:
		n, ok := decimal.Int(v, l.Typ.Scale)
		if !ok {
			return most
		}
		return min(n, most)
	}
	return most
}

func (o *ordering) add(it *ast.OrderItem, column int) {
	k := logical.SortKey{Column: column, Desc: it.Desc, NullsFirst: !it.Desc}
	if it.NullsFirst != nil {
		k.NullsFirst = *it.NullsFirst
	}
	o.keys = append(o.keys, k)
}

// hasOrder reports, with a finding where not, that rows can be put in the order of values of type t.
func (b *Binder) hasOrder(it *ast.OrderItem, t types.Type) bool {
	if t.CanSort() {
		return true
	}
	b.Diags.Errorf(codes.NoOrderBy, it.Sp, "values of type %s have no order", t.WithNullable(true)).
		Help("order by a part of it that has one, or leave it out")
	return false
}

// place is the column of the SELECT list that an item of ORDER BY names by its number or its name; -1 for none. ok is
// false after a finding.
func (o *ordering) place(b *Binder, it *ast.OrderItem, names []string) (at int, ok bool) {
	switch e := it.Expr.(type) {
	case *ast.NumberLit:
		l, isLit := b.number(e.Text, false, e.Sp).(*scalar.Literal)
		if !isLit {
			return -1, false
		}
		if n, isInt := l.Value.(int64); isInt && n >= 1 && n <= int64(len(names)) {
			return int(n) - 1, true
		}
		b.Diags.Errorf(codes.NoOrderBy, e.Sp, "there is no column %s", e.Text).Note("the query has %s", count(len(names), "column"))
		return -1, false
	case *ast.ColumnRef:
		if len(e.Name.Parts) == 1 {
			return slices.Index(names, e.Name.Parts[0].Name), true
		}
	}
	return -1, true
}

// bind finds the order in the SELECT list exprs, and adds to it what is only ordered by.
func (o *ordering) bind(x *exprBinder, c *ast.SelectCore, exprs []scalar.Expr, names []string) ([]scalar.Expr, []string, bool) {
	o.width = len(exprs)
	y := *x
	y.clause = "ORDER BY"
	y.listed = map[string]scalar.Expr{}
	for i, n := range names {
		if y.listed[n] == nil {
			y.listed[n] = exprs[i]
		}
	}
	for _, it := range o.items {
		at, ok := o.place(x.Binder, it, names[:o.width])
		if !ok {
			return nil, nil, false
		}
		if at >= 0 {
			if !x.hasOrder(it, exprs[at].Type()) {
				return nil, nil, false
			}
			o.add(it, at)
			continue
		}
		e := y.bind(it.Expr)
		if e == nil || !x.hasOrder(it, e.Type()) {
			return nil, nil, false
		}
		d := scalar.Digest(e)
		if at = slices.IndexFunc(exprs, func(s scalar.Expr) bool { return scalar.Digest(s) == d }); at < 0 {
			if c.Distinct {
				x.Diags.Errorf(codes.NoOrderBy, it.Sp, "with DISTINCT only columns of the result can be ordered by").
					Help("add %s to the SELECT list", it.Expr.Span().Text())
				return nil, nil, false
			}
			at = len(exprs)
			exprs, names = append(exprs, e), append(names, fmt.Sprintf("$s%d", at-o.width))
		}
		o.add(it, at)
	}
	return exprs, names, true
}

// columns finds the order in the columns of n, which is no SELECT.
func (o *ordering) columns(b *Binder, n logical.Node) bool {
	o.width = len(n.Cols())
	if b.dep != nil && b.dep.distinct != nil {
		o.width -= len(b.dep.cols)
	}
	s := nodeScope(n, "", n.Span())
	s.cols = s.cols[:o.width]
	for _, it := range o.items {
		at, ok := o.place(b, it, s.names())
		if !ok {
			return false
		}
		if at < 0 {
			c, isCol := b.scalarOver(it.Expr, s, "ORDER BY").(*scalar.Column)
			if !isCol {
				if _, isRef := it.Expr.(*ast.ColumnRef); !isRef {
					b.Diags.Errorf(codes.NoOrderBy, it.Sp, "UNION, INTERSECT, EXCEPT and VALUES are ordered by columns of their result").
						Help("compute it in a query around this one")
				}
				return false
			}
			at = c.Index
		}
		if !b.hasOrder(it, s.cols[at].Type) {
			return false
		}
		o.add(it, at)
	}
	return true
}
