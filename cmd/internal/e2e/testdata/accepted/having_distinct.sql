CREATE TABLE s (a INT, b STRING) WITH ('connector'='datagen');
CREATE TABLE o (b STRING, n BIGINT, m INT, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector'='upsert-kafka','topic'='o','properties.bootstrap.servers'='localhost:9092','key.format'='json','value.format'='json');
INSERT INTO o SELECT b, COUNT(DISTINCT a) FILTER (WHERE a > 0), MAX(a) FROM s GROUP BY b HAVING COUNT(*) > 2;
CREATE TABLE o2 (b STRING) WITH ('connector'='print');
INSERT INTO o2 SELECT DISTINCT b FROM s;
