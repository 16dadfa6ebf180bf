package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"weir/parser/diag"
	"weir/planner"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Find the mistakes in SQL files, without a broker",
		Long: `check parses, binds, type-checks and plans the files, in order, as one script, and looks at every
table's options. It shows all findings at once and needs neither Kafka nor a state directory.
Exit code 0: no error; 1: errors; 2: it could not look.`,
		Example: `  weir check job.sql
  weir check ddl.sql job.sql       several files are one script
  weir check - < job.sql
  weir check jobs/...              every .sql file below jobs, each as a script of its own`,
		Args: files,
		RunE: func(_ *cobra.Command, args []string) error { return a.check(args) },
	}
}

func (a *app) check(args []string) error {
	scripts, err := a.scripts(args)
	if err != nil {
		return err
	}
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	errors, warnings := 0, 0
	for _, files := range scripts {
		_, diags := planner.Compile(files, plannerOptions(cfg.Clone()))
		if errors+warnings > 0 && len(diags.All) > 0 {
			fmt.Fprintln(a.stdout)
		}
		a.show(a.stdout, diags)
		for _, d := range diags.All {
			switch d.Severity {
			case diag.Error:
				errors++
			case diag.Warning:
				warnings++
			}
		}
	}
	if errors+warnings > 0 {
		fmt.Fprintf(a.stdout, "%s, %s\n", count(errors, "error"), count(warnings, "warning"))
	}
	if errors > 0 {
		return exit(exitFindings)
	}
	return nil
}

// scripts groups the arguments: named files are one script together, files found by a pattern
// are a script each.
func (a *app) scripts(args []string) ([][]*diag.File, error) {
	var together []*diag.File
	var out [][]*diag.File
	for _, arg := range args {
		fs, err := a.readFiles([]string{arg})
		if err != nil {
			return nil, err
		}
		if len(fs) == 1 {
			together = append(together, fs[0])
			continue
		}
		for _, f := range fs {
			out = append(out, []*diag.File{f})
		}
	}
	if together != nil {
		out = append([][]*diag.File{together}, out...)
	}
	return out, nil
}

// show renders diagnostics to w.
func (a *app) show(w io.Writer, diags *diag.List) {
	if len(diags.All) == 0 {
		return
	}
	diag.Render(w, diags, diag.RenderOptions{Color: a.colored(w)})
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// compile plans the files as one script for run and explain; findings go to standard error.
func (a *app) compile(args []string) (*planner.Program, error) {
	fs, err := a.readFiles(args)
	if err != nil {
		return nil, err
	}
	cfg, err := a.settings()
	if err != nil {
		return nil, err
	}
	program, diags := planner.Compile(fs, plannerOptions(cfg))
	if a.quiet && !diags.HasErrors() {
		return program, nil
	}
	a.show(a.stderr, diags)
	if diags.HasErrors() {
		return nil, exit(exitFindings)
	}
	return program, nil
}
