CREATE TABLE s (a INT) WITH ('connector'='datagen');
CREATE TABLE s2 WITH ('rows-per-second'='1') LIKE s;
CREATE TABLE o (a INT) WITH ('connector'='blackhole');
INSERT INTO o SELECT a FROM s2;
