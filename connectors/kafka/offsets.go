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

// offsetReader asks the coordinators of groups: for committed offsets, and for what is allowed. One goroutine at a time.
//
// It is a client of its own for two reasons of librdkafka's (to 2.14 at least), both of which end the process:
//
//   - When a broker answers that it is not, or not yet, the group's coordinator, the client's own consumer group is asked to look for it, so that it
//     must be the admin client of a consumer (rd_kafka_handle_OffsetFetch).
//   - A request that is over before the client has reached the coordinator leaves something behind, which finds the request gone when the
//     coordinator is there again: "Assertion eonce->refcnt > 0 failed" (rd_kafka_admin_coord_request; confluentinc/librdkafka#4605). So no request is
//     ever over by itself, and when nobody waits for one any more its client is closed, which ends both in their order.
type offsetReader struct {
	*offsetClient
	conf ck.ConfigMap
	log  *slog.Logger
	h    *health
}

// offsetClient is the client of an offsetReader.
type offsetClient struct {
	c      *ck.Consumer
	admin  *admin
	events sync.WaitGroup
	stop   chan struct{}
}

// committed reads the offsets that a group has committed for parts, nil for all; stable waits for open transactions that would change them.
func (r *offsetReader) committed(ctx context.Context, group string, parts []ck.TopicPartition, stable bool) ([]ck.TopicPartition, error) {
	a, err := r.admin.ListConsumerGroupOffsets(ctx, ck.ConsumerGroupTopicPartitions{Group: group, Partitions: parts}, ck.SetAdminRequireStableOffsets(stable))
	if err := r.renew(err); err != nil {
		return nil, err
	}
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
	if len(a.ConsumerGroupsTopicPartitions) != 1 {
		return nil, fmt.Errorf("%w: no answer for group %s", errWait, group)
	}
	got := a.ConsumerGroupsTopicPartitions[0].Partitions
	for _, p := range got {
		if p.Error != nil {
			return nil, p.Error
		}
	}
	return got, nil
}

// describe asks for a group, and what is allowed with it.
func (r *offsetReader) describe(ctx context.Context, group string) (ck.DescribeConsumerGroupsResult, error) {
	a, err := r.admin.DescribeConsumerGroup(ctx, group, ck.SetAdminOptionIncludeAuthorizedOperations(true))
	return a, errors.Join(err, r.renew(err))
}

// renew takes another client when err is that of a request without an answer.
func (r *offsetReader) renew(err error) error {
	if code, _ := codeOf(err); err == nil || code > 0 {
		return nil
	}
	c, err := newOffsetClient(r.conf, r.log, r.h)
	if err != nil {
		return err
	}
	r.close()
	r.offsetClient = c
	return nil
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
	c, err := newOffsetClient(own, log, h)
	if err != nil {
		return nil, err
	}
	return &offsetReader{c, own, log, h}, nil
}

func newOffsetClient(conf ck.ConfigMap, log *slog.Logger, h *health) (*offsetClient, error) {
	conf = with(conf)
	c, err := ck.NewConsumer(&conf)
	if err != nil {
		return nil, err
	}
	a, err := ck.NewAdminClientFromConsumer(c)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	r := &offsetClient{c: c, admin: &admin{c: a}, stop: make(chan struct{})}
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

func (r *offsetClient) close() {
	close(r.stop)
	r.events.Wait()
	r.admin.Close()
	_ = r.c.Close() // it has joined nothing and committed nothing
}

func (r *offsetReader) close() { r.offsetClient.close() }
