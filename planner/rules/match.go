package rules

import (
	"fmt"
	"slices"
	"strings"

	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// moveMatch is n over an input whose old column i is now to[i]. The Refs, whose columns stand behind the input's, keep their order.
func moveMatch(n *logical.Match, in logical.Node, to []int) *logical.Match {
	was, is := len(to), len(in.Cols())
	shift := func(e scalar.Expr) scalar.Expr {
		if e == nil {
			return nil
		}
		return scalar.Shift(e, func(i int) int {
			if i >= was {
				return i - was + is
			}
			return to[i]
		})
	}
	m := *n
	m.Input, m.Partition, m.Order, m.Late = in, moved(n.Partition, to), movedOrder(n.Order, to), n.Late.Moved(to)
	m.Vars, m.Refs, m.Measures = slices.Clone(n.Vars), slices.Clone(n.Refs), slices.Clone(n.Measures)
	for i := range m.Vars {
		m.Vars[i].Cond = shift(m.Vars[i].Cond)
	}
	for i := range m.Refs {
		r := &m.Refs[i]
		if r.Func == "" && !r.Time {
			r.Column = to[r.Column]
		}
		r.Args = slices.Clone(r.Args)
		for k, a := range r.Args {
			r.Args[k] = shift(a)
		}
	}
	for i := range m.Measures {
		m.Measures[i].Expr = shift(m.Measures[i].Expr)
	}
	return logical.NewMatch(&m)
}

// pruneMatch keeps the measures that are needed and the columns that conditions and measures read.
func (o *Optimizer) pruneMatch(n *logical.Match, need []bool) (logical.Node, []int) {
	w := len(n.Input.Cols())
	m := *n
	at := make([]int, len(need))
	m.Measures = nil
	for i := range n.Partition {
		at[i] = i
	}
	for i, x := range n.Measures {
		k := len(n.Partition) + i
		at[k] = -1
		if need[k] {
			at[k] = len(n.Partition) + len(m.Measures)
			m.Measures = append(m.Measures, x)
		}
	}
	// The refs that are read, in their order.
	read := make([]bool, len(n.Refs))
	below := make([]bool, w)
	mark := func(e scalar.Expr) {
		if e == nil {
			return
		}
		for _, c := range scalar.Columns(e) {
			if c < w {
				below[c] = true
			} else {
				read[c-w] = true
			}
		}
	}
	for _, v := range n.Vars {
		mark(v.Cond)
	}
	for _, x := range m.Measures {
		mark(x.Expr)
	}
	kept := kept(read)
	places := places(kept, len(read))
	m.Refs = pick(n.Refs, kept)
	for _, r := range m.Refs {
		if r.Func == "" && !r.Time {
			below[r.Column] = true
		}
		for _, a := range r.Args {
			mark(a)
		}
	}
	for _, p := range n.Partition {
		below[p] = true
	}
	for _, k := range n.Order {
		below[k.Column] = true
	}
	n.Late.Marked(below)
	renumber := func(e scalar.Expr) scalar.Expr {
		if e == nil {
			return nil
		}
		return scalar.Shift(e, func(i int) int {
			if i >= w {
				return w + places[i-w]
			}
			return i
		})
	}
	m.Vars, m.Measures = slices.Clone(m.Vars), slices.Clone(m.Measures)
	for i := range m.Vars {
		m.Vars[i].Cond = renumber(m.Vars[i].Cond)
	}
	for i := range m.Measures {
		m.Measures[i].Expr = renumber(m.Measures[i].Expr)
	}
	in, to := o.prune(n.Input, below)
	return moveMatch(&m, in, to), at
}

// match makes the search for a pattern.
func (b *builder) match(n *logical.Match) (built, bool) {
	if t := b.traitsOf(n.Input); t.updating {
		b.diags.Errorf(codes.UpdatingWindow, n.Sp, "MATCH_RECOGNIZE over a stream that changes rows is not supported").
			Label(t.at, "%s", t.clause).
			Help("look for the pattern in the append-only input first")
		return built{}, false
	}
	id := b.id("match")
	in, ok := b.input(id, n.Input, false)
	if !ok {
		return in, false
	}
	in = b.exchange(in, n.Partition, id)
	time := n.Order[0].Column
	m := &physical.Match{Input: in.node, Partition: n.Partition, Time: time, ProcTime: n.Input.Cols()[time].Time == catalog.ProcTime,
		Then: sortKeys(n.Order[1:]), Vars: n.Vars, Refs: n.Refs, Skip: n.Skip, Within: n.Within}
	for _, x := range n.Measures {
		m.Measures = append(m.Measures, x.Expr)
	}
	m.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	b.late(0, n.Late, &m.Props, in.node)
	return built{node: m, spread: scalar.FirstColumns(len(n.Partition)), bounded: in.bounded}, true
}

// matchShape is what the state of n depends on: the variables' order and quantifiers, and the columns of rows that are kept.
func matchShape(n *physical.Match) string {
	var s []string
	for _, v := range n.Vars {
		s = append(s, fmt.Sprintf("%d,%d,%t", v.Min, v.Max, v.Reluctant))
	}
	return strings.Join(s, " ")
}
