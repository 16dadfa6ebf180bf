package exec

import (
	"context"

	"weir/exec/batch"
)

// SearchSpec makes the searches of one VectorSearch of a plan. Connectors that search by themselves implement it; for others package lookup
// does, in memory. One spec serves all attempts of a run.
type SearchSpec interface {
	// Search opens the search of one subtask, from the goroutine that builds the attempt.
	Search(ctx *TaskContext) (Search, error)
	Close() error
}

// Search finds the rows of a table whose vectors are the most similar to one, for one subtask.
type Search interface {
	// Nearest appends to out the rows that are the most similar to query, at most physical.VectorSearch.TopK of them and the most similar first: the columns
	// physical.VectorSearch.Lookup.Columns, then the score. Rows without a vector are not found. Both arguments are borrowed for the call.
	//
	// It is called from several goroutines of the operator at once, which waits for them. ctx ends with the attempt, or when the search's timeout is
	// over. An error ends the attempt; it says which table it was and what to do.
	Nearest(ctx context.Context, query []float64, out *batch.Batch) error
	Close() error
}
