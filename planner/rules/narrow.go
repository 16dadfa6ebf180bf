package rules

import (
	"slices"

	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// fieldUse says which fields of a ROW are read: all of them, or those in fields. IS NULL of the ROW reads none.
type fieldUse struct {
	whole  bool
	fields map[int]*fieldUse
}

// field is the use of field i, made where it is not there.
func (u *fieldUse) field(i int) *fieldUse {
	if u.fields == nil {
		u.fields = map[int]*fieldUse{}
	}
	if u.fields[i] == nil {
		u.fields[i] = &fieldUse{}
	}
	return u.fields[i]
}

// of is t with the fields that are read, and how many fields that leaves out.
func (u *fieldUse) of(t types.Type) (narrow types.Type, left int) {
	if u.whole || t.Kind != types.Row {
		return t, 0
	}
	n := &types.Nested{}
	for i, f := range t.Nested.Fields {
		use := u.fields[i]
		if use == nil {
			left++
			continue
		}
		ft, l := use.of(f.Type)
		left += l
		n.Fields = append(n.Fields, types.Field{Name: f.Name, Type: ft})
	}
	t.Nested = n
	return t, left
}

// narrow takes the fields of ROW columns that nobody reads out of Scans, where the source can leave them out.
func (o *Optimizer) narrow(n logical.Node) logical.Node {
	return bottomUp(n, func(n logical.Node) logical.Node {
		c, ok := n.(*logical.Calc)
		if !ok {
			return n
		}
		s, ok := c.Input.(*logical.Scan)
		if !ok {
			return n
		}
		uses := map[int]*fieldUse{}
		for i, col := range s.Columns {
			if col.Type.Kind == types.Row && o.ReadsFields(s.Table, s.Fields[i]) {
				uses[i] = &fieldUse{}
			}
		}
		for _, e := range slices.Concat(c.Exprs, []scalar.Expr{c.Filter, s.Watermark, s.RowTime, s.Filter}) {
			if e != nil {
				readFields(e, uses)
			}
		}
		t := *s
		t.Columns = slices.Clone(s.Columns)
		left := 0
		for i, u := range uses {
			typ, l := u.of(s.Columns[i].Type)
			t.Columns[i].Type = typ
			left += l
		}
		if left == 0 {
			return n
		}
		fields := "fields"
		if left == 1 {
			fields = "field"
		}
		o.fire(PruneFields, s.Sp, "%d %s of %s that nobody reads", left, fields, s.Table.Name)
		shift := func(e scalar.Expr) scalar.Expr {
			if e == nil {
				return nil
			}
			return narrowed(e, columnTypes(t.Columns))
		}
		t.Watermark, t.RowTime, t.Filter = shift(s.Watermark), shift(s.RowTime), shift(s.Filter)
		d := *c
		d.Input, d.Filter, d.Exprs = &t, shift(c.Filter), make([]scalar.Expr, len(c.Exprs))
		for i, e := range c.Exprs {
			d.Exprs[i] = shift(e)
		}
		return &d
	})
}

// readFields notes what e reads of the columns in uses.
func readFields(e scalar.Expr, uses map[int]*fieldUse) {
	if u := useOf(e, uses); u != nil {
		u.whole = true
		return
	}
	if c, ok := e.(*scalar.Call); ok && (c.Func.Name == "IS NULL" || c.Func.Name == "IS NOT NULL") {
		if useOf(c.Args[0], uses) != nil {
			return
		}
	}
	for _, c := range scalar.Children(e) {
		readFields(c, uses)
	}
}

// useOf is the use of the column, or of the field of a column, that e is; nil for other expressions.
func useOf(e scalar.Expr, uses map[int]*fieldUse) *fieldUse {
	switch e := e.(type) {
	case *scalar.Column:
		return uses[e.Index]
	case *scalar.Field:
		if u := useOf(e.X, uses); u != nil {
			return u.field(e.Index)
		}
	}
	return nil
}

// columnTypes is the types of columns.
func columnTypes(cols []logical.Column) []types.Type {
	out := make([]types.Type, len(cols))
	for i, c := range cols {
		out[i] = c.Type
	}
	return out
}

// narrowed is e over columns of these types, which have other fields than e knows: fewer, or more.
func narrowed(e scalar.Expr, cols []types.Type) scalar.Expr {
	switch x := e.(type) {
	case *scalar.Column:
		if t := cols[x.Index]; !t.Equal(x.Typ) && t.Kind == types.Row {
			c := *x
			c.Typ = t.WithNullable(x.Typ.Nullable)
			return &c
		}
		return e
	case *scalar.Field:
		y := narrowed(x.X, cols)
		if y == x.X {
			return e
		}
		name := x.Name()
		i := slices.IndexFunc(y.Type().Nested.Fields, func(f types.Field) bool { return f.Name == name })
		f := scalar.NewField(y, i, x.Sp)
		f.Typ.Nullable = x.Typ.Nullable
		return f
	}
	return scalar.WithChildren(e, func(c scalar.Expr) scalar.Expr { return narrowed(c, cols) })
}
