package sandbox

import (
	"errors"
	"fmt"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/kafka/embedded"
)

// How the records come.
const (
	history = 60 * time.Second      // of event time, written at once
	pace    = 20 * time.Millisecond // between what is written then
)

// Shop is the stream of sample data into one broker.
type Shop struct {
	p      *ck.Producer
	quit   chan struct{} // ends the stream
	stream sync.WaitGroup
	drain  sync.WaitGroup

	mu  sync.Mutex
	err error // the first failure to write
}

// Start makes the topics on b, with a partition each, writes the first minute of records, and goes on in the pace of the clock until
// Close.
func Start(b *embedded.Broker) (*Shop, error) {
	var topics []embedded.Topic
	for _, t := range Topics() {
		topics = append(topics, embedded.Topic{Name: t.Name, Partitions: 1})
	}
	if err := b.Create(topics...); err != nil {
		return nil, err
	}
	p, err := ck.NewProducer(&ck.ConfigMap{
		"bootstrap.servers": b.Addr(), "linger.ms": 5, "enable.idempotence": true, "enable.metrics.push": false, "log_level": 2,
		"queue.buffering.max.messages": 1_000_000,
	})
	if err != nil {
		return nil, fmt.Errorf("sample data: %w", err)
	}
	s := &Shop{p: p, quit: make(chan struct{})}
	s.drain.Go(s.reports)
	written := map[string]int{}
	err = s.write(written, history)
	if err == nil && p.Flush(10_000) > 0 {
		err = fmt.Errorf("sample data: %s does not take the records", b.Addr())
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.stream.Go(func() { s.run(written) })
	return s, nil
}

// write queues the records of every topic up to that much event time.
func (s *Shop) write(written map[string]int, upTo time.Duration) error {
	for _, t := range Topics() {
		for end := int(upTo * time.Duration(t.Rate) / time.Second); written[t.Name] < end; written[t.Name]++ {
			key, value := t.Record(written[t.Name])
			err := s.p.Produce(&ck.Message{
				TopicPartition: ck.TopicPartition{Topic: &t.Name, Partition: 0}, Key: []byte(key), Value: []byte(value),
			}, nil)
			if err != nil {
				return fmt.Errorf("sample data: write to topic %s: %w", t.Name, err)
			}
		}
	}
	return nil
}

// run writes what is due until Close.
func (s *Shop) run(written map[string]int) {
	began := time.Now()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case now := <-tick.C:
			if err := s.write(written, history+now.Sub(began)); err != nil {
				s.fail(err)
				return
			}
		}
	}
}

// reports looks at what became of the records, until the producer is closed.
func (s *Shop) reports() {
	for e := range s.p.Events() {
		if m, ok := e.(*ck.Message); ok && m.TopicPartition.Error != nil {
			s.fail(fmt.Errorf("sample data: write to topic %s: %w", *m.TopicPartition.Topic, m.TopicPartition.Error))
		}
	}
}

func (s *Shop) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// Close ends the stream. The error is the first failure to write, if there was one.
func (s *Shop) Close() error {
	close(s.quit)
	s.stream.Wait()
	left := s.p.Flush(1000)
	s.p.Close()
	s.drain.Wait()
	if s.err == nil && left > 0 {
		return fmt.Errorf("sample data: %d records were not written", left)
	}
	return s.err
}
