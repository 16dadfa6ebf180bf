-- Orders with the shipment that left within four hours of them; an order without one goes out when its time is over.

SET 'pipeline.name' = 'shipped';
SET 'execution.checkpointing.interval' = '5 s';

CREATE TABLE orders (
  id BIGINT,
  customer STRING,
  order_time TIMESTAMP(3),
  WATERMARK FOR order_time AS order_time - INTERVAL '1' MINUTE
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'shipped',
  'scan.startup.mode' = 'earliest-offset',
  'scan.watermark.idle-timeout' = '1 min',
  'format' = 'json'
);

CREATE TABLE shipments (
  order_id BIGINT,
  carrier STRING,
  ship_time TIMESTAMP(3),
  WATERMARK FOR ship_time AS ship_time - INTERVAL '1' MINUTE
) WITH (
  'connector' = 'kafka',
  'topic' = 'shipments',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'shipped',
  'scan.startup.mode' = 'earliest-offset',
  'scan.watermark.idle-timeout' = '1 min',
  'format' = 'json'
);

CREATE TABLE shipped (
  id BIGINT,
  customer STRING,
  carrier STRING,
  order_time TIMESTAMP(3),
  ship_time TIMESTAMP(3)
) WITH (
  'connector' = 'kafka',
  'topic' = 'shipped',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'shipped-',
  'properties.transaction.timeout.ms' = '60000'
);

INSERT INTO shipped
SELECT o.id, o.customer, s.carrier, o.order_time, CAST(s.ship_time AS TIMESTAMP(3))
FROM orders AS o
  LEFT JOIN shipments AS s ON o.id = s.order_id
    AND s.ship_time BETWEEN o.order_time AND o.order_time + INTERVAL '4' HOUR;
