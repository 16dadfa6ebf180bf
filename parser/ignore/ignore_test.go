package ignore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/parser/diag"
	"weir/parser/ignore"
)

// TestTexts runs the text files under testdata. The command
//
//	apply [final] [incomplete] [off=CODE]
//
// takes a text in which «CODE:text» is a finding of that code at text (a warning; with final an error that cannot be ignored), and
// shows what stays, compactly, what is ignored and why, and the text as the fixes leave it where they change it.
func TestTexts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			f, findings := unmark(d.Input)
			o := ignore.Options{Incomplete: d.HasArg("incomplete")}
			if d.HasArg("final") {
				o.Final = func(*diag.Diagnostic) bool { return true }
			}
			var off string
			d.MaybeScanArgs(t, "off", &off)
			o.Off = func(code string) bool { return code == off }
			kept, ignored := ignore.Apply([]*diag.File{f}, findings, o)
			var b strings.Builder
			for _, k := range kept {
				line, col := k.Span.LineCol()
				fmt.Fprintf(&b, "%d:%d %s %s", line, col, k.Code, k.Title)
				for _, h := range k.Helps {
					b.WriteString(" = " + h)
				}
				b.WriteByte('\n')
			}
			for _, i := range ignored {
				fmt.Fprintf(&b, "ignored %s because %s\n", i.Finding.Code, i.Reason)
			}
			if text, mended := diag.Fixed(f, kept); len(mended) > 0 {
				b.WriteString("fixed:\n" + text)
			}
			return b.String()
		})
	})
}

// unmark makes findings of the marks in text.
func unmark(text string) (*diag.File, []*diag.Diagnostic) {
	f := &diag.File{Name: "a.sql"}
	l := &diag.List{}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "«")
		b.WriteString(before)
		if !found {
			f.Text = b.String()
			return f, l.All
		}
		marked, after, _ := strings.Cut(rest, "»")
		code, covered, _ := strings.Cut(marked, ":")
		start := b.Len()
		b.WriteString(covered)
		l.Warnf(code, diag.Span{File: f, Start: start, End: b.Len()}, "found")
		text = after
	}
}
