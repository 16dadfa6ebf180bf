-- One input, two outputs, one transaction: whoever reads both topics with read_committed sees
-- both sides of an order or neither.

SET 'pipeline.name' = 'route';
SET 'execution.checkpointing.interval' = '2 s';

CREATE TABLE clicks (
  user_id BIGINT,
  url STRING,
  status INT,
  took_ms INT,
  `partition` INT METADATA VIRTUAL,
  `offset` BIGINT METADATA VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = 'clicks',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'route',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE errors (
  user_id BIGINT,
  url STRING,
  status INT,
  origin STRING
) WITH (
  'connector' = 'kafka',
  'topic' = 'errors',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'route-errors-',
  'properties.transaction.timeout.ms' = '60000'
);

CREATE TABLE slow (
  user_id BIGINT,
  page STRING,
  class STRING
) WITH (
  'connector' = 'kafka',
  'topic' = 'slow',
  'properties.bootstrap.servers' = 'localhost:9092',
  'key.format' = 'json',
  'key.fields' = 'user_id',
  'value.format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'route-slow-',
  'properties.transaction.timeout.ms' = '60000'
);

EXECUTE STATEMENT SET BEGIN
  INSERT INTO errors
  SELECT
    user_id,
    url,
    status,
    CAST(`partition` AS STRING) || ':' || CAST(`offset` AS STRING)
  FROM clicks
  WHERE status >= 400;

  INSERT INTO slow
  SELECT
    user_id,
    LOWER(url),
    CASE WHEN took_ms >= 5000 THEN 'very slow' ELSE 'slow' END
  FROM clicks
  WHERE took_ms >= 1000 AND status < 400;
END;
