CREATE TABLE s (a INT) WITH ('connector'='kafka','topic'='s','properties.bootstrap.servers'='localhost:9092','scan.startup.mode'='latest-offset','format'='json','properties.security.protocol'='SASL_SSL','properties.sasl.mechanism'='SCRAM-SHA-256','properties.sasl.jaas.config'='org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="p";');
CREATE TABLE o (a INT) WITH ('connector'='blackhole');
INSERT INTO o SELECT a FROM s;
