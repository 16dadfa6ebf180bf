CREATE TABLE s (a INT, b STRING, ts TIMESTAMP(3)) WITH ('connector'='datagen');
CREATE TABLE o (d STRING, n BIGINT, PRIMARY KEY (d) NOT ENFORCED) WITH ('connector'='upsert-kafka','topic'='o','properties.bootstrap.servers'='localhost:9092','key.format'='json','value.format'='json');
INSERT INTO o SELECT DATE_FORMAT(ts, 'yyyy-MM-dd'), COUNT(*) FROM s GROUP BY DATE_FORMAT(ts, 'yyyy-MM-dd');
