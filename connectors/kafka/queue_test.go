package kafka

import (
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/kafka/kafkatest"
)

// A wait is told of the first message that comes behind an empty take, of a wake, and of nothing else. What one take leaves is for the next.
func TestQueueIsWaitedForWithoutLoss(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "queue", 2)
		c, err := ck.NewConsumer(&ck.ConfigMap{"bootstrap.servers": b.Addr, "group.id": "queue", "enable.auto.commit": false, "fetch.wait.max.ms": 10})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		q, err := newQueue(c, 2)
		if err != nil {
			t.Fatal(err)
		}
		defer q.close()
		for p := range int32(2) {
			q.forward(topic, p)
			defer q.unforward(topic, p)
		}
		if err := c.Assign([]ck.TopicPartition{{Topic: &topic, Partition: 0, Offset: 0}, {Topic: &topic, Partition: 1, Offset: 0}}); err != nil {
			t.Fatal(err)
		}

		var seven []kafkatest.Record // more than fit twice, of both partitions
		for i, value := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			seven = append(seven, kafkatest.Record{Partition: int32(i % 2), Value: []byte(value)})
		}
		wait := func() {
			t.Helper()
			began := time.Now()
			if err := q.wait(time.Now().Add(2 * kafkatest.Patience)); err != nil {
				t.Fatal(err)
			}
			if time.Since(began) > kafkatest.Patience {
				t.Fatal("a wait lasted to its end although messages had come, or a wake")
			}
		}
		var recs records
		read := func(n int) {
			t.Helper()
			for n > 0 {
				switch took := q.take(); {
				case took < 0:
					t.Fatal("the queue failed")
				case took == 0:
					wait()
				default:
					if took > 2 {
						t.Fatalf("%d messages of a queue that takes 2", took)
					}
					for q.pending() > 0 {
						q.copy(&recs, wanted{values: true}, 1<<20)
						n -= recs.n
					}
				}
			}
			if n < 0 {
				t.Fatalf("%d messages more than were written", -n)
			}
		}
		for range 20 {
			b.Produce(t, topic, seven...)
			read(len(seven))
		}
		q.wake()
		q.wake()
		wait()
		if n := q.take(); n != 0 {
			t.Fatalf("%d messages after a wake, which brings none", n)
		}
		if err := q.wait(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatalf("a wait that ends at its deadline: %v", err)
		}
	})
}
