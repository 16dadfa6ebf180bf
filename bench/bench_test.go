package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRecordIsTheJSONOfItsEvent(t *testing.T) {
	e := event{user: 7, sku: 42, colour: 5, size: 3, cents: 12305, at: 1234567 * time.Microsecond}
	const want = `{"user_id":7,"item":"sku-00042-widget-purple-xlarge","price":123.05,"ts":"2026-01-01 00:00:01.234"}`
	if got := string(e.appendJSON(nil)); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestPartitionsShareAllRecords(t *testing.T) {
	for _, n := range []int{4, 5, 6, 7, 1000003} {
		sum := 0
		for p := range partitions {
			sum += share(n, p)
		}
		if sum != n {
			t.Errorf("%d records are shared out as %d", n, sum)
		}
	}
}

func TestGeneratorRepeatsItself(t *testing.T) {
	var first []event
	eachEvent("topic_1", 10_000, func(e event) { first = append(first, e) })
	i, size := 0, 0
	eachEvent("topic_1", 10_000, func(e event) {
		if e != first[i] {
			t.Fatalf("event %d is %+v and %+v", i, first[i], e)
		}
		i++
		size += len(e.appendJSON(nil))
	})
	if i != 10_000 {
		t.Errorf("%d events", i)
	}
	if per := float64(size) / 10_000; per < 100 || per > 103 {
		t.Errorf("%.1f bytes a record", per)
	}
}

func TestExpectedRowsAreAsManyAsChanceSays(t *testing.T) {
	// Half of the prices are 500 or more, and seven of eight colours are not purple: 4375 of 10,000, give or take five
	// standard deviations of 50.
	if n := expectOf("filter", 10_000)().(*rowChecker).rows; n < 4125 || n > 4625 {
		t.Errorf("%d rows pass the filter", n)
	}
	// 10,000 draws of 100,000 users in one window meet about 9,516 different ones.
	if n := expectOf("tumble", 10_000)().(*rowChecker).rows; n < 9400 || n > 9650 {
		t.Errorf("%d windows", n)
	}
}

// One record of user 7 in a window, and how engines may write what a job makes of it.
func TestRowsAreComparedByValue(t *testing.T) {
	e := event{user: 7, sku: 42, colour: 5, size: 3, cents: 80000, at: 1234 * time.Millisecond}
	at := firstEvent.UnixMilli()
	for _, c := range []struct {
		job, record string
		want        []byte
	}{
		{"passthrough", `{"user_id":7,"item":"sku-00042-widget-purple-xlarge","price":800.0,"ts":"2026-01-01 00:00:01.234"}`,
			copyRow(nil, 7, []byte("sku-00042-widget-purple-xlarge"), 80000, at+1234)},
		{"passthrough", `{"ts":"2026-01-01 00:00:01.2340","price":8e2,"item":"sku-00042-widget-purple-xlarge","user_id":7}`,
			copyRow(nil, 7, []byte("sku-00042-widget-purple-xlarge"), 80000, at+1234)},
		{"filter", `{"user_id":7,"item":"SKU-00042-WIDGET-PURPLE-XLARGE","price":960,"tier":"hi","ts":"2026-01-01 00:00:01.234"}`,
			e.appendFiltered(nil)},
		{"tumble", `{"window_start":"2026-01-01 00:00:00","window_end":"2026-01-01 00:00:10.000","user_id":7,"cnt":3,"total":1.000000000002E3}`,
			windowRow(nil, at, at+10000, 7, 3, 100000)},
	} {
		check := expectOf(c.job, 4)().(*rowChecker)
		if err := check.row(nil, []byte(c.record)); err != nil || string(check.text) != string(c.want) {
			t.Errorf("%s of %s: %s, %v, want %s", c.job, c.record, check.text, err, c.want)
		}
	}
	for _, record := range []string{`{"user_id":7}`, `{"user_id":7,"item":"x","price":1.005,"ts":"2026-01-01 00:00:00"}`,
		`{"user_id":7,"item":"x","price":1,"ts":"yesterday"}`, `{"user_id":"7","item":"x","price":1,"ts":"2026-01-01 00:00:00"}`} {
		if err := expectOf("passthrough", 4)().row(nil, []byte(record)); err == nil {
			t.Errorf("%s is taken", record)
		}
	}
}

func TestWrongRowsAreFound(t *testing.T) {
	var lines [][]byte
	eachEvent("topic_1", 8, func(e event) { lines = append(lines, e.appendJSON(nil)) })
	for _, c := range []struct {
		name  string
		lines [][]byte
		right bool
	}{
		{"all", lines, true},
		{"in another order", append(lines[4:len(lines):len(lines)], lines[:4]...), true},
		{"one missing", lines[1:], false},
		{"one twice", append(lines[1:len(lines):len(lines)], lines[1]), false},
	} {
		for _, job := range []string{"copy", "passthrough"} {
			check := expectOf(job, 8)()
			for _, l := range c.lines {
				if err := check.row(nil, l); err != nil {
					t.Fatal(err)
				}
			}
			if err := check.end(); (err == nil) != c.right {
				t.Errorf("%s, %s: %v", job, c.name, err)
			}
		}
	}
}

func TestTotalsMustRiseToThoseOfTheInput(t *testing.T) {
	for _, c := range []struct {
		name  string
		rows  []string
		right bool
	}{
		{"each update", []string{`{"user_id":0,"cnt":1,"total":1.0}`, `{"user_id":0,"cnt":2,"total":3.0}`}, true},
		{"the last one", []string{`{"user_id":0,"cnt":2,"total":3}`}, true},
		{"another sum", []string{`{"user_id":0,"cnt":2,"total":3.5}`}, false},
		{"too few", []string{`{"user_id":0,"cnt":1,"total":1}`}, false},
		{"twice", []string{`{"user_id":0,"cnt":2,"total":3}`, `{"user_id":0,"cnt":2,"total":3}`}, false},
		{"of another key", []string{`{"user_id":1,"cnt":2,"total":3}`}, false},
	} {
		check := &totalChecker{records: 2, want: []total{{2, 300}}, last: make([]total, 1)}
		var err error
		for _, r := range c.rows {
			err = errors.Join(err, check.row([]byte(`{"user_id":0}`), []byte(r)))
		}
		if err = errors.Join(err, check.end()); (err == nil) != c.right {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestRatiosSayWhetherTheFloorIsMet(t *testing.T) {
	r := &report{}
	r.add(entry{Engine: "weir", Job: "passthrough"}, measure{records: 1000, took: time.Second, cpu: time.Millisecond, memory: 200 << 20})
	r.add(entry{Engine: "flink", Job: "passthrough"}, measure{records: 1000, took: 2 * time.Second, cpu: 6 * time.Millisecond, memory: 2000 << 20})
	const want = "| (a) JSON to JSON | Flink | 1/6 (≤ 1/4: met) | 2 x (≥ 2.50 x: **not met**) | 1/10 (≤ 1/8: met) |\n"
	if got := r.Ratios(); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestNumberIsReadOutOfARecord(t *testing.T) {
	n, err := number([]byte(`{"window_start":"2026-01-01 00:00:00","user_id":5,"cnt":123,"total":4.5}`), "cnt")
	if err != nil || n != 123 {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := number([]byte(`{"count":1}`), "cnt"); err == nil {
		t.Fatal("a missing member is read")
	}
}

func TestMedianOfAnEvenNumberIsBetweenTheMiddleTwo(t *testing.T) {
	if m := median([]float64{9, 1, 5, 2}); m != 3.5 {
		t.Fatal(m)
	}
	if m := median([]int64{9, 1, 5}); m != 5 {
		t.Fatal(m)
	}
}

func TestPlanIsTheEntriesOfItsJobsAndPeers(t *testing.T) {
	for _, c := range []struct {
		jobs, peers string
		want        string
	}{
		{"passthrough", "none", "weir passthrough"},
		{"group,first", "bare,flink", "bare copy, weir group, flink group hashmap, flink group rocksdb, first"},
		{"raw", "kstreams", "weir raw"},
		{"tumble", "flinck", `-peers: no peer "flinck": there are bare, flink, kstreams, or none`},
		{"tumbel", "flink", `-jobs: no job "tumbel": there are raw, passthrough, filter, tumble, group, first`},
	} {
		p, err := newPlan(options{jobs: c.jobs, peers: c.peers})
		var got []string
		for _, e := range p.entries {
			got = append(got, e.String())
		}
		if p.first {
			got = append(got, "first")
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("-jobs %s -peers %s: %s, want %s", c.jobs, c.peers, s, c.want)
		}
	}
}

// Each job of the table has a file, and each peer's job is one of weir's.
func TestEveryJobHasAFile(t *testing.T) {
	for _, e := range entries {
		if e.Job == "copy" {
			continue
		}
		if _, err := os.Stat(filepath.Join("jobs", e.Job+".sql")); err != nil {
			t.Error(err)
		}
		if !slices.Contains(entries, entry{Engine: "weir", Job: e.Job}) {
			t.Errorf("weir does not run the job of %s", e)
		}
	}
}

func TestTicksAreRoundAndFew(t *testing.T) {
	for _, c := range []struct {
		high float64
		want string
	}{{24.3, "0 5 10 15 20"}, {2.2, "0 0.5 1 1.5 2"}, {1.2, "0 0.2 0.4 0.6 0.8 1 1.2"}, {2900, "0 500 1000 1500 2000 2500"}, {900, "0 200 400 600 800"}, {640, "0 100 200 300 400 500 600"}} {
		var got []string
		for _, tick := range roundTicks(0, c.high) {
			got = append(got, tick.Label)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("to %g: %s, want %s", c.high, s, c.want)
		}
	}
}

// TestPageIsWhatRecordsAndTemplatesMake: docs/benchmarks.md is never written by hand.
func TestPageIsWhatRecordsAndTemplatesMake(t *testing.T) {
	want, err := pageText("..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "docs", "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/benchmarks.md is not what bench/record, bench/page.tmpl, bench/nexmark.tmpl and bench/nexmark.md make: change these, and go run ./bench page")
	}
}

func TestPlotHasABarForEachLine(t *testing.T) {
	r := &report{}
	for _, e := range entries {
		r.add(e, measure{records: 1000, took: time.Second, cpu: 7 * time.Millisecond, memory: 77 << 20})
	}
	file := filepath.Join(t.TempDir(), "plot.svg")
	if err := r.plot(file); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// Raw lines are in the table only.
	for label, want := range map[string]int{">7.0<": len(entries) - 1, ">77<": len(entries) - 1, ">(c) tumble, 100 k keys<": 3, ">weir<": 1} {
		if n := strings.Count(string(svg), label); n != want {
			t.Errorf("%s is there %d times, not %d", label, n, want)
		}
	}
}

func TestCPUOfAProcessIsRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT RUN: there is no /proc")
	}
	before, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for sum := uint64(0); ; sum++ {
		now, err := cpuOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now > before { // a tick of 10 ms has been spent
			return
		}
	}
}
