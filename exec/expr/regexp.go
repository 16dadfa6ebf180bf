package expr

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// pattern is a compiled regular expression that looks for a text which every match has in it before it looks any closer.
type pattern struct {
	*regexp.Regexp
	must   []byte // nil: there is no such text
	before int    // a match has at most so many bytes before it; -1: any number
}

func newPattern(re *regexp.Regexp) *pattern {
	p := &pattern{Regexp: re}
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return p // without the help of one, then
	}
	before := 0
	for _, part := range parts(tree) {
		if text := string(part.Rune); part.Op == syntax.OpLiteral && part.Flags&syntax.FoldCase == 0 && len(text) > len(p.must) &&
			!slices.Contains(part.Rune, utf8.RuneError) { // which also stands for bytes that are no UTF-8
			p.must, p.before = []byte(text), before
		}
		if n := longest(part); n < 0 || before < 0 {
			before = -1
		} else {
			before += n
		}
	}
	return p
}

// parts is what a match is made of, one after the other.
func parts(t *syntax.Regexp) []*syntax.Regexp {
	switch t.Op {
	case syntax.OpConcat:
		var out []*syntax.Regexp
		for _, s := range t.Sub {
			out = append(out, parts(s)...)
		}
		return out
	case syntax.OpCapture:
		return parts(t.Sub[0])
	}
	return []*syntax.Regexp{t}
}

// longest is how many bytes a match of t has at most, -1 for any number.
func longest(t *syntax.Regexp) int {
	switch t.Op {
	case syntax.OpLiteral:
		return len(t.Rune) * utf8.UTFMax
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		return -1
	}
	sum, most := 0, 0
	for _, s := range t.Sub {
		n := longest(s)
		if n < 0 {
			return -1
		}
		sum, most = sum+n, max(most, n)
	}
	if t.Op == syntax.OpAlternate {
		return most
	}
	return sum
}

// from is where in s to begin to look for a match, -1 where there is none. One character before the first possible one stays in
// view, for what asks about it: ^, \b.
func (p *pattern) from(s []byte) int {
	if p.must == nil {
		return 0
	}
	at := bytes.Index(s, p.must)
	if at < 0 || p.before < 0 {
		return min(at, 0)
	}
	at = max(at-p.before-1, 0)
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return at
}

// Match reports whether s has a match.
func (p *pattern) Match(s []byte) bool {
	at := p.from(s)
	return at >= 0 && p.Regexp.Match(s[at:])
}

// FindSubmatchIndex is the places of the first match and of its groups, nil without one.
func (p *pattern) FindSubmatchIndex(s []byte) []int {
	at := p.from(s)
	if at < 0 {
		return nil
	}
	m := p.Regexp.FindSubmatchIndex(s[at:])
	for i := range m {
		if m[i] >= 0 {
			m[i] += at
		}
	}
	return m
}
