CREATE TABLE s (a INT) WITH ('connector'='kafka','topic'='s','properties.bootstrap.servers'='localhost:9092','format'='json','scan.startup.mode'='specific-offsets','scan.startup.specific-offsets'='partition:0,offset:42;partition:1,offset:300','scan.bounded.mode'='latest-offset');
CREATE TABLE o (a INT) WITH ('connector'='print');
INSERT INTO o SELECT * FROM s;
