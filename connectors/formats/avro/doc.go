// Package avro is the formats avro and avro-confluent.
//
// A record is read with the schema of its writer and into the columns of a table, whose schema follows from their types (package
// avroschema). Package github.com/twmb/avro reads schemas. The two are resolved once (resolve.go) into a tree of steps, one a field of
// the writer, that either fill a column or pass over bytes; running it over a record (decode.go) builds no values in between. avro has one
// writer's schema, the table's own; avro-confluent has one for each number that a record begins with (confluent.go), and asks the
// registry (package registry) for those that it sees for the first time. Writing is the same the other way round (encode.go).
package avro
