package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/formats"
	"weir/connectors/kafka"
	"weir/connectors/kafka/kafkatest/realkafka"
)

// latencyCase is one way in which records travel.
type latencyCase struct {
	name     string
	weir     bool // false: the consumer reads what the producer wrote, with nothing between
	interval string
	edit     []string // of the job's file
}

var latencyCases = []latencyCase{
	{name: "direct"},
	{name: "at-least-once", weir: true, interval: "5 s", edit: append([]string{"'exactly-once'", "'at-least-once'"}, onlyLocal...)},
	{name: "exactly-once, 20 ms", weir: true, interval: "20 ms", edit: onlyLocal},
	{name: "exactly-once, 100 ms", weir: true, interval: "100 ms", edit: onlyLocal},
	{name: "exactly-once, 20 ms, checkpoints in a folder", weir: true, interval: "20 ms"},
}

// onlyLocal leaves the state where it is without further settings, in the state directory: each epoch is synced there. Checkpoints in a
// folder, for a start on another machine, are files of their own, each with its name: syncs of the file system's journal.
var onlyLocal = []string{"SET 'execution.checkpointing.dir' = 'file:///tmp/weir/chk';\n", ""}

// delays are latencies, sorted.
type delays []time.Duration

// at is the quantile q.
func (d delays) at(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return d[min(len(d)-1, int(q*float64(len(d))))]
}

func (d delays) String() string {
	ms := func(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }
	return fmt.Sprintf("p50 %6.1f ms  p95 %6.1f ms  p99 %6.1f ms  max %6.1f ms  of %d records", ms(d.at(.5)), ms(d.at(.95)), ms(d.at(.99)), ms(d.at(1)), len(d))
}

// latency is the command `bench latency`: JSON records go in at a steady rate and through job passthrough; what is measured is the time
// from just before a record is handed to its producer to the moment at which a read_committed consumer has what the job made of it.
// Producer and consumer are in this process and share its clock.
func latency(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("latency", flag.ContinueOnError)
	o := options{records: 4, java: realkafka.Production}
	rate := f.Int("rate", 50_000, "records a second")
	took := f.Duration("for", 20*time.Second, "how long to measure, a case and round")
	only := f.String("case", "", "only the case of this `name`: direct, 'at-least-once', 'exactly-once, 20 ms', ...")
	warm := f.Duration("warm", 3*time.Second, "how long records travel before any is measured, a case and round")
	linger := f.Int("linger", 5, "linger.ms of the producer; 5 is the default of librdkafka and of Kafka 4's own producer")
	f.IntVar(&o.rounds, "rounds", 3, "rounds, in turns")
	o.target(f)
	log := f.String("log", "", "let weir log debug lines to a file per case in this `directory`")
	f.StringVar(&o.profile, "profile", "", "let weir write profiles to a folder per case in this `directory`")
	if err := f.Parse(args); err != nil {
		return err
	}
	b, closeBench, err := openBench(ctx, o)
	if err != nil {
		return err
	}
	defer closeBench()
	all := map[string][]delays{}
	for round := range o.rounds {
		for _, c := range latencyCases {
			if *only != "" && c.name != *only {
				continue
			}
			d, err := b.travel(ctx, c, *rate, *warm, *took, *linger, *log)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			say("round %d  %-22s %s", round+1, c.name, d)
			all[c.name] = append(all[c.name], d)
		}
	}
	fmt.Printf("| %d records/s | p50 | p95 | p99 | max |\n| --- | ---: | ---: | ---: | ---: |\n", *rate)
	for _, c := range latencyCases {
		if rounds := all[c.name]; rounds != nil {
			fmt.Printf("| %s |", c.name)
			for _, q := range []float64{.5, .95, .99, 1} {
				var of []time.Duration
				for _, d := range rounds {
					of = append(of, d.at(q))
				}
				slices.Sort(of)
				fmt.Printf(" %.1f ms |", float64(of[len(of)/2].Microseconds())/1000)
			}
			fmt.Println()
		}
	}
	return nil
}

// travel is one round of a case.
func (b *bench) travel(ctx context.Context, c latencyCase, rate int, warm, took time.Duration, linger int, log string) (delays, error) {
	in, out, drop, err := b.topics(ctx, "in")
	if err != nil {
		return nil, err
	}
	defer drop()
	read := out
	if !c.weir {
		read = in
	}
	p, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": b.servers, "enable.idempotence": true, "enable.metrics.push": false,
		"linger.ms": linger, "go.delivery.reports": false, "socket.nagle.disable": true})
	if err != nil {
		return nil, err
	}
	defer p.Close()

	j := &job{weir: b.weir}
	if c.weir {
		args, err := b.weirArgs("passthrough", out, append(endless("topic_1", in, c.interval), c.edit...))
		if err != nil {
			return nil, err
		}
		if b.profile != "" {
			args = append(args, "--profile", filepath.Join(b.profile, folder(c.name)))
		}
		if log != "" {
			args = append(slices.DeleteFunc(args, func(s string) bool { return s == "--quiet" }), "--log-level", "debug")
		}
		j.args = args
		if err := j.start(); err != nil {
			return nil, err
		}
		defer j.kill()
	}

	ctx, stop := context.WithTimeout(ctx, warm+took+20*time.Second)
	defer stop()
	base := time.Now()
	var sent, got atomic.Int64
	var d delays
	seen := make(chan error, 1)
	go func() {
		defer stop()
		seen <- kafka.BareFollow(ctx, b.servers, read, func(values formats.Payloads) error {
			now := time.Since(base)
			for i := range values.Off {
				record, _ := values.Get(i)
				made, err := number(record, "user_id")
				if err != nil {
					return err
				}
				if at := time.Duration(made) * time.Microsecond; at >= warm {
					d = append(d, now-at)
				}
			}
			got.Add(int64(len(values.Off)))
			return nil
		})
	}()
	sending := pace(p, in, base, rate, warm+took, &sent)
	for got.Load() < sent.Load() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	late := ctx.Err()
	stop()
	if err := errors.Join(<-seen, sending); err != nil {
		return nil, err
	}
	if late != nil {
		return nil, fmt.Errorf("%d of %d records came back\n%s", got.Load(), sent.Load(), j.stderr.Bytes())
	}
	if c.weir {
		if err := j.stop(); err != nil {
			return nil, err
		}
	}
	if log != "" {
		if err := os.WriteFile(filepath.Join(log, folder(c.name)+".log"), j.stderr.Bytes(), 0o644); err != nil {
			return nil, err
		}
	}
	slices.Sort(d)
	return d, nil
}

// pace hands records to p, rate of them a second, every millisecond what is due, each with the time in microseconds since base as its user_id.
func pace(p *ck.Producer, topic string, base time.Time, rate int, took time.Duration, sent *atomic.Int64) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var line []byte
	for n := 0; ; <-tick.C {
		now := time.Since(base)
		if now > took {
			if left := p.Flush(10000); left > 0 {
				return fmt.Errorf("%d records were not acknowledged", left)
			}
			return nil
		}
		for due := int(now.Seconds() * float64(rate)); n < due; n++ {
			line = event{user: time.Since(base).Microseconds(), sku: int64(n % 100000), cents: int64(n % 100000), at: now}.appendJSON(line[:0])
			if err := p.Produce(&ck.Message{TopicPartition: ck.TopicPartition{Topic: &topic, Partition: int32(n % partitions)}, Value: line}, nil); err != nil {
				return err
			}
			sent.Add(1)
		}
	}
}

// folder is a case's name for a file system.
func folder(name string) string {
	return string(bytes.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, []byte(name)))
}
