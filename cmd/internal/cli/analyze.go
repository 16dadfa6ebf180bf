package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"weir/cmd/internal/analyze"
	"weir/cmd/internal/control"
	"weir/cmd/internal/repl"
	"weir/exec/batch"
	"weir/exec/runtime"
	"weir/planner/explain"
	"weir/planner/physical"
)

// analysis is a plan with what its operators did, and how long that took.
type analysis struct {
	Plan *explain.Plan `json:"plan"`
	Took time.Duration `json:"tookNanos"`
}

// analyzeFile runs the jobs and queries of the files and shows what their operators did.
func (a *app) analyzeFile(ctx context.Context, args []string, o explainOptions) error {
	if o.run.until != "" && o.run.until != "end" {
		return badValue("--until", o.run.until, []string{"end"})
	}
	program, err := a.compile(args)
	if err != nil {
		return err
	}
	jobs := program.Jobs
	for _, q := range program.Queries {
		job, err := repl.WithoutCheckpoints(q.Job)
		if err != nil {
			return err
		}
		jobs = append(jobs, job)
	}
	if len(jobs) == 0 {
		return usageError{fmt.Errorf("%s: nothing to run: no INSERT, no STATEMENT SET and no SELECT", args[0])}
	}
	log := a.logger(overLine{a, a.stderr})
	budget, err := memoryBudget(jobs[0].Config)
	if err != nil {
		return err
	}
	memory, err := planMemory(budget, jobs, log)
	if err != nil {
		return err
	}
	end, err := a.dev(jobs, &o.run, log)
	if err != nil {
		return err
	}
	defer end()
	group, err := a.newJobs(jobs, o.run, memory, log)
	if err != nil {
		return err
	}
	for _, r := range group.runners {
		r.Time(true)
	}
	failed := group.run(ctx)
	var found []analysis
	for i, r := range group.runners {
		found = append(found, analysis{analyze.Plan(jobs[i], r.Status()), group.took[i]})
	}
	// What a job did until it failed, or was interrupted, is worth seeing too.
	return errors.Join(a.showAnalyses(found, o), failed)
}

func (a *app) showAnalyses(found []analysis, o explainOptions) error {
	if o.format != "text" {
		var plans []*explain.Plan
		for _, f := range found {
			plans = append(plans, f.Plan)
		}
		return a.drawPlans(plans, o.format)
	}
	for i, f := range found {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if _, err := fmt.Fprint(a.stdout, explain.Analysis(f.Plan, f.Took, o.verbose)); err != nil {
			return err
		}
	}
	return nil
}

// discard is the sink of queries whose rows nobody looks at.
func discard(*batch.Batch) error { return nil }

// analyzeJob asks a job that runs in another process what its operators do.
func (a *app) analyzeJob(ctx context.Context, o explainOptions) error {
	if o.during <= 0 {
		return usageError{fmt.Errorf("--for is a duration such as 5s, not %s", o.during)}
	}
	base := o.run.stateDir
	if base == "" {
		var err error
		if base, err = stateHome(); err != nil {
			return usageError{err}
		}
	}
	dir := filepath.Join(base, folderName(o.job))
	var found analysis
	err := control.Ask(ctx, dir, control.Request{Do: "analyze", During: o.during}, &found)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		text := fmt.Sprintf("no job %s runs with its state in %s", o.job, dir)
		if names := runningJobs(base); len(names) > 0 {
			text += fmt.Sprintf("; running there: %s", names)
		}
		return usageError{errors.New(text)}
	case err != nil:
		return err
	}
	return a.showAnalyses([]analysis{found}, o)
}

// runningJobs is the names of the jobs below base that answer, as far as their folders tell them.
func runningJobs(base string) []string {
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && control.Running(filepath.Join(base, e.Name())) {
			out = append(out, e.Name())
		}
	}
	sort.Strings(out)
	return out
}

// serveControl answers those who ask the job in dir, until the returned function is called.
func serveControl(dir string, job *physical.Job, r *runtime.Runner) (end func() error, err error) {
	return control.Serve(dir, func(ctx context.Context, req control.Request) (any, error) {
		switch req.Do {
		case "analyze":
			r.Time(true)
			defer r.Time(false)
			before, began := r.Status(), time.Now()
			select {
			case <-time.After(req.During):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return analysis{analyze.Between(job, before, r.Status()), time.Since(began)}, nil
		}
		return nil, fmt.Errorf("the job does not know how to %s: it runs weir %s", req.Do, Version)
	})
}
