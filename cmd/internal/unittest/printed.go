package unittest

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/planner/types"
)

// Rows without names: a list of values in the order of the columns, and the form in which changes are printed, +U[1, Hi, NULL]. Both become the
// mapping that they are short for.

// named is a row as a mapping; what is one already, and what is no row, comes back as it is.
func (r *rower) named(n *yaml.Node) *yaml.Node {
	var values []*yaml.Node
	switch {
	case n.Kind == yaml.SequenceNode:
		values = n.Content
	case n.Kind == yaml.ScalarNode && bracketed(n.Value, '[', ']'):
		for i, word := range elements(n.Value) {
			if i < len(r.columns) {
				values = append(values, printed(n, word, r.columns[i].Type))
			} else {
				values = append(values, printed(n, word, types.TString))
			}
		}
	default:
		return n
	}
	if len(values) != len(r.columns) {
		r.file.errorf(codeForm, n, "the row has %d values, and %s has %d columns", len(values), r.table, len(r.columns)).
			Help("its columns are %s; computed ones are not given", strings.Join(r.names(), ", "))
		return &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	}
	m := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	for i, v := range values {
		m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: r.columns[i].Name, Line: v.Line, Column: v.Column}, v)
	}
	return m
}

// printedKind takes the kind off a printed change: +U[...] is +U and [...].
func printedKind(n *yaml.Node) (kind string, row *yaml.Node) {
	if n.Kind == yaml.ScalarNode && len(n.Value) > 2 && n.Value[2] == '[' {
		if _, ok := kinds[n.Value[:2]]; ok {
			row := *n
			row.Value, row.Style = n.Value[2:], 0
			return n.Value[:2], &row
		}
	}
	return "", n
}

// printed is a value as changes are printed: rows and arrays in brackets, maps in braces.
func printed(at *yaml.Node, s string, t types.Type) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Line: at.Line, Column: at.Column}
	if strings.EqualFold(s, "null") {
		n.Tag = "!!null"
		return n
	}
	if t.Kind == types.Boolean {
		n.Tag = "!!bool"
		return n
	}
	if t.Nested == nil {
		return n
	}
	switch t.Kind {
	case types.Row:
		body := s
		if len(body) > 2 {
			if _, ok := kinds[body[:2]]; ok {
				body = body[2:]
			}
		}
		if !bracketed(body, '[', ']') && !bracketed(body, '(', ')') {
			return n
		}
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		for i, e := range elements(body) {
			f := types.TString
			if i < len(t.Nested.Fields) {
				f = t.Nested.Fields[i].Type
			}
			n.Content = append(n.Content, printed(at, e, f))
		}
	case types.Array:
		if !bracketed(s, '[', ']') {
			return n
		}
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		for _, e := range elements(s) {
			n.Content = append(n.Content, printed(at, e, t.Nested.Elem))
		}
	default:
		if !bracketed(s, '{', '}') {
			return n
		}
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		for _, e := range elements(s) {
			k, v, _ := strings.Cut(e, "=")
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: k, Line: at.Line, Column: at.Column}, printed(at, v, member(t, k)))
		}
	}
	return n
}

func bracketed(s string, open, end byte) bool {
	return len(s) >= 2 && s[0] == open && s[len(s)-1] == end
}

// elements splits what stands in brackets at its own commas.
func elements(s string) []string {
	s = strings.TrimSpace(s[1 : len(s)-1])
	if s == "" {
		return nil
	}
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[', '{', '(':
			depth++
		case ']', '}', ')':
			depth--
		case ',':
			if depth == 0 {
				out, from = append(out, strings.TrimSpace(s[from:i])), i+1
			}
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}
