package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/guess"
	"weir/cmd/internal/scaffold"
	"weir/connectors/kafka/peek"
	"weir/planner/catalog"
)

// initOptions are the flags of init.
type initOptions struct {
	ci         string
	topic      string
	servers    string
	properties []string
	records    int
}

func (a *app) initCommand() *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a project that runs: a job, its tests, sample data",
		Long: `init makes a project in DIR, by default the folder below here: a job, unit tests of it, and sample data, so that
weir run, weir test and weir check work at once. It overwrites nothing.

With --from-topic it looks into a topic of yours instead, changing nothing there: it reads some of the newest records, guesses
the table (format, columns with types, key, the time of events) and makes a job that shows its rows.`,
		Example: `  weir init shop && cd shop && weir run job.sql
  weir init --ci github
  weir init orders --from-topic orders --bootstrap-servers localhost:9092
  weir init orders --from-topic orders --bootstrap-servers kafka:9093 --property security.protocol=SSL`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("weir init makes one project, found %d folders", len(args))}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return a.init(c.Context(), dir, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.ci, "ci", "", "also a file for continuous integration: `github|gitlab`")
	f.StringVar(&o.topic, "from-topic", "", "start from this `topic`")
	f.StringVar(&o.servers, "bootstrap-servers", "localhost:9092", "with --from-topic: the brokers, as `host:port,...`")
	f.StringArrayVar(&o.properties, "property", nil, "with --from-topic: a property of the Kafka client, as `key=value` (repeatable)")
	f.IntVar(&o.records, "records", 200, "with --from-topic: how many records to look at, at most, `n`")
	return c
}

func (a *app) init(ctx context.Context, dir string, o initOptions) error {
	if o.ci != "" && !known(o.ci, scaffold.CIs) {
		return badValue("--ci", o.ci, scaffold.CIs)
	}
	project := scaffold.Sample()
	if o.topic != "" {
		var err error
		if project, err = a.topicProject(ctx, o); err != nil {
			return err
		}
	}
	if o.ci != "" {
		project = append(project, scaffold.CI(o.ci))
	}
	if err := scaffold.Write(dir, project); err != nil {
		if errors.Is(err, scaffold.ErrThere) {
			return usageError{fmt.Errorf("%w: init overwrites nothing; name another folder", err)}
		}
		return usageError{err}
	}
	for _, f := range project {
		fmt.Fprintln(a.stdout, filepath.Join(dir, filepath.FromSlash(f.Path)))
	}
	if !a.quiet {
		run := "weir run job.sql"
		if o.topic != "" {
			run += " --until end"
		}
		if dir != "." {
			run = "cd " + dir + " && " + run
		}
		fmt.Fprintf(a.stderr, "try: %s; weir test; weir check job.sql\n", run)
	}
	return nil
}

// topicProject looks into the topic and makes the project of it.
func (a *app) topicProject(ctx context.Context, o initOptions) ([]scaffold.File, error) {
	client, err := clientOptions(o.servers, o.properties)
	if err != nil {
		return nil, err
	}
	t, err := peek.Look(ctx, peek.Options{Client: client, Records: o.records, Timeout: 10 * time.Second}, o.topic)
	if err != nil {
		return nil, err
	}
	table, err := guess.From(t, client)
	if errors.Is(err, guess.ErrNothing) {
		return nil, usageError{fmt.Errorf("topic %s has no record to guess from: write one, or start with weir init and change its table", o.topic)}
	} else if err != nil {
		return nil, err
	}
	return scaffold.FromTopic(t, table), nil
}

// clientOptions is brokers and key=value properties as the options of a table.
func clientOptions(servers string, properties []string) (catalog.Options, error) {
	out := catalog.Options{{Key: "properties.bootstrap.servers", Value: servers}}
	for _, kv := range properties {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--property wants key=value, found %q", kv)}
		}
		out = append(out, catalog.Option{Key: "properties." + strings.TrimPrefix(strings.TrimSpace(key), "properties."), Value: strings.TrimSpace(value)})
	}
	return out, nil
}
