package logical

import (
	"slices"

	"weir/parser/diag"
	"weir/planner/physical"
	"weir/planner/types"
)

// ToChangelog makes an insertion of every change whose kind has a code. Output: the code, then the columns of Input. NewToChangelog makes it.
type ToChangelog struct {
	Base
	Input Node
	Codes []physical.OpCode // each kind at most once
}

// FromChangelog makes a change of every row, of the kind that column Op says by its code, and leaves that column out. NewFromChangelog makes it.
type FromChangelog struct {
	Base
	Input Node
	Op    int
	Codes []physical.OpCode // each code once
}

// NewToChangelog derives the columns; the first one is called op.
func NewToChangelog(in Node, op string, codes []physical.OpCode, at diag.Span) *ToChangelog {
	n := &ToChangelog{Base: Base{Sp: at}, Input: in, Codes: codes}
	n.Columns = append([]Column{{Name: op, Type: types.TString}}, in.Cols()...)
	return n
}

// NewFromChangelog derives the columns.
func NewFromChangelog(in Node, op int, codes []physical.OpCode, at diag.Span) *FromChangelog {
	n := &FromChangelog{Base: Base{Sp: at}, Input: in, Op: op, Codes: codes}
	n.Columns = slices.Delete(slices.Clone(in.Cols()), op, op+1)
	return n
}

// Updating reports that a row may be something else than an insertion.
func (n *FromChangelog) Updating() bool {
	return slices.ContainsFunc(n.Codes, func(c physical.OpCode) bool { return c.Kind != physical.Inserted })
}

// Inputs is the one input.
func (n *ToChangelog) Inputs() []Node { return []Node{n.Input} }

// Inputs is the one input.
func (n *FromChangelog) Inputs() []Node { return []Node{n.Input} }
