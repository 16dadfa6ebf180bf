package rules

import (
	"math"
	"slices"

	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// ranks makes a Rank of a ROW_NUMBER that a condition asks for its first numbers only.
func (o *Optimizer) ranks(n logical.Node) logical.Node {
	return bottomUp(n, func(n logical.Node) logical.Node {
		c, ok := n.(*logical.Calc)
		if !ok || c.Filter == nil {
			return n
		}
		over, ok := c.Input.(*logical.Over)
		if !ok || len(over.Calls) != 1 || over.Calls[0].Func != "ROW_NUMBER" || len(over.Order) == 0 {
			return n
		}
		number := len(over.Input.Cols())
		from, to := int64(1), int64(math.MaxInt64)
		var rest []scalar.Expr
		for _, e := range scalar.Conjuncts(c.Filter) {
			lo, hi, ok := numberBounds(e, number)
			if !ok {
				rest = append(rest, e)
				continue
			}
			from, to = max(from, lo), min(to, hi)
		}
		if to == math.MaxInt64 {
			return n
		}
		r := &logical.Rank{Base: over.Base, Input: over.Input, Partition: over.Partition, Order: over.Order, From: from, To: to, Number: true}
		o.fire(TopN, over.Sp, "at most %d rows", to)
		d := *c
		d.Input, d.Filter = r, o.and(rest)
		return &d
	})
}

// numberBounds reads a comparison of the column number with a constant; both bounds are inclusive.
func numberBounds(e scalar.Expr, number int) (lo, hi int64, ok bool) {
	c, isCall := e.(*scalar.Call)
	if !isCall || len(c.Args) != 2 {
		return 0, 0, false
	}
	flip := map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
	op := c.Func.Name
	if flip[op] == "" {
		return 0, 0, false
	}
	a, b := c.Args[0], c.Args[1]
	if _, first := a.(*scalar.Literal); first {
		a, b, op = b, a, flip[op]
	}
	for {
		cast, isCast := a.(*scalar.Cast)
		if !isCast || !widening(cast) {
			break
		}
		a = cast.X
	}
	col, isCol := a.(*scalar.Column)
	v, isInt := scalar.Int(b)
	if !isCol || !isInt || !b.Type().IsInteger() || col.Index != number {
		return 0, 0, false
	}
	lo, hi = 1, math.MaxInt64
	switch op {
	case "=":
		lo, hi = v, v
	case "<":
		hi = v - 1
	case "<=":
		hi = v
	case ">":
		lo = v + 1
	case ">=":
		lo = v
	}
	return lo, hi, true
}

func movedOrder(order []logical.SortKey, to []int) []logical.SortKey {
	out := slices.Clone(order)
	for i := range out {
		out[i].Column = to[out[i].Column]
	}
	return out
}

func (o *Optimizer) pruneOver(n *logical.Over, need []bool) (logical.Node, []int) {
	w := len(n.Input.Cols())
	below := needed(need[:w], n.Partition, n.Order)
	var calls []logical.Agg
	at := make([]int, len(need))
	for i, c := range n.Calls {
		at[w+i] = -1
		if !need[w+i] {
			continue
		}
		at[w+i] = len(calls)
		calls = append(calls, c)
		for _, a := range c.Args {
			below[a] = true
		}
		if c.Filter >= 0 {
			below[c.Filter] = true
		}
	}
	n.Late.Marked(below)
	in, to := o.prune(n.Input, below)
	copy(at, to)
	if len(calls) == 0 {
		return in, at
	}
	v := *n
	v.Late = n.Late.Moved(to)
	v.Input, v.Partition, v.Order, v.Calls = in, moved(n.Partition, to), movedOrder(n.Order, to), moveAggs(calls, to)
	for i := range n.Calls {
		if at[w+i] >= 0 {
			at[w+i] += len(in.Cols())
		}
	}
	return logical.NewOver(&v), at
}

func (o *Optimizer) pruneRank(n *logical.Rank, need []bool) (logical.Node, []int) {
	w := len(n.Input.Cols())
	below := needed(need[:w], n.Partition, n.Order)
	n.Late.Marked(below)
	in, to := o.prune(n.Input, below)
	r := *n
	r.Input, r.Partition, r.Order, r.Late = in, moved(n.Partition, to), movedOrder(n.Order, to), n.Late.Moved(to)
	r.Number = len(need) > w && need[w]
	r.Columns = slices.Clone(in.Cols())
	r.Win = in.Windows()
	at := append(slices.Clone(to), -1)
	if r.Number {
		at[w] = len(r.Columns)
		r.Columns = append(r.Columns, n.Columns[w])
	}
	return &r, at[:len(need)]
}

// deduplicates reports a Rank that keeps the first or the last row in time of each key; proc: by processing time.
func deduplicates(n *logical.Rank) (last, proc, ok bool) {
	if n.From != 1 || n.To != 1 || len(n.Order) != 1 {
		return false, false, false
	}
	k := n.Order[0]
	t := n.Input.Cols()[k.Column].Time
	return k.Desc, t == catalog.ProcTime, t != catalog.NoTime
}

// windowOf is the window of a Rank whose partition has its start and its end, nil for another one.
func windowOf(n *logical.Rank) *logical.WindowColumns {
	w := n.Input.Windows()
	if w == nil || !slices.Contains(n.Partition, w.Start) || !slices.Contains(n.Partition, w.End) {
		return nil
	}
	return w
}

// windowRank keeps the first rows of each window until it closes.
func (b *builder) windowRank(n *logical.Rank, w *logical.WindowColumns, in built, props physical.Props) (built, bool) {
	b.o.fire(WindowRank, n.Sp, "the partition has the start and the end of a window: its rows are put out once")
	last, _, dedup := deduplicates(n)
	r := &physical.WindowRank{Input: in.node, Partition: n.Partition, Window: b.window(w.Spec, -1, w.Start, w.End), Order: sortKeys(n.Order),
		From: n.From, To: n.To, Number: n.Number, Latest: dedup && last}
	r.Props = props
	b.late(0, n.Late, &r.Props, in.node)
	return built{node: r, spread: n.Partition, bounded: in.bounded}, true
}

func (b *builder) rankTraits(n *logical.Rank) traits {
	in := b.traitsOf(n.Input)
	t := in
	t.keys = nil
	if n.To == 1 {
		t.keys = append(t.keys, slices.Clone(n.Partition))
	} else if n.Number {
		t.keys = append(t.keys, append(slices.Clone(n.Partition), len(n.Input.Cols())))
	}
	t.keys = append(t.keys, in.staying(n.Partition)...)
	if !in.updating && windowOf(n) != nil {
		return t
	}
	if last, _, ok := deduplicates(n); !in.updating && (len(n.Order) == 0 || ok && !last) {
		return t // the first rows that come, or that are the first when the watermark passes them, stay for ever
	}
	if !in.updating {
		t.updating, t.at, t.clause = true, n.Sp, "a row that comes later may drive one out"
	}
	return t
}

func (b *builder) rank(n *logical.Rank, before bool) (built, bool) {
	in := b.traitsOf(n.Input)
	last, proc, dedup := deduplicates(n)
	dedup = dedup && !in.updating
	kind := "rank"
	if windowOf(n) != nil && !in.updating {
		kind = "window-rank"
	} else if dedup {
		kind = "deduplicate"
		b.o.fire(Deduplicate, n.Sp, "%s", map[bool]string{false: "the first row of each key stays", true: "the last row of each key stays"}[last])
	}
	if w := windowOf(n); kind == "window-rank" && w.Spec.ProcTime {
		b.diags.Errorf(codes.NeedsEventTime, n.Sp, "the first rows of a window by processing time are not known").
			Label(w.Spec.Span, "the window").
			At("rows of it may come when it is over").
			Help("window a column with a WATERMARK, or leave window_start and window_end out of PARTITION BY")
		return built{}, false
	}
	id := b.id(kind)
	child, ok := b.input(id, n.Input, true)
	if !ok {
		return child, false
	}
	child = b.exchange(child, n.Partition, id)
	t := b.rankTraits(n)
	props := physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	if len(t.keys) > 0 {
		props.Changelog.Key = t.keys[0]
	}
	ttl := b.cfg.Duration(config.StateTTL)
	out := built{updating: t.updating, before: t.updating, bounded: child.bounded, spread: n.Partition}
	if w := windowOf(n); w != nil && !in.updating {
		return b.windowRank(n, w, child, props)
	}
	// What replaces a row has its place as its key. Where the rows are told apart by another key, too, the one that was replaced must be taken
	// back: somebody above may go by that key.
	before = before || slices.ContainsFunc(t.keys, func(k []int) bool { return !slices.Equal(k, t.keys[0]) })
	if dedup {
		d := &physical.Deduplicate{Input: child.node, Keys: n.Partition, Time: -1, Last: last, UpdateBefore: before, TTL: ttl}
		if !proc {
			d.Time = n.Order[0].Column
		}
		if t.updating {
			props.Changelog = changes(before, props.Changelog.Key)
			out.before = before
		}
		d.Props = props
		if d.Waits() {
			b.late(0, n.Late, &d.Props, child.node)
		}
		out.node = d
		if !n.Number {
			return out, true
		}
		// The number of the only row is 1.
		c := &physical.Calc{Input: d}
		for i := range d.Columns[:len(d.Columns)-1] {
			c.Exprs = append(c.Exprs, &scalar.Column{Index: i, Name: d.Columns[i].Name, Typ: d.Columns[i].Type})
		}
		c.Exprs = append(c.Exprs, &scalar.Literal{Value: int64(1), Typ: types.TBigInt.NotNull()})
		c.Props = physical.Props{ID: b.id("calc"), Columns: d.Columns, Span: n.Sp, Changelog: d.Changelog}
		d.Columns = d.Columns[:len(d.Columns)-1]
		out.node = c
		return out, true
	}
	r := &physical.Rank{Input: child.node, Partition: n.Partition, Order: sortKeys(n.Order), From: n.From, To: n.To, Number: n.Number,
		InputRetracts: child.updating, TTL: ttl}
	// A row that comes drives the only one out, or takes the number of another: one update of its key, as in Flink.
	only := !child.updating && n.From == 1 && n.To == 1
	switch {
	case t.updating && (only || n.Number):
		r.Updates, r.UpdateBefore = true, before
		props.Changelog = changes(before, props.Changelog.Key)
		out.before = before
	case t.updating:
		props.Changelog.Mode = catalog.Retract
	}
	r.Props = props
	out.node = r
	return out, true
}

func sortKeys(order []logical.SortKey) []physical.SortKey {
	out := make([]physical.SortKey, len(order))
	for i, k := range order {
		out[i] = physical.SortKey(k)
	}
	return out
}

// sortsByTime reports that rows come in the order, or can be brought into it as the watermark goes on.
func sortsByTime(n *logical.Sort) bool {
	key := n.Order[0]
	return !key.Desc && n.Input.Cols()[key.Column].Time != catalog.NoTime
}

// sortsAtEnd reports that rows go out when all have come.
func (b *builder) sortsAtEnd(n *logical.Sort) bool {
	return b.batch || b.cfg.Bool(config.NonTemporalSort) && !sortsByTime(n)
}

// sortable reports that rows can be put in n's order: as their time goes on, or when all have come.
func (b *builder) sortable(n *logical.Sort) bool {
	return b.sortsAtEnd(n) || sortsByTime(n) && !b.traitsOf(n.Input).updating
}

// unsorted is n without the orders of its sub-queries that a stream cannot have.
func (b *builder) unsorted(n logical.Node) logical.Node {
	m := bottomUp(n, func(n logical.Node) logical.Node {
		if s, ok := n.(*logical.Sort); ok && s.Part && !b.sortable(s) {
			return s.Input
		}
		return n
	})
	if m == n {
		return n
	}
	return b.o.merge(m)
}

// sort makes the order of a time attribute. Rows come in the order of processing time anyway. Another order is that of a batch job, and of a stream
// where a setting says so: at the end.
func (b *builder) sort(n *logical.Sort) (built, bool) {
	if b.batch {
		return b.final(columns(n.Columns), n.Order, n.Sp, func() (built, bool) { return b.build(n.Input, true) })
	}
	key := n.Order[0]
	time := n.Input.Cols()[key.Column]
	if b.sortsAtEnd(n) {
		out, ok := b.final(columns(n.Columns), n.Order, n.Sp, func() (built, bool) { return b.build(n.Input, true) })
		if ok && b.warn && !out.bounded {
			b.diags.Warnf(codes.StateGrows, n.Sp, "the state of this ORDER BY grows for ever").
				At("all rows are kept, and none goes out before the tables end").
				Help("order by the column with the WATERMARK, add LIMIT, or read tables that end")
		}
		return out, ok
	}
	if t := b.traitsOf(n.Input); t.updating {
		b.diags.Errorf(codes.UpdatingWindow, n.Sp, "a stream that changes rows cannot be put in order").
			Label(t.at, "%s", t.clause).
			Help("for the first rows of an order add LIMIT")
		return built{}, false
	}
	if !sortsByTime(n) {
		d := b.diags.Errorf(codes.NoOrderBy, n.Sp, "a stream is put in the order of a time attribute, ascending, and of nothing else")
		if time.Lost != nil {
			d.Label(time.Lost.Span, "%s", time.Lost.Why)
		}
		d.Note("an unbounded stream has no last row to wait for").
			Help("order by the column with the WATERMARK first, add LIMIT for the first rows of another order, or sort where the result is read")
		return built{}, false
	}
	id := b.id("sort")
	in, ok := b.input(id, n.Input, false)
	if !ok {
		return in, false
	}
	in = b.exchange(in, nil, id)
	proc := time.Time == catalog.ProcTime
	if proc && len(n.Order) == 1 {
		return in, true
	}
	s := &physical.Sort{Input: in.node, Time: key.Column, ProcTime: proc, Then: sortKeys(n.Order[1:])}
	s.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp, Changelog: in.node.Base().Changelog}
	b.late(0, n.Late, &s.Props, in.node)
	in.node = s
	return in, true
}

// overTime reports whether the rows of an OVER are in the order of time, in which they come.
func (b *builder) overTime(n *logical.Over) bool {
	return len(n.Order) == 1 && !n.Order[0].Desc && n.Input.Cols()[n.Order[0].Column].Time != catalog.NoTime
}

// over makes an aggregation over the rows before each row, in the order of time or of other columns.
func (b *builder) over(n *logical.Over) (built, bool) {
	if b.batch {
		return b.finalOver(n)
	}
	if !b.overStream(n) {
		return built{}, false
	}
	if len(n.Order) == 0 {
		b.diags.Errorf(codes.Over, n.Sp, "OVER a stream has an order").
			Help("add ORDER BY and the column with the WATERMARK, or another column whose order counts")
		return built{}, false
	}
	if time := n.Input.Cols()[n.Order[0].Column]; len(n.Order) == 1 && n.Order[0].Desc && time.Time != catalog.NoTime {
		b.diags.Errorf(codes.Over, n.Sp, "OVER in the order of time is ascending").
			Help("remove DESC; for the last row of each key, ask ROW_NUMBER() ... = 1 around it")
		return built{}, false
	}
	if !b.overTime(n) {
		return b.sortedOver(n)
	}
	if t := b.traitsOf(n.Input); t.updating {
		b.diags.Errorf(codes.UpdatingWindow, n.Sp, "OVER in the order of time, over a stream that changes rows, is not supported").
			Label(t.at, "%s", t.clause).
			Help("order by a column that is no time attribute; for the first rows of an order, ask ROW_NUMBER() ... <= n around it")
		return built{}, false
	}
	if n.Frame.Preceding != logical.Unbounded {
		b.takesBack(n.Calls, "rows leave a frame that has a beginning")
	}
	id := b.id("over")
	in, ok := b.input(id, n.Input, false)
	if !ok {
		return in, false
	}
	in = b.exchange(in, n.Partition, id)
	time := n.Order[0].Column
	v := &physical.Over{Input: in.node, Partition: n.Partition, Time: time, ProcTime: n.Input.Cols()[time].Time == catalog.ProcTime,
		Rows: n.Frame.Rows, Preceding: n.Frame.Preceding, Calls: aggCalls(n.Calls), TTL: b.cfg.Duration(config.StateTTL)}
	if v.ProcTime && v.Preceding < 0 {
		// Rows come one after the other, also those that come within one tick of the clock.
		v.Rows = true
		for i, c := range v.Calls {
			if c.Func == "RANK" || c.Func == "DENSE_RANK" {
				v.Calls[i].Func = "ROW_NUMBER"
			}
		}
	}
	v.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	b.late(0, n.Late, &v.Props, in.node)
	if t := b.traitsOf(n); len(t.keys) > 0 {
		v.Changelog.Key = t.keys[0]
	}
	return built{node: v, spread: n.Partition, bounded: in.bounded}, true
}

// sortedOver makes an aggregation over the rows before each row in an order in which they do not come.
func (b *builder) sortedOver(n *logical.Over) (built, bool) {
	if n.Frame.Preceding >= 0 {
		d := b.diags.Errorf(codes.Over, n.Sp, "a frame that begins later than with the first row is in the order of a time attribute, ascending")
		if c := n.Input.Cols()[n.Order[0].Column]; c.Lost != nil {
			d.Label(c.Lost.Span, "%s", c.Lost.Why)
		}
		d.Help("order by the column with the WATERMARK, or let the frame begin with UNBOUNDED PRECEDING")
		return built{}, false
	}
	id := b.id("over")
	in, ok := b.input(id, n.Input, true)
	if !ok {
		return in, false
	}
	in = b.exchange(in, n.Partition, id)
	if b.warn && !in.bounded && b.cfg.Duration(config.StateTTL) == 0 {
		b.sortedOverGrows(n)
	}
	v := &physical.SortedOver{Input: in.node, Partition: n.Partition, Order: sortKeys(n.Order), Rows: n.Frame.Rows, Calls: aggCalls(n.Calls), TTL: b.cfg.Duration(config.StateTTL)}
	v.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	v.Changelog.Mode = catalog.Retract
	if t := b.traitsOf(n); len(t.keys) > 0 {
		v.Changelog.Key = t.keys[0]
	}
	return built{node: v, updating: true, before: true, spread: n.Partition, bounded: in.bounded}, true
}

// sortedOverGrows warns of rows that are kept since one that comes may be put before them.
func (b *builder) sortedOverGrows(n *logical.Over) {
	d := b.diags.Warnf(codes.StateGrows, n.Sp, "the state of this OVER grows for ever").
		At("every row is kept: one that comes may stand before it, and change its result")
	if w := n.Input.Windows(); w != nil && slices.Contains(n.Partition, w.Start) && slices.Contains(n.Partition, w.End) {
		d.Help("windows that are over are not dropped: keep the first rows only by ROW_NUMBER() ... <= n around it, or SET 'table.exec.state.ttl' = '1 d'")
		return
	}
	if rt, _ := rowTime(n); rt != "" {
		d.Help("ORDER BY %s, in which rows come; keep the first ones only by ROW_NUMBER() ... <= n around it; or SET 'table.exec.state.ttl' = '7 d'", scalar.QuoteName(rt))
		return
	}
	d.Help("keep the first rows only by ROW_NUMBER() ... <= n around it, or SET 'table.exec.state.ttl' = '7 d'")
}

// onlyInBatch are the functions for which all rows of a partition must be there.
var onlyInBatch = map[string]string{
	"LEAD": "the rows that follow are not known yet", "NTILE": "how many rows there will be is not known",
	"PERCENT_RANK": "how many rows there will be is not known", "CUME_DIST": "how many rows there will be is not known",
}

// overStream reports what a stream cannot do of n.
func (b *builder) overStream(n *logical.Over) bool {
	for _, c := range n.Calls {
		if why, ok := onlyInBatch[c.Func]; ok {
			d := b.diags.Errorf(codes.Over, c.Span, "%s runs in batch jobs only", c.Func).At("%s", why)
			if c.Func == "LEAD" {
				d.Help("turn the question around with LAG")
			} else {
				d.Help("SET 'execution.runtime-mode' = 'batch', if the tables end")
			}
			return false
		}
	}
	if n.Frame.Wide && n.Frame.Number && n.Frame.To == 0 {
		b.diags.Errorf(codes.Over, n.Frame.Span, "RANGE over a stream is a span of time").Help("as in RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW")
		return false
	}
	if n.Frame.Wide {
		b.diags.Errorf(codes.Over, n.Frame.Span, "a frame must end at the CURRENT ROW: rows that follow are not known yet")
		return false
	}
	return true
}

// finalOver makes the OVER of a batch job.
func (b *builder) finalOver(n *logical.Over) (built, bool) {
	f := n.Frame
	from, to := int64(math.MinInt64), int64(0)
	switch {
	case f.Wide:
		from, to = f.From, f.To
	case f.Preceding != logical.Unbounded:
		from = -f.Preceding
	}
	if !f.Rows && (from != 0 && from != math.MinInt64 || to != 0 && to != math.MaxInt64) {
		var ok bool
		if from, to, ok = b.distances(n, from, to); !ok {
			return built{}, false
		}
	}
	if from != math.MinInt64 {
		b.takesBack(n.Calls, "rows leave a frame that has a beginning")
	}
	id := b.id("final-over")
	in, ok := b.input(id, n.Input, true)
	if !ok {
		return in, false
	}
	in = b.exchange(in, n.Partition, id)
	v := &physical.FinalOver{Input: in.node, Partition: n.Partition, Order: sortKeys(n.Order), Rows: f.Rows, From: from, To: to, Calls: aggCalls(n.Calls)}
	v.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	if t := b.traitsOf(n); len(t.keys) > 0 {
		v.Changelog.Key = t.keys[0]
	}
	return built{node: v, spread: n.Partition, bounded: in.bounded}, true
}

// distances checks the distances of a RANGE and brings them to the unit of the column that orders.
func (b *builder) distances(n *logical.Over, from, to int64) (int64, int64, bool) {
	if len(n.Order) != 1 {
		b.diags.Errorf(codes.Over, n.Frame.Span, "RANGE with a distance needs ORDER BY of one column").Help("for a number of rows write ROWS")
		return 0, 0, false
	}
	t := n.Input.Cols()[n.Order[0].Column].Type
	unit := int64(1)
	switch {
	case n.Frame.Number && t.IsInteger(), !n.Frame.Number && t.IsTimestamp():
	case !n.Frame.Number && t.Kind == types.Date:
		unit = 24 * 60 * 60 * 1_000_000
	default:
		what := "an interval"
		if n.Frame.Number {
			what = "a number"
		}
		b.diags.Errorf(codes.Over, n.Frame.Span, "RANGE with %s cannot go along with ORDER BY a %s", what, t.WithNullable(true)).
			Help("a number goes with whole numbers, an INTERVAL with a DATE or a TIMESTAMP")
		return 0, 0, false
	}
	scale := func(x int64) int64 {
		if x == math.MinInt64 || x == math.MaxInt64 {
			return x
		}
		return x / unit
	}
	return scale(from), scale(to), true
}
