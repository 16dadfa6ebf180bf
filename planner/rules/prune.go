package rules

import (
	"slices"

	"weir/planner/catalog"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// prune rebuilds n so that it makes little more than the columns that are needed. at[i] is where the old column i
// is now, -1 when it is gone.
func (o *Optimizer) prune(n logical.Node, need []bool) (out logical.Node, at []int) {
	if _, isScan := n.(*logical.Scan); !isScan {
		need = atLeastOne(need, n.Cols())
	}
	switch n := n.(type) {
	case *logical.Scan:
		return o.pruneScan(n, need)
	case *logical.Values:
		return pruneValues(n, need)
	case *logical.Calc:
		return o.pruneCalc(n, need)
	case *logical.WindowTVF:
		return o.pruneWindowTVF(n, need)
	case *logical.Aggregate:
		return o.pruneAggregate(n, need)
	case *logical.WindowAggregate:
		return o.pruneWindowAggregate(n, need)
	case *logical.Join:
		return o.pruneJoin(n, need)
	case *logical.Sort:
		return o.pruneSort(n, need)
	case *logical.Expand:
		return o.pruneExpand(n, need)
	case *logical.Replicate:
		return o.pruneReplicate(n, need)
	case *logical.ToChangelog:
		return o.pruneToChangelog(n, need)
	case *logical.FromChangelog:
		return o.pruneFromChangelog(n, need)
	case *logical.Unnest:
		return o.pruneUnnest(n, need)
	case *logical.VectorSearch:
		return o.pruneSearch(n, need)
	case *logical.Over:
		return o.pruneOver(n, need)
	case *logical.Match:
		return o.pruneMatch(n, need)
	case *logical.Rank:
		return o.pruneRank(n, need)
	case *logical.Union:
		return o.pruneUnion(n, need)
	}
	return n, scalar.FirstColumns(len(need))
}

func pruneValues(n *logical.Values, need []bool) (logical.Node, []int) {
	keep := kept(need)
	v := *n
	v.Columns = pick(n.Columns, keep)
	v.Rows = nil
	for _, r := range n.Rows {
		v.Rows = append(v.Rows, pick(r, keep))
	}
	return &v, places(keep, len(need))
}

func (o *Optimizer) pruneWindowTVF(n *logical.WindowTVF, need []bool) (logical.Node, []int) {
	w := len(n.Input.Cols())
	below := needed(need[:w], n.Partition, nil)
	below[n.Time] = true
	n.Late.Marked(below)
	in, to := o.prune(n.Input, below)
	t := *n
	t.Input, t.Time, t.Partition, t.Late = in, to[n.Time], moved(n.Partition, to), n.Late.Moved(to)
	t.Columns = slices.Clone(in.Cols())
	if t.Time < len(t.Columns) {
		t.Columns[t.Time] = n.Columns[n.Time]
	}
	t.Columns = append(t.Columns, n.Columns[w:]...)
	win := *n.Win
	win.Start, win.End, win.Time = len(in.Cols()), len(in.Cols())+1, len(in.Cols())+2
	t.Win = &win
	return &t, append(slices.Clone(to), win.Start, win.End, win.Time)
}

func (o *Optimizer) pruneSort(n *logical.Sort, need []bool) (logical.Node, []int) {
	below := needed(need, nil, n.Order)
	n.Late.Marked(below)
	in, to := o.prune(n.Input, below)
	s := logical.NewSort(in, movedOrder(n.Order, to), n.Sp)
	s.Late, s.Part = n.Late.Moved(to), n.Part
	return s, to
}

func (o *Optimizer) pruneExpand(n *logical.Expand, need []bool) (logical.Node, []int) {
	below := slices.Clone(need)
	below[n.ID] = true
	in, to := o.prune(n.Input, below)
	null := make([][]int, len(n.Null))
	for i, cols := range n.Null {
		for _, c := range cols {
			if to[c] >= 0 {
				null[i] = append(null[i], to[c])
			}
		}
	}
	return logical.NewExpand(in, null, to[n.ID], n.Sp), to
}

func (o *Optimizer) pruneToChangelog(n *logical.ToChangelog, need []bool) (logical.Node, []int) {
	// All columns are read: a change of one that nobody reads is a change all the same.
	all := make([]bool, len(n.Input.Cols()))
	for i := range all {
		all[i] = true
	}
	in, to := o.prune(n.Input, all)
	return logical.NewToChangelog(reorder(in, to, len(all)), n.Columns[0].Name, n.Codes, n.Sp), scalar.FirstColumns(len(need))
}

func (o *Optimizer) pruneUnion(n *logical.Union, need []bool) (logical.Node, []int) {
	keep := kept(need)
	u := *n
	u.Columns = pick(n.Columns, keep)
	u.Ins = nil
	for _, in := range n.Ins {
		p, to := o.prune(in, need)
		wanted := make([]int, len(keep))
		for i, k := range keep {
			wanted[i] = to[k]
		}
		u.Ins = append(u.Ins, project(p, wanted))
	}
	return &u, places(keep, len(need))
}

func (o *Optimizer) pruneReplicate(n *logical.Replicate, need []bool) (logical.Node, []int) {
	in, times, at := o.pruneWithout(n.Input, n.Times, need)
	return logical.NewReplicate(in, times, n.Sp), at
}

func (o *Optimizer) pruneFromChangelog(n *logical.FromChangelog, need []bool) (logical.Node, []int) {
	in, op, at := o.pruneWithout(n.Input, n.Op, need)
	return logical.NewFromChangelog(in, op, n.Codes, n.Sp), at
}

// pruneWithout prunes the input of a node that reads one column of it, which its output is without. reads is where that column is now.
func (o *Optimizer) pruneWithout(n logical.Node, column int, need []bool) (in logical.Node, reads int, at []int) {
	in, to := o.prune(n, slices.Insert(slices.Clone(need), column, true))
	reads, at = to[column], slices.Delete(slices.Clone(to), column, column+1)
	for i, k := range at {
		if k > reads {
			at[i]--
		}
	}
	return in, reads, at
}

// needed is need, with the columns of a partition and of an order.
func needed(need []bool, partition []int, order []logical.SortKey) []bool {
	all := slices.Clone(need)
	for _, c := range partition {
		all[c] = true
	}
	for _, k := range order {
		all[k.Column] = true
	}
	return all
}

// atLeastOne keeps the column that is the cheapest to have where none is needed: rows are counted by their columns.
func atLeastOne(need []bool, cols []logical.Column) []bool {
	if slices.Contains(need, true) || len(need) == 0 {
		return need
	}
	need = slices.Clone(need)
	best := 0
	for i, c := range cols {
		if width(c.Type) < width(cols[best].Type) {
			best = i
		}
	}
	need[best] = true
	return need
}

func width(t types.Type) int {
	switch {
	case t.Kind == types.Boolean:
		return 1
	case t.Nested != nil || t.Kind == types.Variant:
		return 100
	case t.IsString() || t.IsBinary():
		return 10
	case t.Kind == types.Decimal:
		return 5
	case t.IsTimestamp():
		return 3
	}
	return 2
}

func kept(need []bool) []int {
	var out []int
	for i, b := range need {
		if b {
			out = append(out, i)
		}
	}
	return out
}

func pick[T any](list []T, keep []int) []T {
	out := make([]T, 0, len(keep))
	for _, k := range keep {
		out = append(out, list[k])
	}
	return out
}

func places(keep []int, n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = -1
	}
	for i, k := range keep {
		at[k] = i
	}
	return at
}

// project is exactly the given columns of n.
func project(n logical.Node, cols []int) logical.Node {
	c := &logical.Calc{Base: logical.Base{Sp: n.Span()}, Input: n}
	for _, i := range cols {
		c.Exprs = append(c.Exprs, logical.Ref(n, i))
		c.Columns = append(c.Columns, n.Cols()[i])
	}
	if identity(c) {
		return n
	}
	return c
}

// reorder is n with its first columns as they were before prune.
func reorder(n logical.Node, at []int, width int) logical.Node { return project(n, at[:width]) }

func (o *Optimizer) pruneScan(n *logical.Scan, need []bool) (logical.Node, []int) {
	need = slices.Clone(need)
	for _, e := range []scalar.Expr{n.Watermark, n.RowTime, n.Filter} {
		if e != nil {
			for _, i := range scalar.Columns(e) {
				need[i] = true
			}
		}
	}
	if o.SourceMode(n.Table) != catalog.InsertOnly {
		for i, f := range n.Fields {
			need[i] = need[i] || slices.Contains(n.Table.PrimaryKey, f)
		}
	}
	keep := kept(atLeastOne(need, n.Columns))
	at := places(keep, len(need))
	if left := len(need) - len(keep); left > 0 {
		o.fire(PruneColumns, n.Sp, "%d of %d columns of %s are decoded", len(keep), len(need), n.Table.Name)
	}
	s := *n
	s.Columns, s.Fields, s.Whole = pick(n.Columns, keep), pick(n.Fields, keep), nil
	to := func(i int) int { return at[i] }
	if n.Watermark != nil {
		s.Watermark, s.RowTime = scalar.Shift(n.Watermark, to), scalar.Shift(n.RowTime, to)
	}
	if n.Filter != nil {
		s.Filter = scalar.Shift(n.Filter, to)
	}
	return &s, at
}

func (o *Optimizer) pruneCalc(n *logical.Calc, need []bool) (logical.Node, []int) {
	keep := kept(need)
	below := make([]bool, len(n.Input.Cols()))
	mark := func(e scalar.Expr) {
		for _, i := range scalar.Columns(e) {
			below[i] = true
		}
	}
	if n.Filter != nil {
		mark(n.Filter)
	}
	for _, k := range keep {
		mark(n.Exprs[k])
	}
	in, to := o.prune(n.Input, below)
	shift := func(e scalar.Expr) scalar.Expr { return scalar.Shift(e, func(i int) int { return to[i] }) }
	c := *n
	c.Input = in
	c.Columns = pick(n.Columns, keep)
	c.Exprs = nil
	if n.Filter != nil {
		c.Filter = shift(n.Filter)
	}
	for _, k := range keep {
		c.Exprs = append(c.Exprs, shift(n.Exprs[k]))
	}
	return &c, places(keep, len(need))
}

// pruneAggs keeps the needed aggregates, and marks what they and the keys read.
func pruneAggs(keys []int, aggs []logical.Agg, need []bool, below []bool) (kept []logical.Agg, at []int) {
	for i := range keys {
		below[keys[i]] = true
		at = append(at, i)
	}
	for i, a := range aggs {
		if !need[len(keys)+i] {
			at = append(at, -1)
			continue
		}
		at = append(at, len(keys)+len(kept))
		kept = append(kept, a)
		for _, c := range a.Args {
			below[c] = true
		}
		if a.Filter >= 0 {
			below[a.Filter] = true
		}
	}
	return kept, at
}

func moveAggs(aggs []logical.Agg, to []int) []logical.Agg {
	out := make([]logical.Agg, len(aggs))
	for i, a := range aggs {
		args := make([]int, len(a.Args))
		for j, c := range a.Args {
			args[j] = to[c]
		}
		a.Args = args
		if a.Filter >= 0 {
			a.Filter = to[a.Filter]
		}
		out[i] = a
	}
	return out
}

func moved(cols, to []int) []int {
	out := make([]int, len(cols))
	for i, c := range cols {
		out[i] = to[c]
	}
	return out
}

func present(at []int) []int {
	var out []int
	for i, p := range at {
		if p >= 0 {
			out = append(out, i)
		}
	}
	return out
}

func (o *Optimizer) pruneAggregate(n *logical.Aggregate, need []bool) (logical.Node, []int) {
	below := make([]bool, len(n.Input.Cols()))
	aggs, at := pruneAggs(n.Keys, n.Aggs, need, below)
	in, to := o.prune(n.Input, below)
	a := *n
	a.Input, a.Keys, a.Aggs = in, moved(n.Keys, to), moveAggs(aggs, to)
	a.Columns = pick(n.Columns, present(at))
	return &a, at
}

func (o *Optimizer) pruneWindowAggregate(n *logical.WindowAggregate, need []bool) (logical.Node, []int) {
	below := make([]bool, len(n.Input.Cols()))
	aggs, at := pruneAggs(n.Keys, n.Aggs, need, below)
	for _, c := range []int{n.Time, n.Start, n.End} {
		if c >= 0 {
			below[c] = true
		}
	}
	w := *n
	w.Props = nil
	for i, p := range n.Props {
		if !need[len(n.Keys)+len(n.Aggs)+i] {
			at = append(at, -1)
			continue
		}
		at = append(at, len(n.Keys)+len(aggs)+len(w.Props))
		w.Props = append(w.Props, p)
	}
	n.Late.Marked(below)
	in, to := o.prune(n.Input, below)
	w.Input, w.Keys, w.Aggs, w.Late = in, moved(n.Keys, to), moveAggs(aggs, to), n.Late.Moved(to)
	for _, c := range []*int{&w.Time, &w.Start, &w.End} {
		if *c >= 0 {
			*c = to[*c]
		}
	}
	w.Columns = pick(n.Columns, present(at))
	return &w, at
}

// pruneUnnest keeps the parts of elements that are needed. The list is needed always: it says how many rows there are.
func (o *Optimizer) pruneUnnest(n *logical.Unnest, need []bool) (logical.Node, []int) {
	w := len(need) - len(n.Parts)
	in, to := o.prune(n.Input, slices.Insert(slices.Clone(need[:w]), n.List, true))
	at := slices.Delete(slices.Clone(to), n.List, n.List+1)
	for i, k := range at {
		if k > to[n.List] {
			at[i]--
		}
	}
	var parts []int
	for i, p := range n.Parts {
		if !need[w+i] {
			at = append(at, -1)
			continue
		}
		at = append(at, len(in.Cols())-1+len(parts))
		parts = append(parts, p)
	}
	return n.With(in, to[n.List], parts), at
}
