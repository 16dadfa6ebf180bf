// Package agg is the accumulators of aggregate functions, kept in the entries of a state table and
// updated a batch at a time.
//
// A Set is the aggregates of one operator. It lays out the fixed part of a table's entry, one piece for
// each aggregate behind a head that belongs to the operator, and shares the variable part between the
// aggregates that need one. An accumulator of zero bytes is an empty one, which is what a new entry
// holds. Every accumulator can be merged with another of its kind, and, when made for it, takes rows
// back (-U, -D).
//
// Results follow Flink: NULLs are skipped; the SUM, MIN, MAX and AVG of no value are NULL and COUNT is 0;
// integers wrap around in the type of the result; a DECIMAL sum beyond 38 digits is NULL.
package agg
