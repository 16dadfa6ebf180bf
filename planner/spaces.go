package planner

import (
	"slices"
	"sort"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/scalar"
)

// spaces are the catalogs of a session and their databases, all in memory: names under which tables and views stand.
type spaces struct {
	at     catalog.Place
	known  map[catalog.Place]bool
	starts map[string]string        // the database that each catalog starts with
	holds  map[string]catalog.Place // where the table or view that a session knows by this name stands
	// refused catalogs are of a type that weir has not. Nothing that names one is blamed once more.
	refused map[string]bool
}

func newSpaces() spaces {
	return spaces{at: catalog.DefaultPlace, known: map[catalog.Place]bool{catalog.DefaultPlace: true}, refused: map[string]bool{},
		starts: map[string]string{catalog.DefaultPlace.Catalog: catalog.DefaultPlace.Database}, holds: map[string]catalog.Place{}}
}

func (s *spaces) catalogs() []string {
	var out []string
	for p := range s.known {
		if !slices.Contains(out, p.Catalog) {
			out = append(out, p.Catalog)
		}
	}
	sort.Strings(out)
	return out
}

func (s *spaces) databases(of string) []string {
	var out []string
	for p := range s.known {
		if p.Catalog == of && p.Database != "" {
			out = append(out, p.Database)
		}
	}
	sort.Strings(out)
	return out
}

// object is Object where the session is at work.
func (s *Session) object(n ast.Name) (name string, ok bool) {
	name, _, ok = s.Object(n, s.spaces.at, s.diags)
	return name, ok
}

// Object is the name by which Table and View know what n names, for whoever stands in place in; at is where it is. It is
// not ok where the catalog or database is not known, with a finding.
func (s *Session) Object(n ast.Name, in catalog.Place, diags *diag.List) (name string, at catalog.Place, ok bool) {
	parts := n.Parts
	if len(parts) > 3 {
		diags.Errorf(codes.UnknownDatabase, n.Sp, "the name %s has too many parts", n).
			Help("a name is table, database.table or catalog.database.table")
		return "", at, false
	}
	at, ok = s.place(parts[:len(parts)-1], in, diags)
	return at.Name(n.Last().Name), at, ok
}

// place is the database that parts name: none, database, or catalog.database.
func (s *Session) place(parts []ast.Ident, in catalog.Place, diags *diag.List) (at catalog.Place, ok bool) {
	at = in
	if len(parts) == 2 {
		at.Catalog = parts[0].Name
		if s.spaces.refused[at.Catalog] {
			return at, false
		}
		if !slices.Contains(s.spaces.catalogs(), at.Catalog) {
			unknownSpace(diags, parts[0], "catalog", s.spaces.catalogs())
			return at, false
		}
	}
	if len(parts) > 0 {
		db := parts[len(parts)-1]
		if at.Database = db.Name; !s.spaces.known[at] {
			switch dbs := s.spaces.databases(db.Name); {
			case s.spaces.refused[at.Catalog]:
			case len(parts) == 1 && len(dbs) > 0:
				diags.Errorf(codes.UnknownDatabase, db.Sp, "%s is a catalog, and a database stands before a table's name", db.Name).
					Help("write %s.%s and the table's name", scalar.QuoteName(db.Name), scalar.QuoteName(dbs[0]))
			default:
				unknownSpace(diags, db, "database", s.spaces.databases(at.Catalog))
			}
			return at, false
		}
	}
	return at, !s.spaces.refused[at.Catalog]
}

func unknownSpace(diags *diag.List, id ast.Ident, what string, known []string) {
	d := diags.Errorf(codes.UnknownDatabase, id.Sp, "%s %s is not known", what, id.Name)
	switch g, ok := diag.Suggest(id.Name, known); {
	case ok:
		d.Help("did you mean %s?", scalar.QuoteName(g))
	case len(known) == 1:
		d.Help("there is one: write %s, or the table's name alone", known[0])
	default:
		d.Note("known are %s", strings.Join(known, ", ")).Help("define it first: CREATE %s %s", strings.ToUpper(what), scalar.QuoteName(id.Name))
	}
}

func (s *Session) use(st *ast.Use) Result {
	parts := st.Name.Parts
	if st.Catalog {
		name := parts[0].Name
		dbs := s.spaces.databases(name)
		switch {
		case s.spaces.refused[name]:
			s.spaces.at = catalog.Place{Catalog: name}
			return &Done{Message: "catalog " + name + " is not there"}
		case len(parts) > 1 || !slices.Contains(s.spaces.catalogs(), name):
			unknownSpace(s.diags, parts[0], "catalog", s.spaces.catalogs())
			return nil
		}
		s.spaces.at = catalog.Place{Catalog: name}
		if first := s.spaces.starts[name]; slices.Contains(dbs, first) {
			s.spaces.at.Database = first
		}
		return &Done{Message: "names are now looked for in catalog " + name}
	}
	if len(parts) > 2 {
		s.diags.Errorf(codes.UnknownDatabase, st.Name.Sp, "the name %s has too many parts", st.Name).Help("write USE database or USE catalog.database")
		return nil
	}
	at, ok := s.place(parts, s.spaces.at, s.diags)
	if !ok {
		return nil
	}
	s.spaces.at = at
	return &Done{Message: "names are now looked for in database " + at.Database}
}

func (s *Session) createSpace(st *ast.CreateSpace) Result {
	parts := st.Name.Parts
	opts, ok := s.options(st.Options)
	if !ok {
		return nil
	}
	if !st.Catalog {
		at, ok := s.databaseOf(st.Name)
		if !ok {
			return nil
		}
		if s.spaces.known[at] {
			return s.already(st, "database", at.Database)
		}
		s.spaces.known[at] = true
		return &Done{Message: "database " + at.Database + " is created"}
	}
	if len(parts) > 1 {
		s.diags.Errorf(codes.UnknownDatabase, st.Name.Sp, "the name of a catalog has one part")
		return nil
	}
	name := parts[0].Name
	if slices.Contains(s.spaces.catalogs(), name) {
		return s.already(st, "catalog", name)
	}
	at := catalog.Place{Catalog: name, Database: "default"}
	if db, given := opts.Get("default-database"); given {
		at.Database = db
	}
	if kind, _ := opts.Get("type"); kind != "generic_in_memory" {
		sp := st.Name.Sp
		if o := opts.Lookup("type"); o != nil {
			sp = o.ValueSpan
		}
		s.spaces.refused[name] = true
		what := "cannot be of type '" + kind + "'"
		if kind == "" {
			what = "has no type"
		}
		s.diags.Errorf(codes.NoCatalog, sp, "catalog %s %s", name, what).
			Note("weir has catalogs of type 'generic_in_memory': the tables that the script itself creates").
			Help("create the tables of the catalog in the script: CREATE TABLE ... WITH ('connector' = '...', ...)")
		return nil
	}
	for _, o := range opts {
		if o.Key != "type" && o.Key != "default-database" {
			s.diags.Errorf(codes.NoCatalog, o.KeySpan, "option '%s' is not known to a catalog of type 'generic_in_memory'", o.Key).
				Help("it has 'default-database'")
			return nil
		}
	}
	s.spaces.known[at] = true
	s.spaces.starts[name] = at.Database
	return &Done{Message: "catalog " + name + " is created"}
}

// databaseOf is the place that CREATE DATABASE or DROP DATABASE names.
func (s *Session) databaseOf(n ast.Name) (at catalog.Place, ok bool) {
	at = s.spaces.at
	parts := n.Parts
	if len(parts) > 2 {
		s.diags.Errorf(codes.UnknownDatabase, n.Sp, "the name %s has too many parts", n).Help("a database is called database or catalog.database")
		return at, false
	}
	if len(parts) == 2 {
		at.Catalog = parts[0].Name
	}
	at.Database = n.Last().Name
	if !s.spaces.refused[at.Catalog] && !slices.Contains(s.spaces.catalogs(), at.Catalog) {
		unknownSpace(s.diags, parts[0], "catalog", s.spaces.catalogs())
		return at, false
	}
	return at, true
}

// already answers the creation of what is there.
func (s *Session) already(st *ast.CreateSpace, what, name string) Result {
	if !st.IfNotExists {
		s.diags.Errorf(codes.Duplicate, st.Name.Sp, "%s %s is already defined", what, name).Help("write IF NOT EXISTS, or take it out")
		return nil
	}
	return &Done{Message: what + " " + name + " is there already"}
}

func (s *Session) dropSpace(st *ast.DropSpace) Result {
	what, inside := "database", s.spaces.at
	var places []catalog.Place
	if st.Catalog {
		what = "catalog"
		for p := range s.spaces.known {
			if p.Catalog == st.Name.Last().Name {
				places = append(places, p)
			}
		}
		inside.Database = ""
	} else {
		at, ok := s.databaseOf(st.Name)
		if !ok {
			return nil
		}
		if s.spaces.known[at] {
			places = append(places, at)
		}
	}
	name := st.Name.Last().Name
	switch {
	case len(places) == 0 && (st.IfExists || s.spaces.refused[name]):
		return &Done{Message: what + " " + name + " is not there"}
	case len(places) == 0 && st.Catalog:
		unknownSpace(s.diags, st.Name.Last(), what, s.spaces.catalogs())
		return nil
	case len(places) == 0:
		unknownSpace(s.diags, st.Name.Last(), what, s.spaces.databases(inside.Catalog))
		return nil
	}
	for _, p := range places {
		if p == s.spaces.at {
			s.diags.Errorf(codes.NoCatalog, st.Name.Sp, "%s %s is in use", what, name).Help("USE another one first")
			return nil
		}
		if in := s.in(p); len(in) > 0 && !st.Cascade && !st.Catalog {
			s.diags.Errorf(codes.NoCatalog, st.Name.Sp, "database %s has tables", name).Note("it has %s", strings.Join(in, ", ")).
				Help("write DROP DATABASE %s CASCADE to drop them too", scalar.QuoteName(name))
			return nil
		}
	}
	for _, p := range places {
		for _, local := range s.in(p) {
			delete(s.tables, p.Name(local))
			delete(s.views, p.Name(local))
		}
		delete(s.spaces.known, p)
	}
	return &Done{Message: what + " " + name + " is dropped"}
}

// in is the tables and views of a place by their names there, sorted.
func (s *Session) in(p catalog.Place) []string {
	var out []string
	for name, at := range s.spaces.holds {
		if at == p && (s.tables[name] != nil || s.views[name] != nil) {
			out = append(out, strings.TrimPrefix(name, p.Name("")))
		}
	}
	sort.Strings(out)
	return out
}

// namesIn is the tables and views, of which keep says true, of the database called n, nil for the present one.
func (s *Session) namesIn(n *ast.Name, keep func(name string) bool) ([]string, bool) {
	at := s.spaces.at
	if n != nil {
		var ok bool
		if at, ok = s.place(n.Parts, at, s.diags); !ok {
			return nil, false
		}
	}
	var out []string
	for _, local := range s.in(at) {
		if keep(at.Name(local)) {
			out = append(out, local)
		}
	}
	return out, true
}

// quoted is the name of a table or view as it stands in SQL, wherever that is executed.
func (s *Session) quoted(name string) string {
	at, ok := s.spaces.holds[name]
	if !ok || at == catalog.DefaultPlace {
		return token.QuoteIdent(name)
	}
	parts := []string{at.Catalog, at.Database, strings.TrimPrefix(name, at.Name(""))}
	if at.Catalog == catalog.DefaultPlace.Catalog {
		parts = parts[1:]
	}
	for i := range parts {
		parts[i] = token.QuoteIdent(parts[i])
	}
	return strings.Join(parts, ".")
}

// columnsLike is the rows of r whose column's name LIKE takes.
func columnsLike(r Result, st *ast.Show) Result {
	rows, ok := r.(*Rows)
	if ok && st.Like != nil {
		rows.Rows = slices.DeleteFunc(rows.Rows, func(row []string) bool { return Like(st.Like.Value, row[0]) == st.Not })
	}
	return r
}
