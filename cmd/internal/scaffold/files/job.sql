-- Revenue by country and minute. A minute is written once, when the watermark has passed its end.

SET 'pipeline.name' = 'revenue';
SET 'table.local-time-zone' = 'UTC';

-- The sample orders of this folder. For a topic write instead:
--   'connector' = 'kafka', 'topic' = 'orders', 'properties.bootstrap.servers' = 'localhost:9092',
--   'scan.startup.mode' = 'earliest-offset', 'format' = 'json'
CREATE TABLE orders (
  id BIGINT,
  country STRING,
  amount DECIMAL(10, 2),
  order_time TIMESTAMP(3),
  WATERMARK FOR order_time AS order_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'filesystem',
  'path' = 'data/orders.json',
  'format' = 'json'
);

-- The terminal. For a topic, exactly once, write instead:
--   'connector' = 'kafka', 'topic' = 'revenue', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json',
--   'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'revenue-'
-- and SET 'execution.checkpointing.interval' = '5 s'.
CREATE TABLE revenue (
  minute_start TIMESTAMP(3),
  country STRING,
  orders BIGINT,
  total DECIMAL(38, 2)
) WITH ('connector' = 'print');

INSERT INTO revenue
SELECT window_start, country, COUNT(*), SUM(amount)
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(order_time), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, country;
