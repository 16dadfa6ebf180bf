package bind

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Insert is a bound INSERT: a relation with one column for each writable column of the table.
type Insert struct {
	Table  *catalog.Table
	Query  logical.Node
	Fields []int // index into Table.Columns of every column of Query
	// Static has the values of PARTITION (...) as texts, by the column's name; nil without.
	Static map[string]string
}

// Writable is the columns of t that an INSERT fills: physical ones and persisted metadata, in
// their declared order.
func Writable(t *catalog.Table) []int {
	var out []int
	for i := range t.Columns {
		switch c := &t.Columns[i]; c.Kind {
		case catalog.Physical:
			out = append(out, i)
		case catalog.Metadata:
			if !c.Virtual {
				out = append(out, i)
			}
		}
	}
	return out
}

// Insert binds an INSERT INTO t; nil after findings. t has been looked up, and hints applied.
func (b *Binder) Insert(st *ast.Insert, t *catalog.Table) *Insert {
	fields := Writable(t)
	from := make([]int, len(fields)) // for every field its column of the query, -1 for none
	static, ok := b.staticPartition(st, t, fields)
	var targets []int // the fields that the query gives
	if st.Columns != nil {
		var named bool
		targets, named = b.insertColumns(st, t, fields, static, from)
		ok = ok && named
	} else {
		for i, f := range fields {
			from[i] = -1
			if static[i] == nil {
				from[i] = len(targets)
				targets = append(targets, f)
			}
		}
	}
	var want []types.Type
	for _, f := range targets {
		want = append(want, t.Columns[f].Type)
	}
	var q logical.Node
	if v, isValues := st.Query.Body.(*ast.Values); isValues && len(st.Query.OrderBy) == 0 && st.Query.Limit == nil && st.Query.Offset == nil {
		q = b.values(v, want)
	} else {
		q = b.query(st.Query)
	}
	if q == nil || !ok {
		return nil
	}
	cols := q.Cols()
	if len(cols) != len(targets) {
		b.columnCount(st, t, cols, targets)
		return nil
	}
	order := orderByName(st, t)
	for i, c := range cols {
		if b.checkStore(st, t, &t.Columns[targets[i]], c, i, order) {
			continue
		}
		if ok = false; order != "" {
			break // the other columns stand at the wrong places for the same reason
		}
	}
	if v, constant := q.(*logical.Values); constant {
		ok = b.noNulls(t, targets, v) && ok
	}
	if !ok {
		return nil
	}
	exprs := make([]scalar.Expr, len(fields))
	names := make([]string, len(fields))
	for i, f := range fields {
		c := &t.Columns[f]
		names[i] = c.Name
		switch {
		case static[i] != nil:
			exprs[i] = static[i]
		case from[i] < 0:
			exprs[i] = &scalar.Literal{Typ: c.Type.WithNullable(true)}
		default:
			exprs[i] = b.store(logical.Ref(q, from[i]), c.Type)
		}
		if c.Kind == catalog.Metadata {
			if m, found := MetadataType(b.Registry, t, c); found {
				exprs[i] = b.Convert(exprs[i], m)
			}
		}
	}
	in := &Insert{Table: t, Query: logical.NewCalc(q, nil, exprs, names, st.Query.Sp), Fields: fields}
	for _, p := range st.Partition {
		if in.Static == nil {
			in.Static = map[string]string{}
		}
		in.Static[p.Key.Value] = p.Value.Value
	}
	return in
}

// staticPartition is the values of PARTITION (...) by their places in fields; the others are nil.
func (b *Binder) staticPartition(st *ast.Insert, t *catalog.Table, fields []int) (values []scalar.Expr, ok bool) {
	values, ok = make([]scalar.Expr, len(fields)), true
	for _, p := range st.Partition {
		name := p.Key.Value
		i := slices.IndexFunc(fields, func(f int) bool { return t.Columns[f].Name == name })
		switch {
		case !slices.Contains(t.Partitions, name):
			d := b.Diags.Errorf(codes.InsertColumns, p.Key.Sp, "%s is no partition column of %s", name, t.Name)
			if s, found := diag.Suggest(name, t.Partitions); found && s != name {
				d.Help("did you mean %s?", scalar.QuoteName(s))
			} else if len(t.Partitions) == 0 {
				d.At("the table is not partitioned").Help("give the value as a column of the query, or define %s with PARTITIONED BY (...)", t.Name)
			} else {
				d.Note("it is partitioned by %s", strings.Join(t.Partitions, ", "))
			}
			ok = false
			continue
		case i < 0:
			ok = false // the definition of the table is wrong, and reported there
			continue
		case values[i] != nil:
			b.Diags.Errorf(codes.InsertColumns, p.Key.Sp, "column %s is there twice", name)
			ok = false
			continue
		}
		c := &t.Columns[fields[i]]
		text := &scalar.Literal{Value: p.Value.Value, Typ: types.TString.NotNull(), Sp: p.Value.Sp}
		values[i] = text
		if c.Type.IsString() {
			continue
		}
		to := c.Type.NotNull()
		e := b.fold(&scalar.Cast{X: text, Typ: to, Implicit: true, Sp: p.Value.Sp})
		if _, constant := e.(*scalar.Literal); !constant {
			b.Diags.Errorf(codes.CannotStore, p.Value.Sp, "'%s' is no %s", p.Value.Value, to.WithNullable(true)).Label(c.Span, "partition column %s", name)
			ok = false
		}
		values[i] = e
	}
	return values, ok
}

// noNulls reports constant NULLs for NOT NULL columns.
func (b *Binder) noNulls(t *catalog.Table, targets []int, v *logical.Values) bool {
	ok := true
	for _, r := range v.Rows {
		for i, l := range r {
			if c := &t.Columns[targets[i]]; l.Value == nil && !c.Type.Nullable {
				b.Diags.Errorf(codes.NullStored, l.Sp, "column %s of %s is NOT NULL", c.Name, t.Name).Label(c.Span, "declared here")
				ok = false
			}
		}
	}
	return ok
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// store converts e for a column of type t. Lengths of strings are left alone: the sink's own
// setting says what becomes of what is too long.
func (b *Binder) store(e scalar.Expr, t types.Type) scalar.Expr {
	if sameButLength(e.Type(), t) {
		return e
	}
	return b.Convert(e, t)
}

func sameButLength(a, t types.Type) bool {
	return a.IsString() && t.IsString() || a.IsBinary() && t.IsBinary()
}

// insertColumns resolves the column list of an INSERT.
func (b *Binder) insertColumns(st *ast.Insert, t *catalog.Table, fields []int, static []scalar.Expr, from []int) (targets []int, ok bool) {
	ok = true
	for i := range from {
		from[i] = -1
	}
	for n, id := range st.Columns {
		at := -1
		for i, f := range fields {
			if t.Columns[f].Name == id.Name {
				at = i
			}
		}
		if at < 0 {
			b.notWritable(t, id, fields)
			ok = false
			continue
		}
		if static[at] != nil {
			b.Diags.Errorf(codes.InsertColumns, id.Sp, "column %s gets its value from PARTITION", id.Name).Help("leave it out here")
			ok = false
			continue
		}
		if from[at] >= 0 {
			b.Diags.Errorf(codes.InsertColumns, id.Sp, "column %s is there twice", id.Name)
			ok = false
			continue
		}
		from[at] = n
		targets = append(targets, fields[at])
	}
	if !ok {
		return targets, false
	}
	for i, f := range fields {
		if c := &t.Columns[f]; from[i] < 0 && static[i] == nil && !c.Type.Nullable {
			b.Diags.Errorf(codes.InsertColumns, st.Columns[0].Sp.To(st.Columns[len(st.Columns)-1].Sp), "column %s of %s is NOT NULL and gets no value", c.Name, t.Name).
				Label(c.Span, "declared here").Help("add %s to the columns", scalar.QuoteName(c.Name))
			ok = false
		}
	}
	return targets, ok
}

func (b *Binder) notWritable(t *catalog.Table, id ast.Ident, fields []int) {
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Name != id.Name {
			continue
		}
		why := "computed"
		if c.Kind == catalog.Metadata {
			why = "VIRTUAL"
		}
		b.Diags.Errorf(codes.InsertColumns, id.Sp, "column %s of %s cannot be written", c.Name, t.Name).Label(c.Span, "it is %s", why).
			Help("leave it out")
		return
	}
	var names []string
	for _, f := range fields {
		names = append(names, t.Columns[f].Name)
	}
	d := b.Diags.Errorf(codes.UnknownColumn, id.Sp, "table %s has no column %s", t.Name, id.Name)
	if s, ok := diag.Suggest(id.Name, names); ok {
		d.Help("did you mean %s?", scalar.QuoteName(s))
		return
	}
	d.Note("it has %s", list(names, 12))
}

// columnCount reports that the query's columns are not as many as those that they go to.
func (b *Binder) columnCount(st *ast.Insert, t *catalog.Table, cols []logical.Column, targets []int) {
	var names []string
	for _, f := range targets {
		names = append(names, t.Columns[f].Name)
	}
	what := "table " + t.Name + " has"
	if len(st.Partition) > 0 {
		what = "besides PARTITION " + what
	}
	if st.Columns != nil {
		what = "the column list has"
	}
	d := b.Diags.Errorf(codes.ColumnCount, selectList(st.Query), "the query gives %s and %s %d", count(len(cols), "column"), what, len(targets))
	d.At("%s", columnNames(cols))
	if st.Columns == nil {
		d.Label(st.Table.Sp, "%s", strings.Join(names, ", "))
	}
	if core, ok := st.Query.Body.(*ast.SelectCore); ok && len(cols) < len(targets) {
		for _, it := range core.Items {
			if it.Alias != nil && it.Expr != nil && strings.TrimSpace(it.Sp.File.Text[it.Expr.Span().End:it.Alias.Sp.Start]) == "" {
				d.Label(it.Alias.Sp, "this is a name for what stands before it: is a comma missing?")
				break
			}
		}
	}
	switch {
	case len(cols) > len(targets):
		d.Help("leave out %s", columnNames(cols[len(targets):]))
	case st.Columns == nil:
		d.Help("add %s, or name the columns: INSERT INTO %s (%s) ...", strings.Join(names[len(cols):], ", "), st.Table, strings.Join(names[:len(cols)], ", "))
	default:
		d.Help("add a value for %s", strings.Join(names[len(cols):], ", "))
	}
}

// selectList is the place to point at for a query's columns.
func selectList(q *ast.Query) diag.Span {
	body := q.Body
	for {
		switch c := body.(type) {
		case *ast.SelectCore:
			return c.Items[0].Sp.To(c.Items[len(c.Items)-1].Sp)
		case *ast.SetOp:
			body = c.Left
		case *ast.Query:
			body = c.Body
		default:
			return body.Span()
		}
	}
}

// itemSpan is the place of column i of a query, as near as it is known.
func itemSpan(q *ast.Query, i, n int) diag.Span {
	switch c := q.Body.(type) {
	case *ast.SelectCore:
		if len(c.Items) == n && !c.Items[i].Star {
			return c.Items[i].Expr.Span()
		}
	case *ast.Values:
		if len(c.Rows) == 1 {
			return c.Rows[0].Items[i].Span()
		}
	}
	return selectList(q)
}

// composes is functions whose texts are no numbers: a CAST would run, and fail.
var composes = map[string]bool{"JSON_OBJECTAGG": true, "JSON_ARRAYAGG": true, "JSON_OBJECT": true, "JSON_ARRAY": true, "JSON_QUERY": true,
	"LISTAGG": true, "DATE_FORMAT": true, "UUID": true, "MD5": true, "SHA256": true}

// itemExpr is what column i of a query is computed by, nil where that is not known.
func itemExpr(q *ast.Query, i int) ast.Expr {
	switch c := q.Body.(type) {
	case *ast.SelectCore:
		if i < len(c.Items) && !slices.ContainsFunc(c.Items, func(it *ast.SelectItem) bool { return it.Star }) {
			return c.Items[i].Expr
		}
	case *ast.Values:
		if len(c.Rows) == 1 && i < len(c.Rows[0].Items) {
			return c.Rows[0].Items[i]
		}
	}
	return nil
}

// orderByName is the INSERT with the columns of the table that its query names, where that has all its columns from there, and in another
// order; "" where it has not.
func orderByName(st *ast.Insert, t *catalog.Table) string {
	core, ok := st.Query.Body.(*ast.SelectCore)
	if !ok || st.Columns != nil || len(st.Partition) > 0 {
		return ""
	}
	var names, own []string
	for _, f := range Writable(t) {
		own = append(own, scalar.QuoteName(t.Columns[f].Name))
	}
	for _, it := range core.Items {
		name := ""
		if it.Alias != nil {
			name = it.Alias.Name
		} else if ref, plain := it.Expr.(*ast.ColumnRef); plain {
			name = ref.Name.Parts[len(ref.Name.Parts)-1].Name
		}
		if name == "" || !slices.Contains(own, scalar.QuoteName(name)) {
			return ""
		}
		names = append(names, scalar.QuoteName(name))
	}
	if slices.Equal(names, own) {
		return ""
	}
	return fmt.Sprintf("INSERT INTO %s (%s) ...", st.Table, strings.Join(names, ", "))
}

// differs is the first place inside of from that cannot be stored in that of to, with the types of both; path itself where that is the whole.
func differs(path string, from, to types.Type) (string, types.Type, types.Type) {
	inner := func(path string, from, to types.Type) (string, types.Type, types.Type, bool) {
		if assignable(from, to) {
			return "", from, to, false
		}
		at, have, want := differs(path, from, to)
		return at, have, want, true
	}
	if from.Kind == to.Kind && from.Nested != nil && to.Nested != nil {
		f, t := from.Nested, to.Nested
		switch from.Kind {
		case types.Row:
			for i := range min(len(f.Fields), len(t.Fields)) {
				if at, have, want, bad := inner(path+"."+f.Fields[i].Name, f.Fields[i].Type, t.Fields[i].Type); bad {
					return at, have, want
				}
			}
		case types.Map:
			if at, have, want, bad := inner("a key of "+path, f.Key, t.Key); bad {
				return at, have, want
			}
			if at, have, want, bad := inner(path+"[]", f.Elem, t.Elem); bad {
				return at, have, want
			}
		default:
			if at, have, want, bad := inner(path+"[]", f.Elem, t.Elem); bad {
				return at, have, want
			}
		}
	}
	return path, from.WithNullable(true), to.WithNullable(true)
}

// checkStore reports a value that cannot go into a column.
func (b *Binder) checkStore(st *ast.Insert, t *catalog.Table, to *catalog.Column, from logical.Column, i int, order string) bool {
	at := itemSpan(st.Query, i, len(Writable(t))-len(st.Partition))
	if st.Columns != nil {
		at = itemSpan(st.Query, i, len(st.Columns))
	}
	if from.Type.Kind == types.Null && !to.Type.Nullable {
		b.Diags.Errorf(codes.NullStored, at, "column %s of %s is NOT NULL", to.Name, t.Name).Label(to.Span, "declared here")
		return false
	}
	if assignable(from.Type, to.Type) {
		return true
	}
	d := b.Diags.Errorf(codes.CannotStore, at, "cannot write %s into column %s %s of %s", from.Type.WithNullable(true), to.Name, to.Type.WithNullable(true), t.Name).
		Label(to.Span, "declared as %s", to.Type)
	if path, have, want := differs(to.Name, from.Type, to.Type); path != to.Name {
		d.Note("%s is %s in the query and %s in the table", path, have, want)
	}
	if order != "" {
		d.Help("columns go by their place, not by their name: write %s", order)
		return false
	}
	if f, composed := itemExpr(st.Query, i).(*ast.Call); composed && composes[strings.ToUpper(f.Name.Name)] && to.Type.IsNumeric() {
		d.Help("declare %s as %s, or write another value", to.Name, from.Type.WithNullable(true))
		return false
	}
	if s, text := itemExpr(st.Query, i).(*ast.StringLit); text && !to.Type.IsString() {
		if _, err := strconv.ParseFloat(s.Value, 64); err == nil && to.Type.IsNumeric() {
			d.Help("write it without the quotes: %s", s.Value)
			return false
		} else if to.Type.IsNumeric() {
			d.Help("a %s is written without quotes, as in 42", to.Type.WithNullable(true))
			return false
		}
	}
	if ok, _ := fn.CanCast(from.Type, to.Type); ok {
		text := at.Text()
		if strings.ContainsAny(text, "\n*") || len(text) > 40 {
			text = scalar.QuoteName(from.Name)
		}
		d.Help("write CAST(%s AS %s)", text, to.Type.WithNullable(true))
	}
	return false
}
