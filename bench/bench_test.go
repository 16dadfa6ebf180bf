package main

import (
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
	a, b := newWorkload(10_000), newWorkload(10_000)
	if a != b {
		t.Fatalf("%+v and %+v", a, b)
	}
	// Half of the prices are 500 or more, and seven of eight colours are not purple: 4375 of 10,000, give or take five
	// standard deviations of 50.
	if a.passed < 4125 || a.passed > 4625 {
		t.Errorf("%d rows pass the filter", a.passed)
	}
	// 10,000 draws of 100,000 users in one window meet about 9,516 different ones.
	if a.windows < 9400 || a.windows > 9650 {
		t.Errorf("%d windows", a.windows)
	}
	if per := float64(a.bytes) / 10_000; per < 100 || per > 103 {
		t.Errorf("%.1f bytes a record", per)
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
