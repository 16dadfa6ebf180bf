// Package raw is the format "raw": the bytes of a record are the value of the table's one
// column. A null record is NULL, and NULL is written as a null record.
//
// Text in UTF-8 is a view into the payload and must be valid: a record that is not is refused,
// where Flink would replace the bytes. Other charsets are converted.
package raw
