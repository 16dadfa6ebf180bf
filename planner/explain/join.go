package explain

import (
	"fmt"
	"strings"

	"weir/planner/physical"
	"weir/planner/scalar"
)

// joinArgs is what all joins have to say.
func joinArgs(kind physical.JoinKind, e physical.Equi, left, right physical.Node) []string {
	args := []string{kind.String()}
	var on []string
	for i, l := range e.Left {
		op := " = "
		if e.NullSafe[i] {
			op = " IS NOT DISTINCT FROM "
		}
		on = append(on, "left."+scalar.QuoteName(left.Base().Columns[l].Name)+op+"right."+scalar.QuoteName(right.Base().Columns[e.Right[i]].Name))
	}
	if on != nil {
		args = append(args, "on=["+strings.Join(on, ", ")+"]")
	}
	return args
}

// lookupArgs is what a lookup join does.
func lookupArgs(n *physical.LookupJoin) []string {
	l := &n.Lookup
	var on []string
	in := n.Input.Base().Columns
	for i, k := range n.Keys {
		on = append(on, "left."+scalar.QuoteName(in[k].Name)+" = "+scalar.QuoteName(l.Table.Name)+"."+scalar.QuoteName(l.Columns[l.Keys[i]].Name))
	}
	args := []string{n.Kind.String(), scalar.QuoteName(l.Table.Name), "connector=" + l.Table.Connector, "on=[" + strings.Join(on, ", ") + "]", "columns=" + names(l.Columns)}
	if l.Filter != nil {
		args = append(args, "rows where="+scalar.Format(l.Filter, false))
	}
	if n.Filter != nil {
		args = append(args, "where="+scalar.Format(n.Filter, false))
	}
	args = append(args, asked(l)...)
	if n.Keep != nil {
		args = append(args, "taken back by="+pick(in, n.Keep))
	}
	if l.Retry > 0 {
		args = append(args, fmt.Sprintf("again=%d times after %s", l.Retry, length(l.Delay.Microseconds())))
	}
	return args
}

// searchArgs is what a search by vectors does.
func searchArgs(n *physical.VectorSearch) []string {
	l := &n.Lookup
	kind := "inner"
	if n.Outer {
		kind = "left"
	}
	args := []string{kind, scalar.QuoteName(l.Table.Name), "connector=" + l.Table.Connector, "search=" + scalar.QuoteName(l.Columns[n.Search].Name),
		"query=" + scalar.QuoteName(n.Input.Base().Columns[n.Query].Name), fmt.Sprintf("top=%d", n.TopK), "metric=" + n.Metric.String(), "columns=" + names(l.Columns)}
	return append(args, asked(l)...)
}

// asked is how a table is asked.
func asked(l *physical.Lookup) []string {
	mode := "sync"
	if l.Concurrent {
		mode = "async"
	}
	if l.Unordered {
		mode += " unordered"
	}
	if l.Cache.Mode == physical.NoCache {
		return []string{mode}
	}
	return []string{mode, "cache=" + l.Cache.Mode.String()}
}
