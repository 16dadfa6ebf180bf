package rules

import (
	"slices"
	"strings"

	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// beforeSearch asks the conditions of c over the rows that search before they do.
func (o *Optimizer) beforeSearch(c *logical.Calc, s *logical.VectorSearch) logical.Node {
	n := len(s.Input.Cols())
	var before, stay []scalar.Expr
	for _, e := range scalar.Conjuncts(c.Filter) {
		if l, r := scalar.Sides(e, n); l && !r {
			before = append(before, e)
		} else {
			stay = append(stay, e)
		}
	}
	if before == nil {
		return c
	}
	o.fire(JoinCondition, c.Filter.Span(), "%s", scalar.Format(o.and(before), false))
	d := *c
	d.Input, d.Filter = s.WithInput(o.filtered(s.Input, before), s.Query), o.and(stay)
	return &d
}

// pruneSearch keeps what is needed of the rows that search and of those that are found. The vectors are needed always.
func (o *Optimizer) pruneSearch(n *logical.VectorSearch, need []bool) (logical.Node, []int) {
	w := len(n.Input.Cols())
	below := slices.Clone(need[:w])
	below[n.Query] = true
	in, at := o.prune(n.Input, below)
	at = slices.Clone(at)
	read := make([]bool, len(n.Scan.Columns))
	read[n.Search] = true
	var exprs []scalar.Expr
	var names []string
	for i, e := range n.Exprs {
		if !need[w+i] {
			at = append(at, -1)
			continue
		}
		at = append(at, len(in.Cols())+len(exprs))
		exprs, names = append(exprs, e), append(names, n.Names[i])
		for _, c := range scalar.Columns(e) {
			read[c] = true
		}
	}
	at = append(at, len(in.Cols())+len(exprs))
	scan, to := o.pruneScan(n.Scan, read)
	for i, e := range exprs {
		exprs[i] = scalar.Shift(e, func(c int) int { return to[c] })
	}
	return n.WithInput(in, at[n.Query]).With(scan.(*logical.Scan), to[n.Search], exprs, names), at
}

// search makes the search of a table by vectors.
func (b *builder) search(n *logical.VectorSearch) (built, bool) {
	if t := b.traitsOf(n.Input); t.updating {
		b.diags.Errorf(codes.UpdatingWindow, n.Sp, "VECTOR_SEARCH for rows of a stream that changes rows is not supported").
			At("what was found for a row could not be taken back").Label(t.at, "%s", t.clause).
			Note("Flink refuses this too").
			Help("search for the rows of the append-only input, and aggregate what was found")
		return built{}, false
	}
	id := b.id("vector-search")
	in, ok := b.input(id, n.Input, false)
	if !ok {
		return in, false
	}
	s := &physical.VectorSearch{Input: in.node, Query: n.Query, Search: n.Search, TopK: n.TopK, Outer: n.Outer}
	l := &s.Lookup
	l.Table, l.Fields, l.Columns = n.Scan.Table, n.Scan.Fields, columns(n.Scan.Columns)
	l.Exprs, l.Output = n.Exprs, columns(n.Columns[len(n.Input.Cols()):len(n.Columns)-1])
	l.Cache = lookupCache(l.Table, b.o.OwnSearch == nil || !b.o.OwnSearch(l.Table))
	l.Concurrent = n.Options.Async == nil || *n.Options.Async
	if l.Capacity = n.Options.Capacity; l.Capacity == 0 {
		l.Capacity = b.cfg.Int(config.AsyncSearchCapacity)
	}
	if l.Timeout = n.Options.Timeout; l.Timeout == 0 {
		l.Timeout = b.cfg.Duration(config.AsyncSearchTimeout)
	}
	metric := n.Options.Metric
	if metric == "" {
		metric, _ = l.Table.Options.Get(catalog.SearchMetric)
	}
	s.Metric = physical.MetricOf(strings.ToUpper(metric))
	s.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	if t := b.traitsOf(n); len(t.keys) > 0 {
		s.Changelog.Key = t.keys[0]
	}
	return built{node: s, bounded: in.bounded, spread: in.spread}, true
}
