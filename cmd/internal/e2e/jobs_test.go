package e2e

import "strings"

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
const setJob = numbers + `
CREATE TABLE even (n STRING) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '$BROKER', 'format' = 'raw', ` + inTransaction + `
CREATE TABLE totals (k BIGINT, c BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = '%[2]s-totals', ` + asJSON + `
  'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '%[2]s-totals-', 'properties.transaction.timeout.ms' = '20000');
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
