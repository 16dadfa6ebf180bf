package lint

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// timeRules are about event time: watermarks, windows, zones and units.
var timeRules = []Rule{
	{Code: "SQ7101", Name: "watermark-missing", run: watermarkMissing},
	{Code: "SQ7102", Name: "watermark-of-other-column", run: watermarkOtherColumn},
	{Code: "SQ7103", Name: "watermark-longer-than-window", run: watermarkLong},
	{Code: "SQ7104", Name: "watermark-ahead", run: watermarkAhead},
	{Code: "SQ7105", Name: "idle-timeout-off", run: idleOff},
	{Code: "SQ7106", Name: "session-gap-in-lateness", run: sessionGap},
	{Code: "SQ7107", Name: "half-a-window", run: halfWindow},
	{Code: "SQ7108", Name: "epoch-unit", run: epochUnit},
	{Code: "SQ7109", Name: "date-pattern", run: datePattern},
	{Code: "SQ7110", Name: "zone-of-the-machine", run: machineZone},
	{Code: "SQ7111", Name: "alignment-of-nothing", run: alignmentAlone},
	{Code: "SQ7112", Name: "drift-within-lateness", run: alignmentDrift},
	{Code: "SQ7113", Name: "no-rows-are-late", Sound: true, run: noLateRows},
}

func watermarkMissing(p *pass) {
	say := func(at diag.Span, t *catalog.Table, c *catalog.Column, what string) {
		d := p.report(at, "%s needs event time, and %s has no WATERMARK", what, t.Name).At("%s is a plain column", c.Name).
			Label(t.NameSpan, "defined here")
		if c.Type.IsTimestamp() {
			d.Help("add WATERMARK FOR %s AS %s - INTERVAL '5' SECOND to %s", scalar.QuoteName(c.Name), scalar.QuoteName(c.Name), t.Name)
		} else {
			d.Help("add a computed TIMESTAMP_LTZ(3) column with a WATERMARK to %s", t.Name)
		}
	}
	each(p, func(c *ast.SelectCore, _ []ast.Node) {
		rels := p.relations(c.From)
		within(ast.Node(c), func(j *ast.Join, _ []ast.Node) {
			if j.On == nil {
				return
			}
			within(ast.Node(j.On), func(b *ast.Between, _ []ast.Node) {
				if r, t, col := plainTime(rels, b); r != nil {
					say(r.Sp, t, col, "a join within a time")
				}
			})
		})
	})
	each(p, func(m *ast.MatchRecognize, _ []ast.Node) {
		rels := p.relations(m.Input)
		if len(rels) != 1 || rels[0].table == nil || rels[0].table.Watermark != nil {
			return
		}
		t := rels[0].table
		if len(m.OrderBy) == 0 {
			return
		}
		if ref, ok := m.OrderBy[0].Expr.(*ast.ColumnRef); ok {
			if _, c := column(rels, ref); c != nil {
				say(ref.Sp, t, c, "MATCH_RECOGNIZE")
			}
		}
	})
}

// plainTime is the first operand of b, a condition that is over a time, that is a column of a table without a watermark; nil where there
// is none.
func plainTime(rels []rel, b *ast.Between) (*ast.ColumnRef, *catalog.Table, *catalog.Column) {
	if !hasInterval(b) {
		return nil, nil, nil
	}
	for _, e := range []ast.Expr{b.X, b.Lo} {
		if bin, ok := e.(*ast.Binary); ok {
			e = bin.X
		}
		if r, ok := e.(*ast.ColumnRef); ok {
			if t, col := column(rels, r); t != nil && t.Watermark == nil && col.Type.IsTimestamp() {
				return r, t, col
			}
		}
	}
	return nil, nil, nil
}

func hasInterval(n ast.Node) (found bool) {
	within(n, func(*ast.IntervalLit, []ast.Node) { found = true })
	return found
}

func watermarkOtherColumn(p *pass) {
	each(p, func(st *ast.CreateTable, _ []ast.Node) {
		w := st.Watermark
		if w == nil || len(w.Column.Parts) != 1 || (&catalog.Watermark{Expr: w.Expr}).OfSource() {
			return
		}
		own := false
		var other *ast.ColumnRef
		within(ast.Node(w.Expr), func(r *ast.ColumnRef, _ []ast.Node) {
			if r.Name.Parts[0].Name == w.Column.Parts[0].Name {
				own = true
			} else {
				other = r
			}
		})
		switch {
		case own:
		case other != nil:
			p.report(other.Sp, "the WATERMARK of %s is computed from %s", w.Column, other.Name).
				Label(w.Column.Sp, "event time is this column").Help("write %s - INTERVAL ...", w.Column)
		default:
			p.report(w.Expr.Span(), "the WATERMARK of %s does not depend on it", w.Column).Label(w.Column.Sp, "event time is this column").
				At("it moves on whatever arrives").Help("write %s - INTERVAL '5' SECOND", w.Column)
		}
	})
}

func watermarkLong(p *pass) {
	for _, w := range windowCalls(p) {
		if w.table == nil || w.table.Watermark == nil || len(w.lengths) == 0 || w.kind == "SESSION" {
			continue
		}
		late, at, ok := delay(w.table.Watermark.Expr)
		size := w.lengths[0]
		if w.kind != "TUMBLE" && len(w.lengths) > 1 {
			size = w.lengths[1]
		}
		n, known := micros64(size)
		if !ok || !known || n <= 0 || late <= n {
			continue
		}
		p.report(at, "results come %s after their window has ended", span(late)).
			At("the watermark stands behind by more than a whole window").Label(size.Sp, "this window is shorter").
			Help("lower the delay of the WATERMARK to what rows are really late by")
	}
}

// span is a length of time in words.
func span(micros int64) string {
	d := time.Duration(micros) * time.Microsecond
	for _, u := range []struct {
		n    time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d >= u.n && d%u.n == 0 {
			if d == u.n {
				return "1 " + u.name
			}
			return fmt.Sprintf("%d %ss", d/u.n, u.name)
		}
	}
	return d.String()
}

func watermarkAhead(p *pass) {
	each(p, func(st *ast.CreateTable, _ []ast.Node) {
		if st.Watermark == nil {
			return
		}
		if n, _, ok := delay(st.Watermark.Expr); ok && n < 0 {
			d := p.report(st.Watermark.Expr.Span(), "the WATERMARK runs ahead of its column").At("every row is late by it").
				Help("subtract the interval: %s - INTERVAL ...", st.Watermark.Column)
			if b, isBinary := st.Watermark.Expr.(*ast.Binary); isBinary && b.Op == "+" && !b.OpSpan.IsZero() {
				d.Fix(b.OpSpan, "-")
			}
		}
	})
}

// usesEventTime reports whether a query of the script waits for the watermark of t.
func (p *pass) usesEventTime(t *catalog.Table) bool {
	for _, w := range windowCalls(p) {
		if w.table == t {
			return true
		}
	}
	used := false
	p.eachBound(func(n logical.Node) {
		if a, ok := n.(*logical.Aggregate); ok && a.Windowed {
			walk(a.Input, func(n logical.Node) {
				if s, ok := n.(*logical.Scan); ok && s.Table == t {
					used = true
				}
			})
		}
	})
	return used
}

func idleOff(p *pass) {
	for _, t := range p.Tables {
		if t.Watermark == nil || !isKafka(t) || !p.usesEventTime(t) {
			continue
		}
		if v := option(t, catalog.IdleTimeout); v != "" {
			if d, err := config.ParseDuration(v); err == nil && d > 0 {
				continue
			}
		} else if p.anyJob(func(c *config.Config) bool { return c.Duration(config.SourceIdleTimeout) > 0 }) {
			continue
		}
		many, why := p.manySplits(t)
		if !many {
			continue
		}
		p.report(t.Watermark.Span, "one silent partition of %s stops all windows", t.Name).At("no idle time-out, and %s", why).
			Help("SET 'table.exec.source.idle-timeout' = '30 s', or set 'scan.watermark.idle-timeout' on the table")
	}
}

// alignmentAlone reports alignment groups that have nothing to align: a table without a watermark, or one of a single split whose group has no
// other table.
func alignmentAlone(p *pass) {
	members := map[string]int{}
	for _, t := range p.Tables {
		if t.Watermark != nil {
			members[option(t, catalog.AlignmentGroup)]++
		}
	}
	for _, t := range p.Tables {
		o := t.Options.Lookup(catalog.AlignmentGroup)
		if o == nil {
			continue
		}
		if t.Watermark == nil {
			p.report(o.ValueSpan, "table %s has no WATERMARK that could be aligned", t.Name).Label(t.NameSpan, "defined here").
				Help("add a WATERMARK, or remove '%s'", catalog.AlignmentGroup)
			continue
		}
		if many, _ := p.manySplits(t); members[o.Value] == 1 && !many {
			p.report(o.ValueSpan, "table %s is alone in its alignment group", t.Name).At("no other table of this script is in '%s'", o.Value).
				Help("give the tables that are to wait for one another the same group; of a table with several partitions these wait, too")
		}
	}
}

// alignmentDrift reports a drift that is not longer than rows may be late: what is normal disorder within a partition then stops others.
func alignmentDrift(p *pass) {
	for _, t := range p.Tables {
		o := t.Options.Lookup(catalog.AlignmentDrift)
		if o == nil || t.Watermark == nil {
			continue
		}
		late, at, ok := delay(t.Watermark.Expr)
		drift, err := config.ParseDuration(o.Value)
		if ok && err == nil && drift > 0 && drift.Microseconds() < late {
			p.report(o.ValueSpan, "the drift of table %s is shorter than its rows may be late", t.Name).At("splits that are no further apart than that stop one another").
				Label(at, "rows are waited for so long").Help("make '%s' longer than the delay of the WATERMARK", catalog.AlignmentDrift)
		}
	}
}

// anyJob reports whether a job of the script has settings for which f holds; without a job those at the end count.
func (p *pass) anyJob(f func(*config.Config) bool) bool {
	for _, j := range p.Jobs {
		if f(j.Config) {
			return true
		}
	}
	return len(p.Jobs) == 0 && f(p.Session.Config())
}

// manySplits reports whether t is known to have several partitions, and what tells.
func (p *pass) manySplits(t *catalog.Table) (bool, string) {
	topics := list(option(t, "topic"))
	switch {
	case p.opts.Partitions != nil && len(topics) == 1:
		if n, ok := p.opts.Partitions(option(t, "properties.bootstrap.servers"), topics[0]); ok {
			return n > 1, fmt.Sprintf("topic %s has %d partitions", topics[0], n)
		}
	case option(t, "topic-pattern") != "":
		return true, "its topics are a pattern"
	case len(topics) > 1:
		return true, fmt.Sprintf("it reads %d topics", len(topics))
	case strings.Count(option(t, "scan.startup.specific-offsets"), "partition:") > 1:
		return true, "it reads several partitions"
	}
	if n := option(t, "scan.parallelism"); n != "" && n != "1" {
		return true, "it is read by " + n + " subtasks"
	}
	if n := 0; p.anyJob(func(c *config.Config) bool { n = c.Int(config.Parallelism); return n > 1 }) {
		return true, fmt.Sprintf("the parallelism is %d", n)
	}
	return false, ""
}

// list splits the value of a list option.
func list(v string) (out []string) {
	for _, s := range strings.Split(v, ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func isKafka(t *catalog.Table) bool { return t.Connector == "kafka" || t.Connector == "upsert-kafka" }

func sessionGap(p *pass) {
	say := func(t *catalog.Table, gap *ast.IntervalLit) {
		if t == nil || t.Watermark == nil {
			return
		}
		late, at, ok := delay(t.Watermark.Expr)
		n, known := micros64(gap)
		if ok && known && n <= late {
			p.report(gap.Sp, "the gap of these sessions is not longer than rows may be late").
				At("a session ends %s after the watermark, by which rows may still come", span(late)).Label(at, "rows are waited for so long").
				Help("make the gap longer than the delay of the WATERMARK")
		}
	}
	for _, w := range windowCalls(p) {
		if w.kind == "SESSION" && len(w.lengths) > 0 {
			say(w.table, w.lengths[len(w.lengths)-1])
		}
	}
	each(p, func(c *ast.SelectCore, _ []ast.Node) {
		rels := p.relations(c.From)
		for _, g := range c.GroupBy {
			if call, ok := g.Expr.(*ast.Call); ok && strings.EqualFold(call.Name.Name, "SESSION") && len(call.Args) == 2 && len(rels) == 1 {
				if iv, ok := call.Args[1].(*ast.IntervalLit); ok {
					say(rels[0].table, iv)
				}
			}
		}
	})
}

// halfWindow reports a GROUP BY with one bound of a window and not the other, which is no grouping by windows.
func halfWindow(p *pass) {
	each(p, func(c *ast.SelectCore, _ []ast.Node) {
		if _, ok := c.From.(*ast.TableFunc); !ok {
			return
		}
		bound := map[string]diag.Span{}
		for _, g := range c.GroupBy {
			if r, ok := g.Expr.(*ast.ColumnRef); ok {
				bound[r.Name.Last().Name] = g.Sp
			}
		}
		start, s := bound["window_start"]
		end, e := bound["window_end"]
		if s == e {
			return
		}
		have, missing, at := "window_start", "window_end", start
		if e {
			have, missing, at = missing, have, end
		}
		p.report(at, "GROUP BY has %s and not %s", have, missing).At("groups by half a window never end: their results change for ever").
			Help("write GROUP BY ..., window_start, window_end").Fix(diag.Span{File: at.File, Start: at.End, End: at.End}, ", "+missing)
	})
}

var (
	millisName  = regexp.MustCompile(`(?i)(_ms|_?millis|_milliseconds)$|Ms$|Millis$`)
	secondsName = regexp.MustCompile(`(?i)(_s|_sec|_secs|_seconds|_epoch_s|epoch_seconds)$`)
)

func epochUnit(p *pass) {
	each(p, func(c *ast.Call, _ []ast.Node) {
		if len(c.Args) == 0 {
			return
		}
		r, ok := c.Args[0].(*ast.ColumnRef)
		if !ok {
			return
		}
		name := r.Name.Last().Name
		switch strings.ToUpper(c.Name.Name) {
		case "TO_TIMESTAMP_LTZ":
			if len(c.Args) != 2 {
				return
			}
			lit, ok := c.Args[1].(*ast.NumberLit)
			switch {
			case !ok:
			case lit.Text == "0" && millisName.MatchString(name):
				p.report(lit.Sp, "TO_TIMESTAMP_LTZ(..., 0) takes seconds, and %s has milliseconds by its name", name).
					Help("write TO_TIMESTAMP_LTZ(%s, 3)", text(r))
			case lit.Text == "3" && secondsName.MatchString(name):
				p.report(lit.Sp, "TO_TIMESTAMP_LTZ(..., 3) takes milliseconds, and %s has seconds by its name", name).
					Help("write TO_TIMESTAMP_LTZ(%s, 0)", text(r))
			}
		case "FROM_UNIXTIME":
			if millisName.MatchString(name) {
				p.report(r.Sp, "FROM_UNIXTIME takes seconds, and %s has milliseconds by its name", name).Help("write FROM_UNIXTIME(%s / 1000)", text(r))
			}
		}
	})
}

// patternSlips are letters of date patterns that are taken for others.
var patternSlips = []struct {
	re         *regexp.Regexp
	what, help string
}{
	{regexp.MustCompile(`Y+`), "the year of the week, another one than the date's in the last days of December", "yyyy"},
	{regexp.MustCompile(`DD`), "the day of the year", "dd"},
	{regexp.MustCompile(`yy[-/.]mm`), "minutes where the month belongs", "MM"},
	{regexp.MustCompile(`[Hh]{1,2}:MM`), "months where the minutes belong", "mm"},
}

func datePattern(p *pass) {
	each(p, func(c *ast.Call, _ []ast.Node) {
		n := strings.ToUpper(c.Name.Name)
		if n != "DATE_FORMAT" && n != "TO_TIMESTAMP" && n != "TO_DATE" && n != "FROM_UNIXTIME" && n != "UNIX_TIMESTAMP" || len(c.Args) < 2 {
			return
		}
		s, ok := c.Args[len(c.Args)-1].(*ast.StringLit)
		if !ok {
			return
		}
		for _, slip := range patternSlips {
			if m := slip.re.FindString(s.Value); m != "" {
				p.report(s.Sp, "%s in this pattern is %s", m, slip.what).Help("write %s", slip.help)
				return
			}
		}
		if strings.Contains(s.Value, "hh") && !strings.Contains(s.Value, "a") {
			p.report(s.Sp, "hh in this pattern counts to 12, and nothing tells morning from evening").Help("write HH, or add a")
		}
	})
}

// machineZone reports, once, what comes out differently on a machine with another time zone.
func machineZone(p *pass) {
	set := func(c *config.Config) bool { return c.IsSet(config.LocalTimeZone) }
	if p.anyJob(set) || set(p.Session.Config()) {
		return
	}
	var at diag.Span
	what, small := "", true
	say := func(s diag.Span, w string, minor bool) {
		if !s.IsZero() && (at.IsZero() || small && !minor) {
			at, what, small = s, w, minor
		}
	}
	zoned := func(t types.Type) bool { return t.Kind == types.TimestampLTZ }
	p.eachBound(func(n logical.Node) {
		if w, ok := n.(*logical.WindowTVF); ok && w.Window.LTZ {
			say(w.Window.Span, "these windows begin", w.Window.Size < 24*3600e6)
		}
	})
	p.expressions(func(e scalar.Expr, above []scalar.Expr) {
		switch e := e.(type) {
		case *scalar.Cast:
			from, to := e.X.Type(), e.Typ
			if zoned(from) && (to.IsString() || to.Kind == types.Timestamp || to.Kind == types.Date || to.Kind == types.Time) ||
				zoned(to) && (from.IsString() || from.Kind == types.Timestamp) {
				s := e.Sp
				if s.IsZero() {
					s = e.X.Span()
				}
				say(s, "this conversion depends", false)
			}
		case *scalar.Call:
			switch e.Func.Name {
			case "CURRENT_DATE", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP", "FROM_UNIXTIME":
				say(e.Sp, e.Func.Name+" depends", false)
			case "DATE_FORMAT", "EXTRACT", "YEAR", "QUARTER", "MONTH", "WEEK", "DAYOFYEAR", "DAYOFMONTH", "DAYOFWEEK", "HOUR", "MINUTE":
				for _, a := range e.Args {
					if zoned(a.Type()) {
						say(e.Sp, e.Func.Name+" depends", false)
					}
				}
			case "UNIX_TIMESTAMP":
				if len(e.Args) > 0 {
					say(e.Sp, "UNIX_TIMESTAMP depends", false)
				}
			}
		}
	})
	if at.IsZero() {
		return
	}
	d := p.report(at, "%s on the time zone of the machine", what)
	if strings.HasSuffix(what, "begin") {
		d.Title = "the bounds of these windows depend on the time zone of the machine"
	}
	if small {
		d.Severity = diag.Note
	}
	d.Note("'table.local-time-zone' is not set").Help("SET 'table.local-time-zone' = 'UTC', or the zone that is meant")
}

// noLateRows reports a table for late rows that no operator of the script's jobs drops.
func noLateRows(p *pass) {
	if len(p.Jobs) == 0 {
		return
	}
	dropped := map[string]bool{}
	for _, j := range p.Jobs {
		for _, s := range j.Sinks {
			if r, ok := s.Input.(*physical.LateRows); ok {
				dropped[r.Table] = true
			}
		}
	}
	each(p, func(kv *ast.Property, above []ast.Node) {
		if kv.Key.Value != config.LateRowsTarget || kv.Value == nil || kv.Value.Value == "" {
			return
		}
		const help = "remove the option, or read the table by a window or another operator that drops late rows"
		switch of := above[len(above)-1].(type) {
		case *ast.Set:
			if len(dropped) == 0 {
				p.report(kv.Value.Sp, "%s gets no rows: no job of this script drops any as late", kv.Value.Value).Help(help)
			}
		case *ast.CreateTable:
			if name := of.Name.Last().Name; !dropped[name] && p.uses()[name] > 0 {
				p.report(kv.Value.Sp, "%s gets no rows: no job of this script drops any of %s as late", kv.Value.Value, name).Help(help)
			}
		case *ast.TableName:
			if name := of.Name.Last().Name; !dropped[name] {
				p.report(kv.Value.Sp, "%s gets no rows: no job of this script drops any of %s as late", kv.Value.Value, name).Help(help)
			}
		}
	})
}
