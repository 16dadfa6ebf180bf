package format

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/parser"
	"weir/parser/diag"
)

// TestTexts runs the text files under testdata. The commands:
//
//	format  the input laid out; formatting the output again must change nothing
//	print   each statement of the input as Print writes it
func TestTexts(t *testing.T) {
	datadriven.Walk(t, "testdata/texts", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			f := &diag.File{Name: "job.sql", Text: d.Input + "\n"}
			checkText(t, f.Text)
			switch d.Cmd {
			case "format":
				out, l := Format(f)
				if l.HasErrors() {
					return rendered(l)
				}
				return out
			case "print":
				s, l := parser.Parse(f)
				if l.HasErrors() {
					return rendered(l)
				}
				var b strings.Builder
				for _, st := range s.Statements {
					b.WriteString(Print(st) + "\n")
				}
				return b.String()
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}
