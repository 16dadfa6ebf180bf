package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// demoPartitions is the partitions of the demo's topics.
const demoPartitions = 4

// clientConfig is the librdkafka settings that all clients of the demo share.
func clientConfig(broker string, more kafka.ConfigMap) *kafka.ConfigMap {
	c := kafka.ConfigMap{"bootstrap.servers": broker, "enable.metrics.push": false, "log_level": 0}
	for k, v := range more {
		c[k] = v
	}
	return &c
}

type demoAdmin struct{ *kafka.AdminClient }

func newDemoAdmin(broker string) (demoAdmin, error) {
	c, err := kafka.NewAdminClient(clientConfig(broker, nil))
	if err != nil {
		return demoAdmin{}, fmt.Errorf("connect to %s: %w", broker, err)
	}
	return demoAdmin{c}, nil
}

func (a demoAdmin) create(ctx context.Context, topics ...string) error {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	var specs []kafka.TopicSpecification
	for _, t := range topics {
		specs = append(specs, kafka.TopicSpecification{Topic: t, NumPartitions: demoPartitions, ReplicationFactor: 1})
	}
	results, err := a.CreateTopics(ctx, specs)
	if err != nil {
		return fmt.Errorf("create the demo's topics (is there a broker at the address?): %w", err)
	}
	for _, r := range results {
		if r.Error.Code() != kafka.ErrNoError {
			return fmt.Errorf("create topic %s: %w", r.Topic, r.Error)
		}
	}
	return nil
}

func (a demoAdmin) remove(topics ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), demoPatience)
	defer cancel()
	results, err := a.DeleteTopics(ctx, topics)
	if err != nil {
		return fmt.Errorf("delete the demo's topics: %w", err)
	}
	for _, r := range results {
		if r.Error.Code() != kafka.ErrNoError {
			err = errors.Join(err, fmt.Errorf("delete topic %s: %w", r.Topic, r.Error))
		}
	}
	return err
}

// feed sends the numbers 0 .. records-1 to a topic at a steady rate.
type feed struct {
	producer *kafka.Producer
	started  time.Time
	count    atomic.Int64
	finished atomic.Bool
	failed   chan error
	stop     chan struct{}
	wg       sync.WaitGroup
}

func newFeed(broker, topic string, records, rate int) (*feed, error) {
	p, err := kafka.NewProducer(clientConfig(broker, kafka.ConfigMap{
		"enable.idempotence": true, "linger.ms": 5, "go.delivery.reports": true,
	}))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", broker, err)
	}
	f := &feed{producer: p, started: time.Now(), failed: make(chan error, 1), stop: make(chan struct{})}
	f.wg.Add(2)
	go f.reports(records)
	go f.send(topic, records, rate)
	return f, nil
}

func (f *feed) send(topic string, records, rate int) {
	defer f.wg.Done()
	for i := 0; i < records; {
		due := min(records, int(time.Since(f.started).Seconds()*float64(rate)))
		for ; i < due; i++ {
			err := f.producer.Produce(&kafka.Message{
				TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: int32(i % demoPartitions)},
				Value:          []byte(strconv.Itoa(i)),
			}, nil)
			var full kafka.Error
			if errors.As(err, &full) && full.Code() == kafka.ErrQueueFull {
				break
			}
			if err != nil {
				f.fail(fmt.Errorf("send record %d: %w", i, err))
				return
			}
		}
		select {
		case <-f.stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// reports counts what the broker has acknowledged; done is when that is everything.
func (f *feed) reports(records int) {
	defer f.wg.Done()
	for {
		select {
		case <-f.stop:
			return
		case e := <-f.producer.Events():
			m, ok := e.(*kafka.Message)
			if !ok {
				continue
			}
			if m.TopicPartition.Error != nil {
				f.fail(fmt.Errorf("send to %s: %w", *m.TopicPartition.Topic, m.TopicPartition.Error))
				return
			}
			if f.count.Add(1) == int64(records) {
				f.finished.Store(true)
			}
		}
	}
}

func (f *feed) fail(err error) {
	select {
	case f.failed <- err:
	default: // the first failure is the one to tell
	}
}

func (f *feed) sent() int64            { return f.count.Load() }
func (f *feed) done() bool             { return f.finished.Load() }
func (f *feed) elapsed() time.Duration { return time.Since(f.started) }

// Close stops the feed.
func (f *feed) Close() {
	close(f.stop)
	f.wg.Wait()
	f.producer.Close()
}

// witness reads the output as a read_committed consumer and counts how often it sees each number.
type witness struct {
	consumer *kafka.Consumer
	topic    string
	failed   chan error
	stop     chan struct{}
	wg       sync.WaitGroup

	mu    sync.Mutex
	seen  []uint8 // by number; stops counting at 255
	once  int     // numbers seen at least once
	extra int     // further sightings, and records that are no number of ours
	next  [demoPartitions]int64
}

func newWitness(broker, topic string, records int) (*witness, error) {
	c, err := kafka.NewConsumer(clientConfig(broker, kafka.ConfigMap{
		"group.id": "weir-demo-witness", "isolation.level": "read_committed", "enable.auto.commit": false,
		"auto.offset.reset": "error", "fetch.wait.max.ms": 20, "enable.partition.eof": true,
	}))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", broker, err)
	}
	var parts []kafka.TopicPartition
	for p := range int32(demoPartitions) {
		parts = append(parts, kafka.TopicPartition{Topic: &topic, Partition: p, Offset: 0})
	}
	if err := c.Assign(parts); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", topic, err), c.Close())
	}
	w := &witness{consumer: c, topic: topic, failed: make(chan error, 1), stop: make(chan struct{}), seen: make([]uint8, records)}
	w.wg.Add(1)
	go w.read()
	return w, nil
}

func (w *witness) read() {
	defer w.wg.Done()
	for {
		select {
		case <-w.stop:
			return
		default:
		}
		switch e := w.consumer.Poll(50).(type) {
		case *kafka.Message:
			w.count(e)
		case kafka.PartitionEOF:
			w.mu.Lock()
			w.next[e.Partition] = max(w.next[e.Partition], int64(e.Offset))
			w.mu.Unlock()
		case kafka.Error:
			if e.IsFatal() {
				w.failed <- fmt.Errorf("read %s: %w", w.topic, e)
				return
			}
		}
	}
}

func (w *witness) count(m *kafka.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next[m.TopicPartition.Partition] = int64(m.TopicPartition.Offset) + 1
	n, err := strconv.Atoi(string(m.Value))
	switch {
	case err != nil || n < 0 || n >= len(w.seen):
		w.extra++
	case w.seen[n] == 0:
		w.seen[n]++
		w.once++
	default:
		w.extra++
	}
}

// drain waits until the witness has read to the end of every partition.
func (w *witness) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	for p := range int32(demoPartitions) {
		_, end, err := w.consumer.QueryWatermarkOffsets(w.topic, p, int(demoPatience/time.Millisecond))
		if err != nil {
			return fmt.Errorf("ask for the end of %s: %w", w.topic, err)
		}
		for !w.reached(p, end) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s partition %d cannot be read to its end: a transaction is still open", w.topic, p)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return nil
}

func (w *witness) reached(p int32, end int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next[p] >= end
}

func (w *witness) distinct() int   { w.mu.Lock(); defer w.mu.Unlock(); return w.once }
func (w *witness) duplicates() int { w.mu.Lock(); defer w.mu.Unlock(); return w.extra }
func (w *witness) losses() int     { w.mu.Lock(); defer w.mu.Unlock(); return len(w.seen) - w.once }

// Close stops reading. The consumer's own error at the end tells nobody anything new.
func (w *witness) Close() {
	close(w.stop)
	w.wg.Wait()
	_ = w.consumer.Close()
}
