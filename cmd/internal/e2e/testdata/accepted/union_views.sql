CREATE TABLE a (x INT, y STRING) WITH ('connector'='datagen');
CREATE TEMPORARY VIEW v AS (SELECT x, y FROM a WHERE x > 5) UNION ALL (SELECT x, UPPER(y) FROM a WHERE x <= 5);
CREATE TABLE o (x INT, y STRING) WITH ('connector'='blackhole');
INSERT INTO o SELECT * FROM v UNION ALL SELECT x, 'z' FROM (VALUES (1), (2)) AS t (x);
