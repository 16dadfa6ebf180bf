package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"weir/planner/explain"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain FILE...",
		Short: "Show how a file will run: operators, changelogs, keys, state",
		Long: `explain plans the files, in order, as one script, and prints the plan of every job and query: a tree of operators from
the sink up to its sources, each with its changelog mode, keys, watermark and state. It needs no broker.`,
		Example: `  weir explain job.sql
  weir explain - < job.sql`,
		Args: files,
		RunE: func(_ *cobra.Command, args []string) error {
			program, err := a.compile(args)
			if err != nil {
				return err
			}
			jobs := program.Jobs
			for _, q := range program.Queries {
				jobs = append(jobs, q.Job)
			}
			for i, job := range jobs {
				if i > 0 {
					fmt.Fprintln(a.stdout)
				}
				fmt.Fprint(a.stdout, explain.Text(job, nil))
			}
			return nil
		},
	}
}
