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

// redrawEvery is how often the table on a terminal is drawn anew when it changes, statusEvery when it does not.
const (
	redrawEvery = 50 * time.Millisecond
	statusEvery = 500 * time.Millisecond
)

// tableView keeps the table that the changes make. On a terminal it has the whole screen, drawn anew as it changes, and is
// left behind when the query ends; elsewhere it is shown once, at the end. Rows keep the place where they came first.
type tableView struct {
	r     *result
	out   *bufio.Writer
	slots []tableRow
	byKey map[string][]int // slots of a key, in the order they came; dead ones too
	live  int
	dirty bool
	drawn bool // on the terminal's second screen
	last  time.Time
	freed int // the slot that the last -U freed, for the +U behind it; -1: none
	key   []byte
	buf   []byte
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
		cells[c] = v.r.cell(col, i, &v.buf)
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

// The second screen of a terminal, which leaves the first one as it was.
const (
	secondScreen = "\x1b[?1049h\x1b[?25l"
	firstScreen  = "\x1b[?25h\x1b[?1049l"
)

func (v *tableView) flush() error {
	if !v.r.terminal || time.Since(v.last) < redrawEvery || !v.dirty && time.Since(v.last) < statusEvery {
		return nil
	}
	v.last, v.dirty = time.Now(), false
	if v.r.size != nil {
		v.r.width, v.r.height = v.r.size()
	}
	if !v.drawn {
		v.drawn = true
		v.out.WriteString(secondScreen)
	}
	status := fmt.Sprintf("%d rows", v.live)
	if v.r.status != nil {
		status += "   " + v.r.status()
	}
	// Frame, header and the status line take five lines, and the rows of dots three.
	lines := strings.Split(strings.TrimSuffix(v.text(max(4, v.r.height-8)), "\n"), "\n")
	if most := max(1, v.r.height-1); len(lines) > most {
		lines = lines[:most]
	}
	v.out.WriteString("\x1b[H")
	for _, l := range lines {
		v.out.WriteString(l + "\x1b[K\n")
	}
	v.out.WriteString("\x1b[J" + paint(v.r.color, colorDim) + clip(status, v.r.width-1) + paint(v.r.color, colorReset))
	return v.out.Flush()
}

func (v *tableView) end(rows int64, how ending, took time.Duration) error {
	if v.drawn {
		v.out.WriteString(firstScreen)
	}
	most := v.r.max
	if v.live > 0 {
		v.out.WriteString(v.text(most))
	}
	left := int64(0)
	if most > 0 && v.live > most {
		left = int64(v.live - most)
	}
	note := footer(int64(v.live), left, how, took)
	if v.r.updating() {
		note += fmt.Sprintf(", of %d changes", rows)
	}
	v.out.WriteString(note + "\n")
	return v.out.Flush()
}

// text is the table, at most n of its rows; 0: all.
func (v *tableView) text(n int) string {
	quiet := *v.r
	quiet.mode = catalog.InsertOnly // the table has no op
	quiet.bounded, quiet.max = true, n
	var text strings.Builder
	g := newGridView(&quiet, &text, true)
	if quiet.expand == expandOn {
		g.lines = &lineView{r: &quiet, out: g.out}
	}
	for _, s := range v.slots {
		if s.live {
			g.take(textRow{cells: s.cells})
		}
	}
	g.body()
	g.out.Flush() //nolint:errcheck // into a string
	return text.String()
}

// clip cuts s to n characters.
func clip(s string, n int) string {
	if r := []rune(s); n >= 0 && len(r) > n {
		return string(r[:n])
	}
	return s
}
