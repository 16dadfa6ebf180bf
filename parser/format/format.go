package format

import (
	"strings"

	"weir/parser"
	"weir/parser/diag"
	"weir/parser/token"
)

// lineWidth is where lines are broken, in bytes; indentStep is one level of indentation.
const (
	lineWidth  = 88
	indentStep = 2
)

// Format lays out a file by the rules of fmt_rules.md: only white space and the case of
// keywords change, and comments stay where they are. Formatting twice changes nothing
// more. A file with errors comes back as it is, with its findings.
func Format(src *diag.File) (string, *diag.List) {
	script, l := parser.Parse(src)
	if l.HasErrors() {
		return src.Text, l
	}
	toks, comments := token.Lex(src, &diag.List{})
	w := newWriter(src, toks, comments, lookAt(script, toks))
	w.file()
	return w.out.String(), l
}

// note is a comment between two tokens.
type note struct {
	text     string
	line     bool // -- to the end of the line
	own      bool // it starts a line of its own
	ends     bool // a new line follows it in the source
	blankOut bool // an empty line stands before it
}

// writer lays out the tokens of a file.
type writer struct {
	toks  []token.Token
	text  []string // of each token, with keywords in upper case
	space []bool   // a blank stands before the token when both are on one line
	notes [][]note // before each token; the last entry is before EOF
	led   []int    // how many notes stand before each token
	blank []bool   // an empty line stands before the token in the source
	match []int
	flat  []int // columns of all tokens before this one on one endless line
	hard  []int // how many tokens and comments before this one cannot stand on one line
	// inMatch is set for tokens directly in the brackets of a MATCH_RECOGNIZE, whose clauses have words of their own.
	inMatch []bool

	out      strings.Builder
	col      int
	fresh    bool // at the start of a line
	mustEnd  bool // a line comment was written; nothing may follow on its line
	hadBlank bool // the line before is empty, or the file begins
}

func newWriter(f *diag.File, toks []token.Token, comments []token.Comment, m marks) *writer {
	n := len(toks)
	w := &writer{
		toks: toks, text: make([]string, n), space: make([]bool, n), notes: make([][]note, n), led: make([]int, n), blank: make([]bool, n),
		match: make([]int, n), flat: make([]int, n+1), hard: make([]int, n+1), inMatch: make([]bool, n), fresh: true, hadBlank: true,
	}
	var open []int
	c, end := 0, 0
	for i, t := range toks {
		w.text[i] = t.Text(f)
		if t.Kind == token.Word && !m.keep[t.Start] {
			w.text[i] = t.Key
		}
		w.space[i] = i > 0 && m.spaced(toks[i-1], t)
		gap := end
		for ; c < len(comments) && comments[c].Start < t.Start; c++ {
			x := comments[c]
			before := f.Text[gap:x.Start]
			var follows string
			if c+1 < len(comments) && comments[c+1].Start < t.Start {
				follows = f.Text[x.End:comments[c+1].Start]
			} else {
				follows = f.Text[x.End:t.Start]
			}
			w.notes[i] = append(w.notes[i], note{
				text: f.Text[x.Start:x.End], line: x.Line, own: strings.Contains(before, "\n") || gap == 0,
				ends: strings.Contains(follows, "\n"), blankOut: strings.Count(before, "\n") > 1,
			})
			gap = x.End
		}
		w.blank[i] = strings.Count(f.Text[gap:t.Start], "\n") > 1
		end = t.End
		w.match[i] = -1
		switch t.Key {
		case "(", "[", "{":
			open = append(open, i)
		case ")", "]", "}":
			if k := len(open); k > 0 {
				w.match[open[k-1]] = i
				open = open[:k-1]
			}
		default:
			if k := len(open); k > 0 && open[k-1] > 0 {
				w.inMatch[i] = m.matches[toks[open[k-1]-1].Start]
			}
		}
		width := len(w.text[i])
		if w.space[i] {
			width++
		}
		w.flat[i+1] = w.flat[i] + width
		w.led[i] = len(w.notes[i])
		w.hard[i+1] = w.hard[i] + w.led[i]
		if strings.Contains(w.text[i], "\n") {
			w.hard[i+1]++
		}
	}
	return w
}

// fits reports whether tokens lo to hi (not included) fit behind what is on the line.
// Comments before the first of them do not count: they are written before.
func (w *writer) fits(lo, hi int) bool {
	if lo >= hi {
		return true
	}
	return w.hard[hi]-w.hard[lo]-w.led[lo] == 0 && w.col+w.flat[hi]-w.flat[lo] <= lineWidth
}

// ---- output

func (w *writer) newline(indent int) {
	if w.fresh {
		w.col = indent
		return
	}
	w.out.WriteByte('\n')
	w.fresh, w.mustEnd, w.hadBlank = true, false, false
	w.col = indent
}

// blankLine leaves one empty line.
func (w *writer) blankLine() {
	w.newline(0)
	if !w.hadBlank {
		w.out.WriteByte('\n')
		w.hadBlank = true
	}
}

// put writes text that stands behind a blank where space says so.
func (w *writer) put(s string, space bool) {
	if w.fresh {
		w.out.WriteString(strings.Repeat(" ", w.col))
		w.fresh, w.hadBlank = false, false
	} else if space {
		w.out.WriteByte(' ')
		w.col++
	}
	w.out.WriteString(s)
	if n := strings.LastIndexByte(s, '\n'); n >= 0 {
		w.col = len(s) - n - 1
	} else {
		w.col += len(s)
	}
}

// comments writes the comments before token i; a line that they begin is indented.
func (w *writer) comments(i, indent int) {
	for _, n := range w.notes[i] {
		if n.own || w.mustEnd {
			w.newline(indent)
		}
		w.put(n.text, true)
		if n.line || n.ends {
			w.mustEnd = true
		}
	}
	if w.mustEnd {
		w.newline(indent)
	}
}

// tok writes token i with its comments.
func (w *writer) tok(i, indent int) {
	if len(w.notes[i]) > 0 || w.mustEnd {
		w.comments(i, indent)
	}
	w.put(w.text[i], w.space[i] || len(w.notes[i]) > 0)
}

// run writes tokens on one line.
func (w *writer) run(lo, hi, indent int) {
	for i := lo; i < hi; i++ {
		w.tok(i, indent)
	}
}

// ---- layout

// file writes the statements with an empty line between them, but for neighbours that
// stand on one line each and have none between them in the source.
func (w *writer) file() {
	eof := len(w.toks) - 1
	onOne := true // the statement before stands on one line
	for lo := 0; lo < eof; {
		hi := w.statementEnd(lo)
		w.leading(lo, lo == 0)
		if lo > 0 && !w.hadBlank && (w.blank[lo] || !onOne || !w.statementFits(lo, hi)) && !w.attached(lo) {
			w.blankLine()
		}
		w.newline(0)
		start := w.out.Len()
		w.statement(lo, hi)
		onOne = !strings.Contains(w.out.String()[start:], "\n")
		lo = hi
	}
	w.leading(eof, eof == 0)
	if !w.fresh {
		w.out.WriteByte('\n')
	}
}

// attached reports whether the last thing before token lo is a comment on the line above.
func (w *writer) attached(lo int) bool {
	n := w.notes[lo]
	return len(n) > 0 && n[len(n)-1].own && !w.blank[lo]
}

// leading writes the comments before a statement, at the margin, and keeps the empty
// lines between them.
func (w *writer) leading(i int, first bool) {
	for k, n := range w.notes[i] {
		switch {
		case !n.own && !w.mustEnd:
			w.put(n.text, !w.fresh)
		case (n.blankOut || k == 0 && !first) && !w.hadBlank:
			w.blankLine()
			w.put(n.text, false)
		default:
			w.newline(0)
			w.put(n.text, false)
		}
		w.mustEnd = true
	}
	if w.mustEnd {
		w.newline(0)
		if len(w.notes[i]) > 0 && w.blank[i] && i < len(w.toks)-1 {
			w.blankLine() // the comment is about more than the statement below
		}
	}
}

// statementEnd is the token behind the semicolon of the statement that starts at lo. The
// statements of a set belong to it.
func (w *writer) statementEnd(lo int) int {
	set := w.setHead(lo) > 0
	for i := lo; i < len(w.toks)-1; i++ {
		if !w.toks[i].Is(";") {
			continue
		}
		if !set || w.toks[i-1].Is("END") && w.startsAfterSemicolon(lo, i-1) {
			return i + 1
		}
	}
	return len(w.toks) - 1
}

// startsAfterSemicolon reports whether token i is the first behind a semicolon.
func (w *writer) startsAfterSemicolon(lo, i int) bool { return i > lo && w.toks[i-1].Is(";") }

// setHead is the number of tokens up to the BEGIN of a statement set, or 0.
func (w *writer) setHead(lo int) int {
	is := func(i int, k string) bool { return i < len(w.toks) && w.toks[i].Is(k) }
	if is(lo, "BEGIN") && is(lo+1, "STATEMENT") {
		return 4 // BEGIN STATEMENT SET ;
	}
	if !is(lo, "EXECUTE") && !is(lo, "EXPLAIN") {
		return 0
	}
	for i := lo + 1; i < lo+12; i++ {
		if is(i, "STATEMENT") && is(i+1, "SET") && is(i+2, "BEGIN") {
			return i + 3 - lo
		}
		if is(i, "SELECT") || is(i, "INSERT") || is(i, ";") {
			break
		}
	}
	return 0
}

// oneLine is how statements begin that stand on one line however long it is: there is no place to break them.
var oneLine = map[string]bool{"SET": true, "RESET": true, "DROP": true, "SHOW": true, "DESCRIBE": true, "DESC": true, "USE": true, "STOP": true}

func (w *writer) statementFits(lo, hi int) bool {
	if oneLine[w.toks[lo].Key] {
		return w.hard[hi]-w.hard[lo]-w.led[lo] == 0
	}
	saved := w.col
	w.col = 0
	ok := w.fits(lo, hi) && !w.alwaysBroken(lo, hi)
	w.col = saved
	return ok
}

// alwaysBroken reports whether a statement takes several lines however short it is: a
// table with two columns or two options, a statement set.
func (w *writer) alwaysBroken(lo, hi int) bool {
	if w.setHead(lo) > 0 {
		return true
	}
	if !w.isTable(lo) {
		return false
	}
	for i := lo; i < hi; i++ {
		if m := w.match[i]; m > 0 {
			if w.commas(i+1, m) > 0 && (w.toks[i-1].Is("WITH") || w.isElements(lo, i)) {
				return true
			}
			i = m
		}
		if w.toks[i].Is("AS") {
			break
		}
	}
	return false
}

func (w *writer) isTable(lo int) bool {
	return w.toks[lo].Is("CREATE") && (w.toks[lo+1].Is("TABLE") || w.toks[lo+2].Is("TABLE"))
}

// isElements reports whether the bracket i is the first of the statement at lo.
func (w *writer) isElements(lo, i int) bool {
	for k := lo; k < i; k++ {
		if w.toks[k].Is("(") || w.toks[k].Is("WITH") || w.toks[k].Is("LIKE") || w.toks[k].Is("BY") {
			return false
		}
	}
	return true
}

// commas counts the commas between lo and hi outside brackets.
func (w *writer) commas(lo, hi int) int {
	n := 0
	for i := lo; i < hi; i++ {
		if m := w.match[i]; m > 0 {
			i = m
		} else if w.toks[i].Is(",") {
			n++
		}
	}
	return n
}

func (w *writer) statement(lo, hi int) {
	w.without(lo, func() { // they are written by file
		switch n := w.setHead(lo); {
		case n > 0:
			w.set(lo, hi, n)
		case w.statementFits(lo, hi):
			w.run(lo, hi, 0)
		case w.isTable(lo):
			w.table(lo, hi)
		default:
			w.clauses(lo, hi, 0)
		}
	})
}

// set writes a statement set whose head has n tokens.
func (w *writer) set(lo, hi, n int) {
	w.run(lo, lo+n, 0)
	for i := lo + n; i < hi; {
		if w.toks[i].Is("END") && (w.toks[i-1].Is(";") || i == lo+n) {
			w.comments(i, indentStep)
			w.newline(0)
			w.without(i, func() { w.run(i, hi, 0) })
			return
		}
		end := i
		for end < hi && !w.toks[end].Is(";") {
			end++
		}
		end = min(end+1, hi)
		if i > lo+n && w.gapBefore(i) {
			w.blankLine()
		}
		w.comments(i, indentStep)
		w.newline(indentStep)
		w.without(i, func() {
			if w.fits(i, end) {
				w.run(i, end, indentStep)
			} else {
				w.clauses(i, end, indentStep)
			}
		})
		i = end
	}
}

// gapBefore reports an empty line between token i, with its comments, and what stands before.
func (w *writer) gapBefore(i int) bool {
	if n := w.notes[i]; len(n) > 0 {
		return n[0].blankOut
	}
	return w.blank[i]
}

// table writes CREATE TABLE: one line for each column and for each option.
func (w *writer) table(lo, hi int) {
	for i := lo; i < hi; i++ {
		m := w.match[i]
		switch {
		case w.toks[i].Is("AS") && i > lo+2:
			w.tok(i, 0)
			w.newline(0)
			w.clauses(i+1, hi, 0)
			return
		case m > 0 && (w.isElements(lo, i) || w.toks[i-1].Is("WITH")) && (w.commas(i+1, m) > 0 || !w.fits(i, m+1)):
			w.broken(i, m, 0)
			i = m
		case m > 0:
			w.bracket(i, m, 0)
			i = m
		default:
			w.tok(i, 0)
		}
	}
}

// bracket writes a bracket and what is in it: on the line if it fits, else broken.
func (w *writer) bracket(i, m, indent int) {
	if w.fits(i, m+1) {
		w.run(i, m+1, indent)
		return
	}
	w.broken(i, m, indent)
}

// broken writes a bracket over several lines.
func (w *writer) broken(i, m, indent int) {
	w.tok(i, indent)
	if m == i+1 {
		w.tok(m, indent)
		return
	}
	in := indent + indentStep
	if w.isQuery(i+1) || w.toks[i+1].Is("PARTITION") || w.toks[i-1].Is("OVER") || w.inMatch[i+1] {
		w.comments(i+1, in)
		w.newline(in)
		w.without(i+1, func() { w.clauses(i+1, m, in) })
	} else {
		w.items(i+1, m, in)
	}
	w.comments(m, in)
	w.newline(indent)
	w.without(m, func() { w.tok(m, indent) })
}

func (w *writer) isQuery(i int) bool {
	for w.toks[i].Is("(") {
		i++
	}
	return w.toks[i].Is("SELECT") || w.toks[i].Is("WITH") || w.toks[i].Is("VALUES")
}

// items writes a list with each item on a line of its own.
func (w *writer) items(lo, hi, indent int) {
	for lo < hi {
		end := lo
		for end < hi && !w.toks[end].Is(",") {
			if m := w.match[end]; m > 0 && m < hi {
				end = m
			}
			end++
		}
		w.item(lo, min(end+1, hi), indent)
		lo = end + 1
	}
}

// item writes one item of a list on its own line; its comma, if any, is part of it.
func (w *writer) item(lo, hi, indent int) {
	// A comment behind the comma before stays on that line; others stand above the item.
	w.comments(lo, indent)
	w.newline(indent)
	w.without(lo, func() { w.inline(lo, hi, indent) })
}

// without does what it does without the comments before token i, which are written.
func (w *writer) without(i int, do func()) {
	saved := w.notes[i]
	w.notes[i] = nil
	do()
	w.notes[i] = saved
}

// inline writes tokens on one line as far as they fit; brackets that do not are broken,
// and a condition that does not is broken before its AND and OR.
func (w *writer) inline(lo, hi, indent int) {
	if w.fits(lo, hi) {
		w.run(lo, hi, indent+indentStep)
		return
	}
	if from := w.nextJoin(lo+1, hi); from < hi {
		// Each join on a line of its own, all at one column.
		w.inline(lo, from, indent)
		for from < hi {
			to := w.nextJoin(from+1, hi)
			w.comments(from, indent+indentStep)
			w.newline(indent + indentStep)
			w.without(from, func() { w.inline(from, to, indent+indentStep) })
			from = to
		}
		return
	}
	between := 0
	for i := lo; i < hi; i++ {
		t := w.toks[i]
		if t.Is("BETWEEN") {
			between++
		}
		at := -1 // the indentation of a line that begins here
		switch {
		case w.match[i] > 0 && w.match[i] < hi:
			w.bracket(i, w.match[i], indent)
			i = w.match[i]
			continue
		case i == lo:
		case t.Is("AND") && between > 0:
			between--
		case t.Is("AND"), t.Is("OR"), t.Is("END"):
			at = indent + indentStep
		case t.Is("WHEN"), t.Is("ELSE"):
			at = indent + 2*indentStep
		}
		if at < 0 {
			w.tok(i, indent+indentStep)
			continue
		}
		// A comment behind what stands before stays on that line.
		w.comments(i, at)
		w.newline(at)
		w.without(i, func() { w.tok(i, at) })
	}
}

// nextJoin is the first token from i on that starts a join outside brackets; hi without one.
func (w *writer) nextJoin(i, hi int) int {
	for ; i < hi; i++ {
		if w.startsJoin(i) {
			return i
		}
		if m := w.match[i]; m > 0 && m < hi {
			i = m
		}
	}
	return hi
}

// startsJoin reports whether the words of a join start at token i.
func (w *writer) startsJoin(i int) bool {
	word := func(i int) bool {
		switch w.toks[i].Key {
		case "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "OUTER":
			return true
		}
		return false
	}
	if !word(i) || w.toks[i].Is("OUTER") || i > 0 && word(i-1) {
		return false
	}
	for k := i; k < len(w.toks) && word(k); k++ {
		if w.toks[k].Is("JOIN") {
			return true
		}
	}
	return false
}

// startsClause is the number of words of the clause that starts at token i; 0 if none does.
func (w *writer) startsClause(i int) int {
	next := func(k string) bool { return i+1 < len(w.toks) && w.toks[i+1].Is(k) }
	if w.inMatch[i] {
		switch w.toks[i].Key {
		case "MEASURES", "ONE", "PATTERN", "SUBSET", "DEFINE":
			return 1
		case "AFTER", "ALL":
			if next("MATCH") || next("ROWS") {
				return 1
			}
		}
	}
	switch w.toks[i].Key {
	case "SELECT":
		if next("DISTINCT") {
			return 2
		}
		return 1
	case "FROM":
		if i > 1 && w.toks[i-1].Is("DISTINCT") && (w.toks[i-2].Is("IS") || w.toks[i-2].Is("NOT")) {
			return 0
		}
		return 1
	case "WHERE", "HAVING", "QUALIFY", "LIMIT", "OFFSET", "FETCH", "VALUES":
		return 1
	case "WINDOW":
		return 1
	case "ON":
		if next("CONFLICT") && w.toks[min(i+2, len(w.toks)-1)].Is("DO") {
			return 3
		}
	case "GROUP", "ORDER", "PARTITION":
		if next("BY") {
			return 2
		}
	case "ROWS", "RANGE":
		if next("BETWEEN") || next("UNBOUNDED") || next("CURRENT") || next("INTERVAL") {
			return 1
		}
	case "UNION", "EXCEPT", "INTERSECT":
		if next("ALL") || next("DISTINCT") {
			return 2
		}
		return 1
	case "WITH":
		if i == 0 || w.toks[i-1].Is(";") || w.toks[i-1].Is("(") || w.toks[i-1].Is("AS") || !next("(") && !next("ORDINALITY") {
			return 1
		}
	}
	return 0
}

// clauses writes a query, or a statement that ends in one: each clause on a line of its
// own, and in a clause that does not fit one line for each item.
func (w *writer) clauses(lo, hi, indent int) {
	for lo < hi {
		n := w.startsClause(lo)
		end := lo + max(n, 1)
		if n == 0 && w.match[lo] > 0 {
			end = w.match[lo] + 1
		}
		for end < hi && w.startsClause(end) == 0 && !(w.toks[lo].Is("UNION") || w.toks[lo].Is("EXCEPT") || w.toks[lo].Is("INTERSECT")) {
			if m := w.match[end]; m > 0 && m < hi {
				end = m
			}
			end++
		}
		end = min(end, hi)
		// A comment behind the clause before stays on that line; others stand above the clause.
		w.comments(lo, indent)
		w.newline(indent)
		w.without(lo, func() { w.clause(lo, end, n, indent) })
		lo = end
	}
}

// clause writes one clause whose head has n words.
func (w *writer) clause(lo, hi, n, indent int) {
	if w.fits(lo, hi) {
		w.run(lo, hi, indent)
		return
	}
	if n == 0 || w.commas(lo+n, hi) == 0 || w.toks[lo].Is("WITH") {
		if w.toks[lo].Is("WITH") {
			w.ctes(lo, hi, indent)
			return
		}
		w.inline(lo, hi, indent)
		return
	}
	w.run(lo, lo+n, indent)
	if w.toks[lo+n].Is("/*+") {
		for n < hi-lo && !w.toks[lo+n-1].Is("*/") {
			w.tok(lo+n, indent)
			n++
		}
	}
	w.items(lo+n, hi, indent+indentStep)
}

// ctes writes WITH a AS (...), b AS (...): each name at the margin of the query.
func (w *writer) ctes(lo, hi, indent int) {
	for i := lo; i < hi; i++ {
		if m := w.match[i]; m > 0 && m < hi {
			w.bracket(i, m, indent)
			i = m
			continue
		}
		w.tok(i, indent)
		if w.toks[i].Is(",") {
			w.newline(indent)
		}
	}
}
