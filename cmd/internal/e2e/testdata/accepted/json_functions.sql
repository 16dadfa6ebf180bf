CREATE TABLE s (line STRING) WITH ('connector'='datagen');
CREATE TABLE o (x STRING, y INT, z BOOLEAN) WITH ('connector'='blackhole');
INSERT INTO o SELECT JSON_VALUE(line, '$.a'), CAST(JSON_VALUE(line, '$.b') AS INT), JSON_EXISTS(line, '$.c') FROM s WHERE line IS JSON;
