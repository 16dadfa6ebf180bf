package bind

import (
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// A sub-query in an expression becomes a join of the query around it:
//
//	x IN (q), EXISTS (q)            a semi join
//	x NOT IN (q), NOT EXISTS (q)    an anti join
//	(q) as a value                  a left join with the one row that q has
//
// Conditions of q's WHERE over columns of the query around it leave q and become conditions of that join. The columns of q that they
// are over go out behind those of its SELECT list; under an aggregate they become group keys.

const (
	// valueBase is the first column that stands for the value of a sub-query, until subqueries.attach says where it is.
	valueBase = 1 << 22
	// outerBase is the first column that stands for one of the query around a sub-query.
	outerBase = 1 << 23
)

// inner is a bound sub-query.
type inner struct {
	node  logical.Node
	width int           // the columns of its SELECT list; those behind them are there for conds
	conds []scalar.Expr // over the columns of node, and, from outerBase on, those of the query around it
	value scalar.Expr   // of a sub-query that is a value: over the same columns as conds
	one   bool          // an aggregate without GROUP BY and HAVING: there is always a row
	outer *dependence   // what of the query around is in node; nil for nothing
}

// subqueryUse is what a sub-query is bound for.
type subqueryUse uint8

const (
	asRows  subqueryUse = iota // its rows are looked at, under any conditions
	asKeys                     // the same, and its conditions have to be equalities
	asValue                    // it is a value
	asTable                    // it stands in FROM, behind LATERAL
)

// correlation is what the SELECT of a sub-query and the query around it have to say to each other.
type correlation struct {
	scalar bool // the sub-query is a value
	inner
}

// subqueries is the sub-queries of one clause that are values.
type subqueries struct {
	values []*inner
	at     []diag.Span
}

// subquery binds q, a sub-query of x's query; nil after findings. Its conditions over the query around become conditions of a join
// where they can; otherwise see dependence.
func (x *exprBinder) subquery(q *ast.Query, want subqueryUse) *inner {
	x.outer = x.Binder.around
	dep, diags := x.Binder.dep, x.Diags
	x.Binder.around, x.Binder.dep = x, nil
	defer func() { x.Binder.around, x.Binder.dep, x.Binder.Diags = x.outer, dep, diags }()
	x.Binder.Diags = &diag.List{}
	out := x.lifted(q, want)
	first := x.Diags
	if out == nil && onlyCorrelation(first) {
		x.Binder.Diags = &diag.List{}
		if out = x.dependentQuery(q, want); out != nil || !onlyCorrelation(x.Diags) {
			first = x.Diags
		}
	}
	diags.All = append(diags.All, first.All...)
	return out
}

// onlyCorrelation reports that all findings are about what a sub-query takes of the query around.
func onlyCorrelation(l *diag.List) bool {
	return !slices.ContainsFunc(l.All, func(d *diag.Diagnostic) bool { return d.Severity == diag.Error && d.Code != codes.NoSubquery })
}

// tried is what f binds. Where it may take columns of the query around in another way, nothing has come of f, and all findings are about that,
// they are dropped and needs is true.
func (b *Binder) tried(may bool, f func() logical.Node) (n logical.Node, needs bool) {
	if !may {
		return f(), false
	}
	found := b.Diags
	b.Diags = &diag.List{}
	n = f()
	first := b.Diags
	if b.Diags = found; n == nil && onlyCorrelation(first) {
		return nil, true
	}
	found.All = append(found.All, first.All...)
	return n, false
}

// lifted binds q, with conditions of its WHERE over the query around as conditions of a join with it.
func (x *exprBinder) lifted(q *ast.Query, want subqueryUse) *inner {
	k := &correlation{scalar: want == asValue}
	c := plainSelect(q)
	if c != nil {
		if k.node = x.selectCore(c, k, nil); k.node == nil {
			return nil
		}
	} else {
		if c = limitedSelect(q); c != nil {
			k.node = x.orderedFor(q, c, k)
		} else if k.node = x.query(q); k.node != nil {
			k.width = len(k.node.Cols())
		}
		if k.node == nil {
			return nil
		}
	}
	if want == asValue && k.width != 1 {
		at := q.Sp
		if c != nil {
			at = c.Items[0].Sp.To(c.Items[len(c.Items)-1].Sp)
		}
		x.Diags.Errorf(codes.ColumnCount, at, "a sub-query that is a value has one column, found %d", k.width)
		return nil
	}
	if v, ok := k.value.(*scalar.Column); ok && v.Typ.Kind == types.Invalid {
		k.value = logical.Ref(k.node, v.Index)
	}
	if v, ok := k.node.(*logical.Values); ok && want == asValue && len(v.Rows) == 1 {
		k.value = logical.Ref(v, 0)
	}
	if want == asValue && k.value == nil {
		return x.singleRow(&k.inner, q.Sp)
	}
	if k.one && len(k.conds) > 0 && want < asValue { // there is a row also where nothing was aggregated
		x.onlyEqualities(k.conds[0])
		return nil
	}
	for _, cond := range k.conds {
		if _, ok := equalSides(cond); !ok && want != asRows && want != asTable {
			x.onlyEqualities(cond)
			return nil
		}
	}
	return &k.inner
}

// limitedSelect is the SELECT of q, which has ORDER BY or LIMIT behind it; nil when there is more to it.
func limitedSelect(q *ast.Query) *ast.SelectCore {
	if c, ok := q.Body.(*ast.SelectCore); ok && len(q.With) == 0 {
		return c
	}
	return nil
}

// plainSelect is the SELECT that q consists of; nil when there is more to it.
func plainSelect(q *ast.Query) *ast.SelectCore {
	for len(q.With) == 0 && len(q.OrderBy) == 0 && q.Limit == nil && q.Offset == nil {
		switch b := q.Body.(type) {
		case *ast.SelectCore:
			return b
		case *ast.Query:
			q = b
		default:
			return nil
		}
	}
	return nil
}

// group makes the columns that k's conditions are over group keys, so that there is an aggregate for each row of the
// query around.
func (k *correlation) group(b *Binder, c *ast.SelectCore, g *grouping) {
	if len(k.conds) > 0 && c.Having != nil && len(c.GroupBy) == 0 {
		b.Diags.Errorf(codes.NoSubquery, c.Having.Span(), "HAVING without GROUP BY is not supported in a sub-query over the query around").
			Help("compare the aggregate instead: (SELECT COUNT(*) FROM ...) > 3")
		return
	}
	if len(c.GroupBy) == 0 && len(k.conds) > 0 {
		g.at, g.subquery = k.conds[0].Span(), true
	}
	for i, cond := range k.conds {
		own, ok := equalSides(cond)
		if !ok {
			b.onlyEqualities(cond)
			continue
		}
		d := *cond.(*scalar.Call)
		key := d.Args[own]
		d.Args = slices.Clone(d.Args)
		d.Args[own] = g.keyColumn(g.addKey(key, nil), key.Span())
		k.conds[i] = &d
	}
}

// lift decides what the sub-query gives to the query around beside the width columns of its SELECT list: the columns that
// its conditions are over. g is nil without grouping.
func (k *correlation) lift(b *Binder, c *ast.SelectCore, g *grouping, width int, over bool) (hidden []scalar.Expr) {
	k.width = width
	k.one = g != nil && len(c.GroupBy) == 0 && c.Having == nil && !over
	if len(k.conds) > 0 && over {
		b.Diags.Errorf(codes.NoSubquery, k.conds[0].Span(), "OVER is not supported in a sub-query over the query around").
			Help("compute it in a query in FROM, and compare outside of that")
		return nil
	}
	if k.scalar && k.one && width == 1 {
		return nil
	}
	if k.scalar && (c.From == nil || g != nil && len(c.GroupBy) == 0) { // one row at most
		k.value = &scalar.Column{Index: 0}
	}
	at := map[int]int{}
	for i, cond := range k.conds {
		k.conds[i] = scalar.Rewrite(cond, func(e scalar.Expr) scalar.Expr {
			r, ok := e.(*scalar.Column)
			if !ok || r.Index >= outerBase {
				return e
			}
			p, ok := at[r.Index]
			if !ok {
				p = width + len(hidden)
				at[r.Index] = p
				hidden = append(hidden, r)
			}
			d := *r
			d.Index = p
			return &d
		})
	}
	return hidden
}

// zeroCounts is the value of a sub-query with one row, over the columns of its aggregation: where that has no row
// for a row of the query around, nothing was counted.
func zeroCounts(b *Binder, g *grouping, e scalar.Expr) scalar.Expr {
	return scalar.Rewrite(e, func(e scalar.Expr) scalar.Expr {
		c, ok := e.(*scalar.Column)
		if !ok || c.Index < len(g.keys) || c.Index >= len(g.keys)+len(g.aggs) || !counts[g.aggs[c.Index-len(g.keys)].Func] {
			return e
		}
		d := *c
		d.Typ = c.Typ.WithNullable(true)
		return zeroOf(b, &d, c.Typ, c.Sp)
	})
}

// outerColumn is the column of the query around this one that n names, if it names none of this query. done is false
// when n has nothing to do with that query.
func (x *exprBinder) outerColumn(n *ast.ColumnRef) (v scalar.Expr, done bool) {
	if x.around == nil {
		return nil, false
	}
	quiet := *x.Binder
	quiet.Diags = &diag.List{}
	if own, _ := quiet.resolve(x.scope, n.Name); own != nil || slices.ContainsFunc(quiet.Diags.All, func(d *diag.Diagnostic) bool { return d.Code == codes.AmbiguousColumn }) {
		return nil, false
	}
	around := *x.around
	quiet.around = around.outer
	quiet.Diags = &diag.List{}
	around.Binder = &quiet
	comes := around.scope.dep
	v = around.bind(n)
	ok := v != nil
	if ok && comes != nil && comes.missing && len(scalar.Columns(v)) == 0 { // of a query further out, which the one around is about to get
		return v, true
	}
	further := ok && readsOuter(v) || slices.ContainsFunc(quiet.Diags.All, func(d *diag.Diagnostic) bool { return d.Code == codes.NoSubquery })
	if own := x.scope.dep; own != nil && ok && !further && !slices.ContainsFunc(scalar.Columns(v), func(i int) bool { return i >= valueBase }) {
		return scalar.Rewrite(v, func(e scalar.Expr) scalar.Expr {
			if c, isCol := e.(*scalar.Column); isCol {
				return own.column(x, c)
			}
			return e
		}), true
	}
	switch {
	case further:
		x.Diags.Errorf(codes.NoSubquery, n.Sp, "column %s is of a query further out than the one around this sub-query", n.Name).
			Help("compare it in the sub-query between them")
		return nil, true
	case !ok:
		return nil, false
	case !x.correlated:
		x.Diags.Errorf(codes.NoSubquery, n.Sp, "column %s of the query around the sub-query cannot stand here", n.Name).
			Help("it may stand in conditions of the sub-query's WHERE")
		return nil, true
	}
	return scalar.Shift(v, func(i int) int { return i + outerBase }), true
}

// readsOuter reports that e is over columns of the query around; readsInner that it is over some of its own.
func readsOuter(e scalar.Expr) bool {
	return slices.ContainsFunc(scalar.Columns(e), func(i int) bool { return i >= outerBase })
}

func readsInner(e scalar.Expr) bool {
	return slices.ContainsFunc(scalar.Columns(e), func(i int) bool { return i < outerBase })
}

// scalarQuery is the value of a sub-query.
func (x *exprBinder) scalarQuery(e *ast.ScalarQuery) scalar.Expr {
	if v := x.valueAlone(e.Query); v != nil {
		return x.bind(v)
	}
	if !x.takesValues("a sub-query", e.Sp) {
		return nil
	}
	q := x.subquery(e.Query, asValue)
	if q == nil {
		return nil
	}
	if v, ok := q.node.(*logical.Values); ok && len(v.Rows) == 1 && len(q.conds) == 0 {
		return v.Rows[0][0]
	}
	return x.value(q, q.value.Type().WithNullable(true), e.Sp)
}

// valueAlone is the expression of (SELECT expression), which means the same without the SELECT around it; nil for all other queries.
func (b *Binder) valueAlone(q *ast.Query) ast.Expr {
	c := plainSelect(q)
	if c == nil || c.From != nil || c.Where != nil || c.GroupBy != nil || c.Having != nil || c.Qualify != nil || len(c.Items) != 1 {
		return nil
	}
	e := c.Items[0].Expr
	alone := e != nil
	walkAST(e, func(e ast.Expr) bool {
		if c, ok := e.(*ast.Call); ok {
			f := b.Functions[strings.ToUpper(c.Name.Name)]
			alone = c.Over == nil && (f == nil || f.Kind != fn.Aggregate)
		}
		return alone
	})
	if !alone {
		return nil
	}
	return e
}

// attach joins the sub-queries to in, behind its columns, and gives what puts their values into expressions.
func (s *subqueries) attach(in logical.Node, b *Binder) (logical.Node, func(scalar.Expr) scalar.Expr) {
	values := make([]scalar.Expr, len(s.values)) // each may be over those before it
	place := func(e scalar.Expr) scalar.Expr {
		return scalar.Rewrite(e, func(e scalar.Expr) scalar.Expr {
			if c, ok := e.(*scalar.Column); ok && c.Index >= valueBase && c.Index < outerBase {
				return values[c.Index-valueBase]
			}
			return e
		})
	}
	around := in
	for i, q := range s.values {
		q.outer.of(around)
		n := len(in.Cols())
		pairs := q.pairs(n)
		for k, c := range pairs { // of a value that is looked for in another sub-query
			pairs[k] = place(c)
		}
		in = logical.NewJoin(logical.LeftJoin, in, q.node, scalar.And(b.Functions["AND"], pairs), s.at[i])
		values[i] = place(scalar.Rewrite(q.value, func(e scalar.Expr) scalar.Expr {
			c, ok := e.(*scalar.Column)
			if !ok {
				return e
			}
			d := *c
			if c.Index >= outerBase {
				d.Index = c.Index - outerBase
				return &d
			}
			d.Index, d.Typ = c.Index+n, c.Typ.WithNullable(true)
			return &d
		}))
	}
	return in, place
}

// pairs is the conditions over a join of n columns of the query around it with those of the sub-query.
func (q *inner) pairs(n int) []scalar.Expr {
	var out []scalar.Expr
	for _, c := range q.conds {
		out = append(out, scalar.Shift(c, func(i int) int {
			if i >= outerBase {
				return i - outerBase
			}
			return i + n
		}))
	}
	return out
}

// test is one IN or EXISTS with a sub-query.
type test struct {
	inner
	not  bool
	left []scalar.Expr // what is IN; nil for EXISTS
	// ofValues: left is over values of other sub-queries as well.
	ofValues bool
	at       diag.Span
}

// conditions is a WHERE or HAVING with sub-queries in it, bound.
type conditions struct {
	plain []scalar.Expr
	subs  subqueries
	after []scalar.Expr // over the values of subs as well
	tests []test
}

// hasSubquery looks for sub-queries in e that are more than an expression.
func (b *Binder) hasSubquery(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node, above []ast.Node) bool {
		if q, ok := n.(*ast.Query); ok {
			_, value := above[len(above)-1].(*ast.ScalarQuery)
			found = !value || b.valueAlone(q) == nil
		}
		return !found
	})
	return found
}

// conjuncts splits e at its ANDs.
func conjuncts(e ast.Expr) []ast.Expr {
	var out []ast.Expr
	for {
		b, ok := e.(*ast.Binary)
		if !ok || b.Op != "AND" {
			break
		}
		out = append(out, b.Y)
		e = b.X
	}
	out = append(out, e)
	slices.Reverse(out)
	return out
}

// conjunction is all of es, one at least, as one condition.
func conjunction(es []ast.Expr) ast.Expr {
	all := es[0]
	for _, e := range es[1:] {
		all = &ast.Binary{At: ast.At{Sp: all.Span().To(e.Span())}, Op: "AND", X: all, Y: e}
	}
	return all
}

// conditions binds e, the condition of x's clause; nil after findings. Conditions over the query around go to k,
// which is nil where there is none.
func (x *exprBinder) conditions(e ast.Expr, k *correlation) *conditions {
	out := &conditions{}
	all := conjuncts(e)
	of := x.clause
	if len(all) > 1 {
		of = "AND"
	}
	ok := true
	for _, c := range all {
		not, t := false, c
		for {
			u, isNot := t.(*ast.Unary)
			if !isNot || u.Op != "NOT" {
				break
			}
			not, t = !not, u.X
		}
		if q, isQuantified := t.(*ast.Quantified); isQuantified {
			if in := membership(q); in != nil {
				t = in
			}
		}
		switch t := t.(type) {
		case *ast.Exists:
			ok = x.exists(t, not, out) && ok
			continue
		case *ast.In:
			if t.Query != nil {
				ok = x.inQuery(t, not != t.Not, out) && ok
				continue
			}
		}
		y := *x
		y.subs, y.correlated, y.positive = &out.subs, k != nil, map[*ast.In]bool{}
		positives(c, y.positive)
		before := len(out.subs.values)
		cond := y.condition(c, of)
		switch {
		case cond == nil:
			ok = false
		case readsOuter(cond) && len(out.subs.values) > before:
			x.Diags.Errorf(codes.NoSubquery, c.Span(), "a condition over the query around cannot have a sub-query of its own")
			ok = false
		case readsOuter(cond):
			k.conds = append(k.conds, cond)
		case len(out.subs.values) > before:
			out.after = append(out.after, cond)
		default:
			out.plain = append(out.plain, cond)
		}
	}
	if !ok {
		return nil
	}
	return out
}

func (x *exprBinder) exists(e *ast.Exists, not bool, to *conditions) bool {
	q := x.subquery(e.Query, asRows)
	if q == nil {
		return false
	}
	if q.one { // an aggregate without GROUP BY has a row always
		to.plain = append(to.plain, truth(!not, e.Sp))
		return true
	}
	if len(q.conds) == 0 {
		// Whether there is a row at all: one that says so instead of all rows.
		yes := &scalar.Literal{Value: true, Typ: types.TBoolean.NotNull()}
		some := logical.NewCalc(q.node, nil, []scalar.Expr{yes}, []string{"EXISTS"}, e.Sp)
		a := distinct(some, e.Sp)
		a.Subquery = true
		q.node = a
	}
	to.tests = append(to.tests, test{inner: *q, not: not, at: e.Sp})
	return true
}

func truth(v bool, at diag.Span) scalar.Expr {
	return &scalar.Literal{Value: v, Typ: types.TBoolean.NotNull(), Sp: at}
}

// lookedIn is the sub-query of IN, with so many columns; nil after findings.
func (x *exprBinder) lookedIn(e *ast.In, columns int, want subqueryUse) *inner {
	q := x.subquery(e.Query, want)
	switch {
	case q == nil:
		return nil
	case q.width != columns:
		x.columnsOf(q, columns, "IN", e.Query.Sp)
		return nil
	}
	return q
}

// columnsOf reports that a comparison of so many values has a query of other columns.
func (x *exprBinder) columnsOf(q *inner, values int, what string, at diag.Span) scalar.Expr {
	x.Diags.Errorf(codes.ColumnCount, at, "%s compares %s with %s", what, count(values, "value"), count(q.width, "column")).
		At("%s", columnNames(q.node.Cols()[:q.width]))
	return nil
}

func (x *exprBinder) inQuery(e *ast.In, not bool, to *conditions) bool {
	items := []ast.Expr{e.X}
	if r, isRow := e.X.(*ast.RowExpr); isRow {
		items = r.Items
	}
	t := test{not: not, at: e.Sp}
	y := *x
	y.subs, y.positive = &to.subs, map[*ast.In]bool{}
	before := len(to.subs.values)
	for _, i := range items {
		v := y.bind(i)
		if v == nil {
			return false
		}
		if len(to.subs.values) > before && readsOuter(v) {
			x.Diags.Errorf(codes.NoSubquery, i.Span(), "a value of the query around cannot be looked for together with that of a sub-query")
			return false
		}
		t.left = append(t.left, v)
	}
	t.ofValues = len(to.subs.values) > before
	q := x.lookedIn(e, len(items), asRows)
	if q == nil {
		return false
	}
	t.inner = *q
	for i, v := range t.left { // the comparisons are checked here and made where the places of the columns are known
		if x.same(v, logical.Ref(q.node, i), e.Sp) == nil {
			return false
		}
	}
	to.tests = append(to.tests, t)
	return true
}

func (b *Binder) same(l, r scalar.Expr, at diag.Span) scalar.Expr {
	return b.apply("=", []scalar.Expr{l, r}, at)
}

// over applies the conditions to in. The columns stay those of in.
func (c *conditions) over(in logical.Node, b *Binder) logical.Node {
	and := b.Functions["AND"]
	if cond := scalar.And(and, c.plain); cond != nil {
		in = where(in, cond, and)
	}
	width := len(in.Cols())
	if len(c.subs.values) > 0 {
		exprs, names := logical.Pass(in)
		joined, place := c.subs.attach(in, b)
		conds := make([]scalar.Expr, len(c.after))
		for i, e := range c.after {
			conds[i] = place(e)
		}
		for i := range c.tests { // what is looked for stands behind the columns meanwhile
			t := &c.tests[i]
			for j, l := range t.left {
				if t.ofValues {
					t.left[j] = &scalar.Column{Index: len(exprs), Name: "$left", Typ: l.Type(), Sp: l.Span()}
					exprs, names = append(exprs, place(l)), append(names, "$left")
				}
			}
		}
		in = logical.NewCalc(joined, scalar.And(and, conds), exprs, names, c.subs.at[0])
	}
	for _, t := range c.tests {
		in = t.over(in, b)
	}
	if len(in.Cols()) > width {
		exprs, names := logical.Pass(in)
		in = logical.NewCalc(in, nil, exprs[:width], names[:width], c.subs.at[0])
	}
	return in
}

func (t *test) over(in logical.Node, b *Binder) logical.Node {
	t.outer.of(in)
	n := len(in.Cols())
	conds := t.pairs(n)
	for i, l := range t.left {
		r := logical.Ref(t.node, i)
		r.Index += n
		eq := b.same(l, r, t.at)
		// NOT IN lets a row through only if every comparison is false: one with NULL is not.
		if t.not {
			var maybe []scalar.Expr
			for _, v := range []scalar.Expr{l, r} {
				if v.Type().Nullable {
					maybe = append(maybe, b.apply("IS NULL", []scalar.Expr{v}, t.at))
				}
			}
			if len(maybe) > 0 {
				eq = b.apply("OR", append(maybe, eq), t.at)
			}
		}
		conds = append(conds, eq)
	}
	kind := logical.SemiJoin
	if t.not {
		kind = logical.AntiJoin
	}
	return logical.NewJoin(kind, in, t.node, scalar.And(b.Functions["AND"], conds), t.at)
}
