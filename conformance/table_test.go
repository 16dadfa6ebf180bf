package conformance

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The table of results stands between these lines of the page.
const (
	page  = "../docs/compatibility.md"
	begin = "<!-- from the corpus: go test ./conformance -run TestTable -rewrite -->\n"
	end   = "<!-- end -->\n"
)

// TestTable holds the table in docs/compatibility.md against the corpus; -rewrite brings it up to date.
func TestTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("| | cases | the same | refused, as by Flink | differs on purpose | not there yet |\n| --- | --- | --- | --- | --- | --- |\n")
	var sum [5]int
	for _, path := range files(t) {
		var n [5]int // as the columns
		readFile(t, path, func(_ *testing.T, c found) string {
			n[0]++
			switch {
			case strings.HasPrefix(c.Weir, "refused:") && strings.HasPrefix(c.Differs, "not there yet"):
				n[4]++
			case c.Differs != "":
				n[3]++
			case strings.HasPrefix(c.expected, "refused:"):
				n[2]++
			default:
				n[1]++
			}
			return c.expected
		})
		row(&b, titleOf(t, path), n)
		for i := range n {
			sum[i] += n[i]
		}
	}
	row(&b, "all", sum)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no lines %q and %q", page, begin, end)
	}
	if old == b.String() {
		return
	}
	if flag.Lookup("rewrite").Value.String() != "true" {
		t.Fatalf("the table of %s is not that of the corpus: run go test ./conformance -run TestTable -rewrite\n%s", page, b.String())
	}
	if err := os.WriteFile(page, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func row(b *strings.Builder, title string, n [5]int) {
	fmt.Fprintf(b, "| %s |", title)
	for _, n := range n {
		if n == 0 {
			b.WriteString(" |")
		} else {
			fmt.Fprintf(b, " %d |", n)
		}
	}
	b.WriteByte('\n')
}

// titleOf is the first line of a file.
func titleOf(t *testing.T, path string) string {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Scan()
	title, ok := strings.CutPrefix(s.Text(), "# ")
	if !ok {
		t.Fatalf("%s does not begin with its title: # ...", path)
	}
	return title
}
