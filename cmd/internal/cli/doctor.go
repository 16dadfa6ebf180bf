package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"weir/cmd/internal/doctor"
	"weir/connectors/kafka/peek"
	"weir/planner/catalog"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	stateDir   string
	servers    string
	properties []string
	format     string
}

func (a *app) doctorCommand() *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use:   "doctor [FILE...]",
		Short: "See what is wrong with this machine, its state directories and the broker",
		Long: `doctor looks at the machine (files, memory, disk room, how fast the disk syncs), at the state directories of jobs (running, killed,
long forgotten), and at brokers: those that the files' tables name, with their topics, or --bootstrap-servers. Each check is ok, warn or
fail, with what to do. It changes nothing.

Exit code 0: nothing failed; 1: a check failed; 2: it could not look.`,
		Example: `  weir doctor
  weir doctor job.sql              with the brokers and topics of a job
  weir doctor --bootstrap-servers kafka:9093 --property security.protocol=SSL
  weir doctor --format json`,
		RunE: func(_ *cobra.Command, args []string) error { return a.doctor(args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.stateDir, "state-dir", "", "`directory` with the state of jobs (default $XDG_STATE_HOME/weir)")
	f.StringVar(&o.servers, "bootstrap-servers", "", "look at this cluster, too: `host:port,...`")
	f.StringArrayVar(&o.properties, "property", nil, "with --bootstrap-servers: a property of the Kafka client, as `key=value` (repeatable)")
	f.StringVar(&o.format, "format", "text", "how checks are shown: `text|json`")
	return c
}

func (a *app) doctor(args []string, o doctorOptions) error {
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
	checks := doctor.Machine(budget, base)
	checks = append(checks, doctor.States(base)...)
	if o.servers != "" {
		client, err := clientOptions(o.servers, o.properties)
		if err != nil {
			return err
		}
		checks = append(checks, doctor.Topics(peek.Options{Client: client}, o.servers, nil)...)
	}
	if len(args) > 0 {
		program, err := a.compile(args)
		if err != nil {
			return err
		}
		for _, c := range clusters(kafkaTables(program.Jobs)) {
			checks = append(checks, doctor.Topics(peek.Options{Client: c.client}, c.servers, c.topics)...)
		}
	}
	return a.showChecks(checks, o.format)
}

// cluster is a cluster that tables name, with the topics that they need there.
type cluster struct {
	servers string
	client  catalog.Options
	topics  []string
}

func clusters(tables []*catalog.Table) []*cluster {
	var out []*cluster
	for _, t := range tables {
		servers, _ := t.Options.Get("properties.bootstrap.servers")
		var at *cluster
		for _, c := range out {
			if c.servers == servers {
				at = c
			}
		}
		if at == nil {
			at = &cluster{servers: servers, client: t.Options}
			out = append(out, at)
		}
		topics, _ := t.Options.Get("topic")
		for _, name := range strings.Split(topics, ";") {
			if name = strings.TrimSpace(name); name != "" {
				at.topics = append(at.topics, name)
			}
		}
	}
	return out
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
	paint := map[doctor.Result]string{doctor.OK: "\x1b[32m", doctor.Warn: "\x1b[33m", doctor.Fail: "\x1b[31m"}
	reset := "\x1b[0m"
	if !a.colored(w) {
		paint, reset = nil, ""
	}
	for _, c := range checks {
		if _, err := fmt.Fprintf(w, "%s%-4s%s  %-*s  %s\n", paint[c.Result], c.Result, reset, width, c.Name, c.Found); err != nil {
			return err
		}
		if c.Hint != "" {
			if _, err := fmt.Fprintf(w, "      = help: %s\n", c.Hint); err != nil {
				return err
			}
		}
	}
	return nil
}
