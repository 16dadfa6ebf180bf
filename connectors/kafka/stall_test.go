package kafka

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/kafka/kafkatest"
	"weir/exec"
)

// A consumer that fetches nothing more although there are records is found; one that has read all, and a partition that weir holds back, are
// left alone.
func TestStalledReaderRestarts(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "stalled", 2)
		b.Produce(t, topic, kafkatest.Record{Partition: 0, Value: []byte("a")})
		s := openSource(t, table("kafka", []string{"line STRING"}, "connector", "kafka", "topic", topic, "format", "plain",
			"properties.bootstrap.servers", b.Addr, "scan.startup.mode", "earliest-offset"))
		s.stall = stallLimits{quiet: 50 * time.Millisecond, behind: 300 * time.Millisecond, every: 20 * time.Millisecond}
		r := openReader(t, s, discover(t, s, nil))
		if got := readRows(t, r, 1); !slices.Equal(got, []string{"+I[a]"}) {
			t.Fatalf("read %v", got)
		}

		// polled for long enough that looks find it, were there something to find
		healthy := func(what string) {
			t.Helper()
			for range 20 {
				if got, err := r.Poll(context.Background(), 100*time.Millisecond); err != nil || got != nil {
					t.Fatalf("%s: %v, %v", what, got, err)
				}
			}
			if r.stands.Load() == nil {
				t.Fatalf("%s: a reader without records does not say where it stands", what)
			}
		}
		healthy("all is read")
		if err := r.Pause(1, true); err != nil {
			t.Fatal(err)
		}
		b.Produce(t, topic, kafkatest.Record{Partition: 1, Value: []byte("held back")})
		r.stands.Store(nil) // what it said before the pause
		healthy("a partition is held back")

		// The client stops to fetch and nobody has told it to: what librdkafka does by itself.
		if err := r.c.Pause([]ck.TopicPartition{{Topic: &topic, Partition: 0}}); err != nil {
			t.Fatal(err)
		}
		b.Produce(t, topic, kafkatest.Record{Partition: 0, Value: []byte("b")}, kafkatest.Record{Partition: 0, Value: []byte("c")})
		rows, err := pollError(t, r)
		if len(rows) > 0 || !errors.Is(err, exec.ErrRestart) {
			t.Fatalf("rows %v, error %v", rows, err)
		}
		for _, want := range []string{"read topic " + topic + " partition 0", "there are some from offset 1 to 2"} {
			if !strings.Contains(err.Error(), want) {
				t.Fatalf("the error does not say %q: %v", want, err)
			}
		}

		at := r.Positions()
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		got := readRows(t, openReader(t, s, at), 3)
		if slices.Sort(got); !slices.Equal(got, []string{"+I[b]", "+I[c]", "+I[held back]"}) {
			t.Fatalf("the next reader read %v", got)
		}
	})
}
