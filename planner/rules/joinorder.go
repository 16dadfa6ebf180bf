package rules

import (
	"slices"

	"weir/planner/logical"
	"weir/planner/scalar"
)

// joinOrder puts the inputs of inner joins into an order in which each has a column that must be equal to one of those before it, where
// the order of FROM makes pairs of all rows first: FROM a, b, c WHERE a.x = c.x AND b.y = c.y joins a with c before b.
func (o *Optimizer) joinOrder(n logical.Node) logical.Node {
	if j, ok := n.(*logical.Join); ok {
		if c := joinChain(j); c != nil {
			n = o.connected(c)
		}
	}
	var ins []logical.Node
	for _, in := range n.Inputs() {
		ins = append(ins, o.joinOrder(in))
	}
	return withInputs(n, ins)
}

// chain is inner joins one on the other: leaves[0] with leaves[1], that with leaves[2], and so on. Their conditions read the columns of
// all leaves side by side.
type chain struct {
	top    *logical.Join
	leaves []logical.Node
	starts []int           // of the first column of each leaf
	joins  []*logical.Join // joins[i] has leaves[i] as its right side; joins[0] is joins[1]
	conds  []scalar.Expr
}

// joinChain is the joins whose order is free: regular inner ones, whose rows need not come within a time or in a window. nil where there
// are fewer than two of them.
func joinChain(top *logical.Join) *chain {
	c := &chain{top: top}
	for n := logical.Node(top); ; {
		j, ok := n.(*logical.Join)
		if !ok || j.Kind != logical.InnerJoin {
			c.leaves = append(c.leaves, n)
			break
		}
		if j.AsOf != nil || j.LeftTTL != nil || j.RightTTL != nil || j.Bounds() != nil || j.JoinsWindows() {
			return nil
		}
		c.leaves = append(c.leaves, j.Right)
		c.joins = append(c.joins, j)
		c.conds = append(c.conds, scalar.Conjuncts(j.Cond)...)
		n = j.Left
	}
	if len(c.leaves) < 3 || slices.ContainsFunc(c.conds, func(e scalar.Expr) bool { return !scalar.Deterministic(e) }) {
		return nil
	}
	c.joins = append(c.joins, c.joins[len(c.joins)-1])
	slices.Reverse(c.leaves)
	slices.Reverse(c.joins)
	at := 0
	for _, l := range c.leaves {
		c.starts = append(c.starts, at)
		at += len(l.Cols())
	}
	return c
}

// reads is the leaves that e reads.
func (c *chain) reads(e scalar.Expr) []int {
	var out []int
	for _, col := range scalar.Columns(e) {
		i, found := slices.BinarySearch(c.starts, col)
		if !found {
			i--
		}
		if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

// link is leaves that an equality brings together: one of one side, and all of the other.
type link struct{ one, others []int }

func (c *chain) links() []link {
	var out []link
	for _, e := range c.conds {
		call, ok := e.(*scalar.Call)
		if !ok || call.Func.Name != "=" && call.Func.Name != "IS NOT DISTINCT FROM" || !comparable(call.Args[0], call.Args[1]) {
			continue
		}
		l, r := c.reads(call.Args[0]), c.reads(call.Args[1])
		out = append(out, link{l, r}, link{r, l})
	}
	return out
}

// order takes, again and again, the first leaf that a link brings to those already taken, and the first of all where there is none. It
// also gives the number of times that there was none, with the leaves as they are written and as they are taken.
func (c *chain) order() (order []int, written, taken int) {
	links := c.links()
	reached := func(leaf int, placed []bool) bool {
		return slices.ContainsFunc(links, func(l link) bool {
			return len(l.one) == 1 && l.one[0] == leaf && len(l.others) > 0 && !slices.ContainsFunc(l.others, func(i int) bool { return !placed[i] })
		})
	}
	placed := make([]bool, len(c.leaves))
	placed[0] = true
	for i := 1; i < len(c.leaves); i++ {
		if !reached(i, placed) {
			written++
		}
		placed[i] = true
	}
	clear(placed)
	order, placed[0] = []int{0}, true
	for len(order) < len(c.leaves) {
		next := -1
		for i := range c.leaves {
			if !placed[i] && reached(i, placed) {
				next = i
				break
			}
		}
		if next < 0 {
			taken++
			next = slices.Index(placed, false)
		}
		order, placed[next] = append(order, next), true
	}
	return order, written, taken
}

// connected is the joins of c in the order in which fewer of them have no key; its columns are in the order as written.
func (o *Optimizer) connected(c *chain) logical.Node {
	order, written, taken := c.order()
	if taken >= written {
		return c.top
	}
	n := c.leaves[order[0]]
	at := make([]int, len(c.top.Columns)) // where a column of the leaves side by side is now
	placed := make([]bool, len(c.leaves))
	used := make([]bool, len(c.conds))
	for k, leaf := range order {
		in := c.leaves[leaf]
		start := 0
		if k > 0 {
			start = len(n.Cols())
		}
		for i := range in.Cols() {
			at[c.starts[leaf]+i] = start + i
		}
		placed[leaf] = true
		if k == 0 {
			continue
		}
		var conds []scalar.Expr
		for i, e := range c.conds {
			if !used[i] && !slices.ContainsFunc(c.reads(e), func(l int) bool { return !placed[l] }) {
				used[i] = true
				conds = append(conds, scalar.Shift(e, func(i int) int { return at[i] }))
			}
		}
		j := logical.NewJoin(logical.InnerJoin, n, in, o.and(conds), c.joins[leaf].Sp)
		if j.Bounds() != nil || j.JoinsWindows() { // rows that meet within a time meet as they are written
			return c.top
		}
		n = j
	}
	o.fire(JoinOrder, c.top.Sp, "%d joins of all pairs instead of %d", taken, written)
	return project(n, at)
}
