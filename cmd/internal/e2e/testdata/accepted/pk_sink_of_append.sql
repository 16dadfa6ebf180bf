CREATE TABLE s (a INT, b STRING) WITH ('connector'='datagen');
CREATE TABLE o (a INT, b STRING, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector'='upsert-kafka','topic'='o','properties.bootstrap.servers'='localhost:9092','key.format'='raw','value.format'='json','value.fields-include'='EXCEPT_KEY');
INSERT INTO o SELECT a, b FROM s;
