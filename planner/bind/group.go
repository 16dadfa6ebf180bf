package bind

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// grouping is what a query with GROUP BY or aggregates gathers while its SELECT list and HAVING are
// bound. The aggregation's output is the keys, then the aggregates in the order in which they were met.
type grouping struct {
	input    logical.Node
	scope    *scope        // of the input
	at       diag.Span     // the keys; zero without GROUP BY
	firstAgg diag.Span     // the first aggregate of the query, as far as it is known
	keys     []scalar.Expr // over the input
	names    []string
	forms    map[reflect.Type]bool // of the keys' syntax: what may be one
	lookup   map[string]int        // digest of a key: its position
	window   *groupWindow          // GROUP BY TUMBLE(...)
	session  *sessionWindow        // GROUP BY SESSION(...), until all keys are known
	sets     *groupingSets         // nil when all keys are one set

	pre    []scalar.Expr // the aggregates' arguments and filters, over the input
	preAt  map[string]int
	aggs   []logical.Agg
	aggAt  map[string]int
	subs   subqueries // in keys and arguments
	broken bool       // a finding was reported for the GROUP BY itself
	told   bool       // a finding was reported for HAVING without GROUP BY
	// subquery: the keys are what a sub-query without GROUP BY compares with the query around it.
	subquery bool
	ttl      *time.Duration // by a hint
}

// groupWindow is GROUP BY TUMBLE(ts, size), HOP(ts, slide, size) or SESSION(ts, gap).
type groupWindow struct {
	name             string // TUMBLE, HOP, SESSION
	args             string // digest of the arguments
	start, end, time int    // keys
}

// sessionWindow is the window of GROUP BY SESSION(ts, gap), whose sessions are those of the other keys.
type sessionWindow struct {
	call *ast.Call
	time int
	spec logical.Window
}

// groupWindowForms is how the windows of GROUP BY are written.
var groupWindowForms = map[string]string{"TUMBLE": "TUMBLE(ts, size)", "HOP": "HOP(ts, slide, size)", "SESSION": "SESSION(ts, gap)"}

// containsAggregate looks for aggregate calls in e, not into sub-queries.
func (b *Binder) containsAggregate(e ast.Expr) bool {
	found := false
	walkAST(e, func(e ast.Expr) bool {
		if c, ok := e.(*ast.Call); ok && c.Over == nil {
			if f := b.Functions[strings.ToUpper(c.Name.Name)]; f != nil && f.Kind == fn.Aggregate {
				found = true
			}
		}
		return !found
	})
	return found
}

// walkAST visits e and its operands until f says no.
func walkAST(e ast.Expr, f func(ast.Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	each := func(list ...ast.Expr) {
		for _, e := range list {
			if e != nil {
				walkAST(e, f)
			}
		}
	}
	switch e := e.(type) {
	case *ast.Unary:
		each(e.X)
	case *ast.Binary:
		each(e.X, e.Y)
	case *ast.Is:
		each(e.X, e.Y)
	case *ast.Between:
		each(e.X, e.Lo, e.Hi)
	case *ast.In:
		each(e.X)
		each(e.List...)
	case *ast.Quantified:
		each(e.X)
		each(e.List...)
	case *ast.LikeExpr:
		each(e.X, e.Pattern, e.Escape)
	case *ast.Case:
		each(e.Operand, e.Else)
		for _, w := range e.Whens {
			each(w.Cond, w.Then)
		}
	case *ast.Cast:
		each(e.X)
	case *ast.Call:
		each(e.Args...)
		each(e.Filter)
		if e.JSON != nil {
			for _, b := range []*ast.JSONBehavior{e.JSON.OnEmpty, e.JSON.OnError} {
				if b != nil {
					each(b.Default)
				}
			}
		}
	case *ast.RowExpr:
		each(e.Items...)
	case *ast.ArrayExpr:
		each(e.Items...)
	case *ast.MapExpr:
		each(e.Items...)
	case *ast.Index:
		each(e.X, e.I)
	case *ast.FieldAccess:
		each(e.X)
	case *ast.AtTimeZone:
		each(e.X, e.Zone)
	}
}

// newGrouping binds the GROUP BY of core over in.
func (b *Binder) newGrouping(core *ast.SelectCore, in logical.Node, s *scope) *grouping {
	g := &grouping{
		input: in, scope: s, forms: map[reflect.Type]bool{}, lookup: map[string]int{},
		preAt: map[string]int{}, aggAt: map[string]int{},
	}
	for _, item := range core.GroupBy {
		g.at = g.at.To(item.Sp)
	}
	var each []int // what comes from the query around is a key of every set
	for _, v := range s.dep.columns(s) {
		each = append(each, g.addKey(v, nil))
	}
	sets := g.groupItems(b, core, core.GroupBy, s)
	if g.broken {
		return g
	}
	for i := range sets {
		sets[i] = append(slices.Clone(each), sets[i]...)
	}
	if slices.ContainsFunc(core.GroupBy, func(item ast.GroupItem) bool { return item.Sets != "" }) {
		g.expand(b, sets)
	}
	if g.session != nil {
		g.sessionKeys()
	}
	return g
}

// groupKey binds an expression of GROUP BY: the one set of its keys. That of a window has several.
func (g *grouping) groupKey(b *Binder, core *ast.SelectCore, e ast.Expr, s *scope) [][]int {
	if c, ok := e.(*ast.Call); ok {
		switch name := strings.ToUpper(c.Name.Name); name {
		case "TUMBLE", "HOP", "SESSION":
			if !g.groupWindow(b, c, name) {
				g.broken = true
				return nil
			}
			if g.window == nil {
				return [][]int{nil} // sessions: their keys follow
			}
			return [][]int{{g.window.start, g.window.end, g.window.time}}
		}
	}
	found := len(b.Diags.All)
	k := (&exprBinder{Binder: b, scope: s, clause: "GROUP BY", subs: &g.subs}).bind(e)
	if k == nil {
		g.broken = true
		b.explainAliases(core, "GROUP BY", found)
		return nil
	}
	return [][]int{{g.addKey(k, e)}}
}

// explainAliases adds to the findings for unknown columns in a clause, those from number since on, that they are aliases of the SELECT list, which
// is computed behind it.
func (b *Binder) explainAliases(core *ast.SelectCore, clause string, since int) {
	for _, d := range b.Diags.All[since:] {
		for _, it := range core.Items {
			if d.Code != codes.UnknownColumn || it.Alias == nil || it.Expr == nil || it.Alias.Sp.Text() != d.Span.Text() {
				continue
			}
			d.Label(it.Alias.Sp, "this alias is not visible in %s", clause)
			d.Notes = nil
			text := it.Expr.Span().Text()
			switch f, call := it.Expr.(*ast.Call); {
			case clause == "WHERE" && call && f.Over != nil:
				d.Helps = []string{"write QUALIFY in place of WHERE: its conditions are on the results of OVER"}
			case clause == "WHERE" && b.containsAggregate(it.Expr):
				d.Helps = []string{"write HAVING behind GROUP BY: HAVING " + text + " ..."}
			case clause == "GROUP BY":
				d.Helps = []string{"write GROUP BY " + text}
			default:
				d.Helps = []string{"repeat its expression: " + text}
			}
		}
	}
}

func (g *grouping) addKey(k scalar.Expr, form ast.Expr) int {
	d := scalar.Digest(k)
	if i, ok := g.lookup[d]; ok {
		return i
	}
	name := fmt.Sprintf("$k%d", len(g.keys))
	if c, ok := k.(*scalar.Column); ok {
		name = c.Name
	}
	g.keys, g.names = append(g.keys, k), append(g.names, name)
	g.lookup[d] = len(g.keys) - 1
	if form != nil {
		g.forms[reflect.TypeOf(form)] = true
	}
	return len(g.keys) - 1
}

// groupWindow binds GROUP BY TUMBLE(ts, size): a window table function below, and its columns as keys.
func (g *grouping) groupWindow(b *Binder, c *ast.Call, name string) bool {
	if g.window != nil || g.session != nil {
		b.Diags.Errorf(codes.WindowFunction, c.Sp, "GROUP BY has two windows")
		return false
	}
	want, most := 2, 3
	switch name {
	case "HOP":
		want, most = 3, 4
	case "SESSION":
		most = 2
	}
	if len(c.Args) < want || len(c.Args) > most {
		takes := fmt.Sprintf("%d or %d", want, most)
		if want == most {
			takes = strconv.Itoa(want)
		}
		b.Diags.Errorf(codes.WindowArgs, c.Sp, "%s in GROUP BY takes %s arguments, found %d", name, takes, len(c.Args)).Help("the form is %s", groupWindowForms[name])
		return false
	}
	ref, ok := c.Args[0].(*ast.ColumnRef)
	if !ok {
		b.Diags.Errorf(codes.WindowTime, c.Args[0].Span(), "the first argument of %s must be a time attribute", name)
		return false
	}
	col, path := b.resolve(g.scope, ref.Name)
	if col == nil {
		return false
	}
	if len(path) > 0 || !b.timeAttribute(g.scope.cols[col.Index], ref.Sp) {
		return false
	}
	w := logical.Window{LTZ: col.Typ.Kind == types.TimestampLTZ, ProcTime: g.scope.cols[col.Index].Time == catalog.ProcTime, Span: c.Sp}
	if name == "HOP" {
		w.Kind = physical.Hop
		w.Slide, ok = b.windowInterval(c.Args[1], "the slide")
		if !ok {
			return false
		}
	}
	length := "the size"
	if name == "SESSION" {
		w.Kind, length = physical.Session, "the gap"
	}
	if w.Size, ok = b.windowInterval(c.Args[want-1], length); !ok {
		return false
	}
	if len(c.Args) > want {
		if w.Offset, ok = b.windowOffset(c.Args[want]); !ok {
			return false
		}
	}
	if w.Kind != physical.Hop {
		w.Slide = w.Size
	}
	if name == "SESSION" {
		g.session = &sessionWindow{c, col.Index, w}
		return true
	}
	g.windowed(newWindowTVF(g.input, col.Index, w, c.Sp), c, name)
	return true
}

// windowed puts the window function below the grouping, and its columns among the keys.
func (g *grouping) windowed(tvf *logical.WindowTVF, c *ast.Call, name string) {
	g.input = tvf
	// The window's columns have no names here.
	inner := *g.scope
	inner.cols = tvf.Columns[:len(g.scope.cols)]
	g.scope = &inner
	key := func(col int) int { return g.addKey(logical.Ref(tvf, col), nil) }
	g.window = &groupWindow{name: name, args: argsText(c), start: key(tvf.Win.Start), end: key(tvf.Win.End), time: key(tvf.Win.Time)}
}

// sessionKeys makes the keys of GROUP BY the partition of the sessions. Keys that are computed are so below them.
func (g *grouping) sessionKeys() {
	cols := g.input.Cols()
	var exprs []scalar.Expr
	var names []string
	for i, c := range cols {
		exprs, names = append(exprs, logical.Ref(g.input, i)), append(names, c.Name)
	}
	var partition []int
	for i, k := range g.keys {
		c, plain := k.(*scalar.Column)
		if !plain {
			c = &scalar.Column{Index: len(exprs), Name: g.names[i], Typ: k.Type(), Sp: k.Span()}
			exprs, names = append(exprs, k), append(names, g.names[i])
			g.keys[i] = c
		}
		if !slices.Contains(partition, c.Index) {
			partition = append(partition, c.Index)
		}
	}
	if len(exprs) > len(cols) {
		g.input = logical.NewCalc(g.input, nil, exprs, names, g.at)
	}
	s := g.session
	tvf := newWindowTVF(g.input, s.time, s.spec, s.call.Sp)
	tvf.Partition = partition
	g.windowed(tvf, s.call, "SESSION")
}

func argsText(c *ast.Call) string {
	var parts []string
	for _, a := range c.Args {
		parts = append(parts, strings.Join(strings.Fields(a.Span().Text()), " "))
	}
	return strings.Join(parts, ", ")
}

// auxiliary is TUMBLE_START(...) and its kin: a column of the window.
func (g *grouping) auxiliary(x *exprBinder, e *ast.Call, name string) scalar.Expr {
	if auxiliary[name] != g.window.name || argsText(e) != g.window.args {
		x.Diags.Errorf(codes.WindowFunction, e.Sp, "%s does not belong to GROUP BY %s(%s)", e.Sp.Text(), g.window.name, g.window.args).
			Label(g.at, "the window of this query").Help("give both the same arguments")
		return nil
	}
	k := g.window.start
	switch {
	case strings.HasSuffix(name, "_END"):
		k = g.window.end
	case strings.HasSuffix(name, "_ROWTIME"):
		if g.input.Windows().Spec.ProcTime {
			x.Diags.Errorf(codes.NeedsEventTime, e.Sp, "a window by processing time has no event time").
				Label(g.at, "the window of this query").Help("use %s_PROCTIME, or window a column with a WATERMARK", g.window.name)
			return nil
		}
		k = g.window.time
	case strings.HasSuffix(name, "_PROCTIME"):
		f := x.Functions["PROCTIME"]
		return &scalar.Call{Func: f, Typ: types.MakeTimestampLTZ(3).NotNull(), Sp: e.Sp}
	}
	return g.keyColumn(k, e.Sp)
}

func (g *grouping) keyColumn(i int, at diag.Span) scalar.Expr {
	t := g.keys[i].Type()
	if g.sets != nil && !g.sets.inAll(i) {
		t = t.WithNullable(true)
	}
	return &scalar.Column{Index: i, Name: g.names[i], Typ: t, Sp: at}
}

// key is the group key that e is, nil when it is none.
func (g *grouping) key(x *exprBinder, e ast.Expr) scalar.Expr {
	if !g.forms[reflect.TypeOf(e)] {
		return nil
	}
	// Whether e means a key can only be said of the bound form; what is wrong with e is reported
	// when it is bound for good.
	quiet := *x.Binder
	quiet.Diags = &diag.List{}
	k := (&exprBinder{Binder: &quiet, scope: g.scope}).bind(e)
	if k == nil {
		return nil
	}
	if i, ok := g.lookup[scalar.Digest(k)]; ok {
		return g.keyColumn(i, e.Span())
	}
	return nil
}

// keyPath is the field of a group key that the names path lead to from the column col: GROUP BY r lets r.a be read, GROUP
// BY r.a lets r.a.b. nil when there is no such key, or no such field.
func (g *grouping) keyPath(x *exprBinder, col *scalar.Column, path []ast.Ident, at diag.Span) scalar.Expr {
	quiet := *x.Binder
	quiet.Diags = &diag.List{}
	var v scalar.Expr = col
	for n := 0; v != nil; n++ {
		if i, ok := g.lookup[scalar.Digest(v)]; ok {
			return x.path(g.keyColumn(i, at), path[n:], at)
		}
		if n == len(path) {
			break
		}
		v = quiet.field(v, path[n], at)
	}
	return nil
}

func (g *grouping) notGrouped(x *exprBinder, e *ast.ColumnRef, col *scalar.Column) {
	loneHaving := len(g.keys) == 0 && g.firstAgg.IsZero()
	if loneHaving && g.told {
		return // one finding for all columns: what is wrong is HAVING
	}
	g.told = loneHaving
	d := x.Diags.Errorf(codes.NotGrouped, e.Sp, "column %s is neither grouped by nor inside an aggregate", e.Name)
	if len(g.keys) == 0 {
		if g.firstAgg.IsZero() {
			d.Note("HAVING without GROUP BY makes one row of all rows").Help("write WHERE for a condition on single rows, or add GROUP BY %s", e.Name)
			return
		} else {
			d.Label(g.firstAgg, "an aggregate makes one row of all rows")
		}
		d.Help("add GROUP BY %s", e.Name)
		return
	}
	d.Label(g.at, "groups have many values of %s", col.Name)
	for i, k := range g.keys {
		if _, ok := k.(*scalar.Literal); ok && (g.sets == nil || i != g.sets.id) {
			d.Note("GROUP BY %s groups by the constant %s, not by a column's position", k.Span().Text(), k.Span().Text())
		}
	}
	d.Help("add %s to GROUP BY, or take MAX(%s)", e.Name, e.Name)
}

// aggregate binds an aggregate call where that is allowed.
func (x *exprBinder) aggregate(e *ast.Call, f *fn.Func) scalar.Expr {
	switch {
	case x.within != "":
		x.Diags.Errorf(codes.Aggregate, e.Sp, "%s inside %s: aggregates cannot be nested", f.Name, x.within).
			Help("aggregate twice: SELECT %s(...) FROM (SELECT %s(...) ... GROUP BY ...)", x.within, f.Name)
		return nil
	case x.agg == nil:
		d := x.Diags.Errorf(codes.Aggregate, e.Sp, "%s cannot stand in %s", f.Name, x.clause)
		if x.clause == "WHERE" {
			d.Help("conditions on groups stand in HAVING")
		}
		return nil
	case len(e.OrderBy) > 0:
		x.orderInside(e)
		return nil
	}
	g := x.agg
	if e.Star && f.Name != "COUNT" {
		x.Diags.Errorf(codes.Arguments, e.Sp, "%s(*) has no meaning", f.Name).Help("only COUNT takes a star")
		return nil
	}
	inner := &exprBinder{Binder: x.Binder, scope: g.scope, clause: x.clause, within: f.Name, subs: &g.subs}
	args, ignoreNulls, ok := inner.aggregateArgs(e, f)
	var filter scalar.Expr
	if e.Filter != nil {
		filter = inner.condition(e.Filter, "FILTER")
		ok = ok && filter != nil
	}
	if !ok {
		return nil
	}
	t, args, ok := x.resolveCall(f, args, e.Sp)
	if !ok {
		return nil
	}
	if f.Name != "COUNT" && (filter != nil || len(g.keys) == 0) {
		t = t.WithNullable(true) // no row may have come through
	}
	agg := logical.Agg{Func: f.Name, Distinct: e.Distinct, IgnoreNulls: ignoreNulls, Filter: -1, Type: t, Span: e.Sp}
	id := f.Name
	if ignoreNulls {
		id += " IGNORE NULLS"
	}
	if e.Distinct {
		id += " DISTINCT"
	}
	for _, a := range args {
		agg.Args = append(agg.Args, g.argument(a))
		id += fmt.Sprintf(" %d", g.argument(a))
	}
	if filter != nil {
		agg.Filter = g.argument(filter)
		id += fmt.Sprintf(" FILTER %d", agg.Filter)
	}
	i, seen := g.aggAt[id]
	if !seen {
		i = len(g.aggs)
		g.aggAt[id] = i
		agg.Name = fmt.Sprintf("$f%d", i)
		g.aggs = append(g.aggs, agg)
	}
	return &scalar.Column{Index: len(g.keys) + i, Name: g.aggs[i].Name, Typ: t, Sp: e.Sp}
}

// argument is the position of an aggregate's argument among those gathered.
func (g *grouping) argument(e scalar.Expr) int {
	d := scalar.Digest(e)
	if i, ok := g.preAt[d]; ok {
		return i
	}
	g.pre = append(g.pre, e)
	g.preAt[d] = len(g.pre) - 1
	return len(g.pre) - 1
}

// node is the aggregation: a Calc for keys and arguments, and the Aggregate above it.
func (g *grouping) node(b *Binder) *logical.Aggregate {
	if len(g.subs.values) > 0 {
		var place func(scalar.Expr) scalar.Expr
		g.input, place = g.subs.attach(g.input, b)
		for i, k := range g.keys {
			g.keys[i] = place(k)
		}
		for i, e := range g.pre {
			g.pre[i] = place(e)
		}
	}
	exprs := append([]scalar.Expr(nil), g.keys...)
	names := append([]string(nil), g.names...)
	at := map[string]int{}
	for i, k := range g.keys {
		if g.sets == nil { // the keys of grouping sets become NULL, and the aggregates' arguments must not
			at[scalar.Digest(k)] = i
		}
	}
	pos := make([]int, len(g.pre))
	for i, e := range g.pre {
		d := scalar.Digest(e)
		p, ok := at[d]
		if !ok {
			p = len(exprs)
			at[d] = p
			name := fmt.Sprintf("$a%d", i)
			if c, isCol := e.(*scalar.Column); isCol {
				name = c.Name
			}
			exprs, names = append(exprs, e), append(names, name)
		}
		pos[i] = p
	}
	if len(exprs) == 0 { // COUNT(*) alone: rows are counted by a column
		exprs = append(exprs, &scalar.Literal{Value: int64(0), Typ: types.TInt.NotNull()})
		names = append(names, "ZERO")
	}
	place := g.at
	if place.IsZero() && len(g.aggs) > 0 {
		place = g.aggs[0].Span
	}
	calc := logical.NewCalc(g.input, nil, exprs, names, place)
	keys := scalar.FirstColumns(len(g.keys))
	aggs := make([]logical.Agg, len(g.aggs))
	for i, a := range g.aggs {
		args := make([]int, len(a.Args))
		for j, p := range a.Args {
			args[j] = pos[p]
		}
		a.Args = args
		if a.Filter >= 0 {
			a.Filter = pos[a.Filter]
		}
		aggs[i] = a
	}
	a := newAggregate(g.expanded(calc, place), keys, aggs, place)
	a.Subquery, a.TTL = g.subquery, g.ttl
	return a
}

// newAggregate groups in by keys; the groups end with their window when the keys hold its start and end.
func newAggregate(in logical.Node, keys []int, aggs []logical.Agg, at diag.Span) *logical.Aggregate {
	a := &logical.Aggregate{Base: logical.Base{Sp: at}, Input: in, Keys: keys, Aggs: aggs}
	w := in.Windows()
	win := logical.WindowColumns{Start: -1, End: -1, Time: -1}
	cols := in.Cols()
	for i, k := range keys {
		if w != nil {
			win.Spec = w.Spec
			switch k {
			case w.Start:
				win.Start = i
			case w.End:
				win.End = i
			case w.Time:
				win.Time = i
			}
		}
		c := cols[k]
		a.Columns = append(a.Columns, logical.Column{Name: c.Name, Type: c.Type, Time: c.Time, Lost: c.Lost})
	}
	a.Windowed = win.Start >= 0 && win.End >= 0
	for i := range a.Columns {
		c := &a.Columns[i]
		if c.Time != catalog.NoTime && !(a.Windowed && i == win.Time) {
			c.Time, c.Lost = catalog.NoTime, &logical.Lost{Column: c.Name, Why: "GROUP BY without window_start and window_end makes a plain value of it",
				Help: "group by window_start, window_end and window_time, and use window_time", Span: at}
		}
	}
	if a.Windowed {
		a.Win = &win
	}
	for _, g := range aggs {
		a.Columns = append(a.Columns, logical.Column{Name: g.Name, Type: g.Type})
	}
	return a
}

// orderInside refuses ORDER BY inside an aggregate.
func (x *exprBinder) orderInside(e *ast.Call) {
	x.Diags.Errorf(codes.NoCallForm, e.OrderBy[0].Sp, "ORDER BY inside an aggregate is not supported").
		Note("Flink takes it in ARRAY_AGG and JSON_ARRAYAGG, and gives the values as they come all the same").
		Help("leave it out; ARRAY_SORT(ARRAY_AGG(x)) has the values in their own order")
}
