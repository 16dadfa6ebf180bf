CREATE TABLE s (a INT, b DOUBLE, k STRING) WITH ('connector'='datagen');
CREATE TABLE o (k STRING, x DOUBLE, y DOUBLE, z STRING, f INT, l INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector'='upsert-kafka','topic'='o','properties.bootstrap.servers'='localhost:9092','key.format'='json','value.format'='json');
INSERT INTO o SELECT k, STDDEV_POP(b), VAR_SAMP(b), LISTAGG(k, ','), FIRST_VALUE(a), LAST_VALUE(a) FROM s GROUP BY k;
