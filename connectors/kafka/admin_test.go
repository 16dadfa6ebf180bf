package kafka

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kmsg"

	"weir/connectors/kafka/embedded"
	"weir/connectors/kafka/kafkatest"
)

// A request to the controller, while no broker is there, keeps to the backoff of reconnecting, whatever the client has seen before.
func TestRequestsDoNotConnectInALoop(t *testing.T) {
	for _, seen := range []struct {
		name string
		wait func(*testing.T, *admin) // while the broker is there; nil: the client is made when it is gone
	}{
		{"an answer", func(t *testing.T, a *admin) {
			ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
			defer cancel()
			if _, err := a.DescribeCluster(ctx); err != nil { // it knows the controller now
				t.Fatal(err)
			}
		}},
		{"a broker that was asked for nothing", func(t *testing.T, a *admin) {
			for deadline := time.Now().Add(kafkatest.Patience); !a.told(); {
				if time.Now().After(deadline) {
					t.Fatal("the client has not been told of the cluster")
				}
			}
		}},
		{"nobody", nil},
	} {
		t.Run(seen.name, func(t *testing.T) { requestsOfNobody(t, seen.wait) })
	}
}

// requestsOfNobody asks a broker that is gone.
func requestsOfNobody(t *testing.T, before func(*testing.T, *admin)) {
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if before == nil {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c, err := ck.NewConsumer(&ck.ConfigMap{"bootstrap.servers": b.Addr(), "group.id": "none", "statistics.interval.ms": 100,
		"reconnect.backoff.ms": 100, "enable.metrics.push": false, "log_level": 0})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client, err := ck.NewAdminClientFromConsumer(c)
	if err != nil {
		t.Fatal(err)
	}
	a := &admin{c: client}
	defer a.Close()
	if before != nil {
		before(t, a)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	start := connects(t, c, time.Now())
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		_, err := a.DescribeTopics(ctx, []string{"none"})
		cancel()
		if err == nil {
			t.Fatal("an answer from nobody")
		}
	}
	// What was asked for may not go on behind the request's end either.
	if n := connects(t, c, time.Now().Add(500*time.Millisecond)) - start; n > 200 {
		t.Fatalf("%d connections in two seconds", n)
	}
}

// connects is how often c has tried to connect, by the first statistics of then or later.
func connects(t *testing.T, c *ck.Consumer, then time.Time) (n int64) {
	t.Helper()
	for deadline := then.Add(kafkatest.Patience); time.Now().Before(deadline); {
		e, ok := c.Poll(100).(*ck.Stats)
		if !ok {
			continue
		}
		var s struct {
			Brokers map[string]struct {
				Connects int64 `json:"connects"`
			} `json:"brokers"`
		}
		if err := json.Unmarshal([]byte(e.String()), &s); err != nil {
			t.Fatal(err)
		}
		n = 0
		for _, b := range s.Brokers {
			n += b.Connects
		}
		if time.Now().After(then) {
			return n
		}
	}
	t.Fatal("no statistics")
	return 0
}

// patientReader is an offset reader of a broker, until the test ends, and a context with much time.
func patientReader(t *testing.T, addr string) (*offsetReader, context.Context) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	r, err := newOffsetReader(ck.ConfigMap{"bootstrap.servers": addr}, "reader", log, newHealth(log, addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
	t.Cleanup(cancel)
	return r, ctx
}

// A broker that takes its time is waited for as long as the request's context says, which may be longer than a request without an end waits.
func TestSlowAnswerIsWaitedForAsLongAsTheContextSays(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "slow", 1)
	b.Cluster.ControlKey(int16(kmsg.DescribeConfigs), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster.KeepControl()
		b.Cluster.SleepControl(func() { time.Sleep(patience + time.Second) })
		return nil, nil, false
	})
	r, ctx := patientReader(t, b.Addr)
	if _, err := r.admin.DescribeConfigs(ctx, ck.ConfigResource{Type: ck.ResourceTopic, Name: topic}); err != nil {
		t.Fatal(err)
	}
}

// A client that has been told of its broker says so though every processor is busy: else its requests connect in a loop when the broker is gone.
func TestWhatAClientKnowsIsSeenOnABusyMachine(t *testing.T) {
	b := kafkatest.Fake(t)
	r, ctx := patientReader(t, b.Addr)
	if _, err := r.admin.DescribeCluster(ctx); err != nil {
		t.Fatal(err)
	}
	const threads = 64 // that the system's processors are shared among
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
	var idle atomic.Bool
	var busy sync.WaitGroup
	for range threads {
		busy.Go(func() {
			for !idle.Load() {
			}
		})
	}
	for range 3000 {
		r.admin.knows = false
		if !r.admin.told() {
			t.Error("it does not know its broker")
			break
		}
	}
	idle.Store(true)
	busy.Wait()
}
