CREATE TABLE s (a INT) WITH ('connector'='kafka','topic'='s','properties.bootstrap.servers'='localhost:9092','format'='json');
CREATE TABLE o (a INT) WITH ('connector'='blackhole');
INSERT INTO o SELECT a FROM s /*+ OPTIONS('scan.startup.mode'='earliest-offset') */;
