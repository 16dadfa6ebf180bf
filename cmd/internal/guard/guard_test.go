package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after measured
		slower        string // "": not
	}{
		{"the same", measured{"a": {100, 100, 100}}, measured{"a": {100, 100, 100}}, ""},
		{"the best round counts", measured{"a": {100, 120, 100}}, measured{"a": {900, 500, 110}}, ""},
		{"one of four 1.7 times as slow", measured{"a": {10}, "b": {10}, "c": {10}, "d": {10}}, measured{"a": {17}, "b": {10}, "c": {10}, "d": {10}}, "a takes 1.70 times"},
		{"each 1.4 times as slow", measured{"a": {10}, "b": {100}}, measured{"a": {14}, "b": {140}}, "all together take 1.40 times"},
		{"half as slow again, the other twice as fast", measured{"a": {10}, "b": {10}}, measured{"a": {15}, "b": {5}}, ""},
		{"a benchmark that is new, one that is gone", measured{"gone": {1}}, measured{"new": {1000}}, ""},
	} {
		_, err := judge(c.before, c.after)
		switch {
		case c.slower == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.slower != "" && (err == nil || !strings.Contains(err.Error(), c.slower)):
			t.Errorf("%s: %v, and not %q", c.name, err, c.slower)
		}
	}
}

func TestLinesOfARun(t *testing.T) {
	m := measured{}
	err := m.add("expr", "goos: linux\nBenchmarkFilter/price-2   \t 1000\t  250.5 ns/op\t 3 ns/row\nPASS\n")
	if err != nil || len(m) != 1 || len(m["expr.Filter/price-2"]) != 1 || m["expr.Filter/price-2"][0] != 250.5 {
		t.Errorf("%v %v", m, err)
	}
}

// What there is to compare with, in each kind of checkout.
func TestBase(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("NOT RUN: git is not on this machine")
	}
	t.Chdir(t.TempDir())
	do := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commit := func(text string) string {
		t.Helper()
		if err := os.WriteFile("file", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		do("add", "file")
		do("commit", "-q", "-m", text)
		return do("rev-parse", "HEAD")
	}
	is := func(where, want string) {
		t.Helper()
		if rev, why := baseOf(); rev != want || rev == "" && why == "" {
			t.Errorf("%s: %q (%s), and not %q", where, rev, why, want)
		}
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	is("no repository", "")
	do("init", "-q", "-b", "main")
	is("no commit", "")
	one := commit("one")
	is("a first commit", "")
	two := commit("two")
	is("main", one)
	do("checkout", "-q", "-b", "branch")
	commit("three")
	commit("four")
	is("a branch", two)
	do("checkout", "-q", "main")
	if err := os.WriteFile("file", []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	is("main with changes", two)
	do("checkout", "-q", "file")
	do("clone", "-q", "--depth", "1", "file://"+do("rev-parse", "--show-toplevel"), "shallow")
	t.Chdir("shallow")
	is("a shallow clone", "")
}
