package input

import (
	"strings"
)

// RewriteBlocks gives the Markdown text back with f applied to the content of each of its SQL blocks, in order. What a block is indented
// by, or quoted with, f does not see; at says where the content stands. A block whose lines do not begin alike is left as it is.
func RewriteBlocks(text string, f func(content string, at Place) string) string {
	var out, block strings.Builder
	var open fence
	indent, begin, n := "", 0, 0
	for line := range strings.Lines(text) {
		n++
		switch {
		case open.mark == "":
			open = opening(line)
			indent, begin = lead(line), n+1
			out.WriteString(line)
		case open.closes(line):
			if open.wanted && block.Len() > 0 {
				out.WriteString(rewritten(block.String(), indent, begin, f))
			}
			block.Reset()
			open = fence{}
			out.WriteString(line)
		case open.wanted:
			block.WriteString(line)
		default:
			out.WriteString(line)
		}
	}
	out.WriteString(block.String()) // of a block that nothing closes
	return out.String()
}

// Place is where a block of Markdown stands.
type Place struct {
	Line   int // of the first line of its content, from 1
	Indent int // bytes before the content on each line
}

// Script is the content at its place: in the text that it gives, lines and columns are those of the Markdown file.
func (p Place) Script(content string) string {
	var b strings.Builder
	b.WriteString(strings.Repeat("\n", p.Line-1))
	for l := range strings.Lines(content) {
		b.WriteString(strings.Repeat(" ", p.Indent) + l)
	}
	return b.String()
}

// lead is what stands before the fence that opens a block: blanks, and the mark of a quotation.
func lead(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " \t>"))] }

// rewritten is a block with f applied to it without its indent.
func rewritten(block, indent string, line int, f func(string, Place) string) string {
	var bare strings.Builder
	for l := range strings.Lines(block) {
		rest, ok := strings.CutPrefix(l, indent)
		if !ok {
			if strings.TrimSpace(l) != "" && strings.TrimSpace(l) != strings.TrimSpace(indent) {
				return block
			}
			rest = "\n" // an empty line need not be indented
		}
		bare.WriteString(rest)
	}
	content := f(bare.String(), Place{line, len(indent)})
	if content == bare.String() {
		return block
	}
	var out strings.Builder
	for l := range strings.Lines(content) {
		if strings.TrimSpace(l) == "" {
			out.WriteString(strings.TrimRight(indent, " \t") + "\n")
			continue
		}
		out.WriteString(indent + l)
	}
	return out.String()
}
