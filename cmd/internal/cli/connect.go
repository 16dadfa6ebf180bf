package cli

import (
	"context"
	"fmt"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"weir/cmd/internal/report"
	"weir/connectors/kafka"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/lint"
	"weir/planner/physical"
)

// connectOptions are the flags of check --connect.
type connectOptions struct {
	connect bool
	records int
	timeout time.Duration
}

// connected adds to a report what brokers say about the tables of a script, and gives the rules the topics' partitions. A
// script with errors is not asked about: its tables may not be what they seem.
func (a *app) connected(ctx context.Context, files []*diag.File, cfg *config.Config, o connectOptions, r *report.Report) (found []*diag.Diagnostic, more lint.Options, err error) {
	program, diags := planner.Compile(files, a.plannerOptions(cfg.Clone()))
	if diags.HasErrors() {
		return nil, more, nil
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	in := kafka.Inspect(ctx, tableUses(program), kafka.InspectOptions{Config: program.Session.Config(), Formats: knownFormats(), Records: o.records, Timeout: o.timeout})
	if ctx.Err() != nil {
		return nil, more, exit(exitInterrupted)
	}
	for _, x := range in.Answers {
		c := report.Check{Subject: x.Subject, Name: x.Name, Status: report.OK, Detail: x.Detail, Hint: x.Hint}
		switch {
		case x.Skipped:
			c.Status = report.Skipped
		case x.Finding != nil && x.Finding.Severity == diag.Error:
			c.Status = report.Failed
		case x.Finding != nil:
			c.Status = report.Warning
		}
		r.Checks = append(r.Checks, c)
		if x.Finding != nil {
			found = append(found, x.Finding)
		}
	}
	more.Partitions = in.PartitionsOf
	return found, more, nil
}

// tableUses is the Kafka tables of a script and what it does with them. One that no job uses counts as read: whoever has only
// defined it wants to know whether it fits its topic.
func tableUses(p *planner.Program) []kafka.TableUse {
	jobs := slices.Clone(p.Jobs)
	for _, q := range p.Queries {
		jobs = append(jobs, q.Job)
	}
	var out []kafka.TableUse
	use := func(t *catalog.Table) *kafka.TableUse {
		i := slices.IndexFunc(out, func(u kafka.TableUse) bool { return u.Table.Name == t.Name })
		if i < 0 {
			i = len(out)
			out = append(out, kafka.TableUse{Table: t})
		}
		return &out[i]
	}
	for _, j := range jobs {
		for n := range j.Nodes() {
			switch n := n.(type) {
			case *physical.Scan:
				if isKafka(n.Table) {
					u := use(n.Table)
					u.Read = true
					u.Parallelism = max(u.Parallelism, n.Parallelism, j.Config.Int(config.Parallelism))
				}
			case *physical.Sink:
				if isKafka(n.Table) {
					use(n.Table).Wrote = true
				}
			}
		}
	}
	for _, name := range p.Session.Names() {
		if t := p.Session.Table(name); t != nil && isKafka(t) && !slices.ContainsFunc(out, func(u kafka.TableUse) bool { return u.Table.Name == name }) {
			out = append(out, kafka.TableUse{Table: t, Read: true})
		}
	}
	return out
}

// limits adds the flags that say how far brokers are asked; when is in which case they are.
func (o *connectOptions) limits(f *pflag.FlagSet, when string) {
	f.IntVar(&o.records, "records", 100, when+": how many of the newest `n` records of each topic that is read to look at; 0: none")
	f.DurationVar(&o.timeout, "connect-timeout", 10*time.Second, when+": how long to wait for one answer")
}

// valid refuses flags that mean nothing.
func (o *connectOptions) valid() error {
	if o.records < 0 {
		return usageError{fmt.Errorf("--records is 0 or more, found %d", o.records)}
	}
	if o.timeout <= 0 {
		return usageError{fmt.Errorf("--connect-timeout is more than 0, found %s", o.timeout)}
	}
	return nil
}
