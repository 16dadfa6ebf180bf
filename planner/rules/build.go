package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// Output is one sink of a job to be: the query and where it goes.
type Output struct {
	Table  *catalog.Table
	Query  logical.Node
	Fields []int // index into Table.Columns of every column of Query
	// SinkMode is the richest changelog that the sink takes.
	SinkMode catalog.ChangeMode
	// At is the INSERT's table, for findings; Span the whole statement.
	At, Span diag.Span
	// Overwrite and Static are those of physical.Sink.
	Overwrite bool
	Static    map[string]string
}

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

func columns(cols []logical.Column) []physical.Column {
	out := make([]physical.Column, len(cols))
	for i, c := range cols {
		out[i] = physical.Column{Name: c.Name, Type: c.Type, Time: c.Time}
	}
	return out
}

func (b *builder) sink(out Output) *physical.Sink {
	t := b.traitsOf(out.Query)
	key := sinkKey(out)
	final := b.batch && t.updating
	if final {
		t.updating = false
	}
	if t.updating && out.SinkMode == catalog.InsertOnly {
		d := b.diags.Errorf(codes.UpdatingIntoAppend, out.At, "%s takes new rows only, and this query also changes rows", out.Table.Name)
		d.At("connector '%s' cannot take back what it has written", out.Table.Connector).
			Label(t.at, "%s", t.clause)
		if out.Table.Connector == "kafka" {
			d.Help("use connector 'upsert-kafka' with a PRIMARY KEY for %s, or a format of changes such as 'debezium-json'", out.Table.Name)
		} else if out.Table.Connector == "jdbc" {
			d.Help("declare a PRIMARY KEY for %s: PRIMARY KEY (...) NOT ENFORCED", out.Table.Name)
		} else {
			d.Help("write to a table of connector 'upsert-kafka' with a PRIMARY KEY")
		}
		d.Help("or group by a window, which gives each result once: GROUP BY window_start, window_end over TABLE(TUMBLE(...))")
		return nil
	}
	before, materialize := false, false
	if t.updating {
		before, materialize = b.sinkNeeds(out, key, t)
	}
	s := &physical.Sink{Table: out.Table, Fields: out.Fields, Key: key, Parallelism: parallelism(out.Table, "sink.parallelism"),
		Overwrite: out.Overwrite, Static: out.Static}
	s.ID = b.id("sink")
	var in built
	var ok bool
	if materialize {
		b.o.fire(AddMaterialize, out.At, "the key of %s is not the query's: its rows are kept, so that the last one of each key wins", out.Table.Name)
		m := &physical.UpsertMaterialize{Keys: key, TTL: b.cfg.Duration(config.StateTTL)}
		m.ID = b.id("upsert-materialize")
		in, ok = b.below(m.ID, func() (built, bool) { return b.build(out.Query, true) })
		if !ok {
			return nil
		}
		in = b.exchange(in, key, m.ID)
		m.Input, m.Columns, m.Span = in.node, in.node.Base().Columns, out.At
		m.Changelog = physical.Changelog{Mode: catalog.Upsert, Key: key}
		in = built{node: m, updating: true, spread: key, bounded: in.bounded}
	} else if final {
		in, ok = b.final(columns(out.Query.Cols()), nil, out.At, func() (built, bool) { return b.build(out.Query, true) })
	} else {
		in, ok = b.build(out.Query, before)
	}
	if !ok {
		return nil
	}
	s.Input, s.Span = in.node, out.Span
	s.Columns = in.node.Base().Columns
	s.Changelog = in.node.Base().Changelog
	b.constraints(s)
	return s
}

func sinkKey(out Output) []int {
	var key []int
	for _, k := range out.Table.PrimaryKey {
		if i := slices.Index(out.Fields, k); i >= 0 {
			key = append(key, i)
		}
	}
	return key
}

// sinkNeeds says whether an updating query must give the sink -U, and whether changes must be put in order by the
// sink's key first.
func (b *builder) sinkNeeds(out Output, key []int, t traits) (before, materialize bool) {
	if out.SinkMode == catalog.Retract || len(key) == 0 {
		return true, false
	}
	sorted := slices.Clone(key)
	slices.Sort(sorted)
	exact, within := false, false
	for _, k := range t.keys {
		exact = exact || slices.Equal(k, sorted)
		within = within || subset(k, sorted)
	}
	switch b.cfg.String(config.UpsertMaterialize) {
	case "FORCE":
		return true, true
	case "NONE":
		return !exact, false
	}
	return !exact, !within
}

func subset(a, of []int) bool {
	for _, x := range a {
		if !slices.Contains(of, x) {
			return false
		}
	}
	return true
}

// constraints notes what the sink enforces on every row.
func (b *builder) constraints(s *physical.Sink) {
	for i, f := range s.Fields {
		to, from := s.Table.Columns[f].Type, s.Columns[i].Type
		at := physical.Place{Column: i}
		if from.Nullable && !to.Nullable {
			s.NotNull = append(s.NotNull, at)
		}
		b.length(s, at, to)
		if nested := b.cfg.String(config.NestedEnforcer); nested != "IGNORE" {
			b.within(s, at, to, nested != "ROWS")
		}
	}
}

// within notes what the sink enforces inside of a value of type t.
func (b *builder) within(s *physical.Sink, at physical.Place, t types.Type, collections bool) {
	inner := func(i int, t types.Type) {
		at := physical.Place{Column: at.Column, Path: append(slices.Clone(at.Path), i)}
		if !t.Nullable {
			s.NotNull = append(s.NotNull, at)
		}
		b.length(s, at, t)
		b.within(s, at, t, collections)
	}
	switch {
	case t.Kind == types.Row:
		for i, f := range t.Nested.Fields {
			inner(i, f.Type)
		}
	case t.Nested == nil || !collections:
	case t.Kind == types.Map:
		inner(0, t.Nested.Key)
		inner(1, t.Nested.Elem)
	default:
		inner(0, t.Nested.Elem)
	}
}

// length notes that the sink enforces the length that t has.
func (b *builder) length(s *physical.Sink, at physical.Place, t types.Type) {
	how := b.cfg.String(config.TypeLengthEnforcer)
	fixed := t.Kind == types.Char || t.Kind == types.Binary
	if how == "IGNORE" || !fixed && t.Kind != types.VarChar && t.Kind != types.VarBinary || t.Len == types.MaxLen {
		return
	}
	s.Lengths = append(s.Lengths, physical.LengthRule{Place: at, Type: t, Pad: fixed && how == "TRIM_PAD", Error: how == "ERROR"})
}

// parallelism is an option that was checked to be a number; 0 when it is not set.
func parallelism(t *catalog.Table, key string) int {
	v, ok := t.Options.Get(key)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0 // reported by the check of options
	}
	return n
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
	in, ok := b.below(id, func() (built, bool) { return b.build(n.Input, true) }) // the new row may be in another session than the old one
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
	in, ok := b.below(id, func() (built, bool) { return b.build(n.Input, true) })
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
	return built{node: w, spread: firstColumns(len(n.Keys)), bounded: in.bounded}, true
}

func firstColumns(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func (b *builder) aggregate(n *logical.Aggregate, before bool) (built, bool) {
	id := b.id("group-aggregate")
	in, ok := b.below(id, func() (built, bool) { return b.build(n.Input, true) })
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
	key := firstColumns(len(n.Keys))
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

func (b *builder) union(n *logical.Union, before bool) (built, bool) {
	id := b.id("union")
	u := &physical.Union{}
	out := built{bounded: true}
	mode := catalog.InsertOnly
	for i, in := range n.Ins {
		r, ok := b.below(fmt.Sprintf("%s.%d", id, i+1), func() (built, bool) { return b.build(in, before) })
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
		keys = firstColumns(len(cols))
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

// Fingerprint is a hash of what a job's state depends on: the stateful operators with their keys, functions and
// types, and the tables read and written. Projections and conditions do not count.
func Fingerprint(sinks []*physical.Sink) string {
	sum := sha256.Sum256([]byte(Shape(sinks)))
	return hex.EncodeToString(sum[:8])
}

// Shape is what Fingerprint is a hash of, a line for each operator: its kind, its id, and what its state depends on.
func Shape(sinks []*physical.Sink) string {
	h := &strings.Builder{}
	var walk func(n physical.Node)
	walk = func(n physical.Node) {
		in := func(i int) []physical.Column { return n.Inputs()[i].Base().Columns }
		keyTypes := func(keys []int) string {
			s := ""
			for _, k := range keys {
				s += in(0)[k].Type.WithNullable(true).String() + ","
			}
			return s
		}
		aggs := func(list []physical.AggCall) string {
			s := ""
			for _, a := range list {
				s += fmt.Sprintf("%s(%s)%t/%t:%s;", a.Func, keyTypes(a.Args), a.Distinct, a.Filter >= 0, a.Type)
				if a.IgnoreNulls {
					s += "ignore nulls;"
				}
			}
			return s
		}
		id := n.Base().ID
		switch n := n.(type) {
		case *physical.Scan:
			fmt.Fprintf(h, "scan %s %s %s\n", id, n.Table.Name, n.Table.Connector)
		case *physical.LateRows:
			fmt.Fprintf(h, "late %s %s\n", id, n.Of)
		case *physical.Sink:
			fmt.Fprintf(h, "sink %s %s %s\n", id, n.Table.Name, n.Table.Connector)
		case *physical.SessionTVF:
			fmt.Fprintf(h, "session %s %s %v %d %d\n", id, keyTypes(n.Partition), rowTypes(in(0)), n.Window.Size, n.Window.TimeColumn)
			if n.Changelog.Mode != catalog.InsertOnly {
				fmt.Fprintf(h, "takes rows back\n")
			}
		case *physical.Expand:
			fmt.Fprintf(h, "expand %s %v %d\n", id, n.Null, n.ID)
		case *physical.WindowAggregate:
			w := n.Window
			fmt.Fprintf(h, "window %s %s %s %d %d %d %d %v\n", id, keyTypes(n.Keys), aggs(n.Aggs), w.Kind, w.Size, w.Slide, w.Offset, w.TimeColumn < 0)
			if n.Input.Base().Changelog.Mode != catalog.InsertOnly {
				fmt.Fprintf(h, "takes rows back\n")
			}
		case *physical.GroupAggregate:
			fmt.Fprintf(h, "group %s %s %s %t\n", id, keyTypes(n.Keys), aggs(n.Aggs), n.InputRetracts)
		case *physical.ChangelogNormalize:
			fmt.Fprintf(h, "normalize %s %s %v\n", id, keyTypes(n.Keys), rowTypes(n.Columns))
		case *physical.UpsertMaterialize:
			fmt.Fprintf(h, "materialize %s %s %v\n", id, keyTypes(n.Keys), rowTypes(n.Columns))
		case *physical.Over:
			fmt.Fprintf(h, "over %s %s %s %v %d\n", id, keyTypes(n.Partition), aggs(n.Calls), n.Rows, n.Preceding)
		case *physical.Match:
			fmt.Fprintf(h, "match %s %s %v %s\n", id, keyTypes(n.Partition), rowTypes(in(0)), matchShape(n))
		case *physical.FinalOver:
			fmt.Fprintf(h, "final-over %s %s %v %s %v\n", id, keyTypes(n.Partition), n.Order, aggs(n.Calls), rowTypes(in(0)))
		case *physical.SortedOver:
			fmt.Fprintf(h, "sorted-over %s %s %s %v %v\n", id, keyTypes(n.Partition), aggs(n.Calls), n.Order, rowTypes(in(0)))
		case *physical.WindowRank:
			fmt.Fprintf(h, "window-rank chunks %s %s %v %v %d %d %t\n", id, keyTypes(n.Partition), n.Order, rowTypes(in(0)), n.From, n.To, n.Latest)
		case *physical.Rank:
			fmt.Fprintf(h, "rank %s %s %v %v %d %d\n", id, keyTypes(n.Partition), n.Order, rowTypes(n.Columns), n.From, n.To)
		case *physical.Final:
			fmt.Fprintf(h, "final %s %v\n", id, rowTypes(n.Columns))
		case *physical.Sort:
			fmt.Fprintf(h, "sort %s %v\n", id, rowTypes(n.Columns))
		case *physical.Deduplicate:
			fmt.Fprintf(h, "deduplicate %s %s %v %t\n", id, keyTypes(n.Keys), rowTypes(n.Columns), n.Last)
			if n.Waits() {
				fmt.Fprintf(h, "until the watermark\n")
			}
		case *physical.Join:
			fmt.Fprintf(h, "join %s %v %v %v %v %v\n", id, n.Kind, n.Equi, rowTypes(in(0)), rowTypes(in(1)), [][]int{n.LeftKey, n.RightKey})
		case *physical.WindowJoin:
			fmt.Fprintf(h, "window-join %s %v %v %v %v\n", id, n.Kind, n.Equi, rowTypes(in(0)), rowTypes(in(1)))
		case *physical.LookupJoin:
			if n.Waits() {
				fmt.Fprintf(h, "lookup-join %s %s %v\n", id, keyTypes(n.Keys), rowTypes(in(0)))
			}
		case *physical.TemporalJoin:
			fmt.Fprintf(h, "temporal-join %s %v %v %v\n", id, n.Equi, rowTypes(in(0)), rowTypes(in(1)))
		case *physical.IntervalJoin:
			fmt.Fprintf(h, "interval-join %s %v %v %v %v %d %d\n", id, n.Kind, n.Equi, rowTypes(in(0)), rowTypes(in(1)), n.Lower, n.Upper)
		}
		for _, i := range n.Inputs() {
			walk(i)
		}
	}
	for _, s := range sinks {
		walk(s)
	}
	return h.String()
}

func rowTypes(cols []physical.Column) []string {
	var out []string
	for _, c := range cols {
		out = append(out, c.Type.String())
	}
	return out
}
