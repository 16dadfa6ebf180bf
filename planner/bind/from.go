package bind

import (
	"slices"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// from binds what stands in FROM, and says what names it gives.
func (b *Binder) from(t ast.TableRef) (logical.Node, *scope) {
	if lead := b.lead; lead != nil {
		if _, ok := t.(*ast.Join); !ok {
			b.lead = nil
			return b.behind(lead, t)
		}
	}
	switch t := t.(type) {
	case *ast.TableName:
		return b.tableName(t)
	case *ast.TableFunc:
		defer b.alone()()
		return b.tableFunc(t)
	case *ast.SubQuery:
		// LATERAL without a left side sees nothing more.
		n, needs := b.tried(b.inFrom != nil, func() logical.Node { return b.part(t.Query) })
		if needs {
			return b.bringing(t.Query, nil, t.Alias, "", t.Sp)
		}
		return b.named(n, t.Alias, "", t.Sp)
	case *ast.Join:
		return b.join(t)
	case *ast.Unnest:
		return b.unnested(t)
	case *ast.MatchRecognize:
		defer b.alone()()
		return b.matchRecognize(t)
	default:
		b.Diags.Errorf(codes.NoTableFunction, t.Span(), "this cannot stand in FROM")
	}
	return nil, nil
}

func (b *Binder) tableName(t *ast.TableName) (logical.Node, *scope) {
	if t.SysAsOf != nil && b.versioned != t {
		b.Diags.Errorf(codes.NoSystemTime, t.SysAsOf.Span(), "FOR SYSTEM_TIME AS OF stands on the right side of a join").
			At("there is no row on the left whose time this could be").
			Help("write FROM a JOIN %s FOR SYSTEM_TIME AS OF a.row_time AS b ON a.key = b.key", t.Name)
		return nil, nil
	}
	if len(t.Name.Parts) == 1 {
		for i := len(b.ctes) - 1; i >= 0; i-- {
			if b.ctes[i].name == t.Name.Parts[0].Name {
				n := b.expandCTE(b.ctes[i])
				if c := b.ctes[i]; c.needs {
					return b.readNeeding(c, t)
				}
				return b.named(n, t.Alias, b.ctes[i].name, t.Sp)
			}
		}
	}
	name, in, ok := b.Catalog.Object(t.Name, b.In, b.Diags)
	if !ok || b.Catalog.Broken(name) {
		return nil, nil
	}
	if v := b.Catalog.View(name); v != nil {
		if len(t.Hints) > 0 {
			b.Diags.Errorf(codes.NoHint, t.Hints[0].Sp, "OPTIONS cannot be given to a view").Label(v.Span, "%s is a view", name)
			return nil, nil
		}
		n := b.view(v, t.Name.Sp)
		if n == nil {
			return nil, nil
		}
		return b.placed(n, t, in)
	}
	table := b.Catalog.Table(name)
	if table == nil {
		names := b.Catalog.Names()
		for _, c := range b.ctes {
			names = append(names, c.name)
		}
		UnknownTable(b.Diags, t.Name, name, "table", names)
		return nil, nil
	}
	if len(t.Hints) > 0 {
		if table = b.Hints(table, t.Hints); table == nil {
			return nil, nil
		}
	}
	n := b.scan(table, t.Name.Sp)
	if n == nil {
		return nil, nil
	}
	return b.placed(n, t, in)
}

// placed is n, which t names in a catalog, under its alias or its name there.
func (b *Binder) placed(n logical.Node, t *ast.TableName, in catalog.Place) (logical.Node, *scope) {
	n, s := b.aliased(n, t.Alias, t.Name.Last().Name, t.Sp)
	if s != nil && t.Alias.Name == nil {
		s.rels[0].in = in
	}
	return n, s
}

// view binds a view's query where it is used.
func (b *Binder) view(v *catalog.View, at diag.Span) logical.Node {
	if slices.Contains(b.views, v.Name) {
		b.Diags.Errorf(codes.UnknownTable, at, "view %s reads itself", v.Name)
		return nil
	}
	if known, ok := b.Views[v]; ok {
		for _, u := range known.used {
			b.uses(u.Table, u.At)
		}
		return known.node
	}
	b.views = append(b.views, v.Name)
	ctes, around, in, used := b.ctes, b.around, b.In, b.used
	b.ctes, b.around, b.In, b.used = nil, nil, v.In, nil
	var n logical.Node
	b.independent(func() { n = b.query(v.Query) })
	of := b.used
	b.ctes, b.around, b.In, b.used = ctes, around, in, used
	for _, u := range of {
		b.uses(u.Table, u.At)
	}
	b.views = b.views[:len(b.views)-1]
	if n != nil && v.Columns != nil {
		n = b.rename(n, v.Columns, v.Span)
	}
	if n != nil && b.Views != nil {
		b.Views[v] = boundView{n, of}
	}
	return n
}

// Views is the views that were bound and what became of them, so that a view over a view over a view is bound once. It holds
// for as long as what they read and the settings stay what they are, and is used by one goroutine.
type Views map[*catalog.View]boundView

type boundView struct {
	node logical.Node
	used []Use
}

// uses remembers that the query reads t, which is named at at.
func (b *Binder) uses(t *catalog.Table, at diag.Span) {
	if !slices.ContainsFunc(b.used, func(u Use) bool { return u.Table == t }) {
		b.used = append(b.used, Use{t, at})
	}
}

// rename gives the columns of n new names.
func (b *Binder) rename(n logical.Node, names []ast.Ident, at diag.Span) logical.Node {
	if len(names) != len(n.Cols()) {
		b.Diags.Errorf(codes.ColumnCount, names[0].Sp.To(names[len(names)-1].Sp), "there are %s for %s", count(len(names), "name"), count(len(n.Cols()), "column")).
			Note("the query has %s", columnNames(n.Cols()))
		return nil
	}
	exprs, _ := logical.Pass(n)
	var to []string
	for _, id := range names {
		to = append(to, id.Name)
	}
	return logical.NewCalc(n, nil, exprs, to, at)
}

// named is aliased, and nothing where n is nil.
func (b *Binder) named(n logical.Node, a ast.Alias, name string, at diag.Span) (logical.Node, *scope) {
	if n == nil {
		return nil, nil
	}
	return b.aliased(n, a, name, at)
}

// aliased is n under its alias, or under name.
func (b *Binder) aliased(n logical.Node, a ast.Alias, name string, at diag.Span) (logical.Node, *scope) {
	if a.Name != nil {
		name, at = a.Name.Name, a.Name.Sp
	}
	if a.Columns != nil {
		if n = b.rename(n, a.Columns, at); n == nil {
			return nil, nil
		}
	}
	return n, nodeScope(n, name, at)
}

// scan reads a table: its physical and metadata columns, then whatever is computed of them.
func (b *Binder) scan(t *catalog.Table, at diag.Span) logical.Node {
	b.uses(t, at)
	s := &logical.Scan{Base: logical.Base{Sp: at}, Table: t}
	exprs := make([]scalar.Expr, len(t.Columns)) // every column of the table over the scan's output
	names := make([]string, len(t.Columns))
	calc := false
	for i := range t.Columns {
		c := &t.Columns[i]
		names[i] = c.Name
		if c.Kind == catalog.Computed {
			calc = true
			continue
		}
		typ := b.readType(c)
		read := typ
		if c.Kind == catalog.Metadata {
			if m, ok := MetadataType(b.Registry, t, c); ok && !m.EqualIgnoringNull(typ) {
				read, calc = m, true
			}
		}
		ref := &scalar.Column{Index: len(s.Columns), Name: c.Name, Typ: read}
		s.Fields = append(s.Fields, i)
		s.Columns = append(s.Columns, logical.Column{Name: c.Name, Type: read, Table: t})
		exprs[i] = b.Convert(ref, typ)
	}
	s.Whole = exprs
	computed := b.computedScope(t)
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Kind == catalog.Computed {
			e := b.scalarOver(c.Expr, computed, "a computed column")
			if e == nil {
				return nil
			}
			exprs[i] = Inline(e, exprs)
		}
	}
	if w := t.Watermark; w != nil {
		e := b.watermark(t)
		if e == nil {
			return nil
		}
		s.Watermark = Inline(e, exprs)
		s.RowTime = exprs[w.Column]
		s.RowTimeName = t.Columns[w.Column].Name
		if r, ok := s.RowTime.(*scalar.Column); ok {
			s.Columns[r.Index].Time = catalog.RowTime
		}
	}
	if !calc {
		return s
	}
	n := logical.NewCalc(s, nil, exprs, names, at)
	for i := range n.Columns {
		n.Columns[i].Table = t
	}
	if w := t.Watermark; w != nil {
		n.Columns[w.Column].Time, n.Columns[w.Column].Lost = catalog.RowTime, nil
	}
	return n
}

// Inline is e with every column replaced by its expression.
func Inline(e scalar.Expr, exprs []scalar.Expr) scalar.Expr {
	return scalar.Rewrite(e, func(x scalar.Expr) scalar.Expr {
		if c, ok := x.(*scalar.Column); ok {
			return exprs[c.Index]
		}
		return x
	})
}

// tableScope is all columns of t by its name.
func (b *Binder) tableScope(t *catalog.Table) *scope {
	s := &scope{what: "table " + t.Name}
	for i := range t.Columns {
		s.cols = append(s.cols, logical.Column{Name: t.Columns[i].Name, Type: b.readType(&t.Columns[i]), Table: t})
	}
	s.rels = []rel{{name: t.Name, start: 0, end: len(s.cols), at: t.NameSpan}}
	return s
}

// readType is the type of a column of a table that is read.
func (b *Binder) readType(c *catalog.Column) types.Type {
	if b.NullsWithin {
		return c.Type.NullableWithin()
	}
	return c.Type
}

// computedScope is what a computed column may refer to: all columns but the computed ones. Those are
// there under a name that cannot be written, to keep the positions.
func (b *Binder) computedScope(t *catalog.Table) *scope {
	s := b.tableScope(t)
	for i := range t.Columns {
		if t.Columns[i].Kind == catalog.Computed {
			s.cols[i].Name = ""
		}
	}
	return s
}

// ComputedColumn types a computed column of t; ok is false after a finding.
func (b *Binder) ComputedColumn(t *catalog.Table, i int) (types.Type, bool) {
	found := len(b.Diags.All)
	e := b.scalarOver(t.Columns[i].Expr, b.computedScope(t), "a computed column")
	if e == nil {
		for _, d := range b.Diags.All[found:] {
			if d.Code == codes.UnknownColumn && b.namesComputed(t, d.Span.Text()) {
				d.Helps = []string{"a computed column cannot refer to another computed column: repeat its expression"}
			}
		}
		return types.Type{}, false
	}
	if e.Type().Kind == types.Null {
		b.Diags.Errorf(codes.ComputedColumn, t.Columns[i].Expr.Span(), "computed column %s has no type", t.Columns[i].Name).
			Help("write CAST(NULL AS ...)")
		return types.Type{}, false
	}
	return e.Type(), true
}

func (b *Binder) namesComputed(t *catalog.Table, name string) bool {
	c := t.Column(name)
	return c != nil && c.Kind == catalog.Computed
}

// WatermarkType types the expression of t's watermark; ok is false after a finding.
func (b *Binder) WatermarkType(t *catalog.Table) (types.Type, bool) {
	e := b.watermark(t)
	if e == nil {
		return types.Type{}, false
	}
	return e.Type(), true
}

// watermark is the expression of t's watermark over its columns; nil after findings.
func (b *Binder) watermark(t *catalog.Table) scalar.Expr {
	w := t.Watermark
	if !w.OfSource() {
		return b.scalarOver(w.Expr, b.tableScope(t), "a WATERMARK")
	}
	return &scalar.Call{Func: b.Functions[fn.SourceWatermark], Typ: b.readType(&t.Columns[w.Column]).WithNullable(true), Sp: w.Expr.Span()}
}

// MetadataType is the type in which t's connector or its value format hands over a metadata column.
func MetadataType(r *catalog.Registry, t *catalog.Table, c *catalog.Column) (types.Type, bool) {
	m := Metadata(r, t, c.MetadataKey)
	if m == nil {
		return types.Type{}, false
	}
	return m.Type, true
}

// Metadata is the declaration of a metadata key of t's connector, or, behind "value.", of its format; nil when
// there is none.
func Metadata(r *catalog.Registry, t *catalog.Table, key string) *catalog.MetadataSpec {
	if r == nil {
		return nil
	}
	spec := r.Connectors[t.Connector]
	if spec == nil {
		return nil
	}
	for i := range spec.Metadata {
		if spec.Metadata[i].Key == key {
			return &spec.Metadata[i]
		}
	}
	if spec.AnyMetadata {
		for i := range t.Columns {
			if c := &t.Columns[i]; c.Kind == catalog.Metadata && c.MetadataKey == key {
				return &catalog.MetadataSpec{Key: key, Type: c.Type, Writable: true}
			}
		}
	}
	for _, opt := range []string{"value.format", "format"} {
		name, ok := t.Options.Get(opt)
		if !ok {
			continue
		}
		if f := r.Formats[name]; f != nil {
			for i := range f.Metadata {
				if "value."+f.Metadata[i].Key == key {
					return &f.Metadata[i]
				}
			}
		}
	}
	return nil
}
