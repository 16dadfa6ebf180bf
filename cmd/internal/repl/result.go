package repl

import (
	"fmt"
	"io"
	"strings"
	"time"

	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/datetime"
	"weir/planner/physical"
	"weir/planner/types"
)

// Mode is how the rows of a query are shown.
type Mode string

// The modes.
const (
	ModeTableau   Mode = "tableau"   // a framed table of changes, row by row as they come
	ModeChangelog Mode = "changelog" // the same without a frame
	ModeTable     Mode = "table"     // the table that the changes make, refreshed in place; at the end where not on a terminal
	ModeLine      Mode = "line"      // one line a column
	ModeJSON      Mode = "json"      // a JSON array of an object a change
	ModeJSONLines Mode = "jsonl"     // one JSON object a line
	ModeCSV       Mode = "csv"
	ModeMarkdown  Mode = "markdown" // a table of GitHub's markdown
)

// modes lists them with what they do, for .mode, completion and help.
var modes = []struct {
	mode Mode
	doc  string
}{
	{ModeTableau, "a framed table, row by row as changes come"},
	{ModeChangelog, "the same without a frame"},
	{ModeTable, "the table that the changes make, refreshed in place"},
	{ModeLine, "one line a column"},
	{ModeJSON, "a JSON array, one object a change"},
	{ModeJSONLines, "one JSON object a line"},
	{ModeCSV, "comma-separated values"},
	{ModeMarkdown, "a table for a document"},
}

// otherNames is what other programs call a mode.
var otherNames = map[string]Mode{
	"jsonlines": ModeJSONLines, "ndjson": ModeJSONLines, "vertical": ModeLine, "expanded": ModeLine, "duckbox": ModeTableau, "box": ModeTableau,
	"aligned": ModeTableau, "column": ModeChangelog, "md": ModeMarkdown,
}

// KnownMode reports whether name is a mode.
func KnownMode(name string) bool {
	_, ok := parseMode(name)
	return ok
}

// parseMode reads a mode, as .mode and 'sql-client.execution.result-mode' name it.
func parseMode(s string) (Mode, bool) {
	s = strings.ToLower(s)
	if m, ok := otherNames[s]; ok {
		return m, true
	}
	for _, m := range modes {
		if string(m.mode) == s {
			return m.mode, true
		}
	}
	return "", false
}

// result is what a view knows of the query that it shows.
type result struct {
	columns  []physical.Column
	mode     catalog.ChangeMode
	key      []int // columns by which changes are matched; nil: by all
	bounded  bool  // the query ends by itself
	zone     *datetime.Zone
	null     string // what stands for NULL
	terminal bool
	width    int // columns of the terminal; 0: no limit
	height   int
	color    bool
	expand   expansion
	max      int                        // rows of a query that ends by itself: of more, the middle is left out; 0: all are shown
	size     func() (width, height int) // of the terminal now; nil: it does not change
	status   func() string              // how the query does, in one line; nil: nobody asks
}

// expansion says when rows are shown one line a column.
type expansion string

// The expansions, as .expanded names them.
const (
	expandAuto expansion = "auto" // where the columns do not fit the screen
	expandOn   expansion = "on"
	expandOff  expansion = "off" // never: columns in the middle are left out
)

// updating reports whether there are changes other than +I.
func (r *result) updating() bool { return r.mode != catalog.InsertOnly }

// view shows the changes of one query. Its methods are called by one goroutine at a time.
type view interface {
	// change takes the row at physical position i of b, which is borrowed for the call.
	change(b *batch.Batch, i int)
	// flush puts out what was taken so far; it is called when nothing more comes for the moment.
	flush() error
	// end puts out the rest. rows is the number of changes taken, how says why it ended.
	end(rows int64, how ending, took time.Duration) error
}

// ending says why a query ended.
type ending string

// The endings.
const (
	endBounded   ending = ""
	endCancelled ending = "cancelled"
	endEnough    ending = "enough rows"
	endFailed    ending = "failed"
)

func newView(mode Mode, r *result, out io.Writer) view {
	if r.expand == expandOn && (mode == ModeTableau || mode == ModeChangelog) {
		mode = ModeLine
	}
	switch mode {
	case ModeJSON:
		return newJSONView(r, out, true)
	case ModeJSONLines:
		return newJSONView(r, out, false)
	case ModeMarkdown:
		return newMarkdownView(r, out)
	case ModeCSV:
		return newCSVView(r, out)
	case ModeLine:
		return newLineView(r, out)
	case ModeTable:
		return newTableView(r, out)
	case ModeChangelog:
		return newGridView(r, out, false)
	}
	return newGridView(r, out, true)
}

// footer is the line behind the rows; left of them were not shown.
func footer(n, left int64, how ending, took time.Duration) string {
	what := fmt.Sprintf("%d rows", n)
	switch n {
	case 0:
		what = "no rows"
	case 1:
		what = "1 row"
	}
	if left > 0 {
		what += fmt.Sprintf(" (%d shown)", n-left)
	}
	switch how {
	case endCancelled:
		what += ", cancelled"
	case endEnough:
		what += ", stopped there"
	case endFailed:
		what += " before the failure"
	}
	if took > 0 {
		what += fmt.Sprintf(" (%s)", seconds(took))
	}
	return what
}

// seconds is a duration as people read it: 0.012 s, 3.4 s, 2 min 5 s.
func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.3f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// clean makes text safe for a line of a terminal: control characters are written as escapes.
func clean(s string) string {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case bad(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// rightAligned reports whether values of t stand at the right of their column.
func rightAligned(t types.Type) bool { return t.IsNumeric() }

// typicalWidth is about how wide values of t are: the width of a column before its values are known.
func typicalWidth(t types.Type) int {
	switch t.Kind {
	case types.Boolean:
		return 5
	case types.TinyInt:
		return 4
	case types.SmallInt:
		return 6
	case types.Int:
		return 11
	case types.BigInt:
		return 20
	case types.Float:
		return 14
	case types.Double:
		return 22
	case types.Decimal:
		return t.Prec + 2
	case types.Date:
		return 10
	case types.Time:
		return 8 + fraction(t.Prec)
	case types.Timestamp, types.TimestampLTZ:
		return 19 + fraction(t.Prec)
	case types.Char, types.VarChar:
		return min(t.Len, 20)
	}
	return 20
}

func fraction(prec int) int {
	if prec == 0 {
		return 0
	}
	return prec + 1
}
