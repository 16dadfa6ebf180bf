package physical

import (
	"slices"

	"weir/planner/scalar"
)

// VectorSearch finds, for each row of Input when it comes, the rows of a table whose vectors are the most similar to one of its own. Output: the
// columns of Input, those of Lookup.Output, then the score (DOUBLE). Rows are only added.
type VectorSearch struct {
	Props
	Input Node
	Query int // a column of Input, an ARRAY of the type of the column that is searched; a row without a vector finds nothing
	// Lookup is the table: Keys, Filter, Shuffle, Retry and Unordered are not set, Exprs always is.
	Lookup Lookup
	Search int // the column of Lookup.Columns that is searched: ARRAY<FLOAT> or ARRAY<DOUBLE>
	Metric Metric
	TopK   int  // at least 1
	Outer  bool // a row for which nothing is found goes out once, with NULLs
}

// Inputs of the node; the table that is searched is none.
func (n *VectorSearch) Inputs() []Node { return []Node{n.Input} }

// Metric says how similar two vectors are.
type Metric uint8

// The metrics.
const (
	Cosine       Metric = iota // the cosine of the angle between them: 1 for the same direction, -1 for the opposite one
	InnerProduct               // their inner product
	L2                         // their Euclidean distance: the less the more similar
)

var metricNames = []string{"COSINE", "INNER_PRODUCT", "L2"}

func (m Metric) String() string { return metricNames[m] }

// MetricOf is the metric that an option names; Cosine for other words, which the check of options has reported, and without one.
func MetricOf(name string) Metric { return Metric(max(0, slices.Index(metricNames, name))) }

// MetricNames is the words of the option.
func MetricNames() []string { return slices.Clone(metricNames) }

// Closer reports that a score a is of a more similar vector than b.
func (m Metric) Closer(a, b float64) bool {
	if m == L2 {
		return a < b
	}
	return a > b
}

// ReadsVector reports that the vector of a row that is found is wanted, too.
func (n *VectorSearch) ReadsVector() bool {
	return slices.ContainsFunc(n.Lookup.Exprs, func(e scalar.Expr) bool { return slices.Contains(scalar.Columns(e), n.Search) })
}
