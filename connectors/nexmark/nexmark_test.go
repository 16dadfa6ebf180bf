package nexmark

import (
	"context"
	"fmt"
	"slices"
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

// clockwork is a time that tests move.
type clockwork struct{ now time.Time }

func (c *clockwork) Now() time.Time { return c.now }

func build(t testing.TB, c *clockwork, schema, options string, splits int) *source {
	t.Helper()
	table := &catalog.Table{Name: "n", Connector: "nexmark", Options: formattest.Options(options)}
	scan := &physical.Scan{Table: table, Parallelism: splits}
	for i, col := range formattest.Schema(t, schema) {
		table.Columns = append(table.Columns, catalog.Column{Name: col.Name, Type: col.Type})
		scan.Columns = append(scan.Columns, physical.Column{Name: col.Name, Type: col.Type})
		scan.Fields = append(scan.Fields, i)
	}
	s, err := newSource(scan, config.New(), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start makes a reader of the given splits, or of those of a first start.
func start(t testing.TB, s *source, splits []exec.Split) exec.SourceReader {
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

// drain polls until nothing comes three times in a row, or there are as many rows as wanted.
func drain(t testing.TB, r exec.SourceReader, limit int) (rows []string) {
	t.Helper()
	for idle := 0; idle < 3 && len(rows) < limit; {
		out, err := r.Poll(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if out == nil {
			idle++
			continue
		}
		for i := range out.Batch.N {
			var parts []string
			for _, v := range out.Batch.Cols {
				parts = append(parts, formattest.Show(v.Type, v.Value(i)))
			}
			rows = append(rows, strings.Join(parts, " "))
		}
	}
	return rows
}

const (
	persons = "id BIGINT\nname STRING\nemailAddress STRING\ncreditCard STRING\ncity STRING\nstate STRING\ndateTime TIMESTAMP(3)\nextra STRING"
	bids    = "auction BIGINT\nbidder BIGINT\nprice BIGINT\nchannel STRING\nurl STRING\ndateTime TIMESTAMP(3)\nextra STRING"
	sales   = "id BIGINT\nitemName STRING\ndescription STRING\ninitialBid BIGINT\nreserve BIGINT\ndateTime TIMESTAMP(3)\nexpires TIMESTAMP(3)\nseller BIGINT\ncategory BIGINT\nextra STRING"
	events  = "event_type INT\n" +
		"person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, dateTime TIMESTAMP(3), extra STRING>\n" +
		"auction ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra STRING>\n" +
		"bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP(3), extra STRING>"
)

// Columns, options, and the first rows.
func TestRows(t *testing.T) {
	datadriven.RunTest(t, "testdata/rows.txt", func(t *testing.T, d *datadriven.TestData) string {
		schema, options, _ := strings.Cut(d.Input, "\n--\n")
		rows, splits := 8, 1
		d.MaybeScanArgs(t, "rows", &rows)
		d.MaybeScanArgs(t, "splits", &splits)
		s := build(t, &clockwork{time.UnixMilli(0)}, schema, options, splits)
		r := start(t, s, nil)
		out := drain(t, r, rows)
		if len(out) > rows {
			out = out[:rows]
		}
		text := strings.Join(out, "\n")
		if len(out) == 0 {
			text = "no rows"
		}
		if n := len(r.Done()); n > 0 {
			text += fmt.Sprintf("\ndone: %d of %d", n, splits)
		}
		return text + fmt.Sprintf("\nbounded: %v\n", s.Bounded())
	})
}

func TestTheSameRowsComeAtAnyParallelism(t *testing.T) {
	for table, schema := range map[string]string{"person": persons, "auction": sales, "bid": bids, "event": events} {
		options := "table = " + table + "\nevents.num = 12345"
		want := drain(t, start(t, build(t, &clockwork{}, schema, options, 1), nil), 1e9)
		slices.Sort(want)
		for _, n := range []int{2, 3, 7, 20} {
			got := drain(t, start(t, build(t, &clockwork{}, schema, options, n), nil), 1e9)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s in %d splits: %d rows, other ones than the %d in one", table, n, len(got), len(want))
			}
		}
	}
}

func TestThreeTablesTellOfTheSameEvents(t *testing.T) {
	all := drain(t, start(t, build(t, &clockwork{}, events, "events.num = 5000", 1), nil), 1e9)
	if len(all) != 5000 {
		t.Fatalf("%d events", len(all))
	}
	for k, c := range []struct{ table, schema string }{{"person", persons}, {"auction", sales}, {"bid", bids}} {
		var want []string
		for _, row := range all {
			if row[0] == byte('0'+k) {
				want = append(want, row)
			}
		}
		got := drain(t, start(t, build(t, &clockwork{}, c.schema, "events.num = 5000\ntable = "+c.table, 1), nil), 1e9)
		if len(got) != len(want) {
			t.Fatalf("%s: %d rows, %d events", c.table, len(got), len(want))
		}
		for i, row := range got {
			for _, value := range strings.Fields(row) {
				if !strings.Contains(want[i], value) {
					t.Fatalf("%s row %d: %s is not in\n%s", c.table, i, value, want[i])
				}
			}
		}
	}
}

func TestAColumnIsTheSameWithoutTheOthers(t *testing.T) {
	for table, schema := range map[string]string{"person": persons, "auction": sales, "bid": bids} {
		options := "table = " + table + "\nevents.num = 3000"
		s := build(t, &clockwork{}, schema, options, 1)
		r := start(t, s, nil)
		out, err := r.Poll(context.Background(), 0)
		if err != nil || out == nil {
			t.Fatal(out, err)
		}
		for i, column := range strings.Split(schema, "\n") {
			var want []string
			v := out.Batch.Cols[i]
			for row := range out.Batch.N {
				want = append(want, formattest.Show(v.Type, v.Value(row)))
			}
			got := drain(t, start(t, build(t, &clockwork{}, column, options, 1), nil), 1)
			if !slices.Equal(got, want) {
				t.Errorf("%s: column %s alone has other values", table, column)
			}
		}
	}
}

func TestReplayAfterRestoreGivesTheSameRows(t *testing.T) {
	options := "events.num = 20000\ntable = bid\nbase-time = now"
	s := build(t, &clockwork{time.UnixMilli(1e12)}, bids, options, 3)
	r := start(t, s, nil)
	first := drain(t, r, 5000)
	at := r.Positions()
	want := drain(t, r, 1e9)
	if len(first)+len(want) != 18400 {
		t.Fatalf("%d bids, of 20000 events 18400 are", len(first)+len(want))
	}
	// Another process, a day later, where all splits are read by one subtask.
	later := build(t, &clockwork{time.UnixMilli(1e12).Add(24 * time.Hour)}, bids, options, 1)
	if found, err := later.Discover(context.Background(), at); err != nil || len(found) > 0 {
		t.Fatal(found, err)
	}
	got := drain(t, start(t, later, at), 1e9)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%d rows, other ones than %d", len(got), len(want))
	}
}

func TestEventsComeAtTheSpeedOfTheirTimes(t *testing.T) {
	c := &clockwork{time.UnixMilli(0)}
	r := start(t, build(t, c, "event_type INT", "rate.limited = true\nfirst-event.rate = 100", 2), nil)
	// A hundred events a second, 50 of the first split and then 50 of the second.
	total := 0
	for second, want := range []int{1, 101, 201, 301} { // and the one at the full second
		c.now = time.UnixMilli(int64(second) * 1000)
		total += len(drain(t, r, 1e9))
		if total != want {
			t.Errorf("after %d s: %d events, want %d", second, total, want)
		}
	}
}

// The distributions that queries rely on, over a hundred thousand events.
func TestProportionsAreThePublishedOnes(t *testing.T) {
	s := build(t, &clockwork{}, events, "events.num = 100000", 1)
	r := start(t, s, nil)
	count := map[string]int{}
	var price, size float64
	for {
		out, err := r.Poll(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if out == nil {
			break
		}
		for i := range out.Batch.N {
			switch bid, auction := out.Batch.Cols[3], out.Batch.Cols[2]; {
			case !bid.IsNull(i):
				count["bids"]++
				if bid.Children[0].Int[i]%100 == 0 {
					count["for a hot auction"]++
				}
				if bid.Children[1].Int[i]%100 == 1 {
					count["by a hot bidder"]++
				}
				if p := bid.Children[2].Int[i]; p < 100 || p > 1e8 {
					t.Fatalf("price %d", p)
				} else if p < 100_000 {
					count["of less than 1000.00"]++
				}
				if c := string(bid.Children[3].Bytes(i)); !strings.HasPrefix(c, "channel-") {
					count["on a hot channel"]++
				}
				price += float64(bid.Children[2].Int[i])
				size += float64(bid.Children[6].Len[i]) + bidBytes
			case !auction.IsNull(i):
				count["auctions"]++
				if auction.Children[7].Int[i]%100 == 0 {
					count["of a hot seller"]++
				}
				if c := auction.Children[8].Int[i]; c < 10 || c > 14 {
					t.Fatalf("category %d", c)
				}
				if auction.Children[4].Int[i] <= auction.Children[3].Int[i] {
					t.Fatal("the reserve is not above the initial bid")
				}
				if auction.Children[6].Int[i] <= auction.Children[5].Int[i] {
					t.Fatal("an auction ends before it begins")
				}
			default:
				count["people"]++
			}
		}
	}
	for what, want := range map[string][2]int{
		"people": {2000, 2000}, "auctions": {6000, 6000}, "bids": {92000, 92000},
		"for a hot auction": {46000, 48000}, "by a hot bidder": {69000, 71500}, "of a hot seller": {4450, 4700},
		"of less than 1000.00": {45000, 47000}, "on a hot channel": {45000, 47000},
	} {
		if n := count[what]; n < want[0] || n > want[1] {
			t.Errorf("%s: %d, want %d to %d", what, n, want[0], want[1])
		}
	}
	// The mean of 100 x 10^(6u) is 100 (10^6 - 1) / (6 ln 10).
	if mean := price / 92000; mean < 7.0e6 || mean > 7.5e6 {
		t.Errorf("mean price %g", mean)
	}
	if mean := size / 92000; mean < 99 || mean > 101 {
		t.Errorf("mean size of a bid %g", mean)
	}
}

// Half of the period goes by at one rate and half at the other.
func TestRateChangesWithinThePeriod(t *testing.T) {
	square := newClock(0, 1000, 100, shapeSquare, 20)
	for n, want := range map[int64]int64{0: 0, 1: 1, 9_999: 9_999, 10_000: 10_000, 10_001: 10_010, 10_999: 19_990, 11_000: 20_000, 11_001: 20_001, 22_000: 40_000} {
		if got := square.at(n); got != want {
			t.Errorf("event %d is at %d ms, want %d", n, got, want)
		}
	}
	sine := newClock(0, 1000, 100, shapeSine, 100)
	last, fell := int64(-1), 0
	for n := range sine.events * 2 {
		if at := sine.at(n); at < last {
			fell++
		} else {
			last = at
		}
	}
	if fell > 0 || last < 199_000 || last > 200_000 {
		t.Errorf("two periods of 100 s end at %d ms; the time falls %d times", last, fell)
	}
}

func BenchmarkBids(b *testing.B) {
	for name, schema := range map[string]string{"all": bids, "numbers": "auction BIGINT\nbidder BIGINT\nprice BIGINT\ndateTime TIMESTAMP(3)", "price": "price BIGINT"} {
		b.Run(name, func(b *testing.B) { benchmark(b, "bid", schema) })
	}
}

func BenchmarkEvents(b *testing.B) { benchmark(b, "event", events) }

func benchmark(b *testing.B, table, schema string) {
	r := start(b, build(b, &clockwork{}, schema, "table = "+table, 1), nil)
	rows := 0
	b.ReportAllocs()
	for b.Loop() {
		out, err := r.Poll(context.Background(), 0)
		if err != nil {
			b.Fatal(err)
		}
		rows += out.Batch.N
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}
