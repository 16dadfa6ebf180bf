package format

import (
	"reflect"
	"sort"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// marks is what the tree knows about tokens, by where they start.
type marks struct {
	keep  map[int]bool // words that are names: their case stays
	tight map[int]bool // names and types that have their bracket close behind
	sign  map[int]bool // - and + before one operand
	angle map[int]bool // < and > of a type
	glued map[int]bool // quantifiers of patterns: no blank before them
	bare  map[int]bool // words of a setting without quotes, but for its first: blanks as they are
	// matches are the MATCH_RECOGNIZE behind a table.
	matches map[int]bool
}

// tightWords are keywords with their bracket close behind.
var tightWords = map[string]bool{
	"CAST": true, "TRY_CAST": true, "DESCRIPTOR": true, "UNNEST": true, "TABLE": true, "ROW": true, "OPTIONS": true,
	"DAY": true, "SECOND": true, "MONTH": true, "YEAR": true, "HOUR": true, "MINUTE": true,
}

// lookAt collects the marks of a script.
func lookAt(s *ast.Script, toks []token.Token) marks {
	m := marks{keep: map[int]bool{}, tight: map[int]bool{}, sign: map[int]bool{}, angle: map[int]bool{}, glued: map[int]bool{},
		bare: map[int]bool{}, matches: map[int]bool{}}
	index := func(sp diag.Span) (lo, hi int) {
		lo = sort.Search(len(toks), func(i int) bool { return toks[i].Start >= sp.Start })
		hi = sort.Search(len(toks), func(i int) bool { return toks[i].Start >= sp.End })
		return lo, hi
	}
	m.walk(reflect.ValueOf(s.Statements), func(node any) {
		switch n := node.(type) {
		case ast.Ident:
			m.keep[n.Sp.Start] = true
		case ast.StringLit:
			m.keep[n.Sp.Start] = true
			lo, hi := index(n.Sp)
			for i := lo + 1; i < hi && !toks[lo].IsString(); i++ {
				m.keep[toks[i].Start], m.bare[toks[i].Start] = true, true
			}
		case ast.Call:
			m.tight[n.Name.Sp.Start] = true
		case ast.TableFunc:
			m.tight[n.Name.Sp.Start] = true
		case ast.Unary:
			if n.Op != "NOT" {
				m.sign[n.Sp.Start] = true
			}
		case ast.IntervalLit:
			lo, hi := index(n.Sp)
			for i := lo; i < hi; i++ {
				m.sign[toks[i].Start] = m.sign[toks[i].Start] || toks[i].Is("-") || toks[i].Is("+")
			}
		case ast.TypeName:
			lo, hi := index(n.Sp)
			for i := lo; i < hi; i++ {
				switch toks[i].Key {
				case "<", ">", "<>":
					m.angle[toks[i].Start] = true
				case "(":
					m.tight[toks[i-1].Start] = true
				}
			}
		case ast.Hint:
			m.tight[n.Sp.Start] = true
		case ast.PatternRepeat:
			lo, hi := index(n.Quantifier)
			for i := lo; i < hi; i++ {
				m.glued[toks[i].Start] = true
			}
		case ast.MatchRecognize:
			lo, hi := index(n.Sp)
			for i := lo; i < hi; i++ {
				if toks[i].Is("MATCH_RECOGNIZE") && toks[i].Start >= n.Input.Span().End {
					m.matches[toks[i].Start] = true
					break
				}
			}
		}
	})
	return m
}

var nodeTypes = map[reflect.Type]bool{
	reflect.TypeOf(ast.Ident{}): true, reflect.TypeOf(ast.StringLit{}): true, reflect.TypeOf(ast.Call{}): true,
	reflect.TypeOf(ast.TableFunc{}): true, reflect.TypeOf(ast.Unary{}): true, reflect.TypeOf(ast.IntervalLit{}): true,
	reflect.TypeOf(ast.TypeName{}): true, reflect.TypeOf(ast.Hint{}): true, reflect.TypeOf(ast.MatchRecognize{}): true,
	reflect.TypeOf(ast.PatternRepeat{}): true,
}

// walk calls see for every node of the kinds that marks are made of.
func (m marks) walk(v reflect.Value, see func(any)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			m.walk(v.Elem(), see)
		}
	case reflect.Slice:
		for i := range v.Len() {
			m.walk(v.Index(i), see)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeOf(diag.Span{}) {
			return
		}
		if nodeTypes[v.Type()] {
			see(v.Interface())
		}
		for i := range v.NumField() {
			m.walk(v.Field(i), see)
		}
	}
}

// spaced reports whether a blank stands between a and b on one line.
func (m marks) spaced(a, b token.Token) bool {
	switch {
	case m.bare[b.Start]:
		return b.Start > a.End
	case a.Kind == token.Number && b.Is("."):
		return true // 1 .f is no number
	case a.Is("("), a.Is("["), a.Is("."), b.Is("."), b.Is(")"), b.Is("]"), b.Is(","), b.Is(";"):
		return false
	case b.Is("["):
		return false
	case m.angle[b.Start], m.glued[b.Start]:
		return false
	case m.angle[a.Start] && a.Is("<"):
		return false
	case m.sign[a.Start]:
		return m.sign[b.Start] // -- would start a comment
	case b.Is("("):
		if m.angle[a.Start] {
			return true
		}
		return !m.tight[a.Start] && !tightWords[a.Key]
	}
	return true
}
