package kafka

import (
	"slices"
	"testing"

	"weir/connectors/kafka/kafkatest"
)

func TestEarliestAndLatest(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "modes", 1)
		b.Produce(t, topic, kafkatest.Lines("a", "b")...)
		opts := []string{"topic", topic, "format", "plain", "properties.bootstrap.servers", b.Addr, "scan.startup.mode"}
		early := openSource(t, table("kafka", []string{"line STRING", "off BIGINT offset"}, append(opts, "earliest-offset")...))
		late := openSource(t, table("kafka", []string{"line STRING", "off BIGINT offset"}, append(opts, "latest-offset")...))
		re, rl := openReader(t, early, discover(t, early, nil)), openReader(t, late, discover(t, late, nil))
		b.Produce(t, topic, kafkatest.Lines("c")...)
		if got := readRows(t, re, 3); !slices.Equal(got, []string{"+I[a, 0]", "+I[b, 1]", "+I[c, 2]"}) {
			t.Fatalf("earliest read %q", got)
		}
		if got := readRows(t, rl, 1); !slices.Equal(got, []string{"+I[c, 2]"}) {
			t.Fatalf("latest read %q", got)
		}
		p := re.Positions()
		again := openReader(t, early, p)
		b.Produce(t, topic, kafkatest.Lines("d")...)
		if got := readRows(t, again, 1); !slices.Equal(got, []string{"+I[d, 3]"}) {
			t.Fatalf("from the saved position %q", got)
		}
	})
}
