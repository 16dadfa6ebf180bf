-- The field's standard pipeline: every record of topic_1 goes to ws, exactly once.
-- Read ws with isolation.level=read_committed.

SET 'pipeline.name' = 'li';
SET 'execution.checkpointing.interval' = '5 s';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'execution.checkpointing.dir' = 'file:///tmp/weir/chk';
SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION';

CREATE TABLE topic_1 (
  line STRING,
  event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  WATERMARK FOR event_time AS event_time - INTERVAL '3' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'topic_1',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'li',
  'scan.startup.mode' = 'latest-offset',
  'format' = 'raw'
);

CREATE TABLE ws (line STRING) WITH (
  'connector' = 'kafka',
  'topic' = 'ws',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'raw',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'li-',
  'properties.transaction.timeout.ms' = '120000'
);

INSERT INTO ws SELECT line FROM topic_1;
