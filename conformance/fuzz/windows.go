package fuzz

import (
	"fmt"
	"strings"
)

// tvf is a relation with a window function over it: rows with the window's columns.
func (g *generator) tvf(depth int) *rel {
	r := g.rowsInTime(depth)
	for r.window != nil || r.rowTime() < 0 { // windows of windows go by window_time, see cascade
		r = g.insertOnly()
	}
	return g.windowed(r, g.windowKind())
}

// windowKind is the name and the sizes of windows.
func (g *generator) windowKind() [2]string {
	return weighted(g.c, []choice[[2]string]{
		{3, [2]string{"TUMBLE", "INTERVAL '10' SECOND"}}, {1, [2]string{"TUMBLE", "INTERVAL '3' SECOND"}},
		{2, [2]string{"HOP", "INTERVAL '5' SECOND, INTERVAL '10' SECOND"}}, {1, [2]string{"HOP", "INTERVAL '2' SECOND, INTERVAL '6' SECOND"}},
		{2, [2]string{"CUMULATE", "INTERVAL '5' SECOND, INTERVAL '15' SECOND"}},
		{2, [2]string{"SESSION", "INTERVAL '4' SECOND"}}, {1, [2]string{"SESSION", "INTERVAL '1' SECOND"}},
	})
}

func (g *generator) windowed(r *rel, kind [2]string) *rel {
	g.uses[kind[0]] = true
	t := r.rowTime()
	n := len(r.cols)
	w := &window{start: n, end: n + 1, time: n + 2, what: strings.Join(kind[:], " "), key: -1}
	over := r.argument()
	if kind[0] == "SESSION" {
		w.key = g.c.n(n)
		timed := func(i int) bool { return r.cols[i].class == moment || r.cols[i].class == instant }
		for k := 0; timed(w.key) && k < n; k++ { // with its time for its key Flink sees no window in the rows
			w.key = (w.key + 1) % n
		}
		if timed(w.key) {
			w.key = -1
		} else {
			over += " PARTITION BY " + r.cols[w.key].name
		}
	}
	out := &rel{cols: append([]column{}, r.cols...), window: w, changes: r.changes, ordered: r.ordered && kind[0] != "SESSION"}
	out.cols = append(out.cols, column{name: "window_start", typ: tTime}, column{name: "window_end", typ: tTime}, column{name: "window_time", typ: r.cols[t].typ, time: true})
	out.from = fmt.Sprintf("TABLE(%s(%s, DESCRIPTOR(%s), %s))", kind[0], over, r.cols[t].name, kind[1])
	return out
}

// windowRows are the rows of windows.
func (g *generator) windowRows(depth int) *rel { return g.projection(g.tvf(depth)) }

// windowGroup is an aggregation in windows.
func (g *generator) windowGroup(depth int) *rel { return g.windowAggregate(g.tvf(depth)) }

// cascade is an aggregation in larger windows of one in small ones.
func (g *generator) cascade(depth int) *rel {
	g.uses["cascade"] = true
	r := g.windowAggregate(g.windowed(g.insertOnly(), [2]string{"TUMBLE", "INTERVAL '5' SECOND"}))
	g.timed = true
	r.window = nil
	kind := pick(g.c, [][2]string{{"TUMBLE", "INTERVAL '20' SECOND"}, {"HOP", "INTERVAL '5' SECOND, INTERVAL '15' SECOND"}, {"CUMULATE", "INTERVAL '10' SECOND, INTERVAL '20' SECOND"}})
	// window_start and window_end are what the columns of the windows above are called.
	a := g.name("r")
	r.query = fmt.Sprintf("SELECT %s FROM %s", names(qualified(a, r.cols[2:])), r.item(a))
	r.cols = r.cols[2:]
	return g.windowAggregate(g.windowed(r, kind))
}

// windowAggregate groups windowed rows by their windows. Its first columns are the window's start, its end, and its time.
func (g *generator) windowAggregate(r *rel) *rel {
	g.uses["window aggregate"] = true
	a := g.name("r")
	in := qualified(a, r.cols)
	w := *r.window
	merged := !strings.HasPrefix(w.what, "TUMBLE")
	out := &rel{window: &window{start: 0, end: 1, time: 2, what: w.what, key: -1}}
	var items, by []string
	take := func(at int) {
		c := r.cols[at]
		c.name = g.name("c")
		items, by, out.cols = append(items, in[at].name+" AS "+c.name), append(by, in[at].name), append(out.cols, c)
	}
	take(w.start)
	take(w.end)
	take(w.time)
	used := map[int]bool{w.start: true, w.end: true, w.time: true}
	if w.key >= 0 {
		take(w.key)
		used[w.key] = true
		out.window.key = 3
	}
	for range g.c.n(3) {
		at := g.c.n(len(in))
		if !used[at] && !r.cols[at].time {
			used[at] = true
			take(at)
		}
	}
	var plainIn []column
	for i, c := range in {
		if i != w.start && i != w.end && !c.time {
			plainIn = append(plainIn, c)
		}
	}
	calls, cols := g.calls(plainIn, r.ordered && len(r.from) > 0, merged)
	items, out.cols = append(items, calls...), append(out.cols, cols...)
	out.query = "SELECT " + strings.Join(items, ", ") + " FROM " + r.item(a)
	if g.c.chance(20) {
		out.query += " WHERE " + g.condition(plainIn, 1)
	}
	out.query += " GROUP BY " + strings.Join(by, ", ") + g.having(plainIn)
	return out
}

// groupWindow is the older GROUP BY TUMBLE(...).
func (g *generator) groupWindow(depth int) *rel { return g.groupWindowOf(g.rowsInTime(depth)) }

func (g *generator) groupWindowOf(r *rel) *rel {
	a := g.name("r")
	in := qualified(a, r.cols)
	t := in[r.rowTime()].name
	kind := pick(g.c, [][2]string{{"TUMBLE", "INTERVAL '10' SECOND"}, {"HOP", "INTERVAL '5' SECOND, INTERVAL '10' SECOND"}, {"SESSION", "INTERVAL '4' SECOND"}})
	g.uses["GROUP BY "+kind[0]] = true
	args := "(" + t + ", " + kind[1] + ")"
	out := &rel{}
	var items, by []string
	for _, f := range []string{"_START", "_END", "_ROWTIME"} {
		name := g.name("c")
		items = append(items, kind[0]+f+args+" AS "+name)
		out.cols = append(out.cols, column{name: name, typ: tTime})
	}
	out.cols[2].typ, out.cols[2].time = r.cols[r.rowTime()].typ, true
	for range g.c.n(3) {
		k := pick(g.c, in)
		text := k.name
		if k.time || strings.Contains(strings.Join(by, ","), text) {
			continue
		}
		k.name = g.name("c")
		items, by, out.cols = append(items, text+" AS "+k.name), append(by, text), append(out.cols, k)
	}
	var plainIn []column
	for _, c := range in {
		if !c.time {
			plainIn = append(plainIn, c)
		}
	}
	if len(plainIn) == 0 {
		return g.windowGroup(1)
	}
	calls, cols := g.calls(plainIn, r.ordered, kind[0] != "TUMBLE")
	items, out.cols = append(items, calls...), append(out.cols, cols...)
	by = append(by, kind[0]+args)
	out.query = "SELECT " + strings.Join(items, ", ") + " FROM " + r.item(a) + " GROUP BY " + strings.Join(by, ", ") + g.having(plainIn)
	return out
}

// windowTopN is the first rows of each window, or the first or the last in time.
func (g *generator) windowTopN(depth int) *rel {
	r := g.tvf(depth)
	if g.c.chance(40) {
		r = g.windowAggregate(r)
	}
	a, b, n := g.name("r"), g.name("r"), g.name("n")
	in := qualified(a, r.cols)
	w := r.window
	by := in[w.start].name + ", " + in[w.end].name
	if g.c.chance(50) {
		for i, c := range in {
			if i != w.start && i != w.end && !c.time {
				by += ", " + c.name
				break
			}
		}
	}
	places := pick(g.c, []string{"<= 2", "= 1", "<= 3", "< 2"})
	var order string
	if t := r.rowTime(); r.ordered && t != w.time && t >= 0 && g.c.chance(50) {
		g.uses["window de-duplication"] = true
		order, places = in[t].name+pick(g.c, []string{"", " DESC"}), "= 1"
	} else {
		g.uses["window Top-N"] = true
		order = g.totalOrder(in)
	}
	out := *r
	out.ordered = false
	out.from = ""
	out.query = fmt.Sprintf("SELECT %s FROM (SELECT %s, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s) AS %s FROM %s) AS %s WHERE %s %s",
		names(qualified(b, r.cols)), names(in), by, order, n, r.item(a), b, n, places)
	if g.c.chance(30) && places != "= 1" && places != "< 2" {
		out.query = strings.Replace(out.query, "SELECT ", "SELECT "+n+", ", 1)
		out.cols = append([]column{{name: n, typ: tBigint}}, r.cols...)
		v := *w
		for _, at := range []*int{&v.start, &v.end, &v.time, &v.key} {
			if *at >= 0 {
				*at++
			}
		}
		out.window = &v
	}
	return &out
}

// totalOrder sorts by all columns, so that rows of one place are equal.
func (g *generator) totalOrder(cols []column) string {
	first := g.c.n(len(cols))
	var out []string
	for i := range cols {
		out = append(out, cols[(first+i)%len(cols)].name+pick(g.c, []string{"", " DESC"}))
	}
	return strings.Join(out, ", ")
}
