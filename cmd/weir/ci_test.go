package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"weir/cmd/internal/cli"
)

// TestCIExamplesRun reads the files of examples/ci as YAML, and runs every command of weir in them: on a project without findings it
// passes, on one with an error it fails.
func TestCIExamplesRun(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "examples", "ci", "*.yml"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%v: %v", files, err)
	}
	const good = "CREATE TABLE t (id INT) WITH ('connector' = 'blackhole');\n\nINSERT INTO t VALUES (1);\n"
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var doc yaml.Node
			if err := yaml.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			commands := weirCommands(&doc)
			if len(commands) == 0 {
				t.Fatal("it runs no weir")
			}
			t.Chdir(t.TempDir())
			t.Setenv("HOME", t.TempDir())
			for _, c := range commands {
				for text, want := range map[string]int{good: 0, "SELECT nothing from nowhere ;": 1} {
					if err := os.WriteFile("job.sql", []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
					var out bytes.Buffer
					if code := cli.Main(strings.Fields(c)[1:], strings.NewReader(""), &out, &out); code != want {
						t.Errorf("%s: exit code %d, not %d, on %s\n%s", c, code, want, text, out.String())
					}
				}
			}
		})
	}
}

// weirCommands are the texts in a document that begin with weir and a verb.
func weirCommands(n *yaml.Node) (out []string) {
	if verb, ok := strings.CutPrefix(n.Value, "weir "); ok && slices.Contains([]string{"check", "fmt", "test"}, strings.Fields(verb)[0]) {
		out = append(out, n.Value)
	}
	if n.Kind == yaml.MappingNode {
		for i := 1; i < len(n.Content); i += 2 {
			if n.Content[i-1].Value != "name" {
				out = append(out, weirCommands(n.Content[i])...)
			}
		}
		return out
	}
	for _, c := range n.Content {
		out = append(out, weirCommands(c)...)
	}
	return out
}
