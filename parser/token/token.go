// Package token cuts SQL text into tokens. It knows words, quotes, comments, hints and
// operators, and which words are reserved; it knows no grammar.
//
//	text --> [token] --> parser --> ast
//
// It reports what cannot be a token: an unclosed string, comment or backtick, a
// character that SQL has no use for, a malformed number or literal.
package token

import "weir/parser/diag"

// Kind is the class of a token.
type Kind uint8

// The kinds of token.
const (
	EOF     Kind = iota // the end of the text, or of a statement; empty
	Word                // a keyword or an unquoted name
	Quoted              // `name`
	String              // 'text'
	UString             // U&'text'
	Binary              // X'hex'
	Number              // 1, 1.5, .5, 1e-3
	Op                  // an operator, a bracket, a comma, /*+ and the */ that closes it
	Bad                 // already reported; a statement with one is not parsed further
)

// Token is one token. Its text is file.Text[Start:End].
type Token struct {
	Kind       Kind
	Start, End int // byte offsets, Start <= End

	// Key is what the grammar compares: a Word in upper case, an Op as written.
	// It is empty for all other kinds.
	Key string
}

// Is reports whether t is the keyword or operator key (upper case).
func (t Token) Is(key string) bool { return t.Key == key }

// IsString reports whether t is 'text' or U&'text'.
func (t Token) IsString() bool { return t.Kind == String || t.Kind == UString }

// Span is the place of t in f.
func (t Token) Span(f *diag.File) diag.Span { return diag.Span{File: f, Start: t.Start, End: t.End} }

// Text is t as written in f.
func (t Token) Text(f *diag.File) string { return f.Text[t.Start:t.End] }

// Comment is one comment, without the line end behind it. A hint is no comment.
type Comment struct {
	Start, End int
	Line       bool // -- to the end of the line; otherwise /* ... */
}
