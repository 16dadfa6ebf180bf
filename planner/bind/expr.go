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

// exprBinder binds the expressions of one clause.
type exprBinder struct {
	*Binder
	scope  *scope
	clause string      // for messages: "WHERE"
	agg    *grouping   // set where aggregates and group keys are meant
	within string      // the aggregate whose arguments are being bound
	over   *overs      // set where OVER may stand
	match  *matching   // set in MATCH_RECOGNIZE
	subs   *subqueries // set where sub-queries may be values
	// listed is the columns of the SELECT list, which go before those of FROM by their names; set in ORDER BY.
	listed map[string]scalar.Expr
	// correlated: columns of the query around this one may be named.
	correlated bool
	outer      *exprBinder      // of the query around this one; set while a sub-query of this one is bound
	positive   map[*ast.In]bool // INs of which FALSE and NULL need not be told apart
}

// scalarOver binds e over the columns of s; nil after a finding. clause is for messages.
func (b *Binder) scalarOver(e ast.Expr, s *scope, clause string) scalar.Expr {
	x := &exprBinder{Binder: b, scope: s, clause: clause}
	return x.bind(e)
}

// bind is e with types; nil after a finding.
func (x *exprBinder) bind(e ast.Expr) scalar.Expr {
	if c, ok := e.(*ast.ColumnRef); ok && x.within == "" && len(c.Name.Parts) == 1 {
		if v := x.listed[c.Name.Parts[0].Name]; v != nil {
			return v
		}
	}
	if x.agg != nil && x.within == "" {
		if k := x.agg.key(x, e); k != nil {
			return k
		}
	}
	switch e := e.(type) {
	case *ast.NullLit:
		return &scalar.Literal{Typ: types.TNull, Sp: e.Sp}
	case *ast.BoolLit:
		if e.Unknown {
			return &scalar.Literal{Typ: types.TBoolean, Sp: e.Sp}
		}
		return &scalar.Literal{Value: e.Value, Typ: types.TBoolean.NotNull(), Sp: e.Sp}
	case *ast.NumberLit:
		return x.number(e.Text, false, e.Sp)
	case *ast.StringLit:
		return text(e.Value, e.Sp)
	case *ast.BinaryLit:
		return &scalar.Literal{Value: e.Value, Typ: types.Type{Kind: types.Binary, Len: len(e.Value)}, Sp: e.Sp}
	case *ast.TemporalLit:
		return x.temporal(e)
	case *ast.IntervalLit:
		return x.interval(e)
	case *ast.Keyword:
		return text(e.Word, e.Sp)
	case *ast.ColumnRef:
		return x.columnRef(e)
	case *ast.Unary:
		return x.unary(e)
	case *ast.Binary:
		return x.binary(e)
	case *ast.Is:
		return x.is(e)
	case *ast.Between:
		return x.between(e)
	case *ast.In:
		return x.in(e)
	case *ast.Quantified:
		return x.quantified(e)
	case *ast.LikeExpr:
		name := "LIKE"
		if e.Similar {
			name = "SIMILAR TO"
		}
		operands := []ast.Expr{e.X, e.Pattern}
		if e.Escape != nil {
			operands = append(operands, e.Escape)
		}
		return x.not(e.Not, x.applyTo(name, e.Sp, operands...), e.Sp)
	case *ast.Case:
		return x.caseExpr(e)
	case *ast.Cast:
		return x.cast(e)
	case *ast.Call:
		return x.call(e)
	case *ast.ScalarQuery:
		return x.scalarQuery(e)
	case *ast.Exists:
		return x.existsValue(e)
	case *ast.FieldAccess:
		v := x.bind(e.X)
		if v == nil {
			return nil
		}
		return x.field(v, e.Field, e.Sp)
	case *ast.RowExpr:
		return x.applyTo("ROW", e.Sp, e.Items...)
	case *ast.ArrayExpr:
		return x.applyTo("ARRAY", e.Sp, e.Items...)
	case *ast.MapExpr:
		return x.applyTo("MAP", e.Sp, e.Items...)
	case *ast.Index:
		return x.element(e)
	}
	return x.refuse(e)
}

// refuse reports the forms that weir does not run yet.
func (x *exprBinder) refuse(e ast.Expr) scalar.Expr {
	switch e := e.(type) {
	case *ast.AtTimeZone:
		x.Diags.Errorf(codes.NoCallForm, e.Sp, "AT TIME ZONE is not supported").
			Help("use CONVERT_TZ, or SET 'table.local-time-zone' and a CAST between TIMESTAMP and TIMESTAMP_LTZ")
	default:
		x.Diags.Errorf(codes.NoCallForm, e.Span(), "this expression is not supported yet")
	}
	return nil
}

func (x *exprBinder) columnRef(e *ast.ColumnRef) scalar.Expr {
	if x.clause == "QUALIFY" && len(e.Name.Parts) == 1 && x.over != nil {
		name := e.Name.Parts[0].Name
		if alias := x.over.aliases[name]; alias != nil && !slices.Contains(x.scope.names(), name) {
			return x.bind(alias)
		}
	}
	if x.match != nil {
		return x.matchColumn(e)
	}
	if col, done := x.outerColumn(e); done {
		return col
	}
	col, path := x.resolve(x.scope, e.Name)
	if col == nil {
		return nil
	}
	if x.agg != nil && x.within == "" {
		if k := x.agg.keyPath(x, col, path, e.Sp); k != nil {
			return k
		}
		if x.path(col, path, e.Sp) != nil { // a field that is not there is said instead
			x.agg.notGrouped(x, e, col)
		}
		return nil
	}
	return x.path(col, path, e.Sp)
}

// path is what the names path lead to in the ROW v; nil after a finding.
func (b *Binder) path(v scalar.Expr, path []ast.Ident, at diag.Span) scalar.Expr {
	for _, f := range path {
		if v = b.field(v, f, at); v == nil {
			return nil
		}
	}
	return v
}

// field is the field f of v; nil after a finding.
func (b *Binder) field(v scalar.Expr, f ast.Ident, at diag.Span) scalar.Expr {
	t := v.Type()
	if t.Kind != types.Row {
		text := at.Text()
		if i := strings.LastIndexByte(text, '.'); i > 0 {
			text = strings.TrimSpace(text[:i])
		}
		d := b.Diags.Errorf(codes.UnknownColumn, f.Sp, "%s has no field %s: it is %s and not a ROW", text, f.Name, t.WithNullable(true))
		switch t.Kind {
		case types.Array:
			d.Help("an element is read as in %s[1]", text)
		case types.Map, types.Variant:
			d.Help("the value of a key is read as in %s['%s']", text, f.Name)
		}
		return nil
	}
	var names []string
	for i, n := range t.Nested.Fields {
		if n.Name == f.Name {
			return b.fold(scalar.NewField(v, i, at))
		}
		names = append(names, n.Name)
	}
	d := b.Diags.Errorf(codes.UnknownColumn, f.Sp, "there is no field %s in %s", f.Name, t.WithNullable(true))
	if s, ok := diag.Suggest(f.Name, names); ok {
		d.Help("did you mean %s?", scalar.QuoteName(s))
	} else {
		d.Note("it has %s", list(names, 12))
	}
	return nil
}

func (x *exprBinder) unary(e *ast.Unary) scalar.Expr {
	if e.Op == "NOT" {
		v := x.condition(e.X, "NOT")
		return x.not(true, v, e.Sp)
	}
	if n, ok := e.X.(*ast.NumberLit); ok {
		return x.number(n.Text, e.Op == "-", e.Sp)
	}
	v := x.bind(e.X)
	if v == nil {
		return nil
	}
	if l, ok := v.(*scalar.Literal); ok && v.Type().IsInterval() {
		n, isInt := l.Value.(int64)
		if e.Op == "-" && isInt {
			return &scalar.Literal{Value: -n, Typ: l.Typ, Sp: e.Sp}
		}
		return l
	}
	if e.Op == "+" {
		if !v.Type().IsNumeric() && !v.Type().IsInterval() {
			x.Diags.Errorf(codes.Arguments, e.Sp, "cannot apply + to (%s): a number is expected", v.Type())
			return nil
		}
		return v
	}
	return x.apply("-", []scalar.Expr{v}, e.Sp)
}

func (x *exprBinder) not(not bool, v scalar.Expr, at diag.Span) scalar.Expr {
	if !not || v == nil {
		return v
	}
	return x.apply("NOT", []scalar.Expr{v}, at)
}

func (x *exprBinder) binary(e *ast.Binary) scalar.Expr {
	if l, r, ok := rowOperands(e); ok {
		return x.sameRow(l, r, e)
	}
	switch e.Op {
	case "OVERLAPS":
		return x.overlaps(e)
	case "AND", "OR":
		// The chain nests to the left and may be long: it is taken apart by a loop.
		operands := []ast.Expr{e.Y}
		left := e.X
		for {
			l, ok := left.(*ast.Binary)
			if !ok || l.Op != e.Op {
				break
			}
			operands = append(operands, l.Y)
			left = l.X
		}
		operands = append(operands, left)
		args := make([]scalar.Expr, 0, len(operands))
		ok := true
		for i := len(operands) - 1; i >= 0; i-- {
			v := x.condition(operands[i], e.Op)
			ok = ok && v != nil
			args = append(args, v)
		}
		if !ok {
			return nil
		}
		return x.apply(e.Op, args, e.Sp)
	}
	v := x.applyTo(e.Op, e.Sp, e.X, e.Y)
	if v == nil {
		x.quotedName(e.X, e.Sp)
		x.quotedName(e.Y, e.Sp)
	}
	return v
}

// quotedName adds to the finding at a place that e, a string, is the name of a column.
func (x *exprBinder) quotedName(e ast.Expr, at diag.Span) {
	s, ok := e.(*ast.StringLit)
	n := len(x.Diags.All)
	if !ok || n == 0 || x.Diags.All[n-1].Span != at && x.Diags.All[n-1].Span != s.Sp || !slices.ContainsFunc(x.scope.cols, func(c logical.Column) bool { return c.Name == s.Value }) {
		return
	}
	if x.Diags.All[n-1].Span != s.Sp {
		x.Diags.All[n-1].Label(s.Sp, "this is a text")
	}
	x.Diags.All[n-1].Help("for the column write %s", scalar.QuoteName(s.Value))
}

// rowOperands is the values of (a, b) = (c, d), which is a comparison of each pair.
func rowOperands(e *ast.Binary) (l, r []ast.Expr, ok bool) {
	a, isRow := e.X.(*ast.RowExpr)
	b, areRows := e.Y.(*ast.RowExpr)
	if !isRow || !areRows || e.Op != "=" || len(a.Items) != len(b.Items) || len(a.Items) == 0 {
		return nil, nil, false
	}
	return a.Items, b.Items, true
}

// sameRow compares values pair by pair: a pair with a NULL is unknown, unless another pair decides.
func (x *exprBinder) sameRow(l, r []ast.Expr, e *ast.Binary) scalar.Expr {
	pairs := make([]scalar.Expr, len(l))
	ok := true
	for i := range l {
		pairs[i] = x.binary(&ast.Binary{At: e.At, Op: "=", OpSpan: e.OpSpan, X: l[i], Y: r[i]})
		ok = ok && pairs[i] != nil
	}
	if !ok {
		return nil
	}
	if len(pairs) == 1 {
		return pairs[0]
	}
	return x.apply("AND", pairs, e.Sp)
}

// condition binds e where only a BOOLEAN makes sense; of says of what.
func (x *exprBinder) condition(e ast.Expr, of string) scalar.Expr {
	v := x.bind(e)
	if v == nil {
		return nil
	}
	switch v.Type().Kind {
	case types.Boolean:
		return v
	case types.Null:
		return &scalar.Literal{Typ: types.TBoolean, Sp: v.Span()}
	}
	x.Diags.Errorf(codes.NotCondition, e.Span(), "%s needs a condition, found %s", of, v.Type()).
		At("this is %s", v.Type().WithNullable(true)).Help("compare it with something, as in %s", compareExample(e, v.Type()))
	return nil
}

func compareExample(e ast.Expr, t types.Type) string {
	s := e.Span().Text()
	if len(s) > 30 || strings.ContainsAny(s, "\n") {
		s = "x"
	}
	if t.IsNumeric() {
		return s + " <> 0"
	}
	return s + " IS NOT NULL"
}

func (x *exprBinder) is(e *ast.Is) scalar.Expr {
	not := ""
	if e.Not {
		not = "NOT "
	}
	if e.Y != nil {
		return x.applyTo("IS "+not+"DISTINCT FROM", e.Sp, e.X, e.Y)
	}
	if e.What == "NULL" {
		return x.applyTo("IS "+not+"NULL", e.Sp, e.X)
	}
	if strings.HasPrefix(e.What, "JSON") {
		return x.not(e.Not, x.applyTo("IS "+e.What, e.Sp, e.X), e.Sp)
	}
	v := x.condition(e.X, "IS "+not+e.What)
	if v == nil {
		return nil
	}
	return x.apply("IS "+not+e.What, []scalar.Expr{v}, e.Sp)
}

// between is x >= lo AND x <= hi.
func (x *exprBinder) between(e *ast.Between) scalar.Expr {
	v, lo, hi := x.bind(e.X), x.bind(e.Lo), x.bind(e.Hi)
	if v == nil || lo == nil || hi == nil {
		return nil
	}
	within := func(lo, hi scalar.Expr) scalar.Expr {
		a := x.apply(">=", []scalar.Expr{v, lo}, e.Sp)
		if a == nil {
			return nil
		}
		c := x.apply("<=", []scalar.Expr{v, hi}, e.Sp)
		if c == nil {
			return nil
		}
		return x.apply("AND", []scalar.Expr{a, c}, e.Sp)
	}
	r := within(lo, hi)
	if e.Symmetric && r != nil {
		if s := within(hi, lo); s != nil {
			r = x.apply("OR", []scalar.Expr{r, s}, e.Sp)
		}
	}
	return x.not(e.Not, r, e.Sp)
}

// in is one IN where the list is constant, and equalities otherwise.
func (x *exprBinder) in(e *ast.In) scalar.Expr {
	if e.Query != nil {
		return x.not(e.Not, x.inValue(e), e.Sp)
	}
	if _, isRow := e.X.(*ast.RowExpr); isRow {
		if r, done := x.inRows(e); done {
			return r
		}
	}
	v := x.bind(e.X)
	args := []scalar.Expr{v}
	ok, constant := v != nil, true
	for _, item := range e.List {
		i := x.bind(item)
		ok = ok && i != nil
		if _, lit := i.(*scalar.Literal); !lit {
			constant = false
		}
		args = append(args, i)
	}
	if !ok {
		return nil
	}
	if constant {
		if r := x.apply("IN", args, e.Sp); r == nil || literalList(r) {
			return x.not(e.Not, r, e.Sp)
		}
	} else if len(args) > 1 && v.Type().IsString() != args[1].Type().IsString() { // the list is read as one of x's type, or made one of strings
		_, cast, ok := x.resolveCall(x.Functions["IN"], args, e.Sp)
		if !ok {
			return nil
		}
		v, args = cast[0], cast
	}
	var alts []scalar.Expr
	for _, a := range args[1:] {
		eq := x.apply("=", []scalar.Expr{v, a}, e.Sp)
		if eq == nil {
			return nil
		}
		alts = append(alts, eq)
	}
	if len(alts) == 1 {
		return x.not(e.Not, alts[0], e.Sp)
	}
	return x.not(e.Not, x.apply("OR", alts, e.Sp), e.Sp)
}

// inRows is (a, b) IN ((c, d), ...): comparisons pair by pair. done is false when the list has something else.
func (x *exprBinder) inRows(e *ast.In) (v scalar.Expr, done bool) {
	var alts []scalar.Expr
	ok := true
	for _, item := range e.List {
		eq := &ast.Binary{At: e.At, Op: "=", X: e.X, Y: item}
		if _, _, rows := rowOperands(eq); !rows {
			return nil, false
		}
	}
	for _, item := range e.List {
		eq := x.binary(&ast.Binary{At: e.At, Op: "=", X: e.X, Y: item})
		ok = ok && eq != nil
		alts = append(alts, eq)
	}
	switch {
	case !ok:
		return nil, true
	case len(alts) == 1:
		v = alts[0]
	default:
		v = x.apply("OR", alts, e.Sp)
	}
	return x.not(e.Not, v, e.Sp), true
}

// literalList reports whether the list of an IN is still constants after the casts.
func literalList(e scalar.Expr) bool {
	c, ok := e.(*scalar.Call)
	if !ok {
		return true // folded
	}
	for _, a := range c.Args[1:] {
		if _, ok := a.(*scalar.Literal); !ok {
			return false
		}
	}
	return true
}

func (x *exprBinder) caseExpr(e *ast.Case) scalar.Expr {
	var operand scalar.Expr
	ok := true
	if e.Operand != nil {
		operand = x.bind(e.Operand)
		ok = operand != nil
	}
	var args []scalar.Expr
	for _, w := range e.Whens {
		var cond scalar.Expr
		if e.Operand == nil {
			cond = x.condition(w.Cond, "WHEN")
		} else if v := x.bind(w.Cond); v != nil && operand != nil {
			cond = x.apply("=", []scalar.Expr{operand, v}, w.Cond.Span())
		}
		then := x.bind(w.Then)
		ok = ok && cond != nil && then != nil
		args = append(args, cond, then)
	}
	var other scalar.Expr = &scalar.Literal{Typ: types.TNull, Sp: e.Sp}
	if e.Else != nil {
		other = x.bind(e.Else)
	}
	if !ok || other == nil {
		return nil
	}
	return x.apply("CASE", append(args, other), e.Sp)
}

func (x *exprBinder) cast(e *ast.Cast) scalar.Expr {
	v := x.bind(e.X)
	t, ok := Type(e.Type, x.Diags)
	if v == nil || !ok {
		return nil
	}
	verb := "CAST"
	if e.Try {
		verb = "TRY_CAST"
	}
	if ok, _ := fn.CanCast(v.Type(), t); !ok {
		d := x.Diags.Errorf(codes.CannotCast, e.Sp, "cannot %s %s to %s", verb, v.Type().WithNullable(true), t.WithNullable(true)).
			At("there is no such conversion")
		switch {
		case v.Type().Kind == types.Variant:
			d.Help("write JSON_VALUE(x, '$.path' RETURNING ...) for a value of it, and JSON_STRING(x) for all of it as text")
		case t.Kind == types.Variant:
			d.Help("PARSE_JSON makes a VARIANT of a text, and JSON_STRING a text of most values")
		}
		return nil
	}
	try := e.Try || x.LegacyCast
	t = t.WithNullable(v.Type().Nullable || try)
	if v.Type().EqualIgnoringNull(t) {
		return v
	}
	return x.fold(&scalar.Cast{X: v, Typ: t, Try: try, Sp: e.Sp})
}

// element is an element of a list, the value of a key, or a field of a ROW, which a constant names or counts from 1.
func (x *exprBinder) element(e *ast.Index) scalar.Expr {
	v, i := x.bind(e.X), x.bind(e.I)
	if v == nil || i == nil {
		return nil
	}
	if v.Type().Kind != types.Row {
		return x.apply("[]", []scalar.Expr{v, i}, e.Sp)
	}
	if l, isLit := i.(*scalar.Literal); isLit {
		switch which := l.Value.(type) {
		case string:
			return x.field(v, ast.Ident{At: ast.At{Sp: e.I.Span()}, Name: which}, e.Sp)
		case int64:
			if n := len(v.Type().Nested.Fields); l.Typ.IsInteger() {
				if which >= 1 && which <= int64(n) {
					return x.fold(scalar.NewField(v, int(which-1), e.Sp))
				}
				x.Diags.Errorf(codes.UnknownColumn, e.I.Span(), "there is no field %d in %s", which, v.Type().WithNullable(true)).
					Note("its fields are counted from 1 to %d", n)
				return nil
			}
		}
	}
	x.Diags.Errorf(codes.UnknownColumn, e.I.Span(), "a field of a ROW is named by a constant").At("this is not known before the job runs").
		Help("write r['name'], r.name or r[1]")
	return nil
}

// applyTo binds the operands and applies the function.
func (x *exprBinder) applyTo(name string, at diag.Span, operands ...ast.Expr) scalar.Expr {
	args := make([]scalar.Expr, len(operands))
	ok := true
	for i, o := range operands {
		args[i] = x.bind(o)
		ok = ok && args[i] != nil
	}
	if !ok {
		return nil
	}
	return x.apply(name, args, at)
}

// apply calls the scalar function name, with the casts that it asks for.
func (b *Binder) apply(name string, args []scalar.Expr, at diag.Span) scalar.Expr {
	f := b.Functions[name]
	if f == nil {
		b.Diags.Errorf(codes.UnknownFunction, at, "%s is not supported", name)
		return nil
	}
	t, cast, ok := b.resolveCall(f, args, at)
	if !ok {
		return nil
	}
	return b.fold(&scalar.Call{Func: f, Args: cast, Typ: t, Sp: at})
}

// resolveCall types a call and casts its arguments.
func (b *Binder) resolveCall(f *fn.Func, args []scalar.Expr, at diag.Span) (types.Type, []scalar.Expr, bool) {
	sig := make([]fn.Arg, len(args))
	for i, a := range args {
		sig[i] = fn.Arg{Type: a.Type(), Span: a.Span()}
		if l, ok := a.(*scalar.Literal); ok {
			sig[i].Literal, sig[i].Value = true, l.Value
		}
	}
	t, casts, err := f.Resolve(sig)
	if err != nil {
		var have []string
		for _, a := range args {
			have = append(have, a.Type().WithNullable(true).String())
		}
		d := b.Diags.Errorf(codes.Arguments, at, "cannot apply %s to (%s): %s", f.Name, strings.Join(have, ", "), err)
		if f.Syntax != "" && f.Syntax != f.Name {
			d.Note("the form is %s", f.Syntax)
		}
		return t, nil, false
	}
	out := make([]scalar.Expr, len(args))
	for i, a := range args {
		out[i] = a
		if i < len(casts) && casts[i].Kind != types.Invalid {
			out[i] = b.Convert(a, casts[i])
			if !b.readable(a, out[i], f) {
				return t, nil, false
			}
		}
	}
	return t, out, true
}

// readable reports, with a finding where not, that as, which f has made of the argument a, is none that fails for each row: a constant
// text that is read as a number and is none.
func (b *Binder) readable(a, as scalar.Expr, f *fn.Func) bool {
	l, isText := a.(*scalar.Literal)
	c, isCast := as.(*scalar.Cast)
	if !isText || !isCast || b.Fold == nil || !c.Implicit || !l.Typ.IsString() || c.Typ.IsString() {
		return true
	}
	b.Diags.Errorf(codes.Arguments, a.Span(), "'%s' is no %s", l.Value, c.Typ.WithNullable(true)).At("%s reads it as one", f.Name).
		Help("write a value of that type, or CAST the other side to STRING")
	return false
}

// Convert is e as a value of type t, by an implicit cast where the types differ. Whether that is
// allowed has been checked.
func (b *Binder) Convert(e scalar.Expr, t types.Type) scalar.Expr {
	if e.Type().EqualIgnoringNull(t) {
		return e
	}
	t = t.WithNullable(e.Type().Nullable)
	if l, ok := e.(*scalar.Literal); ok {
		if v, ok := convertLiteral(l, t); ok {
			return &scalar.Literal{Value: v, Typ: t, Sp: l.Sp}
		}
	}
	return b.fold(&scalar.Cast{X: e, Typ: t, Implicit: true, Sp: e.Span()})
}

// convertLiteral does the conversions that change nothing but the type.
func convertLiteral(l *scalar.Literal, t types.Type) (types.Value, bool) {
	switch {
	case l.Value == nil:
		return nil, true
	case l.Typ.IsInteger() && t.IsInteger() && t.Kind >= l.Typ.Kind:
		return l.Value, true
	case l.Typ.IsString() && t.Kind == types.VarChar && t.Len >= l.Typ.Len:
		return l.Value, true
	case l.Typ.IsBinary() && t.Kind == types.VarBinary && t.Len >= l.Typ.Len:
		return l.Value, true
	case l.Typ.Kind == t.Kind && l.Typ.IsTimestamp() && t.Prec >= l.Typ.Prec:
		return l.Value, true
	}
	return nil, false
}

// fold is the constant that e is, or e. An expression that fails stays as it is: it fails when a
// row reaches it, which may be never (a branch of CASE).
func (b *Binder) fold(e scalar.Expr) scalar.Expr {
	if b.Fold == nil {
		return e
	}
	if c, ok := e.(*scalar.Call); ok && !c.Func.Deterministic {
		return e
	}
	for _, c := range scalar.Children(e) {
		if _, ok := c.(*scalar.Literal); !ok {
			return e
		}
	}
	v, err := b.Fold(e)
	if err != nil {
		return e
	}
	t := e.Type()
	if v == nil {
		t = t.WithNullable(true)
	}
	return &scalar.Literal{Value: v, Typ: t, Sp: e.Span()}
}

// auxiliary is the functions that only GROUP BY TUMBLE(...) and its kin give a meaning.
var auxiliary = map[string]string{
	"TUMBLE_START": "TUMBLE", "TUMBLE_END": "TUMBLE", "TUMBLE_ROWTIME": "TUMBLE", "TUMBLE_PROCTIME": "TUMBLE",
	"HOP_START": "HOP", "HOP_END": "HOP", "HOP_ROWTIME": "HOP", "HOP_PROCTIME": "HOP",
	"SESSION_START": "SESSION", "SESSION_END": "SESSION", "SESSION_ROWTIME": "SESSION", "SESSION_PROCTIME": "SESSION",
}

func (x *exprBinder) call(e *ast.Call) scalar.Expr {
	name := strings.ToUpper(e.Name.Name)
	f := x.Functions[name]
	if e.Over == nil {
		if v, done := x.matchCall(e, name); done {
			return v
		}
	}
	switch {
	case e.Over != nil:
		return x.overCall(e, f)
	case name == "GROUPING" || name == "GROUPING_ID" || name == "GROUP_ID":
		return x.groupingCall(e, name)
	case auxiliary[name] != "":
		return x.auxiliaryCall(e, name)
	case f != nil && f.Kind == fn.Aggregate && x.match != nil:
		return x.matchAggregate(e, f)
	case f != nil && f.Kind == fn.Aggregate:
		return x.aggregate(e, f)
	case f != nil && f.Kind == fn.Window:
		x.Diags.Errorf(codes.Over, e.Sp, "%s needs OVER (PARTITION BY ... ORDER BY ...)", name)
		return nil
	case f != nil && f.Kind == fn.TableFunction && name == vectorSearch:
		x.Diags.Errorf(codes.Search, e.Sp, "%s is not a function of a row", name).Help("it stands in FROM: FROM q, %s", f.Syntax)
		return nil
	case f != nil && f.Kind == fn.TableFunction:
		x.Diags.Errorf(codes.WindowFunction, e.Sp, "%s is not a function of a row", name).
			Help("it stands in FROM: FROM TABLE(%s(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)), or in GROUP BY", name)
		return nil
	case f == nil:
		x.unknownFunction(e)
		return nil
	case name == fn.CurrentWatermark:
		return x.currentWatermark(e)
	case name == fn.SourceWatermark:
		x.Diags.Errorf(codes.Watermark, e.Sp, "%s() stands alone in a WATERMARK, and nowhere else", name).
			Help("write WATERMARK FOR ts AS %s() in the definition of the table", name)
		return nil
	case name == "ARRAY" || name == "MAP":
		x.Diags.Errorf(codes.UnknownFunction, e.Name.Sp, "function %s is not known", e.Name.Name).Help("it is written in square brackets: %s", f.Syntax)
		return nil
	case e.Distinct, e.Filter != nil, e.Star, len(e.OrderBy) > 0, e.Nulls != "":
		x.Diags.Errorf(codes.Aggregate, e.Sp, "%s is not an aggregate: DISTINCT, FILTER, ORDER BY, IGNORE NULLS and * have no meaning for it", name)
		return nil
	}
	if v, done := x.jsonCall(e, f); done {
		return v
	}
	v := x.applyTo(name, e.Sp, e.Args...)
	if v != nil && name == fn.CurrentDatabase {
		return &scalar.Literal{Value: x.In.Database, Typ: v.Type(), Sp: e.Sp}
	}
	return v
}

func (x *exprBinder) unknownFunction(e *ast.Call) {
	d := x.Diags.Errorf(codes.UnknownFunction, e.Name.Sp, "function %s is not known", e.Name.Name)
	if s, ok := foreignFunctions[strings.ToUpper(e.Name.Name)]; ok {
		d.Help("%s", s)
	} else if s, ok := diag.Suggest(strings.ToUpper(e.Name.Name), x.functionNames()); ok {
		d.Help("did you mean %s?", s)
	} else {
		d.Help("SHOW FUNCTIONS lists what there is")
	}
}

func (x *exprBinder) auxiliaryCall(e *ast.Call, name string) scalar.Expr {
	if x.agg != nil && x.agg.window != nil {
		return x.agg.auxiliary(x, e, name)
	}
	group := auxiliary[name]
	x.Diags.Errorf(codes.WindowFunction, e.Sp, "%s needs GROUP BY %s(...) with the same arguments", name, group).
		Help("over TABLE(%s(...)) the columns are called window_start, window_end and window_time", group)
	return nil
}
