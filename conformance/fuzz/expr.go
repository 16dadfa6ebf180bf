package fuzz

import (
	"fmt"
	"strings"
)

// of are the columns of a type.
func of(cols []column, t typ) (out []column) {
	for _, c := range cols {
		if c.typ == t {
			out = append(out, c)
		}
	}
	return out
}

// expr is an expression of a type over columns.
func (g *generator) expr(cols []column, t typ, depth int) string {
	c := g.c
	same := of(cols, t)
	leaf := func() string {
		if len(same) > 0 && (len(same) == 0 || !c.chance(15)) {
			return pick(c, same).name
		}
		return t.literal(c)
	}
	if depth == 0 || c.n(3) == 0 {
		return leaf()
	}
	sub := func() string { return g.expr(cols, t, depth-1) }
	forms := []func() string{
		leaf,
		func() string { return "COALESCE(" + sub() + ", " + t.literal(c) + ")" },
		func() string {
			return "CASE WHEN " + g.condition(cols, depth-1) + " THEN " + sub() + " ELSE " + sub() + " END"
		},
		func() string { return "NULLIF(" + sub() + ", " + t.literal(c) + ")" },
	}
	switch t {
	case tInt, tBigint:
		forms = append(forms,
			func() string { return "(" + sub() + pick(c, []string{" + ", " - ", " * "}) + sub() + ")" },
			func() string { return "ABS(" + sub() + ")" })
	case tDouble:
		forms = append(forms, func() string { return "(" + sub() + pick(c, []string{" + ", " - "}) + sub() + ")" })
	case tString:
		forms = append(forms,
			func() string { return "UPPER(" + sub() + ")" },
			func() string { return "(" + sub() + " || " + sub() + ")" },
			func() string { return "SUBSTRING(" + sub() + fmt.Sprintf(" FROM %d FOR %d)", 1+c.n(2), 1+c.n(2)) },
			func() string {
				from := pick(c, cols)
				return "CAST(" + from.name + " AS STRING)"
			})
	case tBoolean:
		return "(" + g.condition(cols, depth-1) + ")"
	}
	if t == tInt {
		forms = append(forms,
			func() string { return "CHAR_LENGTH(" + g.expr(cols, tString, depth-1) + ")" },
			func() string { return fmt.Sprintf("MOD(%s, %d)", sub(), 2+c.n(3)) })
	}
	return pick(c, forms)()
}

// condition is a condition over columns.
func (g *generator) condition(cols []column, depth int) string {
	c := g.c
	col := pick(c, cols)
	t := col.typ
	simple := func() string {
		if t.class == boolean {
			return col.name + pick(c, []string{"", " IS TRUE", " IS NOT FALSE", " IS NULL", " = TRUE"})
		}
		forms := []func() string{
			func() string {
				return col.name + pick(c, []string{" = ", " <> ", " < ", " >= ", " > ", " <= "}) + t.literal(c)
			},
			func() string { return col.name + " IS NOT NULL" },
			func() string { return col.name + " IN (" + t.literal(c) + ", " + t.literal(c) + ")" },
			func() string { return col.name + " IS DISTINCT FROM " + t.literal(c) },
			func() string { return col.name + " BETWEEN " + t.literal(c) + " AND " + t.literal(c) },
		}
		if others := of(cols, t); len(others) > 1 {
			forms = append(forms, func() string { return col.name + pick(c, []string{" = ", " < ", " <> "}) + pick(c, others).name })
		}
		if t.class == text {
			forms = append(forms, func() string { return col.name + pick(c, []string{" LIKE 'a%'", " NOT LIKE '%b'", " LIKE '_'"}) })
		}
		return pick(c, forms)()
	}
	if depth <= 0 || c.n(3) == 0 {
		return simple()
	}
	return pick(c, []func() string{
		simple,
		func() string { return "(" + simple() + " AND " + g.condition(cols, depth-1) + ")" },
		func() string { return "(" + simple() + " OR " + g.condition(cols, depth-1) + ")" },
		func() string { return "NOT (" + g.condition(cols, depth-1) + ")" },
	})()
}

// qualified are columns under the name of their relation.
func qualified(r string, cols []column) []column {
	out := make([]column, len(cols))
	for i, c := range cols {
		out[i] = c
		out[i].name = r + "." + c.name
	}
	return out
}

func names(cols []column) string {
	var out []string
	for _, c := range cols {
		out = append(out, c.name)
	}
	return strings.Join(out, ", ")
}
