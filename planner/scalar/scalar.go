// Package scalar is bound scalar expressions: names resolved to columns, functions to their
// declarations, every implicit cast spelled out, every node typed. The planner makes and rewrites them;
// package exec/expr compiles them to kernels over column vectors.
package scalar

import (
	"weir/parser/diag"
	"weir/planner/fn"
	"weir/planner/types"
)

// Expr is a bound expression. Expressions are immutable.
type Expr interface {
	Type() types.Type
	Span() diag.Span // where the user wrote it; zero for what the planner made
}

// Column is a column of the input, by position.
type Column struct {
	Index int
	Name  string // for EXPLAIN
	Typ   types.Type
	Sp    diag.Span
}

// Literal is a constant.
type Literal struct {
	Value types.Value
	Typ   types.Type
	Sp    diag.Span
}

// Int is the value of a literal that is a whole number, a time or an interval.
func Int(e Expr) (n int64, ok bool) {
	l, ok := e.(*Literal)
	if !ok {
		return 0, false
	}
	n, ok = l.Value.(int64)
	return n, ok
}

// Call applies a scalar function. The arguments have the types that Func.Resolve asked for.
//
// Special forms, by Func.Name: AND and OR (two or more arguments, three-valued, evaluated left to right; a row
// decided by an earlier argument is not evaluated by a later one); CASE (cond, value, cond, value, ..., else: always
// an odd number; values evaluated only for the rows they are chosen for); IN (x, literal, literal, ...);
// COALESCE and IF likewise lazy. ROW, ARRAY and MAP make a value of their arguments, [] is x[i].
type Call struct {
	Func *fn.Func
	Args []Expr
	Typ  types.Type
	Sp   diag.Span
}

// Cast converts to a type. A failing conversion is an error with the row's value, or NULL with Try.
type Cast struct {
	X   Expr
	Typ types.Type
	Try bool
	// Implicit: made by the planner, hidden by EXPLAIN's short form.
	Implicit bool
	Sp       diag.Span
}

// Field is a field of a ROW: NULL where the ROW is.
type Field struct {
	X     Expr // a ROW
	Index int  // of the field
	Typ   types.Type
	Sp    diag.Span
}

// NewField is field i of x, with the type that follows.
func NewField(x Expr, i int, at diag.Span) *Field {
	t := x.Type().Nested.Fields[i].Type
	return &Field{X: x, Index: i, Typ: t.WithNullable(t.Nullable || x.Type().Nullable), Sp: at}
}

// Name is the field's name.
func (e *Field) Name() string { return e.X.Type().Nested.Fields[e.Index].Name }

// Type is the type of the expression.
func (e *Column) Type() types.Type  { return e.Typ }
func (e *Literal) Type() types.Type { return e.Typ }
func (e *Call) Type() types.Type    { return e.Typ }
func (e *Cast) Type() types.Type    { return e.Typ }
func (e *Field) Type() types.Type   { return e.Typ }

// Span is the place of the expression.
func (e *Column) Span() diag.Span  { return e.Sp }
func (e *Literal) Span() diag.Span { return e.Sp }
func (e *Call) Span() diag.Span    { return e.Sp }
func (e *Cast) Span() diag.Span    { return e.Sp }
func (e *Field) Span() diag.Span   { return e.Sp }
