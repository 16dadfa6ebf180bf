-- Requests of the last minute, every ten seconds, as CSV; the statement ends by itself when it
-- has read what is in the topic.

SET 'pipeline.name' = 'hop';
SET 'execution.checkpointing.interval' = '5 s';

CREATE TABLE requests (
  host STRING,
  bytes BIGINT,
  at_ms BIGINT,
  at AS TO_TIMESTAMP_LTZ(at_ms, 3),
  WATERMARK FOR at AS at - INTERVAL '1' SECOND
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
  bytes BIGINT,
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

CREATE VIEW big AS SELECT host, bytes, at FROM requests WHERE bytes > 0;

INSERT INTO traffic
SELECT host, window_end, COUNT(*), SUM(bytes), MAX(bytes)
FROM TABLE(HOP(TABLE big, DESCRIPTOR(at), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
GROUP BY host, window_start, window_end;
