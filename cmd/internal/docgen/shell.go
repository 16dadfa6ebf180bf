package main

import (
	"strings"

	"weir/cmd/internal/repl"
)

// shell is docs/shell.md: prose about the shell, and its commands and modes as their tables say.
func shell() string {
	var p page
	p.WriteString(shellHead)
	p.table("mode", "rows are shown as")
	for _, m := range repl.ReferenceModes() {
		p.row(code(m[0]), m[1])
	}
	p.WriteString(shellModes)
	for _, s := range repl.References() {
		p.line("\n### %s\n", s.Title)
		p.table("command", "", "what it does")
		for _, c := range s.Commands {
			p.row(codes(c.Names), code(c.Arg), strings.ToUpper(c.Doc[:1])+c.Doc[1:])
		}
	}
	p.WriteString(shellTail)
	return p.String()
}

const shellHead = `<!-- Made by cmd/internal/docgen: change it there, or in the tables of cmd/internal/repl. -->

# The shell

` + "`weir sql`" + ` is a shell for Flink SQL on Kafka. [tutorial.md](tutorial.md) shows it in ten minutes; this page is what there is.

- [Starting it](#starting-it)
- [Editing](#editing)
- [Queries](#queries)
- [Modes](#modes)
- [Topics](#topics)
- [Jobs](#jobs)
- [Commands](#commands)
- [Scripts](#scripts)

## Starting it

` + "```console" + `
$ weir sql --dev                      # a sandbox: a broker in the process, and sample data
$ weir sql --broker localhost:9092    # start from the topics of a broker
$ weir sql -i job.sql                 # with the settings and tables of a job; its INSERTs are left out
` + "```" + `

A shell on a terminal first executes the file that ` + "`$WEIRRC`" + ` names, or ` + "`~/.weirrc`" + `: settings, definitions, commands. A mistake in it is
shown and keeps nobody out. ` + "`--no-rc`" + ` leaves it alone.

## Editing

A statement ends with a semicolon and may take as many lines as it wants; Enter inside of it begins the next one. Keywords, strings,
numbers and comments have colours, unless ` + "`NO_COLOR`" + ` is set. The keys are those of readline, and ` + "`~/.inputrc`" + ` is read, vi mode included.

| key | what it does |
| --- | --- |
| Tab | completes: keywords, functions with their signatures, tables, columns of the tables in scope, options with type and default, settings and their values, topics, jobs, files |
| up, down, ^R | walk through and search what was entered, in this session and before, statements of several lines as one |
| ^X ^E | edits the line in ` + "`$EDITOR`" + `; ` + "`\\e`" + ` does so with the last statement |
| ^C | takes the line away; cancels the query that runs; a second one does not wait until the query has given up what it holds |
| ^D | leaves: jobs are stopped, each with a last checkpoint |

What jobs print while a line is being edited appears above it.

## Queries

` + "`SELECT`" + ` shows its rows as they come, until ` + "`^C`" + `, or until all of its sources have ended. On a terminal a line at the bottom says how many
rows have come, how many go in and out a second, how many records the query is behind (lag), and up to which time its results are
complete (watermark). When a query ends without a row, the shell says where its rows went: nothing was read, the condition let none through,
there is no watermark, or the windows are still open.

A query that updates its rows says what each change is: ` + "`+I`" + ` comes new, ` + "`-U`" + ` and ` + "`+U`" + ` are a row before and after, ` + "`-D`" + ` is gone.

Of a query that ends by itself a terminal shows the first and last twenty rows; ` + "`.maxrows`" + ` says how many, 0 all of them. A query without end
stops after as many rows as ` + "`.maxrows`" + ` says, and else goes on.

## Modes

` + "`.mode`" + `, ` + "`--mode`" + ` or ` + "`SET 'sql-client.execution.result-mode'`" + ` choose how rows are shown; the first three are named as in Flink's SQL client.

`

const shellModes = `
In ` + "`tableau`" + ` and ` + "`changelog`" + ` numbers stand at the right, NULL is written out, and a row that does not fit the screen is shown one line a
column (` + "`.expanded auto`" + `). In ` + "`json`" + `, ` + "`jsonl`" + ` and ` + "`csv`" + ` the first field of a query that updates its rows is ` + "`op`" + `. Where the output is no terminal
there are no colours, no status line and no pager, and ` + "`table`" + ` is written once, at the end.

## Topics

` + "`SHOW TOPICS`" + ` lists the topics of the broker: the one of ` + "`--broker`" + ` or ` + "`.connect`" + `, that of the sandbox, or the one that the tables name.
` + "`DESCRIBE TOPIC 'orders'`" + ` shows partitions and offsets, the newest records, and a ` + "`CREATE TABLE`" + ` guessed from them that runs as it is. Nothing is
changed by looking: no group is joined, no offset committed. Properties of the client go behind the address:
` + "`.connect kafka:9093 security.protocol=SSL ssl.ca.location=ca.pem`" + `, or ` + "`-X KEY=VALUE`" + ` beside ` + "`--broker`" + `.

## Jobs

` + "`INSERT INTO`" + ` and ` + "`EXECUTE STATEMENT SET`" + ` run as jobs beside the shell, named by ` + "`SET 'pipeline.name'`" + ` or by the tables they write.
` + "`SHOW JOBS`" + ` lists them, ` + "`DESCRIBE JOB 'name'`" + ` shows status, rows, epoch, lag, watermark and plan (of each source table
also its own watermark, the partition that holds it back, and how many are idle or wait for their alignment group), and ` + "`STOP JOB 'name'`" + ` ends one with a last
checkpoint. With ` + "`'execution.checkpointing.dir'`" + ` set, ` + "`STOP JOB 'name' WITH SAVEPOINT`" + ` says where that checkpoint is, for ` + "`weir run --restore`" + `; it
stays until later runs of the job have made ` + "`execution.checkpointing.num-retained`" + ` newer ones.

A job whose sources do not end goes on where it was stopped when the same ` + "`INSERT`" + ` is entered again, in a shell or as a file. One whose
sources all end is a run of its own each time.

## Commands

Lines that begin with a point or a backslash are commands of the shell itself; both spellings mean the same.
`

const shellTail = `
## Scripts

With ` + "`-c`" + ` or ` + "`-f`" + `, or when the standard input is no terminal, the shell executes what it is given and leaves. Rows, lists and plans go to standard
output, all talk to standard error. ` + "`INSERT`" + ` runs to its end before the next statement, and the first statement that fails ends the
script; ` + "`-v ON_ERROR_STOP=off`" + `, or ` + "`\\set ON_ERROR_STOP off`" + ` inside, goes on, and the exit code still tells.

` + "```console" + `
$ weir sql -i job.sql -c 'SELECT * FROM orders' --max-rows 10
$ weir sql -i job.sql -c 'SELECT COUNT(*) AS n FROM orders' --until end --format csv
$ weir sql --broker localhost:9092 -c 'SHOW TOPICS' --format jsonl
$ weir sql -f statements.sql
` + "```" + `

| exit code | meaning |
| --- | --- |
| 0 | everything was executed |
| 1 | a statement or command has errors |
| 2 | the command line is wrong |
| 3 | a query or a job failed |
| 4 | a newer instance of a job has taken over |
| 130 | interrupted |
`
