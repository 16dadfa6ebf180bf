package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"weir/cmd/internal/input"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/physical"
	"weir/planner/rules"
)

func (a *app) diffCommand() *cobra.Command {
	against := "git:HEAD"
	c := &cobra.Command{
		Use:   "diff [--against git:REV] FILE...",
		Short: "Show what a change of a job means for its state and its output",
		Long: `diff plans every script as it is and as it was in a revision of git, and says for each job whether a running one can go
on with its state: compatible, or incompatible with the operators that differ; and whether its tables have other columns.

It goes by the same rules as the start of a job does: a job whose only state is its positions always goes on; one that keeps
state goes on when its operators, their keys, functions and types, and its sources are the same.

Exit code 0: every job can go on; 1: one cannot; 2: it could not look.`,
		Example: `  weir diff job.sql
  weir diff --against git:main ./...
  weir diff --against git:v1.2 jobs/revenue.sql`,
		Args: files,
		RunE: func(c *cobra.Command, args []string) error { return a.diff(args, against) },
	}
	c.Flags().StringVar(&against, "against", against, "what to compare with: `git:REV`, a revision that git knows")
	return c
}

// verdict is what a change means for one job.
type verdict struct {
	job   string
	state string   // "compatible", "incompatible", "new", "gone"
	notes []string // why
}

func (a *app) diff(args []string, against string) error {
	rev, ok := strings.CutPrefix(against, "git:")
	if !ok || rev == "" {
		return usageError{fmt.Errorf("--against is git:REV, as in git:main, not %q", against)}
	}
	set, err := (&input.Reader{Stdin: a.stdin}).Read(args)
	if err != nil {
		return usageError{err}
	}
	broken := false
	for _, files := range set.Scripts {
		was := make([]*diag.File, 0, len(files))
		for _, f := range files {
			text, err := atRevision(f.Name, rev)
			if err != nil {
				return usageError{err}
			}
			was = append(was, &diag.File{Name: f.Name, Text: text})
		}
		now, err := a.planOf(files, "")
		if err != nil {
			return err
		}
		before, err := a.planOf(was, " in "+rev)
		if err != nil {
			return err
		}
		for _, v := range compareJobs(before, now) {
			fmt.Fprintf(a.stdout, "%s: job %s: state: %s\n", files[0].Name, v.job, v.state)
			for _, n := range v.notes {
				fmt.Fprintf(a.stdout, "  %s\n", n)
			}
			broken = broken || v.state == "incompatible"
		}
	}
	if broken {
		return exit(exitFindings)
	}
	return nil
}

// planOf plans a script; findings go to standard error, and where says which version has them.
func (a *app) planOf(files []*diag.File, where string) (*planner.Program, error) {
	cfg, err := a.settings()
	if err != nil {
		return nil, err
	}
	program, diags := planner.Compile(files, a.plannerOptions(cfg))
	if diags.HasErrors() {
		fmt.Fprintf(a.stderr, "%s%s has errors:\n", files[0].Name, where)
		a.show(a.stderr, diags)
		return nil, exit(exitUsage)
	}
	return program, nil
}

// atRevision is a file's text in a revision of git; empty where it was not there.
func atRevision(name, rev string) (string, error) {
	if name == input.Stdin {
		return "", errors.New("weir diff compares files: standard input has no revision")
	}
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", append([]string{"-C", filepath.Dir(name)}, args...)...)
		var out, fail bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &fail
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("git %s: %s", args[0], cmp.Or(strings.TrimSpace(fail.String()), err.Error()))
		}
		return out.String(), nil
	}
	if _, err := git("rev-parse", "--verify", "--quiet", rev+"^{commit}"); err != nil {
		return "", fmt.Errorf("%s: git knows no revision %s here", name, rev)
	}
	path := "./" + filepath.Base(name)
	there, err := git("ls-tree", "--name-only", rev, path)
	if err != nil || there == "" {
		return "", err
	}
	return git("show", rev+":"+path)
}

// compareJobs matches the jobs of two versions of a script by their names.
func compareJobs(before, now *planner.Program) []verdict {
	was := map[string]*physical.Job{}
	for _, j := range before.Jobs {
		was[j.Name] = j
	}
	var out []verdict
	for _, j := range now.Jobs {
		old := was[j.Name]
		delete(was, j.Name)
		if old == nil {
			out = append(out, verdict{job: j.Name, state: "new"})
			continue
		}
		out = append(out, compareJob(old, j))
	}
	for _, j := range before.Jobs {
		if was[j.Name] != nil {
			out = append(out, verdict{job: j.Name, state: "gone", notes: []string{"nothing of this name is run any more; its state and its position in the sources stay where they are"}})
		}
	}
	return out
}

func compareJob(old, now *physical.Job) verdict {
	v := verdict{job: now.Name, state: "compatible", notes: columnChanges(old, now)}
	a, ids := shape(old)
	b, more := shape(now)
	for _, id := range more {
		if _, both := a[id]; !both {
			ids = append(ids, id)
		}
	}
	kept := false // state other than positions
	var changes []string
	for _, id := range ids {
		was, is := a[id], b[id]
		kept = kept || keepsState(was)
		switch {
		case was == is:
		case is == "":
			changes = append(changes, "- "+was)
		case was == "":
			changes = append(changes, "+ "+is)
		default:
			changes = append(changes, "- "+was, "+ "+is)
		}
		if is == "" && strings.HasPrefix(was, "scan ") {
			v.state = "incompatible" // a position for which there is no source
		}
	}
	if len(changes) == 0 {
		return v
	}
	if kept {
		v.state = "incompatible"
	}
	v.notes = append(v.notes, changes...)
	if v.state == "incompatible" {
		v.notes = append(v.notes, "start it anew: another 'pipeline.name' and 'sink.transactional-id-prefix', and a start-up mode that reads what its state held")
	}
	return v
}

// shape is the lines of rules.Shape by operator; ids is the operators, in the order of the plan.
func shape(j *physical.Job) (lines map[string]string, ids []string) {
	lines = map[string]string{}
	for line := range strings.SplitSeq(rules.Shape(j.Sinks), "\n") {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if _, seen := lines[words[1]]; !seen {
			ids = append(ids, words[1])
		}
		lines[words[1]] = strings.TrimSpace(line)
	}
	return lines, ids
}

// keepsState reports the line of an operator with keyed state: not of a source, whose position goes on anywhere, nor of a sink.
func keepsState(line string) bool {
	return line != "" && !strings.HasPrefix(line, "scan ") && !strings.HasPrefix(line, "sink ")
}

// columnChanges is what readers of the job's output will see.
func columnChanges(old, now *physical.Job) []string {
	was := map[string]*physical.Sink{}
	for _, s := range old.Sinks {
		was[s.Table.Name] = s
	}
	var out []string
	for _, s := range now.Sinks {
		o := was[s.Table.Name]
		if o == nil {
			continue
		}
		types := map[string]string{}
		for _, c := range o.Table.Columns {
			types[c.Name] = c.Type.String()
		}
		for _, c := range s.Table.Columns {
			t, there := types[c.Name]
			delete(types, c.Name)
			switch {
			case !there:
				out = append(out, fmt.Sprintf("output %s: column %s %s is new", s.Table.Name, c.Name, c.Type))
			case t != c.Type.String():
				out = append(out, fmt.Sprintf("output %s: column %s was %s and is %s", s.Table.Name, c.Name, t, c.Type))
			}
		}
		for _, c := range o.Table.Columns {
			if _, gone := types[c.Name]; gone {
				out = append(out, fmt.Sprintf("output %s: column %s is gone", s.Table.Name, c.Name))
			}
		}
	}
	return out
}
