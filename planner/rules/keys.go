package rules

import (
	"slices"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// traits is what is known of a relation's changes before the physical plan is made.
type traits struct {
	updating bool
	// clause says what makes it updating: "GROUP BY updates its earlier results"; at is its place.
	clause string
	at     diag.Span
	// keys are sets of columns, each of which tells rows apart: an update or delete comes with the same values in
	// them. Column numbers ascend in each. An empty set: there is one row at most.
	keys [][]int
}

// staying are the keys that hold where rows are spread by the columns by. A row that changes and keeps its key, but not those columns, is taken
// back in one subtask and put out by another, in no order: such a key does not say which change is the last.
func (t traits) staying(by []int) [][]int {
	if !t.updating {
		return t.keys
	}
	var out [][]int
	for _, k := range t.keys {
		if subset(by, k) {
			out = append(out, k)
		}
	}
	return out
}

// traitsOf derives the traits of n.
func (b *builder) traitsOf(n logical.Node) traits {
	switch n := n.(type) {
	case *logical.Scan:
		t := traits{}
		if b.o.SourceMode(n.Table) != catalog.InsertOnly {
			t.updating, t.clause, t.at = true, n.Table.Name+" is a stream of changes", n.Span()
		}
		if key := scanKey(n); key != nil {
			t.keys = [][]int{key}
		}
		return t
	case *logical.Calc:
		t := b.traitsOf(n.Input)
		t.keys = mapKeys(t.keys, n.Exprs)
		return t
	case *logical.Aggregate:
		t := b.traitsOf(n.Input)
		t.keys = [][]int{scalar.FirstColumns(len(n.Keys))}
		if !t.updating {
			t.updating, t.at, t.clause = true, n.Span(), clauseName(n)+" updates its earlier results"
		}
		return t
	case *logical.WindowAggregate:
		key := []int{}
		for i := range n.Keys {
			key = append(key, i)
		}
		bounds := -1
		for i, p := range n.Props {
			// Each of them names the window, but for CUMULATE, where many windows have one start.
			if p == "end" || bounds < 0 && (p != "start" || n.Window.Kind != physical.Cumulate) {
				bounds = len(n.Keys) + len(n.Aggs) + i
			}
		}
		if bounds < 0 {
			return traits{}
		}
		return traits{keys: [][]int{append(key, bounds)}}
	case *logical.Union:
		t := traits{}
		for _, in := range n.Ins {
			if i := b.traitsOf(in); i.updating && !t.updating {
				t.updating, t.clause, t.at = true, i.clause, i.at
			}
		}
		return t
	case *logical.Join:
		return b.joinTraits(n)
	case *logical.Sort:
		t := b.traitsOf(n.Input)
		t.updating = t.updating && !b.sortsAtEnd(n)
		return t
	case *logical.Replicate, *logical.Expand, *logical.Unnest:
		t := b.traitsOf(n.Inputs()[0])
		t.keys = nil
		return t
	case *logical.ToChangelog:
		return traits{}
	case *logical.FromChangelog:
		if n.Updating() {
			return traits{updating: true, at: n.Sp, clause: "FROM_CHANGELOG makes changes of rows"}
		}
		return traits{}
	case *logical.VectorSearch:
		t := b.traitsOf(n.Input)
		if n.TopK > 1 {
			t.keys = nil
		}
		return t
	case *logical.Match:
		return traits{}
	case *logical.Over:
		t := b.traitsOf(n.Input)
		t.keys = t.staying(n.Partition)
		if b.batch {
			t.updating = false
			return t
		}
		if !t.updating && !b.overTime(n) {
			t.updating, t.at, t.clause = true, n.Sp, "a row that comes later may come before others in this order"
		}
		return t
	case *logical.Rank:
		t := b.rankTraits(n)
		t.updating = t.updating && !b.sorted(n)
		return t
	case *logical.WindowTVF:
		t := b.traitsOf(n.Input)
		t.keys = nil
		return t
	}
	return traits{}
}

func clauseName(n *logical.Aggregate) string {
	switch text := n.Span().Text(); {
	case n.Subquery:
		return "sub-query"
	case len(n.Aggs) > 0 && len(n.Keys) == 0:
		return "an aggregate without GROUP BY"
	case startsWith(text, "UNION"):
		return "UNION without ALL"
	case startsWith(text, "INTERSECT"):
		return "INTERSECT"
	case startsWith(text, "EXCEPT"):
		return "EXCEPT"
	case len(n.Aggs) == 0 && startsWith(text, "SELECT"):
		return "SELECT DISTINCT"
	}
	return "GROUP BY"
}

func startsWith(s, word string) bool {
	return len(s) >= len(word) && equalFold(s[:len(word)], word)
}

func equalFold(a, b string) bool {
	for i := range len(a) {
		if a[i]|0x20 != b[i]|0x20 {
			return false
		}
	}
	return len(a) == len(b)
}

// scanKey is the table's primary key as output columns; nil when there is none or not all are read.
func scanKey(n *logical.Scan) []int {
	if len(n.Table.PrimaryKey) == 0 {
		return nil
	}
	var key []int
	for _, k := range n.Table.PrimaryKey {
		i := slices.Index(n.Fields, k)
		if i < 0 {
			return nil
		}
		key = append(key, i)
	}
	slices.Sort(key)
	return key
}

// mapKeys is the keys of a projection's input as columns of its output. A column that is only widened still tells
// the same rows apart.
func mapKeys(keys [][]int, exprs []scalar.Expr) [][]int {
	var out [][]int
	for _, key := range keys {
		to := []int{}
		for _, k := range key {
			at := slices.IndexFunc(exprs, func(e scalar.Expr) bool { return passes(e, k) })
			if at < 0 {
				to = nil
				break
			}
			to = append(to, at)
		}
		if to != nil {
			slices.Sort(to)
			out = append(out, to)
		}
	}
	return out
}

// passes reports that e is column k, as it is or widened.
func passes(e scalar.Expr, k int) bool {
	for {
		c, ok := e.(*scalar.Cast)
		if !ok || !widening(c) {
			break
		}
		e = c.X
	}
	r, ok := e.(*scalar.Column)
	return ok && r.Index == k
}
