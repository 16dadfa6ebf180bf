CREATE TABLE s (ts TIMESTAMP(3), a INT, t2 AS ts + INTERVAL '1' SECOND, WATERMARK FOR ts AS ts - INTERVAL '0.001' SECOND) WITH ('connector'='datagen');
CREATE TABLE s2 (ts STRING, t AS TO_TIMESTAMP(ts, 'yyyy-MM-dd HH:mm:ss'), WATERMARK FOR t AS t) WITH ('connector'='datagen');
CREATE TABLE o (a TIMESTAMP(3), c BIGINT) WITH ('connector'='blackhole');
INSERT INTO o SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE s2, DESCRIPTOR(t), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;
INSERT INTO o SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' DAY, INTERVAL '8' HOUR)) GROUP BY window_start, window_end HAVING COUNT(*) > 1;
