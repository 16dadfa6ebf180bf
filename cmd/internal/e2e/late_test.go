package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest"
	"weir/exec/killpoint"
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

// Every record is in a window or in the table of late rows, once, though the process was killed at each point of the protocol.
func TestLateRowsKilledAtEachPointOfTheProtocol(t *testing.T) {
	b := kafkatest.Real(t)
	in := b.Topic(t, fmt.Sprintf("late-in-%d", rand.Uint32()), partitions)
	out, late := b.Topic(t, fmt.Sprintf("late-out-%d", rand.Uint32()), partitions), b.Topic(t, fmt.Sprintf("late-late-%d", rand.Uint32()), partitions)
	j := newJob(t, b, fmt.Sprintf(lateJob, in, out, late))
	f := startFeed(t, b, in, 10_000_000, 10_000, sometimesOld)
	for _, point := range killpoint.Points {
		p := j.start([]string{"WEIR_KILL_AT=" + point + ":3"})
		if code := p.ends(60 * time.Second); code != -1 {
			t.Fatalf("%s: exit code %d, want a SIGKILL:\n%s", point, code, tail(p.output()))
		}
	}
	n := int64(f.halt(t))
	j.start(nil, "--until", "end").endsWell(time.Minute)
	var count, sum int64
	seen := map[int64]bool{}
	for _, line := range committed(t, b, late) {
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
		count, sum = count+1, sum+row.N
	}
	if count < n/oldEvery/2 {
		t.Fatalf("of %d records an hour old %d were late", n/oldEvery, count)
	}
	for _, line := range committed(t, b, out) {
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
