package fuzz

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Case is one random case.
type Case struct {
	Tables, SQL string
	Rows        []string
	// Uses are the kinds of operators in the query.
	Uses []string
	// Apart: rows of several tables, or of several scans of one, must be processed one after the other: watermarks or changes of
	// one decide what becomes of those of another. So must rows that take back what is in a window: it may be closed by then.
	Apart bool
	// Twice: a table is read twice, so that in which order its changes meet is not defined.
	Twice bool
	// Batch: the job is bounded, and results come at its end.
	Batch bool
	// MiniBatch: which rows are put together depends on the clock, and so does which changes there are.
	MiniBatch bool
}

// generator makes one case.
type generator struct {
	c      *Choices
	key    typ // of the columns k, by which tables can be joined
	tables []*table
	with   []string // common table expressions
	views  []string // what creates them
	uses   map[string]bool
	scans  map[*table]int
	named  int
	timed  bool // a watermark decides over rows somewhere
	inTime bool // no row may be late: what a late row meets in an interval join differs on purpose
	ahead  bool // no row may be late or have the watermark's time
	batch  bool
}

// rel is a query or a table, as it stands in FROM.
type rel struct {
	from    string // behind FROM and before AS; empty: the query in brackets
	query   string
	cols    []column
	changes bool // it takes rows back
	// ordered: the order in which rows of one key come is defined.
	ordered bool
	window  *window
}

// window is what a relation has that a window function has made; positions in cols, -1 for a column that is not handed on.
type window struct {
	start, end, time int
	what             string // two windows that are the same have the same text
	key              int    // of SESSION: its partition; -1
}

// Generate makes the case of a sequence of choices.
func Generate(c *Choices) Case {
	g := &generator{c: c, uses: map[string]bool{}, scans: map[*table]int{}}
	g.key = pick(c, keys)
	g.batch = c.chance(8)
	for i := range 1 + c.n(3) {
		g.tables = append(g.tables, g.table(i))
	}
	r := g.oneTime(g.relation(3))
	sql := r.query
	if sql == "" {
		sql = "SELECT * FROM " + r.from
	}
	if len(g.with) > 0 {
		sql = "WITH " + strings.Join(g.with, ",\n  ") + "\n" + sql
	}
	all := 0
	out := Case{SQL: sql + ";", Batch: g.batch}
	for _, n := range g.scans {
		all += n
		out.Twice = out.Twice || n > 1
	}
	out.Apart = g.timed && all > 1 || g.uses["windows of changes"]
	g.ahead = g.ahead || g.inTime && out.Twice // whether a row with the watermark's time meets itself is up to which of the scans comes first
	out.Rows = g.rows()
	out.Tables, out.MiniBatch = g.settings()
	var tables []string
	for _, t := range g.tables {
		tables = append(tables, t.String())
	}
	out.Tables += strings.Join(append(tables, g.views...), "\n")
	for u := range g.uses {
		out.Uses = append(out.Uses, u)
	}
	slices.Sort(out.Uses)
	return out
}

// settings are those that say, or may change, how an engine goes about a query. Where a watermark decides over rows there are no mini-batches: they
// hold watermarks back in Flink, so that other rows are late.
func (g *generator) settings() (text string, miniBatch bool) {
	set := func(use, key, value string) {
		g.uses[use] = true
		text += fmt.Sprintf("SET '%s' = '%s';\n", key, value)
	}
	if g.batch {
		set("batch", "execution.runtime-mode", "batch")
	}
	if strategy := pick(g.c, []string{"", "", "TWO_PHASE", "ONE_PHASE"}); strategy != "" {
		set(strategy, "table.optimizer.agg-phase-strategy", strategy)
	}
	if miniBatch = !g.batch && !g.timed && g.c.chance(30); miniBatch {
		set("mini-batch", "table.exec.mini-batch.enabled", "true")
		set("mini-batch", "table.exec.mini-batch.allow-latency", "50 ms")
		set("mini-batch", "table.exec.mini-batch.size", pick(g.c, []string{"2", "5", "1000"}))
		if g.c.chance(25) {
			set("DISTINCT in two steps", "table.optimizer.distinct-agg.split.enabled", "true")
		}
	}
	if g.batch {
		return text, false
	}
	if g.c.chance(10) {
		set("state TTL", "table.exec.state.ttl", "1 h")
	}
	return text, miniBatch
}

// oneTime is a relation with one row time at most, as a sink wants it: all other times are cast to what they are, those too that may
// be row times for the planner only.
func (g *generator) oneTime(r *rel) *rel {
	first := max(0, r.rowTime())
	timed := func(c column) bool { return c.class == moment || c.class == instant }
	a := g.name("r")
	items := make([]string, len(r.cols))
	many := false
	for i, c := range r.cols {
		items[i] = a + "." + c.name
		if timed(c) && i != first {
			items[i], many = "CAST("+items[i]+" AS "+c.typ.name+") AS "+c.name, true
		}
	}
	if !many {
		return r
	}
	return &rel{query: "SELECT " + strings.Join(items, ", ") + " FROM " + r.item(a)}
}

func (g *generator) name(prefix string) string {
	g.named++
	return fmt.Sprintf("%s%d", prefix, g.named)
}

// item is a relation as it stands in FROM, under a name.
func (r *rel) item(alias string) string {
	if r.from != "" {
		return r.from + " AS " + alias
	}
	return "(" + r.query + ") AS " + alias
}

// argument is a relation as the argument of a window function.
func (r *rel) argument() string {
	if r.from != "" {
		return "TABLE " + r.from
	}
	return "(" + r.query + ")"
}

func (r *rel) rowTime() int {
	return slices.IndexFunc(r.cols, func(c column) bool { return c.time })
}

// shared hands a query on as a common table expression, now and then.
func (g *generator) shared(r *rel) *rel {
	if r.query == "" || !g.c.chance(8) {
		return r
	}
	g.uses["WITH"] = true
	out := *r
	out.from, out.query = g.name("q"), ""
	g.with = append(g.with, out.from+" AS ("+r.query+")")
	return &out
}

// scan is a table.
func (g *generator) scan() *rel {
	t := pick(g.c, g.tables)
	g.scans[t]++
	if g.batch { // tables of batch jobs have rows
		t.changes = "insert"
	}
	return &rel{from: t.name, cols: scalar(t.columns), changes: t.changes != "insert", ordered: t.changes != "upsert"} // an upsert table is spread by its key
}

// insertOnly is a table of rows that has a row time.
func (g *generator) insertOnly() *rel {
	t := g.tableOf("insert")
	g.scans[t]++
	return &rel{from: t.name, cols: scalar(t.columns), ordered: true}
}

// changing is a table that takes rows back, and has a row time.
func (g *generator) changing(changes string) *rel {
	t := g.tableOf(changes)
	g.scans[t]++
	return &rel{from: t.name, cols: scalar(t.columns), changes: true, ordered: changes != "upsert"}
}

// tableOf is a table of these changes with a row time; where there is none, one of the others becomes it, or one more is made.
func (g *generator) tableOf(changes string) *table {
	var fit []*table
	for _, t := range g.tables {
		if t.changes == changes && t.timed() {
			fit = append(fit, t)
		}
	}
	if len(fit) > 0 {
		return pick(g.c, fit)
	}
	for _, t := range g.tables {
		if g.scans[t] == 0 {
			t.as(changes)
			return t
		}
	}
	t := g.table(len(g.tables))
	t.as(changes)
	g.tables = append(g.tables, t)
	return t
}

// relation is a query of some depth.
func (g *generator) relation(depth int) *rel {
	if depth == 0 {
		return g.scan()
	}
	of := weighted(g.c, []choice[func(int) *rel]{
		{10, g.project}, {14, g.group}, {10, g.windowGroup}, {4, g.windowRows}, {5, g.groupWindow}, {12, g.join}, {5, g.semiJoin},
		{4, g.intervalJoin}, {4, g.windowJoin}, {7, g.over}, {6, g.topN}, {4, g.firstOrLast}, {5, g.windowTopN}, {7, g.setOperation},
		{3, g.distinct}, {2, g.orderLimit}, {3, g.value}, {3, g.sets}, {3, g.cascade}, {6, g.nested},
		{7, g.temporal}, {7, g.match}, {6, g.windowOfChanges}, {4, g.windowSemiJoin},
	})
	return g.shared(of(depth))
}

// below is what an operator is put over.
func (g *generator) below(depth int) *rel {
	if g.c.n(5) < 3 {
		return g.scan()
	}
	return g.relation(depth - 1)
}

// rowsInTime is a relation of rows with a row time.
func (g *generator) rowsInTime(depth int) *rel {
	g.timed = true
	if g.c.chance(30) && depth > 1 {
		for range 3 {
			saved, tables := maps.Clone(g.scans), len(g.with)
			if r := g.relation(depth - 1); !r.changes && r.rowTime() >= 0 {
				return r
			}
			g.scans, g.with = saved, g.with[:tables]
		}
	}
	r := g.insertOnly()
	if g.c.chance(25) {
		return g.projection(r)
	}
	return r
}

func (g *generator) project(depth int) *rel { return g.projection(g.below(depth)) }

// projection is some columns and expressions of a relation, and perhaps a condition.
func (g *generator) projection(r *rel) *rel {
	g.uses["project"] = true
	a := g.name("r")
	in := qualified(a, r.cols)
	out := &rel{changes: r.changes, ordered: r.ordered}
	var items []string
	keep := func(i int) int {
		name := g.name("c")
		items = append(items, in[i].name+" AS "+name)
		c := r.cols[i]
		c.name = name
		out.cols = append(out.cols, c)
		return len(out.cols) - 1
	}
	if r.window != nil {
		w := *r.window
		for _, at := range []*int{&w.start, &w.end, &w.time, &w.key} {
			if *at >= 0 {
				*at = keep(*at)
			}
		}
		out.window = &w
	}
	if t := r.rowTime(); t >= 0 && (r.window == nil || t != r.window.time) {
		keep(t)
	}
	for range 1 + g.c.n(3) {
		if g.c.chance(50) {
			t := pick(g.c, []typ{tInt, tString, tBigint, tDouble, tBoolean})
			name := g.name("c")
			items = append(items, g.expr(in, t, 2)+" AS "+name)
			out.cols = append(out.cols, column{name: name, typ: t})
		} else {
			keep(g.c.n(len(in)))
		}
	}
	// A row time that stands twice has two columns of time: it is kept once.
	seen := false
	for i := range out.cols {
		if out.cols[i].time && seen {
			out.cols[i].time = false
		}
		seen = seen || out.cols[i].time
	}
	out.query = "SELECT " + strings.Join(items, ", ") + " FROM " + r.item(a)
	if g.c.chance(50) {
		out.query += " WHERE " + g.condition(in, 2)
	}
	return out
}

// call is an aggregate and its type. merged: it must be one that is put together from parts.
func (g *generator) call(in []column, ordered, merged bool) (string, typ) {
	c := g.c
	col := pick(c, in)
	var call string
	t := tBigint
	numbers := col.class == whole || col.class == exact || col.class == approx
	switch k := c.n(9); {
	case k == 1:
		call = "COUNT(" + distinct(c) + col.name + ")"
	case k == 2 && numbers:
		call, t = "SUM("+distinct(c)+col.name+")", sumOf(col.typ)
	case k == 3 && numbers:
		call, t = "AVG("+distinct(c)+col.name+")", averageOf(col.typ)
	case k == 4:
		call, t = "MIN("+col.name+")", col.typ
	case k == 5:
		call, t = "MAX("+col.name+")", col.typ
	case k == 6 && ordered && !merged:
		call, t = pick(c, []string{"FIRST_VALUE(", "LAST_VALUE("})+col.name+")", col.typ
	case k == 7 && col.typ == tString && ordered && !merged:
		call, t = "LISTAGG("+col.name+")", tString
	case k == 8 && col.typ == tDouble:
		call, t = pick(c, []string{"STDDEV_POP(", "VAR_SAMP(", "VAR_POP(", "STDDEV_SAMP("})+col.name+")", tDouble
	default:
		call = "COUNT(*)"
	}
	if col.class == boolean && (strings.HasPrefix(call, "MIN") || strings.HasPrefix(call, "MAX")) {
		call, t = "COUNT("+col.name+")", tBigint
	}
	if c.chance(15) {
		call += " FILTER (WHERE " + g.condition(in, 1) + ")"
	}
	return call, t
}

func distinct(c *Choices) string {
	if c.chance(20) {
		return "DISTINCT "
	}
	return ""
}

func sumOf(t typ) typ {
	if t.class == exact {
		return typ{"DECIMAL(38, 2)", exact}
	}
	return t
}

func averageOf(t typ) typ {
	if t.class == exact {
		return typ{"DECIMAL(38, 6)", exact}
	}
	return t
}

// calls are aggregates under names.
func (g *generator) calls(in []column, ordered, merged bool) (items []string, cols []column) {
	for range 1 + g.c.n(3) {
		call, t := g.call(in, ordered, merged)
		name := g.name("a")
		items, cols = append(items, call+" AS "+name), append(cols, column{name: name, typ: t})
	}
	return items, cols
}

func (g *generator) having(in []column) string {
	if !g.c.chance(15) {
		return ""
	}
	g.uses["HAVING"] = true
	call, t := g.call(in, false, true)
	return " HAVING " + call + pick(g.c, []string{" > ", " <= ", " <> "}) + t.literal(g.c)
}

func (g *generator) group(depth int) *rel {
	g.uses["GROUP BY"] = true
	r := g.below(depth)
	a := g.name("r")
	in := qualified(a, r.cols)
	out := &rel{changes: true}
	var items, keys []string
	for range g.c.n(3) {
		k := pick(g.c, in)
		k.time = false
		text := k.name
		if g.c.chance(15) {
			k.typ = pick(g.c, []typ{tInt, tString})
			text = g.expr(in, k.typ, 1)
			if !strings.Contains(text, a+".") {
				text = "CAST(" + pick(g.c, in).name + " AS STRING)"
				k.typ = tString
			}
		}
		if slices.Contains(keys, text) {
			continue
		}
		k.name = g.name("c")
		items, keys, out.cols = append(items, text+" AS "+k.name), append(keys, text), append(out.cols, k)
	}
	calls, cols := g.calls(in, r.ordered, false)
	items, out.cols = append(items, calls...), append(out.cols, cols...)
	out.query = "SELECT " + strings.Join(items, ", ") + " FROM " + r.item(a)
	if g.c.chance(25) {
		out.query += " WHERE " + g.condition(in, 1)
	}
	if len(keys) > 0 {
		out.query += " GROUP BY " + strings.Join(keys, ", ")
	}
	out.query += g.having(in)
	return out
}

// sets is a GROUP BY with several sets of keys.
func (g *generator) sets(depth int) *rel {
	g.uses["GROUPING SETS"] = true
	r := g.below(depth)
	a := g.name("r")
	in := qualified(a, r.cols)
	x, y := pick(g.c, in), pick(g.c, in)
	if x.name == y.name {
		return g.group(depth)
	}
	x.time, y.time = false, false
	calls, cols := g.calls(in, false, false)
	out := &rel{changes: true}
	by := fmt.Sprintf(pick(g.c, []string{"ROLLUP (%s, %s)", "CUBE (%s, %s)", "GROUPING SETS ((%[1]s, %[2]s), (%[2]s))", "GROUPING SETS ((%s), (%s), ())"}), x.name, y.name)
	n, m, id := g.name("c"), g.name("c"), g.name("c")
	out.query = fmt.Sprintf("SELECT %s AS %s, %s AS %s, GROUPING_ID(%s, %s) AS %s, %s FROM %s GROUP BY %s", x.name, n, y.name, m, x.name, y.name, id, strings.Join(calls, ", "), r.item(a), by)
	x.name, y.name = n, m
	out.cols = append([]column{x, y, {name: id, typ: tBigint}}, cols...)
	return out
}

func (g *generator) distinct(depth int) *rel {
	g.uses["DISTINCT"] = true
	r := g.projection(g.below(depth))
	out := *r
	out.query = strings.Replace(r.query, "SELECT ", "SELECT DISTINCT ", 1)
	out.changes, out.ordered, out.window = true, false, nil
	out.cols = plain(out.cols)
	return &out
}

// plain are columns without times.
func plain(cols []column) []column {
	out := slices.Clone(cols)
	for i := range out {
		out[i].time = false
	}
	return out
}
