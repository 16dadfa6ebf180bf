package e2e

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Jobs of every kind of state under load, killed with SIGKILL at random moments.
func TestQueriesAreExactUnderKills(t *testing.T) {
	queries := []shape{hop, interval, join, topN, session, lists}
	underKills(t, queries, 200_000, 20_000, 8, 900*time.Millisecond)
}

// aggregate is a row of the jobs that add up windows; start is in milliseconds of the records' time.
type aggregate struct{ start, key, count, sum int64 }

func aggregates(t *testing.T, out []string) []aggregate {
	t.Helper()
	var all []aggregate
	for _, line := range out {
		var row struct {
			WS      string
			K, C, S int64
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, aggregate{startOf(t, row.WS), row.K, row.C, row.S})
	}
	return all
}

// startOf is the start of a window in milliseconds of the records' time.
func startOf(t *testing.T, text string) int64 {
	t.Helper()
	ws, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return ws.UnixMilli() - firstEvent
}

// compareSets compares rows that each come once, in any order.
func compareSets[T comparable](t *testing.T, got, want []T) {
	t.Helper()
	left := map[T]bool{}
	for _, w := range want {
		left[w] = true
	}
	seen := map[T]bool{}
	for _, g := range got {
		if seen[g] {
			t.Fatalf("%+v came twice", g)
		}
		seen[g] = true
		if !left[g] {
			t.Fatalf("%+v was never to come", g)
		}
		delete(left, g)
	}
	for w := range left {
		t.Fatalf("%+v is missing, and %d more of %d", w, len(left)-1, len(want))
	}
}

// checkPairs makes the pairs of each even record.
func checkPairs(t *testing.T, n int, out []string) {
	t.Helper()
	type pair struct{ A, B int64 }
	var got, want []pair
	for _, line := range out {
		var p pair
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, p)
	}
	for a := int64(0); a < int64(n); a += 2 {
		for _, b := range []int64{a + 1 - keys, a + 1, a + 1 + keys} {
			if b >= 0 && b < int64(n) {
				want = append(want, pair{a, b})
			}
		}
	}
	compareSets(t, got, want)
}

// checkCounts follows the changes of every key. While the right count is taken back and put out again the row has no partner; apart
// from that no count ever goes back, and no two changes are the same: a change that was lost would be seen at the end, one that was made
// twice as a repetition.
func checkCounts(t *testing.T, n int, out []string) {
	t.Helper()
	type counts struct{ c, d int64 }
	last := make([]counts, keys)
	for _, line := range out {
		if line == "null" {
			continue // a row was taken back
		}
		var row struct {
			K, C int64
			D    *int64
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if row.D == nil {
			continue
		}
		now := counts{row.C, *row.D}
		if was := last[row.K]; now == was || now.c < was.c || now.d < was.d {
			t.Fatalf("key %d came to %+v after %+v", row.K, now, was)
		}
		last[row.K] = now
	}
	seconds := int64(n / keys)
	want := counts{(seconds + 1) / 2, seconds / 2}
	for k, got := range last {
		if got != want {
			t.Fatalf("key %d ends at %+v, want %+v", k, got, want)
		}
	}
}

// checkTop looks for the three greatest values of every key.
func checkTop(t *testing.T, n int, out []string) {
	t.Helper()
	values := make([][]int64, keys)
	for i := range int64(n) {
		values[i%keys] = append(values[i%keys], scrambled(i))
	}
	checkPlaces(t, values, out)
}

// checkPlaces follows the three places of every key: what stands there only ever grows, nothing is taken back, and at the end it is the greatest
// of the key's values.
func checkPlaces(t *testing.T, values [][]int64, out []string) {
	t.Helper()
	got := make([][3]int64, keys)
	for k := range got {
		got[k] = [3]int64{-1, -1, -1}
	}
	for _, line := range out {
		var row struct{ K, Place, V int64 }
		if err := json.Unmarshal([]byte(line), &row); err != nil || row.Place < 1 || row.Place > 3 {
			t.Fatalf("%q is no row of a place: %v", line, err)
		}
		if was := got[row.K][row.Place-1]; row.V <= was {
			t.Fatalf("place %d of key %d came to %d after %d", row.Place, row.K, row.V, was)
		}
		got[row.K][row.Place-1] = row.V
	}
	for k, v := range values {
		slices.Sort(v)
		slices.Reverse(v)
		if want := [3]int64(v[:3]); got[k] != want {
			t.Fatalf("key %d ends at %v, want %v", k, got[k], want)
		}
	}
}

// checkSessions makes a session of each run of seconds in which a key has a record.
func checkSessions(t *testing.T, n int, out []string) {
	t.Helper()
	var want []aggregate
	for k := range int64(keys) {
		open := aggregate{}
		for second := range int64(n / keys) {
			if second%(3+k%4) == 0 {
				if open.count > 0 {
					want = append(want, open)
				}
				open = aggregate{}
				continue
			}
			i := second*keys + k
			if open.count == 0 {
				open = aggregate{start: i, key: k}
			}
			open.count++
			open.sum += i
		}
		if open.count > 0 {
			want = append(want, open)
		}
	}
	compareSets(t, aggregates(t, out), want)
}

// checkLists takes the lists apart: each record is in that of its window and key, once, in both.
func checkLists(t *testing.T, n int, out []string) {
	t.Helper()
	type element struct{ start, digit, n int64 }
	var texts, arrays, want []element
	for _, line := range out {
		var row struct {
			WS string
			D  int64
			L  string
			A  []int64
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		ws := startOf(t, row.WS)
		for _, text := range strings.Split(row.L, ",") {
			x, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatalf("the list of %s and %d: %v", row.WS, row.D, err)
			}
			texts = append(texts, element{ws, row.D, x})
		}
		for _, x := range row.A {
			arrays = append(arrays, element{ws, row.D, x})
		}
	}
	for i := range int64(n) {
		want = append(want, element{i / 10_000 * 10_000, i % 10, i})
	}
	compareSets(t, texts, want)
	compareSets(t, arrays, want)
}
