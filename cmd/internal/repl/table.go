package repl

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"weir/exec/batch"
	"weir/planner/catalog"
)

// redrawEvery is how often the table on a terminal is drawn anew.
const redrawEvery = 100 * time.Millisecond

// tableView keeps the table that the changes make. On a terminal it is drawn anew in place as it changes;
// elsewhere it is shown once, at the end. Rows keep the place where they came first.
type tableView struct {
	r     *result
	out   *bufio.Writer
	slots []tableRow
	byKey map[string][]int // slots of a key, in the order they came; dead ones too
	live  int
	dirty bool
	drawn int // lines on the screen
	last  time.Time
	freed int // the slot that the last -U freed, for the +U behind it; -1: none
	key   []byte
	text  []byte
}

type tableRow struct {
	cells []textCell
	key   string
	live  bool
}

func newTableView(r *result, out io.Writer) *tableView {
	return &tableView{r: r, out: bufio.NewWriterSize(out, 64<<10), byKey: map[string][]int{}, freed: -1}
}

func (v *tableView) change(b *batch.Batch, i int) {
	cells := make([]textCell, len(b.Cols))
	for c, col := range b.Cols {
		cells[c] = v.r.cell(col, i, &v.text)
	}
	v.key = v.key[:0]
	if v.r.key != nil {
		for _, c := range v.r.key {
			v.addKey(cells[c])
		}
	} else {
		for _, c := range cells {
			v.addKey(c)
		}
	}
	v.dirty = true
	at := v.byKey[string(v.key)]
	if b.Kind(i).Adds() {
		v.add(at, cells)
		v.freed = -1
		return
	}
	for _, s := range at {
		if v.slots[s].live {
			v.slots[s].live = false
			v.live--
			v.freed = s
			break
		}
	}
	if b.Kind(i) == batch.Delete {
		v.freed = -1
		v.tidy()
	}
}

// add puts a row in: with a key in place of the one that is there, otherwise beside it. A dead row of the same
// key gives its place back.
func (v *tableView) add(at []int, cells []textCell) {
	for _, s := range at {
		if row := &v.slots[s]; v.r.key != nil || !row.live {
			row.cells = cells
			if !row.live {
				row.live = true
				v.live++
			}
			return
		}
	}
	key := string(v.key)
	if s := v.freed; s >= 0 {
		old := v.slots[s].key
		v.byKey[old] = slices.DeleteFunc(v.byKey[old], func(x int) bool { return x == s })
		v.slots[s] = tableRow{cells, key, true}
		v.byKey[key] = append(at, s)
		v.live++
		return
	}
	v.slots = append(v.slots, tableRow{cells, key, true})
	v.byKey[key] = append(at, len(v.slots)-1)
	v.live++
}

// addKey appends a cell to the key, NULL and text told apart, no two lists of cells alike.
func (v *tableView) addKey(c textCell) {
	if c.null {
		v.key = append(v.key, 'n')
		return
	}
	v.key = append(v.key, itoa(len(c.text))...)
	v.key = append(v.key, ':')
	v.key = append(v.key, c.text...)
}

// tidy drops the dead rows when they are most of all.
func (v *tableView) tidy() {
	if len(v.slots) < 1024 || v.live > len(v.slots)/2 {
		return
	}
	slots := make([]tableRow, 0, v.live)
	clear(v.byKey)
	for _, s := range v.slots {
		if s.live {
			v.byKey[s.key] = append(v.byKey[s.key], len(slots))
			slots = append(slots, s)
		}
	}
	v.slots = slots
}

func (v *tableView) flush() error {
	if !v.r.terminal || !v.dirty || time.Since(v.last) < redrawEvery {
		return nil
	}
	v.last = time.Now()
	v.draw(max(3, v.r.height-6), fmt.Sprintf("%d rows so far; ^C stops the query", v.live))
	return v.out.Flush()
}

func (v *tableView) end(rows int64, how ending, took time.Duration) error {
	v.draw(v.live, "")
	note := footer(int64(v.live), how, took)
	if v.r.updating() {
		note += fmt.Sprintf(", of %d changes", rows)
	}
	v.out.WriteString(note + "\n")
	return v.out.Flush()
}

// draw draws the table over the one before: at most n rows, and a note below.
func (v *tableView) draw(n int, note string) {
	v.dirty = false
	if v.drawn > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA\r\x1b[J", v.drawn)
	}
	quiet := *v.r
	quiet.mode = catalog.InsertOnly // the table has no op
	quiet.bounded = true
	var text strings.Builder
	g := newGridView(&quiet, &text, true)
	left := v.live
	for _, s := range v.slots {
		if s.live && n > 0 {
			g.waiting = append(g.waiting, textRow{cells: s.cells})
			n--
			left--
		}
	}
	g.put()
	if g.headed {
		g.rule()
	} else if g.lines != nil {
		g.lines.flush()
	}
	g.out.Flush()
	if left > 0 {
		fmt.Fprintf(&text, "... and %d more\n", left)
	}
	if note != "" {
		text.WriteString(paint(v.r.color, colorDim) + note + paint(v.r.color, colorReset) + "\n")
	}
	v.drawn = 0
	if note != "" {
		v.drawn = strings.Count(text.String(), "\n")
	}
	v.out.WriteString(text.String())
}
