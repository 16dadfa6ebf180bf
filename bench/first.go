package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
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
	b.serial++
	in, out := fmt.Sprintf("bench_first_%d", b.serial), fmt.Sprintf("bench_out_%d", b.serial)
	for _, t := range []string{in, out} {
		if err := b.admin.create(ctx, t); err != nil {
			return 0, err
		}
		defer b.dropLater(t)
	}
	produce, done, err := newFiller(b.servers, in)
	if err != nil {
		return 0, err
	}
	var line []byte
	for i := range firstRecords {
		p := i % partitions
		line = event{user: int64(i)}.appendJSON(line[:0])
		if err := produce(int32(p), line); err != nil {
			return 0, errors.Join(err, done())
		}
	}
	if err := done(); err != nil {
		return 0, err
	}
	witness, err := newWitness(b.servers, out)
	if err != nil {
		return 0, err
	}
	defer witness.Close()

	// The job is unbounded here: the end of the input must not hurry the commit.
	args, err := b.weirArgs("raw", out, []string{"'topic_1'", "'" + in + "'", "'5 s'", "'100 ms'", "  'scan.bounded.mode' = 'latest-offset',\n", ""})
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, b.weir, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var at time.Duration
	for at == 0 && time.Since(start) < 60*time.Second {
		if m, ok := witness.Poll(100).(*ck.Message); ok && m.TopicPartition.Error == nil {
			at = time.Since(start)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && at > 0 {
		return 0, fmt.Errorf("stop the job: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("the job: %w\n%s", err, stderr.Bytes())
	}
	if at == 0 {
		return 0, fmt.Errorf("nothing was committed within a minute\n%s", stderr.Bytes())
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
