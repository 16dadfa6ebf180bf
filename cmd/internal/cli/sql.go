package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"weir/cmd/internal/repl"
	"weir/connectors/kafka/embedded"
	"weir/parser/diag"
	"weir/planner/config"
	"weir/planner/physical"
)

// sqlOptions are the flags of sql.
type sqlOptions struct {
	commands []string
	files    []string
	stateDir string
	until    string
	mode     string
	maxRows  int64
	dev      bool
	devAddr  string
	devDir   string
}

func (a *app) sqlCommand() *cobra.Command {
	var o sqlOptions
	c := &cobra.Command{
		Use:   "sql",
		Short: "A shell for SQL: define tables, look into topics, run jobs",
		Long: `sql reads statements, each up to its semicolon. SELECT shows its changes as they come, until ^C or until its bounded
sources end. INSERT runs as a job beside the shell; SHOW JOBS and STOP JOB look after it, and whatever still runs when
the shell is left is stopped with a last checkpoint. .help lists the commands of the shell.

With -c, or when the standard input is no terminal, sql executes what it is given and leaves. INSERT then runs to its
end before the next statement (SET 'table.dml-sync' = 'false' runs it in the background), and the first
statement that fails ends it.

A job whose sources are unbounded keeps its state under its name, as with weir run, and goes on from there when it is
started again. A job whose sources are all bounded is a run of its own each time.

Exit code 0: ok; 1: a statement has errors; 2: usage; 3: a query or job failed; 4: a newer instance of a job has taken over;
130: interrupted.`,
		Example: `  weir sql --dev                       try things out, with a broker of its own
  weir sql -f job.sql                  with the tables of a job; its INSERTs are left out
  weir sql -f job.sql -c 'SELECT * FROM orders' --max-rows 10
  weir sql -f job.sql -c 'SELECT COUNT(*) FROM orders' --until end --mode csv
  weir sql < statements.sql`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.mode = changed(c, "mode", o.mode)
			if !c.Flags().Changed("log-level") {
				// Log lines about every query would be in the way of its rows.
				a.logLevel = "warn"
			}
			return a.sql(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&o.commands, "command", "c", nil, "execute these `statements` and leave (repeatable)")
	f.StringArrayVarP(&o.files, "file", "f", nil, "execute the settings and definitions of this `file` first (repeatable)")
	f.StringVar(&o.stateDir, "state-dir", "", "`directory` for local state of jobs (default $XDG_STATE_HOME/weir)")
	f.StringVar(&o.until, "until", "", "`end`: queries and jobs read unbounded sources up to where they end now")
	f.StringVar(&o.mode, "mode", "tableau", "how rows are shown: `tableau|changelog|table|line|json|csv`")
	f.Int64Var(&o.maxRows, "max-rows", 0, "end a query after `n` rows; 0: never")
	f.BoolVar(&o.dev, "dev", false, "serve an embedded broker for as long as the shell runs")
	f.StringVar(&o.devAddr, "dev-addr", "localhost:9092", "`host:port` of the embedded broker; implies --dev")
	f.StringVar(&o.devDir, "dev-dir", "", "`directory` for the data of the embedded broker; in memory by default")
	c.PreRun = func(c *cobra.Command, _ []string) {
		o.dev = o.dev || c.Flags().Changed("dev-addr") || c.Flags().Changed("dev-dir")
	}
	return c
}

// changed is value when the flag was given, and "" otherwise.
func changed(c *cobra.Command, flag, value string) string {
	if c.Flags().Changed(flag) {
		return value
	}
	return ""
}

func (a *app) sql(_ context.Context, o sqlOptions) error {
	if o.until != "" && o.until != "end" {
		return usageError{fmt.Errorf("--until knows only 'end', found %q", o.until)}
	}
	if o.maxRows < 0 {
		return usageError{fmt.Errorf("--max-rows is 0 or more, found %d", o.maxRows)}
	}
	if o.mode != "" && !repl.KnownMode(o.mode) {
		return usageError{fmt.Errorf("--mode is tableau, changelog, table, line, json or csv, not %q", o.mode)}
	}
	files, err := a.readFiles(o.files)
	if err != nil {
		return err
	}
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	budget := memoryBudget(cfg)
	limitMemory(budget)
	prepare := func(*physical.Job) error { return nil }
	if o.dev {
		broker, err := embedded.Start(embedded.Options{Addr: o.devAddr, DataDir: o.devDir, AutoCreate: true, Log: a.logger(a.stderr)})
		if err != nil {
			return err
		}
		defer broker.Close()
		if o.devDir == "" && o.stateDir == "" {
			// State that outlived its broker would be refused.
			if o.stateDir, err = os.MkdirTemp("", "weir-sql-"); err != nil {
				return err
			}
			defer os.RemoveAll(o.stateDir)
		}
		prepare = devTopics(broker, o.devAddr)
		o.devAddr = broker.Addr()
	}
	return a.shell(o, files, cfg, prepare, budget)
}

// devTopics makes the topics that a job's tables name on the embedded broker, as run --dev does.
func devTopics(broker *embedded.Broker, addr string) func(*physical.Job) error {
	made := map[string]bool{}
	return func(j *physical.Job) error {
		var topics []embedded.Topic
		for _, t := range kafkaTables([]*physical.Job{j}) {
			servers, _ := t.Options.Get("properties.bootstrap.servers")
			if servers != addr && servers != broker.Addr() {
				continue
			}
			names, _ := t.Options.Get("topic")
			for _, name := range strings.Split(names, ";") {
				if name = strings.TrimSpace(name); name != "" && !made[name] {
					made[name] = true
					topics = append(topics, embedded.Topic{Name: name})
				}
			}
		}
		return broker.Create(topics...)
	}
}

// shell runs the shell over its input.
func (a *app) shell(o sqlOptions, files []*diag.File, cfg *config.Config, prepare func(*physical.Job) error, budget int64) error {
	interactive := len(o.commands) == 0 && isTerminal(a.stdin) && isTerminal(a.stdout)
	opts := repl.Options{
		Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr,
		Planner:      plannerOptions(cfg),
		Connectors:   connectorRegistry,
		Prepare:      prepare,
		StateDir:     func(j *physical.Job) (string, error) { return stateDir(o.stateDir, j) },
		Log:          func(w io.Writer) *slog.Logger { return a.logger(w) },
		ShowFindings: a.showFindings,
		ShowError:    a.showError,
		Summary:      summaryLine,
		Interactive:  interactive,
		Terminal:     isTerminal(a.stdout),
		Color:        a.colored(a.stdout),
		Quiet:        a.quiet,
		MaxRows:      o.maxRows,
		UntilEnd:     o.until == "end",
		Mode:         o.mode,
		// Half is for keyed state, as in run; how many jobs and queries will share it is not known.
		Memory: budget / 2 / 4,
	}
	if interactive {
		opts.History = historyFile()
		opts.Banner = "weir " + Version + ", Flink SQL on Kafka. Statements end with ;   .help lists the commands, ^D leaves."
		if o.dev {
			opts.Banner += "\nAn embedded broker listens on " + o.devAddr + "."
		}
	}
	sh := repl.New(opts)
	out := a.statements(sh, o, files, interactive)
	sh.Close()
	switch {
	case out.Findings:
		return exit(exitFindings)
	case out.Interrupted:
		return exit(exitInterrupted)
	case out.Err != nil:
		return exit(exitCode(out.Err))
	}
	return nil
}

// showFindings renders findings to w, which leads to standard error.
func (a *app) showFindings(w io.Writer, l *diag.List) {
	l.Sort()
	opts := diag.RenderOptions{Color: a.colored(a.stderr), Width: terminalWidth(a.stderr)}
	diag.Render(w, l, opts) //nolint:errcheck // there is no other place to say it
}

// showError shows an operational error on w, which leads to standard error.
func (a *app) showError(w io.Writer, err error) {
	writeError(w, err, a.colored(a.stderr))
}

// statements executes the files, then the commands, the pipe, or what a person enters.
func (a *app) statements(sh *repl.Shell, o sqlOptions, files []*diag.File, interactive bool) repl.Outcome {
	for _, f := range files {
		// A person can mend what is wrong with a file.
		if out := sh.Definitions(f.Name, f.Text); !out.OK() && !(interactive && out.Findings) {
			return out
		}
	}
	if interactive {
		return sh.Interact()
	}
	if len(o.commands) == 0 {
		if out := sh.Pipe("<stdin>"); !out.OK() {
			return out
		}
		return sh.Finish()
	}
	for _, text := range o.commands {
		if out := sh.Script("-c", text); !out.OK() {
			return out
		}
	}
	return sh.Finish()
}

// historyFile is where the shell keeps the lines entered: "" where there is no place for it.
func historyFile() string {
	home, err := stateHome()
	if err != nil {
		return ""
	}
	return filepath.Join(home, "history")
}
