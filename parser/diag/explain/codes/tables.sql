CREATE TABLE orders (
  order_id BIGINT NOT NULL,
  customer STRING,
  country STRING,
  amount DECIMAL(10, 2),
  quantity INT,
  price DOUBLE,
  created_ms BIGINT,
  order_time TIMESTAMP(3),
  WATERMARK FOR order_time AS order_time - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'orders', 'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

CREATE TABLE payments (
  payment_id BIGINT,
  order_id BIGINT,
  channel STRING,
  paid DECIMAL(10, 2),
  pay_time TIMESTAMP(3)
) WITH ('connector' = 'kafka', 'topic' = 'payments', 'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

CREATE TABLE results (
  name STRING,
  n BIGINT,
  share DOUBLE
) WITH ('connector' = 'blackhole');

CREATE TABLE totals (
  customer STRING,
  n BIGINT,
  PRIMARY KEY (customer) NOT ENFORCED
) WITH ('connector' = 'upsert-kafka', 'topic' = 'totals', 'properties.bootstrap.servers' = 'localhost:9092',
  'key.format' = 'json', 'value.format' = 'json');

CREATE TABLE exact (
  name STRING
) WITH ('connector' = 'kafka', 'topic' = 'exact', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'raw',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'exact-');
