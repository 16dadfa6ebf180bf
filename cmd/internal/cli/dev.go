package cli

import (
	"context"
	"fmt"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"weir/connectors/kafka/embedded"
	"weir/exec"
)

func (a *app) devCommand() *cobra.Command {
	var addr, dir string
	var topics []string
	c := &cobra.Command{
		Use:   "dev",
		Short: "Serve the embedded broker alone",
		Long: `dev serves an embedded Kafka broker for development: real sockets, transactions, consumer groups. A client
that asks for a topic that is not there, as a console producer does, gets one. weir run does not ask for any: name the topics
of a job with --topic, or run it with --dev, which makes them. With --data-dir the content survives a restart. It is one
process without replication: for trying things out, not for keeping data.`,
		Example: `  weir dev
  weir dev --addr localhost:19092 --data-dir ./broker
  weir dev --topic topic_1:4 --topic ws:4`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			opts := embedded.Options{Addr: addr, DataDir: dir, AutoCreate: true, Log: a.logger(a.stderr)}
			for _, t := range topics {
				topic, err := parseTopic(t)
				if err != nil {
					return usageError{err}
				}
				opts.Topics = append(opts.Topics, topic)
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return a.serveDev(ctx, opts)
		},
	}
	c.Flags().StringVar(&addr, "addr", "localhost:9092", "`host:port` to listen on; port 0 picks a free one")
	c.Flags().StringVar(&dir, "data-dir", "", "`directory` for the data; in memory by default")
	c.Flags().StringArrayVar(&topics, "topic", nil, "create a topic, as `name[:partitions]` (repeatable)")
	return c
}

func (a *app) serveDev(ctx context.Context, opts embedded.Options) error {
	broker, err := embedded.Start(opts)
	if err != nil {
		return exec.Fatalf("say with --addr where to listen; port 0 is a free one", "start the broker", err)
	}
	defer broker.Close()
	fmt.Fprintf(a.stdout, "embedded broker listening on %s; ^C stops it\n", broker.Addr())
	<-ctx.Done()
	return broker.Close()
}

// parseTopic reads name[:partitions].
func parseTopic(s string) (embedded.Topic, error) {
	name, count, given := strings.Cut(s, ":")
	t := embedded.Topic{Name: name}
	if name == "" {
		return t, fmt.Errorf("--topic wants name[:partitions], found %q", s)
	}
	if given {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return t, fmt.Errorf("--topic %s: partitions must be a number from 1 on, found %q", name, count)
		}
		t.Partitions = n
	}
	return t, nil
}
