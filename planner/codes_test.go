package planner

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/parser/diag"
)

// TestEveryCodeHasACaseAndASummary reads the codes that the planner declares.
func TestEveryCodeHasACaseAndASummary(t *testing.T) {
	src, err := os.ReadFile("codes/codes.go")
	if err != nil {
		t.Fatal(err)
	}
	var cases strings.Builder
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		cases.Write(b)
	}
	declared := map[string]bool{}
	for _, m := range regexp.MustCompile(`"(SQ\d{4})"`).FindAllStringSubmatch(string(src), -1) {
		code := m[1]
		if declared[code] {
			t.Errorf("%s is declared twice", code)
		}
		declared[code] = true
		if diag.Codes[code] == "" {
			t.Errorf("%s has no summary", code)
		}
		if !strings.Contains(cases.String(), "["+code+"]") {
			t.Errorf("%s has no case in testdata", code)
		}
	}
	for code := range diag.Codes {
		if (strings.HasPrefix(code, "SQ2") || strings.HasPrefix(code, "SQ3")) && !declared[code] {
			t.Errorf("%s has a summary and is not declared", code)
		}
	}
}
