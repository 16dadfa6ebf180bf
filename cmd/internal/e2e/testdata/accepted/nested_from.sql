CREATE TABLE s (a INT, b STRING, c DOUBLE) WITH ('connector'='datagen');
CREATE TABLE o (b STRING, m DOUBLE) WITH ('connector'='blackhole');
INSERT INTO o SELECT b, c2 FROM (SELECT b, c * 2 AS c2, a FROM (SELECT * FROM s WHERE a > 1) AS i) AS j WHERE c2 > 3 AND a IS NOT NULL;
