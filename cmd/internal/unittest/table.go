package unittest

import (
	"bytes"
	"strings"

	"github.com/mattn/go-runewidth"

	"weir/parser/diag"
)

// Style says how differences are drawn.
type Style struct{ Color bool }

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	faint  = "\x1b[2m"
	reset  = "\x1b[0m"
)

func (s Style) paint(color, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return color + text + reset
}

// findings draws diagnostics.
func (s Style) findings(l *diag.List) string {
	var b bytes.Buffer
	diag.Render(&b, l, diag.RenderOptions{Color: s.Color}) //nolint:errcheck // a buffer takes everything
	return strings.TrimRight(b.String(), "\n")
}

// draw draws a difference as a table: - is missing, + is extra, ~ has cells that are others, as `expected → found`.
func (s Style) draw(d *difference, columns []string, changes bool) string {
	type drawn struct{ plain, colored string }
	head := []string{" "}
	if changes {
		head = append(head, "op")
	}
	head = append(head, columns...)
	grid := [][]drawn{}
	first := make([]drawn, len(head))
	for i, h := range head {
		first[i] = drawn{h, s.paint(faint, h)}
	}
	grid = append(grid, first)
	colors := map[byte]string{'-': red, '+': green, '~': yellow}
	for _, r := range d.rows {
		color := colors[r.mark]
		put := func(text string) drawn {
			if color == "" {
				return drawn{text, text}
			}
			return drawn{text, s.paint(color, text)}
		}
		cells := []drawn{put(string(r.mark))}
		if changes {
			cells = append(cells, put(r.kind))
		}
		for i := range columns {
			switch {
			case r.mark == '~' && !r.was[i].any && (r.was[i].null != r.is[i].null || r.was[i].text != r.is[i].text):
				was, is := shownCell(r.was[i]), shownCell(r.is[i])
				cells = append(cells, drawn{was + " → " + is, s.paint(red, was) + " → " + s.paint(green, is)})
			case r.mark == '~':
				cells = append(cells, drawn{shownCell(r.is[i]), shownCell(r.is[i])})
			case r.mark == '-':
				cells = append(cells, put(shownCell(r.was[i])))
			default:
				cells = append(cells, put(shownCell(r.is[i])))
			}
		}
		grid = append(grid, cells)
	}
	widths := make([]int, len(head))
	for _, cells := range grid {
		for i, c := range cells {
			widths[i] = max(widths[i], runewidth.StringWidth(c.plain))
		}
	}
	var b strings.Builder
	for _, cells := range grid {
		var l strings.Builder
		for i, c := range cells {
			if i > 0 {
				l.WriteString("  ")
			}
			l.WriteString(c.colored)
			if i < len(cells)-1 {
				l.WriteString(strings.Repeat(" ", widths[i]-runewidth.StringWidth(c.plain)))
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " "))
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

// shownCell is a value in one line.
func shownCell(c cell) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(c.String())
}
