CREATE TABLE Orders (`user` BIGINT, product STRING, amount INT, order_time TIMESTAMP(3), WATERMARK FOR order_time AS order_time - INTERVAL '1' MINUTE) WITH ('connector'='datagen');
CREATE TABLE o (`user` BIGINT, wstart TIMESTAMP(3), s INT) WITH ('connector'='print');
INSERT INTO o SELECT `user`, TUMBLE_START(order_time, INTERVAL '1' DAY) AS wStart, SUM(amount) FROM Orders GROUP BY TUMBLE(order_time, INTERVAL '1' DAY), `user`;
INSERT INTO o SELECT `user`, HOP_END(order_time, INTERVAL '1' HOUR, INTERVAL '1' DAY), SUM(amount) FROM Orders GROUP BY HOP(order_time, INTERVAL '1' HOUR, INTERVAL '1' DAY), `user`;
