package fuzz

import (
	"fmt"
	"slices"
	"strings"
)

// The types of columns that have values in them. They are seen by nested alone, which makes scalars of them: a scan hides them from
// all other operators.
var (
	tList = typ{"ARRAY<INT>", list}
	tRows = typ{"ARRAY<ROW<a INT, b STRING>>", rows}
	tRow  = typ{"ROW<a INT, b STRING>", row}
	tMap  = typ{"MAP<STRING, INT>", dict}
)

// nestedValue is a value of such a type as a rows block has it.
func (t typ) nestedValue(c *Choices) string {
	number := func() string { return pick(c, []string{"1", "null", "2", "-4", "7"}) }
	word := func() string { return pick(c, []string{`"a"`, `"b"`, "null", `""`}) }
	one := func() string { return fmt.Sprintf(`{"a": %s, "b": %s}`, number(), word()) }
	several := func(of func() string) string {
		var out []string
		for range c.n(4) {
			out = append(out, of())
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	switch t.class {
	case list:
		return several(number)
	case rows:
		return several(one)
	case row:
		return one()
	}
	var out []string
	for _, k := range []string{"a", "b", "c"} {
		if c.chance(50) {
			out = append(out, fmt.Sprintf(`"%s": %s`, k, number()))
		}
	}
	return "{" + strings.Join(out, ", ") + "}"
}

// scalar are the columns without values in them.
func scalar(cols []column) []column {
	return slices.DeleteFunc(slices.Clone(cols), func(c column) bool { return c.class >= list })
}

// nested takes apart what is in the columns of a table: fields, elements, and rows of lists by UNNEST.
func (g *generator) nested(depth int) *rel {
	c := g.c
	var with []*table
	for _, t := range g.tables {
		if len(scalar(t.columns)) < len(t.columns) {
			with = append(with, t)
		}
	}
	if len(with) == 0 {
		return g.projection(g.below(depth))
	}
	t := pick(c, with)
	g.scans[t]++
	if g.batch {
		t.changes = "insert"
	}
	a := g.name("r")
	in := qualified(a, scalar(t.columns))
	out := &rel{changes: t.changes != "insert", ordered: t.changes != "upsert"}
	from := t.name + " AS " + a
	if c.chance(30) { // lists wait in the state of a join
		other := pick(c, g.tables)
		g.scans[other]++
		if g.batch {
			other.changes = "insert"
		}
		kind := pick(c, []string{"JOIN", "LEFT JOIN"})
		g.uses["nested values in a "+kind] = true
		x, y := g.name("r"), g.name("r")
		from = fmt.Sprintf("(SELECT %s FROM %s AS %s %s %s AS %s ON %s.k = %s.k) AS %s", names(qualified(x, t.columns)), t.name, x, kind, other.name, y, x, y, a)
		in, out.changes, out.ordered = plain(in), true, false
	}
	deep := pick(c, slices.DeleteFunc(slices.Clone(t.columns), func(c column) bool { return c.class < list }))
	at := a + "." + deep.name
	unnest := deep.class != row && c.chance(60)
	if unnest {
		g.uses["UNNEST"] = true
		u := g.name("u")
		elements := map[class][]column{list: {{name: "e", typ: tInt}}, rows: {{name: "p", typ: tInt}, {name: "q", typ: tString}}, dict: {{name: "mk", typ: tString}, {name: "mv", typ: tInt}}}[deep.class]
		of := fmt.Sprintf("UNNEST(%s) AS %s (%s)", at, u, names(elements))
		switch c.n(3) {
		case 0:
			from += " CROSS JOIN " + of
		case 1:
			from += " LEFT JOIN " + of + " ON TRUE"
		default:
			g.uses["LATERAL"] = true
			from += fmt.Sprintf(" CROSS JOIN LATERAL (SELECT %s FROM %s WHERE %s) AS %s", names(elements), of, g.condition(elements, 0), u+"x")
			u += "x"
		}
		in = append(in, qualified(u, elements)...)
		out.ordered = out.ordered && deep.class != dict
	}
	var items []string
	add := func(text string, t typ, time bool) {
		name := g.name("c")
		items, out.cols = append(items, text+" AS "+name), append(out.cols, column{name: name, typ: t, time: time})
	}
	for _, c := range in {
		add(c.name, c.typ, c.time)
	}
	if !unnest || c.chance(30) {
		g.uses["nested values"] = true
		switch deep.class {
		case list:
			add(fmt.Sprintf("%s[%d]", at, 1+c.n(2)), tInt, false)
			add("CARDINALITY("+at+")", tInt, false)
		case rows:
			add(at+"[1].b", tString, false)
		case row:
			add(at+".a", tInt, false)
			add(at+".b", tString, false)
		case dict:
			add(at+"['a']", tInt, false)
		}
	}
	out.query = "SELECT " + strings.Join(items, ", ") + " FROM " + from
	if c.chance(40) {
		out.query += " WHERE " + g.condition(in, 1)
	}
	return out
}
