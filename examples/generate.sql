-- Ten thousand orders into a topic, for trying the other examples out. The job ends by itself.

SET 'pipeline.name' = 'generate';
SET 'execution.checkpointing.interval' = '1 s';

CREATE TABLE generated (
  id BIGINT,
  amount INT
) WITH (
  'connector' = 'datagen',
  'number-of-rows' = '10000',
  'rows-per-second' = '100000',
  'fields.id.kind' = 'sequence',
  'fields.id.start' = '1',
  'fields.id.end' = '10000',
  'fields.amount.min' = '100',
  'fields.amount.max' = '99999'
);

CREATE TABLE orders (
  customer STRING,
  amount DECIMAL(10, 2),
  order_time TIMESTAMP(3)
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'generate-',
  'properties.transaction.timeout.ms' = '60000'
);

INSERT INTO orders
SELECT
  'customer-' || CAST(MOD(id, 100) AS STRING),
  CAST(amount AS DECIMAL(10, 2)) / 100,
  TIMESTAMPADD(SECOND, CAST(id / 10 AS INT), TIMESTAMP '2026-01-01 00:00:00')
FROM generated;
