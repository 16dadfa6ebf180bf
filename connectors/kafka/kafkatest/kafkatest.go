// Package kafkatest gives tests their Kafka: an embedded broker in the test's own process
// (Fake), or a real Apache Kafka that is fetched by Maven and started on free loopback ports
// (Real). Both speak real sockets. Helpers create topics, produce records and read what a
// read_committed consumer sees.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"weir/connectors/kafka/kafkatest/realkafka"
)

// Patience is how long tests wait for what must come. It comes in a moment on a machine that does nothing else; on one that runs many tests at
// once a broker was seen to take a minute to start.
const Patience = 5 * time.Minute

const patienceMillis = int(Patience / time.Millisecond)

// Broker is a running Kafka of one node.
type Broker struct {
	Addr string // bootstrap address
	// SASLAddr is a real broker's address for clients that log in by SASL_PLAINTEXT and PLAIN, as alice with the password
	// secret. She may do nothing until Grant allows it; clients of Addr may do everything.
	SASLAddr string
	Cluster  *kfake.Cluster // the embedded broker, nil for a real one
	real     *realkafka.Broker
}

// Real reports whether the broker is Apache Kafka.
func (b *Broker) Real() bool { return b.real != nil }

// Fake starts an embedded broker that ends with the test. Topics are not created by use.
func Fake(t testing.TB, opts ...kfake.Opt) *Broker {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.ClusterID("weir-test")}, opts...)...)
	if err != nil {
		t.Fatalf("embedded broker: %v", err)
	}
	t.Cleanup(c.Close)
	return &Broker{Addr: c.ListenAddrs()[0], Cluster: c}
}

// Real is the real Kafka of this test process: started at the first call, shared by the tests of the
// package, killed when the process ends. Without Java or Maven the test is skipped with a
// loud line, or fails where WEIR_REQUIRE_KAFKA=1.
func Real(t testing.TB) *Broker {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT RUN: it needs real Kafka, and -short")
	}
	r, err := shared()
	if err == nil {
		return &Broker{Addr: r.Addr, SASLAddr: r.SASL, real: r}
	}
	var missing *realkafka.MissingError
	if errors.As(err, &missing) && os.Getenv("WEIR_REQUIRE_KAFKA") != "1" {
		fmt.Fprintf(os.Stderr, "\n*** NOT RUN ON REAL KAFKA: %s: %v ***\n", t.Name(), err)
		t.Skipf("NOT RUN: no real Kafka: %v", err)
	}
	t.Fatalf("real Kafka: %v", err)
	return nil
}

// Each runs f on the embedded and on the real broker.
func Each(t *testing.T, f func(t *testing.T, b *Broker)) {
	t.Run("fake", func(t *testing.T) { f(t, Fake(t)) })
	t.Run("real", func(t *testing.T) { f(t, Real(t)) })
}

func (b *Broker) admin(t testing.TB) *ck.AdminClient {
	t.Helper()
	a, err := ck.NewAdminClient(&ck.ConfigMap{"bootstrap.servers": b.Addr, "enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Topic creates a topic and waits until its leaders are known. config is pairs of names and values.
func (b *Broker) Topic(t testing.TB, name string, partitions int, config ...string) string {
	t.Helper()
	a := b.admin(t)
	defer a.Close()
	cfg := map[string]string{}
	for i := 0; i+1 < len(config); i += 2 {
		cfg[config[i]] = config[i+1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	res, err := a.CreateTopics(ctx, []ck.TopicSpecification{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1, Config: cfg}},
		ck.SetAdminOperationTimeout(time.Minute))
	if err != nil {
		t.Fatalf("create topic %s: %v", name, err)
	}
	if c := res[0].Error.Code(); c != ck.ErrNoError {
		t.Fatalf("create topic %s: %v", name, res[0].Error)
	}
	for ctx.Err() == nil {
		d, err := a.DescribeTopics(ctx, ck.NewTopicCollectionOfTopicNames([]string{name}))
		if err == nil && len(d.TopicDescriptions) == 1 && d.TopicDescriptions[0].Error.Code() == ck.ErrNoError && len(d.TopicDescriptions[0].Partitions) == partitions {
			ready := true
			for _, p := range d.TopicDescriptions[0].Partitions {
				ready = ready && p.Leader != nil && p.Leader.ID >= 0
			}
			if ready {
				return name
			}
		}
	}
	t.Fatalf("topic %s has no leaders", name)
	return ""
}

// DeleteTopic deletes a topic and waits until it is gone.
func (b *Broker) DeleteTopic(t testing.TB, name string) {
	t.Helper()
	a := b.admin(t)
	defer a.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	res, err := a.DeleteTopics(ctx, []string{name}, ck.SetAdminOperationTimeout(time.Minute))
	if err != nil || res[0].Error.Code() != ck.ErrNoError {
		t.Fatalf("delete topic %s: %v %v", name, err, res)
	}
	for ctx.Err() == nil {
		d, err := a.DescribeTopics(ctx, ck.NewTopicCollectionOfTopicNames([]string{name}))
		if err == nil && len(d.TopicDescriptions) == 1 && d.TopicDescriptions[0].Error.Code() == ck.ErrUnknownTopicOrPart {
			return
		}
	}
	t.Fatalf("topic %s is still there", name)
}

// DeleteRecords removes the records of a partition before offset, as retention does.
func (b *Broker) DeleteRecords(t testing.TB, topic string, partition int32, offset int64) {
	t.Helper()
	a := b.admin(t)
	defer a.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	r, err := a.DeleteRecords(ctx, []ck.TopicPartition{{Topic: &topic, Partition: partition, Offset: ck.Offset(offset)}})
	if err != nil {
		t.Fatalf("delete records: %v", err)
	}
	for _, x := range r.DeleteRecordsResults {
		if x.TopicPartition.Error != nil {
			t.Fatalf("delete records: %v", x.TopicPartition.Error)
		}
	}
}

// Record is a record that a test writes or has read. A nil Key or Value is null.
type Record struct {
	Partition int32
	Key       []byte
	Value     []byte
	Headers   []ck.Header
	Timestamp time.Time // zero: now
	Offset    int64     // read records only
}

// Produce writes records, each to its partition (-1: by key), and returns when all are acknowledged. more is pairs of
// client properties.
func (b *Broker) Produce(t testing.TB, topic string, records ...Record) {
	t.Helper()
	p, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": b.Addr, "enable.idempotence": true, "enable.metrics.push": false,
		"linger.ms": 1, "partitioner": "murmur2_random"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b.produce(t, p, topic, records)
}

func (b *Broker) produce(t testing.TB, p *ck.Producer, topic string, records []Record) {
	t.Helper()
	done := make(chan ck.Event, len(records)+1)
	for _, r := range records {
		m := &ck.Message{TopicPartition: ck.TopicPartition{Topic: &topic, Partition: r.Partition}, Key: r.Key, Value: r.Value,
			Headers: r.Headers, Timestamp: r.Timestamp}
		for {
			err := p.Produce(m, done)
			if ke, ok := err.(ck.Error); ok && ke.Code() == ck.ErrQueueFull {
				p.Flush(1000)
				continue
			}
			if err != nil {
				t.Fatalf("produce to %s: %v", topic, err)
			}
			break
		}
	}
	for range records {
		m := (<-done).(*ck.Message)
		if m.TopicPartition.Error != nil {
			t.Fatalf("produce to %s: %v", topic, m.TopicPartition.Error)
		}
	}
}

// Transaction writes records in a transaction of its own, which is then committed, aborted or left open. An open
// one belongs to the returned producer, which the test closes; nil otherwise.
func (b *Broker) Transaction(t testing.TB, id, end, topic string, records ...Record) *ck.Producer {
	t.Helper()
	p, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": b.Addr, "transactional.id": id, "enable.metrics.push": false, "linger.ms": 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	fail := func(what string, err error) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	fail("init transactions", p.InitTransactions(ctx))
	fail("begin transaction", p.BeginTransaction())
	b.produce(t, p, topic, records)
	switch end {
	case "commit":
		fail("commit", p.CommitTransaction(ctx))
	case "abort":
		fail("abort", p.AbortTransaction(ctx))
	case "open":
		return p
	default:
		t.Fatalf("unknown end of a transaction: %s", end)
	}
	p.Close()
	return nil
}

// firstOffset asks for the first offset of a partition. A broker that has just been started may not lead it, or know of it, yet.
func firstOffset(c *ck.Consumer, topic string, partition int32) (int64, error) {
	for deadline := time.Now().Add(Patience); ; {
		lo, _, err := c.QueryWatermarkOffsets(topic, partition, patienceMillis)
		var e ck.Error
		if errors.As(err, &e) && time.Now().Before(deadline) {
			switch e.Code() {
			case ck.ErrNotLeaderForPartition, ck.ErrLeaderNotAvailable, ck.ErrUnknownPartition, ck.ErrUnknownTopicOrPart:
				time.Sleep(20 * time.Millisecond)
				continue
			}
		}
		return lo, err
	}
}

// Read reads a topic from its beginning to the end that a reader of the isolation level sees now, by partition and offset.
func (b *Broker) Read(t testing.TB, topic, isolation string) []Record {
	t.Helper()
	c, err := ck.NewConsumer(&ck.ConfigMap{"bootstrap.servers": b.Addr, "group.id": "kafkatest", "isolation.level": isolation,
		"enable.auto.commit": false, "enable.partition.eof": true, "auto.offset.reset": "error", "enable.metrics.push": false,
		"fetch.wait.max.ms": 50})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	md, err := c.GetMetadata(&topic, false, patienceMillis)
	if err != nil {
		t.Fatal(err)
	}
	var parts []ck.TopicPartition
	for _, p := range md.Topics[topic].Partitions {
		lo, err := firstOffset(c, topic, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, ck.TopicPartition{Topic: &topic, Partition: p.ID, Offset: ck.Offset(lo)})
	}
	if err := c.Assign(parts); err != nil {
		t.Fatal(err)
	}
	var out []Record
	ended := map[int32]bool{}
	deadline := time.Now().Add(Patience)
	for len(ended) < len(parts) {
		if time.Now().After(deadline) {
			t.Fatalf("read %s: no end of every partition", topic)
		}
		switch e := c.Poll(500).(type) {
		case *ck.Message:
			if e.TopicPartition.Error != nil {
				t.Fatalf("read %s: %v", topic, e.TopicPartition.Error)
			}
			out = append(out, Record{Partition: e.TopicPartition.Partition, Key: e.Key, Value: e.Value, Headers: e.Headers,
				Timestamp: e.Timestamp, Offset: int64(e.TopicPartition.Offset)})
		case ck.PartitionEOF:
			ended[e.Partition] = true
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].Partition != out[j].Partition {
			return out[i].Partition < out[j].Partition
		}
		return out[i].Offset < out[j].Offset
	})
	return out
}

// Values is the values of records as text.
func Values(rs []Record) []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = string(r.Value)
	}
	return out
}

// Lines makes records of texts for partition 0.
func Lines(values ...string) []Record {
	out := make([]Record, len(values))
	for i, v := range values {
		out[i].Value = []byte(v)
	}
	return out
}

// GroupOffset is the committed offset and metadata of a group for a partition; offset is negative when there is none.
func (b *Broker) GroupOffset(t testing.TB, group, topic string, partition int32) (offset int64, metadata string) {
	t.Helper()
	a := b.admin(t)
	defer a.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	r, err := a.ListConsumerGroupOffsets(ctx, []ck.ConsumerGroupTopicPartitions{{Group: group, Partitions: []ck.TopicPartition{{Topic: &topic, Partition: partition}}}})
	var ke ck.Error
	if errors.As(err, &ke) && ke.Code() == ck.ErrGroupIDNotFound {
		return int64(ck.OffsetInvalid), ""
	}
	if err != nil {
		t.Fatalf("offsets of group %s: %v", group, err)
	}
	p := r.ConsumerGroupsTopicPartitions[0].Partitions[0]
	if p.Metadata != nil {
		metadata = *p.Metadata
	}
	return int64(p.Offset), metadata
}

// TransactionState is what the transaction coordinator says of a transactional id: Ongoing, CompleteAbort and so on.
func (b *Broker) TransactionState(t testing.TB, id string) string {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	req := kmsg.NewDescribeTransactionsRequest()
	req.TransactionalIDs = []string{id}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		t.Fatalf("describe transactional id %s: %v", id, err)
	}
	for _, s := range resp.TransactionStates {
		if err := kerr.ErrorForCode(s.ErrorCode); err != nil {
			t.Fatalf("describe transactional id %s: %v", id, err)
		}
		return s.State
	}
	t.Fatalf("transactional id %s is not known", id)
	return ""
}

// transactionalID is librdkafka's resource type, which the Go client has no name for.
const transactionalID ck.ResourceType = 5

// Grant allows a user an operation ("READ", "WRITE", ...) on a topic by its name, on groups ("group") or
// transactional ids ("transactional-id") by the beginning of theirs.
func (b *Broker) Grant(t testing.TB, user, kind, name, operation string) {
	t.Helper()
	a := b.admin(t)
	defer a.Close()
	op, err := ck.ACLOperationFromString(operation)
	if err != nil {
		t.Fatal(err)
	}
	bind := ck.ACLBinding{Type: ck.ResourceTopic, Name: name, ResourcePatternType: ck.ResourcePatternTypeLiteral, Principal: "User:" + user, Host: "*",
		Operation: op, PermissionType: ck.ACLPermissionTypeAllow}
	switch kind {
	case "group":
		bind.Type, bind.ResourcePatternType = ck.ResourceGroup, ck.ResourcePatternTypePrefixed
	case "transactional-id":
		bind.Type, bind.ResourcePatternType = transactionalID, ck.ResourcePatternTypePrefixed
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	r, err := a.CreateACLs(ctx, ck.ACLBindings{bind})
	if err != nil {
		t.Fatal(err)
	}
	if r[0].Error.Code() != ck.ErrNoError {
		t.Fatal(r[0].Error)
	}
}
