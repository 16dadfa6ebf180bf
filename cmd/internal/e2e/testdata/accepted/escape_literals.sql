CREATE TABLE s (a STRING) WITH ('connector'='datagen');
CREATE TABLE o (a STRING, b STRING, c BYTES) WITH ('connector'='blackhole');
INSERT INTO o SELECT a || 'it''s', U&'\00e4', X'00FF' FROM s WHERE a <> '' AND a LIKE '50!%' ESCAPE '!';
