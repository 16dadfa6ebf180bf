package repl

import (
	"context"
	"errors"
	"maps"

	"weir/cmd/internal/analyze"
	"weir/exec/batch"
	"weir/exec/runtime"
	"weir/planner"
	"weir/planner/explain"
)

// analyze is EXPLAIN ANALYZE: it runs the job, which writes what it writes, or the query, whose rows go nowhere, and shows the plan with what
// each operator did. One whose input does not end runs until ^C.
func (s *Shell) analyze(r *planner.AnalyzeResult) error {
	job := r.Job
	if r.Query {
		var err error
		if job, err = WithoutCheckpoints(job); err != nil {
			return err
		}
	} else {
		job = ownRun(job)
	}
	if err := s.o.Prepare(job); err != nil {
		return err
	}
	connectors := maps.Clone(s.connectors)
	connectors[collectConnector] = Collect(func(*batch.Batch) error { return nil })
	runner, err := runtime.New(job, runtime.Options{Connectors: connectors, Log: s.log, UntilEnd: s.o.UntilEnd, Memory: s.o.Memory})
	if err != nil {
		return err
	}
	runner.Time(true)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if s.o.Interactive && !s.o.UntilEnd && !s.bounded(job) {
		s.note("running until ^C")
	}
	interrupted := false
	done := s.foreground(func(n int) {
		interrupted = true
		runner.Stop()
		if n > 1 {
			cancel()
		}
	})
	sum, err := runner.Run(ctx)
	done()
	if err != nil && !(interrupted && errors.Is(err, context.Canceled)) {
		return err
	}
	return s.page(explain.Analysis(analyze.Plan(r.Job, runner.Status()), sum.Took, true))
}
