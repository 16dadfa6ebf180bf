-- (a) JSON in, JSON out: every column is decoded and encoded.

SET 'pipeline.name' = 'passthrough';
SET 'execution.checkpointing.interval' = '5 s';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'execution.checkpointing.dir' = 'file:///tmp/weir/chk';

CREATE TABLE topic_1 (
  user_id BIGINT,
  item    STRING,
  price   DOUBLE,
  ts      TIMESTAMP(3)
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
  user_id BIGINT,
  item    STRING,
  price   DOUBLE,
  ts      TIMESTAMP(3)
) WITH (
  'connector' = 'kafka',
  'topic' = 'bench_out',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'bench-',
  'properties.transaction.timeout.ms' = '120000'
);

INSERT INTO ws SELECT user_id, item, price, ts FROM topic_1;
