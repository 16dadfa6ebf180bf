-- (b) A filter, a projection and expressions of everyday use.

SET 'pipeline.name' = 'filter';
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
  tier    STRING,
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

INSERT INTO ws
SELECT
  user_id,
  UPPER(item),
  ROUND(price * 1.2, 2),
  CASE WHEN price > 750 THEN 'hi' ELSE 'lo' END,
  ts
FROM topic_1
WHERE price >= 500 AND item NOT LIKE '%-purple-%';
