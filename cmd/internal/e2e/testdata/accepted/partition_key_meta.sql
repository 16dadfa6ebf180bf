CREATE TABLE s (a INT, h MAP<STRING, BYTES> METADATA FROM 'headers', ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp') WITH ('connector'='kafka','topic'='s','properties.bootstrap.servers'='localhost:9092','scan.startup.mode'='latest-offset','format'='json');
CREATE TABLE o (a INT, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp') WITH ('connector'='kafka','topic'='o','properties.bootstrap.servers'='localhost:9092','format'='json');
INSERT INTO o SELECT a, ts FROM s;
