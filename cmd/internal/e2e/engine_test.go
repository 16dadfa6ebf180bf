package e2e

import (
	bin "encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"

	"weir/connectors/formats/avro/registry/registrytest"
	"weir/connectors/kafka/kafkatest"
)

// Jobs of several queries and of what the engine does beside single operators: a table that is read once for all of them, a registry of schemas,
// patterns, rows in an order behind rows in an order, rows that are aggregated before they are sent and then wait, versions of a second topic.
var (
	shared   = shape{"shared", sharedJob, event, nil, prepareShared}
	avroed   = shape{"avro", avroJob, nil, nil, prepareAvro}
	match    = shape{"match", matchJob, event, checkDips, nil}
	ordered  = shape{"over-top-n", orderedJob, event, nil, prepareOrdered}
	twoPhase = shape{"two-phase", twoPhaseJob, event, nil, prepareTwoPhase}
	temporal = shape{"temporal-join", temporalJob, event, nil, prepareTemporal}

	engine = []shape{shared, avroed, match, ordered, twoPhase, temporal}
)

// A table is read once: for both sides of a join with itself, for an aggregation, and for a table that gets the rows as they are.
var sharedJob = strings.Replace(intervalJob, "INSERT INTO", `
CREATE TABLE totals (k BIGINT, c BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = '%[2]s-totals', `+asJSON+inTransaction+`
CREATE TABLE copy (n STRING) WITH ('connector' = 'kafka', 'topic' = '%[2]s-copy', 'properties.bootstrap.servers' = '$BROKER', 'format' = 'raw', `+inTransaction+`
EXECUTE STATEMENT SET BEGIN
INSERT INTO totals SELECT k, COUNT(*), SUM(n) FROM numbers GROUP BY k;
INSERT INTO copy SELECT CAST(n AS STRING) FROM numbers;
INSERT INTO`, 1) + `END;
`

// further makes a topic behind that of the job's output, and gives its reader.
func (x *trial) further(t *testing.T, name string) (read func(t *testing.T) []string) {
	t.Helper()
	topic := x.b.Topic(t, x.out+"-"+name, partitions)
	return func(t *testing.T) []string {
		t.Helper()
		return committed(t, x.b, topic)
	}
}

func prepareShared(t *testing.T, x *trial) []string {
	totals, copies := x.further(t, "totals"), x.further(t, "copy")
	x.check = func(t *testing.T, n int, pairs []string) {
		t.Helper()
		checkPairs(t, n, pairs)
		checkTotals(t, n, totals(t))
		checkNumbers(t, n, copies(t))
	}
	return nil
}

// Records in Avro, with the numbers of their schemas, are copied, and counted into a compacted topic whose keys are Avro, too.
const avroJob = settings + `
CREATE TABLE numbers (k BIGINT, n BIGINT` + fromKafka + `'avro-confluent', 'avro-confluent.url' = '$REGISTRY');
CREATE TABLE copy (k BIGINT, n BIGINT) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '$BROKER',
  'format' = 'avro-confluent', 'avro-confluent.url' = '$REGISTRY', ` + inTransaction + `
CREATE TABLE totals (k BIGINT, c BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = '%[2]s-totals',
  'properties.bootstrap.servers' = '$BROKER', 'key.format' = 'avro-confluent', 'key.avro-confluent.url' = '$REGISTRY',
  'value.format' = 'avro-confluent', 'value.avro-confluent.url' = '$REGISTRY', ` + inTransaction + `
EXECUTE STATEMENT SET BEGIN
INSERT INTO copy SELECT k, n FROM numbers;
INSERT INTO totals SELECT k, COUNT(*), SUM(n) FROM numbers GROUP BY k;
END;
`

func prepareAvro(t *testing.T, x *trial) []string {
	registry := registrytest.Start()
	t.Cleanup(registry.Close)
	id := registry.Add(x.in+"-value", `{"type":"record","name":"number","fields":[{"name":"k","type":["null","long"]},{"name":"n","type":"long"}]}`)
	x.value = func(i int) []byte {
		b := bin.BigEndian.AppendUint32([]byte{0}, uint32(id))
		b = append(b, 2) // the second type of the union, as a zigzag number
		return bin.AppendVarint(bin.AppendVarint(b, int64(i%keys)), int64(i))
	}
	topic := x.b.Topic(t, x.out+"-totals", partitions)
	x.check = func(t *testing.T, n int, _ []string) { // the records are no lines
		t.Helper()
		var numbers, totals []string
		for _, row := range avroRows(t, x.b, registry, x.out) {
			if row.K != row.N%keys {
				t.Fatalf("record %d has the key %d", row.N, row.K)
			}
			numbers = append(numbers, strconv.FormatInt(row.N, 10))
		}
		for _, row := range avroRows(t, x.b, registry, topic) {
			totals = append(totals, fmt.Sprintf(`{"k":%d,"c":%d,"s":%d}`, row.K, row.C, row.S))
		}
		checkNumbers(t, n, numbers)
		checkTotals(t, n, totals)
	}
	return []string{"$REGISTRY", registry.URL}
}

// avroRow is a record of the tables of avroJob.
type avroRow struct{ K, N, C, S int64 }

// avroRows reads a topic in Avro by a library that weir does not read it with.
func avroRows(t *testing.T, b *kafkatest.Broker, registry *registrytest.Server, topic string) (rows []avroRow) {
	t.Helper()
	text, id := registry.Latest(topic + "-value")
	schema, err := avro.Parse(text)
	if err != nil {
		t.Fatalf("the schema of topic %s: %v", topic, err)
	}
	for _, r := range b.Read(t, topic, "read_committed") {
		if len(r.Value) < 5 || r.Value[0] != 0 || bin.BigEndian.Uint32(r.Value[1:]) != uint32(id) {
			t.Fatalf("topic %s: % x does not begin with the number of schema %d", topic, r.Value, id)
		}
		var fields map[string]any
		if rest, err := schema.Decode(r.Value[5:], &fields); err != nil || len(rest) > 0 {
			t.Fatalf("topic %s: % x: %v, %d bytes are left", topic, r.Value, err, len(rest))
		}
		number := func(name string) int64 {
			n, _ := fields[name].(int64) // 0 where the table has no such column
			return n
		}
		rows = append(rows, avroRow{number("k"), number("n"), number("c"), number("s")})
	}
	return rows
}

// scrambled is the value of a record that has no order.
func scrambled(i int64) int64 { return i * 7919 % 1_000_003 }

// The scrambled value of a key falls for some seconds, and rises.
const matchJob = timed + `
CREATE TABLE dips (k BIGINT, top BIGINT, low BIGINT, up BIGINT, steps BIGINT` + appended + `
CREATE VIEW walk AS SELECT k, n, ts, MOD(n * 7919, 1000003) AS v FROM numbers;
INSERT INTO dips SELECT k, top, low, up, steps FROM walk MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts
  MEASURES A.n AS top, LAST(B.n) AS low, C.n AS up, COUNT(B.n) AS steps
  AFTER MATCH SKIP PAST LAST ROW PATTERN (A B+ C)
  DEFINE B AS B.v < A.v AND (LAST(B.v, 1) IS NULL OR B.v < LAST(B.v, 1)), C AS C.v > LAST(B.v));
`

// checkDips walks down from each record of a key behind the last dip.
func checkDips(t *testing.T, n int, out []string) {
	t.Helper()
	type dip struct{ K, Top, Low, Up, Steps int64 }
	var got, want []dip
	for _, line := range out {
		var d dip
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, d)
	}
	for k := range int64(keys) {
		for top := k; top < int64(n); top += keys {
			d := dip{K: k, Top: top, Low: top}
			for d.Up = top + keys; d.Up < int64(n) && scrambled(d.Up) < scrambled(d.Low); d.Up += keys {
				d.Low = d.Up
				d.Steps++
			}
			if d.Steps > 0 && d.Up < int64(n) {
				want = append(want, d)
				top = d.Up
			}
		}
	}
	compareSets(t, got, want)
}

// The sums of three rows in their order, and the three greatest of those sums.
const orderedJob = timed + `
CREATE TABLE moving (n BIGINT, v BIGINT) WITH ('connector' = 'kafka', 'topic' = '%[2]s-moving', 'properties.bootstrap.servers' = '$BROKER', 'format' = 'json', ` + inTransaction + `
CREATE TABLE top (k BIGINT, place BIGINT, v BIGINT, PRIMARY KEY (k, place) NOT ENFORCED` + upserted + `
CREATE VIEW sums AS SELECT k, n, SUM(MOD(n * 7919, 1000003)) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS v FROM numbers;
EXECUTE STATEMENT SET BEGIN
INSERT INTO moving SELECT n, v FROM sums;
INSERT INTO top SELECT k, place, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS place FROM sums) WHERE place <= 3;
END;
`

func prepareOrdered(t *testing.T, x *trial) []string {
	moving := x.further(t, "moving")
	x.check = func(t *testing.T, n int, top []string) {
		t.Helper()
		type sum struct{ N, V int64 }
		var got, want []sum
		for _, line := range moving(t) {
			var s sum
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			got = append(got, s)
		}
		values := make([][]int64, keys)
		for i := range int64(n) {
			s := sum{N: i}
			for back := i; back >= 0 && back > i-3*keys; back -= keys {
				s.V += scrambled(back)
			}
			want = append(want, s)
			values[i%keys] = append(values[i%keys], s.V)
		}
		compareSets(t, got, want)
		checkPlaces(t, values, top)
	}
	return nil
}

// Few groups, which are aggregated before they are sent, and again in mini-batches: by windows, and running.
const twoPhaseJob = timed + `
SET 'table.exec.mini-batch.enabled' = 'true';
SET 'table.exec.mini-batch.allow-latency' = '150 ms';
SET 'table.exec.mini-batch.size' = '700';
SET 'table.optimizer.agg-phase-strategy' = 'TWO_PHASE';
CREATE TABLE sums (ws TIMESTAMP(3), k BIGINT, c BIGINT, s BIGINT` + appended + `
CREATE TABLE digits (d BIGINT, c BIGINT, s BIGINT, lo BIGINT, hi BIGINT, PRIMARY KEY (d) NOT ENFORCED
) WITH ('connector' = 'upsert-kafka', 'topic' = '%[2]s-digits', ` + asJSON + inTransaction + `
EXECUTE STATEMENT SET BEGIN
INSERT INTO sums SELECT window_start, d, COUNT(*), SUM(n)
FROM TABLE(TUMBLE((SELECT MOD(k, 10) AS d, n, ts FROM numbers), DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, d;
INSERT INTO digits SELECT MOD(k, 10), COUNT(*), SUM(n), MIN(n), MAX(n) FROM numbers GROUP BY MOD(k, 10);
END;
`

func prepareTwoPhase(t *testing.T, x *trial) []string {
	digits := x.further(t, "digits")
	x.check = func(t *testing.T, n int, windows []string) {
		t.Helper()
		type digit struct{ D, C, S, Lo, Hi int64 }
		cells := map[cell]sums{}
		want := make([]digit, 10)
		for i := range int64(n) {
			c := cell{i / 10_000, i % 10}
			cells[c] = sums{cells[c].count + 1, cells[c].sum + i}
			w := &want[i%10]
			*w = digit{i % 10, w.C + 1, w.S + i, i % 10, i}
		}
		checkCells(t, windows, 10_000, cells)
		got := make([]digit, 10)
		for _, line := range digits(t) {
			var d digit
			if err := json.Unmarshal([]byte(line), &d); err != nil || d.D < 0 || d.D > 9 {
				t.Fatalf("%q: %v", line, err)
			}
			// A mini-batch that went out twice would be seen here, one that was lost at the end.
			if d.C <= got[d.D].C {
				t.Fatalf("digit %d came to %+v after %+v", d.D, d, got[d.D])
			}
			got[d.D] = d
		}
		for d := range want {
			if got[d] != want[d] {
				t.Fatalf("digit %d ends at %+v, want %+v", d, got[d], want[d])
			}
		}
	}
	return nil
}

// Each record meets the version that its key had at its time. A new one of every key comes each five seconds.
const temporalJob = timed + `
CREATE TABLE rates (k BIGINT, version BIGINT, since TIMESTAMP(3), PRIMARY KEY (k) NOT ENFORCED, WATERMARK FOR since AS since - INTERVAL '1' SECOND
) WITH ('connector' = 'upsert-kafka', 'topic' = '%[1]s-rates', 'properties.bootstrap.servers' = '$BROKER', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE rated (n BIGINT, version BIGINT` + appended + `
INSERT INTO rated SELECT n, version FROM numbers LEFT JOIN rates FOR SYSTEM_TIME AS OF numbers.ts ON numbers.k = rates.k;
`

// versionEvery is how many milliseconds a version is the newest.
const versionEvery = besideEvery * keys

func prepareTemporal(t *testing.T, x *trial) []string {
	x.b.Topic(t, x.rates(), partitions)
	x.beside = func(i int) (key, value []byte) {
		k, version := i%keys, i/keys
		since := time.UnixMilli(firstEvent + int64(version)*versionEvery).UTC().Format("2006-01-02 15:04:05.000")
		return fmt.Appendf(nil, `{"k":%d}`, k), fmt.Appendf(nil, `{"k":%d,"version":%d,"since":"%s"}`, k, version, since)
	}
	x.check = func(t *testing.T, n int, out []string) {
		t.Helper()
		type rated struct{ N, Version int64 }
		var got, want []rated
		for _, line := range out {
			r := rated{Version: -1} // NULL leaves it
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			got = append(got, r)
		}
		newest := int64(x.side.halt(t))/keys - 1
		for i := range int64(n) {
			want = append(want, rated{i, min(i/versionEvery, newest)})
		}
		compareSets(t, got, want)
	}
	return nil
}

// Each of them is killed with SIGKILL at random moments, and goes on with another parallelism each time, all beside one another.
func TestJobsOfSeveralQueriesAreExactUnderKillsAndRescales(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range engine {
		t.Run(s.name, func(t *testing.T) {
			const n = 40_000
			x := s.on(t, b)
			t.Parallel()
			f := x.feed(n, 4_000)
			for k := range 4 {
				p := x.start(nil, "--set", fmt.Sprintf("parallelism.default=%d", []int{2, 1, 3}[k%3]))
				p.said("job running")
				time.Sleep(time.Duration(rand.Int64N(int64(1200 * time.Millisecond))))
				p.kill()
				t.Logf("kill %d at record %d", k+1, f.sent.Load())
				if s.name == shared.name && !strings.Contains(p.output(), "branch 4") {
					t.Fatalf("the table is not read once for both sides of the join, the aggregation and the copy:\n%s", p.output())
				}
			}
			f.wait(t)
			x.endsExactly(n)
		})
	}
}
