// Package op is the operators of a running job: what the nodes of a physical plan do. The state of each is in the tables named behind it.
// What they mean is Flink's: docs/dev/table/sql/queries of its manual, the page in brackets.
//
//	Calc                 filter and projection                                       no state
//	Expand               a copy of every row for each grouping set [group-agg]       no state
//	Replicate            every row as often as a column says [set-ops]               no state
//	ToChangelog          an insertion of every change, with its kind [changelog]     no state
//	FromChangelog        a change of every row, of the kind that it says [changelog] no state
//	Unnest               a row for each element of a list [joins]                    no state
//	WindowTVF            window_start, window_end and window_time [window-tvf]       no state
//	SessionTVF           the same for sessions, when they end [window-tvf]           rows, open, progress
//	LocalAggregate       the first phase of an aggregation [../../tuning]            no state: it puts out before each barrier
//	GroupAggregate       aggregates by key without end, as a changelog [group-agg]   acc, distinctN
//	WindowAggregate      aggregates by key and window, at its end [window-agg]       acc, distinctN, progress; sessions: open too
//	Over                 aggregates of the rows before each row [over-agg]           acc, distinctN, frame, pending
//	SortedOver           the same in any order, over rows that change                rows
//	FinalOver            the same over any frame, at the end of the input            rows
//	Rank                 the first rows by key (Top-N, LIMIT) [topn]                 rows, or top where few rows only come
//	WindowRank           the first rows by key and window, at its end [window-topn]  rows, chunks, progress
//	Deduplicate          the first or last row by key [deduplication]                row; pending where it waits
//	Join                 all rows of two inputs [joins]                              left, right
//	IntervalJoin         rows not further apart than so much [joins]                 left, right
//	TemporalJoin         rows with the version of their time [joins]                 left, right, version
//	LookupJoin           rows with what another system has [joins]                   found, waiting, where the plan says so
//	WindowJoin           rows of two inputs in one window, at its end [window-join]  left, right, progress
//	Match                patterns in rows [match_recognize]                          partition, pending, progress
//	Sort                 rows in the order of time [orderby]                         pending, last, progress
//	Final                the rows that are there at the end of the input             rows
//	ChangelogNormalize   an upsert stream made complete                              rows
//	UpsertMaterialize    the changes of a sink's key in order                        rows
//	ResolveConflicts     one row of each of a sink's keys [insert]                   rows, pending
//	StampWatermark       the watermark behind which each row came, for it            no state
//	SinkGuard            NOT NULL and lengths                                        no state
//
// New makes an operator of a plan node. The runtime drives it from one goroutine by the contract of exec.Operator; nothing in here starts
// goroutines, and the clock is that of Env and of exec.TaskContext.
//
// State lives in tables, so that a barrier costs most operators nothing: fields are scratch memory and what can be found again from the
// tables (the next window to close). What lies in memory between barriers (the buffers of rows that wait for time, the partitions of
// patterns) is written when Snapshot is called. Keys are encoded by package batch, accumulators by package agg; rows that are kept lie like
// keys over all their columns, or in lists of rows (rowlist.go).
package op
