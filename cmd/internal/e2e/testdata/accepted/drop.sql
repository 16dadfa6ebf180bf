CREATE TABLE s (a INT) WITH ('connector'='datagen');
CREATE VIEW v AS SELECT a FROM s;
DROP VIEW v;
DROP VIEW IF EXISTS nosuch;
DROP TABLE IF EXISTS nosuch;
DROP TABLE s;
CREATE TABLE s (a BIGINT) WITH ('connector'='datagen');
CREATE TABLE o (a BIGINT) WITH ('connector'='blackhole');
INSERT INTO o SELECT a FROM s;
