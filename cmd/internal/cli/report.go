package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"weir/cmd/internal/report"
	"weir/parser/diag"
)

// reportFlags are the flags of every verb that finds things.
type reportFlags struct {
	formats   []string
	failLevel string
}

func (r *reportFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&r.formats, "format", nil, "`text|compact|json|github|sarif|junit`; several apart by commas, those for a file as sarif=FILE (default text; github in a GitHub workflow)")
	f.StringVar(&r.failLevel, "fail-level", "", "least severity that makes the exit code 1: `error|warning|note` (default error)")
	c.RegisterFlagCompletionFunc("fail-level", cobra.FixedCompletions([]string{"error", "warning", "note"}, cobra.ShellCompDirectiveNoFileComp)) //nolint:errcheck // the flag is there
	c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(report.Formats(), cobra.ShellCompDirectiveNoFileComp))                         //nolint:errcheck // the flag is there
}

// reportOutputs is where a report goes, and what it counts as a failure.
type reportOutputs struct {
	outs  []report.Output
	level diag.Severity
}

// outputs reads the flags, and what the configuration says where they are not given.
func (a *app) outputs(r *reportFlags) (reportOutputs, error) {
	c, err := a.config()
	if err != nil {
		return reportOutputs{}, err
	}
	text, formats := r.failLevel, r.formats
	if text == "" {
		text = c.Get("fail-level")
	}
	if len(formats) == 0 {
		formats = c.List("format")
	}
	level, err := parseSeverity(text)
	if err != nil {
		return reportOutputs{}, usageError{fmt.Errorf("--fail-level is %w", err)}
	}
	outs := report.Default(os.Getenv)
	if len(formats) > 0 {
		if outs, err = report.ParseOutputs(formats); err != nil {
			return reportOutputs{}, usageError{err}
		}
	}
	return reportOutputs{outs, level}, nil
}

// writeReport writes r where out says; stdout is standard output, or what stands for it.
func (a *app) writeReport(r *report.Report, out reportOutputs, stdout io.Writer) error {
	o := report.Options{Color: a.colored(stdout), Width: terminalWidth(stdout), FailLevel: out.level, Root: os.Getenv("GITHUB_WORKSPACE")}
	if err := report.Write(r, out.outs, stdout, o); err != nil {
		return usageError{err}
	}
	return nil
}

// terminalWidth is the columns of the terminal that w is; 0 when it is none.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(f) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// unifiedDiff is what changes from was to text, as diff -u writes it; empty where nothing does.
func unifiedDiff(name, was, text string) string {
	return string(diff.Diff(name, []byte(was), name, []byte(text)))
}
