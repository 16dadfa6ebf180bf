package fuzz

import (
	"fmt"
	"strings"
)

// temporal is a join with what a versioned table, or a view that keeps the last row of each key, said at the time of the row.
func (g *generator) temporal(depth int) *rel {
	if g.batch {
		return g.join(depth)
	}
	l := g.rowsInTime(depth)
	t := l.rowTime()
	key := -1
	for i, c := range l.cols {
		if c.typ == g.key && !c.time && (key < 0 || g.c.chance(30)) {
			key = i
		}
	}
	if key < 0 || l.cols[t].typ != tTime {
		return g.windowGroup(depth)
	}
	v := g.versions()
	if v == nil {
		return g.windowGroup(depth)
	}
	kind := pick(g.c, []string{"JOIN", "LEFT JOIN"})
	g.uses["temporal "+kind] = true
	a, b := g.name("r"), g.name("r")
	on := fmt.Sprintf("%s.%s = %s.%s", a, l.cols[key].name, b, v.cols[0].name)
	if g.c.chance(20) { // of one side: with an equality of both Flink keeps the versions of more columns
		side := qualified(a, plain(l.cols))
		if g.c.chance(50) {
			side = qualified(b, plain(v.cols))
		}
		on += " AND " + g.condition(side, 0)
	}
	items, cols := g.joined(l.cols, plain(v.cols), a, b)
	for i := range cols {
		cols[i].time = cols[i].time && i == t
	}
	return &rel{cols: cols, query: fmt.Sprintf("SELECT %s FROM %s %s %s FOR SYSTEM_TIME AS OF %s.%s AS %s ON %s",
		strings.Join(items, ", "), l.item(a), kind, v.from, a, l.cols[t].name, b, on)}
}

// versions is a table whose rows have a key, the first column, and a row time; nil where its row time is of another type.
func (g *generator) versions() *rel {
	if g.c.chance(65) {
		v := g.changing("upsert")
		if v.cols[v.rowTime()].typ != tTime {
			return nil
		}
		return v
	}
	t := g.tableOf("insert")
	t.keyed = true
	g.scans[t]++
	of := &rel{from: t.name, cols: scalar(t.columns), ordered: true}
	if of.cols[of.rowTime()].typ != tTime {
		return nil
	}
	g.uses["versioned view"] = true
	view, a, n := g.name("v"), g.name("r"), g.name("n")
	g.views = append(g.views, fmt.Sprintf("CREATE VIEW %s AS SELECT %s FROM (SELECT %s, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY ts DESC) AS %s FROM %s) AS %s WHERE %s = 1;",
		view, names(qualified(a, of.cols)), names(of.cols), of.cols[0].name, n, of.from, a, n))
	return &rel{from: view, cols: of.cols, changes: true}
}

// windowOfChanges is an aggregation in windows of rows that are taken back.
func (g *generator) windowOfChanges(depth int) *rel {
	if g.batch {
		return g.windowGroup(depth)
	}
	g.timed = true
	g.uses["windows of changes"] = true
	r := g.changing(pick(g.c, []string{"retract", "retract", "upsert"}))
	if g.c.chance(25) {
		r = g.projection(r)
	}
	switch g.c.n(8) {
	case 1, 2:
		return g.groupWindowOf(r)
	case 3:
		return g.projection(g.windowed(r, g.windowKind()))
	}
	return g.windowAggregate(g.windowed(r, g.windowKind()))
}

// windowSemiJoin is the rows of windows that have, or have not, a partner in the same window.
func (g *generator) windowSemiJoin(depth int) *rel {
	kind := g.windowKind()
	if kind[0] == "SESSION" { // of which Flink looks at the ends only
		kind = [2]string{"TUMBLE", "INTERVAL '10' SECOND"}
	}
	g.timed = true
	l, r := g.windowed(g.insertOnly(), kind), g.windowed(g.insertOnly(), kind)
	i, j, ok := g.pair(l.cols[:l.window.start], r.cols[:r.window.start])
	if !ok {
		return g.windowAggregate(l)
	}
	a, b := g.name("r"), g.name("r")
	x, y := qualified(a, l.cols), qualified(b, r.cols)
	same := fmt.Sprintf("%s = %s AND %s = %s", x[l.window.start].name, y[r.window.start].name, x[l.window.end].name, y[r.window.end].name)
	form := pick(g.c, []string{"IN", "EXISTS", "NOT EXISTS", "NOT IN"})
	g.uses["window join by "+form] = true
	from := "(SELECT * FROM " + r.from + ") AS " + b
	var where string
	switch form {
	case "IN":
		where = fmt.Sprintf("%s IN (SELECT %s FROM %s WHERE %s)", x[i].name, y[j].name, from, same)
	case "NOT IN":
		where = fmt.Sprintf("%s NOT IN (SELECT %s FROM %s WHERE %s AND %s IS NOT NULL) AND %s IS NOT NULL", x[i].name, y[j].name, from, same, y[j].name, x[i].name)
	default:
		where = fmt.Sprintf("%s (SELECT * FROM %s WHERE %s = %s AND %s)", form, from, x[i].name, y[j].name, same)
	}
	items, cols := g.joined(plain(l.cols), nil, a, b)
	return &rel{cols: cols, query: fmt.Sprintf("SELECT %s FROM (SELECT * FROM %s) AS %s WHERE %s", strings.Join(items, ", "), l.from, a, where)}
}
