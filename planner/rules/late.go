package rules

import (
	"slices"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// LateTarget is the table that a source table's late rows go to.
type LateTarget struct {
	Table *catalog.Table
	// Columns are the columns of the source table that go there, Fields those of Table that they fill; Moment is the one that gets the
	// watermark.
	Columns []int
	Fields  []int
	Moment  int
	At      diag.Span // of the option
}

// lateRows gives the operators that drop late rows of a table with a target the columns of that table: what they drop goes there. The
// rows must come to the operator straight from the table, through projections, conditions and window functions.
func (o *Optimizer) lateRows(n logical.Node) logical.Node {
	if o.LateTarget == nil {
		return n
	}
	return bottomUp(n, func(n logical.Node) logical.Node {
		switch x := n.(type) {
		case *logical.WindowAggregate:
			if in, late := o.lateInput(x.Input, x.Window.ProcTime); late != nil && (x.Time >= 0 || x.Window.Kind != physical.Session) {
				c := *x
				c.Input, c.Late = in, late
				return &c
			}
		case *logical.WindowTVF:
			if x.Window.Kind != physical.Session {
				break
			}
			if in, late := o.lateInput(x.Input, x.Window.ProcTime); late != nil {
				c := widened(x, in)
				c.Late = late
				return columnsOf(c, x, len(in.Cols()))
			}
		case *logical.Over:
			if in, late := o.lateInput(x.Input, len(x.Order) != 1 || !rowTimeOrder(x.Input, x.Order)); late != nil {
				c := *x
				c.Input, c.Late = in, late
				return columnsOf(logical.NewOver(&c), x, len(in.Cols()))
			}
		case *logical.Sort:
			if in, late := o.lateInput(x.Input, !rowTimeOrder(x.Input, x.Order)); late != nil {
				c := logical.NewSort(in, x.Order, x.Sp)
				c.Late = late
				return columnsOf(c, x, len(in.Cols()))
			}
		case *logical.Match:
			if in, late := o.lateInput(x.Input, !rowTimeOrder(x.Input, x.Order)); late != nil {
				m := moveMatch(x, in, scalar.FirstColumns(len(x.Input.Cols())))
				m.Late = late
				return m
			}
		case *logical.Rank:
			return o.lateRank(x)
		case *logical.Join:
			return o.lateJoin(x)
		}
		return n
	})
}

// rowTimeOrder reports an order that begins with the time of events.
func rowTimeOrder(in logical.Node, order []logical.SortKey) bool {
	return len(order) > 0 && in.Cols()[order[0].Column].Time == catalog.RowTime
}

// lateRank is lateRows for a Rank that waits for the watermark: one of windows, or one that keeps the first row of each key.
func (o *Optimizer) lateRank(x *logical.Rank) logical.Node {
	w := windowOf(x)
	last, proc, dedup := deduplicates(x)
	if o.changes(x.Input) || w == nil && (!dedup || last || proc) {
		return x
	}
	in, late := o.lateInput(x.Input, w != nil && w.Spec.ProcTime)
	if late == nil {
		return x
	}
	c := *x
	c.Input, c.Late = in, late
	c.Columns = slices.Clone(in.Cols())
	if x.Number {
		c.Columns = append(c.Columns, x.Columns[len(x.Columns)-1])
	}
	c.Win = in.Windows()
	return columnsOf(&c, x, len(in.Cols()))
}

// lateJoin is lateRows for a join of windows, within a time, or with the versions of a table.
func (o *Optimizer) lateJoin(x *logical.Join) logical.Node {
	switch bounds := x.Bounds(); {
	case x.AsOf != nil && x.AsOf.Looks():
		return x
	case x.AsOf != nil:
	case o.changes(x.Left) || o.changes(x.Right):
		return x // all rows are joined, whenever they come
	case x.JoinsWindows() && !x.Left.Windows().Spec.ProcTime, bounds != nil && !bounds.ProcTime:
	default:
		return x
	}
	left, l := o.lateInput(x.Left, false)
	right, r := o.lateInput(x.Right, false)
	if l == nil && r == nil {
		return x
	}
	w, wide := len(x.Left.Cols()), len(left.Cols())
	at := func(i int) int {
		if i >= w {
			return i - w + wide
		}
		return i
	}
	c := *x
	c.Late = [2]*logical.Late{l, r}
	if x.Cond != nil {
		c.Cond = scalar.Shift(x.Cond, at)
	}
	j := c.WithInputs(left, right)
	p := &logical.Calc{Base: logical.Base{Sp: x.Sp}, Input: j}
	for i, col := range x.Columns {
		p.Exprs, p.Columns = append(p.Exprs, logical.Ref(j, at(i))), append(p.Columns, col)
	}
	return p
}

// changes reports that the rows of n, which come straight from a table, are changed.
func (o *Optimizer) changes(n logical.Node) bool {
	s := scanOf(n)
	return s != nil && o.SourceMode(s.Table) != catalog.InsertOnly
}

// lateInput is in with the columns that its table's late rows need; late is nil where they go nowhere, and where there is none: untimed.
func (o *Optimizer) lateInput(in logical.Node, untimed bool) (logical.Node, *logical.Late) {
	if untimed {
		return in, nil
	}
	scan := scanOf(in)
	if scan == nil {
		return in, nil
	}
	t := o.LateTarget(scan.Table)
	if t == nil {
		return in, nil
	}
	wide, at := expose(in, t.Columns)
	return wide, &logical.Late{Source: scan.Table, Target: t.Table, Fields: t.Fields, Columns: at, Moment: t.Moment}
}

// scanOf is where rows come from, one for one and with nothing but conditions, projections and window functions on
// their way; nil where there is no such Scan.
func scanOf(n logical.Node) *logical.Scan {
	for {
		switch x := n.(type) {
		case *logical.Scan:
			return x
		case *logical.Calc:
			n = x.Input
		case *logical.WindowTVF:
			if x.Window.Kind == physical.Session {
				return nil // it drops them itself
			}
			n = x.Input
		default:
			return nil
		}
	}
}

// origin is the column of the table that column i of n hands on, -1 where it is another value.
func origin(n logical.Node, i int) int {
	switch x := n.(type) {
	case *logical.Scan:
		if c, plain := x.Whole[x.Fields[i]].(*scalar.Column); plain && c.Index == i {
			return x.Fields[i] // and not metadata of another type
		}
	case *logical.WindowTVF:
		if i < len(x.Input.Cols()) {
			return origin(x.Input, i)
		}
	case *logical.Calc:
		if c, plain := x.Exprs[i].(*scalar.Column); plain {
			return origin(x.Input, c.Index)
		}
		if s, direct := x.Input.(*logical.Scan); direct {
			d := scalar.Digest(x.Exprs[i])
			return slices.IndexFunc(s.Whole, func(e scalar.Expr) bool { return scalar.Digest(e) == d })
		}
	}
	return -1
}

// expose is n, for which there is a scanOf, with columns of the table among its own; those that are missing are added behind them.
func expose(n logical.Node, cols []int) (out logical.Node, at []int) {
	at = make([]int, len(cols))
	var missing []int
	for i, c := range cols {
		at[i] = -1
		for k := range n.Cols() {
			if at[i] < 0 && origin(n, k) == c {
				at[i] = k
			}
		}
		if at[i] < 0 {
			missing = append(missing, c)
		}
	}
	if len(missing) == 0 {
		return n, at
	}
	var found []int
	switch x := n.(type) {
	case *logical.Scan:
		exprs, _ := logical.Pass(x)
		c := &logical.Calc{Base: logical.Base{Sp: x.Sp, Columns: slices.Clone(x.Columns)}, Input: x, Exprs: exprs}
		for _, m := range missing {
			found = append(found, len(c.Exprs))
			col := &x.Table.Columns[m]
			c.Exprs = append(c.Exprs, x.Whole[m])
			c.Columns = append(c.Columns, logical.Column{Name: col.Name, Type: x.Whole[m].Type(), Table: x.Table})
		}
		out = c
	case *logical.Calc:
		in, below := expose(x.Input, missing)
		c := *x
		c.Input = in
		c.Exprs, c.Columns = slices.Clone(x.Exprs), slices.Clone(x.Columns)
		for _, b := range below {
			found = append(found, len(c.Exprs))
			c.Exprs, c.Columns = append(c.Exprs, logical.Ref(in, b)), append(c.Columns, in.Cols()[b])
		}
		out = &c
	case *logical.WindowTVF:
		in, below := expose(x.Input, missing)
		p := columnsOf(widened(x, in), x, len(in.Cols())).(*logical.Calc)
		for _, b := range below {
			found = append(found, len(p.Exprs))
			p.Exprs, p.Columns = append(p.Exprs, logical.Ref(p.Input, b)), append(p.Columns, in.Cols()[b])
		}
		out = p
	}
	next := 0
	for i := range at {
		if at[i] < 0 {
			at[i] = found[next]
			next++
		}
	}
	return out, at
}

// widened is w over in, whose columns are those of w's input and further ones.
func widened(w *logical.WindowTVF, in logical.Node) *logical.WindowTVF {
	old := len(w.Input.Cols())
	c := *w
	c.Input = in
	c.Columns = append(slices.Clone(w.Columns[:old]), in.Cols()[old:]...)
	c.Columns = append(c.Columns, w.Columns[old:]...)
	win := *w.Win
	win.Start, win.End, win.Time = len(in.Cols()), len(in.Cols())+1, len(in.Cols())+2
	c.Win = &win
	return &c
}

// columnsOf is wide with the columns of old alone, in their order. The input of old has fewer columns than the one of wide, which are
// wideIn.
func columnsOf(wide, old logical.Node, wideIn int) logical.Node {
	w := len(old.Inputs()[0].Cols())
	c := &logical.Calc{Base: logical.Base{Sp: old.Span()}, Input: wide}
	for i, col := range old.Cols() {
		from := i
		if i >= w {
			from = wideIn + i - w
		}
		c.Exprs, c.Columns = append(c.Exprs, logical.Ref(wide, from)), append(c.Columns, col)
	}
	return c
}

// joinLate is late for both sides of a join.
func (b *builder) joinLate(n *logical.Join, props *physical.Props, left, right physical.Node) {
	b.late(0, n.Late[0], props, left)
	b.late(1, n.Late[1], props, right)
}

// late notes what the operator with props gives of its input in, the one of that number, to the table of late rows, and makes that
// table's sink.
func (b *builder) late(input int, l *logical.Late, props *physical.Props, in physical.Node) {
	if l == nil || b.batch {
		return
	}
	id := props.ID + [...]string{"/late", "/late-right"}[input]
	n := &physical.LateRows{Of: props.ID, Table: l.Source.Name}
	n.Props = physical.Props{ID: id + "-rows", Span: props.Span}
	out := &physical.LateOutput{}
	s := &physical.Sink{Table: l.Target, Input: n}
	for f, c := range l.Target.Columns {
		from := slices.Index(l.Fields, f)
		if from < 0 && f != l.Moment {
			continue // computed
		}
		at, t := -1, l.Source.Columns[l.Source.Watermark.Column].Type.WithNullable(true)
		if from >= 0 {
			at = l.Columns[from]
			t = in.Base().Columns[at].Type
		}
		s.Fields, out.Columns = append(s.Fields, f), append(out.Columns, at)
		n.Columns = append(n.Columns, physical.Column{Name: c.Name, Type: t})
	}
	s.Props = physical.Props{ID: id, Columns: n.Columns, Span: props.Span}
	for i, f := range s.Fields {
		if slices.Contains(l.Target.PrimaryKey, f) {
			s.Key = append(s.Key, i)
		}
	}
	b.constraints(s)
	out.Sink = s
	props.Late[input] = out
	b.lates = append(b.lates, s)
}
