package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest"
)

// The late job: counts a window, and what comes behind the watermark goes to a topic of its own.
const lateJob = settings + `
CREATE TABLE numbers (k BIGINT, n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND` + fromKafka + `'json', 'weir.late-rows.target' = 'late');
CREATE TABLE sums (c BIGINT, s BIGINT` + appended + `
CREATE TABLE late (n BIGINT, ts TIMESTAMP(3), ` + "`watermark`" + ` TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = '%[3]s',
  'properties.bootstrap.servers' = '$BROKER', 'format' = 'json', ` + inTransaction + `
INSERT INTO sums SELECT COUNT(*), SUM(n) FROM TABLE(TUMBLE(TABLE numbers, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, k;
`

// oldEvery is which records are an hour old.
const oldEvery = 50

func sometimesOld(i int) []byte {
	if i%oldEvery != 0 {
		return event(i)
	}
	ts := time.UnixMilli(firstEvent + int64(i)).UTC().Add(-time.Hour).Format("2006-01-02 15:04:05.000")
	return fmt.Appendf(nil, `{"k":%d,"n":%d,"ts":"%s"}`, i%keys, i, ts)
}

// lateJoin joins the windows of two topics: each record is in a pair, goes out alone, or is late, on its own side.
const lateJoin = settings + `
CREATE TABLE a (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'kafka', 'topic' = '%[1]s', 'properties.bootstrap.servers' = '$BROKER', 'weir.late-rows.target' = 'late_a',
  'properties.group.id' = '%[1]s', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE b (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '$BROKER', 'weir.late-rows.target' = 'late_b',
  'properties.group.id' = '%[2]s', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE pairs (a BIGINT, b BIGINT) WITH ('connector' = 'kafka', 'topic' = '%[3]s',
  'properties.bootstrap.servers' = '$BROKER', 'format' = 'json', ` + inTransaction + `
CREATE TABLE late_a (n BIGINT, ts TIMESTAMP(3), ` + "`watermark`" + ` TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = '%[4]s',
  'properties.bootstrap.servers' = '$BROKER', 'format' = 'json', ` + inTransaction + `
CREATE TABLE late_b (n BIGINT, ts TIMESTAMP(3), ` + "`watermark`" + ` TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = '%[5]s',
  'properties.bootstrap.servers' = '$BROKER', 'format' = 'json', ` + inTransaction + `
INSERT INTO pairs SELECT l.n, r.n FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' SECOND)) AS l
FULL JOIN TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' SECOND)) AS r
ON l.n = r.n AND l.window_start = r.window_start AND l.window_end = r.window_end;
`

// killedEverywhere runs a job that dies at each point of the protocol, and then to the end of what was fed to its topics by then; feeds says how
// many records that is, by feed.
func killedEverywhere(t *testing.T, j *job, feeds ...*feed) (n []int64) {
	t.Helper()
	j.killedAtEachPoint()
	for _, f := range feeds {
		n = append(n, int64(f.halt(t)))
	}
	j.start(nil, "--until", "end").endsWell()
	return n
}

// lateRecords is the records in a topic of late rows: old ones, each behind its watermark and there once.
func lateRecords(t *testing.T, b *kafkatest.Broker, topic string) map[int64]bool {
	t.Helper()
	seen := map[int64]bool{}
	for _, line := range committed(t, b, topic) {
		var row struct {
			N             int64
			TS, Watermark string
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if row.N%oldEvery != 0 || row.TS >= row.Watermark {
			t.Fatalf("a row that is not late: %s", line)
		}
		if seen[row.N] {
			t.Fatalf("late row %d came twice", row.N)
		}
		seen[row.N] = true
	}
	return seen
}

func newTopics(t *testing.T, b *kafkatest.Broker, names ...string) []any {
	var out []any
	for _, n := range names {
		out = append(out, b.Topic(t, fmt.Sprintf("%s-%d", n, rand.Uint32()), partitions))
	}
	return out
}

// Every record is in a window or in the table of late rows, once, though the process was killed at each point of the protocol.
func TestLateRowsKilledAtEachPointOfTheProtocol(t *testing.T) {
	b := kafkatest.Real(t)
	topics := newTopics(t, b, "late-in", "late-out", "late-late")
	j := newJob(t, b, fmt.Sprintf(lateJob, topics...))
	n := killedEverywhere(t, j, startFeed(t, b, topics[0].(string), 10_000_000, 10_000, sometimesOld))[0]
	var count, sum int64
	for late := range lateRecords(t, b, topics[2].(string)) {
		count, sum = count+1, sum+late
	}
	if count < n/oldEvery/2 {
		t.Fatalf("of %d records an hour old %d were late", n/oldEvery, count)
	}
	for _, line := range committed(t, b, topics[1].(string)) {
		var row struct{ C, S int64 }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		count, sum = count+row.C, sum+row.S
	}
	if count != n || sum != n*(n-1)/2 {
		t.Fatalf("%d records with the sum %d, want %d and %d", count, sum, n, n*(n-1)/2)
	}
}

// Every record of both sides of a join is in its output or among the late rows of its side, once.
func TestLateRowsOfAJoinKilledAtEachPointOfTheProtocol(t *testing.T) {
	b := kafkatest.Real(t)
	topics := newTopics(t, b, "late-a", "late-b", "late-pairs", "late-late-a", "late-late-b")
	j := newJob(t, b, fmt.Sprintf(lateJoin, topics...))
	var feeds []*feed
	for _, in := range topics[:2] {
		feeds = append(feeds, startFeed(t, b, in.(string), 10_000_000, 5_000, sometimesOld))
	}
	n := killedEverywhere(t, j, feeds...)
	var seen [2]map[int64]bool
	for side, topic := range topics[3:] {
		seen[side] = lateRecords(t, b, topic.(string))
		if count := int64(len(seen[side])); count < n[side]/oldEvery/2 {
			t.Fatalf("of %d records of side %d that are an hour old %d were late", n[side]/oldEvery, side, count)
		}
	}
	pairs := 0
	for _, line := range committed(t, b, topics[2].(string)) {
		var row struct{ A, B *int64 }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for side, x := range []*int64{row.A, row.B} {
			if x == nil {
				continue
			}
			if seen[side][*x] {
				t.Fatalf("record %d of side %d came twice", *x, side)
			}
			seen[side][*x] = true
		}
		if row.A != nil && row.B != nil {
			pairs++
		}
	}
	for side := range seen {
		if int64(len(seen[side])) != n[side] {
			t.Fatalf("%d records of side %d, want %d", len(seen[side]), side, n[side])
		}
	}
	if most := min(n[0], n[1]); int64(pairs) < most/2 {
		t.Fatalf("%d pairs of %d records", pairs, most)
	}
}
