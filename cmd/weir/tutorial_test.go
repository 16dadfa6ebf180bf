package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTutorial types docs/tutorial.md into a shell on a terminal: what stands in a block of SQL line by line, and then waits
// for the lines of the block of text behind it, in their order. A line "..." stands for any others, "^C" for that key.
func TestTutorial(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	script := tutorialSession(t, strings.ReplaceAll(string(page), "localhost:9092", addr))
	dir := t.TempDir()
	c := weirCommand(t, dir, "sql", "--dev", "--dev-addr", addr)
	screen, err := converse(c, dir, addr, script)
	if err != nil {
		t.Fatalf("%v\n%s", err, screen)
	}
}

var (
	fence  = regexp.MustCompile("(?ms)^```(\\w+)\\n(.*?)^```$")
	blanks = regexp.MustCompile(` +`)
)

// tutorialSession makes a session of the blocks of a page.
func tutorialSession(t *testing.T, page string) string {
	var b strings.Builder
	blocks := map[string]int{}
	b.WriteString("expect weir> $\n")
	for _, m := range fence.FindAllStringSubmatch(page, -1) {
		kind, text := m[1], m[2]
		blocks[kind]++
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case kind == "console":
				if line != "$ weir sql --dev" {
					t.Errorf("the test starts %q in another way", line)
				}
			case kind == "sql":
				b.WriteString("type " + line + "\n")
			case kind != "text":
				t.Errorf("a block of %s is not tested", kind)
			case line == "...", strings.TrimSpace(line) == "":
			case line == "^C":
				b.WriteString("keys <ctrl-c>\n")
			default:
				b.WriteString("expect " + blanks.ReplaceAllString(regexp.QuoteMeta(line), " +") + "\n")
			}
		}
	}
	b.WriteString("exit 0\n")
	if blocks["sql"] < 10 || blocks["text"] < 10 {
		t.Errorf("the page has %d blocks of SQL and %d of text", blocks["sql"], blocks["text"])
	}
	return b.String()
}
