CREATE TABLE u (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector'='upsert-kafka','topic'='u','properties.bootstrap.servers'='localhost:9092','key.format'='json','value.format'='json','value.fields-include'='ALL','scan.parallelism'='1');
CREATE TABLE o (name STRING, c BIGINT, PRIMARY KEY (name) NOT ENFORCED) WITH ('connector'='upsert-kafka','topic'='o','properties.bootstrap.servers'='localhost:9092','key.format'='json','value.format'='json','sink.buffer-flush.max-rows'='100','sink.buffer-flush.interval'='1 s');
INSERT INTO o SELECT name, COUNT(*) FROM u GROUP BY name;
