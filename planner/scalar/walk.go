package scalar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/parser/diag"
	"weir/planner/fn"
	"weir/planner/types"
)

// Children is the direct operands of e, in order; nil for columns and literals.
func Children(e Expr) []Expr {
	switch e := e.(type) {
	case *Call:
		return e.Args
	case *Cast:
		return []Expr{e.X}
	case *Field:
		return []Expr{e.X}
	}
	return nil
}

// Walk calls f for e and everything below it, operands after their operator, until f
// returns false.
func Walk(e Expr, f func(Expr) bool) bool {
	if !f(e) {
		return false
	}
	for _, c := range Children(e) {
		if !Walk(c, f) {
			return false
		}
	}
	return true
}

// WithChildren is e with f applied to every direct operand; e itself where that changes nothing.
func WithChildren(e Expr, f func(Expr) Expr) Expr {
	switch x := e.(type) {
	case *Call:
		var args []Expr
		for i, a := range x.Args {
			b := f(a)
			if b != a && args == nil {
				args = slices.Clone(x.Args)
			}
			if args != nil {
				args[i] = b
			}
		}
		if args != nil {
			c := *x
			c.Args = args
			return &c
		}
	case *Cast:
		if y := f(x.X); y != x.X {
			c := *x
			c.X = y
			return &c
		}
	case *Field:
		if y := f(x.X); y != x.X {
			c := *x
			c.X = y
			return &c
		}
	}
	return e
}

// Rewrite rebuilds e from its leaves up: f gets every node with its operands already
// rewritten and returns what stands in its place. Nodes that nothing changed in are kept.
func Rewrite(e Expr, f func(Expr) Expr) Expr {
	return f(WithChildren(e, func(c Expr) Expr { return Rewrite(c, f) }))
}

// Columns is the set of input columns that e reads, ascending.
func Columns(e Expr) []int {
	var out []int
	Walk(e, func(x Expr) bool {
		if c, ok := x.(*Column); ok {
			if i, found := slices.BinarySearch(out, c.Index); !found {
				out = slices.Insert(out, i, c.Index)
			}
		}
		return true
	})
	return out
}

// FirstColumns is the first n columns of a row, by their positions.
func FirstColumns(n int) []int {
	cols := make([]int, n)
	for i := range cols {
		cols[i] = i
	}
	return cols
}

// Shift is e with every column i read at to[i] instead; to must have every column of e.
func Shift(e Expr, to func(int) int) Expr {
	return Rewrite(e, func(x Expr) Expr {
		c, ok := x.(*Column)
		if !ok || to(c.Index) == c.Index {
			return x
		}
		d := *c
		d.Index = to(c.Index)
		return &d
	})
}

// FindCall is the place of the first call of a function in e, which may be nil.
func FindCall(e Expr, name string) (at diag.Span, found bool) {
	if e == nil {
		return at, false
	}
	Walk(e, func(x Expr) bool {
		if c, ok := x.(*Call); ok && c.Func.Name == name && !found {
			at, found = c.Sp, true
		}
		return !found
	})
	return at, found
}

// Deterministic reports whether e gives the same value for the same row, always.
func Deterministic(e Expr) bool {
	return Walk(e, func(x Expr) bool {
		c, ok := x.(*Call)
		return !ok || c.Func.Deterministic
	})
}

// IsTrue reports the constant TRUE, IsFalse the constants FALSE and NULL as a condition.
func IsTrue(e Expr) bool {
	l, ok := e.(*Literal)
	return ok && l.Value == true
}

// IsFalse reports a constant that no row satisfies: FALSE or NULL.
func IsFalse(e Expr) bool {
	l, ok := e.(*Literal)
	return ok && (l.Value == false || l.Value == nil)
}

// Conjuncts splits e at its ANDs; none for nil and for TRUE.
func Conjuncts(e Expr) []Expr {
	if e == nil || IsTrue(e) {
		return nil
	}
	if c, ok := e.(*Call); ok && c.Func.Name == "AND" {
		var out []Expr
		for _, a := range c.Args {
			out = append(out, Conjuncts(a)...)
		}
		return out
	}
	return []Expr{e}
}

// And is the conjunction of conds; nil for none. and is the function AND.
func And(and *fn.Func, conds []Expr) Expr {
	switch len(conds) {
	case 0:
		return nil
	case 1:
		return conds[0]
	}
	t := types.TBoolean.NotNull()
	for _, c := range conds {
		if c.Type().Nullable {
			t = types.TBoolean
		}
	}
	return &Call{Func: and, Args: conds, Typ: t, Sp: conds[0].Span()}
}

// Digest is a text that is equal for two expressions exactly if they compute the same from
// the same input: types and column positions are in it, names and places are not.
func Digest(e Expr) string {
	var b strings.Builder
	digest(&b, e)
	return b.String()
}

func digest(b *strings.Builder, e Expr) {
	switch e := e.(type) {
	case *Column:
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(e.Index))
	case *Literal:
		b.WriteString(ValueText(e.Value, e.Typ))
		b.WriteByte(':')
		b.WriteString(e.Typ.String())
	case *Cast:
		b.WriteString("CAST(")
		if e.Try {
			b.WriteString("TRY ")
		}
		digest(b, e.X)
		b.WriteString(" AS ")
		b.WriteString(e.Typ.String())
		b.WriteByte(')')
	case *Field:
		digest(b, e.X)
		b.WriteByte('.')
		b.WriteString(strconv.Itoa(e.Index))
	case *Call:
		b.WriteString(e.Func.Name)
		b.WriteByte('(')
		for i, a := range e.Args {
			if i > 0 {
				b.WriteByte(',')
			}
			digest(b, a)
		}
		b.WriteString("):")
		b.WriteString(e.Typ.String())
	}
}

var infix = map[string]int{
	"OR": 1, "AND": 2,
	"IS DISTINCT FROM": 4, "IS NOT DISTINCT FROM": 4,
	"=": 5, "<>": 5, "<": 5, "<=": 5, ">": 5, ">=": 5,
	"LIKE": 6, "NOT LIKE": 6, "SIMILAR TO": 6, "NOT SIMILAR TO": 6,
	"+": 7, "-": 7, "*": 8, "/": 8, "%": 8, "||": 8,
}

var postfix = map[string]bool{
	"IS NULL": true, "IS NOT NULL": true, "IS TRUE": true, "IS NOT TRUE": true,
	"IS FALSE": true, "IS NOT FALSE": true, "IS UNKNOWN": true, "IS NOT UNKNOWN": true,
}

// Format prints e as SQL for EXPLAIN: columns by name, implicit casts left out unless all
// is set.
func Format(e Expr, all bool) string {
	var b strings.Builder
	format(&b, e, 0, all)
	return b.String()
}

func format(b *strings.Builder, e Expr, level int, all bool) {
	switch e := e.(type) {
	case *Column:
		if e.Name == "" {
			fmt.Fprintf(b, "$%d", e.Index)
			return
		}
		b.WriteString(QuoteName(e.Name))
	case *Literal:
		b.WriteString(ValueText(e.Value, e.Typ))
	case *Cast:
		if e.Implicit && !all {
			format(b, e.X, level, all)
			return
		}
		if e.Try {
			b.WriteString("TRY_")
		}
		b.WriteString("CAST(")
		format(b, e.X, 0, all)
		b.WriteString(" AS " + e.Typ.WithNullable(true).String() + ")")
	case *Field:
		formatOperand(b, e.X, all)
		b.WriteByte('.')
		b.WriteString(QuoteName(e.Name()))
	case *Call:
		formatCall(b, e, level, all)
	}
}

// postfixLevel is the level of x[i] and x.f, above that of all operators.
const postfixLevel = 10

// formatOperand prints what stands before [i] or .f, in brackets unless it is a name or such an access itself.
func formatOperand(b *strings.Builder, e Expr, all bool) {
	for !all {
		c, ok := e.(*Cast)
		if !ok || !c.Implicit {
			break
		}
		e = c.X
	}
	switch x := e.(type) {
	case *Column, *Field:
		format(b, e, postfixLevel, all)
		return
	case *Call:
		if x.Func.Name == "[]" {
			format(b, e, postfixLevel, all)
			return
		}
	}
	b.WriteByte('(')
	format(b, e, 0, all)
	b.WriteByte(')')
}

func formatCall(b *strings.Builder, e *Call, level int, all bool) {
	name := e.Func.Name
	if n, ok := infix[name]; ok && len(e.Args) >= 2 {
		if n < level {
			b.WriteByte('(')
		}
		op := " " + name + " "
		for i, a := range e.Args {
			if i > 0 {
				if i == 2 && n == 6 {
					op = " ESCAPE "
				}
				b.WriteString(op)
			}
			l := n
			if i > 0 || n == 5 {
				l = n + 1
			}
			format(b, a, l, all)
		}
		if n < level {
			b.WriteByte(')')
		}
		return
	}
	switch {
	case postfix[name] && len(e.Args) == 1:
		if level > 4 {
			b.WriteByte('(')
		}
		format(b, e.Args[0], 5, all)
		b.WriteString(" " + name)
		if level > 4 {
			b.WriteByte(')')
		}
	case name == "NOT":
		if level > 3 {
			b.WriteByte('(')
		}
		b.WriteString("NOT ")
		format(b, e.Args[0], 4, all)
		if level > 3 {
			b.WriteByte(')')
		}
	case (name == "-" || name == "+") && len(e.Args) == 1:
		b.WriteString(name)
		format(b, e.Args[0], 9, all)
	case name == "CASE":
		b.WriteString("CASE")
		for i := 0; i+1 < len(e.Args); i += 2 {
			b.WriteString(" WHEN ")
			format(b, e.Args[i], 0, all)
			b.WriteString(" THEN ")
			format(b, e.Args[i+1], 0, all)
		}
		b.WriteString(" ELSE ")
		format(b, e.Args[len(e.Args)-1], 0, all)
		b.WriteString(" END")
	case name == "[]":
		formatOperand(b, e.Args[0], all)
		b.WriteByte('[')
		format(b, e.Args[1], 0, all)
		b.WriteByte(']')
	case name == "ARRAY" || name == "MAP":
		b.WriteString(name + "[")
		formatList(b, e.Args, all)
		b.WriteByte(']')
	case name == "IN" || name == "NOT IN":
		if level > 6 {
			b.WriteByte('(')
		}
		format(b, e.Args[0], 7, all)
		b.WriteString(" " + name + " (")
		formatList(b, e.Args[1:], all)
		b.WriteByte(')')
		if level > 6 {
			b.WriteByte(')')
		}
	case formatJSON(b, e, all):
	default:
		b.WriteString(name + "(")
		formatList(b, e.Args, all)
		b.WriteByte(')')
	}
}

func formatList(b *strings.Builder, es []Expr, all bool) {
	for i, e := range es {
		if i > 0 {
			b.WriteString(", ")
		}
		format(b, e, 0, all)
	}
}

// QuoteName is a name as SQL needs it: in backticks unless it is a plain word.
func QuoteName(s string) string {
	plain := s != ""
	for i, r := range s {
		if r != '_' && r != '$' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return "`" + strings.ReplaceAll(s, "`", "``") + "`"
}

// Sides reports the inputs of a join that e reads; the left one has n columns. An expression that gives another
// value each time must stay where it is: it reads both.
func Sides(e Expr, n int) (left, right bool) {
	// The watermark is that of the side whose row time is asked for.
	settled := true
	Walk(e, func(x Expr) bool {
		c, ok := x.(*Call)
		settled = settled && (!ok || c.Func.Deterministic || c.Func.OfStream)
		return settled
	})
	if !settled {
		return true, true
	}
	for _, c := range Columns(e) {
		if c < n {
			left = true
		} else {
			right = true
		}
	}
	return left, right
}
