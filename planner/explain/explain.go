// Package explain prints physical plans: as a tree with the streaming properties of every operator, and
// as JSON.
//
// The tree reads from the sink down to the sources; every line is an operator and what it does, and behind it in brackets
// what is known of its output: the changelog it puts out, its key, the watermark it makes, the state it keeps.
package explain

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Text prints the plan of job. details are the words of EXPLAIN, in upper case: CHANGELOG_MODE shows the change kinds
// of every operator in Flink's letters, ESTIMATED_COST how many rows there are where the text says so, PLAN_ADVICE
// what could be better and where, JSON_EXECUTION_PLAN prints Flink's JSON instead of the tree. The text ends with a newline.
func Text(job *physical.Job, details []string) string {
	if slices.Contains(details, "JSON_EXECUTION_PLAN") {
		return flinkJSON(job)
	}
	p := printer{drawn: map[physical.Node]bool{}, changelog: slices.Contains(details, "CHANGELOG_MODE"), cost: slices.Contains(details, "ESTIMATED_COST")}
	if slices.Contains(details, "PLAN_ADVICE") {
		p.advice = advise(job)
	}
	fmt.Fprintf(&p.b, "job %s  plan %s\n", job.Name, job.Fingerprint)
	for _, s := range job.Sinks {
		p.node(s, "", "")
	}
	for i, a := range p.advice {
		fmt.Fprintf(&p.b, "advice[%d]: %s\n", i+1, a.text)
	}
	if p.advice == nil && slices.Contains(details, "PLAN_ADVICE") {
		p.b.WriteString("no advice\n")
	}
	return p.b.String()
}

type printer struct {
	b         strings.Builder
	drawn     map[physical.Node]bool // what several read is drawn once
	changelog bool
	cost      bool
	advice    []advice
}

func (p *printer) node(n physical.Node, first, rest string) {
	if p.drawn[n] {
		fmt.Fprintf(&p.b, "%s%s(the one above)  [id=%s]\n", first, Kind(n), n.Base().ID)
		return
	}
	p.drawn[n] = true
	p.b.WriteString(first + line(n))
	if props := p.props(n); len(props) > 0 {
		p.b.WriteString("  [" + strings.Join(props, ", ") + "]")
	}
	p.b.WriteByte('\n')
	ins := n.Inputs()
	for i, in := range ins {
		if i == len(ins)-1 {
			p.node(in, rest+"└─ ", rest+"   ")
		} else {
			p.node(in, rest+"├─ ", rest+"│  ")
		}
	}
}

// Kind is the name of an operator in plans.
func Kind(n physical.Node) string {
	switch n := n.(type) {
	case *physical.Scan:
		return "Scan"
	case *physical.Values:
		return "Values"
	case *physical.LateRows:
		return "LateRows"
	case *physical.Calc:
		return "Calc"
	case *physical.WindowTVF:
		return "WindowTVF"
	case *physical.SessionTVF:
		return "SessionTVF"
	case *physical.LocalAggregate:
		return "LocalAggregate"
	case *physical.WindowAggregate:
		return "WindowAggregate"
	case *physical.GroupAggregate:
		return "GroupAggregate"
	case *physical.ChangelogNormalize:
		return "ChangelogNormalize"
	case *physical.UpsertMaterialize:
		return "UpsertMaterialize"
	case *physical.ResolveConflicts:
		return "ResolveConflicts"
	case *physical.StampWatermark:
		return "StampWatermark"
	case *physical.ToChangelog:
		return "ToChangelog"
	case *physical.FromChangelog:
		return "FromChangelog"
	case *physical.Union:
		return "Union"
	case *physical.Final:
		return "Final"
	case *physical.Sort:
		return "Sort"
	case *physical.Expand:
		return "Expand"
	case *physical.Replicate:
		return "Replicate"
	case *physical.Unnest:
		return "Unnest"
	case *physical.Over:
		return "Over"
	case *physical.Match:
		return "Match"
	case *physical.SortedOver:
		return "SortedOver"
	case *physical.FinalOver:
		return "FinalOver"
	case *physical.WindowRank:
		return "WindowRank"
	case *physical.Rank:
		return "Rank"
	case *physical.Deduplicate:
		return "Deduplicate"
	case *physical.Join:
		return "Join"
	case *physical.IntervalJoin:
		return "IntervalJoin"
	case *physical.TemporalJoin:
		return "TemporalJoin"
	case *physical.LookupJoin:
		return "LookupJoin"
	case *physical.VectorSearch:
		return "VectorSearch"
	case *physical.WindowJoin:
		return "WindowJoin"
	case *physical.Exchange:
		return "Exchange"
	case *physical.Sink:
		return "Sink"
	default:
		return fmt.Sprintf("%T", n)
	}
}

// line is an operator and what it does.
func line(n physical.Node) string { return Kind(n) + "(" + strings.Join(arguments(n), ", ") + ")" }

// props is the streaming properties of n.
func (p *printer) props(n physical.Node) []string {
	var out []string
	base := n.Base()
	switch {
	case p.changelog:
		out = append(out, "changelogMode="+letters(n))
	case base.Changelog.Mode == catalog.Upsert:
		out = append(out, "upsert")
	case base.Changelog.Mode == catalog.Retract:
		out = append(out, "retract")
	default:
		out = append(out, "append-only")
	}
	if _, isSink := n.(*physical.Sink); !isSink && base.Changelog.Key != nil {
		out = append(out, "key="+pick(base.Columns, base.Changelog.Key))
	}
	if scan, ok := n.(*physical.Scan); ok && scan.Watermark != nil {
		out = append(out, watermark(scan.Watermark))
	}
	out = append(out, lifetime(n)...)
	for i, l := range base.Late {
		if l == nil {
			continue
		}
		which := ""
		if len(n.Inputs()) > 1 {
			which = [...]string{"left ", "right "}[i]
		}
		out = append(out, which+"late rows to "+scalar.QuoteName(l.Sink.Table.Name))
	}
	if p.cost {
		out = append(out, "rows="+rows(n))
	}
	for i, a := range p.advice {
		if a.node == n {
			out = append(out, fmt.Sprintf("advice=[%d]", i+1))
		}
	}
	return append(out, "id="+base.ID)
}

// watermark says how a source tells event time.
func watermark(w *physical.Watermark) string {
	text := scalar.Format(w.Expr, false)
	if w.Idle > 0 {
		text += " idle after " + length(w.Idle.Microseconds())
	}
	switch {
	case w.OnEvent:
		text += " after each row"
	case w.Every > 0:
		text += " every " + length(w.Every.Microseconds())
	case w.Every < 0:
		text += " at the end only"
	}
	if a := w.Alignment; a != nil {
		text += " aligned in group " + a.Group + " within " + length(a.MaxDrift.Microseconds())
	}
	return "watermark " + scalar.QuoteName(w.Name) + "=" + text
}

// lifetime says how long n keeps its state; nil where it has none.
func lifetime(n physical.Node) []string {
	switch n := n.(type) {
	case *physical.SessionTVF:
		return []string{"state until the session ends"}
	case *physical.WindowAggregate:
		if sessions(n) {
			return []string{"state until the session ends"}
		}
		return []string{"state until the window closes"}
	case *physical.WindowRank, *physical.WindowJoin:
		return []string{"state until the window closes"}
	case *physical.GroupAggregate:
		if m := n.MiniBatch; m != nil {
			return []string{miniBatch(m), state(n.TTL)}
		}
		return []string{state(n.TTL)}
	case *physical.ChangelogNormalize:
		return []string{state(n.TTL)}
	case *physical.UpsertMaterialize:
		return []string{state(n.TTL)}
	case *physical.ResolveConflicts:
		return []string{"changes until the watermark", state(n.TTL)}
	case *physical.Over:
		if d, ok := n.Forgotten(); ok {
			return []string{"state within " + length(d)}
		}
		return []string{state(n.TTL)}
	case *physical.Match:
		if n.Within > 0 {
			return []string{"state within " + length(n.Within)}
		}
		return []string{"state while a match may go on"}
	case *physical.FinalOver:
		return []string{"state until the end"}
	case *physical.SortedOver:
		return []string{state(n.TTL)}
	case *physical.Final:
		return []string{"state until the end"}
	case *physical.Sort:
		until := "the watermark passes"
		if n.ProcTime {
			until = "the millisecond is over"
		}
		return []string{"state until " + until}
	case *physical.Rank:
		return []string{state(n.TTL)}
	case *physical.Deduplicate:
		return []string{state(n.TTL)}
	case *physical.Join:
		if n.LeftTTL == n.RightTTL {
			return []string{state(n.LeftTTL)}
		}
		return []string{"left: " + state(n.LeftTTL), "right: " + state(n.RightTTL)}
	case *physical.LookupJoin:
		var out []string
		if n.Keep != nil {
			out = append(out, "what was found: "+state(n.TTL))
		}
		if n.Waits() {
			out = append(out, "state until rows are asked for again")
		}
		return out
	case *physical.TemporalJoin:
		return []string{"rows until the watermark passes them", "versions: " + state(n.TTL)}
	case *physical.IntervalJoin:
		return []string{"state until the times are too far apart"}
	}
	return nil
}

func state(ttl time.Duration) string {
	if ttl == 0 {
		return "state kept for ever"
	}
	return "state ttl=" + length(ttl.Microseconds())
}

// length is microseconds in the largest unit that fits: 10 SECOND.
func length(micros int64) string {
	return strings.ReplaceAll(strings.TrimPrefix(scalar.IntervalText(micros), "INTERVAL "), "'", "")
}

// letters is the change kinds that n puts out, in Flink's letters.
func letters(n physical.Node) string {
	switch n.Base().Changelog.Mode {
	case catalog.Retract:
		return "[I,UB,UA" + deletes(n) + "]"
	case catalog.Upsert:
		return "[I,UA" + deletes(n) + "]"
	}
	return "[I]"
}

// deletes is ",D" where n may delete rows: an aggregation never does over rows that are only added.
func deletes(n physical.Node) string {
	for {
		switch x := n.(type) {
		case *physical.GroupAggregate:
			if x.InputRetracts {
				return ",D"
			}
			return ""
		case *physical.Calc:
			if x.Filter != nil && x.Changelog.Mode != catalog.InsertOnly {
				return ",D"
			}
		case *physical.Scan, *physical.Values, *physical.Join, *physical.Rank, *physical.SortedOver, *physical.Deduplicate, *physical.ChangelogNormalize, *physical.UpsertMaterialize,
			*physical.FromChangelog:
			return ",D"
		case *physical.ResolveConflicts:
			if x.Input.Base().Changelog.Mode == catalog.InsertOnly {
				return "" // nothing is taken back
			}
		case *physical.Replicate:
			return ",D"
		case *physical.Union:
			for _, in := range x.Ins {
				if in.Base().Changelog.Mode != catalog.InsertOnly && deletes(in) != "" {
					return ",D"
				}
			}
			return ""
		}
		n = n.Inputs()[0]
	}
}

func optional(cols []physical.Column, at []int) string {
	if len(at) == 0 {
		return ""
	}
	return pick(cols, at)
}

func order(keys []physical.SortKey, in []physical.Column) string {
	var out []string
	for _, k := range keys {
		s := scalar.QuoteName(in[k.Column].Name)
		if k.Desc {
			s += " DESC"
		}
		if k.NullsFirst == k.Desc {
			s += map[bool]string{true: " NULLS FIRST", false: " NULLS LAST"}[k.NullsFirst]
		}
		out = append(out, s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func frame(rows bool, preceding int64) string {
	unit := "RANGE"
	if rows {
		unit = "ROWS"
	}
	switch {
	case preceding < 0:
		return unit + " UNBOUNDED PRECEDING"
	case rows:
		return fmt.Sprintf("ROWS %d PRECEDING", preceding)
	}
	return "RANGE " + length(preceding) + " PRECEDING"
}

// scanned is the columns of a scan; of a ROW of which some fields are read those fields.
func scanned(n *physical.Scan) string {
	var out []string
	var fields func(name string, read, all types.Type)
	fields = func(name string, read, all types.Type) {
		if read.Kind != types.Row || read.EqualIgnoringNull(all) {
			out = append(out, name)
			return
		}
		if len(read.Nested.Fields) == 0 {
			out = append(out, name+" IS NULL")
		}
		for _, f := range read.Nested.Fields {
			i := slices.IndexFunc(all.Nested.Fields, func(a types.Field) bool { return a.Name == f.Name })
			fields(name+"."+scalar.QuoteName(f.Name), f.Type, all.Nested.Fields[i].Type)
		}
	}
	for i, c := range n.Columns {
		all := c.Type
		if of := &n.Table.Columns[n.Fields[i]]; of.Kind == catalog.Physical {
			all = of.Type
		}
		fields(scalar.QuoteName(c.Name), c.Type, all)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func names(cols []physical.Column) string {
	var out []string
	for _, c := range cols {
		out = append(out, scalar.QuoteName(c.Name))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func pick(cols []physical.Column, at []int) string {
	var out []string
	for _, i := range at {
		out = append(out, scalar.QuoteName(cols[i].Name))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func selects(n *physical.Calc) string {
	var out []string
	for i, e := range n.Exprs {
		text := scalar.Format(e, false)
		if name := scalar.QuoteName(n.Columns[i].Name); name != text {
			text += " AS " + name
		}
		out = append(out, text)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func aggs(list []physical.AggCall, in []physical.Column) string {
	if len(list) == 0 {
		return ""
	}
	var out []string
	for _, a := range list {
		out = append(out, agg(a, in)+" AS "+a.Name)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func agg(a physical.AggCall, in []physical.Column) string {
	var args []string
	for _, c := range a.Args {
		args = append(args, scalar.QuoteName(in[c].Name))
	}
	text := strings.Join(args, ", ")
	if len(args) == 0 && a.Func == "COUNT" {
		text = "*"
	}
	if a.Distinct {
		text = "DISTINCT " + text
	}
	json := strings.HasPrefix(a.Func, "JSON_")
	if json {
		text += map[bool]string{true: " ABSENT ON NULL", false: " NULL ON NULL"}[a.IgnoreNulls]
	}
	text = a.Func + "(" + text + ")"
	if a.IgnoreNulls && !json {
		text += " IGNORE NULLS"
	}
	if a.Filter >= 0 {
		text += " FILTER (WHERE " + scalar.QuoteName(in[a.Filter].Name) + ")"
	}
	return text
}

// miniBatch says which rows are gathered.
func miniBatch(m *physical.MiniBatch) string {
	switch {
	case m.Latency == 0:
		return "mini-batches of what comes together"
	case m.Size == 0:
		return "mini-batches of " + length(m.Latency.Microseconds())
	}
	return fmt.Sprintf("mini-batches of %s or %d rows", length(m.Latency.Microseconds()), m.Size)
}

// sessions reports that n makes sessions itself.
func sessions(n *physical.WindowAggregate) bool {
	return n.Window.Kind == physical.Session && n.Window.TimeColumn >= 0
}

func window(w physical.Window, in []physical.Column) string {
	col := func(i int) string { return scalar.QuoteName(in[i].Name) }
	over := ""
	if w.TimeColumn >= 0 {
		over = col(w.TimeColumn)
	} else {
		over = "attached " + col(w.StartColumn) + " to " + col(w.EndColumn)
	}
	if w.ProcTime {
		over += " by processing time"
	}
	text := ""
	switch w.Kind {
	case physical.Tumble:
		text = "TUMBLE(" + over + ", size=" + length(w.Size)
	case physical.Hop:
		text = "HOP(" + over + ", slide=" + length(w.Slide) + ", size=" + length(w.Size)
	case physical.Cumulate:
		text = "CUMULATE(" + over + ", step=" + length(w.Slide) + ", size=" + length(w.Size)
	case physical.Session:
		text = "SESSION(" + over + ", gap=" + length(w.Size)
	}
	if w.Offset != 0 {
		text += ", offset=" + length(w.Offset)
	}
	if w.Zone != nil {
		text += ", zone=" + w.Zone.String()
	}
	return text + ")"
}

func finalFrame(n *physical.FinalOver, in []physical.Column) string {
	unit := "RANGE"
	if n.Rows {
		unit = "ROWS"
	}
	bound := func(v int64) string {
		text := func(v int64) string {
			if !n.Rows && in[n.Order[0].Column].Type.IsTimestamp() {
				return length(v)
			}
			return fmt.Sprint(v)
		}
		switch {
		case v == math.MinInt64:
			return "UNBOUNDED PRECEDING"
		case v == math.MaxInt64:
			return "UNBOUNDED FOLLOWING"
		case v < 0:
			return text(-v) + " PRECEDING"
		case v > 0:
			return text(v) + " FOLLOWING"
		}
		return "CURRENT ROW"
	}
	return unit + " BETWEEN " + bound(n.From) + " AND " + bound(n.To)
}
