package fuzz

import (
	"fmt"
	"strings"
)

// match is the rows of a table that follow a pattern.
func (g *generator) match(depth int) *rel {
	if g.batch {
		return g.windowGroup(depth)
	}
	g.timed = true
	r := g.insertOnly()
	if g.c.chance(25) {
		r = g.projection(r)
	}
	var in []column // what conditions and measures look at
	for _, c := range r.cols {
		if !c.time {
			in = append(in, c)
		}
	}
	if len(in) == 0 {
		return g.windowOfChanges(depth)
	}
	g.uses["MATCH_RECOGNIZE"] = true
	c := g.c
	vars := []string{"A", "B", "C"}[:1+c.n(3)]
	var pattern, define []string
	for i, v := range vars {
		quantifiers := []string{"", "+", "*", "?", "{2}", "{1,2}", "+?", "*?", "{1,3}?"}
		if i == len(vars)-1 { // Flink takes nothing greedy there
			quantifiers = []string{"", "{2}", "+?", "{1,3}?"}
		}
		pattern = append(pattern, v+pick(c, quantifiers))
		if c.chance(80) {
			define = append(define, v+" AS "+g.defined(v, vars[:i], in))
		}
	}
	if len(define) == 0 {
		define = append(define, "A AS "+g.defined("A", nil, in))
	}
	out := &rel{}
	by := ""
	if c.chance(75) {
		k := pick(c, in)
		by = "PARTITION BY " + k.name + " "
		out.cols = append(out.cols, k)
	}
	var measures []string
	measure := func(text string, t typ, time bool) {
		name := g.name("m")
		measures, out.cols = append(measures, text+" AS "+name), append(out.cols, column{name: name, typ: t, time: time})
	}
	if c.chance(40) {
		measure("MATCH_ROWTIME()", r.cols[r.rowTime()].typ, true)
	}
	for range 1 + c.n(3) {
		v, col := pick(c, vars), pick(c, in)
		at := v + "." + col.name
		numbers := col.typ == tInt || col.typ == tBigint || col.typ == tDouble
		switch k := c.n(7); {
		case k == 1:
			measure("FIRST("+at+")", col.typ, false)
		case k == 2:
			measure("COUNT("+at+")", tBigint, false)
		case k == 3 && numbers:
			measure("SUM("+at+")", col.typ, false)
		case k == 4 && numbers:
			measure("MAX("+at+")", col.typ, false)
		case k == 5:
			measure("LAST("+at+", 1)", col.typ, false)
		case k == 6:
			measure(at, col.typ, false)
		default:
			measure("LAST("+at+")", col.typ, false)
		}
	}
	after := pick(c, []string{"", "AFTER MATCH SKIP PAST LAST ROW ", "AFTER MATCH SKIP TO NEXT ROW ", "AFTER MATCH SKIP TO NEXT ROW "})
	if last := vars[len(vars)-1]; len(vars) > 1 && !strings.ContainsAny(pattern[0], "*?") && c.chance(20) { // not to the match's first row: it would be found for ever
		after = "AFTER MATCH SKIP TO LAST " + last + " "
	}
	within := ""
	if c.chance(20) {
		within = pick(c, []string{" WITHIN INTERVAL '5' SECOND", " WITHIN INTERVAL '12' SECOND"})
	}
	out.query = fmt.Sprintf("SELECT * FROM %s MATCH_RECOGNIZE (%sORDER BY %s MEASURES %s ONE ROW PER MATCH %sPATTERN (%s)%s DEFINE %s) AS %s",
		r.argumentOfMatch(), by, r.cols[r.rowTime()].name, strings.Join(measures, ", "), after, strings.Join(pattern, " "), within, strings.Join(define, ", "), g.name("r"))
	return out
}

// argumentOfMatch is a relation as MATCH_RECOGNIZE stands behind it.
func (r *rel) argumentOfMatch() string {
	if r.from != "" {
		return r.from
	}
	return "(" + r.query + ")"
}

// defined is a condition of a variable; before are those that come before it.
func (g *generator) defined(v string, before []string, in []column) string {
	c := g.c
	col := pick(c, in)
	at := v + "." + col.name
	if col.class == boolean {
		return g.condition(qualified(v, in), 1)
	}
	switch c.n(5) {
	case 1:
		return fmt.Sprintf("LAST(%s, 1) IS NULL OR %s %s LAST(%s, 1)", at, at, pick(c, []string{">=", "<", "<>"}), at)
	case 2:
		if len(before) > 0 {
			return fmt.Sprintf("%s %s %s.%s", at, pick(c, []string{">", "<=", "<>", "="}), pick(c, before), col.name)
		}
	case 3:
		return fmt.Sprintf("COUNT(%s) < %d", at, 2+c.n(3))
	}
	return g.condition(qualified(v, in), 1)
}
