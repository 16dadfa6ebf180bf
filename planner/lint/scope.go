package lint

import (
	"slices"
	"strconv"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
)

// rel is one relation of a FROM, as far as its text tells: a table of the script, read as it is or through a window.
type rel struct {
	name  string
	table *catalog.Table // nil for views, sub-queries and CTEs
	ref   ast.TableRef
}

// relations is the relations of a FROM, in the order of the text.
func (p *pass) relations(from ast.TableRef) (out []rel) {
	switch t := from.(type) {
	case *ast.Join:
		return append(p.relations(t.Left), p.relations(t.Right)...)
	case *ast.MatchRecognize:
		return p.relations(t.Input)
	case *ast.TableName:
		return []rel{{refName(t), p.table(t.Name), t}}
	case *ast.TableFunc:
		r := rel{name: refName(t), ref: t}
		for _, a := range t.Args {
			if a.Table != nil {
				r.table = p.table(*a.Table)
				if r.name == "" {
					r.name = a.Table.Last().Name
				}
			}
		}
		return []rel{r}
	case nil:
		return nil
	}
	return []rel{{name: refName(from), ref: from}}
}

// naming is the names of a script's statements, by what is done with them.
type naming struct {
	tables  map[string]*catalog.Table // that CTEs of the same name do not hide
	read    map[string]bool           // named in a FROM
	written map[string]bool           // an INSERT or a CREATE TABLE AS fills it
	starred map[string]bool           // a * or a LIKE may stand for its columns
	natural bool                      // a NATURAL JOIN stands for columns of any table
}

// named is the names of the script.
func (p *pass) named() *naming {
	if p.names != nil {
		return p.names
	}
	n := &naming{tables: map[string]*catalog.Table{}, read: map[string]bool{}, written: map[string]bool{}, starred: map[string]bool{}}
	p.names = n
	for i := len(p.Tables) - 1; i >= 0; i-- {
		n.tables[p.Tables[i].Name] = p.Tables[i] // the first of a name stays
	}
	each(p, func(c *ast.CTE, _ []ast.Node) { delete(n.tables, c.Name.Name) })
	each(p, func(t *ast.TableName, _ []ast.Node) { n.read[t.Name.Last().Name] = true })
	each(p, func(a *ast.TableArg, _ []ast.Node) {
		if a.Table != nil {
			n.read[a.Table.Last().Name] = true
		}
	})
	each(p, func(in *ast.Insert, _ []ast.Node) { n.written[in.Table.Last().Name] = true })
	each(p, func(t *ast.CreateTable, _ []ast.Node) {
		if t.As != nil {
			n.written[t.Name.Last().Name] = true
		}
	})
	each(p, func(c *ast.SelectCore, _ []ast.Node) {
		if c.From == nil || !slices.ContainsFunc(c.Items, func(it *ast.SelectItem) bool { return it.Star }) {
			return
		}
		within(ast.Node(c.From), func(t *ast.TableName, _ []ast.Node) { n.starred[t.Name.Last().Name] = true })
		within(ast.Node(c.From), func(a *ast.TableArg, _ []ast.Node) {
			if a.Table != nil {
				n.starred[a.Table.Last().Name] = true
			}
		})
	})
	each(p, func(j *ast.Join, _ []ast.Node) { n.natural = n.natural || j.Natural })
	each(p, func(l *ast.Like, _ []ast.Node) { n.starred[l.Source.Last().Name] = true })
	return n
}

// table is the table that a name of a query means, nil for a view, a CTE, and what is not known.
func (p *pass) table(n ast.Name) *catalog.Table { return p.named().tables[n.Last().Name] }

// isRead reports whether a query names t.
func (p *pass) isRead(t *catalog.Table) bool { return p.named().read[t.Name] }

// isWritten reports whether a statement fills the table called name.
func (p *pass) isWritten(name string) bool { return p.named().written[name] }

// starred reports whether a * may stand for the columns of name.
func (p *pass) starred(name string) bool { return p.named().natural || p.named().starred[name] }

// column is the table's column that ref means in a FROM of rels; nil where the text does not tell.
func column(rels []rel, ref *ast.ColumnRef) (*catalog.Table, *catalog.Column) {
	parts := ref.Name.Parts
	for _, r := range rels {
		if r.table == nil || len(parts) > 1 && parts[0].Name != r.name {
			continue
		}
		if c := r.table.Column(parts[len(parts)-1].Name); c != nil {
			return r.table, c
		}
	}
	return nil, nil
}

var unitMicros = map[string]int64{
	"SECOND": 1e6, "MINUTE": 60e6, "HOUR": 3600e6, "DAY": 86400e6, "WEEK": 7 * 86400e6,
	"MONTH": 30 * 86400e6, "QUARTER": 91 * 86400e6, "YEAR": 365 * 86400e6,
}

// micros64 is the length of an interval of one unit, months taken as thirty days.
func micros64(iv *ast.IntervalLit) (int64, bool) {
	unit := unitMicros[iv.From]
	if unit == 0 {
		return 0, false
	}
	if iv.To == "" {
		f, err := strconv.ParseFloat(strings.TrimSpace(iv.Text.Value), 64)
		if err != nil {
			return 0, false
		}
		n := int64(f * float64(unit))
		if iv.Negative {
			n = -n
		}
		return n, true
	}
	// '1:30' MINUTE TO SECOND and the like: the parts after the first are the next smaller units.
	units := []string{"DAY", "HOUR", "MINUTE", "SECOND"}
	at := 0
	for at < len(units) && units[at] != iv.From {
		at++
	}
	var n int64
	for _, part := range strings.FieldsFunc(iv.Text.Value, func(r rune) bool { return r == ':' || r == ' ' }) {
		if at == len(units) {
			return 0, false
		}
		f, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0, false
		}
		n += int64(f * float64(unitMicros[units[at]]))
		at++
	}
	if iv.Negative {
		n = -n
	}
	return n, true
}

// delay is how far behind its column a watermark of the form column - INTERVAL stands; ok is false for other forms.
func delay(w ast.Expr) (micros int64, at diag.Span, ok bool) {
	switch e := w.(type) {
	case *ast.ColumnRef:
		return 0, e.Sp, true
	case *ast.Binary:
		iv, isInterval := e.Y.(*ast.IntervalLit)
		if _, isColumn := e.X.(*ast.ColumnRef); !isColumn || !isInterval || e.Op != "-" && e.Op != "+" {
			return 0, diag.Span{}, false
		}
		n, known := micros64(iv)
		if e.Op == "+" {
			n = -n
		}
		return n, iv.Sp, known
	}
	return 0, diag.Span{}, false
}

// windowCall is a TUMBLE, HOP, CUMULATE or SESSION in FROM.
type windowCall struct {
	f       *ast.TableFunc
	kind    string
	table   *catalog.Table // nil when it is not a table of the script
	time    string         // the column of DESCRIPTOR
	lengths []*ast.IntervalLit
}

// windowCalls is every window of the script's queries.
func windowCalls(p *pass) (out []windowCall) {
	each(p, func(f *ast.TableFunc, _ []ast.Node) {
		w := windowCall{f: f, kind: strings.ToUpper(f.Name.Name)}
		switch w.kind {
		case "TUMBLE", "HOP", "CUMULATE", "SESSION":
		default:
			return
		}
		for _, a := range f.Args {
			switch {
			case a.Table != nil:
				w.table = p.baseTable(a.Table.Last().Name, 0)
			case len(a.Descriptor) > 0:
				w.time = a.Descriptor[0].Name
			}
			if iv, ok := a.Expr.(*ast.IntervalLit); ok {
				w.lengths = append(w.lengths, iv)
			}
		}
		out = append(out, w)
	})
	return out
}

// baseTable is the table behind a name, through views and CTEs that read just one; nil when there is none.
func (p *pass) baseTable(name string, depth int) (t *catalog.Table) {
	if depth > 16 {
		return nil
	}
	var q *ast.Query
	each(p, func(c *ast.CTE, _ []ast.Node) {
		if c.Name.Name == name {
			q = c.Query
		}
	})
	if q == nil {
		for _, v := range p.Views {
			if v.View.Name == name {
				q = v.View.Query
			}
		}
	}
	if q == nil {
		for _, t := range p.Tables {
			if t.Name == name {
				return t
			}
		}
		return nil
	}
	if core, ok := q.Body.(*ast.SelectCore); ok {
		if from, ok := core.From.(*ast.TableName); ok && from.Name.Last().Name != name {
			return p.baseTable(from.Name.Last().Name, depth+1)
		}
	}
	return nil
}
