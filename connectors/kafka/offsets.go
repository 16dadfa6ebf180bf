package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// groupOffsets reads committed offsets; stable waits for open transactions that would change them. a must be the admin client of a
// consumer: when a broker answers that it is not, or not yet, the group's coordinator, librdkafka asks its own consumer group to look
// for it, and a client that has none crashes the process.
func groupOffsets(ctx context.Context, a *admin, group string, parts []ck.TopicPartition, stable bool) ([]ck.TopicPartition, error) {
	r, err := a.ListConsumerGroupOffsets(ctx, ck.ConsumerGroupTopicPartitions{Group: group, Partitions: parts}, ck.SetAdminRequireStableOffsets(stable))
	if code, _ := codeOf(err); code == ck.ErrGroupIDNotFound { // some brokers say so, others that it has no offsets
		out := slices.Clone(parts)
		for i := range out {
			out[i].Offset = ck.OffsetInvalid
		}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	if len(r.ConsumerGroupsTopicPartitions) != 1 {
		return nil, fmt.Errorf("%w: no answer for group %s", errWait, group)
	}
	got := r.ConsumerGroupsTopicPartitions[0].Partitions
	for _, p := range got {
		if p.Error != nil {
			return nil, p.Error
		}
	}
	return got, nil
}

// offsetReader reads the committed offsets of groups for a client that is no consumer. One goroutine at a time.
type offsetReader struct {
	c      *ck.Consumer
	admin  *admin
	events sync.WaitGroup
	stop   chan struct{}
}

// connection are the prefixes of the properties by which a client reaches and identifies itself to a cluster; what else a
// producer is configured with is nothing to a consumer.
var connection = []string{"bootstrap.servers", "metadata.broker.list", "security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.", "https.",
	"client.", "socket.", "broker.", "reconnect.", "retry.backoff.", "api.version."}

// newOffsetReader connects with the connection properties of conf. The client is of a group that it never joins.
func newOffsetReader(conf ck.ConfigMap, group string, log *slog.Logger, h *health) (*offsetReader, error) {
	own := ck.ConfigMap{"group.id": group, "enable.auto.commit": false, "enable.metrics.push": false, "go.logs.channel.enable": true}
	for k, v := range conf {
		if slices.ContainsFunc(connection, func(p string) bool { return strings.HasPrefix(k, p) }) {
			own[k] = v
		}
	}
	own = connecting(own)
	c, err := ck.NewConsumer(&own)
	if err != nil {
		return nil, err
	}
	a, err := ck.NewAdminClientFromConsumer(c)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	r := &offsetReader{c: c, admin: &admin{c: a}, stop: make(chan struct{})}
	go drainLogs(c.Logs(), log)
	r.events.Go(func() {
		for {
			select {
			case <-r.stop:
				return
			default:
				serveEvent(c.Poll(100), c, h)
			}
		}
	})
	return r, nil
}

func (r *offsetReader) close() {
	close(r.stop)
	r.events.Wait()
	r.admin.Close()
	_ = r.c.Close() // it has joined nothing and committed nothing
}
