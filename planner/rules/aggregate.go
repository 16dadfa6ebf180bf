package rules

import (
	"slices"
	"time"

	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
)

func aggCalls(aggs []logical.Agg) []physical.AggCall {
	out := make([]physical.AggCall, len(aggs))
	for i, a := range aggs {
		out[i] = physical.AggCall{Func: a.Func, Args: a.Args, Distinct: a.Distinct, IgnoreNulls: a.IgnoreNulls, Filter: a.Filter, Type: a.Type, Name: a.Name, Span: a.Span}
	}
	return out
}

// windowAggregate takes rows back in the windows that are open.
func (b *builder) windowAggregate(n *logical.WindowAggregate) (built, bool) {
	if !b.streaming(n.Window, n.Sp) {
		return built{}, false
	}
	id := b.id("window-aggregate")
	in, ok := b.input(id, n.Input, true)
	if !ok {
		return in, false
	}
	w := &physical.WindowAggregate{Keys: n.Keys, Window: b.window(n.Window, n.Time, n.Start, n.End), Aggs: aggCalls(n.Aggs), WindowColumns: n.Props}
	if n.Late == nil { // rows that are late go out as they are
		in, w.TwoPhase = b.windowLocal(in, w, id, n.Sp)
	}
	in = b.exchange(in, n.Keys, id)
	if in.updating {
		b.takesBack(n.Aggs, "the input changes rows")
		b.o.fire(RetractInput, n.Sp, "the aggregates take rows back: the input changes rows")
	}
	w.Input = in.node
	w.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	b.late(0, n.Late, &w.Props, in.node)
	if t := b.traitsOf(n); len(t.keys) > 0 {
		w.Changelog.Key = t.keys[0]
	}
	return built{node: w, spread: scalar.FirstColumns(len(n.Keys)), bounded: in.bounded}, true
}

func (b *builder) aggregate(n *logical.Aggregate, before bool) (built, bool) {
	id := b.id("group-aggregate")
	in, ok := b.input(id, n.Input, true)
	if !ok {
		return in, false
	}
	ttl := hinted(n.TTL, b.cfg.Duration(config.StateTTL))
	g := &physical.GroupAggregate{Keys: n.Keys, Aggs: aggCalls(n.Aggs), InputRetracts: in.updating, UpdateBefore: before,
		Always: b.batch && len(n.Keys) == 0, TTL: ttl, MiniBatch: b.miniBatch()}
	in = b.exchange(b.groupLocal(in, g, id, n.Sp), n.Keys, id)
	if in.updating {
		b.takesBack(n.Aggs, "the input changes rows")
		b.o.fire(RetractInput, n.Sp, "the aggregates take rows back: the input changes rows")
	}
	g.Input = in.node
	key := scalar.FirstColumns(len(n.Keys))
	g.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp, Changelog: changes(before, key)}
	if b.warn && ttl == 0 && !in.bounded && !constantKeys(n) {
		b.grows(n)
	}
	return built{node: g, updating: true, before: before, spread: key, bounded: in.bounded}, true
}

// miniBatch is how rows are gathered, by the settings. A batch job puts final results out anyway.
func (b *builder) miniBatch() *physical.MiniBatch {
	if !b.cfg.Bool(config.MiniBatch) || b.batch {
		return nil
	}
	return &physical.MiniBatch{Latency: b.cfg.Duration(config.MiniBatchLatency), Size: max(0, int64(b.cfg.Int(config.MiniBatchSize)))}
}

// takesBack reports the aggregates that cannot take rows back, where why asks for it.
func (b *builder) takesBack(aggs []logical.Agg, why string) {
	for _, a := range aggs {
		if a.Func == "APPROX_COUNT_DISTINCT" {
			b.diags.Errorf(codes.Aggregate, a.Span, "%s cannot take rows back", a.Func).At("%s", why).Help("take COUNT(DISTINCT ...)")
		}
	}
}

// hinted is what a hint says, or else the settings.
func hinted(hint *time.Duration, set time.Duration) time.Duration {
	if hint != nil {
		return *hint
	}
	return set
}

// constantKeys reports that there is one group at most.
func constantKeys(n *logical.Aggregate) bool {
	c, _ := n.Input.(*logical.Calc)
	return !slices.ContainsFunc(n.Keys, func(k int) bool {
		if c == nil {
			return true
		}
		_, constant := c.Exprs[k].(*scalar.Literal)
		return !constant
	})
}

// grows warns of state that nothing ever ends.
func (b *builder) grows(n *logical.Aggregate) {
	clause := clauseName(n)
	d := b.diags.Warnf(codes.StateGrows, n.Sp, "the state of this %s grows for ever", clause).
		At("no key of an unbounded stream is ever complete")
	if rt, table := rowTime(n); rt != "" {
		d.Note("%s has a watermark on %s (%s)", table.Name, rt, table.Watermark.Span)
		if clause == "GROUP BY" {
			d.Help("add TUMBLE(%s, INTERVAL '1' HOUR) to GROUP BY, or SET 'table.exec.state.ttl' = '7 d'", scalar.QuoteName(rt))
		} else {
			d.Help("SET 'table.exec.state.ttl' = '7 d', if rows that were not seen for so long may come again")
		}
		return
	}
	d.Help("SET 'table.exec.state.ttl' = '7 d', if keys that were not seen for so long may start anew")
}

// rowTime looks for a time attribute that could have been used.
func rowTime(n logical.Node) (string, *catalog.Table) {
	if s, ok := n.(*logical.Scan); ok {
		if s.Watermark != nil {
			return s.RowTimeName, s.Table
		}
		return "", nil
	}
	for _, in := range n.Inputs() {
		if c, t := rowTime(in); c != "" {
			return c, t
		}
	}
	return "", nil
}
