package diag

import (
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// RenderOptions say how Render writes.
type RenderOptions struct {
	Color bool // ANSI colours, for terminals
	Width int  // columns of the terminal; longer source lines are cut. 0: none that is known
}

// Render writes the findings of l in their order, each with the source lines it is about
// and a blank line behind it:
//
//	error[SQ1001]: expected a column name, found FROM
//	  --> jobs/a.sql:1:8
//	   |
//	 1 | SELECT FROM t
//	   |        ^^^^ why here
//	   |
//	   = help: what to do
//
// It returns the first error of w.
func Render(w io.Writer, l *List, opts RenderOptions) error {
	texts := map[*File]*lines{}
	for i, d := range l.All {
		r := renderer{opts: opts, texts: texts}
		if i > 0 {
			r.out.WriteByte('\n')
		}
		r.diagnostic(d)
		if _, err := io.WriteString(w, r.out.String()); err != nil {
			return err
		}
	}
	return nil
}

// tabWidth is how many columns a tab takes in what is shown.
const tabWidth = 4

type renderer struct {
	out    strings.Builder
	opts   RenderOptions
	texts  map[*File]*lines // shared by all findings of a list
	gutter int              // digits of the largest line number shown
}

const (
	colorReset = "\x1b[0m"
	colorBold  = "\x1b[1m"
	colorBlue  = "\x1b[1;34m"
)

var severityColor = [...]string{Error: "\x1b[1;31m", Warning: "\x1b[1;33m", Note: "\x1b[1;36m"}

func (r *renderer) paint(color, s string) string {
	if !r.opts.Color || s == "" {
		return s
	}
	return color + s + colorReset
}

// mark is one underline: a label, or the primary place.
type mark struct {
	sp      Span
	text    string
	primary bool
}

// piece is the part of a mark on one line.
type piece struct {
	line     int // index into the file's lines
	from, to int // columns on the screen; from < to
	text     string
	primary  bool
}

func (r *renderer) diagnostic(d *Diagnostic) {
	head := d.Severity.String()
	if d.Code != "" {
		head += "[" + d.Code + "]"
	}
	r.out.WriteString(r.paint(severityColor[d.Severity], head) + r.paint(colorBold, ": "+d.Title) + "\n")
	r.gutter = 1

	// The places by file: the primary place's file first, the others in the order of
	// their first label.
	var files []*File
	marks := map[*File][]mark{}
	add := func(m mark) {
		if m.sp.IsZero() {
			return
		}
		f := m.sp.File
		if _, ok := marks[f]; !ok {
			files = append(files, f)
		}
		marks[f] = append(marks[f], m)
	}
	add(mark{d.Span, d.Here, true})
	for _, l := range d.Labels {
		add(mark{l.Span, l.Text, false})
	}
	for _, f := range files {
		if r.texts[f] == nil {
			r.texts[f] = newLines(f.Text)
		}
		for _, m := range marks[f] {
			last := r.texts[f].of(max(m.sp.Start, m.sp.End-1))
			r.gutter = max(r.gutter, len(strconv.Itoa(last+1)))
		}
	}
	for n, f := range files {
		arrow := "-->"
		if n > 0 {
			arrow = ":::"
		}
		r.out.WriteString(strings.Repeat(" ", r.gutter+1) + r.paint(colorBlue, arrow) + " " + marks[f][0].sp.String() + "\n")
		r.snippet(d.Severity, r.texts[f], marks[f])
	}
	for _, s := range d.Notes {
		r.tail("note", s)
	}
	for _, s := range d.Helps {
		r.tail("help", s)
	}
}

// tail writes a note or a help; its further lines stand under the first.
func (r *renderer) tail(kind, text string) {
	pad := strings.Repeat(" ", r.gutter+2)
	first, rest, more := strings.Cut(text, "\n")
	r.out.WriteString(pad + r.paint(colorBlue, "=") + " " + r.paint(colorBold, kind) + ": " + first + "\n")
	for more {
		first, rest, more = strings.Cut(rest, "\n")
		r.out.WriteString(pad + strings.Repeat(" ", len(kind)+4) + first + "\n")
	}
}

func (r *renderer) bar() string {
	return strings.Repeat(" ", r.gutter+2) + r.paint(colorBlue, "|")
}

// snippet writes the lines that marks are about, in the order of the file.
func (r *renderer) snippet(sev Severity, text *lines, marks []mark) {
	pieces := map[int][]piece{}
	for _, m := range marks {
		for _, p := range cut(text, m) {
			pieces[p.line] = append(pieces[p.line], p)
		}
	}
	numbers := make([]int, 0, len(pieces))
	for n := range pieces {
		numbers = append(numbers, n)
	}
	sort.Ints(numbers)
	r.out.WriteString(r.bar() + "\n")
	for i, n := range numbers {
		if i > 0 && n > numbers[i-1]+1 {
			if n == numbers[i-1]+2 {
				r.line(n-1, text.text(n-1), 0)
			} else {
				r.out.WriteString(r.paint(colorBlue, "...") + "\n")
			}
		}
		ps := pieces[n]
		sort.SliceStable(ps, func(a, b int) bool { return ps[a].from < ps[b].from })
		shift := r.shift(text.text(n), ps)
		r.line(n, text.text(n), shift)
		r.underline(sev, ps, shift)
	}
	r.out.WriteString(r.bar() + "\n")
}

// shift is how many columns of a line that is wider than the terminal are left out at its
// start so that the first mark can be seen.
func (r *renderer) shift(line string, ps []piece) int {
	room := r.room()
	if width(line) <= room {
		return 0
	}
	at := ps[0].from
	for _, p := range ps {
		if p.primary {
			at = p.from
		}
	}
	if at < room*2/3 {
		return 0
	}
	return at - room/3
}

// longest is the columns of a source line that are shown where no width is known: a line may be the whole file.
const longest = 400

// room is the number of columns for source text.
func (r *renderer) room() int {
	if r.opts.Width == 0 {
		return longest
	}
	return max(20, r.opts.Width-r.gutter-5)
}

// line writes one source line without its first shift columns.
func (r *renderer) line(n int, s string, shift int) {
	shown := window(expand(s), shift, r.room())
	num := fmt.Sprintf(" %*d |", r.gutter, n+1)
	r.out.WriteString(r.paint(colorBlue, num))
	if shown != "" {
		r.out.WriteString(" " + shown)
	}
	r.out.WriteByte('\n')
}

// underline writes the marks of one line. The last one's text stands behind it, the texts
// of the others below, each under its own mark.
func (r *renderer) underline(sev Severity, ps []piece, shift int) {
	color := func(p piece) string {
		if p.primary {
			return severityColor[sev]
		}
		return colorBlue
	}
	for i := range ps {
		ps[i].from, ps[i].to = max(0, ps[i].from-shift), max(1, ps[i].to-shift)
		ps[i].from, ps[i].to = min(ps[i].from, r.room()-1), min(ps[i].to, r.room())
	}
	end := 0
	for _, p := range ps {
		end = max(end, p.to)
	}
	owner := make([]int, end) // which piece underlines a column, plus one
	for i, p := range ps {
		for c := p.from; c < p.to; c++ {
			if owner[c] == 0 || p.primary {
				owner[c] = i + 1
			}
		}
	}
	r.out.WriteString(r.bar() + " ")
	for c := 0; c < end; {
		o, from := owner[c], c
		for c < end && owner[c] == o {
			c++
		}
		switch {
		case o == 0:
			r.out.WriteString(strings.Repeat(" ", c-from))
		case ps[o-1].primary:
			r.out.WriteString(r.paint(color(ps[o-1]), strings.Repeat("^", c-from)))
		default:
			r.out.WriteString(r.paint(color(ps[o-1]), strings.Repeat("-", c-from)))
		}
	}
	last := len(ps) - 1
	if ps[last].text != "" && ps[last].to == end {
		r.out.WriteString(" " + r.paint(color(ps[last]), ps[last].text))
	} else {
		last++
	}
	r.out.WriteByte('\n')
	for i := last - 1; i >= 0; i-- {
		if ps[i].text == "" {
			continue
		}
		// Lines down to this text from the marks to its left that have one to come.
		r.out.WriteString(r.bar() + " ")
		col := 0
		for j := 0; j < i; j++ {
			if ps[j].text != "" && ps[j].from >= col && ps[j].from < ps[i].from {
				r.out.WriteString(strings.Repeat(" ", ps[j].from-col) + r.paint(color(ps[j]), "|"))
				col = ps[j].from + 1
			}
		}
		r.out.WriteString(strings.Repeat(" ", max(0, ps[i].from-col)) + r.paint(color(ps[i]), ps[i].text) + "\n")
	}
}

// cut makes the pieces of m: one for a mark within a line; for one over several lines its
// first and its last line, with the text at the last.
func cut(text *lines, m mark) []piece {
	start, end := m.sp.Start, m.sp.End
	first := text.of(start)
	last := first
	if end > start {
		last = text.of(end - 1)
	}
	at := func(n, from, to int) piece {
		s := text.text(n)
		base := text.starts[n]
		a, b := min(max(from-base, 0), len(s)), min(max(to-base, 0), len(s))
		p := piece{line: n, primary: m.primary, from: width(s[:a]), to: width(s[:b])}
		if p.to <= p.from {
			p.to = p.from + 1 // an empty place, and the end of a line, still get a mark
		}
		return p
	}
	if first == last {
		p := at(first, start, end)
		p.text = m.text
		return []piece{p}
	}
	a, b := at(first, start, end), at(last, max(text.starts[last]+indent(text.text(last)), start), end)
	if m.text != "" {
		a.text = "from here"
	}
	b.text = m.text
	return []piece{a, b}
}

// indent is the number of blank bytes at the start of s.
func indent(s string) int { return len(s) - len(strings.TrimLeft(s, " \t")) }

// lines is a text with the places where its lines start.
type lines struct {
	src    string
	starts []int
}

func newLines(src string) *lines {
	l := &lines{src: src, starts: []int{0}}
	for i := range len(src) {
		if src[i] == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

// of is the line that holds the byte offset. The offset behind the last line's end
// belongs to the last line that holds anything.
func (l *lines) of(offset int) int {
	n := sort.SearchInts(l.starts, offset+1) - 1
	return max(n, 0)
}

// text is line n without its end.
func (l *lines) text(n int) string {
	end := len(l.src)
	if n+1 < len(l.starts) {
		end = l.starts[n+1] - 1
	}
	return strings.TrimSuffix(l.src[l.starts[n]:end], "\r")
}

// expand is s as it is shown: tabs become blanks and control characters a visible sign.
func expand(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\t':
			b.WriteString(strings.Repeat(" ", tabWidth))
		case c == byteOrderMark:
		case unicode.IsControl(c), unicode.Is(unicode.Bidi_Control, c), c == 0x200B, c == 0x200C, c == 0x2060:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// window is the part of s from column shift that fits into room columns.
func window(s string, shift, room int) string {
	if shift == 0 && width(s) <= room {
		return s
	}
	var b strings.Builder
	col := 0
	for _, c := range s {
		w := runeWidth(c)
		if col >= shift && col+w <= shift+room {
			b.WriteRune(c)
		} else if col < shift && col+w > shift {
			b.WriteByte(' ') // the second half of a wide character
		}
		col += w
	}
	return b.String()
}

// width is the number of columns that s takes on the screen.
func width(s string) int {
	n := 0
	for _, c := range s {
		n += runeWidth(c)
	}
	return n
}

// wide are the characters that take two columns.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115F, 1}, {0x231A, 0x231B, 1}, {0x2329, 0x232A, 1}, {0x23E9, 0x23EC, 1}, {0x2614, 0x2615, 1},
		{0x2E80, 0x303E, 1}, {0x3041, 0x33FF, 1}, {0x3400, 0x4DBF, 1}, {0x4E00, 0x9FFF, 1}, {0xA000, 0xA4CF, 1},
		{0xA960, 0xA97F, 1}, {0xAC00, 0xD7A3, 1}, {0xF900, 0xFAFF, 1}, {0xFE30, 0xFE6F, 1}, {0xFF00, 0xFF60, 1}, {0xFFE0, 0xFFE6, 1},
	},
	R32: []unicode.Range32{{0x1F300, 0x1F64F, 1}, {0x1F680, 0x1F6FF, 1}, {0x1F900, 0x1F9FF, 1}, {0x20000, 0x3FFFD, 1}},
}

func runeWidth(c rune) int {
	switch {
	case c == '\t':
		return tabWidth
	case c < 0x300:
		return 1
	case unicode.In(c, unicode.Mn, unicode.Me) || c == 0x200D || c == 0xFE0F || c == byteOrderMark:
		return 0
	case unicode.Is(wide, c):
		return 2
	}
	return 1
}
