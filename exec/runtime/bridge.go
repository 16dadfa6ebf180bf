package runtime

import (
	"weir/exec/expr"
	"weir/exec/op"
	"weir/planner/scalar"
)

// exprEnv is what expressions may know of the job.
func (r *Runner) exprEnv() expr.Env {
	return expr.Env{Zone: r.cfg.Zone(), Clock: r.clock.Now, Watch: r.o.Watch}
}

func (r *Runner) operatorEnv() op.Env {
	return op.Env{Expr: r.exprEnv(), MiniBatch: r.cfg.Bool("table.exec.mini-batch.enabled")}
}

// compile makes the kernel of an expression over a Scan's output.
func (r *Runner) compile(e scalar.Expr) (evaluator, error) { return expr.Compile(e, r.exprEnv()) }
