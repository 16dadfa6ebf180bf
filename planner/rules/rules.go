// Package rules makes a good logical plan of a bound one, and the physical plan of that.
//
//	merge     Calc over Calc becomes one
//	windows   a windowed Aggregate becomes a WindowAggregate; the window function below it is taken into it
//	          where nothing else looks at its columns
//	order     inner joins of FROM a, b, c are put in an order in which they have keys (joinorder.go)
//	joins     conditions sink below joins; columns that must be equal become their keys (join.go)
//	ranks     OVER that is asked for the first rows only becomes a Rank (over.go)
//	late      operators that drop late rows get the columns of the table that those go to (late.go)
//	prune     columns that nobody reads are not made, nor decoded from records (prune.go)
//	pushdown  conditions that cannot fail go into the Scan as well (pushdown.go)
//	narrow    fields of ROW columns that nobody reads are not decoded (narrow.go)
//	build     changelog modes, exchanges, stable ids: the physical plan (build.go, and a file for each kind of operator)
//	share     a table that is named several times is read by one Scan (share.go)
package rules

import (
	"slices"

	"weir/planner/catalog"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// Optimizer holds what the rules must know of the world.
type Optimizer struct {
	Functions  fn.Catalog
	SourceMode func(t *catalog.Table) catalog.ChangeMode
	FullLookup func(t *catalog.Table) bool // of a table that is looked up in memory only; nil: none is
	OwnSearch  func(t *catalog.Table) bool // of a table whose connector searches it by vectors; nil: none does
	// ReadsFields reports that a Scan of t may ask for some fields only of column i, a ROW.
	ReadsFields func(t *catalog.Table, i int) bool

	// LateTarget is where the late rows of a table go; nil: they are dropped.
	LateTarget func(t *catalog.Table) *LateTarget

	fired []physical.Fired // since the last Trace
}

// Optimize applies the logical rules.
func (o *Optimizer) Optimize(n logical.Node) logical.Node {
	n = o.merge(n)
	n = o.merge(o.windows(n))
	n = o.merge(o.joins(o.joinOrder(n)))
	n = o.merge(o.ranks(n))
	n = o.merge(o.lateRows(n))
	need := make([]bool, len(n.Cols()))
	for i := range need {
		need[i] = true
	}
	n, at := o.prune(n, need)
	n = o.merge(reorder(n, at, len(need)))
	return o.narrow(o.pushdown(n))
}

// withInputs is n over other inputs of the same shape.
func withInputs(n logical.Node, ins []logical.Node) logical.Node {
	same := true
	for i, in := range n.Inputs() {
		same = same && in == ins[i]
	}
	if same {
		return n
	}
	switch n := n.(type) {
	case *logical.Calc:
		c := *n
		c.Input = ins[0]
		return &c
	case *logical.WindowTVF:
		c := *n
		c.Input = ins[0]
		return &c
	case *logical.Aggregate:
		c := *n
		c.Input = ins[0]
		return &c
	case *logical.WindowAggregate:
		c := *n
		c.Input = ins[0]
		return &c
	case *logical.Union:
		c := *n
		c.Ins = ins
		return &c
	case *logical.Join:
		return n.WithInputs(ins[0], ins[1])
	case *logical.Sort:
		s := logical.NewSort(ins[0], n.Order, n.Sp)
		s.Late, s.Part = n.Late, n.Part
		return s
	case *logical.Expand:
		return logical.NewExpand(ins[0], n.Null, n.ID, n.Sp)
	case *logical.Replicate:
		return logical.NewReplicate(ins[0], n.Times, n.Sp)
	case *logical.ToChangelog:
		return logical.NewToChangelog(ins[0], n.Columns[0].Name, n.Codes, n.Sp)
	case *logical.FromChangelog:
		return logical.NewFromChangelog(ins[0], n.Op, n.Codes, n.Sp)
	case *logical.Unnest:
		return n.With(ins[0], n.List, n.Parts)
	case *logical.VectorSearch:
		return n.WithInput(ins[0], n.Query)
	case *logical.Match:
		c := *n
		c.Input = ins[0]
		return &c
	case *logical.Over:
		c := *n
		c.Input = ins[0]
		return &c
	case *logical.Rank:
		c := *n
		c.Input = ins[0]
		return &c
	}
	return n
}

// bottomUp rebuilds the tree with f applied to every node, inputs first.
func bottomUp(n logical.Node, f func(logical.Node) logical.Node) logical.Node {
	var ins []logical.Node
	for _, in := range n.Inputs() {
		ins = append(ins, bottomUp(in, f))
	}
	return f(withInputs(n, ins))
}

// merge makes one Calc of two, drops those that do nothing, and simplifies conditions.
func (o *Optimizer) merge(n logical.Node) logical.Node {
	return bottomUp(n, func(n logical.Node) logical.Node {
		c, ok := n.(*logical.Calc)
		if !ok {
			if u, isUnion := n.(*logical.Union); isUnion {
				return o.flatten(u)
			}
			return n
		}
		if c.Filter != nil {
			d := *c
			d.Filter = o.condition(c.Filter)
			o.simplified(c.Filter, d.Filter)
			c = &d
		}
		for {
			in, below := c.Input.(*logical.Calc)
			if !below || !mergeable(c, in) {
				break
			}
			o.fire(MergeCalcs, c.Sp, "one pass instead of two over the same rows")
			c = o.mergeTwo(c, in)
		}
		if c.Filter == nil && identity(c) {
			o.fire(DropCalc, c.Sp, "the projection hands on its input as it is")
			return c.Input
		}
		return c
	})
}

// identity reports a projection that hands on everything in place.
func identity(c *logical.Calc) bool {
	if len(c.Exprs) != len(c.Input.Cols()) {
		return false
	}
	for i, e := range c.Exprs {
		r, ok := e.(*scalar.Column)
		if !ok || r.Index != i {
			return false
		}
	}
	return true
}

// mergeable: an expression below that is computed, and read more than once above, is computed once where it is; one
// that is not deterministic must be, unless all that happens to it is to be handed on.
func mergeable(up, down *logical.Calc) bool {
	reads, handed := make([]int, len(down.Exprs)), make([]int, len(down.Exprs))
	count := func(e scalar.Expr) {
		if e == nil {
			return
		}
		if c, ok := e.(*scalar.Column); ok {
			handed[c.Index]++
		}
		scalar.Walk(e, func(x scalar.Expr) bool {
			if c, ok := x.(*scalar.Column); ok {
				reads[c.Index]++
			}
			return true
		})
	}
	for _, e := range up.Exprs {
		count(e)
	}
	count(up.Filter)
	for i, e := range down.Exprs {
		switch x := e.(type) {
		case *scalar.Column, *scalar.Literal, *scalar.Field: // a field costs nothing to read again
		default:
			if reads[i] > 1 || !scalar.Deterministic(x) && (reads[i] != handed[i] || up.Filter != nil) {
				return false
			}
		}
	}
	return true
}

func (o *Optimizer) mergeTwo(up, down *logical.Calc) *logical.Calc {
	inline := func(e scalar.Expr) scalar.Expr {
		return scalar.Rewrite(e, func(x scalar.Expr) scalar.Expr {
			c, ok := x.(*scalar.Column)
			if !ok {
				return fieldOfRow(x)
			}
			below := down.Exprs[c.Index]
			if r, plain := below.(*scalar.Column); plain && c.Sp != r.Sp && !c.Sp.IsZero() {
				d := *r
				d.Sp = c.Sp // messages name the place that was looked at
				return &d
			}
			return below
		})
	}
	c := *up
	c.Input = down.Input
	c.Exprs = make([]scalar.Expr, len(up.Exprs))
	for i, e := range up.Exprs {
		c.Exprs[i] = inline(e)
	}
	conds := scalar.Conjuncts(down.Filter)
	if up.Filter != nil {
		conds = append(slices.Clone(conds), scalar.Conjuncts(inline(up.Filter))...)
	}
	c.Filter = o.and(conds)
	return &c
}

func (o *Optimizer) and(conds []scalar.Expr) scalar.Expr {
	return scalar.And(o.Functions["AND"], conds)
}

// flatten takes unions directly below a union into it.
func (o *Optimizer) flatten(u *logical.Union) logical.Node {
	var ins []logical.Node
	for _, in := range u.Ins {
		if d, ok := in.(*logical.Union); ok {
			ins = append(ins, d.Ins...)
			continue
		}
		ins = append(ins, in)
	}
	if len(ins) == len(u.Ins) {
		return u
	}
	o.fire(FlattenUnion, u.Sp, "a union of %d inputs instead of unions in unions", len(ins))
	c := *u
	c.Ins = ins
	return &c
}

// windows turns windowed aggregations into the operator for them.
func (o *Optimizer) windows(n logical.Node) logical.Node {
	return bottomUp(n, func(n logical.Node) logical.Node {
		a, ok := n.(*logical.Aggregate)
		if !ok || !a.Windowed {
			return n
		}
		w, at := windowed(a, true)
		pulled := pullWindow(w)
		if !pulled && a.Win.Spec.Kind == physical.Session {
			// Sessions with one end may start apart: the start is a key of its own.
			w, at = windowed(a, false)
		}
		if !pulled && a.Win.Spec.ProcTime && abovePlainWindow(w.Input) {
			// Rows of a window may come here when it is over. Like Flink: what they add changes the result.
			g := *a
			g.Windowed, g.Win = false, nil
			return &g
		}
		o.fire(WindowAggregate, a.Sp, "GROUP BY has the start and the end of a window: each result is put out once")
		if pulled && a.Win.Spec.Kind == physical.Session {
			o.fire(PullWindow, a.Sp, "rows are put into sessions while they are aggregated, and none of them is kept")
		} else if pulled {
			o.fire(PullWindow, a.Sp, "rows are put into windows while they are aggregated, not copied for each window")
		}
		exprs := make([]scalar.Expr, len(a.Columns))
		for i := range exprs {
			exprs[i] = logical.Ref(w, at[i])
		}
		return &logical.Calc{Base: a.Base, Input: w, Exprs: exprs}
	})
}

// windowed is a as a window aggregation over the window's columns, and where a's columns are in it. startKnown: the start of a window
// follows from its end, or from its own.
func windowed(a *logical.Aggregate, startKnown bool) (w *logical.WindowAggregate, at []int) {
	w = &logical.WindowAggregate{Base: logical.Base{Sp: a.Sp}, Input: a.Input, Aggs: a.Aggs, Window: a.Win.Spec, Time: -1}
	w.Start, w.End = a.Keys[a.Win.Start], a.Keys[a.Win.End]
	props := map[int]string{a.Win.End: "end"}
	if startKnown {
		props[a.Win.Start] = "start"
	}
	if a.Win.Time >= 0 {
		props[a.Win.Time] = "time"
	}
	at = make([]int, len(a.Columns))
	for i, k := range a.Keys {
		if props[i] == "" {
			at[i] = len(w.Keys)
			w.Keys = append(w.Keys, k)
			w.Columns = append(w.Columns, a.Columns[i])
		}
	}
	for i := range a.Aggs {
		at[len(a.Keys)+i] = len(w.Columns)
		w.Columns = append(w.Columns, a.Columns[len(a.Keys)+i])
	}
	for _, p := range []string{"start", "end", "time"} {
		for i, q := range props {
			if p == q {
				at[i] = len(w.Columns)
				w.Props = append(w.Props, p)
				w.Columns = append(w.Columns, a.Columns[i])
			}
		}
	}
	return w, at
}

// abovePlainWindow reports that rows come from a window function other than SESSION, through nothing but Calcs.
func abovePlainWindow(n logical.Node) bool {
	for {
		switch x := n.(type) {
		case *logical.Calc:
			n = x.Input
		case *logical.WindowTVF:
			return x.Window.Kind != physical.Session
		default:
			return false
		}
	}
}

// pullWindow takes the window function below w into w, and reports it, where the Calc between them hands the window's columns
// on and does nothing else with them.
func pullWindow(w *logical.WindowAggregate) bool {
	var calc *logical.Calc
	tvf, ok := w.Input.(*logical.WindowTVF)
	if !ok {
		if calc, ok = w.Input.(*logical.Calc); !ok {
			return false
		}
		if tvf, ok = calc.Input.(*logical.WindowTVF); !ok {
			return false
		}
	}
	if tvf.Window.Kind == physical.Session && !ownSessions(w, tvf, calc) {
		return false
	}
	n := len(tvf.Input.Cols())
	used := slices.Clone(w.Keys)
	for _, a := range w.Aggs {
		used = append(used, a.Args...)
		if a.Filter >= 0 {
			used = append(used, a.Filter)
		}
	}
	if calc == nil {
		for _, u := range used {
			if u >= n {
				return false
			}
		}
		w.Input, w.Time, w.Start, w.End = tvf.Input, tvf.Time, -1, -1
		return true
	}
	touches := func(e scalar.Expr) bool {
		return e != nil && !scalar.Walk(e, func(x scalar.Expr) bool {
			c, isCol := x.(*scalar.Column)
			return !isCol || c.Index < n
		})
	}
	if touches(calc.Filter) {
		return false
	}
	for _, u := range used {
		if touches(calc.Exprs[u]) {
			return false
		}
	}
	// The window's columns have no reader left: their places are taken by the row time.
	c := *calc
	c.Input = tvf.Input
	c.Columns, c.Exprs = slices.Clone(calc.Columns), slices.Clone(calc.Exprs)
	for i, e := range c.Exprs {
		if touches(e) {
			c.Exprs[i] = logical.Ref(tvf.Input, tvf.Time)
			c.Columns[i] = tvf.Input.Cols()[tvf.Time]
		}
	}
	w.Input, w.Time, w.Start, w.End = &c, w.Start, -1, -1
	if r, plain := c.Exprs[w.Time].(*scalar.Column); !plain || r.Index != tvf.Time {
		c.Exprs = append(c.Exprs, logical.Ref(tvf.Input, tvf.Time))
		c.Columns = append(c.Columns, tvf.Input.Cols()[tvf.Time])
		w.Time = len(c.Exprs) - 1
	}
	return true
}

// ownSessions reports that the sessions of tvf are those of w's keys, and that what w aggregates can be put together where a row joins two
// of them. Sets of distinct values cannot.
func ownSessions(w *logical.WindowAggregate, tvf *logical.WindowTVF, calc *logical.Calc) bool {
	for _, a := range w.Aggs {
		if a.Distinct && a.Func != "MIN" && a.Func != "MAX" {
			return false
		}
	}
	var keys []int
	for _, k := range w.Keys {
		if calc != nil {
			c, plain := calc.Exprs[k].(*scalar.Column)
			if !plain {
				return false
			}
			k = c.Index
		}
		if !slices.Contains(tvf.Partition, k) {
			return false
		}
		keys = append(keys, k)
	}
	for _, p := range tvf.Partition {
		if !slices.Contains(keys, p) {
			return false
		}
	}
	return true
}

// fieldOfRow is the value behind ROW(a, b).f.
func fieldOfRow(e scalar.Expr) scalar.Expr {
	f, ok := e.(*scalar.Field)
	if !ok {
		return e
	}
	if c, isCall := f.X.(*scalar.Call); isCall && c.Func.Name == "ROW" {
		return c.Args[f.Index]
	}
	return e
}

// condition simplifies a filter; nil when every row satisfies it.
func (o *Optimizer) condition(e scalar.Expr) scalar.Expr {
	e = scalar.Rewrite(e, o.simplify)
	var kept []scalar.Expr
	seen := map[string]bool{}
	for _, c := range scalar.Conjuncts(e) {
		if scalar.IsTrue(c) {
			continue
		}
		if scalar.IsFalse(c) {
			return c
		}
		if d := scalar.Digest(c); !scalar.Deterministic(c) || !seen[d] {
			seen[d] = true
			kept = append(kept, c)
		}
	}
	return o.and(kept)
}

var negated = map[string]string{
	"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
	"IS NULL": "IS NOT NULL", "IS NOT NULL": "IS NULL",
	"IS DISTINCT FROM": "IS NOT DISTINCT FROM", "IS NOT DISTINCT FROM": "IS DISTINCT FROM",
}

// simplify rewrites one node of a condition to an equal, simpler one.
func (o *Optimizer) simplify(e scalar.Expr) scalar.Expr {
	e = fieldOfRow(e)
	c, ok := e.(*scalar.Call)
	if !ok {
		return e
	}
	switch c.Func.Name {
	case "NOT":
		in, isCall := c.Args[0].(*scalar.Call)
		if !isCall {
			return e
		}
		if in.Func.Name == "NOT" {
			return in.Args[0]
		}
		// The comparison of floating point numbers with NaN is not its opposite's negation.
		if f := o.Functions[negated[in.Func.Name]]; f != nil && (len(in.Args) == 1 || !in.Args[0].Type().IsApprox()) {
			return &scalar.Call{Func: f, Args: in.Args, Typ: c.Typ, Sp: c.Sp}
		}
	case "AND":
		var args []scalar.Expr
		for _, a := range c.Args {
			if scalar.IsTrue(a) {
				continue
			}
			if x, isCall := a.(*scalar.Call); isCall && x.Func.Name == "AND" {
				args = append(args, x.Args...)
				continue
			}
			args = append(args, a)
		}
		switch len(args) {
		case 0:
			return c.Args[0]
		case 1:
			return args[0]
		case len(c.Args):
			return e
		}
		d := *c
		d.Args = args
		return &d
	}
	return e
}
