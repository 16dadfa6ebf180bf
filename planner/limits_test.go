package planner

import (
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
