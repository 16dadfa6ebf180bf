package fuzz

import (
	"fmt"
	"slices"
	"strings"
)

// pair is two columns of one type.
func (g *generator) pair(a, b []column) (int, int, bool) {
	var found [][2]int
	for i, x := range a {
		for j, y := range b {
			if x.typ == y.typ && !x.time && !y.time {
				found = append(found, [2]int{i, j})
			}
		}
	}
	if len(found) == 0 {
		return 0, 0, false
	}
	p := pick(g.c, found)
	return p[0], p[1], true
}

// joined are the columns of two relations under new names.
func (g *generator) joined(l, r []column, lname, rname string) (items []string, cols []column) {
	for i, side := range [][]column{l, r} {
		for _, c := range side {
			name := g.name("c")
			items = append(items, []string{lname, rname}[i]+"."+c.name+" AS "+name)
			c.name = name
			cols = append(cols, c)
		}
	}
	return items, cols
}

func (g *generator) kind() string {
	return pick(g.c, []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"})
}

func (g *generator) join(depth int) *rel {
	l, r := g.below(depth), g.below(depth)
	a, b := g.name("r"), g.name("r")
	i, j, ok := g.pair(l.cols, r.cols)
	if !ok {
		return g.projection(l)
	}
	kind := g.kind()
	g.uses[kind] = true
	items, cols := g.joined(plain(l.cols), plain(r.cols), a, b)
	on := a + "." + l.cols[i].name + " = " + b + "." + r.cols[j].name
	if g.c.chance(25) {
		on += " AND " + g.across(qualified(a, plain(l.cols)), qualified(b, plain(r.cols)))
	}
	out := &rel{cols: cols, changes: true}
	out.query = fmt.Sprintf("SELECT %s FROM %s %s %s ON %s", strings.Join(items, ", "), l.item(a), kind, r.item(b), on)
	if g.c.chance(15) {
		out.query += " WHERE " + g.condition(append(qualified(a, l.cols), qualified(b, r.cols)...), 1)
	}
	return out
}

// across is a condition over columns of both sides, or of one.
func (g *generator) across(a, b []column) string {
	if i, j, ok := g.pair(a, b); ok && g.c.chance(60) && a[i].class != boolean {
		return a[i].name + pick(g.c, []string{" <> ", " < ", " >= ", " IS DISTINCT FROM "}) + b[j].name
	}
	return g.condition(append(slices.Clone(a), b...), 0)
}

func (g *generator) semiJoin(depth int) *rel {
	l, r := g.below(depth), g.below(depth)
	a, b := g.name("r"), g.name("r")
	i, j, ok := g.pair(l.cols, r.cols)
	if !ok {
		return g.projection(l)
	}
	x, y := a+"."+l.cols[i].name, b+"."+r.cols[j].name
	form := pick(g.c, []string{"IN", "EXISTS", "NOT EXISTS", "NOT IN"})
	g.uses[form] = true
	var where string
	switch form {
	case "IN":
		where = fmt.Sprintf("%s IN (SELECT %s FROM %s)", x, y, r.item(b))
	case "NOT IN":
		where = fmt.Sprintf("%s NOT IN (SELECT %s FROM %s WHERE %s IS NOT NULL)", x, y, r.item(b), y)
	default:
		more := ""
		if g.c.chance(25) {
			more = " AND " + g.across(qualified(a, l.cols), qualified(b, r.cols))
		}
		where = fmt.Sprintf("%s (SELECT * FROM %s WHERE %s = %s%s)", form, r.item(b), x, y, more)
	}
	if g.c.chance(20) {
		where += " AND " + g.condition(qualified(a, l.cols), 1)
	}
	items, cols := g.joined(plain(l.cols), nil, a, b)
	return &rel{cols: cols, changes: true, query: fmt.Sprintf("SELECT %s FROM %s WHERE %s", strings.Join(items, ", "), l.item(a), where)}
}

func (g *generator) intervalJoin(depth int) *rel {
	l, r := g.rowsInTime(depth), g.rowsInTime(depth)
	a, b := g.name("r"), g.name("r")
	i, j, ok := g.pair(l.cols, r.cols)
	tl, tr := l.cols[l.rowTime()], r.cols[r.rowTime()]
	if !ok || tl.typ != tr.typ {
		return g.windowGroup(depth)
	}
	g.uses["interval join"] = true
	g.inTime = true
	kind := g.kind()
	lc, rc := slices.Clone(l.cols), slices.Clone(r.cols)
	if kind == "RIGHT JOIN" || kind == "FULL JOIN" {
		lc = plain(lc)
	}
	rc = plain(rc) // one row time is enough
	if kind != "JOIN" {
		lc = plain(lc)
	}
	items, cols := g.joined(lc, rc, a, b)
	on := fmt.Sprintf("%s.%s = %s.%s AND %s.%s BETWEEN %s.%s - INTERVAL '%d' SECOND AND %s.%s + INTERVAL '%d' SECOND",
		a, l.cols[i].name, b, r.cols[j].name, a, tl.name, b, tr.name, g.c.n(8), b, tr.name, g.c.n(8))
	if g.c.chance(20) {
		on += " AND " + g.across(qualified(a, plain(l.cols)), qualified(b, plain(r.cols)))
	}
	return &rel{cols: cols, query: fmt.Sprintf("SELECT %s FROM %s %s %s ON %s", strings.Join(items, ", "), l.item(a), kind, r.item(b), on)}
}

func (g *generator) windowJoin(depth int) *rel {
	g.timed = true
	side := func(kind [2]string) *rel {
		r := g.windowed(g.insertOnly(), kind)
		if g.c.chance(35) {
			r = g.windowAggregate(r)
		}
		return r
	}
	kind := g.windowKind()
	l, r := side(kind), side(kind)
	if l.window.key >= 0 {
		l.window.key, r.window.key = -1, -1
	}
	a, b := g.name("r"), g.name("r")
	i, j, ok := g.pair(l.cols, r.cols)
	wa, wb := l.window, r.window
	windowColumn := func(w *window, i int) bool { return i == w.start || i == w.end || i == w.time }
	if !ok || windowColumn(wa, i) || windowColumn(wb, j) {
		i, j = 0, 0
		if windowColumn(wa, i) || windowColumn(wb, j) || l.cols[i].typ != r.cols[j].typ {
			return g.windowAggregate(side(kind))
		}
	}
	g.uses["window join"] = true
	of := g.kind()
	x, y := qualified(a, l.cols), qualified(b, r.cols)
	on := fmt.Sprintf("%s = %s AND %s = %s AND %s = %s", x[i].name, y[j].name, x[wa.start].name, y[wb.start].name, x[wa.end].name, y[wb.end].name)
	if g.c.chance(20) {
		on += " AND " + g.across(plain(x), plain(y))
	}
	wrap := func(r *rel, name string) string {
		if r.from != "" {
			return "(SELECT * FROM " + r.from + ") AS " + name
		}
		return r.item(name)
	}
	items, cols := g.joined(plain(l.cols), plain(r.cols), a, b)
	return &rel{cols: cols, query: fmt.Sprintf("SELECT %s FROM %s %s %s ON %s", strings.Join(items, ", "), wrap(l, a), of, wrap(r, b), on)}
}

// over is aggregates OVER frames in the order of time.
func (g *generator) over(depth int) *rel {
	g.uses["OVER"] = true
	// A late row is dropped here as long as what is computed is used, and that is for the planner above to see.
	g.ahead = g.ahead || depth < 3
	r := g.rowsInTime(depth)
	a := g.name("r")
	in := qualified(a, r.cols)
	t := r.rowTime()
	frames := []string{"", " RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND CURRENT ROW", " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"}
	if g.batch { // Flink 2.2 cannot compile a RANGE of time there
		frames = slices.Delete(frames, 1, 2)
	}
	if r.ordered {
		frames = append(frames, " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW")
	}
	frame := pick(g.c, frames)
	over := "OVER (ORDER BY " + in[t].name + frame + ")"
	if g.c.chance(75) {
		over = "OVER (PARTITION BY " + pick(g.c, in).name + " ORDER BY " + in[t].name + frame + ")"
	}
	out := &rel{cols: slices.Clone(r.cols), window: nil}
	items := []string{names(in)}
	for range 1 + g.c.n(2) {
		col := pick(g.c, in)
		numbers := col.class == whole || col.class == exact || col.class == approx
		call, typ := "COUNT(*)", tBigint
		switch k := g.c.n(6); {
		case k == 1:
			call = "COUNT(" + col.name + ")"
		case k == 2 && numbers:
			call, typ = "SUM("+col.name+")", sumOf(col.typ)
		case k == 3 && numbers:
			call, typ = "AVG("+col.name+")", averageOf(col.typ)
		case k == 4 && col.class != boolean:
			call, typ = "MIN("+col.name+")", col.typ
		case k == 5 && col.class != boolean:
			call, typ = "MAX("+col.name+")", col.typ
		}
		name := g.name("a")
		items = append(items, call+" "+over+" AS "+name)
		out.cols = append(out.cols, column{name: name, typ: typ})
	}
	out.query = "SELECT " + strings.Join(items, ", ") + " FROM " + r.item(a)
	for i := range out.cols { // behind a window there are two times
		out.cols[i].time = out.cols[i].time && i == t
	}
	return out
}

func (g *generator) topN(depth int) *rel {
	g.uses["Top-N"] = true
	r := g.below(depth)
	a, b, n := g.name("r"), g.name("r"), g.name("n")
	in := qualified(a, r.cols)
	by := ""
	if g.c.chance(75) {
		by = "PARTITION BY " + pick(g.c, in).name + " "
	}
	order := g.totalOrder(in)
	out := &rel{cols: plain(r.cols), changes: true}
	shown := names(qualified(b, r.cols))
	if g.c.chance(35) {
		shown += ", " + n
		out.cols = append(out.cols, column{name: n, typ: tBigint})
	}
	out.query = fmt.Sprintf("SELECT %s FROM (SELECT %s, ROW_NUMBER() OVER (%sORDER BY %s) AS %s FROM %s) AS %s WHERE %s <= %d",
		shown, names(in), by, order, n, r.item(a), b, n, 2+g.c.n(2)) // not 1: Flink leaves the rows that are replaced in the result
	return out
}

// firstOrLast is de-duplication by row time.
func (g *generator) firstOrLast(depth int) *rel {
	r := g.rowsInTime(depth)
	if !r.ordered || r.window != nil {
		r = g.insertOnly()
	}
	g.uses["de-duplication"] = true
	a, b, n := g.name("r"), g.name("r"), g.name("n")
	in := qualified(a, r.cols)
	desc := pick(g.c, []string{"", " DESC"})
	out := &rel{cols: slices.Clone(r.cols), changes: desc != ""}
	if out.changes {
		out.cols = plain(out.cols)
	}
	out.query = fmt.Sprintf("SELECT %s FROM (SELECT %s, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s%s) AS %s FROM %s) AS %s WHERE %s = 1",
		names(qualified(b, r.cols)), names(in), pick(g.c, in).name, in[r.rowTime()].name, desc, n, r.item(a), b, n)
	return out
}

// setOperation is UNION and its kin over columns that are cast to the same types.
func (g *generator) setOperation(depth int) *rel {
	l, r := g.below(depth), g.below(depth)
	op := pick(g.c, []string{"UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"})
	g.uses[op] = true
	out := &rel{changes: op != "UNION ALL" || l.changes || r.changes}
	a, b := g.name("r"), g.name("r")
	var left, right []string
	for range 1 + g.c.n(2) {
		i, j, ok := g.pair(l.cols, r.cols)
		name := g.name("c")
		if ok {
			c := l.cols[i]
			c.name = name
			out.cols = append(out.cols, c)
			left, right = append(left, a+"."+l.cols[i].name+" AS "+name), append(right, b+"."+r.cols[j].name)
			continue
		}
		out.cols = append(out.cols, column{name: name, typ: tString})
		left = append(left, "CAST("+a+"."+pick(g.c, l.cols).name+" AS STRING) AS "+name)
		right = append(right, "CAST("+b+"."+pick(g.c, r.cols).name+" AS STRING)")
	}
	out.query = fmt.Sprintf("SELECT %s FROM %s %s SELECT %s FROM %s", strings.Join(left, ", "), l.item(a), op, strings.Join(right, ", "), r.item(b))
	return out
}

// orderLimit is the first rows by time, or the first ones of an order.
func (g *generator) orderLimit(depth int) *rel {
	r := g.below(depth)
	a := g.name("r")
	in := qualified(a, r.cols)
	g.uses["LIMIT"] = true
	return &rel{cols: plain(r.cols), changes: true,
		query: fmt.Sprintf("SELECT %s FROM %s ORDER BY %s LIMIT %d", names(in), r.item(a), g.totalOrder(in), 1+g.c.n(4))}
}

// value is a sub-query for a value.
func (g *generator) value(depth int) *rel {
	l, r := g.below(depth), g.below(depth)
	a, b := g.name("r"), g.name("r")
	g.uses["sub-query for a value"] = true
	in := qualified(b, r.cols)
	col := pick(g.c, in)
	call, t := "MAX("+col.name+")", col.typ // a count of nothing is NULL in Flink's streams
	if col.class == boolean {
		call, t = "SUM(CHAR_LENGTH(CAST("+col.name+" AS STRING)))", tInt
	}
	name := g.name("c")
	where := ""
	if i, j, ok := g.pair(l.cols, r.cols); ok && g.c.chance(40) {
		where = fmt.Sprintf(" WHERE %s.%s = %s.%s", b, r.cols[j].name, a, l.cols[i].name)
	}
	items, cols := g.joined(plain(l.cols), nil, a, b)
	return &rel{cols: append(cols, column{name: name, typ: t}), changes: true,
		query: fmt.Sprintf("SELECT %s, (SELECT %s FROM %s%s) AS %s FROM %s", strings.Join(items, ", "), call, r.item(b), where, name, l.item(a))}
}
