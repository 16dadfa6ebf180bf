CREATE TABLE s (a INT, b STRING) WITH ('connector'='filesystem','path'='file:///tmp/in','format'='csv','source.monitor-interval'='10 s');
CREATE TABLE o (a INT, b STRING, dt STRING) WITH ('connector'='filesystem','path'='file:///tmp/out','format'='json','sink.rolling-policy.file-size'='128MB','sink.rolling-policy.rollover-interval'='30 min');
INSERT INTO o SELECT a, b, DATE_FORMAT(CURRENT_TIMESTAMP, 'yyyy-MM-dd') FROM s;
