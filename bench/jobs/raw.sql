-- The standard pipeline, raw lines. Its watermark is declared and nothing needs it.

SET 'pipeline.name' = 'raw';
SET 'execution.checkpointing.interval' = '5 s';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'execution.checkpointing.dir' = 'file:///tmp/weir/chk';

CREATE TABLE topic_1 (
  line STRING,
  event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  WATERMARK FOR event_time AS event_time - INTERVAL '3' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'topic_1',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'bench',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'raw'
);

CREATE TABLE ws (
  line STRING
) WITH (
  'connector' = 'kafka',
  'topic' = 'bench_out',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'raw',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'bench-',
  'properties.transaction.timeout.ms' = '120000'
);

INSERT INTO ws SELECT line FROM topic_1;
