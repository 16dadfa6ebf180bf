package explain

import (
	"fmt"
	"strings"

	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// argumentList is what an operator does, piece by piece.
type argumentList struct {
	pieces []string
	in     []physical.Column // of its input, the first one of two
}

// say appends pieces as they are.
func (a *argumentList) say(pieces ...string) { a.pieces = append(a.pieces, pieces...) }

// add appends name=value where there is a value.
func (a *argumentList) add(name, value string) {
	if value != "" {
		a.say(name + "=" + value)
	}
}

// where appends a condition, where there is one.
func (a *argumentList) where(e scalar.Expr) {
	if e != nil {
		a.add("where", scalar.Format(e, false))
	}
}

// order appends an order, where there is one.
func (a *argumentList) order(keys []physical.SortKey) {
	if len(keys) > 0 {
		a.add("order", order(keys, a.in))
	}
}

// arguments is what an operator does, piece by piece.
func arguments(n physical.Node) []string {
	a := argumentList{pieces: []string{}}
	if ins := n.Inputs(); len(ins) > 0 {
		a.in = ins[0].Base().Columns
	}
	_ = a.ends(n) || a.rows(n) || a.aggregates(n) || a.keys(n) || a.joins(n)
	return a.pieces
}

// ends appends what is said of scans, constants and sinks; false for other operators.
func (a *argumentList) ends(n physical.Node) bool {
	switch n := n.(type) {
	case *physical.Scan:
		a.say(scalar.QuoteName(n.Table.Name))
		a.add("connector", n.Table.Connector)
		a.add("columns", scanned(n))
		if n.Filter != nil {
			a.add("filter", scalar.Format(n.Filter, false))
		}
	case *physical.Values:
		a.add("rows", fmt.Sprint(len(n.Rows)))
	case *physical.LateRows:
		a.say(scalar.QuoteName(n.Table))
		a.add("of", n.Of)
	case *physical.Sink:
		a.say(scalar.QuoteName(n.Table.Name))
		a.add("connector", n.Table.Connector)
		a.add("columns", sinkColumns(n, n.Fields))
		if n.Key != nil {
			a.add("key", sinkColumns(n, keyFields(n)))
		}
		a.add("partitions", partitions(n))
		if n.Overwrite {
			a.add("overwrite", "true")
		}
	default:
		return false
	}
	return true
}

// rows appends what is said of what works row by row, and exchanges; false for other operators.
func (a *argumentList) rows(n physical.Node) bool {
	switch n := n.(type) {
	case *physical.Calc:
		a.where(n.Filter)
		a.add("select", selects(n))
	case *physical.Expand:
		var lists []string
		for _, cols := range n.Null {
			lists = append(lists, pick(a.in, cols))
		}
		a.add("null", "["+strings.Join(lists, ", ")+"]")
		a.add("id", scalar.QuoteName(a.in[n.ID].Name))
	case *physical.ToChangelog:
		a.add("op", scalar.QuoteName(n.Columns[0].Name))
		a.add("codes", codes(n.Codes, true))
	case *physical.FromChangelog:
		a.add("op", scalar.QuoteName(a.in[n.Op].Name))
		a.add("codes", codes(n.Codes, false))
	case *physical.Replicate:
		a.add("times", scalar.QuoteName(a.in[n.Times].Name))
	case *physical.Unnest:
		if n.Outer {
			a.say("left")
		}
		a.add("list", scalar.QuoteName(a.in[n.List].Name))
		a.add("columns", names(n.Columns[len(a.in)-1:]))
	case *physical.Exchange:
		if len(n.Keys) == 0 {
			a.say("single")
		} else {
			a.add("hash", pick(a.in, n.Keys))
		}
	case *physical.LookupJoin:
		a.say(lookupArgs(n)...)
	case *physical.VectorSearch:
		a.say(searchArgs(n)...)
	default:
		return false
	}
	return true
}

// aggregates appends what is said of windows and aggregations; false for other operators.
func (a *argumentList) aggregates(n physical.Node) bool {
	switch n := n.(type) {
	case *physical.WindowTVF:
		a.add("window", window(n.Window, a.in))
	case *physical.SessionTVF:
		a.add("partition", optional(a.in, n.Partition))
		a.add("window", window(n.Window, a.in))
	case *physical.LocalAggregate:
		a.add("keys", pick(a.in, n.Keys))
		if n.Window != nil {
			a.add("window", window(*n.Window, a.in))
		}
		if len(n.Split) > 0 {
			a.add("apart", pick(a.in, n.Split))
		}
		a.add("aggs", aggs(n.Aggs, a.in))
	case *physical.WindowAggregate:
		a.add("keys", pick(a.in, n.Keys))
		a.add("window", window(n.Window, a.in))
		a.add("aggs", aggs(n.Aggs, a.in))
		if len(n.WindowColumns) > 0 {
			a.add("and", "["+strings.Join(n.WindowColumns, ", ")+"]")
		}
		if n.Input.Base().Changelog.Mode != catalog.InsertOnly {
			a.say("retracting input")
		}
	case *physical.GroupAggregate:
		a.add("keys", pick(a.in, n.Keys))
		a.add("aggs", aggs(n.Aggs, a.in))
		if n.InputRetracts {
			a.say("retracting input")
		}
		if n.Always {
			a.say("of no rows, too")
		}
	case *physical.Over:
		a.add("partition", optional(a.in, n.Partition))
		a.add("order", scalar.QuoteName(a.in[n.Time].Name))
		a.add("frame", frame(n.Rows, n.Preceding))
		a.add("calls", aggs(n.Calls, a.in))
	case *physical.FinalOver:
		a.add("partition", optional(a.in, n.Partition))
		a.order(n.Order)
		a.add("frame", finalFrame(n, a.in))
		a.add("calls", aggs(n.Calls, a.in))
	case *physical.SortedOver:
		a.add("partition", optional(a.in, n.Partition))
		a.order(n.Order)
		a.add("frame", frame(n.Rows, -1))
		a.add("calls", aggs(n.Calls, a.in))
	default:
		return false
	}
	return true
}

// keys appends what is said of what keeps or orders rows by key; false for other operators.
func (a *argumentList) keys(n physical.Node) bool {
	switch n := n.(type) {
	case *physical.ChangelogNormalize:
		a.add("keys", pick(a.in, n.Keys))
	case *physical.UpsertMaterialize:
		a.add("keys", pick(a.in, n.Keys))
	case *physical.ResolveConflicts:
		a.add("keys", pick(a.in, n.Keys))
		if n.Fail {
			a.say("or fail")
		} else {
			a.say("the first stays")
		}
	case *physical.Deduplicate:
		a.add("keys", pick(a.in, n.Keys))
		which, by := "first", "processing time"
		if n.Last {
			which = "last"
		}
		if n.Time >= 0 {
			by = scalar.QuoteName(a.in[n.Time].Name)
		}
		a.say(which + " by " + by)
	case *physical.Rank:
		a.add("partition", optional(a.in, n.Partition))
		a.order(n.Order)
		a.add("rows", fmt.Sprintf("%d..%d", n.From, n.To))
		if n.Number {
			a.say("with number")
		}
		if n.InputRetracts {
			a.say("retracting input")
		}
	case *physical.WindowRank:
		a.add("partition", optional(a.in, n.Partition))
		a.add("window", window(n.Window, a.in))
		a.order(n.Order)
		a.add("rows", fmt.Sprintf("%d..%d", n.From, n.To))
		if n.Number {
			a.say("with number")
		}
	case *physical.Sort:
		if n.ProcTime {
			a.say("by processing time")
		}
		a.add("order", order(append([]physical.SortKey{{Column: n.Time, NullsFirst: true}}, n.Then...), a.in))
	case *physical.Final:
		a.order(n.Order)
	case *physical.Match:
		a.say(matchArgs(n, a.in)...)
	default:
		return false
	}
	return true
}

// joins appends what is said of joins of two inputs; false for other operators.
func (a *argumentList) joins(n physical.Node) bool {
	switch n := n.(type) {
	case *physical.Join:
		a.say(joinArgs(n.Kind, n.Equi, n.Left, n.Right)...)
		a.where(n.Filter)
	case *physical.WindowJoin:
		a.say(joinArgs(n.Kind, n.Equi, n.Left, n.Right)...)
		a.add("window", window(n.LeftWindow, a.in))
		a.where(n.Filter)
	case *physical.TemporalJoin:
		a.say(joinArgs(n.Kind, n.Equi, n.Left, n.Right)...)
		l, r := n.Left.Base().Columns[n.LeftTime], n.Right.Base().Columns[n.RightTime]
		a.add("as of", scalar.QuoteName(l.Name))
		a.add("versions by", scalar.QuoteName(r.Name))
		a.where(n.Filter)
	case *physical.IntervalJoin:
		a.say(joinArgs(n.Kind, n.Equi, n.Left, n.Right)...)
		l, r := n.Left.Base().Columns[n.LeftTime], n.Right.Base().Columns[n.RightTime]
		a.add("times", fmt.Sprintf("%s BETWEEN %s + %s AND %s + %s", scalar.QuoteName(r.Name), scalar.QuoteName(l.Name), scalar.IntervalText(n.Lower),
			scalar.QuoteName(l.Name), scalar.IntervalText(n.Upper)))
		if n.ProcTime {
			a.say("by processing time")
		}
		a.where(n.Filter)
	default:
		return false
	}
	return true
}

// sinkColumns is columns of a sink's table, by their numbers there.
func sinkColumns(n *physical.Sink, at []int) string {
	var cols []string
	for _, f := range at {
		cols = append(cols, scalar.QuoteName(n.Table.Columns[f].Name))
	}
	return "[" + strings.Join(cols, ", ") + "]"
}

// partitions is the columns that the files of a sink are told apart by, with the values that the INSERT gives; empty for a table without.
func partitions(n *physical.Sink) string {
	if n.Table.Partitions == nil {
		return ""
	}
	var parts []string
	for _, p := range n.Table.Partitions {
		part := scalar.QuoteName(p)
		if v, static := n.Static[p]; static {
			part += "='" + strings.ReplaceAll(v, "'", "''") + "'"
		}
		parts = append(parts, part)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// keyFields is the columns of a sink's table that are its key.
func keyFields(n *physical.Sink) []int {
	var at []int
	for _, k := range n.Key {
		at = append(at, n.Fields[k])
	}
	return at
}

// codes is a mapping of kinds of change and what they are called in a column, from left to right.
func codes(list []physical.OpCode, fromKinds bool) string {
	out := make([]string, len(list))
	for i, c := range list {
		kind, code := physical.ChangeNames[c.Kind], "'"+c.Code+"'"
		if fromKinds {
			out[i] = kind + "=" + code
		} else {
			out[i] = code + "=" + kind
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}
