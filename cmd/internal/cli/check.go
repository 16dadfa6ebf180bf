package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"weir/cmd/internal/input"
	"weir/cmd/internal/report"
	"weir/parser/diag"
	"weir/parser/ignore"
	"weir/planner"
	"weir/planner/lint"
)

// checkOptions are the flags of check.
type checkOptions struct {
	reportFlags
	connectOptions
	fix   bool
	diff  bool
	watch bool
}

func (a *app) checkCommand() *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use: "check FILE...",

		SuggestFor: []string{"lint", "validate", "verify"},

		Short: "Find the mistakes in SQL files, without a broker",
		Long: `check parses, binds, type-checks and plans the files, and looks at every table's options. It shows all findings at
once and needs neither Kafka nor a state directory.

Files that are named one by one are one script. Files that a folder or a pattern finds are a script each, and so is
every Markdown file, of which the ` + "```sql" + ` blocks are looked at.

A comment silences a finding at its line, and says why: -- lint:ignore SQ2103 because countries are few

--connect also asks the brokers that the tables name, and changes nothing there: whether they answer, topics exist,
permissions suffice, transactions may last as long, partitions and replication are as they should be, and whether the newest
records decode as the tables say.

Exit code 0: nothing found at --fail-level; 1: findings; 2: it could not look.`,
		Example: `  weir check job.sql
  weir check ddl.sql job.sql       several files are one script
  weir check ./... 'docs/**/*.md'  every .sql file below here, and the SQL in Markdown
  weir check - < job.sql
  weir check --fail-level warning --format github,sarif=weir.sarif jobs
  weir check --fix --diff jobs     show what --fix would change
  weir check --connect job.sql     also ask the brokers, and look at real records`,
		Args: files,
		RunE: func(c *cobra.Command, args []string) error {
			a.lenient = true
			if o.diff && !o.fix {
				return usageError{errors.New("--diff shows what --fix would do: write --fix --diff")}
			}
			if err := o.valid(); err != nil {
				return err
			}
			if o.watch {
				if o.fix {
					return usageError{errors.New("--watch only looks: leave out --fix")}
				}
				return a.watchCheck(c.Context(), args, o)
			}
			return a.check(c.Context(), args, o)
		},
	}
	o.register(c)
	f := c.Flags()
	f.BoolVar(&o.fix, "fix", false, "make the edits that are safe, then look again")
	f.BoolVar(&o.diff, "diff", false, "with --fix: show the edits and change nothing")
	f.BoolVar(&o.connect, "connect", false, "also ask the brokers: topics, permissions, limits, and whether real records are as the tables say; changes nothing")
	o.limits(f, "with --connect")
	f.BoolVar(&o.watch, "watch", false, "look again whenever a file changes, until ^C")
	return c
}

// check looks at the files once and reports.
func (a *app) check(ctx context.Context, args []string, o checkOptions) error {
	out, err := a.outputs(&o.reportFlags)
	if err != nil {
		return err
	}
	reader := &input.Reader{Stdin: a.stdin}
	var found *lookout
	if o.fix {
		found, err = a.fixed(ctx, reader, args, o.connectOptions)
	} else {
		found, err = a.look(ctx, reader, args, o.connectOptions)
	}
	if err != nil {
		return err
	}
	stdout, differs := a.stdout, false
	if o.fix {
		if stdout, differs, err = a.keep(found, o.diff); err != nil {
			return err
		}
	}
	if err := a.writeReport(&found.Report, out, stdout); err != nil {
		return err
	}
	if found.Fails(out.level) || differs {
		return exit(exitFindings)
	}
	return nil
}

// lookout is what check has seen.
type lookout struct {
	report.Report
	set     *input.Set
	changed map[string]string // texts as --fix leaves them, by name
	before  map[string]string // what they were
}

// look checks everything that args name.
func (a *app) look(ctx context.Context, reader *input.Reader, args []string, o connectOptions) (*lookout, error) {
	set, err := reader.Read(args)
	if err != nil {
		return nil, usageError{err}
	}
	cfg, err := a.settings()
	if err != nil {
		return nil, err
	}
	l := &lookout{Report: report.Report{Verb: "check", Version: Version, Files: set.Names}, set: set}
	for _, script := range set.Scripts {
		var asked []*diag.Diagnostic
		var rules lint.Options
		if o.connect {
			if asked, rules, err = a.connected(ctx, script, cfg, o, &l.Report); err != nil {
				return nil, err
			}
		}
		rules.Enabled = a.ruleRuns
		diags := lint.Check(script, a.plannerOptions(cfg.Clone()), rules)
		diags.All = append(diags.All, asked...)
		kept, ignored := a.sifted(script, diags.All, false)
		l.Findings = append(l.Findings, kept...)
		for _, i := range ignored {
			l.Ignored = append(l.Ignored, report.Ignored(i))
		}
	}
	return l, nil
}

// sifted is findings after the configuration and the comments of the files have had their say. silent: what is wrong with the comments is not reported.
func (a *app) sifted(files []*diag.File, all []*diag.Diagnostic, silent bool) ([]*diag.Diagnostic, []ignore.Ignored) {
	final := map[*diag.Diagnostic]bool{} // they keep the job from running
	for _, d := range all {
		if d.Severity == diag.Error {
			final[d] = true
		}
	}
	return ignore.Apply(files, a.leveled(all), ignore.Options{
		Final: func(d *diag.Diagnostic) bool { return final[d] }, Incomplete: len(final) > 0, Silent: silent,
		Off: func(code string) bool {
			return slices.ContainsFunc(files, func(f *diag.File) bool { return a.loaded.Level(code, f.Name) == "off" })
		},
	})
}

// maxRounds limits how often check --fix looks again: edits that call for others end long before.
const maxRounds = 50

// fixed checks, makes the safe edits in memory, and checks again, until there is nothing more to edit.
func (a *app) fixed(ctx context.Context, reader *input.Reader, args []string, o connectOptions) (*lookout, error) {
	reader.Changed = map[string]string{}
	before := map[string]string{}
	for round := 0; ; round++ {
		l, err := a.look(ctx, reader, args, o)
		if err != nil {
			return nil, err
		}
		edited := false
		done := map[string]bool{} // of a Markdown file with several scripts one has its turn
		for _, f := range l.set.Files {
			if _, seen := before[f.Name]; !seen {
				before[f.Name] = l.set.Whole(f)
				reader.Changed[f.Name] = before[f.Name] // standard input is read once
			}
			if done[f.Name] {
				continue
			}
			if text := l.set.Fixed(f, l.Findings); text != l.set.Whole(f) {
				reader.Changed[f.Name] = text
				edited, done[f.Name] = true, true
			}
		}
		if !edited || round == maxRounds {
			l.changed, l.before = reader.Changed, before
			return l, nil
		}
	}
}

// keep writes the edited files, or with diff shows what would change. The report goes to the returned writer: a text that came from
// standard input goes to standard output.
func (a *app) keep(l *lookout, diff bool) (w io.Writer, differs bool, err error) {
	w = a.stdout
	for _, name := range l.set.Names {
		was, text := l.before[name], l.changed[name]
		switch {
		case diff && was != text:
			differs = true
			fmt.Fprint(a.stdout, unifiedDiff(name, was, text))
		case diff:
		case name == input.Stdin:
			w = a.stderr
			fmt.Fprint(a.stdout, text)
		case was != text:
			if err := overwrite(name, text); err != nil {
				return w, differs, err
			}
			if !a.quiet {
				fmt.Fprintf(a.stderr, "fixed %s\n", name)
			}
		}
	}
	return w, differs, nil
}

// overwrite replaces what a file holds and keeps its permissions.
func overwrite(path, text string) error {
	info, err := os.Stat(path)
	if err != nil {
		return usageError{input.ReadError(path, err)}
	}
	if err := os.WriteFile(path, []byte(text), info.Mode().Perm()); err != nil {
		return usageError{fmt.Errorf("cannot write %s: %w", path, err)}
	}
	return nil
}

// show renders diagnostics to w.
func (a *app) show(w io.Writer, diags *diag.List) {
	if len(diags.All) == 0 {
		return
	}
	diag.Render(w, diags, diag.RenderOptions{Color: a.colored(w)}) //nolint:errcheck // there is no other place to say it
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
	program, diags := planner.Compile(fs, a.plannerOptions(cfg))
	stops := diags.HasErrors()
	diags.All, _ = a.sifted(fs, diags.All, true)
	if a.quiet && !stops {
		return program, nil
	}
	a.show(a.stderr, diags)
	if stops {
		return nil, exit(exitFindings)
	}
	return program, nil
}

// parseSeverity reads error, warning or note.
func parseSeverity(s string) (diag.Severity, error) {
	for _, sev := range []diag.Severity{diag.Error, diag.Warning, diag.Note} {
		if strings.EqualFold(s, sev.String()) {
			return sev, nil
		}
	}
	return diag.Error, fmt.Errorf("error, warning or note, not %q", s)
}
