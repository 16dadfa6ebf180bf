package token

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/parser/diag"
)

// Lex cuts f into tokens, the last of which is EOF, and its comments. What cannot be a
// token is reported to l and stands in the result as Bad. Lex never fails: the tokens
// cover everything but white space and comments, in order.
func Lex(f *diag.File, l *diag.List) (toks []Token, comments []Comment) {
	x := lexer{file: f, src: f.Text, list: l, toks: make([]Token, 0, len(f.Text)/5+2)}
	if strings.HasPrefix(x.src, "\uFEFF") {
		x.pos = len("\uFEFF") // the byte order mark that some editors write
	}
	if strings.HasPrefix(x.src, "\xff\xfe") || strings.HasPrefix(x.src, "\xfe\xff") {
		l.Errorf("SQ1007", x.span(0, 0), "%s is a text in UTF-16", f.Name).Help("save the file as UTF-8")
		x.pos = len(x.src)
	}
	if i := strings.IndexByte(x.src, 0); i >= 0 && x.pos < len(x.src) {
		l.Errorf("SQ1007", x.span(i, i+1), "%s is no text: it has a byte of zero", f.Name).Help("save the file as UTF-8")
		x.pos = len(x.src)
	}
	for x.next() {
	}
	x.toks = append(x.toks, Token{Kind: EOF, Start: len(x.src), End: len(x.src)})
	return x.toks, x.comments
}

type lexer struct {
	file     *diag.File
	src      string
	list     *diag.List
	pos      int
	toks     []Token
	comments []Comment
	hint     int // where the hint that we are in was opened, plus one; 0 outside
	multi    int // index plus one of the first string that runs over several lines
	badUTF8  bool
	strange  map[rune]bool // characters of foreignChars that were reported
}

func (x *lexer) span(start, end int) diag.Span {
	return diag.Span{File: x.file, Start: start, End: end}
}

func (x *lexer) emit(k Kind, start int, key string) {
	x.toks = append(x.toks, Token{Kind: k, Start: start, End: x.pos, Key: key})
}

// at is the byte n behind the current one, or 0 at the end of the text.
func (x *lexer) at(n int) byte {
	if x.pos+n < len(x.src) {
		return x.src[x.pos+n]
	}
	return 0
}

// next takes one token or comment; it is false at the end of the text.
func (x *lexer) next() bool {
	for x.pos < len(x.src) && isSpace(x.src[x.pos]) {
		x.pos++
	}
	if x.pos >= len(x.src) {
		if x.hint > 0 {
			x.list.Errorf("SQ1005", x.span(x.hint-1, x.hint+2), "the hint is not closed").
				At("opened here").Help("close it with */")
			x.emit(Bad, x.pos, "")
		}
		return false
	}
	start, c := x.pos, x.src[x.pos]
	switch {
	case c == '-' && x.at(1) == '-':
		n := strings.IndexByte(x.src[start:], '\n')
		if n < 0 {
			n = len(x.src) - start
		}
		x.pos += n
		end := start + len(strings.TrimRight(x.src[start:x.pos], "\r \t"))
		x.comments = append(x.comments, Comment{start, end, true})
	case c == '/' && x.at(1) == '*' && x.at(2) == '+' && x.hint == 0:
		x.pos += 3
		x.hint = start + 1
		x.emit(Op, start, "/*+")
	case c == '*' && x.at(1) == '/' && x.hint > 0:
		x.pos += 2
		x.hint = 0
		x.emit(Op, start, "*/")
	case c == '/' && x.at(1) == '*':
		n := strings.Index(x.src[start+2:], "*/")
		if n < 0 {
			x.list.Errorf("SQ1005", x.span(start, start+2), "the comment is not closed").
				At("opened here").Help("close it with */")
			x.pos = len(x.src)
			x.emit(Bad, start, "")
			return true
		}
		x.pos = start + 2 + n + 2
		x.comments = append(x.comments, Comment{start, x.pos, false})
	case c == '\'':
		x.str(start, String)
	case (c == 'x' || c == 'X') && x.at(1) == '\'':
		x.pos++
		x.str(start, Binary)
	case (c == 'u' || c == 'U') && x.at(1) == '&' && x.at(2) == '\'':
		x.pos += 2
		x.str(start, UString)
	case c == '`':
		x.quoted(start)
	case c == '"':
		x.doubleQuoted(start)
	case isDigit(c) || c == '.' && isDigit(x.at(1)):
		x.number(start)
	default:
		if x.word(start) {
			return true
		}
		x.op(start, c)
	}
	return true
}

// closing finds the quote that ends what was opened before from: quotes that stand
// doubled are part of it. It is -1 where there is none.
func closing(s string, from int, quote byte) int {
	for i := from; ; i += 2 {
		n := strings.IndexByte(s[i:], quote)
		if n < 0 {
			return -1
		}
		i += n
		if i+1 >= len(s) || s[i+1] != quote {
			return i
		}
	}
}

// str takes a string whose opening quote is at pos; start is where its prefix began.
func (x *lexer) str(start int, k Kind) {
	end := closing(x.src, x.pos+1, '\'')
	if end < 0 {
		const help = "close it with '; a quote inside a string is written twice: 'it''s'"
		open := x.span(x.pos, x.pos+1)
		if x.multi > 0 {
			// Strings seldom run over lines: the quote is missing from the first that does, and all quotes behind it have
			// changed their part.
			t := x.toks[x.multi-1]
			x.forget(strings.LastIndexByte(x.src[:t.Start], '\n') + 1)
			x.list.Errorf("SQ1004", x.span(t.Start, t.Start+1), "a string is not closed").At("this one runs over several lines: is its closing quote missing?").
				Label(open, "nothing closes the quote here").Help(help)
		} else {
			x.list.Errorf("SQ1004", open, "the string is not closed").At("opened here").Help(help)
		}
		x.pos = len(x.src)
		x.emit(Bad, start, "")
		return
	}
	x.pos = end + 1
	x.emit(x.checkUTF8(start, k), start, "")
	if x.multi == 0 && strings.IndexByte(x.src[start:x.pos], '\n') >= 0 {
		x.multi = len(x.toks)
	}
}

// forget takes back what was said of the text from byte from on: it is one mistake that has another name.
func (x *lexer) forget(from int) {
	x.list.All = slices.DeleteFunc(x.list.All, func(d *diag.Diagnostic) bool { return d.Span.File == x.file && d.Span.Start >= from })
}

func (x *lexer) quoted(start int) {
	// A name does not run over lines, so one missing backtick does not eat the file.
	line := x.src
	if n := strings.IndexByte(x.src[start:], '\n'); n >= 0 {
		line = x.src[:start+n]
	}
	end := closing(line, start+1, '`')
	switch {
	case end < 0:
		x.list.Errorf("SQ1006", x.span(start, start+1), "the quoted name is not closed").
			At("opened here").Help("close it with ` on the same line")
		x.pos = len(line)
		x.emit(Bad, start, "")
	case end == start+1:
		x.pos = end + 1
		x.list.Errorf("SQ1006", x.span(start, x.pos), "a name cannot be empty")
		x.emit(Bad, start, "")
	default:
		x.pos = end + 1
		x.emit(x.checkUTF8(start, Quoted), start, "")
	}
}

func (x *lexer) doubleQuoted(start int) {
	line := x.src
	if n := strings.IndexByte(x.src[start:], '\n'); n >= 0 {
		line = x.src[:start+n]
	}
	end := closing(line, start+1, '"')
	if end < 0 {
		x.pos++
		x.list.Errorf("SQ1016", x.span(start, x.pos), "double quotes quote nothing in this dialect").
			Help("write strings as 'text' and names as `name`")
	} else {
		x.pos = end + 1
		s := strings.ReplaceAll(x.src[start+1:end], `""`, `"`)
		x.list.Errorf("SQ1016", x.span(start, x.pos), "double quotes quote nothing in this dialect").
			Help("for a string write %s, for a name write %s", QuoteString(s), QuoteIdent(s))
	}
	x.emit(Bad, start, "")
}

func (x *lexer) number(start int) {
	digits := func() {
		for isDigit(x.at(0)) {
			x.pos++
		}
	}
	digits()
	if x.at(0) == '.' {
		x.pos++
		digits()
	}
	if c := x.at(0); c == 'e' || c == 'E' {
		n := 1
		if s := x.at(1); s == '+' || s == '-' {
			n = 2
		}
		if isDigit(x.at(n)) {
			x.pos += n
			digits()
		}
	}
	if r, _ := utf8.DecodeRuneInString(x.src[x.pos:]); x.pos < len(x.src) && isWordStart(r) {
		for x.pos < len(x.src) {
			r, n := utf8.DecodeRuneInString(x.src[x.pos:])
			if !isWordPart(r) {
				break
			}
			x.pos += n
		}
		text := x.src[start:x.pos]
		x.list.Errorf("SQ1008", x.span(start, x.pos), "%s is neither a number nor a name", text).
			Help("a name that starts with a digit is written `%s`, a string '%s'", text, text)
		x.emit(Bad, start, "")
		return
	}
	x.emit(Number, start, "")
}

// word takes a keyword or name; it is false where none starts.
func (x *lexer) word(start int) bool {
	i := start
	for i < len(x.src) && isASCIIWord(x.src[i]) {
		i++
	}
	if i < len(x.src) && x.src[i] >= utf8.RuneSelf || i == start {
		for i < len(x.src) {
			r, n := utf8.DecodeRuneInString(x.src[i:])
			if !isWordPart(r) || i == start && !isWordStart(r) {
				break
			}
			i += n
		}
	}
	if i == start {
		return false
	}
	x.pos = i
	x.emit(Word, start, Upper(x.src[start:i]))
	return true
}

// ops are the operators of more than one byte, longest first.
var ops = []string{"<>", "<=", ">=", "!=", "||", "=>"}

func (x *lexer) op(start int, c byte) {
	for _, o := range ops {
		if strings.HasPrefix(x.src[start:], o) {
			x.pos += len(o)
			x.emit(Op, start, o)
			return
		}
	}
	if strings.IndexByte("=<>+-*/%()[],.;?{}|^", c) >= 0 {
		x.pos++
		x.emit(Op, start, x.src[start:x.pos])
		return
	}
	r, n := utf8.DecodeRuneInString(x.src[start:])
	x.pos += n
	if (r == ':' || r == '&') && x.at(0) == byte(r) {
		x.pos++ // :: and && are one mistake
	}
	if r == utf8.RuneError && n <= 1 {
		x.invalidUTF8(start)
	} else {
		x.unknown(start, r)
	}
	x.emit(Bad, start, "")
}

// checkUTF8 is k, or Bad where the text from start to here is not UTF-8.
func (x *lexer) checkUTF8(start int, k Kind) Kind {
	if utf8.ValidString(x.src[start:x.pos]) {
		return k
	}
	for i := start; i < x.pos; {
		r, n := utf8.DecodeRuneInString(x.src[i:])
		if r == utf8.RuneError && n <= 1 {
			x.invalidUTF8(i)
			break
		}
		i += n
	}
	return Bad
}

// invalidUTF8 reports a byte that is not UTF-8, once a file.
func (x *lexer) invalidUTF8(at int) {
	if x.badUTF8 {
		return
	}
	x.badUTF8 = true
	x.list.Errorf("SQ1007", x.span(at, at+1), "the text is not valid UTF-8").
		At("byte 0x%02X", x.src[at]).Help("save the file as UTF-8")
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'
}
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isASCIIWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || isDigit(c)
}

func isWordStart(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) }
func isWordPart(r rune) bool {
	return isWordStart(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// Upper is s with the letters a to z in upper case. Other letters stay, so that no word
// of another alphabet turns into a keyword.
func Upper(s string) string {
	for i := 0; i < len(s); i++ {
		if 'a' <= s[i] && s[i] <= 'z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'a' <= b[i] && b[i] <= 'z' {
					b[i] -= 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
