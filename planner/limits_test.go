package planner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/parser/diag"
)

// TestLongChainsArePlannedInLinearTime would run for minutes if it were not so.
func TestLongChainsArePlannedInLinearTime(t *testing.T) {
	const setup = "CREATE TABLE t (a BIGINT, b BOOLEAN, s STRING) WITH ('connector' = 'gen', 'number-of-rows' = '1');\n"
	for name, sql := range map[string]string{
		"sum":     "SELECT a" + strings.Repeat(" + a", 20000) + " FROM t;",
		"or":      "SELECT a FROM t WHERE b" + strings.Repeat(" OR b", 20000) + ";",
		"and":     "SELECT a FROM t WHERE b" + strings.Repeat(" AND a > 1", 20000) + ";",
		"concat":  "SELECT s" + strings.Repeat(" || s", 20000) + " FROM t;",
		"in":      "SELECT a FROM t WHERE a IN (1" + strings.Repeat(", 2", 20000) + ");",
		"union":   "SELECT a FROM t" + strings.Repeat(" UNION ALL SELECT a FROM t", 2000) + ";",
		"values":  "VALUES (1)" + strings.Repeat(", (2)", 20000) + ";",
		"columns": "SELECT a" + strings.Repeat(", a", 5000) + " FROM t;",
	} {
		t.Run(name, func(t *testing.T) {
			p, diags := Compile([]*diag.File{{Name: name, Text: setup + sql}}, options(&datadriven.TestData{}))
			if p == nil {
				t.Fatal(render(diags)[:500])
			}
		})
	}
}

// TestViewsOverViewsAreBoundOnce would run for years if it were not so: each view reads the one before twice.
func TestViewsOverViewsAreBoundOnce(t *testing.T) {
	sql := "CREATE TABLE t (a BIGINT) WITH ('connector' = 'gen');\nCREATE VIEW v0 AS SELECT a FROM t;\n"
	for i := 1; i < 60; i++ {
		sql += fmt.Sprintf("CREATE VIEW v%d AS SELECT x.a FROM v%d AS x, v%d AS y WHERE x.a = y.a;\n", i, i-1, i-1)
	}
	p, diags := Compile([]*diag.File{{Name: "views", Text: sql}}, options(&datadriven.TestData{}))
	if p == nil {
		t.Fatal(render(diags)[:500])
	}
}
