// Package fn declares the functions that SQL can call: names, argument and result types, null
// behaviour, documentation and examples. It holds no implementation: package exec/expr has a kernel for
// every scalar declared here, and exec/op an accumulator for every aggregate; tests hold the
// three together and run every example.
package fn

import (
	"weir/parser/diag"
	"weir/planner/types"
)

// Kind says what a function makes of its input.
type Kind uint8

// The kinds.
const (
	Scalar        Kind = iota // one value from the arguments of one row
	Aggregate                 // one value from many rows
	TableFunction             // TUMBLE, HOP, CUMULATE, SESSION, VECTOR_SEARCH: a table from a table
	Window                    // ROW_NUMBER, LAG: one value from a row's place among others; with OVER only
)

// NullRule says what NULL arguments do to a scalar function.
type NullRule uint8

// The null rules.
const (
	NullIfAnyNull NullRule = iota // the result is NULL, the kernel is not called
	NullsToKernel                 // the kernel sees them: COALESCE, CASE, AND
)

// Arg is one argument at a call site, as far as types go.
type Arg struct {
	Type    types.Type
	Literal bool // a constant
	Value   types.Value
	Span    diag.Span
}

// Func is one function. Operators (+, =, AND, LIKE, CASE, CAST) are functions too, under their symbol.
type Func struct {
	Name   string // upper case; operators by their symbol
	Kind   Kind
	Family string // "string", "numeric", "time", "comparison", ... : the file it lives in
	Syntax string // "SUBSTRING(s FROM start [FOR length])"
	Doc    string // one sentence
	Since  string

	// Resolve checks the arguments and gives the result type and, for each argument, the type it must be
	// cast to first. A mismatch is an error whose text is shown behind "cannot apply NAME to (types): ".
	Resolve func(args []Arg) (result types.Type, casts []types.Type, err error)
	Nulls   NullRule
	// Deterministic: the same arguments give the same value, always. NOW() is not.
	Deterministic bool
	// PerQuery: not deterministic, but one value a row at the time it is processed (CURRENT_TIMESTAMP).
	PerQuery bool

	// OfStream: what it gives is the stream's and not that of its arguments, so that examples are not run by themselves.
	OfStream bool

	// Examples are SQL and the value as CAST(.. AS STRING) prints it, NULL for null.
	Examples []Example
}

// Example is one call and its result.
type Example struct{ SQL, Result string }

// Catalog finds functions by upper-case name.
type Catalog map[string]*Func
