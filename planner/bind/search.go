package bind

import (
	"slices"
	"strconv"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

const vectorSearch = "VECTOR_SEARCH"

// isSearch reports VECTOR_SEARCH(...) in FROM.
func isSearch(t ast.TableRef) (*ast.TableFunc, bool) {
	f, ok := t.(*ast.TableFunc)
	return f, ok && strings.EqualFold(f.Name.Name, vectorSearch)
}

// searchAlone is FROM TABLE(VECTOR_SEARCH(...)) without a table before it: the vector is a constant.
func (b *Binder) searchAlone(t *ast.TableFunc) (logical.Node, *scope) {
	one := oneRow(t.Sp)
	v := b.search(t, one, &scope{what: vectorSearch + " without a table before it"}, false)
	if v == nil {
		return nil, nil
	}
	exprs, names := logical.Pass(v)
	n := len(v.Input.Cols())
	return b.aliased(logical.NewCalc(v, nil, exprs[n:], names[n:], t.Sp), t.Alias, "", t.Sp)
}

// joinSearch is left JOIN LATERAL TABLE(VECTOR_SEARCH(...)): each row of left beside the rows that are the most similar to it.
func (b *Binder) joinSearch(j *ast.Join, t *ast.TableFunc, left logical.Node, ls *scope) (logical.Node, *scope) {
	outer := j.Kind == "LEFT"
	switch {
	case j.Kind == "RIGHT" || j.Kind == "FULL":
		b.Diags.Errorf(codes.NoJoin, j.JoinSpan, "%s JOIN with %s has no meaning: nothing is found without a row", j.Kind, vectorSearch).
			Help("write CROSS JOIN LATERAL, or LEFT JOIN LATERAL ... ON TRUE to keep rows for which nothing is found")
		return nil, nil
	case len(j.Using) > 0 || j.Natural:
		b.Diags.Errorf(codes.NoJoin, t.Sp, "%s is joined by its vectors, not by equal columns", vectorSearch).Help("write CROSS JOIN LATERAL, and compare in WHERE")
		return nil, nil
	}
	v := b.search(t, left, ls, outer)
	if v == nil {
		return nil, nil
	}
	n, w := len(left.Cols()), len(v.Input.Cols())
	exprs, names := logical.Pass(v)
	exprs, names = slices.Concat(exprs[:n], exprs[w:]), slices.Concat(names[:n], names[w:])
	return b.beside(j, ls, made{v, exprs, names, n, t.Alias, t.Sp, "LATERAL TABLE(" + vectorSearch + "(...))", "for which nothing is left"})
}

// search binds a call for the rows of in, whose columns s names; nil after findings. The vector is a column of the search's input, behind those of
// in where it is none of them.
func (b *Binder) search(t *ast.TableFunc, in logical.Node, s *scope, outer bool) *logical.VectorSearch {
	args, ok := b.tableArguments(t, vectorSearch)
	if !ok {
		return nil
	}
	v := logical.VectorSearch{Input: in, Outer: outer}
	found := b.searched(args["SEARCH_TABLE"], &v)
	v.TopK, ok = b.topK(args["TOP_K"])
	ok = b.searchConfig(args["CONFIG"], &v.Options) && ok
	if !found || !b.searchColumn(args["COLUMN_TO_SEARCH"], args["SEARCH_TABLE"], &v) || !b.searchVector(args["COLUMN_TO_QUERY"], s, &v) || !ok {
		return nil
	}
	return logical.NewVectorSearch(v, t.Sp)
}

// searched binds the table: a scan, what is computed of it, and nothing else.
func (b *Binder) searched(a *ast.TableArg, v *logical.VectorSearch) bool {
	for _, e := range a.PartitionBy {
		b.Diags.Errorf(codes.Search, e.Span(), "PARTITION BY has no meaning for the table of %s", vectorSearch)
		return false
	}
	for _, o := range a.OrderBy {
		b.Diags.Errorf(codes.Search, o.Sp, "ORDER BY has no meaning for the table of %s: the most similar rows come first", vectorSearch)
		return false
	}
	var n logical.Node
	at := a.Sp
	if a.Query != nil {
		n = b.query(a.Query)
	} else {
		n, _ = b.tableName(&ast.TableName{At: a.At, Name: *a.Table})
		at = a.Table.Sp
	}
	if n == nil {
		return false
	}
	v.Exprs, v.Names = logical.Pass(n)
	for {
		switch x := n.(type) {
		case *logical.Scan:
			scan := *x
			scan.Watermark, scan.RowTime, scan.RowTimeName = nil, nil, "" // the table is there as a whole
			v.Scan = &scan
			return b.searchable(scan.Table, at)
		case *logical.Calc:
			if x.Filter != nil {
				b.Diags.Errorf(codes.Search, x.Filter.Span(), "the rows that %s searches cannot be filtered before", vectorSearch).
					Note("Flink refuses this too: a search by vector knows no other condition").
					Help("search for more rows, and put the condition into the WHERE behind the search")
				return false
			}
			for i, e := range v.Exprs {
				v.Exprs[i] = Inline(e, x.Exprs)
			}
			n = x.Input
		default:
			b.Diags.Errorf(codes.Search, at, "%s searches a table, and this is more than one", vectorSearch).
				At("it joins, groups or orders rows").Help("write the result into a table of its own by another job, and search that")
			return false
		}
	}
}

// searchable reports whether t can be searched, and why not where it cannot.
func (b *Binder) searchable(t *catalog.Table, at diag.Span) bool {
	var spec *catalog.ConnectorSpec
	if b.Registry != nil {
		spec = b.Registry.Connectors[t.Connector]
	}
	if spec != nil && spec.Search != nil && spec.Search(t) {
		return true
	}
	d := b.Diags.Errorf(codes.Search, at, "table %s cannot be searched", t.Name).Label(t.NameSpan, "defined here")
	switch {
	case spec == nil || spec.Search == nil:
		d.At("connector '%s' has no vectors to search", t.Connector).
			Help("put the vectors into files, and use connector 'filesystem': it is read as a whole and searched in memory")
	case spec.OwnSearch:
		d.At("it does not say that it can be").Help("add 'enable-vector-search' = 'true' to its options")
	default:
		d.At("only a table that ends, of rows that are only added, is read as a whole").
			Help("leave 'source.monitor-interval' out, and use a format without changes; 'lookup.full-cache.periodic-reload.interval' reads the table again")
	}
	return false
}

// searchColumn finds the column that is searched.
func (b *Binder) searchColumn(a, table *ast.TableArg, v *logical.VectorSearch) bool {
	id := a.Descriptor[0]
	i := slices.Index(v.Names, id.Name)
	if i < 0 {
		cols := make([]logical.Column, len(v.Names))
		for k, name := range v.Names {
			cols[k].Name = name
		}
		b.unknown(&scope{}, id, inputName(table), cols)
		return false
	}
	c, plain := v.Exprs[i].(*scalar.Column)
	if !plain {
		b.Diags.Errorf(codes.Search, id.Sp, "%s cannot be searched: it is computed", id.Name).
			Note("Flink refuses this too").Help("search a column that is in the table itself")
		return false
	}
	if typ := c.Typ; typ.Kind != types.Array || !typ.Nested.Elem.IsApprox() {
		d := b.Diags.Errorf(codes.Search, id.Sp, "a vector is an ARRAY<FLOAT> or ARRAY<DOUBLE>, %s is %s", id.Name, typ.WithNullable(true))
		if j := slices.IndexFunc(v.Exprs, func(e scalar.Expr) bool { return e.Type().Kind == types.Array && e.Type().Nested.Elem.IsApprox() }); j >= 0 {
			d.Help("write DESCRIPTOR(%s)", scalar.QuoteName(v.Names[j]))
		}
		return false
	}
	v.Search = c.Index
	return true
}

// searchVector binds what is searched for: a column of the rows, or a constant.
func (b *Binder) searchVector(a *ast.TableArg, s *scope, v *logical.VectorSearch) bool {
	x := &exprBinder{Binder: b, scope: s, clause: vectorSearch}
	e := x.bind(a.Expr)
	if e == nil {
		return false
	}
	c, plain := e.(*scalar.Column)
	plain = plain && c.Index < len(v.Input.Cols()) // not of a query around this one
	if !plain && len(scalar.Columns(e)) > 0 {
		b.Diags.Errorf(codes.Search, a.Expr.Span(), "the vector that is searched for is a column or a constant").
			Note("Flink refuses this too").
			Help("compute it in a sub-query: FROM (SELECT *, %s AS query_vector FROM ...) AS q", a.Expr.Span().Text())
		return false
	}
	want := v.Scan.Columns[v.Search].Type
	if ok, implicit := fn.CanCast(e.Type(), want); !implicit {
		d := b.Diags.Errorf(codes.Search, a.Expr.Span(), "the vector that is searched for is %s, and the column that is searched %s", e.Type().WithNullable(true), want.WithNullable(true))
		d.Label(v.Scan.Table.Columns[v.Scan.Fields[v.Search]].Span, "declared here")
		if ok && e.Type().Kind == types.Array {
			d.Help("compute it in a sub-query: CAST(%s AS %s) AS query_vector", a.Expr.Span().Text(), want.WithNullable(true))
		}
		return false
	}
	if plain && e.Type().Kind == types.Array && e.Type().Nested.Elem.Kind == want.Nested.Elem.Kind {
		v.Query = c.Index
		return true
	}
	exprs, names := logical.Pass(v.Input)
	v.Query = len(exprs)
	v.Input = logical.NewCalc(v.Input, nil, append(exprs, b.Convert(e, want)), append(names, "$vector"), a.Sp)
	return true
}

// topK is how many rows are wanted: a whole number that stands there.
func (b *Binder) topK(a *ast.TableArg) (int, bool) {
	lit, ok := a.Expr.(*ast.NumberLit)
	n := 0
	if ok {
		var err error
		n, err = strconv.Atoi(lit.Text)
		ok = err == nil && n <= 1<<31-1
	}
	switch {
	case !ok:
		b.Diags.Errorf(codes.Search, a.Expr.Span(), "TOP_K is a whole number that stands in the text").Help("write how many rows are wanted, as 10")
	case n < 1:
		b.Diags.Errorf(codes.Search, a.Expr.Span(), "TOP_K is at least 1")
		ok = false
	}
	return n, ok
}

// searchKeys are those of CONFIG.
var searchKeys = []string{"async", "output-mode", "max-concurrent-operations", "timeout", catalog.SearchMetric}

// searchConfig reads CONFIG, a MAP of constant strings; nil: there is none.
func (b *Binder) searchConfig(a *ast.TableArg, o *logical.SearchOptions) bool {
	if a == nil {
		return true
	}
	m, ok := a.Expr.(*ast.MapExpr)
	if !ok {
		b.Diags.Errorf(codes.Search, a.Sp, "CONFIG of %s is a MAP of strings", vectorSearch).Help("write MAP['async', 'true', 'timeout', '10 s']")
		return false
	}
	for i := 0; i+1 < len(m.Items); i += 2 {
		key, isKey := m.Items[i].(*ast.StringLit)
		value, isValue := m.Items[i+1].(*ast.StringLit)
		switch {
		case !isKey:
			b.Diags.Errorf(codes.Search, m.Items[i].Span(), "a key of CONFIG is a string that stands in the text")
			ok = false
		case !isValue:
			b.Diags.Errorf(codes.Search, m.Items[i+1].Span(), "a value of CONFIG is a string that stands in the text").Help("put it in quotes")
			ok = false
		default:
			ok = b.searchOption(key, value, o) && ok
		}
	}
	return ok
}

func (b *Binder) searchOption(key, value *ast.StringLit, o *logical.SearchOptions) bool {
	v := strings.TrimSpace(value.Value)
	bad := func(want string) bool {
		b.Diags.Errorf(codes.Search, value.Sp, "'%s' of CONFIG is '%s'", key.Value, value.Value).Help("write %s", want)
		return false
	}
	switch key.Value {
	case "async":
		switch strings.ToLower(v) {
		case "true", "false":
			async := strings.EqualFold(v, "true")
			o.Async = &async
		default:
			return bad("'true' or 'false'")
		}
	case "output-mode": // rows leave in the order in which they came, which either allows
		if m := strings.ToUpper(v); m != "ORDERED" && m != "ALLOW_UNORDERED" {
			return bad("'ORDERED' or 'ALLOW_UNORDERED'")
		}
	case "max-concurrent-operations":
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return bad("a whole number from 1 on")
		}
		o.Capacity = n
	case "timeout":
		d, err := config.ParseDuration(v)
		if err != nil || d <= 0 {
			return bad("a time, as '10 s'")
		}
		o.Timeout = d
	case catalog.SearchMetric:
		if o.Metric = strings.ToUpper(v); !slices.Contains(physical.MetricNames(), o.Metric) {
			return bad("'" + strings.Join(physical.MetricNames(), "', '") + "'")
		}
	default:
		d := b.Diags.Errorf(codes.Search, key.Sp, "CONFIG of %s has no key '%s'", vectorSearch, key.Value)
		if s, ok := diag.Suggest(key.Value, searchKeys); ok {
			d.Help("did you mean '%s'?", s)
		} else {
			d.Note("known are %s", strings.Join(searchKeys, ", "))
		}
		return false
	}
	return true
}
