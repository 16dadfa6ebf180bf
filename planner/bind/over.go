package bind

import (
	"fmt"
	"math"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// overs gathers the OVER calls of one query while its SELECT list and QUALIFY are bound. A call stands there as
// a column from overBase on, until node says where it is.
type overs struct {
	named   map[string]*ast.NamedWindow
	windows []*overWindow
	calls   []overCall
	aliases map[string]ast.Expr // of the SELECT list, for QUALIFY
	marks   []scalar.Expr       // calls of CURRENT_WATERMARK outside of OVER: they are computed as the rows come, not as they go out
}

// overBase is the first column that stands for an OVER call.
const overBase = 1 << 24

// overWindow is one window, and what is computed over it.
type overWindow struct {
	digest    string
	partition []scalar.Expr
	order     []orderKey
	frame     logical.Frame
	at        diag.Span
}

type orderKey struct {
	expr             scalar.Expr
	desc, nullsFirst bool
}

type overCall struct {
	window *overWindow
	agg    logical.Agg
	args   []scalar.Expr
	filter scalar.Expr
	digest string
}

// newOvers prepares for the OVER calls of a query.
func (b *Binder) newOvers(c *ast.SelectCore) *overs {
	o := &overs{named: map[string]*ast.NamedWindow{}, aliases: map[string]ast.Expr{}}
	for _, w := range c.Windows {
		if first := o.named[w.Name.Name]; first != nil {
			b.Diags.Errorf(codes.Duplicate, w.Name.Sp, "WINDOW defines %s twice", w.Name.Name).Label(first.Name.Sp, "first here")
		}
		o.named[w.Name.Name] = w
	}
	for _, it := range c.Items {
		if it.Alias != nil && it.Expr != nil {
			o.aliases[it.Alias.Name] = it.Expr
		}
	}
	return o
}

// reads reports that e, of QUALIFY, has an OVER in it, or the name that the SELECT list gives to one.
func (o *overs) reads(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node, _ []ast.Node) bool {
		switch n := n.(type) {
		case *ast.Query:
			return false
		case *ast.Call:
			found = found || n.Over != nil
		case *ast.ColumnRef:
			if len(n.Name.Parts) == 1 && o.aliases[n.Name.Parts[0].Name] != nil {
				found = true
			}
		}
		return !found
	})
	return found
}

// rankings are the functions that only OVER gives a meaning.
var rankings = map[string]bool{"ROW_NUMBER": true, "RANK": true, "DENSE_RANK": true, "LAG": true, "LEAD": true,
	"NTILE": true, "PERCENT_RANK": true, "CUME_DIST": true}

// overCall binds f(args) OVER (...).
func (x *exprBinder) overCall(e *ast.Call, f *fn.Func) scalar.Expr {
	name := strings.ToUpper(e.Name.Name)
	if x.over == nil {
		d := x.Diags.Errorf(codes.Over, e.Over.Sp, "OVER cannot stand in %s", x.clause)
		if x.clause == "WHERE" || x.clause == "HAVING" {
			d.Help("conditions on its results stand in QUALIFY, or in the WHERE of a query around this one")
		} else {
			d.Help("compute it in a sub-query and use its column here")
		}
		return nil
	}
	switch {
	case f == nil:
		x.unknownFunction(e)
		return nil
	case f.Kind != fn.Aggregate && f.Kind != fn.Window:
		x.Diags.Errorf(codes.Over, e.Sp, "%s has no meaning with OVER: it is neither an aggregate nor a ranking", name)
		return nil
	case e.Star && name != "COUNT":
		x.Diags.Errorf(codes.Arguments, e.Sp, "%s(*) has no meaning", name).Help("only COUNT takes a star")
		return nil
	case e.Distinct && f.Kind != fn.Aggregate:
		x.Diags.Errorf(codes.Over, e.Sp, "DISTINCT has no meaning in %s", name)
		return nil
	case len(e.OrderBy) > 0:
		x.orderInside(e)
		return nil
	}
	found := len(x.Diags.All)
	inner := *x
	inner.over, inner.subs = nil, nil
	inner.clause = "OVER"
	w := inner.overWindow(e.Over, name, x.over)
	c := overCall{agg: logical.Agg{Func: f.Name, Distinct: e.Distinct, Filter: -1, Span: e.Sp}}
	ok := false
	c.args, c.agg.IgnoreNulls, ok = inner.aggregateArgs(e, f)
	ok = ok && w != nil
	if e.Filter != nil {
		c.filter = inner.condition(e.Filter, "FILTER")
		ok = ok && c.filter != nil
	}
	if !ok || errorsSince(x.Diags, found) {
		return nil
	}
	t, args, ok := x.resolveCall(f, c.args, e.Sp)
	if !ok {
		return nil
	}
	if f.Kind == fn.Aggregate && name != "COUNT" && c.filter != nil {
		t = t.WithNullable(true)
	}
	c.args, c.agg.Type = args, t
	if (name == "LAG" || name == "LEAD") && !x.lagArguments(&c, e) {
		return nil
	}
	c.window = x.over.window(w)
	c.digest = fmt.Sprintf("%s %s %t %t", c.window.digest, f.Name, e.Distinct, c.agg.IgnoreNulls)
	for _, a := range c.args {
		c.digest += " " + scalar.Digest(a)
	}
	if c.filter != nil {
		c.digest += " FILTER " + scalar.Digest(c.filter)
	}
	at := -1
	for i, o := range x.over.calls {
		if o.digest == c.digest {
			at = i
		}
	}
	if at < 0 {
		at = len(x.over.calls)
		c.agg.Name = fmt.Sprintf("w$o%d", at)
		x.over.calls = append(x.over.calls, c)
	}
	return &scalar.Column{Index: overBase + at, Name: x.over.calls[at].agg.Name, Typ: t, Sp: e.Sp}
}

// noNulls refuses IGNORE NULLS and RESPECT NULLS where they have no meaning.
func (x *exprBinder) noNulls(e *ast.Call) {
	name := strings.ToUpper(e.Name.Name)
	d := x.Diags.Errorf(codes.NoCallForm, e.Sp, "%s takes no %s NULLS", name, e.Nulls)
	switch {
	case name == "FIRST_VALUE" || name == "LAST_VALUE":
		d.Note("it skips NULL always")
	case name == "LAG" || name == "LEAD":
		d.Note("it needs OVER (PARTITION BY ... ORDER BY ...)")
	}
	d.Help("leave it out")
}

// lagArguments checks LAG(x, offset, default).
func (x *exprBinder) lagArguments(c *overCall, e *ast.Call) bool {
	if len(c.args) < 2 {
		return true
	}
	name := strings.ToUpper(e.Name.Name)
	n, isInt := int64(0), c.args[1].Type().IsInteger()
	if _, constant := c.args[1].(*scalar.Literal); constant {
		n, isInt = scalar.Int(c.args[1])
	}
	if !isInt || n < 0 || n > math.MaxInt32 {
		x.Diags.Errorf(codes.Over, e.Args[1].Span(), "the offset of %s must be a number of rows", name).Help("as in %s(price, 1)", name)
		return false
	}
	return true
}

// overWindow binds a window, written in place or by its name.
func (x *exprBinder) overWindow(s *ast.WindowSpec, call string, o *overs) *overWindow {
	spec := *s
	if !x.named(&spec, o, len(o.named)) {
		return nil
	}
	w := &overWindow{at: s.Sp, frame: logical.Frame{Preceding: logical.Unbounded, Span: s.Sp}}
	ok := true
	for _, e := range spec.PartitionBy {
		v := x.bind(e)
		ok = ok && v != nil
		w.partition = append(w.partition, v)
	}
	for _, v := range x.scope.dep.columns(x.scope) {
		if x.agg != nil {
			v = x.agg.keyColumn(x.agg.lookup[scalar.Digest(v)], v.Span())
		}
		w.partition = append(w.partition, v)
	}
	for _, it := range spec.OrderBy {
		v := x.bind(it.Expr)
		ok = ok && v != nil && x.hasOrder(it, v.Type())
		k := orderKey{expr: v, desc: it.Desc, nullsFirst: !it.Desc}
		if it.NullsFirst != nil {
			k.nullsFirst = *it.NullsFirst
		}
		w.order = append(w.order, k)
	}
	if !ok {
		return nil
	}
	if rankings[call] {
		if spec.Frame {
			x.Diags.Errorf(codes.Over, s.Sp, "%s takes no ROWS or RANGE", call).Help("leave the frame out")
			return nil
		}
		w.frame.Rows = call != "RANK" && call != "DENSE_RANK"
	}
	if spec.Frame && !x.frame(&spec, w) {
		return nil
	}
	for _, p := range w.partition {
		w.digest += scalar.Digest(p) + ","
	}
	w.digest += " ORDER "
	for _, k := range w.order {
		w.digest += fmt.Sprintf("%s %t %t,", scalar.Digest(k.expr), k.desc, k.nullsFirst)
	}
	w.digest += fmt.Sprintf(" %t %d %t %d %d", w.frame.Rows, w.frame.Preceding, w.frame.Wide, w.frame.From, w.frame.To)
	return w
}

// named completes s with the window that it builds on, which may build on another one in turn, at most so many deep.
func (x *exprBinder) named(s *ast.WindowSpec, o *overs, depth int) bool {
	if s.Ref == nil {
		return true
	}
	named := o.named[s.Ref.Name]
	switch {
	case named == nil:
		d := x.Diags.Errorf(codes.Over, s.Ref.Sp, "window %s is not defined", s.Ref.Name)
		var names []string
		for n := range o.named {
			names = append(names, n)
		}
		if g, ok := diag.Suggest(s.Ref.Name, names); ok {
			d.Help("did you mean %s?", scalar.QuoteName(g))
		} else {
			d.Help("define it behind FROM: WINDOW %s AS (PARTITION BY ... ORDER BY ...)", s.Ref.Name)
		}
		return false
	case depth == 0:
		x.Diags.Errorf(codes.Over, s.Ref.Sp, "window %s builds on itself", s.Ref.Name)
		return false
	}
	base := *named.Spec
	if !x.named(&base, o, depth-1) {
		return false
	}
	if len(s.PartitionBy) == 0 {
		s.PartitionBy = base.PartitionBy
	}
	if len(s.OrderBy) == 0 {
		s.OrderBy = base.OrderBy
	}
	if !s.Frame {
		s.Frame, s.Rows, s.From, s.To = base.Frame, base.Rows, base.From, base.To
	}
	return true
}

// frame reads ROWS and RANGE.
func (x *exprBinder) frame(s *ast.WindowSpec, w *overWindow) bool {
	f := &w.frame
	f.Rows = s.Rows
	var ok bool
	if f.From, ok = x.frameBound(s, s.From, f); !ok {
		return false
	}
	if f.To, ok = x.frameBound(s, s.To, f); !ok {
		return false
	}
	if f.From > f.To || f.From == math.MaxInt64 || f.To == math.MinInt64 {
		x.Diags.Errorf(codes.Over, s.Sp, "this frame begins behind its end").Help("as in ROWS BETWEEN 10 PRECEDING AND CURRENT ROW")
		return false
	}
	f.Preceding = logical.Unbounded
	if f.From != math.MinInt64 {
		f.Preceding = -f.From
	}
	f.Wide = f.To != 0 || f.Number // a frame that begins behind the row ends there, too
	return true
}

// frameBound is where one end of a frame is, from the current row on.
func (x *exprBinder) frameBound(s *ast.WindowSpec, b ast.FrameBound, f *logical.Frame) (int64, bool) {
	switch b.Kind {
	case "UNBOUNDED PRECEDING":
		return math.MinInt64, true
	case "UNBOUNDED FOLLOWING":
		return math.MaxInt64, true
	case "CURRENT ROW":
		return 0, true
	}
	v := x.bind(b.Expr)
	if v == nil {
		return 0, false
	}
	n, ok := scalar.Int(v)
	switch {
	case !ok || n < 0:
		d := x.Diags.Errorf(codes.Over, v.Span(), "the size of a frame must be a constant number or interval")
		if !s.Rows {
			d.Help("as in RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW")
		} else {
			d.Help("as in ROWS BETWEEN 10 PRECEDING AND CURRENT ROW")
		}
		return 0, false
	case s.Rows && !v.Type().IsInteger():
		x.Diags.Errorf(codes.Over, v.Span(), "ROWS counts rows, found %s", v.Type().WithNullable(true)).Help("for a span of time write RANGE")
		return 0, false
	case !s.Rows && v.Type().Kind != types.IntervalDaySecond && !v.Type().IsInteger():
		x.Diags.Errorf(codes.Over, v.Span(), "RANGE is a span of time, found %s", v.Type().WithNullable(true)).
			Help("as in RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW")
		return 0, false
	}
	f.Number = f.Number || !s.Rows && v.Type().IsInteger()
	if b.Kind == "PRECEDING" {
		n = -n
	}
	return n, true
}

// window is the one like w that is known already, or w.
func (o *overs) window(w *overWindow) *overWindow {
	for _, k := range o.windows {
		if k.digest == w.digest {
			return k
		}
	}
	o.windows = append(o.windows, w)
	return w
}

// node puts the OVER calls above in, and gives the place of every call's column.
func (o *overs) node(in logical.Node) (logical.Node, func(scalar.Expr) scalar.Expr) {
	n := len(in.Cols())
	exprs, names := logical.Pass(in)
	at := map[string]int{}
	for i, e := range exprs {
		at[scalar.Digest(e)] = i
	}
	place := func(e scalar.Expr) int {
		d := scalar.Digest(e)
		p, ok := at[d]
		if !ok {
			p = len(exprs)
			at[d] = p
			exprs, names = append(exprs, e), append(names, fmt.Sprintf("$o%d", p-n))
		}
		return p
	}
	type group struct {
		over  *logical.Over
		calls []int
	}
	var groups []group
	for _, w := range o.windows {
		g := group{over: &logical.Over{Base: logical.Base{Sp: w.at}, Frame: w.frame}}
		for _, p := range w.partition {
			g.over.Partition = append(g.over.Partition, place(p))
		}
		for _, k := range w.order {
			g.over.Order = append(g.over.Order, logical.SortKey{Column: place(k.expr), Desc: k.desc, NullsFirst: k.nullsFirst})
		}
		for i, c := range o.calls {
			if c.window != w {
				continue
			}
			a := c.agg
			for _, e := range c.args {
				a.Args = append(a.Args, place(e))
			}
			if c.filter != nil {
				a.Filter = place(c.filter)
			}
			g.over.Calls = append(g.over.Calls, a)
			g.calls = append(g.calls, i)
		}
		groups = append(groups, g)
	}
	for _, m := range o.marks {
		place(m)
	}
	var node logical.Node = in
	if len(exprs) > n {
		node = logical.NewCalc(in, nil, exprs, names, in.Span())
	}
	where := make([]int, len(o.calls))
	for _, g := range groups {
		g.over.Input = node
		for j, c := range g.calls {
			where[c] = len(node.Cols()) + j
		}
		node = logical.NewOver(g.over)
	}
	return node, func(e scalar.Expr) scalar.Expr {
		if e == nil {
			return nil
		}
		if len(o.marks) > 0 {
			e = scalar.Rewrite(e, func(x scalar.Expr) scalar.Expr {
				if c, ok := x.(*scalar.Call); ok && c.Func.Name == fn.CurrentWatermark {
					p := at[scalar.Digest(c)]
					return &scalar.Column{Index: p, Name: names[p], Typ: c.Typ, Sp: c.Sp}
				}
				return x
			})
		}
		return scalar.Shift(e, func(i int) int {
			if i >= overBase {
				return where[i-overBase]
			}
			return i
		})
	}
}
