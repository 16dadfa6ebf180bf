-- (d) with more state than memory: count and sum per key without an end, keys uniformly random. The price follows from the key,
-- so that every row of the output can be verified by itself.

SET 'pipeline.name' = 'bigstate';
SET 'execution.checkpointing.interval' = '5 s';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';

CREATE TABLE events (
  user_id BIGINT
) WITH (
  'connector' = 'datagen',
  'rows-per-second' = '1000000000',
  'number-of-rows' = '$RECORDS',
  'fields.user_id.min' = '0',
  'fields.user_id.max' = '$LAST'
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

INSERT INTO ws
SELECT user_id, COUNT(*), SUM(price) FROM (SELECT user_id, CAST(MOD(user_id, 1000) AS DOUBLE) AS price FROM events) GROUP BY user_id;
