package diag_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/parser/diag"
)

// TestTexts runs the text files under testdata. The commands:
//
//	render [width=N]  the input has marks: «text» is the primary place, ‹text› a label
//	suggest name=N    the input is the candidates, one on each line
//	fix               each line of the input after the first is a finding of edits of the first, "old>new" apart by |
func TestTexts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "render":
				var opts diag.RenderOptions
				d.MaybeScanArgs(t, "width", &opts.Width)
				opts.Color = d.HasArg("color")
				return render(t, d.Input, opts)
			case "suggest":
				var name string
				d.ScanArgs(t, "name", &name)
				if s, ok := diag.Suggest(name, strings.Fields(d.Input)); ok {
					return s + "\n"
				}
				return "none\n"
			case "fix":
				return fix(d.Input)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

// render makes one diagnostic of marked text.
func render(t *testing.T, marked string, opts diag.RenderOptions) string {
	marked = strings.ReplaceAll(marked, `\t`, "\t")
	f := &diag.File{Name: "a.sql"}
	d := &diag.Diagnostic{Code: "SQ1001", Title: "the title", Here: "why here", Notes: []string{"a note"}, Helps: []string{"a help\nof two lines"}}
	var text strings.Builder
	var open []int
	for _, r := range marked {
		switch r {
		case '«', '‹':
			open = append(open, text.Len())
		case '»', '›':
			sp := diag.Span{File: f, Start: open[len(open)-1], End: text.Len()}
			open = open[:len(open)-1]
			if r == '»' {
				d.Span = sp
			} else {
				d.Label(sp, "label %d", len(d.Labels)+1)
			}
		default:
			text.WriteRune(r)
		}
	}
	f.Text = text.String()
	var out strings.Builder
	if err := diag.Render(&out, &diag.List{All: []*diag.Diagnostic{d}}, opts); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out.String(), "\x1b", "ESC")
}

// fix makes edits, and says which findings they mend.
func fix(input string) string {
	lines := strings.Split(input, "\n")
	f := &diag.File{Name: "a.sql", Text: lines[0]}
	var all []*diag.Diagnostic
	for i, line := range lines[1:] {
		d := &diag.Diagnostic{Title: fmt.Sprint(i + 1)}
		for _, edit := range strings.Split(line, "|") {
			old, text, _ := strings.Cut(edit, ">")
			at := strings.Index(f.Text, old)
			d.Fix(diag.Span{File: f, Start: at, End: at + len(old)}, text)
		}
		all = append(all, d)
	}
	text, mended := diag.Fixed(f, all)
	out := text + "\nmended"
	for _, d := range mended {
		out += " " + d.Title
	}
	return out + "\n"
}

// TestEveryCodeInUseIsInTheTable reads the sources of the parser for the codes they use.
func TestEveryCodeInUseIsInTheTable(t *testing.T) {
	code := regexp.MustCompile(`"(SQ1\d{3})"`)
	used := map[string]bool{}
	for _, dir := range []string{"..", "../token"} {
		paths, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range code.FindAllStringSubmatch(string(src), -1) {
				used[m[1]] = true
			}
		}
	}
	for c := range used {
		if diag.Codes[c] == "" {
			t.Errorf("%s is not in the table", c)
		}
	}
	for c := range diag.Codes {
		if strings.HasPrefix(c, "SQ1") && !used[c] {
			t.Error(fmt.Sprint(c, " is in the table and never used"))
		}
	}
}
