package repl

import (
	"bufio"
	"fmt"
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
	taken   int
	tail    []textRow // with a most of rows: the last ones, in a ring
	next    int       // of tail, the oldest
	left    int64     // rows that were left out
	headed  bool      // the header is out
	order   []int     // the columns shown; gap stands for those in the middle that do not fit
	widths  []int     // of the columns; the op is not among them
	lines   *lineView
	text    []byte
}

// gap, among the columns, is where some were left out.
const gap = -1

func newGridView(r *result, out io.Writer, framed bool) *gridView {
	return &gridView{r: r, out: bufio.NewWriterSize(out, 64<<10), framed: framed}
}

func (g *gridView) change(b *batch.Batch, i int) {
	row := textRow{op: b.Kind(i), cells: make([]textCell, len(b.Cols))}
	for c, v := range b.Cols {
		row.cells[c] = g.r.cell(v, i, &g.text)
	}
	g.take(row)
}

// take takes the next row: where only so many may be shown, the first half of them and the last.
func (g *gridView) take(row textRow) {
	g.taken++
	if g.r.max > 0 && g.r.bounded && g.taken > (g.r.max+1)/2 {
		if len(g.tail) < g.r.max/2 {
			g.tail = append(g.tail, row)
			return
		}
		g.left++
		if len(g.tail) > 0 {
			g.tail[g.next] = row
			g.next = (g.next + 1) % len(g.tail)
		}
		return
	}
	if g.began.IsZero() {
		g.began = time.Now()
	}
	g.waiting = append(g.waiting, row)
	if len(g.waiting) >= settleRows || g.lines != nil {
		g.put()
	}
}

// putTail writes the last rows, behind a sign of those that were left out.
func (g *gridView) putTail() {
	if len(g.tail) == 0 && g.left == 0 {
		return
	}
	g.tail = append(g.tail[g.next:], g.tail[:g.next]...)
	if g.left == 0 {
		g.waiting = append(g.waiting, g.tail...)
		g.tail = nil
		g.put()
		return
	}
	if !g.headed && g.lines == nil {
		// The widths are those of all that is shown.
		g.fitAll(append(g.waiting, g.tail...))
	}
	g.put()
	if g.lines != nil {
		g.lines.gap(g.left)
	} else {
		for range 3 {
			g.dots()
		}
	}
	g.waiting, g.tail = append(g.waiting, g.tail...), nil
	g.put()
}

// flush puts out the rows, unless the widths are still to be found out.
func (g *gridView) flush() error {
	if g.lines != nil {
		return g.lines.flush()
	}
	if g.headed || g.settled() && g.left == 0 && len(g.tail) == 0 {
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
	if rows > 0 || g.headed {
		g.body()
	}
	g.out.WriteString(footer(rows, g.left, how, took) + "\n")
	return g.out.Flush()
}

// body writes what is left of the rows and closes the frame.
func (g *gridView) body() {
	g.putTail()
	g.put()
	if g.framed && g.headed {
		g.rule()
	}
}

// put writes the rows that wait, the header before the first.
func (g *gridView) put() {
	if !g.headed && g.lines == nil {
		if g.widths == nil {
			g.fitAll(g.waiting)
		}
		if g.lines == nil {
			g.header()
			g.headed = true
		}
	}
	for _, row := range g.waiting {
		if g.lines != nil {
			g.lines.row(row)
		} else {
			g.row(row)
		}
	}
	clear(g.waiting)
	g.waiting = g.waiting[:0]
}

// fitAll decides the widths for rows, and what is to be done when the screen is too narrow for the columns.
func (g *gridView) fitAll(rows []textRow) {
	if g.fit(rows) {
		return
	}
	if g.r.expand == expandOff {
		g.leaveOut()
		return
	}
	g.lines = &lineView{r: g.r, out: g.out}
}

// fit decides the widths; it is false where the screen is too narrow for the columns.
func (g *gridView) fit(rows []textRow) bool {
	g.order = make([]int, len(g.r.columns))
	for c := range g.order {
		g.order[c] = c
	}
	g.widths = make([]int, len(g.r.columns))
	for c := range g.widths {
		g.widths[c] = max(1, runewidth.StringWidth(clean(g.r.columns[c].Name)))
		if len(rows) == 0 {
			g.widths[c] = max(g.widths[c], typicalWidth(g.r.columns[c].Type))
		}
	}
	for _, row := range rows {
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

// leaveOut takes columns out of the middle until the others fit.
func (g *gridView) leaveOut() {
	full := append([]int(nil), g.widths...)
	for n := len(full) - 1; n >= 1; n-- {
		copy(g.widths, full)
		g.order = g.order[:0]
		for c := range (n + 1) / 2 {
			g.order = append(g.order, c)
		}
		g.order = append(g.order, gap)
		for c := len(full) - n/2; c < len(full); c++ {
			g.order = append(g.order, c)
		}
		if g.shrink() {
			return
		}
	}
}

// width is the width of a column, or of the gap.
func (g *gridView) width(c int) int {
	if c == gap {
		return 1
	}
	return g.widths[c]
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
		widest, second := gap, 0
		for _, c := range g.order {
			if c != gap && (widest == gap || g.widths[c] > g.widths[widest]) {
				widest = c
			}
		}
		for _, c := range g.order {
			if c != widest {
				second = max(second, g.width(c))
			}
		}
		w := g.width(widest)
		if w <= leastColumn {
			return false
		}
		g.widths[widest] = max(leastColumn, w-over, min(second, w-1))
	}
}

// total is the width of a line.
func (g *gridView) total() int {
	n := 0
	for _, c := range g.order {
		n += g.width(c) + 3
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
	g.line("op", func(c int) (textCell, string) {
		name := clean(g.r.columns[c].Name)
		return textCell{text: name, width: runewidth.StringWidth(name)}, paint(g.r.color, colorHead)
	}, "…")
	if g.framed {
		g.rule()
		return
	}
	g.dashes("-", "-+-", "-")
}

// rule is the line of a frame.
func (g *gridView) rule() {
	if g.framed {
		g.dashes("+-", "-+-", "-+")
	}
}

func (g *gridView) dashes(left, between, right string) {
	g.out.WriteString(left)
	if g.r.updating() {
		g.out.WriteString("--" + between)
	}
	for i, c := range g.order {
		if i > 0 {
			g.out.WriteString(between)
		}
		g.out.WriteString(strings.Repeat("-", g.width(c)))
	}
	g.out.WriteString(right + "\n")
}

// dots is a line that stands for rows which were left out.
func (g *gridView) dots() {
	g.line("· ", func(int) (textCell, string) { return textCell{text: "·", width: 1}, paint(g.r.color, colorDim) }, "·")
}

// line writes one line: op, where there is that column, and what cell gives for each column, with its colour.
func (g *gridView) line(op string, cell func(c int) (textCell, string), between string) {
	g.open()
	if g.r.updating() {
		g.out.WriteString(op)
		g.bar()
	}
	for i, c := range g.order {
		if i > 0 {
			g.bar()
		}
		if c == gap {
			g.out.WriteString(between)
			continue
		}
		text, style := cell(c)
		g.cell(c, text, i == len(g.order)-1, style)
	}
	g.shut()
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
	for _, c := range g.order {
		if c == gap || row.cells[c].width <= g.widths[c] {
			continue
		}
		g.widths[c] = row.cells[c].width
		if g.r.width > 0 && g.total() > g.r.width {
			g.widths[c] -= g.total() - g.r.width
		}
	}
	g.line(paintOp(g.r.color, row.op), func(c int) (textCell, string) {
		if row.cells[c].null {
			return row.cells[c], paint(g.r.color, colorDim)
		}
		return row.cells[c], ""
	}, "…")
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

// gap says that rows were left out.
func (l *lineView) gap(n int64) {
	fmt.Fprintf(l.out, "... %d rows\n", n)
	l.n += int(n)
}

func (l *lineView) flush() error { return l.out.Flush() }

func (l *lineView) end(rows int64, how ending, took time.Duration) error {
	l.out.WriteString(footer(rows, 0, how, took) + "\n")
	return l.out.Flush()
}
