package parser

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// maxDepth limits how deep brackets, subqueries and types may be nested. Whoever walks
// the tree recursively may rely on it, except along chains of binary operators, joins and
// set operations, which nest to the left once for each operator.
const maxDepth = 250

// parser reads one statement by recursive descent.
//
// An error that leaves no doubt of what was meant (a reserved word for a name, a comma too many) is noted by mend, and the parse goes on.
// Any other makes it sticky: from then on every token looks like the end of the
// statement, so that all loops end by themselves and no error has to be handed up. What
// is returned after an error is of no use to anybody.
type parser struct {
	file  *diag.File
	list  *diag.List    // for findings that do not stop the parse
	toks  []token.Token // the statement, then an EOF of its own
	match []int         // for each opening bracket its closing one; -1 without one
	i     int           // the next token
	depth int

	failed  bool
	deepest *diag.Diagnostic // the error at the furthest token so far
	at      int              // the token of deepest

	mended []mendedError
	passed []mendedError // what was mended on the way to deepest
}

// mendedError is an error behind which it is plain what was meant, so that the parse goes on as if that stood there, and finds the next one.
type mendedError struct {
	at int // its token
	d  *diag.Diagnostic
}

func newParser(f *diag.File, l *diag.List) *parser { return &parser{file: f, list: l, at: -1} }

// load points p at one statement: toks without its semicolon. end is where the statement
// ends in the text.
func (p *parser) load(toks []token.Token, end int) {
	p.toks = append(p.toks[:0], toks...)
	p.toks = append(p.toks, token.Token{Kind: token.EOF, Start: end, End: end})
	p.match = p.match[:0]
	var open []int
	for i, t := range p.toks {
		p.match = append(p.match, -1)
		switch t.Key {
		case "(", "[":
			open = append(open, i)
		case ")", "]":
			if n := len(open); n > 0 {
				p.match[open[n-1]] = i
				open = open[:n-1]
			}
		}
	}
	p.seek(0)
	p.deepest, p.at, p.passed = nil, -1, p.passed[:0]
}

// seek goes on at token i with a clean slate, but keeps the deepest error.
func (p *parser) seek(i int) {
	p.i, p.failed, p.depth = i, false, 0
	for n := len(p.mended); n > 0 && p.mended[n-1].at >= i; n-- {
		p.mended = p.mended[:n-1]
	}
}

// ---- tokens

func (p *parser) eofIndex() int { return len(p.toks) - 1 }

func (p *parser) tok() token.Token { return p.toks[p.i] }

// peek is the token n behind the next one.
func (p *parser) peek(n int) token.Token { return p.toks[min(p.i+n, p.eofIndex())] }

func (p *parser) next() token.Token {
	t := p.toks[p.i]
	if t.Kind != token.EOF {
		p.i++
	}
	return t
}

// is reports whether the next tokens are these keywords or operators.
func (p *parser) is(keys ...string) bool {
	for n, k := range keys {
		if !p.peek(n).Is(k) {
			return false
		}
	}
	return true
}

// isAny reports whether the next token is one of keys.
func (p *parser) isAny(keys ...string) bool {
	t := p.tok()
	for _, k := range keys {
		if t.Key == k {
			return true
		}
	}
	return false
}

// accept takes these keywords or operators if they come next.
func (p *parser) accept(keys ...string) bool {
	if !p.is(keys...) {
		return false
	}
	p.i += len(keys)
	return true
}

// expect takes these keywords or operators or fails.
func (p *parser) expect(keys ...string) bool {
	for _, k := range keys {
		if !p.accept(k) {
			p.unexpected(describe(k))
			return false
		}
	}
	return true
}

// ---- places

func (p *parser) span(t token.Token) diag.Span { return t.Span(p.file) }

func (p *parser) here() diag.Span { return p.span(p.tok()) }

// from covers everything from start (a byte offset) to the token taken last.
func (p *parser) from(start int) ast.At {
	end := start
	if p.i > 0 {
		end = max(start, p.toks[p.i-1].End)
	}
	return ast.At{Sp: diag.Span{File: p.file, Start: start, End: end}}
}

func (p *parser) start() int { return p.tok().Start }

// ---- errors

// fail notes d, which is about token i, and makes p sticky. It returns the diagnostic to
// decorate, also where an earlier one is kept instead.
func (p *parser) fail(i int, d *diag.Diagnostic) *diag.Diagnostic {
	if !p.failed {
		p.failed = true
		if i > p.at {
			p.deepest, p.at = d, i
			p.passed = append(p.passed[:0], p.mended...)
		}
		p.i = p.eofIndex()
	}
	return d
}

// mend notes an error at sp, which starts with token i, that does not stop the parse. It returns the diagnostic to decorate.
func (p *parser) mend(i int, sp diag.Span, code, format string, args ...any) *diag.Diagnostic {
	d := &diag.Diagnostic{Code: code, Span: sp, Title: fmt.Sprintf(format, args...)}
	if !p.failed {
		p.mended = append(p.mended, mendedError{i, d})
	}
	return d
}

// tellMended hands the errors that were mended over to the list.
func (p *parser) tellMended() {
	for _, m := range p.mended {
		p.list.All = append(p.list.All, m.d)
	}
	p.mended = p.mended[:0]
}

// errorf fails with a syntax error at the next token.
func (p *parser) errorf(code, format string, args ...any) *diag.Diagnostic {
	return p.fail(p.i, &diag.Diagnostic{Code: code, Span: p.here(), Title: fmt.Sprintf(format, args...)})
}

// errorAt fails at sp, which starts with token i.
func (p *parser) errorAt(i int, sp diag.Span, code, format string, args ...any) *diag.Diagnostic {
	return p.fail(i, &diag.Diagnostic{Code: code, Span: sp, Title: fmt.Sprintf(format, args...)})
}

// unexpected fails because something else should be next: "a column name", ") or a comma".
func (p *parser) unexpected(want string) *diag.Diagnostic {
	d := p.errorf("SQ1001", "expected %s, found %s", want, p.found(p.tok()))
	if p.at >= 0 && p.at < len(p.toks) {
		p.hintAt(d, p.at, want)
		p.listAt(d, p.at, want)
		if p.toks[p.at].Is(")") && want == "the end of the statement" && len(d.Helps) == 0 {
			d.Help("take it away: there is no ( for it")
		}
	}
	return d
}

// listAt says what a list lacks that ends or goes on at token i without being told to: a comma, or its closing bracket.
func (p *parser) listAt(d *diag.Diagnostic, i int, want string) {
	if i == 0 || len(d.Labels)+len(d.Helps) > 0 {
		return
	}
	t, before := p.toks[i], p.toks[i-1]
	if want == "a comma or )" || want == "a comma" {
		begins := t.Kind == token.Number || t.Kind == token.String || isName(t)
		ends := before.Is(")") || before.Kind == token.Number || before.Kind == token.String || before.Kind == token.Quoted || before.Kind == token.Word
		if begins && ends {
			d.Label(p.span(before), "a comma is missing behind this")
			return
		}
	}
	if t.Kind != token.EOF && !structural[t.Key] || !strings.Contains(want, ")") {
		return
	}
	for k := i - 1; k >= 0; k-- {
		if p.toks[k].Is("(") && p.match[k] < 0 {
			d.Label(p.span(p.toks[k]), "this bracket is not closed")
			return
		}
	}
}

// hintAt adds the help that a misspelt keyword at token i, or just before it, deserves.
func (p *parser) hintAt(d *diag.Diagnostic, i int, want string) {
	if len(d.Helps) > 0 {
		return
	}
	if f := foreignAt(p.toks, func(t token.Token) string { return t.Text(p.file) }, i); f != "" {
		d.Help("%s", f)
		return
	}
	t := p.toks[i]
	if t.Kind == token.Word && !token.Reserved(t.Key) {
		for _, w := range strings.Fields(strings.ReplaceAll(want, ",", " ")) {
			if w == token.Upper(w) && w != t.Key {
				if _, ok := diag.Suggest(t.Key, []string{w}); ok {
					d.Help("did you mean %s?", w)
					return
				}
			}
		}
	}
	if i > 0 && p.toks[i-1].Is(",") && (structural[t.Key] || t.Is(")") || t.Kind == token.EOF) {
		d.Label(p.span(p.toks[i-1]), "or is this comma too many?")
		return
	}
	// SELECT a FORM t: FORM was taken for an alias and the error shows one token later. Behind a name that
	// ends what stands there, nothing was meant to follow.
	if p.toks[0].Is("ALTER") {
		return
	}
	if closing := t.Kind == token.EOF || t.Is(")") || t.Is(";") || t.Is(","); !closing && i > 0 && p.toks[i-1].Kind == token.Word && !token.Keyword(p.toks[i-1].Key) {
		if w, ok := diag.Suggest(p.toks[i-1].Key, clauseWords); ok {
			d.Label(p.span(p.toks[i-1]), "did you mean %s?", w)
		}
	}
}

var clauseWords = []string{"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "JOIN", "LEFT", "INNER", "SELECT", "VALUES", "WITH"}

// whole has a failure that comes up before its result is called say how the construct is written.
func (p *parser) whole(form string) func() {
	if p.failed {
		return func() {}
	}
	return func() {
		if p.failed {
			p.helpless(form)
		}
	}
}

// helpless adds form to what is wrong where nothing better is known.
func (p *parser) helpless(form string) {
	if d := p.deepest; d != nil && len(d.Helps) == 0 && len(d.Labels) == 0 {
		d.Help("write %s", form)
	}
}

// heads is how statements begin, by their first words.
var heads = []struct{ words, form string }{
	{"CREATE TABLE", "CREATE TABLE name (column TYPE, ...) WITH ('connector' = '...', ...)"},
	{"CREATE TEMPORARY TABLE", "CREATE TEMPORARY TABLE name (column TYPE, ...) WITH ('connector' = '...', ...)"},
	{"CREATE VIEW", "CREATE VIEW name AS SELECT ..."},
	{"CREATE TEMPORARY VIEW", "CREATE TEMPORARY VIEW name AS SELECT ..."},
	{"INSERT", "INSERT INTO table SELECT ..."},
	{"SET", "SET 'key' = 'value'"},
	{"DROP", "DROP TABLE name, or DROP VIEW name"},
	{"EXECUTE", "EXECUTE STATEMENT SET BEGIN INSERT INTO ...; INSERT INTO ...; END"},
	{"STOP", "STOP JOB 'name'"},
	{"EXPLAIN", "EXPLAIN SELECT ..., EXPLAIN INSERT INTO ... or EXPLAIN CHANGELOG_MODE SELECT ..."},
	{"BEGIN", "BEGIN STATEMENT SET; INSERT INTO ...; INSERT INTO ...; END"},
}

// headForm has a failure in the first words of a statement, before any bracket or query, say how it is written.
func (p *parser) headForm() {
	for _, t := range p.toks[:max(p.at, 0)] {
		if t.Is("(") || t.Is("AS") || t.Is("SELECT") || t.Is("VALUES") {
			return
		}
	}
	for _, h := range heads {
		words := strings.Fields(h.words)
		if len(p.toks) <= len(words) {
			continue
		}
		same := true
		for i, w := range words {
			same = same && p.toks[i].Is(w)
		}
		if same {
			p.helpless(h.form)
			return
		}
	}
}

// found says what a token is, for "expected x, found y".
func (p *parser) found(t token.Token) string {
	text := t.Text(p.file)
	if n := 30; len(text) > n {
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n] + "..."
	}
	if n := strings.IndexByte(text, '\n'); n >= 0 {
		text = strings.TrimRight(text[:n], "\r ") + "..."
	}
	switch t.Kind {
	case token.EOF:
		return "the end of the statement"
	case token.Word:
		if token.Reserved(t.Key) {
			return t.Key
		}
		return "the name " + text
	case token.Quoted:
		return "the name " + text
	case token.Number:
		return "the number " + text
	case token.String, token.UString, token.Binary:
		return "the string " + text
	default:
		return describe(text)
	}
}

// describe is a keyword or operator as the messages show it.
func describe(key string) string {
	switch key {
	case ",":
		return "a comma"
	case ".":
		return "a point"
	case ";":
		return "a semicolon"
	}
	return key
}

// notSupported fails with the sentence for syntax that weir knows and does not run; what
// is a subject in the singular.
func (p *parser) notSupported(i int, sp diag.Span, what string) *diag.Diagnostic {
	return p.errorAt(i, sp, "SQ1011", "%s is not supported", what)
}

// enter counts one level of nesting; leave goes back. It fails where the limit is reached.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxDepth {
		p.errorf("SQ1013", "this is nested more than %d levels deep", maxDepth).
			Help("take the inner parts out into views")
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// ---- names and literals

// structural words build the statement; one of them where a name should be means that
// the name is missing, unless what follows says otherwise.
var structural = wordSet(`SELECT FROM WHERE GROUP HAVING ORDER BY UNION EXCEPT INTERSECT MINUS LIMIT OFFSET FETCH
	JOIN LEFT RIGHT FULL INNER CROSS NATURAL ON USING AND OR NOT IN IS LIKE BETWEEN AS WITH WITHOUT VALUES INSERT INTO
	CREATE DROP TABLE SET CASE WHEN THEN ELSE END DISTINCT ALL WINDOW QUALIFY FOR OVER PRIMARY CONSTRAINT WATERMARK
	LATERAL UNNEST EXISTS CAST TO ESCAPE SIMILAR NULL TRUE FALSE EXECUTE BEGIN EXPLAIN PARTITION INTERVAL COMMENT`)

func wordSet(words string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// isName reports whether t can be a name as it stands.
func isName(t token.Token) bool {
	return t.Kind == token.Quoted || t.Kind == token.Word && !token.Reserved(t.Key)
}

// ident takes a name; what says whose, for the message: "a column name".
func (p *parser) ident(what string) ast.Ident {
	t := p.tok()
	if t.Kind == token.Word && token.Reserved(t.Key) {
		return p.reservedOr(what)
	}
	if !isName(t) {
		d := p.unexpected(what)
		if t.Kind == token.String && !p.tokIsLong(t) {
			d.Help("names are quoted with backticks: %s", token.QuoteIdent(token.Unquote(t.Text(p.file))))
		}
		return ast.Ident{}
	}
	p.next()
	return p.identOf(t)
}

func (p *parser) tokIsLong(t token.Token) bool {
	return t.End-t.Start > 60 || strings.ContainsAny(t.Text(p.file), "\n`")
}

func (p *parser) identOf(t token.Token) ast.Ident {
	id := ast.Ident{At: ast.At{Sp: p.span(t)}, Name: t.Text(p.file)}
	if t.Kind == token.Quoted {
		id.Name, id.Quoted = token.Unquote(id.Name), true
	}
	return id
}

// reservedOr takes a reserved word where a name should be, or fails where the name is missing.
func (p *parser) reservedOr(what string) ast.Ident {
	t := p.tok()
	if structural[t.Key] {
		// SELECT a, FROM t is a missing column; SELECT a, from, b FROM t is a name.
		switch n := p.peek(1); {
		case n.Is(","), n.Is(")"), n.Is("."), n.Is("="):
		case n.Is("(") && what == "a name": // CREATE TABLE order (...)
		default:
			p.unexpected(what)
			return ast.Ident{}
		}
	}
	return p.reserved(t)
}

// reserved takes the reserved word t for a name.
func (p *parser) reserved(t token.Token) ast.Ident {
	text := t.Text(p.file)
	if t.Is("WINDOW") && p.peek(1).Is(".") {
		p.errorf("SQ1002", "%s is a reserved word", text).
			Help("the columns of a window are window_start, window_end and window_time: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))")
		return ast.Ident{}
	}
	if p.i > 1 && p.toks[p.i-1].Is("(") && p.peek(1).Is(",") && unitFirst[p.toks[p.i-2].Key] {
		p.next() // DATEDIFF(DAY, a, b): there is no such function, and that is what will be said
		return p.identOf(t)
	}
	p.next()
	p.mend(p.i-1, p.span(t), "SQ1002", "%s is a reserved word", text).
		At("cannot be a name as it stands").
		Help("write %s", token.QuoteIdent(text)).
		Fix(t.Span(p.file), token.QuoteIdent(text))
	return p.identOf(t)
}

// unitFirst are functions of other systems whose first argument is a unit of time.
var unitFirst = wordSet("DATEDIFF DATE_DIFF DATEADD DATE_ADD DATE_SUB DATEPART DATE_PART DATETRUNC DATE_TRUNC TIMESTAMP_DIFF TIMESTAMP_TRUNC")

// name takes [a.[b.]]c.
func (p *parser) name(what string) ast.Name {
	start := p.start()
	parts := []ast.Ident{p.ident(what)}
	for !p.failed && p.is(".") && !p.peek(1).Is("*") {
		p.next()
		parts = append(parts, p.ident("a name behind the point"))
	}
	return ast.Name{At: p.from(start), Parts: parts}
}

// idents takes (a, b, ...).
func (p *parser) idents(what string) []ast.Ident {
	p.expect("(")
	ids := commaList(p, func() ast.Ident { return p.ident(what) })
	p.closing("a comma or )")
	return ids
}

// commaList takes what one takes, once or more, with commas between.
func commaList[T any](p *parser, one func() T) []T {
	list := []T{one()}
	for p.accept(",") {
		list = append(list, one())
	}
	return list
}

// closing takes the ) at the end of a list.
func (p *parser) closing(want string) {
	if !p.accept(")") {
		p.unexpected(want)
	}
}

// str takes a string; what says which, for the message.
func (p *parser) str(what string) *ast.StringLit {
	t := p.tok()
	switch t.Kind {
	case token.String:
		p.next()
		return &ast.StringLit{At: p.from(t.Start), Value: token.Unquote(t.Text(p.file))}
	case token.UString:
		return p.unicode()
	}
	d := p.unexpected(what)
	if t.Kind == token.Number || t.Kind == token.Word && !token.Reserved(t.Key) || t.Is("TRUE") || t.Is("FALSE") {
		d.Help("write it as a string: %s", token.QuoteString(t.Text(p.file)))
	}
	return &ast.StringLit{At: ast.At{Sp: p.span(t)}}
}

// unicode takes U&'...' [UESCAPE 'c'].
func (p *parser) unicode() *ast.StringLit {
	at, t := p.i, p.next()
	escape := byte('\\')
	if p.accept("UESCAPE") {
		e := p.tok()
		if s := e.Text(p.file); e.Kind != token.String || len(s) != 3 || strings.ContainsAny(s[1:2], "0123456789abcdefABCDEF+ \"") {
			p.errorf("SQ1009", "UESCAPE takes a string of one character that is no digit, letter A to F, plus or blank")
			return &ast.StringLit{}
		}
		escape = p.file.Text[e.Start+1]
		p.next()
	}
	v, err := token.Unicode(t.Text(p.file), escape)
	if err != nil {
		p.errorAt(at, p.span(t), "SQ1009", "this string is malformed: %v", err).
			Help("a character is written by its number: U&'\\0041' is A")
	}
	return &ast.StringLit{At: p.from(t.Start), Value: v}
}
