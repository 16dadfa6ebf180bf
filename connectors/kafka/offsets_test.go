package kafka

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"weir/connectors/kafka/kafkatest"
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
		_, err := groupOffsets(ctx, r.admin, "g", []ck.TopicPartition{{Topic: &topic, Partition: 0}}, true)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if refused.Load() < 3 {
		t.Fatalf("the coordinator was asked %d times", refused.Load())
	}
}
