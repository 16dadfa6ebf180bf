package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// firstRecords is how much input waits for the job.
const firstRecords = 100_000

// runStarts measures the time to the first committed record and gives it to r.
func (b *bench) runStarts(ctx context.Context, r *report) error {
	var took []int64
	for range b.starts {
		d, err := b.first(ctx)
		if err != nil {
			return fmt.Errorf("first committed record: %w", err)
		}
		took = append(took, d.Milliseconds())
		say("first committed record after %d ms", d.Milliseconds())
	}
	r.FirstMedian, r.FirstWorst, r.Starts, r.FirstRecords = median(took), slices.Max(took), len(took), firstRecords
	return nil
}

// first starts the raw job with a checkpoint interval of 100 ms on a topic in which records wait, and returns the time from the
// start of its process to the moment at which a read_committed consumer, which polls all the while, has the first record.
func (b *bench) first(ctx context.Context) (time.Duration, error) {
	in, out, drop, err := b.topics(ctx, "first")
	if err != nil {
		return 0, err
	}
	defer drop()
	err = produceAll(ctx, b.servers, in, partitions, firstRecords, func(i int, line []byte) []byte { return event{user: int64(i)}.appendJSON(line) })
	if err != nil {
		return 0, err
	}
	witness, err := newWitness(b.servers, out)
	if err != nil {
		return 0, err
	}
	defer witness.Close()

	// The job is unbounded here: the end of the input must not hurry the commit.
	j := &job{weir: b.weir}
	if j.args, err = b.weirArgs("raw", out, endless("topic_1", in, "100 ms")); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := j.start(); err != nil {
		return 0, err
	}
	defer j.kill()
	var at time.Duration
	for at == 0 && time.Since(start) < 60*time.Second && ctx.Err() == nil {
		if m, ok := witness.Poll(100).(*ck.Message); ok && m.TopicPartition.Error == nil {
			at = time.Since(start)
		}
	}
	if err := j.stop(); err != nil {
		return 0, err
	}
	if at == 0 {
		return 0, fmt.Errorf("nothing was committed within a minute\n%s", j.stderr.Bytes())
	}
	return at, nil
}

// newWitness is a read_committed consumer at the beginning of a topic's partitions.
func newWitness(servers, topic string) (*ck.Consumer, error) {
	c, err := ck.NewConsumer(&ck.ConfigMap{"bootstrap.servers": servers, "group.id": "witness", "isolation.level": "read_committed",
		"enable.auto.commit": false, "enable.metrics.push": false, "socket.nagle.disable": true, "fetch.wait.max.ms": 10, "fetch.queue.backoff.ms": 1})
	if err != nil {
		return nil, err
	}
	var parts []ck.TopicPartition
	for p := range int32(partitions) {
		parts = append(parts, ck.TopicPartition{Topic: &topic, Partition: p, Offset: 0})
	}
	if err := c.Assign(parts); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	// One turn, so that it is connected and fetching when the job starts.
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); {
		c.Poll(50)
	}
	return c, nil
}
