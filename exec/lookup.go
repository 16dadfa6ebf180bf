package exec

import (
	"context"

	"weir/exec/batch"
)

// LookupSpec makes the lookups of one LookupJoin of a plan. Connectors implement it. One spec serves all attempts of a run.
type LookupSpec interface {
	// Lookup opens the lookup of one subtask, from the goroutine that builds the attempt.
	Lookup(ctx *TaskContext) (Lookup, error)
	Close() error
}

// Lookup finds the rows of a table by key, for one subtask.
type Lookup interface {
	// Limits is what one call may be asked for. It is asked once, after Lookup.
	Limits() LookupLimits
	// Find appends to out, in the columns of physical.Lookup.Columns, the rows whose key is one of keys. keys has one row for each of
	// several different keys: the columns physical.Lookup.Keys, in that order, none of them NULL, with values of the types of the rows
	// that ask. Rows with other keys in out are passed over, so that a table that compares more loosely does no harm. Both
	// batches are borrowed for the call.
	//
	// It is called from the task's goroutine or from others that the operator starts and waits for, up to Limits.Calls at once. ctx ends
	// with the attempt, or when the join's timeout is over. An error ends the attempt; it says which table it was and what to do.
	Find(ctx context.Context, keys, out *batch.Batch) error
	Close() error
}

// LookupLimits bounds what a Lookup is asked for.
type LookupLimits struct {
	Keys  int // of one call; 0: any number
	Calls int // at the same time; at least 1
}
