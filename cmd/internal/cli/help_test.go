package cli

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// comment is what stands behind an example, at least two blanks away.
var comment = regexp.MustCompile(`\s{2,}\S.*$`)

// TestEveryVerbHasThreeExamplesThatParse holds the examples of --help together with the flags: each calls a verb that there is, with
// flags that it has.
func TestEveryVerbHasThreeExamplesThatParse(t *testing.T) {
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}
	var see func(c *cobra.Command)
	see = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" || c.HasParent() && c.Parent().Name() == "completion" {
			return
		}
		calls := 0
		for _, line := range strings.Split(c.Example, "\n") {
			line = comment.ReplaceAllString(strings.TrimSpace(line), "")
			for _, part := range regexp.MustCompile(`&&|\||;`).Split(line, -1) {
				words := split(t, part)
				if len(words) == 0 || words[0] != "weir" {
					continue
				}
				calls++
				parses(t, a, c, words[1:])
			}
		}
		if calls < 3 {
			t.Errorf("%s has %d examples, not three", c.CommandPath(), calls)
		}
		for _, sub := range c.Commands() {
			see(sub)
		}
	}
	see(Commands())
}

// parses fails unless args call a verb with flags that it has.
func parses(t *testing.T, a *app, of *cobra.Command, args []string) {
	t.Helper()
	c, rest, err := a.root().Find(args)
	if err != nil {
		t.Errorf("%s: weir %s: %v", of.CommandPath(), strings.Join(args, " "), err)
		return
	}
	if c.Name() == "weir" && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		t.Errorf("%s: there is no verb %s", of.CommandPath(), args[0])
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("%s: weir %s: %v", of.CommandPath(), strings.Join(args, " "), err)
		return
	}
	if of.HasParent() && c.Name() != of.Name() && !strings.Contains(of.Example, "weir "+of.Name()) && of.Parent().Name() == "weir" {
		t.Errorf("the example of %s calls %s", of.CommandPath(), c.CommandPath())
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Errorf("%s: weir %s: %v", of.CommandPath(), strings.Join(args, " "), err)
	}
}

// split is a line as a shell has its words: quotes hold together, < and > with what follows are left out.
func split(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	word, open, quoted := "", rune(0), false
	end := func() {
		if word != "" || quoted {
			out = append(out, word)
		}
		word, quoted = "", false
	}
	for _, r := range line {
		switch {
		case open != 0 && r == open:
			open = 0
		case open != 0:
			word += string(r)
		case r == '\'' || r == '"':
			open, quoted = r, true
		case r == ' ':
			end()
		default:
			word += string(r)
		}
	}
	end()
	if open != 0 {
		t.Errorf("a quote is open: %s", line)
	}
	for i := 0; i < len(out); {
		if out[i] == "<" || out[i] == ">" {
			out = append(out[:i], out[min(i+2, len(out)):]...)
			continue
		}
		i++
	}
	return out
}
