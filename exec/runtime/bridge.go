package runtime

import (
	"fmt"

	"weir/exec"
	"weir/exec/expr"
	"weir/exec/lookup"
	"weir/exec/op"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// exprEnv is what expressions may know of the job.
func (r *Runner) exprEnv() expr.Env {
	return expr.Env{Zone: r.cfg.Zone(), Clock: r.clock.Now, Watch: r.o.Watch}
}

func (r *Runner) operatorEnv() op.Env {
	return op.Env{Expr: r.exprEnv(), Lookup: r.lookup, Search: r.search, TestClock: r.o.Clock != nil}
}

// lookup is what a join of the plan asks.
func (r *Runner) lookup(n *physical.LookupJoin) (exec.LookupSpec, error) {
	s, ok := r.lookups[n]
	if !ok {
		return nil, bug(n.ID, "a join whose table was not opened")
	}
	return s, nil
}

// openLookup makes what a join asks, for the life of the run.
func (r *Runner) openLookup(n *physical.LookupJoin) error {
	if n.Lookup.Cache.Mode == physical.FullCache {
		r.lookups[n] = lookup.NewFull(n, r.clock.Now, func() (exec.SourceSpec, error) {
			return r.o.Connectors.Source(n.Lookup.Scan(n.ID+"/scan."+n.Lookup.Table.Name), r.cfg, r.log)
		})
		return nil
	}
	s, err := r.o.Connectors.Lookup(n, r.cfg, r.log)
	if err != nil {
		return fmt.Errorf("open table %s: %w", n.Lookup.Table.Name, err)
	}
	r.lookups[n] = s
	return nil
}

// search is what a search of the plan asks.
func (r *Runner) search(n *physical.VectorSearch) (exec.SearchSpec, error) {
	s, ok := r.searches[n]
	if !ok {
		return nil, bug(n.ID, "a search whose table was not opened")
	}
	return s, nil
}

// openSearch makes what a search asks, for the life of the run.
func (r *Runner) openSearch(n *physical.VectorSearch) error {
	if n.Lookup.Cache.Mode == physical.FullCache {
		r.searches[n] = lookup.NewVectors(n, r.clock.Now, func() (exec.SourceSpec, error) {
			return r.o.Connectors.Source(n.Lookup.Scan(n.ID+"/scan."+n.Lookup.Table.Name), r.cfg, r.log)
		})
		return nil
	}
	s, err := r.o.Connectors.Search(n, r.cfg, r.log)
	if err != nil {
		return fmt.Errorf("open table %s: %w", n.Lookup.Table.Name, err)
	}
	r.searches[n] = s
	return nil
}

// compile makes the kernel of an expression over a Scan's output.
func (r *Runner) compile(e scalar.Expr) (evaluator, error) { return expr.Compile(e, r.exprEnv()) }
