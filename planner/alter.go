package planner

import (
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/bind"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/scalar"
)

// alterTable changes the definition of a table, and checks it as if it had been written so in the first place.
func (s *Session) alterTable(st *ast.AlterTable) Result {
	name, at, ok := s.Object(st.Name, s.spaces.at, s.diags)
	if !ok {
		return nil
	}
	old := s.tables[name]
	switch {
	case s.broken[name]:
		return nil
	case s.views[name] != nil:
		s.diags.Errorf(codes.WrongObject, st.Name.Sp, "%s is a view", name).Label(s.views[name].Span, "defined here").
			Help("DROP the view and create it again")
		return nil
	case old == nil && st.IfExists:
		return &Done{Message: "table " + name + " is not there"}
	case old == nil:
		bind.UnknownTable(s.diags, st.Name, name, "table", s.Names())
		return nil
	}
	if st.To != nil {
		return s.renameTable(st, old, at)
	}
	def := *s.defs[name]
	if def.As != nil {
		s.diags.Errorf(codes.WrongObject, st.Name.Sp, "table %s is made of a query, and cannot be changed", name).Label(def.Sp, "created here").
			Help("write CREATE TABLE with all columns, and INSERT INTO ... SELECT")
		return nil
	}
	def.Name = st.Name
	if !s.alter(&def, st, old) {
		return nil
	}
	return s.replaceTable(name, old, &def, st)
}

// replaceTable enters def in place of old, or leaves old where def is not right. What is said of the parts of def that st has not changed was said
// before; errors there are errors of st, which goes against them.
func (s *Session) replaceTable(name string, old *catalog.Table, def *ast.CreateTable, st *ast.AlterTable) Result {
	was := s.defs[name]
	before := len(s.diags.All)
	delete(s.tables, name)
	s.createTable(def)
	wrong := false
	s.diags.All = append(s.diags.All[:before], slices.DeleteFunc(s.diags.All[before:], func(d *diag.Diagnostic) bool {
		inside := d.Span.File == st.Sp.File && d.Span.Start >= st.Sp.Start && d.Span.End <= st.Sp.End
		if d.Severity == diag.Error && !inside {
			d.Labels = []diag.Label{{Span: d.Span, Text: d.Here}}
			d.Span, d.Here = st.Name.Sp, "it cannot be changed so"
		}
		wrong = wrong || d.Severity == diag.Error
		return d.Severity != diag.Error && !inside
	})...)
	if s.tables[name] == nil || wrong {
		delete(s.broken, name)
		s.tables[name], s.defs[name] = old, was
		return nil
	}
	if s.analysis != nil {
		s.analysis.Tables = slices.DeleteFunc(s.analysis.Tables, func(t *catalog.Table) bool { return t == old })
	}
	return &Done{Message: "table " + name + " is changed"}
}

func (s *Session) renameTable(st *ast.AlterTable, old *catalog.Table, at catalog.Place) Result {
	to := at.Name(st.To.Last().Name)
	if len(st.To.Parts) > 1 {
		if name, ok := s.object(*st.To); !ok {
			return nil
		} else if name != to {
			s.diags.Errorf(codes.UnknownDatabase, st.To.Sp, "a table stays in its database").Help("write RENAME TO %s", scalar.QuoteName(st.To.Last().Name))
			return nil
		}
	}
	if s.exists(to, false, st.To.Sp) || s.diags.HasErrors() {
		return nil
	}
	def := *s.defs[old.Name]
	def.Name = *st.To
	t := *old
	t.Name, t.NameSpan = to, st.To.Sp
	delete(s.tables, old.Name)
	s.tables[to], s.defs[to], s.spaces.holds[to] = &t, &def, at
	if s.analysis != nil {
		i := slices.Index(s.analysis.Tables, old)
		s.analysis.Tables[i] = &t
	}
	return &Done{Message: "table " + old.Name + " is called " + to}
}

// alter makes the change of st in def, the definition of t.
func (s *Session) alter(def *ast.CreateTable, st *ast.AlterTable, t *catalog.Table) bool {
	def.Options = slices.Clone(def.Options)
	def.Columns = slices.Clone(def.Columns)
	switch {
	case st.Set != nil:
		for _, o := range st.Set {
			def.Options = slices.DeleteFunc(def.Options, func(p *ast.Property) bool { return p.Key.Value == o.Key.Value })
		}
		def.Options = append(def.Options, st.Set...)
	case st.Reset != nil:
		for _, k := range st.Reset {
			if k.Value == "connector" {
				s.diags.Errorf(codes.WrongObject, k.Sp, "a table keeps its connector")
				return false
			}
			def.Options = slices.DeleteFunc(def.Options, func(p *ast.Property) bool { return p.Key.Value == k.Value })
		}
	case st.Column != nil:
		return s.renameColumn(def, st, t)
	case st.DropKey, st.DropMark:
		if st.DropKey && def.PrimaryKey == nil || st.DropMark && def.Watermark == nil {
			what := "WATERMARK"
			if st.DropKey {
				what = "PRIMARY KEY"
			}
			s.diags.Errorf(codes.WrongObject, st.Name.Sp, "table %s has no %s of its own", t.Name, what)
			return false
		}
		if st.DropKey {
			def.PrimaryKey = nil
		} else {
			def.Watermark = nil
		}
	case st.DropColumns != nil:
		for _, id := range st.DropColumns {
			i := s.ownColumn(def, id, t)
			if i < 0 {
				return false
			}
			def.Columns = slices.Delete(def.Columns, i, i+1)
		}
	default:
		return s.elements(def, st, t)
	}
	return true
}

// ownColumn finds a column that def declares; those that it has by LIKE belong to the other table.
func (s *Session) ownColumn(def *ast.CreateTable, id ast.Ident, t *catalog.Table) int {
	i := slices.IndexFunc(def.Columns, func(c *ast.ColumnDef) bool { return c.Name.Name == id.Name })
	if i < 0 && s.columnIndex(t, id) >= 0 {
		s.diags.Errorf(codes.LikeClause, id.Sp, "column %s comes from the table of LIKE", id.Name).Help("write CREATE TABLE with its own columns")
	}
	return i
}

// elements adds or replaces columns, the watermark and the key.
func (s *Session) elements(def *ast.CreateTable, st *ast.AlterTable, t *catalog.Table) bool {
	for n, c := range st.Columns {
		if st.Modify {
			i := s.ownColumn(def, c.Name, t)
			if i < 0 {
				return false
			}
			def.Columns = slices.Delete(def.Columns, i, i+1)
			if place := st.Places[n]; !place.First && place.After == nil {
				def.Columns = slices.Insert(def.Columns, i, c)
				continue
			}
		}
		i := len(def.Columns)
		if st.Places[n].First {
			i = 0
		} else if after := st.Places[n].After; after != nil {
			if i = s.ownColumn(def, *after, t) + 1; i == 0 {
				return false
			}
		}
		def.Columns = slices.Insert(def.Columns, i, c)
	}
	has := func(what string, there bool, at diag.Span) bool {
		switch {
		case there && !st.Modify:
			s.diags.Errorf(codes.Duplicate, at, "table %s has a %s", t.Name, what).Help("write MODIFY to replace it")
		case !there && st.Modify:
			s.diags.Errorf(codes.WrongObject, at, "table %s has no %s of its own", t.Name, what).Help("write ADD")
		default:
			return true
		}
		return false
	}
	if st.Watermark != nil {
		if !has("WATERMARK", def.Watermark != nil, st.Watermark.Sp) {
			return false
		}
		def.Watermark = st.Watermark
	}
	if st.PrimaryKey != nil {
		if !has("PRIMARY KEY", def.PrimaryKey != nil, st.PrimaryKey.Sp) {
			return false
		}
		def.PrimaryKey = st.PrimaryKey
	}
	return true
}

// renameColumn gives a column that nothing else of the definition names another name.
func (s *Session) renameColumn(def *ast.CreateTable, st *ast.AlterTable, t *catalog.Table) bool {
	i := s.ownColumn(def, *st.Column, t)
	if i < 0 {
		return false
	}
	old := def.Columns[i]
	if old.Metadata && old.MetadataKey == nil {
		s.diags.Errorf(codes.MetadataColumn, st.Column.Sp, "the name of column %s is what it reads", old.Name.Name).
			Help("write MODIFY, with METADATA FROM '%s'", strings.ReplaceAll(old.Name.Name, "'", "''"))
		return false
	}
	c := *old
	c.Name = *st.NewName
	def.Columns[i] = &c
	if pk := def.PrimaryKey; pk != nil {
		key := *pk
		key.Columns = slices.Clone(pk.Columns)
		for k := range key.Columns {
			if key.Columns[k].Name == st.Column.Name {
				key.Columns[k] = *st.NewName
			}
		}
		def.PrimaryKey = &key
	}
	return true
}
