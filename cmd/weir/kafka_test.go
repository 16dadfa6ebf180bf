package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"weir/connectors/program"
)

// freeAddress is a loopback address that nobody listens on.
func freeAddress() (string, error) {
	port, err := program.FreePort()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

// produce writes every line of text as a record of partition 0: KEY<tab>VALUE, or VALUE alone. The client is not the
// one that weir uses: it is a witness.
func produce(broker, topic, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.AllowAutoTopicCreation())
	if err != nil {
		return err
	}
	defer client.Close()
	var records []*kgo.Record
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		r := &kgo.Record{Topic: topic, Value: []byte(line)}
		if key, value, ok := strings.Cut(line, "\t"); ok {
			r.Key, r.Value = []byte(key), []byte(value)
		}
		records = append(records, r)
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}

// consume reads what is committed in topic: n records at least, and what else comes right behind. Each is a line, KEY<tab>VALUE where
// there is a key, <null> for a tombstone; the lines are sorted.
func consume(broker, topic string, n int) ([]string, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AllowAutoTopicCreation())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var lines []string
	for end := time.Now().Add(patience); time.Now().Before(end); {
		wait := time.Until(end)
		if len(lines) >= n {
			wait = 300 * time.Millisecond // there must be no more
		}
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		got := client.PollFetches(ctx)
		late := ctx.Err() != nil
		cancel()
		if late && got.NumRecords() == 0 {
			break
		}
		for _, e := range got.Errors() {
			if !late {
				return nil, fmt.Errorf("consume %s: %w", topic, e.Err)
			}
		}
		got.EachRecord(func(r *kgo.Record) {
			line := string(r.Value)
			if r.Value == nil {
				line = "<null>"
			}
			if r.Key != nil {
				line = string(r.Key) + "\t" + line
			}
			lines = append(lines, line)
		})
	}
	sort.Strings(lines)
	return lines, nil
}
