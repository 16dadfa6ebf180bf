package kafka

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"weir/connectors/kafka/kafkatest"
	"weir/exec"
	"weir/planner/catalog"
)

func exactlyOnce(b *kafkatest.Broker, topic, prefix string, options ...string) *catalog.Table {
	return table("kafka", []string{"line STRING"}, append([]string{"connector", "kafka", "topic", topic, "format", "plain",
		"properties.bootstrap.servers", b.Addr, "sink.delivery-guarantee", "exactly-once", "sink.transactional-id-prefix", prefix}, options...)...)
}

func TestMarkerAndRowsBecomeVisibleTogether(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "together", 2)
		tab := exactlyOnce(b, topic, "tog-")
		in := openInstance(t, openSink(t, tab), "one", nil)
		if in.found {
			t.Fatalf("a marker before the first start: %v", in.marker)
		}
		if err := in.w.Write(stringBatch(tab, "a", "b")); err != nil {
			t.Fatal(err)
		}
		if err := in.w.Barrier(1); err != nil {
			t.Fatal(err)
		}
		if err := in.w.Write(stringBatch(tab, "c")); err != nil { // of epoch 2: held
			t.Fatal(err)
		}
		if _, err := in.w.Flush(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		if got := b.Read(t, topic, "read_committed"); len(got) != 0 {
			t.Fatalf("visible before the commit: %q", kafkatest.Values(got))
		}
		if _, m := b.GroupOffset(t, "weir.tog-", topic, 0); m != "" {
			t.Fatalf("the marker is visible before the commit: %s", m)
		}
		if err := in.c.Commit(context.Background(), exec.Marker{Job: "job-1", Epoch: 1, Nonce: "n1"}); err != nil {
			t.Fatal(err)
		}
		if got := kafkatest.Values(b.Read(t, topic, "read_committed")); !slices.Equal(got, []string{"a", "b"}) {
			t.Fatalf("after the commit %q", got)
		}
		off, m := b.GroupOffset(t, "weir.tog-", topic, 0)
		if off != 1 || m != `{"job":"job-1","epoch":1,"nonce":"n1"}` {
			t.Fatalf("marker %d %s", off, m)
		}
		if err := in.c.Release(); err != nil {
			t.Fatal(err)
		}
		if err := in.commit(2); err != nil {
			t.Fatal(err)
		}
		got := kafkatest.Values(b.Read(t, topic, "read_committed"))
		slices.Sort(got)
		if !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Fatalf("after epoch 2 %q", got)
		}
	})
}

func TestNewerInstanceFencesTheOlder(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "fenced", 1)
		tab := exactlyOnce(b, topic, "fen-")
		one := openInstance(t, openSink(t, tab), "one", nil)
		if err := one.epoch(t, 1, tab, "a"); err != nil {
			t.Fatal(err)
		}
		if err := one.w.Write(stringBatch(tab, "lost")); err != nil {
			t.Fatal(err)
		}
		two := openInstance(t, openSink(t, tab), "two", one.id)
		if !two.found || two.marker.Epoch != 1 || two.marker.Nonce != "nonce-1" || two.marker.Job != "job-1" {
			t.Fatalf("the newer instance found %v %v", two.found, two.marker)
		}
		err := one.commit(2)
		if !errors.Is(err, exec.ErrFenced) || !strings.Contains(err.Error(), "(two)") {
			t.Fatalf("the older instance: %v", err)
		}
		if err := two.epoch(t, 2, tab, "b"); err != nil {
			t.Fatal(err)
		}
		if got := kafkatest.Values(b.Read(t, topic, "read_committed")); !slices.Equal(got, []string{"a", "b"}) {
			t.Fatalf("committed %q", got)
		}
	})
}
