package repl

import (
	"strings"

	"weir/parser/diag"
	"weir/parser/token"
)

// complete reports whether text can be executed as it stands: a command of one line, or statements of which the last
// one has its semicolon. An unclosed string, comment or statement set is not complete.
func complete(text string) bool {
	if isCommand(text) || strings.TrimSpace(text) == "" {
		return true
	}
	toks, _ := token.Lex(&diag.File{Text: text}, &diag.List{})
	toks = toks[:len(toks)-1] // without EOF
	if len(toks) == 0 {
		return true // comments alone
	}
	set, cases, start := false, 0, true // inside a statement set; open CASEs; at the start of a statement
	for i, t := range toks {
		if start && !set && setHead(toks[i:]) {
			set = true
		}
		start = t.Is(";")
		switch {
		case !set:
		case t.Is("CASE"):
			cases++
		case t.Is("END") && cases > 0:
			cases--
		case t.Is("END"):
			set = false
		}
	}
	return start && !set
}

// setHead reports whether toks begin with the head of a statement set.
func setHead(toks []token.Token) bool {
	for i, t := range toks {
		switch {
		case i > 12 || t.Is(";") || t.Is("SELECT") || t.Is("INSERT"):
			return false
		case t.Is("STATEMENT"):
			if i+1 >= len(toks) || !toks[i+1].Is("SET") {
				return false
			}
			// BEGIN STATEMENT SET, and STATEMENT SET BEGIN.
			return i > 0 && toks[i-1].Is("BEGIN") || i+2 < len(toks) && toks[i+2].Is("BEGIN")
		case i == 0 && !t.Is("EXECUTE") && !t.Is("BEGIN") && !t.Is("EXPLAIN"):
			return false
		}
	}
	return false
}

// isCommand reports whether text is a command of the shell: it begins with a point or a backslash.
func isCommand(text string) bool {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, `\`) {
		return true
	}
	return len(text) > 1 && text[0] == '.' && (text[1] < '0' || text[1] > '9')
}

// chunks gathers lines to what can be executed at once, for input that is no terminal. Places in
// messages count from the start of the input, whichever chunk they are in.
type chunks struct {
	name  string
	lines int // given away
	buf   strings.Builder
}

// add takes one line without its line end; a file is returned when what was gathered is complete.
func (c *chunks) add(line string) (f *diag.File, command string) {
	if c.buf.Len() == 0 && isCommand(line) {
		c.lines++
		return nil, strings.TrimSpace(line)
	}
	c.buf.WriteString(line)
	c.buf.WriteByte('\n')
	if !complete(c.buf.String()) {
		return nil, ""
	}
	return c.rest(), ""
}

// rest is what was gathered, nil when that is nothing but blanks.
func (c *chunks) rest() *diag.File {
	text := c.buf.String()
	c.buf.Reset()
	before := c.lines
	c.lines += strings.Count(text, "\n")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return &diag.File{Name: c.name, Text: strings.Repeat("\n", before) + text}
}
