-- (d) Count and sum per key without an end, a million keys: every input row updates a key.

SET 'pipeline.name' = 'group';
SET 'execution.checkpointing.interval' = '5 s';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'execution.checkpointing.dir' = 'file:///tmp/weir/chk';

CREATE TABLE topic_1m (
  user_id BIGINT,
  item    STRING,
  price   DOUBLE,
  ts      TIMESTAMP(3)
) WITH (
  'connector' = 'kafka',
  'topic' = 'topic_1m',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'bench',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
);

CREATE TABLE ws (
  user_id BIGINT,
  cnt     BIGINT,
  total   DOUBLE,
  PRIMARY KEY (user_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'bench_out',
  'properties.bootstrap.servers' = 'localhost:9092',
  'key.format' = 'json',
  'value.format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'bench-',
  'properties.transaction.timeout.ms' = '120000'
);

INSERT INTO ws SELECT user_id, COUNT(*), SUM(price) FROM topic_1m GROUP BY user_id;
