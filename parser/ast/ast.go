// Package ast is the syntax tree of weir's SQL: what the user wrote, with the place of
// every piece, before any name is looked up. The tree is built by package parser, printed
// back by its formatter and bound by the planner; nobody changes it after it is built.
package ast

import "weir/parser/diag"

// Node is any piece of the tree.
type Node interface{ Span() diag.Span }

// At is the place of a node; it is embedded everywhere.
type At struct{ Sp diag.Span }

// Span is the bytes of the file that the node was parsed from.
func (a At) Span() diag.Span { return a.Sp }

// Script is the content of one file: its statements in order. A statement that did not
// parse is absent here and present in the diagnostics.
type Script struct {
	File       *diag.File
	Statements []Statement
}

// Ident is a name. Names are case-sensitive, as in Flink.
type Ident struct {
	At
	Name   string
	Quoted bool // written with backticks
}

// Name is a possibly qualified name: [catalog.][database.]object, or table.column.field.
type Name struct {
	At
	Parts []Ident // at least one
}

// String joins the parts with points, without quotes.
func (n Name) String() string {
	s := ""
	for i, p := range n.Parts {
		if i > 0 {
			s += "."
		}
		s += p.Name
	}
	return s
}

// Last is the object's own name.
func (n Name) Last() Ident { return n.Parts[len(n.Parts)-1] }

// Statement is a whole statement, up to its semicolon (not included in the span).
type Statement interface {
	Node
	statement()
}

// Property is 'key' = 'value', as in WITH (...) and SET.
type Property struct {
	At
	Key, Value *StringLit
}
