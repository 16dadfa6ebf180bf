package bind

import (
	"slices"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/scalar"
)

// versioned is the right side of t when it has FOR SYSTEM_TIME AS OF, nil otherwise.
func versioned(t *ast.Join) *ast.TableName {
	if r, ok := t.Right.(*ast.TableName); ok && r.SysAsOf != nil {
		return r
	}
	return nil
}

// asOf binds FOR SYSTEM_TIME AS OF of the right side of t; nil without one. ok is false after a finding.
func (b *Binder) asOf(t *ast.Join, kind logical.JoinKind, right logical.Node, ls *scope) (a *logical.AsOf, ok bool) {
	r := versioned(t)
	if r == nil {
		return nil, true
	}
	if kind != logical.InnerJoin && kind != logical.LeftJoin {
		b.Diags.Errorf(codes.NoSystemTime, t.JoinSpan, "a join with FOR SYSTEM_TIME AS OF is an inner or a LEFT join").
			Label(r.SysAsOf.Span(), "a row of %s has no time of its own to be looked at", r.Name).
			Help("write LEFT JOIN with the table that is looked at on the right")
		return nil, false
	}
	at := r.SysAsOf.Span()
	x := &exprBinder{Binder: b, scope: ls, clause: "FOR SYSTEM_TIME AS OF"}
	e := x.bind(r.SysAsOf)
	if e == nil {
		return nil, false
	}
	c, isColumn := e.(*scalar.Column)
	if !isColumn || ls.cols[c.Index].Time == catalog.NoTime {
		b.noTimeOf(e, ls, at)
		return nil, false
	}
	a = &logical.AsOf{Left: c.Index, Right: -1, Sp: at}
	if ls.cols[c.Index].Time == catalog.ProcTime {
		a.Left = -1
		return a, b.lookedUp(right, r, at)
	}
	cols := right.Cols()
	a.Right = slices.IndexFunc(cols, func(c logical.Column) bool { return c.Time == catalog.RowTime })
	if a.Right < 0 {
		b.noVersions(right, r, at)
		return nil, false
	}
	if l, r := ls.cols[c.Index].Type, cols[a.Right].Type; l.Kind != r.Kind {
		b.Diags.Errorf(codes.TemporalJoin, at, "the row times of the two sides are of different types: %s and %s", l.WithNullable(true), r.WithNullable(true)).
			Label(t.Right.Span(), "%s is %s", cols[a.Right].Name, r.WithNullable(true)).
			Note("TIMESTAMP has no zone, TIMESTAMP_LTZ is an instant: they cannot be put in one order").
			Help("declare both WATERMARKs on columns of one type; TO_TIMESTAMP_LTZ(ms, 3) in a computed column makes an instant")
		return nil, false
	}
	return a, true
}

// noTimeOf reports a time of AS OF that is no time attribute of the left side.
func (b *Binder) noTimeOf(e scalar.Expr, ls *scope, at diag.Span) {
	d := b.Diags.Errorf(codes.NoSystemTime, at, "FOR SYSTEM_TIME AS OF takes a time attribute of the left side")
	switch x := e.(type) {
	case *scalar.Literal:
		d.At("this is one time for all rows").Help("a constant time is not supported: put a WHERE on the table's own versions")
		return
	case *scalar.Call:
		if x.Func.Name == "PROCTIME" {
			d.At("it must be a column").Help("add a column to the left table, proc_time AS PROCTIME(), and write AS OF its name")
			return
		}
	case *scalar.Column:
		if lost := ls.cols[x.Index].Lost; lost != nil {
			d.Label(lost.Span, "%s", lost.Why)
		}
		if !x.Typ.IsTimestamp() {
			d.At("%s is %s", x.Name, x.Typ.WithNullable(true))
		}
	}
	for _, c := range ls.cols {
		if c.Time != catalog.NoTime && c.Name != "" {
			d.Help("write AS OF %s", scalar.QuoteName(c.Name))
			return
		}
	}
	d.Help("declare a WATERMARK on the time of the left table, or a column AS PROCTIME() to look rows up as they are now")
}

// noVersions reports a right side without a row time.
func (b *Binder) noVersions(right logical.Node, r *ast.TableName, at diag.Span) {
	d := b.Diags.Errorf(codes.TemporalJoin, r.Name.Sp, "%s has no row time, so it has no versions", r.Name)
	d.At("as of when each of its rows was valid is not known").Label(at, "rows are wanted as of this time")
	for _, c := range right.Cols() {
		if c.Lost != nil {
			d.Label(c.Lost.Span, "%s", c.Lost.Why)
			break
		}
	}
	if b.looks(lookupTable(right)) {
		d.Help("to look rows up as they are now, write AS OF a column of the left side that is PROCTIME()")
	}
	d.Help("add a WATERMARK to the table, or keep its row time in the view")
}

// lookupTable is the table that a lookup would read: right is a scan, perhaps under projections and conditions. nil for
// other relations.
func lookupTable(right logical.Node) *catalog.Table {
	for {
		switch n := right.(type) {
		case *logical.Scan:
			return n.Table
		case *logical.Calc:
			right = n.Input
		default:
			return nil
		}
	}
}

// looks reports that t can be asked for rows by key.
func (b *Binder) looks(t *catalog.Table) bool {
	if t == nil || b.Registry == nil {
		return false
	}
	spec := b.Registry.Connectors[t.Connector]
	return spec != nil && spec.Lookup != nil && spec.Lookup(t)
}

// lookedUp checks that the right side can be looked up by key.
func (b *Binder) lookedUp(right logical.Node, r *ast.TableName, at diag.Span) bool {
	t := lookupTable(right)
	if b.looks(t) {
		return true
	}
	d := b.Diags.Errorf(codes.TemporalJoin, r.Name.Sp, "rows of %s cannot be looked up as of processing time", r.Name)
	d.Label(at, "this is processing time")
	switch {
	case t == nil:
		d.At("it is a query, not a table").Help("join it without FOR SYSTEM_TIME, or as of a row time")
	default:
		d.At("connector '%s' is read from its beginning, not asked for a key", t.Connector).
			Label(t.NameSpan, "defined here").
			Note("Flink refuses this too: what such a table holds now depends on how far it has been read").
			Help("use a row time: declare a WATERMARK on both tables and write AS OF that column of the left side").
			Help("or keep the rows in a database and use connector 'jdbc'")
	}
	return false
}
