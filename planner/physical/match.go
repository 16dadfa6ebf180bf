package physical

import (
	"weir/parser/diag"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Match looks for a pattern in the rows of each partition of an insert-only input, in the order of time. Output: the columns of
// the partition, then the measures; insert-only, a row for each match.
type Match struct {
	Props
	Input     Node
	Partition []int
	// Time is the time attribute that orders the rows. Rows of event time are looked at when the watermark passes them; ProcTime: at once,
	// in the order in which they come.
	Time     int
	ProcTime bool
	Then     []SortKey // the order of rows of one time; those that are equal in it are looked at as they came
	Vars     []PatternVar
	Refs     []MatchRef    // what conditions and measures read of the match
	Measures []scalar.Expr // over the Refs, whose columns begin behind those of the input
	Skip     Skip
	// Within is how long behind the first row of a match its last one may come at most: less than so many microseconds; 0: for ever.
	Within int64
}

// Inputs is the one input.
func (n *Match) Inputs() []Node { return []Node{n.Input} }

// PatternVar is a variable of a pattern; they follow one another.
type PatternVar struct {
	Name string
	// Min and Max are how many rows it takes; Max -1: without end.
	Min, Max  int
	Reluctant bool // as few rows as possible
	// Cond is over the columns of the input, those of the row that is looked at, and behind them over the Refs. nil: every row.
	Cond scalar.Expr
	Span diag.Span
}

// MatchRef is a value of the rows that a match has so far: a column of one of them, an aggregate over those of a variable, or the time of the
// match.
type MatchRef struct {
	// Var is an index into Vars; AllVars: the rows of all variables, in their order.
	Var int
	// First counts Offset from the first row of the variable, otherwise it counts back from the last one. NULL where there is none.
	First          bool
	Offset, Column int
	// Func is an aggregate over Args, which are over the columns of the input; empty for a column.
	Func string
	Args []scalar.Expr
	// Time: the row time at which the match was found.
	Time bool
	Type types.Type
	Name string // as it is written, for EXPLAIN
}

// AllVars is the Var of a MatchRef that looks at all rows of a match.
const AllVars = -1

// SkipKind is where the search goes on behind a match.
type SkipKind uint8

// The kinds of AFTER MATCH SKIP.
const (
	PastLastRow SkipKind = iota
	ToNextRow
	ToFirst // row of a variable
	ToLast
)

// Skip is AFTER MATCH SKIP.
type Skip struct {
	Kind SkipKind
	Var  int // of ToFirst and ToLast
	Span diag.Span
}
