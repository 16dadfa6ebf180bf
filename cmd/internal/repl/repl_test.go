package repl

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/spec"
	"weir/exec"
	"weir/exec/batch"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/types"
)

// TestText runs the text cases in testdata:
//
//	complete                   is the input complete?
//	chunks                     what a pipe's lines are cut into, with the line each piece starts at
//	highlight                  the input with its colours, as <k>..</k> and so on
//	define                     statements for the session
//	candidates [docs]          what could stand at the | of the input
//	grid width=N [op] [bare]   rows as a table; the first line names the columns, # before a name makes it a number
//	table                      the table that changes make: lines of KIND and values, the first line names the columns
func TestText(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := New(testOptions())
		t.Cleanup(s.Close)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "complete":
				return fmt.Sprintf("%v\n", complete(d.Input))
			case "chunks":
				return cut(d.Input)
			case "highlight":
				return marked.Replace(highlight(d.Input)) + "\n"
			case "define":
				out := s.Script("define", d.Input)
				if !out.OK() {
					t.Fatalf("%s: %+v", d.Pos, out)
				}
				return ""
			case "candidates":
				return candidatesText(t, s, d)
			case "grid":
				return grid(t, d)
			case "table":
				return table(t, d)
			}
			t.Fatalf("%s: no such command: %s", d.Pos, d.Cmd)
			return ""
		})
	})
}

func testOptions() Options {
	return Options{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard,
		Planner:      planner.Options{Registry: spec.Registry(), Functions: fn.Builtins(), Config: config.New()},
		Connectors:   func(_, _ io.Writer) exec.Registry { return exec.Registry{} },
		Log:          func(io.Writer) *slog.Logger { return slog.New(slog.DiscardHandler) },
		ShowFindings: func(io.Writer, *diag.List) {},
		ShowError:    func(io.Writer, error) {},
	}
}

func cut(text string) string {
	var b strings.Builder
	c := chunks{name: "in"}
	show := func(f *diag.File, command string) {
		if command != "" {
			fmt.Fprintf(&b, "command %s\n", command)
		}
		if f != nil {
			body := strings.TrimLeft(f.Text, "\n")
			fmt.Fprintf(&b, "line %d: %q\n", strings.Count(f.Text[:len(f.Text)-len(body)], "\n")+1, body)
		}
	}
	for line := range strings.Lines(text) {
		show(c.add(strings.TrimRight(line, "\n")))
	}
	show(c.rest(), "")
	return b.String()
}

var marked = strings.NewReplacer(colorKeyword, "<k>", colorGreen, "<s>", colorNumber, "<n>", colorDim, "<c>", colorRed, "<!>", colorReset, "</>")

// candidatesText lists the candidates at |, at most max of them: TAG TEXT, and with docs what is said of them.
func candidatesText(t *testing.T, s *Shell, d *datadriven.TestData) string {
	limit := 12
	d.MaybeScanArgs(t, "max", &limit)
	before, after, _ := strings.Cut(d.Input, "|")
	word, found := s.candidates(before, after)
	var b strings.Builder
	fmt.Fprintf(&b, "for %q\n", word)
	for i, c := range found {
		if i == limit {
			b.WriteString("...\n") // how many is a matter of the functions that there are
			break
		}
		fmt.Fprintf(&b, "%s %s", c.tag, c.text)
		if d.HasArg("docs") {
			b.WriteString("  " + c.doc)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var kinds = map[string]batch.ChangeKind{"+I": batch.Insert, "-U": batch.UpdateBefore, "+U": batch.UpdateAfter, "-D": batch.Delete}

// rows reads a test's rows: the columns in the first line, then a row a line, cells between |. NULL is NULL. With
// ops every row starts with its kind.
func rows(t *testing.T, text string, ops bool) (*result, *batch.Batch) {
	r := &result{null: "NULL", mode: catalog.InsertOnly, bounded: true}
	var b *batch.Batch
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimRight(line, "\n"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if b == nil {
			var ts []types.Type
			for _, name := range cells {
				typ := types.TString
				if n, ok := strings.CutPrefix(name, "#"); ok {
					name, typ = n, types.TBigInt
				}
				ts = append(ts, typ)
				r.columns = append(r.columns, physical.Column{Name: name, Type: typ})
			}
			b = batch.New(ts, 8)
			continue
		}
		if ops {
			b.SetKind(b.N, kinds[cells[0]])
			cells = cells[1:]
		}
		for c, cell := range cells {
			v := b.Cols[c]
			var n int64
			switch _, err := fmt.Sscan(cell, &n); {
			case cell == "NULL":
				v.AppendNull()
			case !v.Type.IsNumeric():
				v.AppendString(strings.ReplaceAll(cell, `\n`, "\n"))
			case err != nil:
				t.Fatalf("no number: %s", cell)
			default:
				v.AppendInt(n)
			}
		}
		b.N++
	}
	return r, b
}

func grid(t *testing.T, d *datadriven.TestData) string {
	ops := d.HasArg("op")
	r, b := rows(t, d.Input, ops)
	if ops {
		r.mode = catalog.Retract
	}
	if d.HasArg("width") {
		d.ScanArgs(t, "width", &r.width)
	}
	var out strings.Builder
	g := newGridView(r, &out, !d.HasArg("bare"))
	for i := range b.N {
		g.change(b, i)
	}
	if err := g.end(int64(b.N), endBounded, 0); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func table(t *testing.T, d *datadriven.TestData) string {
	r, b := rows(t, d.Input, true)
	r.mode = catalog.Retract
	if d.HasArg("key") {
		r.key = []int{0}
	}
	var out strings.Builder
	v := newTableView(r, &out)
	for i := range b.N {
		v.change(b, i)
	}
	if err := v.end(int64(b.N), endBounded, 0); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestTableIsDrawnOverTheOneBefore: on a terminal the table has a screen of its own, and a new drawing starts at its top.
func TestTableIsDrawnOverTheOneBefore(t *testing.T) {
	r, b := rows(t, "a | #n\n+I | x | 1\n+I | y | 2\n", true)
	r.mode, r.terminal, r.width, r.height = catalog.Retract, true, 40, 24
	var out strings.Builder
	v := newTableView(r, &out)
	v.change(b, 0)
	if err := v.flush(); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), secondScreen+"\x1b[H+") {
		t.Errorf("the first drawing is %q", out.String())
	}
	out.Reset()
	v.change(b, 1)
	v.last = time.Time{}
	if err := v.flush(); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "\x1b[H+") {
		t.Errorf("the second drawing is %q", out.String())
	}
	out.Reset()
	if err := v.end(2, endCancelled, 0); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), firstScreen) || !strings.HasSuffix(out.String(), "2 rows, cancelled, of 2 changes\n") {
		t.Errorf("the end is %q", out.String())
	}
}

// TestControlCharactersDoNotReachTheTerminal: a value cannot move the cursor or change colours.
func TestControlCharactersDoNotReachTheTerminal(t *testing.T) {
	if got, want := clean("a\x1b[2Jb\tc\r\nd\u009be"), `a\x1b[2Jb\tc\r\nd\x9be`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestHelpNamesEveryCommandOnce holds the table of commands together: no name twice, and each explained.
func TestHelpNamesEveryCommandOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range commands() {
		if c.doc == "" || c.run == nil {
			t.Errorf("%v has no explanation or does nothing", c.names)
		}
		for _, n := range c.names {
			if seen[n] {
				t.Errorf("%s is there twice", n)
			}
			seen[n] = true
		}
	}
}

// TestEveryPrefixCanBeTyped: whatever is half written is coloured without loss, and completed or not, without a crash.
func TestEveryPrefixCanBeTyped(t *testing.T) {
	const text = "CREATE TABLE t (`a b` INT, c STRING) WITH ('connector' = 'kafka', 'topic' = 'it''s'); -- done\n" +
		"SELECT x'0f', U&'\\00e4', 1.5e3, \"q\" FROM t /*+ OPTIONS('scan.startup.mode' = 'earliest-offset') */ AS u, /* c */ ä " +
		"WHERE u.c LIKE '%' AND a <> .5 || `x`;\nDESCRIBE TOPIC 'o'; STOP JOB 'j'; SET 'a' = 'b'; .mode \\x"
	plain := strings.NewReplacer(colorKeyword, "", colorGreen, "", colorNumber, "", colorDim, "", colorRed, "", colorReset, "")
	s := New(testOptions())
	t.Cleanup(s.Close)
	for i := range len(text) + 1 {
		for _, from := range []int{0, strings.Index(text, "SELECT"), max(0, i-7)} {
			if from > i {
				continue
			}
			if got := plain.Replace(highlight(text[from:i])); got != text[from:i] {
				t.Fatalf("%q became %q", text[from:i], got)
			}
			complete(text[from:i])
			s.candidates(text[from:i], text[i:])
		}
	}
}

// TestHelpFitsTheScreen: no line of .help is longer than a terminal of 80 columns, which is what a shell without one assumes.
func TestHelpFitsTheScreen(t *testing.T) {
	var out strings.Builder
	o := testOptions()
	o.Stdout = &out
	s := New(o)
	t.Cleanup(s.Close)
	if err := s.command(".help"); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := len(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}
