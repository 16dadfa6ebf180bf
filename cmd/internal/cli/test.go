package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/report"
	"weir/cmd/internal/unittest"
	"weir/parser/diag"
)

// testOptions are the flags of test.
type testOptions struct {
	formats  []string
	run      string
	engine   string
	coverage string
	verbose  bool
	update   bool
	watch    bool
	failFast bool
	chaos    bool
}

// testSuffix is how the names of test files end.
const testSuffix = unittest.Suffix

func (a *app) testCommand() *cobra.Command {
	var o testOptions
	c := &cobra.Command{
		Use:   "test [PATH...]",
		Short: "Run the unit tests that lie beside jobs, without a broker",
		Long: `test runs the tests of *` + testSuffix + ` files: each gives the tables of a job rows, and says what the job must make of them.
The job runs as it stands, with its real plan, operators and state; its tables lie in memory, and its clock is the
test's. PATH is a file, a folder with all below it, or a pattern; without one it is the folder below here. The form of
the files is described in docs/testing.md, and for editors in docs/schema/test.v1.json.

Exit code 0: all tests passed; 1: one failed, or a test file has mistakes; 2: it could not look.`,
		Example: `  weir test                        every *` + testSuffix + ` below here
  weir test examples/tumble_test.yaml -v --run 'late'
  weir test --chaos                also with a death and a restore behind every row
  weir test --update               write what came out into the files; read the difference
  weir test --coverage=html=coverage.html --format junit=report.xml`,
		RunE: func(c *cobra.Command, args []string) error { return a.test(c.Context(), args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.run, "run", "", "only tests whose name matches `REGEXP`")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show every test, and what it looked at")
	f.BoolVar(&o.update, "update", false, "write what came out into the test files, all else in them kept")
	f.StringArrayVar(&o.formats, "format", nil, "`text|junit|json|github`; several apart by commas, those for a file as junit=FILE")
	f.BoolVar(&o.watch, "watch", false, "run again whenever a file changes, until ^C")
	f.BoolVar(&o.failFast, "fail-fast", false, "stop at the first test that fails")
	f.BoolVar(&o.chaos, "chaos", false, "also kill and restore the job behind every row, at changing parallelism")
	f.StringVar(&o.engine, "engine", "weir", "`weir|flink`: run the tests that say `flink: true` on Apache Flink (needs a JDK and Maven)")
	f.StringVar(&o.coverage, "coverage", "", "show which statements wrote and which ways conditions went; html=`FILE` writes a page too")
	f.Lookup("coverage").NoOptDefVal = "text"
	c.RegisterFlagCompletionFunc("engine", cobra.FixedCompletions([]string{"weir", "flink"}, cobra.ShellCompDirectiveNoFileComp)) //nolint:errcheck // the flag is there
	return c
}

// engine is what runs tests.
type engine interface {
	Run(ctx context.Context, t *unittest.Test, style unittest.Style) *unittest.Outcome
}

func (a *app) test(ctx context.Context, args []string, o testOptions) error {
	outs := report.Default(os.Getenv)
	if len(o.formats) > 0 {
		var err error
		if outs, err = report.ParseOutputs(o.formats); err != nil {
			return usageError{err}
		}
	}
	only, err := regexp.Compile(o.run)
	if err != nil {
		return usageError{fmt.Errorf("--run: %w", err)}
	}
	page, wantsPage := strings.CutPrefix(o.coverage, "html=")
	if o.coverage != "" && o.coverage != "text" && !wantsPage {
		return usageError{fmt.Errorf("--coverage takes html=FILE, not %q", o.coverage)}
	}
	if len(a.sets) > 0 {
		return usageError{errors.New("tests say themselves which settings they have: write `set:` into the file")}
	}
	t := &tester{app: a, o: o, outs: outs, only: only, page: page}
	switch o.engine {
	case "weir":
		t.fresh = func() engine { t.runner = a.testRunner(o); return t.runner }
	case "flink":
		if o.chaos || o.update || o.coverage != "" {
			return usageError{errors.New("--chaos, --update and --coverage are for weir's own engine")}
		}
		fl, err := unittest.StartFlink(ctx, a.testRunner(testOptions{}))
		if err != nil {
			return err
		}
		defer fl.Close() //nolint:errcheck // it has answered everything
		t.fresh = func() engine { return fl }
	default:
		return usageError{fmt.Errorf("--engine is weir or flink, not %q", o.engine)}
	}
	if !o.watch {
		_, err := t.run(ctx, args)
		return err
	}
	var last []string
	return a.watch(ctx, func() []string {
		paths, err := t.run(ctx, args)
		if err != nil {
			var code exit
			if !errors.As(err, &code) {
				a.printError(err)
			}
		}
		if paths != nil {
			last = paths
		}
		return last
	})
}

func (a *app) testRunner(o testOptions) *unittest.Runner {
	r := &unittest.Runner{Planner: a.plannerOptions, Chaos: o.chaos}
	if o.coverage != "" {
		r.Coverage = unittest.NewCoverage()
	}
	return r
}

// tester is one call of the verb.
type tester struct {
	*app
	o      testOptions
	outs   []report.Output
	only   *regexp.Regexp
	page   string
	fresh  func() engine
	runner *unittest.Runner
}

// run runs everything once; paths is what it read.
func (t *tester) run(ctx context.Context, args []string) (paths []string, err error) {
	files, err := testFiles(args)
	if err != nil {
		return nil, usageError{err}
	}
	began := time.Now()
	eng := t.fresh()
	text := io.Discard
	for _, out := range t.outs {
		if out.Format == "text" && out.Path == "" {
			text = t.stdout
		}
	}
	style := unittest.Style{Color: t.colored(text) && text != io.Discard}
	r := &report.Report{Verb: "test", Version: Version}
	failed := false
	for _, path := range files {
		f, diags, err := unittest.Read(path)
		if err != nil {
			return paths, usageError{err}
		}
		paths = append(paths, path)
		paths = append(paths, f.Jobs...)
		r.Files = append(r.Files, path)
		r.Findings = append(r.Findings, diags.All...)
		if diags.HasErrors() {
			failed = true
			fmt.Fprintf(text, "FAIL  %s\n", path)
			t.show(text, diags)
			continue
		}
		if failed = t.file(ctx, f, eng, style, text, r) || failed; failed && t.o.failFast {
			break
		}
	}
	t.summary(text, r, time.Since(began))
	if t.runner != nil && t.runner.Coverage != nil {
		if err := t.covered(text); err != nil {
			return paths, err
		}
	}
	others := slices.DeleteFunc(slices.Clone(t.outs), func(o report.Output) bool { return o.Format == "text" && o.Path == "" })
	if err := t.writeReport(r, reportOutputs{others, diag.Error}, t.stdout); err != nil {
		return paths, err
	}
	if failed {
		return paths, exit(exitFindings)
	}
	if len(r.Cases) == 0 {
		return paths, usageError{fmt.Errorf("no test matches --run '%s'", t.o.run)}
	}
	return paths, nil
}

// file runs the tests of one file and reports whether one failed.
func (t *tester) file(ctx context.Context, f *unittest.File, eng engine, style unittest.Style, text io.Writer, r *report.Report) bool {
	var took time.Duration
	var lines strings.Builder
	var outcomes []*unittest.Outcome
	failed, ran, skipped := 0, 0, 0
	for _, test := range f.Tests {
		if !t.only.MatchString(test.Name) {
			continue
		}
		o := eng.Run(ctx, test, style)
		outcomes = append(outcomes, o)
		took += o.Took
		c := report.Case{Suite: f.Path, Name: test.Name, Line: test.Line, Took: o.Took, Failure: o.Failure, Detail: o.Detail, Skipped: o.Skipped}
		switch {
		case o.Skipped != "":
			skipped++
			if t.o.verbose {
				fmt.Fprintf(&lines, "  skip  %s: %s\n", test.Name, o.Skipped)
			}
		case o.Failure != "":
			failed++
			ran++
			fmt.Fprintf(&lines, "  FAIL  %s (%s:%d): %s\n", test.Name, f.Path, test.Line, o.Failure)
			if o.Detail != "" {
				fmt.Fprintln(&lines, indented(o.Detail, "        "))
			}
		default:
			ran++
			if t.o.verbose {
				fmt.Fprintf(&lines, "  ok    %s  %s\n", test.Name, shortTime(o.Took))
				for _, k := range o.Checks {
					fmt.Fprintf(&lines, "        %s: %s, %s\n", k.Table, k.Mode, count(k.Changes, "row"))
				}
			}
		}
		r.Cases = append(r.Cases, c)
		if failed > 0 && t.o.failFast {
			break
		}
	}
	if ran+skipped == 0 {
		return false
	}
	word := "ok  "
	if failed > 0 {
		word = "FAIL"
	} else if ran == 0 {
		word = "skip"
	}
	what := count(ran, "test")
	if skipped > 0 {
		what += fmt.Sprintf(", %d skipped", skipped)
	}
	fmt.Fprintf(text, "%s  %s  %s  %s\n%s", word, f.Path, what, shortTime(took), lines.String())
	if t.o.update && failed > 0 {
		changed, err := unittest.Update(f, outcomes)
		if err != nil {
			fmt.Fprintf(text, "  cannot update %s: %v\n", f.Path, err)
			return true
		}
		if changed {
			fmt.Fprintf(text, "  updated %s: read the difference\n", f.Path)
			return false
		}
	}
	return failed > 0
}

func (t *tester) summary(w io.Writer, r *report.Report, took time.Duration) {
	passed, failed, skipped := 0, 0, 0
	for _, c := range r.Cases {
		switch {
		case c.Failure != "":
			failed++
		case c.Skipped != "":
			skipped++
		default:
			passed++
		}
	}
	if t.quiet {
		return
	}
	fmt.Fprintf(w, "%d passed, %d failed", passed, failed)
	if skipped > 0 {
		fmt.Fprintf(w, ", %d skipped", skipped)
	}
	fmt.Fprintf(w, " in %s\n", shortTime(took))
}

// covered shows the coverage, and writes its page.
func (t *tester) covered(w io.Writer) error {
	if err := t.runner.Coverage.Summary(w); err != nil {
		return err
	}
	if t.page == "" {
		return nil
	}
	f, err := os.Create(t.page)
	if err != nil {
		return usageError{fmt.Errorf("write the coverage: %w", err)}
	}
	if err := errors.Join(t.runner.Coverage.HTML(f), f.Close()); err != nil {
		return usageError{fmt.Errorf("write the coverage: %w", err)}
	}
	return nil
}

func indented(text, pad string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = pad + l
		}
	}
	return strings.Join(lines, "\n")
}

func shortTime(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// testFiles finds the test files that args name.
func testFiles(args []string) ([]string, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var out []string
	add := func(path string) {
		if !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	for _, arg := range args {
		if strings.ContainsAny(arg, "*?[") {
			found, err := filepath.Glob(arg)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", arg, err)
			}
			n := len(out)
			for _, f := range found {
				if strings.HasSuffix(f, testSuffix) {
					add(f)
				}
			}
			if len(out) == n {
				return nil, fmt.Errorf("%s matches no file whose name ends with %s", arg, testSuffix)
			}
			continue
		}
		dir := strings.TrimSuffix(strings.TrimSuffix(arg, "..."), "/")
		if dir == "" {
			dir = "."
		}
		info, err := os.Stat(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: no such file or folder", arg)
		}
		if !info.IsDir() {
			if !strings.HasSuffix(dir, testSuffix) {
				return nil, fmt.Errorf("%s is no test file: its name does not end with %s", arg, testSuffix)
			}
			add(dir)
			continue
		}
		n := len(out)
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && path != dir && strings.HasPrefix(d.Name(), "."):
				return filepath.SkipDir
			case !d.IsDir() && strings.HasSuffix(path, testSuffix):
				add(path)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for tests below %s: %w", dir, err)
		}
		if len(out) == n {
			return nil, fmt.Errorf("no file below %s ends with %s", dir, testSuffix)
		}
	}
	return out, nil
}
