package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// recovery is the command `bench recovery`: job group with all its keys in its state is killed (SIGKILL) under load and started
// again at once; what is measured is the time from the kill to the moment at which a read_committed consumer has a row of a record
// that was produced after the kill.
func recovery(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("recovery", flag.ContinueOnError)
	o := options{records: 4}
	keys := f.Int("keys", 1_000_000, "keys in the state")
	f.IntVar(&o.rounds, "rounds", 5, "kills")
	o.target(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	b, closeBench, err := openBench(ctx, o)
	if err != nil {
		return err
	}
	defer closeBench()
	in, out, drop, err := b.topics(ctx, "recovery")
	if err != nil {
		return err
	}
	defer drop()
	err = produceAll(ctx, b.servers, in, partitions, *keys, func(i int, line []byte) []byte {
		return event{user: int64(i), sku: int64(i % 100000), cents: int64(i % 100000)}.appendJSON(line)
	})
	if err != nil {
		return err
	}
	took, err := b.recoveries(ctx, in, out, *keys)
	if err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Printf("recovery of %d keys: median %d ms, slowest %d ms, of %d kills\n", *keys, took[len(took)/2].Milliseconds(), took[len(took)-1].Milliseconds(), len(took))
	return nil
}

// recoveries is how long each of the rounds took that the job was killed in. Its input has a record of each key from 0 on.
func (b *bench) recoveries(ctx context.Context, in, out string, keys int) (took []time.Duration, err error) {
	witness, err := newWitness(b.servers, out)
	if err != nil {
		return nil, err
	}
	defer witness.Close()
	j := &job{weir: b.weir}
	if j.args, err = b.weirArgs("group", out, endless("topic_1m", in, "100 ms")); err != nil {
		return nil, err
	}
	if err := j.start(); err != nil {
		return nil, err
	}
	defer j.kill()
	await := func(from int64, n int) error {
		if err := awaitKeys(ctx, witness, from, n); err != nil {
			return fmt.Errorf("%w\n%s", err, j.stderr.Bytes())
		}
		return nil
	}
	say("building a state of %d keys", keys)
	if err := await(0, keys); err != nil {
		return nil, err
	}
	feed, err := startFeed(b.servers, in)
	if err != nil {
		return nil, err
	}
	defer feed.stop()
	for round := range b.rounds {
		// The keys of a round are new: one before the kill, one behind it.
		before, behind := int64(keys+2*round), int64(keys+2*round+1)
		feed.key.Store(before)
		if err := await(before, 1000); err != nil {
			return nil, err
		}
		began := time.Now()
		j.kill()
		feed.key.Store(behind)
		if err := j.start(); err != nil {
			return nil, err
		}
		if err := await(behind, 1); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		say("kill %d: committed again after %d ms", round+1, took[round].Milliseconds())
	}
	if err := feed.stop(); err != nil {
		return nil, err
	}
	return took, j.stop()
}

// awaitKeys polls until there were n rows whose key is at least from.
func awaitKeys(ctx context.Context, witness *ck.Consumer, from int64, n int) error {
	for limit := time.Now().Add(2 * time.Minute); n > 0; {
		if time.Now().After(limit) || ctx.Err() != nil {
			return fmt.Errorf("%d rows did not come", n)
		}
		m, ok := witness.Poll(20).(*ck.Message)
		if !ok || m.TopicPartition.Error != nil {
			continue
		}
		key, err := number(m.Key, "user_id")
		if err != nil {
			return err
		}
		if key >= from {
			n--
		}
	}
	return nil
}

// feed is 5,000 records a second, with the key of the moment.
type feed struct {
	key  atomic.Int64
	stop func() error // ends it, and says what went wrong
}

func startFeed(servers, topic string) (*feed, error) {
	p, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": servers, "enable.idempotence": true, "enable.metrics.push": false, "linger.ms": 1, "go.delivery.reports": false})
	if err != nil {
		return nil, err
	}
	f := &feed{}
	quit, done := make(chan struct{}), make(chan error, 1)
	f.stop = sync.OnceValue(func() error {
		defer p.Close()
		close(quit)
		return <-done
	})
	go func() { done <- f.run(p, topic, quit) }()
	return f, nil
}

func (f *feed) run(p *ck.Producer, topic string, quit <-chan struct{}) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return nil
		case <-tick.C:
		}
		for i := range int32(5) {
			text := event{user: f.key.Load()}.appendJSON(nil)
			if err := p.Produce(&ck.Message{TopicPartition: ck.TopicPartition{Topic: &topic, Partition: i % partitions}, Value: text}, nil); err != nil {
				return err
			}
		}
	}
}
