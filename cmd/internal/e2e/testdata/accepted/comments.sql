-- a comment

CREATE TABLE s (a INT COMMENT 'the ''a''') COMMENT 'c' WITH ('connector'='datagen'); -- end
CREATE TABLE IF NOT EXISTS s (a INT) WITH ('connector'='datagen');
CREATE TABLE o (a INT) WITH ('connector'='blackhole');
INSERT INTO o /* here */ SELECT a -- the column
FROM s;
