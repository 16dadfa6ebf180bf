package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// admin makes and removes topics, and fills them.
type admin struct{ a *ck.AdminClient }

func newAdmin(servers string) (*admin, error) {
	a, err := ck.NewAdminClient(&ck.ConfigMap{"bootstrap.servers": servers, "enable.metrics.push": false})
	if err != nil {
		return nil, err
	}
	return &admin{a}, nil
}

func (a *admin) close() { a.a.Close() }

// create makes a topic and returns when its partitions have leaders.
func (a *admin) create(ctx context.Context, topic string) error {
	return a.createWith(ctx, topic, partitions)
}

func (a *admin) createWith(ctx context.Context, topic string, partitions int) error {
	r, err := a.a.CreateTopics(ctx, []ck.TopicSpecification{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1,
		Config: map[string]string{"retention.ms": "-1"}}}, ck.SetAdminOperationTimeout(20*time.Second))
	if err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	if r[0].Error.Code() != ck.ErrNoError {
		return fmt.Errorf("create topic %s: %w", topic, r[0].Error)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		d, err := a.a.DescribeTopics(ctx, ck.NewTopicCollectionOfTopicNames([]string{topic}))
		if err == nil && len(d.TopicDescriptions) == 1 && len(d.TopicDescriptions[0].Partitions) == partitions {
			led := 0
			for _, p := range d.TopicDescriptions[0].Partitions {
				if p.Leader != nil && p.Leader.ID >= 0 {
					led++
				}
			}
			if led == partitions {
				return nil
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("topic %s has no leaders: %w", topic, ctx.Err())
		}
	}
}

// removeOf deletes the topics whose names begin with prefix.
func (a *admin) removeOf(prefix string) error {
	md, err := a.a.GetMetadata(nil, true, 20000)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	var errs []error
	for topic := range md.Topics {
		if strings.HasPrefix(topic, prefix) {
			errs = append(errs, a.remove(topic))
		}
	}
	return errors.Join(errs...)
}

func (a *admin) remove(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := a.a.DeleteTopics(ctx, []string{topic}, ck.SetAdminOperationTimeout(20*time.Second))
	if err == nil && r[0].Error.Code() != ck.ErrNoError {
		err = r[0].Error
	}
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", topic, err)
	}
	return nil
}

// fill makes an input topic, or takes the one that an earlier run left on the broker.
func (b *bench) fill(ctx context.Context, topic string, records int) error {
	if b.kafka != "" {
		switch n, err := b.admin.records(ctx, topic); {
		case err != nil:
			return err
		case n == int64(records):
			say("%s is there", topic)
			return nil
		case n > 0:
			return fmt.Errorf("the broker has a topic %s of %d records: give -records %d, or delete it", topic, n, n)
		}
	}
	if err := b.admin.create(ctx, topic); err != nil {
		return err
	}
	say("filling %s with %d records", topic, records)
	gens := make([]*generator, partitions)
	for p := range gens {
		gens[p] = newGenerator(p, keysOf(topic))
	}
	return produceAll(ctx, b.servers, topic, partitions, records, func(i int, line []byte) []byte { return gens[i%partitions].next().appendJSON(line) })
}

// produceAll fills a topic of so many partitions, which take turns, with n records that record appends to what it is given.
func produceAll(ctx context.Context, servers, topic string, parts, n int, record func(i int, line []byte) []byte) error {
	p, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": servers, "enable.idempotence": true, "enable.metrics.push": false,
		"linger.ms": 20, "batch.size": 500000, "queue.buffering.max.messages": 500000, "go.delivery.reports": false})
	if err != nil {
		return err
	}
	defer p.Close()
	var line []byte
	for i := range n {
		if i%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line = record(i, line[:0]) // the client copies it
		m := &ck.Message{TopicPartition: ck.TopicPartition{Topic: &topic, Partition: int32(i % parts)}, Value: line}
		err := p.Produce(m, nil)
		for isQueueFull(err) {
			p.Flush(10)
			err = p.Produce(m, nil)
		}
		if err != nil {
			return err
		}
	}
	if left := p.Flush(60000); left > 0 {
		return fmt.Errorf("%d records were not acknowledged within a minute", left)
	}
	return nil
}

func isQueueFull(err error) bool {
	ke, ok := err.(ck.Error)
	return ok && ke.Code() == ck.ErrQueueFull
}

// records is how many records a topic has; 0 when it is not there.
func (a *admin) records(ctx context.Context, topic string) (int64, error) {
	md, err := a.a.GetMetadata(&topic, false, 20000)
	if err != nil {
		return 0, fmt.Errorf("look for topic %s: %w", topic, err)
	}
	switch e := md.Topics[topic].Error; e.Code() {
	case ck.ErrNoError:
	case ck.ErrUnknownTopicOrPart:
		return 0, nil
	default:
		return 0, fmt.Errorf("look for topic %s: %w", topic, e)
	}
	ask := map[ck.TopicPartition]ck.OffsetSpec{}
	for p := range int32(partitions) {
		ask[ck.TopicPartition{Topic: &topic, Partition: p}] = ck.LatestOffsetSpec
	}
	r, err := a.a.ListOffsets(ctx, ask, ck.SetAdminRequestTimeout(20*time.Second))
	if err != nil {
		return 0, fmt.Errorf("offsets of %s: %w", topic, err)
	}
	var n int64
	for _, i := range r.ResultInfos {
		if i.Error.Code() != ck.ErrNoError {
			return 0, fmt.Errorf("offsets of %s: %w", topic, i.Error)
		}
		n += int64(i.Offset)
	}
	return n, nil
}
