package op

import (
	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// calc filters and projects. A filter makes a selection, a column that is passed on stays the input's
// vector, and every other column is computed for the selected rows only; change kinds are carried.
type calc struct {
	stateless
	filter  expr.Filter // used when filters
	filters bool
	cols    []calcColumn
	sel     []int32
	view    batch.Batch
	out     batch.Batch
}

// calcColumn is an output column: a column of the input, or a kernel.
type calcColumn struct {
	index  int
	kernel *expr.Kernel
}

func newCalc(n *physical.Calc, env Env) (exec.Operator, error) {
	c := &calc{}
	if n.Filter != nil {
		f, err := expr.CompileFilter(n.Filter, env.Expr)
		if err != nil {
			return nil, err
		}
		c.filter, c.filters = f, true
	}
	for _, e := range n.Exprs {
		if col, ok := e.(*scalar.Column); ok {
			c.cols = append(c.cols, calcColumn{index: col.Index})
			continue
		}
		k, err := expr.Compile(e, env.Expr)
		if err != nil {
			return nil, err
		}
		c.cols = append(c.cols, calcColumn{kernel: k})
	}
	return c, nil
}

func (c *calc) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	c.view = *in
	if c.filters {
		var err error
		if c.sel, err = c.filter.Apply(in, c.sel[:0]); err != nil {
			return err
		}
		if len(c.sel) == 0 {
			return nil
		}
		if len(c.sel) < in.N {
			c.view.Sel = c.sel
		}
	}
	c.out.N, c.out.Sel, c.out.Kinds, c.out.Cols = in.N, c.view.Sel, in.Kinds, c.out.Cols[:0]
	for i := range c.cols {
		v := (*batch.Vector)(nil)
		if k := c.cols[i].kernel; k != nil {
			var err error
			if v, err = k.Eval(&c.view, c.view.Sel); err != nil {
				return err
			}
		} else {
			v = in.Cols[c.cols[i].index]
		}
		c.out.Cols = append(c.out.Cols, v)
	}
	return out.Emit(&c.out)
}
