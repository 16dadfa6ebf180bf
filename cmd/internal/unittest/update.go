package unittest

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/exec/batch"
	"weir/planner/datetime"
	"weir/planner/types"
)

// edit is a place of a test file that does not say what came out, and what it would have to say.
type edit struct {
	key   *yaml.Node // what the value belongs to; nil: a value of its own
	node  *yaml.Node // the value
	text  string     // the new value, in one line
	items []item     // or the elements of the new list
}

// item is one element of a list: one that stands in the file already, with its comments, or a new one.
type item struct {
	node *yaml.Node
	text string
}

// Update writes what came out of the tests into their file, and reports whether anything changed. All else in the file stays as
// it is, to the byte.
func Update(f *File, outcomes []*Outcome) (bool, error) {
	lines := strings.Split(f.Text.Text, "\n")
	var edits []edit
	for _, o := range outcomes {
		edits = append(edits, o.edits...)
	}
	if len(edits) == 0 {
		return false, nil
	}
	// From the end, so that line numbers hold.
	slices.SortFunc(edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(b.place().Line, a.place().Line), cmp.Compare(b.place().Column, a.place().Column))
	})
	for _, e := range edits {
		lines = e.apply(lines)
	}
	text := strings.Join(lines, "\n")
	if text == f.Text.Text {
		return false, nil
	}
	return true, os.WriteFile(f.Path, []byte(text), 0o644)
}

// place is where the edit begins.
func (e edit) place() *yaml.Node {
	if e.key != nil {
		return e.key
	}
	return e.node
}

// inFlow replaces a value that stands within brackets: text goes where text was. ok is false for a value that does not.
func (e edit) inFlow(lines []string) (out []string, ok bool) {
	n := e.node
	if n == nil || e.key == n || n.Line != e.key.Line {
		return nil, false
	}
	before := strings.TrimRight(string([]rune(lines[n.Line-1])[:e.key.Column-1]), " ")
	if !strings.HasSuffix(before, "{") && !strings.HasSuffix(before, ",") && !strings.HasSuffix(before, "[") {
		return nil, false
	}
	text := e.text
	if e.items != nil {
		var words []string
		for _, it := range e.items {
			switch {
			case it.node != nil:
				words = append(words, flow(it.node))
			case it.text[0] == '{':
				words = append(words, it.text)
			default:
				words = append(words, "{"+it.text+"}") // the kind of the change and the row
			}
		}
		text = "[" + strings.Join(words, ", ") + "]"
	}
	rest := strings.Join(lines[n.Line-1:], "\n")
	start := len(string([]rune(lines[n.Line-1])[:n.Column-1]))
	rest = rest[:start] + text + rest[start+flowEnd(rest[start:]):]
	return append(slices.Clone(lines[:n.Line-1]), strings.Split(rest, "\n")...), true
}

// flowEnd is the length of the value that s begins with, within brackets.
func flowEnd(s string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '\'' || c == '"') && (i == 0 || strings.IndexByte(" ,[{:", s[i-1]) >= 0):
			quote = c
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']') && depth == 0, c == ',' && depth == 0:
			return i
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// apply replaces the value behind the edit's key.
func (e edit) apply(lines []string) []string {
	if out, ok := e.inFlow(lines); ok {
		return out
	}
	key := e.key
	at := key.Line - 1
	indent := key.Column - 1
	runes := []rune(lines[at])
	colon := strings.IndexByte(string(runes[indent:]), ':')
	if e.key == e.node { // an error: its key is before it on the line
		colon = strings.LastIndex(string(runes[:key.Column-1]), ":")
		indent = len(lines[at]) - len(strings.TrimLeft(lines[at], " -"))
		if colon < 0 { // the value is on lines of its own
			at--
			indent = len(lines[at]) - len(strings.TrimLeft(lines[at], " -"))
			colon = strings.IndexByte(lines[at], ':')
		}
	} else {
		colon += len(string(runes[:indent]))
	}
	end := e.end(lines, at, indent)
	head := lines[at][:colon+1]
	var made []string
	if e.items == nil {
		made = []string{head + " " + e.text}
	} else {
		made = []string{head}
		pad := strings.Repeat(" ", indent)
		if e.node != nil && e.node.Kind == yaml.SequenceNode && e.node.Style&yaml.FlowStyle == 0 && len(e.node.Content) > 0 {
			pad = strings.Repeat(" ", max(0, e.node.Column-1))
		}
		for _, it := range e.items {
			if it.node != nil && it.node.Line-1 > at {
				made = append(made, own(lines, it.node, end)...)
				continue
			}
			text := it.text
			if it.node != nil { // of a list in one line
				text = flow(it.node)
			}
			made = append(made, pad+"- "+text)
		}
	}
	return slices.Concat(lines[:at], made, lines[end:])
}

// end is the line behind the value of the key in line at.
func (e edit) end(lines []string, at, indent int) int {
	end := at + 1
	for i := at + 1; i < len(lines); i++ {
		body := strings.TrimLeft(lines[i], " ")
		if body == "" || body[0] == '#' {
			continue // it belongs to what comes after, if that does
		}
		in := len(lines[i]) - len(body)
		if in > indent || in == indent && strings.HasPrefix(body, "- ") && e.node != nil && e.node.Kind == yaml.SequenceNode && e.node.Line > at+1 {
			end = i + 1
			continue
		}
		break
	}
	return end
}

// own is the lines of an element of a list, with the comments above it.
func own(lines []string, n *yaml.Node, end int) []string {
	from := n.Line - 1
	dash := strings.IndexByte(lines[from], '-')
	to := from + 1
	for to < end {
		body := strings.TrimLeft(lines[to], " ")
		if body == "" || body[0] == '#' || len(lines[to])-len(body) <= dash {
			break
		}
		to++
	}
	for from > 0 && strings.HasPrefix(strings.TrimLeft(lines[from-1], " "), "#") {
		from--
	}
	return lines[from:to]
}

// flow is a node in one line.
func flow(n *yaml.Node) string {
	c := *n
	c.Style |= yaml.FlowStyle
	out, err := yaml.Marshal(&c)
	if err != nil {
		return n.Value
	}
	return strings.TrimSpace(string(out))
}

// quoted is a text as a YAML scalar.
func quoted(s string) string { return flow(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}) }

// writtenRow is a change as tests write it.
func (r *rower) writtenRow(c change, columns []string) string {
	var members []string
	for i, col := range r.columns {
		if columns != nil && !slices.Contains(columns, col.Name) {
			continue
		}
		value := r.writtenTime(c.cells[i], col.Type)
		if value == "" {
			value = flow(r.writtenValue(c.cells[i], c.made[i], col.Type))
		}
		members = append(members, quoted(col.Name)+": "+value)
	}
	text := "{" + strings.ReplaceAll(strings.Join(members, ", "), "\n", " ") + "}"
	if k := c.kind.String(); k != "+I" {
		text = k + ": " + text
	}
	return text
}

// writtenTime is a time as tests write it, without quotes: of the test's day without the date. Empty for what is no time.
func (r *rower) writtenTime(c cell, t types.Type) string {
	if c.null || !t.IsTimestamp() {
		return ""
	}
	s := strings.TrimSuffix(c.text, "."+strings.Repeat("0", max(1, t.Prec)))
	day := string(datetime.AppendDate(nil, datetime.DaysOf(r.day)))
	return strings.TrimPrefix(s, day+" ")
}

func (r *rower) writtenValue(c cell, v types.Value, t types.Type) *yaml.Node {
	plain := func(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }
	switch {
	case c.null:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case t.Kind == types.Boolean:
		return plain(strings.ToLower(c.text))
	case t.IsNumeric():
		return plain(c.text)
	case t.Kind == types.Variant:
		return asJSON(c.text)
	}
	switch x := v.(type) {
	case []types.Value:
		if t.Kind == types.Row {
			m := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
			for i, f := range t.Nested.Fields {
				m.Content = append(m.Content, plain(f.Name), r.nested(x[i], f.Type))
			}
			return m
		}
		s := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, e := range x {
			s.Content = append(s.Content, r.nested(e, t.Nested.Elem))
		}
		return s
	case [][2]types.Value:
		m := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		like := batch.NewVector(t, 0)
		for _, e := range x {
			m.Content = append(m.Content, r.nested(e[0], like.Children[0].Type), r.nested(e[1], like.Children[1].Type))
		}
		return m
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: c.text}
}

// asJSON is JSON as YAML: in its own notation, in which strings have quotes.
func asJSON(s string) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(s), &doc); err != nil || len(doc.Content) == 0 {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	}
	return doc.Content[0]
}

// nested is a value within another.
func (r *rower) nested(v types.Value, t types.Type) *yaml.Node {
	one := &rower{columns: []column{{Type: t}}, zone: r.zone}
	return one.writtenValue(one.actual(0, []types.Value{v}).cells[0], v, t)
}
