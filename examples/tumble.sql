-- Orders per customer in windows of ten seconds of event time. A window's row is final: it is
-- written once, when the watermark has passed the window's end.

SET 'pipeline.name' = 'orders-per-window';
SET 'execution.checkpointing.interval' = '5 s';
SET 'table.local-time-zone' = 'UTC';

CREATE TABLE orders (
  customer STRING,
  amount DECIMAL(10, 2),
  order_time TIMESTAMP(3),
  WATERMARK FOR order_time AS order_time - INTERVAL '3' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'orders-per-window',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

CREATE TABLE orders_per_window (
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  customer STRING,
  orders BIGINT,
  revenue DECIMAL(38, 2)
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders_per_window',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'orders-per-window-',
  'properties.transaction.timeout.ms' = '60000'
);

INSERT INTO orders_per_window
SELECT window_start, window_end, customer, COUNT(*), SUM(amount)
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(order_time), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, customer;
