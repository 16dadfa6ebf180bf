CREATE TABLE s (a INT) WITH ('connector'='kafka','topic-pattern'='s-[0-9]+','properties.bootstrap.servers'='localhost:9092','format'='json','json.fail-on-missing-field'='false','json.ignore-parse-errors'='true','json.timestamp-format.standard'='ISO-8601','scan.startup.mode'='timestamp','scan.startup.timestamp-millis'='1767225600000','scan.bounded.mode'='timestamp','scan.bounded.timestamp-millis'='1767225700000');
CREATE TABLE o (a INT) WITH ('connector'='print','print-identifier'='x','standard-error'='true');
INSERT INTO o SELECT * FROM s;
