// Package csv is the format "csv": the fields of a line in the order of the table's columns.
//
// Reading and writing follow Flink's csv format, and by it Jackson's CSV module: a quote opens a
// field only as its first character, quotes are doubled inside, a record may go over several lines
// inside of quotes. Text is written quoted when it is longer than 24 characters or has a
// character that sorts at or below the delimiter or the quote; numbers are never quoted.
//
// Plain fields of text are views into the payload; quotes and escapes are undone in place, once
// the record is known to be good.
package csv
