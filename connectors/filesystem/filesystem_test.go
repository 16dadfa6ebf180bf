package filesystem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"weir/connectors/formats"
	"weir/connectors/formats/csv"
	"weir/connectors/formats/formattest"
	"weir/connectors/formats/json"
	"weir/connectors/formats/raw"
	"weir/exec"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
)

var registry = formats.Registry{"json": json.Format(), "csv": csv.Format(), "raw": raw.Format()}

func table(t *testing.T, dir, schema, options string) *catalog.Table {
	t.Helper()
	tab := &catalog.Table{Name: "f", Connector: "filesystem", Options: formattest.Options("path = " + dir + "\n" + options)}
	for _, c := range formattest.Schema(t, schema) {
		tab.Columns = append(tab.Columns, catalog.Column{Name: c.Name, Type: c.Type})
	}
	return tab
}

func scanOf(tab *catalog.Table) *physical.Scan {
	s := &physical.Scan{Table: tab}
	for i, c := range tab.Columns {
		s.Fields = append(s.Fields, i)
		s.Columns = append(s.Columns, physical.Column{Name: c.Name, Type: c.Type})
	}
	return s
}

func open(t *testing.T, tab *catalog.Table) exec.SourceSpec {
	t.Helper()
	s, err := Connector(registry).Source(scanOf(tab), config.New(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readerOf(t *testing.T, s exec.SourceSpec, splits []exec.Split) exec.SourceReader {
	t.Helper()
	r, err := s.Reader(&exec.TaskContext{Metrics: &exec.Metrics{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AddSplits(splits); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// next is the rows of the next batch as text; nil when there is none now.
func next(t *testing.T, r exec.SourceReader) []string {
	t.Helper()
	out, err := r.Poll(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if out == nil {
		return nil
	}
	var rows []string
	for i := range out.Batch.N {
		var parts []string
		for _, v := range out.Batch.Cols {
			parts = append(parts, formattest.Show(v.Type, v.Value(i)))
		}
		rows = append(rows, strings.Join(parts, " "))
	}
	return rows
}

func all(t *testing.T, r exec.SourceReader) (rows []string) {
	t.Helper()
	for {
		more := next(t, r)
		if more == nil {
			return rows
		}
		rows = append(rows, more...)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func discover(t *testing.T, s exec.SourceSpec, known []exec.Split) []exec.Split {
	t.Helper()
	out, err := s.Discover(context.Background(), known)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(lines, "\n"); g != w {
		t.Fatalf("got\n%s\nwant\n%s", g, w)
	}
}

func TestEveryVisibleFileIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/b.json", "{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}") // no line feed at the end
	write(t, dir+"/sub/c.json", "{\"a\":4}\n")
	write(t, dir+"/.hidden", "no json")
	write(t, dir+"/_SUCCESS", "no json")
	write(t, dir+"/.dir/x.json", "no json")
	write(t, dir+"/empty.json", "")
	s := open(t, table(t, dir, "a INT", "format = json"))
	r := readerOf(t, s, discover(t, s, nil))
	rows := all(t, r)
	sort.Strings(rows)
	want(t, rows, "1", "2", "3", "4")
	if len(r.Done()) != 3 || !s.Bounded() {
		t.Fatalf("done %v, bounded %v", r.Done(), s.Bounded())
	}
	if more := discover(t, s, []exec.Split{}); len(more) != 0 {
		t.Fatalf("a bounded table found %v later", more)
	}
}

func TestPatternChoosesFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a-1.csv", "1\n")
	write(t, dir+"/b-1.csv", "2\n")
	s := open(t, table(t, dir, "a INT", "format = csv\nsource.path.regex-pattern = .*/b-\\d\\.csv"))
	want(t, all(t, readerOf(t, s, discover(t, s, nil))), "2")
}

func TestMetadataColumnsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/x.csv", "1\n2\n")
	when := time.Date(2026, 1, 1, 10, 20, 30, 0, time.UTC)
	if err := os.Chtimes(dir+"/x.csv", when, when); err != nil {
		t.Fatal(err)
	}
	tab := table(t, dir, "a INT", "format = csv")
	for key, typ := range map[string]types.Type{"file.name": types.TString, "file.size": types.TBigInt, "file.path": types.TString, "file.modification-time": types.MakeTimestampLTZ(3)} {
		tab.Columns = append(tab.Columns, catalog.Column{Name: key, Type: typ, Kind: catalog.Metadata, MetadataKey: key})
	}
	sort.Slice(tab.Columns, func(i, j int) bool { return tab.Columns[i].Name < tab.Columns[j].Name })
	s := open(t, tab)
	tail := fmt.Sprintf(` 2026-01-01 10:20:30 "x.csv" %q 4`, dir+"/x.csv")
	want(t, all(t, readerOf(t, s, discover(t, s, nil))), "1"+tail, "2"+tail)
}

func TestPositionGoesOnBehindTheLastRow(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&text, "{\"a\":%d,\"b\":\"row \\u0023%d\"}\n", i, i)
	}
	write(t, dir+"/big.json", text.String())
	tab := table(t, dir, "a INT\nb STRING", "format = json")
	s := open(t, tab)
	splits := discover(t, s, nil)
	wanted := all(t, readerOf(t, s, splits))
	if len(wanted) != 10000 || wanted[9999] != `9999 "row #9999"` {
		t.Fatalf("%d rows, last %s", len(wanted), wanted[len(wanted)-1])
	}
	// Restarted after every batch.
	var got []string
	for {
		s := open(t, tab)
		discover(t, s, splits) // validates
		r := readerOf(t, s, splits)
		rows := next(t, r)
		if rows == nil {
			break
		}
		got = append(got, rows...)
		splits = r.Positions()
	}
	if strings.Join(got, "\n") != strings.Join(wanted, "\n") {
		t.Fatalf("%d rows with restarts, %d without", len(got), len(wanted))
	}
}

// A file that is paused in its middle is left for the next one, and gone on with later; the rows of the batch before stay as they are meanwhile.
func TestPausedFileIsGoneOnWithLater(t *testing.T) {
	dir := t.TempDir()
	var big strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&big, "{\"a\":%d,\"b\":\"row \\u0023%d\"}\n", i, i)
	}
	write(t, dir+"/1.json", big.String())
	write(t, dir+"/2.json", "{\"a\":-1,\"b\":\"other\"}\n")
	s := open(t, table(t, dir, "a INT\nb STRING", "format = json"))
	splits := discover(t, s, nil)
	sort.Slice(splits, func(i, j int) bool { return splits[i].ID < splits[j].ID })
	r := readerOf(t, s, splits)
	pause := func(paused bool) {
		t.Helper()
		if err := r.Pause(0, paused); err != nil {
			t.Fatal(err)
		}
	}
	got := next(t, r)
	if n := len(got); n == 0 || n == 10000 {
		t.Fatalf("the first batch has %d rows", n)
	}
	pause(true)
	want(t, next(t, r), `-1 "other"`)
	want(t, next(t, r))
	if done := r.Done(); len(done) != 1 || done[0] != 1 {
		t.Fatalf("done are %v", done)
	}
	pause(false)
	got = append(got, all(t, r)...)
	for i := range 10000 {
		if w := fmt.Sprintf(`%d "row #%d"`, i, i); i >= len(got) || got[i] != w {
			t.Fatalf("of %d rows number %d is not %s", len(got), i, w)
		}
	}
	pause(true) // nothing to pause any more
	if len(r.Done()) != 2 {
		t.Fatalf("done are %v", r.Done())
	}
}

func TestQuotedLineFeedsDoNotEndARecord(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/x.csv", "a,b\n1,\"two\nlines\"\n2,\"q\"\"\n\"\n# no comment,x\n")
	s := open(t, table(t, dir, "a STRING\nb STRING", "format = csv\ncsv.ignore-first-line = true"))
	want(t, all(t, readerOf(t, s, discover(t, s, nil))), `"1" "two\nlines"`, `"2" "q\"\n"`, `"# no comment" "x"`)
}

func TestRecordLongerThanAChunk(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 3*chunk)
	write(t, dir+"/x.txt", "first\n"+long+"\nlast\n")
	s := open(t, table(t, dir, "line STRING", "format = raw"))
	want(t, all(t, readerOf(t, s, discover(t, s, nil))), `"first"`, `"`+long+`"`, `"last"`)
}

func TestBadRecordStopsBehindTheRowsBeforeIt(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/x.json", "{\"a\":1}\n{\"a\":2}\n{\"a\":oops}\n{\"a\":4}\n")
	s := open(t, table(t, dir, "a INT", "format = json"))
	r := readerOf(t, s, discover(t, s, nil))
	want(t, next(t, r), "1", "2")
	for range 2 { // the same record again
		_, err := r.Poll(context.Background(), 0)
		var e *exec.Error
		if !errors.As(err, &e) || !errors.Is(err, exec.ErrFatal) {
			t.Fatal(err)
		}
		want(t, []string{strings.ReplaceAll(e.Error(), dir, "DIR"), e.Help},
			`read table f, file DIR/x.json, byte 16: not valid JSON: not a JSON value near {"a":oops}`,
			"'json.ignore-parse-errors' = 'true' skips such records and counts them")
	}
	s = open(t, table(t, dir, "a INT", "format = json\njson.ignore-parse-errors = true"))
	want(t, all(t, readerOf(t, s, discover(t, s, nil))), "1", "2", "4")
}

func TestMonitorFindsNewFiles(t *testing.T) {
	dir := t.TempDir() + "/later"
	s := open(t, table(t, dir, "a INT", "format = csv\nsource.monitor-interval = 5 s"))
	if s.Bounded() || s.DiscoveryInterval() != 5*time.Second {
		t.Fatalf("bounded %v, interval %v", s.Bounded(), s.DiscoveryInterval())
	}
	known := discover(t, s, nil) // the directory is not there yet
	write(t, dir+"/1.csv", "1\n")
	first := discover(t, s, known)
	write(t, dir+"/2.csv", "2\n")
	second := discover(t, s, append(known, first...))
	r := readerOf(t, s, first)
	want(t, all(t, r), "1")
	if err := r.AddSplits(second); err != nil {
		t.Fatal(err)
	}
	want(t, all(t, r), "2")
	s.(exec.EndBounder).UntilEnd()
	if s.DiscoveryInterval() != 0 {
		t.Fatal("until end still looks for files")
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	s := open(t, table(t, dir+"/none", "a INT", "format = csv"))
	_, err := s.Discover(context.Background(), nil)
	check := func(err error, part string) {
		t.Helper()
		if !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), part) {
			t.Fatalf("%v, want %q", err, part)
		}
	}
	check(err, "there is no file or directory "+dir+"/none")
	gone := position{Offset: 3, Size: 9}.encode(dir + "/gone.csv")
	_, err = s.Discover(context.Background(), []exec.Split{gone})
	check(err, "gone.csv is gone, and was read up to byte 3 of 9")
	write(t, dir+"/cut.csv", "1\n")
	_, err = s.Discover(context.Background(), []exec.Split{position{Size: 9}.encode(dir + "/cut.csv")})
	check(err, "has 2 bytes, and had 9")
	if _, err = Connector(registry).Source(scanOf(table(t, "s3://bucket/x", "a INT", "format = csv")), config.New(), nil); err == nil || !strings.Contains(err.Error(), "s3") {
		t.Fatal(err)
	}
}
