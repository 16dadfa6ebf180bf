package repl

import (
	"sort"
	"strings"

	"weir/parser/diag"
	"weir/parser/token"
)

// highlight is text with the colours of a terminal: keywords, strings, numbers, comments, and what is no token.
func highlight(text string) string {
	if isCommand(text) {
		name, rest, found := strings.Cut(text, " ")
		if found {
			rest = " " + rest
		}
		return colorKeyword + name + colorReset + rest
	}
	toks, comments := token.Lex(&diag.File{Text: text}, &diag.List{})
	type piece struct {
		start, end int
		color      string
	}
	var pieces []piece
	for _, t := range toks {
		color := ""
		switch t.Kind {
		case token.Word:
			if token.Keyword(t.Key) {
				color = colorKeyword
			}
		case token.String, token.UString, token.Binary:
			color = colorGreen
		case token.Number:
			color = colorNumber
		case token.Bad:
			// What is being typed is often a string that is not closed yet.
			color = colorRed
			if strings.HasPrefix(text[t.Start:], "'") {
				color = colorGreen
			}
		}
		if color != "" {
			pieces = append(pieces, piece{t.Start, t.End, color})
		}
	}
	for _, c := range comments {
		pieces = append(pieces, piece{c.Start, c.End, colorDim})
	}
	sort.Slice(pieces, func(i, j int) bool { return pieces[i].start < pieces[j].start })
	var b strings.Builder
	at := 0
	for _, p := range pieces {
		b.WriteString(text[at:p.start])
		// The line editor may cut the text at its line ends: each line carries its own colour.
		b.WriteString(p.color + strings.ReplaceAll(text[p.start:p.end], "\n", colorReset+"\n"+p.color) + colorReset)
		at = p.end
	}
	b.WriteString(text[at:])
	return b.String()
}
