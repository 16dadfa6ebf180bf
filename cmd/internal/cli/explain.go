package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"weir/parser/diag"
	"weir/planner/explain"
	"weir/planner/physical"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	format  string
	verbose bool
}

// explainFormats are the values of --format.
var explainFormats = []string{"text", "json", "mermaid", "dot", "svg"}

func (a *app) explainCommand() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:   "explain FILE...",
		Short: "Show how a file will run: operators, changelogs, keys, state",
		Long: `explain plans the files, in order, as one script, and prints the plan of every job and query: a tree of operators from
the sink up to its sources, each with its changelog mode, keys, watermark and state; then which clause makes the result one
that is updated, and what is remembered for how long. It needs no broker.

--format json follows docs/schema/explain.schema.json. mermaid goes into Markdown, dot to Graphviz, svg to a browser.`,
		Example: `  weir explain job.sql
  weir explain -v job.sql          with the rules of the optimizer that fired
  weir explain --format svg job.sql > plan.svg
  weir explain - < job.sql`,
		Args: files,
		RunE: func(_ *cobra.Command, args []string) error { return a.explain(args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.format, "format", "text", "how plans are shown: `text|json|mermaid|dot|svg`")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show the rules of the optimizer that fired, too")
	return c
}

func (a *app) explain(args []string, o explainOptions) error {
	if !known(o.format, explainFormats) {
		return badValue("--format", o.format, explainFormats)
	}
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
