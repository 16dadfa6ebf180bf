SET 'execution.checkpointing.interval'='5 s';
CREATE TABLE s (l STRING) WITH ('connector'='kafka','topic'='s','properties.bootstrap.servers'='localhost:9092','format'='raw','raw.charset'='UTF-8','properties.isolation.level'='read_committed','properties.auto.offset.reset'='earliest','properties.group.id'='g');
CREATE TABLE o (l STRING) WITH ('connector'='kafka','topic'='o','properties.bootstrap.servers'='localhost:9092','format'='raw','sink.delivery-guarantee'='exactly-once','sink.transactional-id-prefix'='p-','properties.transaction.timeout.ms'='120000');
INSERT INTO o SELECT l FROM s;
