package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"weir/cmd/internal/doctor"
	"weir/connectors/kafka"
	"weir/connectors/spec"
	"weir/planner/catalog"
	"weir/planner/physical"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	stateDir   string
	servers    string
	properties []string
	format     string
	connectOptions
}

func (a *app) doctorCommand() *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use:   "doctor [FILE...]",
		Short: "See what is wrong with this machine, its state directories and the broker",
		Long: `doctor looks at the machine (files, memory, disk room, how fast the disk syncs), at the state directories of jobs (running, killed,
held by another process, forgotten by the broker), and at brokers: those that the files' tables name, or --bootstrap-servers. It asks
a broker what check --connect asks, too: topics, partitions, permissions, transactions, replication, clocks, real records, and whether
the marker of each job is still there. Each check is ok, warn, fail, or skipped where it cannot be told, with what to do. It changes nothing.

Exit code 0: nothing failed; 1: a check failed; 2: it could not look.`,
		Example: `  weir doctor
  weir doctor job.sql              the brokers, topics and state of a job, too
  weir doctor --bootstrap-servers kafka:9093 --property security.protocol=SSL
  weir doctor --format json`,
		RunE: func(c *cobra.Command, args []string) error { return a.doctor(c.Context(), args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.stateDir, "state-dir", "", "`directory` with the state of jobs (default $XDG_STATE_HOME/weir)")
	f.StringVar(&o.servers, "bootstrap-servers", "", "look at this cluster, too: `host:port,...`")
	f.StringArrayVar(&o.properties, "property", nil, "with --bootstrap-servers: a property of the Kafka client, as `key=value` (repeatable)")
	o.limits(f, "with FILE or --bootstrap-servers")
	f.StringVar(&o.format, "format", "text", "how checks are shown: `text|json`")
	return c
}

func (a *app) doctor(ctx context.Context, args []string, o doctorOptions) error {
	if err := o.valid(); err != nil {
		return err
	}
	if !known(o.format, []string{"text", "json"}) {
		return badValue("--format", o.format, []string{"text", "json"})
	}
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	base := o.stateDir
	if base == "" {
		if base, err = stateHome(); err != nil {
			return usageError{err}
		}
	}
	budget, err := memoryBudget(cfg)
	if err != nil {
		return err
	}
	var uses []kafka.TableUse
	var jobs []*physical.Job
	if o.servers != "" {
		client, err := clientOptions(o.servers, o.properties)
		if err != nil {
			return err
		}
		uses = append(uses, kafka.TableUse{Table: &catalog.Table{Name: "--bootstrap-servers", Connector: "kafka", Options: client}})
	}
	settings := cfg
	if len(args) > 0 {
		program, err := a.compile(args)
		if err != nil {
			return err
		}
		jobs, settings = program.Jobs, program.Session.Config()
		uses = append(uses, tableUses(program)...)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	in := kafka.Inspect(ctx, uses, kafka.InspectOptions{Config: settings, Formats: knownFormats(), Records: o.records, Timeout: o.timeout})
	if ctx.Err() != nil {
		return exit(exitInterrupted)
	}
	marks, err := markers(o.stateDir, jobs, in)
	if err != nil {
		return err
	}
	checks := append(doctor.Machine(budget, base), doctor.States(base, marks)...)
	checks = append(checks, doctor.Broker(in)...)
	return a.showChecks(checks, o.format)
}

// markers is what brokers keep of the jobs that write exactly once, by state directory.
func markers(flag string, jobs []*physical.Job, in *kafka.Inspection) (map[string]kafka.Marker, error) {
	out := map[string]kafka.Marker{}
	for _, job := range jobs {
		dir, err := stateDir(flag, job)
		if err != nil {
			return nil, err
		}
		if dir == "" {
			continue
		}
		var servers, prefix string // the marker is written under the smallest prefix of the job's sinks
		for _, sink := range job.Sinks {
			if !isKafka(sink.Table) || spec.KafkaDelivery(sink.Table) != "exactly-once" {
				continue
			}
			if p, _ := sink.Table.Options.Get("sink.transactional-id-prefix"); prefix == "" || p < prefix {
				prefix = p
				servers, _ = sink.Table.Options.Get("properties.bootstrap.servers")
			}
		}
		m := kafka.Marker{}
		if servers != "" {
			m = in.MarkerOf(servers, prefix)
		}
		out[dir] = m
	}
	return out, nil
}

func (a *app) showChecks(checks []doctor.Check, format string) error {
	failed := false
	width := 0
	for _, c := range checks {
		failed = failed || c.Result == doctor.Fail
		width = max(width, len(c.Name))
	}
	var err error
	if format == "json" {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(checks)
	} else {
		err = a.writeChecks(a.stdout, checks, width)
	}
	if err != nil {
		return err
	}
	if failed {
		return exit(exitFindings)
	}
	return nil
}

func (a *app) writeChecks(w io.Writer, checks []doctor.Check, width int) error {
	paint := map[doctor.Result]string{doctor.OK: "\x1b[32m", doctor.Warn: "\x1b[33m", doctor.Fail: "\x1b[31m", doctor.Skipped: "\x1b[2m"}
	reset := "\x1b[0m"
	if !a.colored(w) {
		paint, reset = nil, ""
	}
	for _, c := range checks {
		if _, err := fmt.Fprintf(w, "%s%-7s%s  %-*s  %s\n", paint[c.Result], c.Result, reset, width, c.Name, c.Found); err != nil {
			return err
		}
		if c.Hint != "" {
			if _, err := fmt.Fprintf(w, "         = help: %s\n", c.Hint); err != nil {
				return err
			}
		}
	}
	return nil
}
