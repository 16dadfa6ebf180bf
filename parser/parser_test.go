package parser

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/parser/diag"
)

// TestTexts runs the text files under testdata. The commands:
//
//	parse   the statements as s-expressions, then the findings as the user sees them
//	expr    the same for one expression
//	type    the same for one type
func TestTexts(t *testing.T) {
	datadriven.Walk(t, "testdata/parse", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			f := &diag.File{Name: "job.sql", Text: d.Input}
			var out strings.Builder
			var l *diag.List
			switch d.Cmd {
			case "parse":
				s, found := Parse(f)
				l = found
				for _, st := range s.Statements {
					out.WriteString(dump(st) + "\n")
				}
			case "expr":
				x, found := ParseExpr(f)
				if l = found; !l.HasErrors() {
					out.WriteString(dump(x) + "\n")
				}
			case "type":
				x, found := ParseType(f)
				if l = found; !l.HasErrors() {
					out.WriteString(dump(x) + "\n")
				}
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			if len(l.All) > 0 {
				if err := diag.Render(&out, l, diag.RenderOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			return out.String()
		})
	})
}
