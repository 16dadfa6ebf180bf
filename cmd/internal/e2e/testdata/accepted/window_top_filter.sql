CREATE TABLE s (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='datagen');
CREATE TABLE o (ws TIMESTAMP(3), a INT, t TIMESTAMP(3)) WITH ('connector'='blackhole');
INSERT INTO o SELECT window_start, a, window_time FROM TABLE(HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '2' MINUTE)) WHERE a > 5;
