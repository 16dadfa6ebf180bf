package rules

import (
	"maps"
	"slices"

	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// use is a Scan with the operator that it feeds.
type use struct {
	scan *physical.Scan
	over physical.Node
}

// share has each table of a job read once, however often its queries name it: of several Scans of one table one is made, with the columns and
// the fields that any of them has. It has the id of the first. Scans stay that have a condition of their own, since the source reads less by it,
// and those whose place feed does not know.
func (o *Optimizer) share(sinks []*physical.Sink) {
	var tables []*catalog.Table // in order
	uses := map[*catalog.Table][]use{}
	for _, s := range sinks {
		for n := range physical.Nodes(s) {
			for _, in := range n.Inputs() {
				scan, ok := in.(*physical.Scan)
				if !ok || scan.Filter != nil || inputOf(n, scan) == nil {
					continue
				}
				if uses[scan.Table] == nil {
					tables = append(tables, scan.Table)
				}
				uses[scan.Table] = append(uses[scan.Table], use{scan, n})
			}
		}
	}
	for _, t := range tables {
		// Scans of one table in one job differ in their columns only, and in whether the watermark is asked for.
		of := slices.DeleteFunc(uses[t], func(u use) bool { return (u.scan.Watermark == nil) != (uses[t][0].scan.Watermark == nil) })
		if len(of) > 1 {
			o.shareScan(of)
		}
	}
}

// shareScan makes one Scan for all uses.
func (o *Optimizer) shareScan(uses []use) {
	first := uses[0].scan
	o.fire(ShareScan, first.Span, "%s is named %d times and read once", first.Table.Name, len(uses))
	cols := map[int]physical.Column{} // by the table's column
	for _, u := range uses {
		for i, f := range u.scan.Fields {
			c := u.scan.Columns[i]
			if have, ok := cols[f]; ok {
				c.Type = allFields(have.Type, c.Type, first.Table.Columns[f].Type)
			}
			cols[f] = c
		}
	}
	whole := *first
	whole.Fields = slices.Sorted(maps.Keys(cols))
	whole.Columns = nil
	for _, f := range whole.Fields {
		whole.Columns = append(whole.Columns, cols[f])
	}
	// moved is an expression over the columns of u, over those of whole.
	moved := func(u *physical.Scan, e scalar.Expr) scalar.Expr {
		if e == nil {
			return nil
		}
		e = scalar.Shift(e, func(i int) int { return slices.Index(whole.Fields, u.Fields[i]) })
		return narrowed(e, physical.Types(whole.Columns))
	}
	for _, u := range uses {
		if key := u.scan.Changelog.Key; key != nil {
			whole.Changelog.Key = nil
			for _, k := range key {
				whole.Changelog.Key = append(whole.Changelog.Key, slices.Index(whole.Fields, u.scan.Fields[k]))
			}
		}
	}
	if w := first.Watermark; w != nil {
		x := *w
		x.Expr, x.RowTime = moved(first, w.Expr), moved(first, w.RowTime)
		whole.Watermark = &x
	}
	for _, u := range uses {
		feed(u, &whole, moved)
	}
}

// feed puts the shared Scan in the place of the one of a use.
func feed(u use, whole *physical.Scan, moved func(*physical.Scan, scalar.Expr) scalar.Expr) {
	if c, ok := u.over.(*physical.Calc); ok {
		for i, e := range c.Exprs {
			c.Exprs[i] = moved(u.scan, e)
		}
		c.Filter = moved(u.scan, c.Filter)
		c.Input = whole
		return
	}
	var in physical.Node = whole
	if !slices.Equal(u.scan.Fields, whole.Fields) {
		c := &physical.Calc{Props: u.scan.Props, Input: whole}
		c.ID += ".columns"
		for i, col := range u.scan.Columns {
			c.Exprs = append(c.Exprs, moved(u.scan, &scalar.Column{Index: i, Name: col.Name, Typ: col.Type, Sp: u.scan.Span}))
		}
		in = c
	}
	*inputOf(u.over, u.scan) = in
}

// inputOf is where n has its input; nil for operators that feed does not know.
func inputOf(n physical.Node, in physical.Node) *physical.Node {
	switch n.(type) {
	case *physical.Calc, *physical.Exchange, *physical.WindowTVF, *physical.StampWatermark, *physical.ToChangelog, *physical.FromChangelog, *physical.Sink, *physical.Union,
		*physical.LocalAggregate: // the plan of one phase has an exchange in its place
	default:
		return nil
	}
	at := slots(n)
	return at[slices.IndexFunc(at, func(slot *physical.Node) bool { return *slot == in })]
}

// allFields is the type with the fields that a or b has, which are of, without fields that nobody reads.
func allFields(a, b, of types.Type) types.Type {
	if a.Kind != types.Row || a.Equal(b) {
		return a
	}
	n := &types.Nested{}
	for _, f := range of.Nested.Fields {
		x, inA := fieldOf(a, f.Name)
		y, inB := fieldOf(b, f.Name)
		switch {
		case inA && inB:
			x = allFields(x, y, f.Type)
		case inB:
			x = y
		case !inA:
			continue
		}
		n.Fields = append(n.Fields, types.Field{Name: f.Name, Type: x})
	}
	a.Nested = n
	return a
}

// fieldOf is the type of a field of a ROW; ok is false when it has none of that name.
func fieldOf(t types.Type, name string) (field types.Type, ok bool) {
	i := slices.IndexFunc(t.Nested.Fields, func(f types.Field) bool { return f.Name == name })
	if i < 0 {
		return field, false
	}
	return t.Nested.Fields[i].Type, true
}
