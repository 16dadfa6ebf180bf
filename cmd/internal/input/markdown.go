package input

import (
	"path/filepath"
	"strings"

	"weir/parser/diag"
)

// IsMarkdown reports whether path is a Markdown file, by its name.
func IsMarkdown(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".md", ".markdown":
		return true
	}
	return false
}

// Fences is the SQL of a Markdown text: all its blocks that begin with ```sql, in order, as one script. Everything else
// is blanked, so that every place in the script is the same place in the Markdown file.
//
// A word behind sql changes that: a block of ```sql ignore is left out, and ```sql new begins another script.
// A text without such blocks gives none.
func Fences(name, text string) []*diag.File {
	var scripts []*diag.File
	var out []byte // the script at work; nil before its first block
	end := func() {
		if out != nil {
			scripts = append(scripts, &diag.File{Name: name, Text: string(out)})
			out = nil
		}
	}
	var open fence
	at := 0
	for line := range strings.Lines(text) {
		from := at
		at += len(line)
		switch {
		case open.mark == "":
			open = opening(line)
			if open.wanted && (open.fresh || out == nil) {
				end()
				out = blank(text)
			}
		case open.closes(line):
			open = fence{}
		case open.wanted:
			skip := open.prefix(line)
			copy(out[from+skip:at], line[skip:])
		}
	}
	end()
	return scripts
}

// blank is text with everything but line ends made a blank, byte by byte.
func blank(text string) []byte {
	out := []byte(text)
	for i, c := range out {
		if c != '\n' && c != '\r' {
			out[i] = ' '
		}
	}
	return out
}

// fence is an open block of code.
type fence struct {
	mark   string // the characters that opened it, "```"; empty: none is open
	quoted bool   // in a block quote: each of its lines begins with >
	wanted bool   // its content is SQL to look at
	fresh  bool   // it begins a script
}

// opening is the fence that line opens; none where it opens none.
func opening(line string) fence {
	rest := strings.TrimLeft(line, " \t")
	var f fence
	if q, ok := strings.CutPrefix(rest, ">"); ok {
		f.quoted, rest = true, strings.TrimLeft(q, " \t")
	}
	for _, c := range []string{"`", "~"} {
		if n := len(rest) - len(strings.TrimLeft(rest, c)); n >= 3 {
			f.mark = rest[:n]
		}
	}
	if f.mark == "" {
		return fence{}
	}
	info := strings.TrimSpace(rest[len(f.mark):])
	if strings.Contains(info, "`") { // code within a line
		return fence{}
	}
	words := strings.Fields(info)
	f.wanted = len(words) > 0 && strings.EqualFold(words[0], "sql")
	for _, w := range words[min(1, len(words)):] {
		switch w {
		case "ignore":
			f.wanted = false
		case "new":
			f.fresh = true
		}
	}
	return f
}

// closes reports whether line ends the block.
func (f fence) closes(line string) bool {
	rest := strings.TrimSpace(line[f.prefix(line):])
	return strings.HasPrefix(rest, f.mark) && strings.Trim(rest, f.mark[:1]) == ""
}

// prefix is how many bytes of a line of the block belong to the block quote around it.
func (f fence) prefix(line string) int {
	if !f.quoted {
		return 0
	}
	rest := strings.TrimLeft(line, " \t")
	if strings.HasPrefix(rest, ">") {
		return len(line) - len(rest) + 1
	}
	return 0
}
