-- The running total of every customer, as a compacted topic: one key a customer, the latest value wins.

SET 'pipeline.name' = 'totals';
SET 'execution.checkpointing.interval' = '5 s';
SET 'table.exec.state.ttl' = '30 d';

CREATE TABLE orders (
  customer STRING,
  amount DECIMAL(10, 2)
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'totals',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

CREATE TABLE totals (
  customer STRING,
  orders BIGINT,
  revenue DECIMAL(38, 2),
  PRIMARY KEY (customer) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'totals',
  'properties.bootstrap.servers' = 'localhost:9092',
  'key.format' = 'json',
  'value.format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'totals-',
  'properties.transaction.timeout.ms' = '60000'
);

INSERT INTO totals
SELECT customer, COUNT(*), SUM(amount)
FROM orders
GROUP BY customer;
