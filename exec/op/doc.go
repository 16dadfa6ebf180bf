// Package op is the operators of a running job: what the nodes of a physical plan do.
//
//	Calc                 filter and projection                                   no state
//	WindowTVF            window_start, window_end and window_time to every row   no state
//	SessionTVF           the same for sessions, when they end                    rows, open, progress
//	Expand               a copy of every row for each grouping set               no state
//	GroupAggregate       aggregates by key without end, as a changelog           acc, distinctN
//	WindowAggregate      aggregates by key and window, put out when it closes    acc, distinctN, progress
//	WindowRank           the first rows by key and window, when it closes        rows, progress
//	WindowJoin           rows of two inputs in one window, when it closes        left, right, progress
//	ChangelogNormalize   an upsert stream made complete                          rows
//	UpsertMaterialize    the changes of a sink's key in order                    rows
//	SinkGuard            NOT NULL and lengths, columns in table order            no state
//
// New makes an operator of a plan node. The runtime drives it from one goroutine by the contract of
// exec.Operator; nothing in here starts goroutines or looks at a clock.
//
// State lives in tables alone, so that a barrier costs an operator nothing: fields are scratch memory and
// what can be found again from the tables (the next window to close). Keys are encoded by package batch,
// accumulators by package agg, rows as keys over all their columns.
package op
