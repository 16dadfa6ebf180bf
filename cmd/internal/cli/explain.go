package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/parser/diag"
	"weir/planner/explain"
	"weir/planner/physical"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	format  string
	verbose bool
	analyze bool
	job     string
	during  time.Duration
	run     runOptions
}

// explainFormats are the values of --format.
var explainFormats = []string{"text", "json", "mermaid", "dot", "svg"}

func (a *app) explainCommand() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:   "explain [FILE...]",
		Short: "Show how a file will run: operators, changelogs, keys, state",
		Long: `explain plans the files, in order, as one script, and prints the plan of every job and query: a tree of operators from
the sink up to its sources, each with its changelog mode, keys, watermark and state; then which clause makes the result one
that is updated, and what is remembered for how long. It needs no broker.

--analyze runs the jobs, which write what they write, and the queries, whose rows go nowhere, and shows what each operator did:
rows, batches, its own time (without waiting) and the size of its state. With --job it looks at a job that weir run is running in
another process, for as long as --for says.

--format json follows docs/schema/explain.schema.json. mermaid goes into Markdown, dot to Graphviz, svg to a browser.`,
		Example: `  weir explain job.sql
  weir explain -v job.sql          with the rules of the optimizer that fired
  weir explain --format svg job.sql > plan.svg
  weir explain --analyze --dev --until end job.sql
  weir explain --analyze --job totals --for 10s`,
		RunE: func(c *cobra.Command, args []string) error {
			if !known(o.format, explainFormats) {
				return badValue("--format", o.format, explainFormats)
			}
			switch {
			case o.job != "" && len(args) > 0:
				return usageError{errors.New("--job looks at a job that runs: leave the files out")}
			case o.job != "" && !o.analyze:
				return usageError{errors.New("--job goes with --analyze")}
			case o.job != "":
				return a.analyzeJob(c.Context(), o)
			}
			if err := files(c, args); err != nil {
				return err
			}
			if o.analyze {
				return a.analyzeFile(c.Context(), args, o)
			}
			return a.explain(args, o)
		},
	}
	o.run.acceptEpoch = -1
	f := c.Flags()
	f.BoolVar(&o.analyze, "analyze", false, "run the jobs and show what their operators did")
	f.StringVar(&o.job, "job", "", "with --analyze: look at the running job of this `name`")
	f.DurationVar(&o.during, "for", 5*time.Second, "with --job: how long to look, as a `duration`")
	f.BoolVar(&o.run.dev, "dev", false, "with --analyze: serve the embedded broker, as weir run does")
	f.StringVar(&o.run.until, "until", "", "with --analyze: `end`: read unbounded sources up to where they end now")
	f.StringVar(&o.run.stateDir, "state-dir", "", "with --analyze: `directory` for local state, as of weir run")
	f.StringVar(&o.format, "format", "text", "how plans are shown: `text|json|mermaid|dot|svg`")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show the rules of the optimizer that fired, too; with --analyze: each subtask")
	return c
}

func (a *app) explain(args []string, o explainOptions) error {
	a.lenient = true
	program, err := a.compile(args)
	if err != nil {
		return err
	}
	jobs := program.Jobs
	for _, q := range program.Queries {
		jobs = append(jobs, q.Job)
	}
	if o.format == "text" {
		for i, job := range jobs {
			if i > 0 {
				fmt.Fprintln(a.stdout)
			}
			fmt.Fprint(a.stdout, explain.Report(job, o.verbose))
		}
		return nil
	}
	return a.drawPlans(describeAll(jobs), o.format)
}

func describeAll(jobs []*physical.Job) []*explain.Plan {
	var plans []*explain.Plan
	for _, job := range jobs {
		plans = append(plans, explain.Describe(job))
	}
	return plans
}

// drawPlans prints plans in one of the formats but text.
func (a *app) drawPlans(plans []*explain.Plan, format string) error {
	draw := map[string]func([]*explain.Plan) string{
		"json": explain.JSON, "mermaid": explain.Mermaid, "dot": explain.Dot, "svg": explain.SVG,
	}[format]
	_, err := fmt.Fprint(a.stdout, draw(plans))
	return err
}

func known(value string, values []string) bool {
	for _, v := range values {
		if v == value {
			return true
		}
	}
	return false
}

// badValue refuses the value of a flag.
func badValue(flag, value string, values []string) error {
	text := strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
	hint := ""
	if near, ok := diag.Suggest(value, values); ok {
		hint = "; did you mean " + near + "?"
	}
	return usageError{fmt.Errorf("%s is %s, not %q%s", flag, text, value, hint)}
}
