package logical

import (
	"weir/parser/diag"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Unnest puts every row out once for each element of the list in a column of it, without that column. Output: the other
// columns of the input, then Parts of an element. NewUnnest makes it.
type Unnest struct {
	Base
	Input Node
	List  int // an ARRAY, MAP or MULTISET
	// Parts is what goes out of an element, ascending: its columns (see ElementFields) by their number, and
	// behind the last of them its place, counted from 1.
	Parts []int
	Outer bool // a row without elements goes out once, with NULLs
}

// Inputs is the one input.
func (n *Unnest) Inputs() []Node { return []Node{n.Input} }

// NewUnnest is in with the elements of column list; ordinality: and their places.
func NewUnnest(in Node, list int, outer, ordinality bool, at diag.Span) *Unnest {
	n := len(ElementFields(in.Cols()[list].Type))
	if ordinality {
		n++
	}
	parts := scalar.FirstColumns(n)
	u := &Unnest{Base: Base{Sp: at}, Input: in, List: list, Parts: parts, Outer: outer}
	u.derive()
	return u
}

// With is n over in, with other parts.
func (n *Unnest) With(in Node, list int, parts []int) *Unnest {
	u := &Unnest{Base: Base{Sp: n.Sp}, Input: in, List: list, Parts: parts, Outer: n.Outer}
	u.derive()
	return u
}

func (n *Unnest) derive() {
	for i, c := range n.Input.Cols() {
		if i != n.List {
			n.Columns = append(n.Columns, c)
		}
	}
	fields := ElementFields(n.Input.Cols()[n.List].Type)
	for _, p := range n.Parts {
		f := types.Field{Name: "ORDINALITY", Type: types.TInt.NotNull()}
		if p < len(fields) {
			f = fields[p]
		}
		n.Columns = append(n.Columns, Column{Name: f.Name, Type: f.Type.WithNullable(f.Type.Nullable || n.Outer)})
	}
}

// Windows is the window columns of the input, which stand before the list.
func (n *Unnest) Windows() *WindowColumns {
	w := n.Input.Windows()
	if w == nil {
		return nil
	}
	v := *w
	for _, at := range []*int{&v.Start, &v.End, &v.Time} {
		switch {
		case *at == n.List:
			*at = -1
		case *at > n.List:
			*at--
		}
	}
	return &v
}

// ElementName is the name of the column that an element makes which is no ROW.
const ElementName = "EXPR$0"

// ElementFields is the columns that an element of list makes: the fields of a ROW, KEY and VALUE of a MAP, the element itself
// otherwise.
func ElementFields(list types.Type) []types.Field {
	elem := list.Nested.Elem
	switch {
	case list.Kind == types.Map:
		return []types.Field{{Name: "KEY", Type: list.Nested.Key}, {Name: "VALUE", Type: elem}}
	case elem.Kind == types.Row:
		fields := make([]types.Field, len(elem.Nested.Fields))
		for i, f := range elem.Nested.Fields {
			fields[i] = types.Field{Name: f.Name, Type: f.Type.WithNullable(f.Type.Nullable || elem.Nullable)}
		}
		return fields
	}
	return []types.Field{{Name: ElementName, Type: elem}}
}
