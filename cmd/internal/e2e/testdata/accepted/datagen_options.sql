CREATE TABLE Orders (order_number BIGINT, price DECIMAL(32,2), order_time TIMESTAMP(3), name STRING, flag BOOLEAN, r INT) WITH ('connector'='datagen','number-of-rows'='10','rows-per-second'='100','fields.order_number.kind'='sequence','fields.order_number.start'='1','fields.order_number.end'='1000','fields.name.length'='10','fields.r.min'='1','fields.r.max'='100','fields.r.null-rate'='0.1','fields.order_time.max-past'='10 s');
CREATE TABLE o (order_number BIGINT, price DECIMAL(32,2), name STRING) WITH ('connector'='print');
INSERT INTO o SELECT order_number, price, name FROM Orders;
