-- (c) Count and sum per key in windows of ten seconds.

SET 'pipeline.name' = 'tumble';
SET 'execution.checkpointing.interval' = '5 s';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'execution.checkpointing.dir' = 'file:///tmp/weir/chk';

CREATE TABLE topic_1 (
  user_id BIGINT,
  item    STRING,
  price   DOUBLE,
  ts      TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'topic_1',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'bench',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
);

CREATE TABLE ws (
  window_start TIMESTAMP(3),
  window_end   TIMESTAMP(3),
  user_id      BIGINT,
  cnt          BIGINT,
  total        DOUBLE
) WITH (
  'connector' = 'kafka',
  'topic' = 'bench_out',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'bench-',
  'properties.transaction.timeout.ms' = '120000'
);

INSERT INTO ws
SELECT window_start, window_end, user_id, COUNT(*), SUM(price)
FROM TABLE(TUMBLE(TABLE topic_1, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY user_id, window_start, window_end;
