package parser

import (
	"slices"

	"weir/parser/diag"
	"weir/parser/token"
)

// piece is the tokens of one statement, without its semicolon.
type piece struct {
	toks []token.Token
	end  int // where it ends in the text: at its semicolon, or at the end of the file
	bad  bool
	set  *setPiece // of a statement set; toks are then its head only
}

// setPiece is what stands between BEGIN and END.
type setPiece struct {
	inner []piece
	end   int // the end of END
}

// splitter cuts the tokens of a file at the semicolons.
type splitter struct {
	file *diag.File
	list *diag.List
	toks []token.Token // the last one is EOF
	i    int
	// begun tells that a BEGIN stands where no statement set could be read: the END that belongs to it is no mistake of its own.
	begun bool
}

func (s *splitter) tok() token.Token { return s.toks[s.i] }

func (s *splitter) atEnd() bool { return s.tok().Kind == token.EOF }

// next is the next statement; ok is false at the end.
func (s *splitter) next() (pc piece, ok bool) {
	for s.tok().Is(";") {
		s.i++
	}
	if s.atEnd() {
		return pc, false
	}
	if n := s.setHead(); n > 0 {
		return s.statementSet(n), true
	}
	if s.begun && s.tok().Is("END") {
		s.begun = false
		s.i++
		return s.next()
	}
	pc = s.upTo()
	if !s.toks[s.i-1].Is(";") && s.bareSetHead() {
		s.semicolon()
	}
	s.begun = s.begun || slices.ContainsFunc(pc.toks, func(t token.Token) bool { return t.Is("BEGIN") })
	return pc, true
}

// upTo takes the tokens up to the next semicolon, and the semicolon. It stops before the head of a statement set too: its
// words stand nowhere else, and all that is in the set would be taken for something else.
func (s *splitter) upTo() piece {
	from := s.i
	bad := false
	for !s.atEnd() && !s.tok().Is(";") {
		if s.i > from && s.bareSetHead() {
			break
		}
		bad = bad || s.tok().Kind == token.Bad
		s.i++
	}
	pc := piece{toks: s.toks[from:s.i], end: s.toks[s.i-1].End, bad: bad}
	if bad && bareSetting(pc.toks) {
		pc.bad = s.forgive(pc)
	}
	if s.tok().Is(";") {
		s.i++
	}
	return pc
}

// forgive takes back what the lexer said of words of pc that are none of SQL, as in SET a.b = 2s. It reports whether
// something else is left.
func (s *splitter) forgive(pc piece) (bad bool) {
	s.list.All = slices.DeleteFunc(s.list.All, func(d *diag.Diagnostic) bool {
		inside := d.Span.Start >= pc.toks[0].Start && d.Span.End <= pc.end
		word := d.Code == "SQ1007" || d.Code == "SQ1008"
		bad = bad || inside && !word
		return inside && word
	})
	return bad
}

// is reports whether words stand at token i and behind it.
func (s *splitter) is(i int, words ...string) bool {
	for n, w := range words {
		if i+n >= len(s.toks) || !s.toks[i+n].Is(w) {
			return false
		}
	}
	return true
}

// bareSetHead reports whether a statement set that is not explained starts here.
func (s *splitter) bareSetHead() bool {
	return s.is(s.i, "BEGIN", "STATEMENT", "SET") || s.is(s.i, "EXECUTE", "STATEMENT", "SET", "BEGIN")
}

// setHead is the number of tokens of the head of a statement set that starts here; 0 if
// none does.
func (s *splitter) setHead() int {
	switch {
	case s.is(s.i, "BEGIN", "STATEMENT", "SET"):
		return 3
	case s.is(s.i, "EXECUTE", "STATEMENT", "SET", "BEGIN"):
		return 4
	case s.is(s.i, "EXPLAIN"):
		// EXPLAIN PLAN FOR, or details with commas between.
		for i := s.i + 1; i < len(s.toks) && i < s.i+12; i++ {
			if s.is(i, "STATEMENT", "SET", "BEGIN") {
				return i + 3 - s.i
			}
			if t := s.toks[i]; t.Is(";") || t.Is("SELECT") || t.Is("INSERT") || t.Kind == token.EOF {
				return 0
			}
		}
	}
	return 0
}

// startsOther are the words that start a statement that cannot stand in a statement set.
var startsOther = wordSet("CREATE DROP SET RESET EXECUTE EXPLAIN BEGIN SHOW ALTER USE DESCRIBE")

// unclosed reports a string, comment or name that was not closed: what is missing may be in it.
func (s *splitter) unclosed() bool {
	return slices.ContainsFunc(s.list.All, func(d *diag.Diagnostic) bool {
		return d.Code == "SQ1004" || d.Code == "SQ1005" || d.Code == "SQ1006"
	})
}

// statementSet takes a statement set whose head has n tokens.
func (s *splitter) statementSet(n int) piece {
	head := s.toks[s.i : s.i+n]
	s.i += n
	pc := piece{toks: head, end: head[n-1].End, set: &setPiece{}}
	headSpan := head[0].Span(s.file).To(head[n-1].Span(s.file))
	for {
		for s.tok().Is(";") {
			s.i++
		}
		switch {
		case s.tok().Is("END"):
			pc.set.end = s.tok().End
			s.i++
			s.semicolon()
			return pc
		case s.atEnd() || startsOther[s.tok().Key]:
			if !s.unclosed() {
				d := s.list.Errorf("SQ1015", headSpan, "this statement set has no END").
					Help("write END; behind its last INSERT")
				if !s.atEnd() {
					d.Label(s.tok().Span(s.file), "not part of a statement set")
				}
			}
			pc.set.end = s.toks[s.i-1].End
			return pc
		}
		in := s.upTo()
		if last := len(in.toks) - 1; last > 0 && in.toks[last].Is("END") && openCases(in.toks) < 0 {
			// The END of the set: the semicolon before it is missing.
			end := in.toks[last]
			s.list.Errorf("SQ1003", end.Span(s.file), "missing ; before this END").
				Label(after(s.file, in.toks[last-1]), "write ; here")
			in.toks, in.end = in.toks[:last], in.toks[last-1].End
			pc.set.inner = append(pc.set.inner, in)
			pc.set.end = end.End
			return pc
		}
		pc.set.inner = append(pc.set.inner, in)
	}
}

// semicolon takes the semicolon, or reports that it is missing.
func (s *splitter) semicolon() {
	switch {
	case s.tok().Is(";"):
		s.i++
	case !s.atEnd() && !s.tok().Is("END"):
		s.list.Errorf("SQ1003", s.tok().Span(s.file), "missing ; before this statement").
			Label(after(s.file, s.toks[s.i-1]), "write ; here")
	}
}

// openCases is how many CASE of toks have no END; it is negative when an END is too many.
func openCases(toks []token.Token) int {
	n := 0
	for _, t := range toks {
		switch t.Key {
		case "CASE":
			n++
		case "END":
			n--
		}
	}
	return n
}

// after is the empty place right behind t.
func after(f *diag.File, t token.Token) diag.Span {
	return diag.Span{File: f, Start: t.End, End: t.End}
}
