package input_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/cmd/internal/input"
)

// TestTexts runs the text files under testdata. The commands:
//
//	fences    the SQL of a Markdown text: each script, its lines numbered as in the text
//	tree      makes the files of the input, a path each
//	read      what Read makes of the arguments: a script a line
func TestTexts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Chdir(t.TempDir())
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "fences":
				return fences(d.Input)
			case "tree":
				for _, name := range strings.Fields(d.Input) {
					if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(name, []byte("-- "+name), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				return ""
			case "read":
				return read(strings.Fields(d.Input))
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

func fences(text string) string {
	var b strings.Builder
	for i, f := range input.Fences("doc.md", text) {
		fmt.Fprintf(&b, "script %d\n", i+1)
		if len(f.Text) != len(text) {
			fmt.Fprintf(&b, "its length is %d, not %d\n", len(f.Text), len(text))
		}
		for n, line := range strings.Split(f.Text, "\n") {
			if strings.TrimSpace(line) != "" {
				fmt.Fprintf(&b, "%d:%s\n", n+1, line)
			}
		}
	}
	return b.String()
}

func read(args []string) string {
	s, err := (&input.Reader{Stdin: strings.NewReader("-- standard input")}).Read(args)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, script := range s.Scripts {
		var names []string
		for _, f := range script {
			names = append(names, f.Name)
		}
		b.WriteString(strings.Join(names, " ") + "\n")
	}
	return b.String()
}
