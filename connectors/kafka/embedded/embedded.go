// Package embedded is the broker of weir demo, weir dev and weir run --dev: a Kafka in the
// process, on real sockets, with transactions, and with a data directory that survives a
// restart. It is one node, does not replicate and completes transactions at once: it is for trying jobs out.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/twmb/franz-go/pkg/kfake"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Topic is a topic to create.
type Topic struct {
	Name       string
	Partitions int // 0: 4
}

// Options say what broker to start.
type Options struct {
	Addr       string  // host:port to listen on; port 0 chooses one; "" is 127.0.0.1:0
	DataDir    string  // keeps topics, records and groups; "" keeps them in memory
	Topics     []Topic // created where they are missing
	AutoCreate bool    // topics are created when they are first used
	Sync       bool    // every record is synced to disk: it survives a power cut too
	Log        *slog.Logger
}

// Broker is a running embedded broker.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	lock    *flock.Flock
}

// defaultPartitions is the number of partitions of a topic that does not say.
const defaultPartitions = 4

// Start runs a broker until Close.
func Start(o Options) (*Broker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	host, port := "127.0.0.1", 0
	if o.Addr != "" {
		h, p, err := net.SplitHostPort(o.Addr)
		if err != nil {
			return nil, fmt.Errorf("embedded broker: address '%s' is not host:port", o.Addr)
		}
		if port, err = strconv.Atoi(p); err != nil {
			return nil, fmt.Errorf("embedded broker: '%s' is not a port", p)
		}
		host = h
	}
	b := &Broker{}
	opts := []kfake.Opt{kfake.ClusterID("weir-embedded"), kfake.DefaultNumPartitions(defaultPartitions), kfake.WithLogger(logger{o.Log}),
		kfake.Ports(port), kfake.ListenFn(func(network, address string) (net.Listener, error) {
			_, p, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return net.Listen(network, net.JoinHostPort(host, p))
		})}
	if o.AutoCreate {
		opts = append(opts, kfake.AllowAutoTopicCreation())
	}
	if o.DataDir != "" {
		if err := os.MkdirAll(o.DataDir, 0o755); err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		b.lock = flock.New(filepath.Join(o.DataDir, "weir.lock"))
		ok, err := b.lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("embedded broker: lock %s: %w", o.DataDir, err)
		}
		if !ok {
			return nil, fmt.Errorf("embedded broker: another broker uses the data directory %s: stop it, or give another directory", o.DataDir)
		}
		opts = append(opts, kfake.DataDir(filepath.Join(o.DataDir, "data")))
		if o.Sync {
			opts = append(opts, kfake.SyncWrites())
		}
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		b.unlock()
		return nil, fmt.Errorf("embedded broker on %s: %w", net.JoinHostPort(host, strconv.Itoa(port)), err)
	}
	b.cluster, b.addr = c, c.ListenAddrs()[0]
	if err := b.Create(o.Topics...); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	o.Log.Debug("embedded broker", "address", b.addr)
	return b, nil
}

// Addr is the bootstrap address.
func (b *Broker) Addr() string { return b.addr }

// createPatience is how long Create waits for the broker, which is in this very process: it answers at once unless the machine is overloaded.
const createPatience = 2 * time.Minute

// Create creates topics that do not exist.
func (b *Broker) Create(topics ...Topic) error {
	if len(topics) == 0 {
		return nil
	}
	a, err := ck.NewAdminClient(&ck.ConfigMap{"bootstrap.servers": b.addr, "enable.metrics.push": false, "log_level": 3})
	if err != nil {
		return err
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(context.Background(), createPatience)
	defer cancel()
	specs := make([]ck.TopicSpecification, len(topics))
	for i, t := range topics {
		n := t.Partitions
		if n == 0 {
			n = defaultPartitions
		}
		specs[i] = ck.TopicSpecification{Topic: t.Name, NumPartitions: n, ReplicationFactor: 1}
	}
	res, err := a.CreateTopics(ctx, specs)
	if err != nil {
		return fmt.Errorf("embedded broker: create topics: %w", err)
	}
	for _, r := range res {
		if c := r.Error.Code(); c != ck.ErrNoError && c != ck.ErrTopicAlreadyExists {
			return fmt.Errorf("embedded broker: create topic %s: %w", r.Topic, r.Error)
		}
	}
	return nil
}

// Close stops the broker; with a data directory everything is on disk afterwards.
func (b *Broker) Close() error {
	b.cluster.Close()
	return b.unlock()
}

func (b *Broker) unlock() error {
	if b.lock == nil {
		return nil
	}
	return b.lock.Unlock()
}

// logger passes the broker's lines on as debug lines: what matters to users shows in their clients.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("embedded broker: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}
