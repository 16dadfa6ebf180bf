package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"weir/connectors/kafka/kafkatest"
	"weir/connectors/program"
)

// A broker that has just started, or just lost the group to another, answers that it is not the coordinator.
// librdkafka then looks for it on behalf of its own consumer group: an admin client of a producer has none, and the process dies.
func TestCoordinatorThatMovedIsAskedAgain(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "moved", 1)
	var refused atomic.Int32
	b.Cluster.ControlKey(int16(kmsg.OffsetFetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster.KeepControl()
		if refused.Add(1) > 2 {
			return nil, nil, false
		}
		r := req.(*kmsg.OffsetFetchRequest).ResponseKind().(*kmsg.OffsetFetchResponse)
		r.ErrorCode = kerr.NotCoordinator.Code
		for _, g := range req.(*kmsg.OffsetFetchRequest).Groups {
			a := kmsg.NewOffsetFetchResponseGroup()
			a.Group, a.ErrorCode = g.Group, kerr.NotCoordinator.Code
			r.Groups = append(r.Groups, a)
		}
		return r, nil, true
	})
	log := slog.New(slog.DiscardHandler)
	r, err := newOffsetReader(ck.ConfigMap{"bootstrap.servers": b.Addr, "acks": "all"}, "reader", log, &health{log: log, servers: b.Addr})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
	defer cancel()
	err = await(ctx, log, kafkatest.Patience, "group g", b.Addr, "", nil, func(ctx context.Context) error {
		_, err := r.committed(ctx, "g", []ck.TopicPartition{{Topic: &topic, Partition: 0}}, true)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if refused.Load() < 3 {
		t.Fatalf("the coordinator was asked %d times", refused.Load())
	}
}

// A request is given up while no broker is there, and the coordinator comes: librdkafka would end the process.
func TestCoordinatorThatComesFindsARequestThatWasGivenUp(t *testing.T) {
	port, err := program.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	r, patient := patientReader(t, fmt.Sprintf("127.0.0.1:%d", port))
	topic := "away"
	ask := func(ctx context.Context) error {
		_, err := r.committed(ctx, "g", []ck.TopicPartition{{Topic: &topic, Partition: 0}}, true)
		return err
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(patient, 100*time.Millisecond)
		if err := ask(ctx); err == nil {
			t.Fatal("an answer from nobody")
		}
		cancel()
	}
	b := kafkatest.Fake(t, kfake.Ports(port))
	b.Topic(t, topic, 1)
	for range 3 {
		if err := await(patient, slog.New(slog.DiscardHandler), kafkatest.Patience, "group g", b.Addr, "", nil, ask); err != nil {
			t.Fatal(err)
		}
	}
}
