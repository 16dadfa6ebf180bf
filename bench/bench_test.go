package main

import (
	"errors"
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
