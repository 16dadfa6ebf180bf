package bind

import (
	"fmt"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Query binds a whole query; nil after findings.
func (b *Binder) Query(q *ast.Query) logical.Node { return b.query(q) }

func (b *Binder) query(q *ast.Query) logical.Node { return b.with(q, false) }

// part binds q as a part of another query, which need not see its rows in their order.
func (b *Binder) part(q *ast.Query) logical.Node { return b.with(q, true) }

func (b *Binder) with(q *ast.Query, part bool) logical.Node {
	outer := len(b.ctes)
	ok := true
	for _, c := range q.With {
		for _, o := range b.ctes[outer:] {
			if o.name == c.Name.Name {
				b.Diags.Errorf(codes.Duplicate, c.Name.Sp, "WITH defines %s twice", c.Name.Name).Label(o.at, "first here")
				ok = false
			}
		}
		d := &cte{name: c.Name.Name, cols: c.Columns, query: c.Query, outer: len(b.ctes), at: c.Name.Sp}
		b.ctes = append(b.ctes, d)
		// Bound here also when nobody reads it, so that its mistakes are found.
		if b.expandCTE(d) == nil && !d.needs {
			ok = false
		}
	}
	n := b.ordered(q, part)
	b.ctes = b.ctes[:outer]
	if !ok {
		return nil
	}
	return n
}

func (b *Binder) expandCTE(d *cte) logical.Node {
	if d.bound {
		return d.node
	}
	d.bound = true
	saved := b.ctes
	b.ctes = b.ctes[:d.outer:d.outer]
	var n logical.Node
	n, d.needs = b.tried(b.dep != nil, func() (n logical.Node) {
		b.independent(func() { n = b.part(d.query) })
		return n
	})
	b.ctes = saved
	if n != nil && d.cols != nil {
		n = b.rename(n, d.cols, d.at)
	}
	d.node = n
	return n
}

func (b *Binder) body(q ast.QueryBody) logical.Node {
	switch q := q.(type) {
	case *ast.SelectCore:
		return b.selectCore(q, nil, nil)
	case *ast.SetOp:
		return b.setOp(q)
	case *ast.Values:
		n := b.values(q, nil)
		if n == nil || b.dep == nil {
			return n
		}
		n, _ = b.dep.join(b, n, nodeScope(n, "", q.Sp))
		return n
	case *ast.Query:
		return b.part(q)
	}
	b.Diags.Errorf(codes.NoStatement, q.Span(), "this form of query is not supported")
	return nil
}

// selectCore binds one SELECT; k is set for that of a sub-query, by for one with ORDER BY.
func (b *Binder) selectCore(c *ast.SelectCore, k *correlation, by *ordering) logical.Node {
	found := len(b.Diags.All)
	given := b.readHints(c.Hints)
	dep, inFrom := b.dep, b.inFrom
	b.dep, b.inFrom = nil, dep
	defer func() { b.dep, b.inFrom = dep, inFrom }()
	in, s := b.selectFrom(c, dep, given)
	if in == nil {
		return nil
	}
	b.checkHints(given, s)
	in, s = dep.join(b, in, s)
	b.inFrom = nil
	if c.Where != nil {
		in = b.selectWhere(c, k, in, s)
	}
	var g *grouping
	if first, grouped := b.isGrouped(c); grouped {
		g = b.newGrouping(c, in, s)
		g.ttl = given.ttl(s)
		g.firstAgg = first
		if g.broken {
			return nil
		}
		if k != nil {
			k.group(b, c, g)
		}
		s = g.scope
	}
	over := b.newOvers(c)
	x := &exprBinder{Binder: b, scope: s, clause: "SELECT", agg: g, over: over, subs: &subqueries{}}
	exprs, names, ok := x.items(c)
	if by != nil && ok {
		exprs, names, ok = by.bind(x, c, exprs, names)
	}
	qualify, asking := b.selectQualify(c, s, g, over)
	having, conds := b.selectHaving(c, s, g)
	var hidden []scalar.Expr
	if k != nil && ok {
		hidden = k.lift(b, c, g, len(exprs), len(over.calls) > 0)
	}
	if !ok || errorsSince(b.Diags, found) {
		return nil
	}
	if dep != nil {
		dep.one = g != nil && len(c.GroupBy) == 0
	}
	if g != nil {
		in = g.node(b)
		if dep != nil && dep.distinct != nil && len(c.GroupBy) == 0 {
			in = dep.everyGroup(b, g, in, c.Sp)
		}
	}
	for _, v := range dep.columns(s) {
		if g != nil {
			v = g.keyColumn(g.lookup[scalar.Digest(v)], v.Span())
		}
		hidden = append(hidden, v)
	}
	if conds != nil {
		in = conds.over(in, b)
	}
	filter := having
	if len(over.calls) > 0 {
		if having != nil {
			in = logical.NewFilter(in, having, c.Having.Span())
		}
		var placed func(scalar.Expr) scalar.Expr
		in, placed = over.node(in)
		placeAll(exprs, placed)
		filter = placed(qualify)
		if asking != nil {
			if filter != nil {
				in = logical.NewFilter(in, filter, c.Qualify.Span())
			}
			in, filter = asking.over(in, b), nil
		}
	}
	if len(x.subs.values) > 0 {
		var placed func(scalar.Expr) scalar.Expr
		in, placed = x.subs.attach(in, b)
		placeAll(exprs, placed)
	}
	if k != nil && k.one && k.scalar && len(exprs) == 1 {
		k.value = zeroCounts(b, g, exprs[0])
		return in
	}
	for i, h := range hidden {
		exprs, names = append(exprs, h), append(names, fmt.Sprintf("$c%d", i))
	}
	var out logical.Node = logical.NewCalc(in, filter, exprs, names, c.Sp)
	if c.Distinct {
		at := c.Sp
		at.End = at.Start + len(strings.TrimRight(at.File.Text[at.Start:c.Items[0].Sp.Start], " \t\r\n"))
		out = distinct(out, at)
	}
	return out
}

// selectFrom binds FROM under the hints of the SELECT; one row where there is none. dep is what the query around hands in.
func (b *Binder) selectFrom(c *ast.SelectCore, dep *dependence, given *hints) (logical.Node, *scope) {
	if c.From == nil {
		return oneRow(c.Sp), &scope{what: "a SELECT without FROM"}
	}
	around := b.hints
	b.hints = given
	if dep != nil && unnests(c.From) {
		b.lead = dep
	}
	in, s := b.from(c.From)
	b.lead = nil
	b.hints = around
	return in, s
}

// selectWhere is in with the rows that WHERE lets through.
func (b *Binder) selectWhere(c *ast.SelectCore, k *correlation, in logical.Node, s *scope) logical.Node {
	since := len(b.Diags.All)
	x := &exprBinder{Binder: b, scope: s, clause: "WHERE"}
	if k == nil && !b.hasSubquery(c.Where) {
		if cond := x.condition(c.Where, "WHERE"); cond != nil {
			in = where(in, cond, b.Functions["AND"])
		}
	} else if conds := x.conditions(c.Where, k); conds != nil {
		in = conds.over(in, b)
	}
	b.explainAliases(c, "WHERE", since)
	if len(s.cols) > 0 {
		s.cols = in.Cols()[:len(s.cols)] // a join's time attributes depend on its condition
	}
	return in
}

// isGrouped reports a SELECT that aggregates; first is its first aggregate, zero where none stands in the SELECT list.
func (b *Binder) isGrouped(c *ast.SelectCore) (first diag.Span, grouped bool) {
	grouped = len(c.GroupBy) > 0 || c.Having != nil || !c.GroupAt.IsZero()
	for _, it := range c.Items {
		if it.Expr != nil && b.containsAggregate(it.Expr) {
			return it.Expr.Span(), true
		}
	}
	return first, grouped
}

// selectQualify binds QUALIFY: a condition, and those with queries in them, which are over the columns below OVER; neither where there is none.
func (b *Binder) selectQualify(c *ast.SelectCore, s *scope, g *grouping, over *overs) (cond scalar.Expr, conds *conditions) {
	if c.Qualify == nil {
		return nil, nil
	}
	var plain, asking []ast.Expr
	for _, e := range conjuncts(c.Qualify) {
		if b.hasSubquery(e) && !over.reads(e) {
			asking = append(asking, e)
		} else {
			plain = append(plain, e)
		}
	}
	if len(asking) > 0 {
		q := &exprBinder{Binder: b, scope: s, clause: "QUALIFY", agg: g}
		conds = q.conditions(conjunction(asking), nil)
	}
	if len(plain) > 0 {
		q := &exprBinder{Binder: b, scope: s, clause: "QUALIFY", agg: g, over: over}
		cond = q.condition(conjunction(plain), "QUALIFY")
	}
	if (cond != nil || conds != nil) && len(over.calls) == 0 {
		b.Diags.Errorf(codes.Over, c.Qualify.Span(), "QUALIFY is for conditions on OVER, and this query has none").Help("write WHERE, or HAVING for groups")
	}
	return cond, conds
}

// selectHaving binds HAVING: one condition, or several where there are queries in it; neither where there is none.
func (b *Binder) selectHaving(c *ast.SelectCore, s *scope, g *grouping) (cond scalar.Expr, conds *conditions) {
	if c.Having == nil {
		return nil, nil
	}
	since := len(b.Diags.All)
	h := &exprBinder{Binder: b, scope: s, clause: "HAVING", agg: g}
	if b.hasSubquery(c.Having) {
		conds = h.conditions(c.Having, nil)
	} else {
		cond = h.condition(c.Having, "HAVING")
	}
	b.explainAliases(c, "HAVING", since)
	return cond, conds
}

// placeAll puts place(e) in the place of every expression.
func placeAll(exprs []scalar.Expr, place func(scalar.Expr) scalar.Expr) {
	for i, e := range exprs {
		exprs[i] = place(e)
	}
}

func errorsSince(l *diag.List, n int) bool {
	for _, d := range l.All[n:] {
		if d.Severity == diag.Error {
			return true
		}
	}
	return false
}

// oneRow is the input of a SELECT without FROM. Its column cannot be named; it is there because rows have columns.
func oneRow(at diag.Span) *logical.Values {
	zero := &scalar.Literal{Value: int64(0), Typ: types.TInt.NotNull()}
	return &logical.Values{
		Base: logical.Base{Sp: at, Columns: []logical.Column{{Name: "ZERO", Type: zero.Typ}}},
		Rows: [][]*scalar.Literal{{zero}},
	}
}

// items binds the SELECT list, stars expanded.
func (x *exprBinder) items(c *ast.SelectCore) (exprs []scalar.Expr, names []string, ok bool) {
	ok = true
	add := func(e scalar.Expr, name string) {
		if e == nil {
			ok = false
			return
		}
		exprs, names = append(exprs, e), append(names, name)
	}
	for i, it := range c.Items {
		if !it.Star {
			name := fmt.Sprintf("EXPR$%d", i)
			if it.Alias != nil {
				name = it.Alias.Name
			} else if r, isRef := it.Expr.(*ast.ColumnRef); isRef {
				name = r.Name.Last().Name
			}
			add(x.bind(it.Expr), name)
			continue
		}
		columns := x.scope.starred()
		if it.Of != nil {
			if x.starOfRow(it, add) {
				continue
			}
			r := x.relation(*it.Of)
			if r == nil {
				ok = false
				continue
			}
			columns = columns[:0]
			for j := r.start; j < r.end; j++ {
				columns = append(columns, j)
			}
		} else if len(x.scope.rels) == 0 && len(x.scope.cols) == 0 {
			x.Diags.Errorf(codes.UnknownColumn, it.Sp, "* has nothing to stand for without FROM")
			ok = false
		}
		for _, j := range columns {
			col := x.scope.cols[j]
			ref := &ast.ColumnRef{At: it.At, Name: ast.Name{At: it.At, Parts: []ast.Ident{{At: it.At, Name: col.Name}}}}
			if x.agg == nil {
				add(&scalar.Column{Index: j, Name: col.Name, Typ: col.Type, Sp: it.Sp}, col.Name)
				continue
			}
			k := &scalar.Column{Index: j, Name: col.Name, Typ: col.Type, Sp: it.Sp}
			if p, isKey := x.agg.lookup[scalar.Digest(k)]; isKey {
				add(x.agg.keyColumn(p, it.Sp), col.Name)
				continue
			}
			x.agg.notGrouped(x, ref, k)
			ok = false
			break
		}
	}
	return exprs, names, ok
}

// starOfRow adds the fields of the ROW that it is the star of, t.r.* or r.*; false when it names no column.
func (x *exprBinder) starOfRow(it *ast.SelectItem, add func(scalar.Expr, string)) bool {
	if len(it.Of.Parts) == 1 && x.scope.has(it.Of.Last().Name) {
		return false
	}
	quiet := *x.Binder
	quiet.Diags = &diag.List{}
	probe := *x
	probe.Binder = &quiet
	ref := &ast.ColumnRef{At: it.Of.At, Name: *it.Of}
	if probe.bind(ref) == nil {
		return false
	}
	v := x.bind(ref)
	if v.Type().Kind != types.Row {
		x.Diags.Errorf(codes.UnknownColumn, it.Of.Sp, "%s has no fields: it is %s and not a ROW", it.Of, v.Type().WithNullable(true))
		add(nil, "")
		return true
	}
	for i, f := range v.Type().Nested.Fields {
		add(x.fold(scalar.NewField(v, i, it.Sp)), f.Name)
	}
	return true
}

// relation is the relation that t in t.* names.
func (x *exprBinder) relation(n ast.Name) *rel {
	last := n.Last().Name
	var names []string
	for i := range x.scope.rels {
		if x.scope.rels[i].name == last {
			return &x.scope.rels[i]
		}
		names = append(names, x.scope.rels[i].name)
	}
	d := x.Diags.Errorf(codes.UnknownTable, n.Sp, "FROM has no table called %s", n)
	if s, ok := diag.Suggest(last, names); ok {
		d.Help("did you mean %s?", scalar.QuoteName(s))
	} else if len(names) > 0 {
		d.Note("it has %s", list(names, 8))
	}
	return nil
}

func columnNames(cols []logical.Column) string {
	var names []string
	for _, c := range cols {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// values binds VALUES. want, where it is not nil, is the types of the table that it is
// inserted into: every row is converted to them on its own, as Flink does. A row with a sub-query is a SELECT without FROM.
func (b *Binder) values(v *ast.Values, want []types.Type) logical.Node {
	s := &scope{what: "VALUES"}
	rows := make([][]scalar.Expr, len(v.Rows))
	of := make([]logical.Node, len(v.Rows)) // what a row is computed of
	ok := true
	for i, r := range v.Rows {
		if len(r.Items) != len(v.Rows[0].Items) {
			b.Diags.Errorf(codes.ColumnCount, r.Sp, "this row has %s and the first one %d", count(len(r.Items), "value"), len(v.Rows[0].Items)).
				Label(v.Rows[0].Sp, "the first row")
			ok = false
			continue
		}
		if of[i] = oneRow(v.Sp); asks(r) {
			if of[i] = b.selectCore(selectOf(r), nil, nil); of[i] == nil {
				ok = false
				continue
			}
			for c := range of[i].Cols() {
				rows[i] = append(rows[i], logical.Ref(of[i], c))
			}
			continue
		}
		for _, e := range r.Items {
			x := b.scalarOver(e, s, "VALUES")
			ok = ok && x != nil
			rows[i] = append(rows[i], x)
		}
	}
	if !ok {
		return nil
	}
	n := len(rows[0])
	cols := make([]types.Type, n)
	for i := range cols {
		var all []types.Type
		nullable := false
		for _, r := range rows {
			all = append(all, r[i].Type())
			nullable = nullable || r[i].Type().Nullable
		}
		if len(want) == n && !want[i].IsString() && !want[i].IsBinary() && b.storable(all, want[i]) {
			cols[i] = want[i].WithNullable(nullable)
			continue
		}
		t, err := fn.CommonType(all...)
		if err != nil {
			b.Diags.Errorf(codes.NoCommonType, v.Sp, "column %d of VALUES has no common type: %s", i+1, err)
			return nil
		}
		cols[i] = t.WithNullable(nullable)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("EXPR$%d", i)
	}
	constant := &logical.Values{Base: logical.Base{Sp: v.Sp}}
	for i := range cols {
		constant.Columns = append(constant.Columns, logical.Column{Name: names[i], Type: cols[i]})
	}
	var computed []logical.Node
	for k, r := range rows {
		row := make([]scalar.Expr, n)
		lits := make([]*scalar.Literal, 0, n)
		for i := range r {
			row[i] = b.Convert(r[i], cols[i])
			if l, isLit := row[i].(*scalar.Literal); isLit {
				lits = append(lits, l)
			}
		}
		if len(lits) == n {
			constant.Rows = append(constant.Rows, lits)
		} else {
			computed = append(computed, logical.NewCalc(of[k], nil, row, names, v.Sp))
		}
	}
	if len(computed) == 0 {
		return constant
	}
	ins := computed
	if len(constant.Rows) > 0 {
		ins = append([]logical.Node{constant}, computed...)
	}
	if len(ins) == 1 {
		return ins[0]
	}
	u := &logical.Union{Base: logical.Base{Sp: v.Sp, Columns: constant.Columns}, Ins: ins}
	return u
}

// asks reports whether a sub-query stands in a row of VALUES.
func asks(r *ast.RowExpr) (yes bool) {
	ast.Inspect(r, func(n ast.Node, _ []ast.Node) bool {
		_, query := n.(*ast.Query)
		yes = yes || query
		return !yes
	})
	return yes
}

// selectOf is a row of VALUES as SELECT.
func selectOf(r *ast.RowExpr) *ast.SelectCore {
	c := &ast.SelectCore{At: r.At}
	for _, e := range r.Items {
		c.Items = append(c.Items, &ast.SelectItem{At: ast.At{Sp: e.Span()}, Expr: e})
	}
	return c
}

// storable reports whether values of all those types may be written to a column of type t.
func (b *Binder) storable(from []types.Type, t types.Type) bool {
	for _, f := range from {
		if !assignable(f, t) {
			return false
		}
	}
	return true
}

// assignable is Flink's store assignment: what INSERT converts by itself.
func assignable(from, to types.Type) bool {
	if from.Kind == types.Null || from.EqualIgnoringNull(to) {
		return true
	}
	ok, implicit := fn.CanCast(from, to)
	return ok && implicit
}
