package e2e

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest"
)

// shape is a job under test: its SQL, its records, and what must be in its output.
type shape struct {
	name  string
	sql   string // %[1]s and %[2]s are the topics of input and output
	value func(i int) []byte
	check func(t *testing.T, n int, out []string)

	// prepare makes what a trial has beside that, before there is a job: further topics, a registry, a check that reads them. It returns edits of
	// the SQL, old and new in turn. It may be nil.
	prepare func(t *testing.T, x *trial) []string
}

// The jobs: raw, tumble and totals are what most tests run; the others are one of each kind of operator whose state is more than a
// number: windows that overlap, rows that wait for partners, rows in an order, windows that grow, and lists.
var (
	raw      = shape{"raw", rawJob, number, checkNumbers, nil}
	tumble   = shape{"tumble", tumbleJob, event, checkWindows, nil}
	totals   = shape{"totals", totalsJob, event, checkTotals, nil}
	hop      = shape{"hop", hopJob, event, checkHops, nil}
	interval = shape{"interval-join", intervalJob, event, checkPairs, nil}
	join     = shape{"join", joinJob, event, checkCounts, nil}
	topN     = shape{"top-n", topJob, event, checkTop, nil}
	session  = shape{"session", sessionJob, event, checkSessions, nil}
	lists    = shape{"lists", listJob, event, checkLists, nil}

	shapes = []shape{raw, tumble, totals}
)

// keys is how many keys the records have.
const keys = 1000

// firstEvent is the event time of record 0, in milliseconds.
const firstEvent = 1_767_225_600_000

func number(i int) []byte { return strconv.AppendInt(nil, int64(i), 10) }

func event(i int) []byte {
	ts := time.UnixMilli(firstEvent + int64(i)).UTC().Format("2006-01-02 15:04:05.000")
	return fmt.Appendf(nil, `{"k":%d,"n":%d,"ts":"%s"}`, i%keys, i, ts)
}

// trial is a job between two topics of its own.
type trial struct {
	*job
	shape
	b       *kafkatest.Broker
	in, out string
	beside  func(i int) (key, value []byte) // records of a second input, one for besideEvery of the first; nil: there is none
	side    *feed                           // of those
}

// besideEvery is how many records of a job's input come for one of its second input.
const besideEvery = 5

// rates is the topic of a job's second input.
func (x *trial) rates() string { return x.in + "-rates" }

// on makes a trial on a broker. Edits are pairs of what to change in the SQL: old, new.
func (s shape) on(t *testing.T, b *kafkatest.Broker, edits ...string) *trial {
	t.Helper()
	x := &trial{shape: s, b: b}
	x.in = b.Topic(t, fmt.Sprintf("%s-in-%d", s.name, rand.Uint32()), partitions)
	x.out = b.Topic(t, fmt.Sprintf("%s-out-%d", s.name, rand.Uint32()), partitions)
	if s.prepare != nil {
		edits = append(s.prepare(t, x), edits...)
	}
	x.job = newJob(t, b, strings.NewReplacer(edits...).Replace(fmt.Sprintf(s.sql, x.in, x.out)))
	return x
}

// feed sends n records to the job, so many a second.
func (x *trial) feed(n, rate int) *feed {
	x.t.Helper()
	if x.beside != nil {
		x.side = startRecords(x.t, x.b, x.rates(), n/besideEvery, rate/besideEvery, x.beside)
	}
	return startFeed(x.t, x.b, x.in, n, rate, x.value)
}

// endsExactly runs the job over what is left and checks the output of n records.
func (x *trial) endsExactly(n int) {
	x.t.Helper()
	if x.side != nil {
		x.side.halt(x.t)
	}
	x.start(nil, "--until", "end").endsWell()
	x.check(x.t, n, committed(x.t, x.b, x.out))
}

// What the jobs have in common. $BROKER and $CHK are filled in by newJob, the topics of input and output by the tests.
const (
	jobName  = "job" // and so the folder of its state
	settings = `
SET 'pipeline.name' = '` + jobName + `';
SET 'execution.checkpointing.interval' = '100 ms';
SET 'execution.checkpointing.dir' = '$CHK';
`
	fromKafka = `) WITH ('connector' = 'kafka', 'topic' = '%[1]s', 'properties.bootstrap.servers' = '$BROKER',
  'properties.group.id' = '%[1]s', 'scan.startup.mode' = 'earliest-offset', 'format' = `

	// numbers is records with a key and a number; timed has their event time too, one millisecond a record.
	numbers = settings + `CREATE TABLE numbers (k BIGINT, n BIGINT` + fromKafka + `'json');
`
	timed = settings + `CREATE TABLE numbers (k BIGINT, n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND` + fromKafka + `'json');
`

	// appended, upserted and inTransaction are what the tables of results are WITH.
	appended      = `) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '$BROKER', 'format' = 'json', ` + inTransaction
	upserted      = `) WITH ('connector' = 'upsert-kafka', 'topic' = '%[2]s', ` + asJSON + inTransaction
	asJSON        = `'properties.bootstrap.servers' = '$BROKER', 'key.format' = 'json', 'value.format' = 'json', `
	inTransaction = `
  'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '%[2]s-', 'properties.transaction.timeout.ms' = '20000');
`
)

// Every record of one topic goes to another.
const rawJob = settings + `
CREATE TABLE numbers (line STRING, event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  WATERMARK FOR event_time AS event_time - INTERVAL '3' SECOND` + fromKafka + `'raw');
CREATE TABLE ws (line STRING) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '$BROKER', 'format' = 'raw', ` + inTransaction + `
INSERT INTO ws SELECT line FROM numbers;
`

// A count and a sum a key and window.
const tumbleJob = timed + `
CREATE TABLE sums (ws TIMESTAMP(3), k BIGINT, c BIGINT, s BIGINT` + appended + `
INSERT INTO sums SELECT window_start, k, COUNT(*), SUM(n)
FROM TABLE(TUMBLE(TABLE numbers, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, k;
`

// hopJob is tumbleJob with windows that overlap: each record counts in two.
var hopJob = strings.Replace(tumbleJob,
	"TUMBLE(TABLE numbers, DESCRIPTOR(ts), INTERVAL '10' SECOND)",
	"HOP(TABLE numbers, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)", 1)

// A running count and sum a key, into a compacted topic.
const totalsJob = numbers + `
CREATE TABLE totals (k BIGINT, c BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED` + upserted + `
INSERT INTO totals SELECT k, COUNT(*), SUM(n) FROM numbers GROUP BY k;
`

// A topic, a compacted topic and a folder of files are filled in one transaction.
var setJob = numbers + `
CREATE TABLE even (n STRING) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '$BROKER', 'format' = 'raw', ` + inTransaction + `
CREATE TABLE totals (k BIGINT, c BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = '%[2]s-totals', ` +
	asJSON + strings.Replace(inTransaction, "%[2]s-", "%[2]s-totals-", 1) + `
CREATE TABLE files (k BIGINT, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '$FILES', 'format' = 'json',
  'sink.rolling-policy.rollover-interval' = '1 s', 'sink.rolling-policy.inactivity-interval' = '1 s', 'sink.rolling-policy.file-size' = '100 kb');
EXECUTE STATEMENT SET BEGIN
INSERT INTO even SELECT CAST(n AS STRING) FROM numbers WHERE MOD(n, 2) = 0;
INSERT INTO totals SELECT k, COUNT(*), SUM(n) FROM numbers GROUP BY k;
INSERT INTO files SELECT k, n FROM numbers;
END;
`

// Even records meet the odd ones of their pair of keys that are at most 1.5 s away: the next one, and those a second before and behind it.
const intervalJob = timed + `
CREATE TABLE pairs (a BIGINT, b BIGINT` + appended + `
CREATE VIEW evens AS SELECT k / 2 AS p, n, ts FROM numbers WHERE MOD(n, 2) = 0;
CREATE VIEW odds AS SELECT k / 2 AS p, n, ts FROM numbers WHERE MOD(n, 2) = 1;
INSERT INTO pairs SELECT evens.n, odds.n FROM evens JOIN odds
ON evens.p = odds.p AND odds.ts BETWEEN evens.ts - INTERVAL '1.500' SECOND AND evens.ts + INTERVAL '1.500' SECOND;
`

// Counts of a key's records in even and in odd seconds, put together.
const joinJob = timed + `
CREATE TABLE counts (k BIGINT, c BIGINT, d BIGINT, PRIMARY KEY (k) NOT ENFORCED` + upserted + `
INSERT INTO counts SELECT l.k, c, d
FROM (SELECT k, COUNT(*) AS c FROM numbers WHERE MOD(n / 1000, 2) = 0 GROUP BY k) l
LEFT JOIN (SELECT k, COUNT(*) AS d FROM numbers WHERE MOD(n / 1000, 2) = 1 GROUP BY k) r ON l.k = r.k;
`

// The three greatest of scrambled values, each of which comes once.
const topJob = timed + `
CREATE TABLE top (k BIGINT, place BIGINT, v BIGINT, PRIMARY KEY (k, place) NOT ENFORCED` + upserted + `
INSERT INTO top SELECT k, place, v
FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS place FROM (SELECT k, MOD(n * 7919, 1000003) AS v FROM numbers))
WHERE place <= 3;
`

// A key has a record a second. Those of every third to sixth second, by the key, are left out, which ends its session.
const sessionJob = timed + `
CREATE TABLE sessions (ws TIMESTAMP(3), k BIGINT, c BIGINT, s BIGINT` + appended + `
CREATE VIEW kept AS SELECT * FROM numbers WHERE MOD(n / 1000, 3 + MOD(k, 4)) <> 0;
INSERT INTO sessions SELECT window_start, k, COUNT(*), SUM(n)
FROM TABLE(SESSION(TABLE kept PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1.500' SECOND)) GROUP BY window_start, window_end, k;
`

// The records of ten seconds of a hundred keys, as lists of which one is text and one has an element for each.
const listJob = timed + `
CREATE TABLE lists (ws TIMESTAMP(3), d BIGINT, l STRING, a ARRAY<BIGINT>` + appended + `
INSERT INTO lists SELECT window_start, d, LISTAGG(CAST(n AS STRING)), ARRAY_AGG(n)
FROM TABLE(TUMBLE((SELECT MOD(k, 10) AS d, n, ts FROM numbers), DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, d;
`
