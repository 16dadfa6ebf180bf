CREATE TABLE Orders (order_id INT, price INT, quantity INT) WITH ('connector'='datagen');
CREATE TABLE o (order_id INT, total BIGINT) WITH ('connector'='print');
INSERT INTO o WITH orders_with_total AS (SELECT order_id, price * quantity AS total FROM Orders) SELECT order_id, SUM(total) FROM orders_with_total GROUP BY order_id;
