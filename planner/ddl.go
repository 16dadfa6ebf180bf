package planner

import (
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/bind"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/scalar"
	"weir/planner/types"
)

// createTable checks a definition and enters it. One AS a query gives the job that fills the table.
func (s *Session) createTable(st *ast.CreateTable) Result {
	name, at, ok, there := s.newName(st.Name, st.IfNotExists)
	if !ok {
		return there
	}
	t := &catalog.Table{Name: name, Temporary: st.Temporary, Span: st.Sp, NameSpan: st.Name.Sp}
	if st.Comment != nil {
		t.Comment = st.Comment.Value
	}
	for _, p := range st.PartitionedBy {
		t.Partitions = append(t.Partitions, p.Name)
	}
	opts, optsOK := s.options(st.Options)
	t.Options = opts
	sound := s.like(t, st)
	sound = s.columns(t, st) && sound
	var given []ast.Ident
	if sound && st.As != nil {
		if given, sound = s.asQuery(t, st); !sound {
			s.markBroken(name)
			return nil
		}
	}
	sound = s.primaryKey(t, st) && sound
	if sound {
		sound = s.computed(t)
	}
	for _, p := range st.PartitionedBy {
		if s.columnIndex(t, p) < 0 {
			sound = false
		}
	}
	if sound && st.Watermark != nil {
		sound = s.watermark(t, st.Watermark)
	}
	if sound && len(t.Columns) == 0 {
		s.diags.Errorf(codes.ComputedColumn, st.Name.Sp, "table %s has no columns", name)
		sound = false
	}
	if optsOK && (sound || st.Like == nil) && s.checkOptions(t, st.OptionsSpan) && sound {
		if s.metadata(t) {
			s.checkTable(t, catalog.UseDefine)
		}
	}
	if !sound || s.o.Interactive && s.diags.HasErrors() {
		s.markBroken(name)
		return nil
	}
	// In a file a table with findings about its options is entered all the same: queries over it are checked.
	delete(s.broken, name)
	s.tables[name] = t
	s.spaces.holds[name] = at
	s.defs[name] = st
	if s.analysis != nil {
		s.analysis.Tables = append(s.analysis.Tables, t)
	}
	if st.As != nil {
		return s.fill(t, st, given)
	}
	return &Done{Message: "table " + name + " is created"}
}

// columns adds the declared columns to t.
func (s *Session) columns(t *catalog.Table, st *ast.CreateTable) bool {
	ok := true
	own := map[string]diag.Span{}
	for _, d := range st.Columns {
		if at, twice := own[d.Name.Name]; twice {
			s.diags.Errorf(codes.Duplicate, d.Name.Sp, "table %s has two columns called %s", t.Name, d.Name.Name).Label(at, "first here")
			ok = false
			continue
		}
		own[d.Name.Name] = d.Name.Sp
		c := catalog.Column{Name: d.Name.Name, Span: d.Sp, Expr: d.Expr, Virtual: d.Virtual}
		if d.Comment != nil {
			c.Comment = d.Comment.Value
		}
		switch {
		case d.Expr != nil:
			c.Kind = catalog.Computed
		case d.Metadata:
			c.Kind, c.MetadataKey = catalog.Metadata, d.Name.Name
			if d.MetadataKey != nil {
				c.MetadataKey = d.MetadataKey.Value
			}
		}
		if d.Type != nil {
			var good bool
			c.Type, good = bind.Type(d.Type, s.diags)
			ok = ok && good
		}
		if i := slices.IndexFunc(t.Columns, func(o catalog.Column) bool { return o.Name == c.Name }); i >= 0 {
			if t.Columns[i].Kind != c.Kind || c.Kind == catalog.Physical {
				s.diags.Errorf(codes.LikeClause, d.Name.Sp, "column %s comes from the table of LIKE too", c.Name).Label(st.Like.Sp, "%s has it", st.Like.Source)
				ok = false
				continue
			}
			t.Columns[i] = c // OVERWRITING, checked by like
			continue
		}
		t.Columns = append(t.Columns, c)
	}
	return ok
}

// columnIndex finds a column of t by the name that a clause of its definition uses.
func (s *Session) columnIndex(t *catalog.Table, id ast.Ident) int {
	if i := slices.IndexFunc(t.Columns, func(c catalog.Column) bool { return c.Name == id.Name }); i >= 0 {
		return i
	}
	names := t.ColumnNames()
	d := s.diags.Errorf(codes.UnknownColumn, id.Sp, "table %s has no column %s", t.Name, id.Name)
	if g, ok := diag.Suggest(id.Name, names); ok {
		d.Help("did you mean %s?", scalar.QuoteName(g))
	} else if len(names) > 0 {
		d.Note("it has %s", strings.Join(names, ", "))
	}
	return -1
}

func (s *Session) primaryKey(t *catalog.Table, st *ast.CreateTable) bool {
	pk := st.PrimaryKey
	if pk == nil {
		return true
	}
	ok := true
	t.KeySpan = pk.Sp
	if !pk.NotEnforced {
		s.diags.Errorf(codes.PrimaryKey, pk.Sp, "a PRIMARY KEY must be NOT ENFORCED").
			At("nothing checks rows that others wrote").Help("write PRIMARY KEY (...) NOT ENFORCED")
		ok = false
	}
	if t.PrimaryKey != nil {
		s.diags.Errorf(codes.LikeClause, pk.Sp, "the table of LIKE has a PRIMARY KEY too").Label(st.Like.Sp, "from here").Help("add EXCLUDING CONSTRAINTS to LIKE")
		return false
	}
	for _, id := range pk.Columns {
		i := s.columnIndex(t, id)
		if i < 0 {
			ok = false
			continue
		}
		c := &t.Columns[i]
		switch {
		case slices.Contains(t.PrimaryKey, i):
			s.diags.Errorf(codes.PrimaryKey, id.Sp, "column %s is in the PRIMARY KEY twice", id.Name)
			ok = false
		case c.Kind != catalog.Physical:
			what := "computed"
			if c.Kind == catalog.Metadata {
				what = "metadata"
			}
			s.diags.Errorf(codes.PrimaryKey, id.Sp, "the %s column %s cannot be in the PRIMARY KEY", what, id.Name).
				Label(c.Span, "declared here").Help("a key is made of physical columns")
			ok = false
		}
		t.PrimaryKey = append(t.PrimaryKey, i)
		c.Type = c.Type.NotNull()
	}
	return ok
}

// computed gives the computed columns their types.
func (s *Session) computed(t *catalog.Table) bool {
	ok := true
	for i := range t.Columns {
		if t.Columns[i].Kind != catalog.Computed {
			continue
		}
		ty, good := s.binder().ComputedColumn(t, i)
		if !good {
			ok = false
			continue
		}
		t.Columns[i].Type = ty
	}
	return ok
}

func (s *Session) watermark(t *catalog.Table, w *ast.WatermarkDef) bool {
	if len(w.Column.Parts) > 1 {
		s.diags.Errorf(codes.Watermark, w.Column.Sp, "a WATERMARK is of a whole column, not of a field of a ROW").
			Help("add a computed column: event_time AS %s, and put the WATERMARK on that", strings.TrimSpace(w.Column.Sp.Text()))
		return false
	}
	if t.Watermark != nil {
		s.diags.Errorf(codes.LikeClause, w.Sp, "the table of LIKE has a WATERMARK too").Label(t.Watermark.Span, "from here").
			Help("add OVERWRITING WATERMARKS or EXCLUDING WATERMARKS to LIKE")
		return false
	}
	i := s.columnIndex(t, w.Column.Parts[0])
	if i < 0 {
		return false
	}
	c := &t.Columns[i]
	if !c.Type.IsTimestamp() || c.Type.Prec > 3 {
		d := s.diags.Errorf(codes.Watermark, w.Column.Sp, "a WATERMARK needs a TIMESTAMP(3) or TIMESTAMP_LTZ(3) column, %s is %s", c.Name, c.Type.WithNullable(true)).
			Label(c.Span, "declared here")
		switch {
		case c.Type.IsTimestamp():
			d.Help("event time is counted in milliseconds: declare it %s(3)", c.Type.Kind)
		case c.Type.IsString():
			d.Help("add a computed column: event_time AS TO_TIMESTAMP(%s), and put the WATERMARK on that", scalar.QuoteName(c.Name))
		case c.Type.Kind == types.BigInt:
			d.Help("add a computed column: event_time AS TO_TIMESTAMP_LTZ(%s, 3), and put the WATERMARK on that", scalar.QuoteName(c.Name))
		}
		return false
	}
	t.Watermark = &catalog.Watermark{Column: i, Expr: w.Expr, Span: w.Sp}
	ty, ok := s.binder().WatermarkType(t)
	if !ok {
		t.Watermark = nil
		return false
	}
	if ty.Kind != c.Type.Kind {
		s.diags.Errorf(codes.Watermark, w.Expr.Span(), "the WATERMARK of %s must be %s, this is %s", c.Name, c.Type.Kind, ty.WithNullable(true)).
			Help("write %s - INTERVAL '5' SECOND", scalar.QuoteName(c.Name))
		t.Watermark = nil
		return false
	}
	c.Time = catalog.RowTime
	return true
}

// metadata checks the metadata columns of t against its connector.
func (s *Session) metadata(t *catalog.Table) bool {
	ok := true
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Kind != catalog.Metadata {
			continue
		}
		m := bind.Metadata(s.o.Registry, t, c.MetadataKey)
		if m == nil {
			s.unknownMetadata(t, c)
			ok = false
			continue
		}
		can, _ := fn.CanCast(m.Type, c.Type)
		if back, _ := fn.CanCast(c.Type, m.Type); !can || m.Writable && !c.Virtual && !back {
			s.diags.Errorf(codes.MetadataColumn, c.Span, "metadata '%s' is %s and cannot become %s", c.MetadataKey, m.Type.WithNullable(true), c.Type.WithNullable(true)).
				Help("declare %s as %s", c.Name, m.Type.WithNullable(true))
			ok = false
		}
	}
	return ok
}

func (s *Session) unknownMetadata(t *catalog.Table, c *catalog.Column) {
	var keys []string
	spec := s.connector(t)
	for i := range spec.Metadata {
		keys = append(keys, spec.Metadata[i].Key)
	}
	quiet := *s
	quiet.diags = &diag.List{} // unknown formats are reported where the options are checked
	for _, f := range quiet.formats(t, spec) {
		for i := range f.spec.Metadata {
			if f.key == "format" || f.key == "value.format" {
				keys = append(keys, "value."+f.spec.Metadata[i].Key)
			}
		}
	}
	d := s.diags.Errorf(codes.MetadataColumn, c.Span, "connector '%s' has no metadata '%s'", t.Connector, c.MetadataKey)
	switch g, close := diag.Suggest(c.MetadataKey, keys); {
	case close:
		d.Help("did you mean '%s'?", g)
	case len(keys) == 0:
		d.Help("it has none: make %s a physical column", c.Name)
	default:
		d.Help("it has %s: write %s ... METADATA FROM '...'", strings.Join(keys, ", "), c.Name)
	}
}
