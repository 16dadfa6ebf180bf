CREATE TABLE s (a INT, c DOUBLE, m DECIMAL(10,3)) WITH ('connector'='datagen');
CREATE TABLE o (x DOUBLE, y INT, z DECIMAL(38,10), w BIGINT) WITH ('connector'='blackhole');
INSERT INTO o SELECT ROUND(c, 2) + POWER(a, 2) + SQRT(ABS(c)), MOD(a, 7), CAST(m * 1.19 AS DECIMAL(38,10)), CAST(CEIL(c) AS BIGINT) FROM s WHERE a % 2 = 0;
