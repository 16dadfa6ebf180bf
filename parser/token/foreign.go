package token

import (
	"fmt"
	"strings"
)

// NoVariables is the help where a value from outside was to come in.
const NoVariables = "there are no variables; the value of an option may name an environment variable: '${NAME}'"

// unknown reports the text from start to here, which is no token and begins with r.
func (x *lexer) unknown(start int, r rune) {
	help, strange := foreignChars[r]
	if strange && x.strange[r] {
		return // a text that was pasted is full of them
	}
	text := x.src[start:x.pos]
	d := x.list.Errorf("SQ1007", x.span(start, x.pos), "SQL has no use for the character %q", r)
	if text == "::" || text == "&&" {
		d.Title = "SQL has no use for " + text
	}
	switch {
	case strange:
		if x.strange == nil {
			x.strange = map[rune]bool{}
		}
		x.strange[r] = true
		if more := strings.Count(x.src[x.pos:], text); more > 0 {
			d.Note("the rest of the file has it %s", times(more))
		}
	case text == "::":
		help = "a cast is written CAST(x AS type)"
	case r == ':':
		help = colonHelp(x.src[:start], x.src[x.pos:])
	default:
		help = plainChars[r]
	}
	if help != "" {
		d.Help("%s", help)
	}
}

func times(n int) string {
	if n == 1 {
		return "once more"
	}
	return fmt.Sprintf("%d times more", n)
}

// plainChars is what to write for characters that other languages use.
var plainChars = map[rune]string{
	'~': "write REGEXP(s, pattern)",
	'!': "write NOT, or <> for unequal",
	'&': "write AND",
	'#': "a comment begins with --",
	'@': NoVariables,
	'‘': "strings are quoted with the plain quote '", '’': "strings are quoted with the plain quote '", '´': "strings are quoted with the plain quote '",
	'“': "strings are quoted with ', names with `", '”': "strings are quoted with ', names with `",
	'\\': "what begins with it is for the shell, weir sql: leave it out of files",
}

// foreignChars are characters that look like others, or like nothing, and what to do.
var foreignChars = map[rune]string{
	'\u00a0': "write a plain blank: this one is a no-break space, as word processors and web pages have it",
	'\u202f': "write a plain blank: this one is a narrow no-break space",
	'\u3000': "write a plain blank: this one is as wide as an ideograph",
	'\u200b': "take it away: it is a space without width, and cannot be seen",
	'\u200c': "take it away: it has no width, and cannot be seen",
	'\u200d': "take it away: it has no width, and cannot be seen",
	'\u2060': "take it away: it has no width, and cannot be seen",
	'\ufeff': "take it away: it is a byte order mark, and cannot be seen",
	'–':      "write -, or -- for a comment", '—': "write -, or -- for a comment", '−': "write -",
	'≥': "write >=", '≤': "write <=", '≠': "write <>", '×': "write *", '÷': "write /",
	'，': "write ,", '；': "write ;", '（': "write (", '）': "write )", '＝': "write =", '：': "write :", '。': "write .",
	'＇': "strings are quoted with the plain quote '", '＂': "strings are quoted with ', names with `",
}

// colonHelp is what to write for a colon between these texts.
func colonHelp(before, behind string) string {
	switch {
	case strings.HasSuffix(before, "'"):
		return "a row is written ROW(1, 'x'), a map MAP['key', 1]"
	case before != "" && isWordByte(before[len(before)-1]):
		return "the type of a field stands behind its name: ROW<a INT>"
	case behind != "" && isWordByte(behind[0]):
		return NoVariables
	}
	return "a row is written ROW(1, 'x'), a map MAP['key', 1]"
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
