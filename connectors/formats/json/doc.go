// Package json is the format "json": one JSON object a record.
//
// The decoder is made for a schema and goes over a payload once. It parses only the columns
// that the query reads, straight into their vectors; everything else is skipped, but never
// unchecked: a payload that is not valid JSON in valid UTF-8 is refused whole, wherever the
// flaw lies. Members in the order of the table's columns are recognised by comparing bytes;
// any other order goes through a map. Text without escapes is a view into the payload; escapes
// are undone in place, once the record is known to be good.
//
// Meaning follows Flink's json format: numbers in strings are numbers where the column is
// numeric, any value is text where the column is text, the last of several members of one
// name counts, an array at the top gives a row for each element.
//
// The encoder writes what Flink (with Jackson) writes: the columns in their order, timestamps
// without trailing zeros, doubles as Java prints them.
package json
