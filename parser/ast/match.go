package ast

import "weir/parser/diag"

// MatchRecognize is table MATCH_RECOGNIZE (...).
type MatchRecognize struct {
	At
	Input       TableRef
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Measures    []*Measure
	AllRows     diag.Span // ALL ROWS PER MATCH; zero for ONE ROW PER MATCH
	After       *AfterMatch
	Pattern     Pattern
	PatternAt   diag.Span // PATTERN (...)
	Within      Expr      // WITHIN INTERVAL ...; nil without one
	Subsets     []*PatternSubset
	Defines     []*PatternDefine
	Alias       Alias
}

func (*MatchRecognize) tableRef() {}

// Measure is expr AS name of MEASURES.
type Measure struct {
	At
	Expr Expr
	Name Ident
}

// AfterMatch is AFTER MATCH SKIP ...
type AfterMatch struct {
	At
	To  string // PAST LAST ROW, TO NEXT ROW, TO FIRST, TO LAST
	Var *Ident // of TO FIRST and TO LAST
}

// PatternDefine is name AS condition of DEFINE.
type PatternDefine struct {
	At
	Var  Ident
	Cond Expr
}

// PatternSubset is name = (a, b, ...) of SUBSET.
type PatternSubset struct {
	At
	Name Ident
	Of   []Ident
}

// Pattern is what stands in PATTERN's brackets, and each part of it.
type Pattern interface {
	Node
	pattern()
}

// Patterns.
type (
	// PatternVar is a variable.
	PatternVar struct {
		At
		Name Ident
	}
	// PatternConcat is a b c.
	PatternConcat struct {
		At
		Items []Pattern
	}
	// PatternRepeat is x with a quantifier: *, +, ?, {n}, {n,}, {n,m}, {,m}, and a ? behind them where it is reluctant.
	PatternRepeat struct {
		At
		X          Pattern
		Min, Max   int // Max -1: without end
		Reluctant  bool
		Quantifier diag.Span
	}
	// PatternAlter is a | b.
	PatternAlter struct {
		At
		Items []Pattern
	}
	// PatternPermute is PERMUTE(a, b).
	PatternPermute struct {
		At
		Items []Pattern
	}
	// PatternExclude is {- x -}.
	PatternExclude struct {
		At
		X Pattern
	}
	// PatternAnchor is ^ or $, the ends of a partition.
	PatternAnchor struct {
		At
		Sign string
	}
)

func (*PatternVar) pattern()     {}
func (*PatternConcat) pattern()  {}
func (*PatternRepeat) pattern()  {}
func (*PatternAlter) pattern()   {}
func (*PatternPermute) pattern() {}
func (*PatternExclude) pattern() {}
func (*PatternAnchor) pattern()  {}
