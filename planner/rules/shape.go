package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"weir/planner/catalog"
	"weir/planner/physical"
)

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
		case *physical.ResolveConflicts:
			fmt.Fprintf(h, "resolve-conflicts %s %s %v %v\n", id, keyTypes(n.Keys), n.Query, rowTypes(n.Columns))
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
			if n.Keep != nil {
				fmt.Fprintf(h, "lookup-join %s keeps %s %v\n", id, keyTypes(n.Keep), rowTypes(n.Lookup.Output))
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
