package explain

import (
	"fmt"
	"strings"
)

// box is an operator as it is drawn. Exchanges are not drawn: they are what is written on an edge.
type box struct {
	op    *Operator
	title string   // "Scan orders"
	lines []string // what it does
	marks []string // changelog, watermark, state
	in    []edge
}

type edge struct {
	from  *box
	label string // of an exchange; empty: rows stay where they are
	mode  string // of the stream
}

// boxes is the trees of a plan's sinks.
func (p *Plan) boxes() []*box {
	byID := map[string]*Operator{}
	for i := range p.Operators {
		byID[p.Operators[i].ID] = &p.Operators[i]
	}
	var make func(o *Operator) *box
	make = func(o *Operator) *box {
		b := &box{op: o, title: o.Kind, lines: o.Args}
		if (o.Kind == "Scan" || o.Kind == "Sink") && len(o.Args) > 0 {
			b.title, b.lines = o.Kind+" "+o.Args[0], o.Args[1:]
		}
		b.marks = marks(o)
		for _, id := range o.Inputs {
			in, label := byID[id], ""
			if in.Kind == "Exchange" {
				label = strings.Join(in.Args, ", ")
				in = byID[in.Inputs[0]]
			}
			b.in = append(b.in, edge{make(in), label, in.Mode})
		}
		return b
	}
	var out []*box
	for _, id := range p.Sinks {
		out = append(out, make(byID[id]))
	}
	return out
}

// marks is the streaming properties of an operator in a few words each.
func marks(o *Operator) []string {
	out := []string{o.Mode}
	if len(o.Key) > 0 && o.Kind != "Sink" {
		out = append(out, "key "+strings.Join(o.Key, ", "))
	}
	if w := o.Watermark; w != nil {
		out = append(out, "watermark "+w.Column+" = "+w.Expr)
	}
	if s := o.State; s != nil {
		out = append(out, "keeps "+s.String())
	}
	if m := o.Measured; m != nil {
		out = append(out, fmt.Sprintf("%d rows in, %d out, %s busy (%.0f %%)", m.RowsIn, m.RowsOut, duration(m.BusyNanos), 100*m.Share))
	}
	return out
}

// String is what is kept and how long, to be read behind "keeps".
func (s *State) String() string {
	if s.TTLMillis != nil && *s.TTLMillis == 0 {
		return s.What + ", " + s.Until
	}
	return s.What + ", until " + s.Until
}

// Mermaid draws plans as one flowchart in Mermaid's language, from the sources on the left to the sinks on the right.
func Mermaid(plans []*Plan) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	text := func(s string) string {
		return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "#", "&#35;").Replace(s)
	}
	n := 0
	for i, p := range plans {
		fmt.Fprintf(&b, "  subgraph job%d[\"job %s\"]\n    direction LR\n", i+1, text(p.Job))
		var draw func(x *box) string
		draw = func(x *box) string {
			n++
			id := fmt.Sprintf("op%d", n)
			lines := []string{"<b>" + text(x.title) + "</b>"}
			for _, l := range wrapAll(x.lines, drawnWidth) {
				lines = append(lines, text(l))
			}
			for _, m := range wrapAll(x.marks, drawnWidth) {
				lines = append(lines, "<i>"+text(m)+"</i>")
			}
			fmt.Fprintf(&b, "    %s[\"%s\"]\n", id, strings.Join(lines, "<br/>"))
			for _, e := range x.in {
				from := draw(e.from)
				if e.label == "" {
					fmt.Fprintf(&b, "    %s --> %s\n", from, id)
				} else {
					fmt.Fprintf(&b, "    %s -->|\"%s\"| %s\n", from, text(e.label), id)
				}
			}
			return id
		}
		for _, x := range p.boxes() {
			draw(x)
		}
		b.WriteString("  end\n")
	}
	return b.String()
}

// Dot draws plans as one graph in Graphviz' language.
func Dot(plans []*Plan) string {
	var b strings.Builder
	b.WriteString("digraph plan {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f7f7f5\", fontname=\"Helvetica\", fontsize=10];\n  edge [fontname=\"Helvetica\", fontsize=9];\n")
	text := func(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) }
	n := 0
	for i, p := range plans {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=\"job %s\"; color=\"#bbbbbb\";\n", i+1, text(p.Job))
		var draw func(x *box) string
		draw = func(x *box) string {
			n++
			id := fmt.Sprintf("op%d", n)
			label := text(x.title)
			for _, l := range append(wrapAll(x.lines, drawnWidth), wrapAll(x.marks, drawnWidth)...) {
				label += `\l` + text(l)
			}
			fmt.Fprintf(&b, "    %s [label=\"%s\\l\", fillcolor=\"%s\"];\n", id, label, fill(x))
			for _, e := range x.in {
				from := draw(e.from)
				fmt.Fprintf(&b, "    %s -> %s [label=\"%s\"%s];\n", from, id, text(e.label), dashed(e))
			}
			return id
		}
		for _, x := range p.boxes() {
			draw(x)
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func dashed(e edge) string {
	if e.mode == "insert-only" {
		return ""
	}
	return ", style=dashed"
}

// fill is the colour of a box: sources, sinks, operators with state and without.
func fill(x *box) string {
	switch {
	case len(x.in) == 0:
		return "#e3f4e6"
	case x.op.Kind == "Sink":
		return "#e2ecfb"
	case x.op.State != nil:
		return "#fdf0dc"
	}
	return "#f7f7f5"
}

// drawnWidth is how many characters a line of a box has.
const drawnWidth = 44

func wrapAll(lines []string, width int) []string {
	var out []string
	for _, l := range lines {
		out = append(out, wrap(l, width)...)
	}
	return out
}

// wrap breaks s at blanks into lines of at most width characters, where that can be; lines after the first are indented.
func wrap(s string, width int) []string {
	var out []string
	indent := ""
	for {
		r := []rune(indent + s)
		if len(r) <= width {
			return append(out, string(r))
		}
		cut := -1
		for i := width; i > len(indent)+8; i-- {
			if r[i] == ' ' {
				cut = i
				break
			}
		}
		if cut < 0 {
			cut = width
		}
		out = append(out, strings.TrimRight(string(r[:cut]), " "))
		s = strings.TrimLeft(string(r[cut:]), " ")
		indent = "  "
		if s == "" {
			return out
		}
	}
}
