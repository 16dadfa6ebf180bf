CREATE TABLE `my-table` (`select` INT, `Größe` DOUBLE, `a b` STRING) WITH ('connector'='datagen');
CREATE TABLE o (x INT, y DOUBLE, z STRING) WITH ('connector'='blackhole');
INSERT INTO o SELECT `select`, `Größe`, `a b` FROM `default_catalog`.`default_database`.`my-table` AS `T`;
