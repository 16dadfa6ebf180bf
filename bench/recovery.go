package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"sync/atomic"
	"syscall"
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
	in, out := "bench_in", "bench_out"
	for _, t := range []string{in, out} {
		if err := b.admin.create(ctx, t); err != nil {
			return err
		}
		defer b.dropLater(t)
	}
	produce, done, err := newFiller(b.servers, in)
	if err != nil {
		return err
	}
	var line []byte
	for i := range *keys {
		line = event{user: int64(i), sku: int64(i % 100000), cents: int64(i % 100000)}.appendJSON(line[:0])
		if err := produce(int32(i%partitions), line); err != nil {
			return errors.Join(err, done())
		}
	}
	if err := done(); err != nil {
		return err
	}
	witness, err := newWitness(b.servers, out)
	if err != nil {
		return err
	}
	defer witness.Close()
	jobArgs, err := b.weirArgs("group", out, []string{"'topic_1m'", "'" + in + "'", "'5 s'", "'100 ms'", "  'scan.bounded.mode' = 'latest-offset',\n", ""})
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	start := func() (*exec.Cmd, error) {
		cmd := exec.Command(b.weir, jobArgs...)
		cmd.Stderr = &stderr
		return cmd, cmd.Start()
	}
	cmd, err := start()
	if err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	// await polls until a row's key is at least from, n times.
	await := func(from int64, n int) error {
		for limit := time.Now().Add(2 * time.Minute); n > 0; {
			if time.Now().After(limit) || ctx.Err() != nil {
				return fmt.Errorf("%d rows did not come\n%s", n, stderr.Bytes())
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
	say("building a state of %d keys", *keys)
	if err := await(0, *keys); err != nil {
		return err
	}
	// 5,000 records a second go in all the while. Their keys are those of the round.
	var key atomic.Int64
	feed, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": b.servers, "enable.idempotence": true, "enable.metrics.push": false, "linger.ms": 1, "go.delivery.reports": false})
	if err != nil {
		return err
	}
	defer feed.Close()
	stop, fed := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-stop:
				fed <- nil
				return
			case <-tick.C:
			}
			for p := range int32(5) {
				text := event{user: key.Load()}.appendJSON(nil)
				if err := feed.Produce(&ck.Message{TopicPartition: ck.TopicPartition{Topic: &in, Partition: p % partitions}, Value: text}, nil); err != nil {
					fed <- err
					return
				}
			}
		}
	}()
	var took []time.Duration
	for round := range o.rounds {
		key.Store(int64(*keys + 2*round))
		if err := await(key.Load(), 1000); err != nil {
			return err
		}
		began := time.Now()
		if err := cmd.Process.Kill(); err != nil {
			return err
		}
		_ = cmd.Wait() // killed
		key.Store(int64(*keys + 2*round + 1))
		if cmd, err = start(); err != nil {
			return err
		}
		if err := await(key.Load(), 1); err != nil {
			return err
		}
		took = append(took, time.Since(began))
		say("kill %d: committed again after %d ms", round+1, took[round].Milliseconds())
	}
	close(stop)
	if err := <-fed; err != nil {
		return err
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("the job: %w\n%s", err, stderr.Bytes())
	}
	slices.Sort(took)
	fmt.Printf("recovery of %d keys: median %d ms, slowest %d ms, of %d kills\n", *keys, took[len(took)/2].Milliseconds(), took[len(took)-1].Milliseconds(), len(took))
	return nil
}
