package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/repl"
	"weir/connectors/kafka/embedded"
	"weir/exec"
	"weir/exec/runtime"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/rules"
)

// runOptions are the flags of run.
type runOptions struct {
	stateDir    string
	until       string
	dev         bool
	acceptEpoch int64
	restore     string
	profile     string
	memory      string
}

func (a *app) runCommand() *cobra.Command {
	o := runOptions{acceptEpoch: -1}
	c := &cobra.Command{
		Use:   "run FILE...",
		Short: "Run the jobs of SQL files",
		Long: `run plans the files, in order, as one script, and runs what they insert. Every INSERT is a job, and so is every
STATEMENT SET; several jobs run side by side.

A job whose sources are all bounded ends by itself. SIGTERM and SIGINT take a last checkpoint, commit it and leave;
a second signal leaves at once, and loses nothing that was committed.

Exit code 0: ended, or stopped by SIGTERM; 1: the SQL has errors; 2: usage; 3: the job failed; 4: a newer instance of
the job has taken over; 130: interrupted.`,
		Example: `  weir run job.sql
  weir run ddl.sql job.sql --set 'execution.checkpointing.interval=1 s'
  weir run job.sql --until end     read what is there now, commit, leave
  weir run job.sql --dev           with an embedded broker at the address that the file names`,
		Args: files,
		RunE: func(c *cobra.Command, args []string) error { return a.run(c.Context(), args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.stateDir, "state-dir", "", "`directory` for local state; each job makes a folder of its name in it (default $XDG_STATE_HOME/weir)")
	f.StringVar(&o.until, "until", "", "`end`: read unbounded sources up to where they end now, commit, leave")
	f.BoolVar(&o.dev, "dev", false, "serve the embedded broker at the bootstrap address that the file names, with its topics")
	f.Int64Var(&o.acceptEpoch, "accept-epoch", -1, "go on from this `epoch` of the local state although the broker has forgotten it; read the refusal first")
	f.StringVar(&o.restore, "restore", "", "start from the retained checkpoint in this `directory`, on fresh state")
	f.StringVar(&o.profile, "profile", "", "write profiles of this run, for go tool pprof and go tool trace, into this `directory`")
	f.StringVar(&o.memory, "memory", "", "memory budget of the process, a `size` such as '512 mb': the setting weir.memory (default three quarters of the cgroup's or the machine's)")
	return c
}

func (a *app) run(ctx context.Context, args []string, o runOptions) (err error) {
	if o.until != "" && o.until != "end" {
		return usageError{fmt.Errorf("--until knows only 'end', found %q", o.until)}
	}
	if o.memory != "" {
		a.sets = append(a.sets, config.MemoryBudget+"="+o.memory)
	}
	program, err := a.compile(args)
	if err != nil {
		return err
	}
	if err := a.onlyJobs(program, args); err != nil {
		return err
	}
	if len(program.Jobs) == 0 {
		return nil
	}
	stopProfile, err := startProfile(o.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfile()) }()
	log := a.logger(overLine{a, a.stderr})
	budget, err := memoryBudget(program.Jobs[0].Config)
	if err != nil {
		return err
	}
	memory, err := planMemory(budget, program.Jobs, log)
	if err != nil {
		return err
	}
	end, err := a.dev(program.Jobs, &o, log)
	if err != nil {
		return err
	}
	defer end()
	group, err := a.newJobs(program.Jobs, o, memory, log)
	if err != nil {
		return err
	}
	return group.run(ctx)
}

// dev starts the embedded broker where o wants one; end stops it.
func (a *app) dev(jobs []*physical.Job, o *runOptions, log *slog.Logger) (end func(), err error) {
	end = func() {}
	if !o.dev {
		return end, nil
	}
	broker, err := a.devBroker(jobs, log)
	if err != nil || broker == nil {
		return end, err
	}
	end = func() { broker.Close() } //nolint:errcheck // what it had is thrown away
	if o.stateDir != "" {
		return end, nil
	}
	// The broker forgets everything when it ends; state that outlived it would be refused.
	dir, err := os.MkdirTemp("", "weir-dev-")
	if err != nil {
		end()
		return nil, err
	}
	o.stateDir = dir
	return func() {
		broker.Close()    //nolint:errcheck // as above
		os.RemoveAll(dir) //nolint:errcheck // it is in the folder of temporary files
	}, nil
}

// onlyJobs shows what the script's other statements have to show, and refuses what run would leave undone.
func (a *app) onlyJobs(program *planner.Program, args []string) error {
	for _, r := range program.Outputs {
		switch r := r.(type) {
		case *planner.Text:
			fmt.Fprintln(a.stdout, strings.TrimRight(r.Text, "\n"))
		case *planner.Rows:
			for _, row := range r.Rows {
				fmt.Fprintln(a.stdout, strings.Join(row, "\t"))
			}
		}
	}
	if len(program.Queries) > 0 {
		diags := &diag.List{}
		for _, q := range program.Queries {
			diags.Errorf("SQ6001", q.Job.Span, "this SELECT writes into no table").At("weir run runs INSERT statements").
				Help("write INSERT INTO a_table SELECT ..., or look at its rows with weir sql -i %s -c 'SELECT ...'", args[0])
		}
		a.show(a.stderr, diags)
		return exit(exitFindings)
	}
	if len(program.Jobs) == 0 && len(program.Outputs) == 0 {
		return usageError{fmt.Errorf("%s: nothing to run: no INSERT and no STATEMENT SET", strings.Join(args, ", "))}
	}
	return nil
}

// devBroker serves the embedded broker at the address that the jobs' Kafka tables name. Jobs
// without Kafka tables need none.
func (a *app) devBroker(jobs []*physical.Job, log *slog.Logger) (*embedded.Broker, error) {
	opts := embedded.Options{AutoCreate: true, Log: log}
	for _, t := range kafkaTables(jobs) {
		servers, _ := t.Options.Get("properties.bootstrap.servers")
		addr, _, _ := strings.Cut(servers, ",")
		if opts.Addr != "" && opts.Addr != addr {
			return nil, usageError{fmt.Errorf("--dev serves one broker, but the tables name two: %s and %s", opts.Addr, addr)}
		}
		opts.Addr = addr
		topics, _ := t.Options.Get("topic")
		for _, name := range strings.Split(topics, ";") {
			if name = strings.TrimSpace(name); name != "" {
				opts.Topics = append(opts.Topics, embedded.Topic{Name: name})
			}
		}
	}
	if opts.Addr == "" {
		return nil, nil
	}
	broker, err := embedded.Start(opts)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, exec.Fatalf("something listens there already: leave --dev out if it is a broker, or stop it", "start the broker of --dev", err)
	}
	if err != nil {
		return nil, exec.Fatalf("--dev serves where the tables say, so let their 'properties.bootstrap.servers' name this machine: 'localhost:9092'", "start the broker of --dev", err)
	}
	return broker, nil
}

// jobGroup is the jobs of one run.
type jobGroup struct {
	*app
	log     *slog.Logger
	names   []string
	runners []*runtime.Runner
	jobs    []*physical.Job
	dirs    []string        // where each keeps its state; "" for none
	took    []time.Duration // of those that have ended
}

func (a *app) newJobs(jobs []*physical.Job, o runOptions, memory exec.MemoryPlan, log *slog.Logger) (*jobGroup, error) {
	g := &jobGroup{app: a, log: log}
	connectors := connectorRegistry(overLine{a, a.stdout}, overLine{a, a.stderr})
	connectors[rules.Collect] = repl.Collect(discard) // of queries that explain --analyze runs
	for _, job := range jobs {
		dir, err := stateDir(o.stateDir, job)
		if err != nil {
			return nil, err
		}
		opts := runtime.Options{
			Connectors: connectors,
			StateDir:   dir,
			Log:        log,
			UntilEnd:   o.until == "end",
			Restore:    o.restore,
			Memory:     memory.State / int64(len(jobs)),
		}
		if len(jobs) > 1 {
			opts.Log = log.With("job", job.Name)
		}
		if o.acceptEpoch >= 0 {
			n := uint64(o.acceptEpoch)
			opts.AcceptEpoch = &n
		}
		r, err := runtime.New(job, opts)
		if err != nil {
			return nil, err
		}
		g.names = append(g.names, job.Name)
		g.runners = append(g.runners, r)
		g.jobs, g.dirs = append(g.jobs, job), append(g.dirs, dir)
	}
	return g, nil
}

// stateDir is where a job keeps its state: a folder of its name below the flag, the setting, or
// the user's state directory. A job that is not checkpointed keeps none.
func stateDir(flag string, job *physical.Job) (string, error) {
	if job.Config.Duration(config.CheckpointInterval) == 0 {
		return "", nil
	}
	base := flag
	if base == "" {
		base = job.Config.String(config.StateDir)
	}
	if base == "" {
		var err error
		if base, err = stateHome(); err != nil {
			return "", usageError{fmt.Errorf("no place for the job's state: %w; say where with --state-dir", err)}
		}
	}
	return filepath.Join(base, folderName(job.Name)), nil
}

// stateHome is the user's folder for what weir keeps: $XDG_STATE_HOME/weir.
func stateHome() (string, error) {
	home := os.Getenv("XDG_STATE_HOME")
	if home == "" {
		dir, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		home = filepath.Join(dir, ".local", "state")
	}
	return filepath.Join(home, "weir"), nil
}

// folderName is name as a folder: what a file system or a shell may trip over is replaced.
func folderName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, strings.TrimLeft(name, "."))
}

// sameSignal is how soon after the first a signal is still the same one: timeout(1) and other wrappers send theirs to
// the process and to its group, and nobody wants to leave at once by that.
const sameSignal = 100 * time.Millisecond

// longStop is how long after the signal it is said that a second one leaves at once.
const longStop = 5 * time.Second

// say has write write a line, and waits for it a moment only: standard error may be a pipe that is full, and signals are heard all the same.
func say(write func()) {
	said := make(chan struct{})
	go func() {
		defer close(said)
		write()
	}()
	select {
	case <-said:
	case <-time.After(time.Second):
	}
}

// run runs all jobs until they end. The first that fails stops the others.
func (g *jobGroup) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var interrupted atomic.Bool
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	ended := make(chan struct{})
	go func() {
		var first time.Time
		var long <-chan time.Time
		for {
			select {
			case s := <-signals:
				if first.IsZero() {
					first, long = time.Now(), time.After(longStop)
				} else if time.Since(first) < sameSignal {
					continue
				} else {
					say(func() { g.log.Warn("second signal: leaving at once; what was committed stays committed") })
					os.Exit(128 + int(s.(syscall.Signal)))
				}
				interrupted.Store(s == syscall.SIGINT)
				for _, r := range g.runners {
					r.Stop()
				}
				say(func() { g.log.Info("stopping: a last checkpoint is taken and committed", "signal", s.String()) })
			case <-long:
				say(func() {
					g.log.Warn("the last checkpoint takes long; a second signal leaves at once, and what came behind the last epoch is replayed at the next start")
				})
			case <-ended:
				return
			}
		}
	}()

	status := g.newStatusLine()
	go status.follow(ended)
	errs := make([]error, len(g.runners))
	summaries := make([]runtime.Summary, len(g.runners))
	var wg sync.WaitGroup
	for i := range g.runners {
		wg.Add(1)
		go func() {
			defer wg.Done()
			summaries[i], errs[i] = g.runOne(ctx, i)
			if errs[i] != nil {
				for _, other := range g.runners {
					other.Stop()
				}
			}
		}()
	}
	wg.Wait()
	close(ended)
	status.clear()
	for i, s := range summaries {
		g.summary(g.names[i], s)
		g.took = append(g.took, s.Took)
	}
	return g.outcome(errs, interrupted.Load())
}

// runOne runs job i. While it runs it can be asked what it does; a job without a state directory cannot be found.
func (g *jobGroup) runOne(ctx context.Context, i int) (runtime.Summary, error) {
	if g.dirs[i] != "" {
		end, err := serveControl(g.dirs[i], g.jobs[i], g.runners[i])
		if err != nil {
			g.log.Warn("weir explain --analyze --job will not reach this job", "job", g.names[i], "cause", err)
		} else {
			defer func() {
				if err := end(); err != nil {
					g.log.Warn("close the control socket", "job", g.names[i], "cause", err)
				}
			}()
		}
	}
	return g.runners[i].Run(ctx)
}

// outcome shows what failed and says the exit code.
func (g *jobGroup) outcome(errs []error, interrupted bool) error {
	code := exitOK
	for i, err := range errs {
		if err == nil || errors.Is(err, context.Canceled) {
			continue
		}
		if len(errs) > 1 {
			err = fmt.Errorf("job %s: %w", g.names[i], err)
		}
		g.printError(err)
		code = max(code, exitCode(err))
	}
	if code == exitOK && interrupted {
		code = exitInterrupted
	}
	if code != exitOK {
		return exit(code)
	}
	return nil
}

// summary is the one line at the end.
func (g *jobGroup) summary(name string, s runtime.Summary) {
	if !g.quiet {
		fmt.Fprintln(g.stderr, summaryLine(name, s))
	}
}

// summaryLine says what a job has done.
func summaryLine(name string, s runtime.Summary) string {
	line := fmt.Sprintf("%s: %d rows in, %d rows out, %s committed, %.1f s", name, s.Rows.In, s.Rows.Out, count(int(s.Epochs), "epoch"), s.Took.Seconds())
	if s.Rows.Late > 0 {
		line += ", " + count(int(s.Rows.Late), "late row") + " dropped"
	}
	if s.Rows.Skipped > 0 {
		line += ", " + count(int(s.Rows.Skipped), "record") + " skipped"
	}
	if s.HasEpoch {
		line += fmt.Sprintf(", last epoch %d", s.Epoch)
	}
	return line
}
