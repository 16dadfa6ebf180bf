package lint

import (
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/config"
)

// unusedRules are about what is defined and never needed, and about names that hide others.
var unusedRules = []Rule{
	{Code: "SQ7601", Name: "unused-table", Sound: true, run: unusedTable},
	{Code: "SQ7602", Name: "unused-view", Sound: true, run: unusedView},
	{Code: "SQ7603", Name: "unused-cte", Sound: true, run: unusedCTE},
	{Code: "SQ7604", Name: "unused-computation", Sound: true, run: unusedComputation},
	{Code: "SQ7605", Name: "unread-column", Note: true, Sound: true, run: unreadColumn},
	{Code: "SQ7606", Name: "cte-hides-table", run: hidingCTE},
	{Code: "SQ7607", Name: "definition-without-effect", run: definedTwice},
}

// runs reports whether the script does anything: a file of definitions alone is there for others.
func (p *pass) runs() bool { return len(p.Jobs)+len(p.Selects) > 0 || p.hasStatement() }

func (p *pass) hasStatement() bool {
	for _, s := range p.Scripts {
		if hasJob(s.Statements) {
			return true
		}
	}
	return false
}

// uses counts how often the script names a table, view or CTE, its definition apart.
func (p *pass) uses() map[string]int {
	n := map[string]int{}
	each(p, func(t *ast.TableName, _ []ast.Node) { n[t.Name.Last().Name]++ })
	each(p, func(a *ast.TableArg, _ []ast.Node) {
		if a.Table != nil {
			n[a.Table.Last().Name]++
		}
	})
	each(p, func(in *ast.Insert, _ []ast.Node) { n[in.Table.Last().Name]++ })
	each(p, func(t *ast.CreateTable, _ []ast.Node) {
		if t.As != nil {
			n[t.Name.Last().Name]++
		}
	})
	each(p, func(l *ast.Like, _ []ast.Node) { n[l.Source.Last().Name]++ })
	each(p, func(d *ast.Describe, _ []ast.Node) { n[d.Name.Last().Name]++ })
	each(p, func(s *ast.Show, _ []ast.Node) {
		if s.Name != nil {
			n[s.Name.Last().Name]++
		}
	})
	// Late rows go there: by SET, by an option of the table that is read, or by a hint.
	each(p, func(kv *ast.Property, _ []ast.Node) {
		if kv.Key.Value == config.LateRowsTarget && kv.Value != nil {
			n[kv.Value.Value]++
		}
	})
	return n
}

func unusedTable(p *pass) {
	if !p.runs() {
		return
	}
	uses := p.uses()
	for _, t := range p.Tables {
		if uses[t.Name] == 0 {
			p.report(t.NameSpan, "table %s is never used", t.Name).Help("remove it, or use it")
		}
	}
}

func unusedView(p *pass) {
	if !p.runs() {
		return
	}
	uses := p.uses()
	each(p, func(v *ast.CreateView, _ []ast.Node) {
		if name := v.Name.Last(); uses[name.Name] == 0 {
			p.report(v.Name.Sp, "view %s is never used", name.Name).Help("remove it, or read it")
		}
	})
}

func unusedCTE(p *pass) {
	each(p, func(q *ast.Query, _ []ast.Node) {
		for _, c := range q.With {
			used := false
			within(ast.Node(q), func(t *ast.TableName, above []ast.Node) {
				if in, ok := nearest[*ast.CTE](above); !ok || in != c {
					used = used || t.Name.String() == c.Name.Name
				}
			})
			within(ast.Node(q), func(a *ast.TableArg, _ []ast.Node) {
				used = used || a.Table != nil && a.Table.String() == c.Name.Name
			})
			if !used {
				p.report(c.Name.Sp, "%s is defined by WITH and never read", c.Name.Name).Help("remove it, or read it")
			}
		}
	})
}

// references counts how often each name is used as a column, anywhere in the script. Names are not resolved: a name
// that means another table's column counts too, so that nothing is called unused that is not.
func (p *pass) references() map[string]int {
	n := map[string]int{}
	each(p, func(r *ast.ColumnRef, _ []ast.Node) {
		for _, part := range r.Name.Parts {
			n[part.Name]++
		}
	})
	each(p, func(j *ast.Join, _ []ast.Node) {
		for _, u := range j.Using {
			n[u.Name]++
		}
	})
	each(p, func(a *ast.TableArg, _ []ast.Node) {
		for _, d := range a.Descriptor {
			n[d.Name]++
		}
	})
	each(p, func(st *ast.CreateTable, _ []ast.Node) {
		if st.Watermark != nil {
			n[st.Watermark.Column.Parts[0].Name]++
		}
		if st.PrimaryKey != nil {
			for _, c := range st.PrimaryKey.Columns {
				n[c.Name]++
			}
		}
		for _, c := range st.PartitionedBy {
			n[c.Name]++
		}
		for _, o := range st.Options {
			if o.Key.Value == "key.fields" {
				for _, c := range list(o.Value.Value) {
					n[c]++
				}
			}
		}
	})
	return n
}

// unusedComputation reports columns that somebody wrote an expression for, and nobody reads: of tables, views and CTEs.
func unusedComputation(p *pass) {
	if !p.runs() {
		return
	}
	refs, uses := p.references(), p.uses()
	each(p, func(st *ast.CreateTable, _ []ast.Node) {
		name := st.Name.Last().Name
		if uses[name] == 0 || p.starred(name) || p.isWritten(name) {
			return
		}
		for _, c := range st.Columns {
			if c.Expr != nil && refs[c.Name.Name] == 0 {
				p.report(c.Name.Sp, "column %s of %s is computed and never read", c.Name.Name, name).Help("remove it, or read it")
			}
		}
	})
	items := func(name string, q *ast.Query, columns []ast.Ident) {
		core, ok := q.Body.(*ast.SelectCore)
		if !ok || core.Distinct || columns != nil || uses[name] == 0 || p.starred(name) {
			return
		}
		own := map[string]int{}
		within(ast.Node(q), func(r *ast.ColumnRef, _ []ast.Node) {
			for _, part := range r.Name.Parts {
				own[part.Name]++
			}
		})
		for _, it := range core.Items {
			if n := itemName(it); n != "" && refs[n]-own[n] == 0 {
				p.report(it.Sp, "column %s of %s is never read", n, name).Help("remove it, or read it")
			}
		}
	}
	each(p, func(v *ast.CreateView, _ []ast.Node) { items(v.Name.Last().Name, v.Query, v.Columns) })
	each(p, func(c *ast.CTE, _ []ast.Node) { items(c.Name.Name, c.Query, c.Columns) })
}

// unreadColumn notes, once a table, columns of a source that no query reads.
func unreadColumn(p *pass) {
	if !p.runs() {
		return
	}
	refs := p.references()
	for _, t := range p.Tables {
		if !p.isRead(t) || p.isWritten(t.Name) || p.starred(t.Name) || option(t, "format") == "csv" || option(t, "value.format") == "csv" || t.Connector == "filesystem" {
			continue
		}
		var unread []*catalog.Column
		for i := range t.Columns {
			c := &t.Columns[i]
			if refs[c.Name] == 0 && c.Kind != catalog.Computed && c.Span.File == t.Span.File && c.Span.Start >= t.Span.Start && c.Span.End <= t.Span.End {
				unread = append(unread, c)
			}
		}
		if len(unread) == 0 {
			continue
		}
		d := p.report(unread[0].Span, "column %s of %s is never read", unread[0].Name, t.Name).Help("leave it out, unless others need the definition")
		if len(unread) > 1 {
			var more []string
			for _, c := range unread[1:] {
				more = append(more, c.Name)
			}
			d.Note("nor are %s", strings.Join(more, ", "))
		}
	}
}

func hidingCTE(p *pass) {
	each(p, func(c *ast.CTE, _ []ast.Node) {
		for _, t := range p.Tables {
			if t.Name == c.Name.Name {
				p.report(c.Name.Sp, "%s hides the table of that name", c.Name.Name).Label(t.NameSpan, "defined here").Help("give it another name")
			}
		}
		for _, v := range p.Views {
			if v.View.Name == c.Name.Name {
				p.report(c.Name.Sp, "%s hides the view of that name", c.Name.Name).Label(v.View.Span, "defined here").Help("give it another name")
			}
		}
	})
}

func definedTwice(p *pass) {
	first := map[string]diag.Span{}
	say := func(name ast.Name, conditional bool) {
		n := name.Last().Name
		if at, there := first[n]; there && conditional {
			p.report(name.Sp, "this definition of %s has no effect: there is one already", n).Label(at, "this one counts").Help("remove one of them")
			return
		}
		first[n] = name.Sp
	}
	for _, s := range p.Scripts {
		for _, st := range s.Statements {
			switch st := st.(type) {
			case *ast.CreateTable:
				say(st.Name, st.IfNotExists)
			case *ast.CreateView:
				say(st.Name, st.IfNotExists)
			case *ast.Drop:
				delete(first, st.Name.Last().Name)
			}
		}
	}
}
