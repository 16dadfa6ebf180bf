package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// allowed lists, for each top-level folder, which of ours it may import. Everything else is refused.
var allowed = map[string][]string{
	"parser":      {"parser"},
	"state":       {"state"},
	"planner":     {"planner", "parser"},
	"exec":        {"exec", "planner", "parser", "state"},
	"connectors":  {"connectors", "exec", "planner", "parser", "state"},
	"examples":    {},
	"conformance": {"conformance", "connectors", "exec", "planner", "parser", "state"},
	"cmd":         {"cmd", "conformance", "connectors", "exec", "planner", "parser", "state", "examples"},
	"bench":       {"bench", "connectors", "exec", "planner", "parser", "state", "cmd"},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Doc        string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Doc", "weir/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func top(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "weir/"), "/")
	return first
}

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range list(t) {
		may, known := allowed[top(p.ImportPath)]
		if !known {
			t.Errorf("%s is in a top-level folder that the layout does not have", p.ImportPath)
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "weir/") && !contains(may, top(imp)) {
				t.Errorf("%s imports %s: %s may import only %v", p.ImportPath, imp, top(p.ImportPath), may)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range list(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// Checking and explaining a file is to work wherever Go compiles, without a C compiler.
func TestParserAndPlannerBuildWithoutCgo(t *testing.T) {
	cmd := exec.Command("go", "build", "weir/parser/...", "weir/planner/...", "weir/connectors/spec/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// A test that is skipped says NOT RUN, and why, so that one search through the output of a run finds all of them. Random tests also pass by cases that
// they have no use for.
func TestSkippedTestsSayNotRun(t *testing.T) {
	out, err := exec.Command("git", "-C", "../../..", "grep", "-nE", `\b(t|tb)\.Skipf?\(`, "--", "*.go").Output()
	if err != nil {
		t.Skipf("NOT RUN: it looks for skips by git grep: %v", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if !strings.Contains(line, `("NOT RUN: `) && !strings.Contains(line, "/random_test.go:") && !strings.Contains(line, "/regexp_test.go:") {
			t.Errorf("does not say NOT RUN: %s", line)
		}
	}
}
