package explain

import (
	"fmt"
	"html"
	"strings"
)

// The measures of a drawing, in pixels. Text is set in a font whose characters all have one width, so that boxes can be made to
// fit without knowing the reader's fonts.
const (
	charWidth  = 6.7
	lineHeight = 16
	boxPadding = 12
	rowGap     = 22
	margin     = 28
	jobTitle   = 34
)

// placed is a box with its place.
type placed struct {
	*box
	lines      []string
	x, y, w, h float64
	depth      int
	in         []*placed
}

// SVG draws plans below one another, each from its sources on the left to its sinks on the right.
func SVG(plans []*Plan) string {
	var body strings.Builder
	width, y := 0.0, float64(margin)
	for _, p := range plans {
		fmt.Fprintf(&body, `<text class="job" x="%d" y="%.0f">job %s</text>`+"\n", margin, y+14, html.EscapeString(p.Job))
		y += jobTitle
		w, bottom := drawPlan(&body, p, y)
		width, y = max(width, w), bottom+margin
	}
	width += margin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', monospace" font-size="11">
<style>
.job { font-size: 15px; font-weight: bold; fill: #222 }
.title { font-size: 12px; font-weight: bold; fill: #111 }
.what { fill: #333 }
.mark { fill: #777; font-style: italic }
.edge { fill: none; stroke: #8a8a86; stroke-width: 1.5 }
.updating { stroke: #c4682b; stroke-dasharray: 5 3 }
.label { fill: #555; font-size: 10px }
.share { fill: #d9534f }
</style>
<defs>
<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#8a8a86"/></marker>
<marker id="arrow-updating" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#c4682b"/></marker>
</defs>
<rect width="100%%" height="100%%" fill="white"/>
%s</svg>
`, width, y, width, y, body.String())
}

// drawPlan draws the trees of p from top on, and gives where they end.
func drawPlan(b *strings.Builder, p *Plan, top float64) (right, bottom float64) {
	var roots []*placed
	deepest := 0
	var measure func(x *box, depth int) *placed
	measure = func(x *box, depth int) *placed {
		q := &placed{box: x, depth: depth}
		deepest = max(deepest, depth)
		q.lines = append(wrapAll(x.lines, drawnWidth), "\x00")
		q.lines = append(q.lines, wrapAll(x.marks, drawnWidth)...)
		longest := len(x.title) + 2
		for _, l := range q.lines {
			longest = max(longest, len([]rune(l)))
		}
		q.w = float64(longest)*charWidth + 2*boxPadding
		q.h = float64(len(q.lines))*lineHeight + lineHeight + 2*boxPadding - 8
		for _, e := range x.in {
			q.in = append(q.in, measure(e.from, depth+1))
		}
		return q
	}
	for _, x := range p.boxes() {
		roots = append(roots, measure(x, 0))
	}
	// Columns: the sink's is the last. The gap before a column has room for what is written on its edges.
	width, gap := make([]float64, deepest+1), make([]float64, deepest+1)
	var widen func(q *placed)
	widen = func(q *placed) {
		width[q.depth] = max(width[q.depth], q.w)
		gap[q.depth] = max(gap[q.depth], 46)
		for i, in := range q.in {
			if label := q.box.in[i].label; label != "" {
				gap[q.depth] = max(gap[q.depth], float64(len([]rune(label)))*6+30)
			}
			widen(in)
		}
	}
	for _, r := range roots {
		widen(r)
	}
	left := make([]float64, deepest+1)
	x := float64(margin)
	for d := deepest; d >= 0; d-- {
		left[d] = x
		x += width[d]
		if d > 0 {
			x += gap[d-1]
		}
	}
	y := top
	var place func(q *placed)
	place = func(q *placed) {
		from := y
		for _, in := range q.in {
			place(in)
		}
		q.x = left[q.depth]
		if n := len(q.in); n > 0 {
			first, last := q.in[0], q.in[n-1]
			q.y = (first.y+first.h/2+last.y+last.h/2)/2 - q.h/2
			if q.y < from {
				// A box that is taller than what feeds it pushes that down.
				for _, in := range q.in {
					in.shift(from - q.y)
				}
				q.y = from
			}
		} else {
			q.y = y
		}
		y = max(y, q.y+q.h+rowGap)
		for _, in := range q.in {
			y = max(y, in.bottom()+rowGap)
		}
	}
	for _, r := range roots {
		place(r)
		r.draw(b)
		r.edges(b)
	}
	return x, y - rowGap
}

func (q *placed) shift(by float64) {
	q.y += by
	for _, in := range q.in {
		in.shift(by)
	}
}

func (q *placed) bottom() float64 {
	b := q.y + q.h
	for _, in := range q.in {
		b = max(b, in.bottom())
	}
	return b
}

func (q *placed) draw(b *strings.Builder) {
	for _, in := range q.in {
		in.draw(b)
	}
	fmt.Fprintf(b, `<g><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="7" fill="%s" stroke="#c9c9c4"/>`,
		html.EscapeString(q.op.ID+"\n"+q.op.At), q.x, q.y, q.w, q.h, fill(q.box))
	y := q.y + boxPadding + 8
	fmt.Fprintf(b, `<text class="title" x="%.1f" y="%.1f">%s</text>`, q.x+boxPadding, y, html.EscapeString(q.title))
	class := "what"
	for _, l := range q.lines {
		if l == "\x00" {
			class = "mark"
			y += 4
			continue
		}
		y += lineHeight
		fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f" xml:space="preserve">%s</text>`, class, q.x+boxPadding, y, html.EscapeString(l))
	}
	if m := q.op.Measured; m != nil {
		fmt.Fprintf(b, `<rect class="share" x="%.1f" y="%.1f" width="%.1f" height="4" rx="2"/>`, q.x+boxPadding, q.y+q.h-8, (q.w-2*boxPadding)*m.Share)
	}
	b.WriteString("</g>\n")
}

func (q *placed) edges(b *strings.Builder) {
	for i, in := range q.in {
		e := q.box.in[i]
		class, arrow := "edge", "arrow"
		if e.mode != "insert-only" {
			class, arrow = "edge updating", "arrow-updating"
		}
		x1, y1, x2, y2 := in.x+in.w, in.y+in.h/2, q.x-2, q.y+q.h/2
		mid := (x1 + x2) / 2
		fmt.Fprintf(b, `<path class="%s" marker-end="url(#%s)" d="M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f"/>`, class, arrow, x1, y1, mid, y1, mid, y2, x2, y2)
		if e.label != "" {
			fmt.Fprintf(b, `<text class="label" text-anchor="middle" x="%.1f" y="%.1f">%s</text>`, mid, (y1+y2)/2-6, html.EscapeString(e.label))
		}
		b.WriteByte('\n')
		in.edges(b)
	}
}
