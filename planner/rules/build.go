package rules

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// builder makes one sink's physical plan.
type builder struct {
	o       *Optimizer
	cfg     *config.Config
	bounded func(t *catalog.Table) bool
	diags   *diag.List
	batch   bool // final results, at the end of the input

	path  string         // of ids
	taken map[string]int // ids given out
	warn  bool           // whether state that grows is worth a finding
	lates []*physical.Sink
}

// built is a physical node and what the node above must know.
type built struct {
	node physical.Node
	// updating: it carries more than +I; before: -U among it.
	updating, before bool
	// spread is the columns by whose hash rows are spread over subtasks; nil when that is not known, empty when
	// one subtask has them all.
	spread  []int
	bounded bool
}

// Build makes the physical plans of a job's sinks. Findings go to diags; a sink with errors is left out.
func (o *Optimizer) Build(outs []Output, cfg *config.Config, bounded func(*catalog.Table) bool, diags *diag.List) []*physical.Sink {
	var sinks []*physical.Sink
	names := map[string]int{}
	for _, out := range outs {
		name := out.Table.Name
		if names[name]++; names[name] > 1 {
			name += "#" + strconv.Itoa(names[name])
		}
		b := &builder{o: o, cfg: cfg, bounded: bounded, diags: diags, path: name, taken: map[string]int{}, warn: out.Table.Connector != Collect,
			batch: cfg.String(config.RuntimeMode) == "BATCH"}
		if s := b.sink(out); s != nil {
			sinks = append(append(sinks, s), b.lates...)
		}
	}
	o.share(sinks)
	if cfg.Bool(config.ReuseSubPlan) {
		o.reuse(sinks)
	}
	return sinks
}

// Collect is the connector of the table that an interactive SELECT goes to.
const Collect = "collect"

// id is the stable name of the next node of a kind on the present path.
func (b *builder) id(kind string) string {
	id := b.path + "/" + kind
	b.taken[id]++
	if n := b.taken[id]; n > 1 {
		id += "-" + strconv.Itoa(n)
	}
	return id
}

// below runs f with the path of what feeds the node id.
func (b *builder) below(id string, f func() (built, bool)) (built, bool) {
	saved := b.path
	b.path = id
	r, ok := f()
	b.path = saved
	return r, ok
}

// input builds n, which feeds the node id; before says whether its updates come with the row before.
func (b *builder) input(id string, n logical.Node, before bool) (built, bool) {
	return b.below(id, func() (built, bool) { return b.build(n, before) })
}

func columns(cols []logical.Column) []physical.Column {
	out := make([]physical.Column, len(cols))
	for i, c := range cols {
		out[i] = physical.Column{Name: c.Name, Type: c.Type, Time: c.Time}
	}
	return out
}

// exchange spreads rows by keys unless they are so already.
func (b *builder) exchange(in built, keys []int, path string) built {
	if in.spread != nil && slices.Equal(in.spread, keys) {
		b.o.fire(KeepSpread, in.node.Base().Span, "rows are spread by %s already: no exchange", columnNames(in.node.Base().Columns, keys))
		return in
	}
	if keys == nil {
		keys = []int{}
	}
	saved := b.path
	b.path = path
	x := &physical.Exchange{Input: in.node, Keys: keys}
	base := in.node.Base()
	if len(keys) == 0 {
		b.o.fire(AddExchange, base.Span, "all rows go to one subtask: there is no key")
	} else {
		b.o.fire(AddExchange, base.Span, "rows are spread by the hash of %s", columnNames(base.Columns, keys))
	}
	x.Props = physical.Props{ID: b.id("exchange"), Columns: base.Columns, Changelog: base.Changelog, Span: base.Span}
	b.path = saved
	in.node, in.spread = x, keys
	return in
}

// build makes the physical plan of n. before: somebody above needs -U.
func (b *builder) build(n logical.Node, before bool) (built, bool) {
	b.watermarkUse(n)
	switch n := n.(type) {
	case *logical.Scan:
		return b.scan(n, before)
	case *logical.Values:
		v := &physical.Values{}
		v.Props = physical.Props{ID: b.id("values"), Columns: columns(n.Columns), Span: n.Sp}
		for _, r := range n.Rows {
			row := make([]types.Value, len(r))
			for i, l := range r {
				row[i] = l.Value
			}
			v.Rows = append(v.Rows, row)
		}
		return built{node: v, bounded: true}, true
	case *logical.Calc:
		return b.calc(n, before)
	case *logical.WindowTVF:
		return b.windowTVF(n)
	case *logical.WindowAggregate:
		return b.windowAggregate(n)
	case *logical.Aggregate:
		return b.aggregate(n, before)
	case *logical.Union:
		return b.union(n, before)
	case *logical.Join:
		return b.join(n)
	case *logical.Sort:
		return b.sort(n)
	case *logical.Expand:
		return b.expand(n, before)
	case *logical.Unnest:
		return b.unnest(n)
	case *logical.ToChangelog:
		return b.toChangelog(n)
	case *logical.FromChangelog:
		return b.fromChangelog(n)
	case *logical.VectorSearch:
		return b.search(n)
	case *logical.Replicate:
		return b.replicate(n)
	case *logical.Over:
		return b.over(n)
	case *logical.Match:
		return b.match(n)
	case *logical.Rank:
		if b.sorted(n) {
			return b.final(columns(n.Columns), n.Order, n.Sp, func() (built, bool) { return b.rank(n, true) })
		}
		return b.rank(n, before)
	}
	b.diags.Errorf(codes.NoStatement, n.Span(), "this form of query is not supported yet")
	return built{}, false
}

func (b *builder) scan(n *logical.Scan, before bool) (built, bool) {
	t := n.Table
	mode := b.o.SourceMode(t)
	// A stream of upserts has neither old values nor whole deletes: they are put back by the key. So are the changes of a stream that
	// may repeat them.
	id := ""
	repeats := mode == catalog.Retract && b.cfg.Bool(config.EventsDuplicate)
	normalize := mode == catalog.Upsert || repeats
	if normalize {
		id = b.id("changelog-normalize")
		saved := b.path
		b.path = id
		defer func() { b.path = saved }()
	}
	s := &physical.Scan{Table: t, Fields: n.Fields, Filter: n.Filter, Parallelism: parallelism(t, "scan.parallelism")}
	s.Props = physical.Props{ID: b.id("scan." + t.Name), Columns: columns(n.Columns), Span: n.Sp, Changelog: physical.Changelog{Mode: mode, Key: scanKey(n)}}
	if n.Watermark != nil && !b.batch { // nothing is late in a batch
		s.Watermark = b.watermark(n)
	}
	r := built{node: s, updating: mode != catalog.InsertOnly, before: mode == catalog.Retract, bounded: b.bounded(t)}
	if !normalize {
		return r, true
	}
	keys := physicalKey(n)
	if keys == nil {
		what := "has changes by key"
		if repeats {
			what = "may repeat changes ('" + config.EventsDuplicate + "' is true)"
		}
		b.diags.Errorf(codes.PrimaryKey, n.Sp, "table %s %s and no PRIMARY KEY", t.Name, what).
			Label(t.NameSpan, "defined here").Help("add PRIMARY KEY (...) NOT ENFORCED to it")
		return built{}, false
	}
	r = b.exchange(r, keys, id)
	if repeats {
		b.o.fire(AddNormalize, n.Sp, "%s may repeat changes: the last row of each key is kept, and what does not change it is dropped", t.Name)
	} else {
		b.o.fire(AddNormalize, n.Sp, "%s gives changes by key without old rows: they are put back", t.Name)
	}
	c := &physical.ChangelogNormalize{Input: r.node, Keys: keys, UpdateBefore: before, TTL: b.cfg.Duration(config.StateTTL)}
	c.Props = physical.Props{ID: id, Columns: s.Columns, Span: n.Sp, Changelog: changes(before, scanKey(n))}
	return built{node: c, updating: true, before: before, spread: keys, bounded: r.bounded}, true
}

// watermarkUse reports a CURRENT_WATERMARK where nothing can compute it: rows of a join come from both sides, and a batch has no watermark.
func (b *builder) watermarkUse(n logical.Node) {
	switch n := n.(type) {
	case *logical.Join:
		if at, found := scalar.FindCall(n.Cond, fn.CurrentWatermark); found {
			b.diags.Errorf(codes.NoCallForm, at, "%s cannot stand in the condition of this join", fn.CurrentWatermark).
				At("its rows come from both sides").Help("compute it in a sub-query on one side, and use its column")
		}
	case *logical.Calc:
		for _, e := range append(slices.Clone(n.Exprs), n.Filter) {
			if at, found := scalar.FindCall(e, fn.CurrentWatermark); found && b.batch {
				b.diags.Errorf(codes.NoCallForm, at, "%s has no meaning in a batch job", fn.CurrentWatermark).At("it has no watermark")
			}
		}
	}
}

// watermark is how the table of n makes its watermark. What is wrong about its options was reported by their check.
func (b *builder) watermark(n *logical.Scan) *physical.Watermark {
	t := n.Table
	duration := func(key string, def time.Duration) time.Duration {
		if v, ok := t.Options.Get(key); ok {
			if d, err := config.ParseDuration(v); err == nil {
				return d
			}
		}
		return def
	}
	emit, _ := t.Options.Get(catalog.EmitStrategy)
	w := &physical.Watermark{Expr: n.Watermark, RowTime: n.RowTime, Name: n.RowTimeName, OnEvent: emit == "on-event", Exact: emit == "" && b.bounded(t),
		Idle: duration(catalog.IdleTimeout, b.cfg.Duration(config.SourceIdleTimeout))}
	if b.cfg.IsSet(config.AutoWatermarkInterval) {
		if w.Every = b.cfg.Duration(config.AutoWatermarkInterval); w.Every == 0 {
			w.Every = -1
		}
	}
	drift := duration(catalog.AlignmentDrift, 0)
	if g, ok := t.Options.Get(catalog.AlignmentGroup); ok && drift > 0 {
		w.Alignment = &physical.Alignment{Group: g, MaxDrift: drift, Every: duration(catalog.AlignmentInterval, time.Second)}
	}
	return w
}

// physicalKey is the primary key in its declared order as output columns.
func physicalKey(n *logical.Scan) []int {
	var keys []int
	for _, k := range n.Table.PrimaryKey {
		i := slices.Index(n.Fields, k)
		if i < 0 {
			return nil
		}
		keys = append(keys, i)
	}
	return keys
}

func changes(before bool, key []int) physical.Changelog {
	if before {
		return physical.Changelog{Mode: catalog.Retract, Key: key}
	}
	return physical.Changelog{Mode: catalog.Upsert, Key: key}
}

func (b *builder) calc(n *logical.Calc, before bool) (built, bool) {
	t := b.traitsOf(n.Input)
	want := before
	if t.updating && n.Filter != nil {
		// A row that no longer satisfies the condition must be taken back.
		want = true
	}
	id := b.id("calc")
	in, ok := b.build(n.Input, want)
	if !ok {
		return in, false
	}
	c := &physical.Calc{Input: in.node, Filter: n.Filter, Exprs: n.Exprs}
	c.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	c.Changelog.Mode = in.node.Base().Changelog.Mode
	if key := in.node.Base().Changelog.Key; key != nil {
		if m := mapKeys([][]int{key}, n.Exprs); m != nil {
			c.Changelog.Key = m[0]
		}
	}
	out := built{node: c, updating: in.updating, before: in.before, bounded: in.bounded}
	out.spread = mapSpread(in.spread, n.Exprs)
	return out, true
}

// mapSpread follows the columns that rows are spread by through a projection; a changed value hashes differently.
func mapSpread(spread []int, exprs []scalar.Expr) []int {
	if spread == nil {
		return nil
	}
	out := make([]int, 0, len(spread))
	for _, k := range spread {
		at := slices.IndexFunc(exprs, func(e scalar.Expr) bool {
			r, ok := e.(*scalar.Column)
			return ok && r.Index == k
		})
		if at < 0 {
			return nil
		}
		out = append(out, at)
	}
	return out
}

// window is the physical window; nothing of it depends on the input but the columns.
func (b *builder) window(w logical.Window, time, start, end int) physical.Window {
	p := physical.Window{Kind: w.Kind, ProcTime: w.ProcTime, Size: w.Size, Slide: w.Slide, Offset: w.Offset, TimeColumn: time, StartColumn: start, EndColumn: end}
	if w.LTZ {
		p.Zone = b.cfg.Zone()
	}
	return p
}

// streaming reports a window by processing time in a batch, whose rows all come at once.
func (b *builder) streaming(w logical.Window, at diag.Span) bool {
	if !b.batch || !w.ProcTime {
		return true
	}
	b.diags.Errorf(codes.NeedsEventTime, at, "a batch has no windows by processing time").
		At("its rows come as fast as they can be read, and the clock says nothing of them").
		Help("window a column with a WATERMARK, or SET 'execution.runtime-mode' = 'streaming'")
	return false
}

func (b *builder) windowTVF(n *logical.WindowTVF) (built, bool) {
	if !b.streaming(n.Window, n.Sp) {
		return built{}, false
	}
	if n.Window.Kind == physical.Session {
		return b.sessionTVF(n)
	}
	id := b.id("window-tvf")
	in, ok := b.build(n.Input, true) // the new row may be in other windows than the old one
	if !ok {
		return in, false
	}
	t := &physical.WindowTVF{Input: in.node, Window: b.window(n.Window, n.Time, -1, -1)}
	t.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	t.Changelog.Mode = in.node.Base().Changelog.Mode
	return built{node: t, updating: in.updating, before: in.before, spread: in.spread, bounded: in.bounded}, true
}

func (b *builder) sessionTVF(n *logical.WindowTVF) (built, bool) {
	id := b.id("session-tvf")
	in, ok := b.input(id, n.Input, true) // the new row may be in another session than the old one
	if !ok {
		return in, false
	}
	in = b.exchange(in, n.Partition, id)
	t := &physical.SessionTVF{Input: in.node, Partition: n.Partition, Window: b.window(n.Window, n.Time, -1, -1)}
	t.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	t.Changelog.Mode = in.node.Base().Changelog.Mode
	b.late(0, n.Late, &t.Props, in.node)
	return built{node: t, updating: in.updating, before: in.before, spread: in.spread, bounded: in.bounded}, true
}

func (b *builder) union(n *logical.Union, before bool) (built, bool) {
	id := b.id("union")
	u := &physical.Union{}
	out := built{bounded: true}
	mode := catalog.InsertOnly
	for i, in := range n.Ins {
		r, ok := b.input(fmt.Sprintf("%s.%d", id, i+1), in, before)
		if !ok {
			return r, false
		}
		u.Ins = append(u.Ins, r.node)
		out.updating = out.updating || r.updating
		out.before = out.before || r.before
		out.bounded = out.bounded && r.bounded
		mode = max(mode, r.node.Base().Changelog.Mode)
	}
	u.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp, Changelog: physical.Changelog{Mode: mode}}
	out.node = u
	return out, true
}

func (b *builder) expand(n *logical.Expand, before bool) (built, bool) {
	id := b.id("expand")
	in, ok := b.build(n.Input, before)
	if !ok {
		return in, false
	}
	x := &physical.Expand{Input: in.node, Null: n.Null, ID: n.ID}
	x.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	x.Changelog.Mode = in.node.Base().Changelog.Mode
	return built{node: x, updating: in.updating, before: in.before, bounded: in.bounded}, true
}

func (b *builder) unnest(n *logical.Unnest) (built, bool) {
	id := b.id("unnest")
	in, ok := b.build(n.Input, true) // the elements of the old row are taken back one by one
	if !ok {
		return in, false
	}
	u := &physical.Unnest{Input: in.node, List: n.List, Parts: n.Parts, Outer: n.Outer}
	u.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	u.Changelog.Mode = in.node.Base().Changelog.Mode
	return built{node: u, updating: in.updating, before: in.before, bounded: in.bounded}, true
}

func (b *builder) replicate(n *logical.Replicate) (built, bool) {
	id := b.id("replicate")
	in, ok := b.build(n.Input, true)
	if !ok {
		return in, false
	}
	r := &physical.Replicate{Input: in.node, Times: n.Times}
	r.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	r.Changelog.Mode = in.node.Base().Changelog.Mode
	return built{node: r, updating: in.updating, before: in.before, bounded: in.bounded}, true
}

// final keeps what the changes of a relation lead to until its end, in a batch job.
func (b *builder) final(cols []physical.Column, order []logical.SortKey, at diag.Span, build func() (built, bool)) (built, bool) {
	id := b.id("final")
	in, ok := b.below(id, build)
	if !ok {
		return in, false
	}
	var keys []int
	if order == nil {
		keys = scalar.FirstColumns(len(cols))
	}
	in = b.exchange(in, keys, id)
	f := &physical.Final{Input: in.node, Order: sortKeys(order)}
	f.Props = physical.Props{ID: id, Columns: cols, Span: at}
	f.Changelog.Key = in.node.Base().Changelog.Key
	return built{node: f, spread: in.spread, bounded: in.bounded}, true
}

// sorted reports a Rank whose rows a batch job puts out in their order: ORDER BY with LIMIT.
func (b *builder) sorted(n *logical.Rank) bool {
	return b.batch && len(n.Order) > 0 && len(n.Partition) == 0 && !n.Number
}
