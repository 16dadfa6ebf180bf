package expr

import (
	"weir/exec/batch"
	"weir/planner/scalar"
)

// watchedPred is a condition whose outcomes are counted, for the coverage of tests.
type watchedPred struct {
	p    pred
	told func(true, other int)
}

func (w *watchedPred) filter(x *ctx, sel, dst []int32) ([]int32, error) {
	n := x.n
	if sel != nil {
		n = len(sel)
	}
	rows, err := w.p.filter(x, sel, dst)
	if err == nil {
		w.told(len(rows), n-len(rows))
	}
	return rows, err
}

// watchedNode is the same for a condition that is computed as a column.
type watchedNode struct {
	node
	told func(true, other int)
}

func (c *compiler) watchedNode(e scalar.Expr, n node) node {
	if c.x.env.Watch == nil {
		return n
	}
	if told := c.x.env.Watch(e.Span()); told != nil {
		return &watchedNode{n, told}
	}
	return n
}

func (w *watchedNode) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	v, err := w.node.eval(x, sel)
	if err != nil {
		return nil, err
	}
	rows, yes := x.n, 0
	count := func(i int) {
		if v.Bool[i] && !v.IsNull(i) {
			yes++
		}
	}
	if sel == nil {
		for i := range x.n {
			count(i)
		}
	} else {
		rows = len(sel)
		for _, i := range sel {
			count(int(i))
		}
	}
	w.told(yes, rows-yes)
	return v, nil
}
