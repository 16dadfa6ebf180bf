package e2e

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

// The jobs of this file are one of each kind of operator whose state is more than a number: windows that overlap, rows that
// wait for partners, rows in an order, and windows that grow. They read the records of the keyed job.
const queryTables = `
SET 'pipeline.name' = 'query';
SET 'execution.checkpointing.interval' = '100 ms';
SET 'execution.checkpointing.dir' = '$CHK';
CREATE TABLE numbers (k BIGINT, n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'kafka', 'topic' = '%[1]s', 'properties.bootstrap.servers' = '$BROKER',
  'properties.group.id' = '%[1]s', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
`

// appended and upserted are what the table of the results is WITH.
const (
	appended = `) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '$BROKER', 'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '%[2]s-', 'properties.transaction.timeout.ms' = '20000');
`
	upserted = `) WITH ('connector' = 'upsert-kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '$BROKER', 'key.format' = 'json', 'value.format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '%[2]s-', 'properties.transaction.timeout.ms' = '20000');
`
)

// Even records meet the odd ones of their pair of keys that are at most 1.5 s away: the next one, and those a second before and behind it.
const intervalJob = queryTables + `
CREATE TABLE pairs (a BIGINT, b BIGINT` + appended + `
CREATE VIEW evens AS SELECT k / 2 AS p, n, ts FROM numbers WHERE MOD(n, 2) = 0;
CREATE VIEW odds AS SELECT k / 2 AS p, n, ts FROM numbers WHERE MOD(n, 2) = 1;
INSERT INTO pairs SELECT evens.n, odds.n FROM evens JOIN odds
ON evens.p = odds.p AND odds.ts BETWEEN evens.ts - INTERVAL '1.500' SECOND AND evens.ts + INTERVAL '1.500' SECOND;
`

// Counts of a key's records in even and in odd seconds, put together.
const joinJob = queryTables + `
CREATE TABLE counts (k BIGINT, c BIGINT, d BIGINT, PRIMARY KEY (k) NOT ENFORCED` + upserted + `
INSERT INTO counts SELECT l.k, c, d
FROM (SELECT k, COUNT(*) AS c FROM numbers WHERE MOD(n / 1000, 2) = 0 GROUP BY k) l
LEFT JOIN (SELECT k, COUNT(*) AS d FROM numbers WHERE MOD(n / 1000, 2) = 1 GROUP BY k) r ON l.k = r.k;
`

// The three greatest of scrambled values, each of which comes once.
const topJob = queryTables + `
CREATE TABLE top (k BIGINT, place BIGINT, v BIGINT, PRIMARY KEY (k, place) NOT ENFORCED` + upserted + `
INSERT INTO top SELECT k, place, v
FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS place FROM (SELECT k, MOD(n * 7919, 1000003) AS v FROM numbers))
WHERE place <= 3;
`

// A key has a record a second. Those of every third to sixth second, by the key, are left out, which ends its session.
const sessionJob = queryTables + `
CREATE TABLE sessions (ws TIMESTAMP(3), k BIGINT, c BIGINT, s BIGINT` + appended + `
CREATE VIEW kept AS SELECT * FROM numbers WHERE MOD(n / 1000, 3 + MOD(k, 4)) <> 0;
INSERT INTO sessions SELECT window_start, k, COUNT(*), SUM(n)
FROM TABLE(SESSION(TABLE kept PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1.500' SECOND)) GROUP BY window_start, window_end, k;
`

var queries = []shape{
	{"hop", hopJob, event, checkHops},
	{"interval-join", intervalJob, event, checkPairs},
	{"join", joinJob, event, checkCounts},
	{"top-n", topJob, event, checkTop},
	{"session", sessionJob, event, checkSessions},
}

// Jobs of every kind of state under load, killed with SIGKILL at random moments.
func TestQueriesAreExactUnderKills(t *testing.T) {
	underKills(t, queries, 200_000, 20_000, 8, 900*time.Millisecond, 2*time.Minute)
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
		ws, err := time.Parse("2006-01-02 15:04:05", row.WS)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, aggregate{ws.UnixMilli() - 1_767_225_600_000, row.K, row.C, row.S})
	}
	return all
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

// checkTop follows the three places of every key: what stands there only ever grows.
func checkTop(t *testing.T, n int, out []string) {
	t.Helper()
	got := make([][3]int64, keys)
	for k := range got {
		got[k] = [3]int64{-1, -1, -1}
	}
	for _, line := range out {
		if line == "null" {
			continue // the row before an update was taken back
		}
		var row struct{ K, Place, V int64 }
		if err := json.Unmarshal([]byte(line), &row); err != nil || row.Place < 1 || row.Place > 3 {
			t.Fatalf("%q is no row of a place: %v", line, err)
		}
		if was := got[row.K][row.Place-1]; row.V <= was {
			t.Fatalf("place %d of key %d came to %d after %d", row.Place, row.K, row.V, was)
		}
		got[row.K][row.Place-1] = row.V
	}
	values := make([][]int64, keys)
	for i := range int64(n) {
		values[i%keys] = append(values[i%keys], i*7919%1_000_003)
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
