package arch

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/cmd/internal/cli"
)

// blocks are the fenced pieces of a page in a language.
func blocks(text, language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// weir runs a verb in this process.
func weir(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	var out bytes.Buffer
	code = cli.Main(args, strings.NewReader(""), &out, &out)
	return code, out.String()
}

// typed is the pages whose SQL is typed into a shell, with its commands: cmd/weir/tutorial_test.go does so.
var typed = []string{"tutorial.md"}

func TestSQLOfDocumentsPassesCheck(t *testing.T) {
	found := 0
	for page, text := range pages(t) {
		if slices.Contains(typed, filepath.Base(page)) {
			continue
		}
		for i, sql := range blocks(text, "sql") {
			found++
			file := filepath.Join(t.TempDir(), "job.sql")
			if err := os.WriteFile(file, []byte(sql), 0o600); err != nil {
				t.Fatal(err)
			}
			if code, out := weir(t, "check", file); code != 0 || strings.Contains(out, "warning") {
				t.Errorf("%s, block %d: exit code %d\n%s", filepath.Base(page), i+1, code, out)
			}
		}
	}
	if found == 0 {
		t.Fatal("no document has a block of SQL")
	}
}

// A line of a console block is a command that exists with those flags: verbs of weir, targets of the Makefile, Go.
func TestCommandsOfDocumentsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for page, text := range pages(t) {
		for _, block := range blocks(text, "console") {
			for _, line := range strings.Split(block, "\n") {
				command, ok := strings.CutPrefix(line, "$ ")
				if !ok {
					continue
				}
				command, _, _ = strings.Cut(command, "#")
				words := strings.Fields(command)
				switch {
				case words[0] == "make" && len(words) == 2:
					if !strings.Contains(string(makefile), "\n"+words[1]+":") {
						t.Errorf("%s: %s: no such target", filepath.Base(page), line)
					}
					continue
				case words[0] == "weir" || words[0] == "bin/weir":
					words = words[1:]
				case len(words) > 2 && strings.Join(words[:3], " ") == "go run ./cmd/weir":
					words = words[3:]
				default:
					t.Errorf("%s: %s: nobody checks such a command", filepath.Base(page), line)
					continue
				}
				// With --help the flags are read, and the verb is not run.
				if code, out := weir(t, append(words, "--help")...); code != 0 || !strings.Contains(out, "weir "+words[0]) {
					t.Errorf("%s: %s: exit code %d\n%s", filepath.Base(page), line, code, out)
				}
			}
		}
	}
}

// What the README says of explain is true of the README's own job.
func TestJobOfTheReadmeIsExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	sql := blocks(string(text), "sql")
	file := filepath.Join(t.TempDir(), "job.sql")
	if err := os.WriteFile(file, []byte(sql[len(sql)-1]), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := weir(t, "explain", file); code != 0 || !strings.Contains(out, "Scan(orders") || !strings.Contains(out, "Sink(big_orders") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
