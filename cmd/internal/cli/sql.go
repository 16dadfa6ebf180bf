package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir/cmd/internal/repl"
	"weir/cmd/internal/sandbox"
	"weir/connectors/kafka/embedded"
	"weir/exec"
	"weir/exec/runtime"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
)

// sqlOptions are the flags of sql.
type sqlOptions struct {
	script   []sqlPiece // -c and -f, in their order
	inits    []string
	vars     []string
	stateDir string
	broker   string
	client   []string // properties of the broker's client
	noRC     bool
	until    string
	mode     string
	maxRows  int64
	dev      bool
	devAddr  string
	devDir   string
	samples  bool

	devAddrGiven bool
}

// sqlPiece is something to execute: statements, or a file of them.
type sqlPiece struct {
	text string
	file *diag.File // nil: text is the statements
}

// pieceFlag is -c or -f: what they are given is executed in the order of the command line.
type pieceFlag struct {
	pieces *[]sqlPiece
	file   bool
}

func (f pieceFlag) String() string { return "" }
func (f pieceFlag) Type() string   { return "string" }

func (f pieceFlag) Set(value string) error {
	p := sqlPiece{text: value}
	if f.file {
		p = sqlPiece{file: &diag.File{Name: value}}
	}
	*f.pieces = append(*f.pieces, p)
	return nil
}

func (a *app) sqlCommand() *cobra.Command {
	var o sqlOptions
	c := &cobra.Command{
		Use:   "sql",
		Short: "A shell for SQL: define tables, look into topics, run jobs",
		Long: `sql reads statements, each up to its semicolon. SELECT shows its changes as they come, until ^C or until its bounded
sources end. INSERT runs as a job beside the shell; SHOW JOBS and STOP JOB look after it, and whatever still runs when
the shell is left is stopped with a last checkpoint. .help lists the commands of the shell.

With -c or -f, or when the standard input is no terminal, sql executes what it is given and leaves. INSERT then runs to
its end before the next statement (SET 'table.dml-sync' = 'false' runs it in the background), and the first
statement that fails ends it, unless -v ON_ERROR_STOP=off.

A shell on a terminal executes ~/.weirrc first: settings, definitions, commands such as .mode.

A job whose sources are unbounded keeps its state under its name, as with weir run, and goes on from there when it is
started again. A job whose sources are all bounded is a run of its own each time.

Exit code 0: ok; 1: a statement has errors; 2: usage; 3: a query or job failed; 4: a newer instance of a job has taken over;
130: interrupted.`,
		Example: `  weir sql --dev                       try things out, with a broker of its own
  weir sql -i job.sql                  with the tables of a job; its INSERTs are left out
  weir sql --broker localhost:9092     start from the topics that are there: SHOW TOPICS, DESCRIBE TOPIC 't'
  weir sql -i job.sql -c 'SELECT * FROM orders' --max-rows 10
  weir sql -i job.sql -c 'SELECT COUNT(*) FROM orders' --until end --mode csv
  weir sql -f statements.sql           or weir sql < statements.sql`,
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
	f.VarP(pieceFlag{&o.script, false}, "command", "c", "execute these `statements` and leave (repeatable)")
	f.VarP(pieceFlag{&o.script, true}, "file", "f", "execute this `file` and leave (repeatable)")
	f.StringArrayVarP(&o.inits, "init", "i", nil, "execute the settings and definitions of this `file` first (repeatable)")
	f.StringArrayVarP(&o.vars, "variable", "v", nil, "`ON_ERROR_STOP=on|off`: whether the first statement that fails ends a script (default on)")
	f.StringVar(&o.broker, "broker", "", "`host:port` of the brokers whose topics are shown; by default those that the tables name")
	f.StringArrayVarP(&o.client, "property", "X", nil, "a property of the client for --broker, as `key=value` (repeatable)")
	f.BoolVar(&o.noRC, "no-rc", false, "leave ~/.weirrc alone")
	f.StringVar(&o.stateDir, "state-dir", "", "`directory` for local state of jobs (default $XDG_STATE_HOME/weir)")
	f.StringVar(&o.until, "until", "", "`end`: queries and jobs read unbounded sources up to where they end now")
	f.StringVarP(&o.mode, "mode", "m", "tableau", "how rows are shown, also as --format: `"+repl.ModeNames("|")+"`")
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "format" {
			name = "mode"
		}
		return pflag.NormalizedName(name)
	})
	f.Int64Var(&o.maxRows, "max-rows", 0, "end a query after `n` rows; 0: never")
	f.BoolVar(&o.dev, "dev", false, "a sandbox: serve an embedded broker for as long as the shell runs, with sample data unless --init or --dev-dir is given")
	f.BoolVar(&o.samples, "samples", false, "fill the embedded broker with sample data: the tables orders, payments and clicks; implies --dev")
	f.StringVar(&o.devAddr, "dev-addr", "localhost:9092", "`host:port` of the embedded broker; implies --dev")
	f.StringVar(&o.devDir, "dev-dir", "", "`directory` for the data of the embedded broker; in memory by default")
	c.PreRun = func(c *cobra.Command, _ []string) {
		o.devAddrGiven = c.Flags().Changed("dev-addr")
		o.dev = o.dev || o.samples || c.Flags().Changed("dev-addr") || c.Flags().Changed("dev-dir")
		if !c.Flags().Changed("samples") {
			o.samples = o.dev && len(o.inits) == 0 && o.devDir == ""
		}
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

func (a *app) sql(_ context.Context, o sqlOptions) (err error) {
	if o.until != "" && o.until != "end" {
		return usageError{fmt.Errorf("--until knows only 'end', found %q", o.until)}
	}
	if o.maxRows < 0 {
		return usageError{fmt.Errorf("--max-rows is 0 or more, found %d", o.maxRows)}
	}
	if o.mode != "" && !repl.KnownMode(o.mode) {
		return usageError{fmt.Errorf("--mode is %s, not %q", repl.ModeNames(", "), o.mode)}
	}
	if len(o.client) > 0 && o.broker == "" {
		return usageError{errors.New("--property goes with --broker")}
	}
	files, err := a.readFiles(o.inits)
	if err != nil {
		return err
	}
	for i := range o.script {
		if p := &o.script[i]; p.file != nil {
			read, err := a.readFiles([]string{p.file.Name})
			if err != nil {
				return err
			}
			p.file = read[0]
		}
	}
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	budget, err := memoryBudget(cfg)
	if err != nil {
		return err
	}
	memory, err := planMemory(budget, nil, a.logger(a.stderr))
	if err != nil {
		return err
	}
	prepare := func(*physical.Job) error { return nil }
	if o.dev {
		bo := embedded.Options{Addr: o.devAddr, DataDir: o.devDir, AutoCreate: true, Log: a.logger(a.stderr)}
		broker, err := embedded.Start(bo)
		if errors.Is(err, syscall.EADDRINUSE) && o.samples && !o.devAddrGiven {
			bo.Addr = "localhost:0" // a sandbox needs no address that is known beforehand
			broker, err = embedded.Start(bo)
		}
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
		if o.devAddr = bo.Addr; strings.HasSuffix(o.devAddr, ":0") {
			o.devAddr = broker.Addr()
		}
		if o.samples {
			shop, serr := sandbox.Start(broker)
			if serr != nil {
				return serr
			}
			defer func() {
				if cerr := shop.Close(); err == nil {
					err = cerr
				}
			}()
			files = append([]*diag.File{{Name: "the sample data", Text: sandbox.Definitions(o.devAddr)}}, files...)
		}
	}
	return a.shell(o, files, cfg, prepare, memory)
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
func (a *app) shell(o sqlOptions, files []*diag.File, cfg *config.Config, prepare func(*physical.Job) error, memory exec.MemoryPlan) error {
	interactive := len(o.script) == 0 && isTerminal(a.stdin) && isTerminal(a.stdout)
	opts := repl.Options{
		Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr,
		Planner:      a.plannerOptions(cfg),
		Connectors:   connectorRegistry,
		Prepare:      prepare,
		StateDir:     func(j *physical.Job) (string, error) { return stateDir(o.stateDir, j) },
		Log:          func(w io.Writer) *slog.Logger { return a.logger(w) },
		ShowFindings: a.showFindings,
		ShowError:    a.showError,
		Summary:      summaryLine,
		Status:       func(s runtime.Status) string { return strings.Join(statusParts(s), "   ") },
		Interactive:  interactive,
		Terminal:     isTerminal(a.stdout),
		Color:        a.colored(a.stdout),
		Quiet:        a.quiet,
		MaxRows:      o.maxRows,
		UntilEnd:     o.until == "end",
		Mode:         o.mode,
		Memory:       memory.State / 4, // how many jobs and queries will share it is not known
	}
	if interactive {
		opts.History = historyFile()
		opts.Banner = "weir " + Version + ", Flink SQL on Kafka\nStatements end with ;   .help lists the commands, ^D leaves."
		if o.dev {
			opts.Banner += "\nAn embedded broker listens on " + o.devAddr + "."
			if o.samples {
				opts.Banner += "\nIts topics orders, payments and clicks fill up while you look: try\n  SELECT * FROM orders;"
			}
		}
	}
	switch {
	case o.broker != "":
		var err error
		if opts.Broker, err = repl.BrokerOptions(o.broker, o.client...); err != nil {
			return usageError{fmt.Errorf("--property: %w", err)}
		}
	case o.dev:
		opts.Broker = catalog.Options{{Key: "properties.bootstrap.servers", Value: o.devAddr}}
	}
	if interactive && !o.noRC {
		opts.Startup = startupFile()
	}
	sh := repl.New(opts)
	for _, v := range o.vars {
		if err := sh.SetVariable(v); err != nil {
			sh.Close()
			return usageError{fmt.Errorf("--variable: %w", err)}
		}
	}
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
	if len(o.script) == 0 {
		if out := sh.Pipe("<stdin>"); !out.OK() {
			return out
		}
		return sh.Finish()
	}
	for _, p := range o.script {
		name, text := "-c", p.text
		if p.file != nil {
			name, text = p.file.Name, p.file.Text
		}
		if out := sh.Script(name, text); !out.OK() {
			return out
		}
	}
	return sh.Finish()
}

// startupFile is what a shell on a terminal executes first: $WEIRRC, or .weirrc in the user's home.
func startupFile() string {
	if path := os.Getenv("WEIRRC"); path != "" {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".weirrc")
}

// historyFile is where the shell keeps the lines entered: "" where there is no place for it.
func historyFile() string {
	home, err := stateHome()
	if err != nil {
		return ""
	}
	return filepath.Join(home, "history")
}
