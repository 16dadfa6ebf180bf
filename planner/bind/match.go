package bind

import (
	"fmt"
	"math"
	"slices"
	"strings"

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

// matching is the MATCH_RECOGNIZE whose conditions and measures are being bound.
type matching struct {
	node   *logical.Match
	scope  *scope // the input's columns
	input  int    // how many
	lookup map[string]int
	at     diag.Span // PATTERN (...)

	// current is the variable whose condition is being bound, -1 in MEASURES.
	current int
	nav     *navigation // FIRST or LAST around what is being bound
	agg     *matchAgg   // the aggregate around it
}

// navigation is FIRST(x, n) or LAST(x, n).
type navigation struct {
	name   string
	first  bool
	offset int
	found  bool // a column in it
	of     int  // its variable
}

// matchAgg is an aggregate over the rows of a variable.
type matchAgg struct {
	name  string
	found bool
	of    int
}

// matchRecognize binds t MATCH_RECOGNIZE (...).
func (b *Binder) matchRecognize(t *ast.MatchRecognize) (logical.Node, *scope) {
	in, s := b.from(t.Input)
	if in == nil {
		return nil, nil
	}
	m := &matching{node: &logical.Match{Base: logical.Base{Sp: t.PatternAt}, Input: in}, scope: &scope{cols: s.cols, what: "the input of MATCH_RECOGNIZE"},
		input: len(in.Cols()), lookup: map[string]int{}, at: t.PatternAt}
	found := len(b.Diags.All)
	b.matchForms(t)
	b.matchPartition(m, t)
	b.matchOrder(m, t)
	b.matchPattern(m, t)
	b.matchWithin(m, t)
	if errorsSince(b.Diags, found) {
		return nil, nil
	}
	b.matchSkip(m, t)
	b.matchDefines(m, t)
	b.matchMeasures(m, t)
	if errorsSince(b.Diags, found) {
		return nil, nil
	}
	return b.aliased(logical.NewMatch(m.node), t.Alias, "", t.Sp)
}

// matchForms refuses the clauses that neither weir nor Flink runs.
func (b *Binder) matchForms(t *ast.MatchRecognize) {
	if !t.AllRows.IsZero() {
		b.Diags.Errorf(codes.NoMatch, t.AllRows, "ALL ROWS PER MATCH is not supported").
			Help("write ONE ROW PER MATCH and name what you want of the match in MEASURES")
	}
	for _, s := range t.Subsets {
		b.Diags.Errorf(codes.NoMatch, s.Sp, "SUBSET is not supported").
			Note("Flink takes it and gives NULL for the columns of %s", s.Name.Name).
			Help("a column without a variable, and COUNT(*), are over all rows of the match")
	}
}

func (b *Binder) matchPartition(m *matching, t *ast.MatchRecognize) {
	for _, e := range t.PartitionBy {
		ref, ok := e.(*ast.ColumnRef)
		if !ok {
			b.Diags.Errorf(codes.NoMatch, e.Span(), "PARTITION BY of MATCH_RECOGNIZE takes columns of its table").
				Help("compute it below: FROM (SELECT *, %s AS part FROM ...) MATCH_RECOGNIZE (PARTITION BY part ...)", e.Span().Text())
			continue
		}
		c, ok := (&exprBinder{Binder: b, scope: m.scope, clause: "PARTITION BY"}).bind(ref).(*scalar.Column)
		if ok && !slices.Contains(m.node.Partition, c.Index) {
			m.node.Partition = append(m.node.Partition, c.Index)
		}
	}
}

// matchOrder reads ORDER BY, whose first column is a time attribute.
func (b *Binder) matchOrder(m *matching, t *ast.MatchRecognize) {
	if len(t.OrderBy) == 0 {
		b.Diags.Errorf(codes.Match, t.PatternAt, "this pattern has no ORDER BY").At("which row follows which?").
			Help("order by a time attribute: ORDER BY %s, behind PARTITION BY", b.timeColumn(m))
		return
	}
	for i, it := range t.OrderBy {
		ref, ok := it.Expr.(*ast.ColumnRef)
		if !ok {
			b.Diags.Errorf(codes.NoMatch, it.Sp, "ORDER BY of MATCH_RECOGNIZE takes columns of its table")
			continue
		}
		c, ok := (&exprBinder{Binder: b, scope: m.scope, clause: "ORDER BY"}).bind(ref).(*scalar.Column)
		if !ok {
			continue
		}
		k := logical.SortKey{Column: c.Index, Desc: it.Desc, NullsFirst: !it.Desc}
		if it.NullsFirst != nil {
			k.NullsFirst = *it.NullsFirst
		}
		m.node.Order = append(m.node.Order, k)
		if i > 0 {
			continue
		}
		switch col := m.scope.cols[c.Index]; {
		case col.Time == catalog.NoTime:
			d := b.Diags.Errorf(codes.Match, it.Sp, "the rows of a pattern are ordered by a time attribute first, and %s is none", col.Name)
			if col.Lost != nil {
				d.Label(col.Lost.Span, "%s", col.Lost.Why)
			} else if col.Table != nil && col.Type.IsTimestamp() && col.Table.Watermark == nil {
				d.Label(col.Table.NameSpan, "%s has no WATERMARK", col.Table.Name).
					Help("add WATERMARK FOR %s AS %s - INTERVAL '5' SECOND to table %s", scalar.QuoteName(col.Name), scalar.QuoteName(col.Name), col.Table.Name)
				continue
			}
			d.Help("write ORDER BY %s", b.timeColumn(m))
		case it.Desc:
			b.Diags.Errorf(codes.Match, it.Sp, "the rows of a pattern come in the order of time, ascending").Help("leave DESC out")
		}
	}
}

// timeColumn is the name of the input's time attribute, for a message.
func (b *Binder) timeColumn(m *matching) string {
	for _, c := range m.scope.cols {
		if c.Time != catalog.NoTime {
			return scalar.QuoteName(c.Name)
		}
	}
	return "the column with the WATERMARK"
}

func (b *Binder) matchWithin(m *matching, t *ast.MatchRecognize) {
	if t.Within == nil {
		return
	}
	v := b.scalarOver(t.Within, &scope{what: "WITHIN"}, "WITHIN")
	if v == nil {
		return
	}
	n, ok := scalar.Int(v)
	switch at := t.Within.Span(); {
	case v.Type().Kind == types.IntervalYearMonth:
		b.Diags.Errorf(codes.Match, at, "WITHIN cannot be months or years: they differ in length").Help("write days: INTERVAL '30' DAY")
	case v.Type().Kind != types.IntervalDaySecond || !ok:
		b.Diags.Errorf(codes.Match, at, "WITHIN takes a constant interval, found %s", v.Type().WithNullable(true)).Help("write it as in WITHIN INTERVAL '10' MINUTE")
	case n <= 0 || n%1000 != 0:
		b.Diags.Errorf(codes.Match, at, "WITHIN must be longer than nothing, and whole milliseconds")
	}
	m.node.Within = n
}

// matchPattern reads PATTERN: variables with quantifiers, one behind the other.
func (b *Binder) matchPattern(m *matching, t *ast.MatchRecognize) {
	found := len(b.Diags.All)
	b.patternPart(m, t.Pattern)
	if errorsSince(b.Diags, found) {
		return
	}
	vars := m.node.Vars
	for i, v := range vars[1:] {
		if before := vars[i]; greedy(before) && v.Min == 0 && (v.Max < 0 || v.Max == 1) {
			b.Diags.Errorf(codes.NoMatch, v.Span, "%s may be left out, and cannot follow %s, which takes as many rows as it can", v.Span.Text(), before.Span.Text()).
				Label(before.Span, "how many rows this takes would depend on what follows %s", v.Name).
				Help("write %s?: as few rows as possible", before.Span.Text())
		}
	}
	if last := vars[len(vars)-1]; greedy(last) {
		b.Diags.Errorf(codes.NoMatch, last.Span, "a pattern cannot end with %s, which takes as many rows as it can", last.Span.Text()).
			At("its last row would be known only when another one comes").
			Help("end with a variable for the row that follows, or write %s?: as few rows as possible", last.Span.Text())
	}
	if !slices.ContainsFunc(vars, func(v physical.PatternVar) bool { return v.Min > 0 }) {
		b.Diags.Errorf(codes.NoMatch, t.Pattern.Span(), "this pattern can match without any row").
			At("every variable may be left out").Help("one at least must take a row: write %s+ or %s", vars[0].Name, vars[0].Name)
	}
}

// greedy reports a variable that takes as many rows as it can, and could take fewer.
func greedy(v physical.PatternVar) bool {
	return !v.Reluctant && v.Max != v.Min && !(v.Min == 0 && v.Max == 1)
}

func (b *Binder) patternPart(m *matching, p ast.Pattern) {
	switch p := p.(type) {
	case *ast.PatternVar:
		b.patternVar(m, p, physical.PatternVar{Min: 1, Max: 1, Span: p.Sp})
	case *ast.PatternConcat:
		for _, x := range p.Items {
			b.patternPart(m, x)
		}
	case *ast.PatternRepeat:
		x, ok := p.X.(*ast.PatternVar)
		switch {
		case !ok:
			b.Diags.Errorf(codes.NoMatch, p.Sp, "a group with a quantifier is not supported").
				At("%s stands behind more than one variable", p.Quantifier.Text()).Help("repeat the variables, each under a name of its own")
		case p.Max == 0 || p.Max > 0 && p.Max < p.Min:
			b.Diags.Errorf(codes.Match, p.Quantifier, "%s takes no rows: the second number must be 1 at least, and not less than the first", p.Quantifier.Text())
		case p.Reluctant && p.Min == 0 && p.Max == 1:
			b.Diags.Errorf(codes.NoMatch, p.Quantifier, "?? is not supported: a variable that is left out where it can be").
				Help("write %s?, which looks for both: a match with the row and one without", x.Name.Name)
		default:
			b.patternVar(m, x, physical.PatternVar{Min: p.Min, Max: p.Max, Reluctant: p.Reluctant, Span: p.Sp})
		}
	case *ast.PatternAlter:
		b.Diags.Errorf(codes.NoMatch, p.Sp, "alternatives with | are not supported").
			Help("use one variable whose condition has OR: DEFINE A AS ... OR ...; or two patterns with UNION ALL")
	case *ast.PatternPermute:
		b.Diags.Errorf(codes.NoMatch, p.Sp, "PERMUTE is not supported").Help("write a pattern for each order and put them together with UNION ALL")
	case *ast.PatternExclude:
		b.Diags.Errorf(codes.NoMatch, p.Sp, "an exclusion {- ... -} is not supported").
			Help("only what MEASURES names is put out: write the variable without the signs")
	case *ast.PatternAnchor:
		b.Diags.Errorf(codes.NoMatch, p.Sp, "the anchor %s is not supported: a stream has no end", p.Sign).Note("Flink takes it and does not look at it").Help("leave it out")
	}
}

func (b *Binder) patternVar(m *matching, x *ast.PatternVar, v physical.PatternVar) {
	v.Name = x.Name.Name
	if i := m.variable(v.Name); i >= 0 {
		b.Diags.Errorf(codes.NoMatch, x.Name.Sp, "variable %s stands twice in the pattern", v.Name).
			Label(m.node.Vars[i].Span, "first here").Help("give the second a name and a condition of its own")
		return
	}
	m.node.Vars = append(m.node.Vars, v)
}

// variable is the place of a variable in the pattern, -1 where there is none.
func (m *matching) variable(name string) int {
	return slices.IndexFunc(m.node.Vars, func(v physical.PatternVar) bool { return v.Name == name })
}

func (m *matching) names() []string {
	var out []string
	for _, v := range m.node.Vars {
		out = append(out, v.Name)
	}
	return out
}

// known is the place of a variable, which is reported where there is none.
func (b *Binder) known(m *matching, id ast.Ident) int {
	i := m.variable(id.Name)
	if i >= 0 {
		return i
	}
	d := b.Diags.Errorf(codes.Match, id.Sp, "the pattern has no variable %s", id.Name).Label(m.at, "it has %s", strings.Join(m.names(), ", "))
	if s, ok := diag.Suggest(id.Name, m.names()); ok {
		d.Help("did you mean %s?", s)
	}
	return -1
}

func (b *Binder) matchSkip(m *matching, t *ast.MatchRecognize) {
	a := t.After
	if a == nil {
		m.node.Skip = physical.Skip{Kind: physical.ToNextRow, Var: -1} // as in Flink
		return
	}
	m.node.Skip = physical.Skip{Span: a.Sp, Var: -1}
	s := &m.node.Skip
	switch a.To {
	case "PAST LAST ROW":
		return
	case "TO NEXT ROW":
		s.Kind = physical.ToNextRow
		return
	case "TO FIRST":
		s.Kind = physical.ToFirst
	default:
		s.Kind = physical.ToLast
	}
	if s.Var = b.known(m, *a.Var); s.Var < 0 {
		return
	}
	v := m.node.Vars[s.Var]
	if s.Var == 0 && (s.Kind == physical.ToFirst || v.Max == 1) {
		b.Diags.Errorf(codes.Match, a.Sp, "the search would find the same match for ever").
			At("%s is where the match began", v.Name).Help("write AFTER MATCH SKIP TO NEXT ROW")
	}
}

func (b *Binder) matchDefines(m *matching, t *ast.MatchRecognize) {
	seen := map[string]*ast.PatternDefine{}
	for _, d := range t.Defines {
		if first := seen[d.Var.Name]; first != nil {
			b.Diags.Errorf(codes.Duplicate, d.Var.Sp, "DEFINE has two conditions for %s", d.Var.Name).
				Label(first.Var.Sp, "first here").Help("put them together with AND")
			continue
		}
		seen[d.Var.Name] = d
		if m.current = b.known(m, d.Var); m.current < 0 {
			continue
		}
		x := &exprBinder{Binder: b, scope: m.scope, clause: "DEFINE", match: m}
		m.node.Vars[m.current].Cond = x.condition(d.Cond, "DEFINE")
	}
	m.current = -1
}

func (b *Binder) matchMeasures(m *matching, t *ast.MatchRecognize) {
	m.current = -1
	if len(t.Measures) == 0 {
		b.Diags.Errorf(codes.Match, t.PatternAt, "this pattern has no MEASURES").At("what of a match is to be put out?").
			Help("name it in front of PATTERN: MEASURES A.x AS x")
		return
	}
	names := map[string]diag.Span{}
	for _, p := range m.node.Partition {
		names[m.scope.cols[p].Name] = diag.Span{}
	}
	for _, a := range t.Measures {
		if at, ok := names[a.Name.Name]; ok {
			d := b.Diags.Errorf(codes.Duplicate, a.Name.Sp, "there are two columns %s", a.Name.Name)
			if at.IsZero() {
				d.At("PARTITION BY has one, and it is put out, too")
			} else {
				d.Label(at, "first here")
			}
			continue
		}
		names[a.Name.Name] = a.Name.Sp
		x := &exprBinder{Binder: b, scope: m.scope, clause: "MEASURES", match: m}
		e := x.bind(a.Expr)
		if e == nil {
			continue
		}
		if e.Type().Kind == types.Null {
			b.Diags.Errorf(codes.Match, a.Expr.Span(), "measure %s has no type", a.Name.Name).Help("write CAST(NULL AS ...)")
			continue
		}
		out := logical.Measure{Name: a.Name.Name, Expr: e, Span: a.Sp}
		switch e := e.(type) {
		case *scalar.Column:
			if m.node.Refs[e.Index-m.input].Time {
				out.Time = catalog.RowTime
			}
		case *scalar.Call:
			if e.Func.Name == "PROCTIME" {
				out.Time = catalog.ProcTime
			}
		}
		m.node.Measures = append(m.node.Measures, out)
	}
}

// matchColumn binds a column in DEFINE or MEASURES: of the row that is looked at, or of one that the match has.
func (x *exprBinder) matchColumn(e *ast.ColumnRef) scalar.Expr {
	m := x.match
	parts := e.Name.Parts
	of, name := physical.AllVars, e.Name
	if len(parts) > 1 {
		if v := m.variable(parts[0].Name); v >= 0 {
			of, name.Parts = v, parts[1:]
		} else if !slices.Contains(m.scope.names(), parts[0].Name) {
			x.known(m, parts[0])
			return nil
		}
	}
	col, path := x.resolve(m.scope, name)
	if col == nil {
		return nil
	}
	r := x.matchRef(of, col, e)
	if r == nil {
		return nil
	}
	return x.path(r, path, e.Sp)
}

// matchRef is column col of a row of variable of.
func (x *exprBinder) matchRef(of int, col *scalar.Column, e *ast.ColumnRef) scalar.Expr {
	m := x.match
	at := *col
	at.Sp = e.Sp
	switch {
	case m.agg != nil:
		if m.agg.found && m.agg.of != of {
			x.Diags.Errorf(codes.Match, e.Sp, "%s over the rows of two variables", m.agg.name).At("another variable than before").
				Help("aggregate each of them: %s(...) + %s(...)", m.agg.name, m.agg.name)
			return nil
		}
		m.agg.found, m.agg.of = true, of
		return &at
	case m.nav != nil:
		if m.nav.found && m.nav.of != of {
			x.Diags.Errorf(codes.Match, e.Sp, "%s looks at the rows of two variables", m.nav.name).At("another variable than before").
				Help("write %s for each of them", m.nav.name)
			return nil
		}
		m.nav.found, m.nav.of = true, of
	}
	r := physical.MatchRef{Var: of, Column: col.Index, Type: col.Typ.WithNullable(true)}
	if m.nav != nil {
		r.First, r.Offset = m.nav.first, m.nav.offset
	}
	// The row that is looked at is the last one of its variable, and of all.
	if m.current >= 0 && !r.First && r.Offset == 0 && (of == m.current || of == physical.AllVars) {
		return &at
	}
	r.Name = m.refName(&r, col.Name)
	return m.ref(r, e.Sp)
}

func (m *matching) refName(r *physical.MatchRef, column string) string {
	text := scalar.QuoteName(column)
	if r.Var >= 0 {
		text = scalar.QuoteName(m.node.Vars[r.Var].Name) + "." + text
	}
	fn := "LAST"
	if r.First {
		fn = "FIRST"
	}
	if r.Offset > 0 {
		return fmt.Sprintf("%s(%s, %d)", fn, text, r.Offset)
	}
	return fn + "(" + text + ")"
}

// ref is the column that stands for r.
func (m *matching) ref(r physical.MatchRef, at diag.Span) scalar.Expr {
	key := fmt.Sprintf("%d %t %d %d %t %s %s", r.Var, r.First, r.Offset, r.Column, r.Time, r.Func, r.Type)
	for _, a := range r.Args {
		key += " " + scalar.Digest(a)
	}
	i, ok := m.lookup[key]
	if !ok {
		i = len(m.node.Refs)
		m.lookup[key] = i
		m.node.Refs = append(m.node.Refs, r)
	}
	return &scalar.Column{Index: m.input + i, Name: r.Name, Typ: r.Type, Sp: at}
}

// matchCall binds the functions that only MATCH_RECOGNIZE has; done is false for others.
func (x *exprBinder) matchCall(e *ast.Call, name string) (v scalar.Expr, done bool) {
	m := x.match
	if m == nil {
		switch name {
		case "FIRST", "LAST", "PREV", "NEXT", "MATCH_ROWTIME", "MATCH_PROCTIME", "CLASSIFIER", "MATCH_NUMBER":
			d := x.Diags.Errorf(codes.Match, e.Sp, "%s has a meaning in MATCH_RECOGNIZE only", name)
			if name == "FIRST" || name == "LAST" {
				d.Help("the first or last value of a group is %s_VALUE(x)", name)
			}
			return nil, true
		}
		return nil, false
	}
	if e.Sees == "RUNNING" {
		x.Diags.Errorf(codes.NoMatch, e.Sp, "RUNNING is not supported").At("a match gives one row, when it is whole").Help("leave RUNNING out")
		return nil, true
	}
	switch name {
	case "FIRST", "LAST":
		return x.navigate(e, name), true
	case "PREV", "NEXT":
		return x.physicalOffset(e, name), true
	case "MATCH_ROWTIME":
		return x.matchRowTime(e), true
	case "MATCH_PROCTIME":
		if len(e.Args) > 0 {
			x.Diags.Errorf(codes.Match, e.Sp, "MATCH_PROCTIME takes no arguments")
			return nil, true
		}
		return x.apply("PROCTIME", nil, e.Sp), true
	case "CLASSIFIER", "MATCH_NUMBER":
		x.Diags.Errorf(codes.NoMatch, e.Sp, "%s is not supported", name)
		return nil, true
	}
	return nil, false
}

// navigate binds FIRST(x [, n]) and LAST(x [, n]).
func (x *exprBinder) navigate(e *ast.Call, name string) scalar.Expr {
	m := x.match
	if m.nav != nil || m.agg != nil {
		inside := ""
		if m.nav != nil {
			inside = m.nav.name
		} else {
			inside = m.agg.name
		}
		x.Diags.Errorf(codes.Match, e.Sp, "%s cannot stand inside %s", name, inside)
		return nil
	}
	if len(e.Args) < 1 || len(e.Args) > 2 || e.Star || e.Distinct || e.Filter != nil {
		x.Diags.Errorf(codes.Match, e.Sp, "%s takes a column, and how many rows to go: %s(A.x, 1)", name, name)
		return nil
	}
	nav := &navigation{name: name, first: name == "FIRST"}
	if len(e.Args) == 2 {
		n, ok := x.offset(e.Args[1])
		if !ok {
			x.Diags.Errorf(codes.Match, e.Args[1].Span(), "how many rows %s goes must be a constant, and not negative", name)
			return nil
		}
		nav.offset = n
	}
	m.nav = nav
	v := x.bind(e.Args[0])
	m.nav = nil
	if v == nil {
		return nil
	}
	if !nav.found {
		x.Diags.Errorf(codes.Match, e.Sp, "%s of a value that has no column", name).Help("as in %s(A.x)", name)
		return nil
	}
	return v
}

// offset is a constant number of rows.
func (x *exprBinder) offset(e ast.Expr) (int, bool) {
	n, ok := e.(*ast.NumberLit)
	if !ok {
		return 0, false
	}
	v, ok := scalar.Int(x.number(n.Text, false, n.Sp))
	return int(v), ok && v >= 0 && v <= math.MaxInt32
}

// physicalOffset binds PREV and NEXT, which Flink takes for no rows away only.
func (x *exprBinder) physicalOffset(e *ast.Call, name string) scalar.Expr {
	if len(e.Args) == 2 {
		if n, ok := x.offset(e.Args[1]); ok && n == 0 {
			c := *e
			c.Args = e.Args[:1]
			return x.navigate(&c, "LAST")
		}
	}
	d := x.Diags.Errorf(codes.NoMatch, e.Sp, "%s is not supported: it looks at rows by their place and not by their variable", name)
	if name == "NEXT" {
		d.Help("define a variable for the row that follows, and put the condition there")
		return nil
	}
	arg := "x"
	if len(e.Args) > 0 {
		arg = e.Args[0].Span().Text()
	}
	d.Help("the row of the same variable before this one is LAST(%s, 1), NULL at the first; that of another is LAST(A.x)", arg)
	return nil
}

// matchRowTime binds MATCH_ROWTIME([column]): the row time at which the match was found, a time attribute.
func (x *exprBinder) matchRowTime(e *ast.Call) scalar.Expr {
	m := x.match
	time := m.scope.cols[m.node.Order[0].Column]
	t := types.MakeTimestamp(3)
	switch {
	case len(e.Args) > 1 || e.Star:
		x.Diags.Errorf(codes.Match, e.Sp, "MATCH_ROWTIME takes the column with the row time, or nothing")
		return nil
	case time.Time != catalog.RowTime:
		x.Diags.Errorf(codes.Match, e.Sp, "MATCH_ROWTIME needs rows in the order of a row time").
			At("these go by processing time").Help("write MATCH_PROCTIME()")
		return nil
	case len(e.Args) == 1:
		ref, ok := e.Args[0].(*ast.ColumnRef)
		if !ok {
			x.Diags.Errorf(codes.Match, e.Args[0].Span(), "MATCH_ROWTIME takes the column with the row time")
			return nil
		}
		name := ref.Name
		if len(name.Parts) == 2 && m.variable(name.Parts[0].Name) >= 0 {
			name.Parts = name.Parts[1:]
		}
		col, path := x.resolve(m.scope, name)
		if col == nil {
			return nil
		}
		if c := m.scope.cols[col.Index]; len(path) > 0 || c.Time != catalog.RowTime {
			x.Diags.Errorf(codes.Match, e.Args[0].Span(), "MATCH_ROWTIME takes the column with the row time, and %s is none", c.Name).
				Help("write MATCH_ROWTIME(%s)", x.timeColumn(m))
			return nil
		}
		t = col.Typ
	}
	return m.ref(physical.MatchRef{Var: physical.AllVars, Time: true, Type: t.NotNull(), Name: "MATCH_ROWTIME()"}, e.Sp)
}

// matchAggregate binds an aggregate over the rows of a variable, or of all.
func (x *exprBinder) matchAggregate(e *ast.Call, f *fn.Func) scalar.Expr {
	m := x.match
	switch {
	case m.agg != nil || m.nav != nil:
		inside := ""
		if m.agg != nil {
			inside = m.agg.name
		} else {
			inside = m.nav.name
		}
		x.Diags.Errorf(codes.Match, e.Sp, "%s cannot stand inside %s", f.Name, inside)
		return nil
	case e.Distinct:
		x.Diags.Errorf(codes.NoMatch, e.Sp, "DISTINCT is not supported in MATCH_RECOGNIZE")
		return nil
	case e.Filter != nil:
		x.Diags.Errorf(codes.NoMatch, e.Filter.Span(), "FILTER is not supported in MATCH_RECOGNIZE").
			Help("write %s(CASE WHEN ... THEN ... END)", f.Name)
		return nil
	case f.Name == "JSON_ARRAYAGG" || f.Name == "JSON_OBJECTAGG" || e.Nulls != "":
		x.Diags.Errorf(codes.NoMatch, e.Sp, "JSON aggregates, and IGNORE NULLS, are not supported in MATCH_RECOGNIZE")
		return nil
	case len(e.OrderBy) > 0:
		x.Diags.Errorf(codes.NoMatch, e.OrderBy[0].Sp, "ORDER BY inside an aggregate is not supported in MATCH_RECOGNIZE").
			At("rows come in the order of the match")
		return nil
	case e.Star && f.Name != "COUNT":
		x.Diags.Errorf(codes.Arguments, e.Sp, "%s(*) has no meaning", f.Name).Help("only COUNT takes a star")
		return nil
	}
	agg := &matchAgg{name: f.Name, of: physical.AllVars}
	m.agg = agg
	var args []scalar.Expr
	ok := true
	for _, a := range e.Args {
		v := x.bind(a)
		ok = ok && v != nil
		args = append(args, v)
	}
	m.agg = nil
	if !ok {
		return nil
	}
	if !agg.found && !e.Star {
		x.Diags.Errorf(codes.Match, e.Sp, "%s over no column: it is not said which rows are meant", f.Name).
			Help("name a column of a variable: %s(A.x); all rows are COUNT(*)", f.Name)
		return nil
	}
	t, args, ok := x.resolveCall(f, args, e.Sp)
	if !ok {
		return nil
	}
	if f.Name != "COUNT" {
		t = t.WithNullable(true)
	}
	r := physical.MatchRef{Var: agg.of, Func: f.Name, Args: args, Type: t}
	var texts []string
	for _, a := range args {
		texts = append(texts, scalar.Format(a, false))
	}
	of := ""
	if r.Var >= 0 {
		of = scalar.QuoteName(m.node.Vars[r.Var].Name) + ": "
	}
	if e.Star {
		texts = []string{"*"}
	}
	r.Name = f.Name + "(" + of + strings.Join(texts, ", ") + ")"
	return m.ref(r, e.Sp)
}
