package lint

import (
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/bind"
	"weir/planner/catalog"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// sinkRules are about what arrives in a table: its columns, their types, its key.
var sinkRules = []Rule{
	{Code: "SQ7401", Name: "sink-key-unlike-query", run: sinkKey},
	{Code: "SQ7402", Name: "select-star-into-sink", run: selectStar},
	{Code: "SQ7403", Name: "columns-in-other-order", run: swappedColumns},
	{Code: "SQ7404", Name: "lossy-conversion", run: lossyConversion},
	{Code: "SQ7405", Name: "float-key", run: floatKey},
}

// sinkKey holds the key of a query against the key of the table that it is written to.
func sinkKey(p *pass) {
	for _, j := range p.Jobs {
		for _, in := range j.Inserts {
			if in.Query == nil || len(in.Table.PrimaryKey) == 0 || in.Stmt.Conflict != nil { // what becomes of such rows is said
				continue
			}
			a, at, ok := keysOf(in.Query)
			if !ok || len(a.Keys) == 0 {
				continue
			}
			pk := keyColumns(in.Table, bind.Writable(in.Table))
			place := in.Table.NameSpan
			if def := p.definition(in.Table); def != nil && def.PrimaryKey != nil {
				place = def.PrimaryKey.Sp
			}
			win := map[int]bool{} // positions of the aggregate's keys that hold bounds of a window
			if w := a.Input.Windows(); w != nil && a.Windowed {
				for i, k := range a.Keys {
					win[i] = k == w.Start || k == w.End || k == w.Time
				}
			}
			have, window, computed := map[int]bool{}, false, false
			changes := -1
			for _, c := range pk {
				switch k := at[c]; {
				case k == -2:
					computed = true
				case k >= len(a.Keys):
					changes = c
				case win[k]:
					window = true
				default:
					have[k] = true
				}
			}
			if changes >= 0 && !a.Windowed {
				name := in.Table.Columns[bind.Writable(in.Table)[changes]].Name
				p.report(place, "the key of %s has %s, which changes", in.Table.Name, name).Label(a.Sp, "the query's key").
					At("each change is a deletion and a new row").Help("make the key of the columns that the query groups by")
				continue
			}
			if computed {
				continue
			}
			var missing []string
			for i, k := range a.Keys {
				if !have[i] && !win[i] {
					missing = append(missing, a.Input.Cols()[k].Name)
				}
			}
			if len(missing) == 0 && a.Windowed && !window && slices.Contains(values(win), true) {
				missing = []string{"window_start"}
			}
			if len(missing) > 0 {
				what := strings.Join(missing, ", ")
				p.report(place, "rows of the query with another %s replace each other in %s", what, in.Table.Name).
					At("%s is not in this key", what).Label(a.Sp, "the query has a row for each of these").
					Help("add %s to the PRIMARY KEY of %s, or group by its key alone", what, in.Table.Name).
					Help("or, where it is meant, say which of them stays: ON CONFLICT DO NOTHING behind the query, or DO DEDUPLICATE")
			}
		}
	}
}

func values(m map[int]bool) (out []bool) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// selectStar reports a * over a table whose rows are written: a column that is added to the table changes the job.
func selectStar(p *pass) {
	each(p, func(in *ast.Insert, _ []ast.Node) {
		for _, core := range cores(in.Query.Body) {
			for _, it := range core.Items {
				if it.Star {
					p.starIsWritten(in, it, p.starColumns(core.From, it))
				}
			}
		}
	})
}

func (p *pass) starIsWritten(in *ast.Insert, it *ast.SelectItem, names []string) {
	if len(names) == 0 {
		return
	}
	d := p.report(it.Sp, "a * is written into %s", in.Table).At("by position: a column that is added to the table breaks or shifts this")
	if most := 20; len(names) > most {
		d.Help("name the columns: SELECT %s, ...; weir check --fix writes all %d", strings.Join(names[:most], ", "), len(names))
	} else {
		d.Help("name the columns: SELECT %s", strings.Join(names, ", "))
	}
	d.Fix(it.Sp, strings.Join(names, ", "))
}

// cores is the SELECTs that the rows of a query are from.
func cores(b ast.QueryBody) []*ast.SelectCore {
	switch b := b.(type) {
	case *ast.SetOp:
		return append(cores(b.Left), cores(b.Right)...)
	case *ast.Query:
		return cores(b.Body)
	case *ast.SelectCore:
		return []*ast.SelectCore{b}
	}
	return nil
}

// starColumns is the columns that a * stands for, as they can be written in its place; none where they are not all of tables.
func (p *pass) starColumns(from ast.TableRef, star *ast.SelectItem) (names []string) {
	rels := p.relations(from)
	for _, r := range rels {
		if star.Of != nil && star.Of.Last().Name != r.name {
			continue
		}
		if r.table == nil {
			return nil
		}
		for i := range r.table.Columns {
			n := scalar.QuoteName(r.table.Columns[i].Name)
			if len(rels) > 1 && r.name != "" {
				n = scalar.QuoteName(r.name) + "." + n
			}
			names = append(names, n)
		}
		if _, window := r.ref.(*ast.TableFunc); window {
			names = append(names, "window_start", "window_end", "window_time")
		}
	}
	return names
}

// targets is the columns of t that an INSERT fills, in the order of its query.
func targets(in *ast.Insert, t *catalog.Table) (out []*catalog.Column) {
	if in.Columns == nil {
		for _, i := range bind.Writable(t) {
			out = append(out, &t.Columns[i])
		}
		return out
	}
	for _, id := range in.Columns {
		if c := t.Column(id.Name); c != nil {
			out = append(out, c)
		}
	}
	return out
}

// itemName is the name that a column of a SELECT has by its text, "" when it has none.
func itemName(it *ast.SelectItem) string {
	if it.Alias != nil {
		return it.Alias.Name
	}
	if r, ok := it.Expr.(*ast.ColumnRef); ok {
		return r.Name.Last().Name
	}
	return ""
}

// only is the name of an item, or of the one column that it is computed from; "" for others.
func only(it *ast.SelectItem) string {
	if n := itemName(it); n != "" || it.Expr == nil {
		return n
	}
	name, many := "", false
	within(ast.Node(it.Expr), func(r *ast.ColumnRef, _ []ast.Node) {
		n := r.Name.Last().Name
		many = many || name != "" && name != n
		name = n
	})
	if many {
		return ""
	}
	return name
}

func swappedColumns(p *pass) {
	for _, j := range p.Jobs {
		for _, in := range j.Inserts {
			core, ok := in.Stmt.Query.Body.(*ast.SelectCore)
			if !ok || in.Table == nil {
				continue
			}
			to := targets(in.Stmt, in.Table)
			if len(to) != len(core.Items) {
				continue
			}
			names := map[string]bool{}
			for _, c := range to {
				names[c.Name] = true
			}
			about := make([]string, len(to)) // the column that an item is named after, or computed from alone
			for i, it := range core.Items {
				about[i] = only(it)
			}
			for i, it := range core.Items {
				n := itemName(it)
				if k := slices.IndexFunc(to, func(c *catalog.Column) bool { return c.Name == about[i] }); n == "" && k >= 0 && about[k] == to[i].Name {
					n = about[i] // F(a), G(b) into (b, a)
				}
				if it.Star || n == "" || n == to[i].Name || !names[n] {
					continue
				}
				p.report(it.Sp, "%s is written into column %s", n, to[i].Name).At("columns go by their position").
					Label(to[i].Span, "this column").Help("put the columns into the order of %s, or name them: INSERT INTO %s (...)", in.Table.Name, in.Table.Name)
				break
			}
		}
	}
}

// lossyConversion reports what INSERT converts by itself and what does not come back from it.
func lossyConversion(p *pass) {
	for _, j := range p.Jobs {
		for _, in := range j.Inserts {
			top, ok := in.Query.(*logical.Calc)
			if !ok {
				continue
			}
			fields := bind.Writable(in.Table)
			for i, e := range top.Exprs {
				c, ok := e.(*scalar.Cast)
				if !ok || !c.Implicit || i >= len(fields) {
					continue
				}
				from, to := c.X.Type(), c.Typ
				why := loses(from, to)
				if why == "" {
					continue
				}
				n, x := origin(top.Input, c.X)
				if !plain(n, x) {
					continue
				}
				col := &in.Table.Columns[fields[i]]
				p.report(p.itemAt(in.Stmt, in.Table, col), "%s becomes %s: %s", from.WithNullable(true), to.WithNullable(true), why).
					Label(col.Span, "written into this column").Help("declare %s as %s, or write the CAST", col.Name, from.WithNullable(true))
			}
		}
	}
}

// plain reports whether e is a column of a table, or an aggregate that keeps its scale: what has been divided or
// averaged has digits that nobody counts on.
func plain(n logical.Node, e scalar.Expr) bool {
	col, ok := bare(e).(*scalar.Column)
	if !ok {
		return false
	}
	if a, ok := n.(*logical.Aggregate); ok && col.Index >= len(a.Keys) {
		f := a.Aggs[col.Index-len(a.Keys)].Func
		return f == "SUM" || f == "MIN" || f == "MAX"
	}
	return true
}

func loses(from, to types.Type) string {
	switch {
	case from.Kind == types.Decimal && (to.Kind == types.Double || to.Kind == types.Float):
		return "an exact number becomes an approximate one"
	case from.Kind == types.Decimal && to.Kind == types.Decimal && from.Scale > to.Scale:
		return "digits behind the point are lost"
	case from.Kind == types.Double && to.Kind == types.Float:
		return "half of the digits are lost"
	case (from.Kind == types.Double || from.Kind == types.Float) && to.Kind == types.Decimal:
		return "what is more precise, or too large, is lost"
	case from.Kind == types.BigInt && (to.Kind == types.Double || to.Kind == types.Float), from.Kind == types.Int && to.Kind == types.Float:
		return "large whole numbers lose their last digits"
	case from.Kind == types.BigInt && to.Kind == types.Decimal && to.Prec-to.Scale < 19, from.Kind == types.Int && to.Kind == types.Decimal && to.Prec-to.Scale < 5:
		return "larger numbers do not fit"
	case from.IsTimestamp() && (to.Kind == types.Date || to.Kind == types.Time):
		return "a part of the timestamp is lost"
	case from.IsTimestamp() && to.IsTimestamp() && from.Kind == to.Kind && from.Prec > to.Prec:
		return "fractions of a second are lost"
	}
	return ""
}

// itemAt is the place of the query's column for col: its expression in the SELECT list, or the INSERT's table.
func (p *pass) itemAt(in *ast.Insert, t *catalog.Table, col *catalog.Column) diag.Span {
	to := targets(in, t)
	i := slices.Index(to, col)
	if core, ok := in.Query.Body.(*ast.SelectCore); ok && len(core.Items) == len(to) && i >= 0 && core.Items[i].Expr != nil {
		return core.Items[i].Expr.Span()
	}
	return in.Table.Sp
}

func floatKey(p *pass) {
	say := func(at diag.Span, what, name string, t types.Type) {
		p.report(at, "%s by %s, which is %s", what, name, t.WithNullable(true)).At("numbers that should be equal differ in their last digit").
			Help("make it a DECIMAL or a whole number")
	}
	for _, t := range p.Tables {
		for _, k := range t.PrimaryKey {
			if c := &t.Columns[k]; isFloat(c.Type) {
				say(p.keyAt(t, c), "rows are told apart", c.Name, c.Type)
			}
		}
		for _, n := range list(option(t, "key.fields")) {
			if c := t.Column(n); c != nil && isFloat(c.Type) {
				say(optionAt(t, "key.fields"), "records are keyed", n, c.Type)
			}
		}
	}
	p.eachBound(func(n logical.Node) {
		a, ok := n.(*logical.Aggregate)
		if !ok {
			return
		}
		head := strings.ToUpper(a.Sp.Text())
		if strings.HasPrefix(head, "SELECT") || strings.HasPrefix(head, "UNION") {
			return // DISTINCT and UNION compare whole rows
		}
		for _, k := range a.Keys {
			if c := a.Input.Cols()[k]; isFloat(c.Type) {
				say(a.Sp, "rows are grouped", c.Name, c.Type)
			}
		}
	})
}

// keyAt is where c is named in the PRIMARY KEY of t; where it is defined, if the key has no list of names.
func (p *pass) keyAt(t *catalog.Table, c *catalog.Column) diag.Span {
	if def := p.definition(t); def != nil && def.PrimaryKey != nil {
		for _, id := range def.PrimaryKey.Columns {
			if id.Name == c.Name {
				return id.Sp
			}
		}
	}
	return c.Span
}
