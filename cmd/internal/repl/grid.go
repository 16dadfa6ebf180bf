package repl

import (
	"bufio"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"weir/exec/batch"
)

// Bounds of what a grid gathers before it decides how wide its columns are.
const (
	settleRows    = 1000
	settleTime    = 30 * time.Millisecond // unbounded queries on a terminal
	settleLonger  = 80 * time.Millisecond // bounded queries on a terminal
	settleLongest = 2 * time.Second       // bounded queries elsewhere
	leastColumn   = 5                     // narrower columns are not readable: the rows are shown as lines
	greatestWidth = 60                    // of a column on a terminal, unless there is room
)

// textRow is one change as text.
type textRow struct {
	op    batch.ChangeKind
	cells []textCell
}

type textCell struct {
	text  string
	width int
	null  bool
}

// gridView shows changes as rows of a table, as they come:
//
//	+----+----------+--------+
//	| op | customer | orders |
//	+----+----------+--------+
//	| +I | a        |      1 |
//
// or without the frame. The column op is there when the query updates its rows. Widths are decided by the
// first rows, or by the types where rows cannot be waited for; later a column may still grow.
type gridView struct {
	r      *result
	out    *bufio.Writer
	framed bool

	began   time.Time // when the first row came
	waiting []textRow
	headed  bool  // the header is out
	widths  []int // of the columns; the op is not among them
	lines   *lineView
	text    []byte
}

func newGridView(r *result, out io.Writer, framed bool) *gridView {
	return &gridView{r: r, out: bufio.NewWriterSize(out, 64<<10), framed: framed}
}

func (g *gridView) change(b *batch.Batch, i int) {
	if g.lines != nil {
		g.lines.change(b, i)
		return
	}
	row := textRow{op: b.Kind(i), cells: make([]textCell, len(b.Cols))}
	for c, v := range b.Cols {
		row.cells[c] = g.r.cell(v, i, &g.text)
	}
	if g.began.IsZero() {
		g.began = time.Now()
	}
	g.waiting = append(g.waiting, row)
	if len(g.waiting) >= settleRows {
		g.put()
	}
}

// flush puts out the rows, unless the widths are still to be found out.
func (g *gridView) flush() error {
	if g.lines != nil {
		return g.lines.flush()
	}
	if g.headed || g.settled() {
		g.put()
		return g.out.Flush()
	}
	return nil
}

// settled reports whether the first rows have been waited for long enough. An unbounded query that nobody looks at does
// not wait: its widths are those of the types.
func (g *gridView) settled() bool {
	wait := settleTime
	switch {
	case !g.r.bounded && !g.r.terminal:
		return true
	case g.r.bounded && g.r.terminal:
		wait = settleLonger
	case g.r.bounded:
		wait = settleLongest
	}
	return !g.began.IsZero() && time.Since(g.began) >= wait
}

func (g *gridView) end(rows int64, how ending, took time.Duration) error {
	if g.lines != nil {
		return g.lines.end(rows, how, took)
	}
	if rows == 0 && !g.headed {
		g.out.WriteString(footer(0, how, took) + "\n")
		return g.out.Flush()
	}
	g.put()
	if g.lines != nil {
		return g.lines.end(rows, how, took)
	}
	if g.framed && g.headed {
		g.rule()
	}
	g.out.WriteString(footer(rows, how, took) + "\n")
	return g.out.Flush()
}

// put writes the rows that wait, the header before the first.
func (g *gridView) put() {
	if !g.headed {
		if !g.fit() {
			// Too many columns for the screen.
			g.lines = &lineView{r: g.r, out: g.out}
			for _, row := range g.waiting {
				g.lines.row(row)
			}
			g.waiting = nil
			return
		}
		g.header()
		g.headed = true
	}
	for _, row := range g.waiting {
		g.row(row)
	}
	clear(g.waiting)
	g.waiting = g.waiting[:0]
}

// fit decides the widths; it is false where the screen is too narrow for the columns.
func (g *gridView) fit() bool {
	g.widths = make([]int, len(g.r.columns))
	for c := range g.widths {
		g.widths[c] = max(1, runewidth.StringWidth(clean(g.r.columns[c].Name)))
		if len(g.waiting) == 0 {
			g.widths[c] = max(g.widths[c], typicalWidth(g.r.columns[c].Type))
		}
	}
	for _, row := range g.waiting {
		for c := range row.cells {
			g.widths[c] = max(g.widths[c], row.cells[c].width)
		}
	}
	if !g.r.bounded && !g.r.terminal {
		for c := range g.widths {
			g.widths[c] = max(g.widths[c], typicalWidth(g.r.columns[c].Type))
		}
	}
	return g.shrink()
}

// shrink takes width from the widest columns until the row fits the screen.
func (g *gridView) shrink() bool {
	if g.r.width == 0 {
		return true
	}
	for {
		over := g.total() - g.r.width
		if over <= 0 {
			return true
		}
		widest, second := 0, 0
		for c, w := range g.widths {
			if w > g.widths[widest] {
				widest = c
			}
		}
		for c, w := range g.widths {
			if c != widest {
				second = max(second, w)
			}
		}
		w := g.widths[widest]
		if w <= leastColumn {
			return false
		}
		g.widths[widest] = max(leastColumn, w-over, min(second, w-1))
	}
}

// total is the width of a line.
func (g *gridView) total() int {
	n := 0
	for _, w := range g.widths {
		n += w + 3
	}
	if g.r.updating() {
		n += 5
	}
	if g.framed {
		return n + 1
	}
	return n - 1 // a blank at both ends, no bar at either
}

func (g *gridView) header() {
	g.rule()
	g.open()
	if g.r.updating() {
		g.out.WriteString("op")
		g.bar()
	}
	for c := range g.r.columns {
		if c > 0 {
			g.bar()
		}
		name := clean(g.r.columns[c].Name)
		g.cell(c, textCell{text: name, width: runewidth.StringWidth(name)}, len(g.r.columns)-1 == c, paint(g.r.color, colorHead))
	}
	g.shut()
	if g.framed {
		g.rule()
		return
	}
	g.dashes("-", "+", "")
}

// rule is the line of a frame.
func (g *gridView) rule() {
	if g.framed {
		g.dashes("+-", "-+-", "-+")
	}
}

func (g *gridView) dashes(left, between, right string) {
	if !g.framed {
		left, between = "-", "-+-"
	}
	g.out.WriteString(left)
	if g.r.updating() {
		g.out.WriteString("--" + between)
	}
	for c, w := range g.widths {
		if c > 0 {
			g.out.WriteString(between)
		}
		g.out.WriteString(strings.Repeat("-", w))
	}
	if !g.framed {
		right = "-"
	}
	g.out.WriteString(right + "\n")
}

func (g *gridView) open() {
	if g.framed {
		g.out.WriteString("| ")
	} else {
		g.out.WriteByte(' ')
	}
}

func (g *gridView) bar() { g.out.WriteString(" | ") }

func (g *gridView) shut() {
	if g.framed {
		g.out.WriteString(" |")
	}
	g.out.WriteByte('\n')
}

func (g *gridView) row(row textRow) {
	for c := range row.cells {
		if w := row.cells[c].width; w > g.widths[c] {
			g.widths[c] = w
			if g.r.width > 0 && g.total() > g.r.width {
				g.widths[c] -= g.total() - g.r.width
			}
		}
	}
	g.open()
	if g.r.updating() {
		g.out.WriteString(paintOp(g.r.color, row.op))
		g.bar()
	}
	for c := range row.cells {
		if c > 0 {
			g.bar()
		}
		style := ""
		if row.cells[c].null {
			style = paint(g.r.color, colorDim)
		}
		g.cell(c, row.cells[c], c == len(row.cells)-1, style)
	}
	g.shut()
}

// cell writes one cell, cut or padded to its column.
func (g *gridView) cell(c int, cell textCell, last bool, style string) {
	text, w := cell.text, cell.width
	if w > g.widths[c] {
		text = runewidth.Truncate(text, g.widths[c], "…")
		w = runewidth.StringWidth(text)
	}
	pad := max(0, g.widths[c]-w)
	right := rightAligned(g.r.columns[c].Type)
	if right {
		g.blanks(pad)
	}
	if style != "" {
		g.out.WriteString(style + text + colorReset)
	} else {
		g.out.WriteString(text)
	}
	if !right && (g.framed || !last) {
		g.blanks(pad)
	}
}

func (g *gridView) blanks(n int) {
	for range n {
		g.out.WriteByte(' ')
	}
}

// lineView shows every change as a block of lines, one a column.
type lineView struct {
	r     *result
	out   *bufio.Writer
	n     int
	name  int // width of the names
	text  []byte
	cells []textCell
}

func newLineView(r *result, out io.Writer) *lineView {
	return &lineView{r: r, out: bufio.NewWriterSize(out, 64<<10)}
}

func (l *lineView) change(b *batch.Batch, i int) {
	l.cells = l.cells[:0]
	for _, v := range b.Cols {
		l.cells = append(l.cells, l.r.cell(v, i, &l.text))
	}
	l.row(textRow{b.Kind(i), l.cells})
}

func (l *lineView) row(row textRow) {
	if l.name == 0 {
		l.name = 2
		for c := range l.r.columns {
			l.name = max(l.name, runewidth.StringWidth(clean(l.r.columns[c].Name)))
		}
	}
	l.n++
	title := "-[ " + itoa(l.n) + " ]"
	l.out.WriteString(title + strings.Repeat("-", max(2, l.name+3-len(title))) + "\n")
	if l.r.updating() {
		l.out.WriteString(runewidth.FillRight("op", l.name) + " | " + paintOp(l.r.color, row.op) + "\n")
	}
	for c := range row.cells {
		text := row.cells[c].text
		if row.cells[c].null && l.r.color {
			text = colorDim + text + colorReset
		}
		l.out.WriteString(runewidth.FillRight(clean(l.r.columns[c].Name), l.name) + " | " + text + "\n")
	}
}

func (l *lineView) flush() error { return l.out.Flush() }

func (l *lineView) end(rows int64, how ending, took time.Duration) error {
	l.out.WriteString(footer(rows, how, took) + "\n")
	return l.out.Flush()
}
