package kafka

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/kafka/kafkatest"
)

// What weir relies on in librdkafka and its Go module. A new version of either must pass this.

func TestClientHandleIsWhereTheShimLooks(t *testing.T) {
	p, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	rk, err := rkOf(p)
	if err != nil || rk == nil {
		t.Fatalf("handle %v, %v", rk, err)
	}
	a, err := ck.NewAdminClientFromProducer(p)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if derived, err := rkOf(a); err != nil || derived != rk {
		t.Fatalf("handle %v of an admin client, %v", derived, err)
	}
	if v, _ := ck.LibraryVersion(); v != linkedVersion() || v != rdkafkaVersion {
		t.Fatalf("librdkafka %x, linked %x, known %x", v, linkedVersion(), rdkafkaVersion)
	}
	if _, err := rkOf(&struct{ x int }{}); err == nil {
		t.Fatal("a struct without a handle was taken")
	}
}

func TestOnlyFailedDeliveriesAreReported(t *testing.T) {
	b := kafkatest.Fake(t)
	b.Topic(t, "reports", 1)
	p, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": b.Addr, "enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	rk, _ := rkOf(p)
	if !reportErrorsOnly(rk) {
		t.Fatal("librdkafka refuses delivery.report.only.error after the start")
	}
	topic := "reports"
	for range 10 {
		if err := p.Produce(&ck.Message{TopicPartition: ck.TopicPartition{Topic: &topic, Partition: 0}, Value: []byte("x")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for !flushQueue(rk, 100) {
	}
	select {
	case e := <-p.Events():
		t.Fatalf("reported: %v", e)
	case <-time.After(50 * time.Millisecond):
	}
	if got := b.Read(t, topic, "read_committed"); len(got) != 10 {
		t.Fatalf("%d records", len(got))
	}
}

func TestMetadataOfFourThousandBytesIsAccepted(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "meta", 1)
		in := openInstance(t, openSink(t, exactlyOnce(b, topic, "meta-")), "one", nil)
		text := strings.Repeat("x", 4000)
		ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
		defer cancel()
		if err := in.c.sendOffset(ctx, "weir.meta-.test", 1, text); err != nil {
			t.Fatal(err)
		}
		if err := in.c.prod.p.CommitTransaction(ctx); err != nil {
			t.Fatal(err)
		}
		if _, got := b.GroupOffset(t, "weir.meta-.test", topic, 0); got != text {
			t.Fatalf("%d bytes came back", len(got))
		}
	})
}

// Murmur2 vectors of Kafka's own tests of its partitioner.
func TestKeysLandWhereJavaPutsThem(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) = %d, Java %d", key, got, want)
		}
	}
	// librdkafka's murmur2_random and ours agree on a topic.
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "keys", 7)
	var rs []kafkatest.Record
	for i := range 100 {
		rs = append(rs, kafkatest.Record{Partition: -1, Key: fmt.Appendf(nil, "key-%d", i*i), Value: []byte("v")})
	}
	b.Produce(t, topic, rs...)
	for _, r := range b.Read(t, topic, "read_committed") {
		if p := partitionOf(r.Key, 7); p != r.Partition {
			t.Fatalf("key %s: partition %d, librdkafka %d", r.Key, p, r.Partition)
		}
	}
}
