package cli

import (
	"fmt"
	"strings"
	"testing"

	"weir/connectors/spec"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/lint"
)

// BenchmarkLongScript lints scripts of two lengths: the time of a statement must not grow with their number.
func BenchmarkLongScript(b *testing.B) {
	for _, n := range []int{100, 2000} {
		b.Run(fmt.Sprintf("statements=%d", 2*n), func(b *testing.B) {
			var sql strings.Builder
			sql.WriteString("CREATE TABLE t (a INT) WITH ('connector' = 'datagen');\n")
			for i := range n {
				fmt.Fprintf(&sql, "CREATE TABLE s%d (a INT) WITH ('connector' = 'blackhole');\nINSERT INTO s%d SELECT a + %d FROM t;\n", i, i, i)
			}
			f := &diag.File{Name: "job.sql", Text: sql.String()}
			for b.Loop() {
				lint.Check([]*diag.File{f}, planner.Options{Registry: spec.Registry()}, lint.Options{})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(2*n), "ns/statement")
		})
	}
}
