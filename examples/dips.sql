-- Dips: a price that falls step by step and then rises again, within an hour. One message for each, to a topic.

SET 'pipeline.name' = 'dips';
SET 'execution.checkpointing.interval' = '5 s';

CREATE TABLE quotes (
  symbol STRING,
  price DECIMAL(10, 2),
  quoted_at TIMESTAMP(3),
  WATERMARK FOR quoted_at AS quoted_at - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'quotes',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'dips',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

CREATE TABLE dips (
  symbol STRING,
  began_at TIMESTAMP(3),
  ended_at TIMESTAMP(3),
  before_it DECIMAL(10, 2),
  lowest DECIMAL(10, 2),
  steps BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = 'dips',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'dips-',
  'properties.transaction.timeout.ms' = '60000'
);

INSERT INTO dips
SELECT symbol, began_at, ended_at, before_it, lowest, steps
FROM quotes MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY quoted_at
  MEASURES
    A.quoted_at AS began_at,
    MATCH_ROWTIME() AS ended_at,
    A.price AS before_it,
    LAST(B.price) AS lowest,
    COUNT(B.price) AS steps
  AFTER MATCH SKIP TO LAST B
  PATTERN (A B+ C) WITHIN INTERVAL '1' HOUR
  DEFINE
    B AS B.price < COALESCE(LAST(B.price, 1), A.price),
    C AS C.price > LAST(B.price)
);
