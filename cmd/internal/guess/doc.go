// Package guess makes a CREATE TABLE of records that nobody has described: their format, the columns with their types, the
// message key, and a time by which events can be ordered.
//
//	peek.Topic (connectors/kafka/peek) --> [From] --> Table --> [Table.SQL] --> text that runs as it is
//
// DESCRIBE TOPIC of the shell and weir init --from-topic share it. It is a guess by a sample: whatever the sample leaves open
// takes the type that loses nothing, and what was decided is told in a comment.
package guess
