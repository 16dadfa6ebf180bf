package parser

import (
	"strings"
	"testing"

	"weir/parser/diag"
)

func parseText(text string) *diag.List {
	_, l := Parse(&diag.File{Name: "a.sql", Text: text})
	return l
}

func TestDeepNestingIsRefusedAndDoesNotOverflow(t *testing.T) {
	const n = 200_000
	for _, text := range []string{
		"SELECT " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"SELECT " + strings.Repeat("- ", n) + "1",
		"SELECT " + strings.Repeat("NOT ", n) + "a",
		"SELECT " + strings.Repeat("f(", n),
		"SELECT a" + strings.Repeat("[1]", n),
		"SELECT * FROM " + strings.Repeat("(", n) + "t",
		strings.Repeat("(", n) + "SELECT 1",
		"SELECT " + strings.Repeat("CASE WHEN ", n),
		"CREATE TABLE t (a " + strings.Repeat("ARRAY<", n),
		"CREATE TABLE t (a INT" + strings.Repeat(" ARRAY", n) + ")",
		"SELECT 1 GROUP BY " + strings.Repeat("ROLLUP (", n),
	} {
		l := parseText(text)
		if len(l.All) != 1 || l.All[0].Code != "SQ1013" {
			t.Errorf("%.30s...: %v", text, l.All[0])
		}
	}
}

func TestLongChainsParse(t *testing.T) {
	const n = 20_000
	for _, text := range []string{
		"SELECT 1" + strings.Repeat(" + 1", n),
		"SELECT a" + strings.Repeat(" OR a = 1 AND b IS NULL", n),
		"SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", n),
		"SELECT * FROM t" + strings.Repeat(" CROSS JOIN t", n),
		"SELECT 1" + strings.Repeat(", 1", n),
		strings.Repeat("SELECT 1;", n/10),
	} {
		if l := parseText(text); l.HasErrors() {
			t.Errorf("%.30s...: %s", text, l.All[0].Title)
		}
	}
}

func TestManyMissingSemicolonsTakeLinearTime(t *testing.T) {
	l := parseText(strings.Repeat("DROP TABLE t\n", 2000))
	if len(l.All) == 0 || len(l.All) > maxSplits+1 {
		t.Errorf("%d findings", len(l.All))
	}
}
