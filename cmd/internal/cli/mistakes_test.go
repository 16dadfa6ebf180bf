package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"weir/parser/diag"
	"weir/planner/config"
	"weir/planner/lint"
)

// TestEveryPlantedMistakeIsFoundAtItsLine checks the jobs of cmd/testdata/mistakes: in each one mistake was planted, which
// is the only finding, at the line that the file's head names; its repaired twin has none.
func TestEveryPlantedMistakeIsFoundAtItsLine(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/mistakes/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 100 {
		t.Fatalf("%d files of mistakes, want at least 100", len(paths))
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSpace(string(a.Comment)) + "\n"
		for _, f := range a.Files {
			got := ""
			all := lint.Check([]*diag.File{{Name: f.Name, Text: string(f.Data)}}, (&app{}).plannerOptions(config.New()), lint.Options{})
			for _, d := range all.All {
				line, _ := d.Span.LineCol()
				got += fmt.Sprintf("%s line %d\n", d.Code, line)
			}
			switch {
			case f.Name == "mistake.sql" && got != want:
				t.Errorf("%s: the mistake should be\n%sand found was\n%s", filepath.Base(path), want, got)
			case f.Name == "twin.sql" && got != "":
				t.Errorf("%s: the repaired twin should have no finding, and has\n%s", filepath.Base(path), got)
			}
		}
	}
}
