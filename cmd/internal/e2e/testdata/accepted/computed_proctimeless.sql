CREATE TABLE s (`id` INT, cost DOUBLE, quantity DOUBLE, `total` AS cost * quantity, ts_ms BIGINT, event_time AS TO_TIMESTAMP_LTZ(ts_ms, 3), WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND) COMMENT 'a table' WITH ('connector'='datagen');
CREATE TABLE o (id INT, total DOUBLE, t TIMESTAMP_LTZ(3)) WITH ('connector'='blackhole');
INSERT INTO o SELECT id, total, event_time FROM s WHERE total > 10 AND quantity <> 0;
