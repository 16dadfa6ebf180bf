package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/formats"
	"weir/exec/batch"
	"weir/planner/config"
)

// BareOptions is one bare copy of a topic.
type BareOptions struct {
	Servers         string        // bootstrap servers
	From, To        string        // topics, both there; From is read to the end it has at the start
	TransactionalID string        // of the producer; its consumer group has the same name
	Interval        time.Duration // of the transactions
}

// BareLoop copies the values of a topic to another with the batch shim and nothing else: what is fetched goes to the producer
// as it is, in transactions, whose last step is the source's offsets. It is the floor that benchmarks of weir compare with: the same
// client library with the same settings, without decoding, batches of columns, tasks or checkpoints. It returns the records copied.
func BareLoop(ctx context.Context, o BareOptions) (int64, error) {
	fewArenas()
	conf := with(producerConfig(ck.ConfigMap{"bootstrap.servers": o.Servers}, new(config.Config)),
		"transactional.id", o.TransactionalID, "retry.backoff.ms", 5, "retry.backoff.max.ms", 500, "go.logs.channel.enable", false, "client.id", "bare")
	p, err := ck.NewProducer(&conf)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	rk, err := rkOf(p)
	if err != nil {
		return 0, err
	}
	reportErrorsOnly(rk)
	var lost error // set by the goroutine, read when it has ended
	served := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(served)
		for {
			select {
			case e := <-p.Events():
				if m, ok := e.(*ck.Message); ok && m.TopicPartition.Error != nil && lost == nil {
					lost = m.TopicPartition.Error
				}
			case <-stop:
				return
			}
		}
	}()
	n, err := bareCopy(ctx, p, rdHandle{rk}, o)
	close(stop)
	<-served
	return n, errors.Join(err, lost)
}

func bareCopy(ctx context.Context, p *ck.Producer, h rdHandle, o BareOptions) (int64, error) {
	if err := p.InitTransactions(ctx); err != nil {
		return 0, err
	}
	md, err := p.GetMetadata(&o.To, false, 20000)
	if err != nil {
		return 0, err
	}
	parts := int32(len(md.Topics[o.To].Partitions))
	if parts == 0 {
		return 0, fmt.Errorf("topic %s is not there", o.To)
	}
	to, err := newRdTopic(h.rk, o.To)
	if err != nil {
		return 0, err
	}
	defer to.destroy()
	if err := p.BeginTransaction(); err != nil {
		return 0, err
	}
	next := map[int32]ck.Offset{}
	group, err := ck.NewTestConsumerGroupMetadata(o.TransactionalID)
	if err != nil {
		return 0, err
	}
	commit := func(again bool) error {
		var offsets []ck.TopicPartition
		for part, off := range next {
			offsets = append(offsets, ck.TopicPartition{Topic: &o.From, Partition: part, Offset: off})
		}
		if err := p.SendOffsetsToTransaction(ctx, offsets, group); err != nil {
			return err
		}
		if err := p.CommitTransaction(ctx); err != nil {
			return err
		}
		if !again {
			return nil
		}
		return p.BeginTransaction()
	}
	var total int64
	var turn int32
	var idx []int32
	committed := time.Now()
	err = bareRead(ctx, o.Servers, o.From, false, wanted{values: true}, func(r *records) error {
		idx = grow(idx, r.n)
		for i := range idx {
			idx[i] = int32(i)
		}
		for sent := idx; len(sent) > 0; {
			n, code := produce(h.rk, to, turn%parts, &outgoing{values: r.values}, sent)
			sent = sent[n:]
			if len(sent) == 0 {
				break
			}
			if code != ck.ErrQueueFull {
				return fmt.Errorf("produce to %s: %v", o.To, code)
			}
			time.Sleep(time.Millisecond)
		}
		turn++
		total += int64(r.n)
		for _, run := range r.runs {
			next[run.partition] = ck.Offset(run.last + 1)
		}
		if now := time.Now(); now.Sub(committed) >= o.Interval {
			if err := commit(true); err != nil {
				return err
			}
			committed = now
		}
		return nil
	})
	if err != nil {
		return total, err
	}
	return total, commit(false)
}

// BareRead gives each batch of keys and values of a topic, from its beginning to the end that it has now for a read_committed reader, to f.
// What f is given is reused after it returns. Partitions come mixed; the records of one call are of one partition.
func BareRead(ctx context.Context, servers, topic string, f func(partition int32, keys, values formats.Payloads) error) error {
	return bareRead(ctx, servers, topic, false, wanted{keys: true, values: true}, func(r *records) error {
		for _, run := range r.runs {
			if run.err != 0 {
				continue
			}
			cut := func(p formats.Payloads) formats.Payloads {
				p.Off, p.Len = p.Off[run.from:run.to], p.Len[run.from:run.to]
				return p
			}
			if err := f(run.partition, cut(r.keys), cut(r.values)); err != nil {
				return err
			}
		}
		return nil
	})
}

// BareFollow gives the values of a topic, from its beginning and as they come, to f, as a read_committed reader sees them, until the context
// ends, which is no error, or f fails. What f is given is reused after it returns.
func BareFollow(ctx context.Context, servers, topic string, f func(values formats.Payloads) error) error {
	err := bareRead(ctx, servers, topic, true, wanted{values: true}, func(r *records) error { return f(r.values) })
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// bareRead reads a topic to its end, or on behind it, as weir's source reads it.
func bareRead(ctx context.Context, servers, topic string, follow bool, want wanted, f func(*records) error) (err error) {
	conf := ck.ConfigMap{"bootstrap.servers": servers, "group.id": "bare", "isolation.level": "read_committed",
		"auto.offset.reset": "error", "enable.auto.commit": false, "enable.auto.offset.store": false, "enable.partition.eof": true,
		"enable.metrics.push": false, "socket.nagle.disable": true, "fetch.queue.backoff.ms": 10, "queued.max.messages.kbytes": 8192}
	c, err := ck.NewConsumer(&conf)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	md, err := c.GetMetadata(&topic, false, 20000)
	if err != nil {
		return err
	}
	q, err := newQueue(c, batch.TargetRows)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.close()) }()
	var parts []ck.TopicPartition
	for _, p := range md.Topics[topic].Partitions {
		// The beginning is asked for by librdkafka, which asks again while a topic that was just made has no leader.
		parts = append(parts, ck.TopicPartition{Topic: &topic, Partition: p.ID, Offset: ck.OffsetBeginning})
		q.forward(topic, p.ID)
		defer q.unforward(topic, p.ID)
	}
	if len(parts) == 0 {
		return fmt.Errorf("topic %s is not there", topic)
	}
	if err := c.Assign(parts); err != nil {
		return err
	}
	ended := map[int32]bool{}
	var recs records
	for len(ended) < len(parts) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if q.pending() == 0 {
			for c.Poll(0) != nil { // errors that matter also come as events of the partitions
			}
			switch n := q.take(); {
			case n < 0:
				return errors.New("librdkafka's queue failed")
			case n == 0:
				if err := q.wait(time.Now().Add(eventsEvery)); err != nil {
					return err
				}
				continue
			}
		}
		q.copy(&recs, want, batch.TargetBytes)
		for _, run := range recs.runs {
			switch run.err {
			case 0:
			case ck.ErrPartitionEOF:
				if !follow {
					ended[run.partition] = true
				}
			default:
				return fmt.Errorf("read topic %s partition %d: %v", topic, run.partition, run.err)
			}
		}
		if recs.n > 0 {
			if err := f(&recs); err != nil {
				return err
			}
		}
	}
	return nil
}
