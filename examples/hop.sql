-- Requests of the last minute, every ten seconds, as CSV. The job ends by itself when it has read
-- what was in the topic at its start.

SET 'pipeline.name' = 'hop';
SET 'execution.checkpointing.interval' = '5 s';

CREATE TABLE requests (
  host STRING,
  size BIGINT,
  at_ms BIGINT,
  seen AS TO_TIMESTAMP_LTZ(at_ms, 3),
  WATERMARK FOR seen AS seen - INTERVAL '1' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'requests',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'csv'
);

CREATE TABLE traffic (
  host STRING,
  window_end TIMESTAMP(3),
  requests BIGINT,
  total BIGINT,
  biggest BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = 'traffic',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'csv',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'hop-',
  'properties.transaction.timeout.ms' = '60000'
);

CREATE VIEW big AS SELECT host, size, seen FROM requests WHERE size > 0;

INSERT INTO traffic
SELECT host, window_end, COUNT(*), SUM(size), MAX(size)
FROM TABLE(HOP(TABLE big, DESCRIPTOR(seen), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
GROUP BY host, window_start, window_end;
