package rules

import (
	"slices"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/logical"
	"weir/planner/physical"
)

// LateTarget is the table that a source table's late rows go to.
type LateTarget struct {
	Table *catalog.Table
	// Columns are the columns of the source table that go there, Fields those of Table that they fill; Moment is the one that gets the
	// watermark.
	Columns []string
	Fields  []int
	Moment  int
	At      diag.Span // of the option
}

// lateRows gives the operators that drop late rows of a table with a target the columns of that table: what they drop goes there. The
// rows must come to the operator straight from the table, through projections, conditions and window functions.
func (o *Optimizer) lateRows(n logical.Node) logical.Node {
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
			if len(x.Order) != 1 || x.Input.Cols()[x.Order[0].Column].Time != catalog.RowTime {
				break
			}
			if in, late := o.lateInput(x.Input, false); late != nil {
				c := *x
				c.Input, c.Late = in, late
				return columnsOf(logical.NewOver(&c), x, len(in.Cols()))
			}
		case *logical.Sort:
			if x.Input.Cols()[x.Order[0].Column].Time != catalog.RowTime {
				break
			}
			if in, late := o.lateInput(x.Input, false); late != nil {
				c := logical.NewSort(in, x.Order, x.Sp)
				c.Late = late
				return columnsOf(c, x, len(in.Cols()))
			}
		}
		return n
	})
}

// lateInput is in with the columns that its table's late rows need; late is nil where they go nowhere.
func (o *Optimizer) lateInput(in logical.Node, procTime bool) (logical.Node, *logical.Late) {
	if procTime || o.LateTarget == nil {
		return in, nil
	}
	source := sourceOf(in)
	if source == nil {
		return in, nil
	}
	t := o.LateTarget(source)
	if t == nil {
		return in, nil
	}
	wide, at, ok := expose(in, source, t.Columns)
	if !ok {
		return in, nil
	}
	return wide, &logical.Late{Source: source, Target: t.Table, Fields: t.Fields, Columns: at, Moment: t.Moment}
}

// sourceOf is the table that rows come from, one for one and with nothing but conditions, projections and window functions on
// their way; nil where there is none.
func sourceOf(n logical.Node) *catalog.Table {
	for {
		switch x := n.(type) {
		case *logical.Scan:
			return x.Table
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

// expose is n with the named columns of table t among its own; those that are missing are added behind them.
func expose(n logical.Node, t *catalog.Table, names []string) (out logical.Node, at []int, ok bool) {
	at = make([]int, len(names))
	var missing []string
	for i, name := range names {
		at[i] = slices.IndexFunc(n.Cols(), func(c logical.Column) bool { return c.Table == t && c.Name == name })
		if at[i] < 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return n, at, true
	}
	var found []int
	switch x := n.(type) {
	case *logical.Calc:
		in, below, ok := expose(x.Input, t, missing)
		if !ok {
			return n, nil, false
		}
		c := *x
		c.Input = in
		c.Exprs, c.Columns = slices.Clone(x.Exprs), slices.Clone(x.Columns)
		for _, b := range below {
			found = append(found, len(c.Exprs))
			c.Exprs, c.Columns = append(c.Exprs, logical.Ref(in, b)), append(c.Columns, in.Cols()[b])
		}
		out = &c
	case *logical.WindowTVF:
		in, below, ok := expose(x.Input, t, missing)
		if !ok {
			return n, nil, false
		}
		p := columnsOf(widened(x, in), x, len(in.Cols())).(*logical.Calc)
		for _, b := range below {
			found = append(found, len(p.Exprs))
			p.Exprs, p.Columns = append(p.Exprs, logical.Ref(p.Input, b)), append(p.Columns, in.Cols()[b])
		}
		out = p
	default:
		return n, nil, false
	}
	next := 0
	for i := range at {
		if at[i] < 0 {
			at[i] = found[next]
			next++
		}
	}
	return out, at, true
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

// late notes what the operator with props over in gives to the table of late rows, and makes that table's sink.
func (b *builder) late(l *logical.Late, props *physical.Props, in physical.Node) {
	if l == nil || b.batch {
		return
	}
	id := props.ID + "/late"
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
	props.Late = out
	b.lates = append(b.lates, s)
}
