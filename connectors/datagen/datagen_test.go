package datagen

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/formats/formattest"
	"weir/exec"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func build(t *testing.T, c *clock, schema, options string, splits int) *source {
	t.Helper()
	table := &catalog.Table{Name: "g", Connector: "datagen", Options: formattest.Options(options)}
	scan := &physical.Scan{Table: table, Parallelism: splits}
	for i, col := range formattest.Schema(t, schema) {
		table.Columns = append(table.Columns, catalog.Column{Name: col.Name, Type: col.Type})
		scan.Columns = append(scan.Columns, physical.Column{Name: col.Name, Type: col.Type})
		scan.Fields = append(scan.Fields, i)
	}
	cfg := config.New()
	if err := cfg.Set(config.LocalTimeZone, "GMT+02:00", config.FromFlag); err != nil {
		t.Fatal(err)
	}
	s, err := newSource(scan, cfg, c.Now, func() (uint64, error) { return 42, nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drain polls until the source is done or has given limit rows, a second passing each time.
func drain(t *testing.T, c *clock, r exec.SourceReader, limit int) (rows []string) {
	t.Helper()
	for idle := 0; idle < 3 && len(rows) < limit; {
		c.now = c.now.Add(time.Second)
		out, err := r.Poll(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if out == nil {
			idle++
			continue
		}
		for _, run := range out.Runs {
			for i := run.From; i < run.To; i++ {
				var parts []string
				for _, v := range out.Batch.Cols {
					parts = append(parts, formattest.Show(v.Type, v.Value(i)))
				}
				rows = append(rows, fmt.Sprintf("%d: %s", run.Split, strings.Join(parts, " ")))
			}
		}
	}
	return rows
}

func start(t *testing.T, s *source, splits []exec.Split) exec.SourceReader {
	t.Helper()
	if splits == nil {
		var err error
		if splits, err = s.Discover(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Reader(&exec.TaskContext{Metrics: &exec.Metrics{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AddSplits(splits); err != nil {
		t.Fatal(err)
	}
	return r
}

var origin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestRows(t *testing.T) {
	datadriven.RunTest(t, "testdata/rows.txt", func(t *testing.T, d *datadriven.TestData) string {
		schema, options, _ := strings.Cut(d.Input, "\n--\n")
		splits := 1
		d.MaybeScanArgs(t, "splits", &splits)
		c := &clock{origin}
		s := build(t, c, schema, options, splits)
		r := start(t, s, nil)
		rows := drain(t, c, r, 8)
		out := strings.Join(rows, "\n")
		if len(rows) == 0 {
			out = "no rows"
		}
		if n := len(r.Done()); n > 0 {
			out += fmt.Sprintf("\ndone: %d of %d, bounded: %v", n, splits, s.Bounded())
		}
		return out + "\n"
	})
}

const manyTypes = "a BIGINT\nb STRING\nc DOUBLE\nd DECIMAL(10,2)\ne BOOLEAN\nf TIMESTAMP(3)\ng TINYINT\nh BYTES\ni INT"

func TestReplayAfterRestoreGivesTheSameRows(t *testing.T) {
	options := "rows-per-second = 100\nnumber-of-rows = 1000\nfields.f.max-past = 1 h\nfields.i.null-rate = 0.5\nfields.b.var-len = true\nfields.b.length = 9"
	c := &clock{origin}
	s := build(t, c, manyTypes, options, 2)
	r := start(t, s, nil)
	first := drain(t, c, r, 300)
	at := r.Positions()
	want := drain(t, c, r, 10000)
	if len(first)+len(want) != 1000 {
		t.Fatalf("%d rows", len(first)+len(want))
	}
	// Another process, a day later.
	c2 := &clock{origin.Add(24 * time.Hour)}
	got := drain(t, c2, start(t, build(t, c2, manyTypes, options, 2), at), 10000)
	// Splits may be interleaved otherwise: each by itself has the same rows.
	for split := range 2 {
		a, b := only(want, split), only(got, split)
		if a != b {
			t.Fatalf("split %d: %d bytes of rows differ from %d", split, len(a), len(b))
		}
	}
}

func only(rows []string, split int) string {
	var out []string
	for _, r := range rows {
		if strings.HasPrefix(r, fmt.Sprint(split, ":")) {
			out = append(out, r)
		}
	}
	return strings.Join(out, "\n")
}

func TestRandomValuesStayInTheirBounds(t *testing.T) {
	c := &clock{origin}
	s := build(t, c, "a INT\nb DOUBLE\nc DECIMAL(5,2)\nd VARCHAR(7)\ne CHAR(3)\nf TINYINT\ng INT",
		"number-of-rows = 5000\nfields.a.min = -3\nfields.a.max = 3\nfields.b.min = 1\nfields.b.max = 2\nfields.c.min = 0\nfields.c.max = 9.99\nfields.d.var-len = true\nfields.g.null-rate = 0.25", 1)
	r := start(t, s, nil)
	seen := map[int64]int{}
	lengths := map[uint32]bool{}
	n, nulls := 0, 0
	for len(r.Done()) == 0 {
		c.now = c.now.Add(time.Second)
		out, err := r.Poll(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if out == nil {
			continue
		}
		for i := range out.Batch.N {
			cols := out.Batch.Cols
			seen[cols[0].Int[i]]++
			lengths[cols[3].Len[i]] = true
			if f := cols[1].Flt[i]; f < 1 || f >= 2 {
				t.Fatalf("b is %v", f)
			}
			if v := cols[2].Dec[i]; v.Hi != 0 || v.Lo > 999 {
				t.Fatalf("c is %v", v)
			}
			if cols[4].Len[i] != 3 || cols[5].Int[i] < -128 || cols[5].Int[i] > 127 {
				t.Fatalf("e has %d characters, f is %d", cols[4].Len[i], cols[5].Int[i])
			}
			if cols[6].IsNull(i) {
				nulls++
			}
			n++
		}
	}
	if n != 5000 || len(seen) != 7 || len(lengths) != 7 {
		t.Fatalf("%d rows, values of a %v, lengths of d %v", n, seen, lengths)
	}
	if nulls < 1100 || nulls > 1400 {
		t.Fatalf("%d of 5000 are NULL at a rate of 0.25", nulls)
	}
}

func TestRateIsKept(t *testing.T) {
	c := &clock{origin}
	s := build(t, c, "a INT", "rows-per-second = 100", 2)
	r := start(t, s, nil)
	total := 0
	for range 50 { // 100 ms each
		c.now = c.now.Add(100 * time.Millisecond)
		out, err := r.Poll(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if out != nil {
			total += out.Batch.N
		}
	}
	if total != 500 {
		t.Fatalf("%d rows in 5 s at 100 a second", total)
	}
}

func TestPauseIsNotMadeUpFor(t *testing.T) {
	c := &clock{origin}
	s := build(t, c, "a INT", "rows-per-second = 100", 1)
	r := start(t, s, nil)
	c.now = c.now.Add(time.Hour)
	total := 0
	for range 10 {
		out, err := r.Poll(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if out != nil {
			total += out.Batch.N
		}
	}
	if total != 100 {
		t.Fatalf("%d rows after a pause, want a second's 100", total)
	}
}

func TestWakeEndsAWait(t *testing.T) {
	s := build(t, &clock{origin}, "a INT", "number-of-rows = 0", 1)
	s.now = time.Now
	r := start(t, s, nil)
	r.Wake()
	if out, err := r.Poll(context.Background(), time.Hour); out != nil || err != nil {
		t.Fatal(out, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Poll(ctx, time.Hour); err == nil {
		t.Fatal("a cancelled Poll returned no error")
	}
}
