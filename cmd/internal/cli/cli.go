// Package cli is weir's command line: one file a verb, and the only place where parser, planner,
// engine and connectors are wired together.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir/cmd/internal/conf"
	"weir/parser/diag"
)

// Exit codes. They are part of the interface: documented in the README and tested.
const (
	exitOK          = 0
	exitFindings    = 1   // the SQL has errors, or the demo found a loss or a duplicate
	exitUsage       = 2   // the command line or a setting is wrong
	exitFailed      = 3   // the job failed
	exitFenced      = 4   // a newer instance of the job has taken over
	exitInterrupted = 130 // SIGINT, after a clean stop
)

// exit ends a verb with a code; what there is to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a wrong command line, as against a verb that failed.
type usageError struct{ error }

// app is what the verbs share: the streams and the global flags.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	sets      []string
	options   []string // -O
	profile   string
	envFiles  []string
	skipEnv   bool
	logFormat string
	logLevel  string
	color     string
	quiet     bool

	lenient bool              // the verb only looks: variables that are not set may be no findings
	loaded  *conf.Config      // by config, at its first use
	env     map[string]string // of env files, at the first use

	live atomic.Pointer[statusLine] // on the terminal now; nil without one
}

// Main runs weir with the given arguments and returns its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	err := root.Execute()
	var code exit
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "weir: %v\n", usage.error)
		return exitUsage
	case strings.HasPrefix(err.Error(), "unknown command"):
		// Cobra has no type for it; its text already suggests the nearest verb.
		fmt.Fprintf(stderr, "weir: %v\n", err)
		return exitUsage
	}
	a.printError(err)
	return exitFailed
}

// Commands is the tree of verbs, for documents about it; it is not to be executed.
func Commands() *cobra.Command {
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}
	return a.root()
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Run SQL stream jobs from Kafka to Kafka, exactly once",
		Long: `weir runs SQL stream jobs from Kafka to Kafka, exactly once, in one process.
The dialect is Flink SQL's: the same file also runs on a Flink cluster.`,
		Example: `  weir demo                        see exactly-once survive kill -9, on an embedded broker
  weir check job.sql               find the mistakes in a job, with no broker
  weir run job.sql                 run it
  weir sql --dev                   a shell with a broker of its own`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w%s\nRun '%s --help' for the flags", err, likeFlag(c, err), c.CommandPath())}
	})
	f := root.PersistentFlags()
	f.StringArrayVar(&a.sets, "set", nil, "override a setting, as SET does: `key=value` (repeatable)")
	f.StringArrayVarP(&a.options, "option", "O", nil, "override a key of .weir.toml: `key=value` (repeatable); -O list shows the keys")
	f.StringVar(&a.profile, "config-profile", "", "use the profile of this `name` in .weir.toml")
	f.StringArrayVar(&a.envFiles, "env-file", nil, "read variables for ${VAR} from this `file` of NAME=value lines (repeatable)")
	f.BoolVar(&a.skipEnv, "skip-env-check", false, "a variable that is not set is no finding (for check and explain)")
	f.StringVar(&a.logFormat, "log-format", "text", "log lines as `text|json`")
	f.StringVar(&a.logLevel, "log-level", "info", "least level of log lines: `debug|info|warn|error`")
	f.StringVar(&a.color, "color", "auto", "colours: `auto|always|never`")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no log lines, status line or summary (errors are still shown)")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.checkFlags() }
	root.AddCommand(a.runCommand(), a.checkCommand(), a.testCommand(), a.initCommand(), a.explainCommand(), a.diffCommand(), a.fmtCommand(), a.sqlCommand(), a.demoCommand(), a.devCommand(),
		a.configCommand(), a.doctorCommand(), a.listCommand(), a.docsCommand(), a.explainErrorCommand(), a.versionCommand())
	a.completeAll(root)
	return root
}

func (a *app) checkFlags() error {
	if slices.Contains(a.options, "list") {
		a.listKeys()
		return exit(exitOK)
	}
	if a.logFormat != "text" && a.logFormat != "json" {
		return usageError{fmt.Errorf("--log-format is text or json, not %q", a.logFormat)}
	}
	if a.color != "auto" && a.color != "always" && a.color != "never" {
		return usageError{fmt.Errorf("--color is auto, always or never, not %q", a.color)}
	}
	if _, err := parseLevel(a.logLevel); err != nil {
		return usageError{err}
	}
	return nil
}

// files wants at least one argument.
func files(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError{fmt.Errorf("%s needs a file (or - for standard input)\nRun '%s --help' for examples", c.CommandPath(), c.CommandPath())}
	}
	return nil
}

// noArgs wants none.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no argument, found %q", c.CommandPath(), args[0])}
	}
	return nil
}

// isTerminal reports whether a stream is an interactive terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// colored reports whether what goes to w may have colours, by --color, NO_COLOR, CLICOLOR_FORCE and TERM.
func (a *app) colored(w io.Writer) bool {
	switch {
	case a.color != "auto":
		return a.color == "always"
	case os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("CLICOLOR_FORCE") != "" && os.Getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return isTerminal(w) && os.Getenv("TERM") != "dumb"
}

// likeFlag names the flag that one which is not there was probably meant to be.
func likeFlag(c *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return ""
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if name, ok := diag.Suggest(unknown.GetSpecifiedName(), names); ok {
		return fmt.Sprintf("; did you mean --%s?", name)
	}
	return ""
}
