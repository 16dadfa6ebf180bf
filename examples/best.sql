-- The three best-selling items of each country, always up to date: a compacted topic with a key for each place.

SET 'pipeline.name' = 'best';
SET 'execution.checkpointing.interval' = '5 s';
SET 'table.exec.state.ttl' = '30 d';

CREATE TABLE sales (
  country STRING,
  item STRING,
  pieces BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = 'sales',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'best',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

CREATE TABLE best (
  country STRING,
  place BIGINT,
  item STRING,
  pieces BIGINT,
  PRIMARY KEY (country, place) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'best',
  'properties.bootstrap.servers' = 'localhost:9092',
  'key.format' = 'json',
  'value.format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'best-',
  'properties.transaction.timeout.ms' = '60000'
);

INSERT INTO best
SELECT country, place, item, pieces
FROM (
  SELECT
    country,
    item,
    pieces,
    ROW_NUMBER() OVER (PARTITION BY country ORDER BY pieces DESC) AS place
  FROM (SELECT country, item, SUM(pieces) AS pieces FROM sales GROUP BY country, item)
)
WHERE place <= 3;
