package kafka

import (
	"context"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// admin asks a cluster. Methods are any goroutine's.
//
// While a request waits for one certain broker that is down, be it the controller or a leader, librdkafka (to 2.14 at least) connects to it
// without a pause: each change of a connection's state asks for the next connection, and what is asked for skips the backoff
// (rd_kafka_broker_find_by_nodeid0, RD_KAFKA_OP_CONNECT). It goes on when the context is over, until the request's own time is, a minute by
// default. A job whose broker was away took all of a core so. Hence a request has its context's time and no more, and is only made when
// some broker answers. A client that no broker has told of the cluster knows no certain one to wait for; it does not ask for one first,
// which would take it 50 ms, and the start of a job three times that. Requests to a group's coordinator are an offsetReader's.
type admin struct {
	c *ck.AdminClient

	mu     sync.Mutex // held to look into the client, which must be there
	closed bool
	knows  bool // the client has been told of the cluster
}

// Close ends the requests; the client that a is derived from is closed after it.
func (a *admin) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.c.Close()
}

// patience is how long a request may wait when its context has no end.
const patience = 5 * time.Second

// reach waits until a broker answers; unlike other requests this one keeps to the backoff.
func (a *admin) reach(ctx context.Context) error {
	if !a.told() {
		return nil
	}
	for {
		step := 500 * time.Millisecond // how soon the end of ctx is seen
		if t, ok := ctx.Deadline(); ok {
			step = min(step, max(time.Until(t), time.Millisecond))
		}
		began := time.Now()
		_, err := a.c.GetMetadata(nil, false, int(step/time.Millisecond))
		if err == nil || !waitable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(step, max(0, 50*time.Millisecond-time.Since(began)))):
		}
	}
}

// told reports whether a broker has told the client of the cluster, be it behind a request or, as librdkafka asks by itself, behind the
// connection. It does not wait. The client's own ControllerID does, and where it may not for long, a machine with other work to do makes it
// say no of a client that knows.
func (a *admin) told() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.knows && !a.closed {
		a.knows = knowsController(a.c)
	}
	return a.knows
}

// asked makes a request with the time that ctx has left.
func asked[T any](ctx context.Context, a *admin, request func(ck.AdminOptionRequestTimeout) (T, error)) (T, error) {
	if err := a.reach(ctx); err != nil {
		var none T
		return none, err
	}
	left := patience
	if t, ok := ctx.Deadline(); ok {
		left = max(time.Until(t), time.Millisecond)
	}
	return request(ck.SetAdminRequestTimeout(left))
}

// forGood is the time of a request that is not to be over before its client: see offsetReader. librdkafka takes no more.
const forGood = time.Hour

// askedForGood makes a request for which ctx is waited, but which has much more time. Where ctx was over the client must be closed.
func askedForGood[T any](ctx context.Context, a *admin, request func(ctx context.Context, t ck.AdminOptionRequestTimeout) (T, error)) (T, error) {
	if err := a.reach(ctx); err != nil {
		var none T
		return none, err
	}
	if _, ok := ctx.Deadline(); !ok {
		c, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		ctx = c
	}
	return request(ctx, ck.SetAdminRequestTimeout(forGood))
}

func (a *admin) DescribeTopics(ctx context.Context, names []string, opts ...ck.DescribeTopicsAdminOption) (ck.DescribeTopicsResult, error) {
	return asked(ctx, a, func(t ck.AdminOptionRequestTimeout) (ck.DescribeTopicsResult, error) {
		return a.c.DescribeTopics(ctx, ck.NewTopicCollectionOfTopicNames(names), append(opts, t)...)
	})
}

func (a *admin) DescribeCluster(ctx context.Context) (ck.DescribeClusterResult, error) {
	return asked(ctx, a, func(t ck.AdminOptionRequestTimeout) (ck.DescribeClusterResult, error) {
		return a.c.DescribeCluster(ctx, t)
	})
}

func (a *admin) DescribeConfigs(ctx context.Context, of ck.ConfigResource) ([]ck.ConfigResourceResult, error) {
	return asked(ctx, a, func(t ck.AdminOptionRequestTimeout) ([]ck.ConfigResourceResult, error) {
		return a.c.DescribeConfigs(ctx, []ck.ConfigResource{of}, t)
	})
}

func (a *admin) ListOffsets(ctx context.Context, of map[ck.TopicPartition]ck.OffsetSpec, opts ...ck.ListOffsetsAdminOption) (ck.ListOffsetsResult, error) {
	return asked(ctx, a, func(t ck.AdminOptionRequestTimeout) (ck.ListOffsetsResult, error) {
		return a.c.ListOffsets(ctx, of, append(opts, t)...)
	})
}

func (a *admin) ListConsumerGroupOffsets(ctx context.Context, of ck.ConsumerGroupTopicPartitions, opts ...ck.ListConsumerGroupOffsetsAdminOption) (ck.ListConsumerGroupOffsetsResult, error) {
	return askedForGood(ctx, a, func(ctx context.Context, t ck.AdminOptionRequestTimeout) (ck.ListConsumerGroupOffsetsResult, error) {
		return a.c.ListConsumerGroupOffsets(ctx, []ck.ConsumerGroupTopicPartitions{of}, append(opts, t)...)
	})
}

func (a *admin) DescribeConsumerGroup(ctx context.Context, name string, opts ...ck.DescribeConsumerGroupsAdminOption) (ck.DescribeConsumerGroupsResult, error) {
	return askedForGood(ctx, a, func(ctx context.Context, t ck.AdminOptionRequestTimeout) (ck.DescribeConsumerGroupsResult, error) {
		return a.c.DescribeConsumerGroups(ctx, []string{name}, append(opts, t)...)
	})
}

func (a *admin) DescribeACLs(ctx context.Context, filter ck.ACLBindingFilter) (*ck.DescribeACLsResult, error) {
	return asked(ctx, a, func(t ck.AdminOptionRequestTimeout) (*ck.DescribeACLsResult, error) {
		return a.c.DescribeACLs(ctx, filter, t)
	})
}
