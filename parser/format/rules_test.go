package format

import (
	"os"
	"strings"
	"testing"

	"weir/parser/diag"
)

// TestEveryExampleOfTheRulesHolds formats the first block of each pair in fmt_rules.md and
// expects the second.
func TestEveryExampleOfTheRulesHolds(t *testing.T) {
	doc, err := os.ReadFile("../fmt_rules.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(doc), "```sql\n")[1:] {
		block, _, ok := strings.Cut(part, "```")
		if !ok {
			t.Fatal("a block is not closed")
		}
		blocks = append(blocks, block)
	}
	if len(blocks) == 0 || len(blocks)%2 != 0 {
		t.Fatalf("%d blocks are no pairs", len(blocks))
	}
	for i := 0; i < len(blocks); i += 2 {
		got, l := Format(&diag.File{Name: "rule.sql", Text: blocks[i]})
		if l.HasErrors() {
			t.Errorf("%s\n%s", blocks[i], rendered(l))
		} else if got != blocks[i+1] {
			t.Errorf("got\n%s\nwant\n%s", got, blocks[i+1])
		}
	}
}
