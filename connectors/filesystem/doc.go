// Package filesystem is the connector "filesystem": lines of files as rows, and rows as lines of
// files that appear whole.
//
// Reading: every file below the path is a split, read from its start to the size that it had
// when it was found. Names that begin with '.' or '_' are not read. A position is a byte offset
// behind a record; a packed file (packed.go) has one of what it holds. With source.monitor-interval new files are looked for; a file that grows
// later is not read again, so files should be moved into the directory when they are complete.
//
// Writing, exactly once:
//
//	open      .part-<uid>-<subtask>-<n>.inprogress   rows are appended
//	barrier   the length that belongs to the epoch is noted; a file that is large or old enough is closed
//	flush     synced; the epoch's manifest keeps the names of closed files and the open one's length
//	commit    closed files are renamed to part-<uid>-<subtask>-<n>
//	recovery  closed files of the epoch are renamed, the open one is cut to its length and renamed,
//	          what later epochs left is deleted
//
// A partitioned table has a folder for each value of its partition columns, and every writer an open file in each that it
// writes to (partition.go); a partition that is complete gets a file _SUCCESS (commit.go).
//
// An open file whose rows are all committed is renamed when the job ends. The uid begins with a
// hash of the job's name and the sink, by which recovery knows the job's own files.
package filesystem
