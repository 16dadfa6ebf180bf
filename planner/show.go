package planner

import (
	"fmt"
	"sort"
	"strings"

	"weir/parser/ast"
	"weir/parser/format"
	"weir/parser/token"
	"weir/planner/bind"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/scalar"
)

func (s *Session) show(st *ast.Show) Result {
	list := func(title string, names []string) Result {
		r := &Rows{Columns: []string{title}}
		for _, n := range names {
			if st.Like == nil || Like(st.Like.Value, n) != st.Not {
				r.Rows = append(r.Rows, []string{n})
			}
		}
		return r
	}
	switch st.What {
	case "TABLES":
		if names, ok := s.namesIn(st.Name, func(string) bool { return true }); ok {
			return list("table name", names)
		}
		return nil
	case "VIEWS":
		if names, ok := s.namesIn(st.Name, func(n string) bool { return s.views[n] != nil }); ok {
			return list("view name", names)
		}
		return nil
	case "FUNCTIONS":
		var names []string
		for n, f := range s.o.Functions {
			if f.Kind != fn.TableFunction && n[0] >= 'A' && n[0] <= 'Z' && !strings.Contains(n, " ") {
				names = append(names, n)
			}
		}
		sort.Strings(names)
		return list("function name", names)
	case "USER FUNCTIONS":
		return list("function name", nil)
	case "CATALOGS":
		return list("catalog name", s.spaces.catalogs())
	case "DATABASES":
		return list("database name", s.spaces.databases(s.spaces.at.Catalog))
	case "CURRENT CATALOG":
		return list("catalog name", []string{s.spaces.at.Catalog})
	case "CURRENT DATABASE":
		return list("database name", []string{s.spaces.at.Database})
	case "MODULES":
		return list("module name", []string{"core"})
	case "JOBS":
		// A shell lists its own jobs before it asks the planner.
		return &Rows{Columns: []string{"job id", "job name", "status", "start time"}}
	case "TOPICS":
		s.shellOnly(st.Sp, "SHOW TOPICS", "write weir sql -c 'SHOW TOPICS'")
		return nil
	case "COLUMNS":
		return columnsLike(s.describe(*st.Name), st)
	case "CREATE TABLE", "CREATE VIEW":
		return s.showCreate(st)
	}
	s.diags.Errorf(codes.NoStatement, st.Sp, "SHOW %s is not supported yet", st.What)
	return nil
}

// Like matches SQL's LIKE, without an escape character.
func Like(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '%':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '_' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '%' {
		i++
	}
	return i == len(p)
}

func (s *Session) describe(n ast.Name) Result {
	name, ok := s.object(n)
	if !ok {
		return nil
	}
	r := &Rows{Columns: []string{"name", "type", "null", "key", "extras", "watermark"}}
	null := func(nullable bool) string {
		if nullable {
			return "TRUE"
		}
		return "FALSE"
	}
	if v := s.views[name]; v != nil {
		q := s.bindView(v)
		if q == nil {
			return nil
		}
		for i, c := range q.Cols() {
			col := c.Name
			if v.Columns != nil {
				col = v.Columns[i].Name
			}
			t := c.Type.WithNullable(true).String()
			if c.Time == catalog.RowTime {
				t += " *ROWTIME*"
			}
			r.Rows = append(r.Rows, []string{col, t, null(c.Type.Nullable), "", "", ""})
		}
		return r
	}
	t := s.tables[name]
	if t == nil {
		bind.UnknownTable(s.diags, n, name, "table", s.Names())
		return nil
	}
	key := ""
	if t.PrimaryKey != nil {
		var names []string
		for _, k := range t.PrimaryKey {
			names = append(names, t.Columns[k].Name)
		}
		key = "PRI(" + strings.Join(names, ", ") + ")"
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		row := []string{c.Name, c.Type.WithNullable(true).String(), null(c.Type.Nullable), "", extras(c), ""}
		if c.Time == catalog.RowTime {
			row[1] += " *ROWTIME*"
		}
		for _, k := range t.PrimaryKey {
			if k == i {
				row[3] = key
			}
		}
		if t.Watermark != nil && t.Watermark.Column == i {
			row[5] = format.Print(t.Watermark.Expr)
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}

// extras is how a column that is not physical is made.
func extras(c *catalog.Column) string {
	switch c.Kind {
	case catalog.Computed:
		return "AS " + format.Print(c.Expr)
	case catalog.Metadata:
		e := "METADATA"
		if c.MetadataKey != c.Name {
			e += " FROM " + token.QuoteString(c.MetadataKey)
		}
		if c.Virtual {
			e += " VIRTUAL"
		}
		return e
	}
	return ""
}

func (s *Session) showCreate(st *ast.Show) Result {
	name, ok := s.object(*st.Name)
	if !ok {
		return nil
	}
	t, v := s.tables[name], s.views[name]
	switch {
	case t == nil && v == nil:
		bind.UnknownTable(s.diags, *st.Name, name, "table", s.Names())
	case st.What == "CREATE TABLE" && t == nil:
		s.diags.Errorf(codes.WrongObject, st.Name.Sp, "%s is a view", name).Help("write SHOW CREATE VIEW %s", scalar.QuoteName(name))
	case st.What == "CREATE VIEW" && v == nil:
		s.diags.Errorf(codes.WrongObject, st.Name.Sp, "%s is a table", name).Help("write SHOW CREATE TABLE %s", scalar.QuoteName(name))
	case v != nil:
		return &Text{Text: s.viewText(v)}
	default:
		return &Text{Text: s.createText(t)}
	}
	return nil
}

func (s *Session) viewText(v *catalog.View) string {
	cols := ""
	if v.Columns != nil {
		var names []string
		for _, c := range v.Columns {
			names = append(names, token.QuoteIdent(c.Name))
		}
		cols = " (" + strings.Join(names, ", ") + ")"
	}
	return fmt.Sprintf("CREATE %sVIEW %s%s AS\n%s\n", temporary(v.Temporary), s.quoted(v.Name), cols, format.Print(v.Query))
}

func temporary(t bool) string {
	if t {
		return "TEMPORARY "
	}
	return ""
}

// createText is the definition of t as SQL, secrets masked.
func (s *Session) createText(t *catalog.Table) string {
	var lines []string
	for i := range t.Columns {
		c := &t.Columns[i]
		line := "  " + token.QuoteIdent(c.Name)
		if c.Kind != catalog.Computed {
			line += " " + c.Type.String()
		}
		if e := extras(c); e != "" {
			line += " " + e
		}
		if c.Comment != "" {
			line += " COMMENT " + token.QuoteString(c.Comment)
		}
		lines = append(lines, line)
	}
	if w := t.Watermark; w != nil {
		lines = append(lines, fmt.Sprintf("  WATERMARK FOR %s AS %s", token.QuoteIdent(t.Columns[w.Column].Name), format.Print(w.Expr)))
	}
	if t.PrimaryKey != nil {
		var names []string
		for _, k := range t.PrimaryKey {
			names = append(names, token.QuoteIdent(t.Columns[k].Name))
		}
		lines = append(lines, "  PRIMARY KEY ("+strings.Join(names, ", ")+") NOT ENFORCED")
	}
	var opts []string
	spec := s.connector(t)
	for _, o := range t.Options {
		v := o.Value
		if Secret(spec, o.Key) {
			v = "****"
		}
		opts = append(opts, "  "+token.QuoteString(o.Key)+" = "+token.QuoteString(v))
	}
	comment := ""
	if t.Comment != "" {
		comment = "COMMENT " + token.QuoteString(t.Comment) + "\n"
	}
	return fmt.Sprintf("CREATE %sTABLE %s (\n%s\n)\n%sWITH (\n%s\n)\n", temporary(t.Temporary), s.quoted(t.Name), strings.Join(lines, ",\n"), comment, strings.Join(opts, ",\n"))
}

// Secret reports an option whose value is not shown: one that is declared so, or a client property that by its name
// carries one.
func Secret(spec *catalog.ConnectorSpec, key string) bool {
	if spec != nil {
		if o := findOption(spec.Options, key); o != nil && o.Secret {
			return true
		}
	}
	k := strings.ToLower(key)
	for _, word := range []string{"password", "secret", "jaas", "token", "credential", "user-info", "ssl.key.pem"} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return false
}
