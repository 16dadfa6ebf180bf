CREATE TABLE s (a STRING, b STRING) WITH ('connector'='datagen');
CREATE TABLE o (x STRING, y STRING, z INT, w STRING, v BOOLEAN) WITH ('connector'='blackhole');
INSERT INTO o SELECT CONCAT_WS('-', UPPER(a), LOWER(b)), SUBSTRING(a FROM 1 FOR 3) || TRIM(BOTH ' ' FROM b), CHAR_LENGTH(a), REGEXP_REPLACE(a, '[0-9]+', '#'), a SIMILAR TO 'x%' FROM s;
