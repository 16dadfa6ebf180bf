package logical

import (
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// Match looks for a pattern in the rows of each partition, in the order of time. Output: the columns of the partition, then
// the measures, a row for each match. NewMatch makes it.
type Match struct {
	Base
	Input     Node
	Partition []int
	Order     []SortKey // a time attribute, ascending, first
	Vars      []physical.PatternVar
	Refs      []physical.MatchRef // what conditions and measures read of the match
	Measures  []Measure
	Skip      physical.Skip
	// Within is how long behind the first row of a match its last one may come at most: less than so many microseconds; 0: for ever.
	Within int64
	Late   *Late // nil: late rows are dropped
}

// Measure is a column of the output: an expression over the Refs, whose columns begin behind those of the input.
type Measure struct {
	Name string
	Expr scalar.Expr
	Time catalog.TimeAttr
	Span diag.Span
}

// NewMatch completes m: its columns are those of the partition, then the measures.
func NewMatch(m *Match) *Match {
	in := m.Input.Cols()
	m.Columns = nil
	for _, p := range m.Partition {
		c := in[p]
		m.Columns = append(m.Columns, Column{Name: c.Name, Type: c.Type, Table: c.Table})
	}
	for _, x := range m.Measures {
		m.Columns = append(m.Columns, Column{Name: x.Name, Type: x.Expr.Type(), Time: x.Time})
	}
	return m
}

// Inputs is the one input.
func (m *Match) Inputs() []Node { return []Node{m.Input} }
