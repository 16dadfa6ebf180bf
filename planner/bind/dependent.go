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

// Where conditions cannot leave a sub-query, what it needs of the query around comes into it: the different values of the columns
// that it names, joined to its FROM. Everything in it is then computed for each of them: they are group keys, partitions of OVER and of
// LIMIT, and further columns of its result, by which the query around finds its part again.
//
//	SELECT id, (SELECT SUM(b) FROM u WHERE u.b < t.a) FROM t
//
//	values    SELECT DISTINCT a FROM t
//	inner     SELECT a, SUM(b) FROM u JOIN values ON u.b < a GROUP BY a
//	result    SELECT id, inner.sum FROM t LEFT JOIN inner ON t.a IS NOT DISTINCT FROM inner.a

// dependence is the columns of the query around that a sub-query names.
type dependence struct {
	cols []*scalar.Column // as the query around has them
	// rows reads them from the query around, which is not complete yet while its sub-queries are bound: subqueries.attach and
	// test.over give it its input.
	rows *logical.Calc
	// distinct is their different values, or the rows themselves for what is computed for each row alone; nil while the columns are
	// looked for.
	distinct logical.Node
	missing  bool // a column was named that is not among cols
	one      bool // the SELECT that was bound last aggregates without GROUP BY: it has a row for each of them
}

// most nested sub-queries that are bound in this way: each is bound several times.
const mostDependent = 4

// dependentQuery binds q, a sub-query of x's query, with what it needs of that in it; nil after findings.
func (x *exprBinder) dependentQuery(q *ast.Query, want subqueryUse) *inner {
	if x.Binder.dependents >= mostDependent {
		x.Diags.Errorf(codes.NoSubquery, q.Sp, "sub-queries over the queries around are nested more than %d deep", mostDependent)
		return nil
	}
	x.Binder.dependents++
	defer func() { x.Binder.dependents-- }()
	dep := &dependence{}
	// The first pass finds the columns; what it makes is of no use.
	diags := x.Diags
	for range 3 {
		dep.missing = false
		x.Binder.Diags = &diag.List{}
		x.boundWith(dep, q)
		x.Binder.Diags = diags
		if !dep.missing {
			break
		}
	}
	if len(dep.cols) == 0 {
		return nil
	}
	dep.open(q.Sp)
	n := x.boundWith(dep, q)
	if n == nil {
		return nil
	}
	out := &inner{node: n, width: len(n.Cols()) - len(dep.cols), outer: dep}
	for i, c := range dep.cols {
		own := logical.Ref(n, out.width+i)
		around := *c
		around.Index += outerBase
		out.conds = append(out.conds, x.apply("IS NOT DISTINCT FROM", []scalar.Expr{own, &around}, q.Sp))
	}
	if want != asValue {
		return out
	}
	if out.width != 1 {
		x.Diags.Errorf(codes.ColumnCount, q.Sp, "a sub-query that is a value has one column, found %d", out.width)
		return nil
	}
	if dep.one && plainSelect(q) != nil {
		out.value = logical.Ref(n, 0)
		return out
	}
	return x.singleRow(out, q.Sp)
}

func (x *exprBinder) boundWith(dep *dependence, q *ast.Query) logical.Node {
	saved := x.Binder.dep
	x.Binder.dep = dep
	n := x.query(q)
	x.Binder.dep = saved
	return n
}

// independent binds what cannot name columns of the query around: FROM, WITH and views.
func (b *Binder) independent(f func()) {
	dep, inFrom := b.dep, b.inFrom
	b.dep, b.inFrom = nil, nil
	f()
	b.dep, b.inFrom = dep, inFrom
}

// alone keeps what comes from the query around away from an input whose columns are counted, until what it returns is called.
func (b *Binder) alone() func() {
	saved := b.inFrom
	b.inFrom = nil
	return func() { b.inFrom = saved }
}

// open makes the different values of the columns.
func (d *dependence) open(at diag.Span) {
	d.rows = &logical.Calc{Base: logical.Base{Sp: at}}
	values := &logical.Aggregate{Base: logical.Base{Sp: at}, Input: d.rows, Subquery: true}
	for i, c := range d.cols {
		e := *c
		d.rows.Exprs = append(d.rows.Exprs, &e)
		d.rows.Columns = append(d.rows.Columns, logical.Column{Name: fmt.Sprintf("$d%d", i), Type: c.Typ})
		values.Keys = append(values.Keys, i)
	}
	values.Columns = d.rows.Columns
	d.distinct = values
}

// of gives the columns their input, the query around.
func (d *dependence) of(in logical.Node) {
	if d != nil && d.rows.Input == nil {
		d.rows.Input = in
	}
}

// bringing binds q, a query in FROM that needs columns of the query around: they are its last ones, under no name. names are those of its
// columns, where it has others.
func (b *Binder) bringing(q *ast.Query, names []ast.Ident, a ast.Alias, name string, at diag.Span) (logical.Node, *scope) {
	d := b.inFrom
	dep, inFrom := b.dep, b.inFrom
	b.dep, b.inFrom = d, nil
	n := b.part(q)
	b.dep, b.inFrom = dep, inFrom
	if n == nil {
		return nil, nil
	}
	width := len(n.Cols())
	if d.distinct != nil {
		width -= len(d.cols)
	}
	exprs, all := logical.Pass(n)
	var own logical.Node = logical.NewCalc(n, nil, exprs[:width], all[:width], at)
	if names != nil {
		if own = b.rename(own, names, at); own == nil {
			return nil, nil
		}
	}
	own, s := b.aliased(own, a, name, at)
	if own == nil {
		return nil, nil
	}
	all = slices.Clone(all)
	for i, c := range own.Cols() {
		all[i] = c.Name
	}
	out := logical.NewCalc(n, nil, exprs, all, at)
	s.cols = out.Cols()
	for i := range s.cols {
		s.hidden = append(s.hidden, i >= width)
	}
	if d.distinct != nil {
		s.brought = []int{width}
	}
	return out, s
}

// readNeeding is a query of WITH that needs columns of a query around, read in the FROM of t.
func (b *Binder) readNeeding(c *cte, t *ast.TableName) (logical.Node, *scope) {
	if b.inFrom == nil {
		b.Diags.Errorf(codes.NoSubquery, t.Name.Sp, "%s is over a query around, and cannot be read here", c.name).Label(c.at, "defined here").
			Help("read it in FROM alone or in an inner join with ON")
		return nil, nil
	}
	ctes := b.ctes
	b.ctes = ctes[:c.outer:c.outer]
	n, s := b.bringing(c.query, c.cols, t.Alias, c.name, t.Sp)
	b.ctes = ctes
	return n, s
}

// join puts the values beside the columns of in, and among those of s under no name; in is nil for a SELECT without FROM. Where
// queries in FROM have brought them along, they are there, and the same ones in each.
func (d *dependence) join(b *Binder, in logical.Node, s *scope) (logical.Node, *scope) {
	if d == nil || s.dep == d && len(s.brought) == 0 {
		return in, s
	}
	n := len(s.cols)
	if len(s.brought) > 0 {
		if s.dep != d {
			s.dep, s.depAt, s.brought = d, s.brought[0], s.brought[1:]
		}
		var same []scalar.Expr
		for _, at := range s.brought {
			for i := range d.cols {
				same = append(same, b.apply("IS NOT DISTINCT FROM", []scalar.Expr{logical.Ref(in, s.depAt+i), logical.Ref(in, at+i)}, in.Span()))
			}
		}
		if cond := scalar.And(b.Functions["AND"], same); cond != nil {
			in = where(in, cond, b.Functions["AND"])
			s.cols = in.Cols()
		}
		return in, s
	}
	out := &scope{cols: slices.Clone(s.cols), rels: s.rels, what: s.what, star: s.star, dep: d, depAt: n}
	for i := range s.cols {
		out.hidden = append(out.hidden, s.hides(i))
	}
	if d.distinct == nil {
		return in, out
	}
	for range d.cols {
		out.hidden = append(out.hidden, true)
	}
	for _, c := range d.distinct.Cols() {
		out.cols = append(out.cols, logical.Column{Type: c.Type})
	}
	if n == 0 {
		return d.distinct, out
	}
	return logical.NewJoin(logical.InnerJoin, in, d.distinct, nil, in.Span()), out
}

// unnests reports that an UNNEST in t can be computed for each of the values: FROM may then begin with them. No join takes
// rows that they have no part in.
func unnests(t ast.TableRef) bool {
	switch t := t.(type) {
	case *ast.Unnest:
		return true
	case *ast.Join:
		return t.Kind != "RIGHT" && t.Kind != "FULL" && (unnests(t.Left) || unnests(t.Right))
	}
	return false
}

// behind binds t, the first table of a FROM that begins with the values of d.
func (b *Binder) behind(d *dependence, t ast.TableRef) (logical.Node, *scope) {
	first := logical.Node(oneRow(t.Span()))
	if d.distinct != nil {
		first = d.distinct
	}
	fs := &scope{dep: d, what: "the sub-query"}
	for _, c := range first.Cols() {
		fs.cols, fs.hidden = append(fs.cols, logical.Column{Type: c.Type}), append(fs.hidden, true)
	}
	if u, ok := t.(*ast.Unnest); ok {
		return b.joinUnnest(&ast.Join{Kind: "CROSS", Left: t, Right: t}, u, first, fs)
	}
	in, s := b.from(t)
	if in == nil {
		return nil, nil
	}
	j := logical.NewJoin(logical.InnerJoin, first, in, nil, t.Span())
	s = joinScope(fs, s)
	s.cols = append(s.cols[:len(fs.cols)], j.Cols()[len(fs.cols):]...)
	return j, s
}

// columns is the values in s, a scope that they were joined to.
func (d *dependence) columns(s *scope) []scalar.Expr {
	if d == nil || d.distinct == nil {
		return nil
	}
	var out []scalar.Expr
	for i, c := range d.distinct.Cols() {
		out = append(out, &scalar.Column{Index: s.depAt + i, Name: c.Name, Typ: c.Type})
	}
	return out
}

// column is the one that stands for c, a column of the query around.
func (d *dependence) column(x *exprBinder, c *scalar.Column) scalar.Expr {
	i := slices.IndexFunc(d.cols, func(k *scalar.Column) bool { return k.Index == c.Index })
	if i < 0 {
		d.missing = true
		i = len(d.cols)
		d.cols = append(d.cols, c)
	}
	if d.distinct == nil { // it is only asked which columns there are
		return &scalar.Literal{Typ: c.Typ.WithNullable(true), Sp: c.Sp}
	}
	v := &scalar.Column{Index: x.scope.depAt + i, Name: c.Name, Typ: c.Typ, Sp: c.Sp}
	if x.agg != nil && x.within == "" {
		return x.agg.keyColumn(x.agg.lookup[scalar.Digest(v)], c.Sp)
	}
	return v
}

// everyGroup is agg, an aggregation without GROUP BY for each of the values, with a row for those that have no input: nothing
// was counted for them.
func (d *dependence) everyGroup(b *Binder, g *grouping, agg logical.Node, at diag.Span) logical.Node {
	n := len(d.cols)
	var conds []scalar.Expr
	for i := range d.cols {
		r := logical.Ref(agg, i)
		r.Index += n
		conds = append(conds, b.apply("IS NOT DISTINCT FROM", []scalar.Expr{logical.Ref(d.distinct, i), r}, at))
	}
	j := logical.NewJoin(logical.LeftJoin, d.distinct, agg, scalar.And(b.Functions["AND"], conds), at)
	var exprs []scalar.Expr
	var names []string
	for i, c := range agg.Cols() {
		e := scalar.Expr(logical.Ref(j, n+i))
		switch {
		case i < n:
			e = logical.Ref(j, i)
		case counts[g.aggs[i-len(g.keys)].Func]:
			e = zeroOf(b, logical.Ref(j, n+i), c.Type, at)
		}
		exprs, names = append(exprs, e), append(names, c.Name)
	}
	return logical.NewCalc(j, nil, exprs, names, at)
}

// counts are the aggregates that are 0 of no row.
var counts = map[string]bool{"COUNT": true, "$SUM0": true, "SUM0": true, "APPROX_COUNT_DISTINCT": true}

// zeroOf is e, of type t, or 0 where it is NULL.
func zeroOf(b *Binder, e scalar.Expr, t types.Type, at diag.Span) scalar.Expr {
	zero := b.Convert(&scalar.Literal{Value: int64(0), Typ: types.TBigInt.NotNull()}, t.NotNull())
	return b.apply("COALESCE", []scalar.Expr{e, zero}, at)
}

// singleRow is q, a sub-query of one column, as a value: with a row for each key that its conditions compare. A second row of
// one of them is an error when it comes.
func (x *exprBinder) singleRow(q *inner, at diag.Span) *inner {
	out := x.aggregated(q, at, func(n int, t types.Type) []logical.Agg {
		return []logical.Agg{{Func: "SINGLE_VALUE", Args: []int{n}, Filter: -1, Type: t, Name: "$value", Span: at}}
	})
	if out != nil {
		out.value = logical.Ref(out.node, out.width-1)
	}
	return out
}
