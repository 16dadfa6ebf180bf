package op

import (
	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/planner/physical"
)

// calc filters and projects. A filter makes a selection, a column that is passed on stays the input's
// vector, and every other column is computed for the selected rows only; change kinds are carried.
type calc struct {
	stateless
	filter     *expr.Filter // nil: all rows
	projection *expr.Projection
	sel        []int32
	view       batch.Batch
	wm         exec.Watermark // CURRENT_WATERMARK
}

func newCalc(n *physical.Calc, env Env) (exec.Operator, error) {
	c := &calc{wm: exec.MinWatermark}
	env.Expr.Watermark = func() (int64, bool) { return int64(c.wm), c.wm != exec.MinWatermark }
	if n.Filter != nil {
		f, err := expr.CompileFilter(n.Filter, env.Expr)
		if err != nil {
			return nil, err
		}
		c.filter = &f
	}
	p, err := expr.CompileProjection(n.Exprs, env.Expr)
	if err != nil {
		return nil, err
	}
	c.projection = p
	return c, nil
}

func (c *calc) Watermark(wm exec.Watermark, _ exec.Emitter) error {
	c.wm = wm
	return nil
}

func (c *calc) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	if c.filter != nil {
		var err error
		if c.sel, err = c.filter.Apply(in, c.sel[:0]); err != nil {
			return err
		}
		if len(c.sel) == 0 {
			return nil
		}
		if len(c.sel) < in.Rows() {
			c.view = *in
			c.view.Sel = c.sel
			in = &c.view
		}
	}
	b, err := c.projection.Apply(in)
	if err != nil {
		return err
	}
	return out.Emit(b)
}
