// Package peek looks into a Kafka topic without changing anything: its partitions, where they begin and end, and
// the newest records of each. DESCRIBE TOPIC, weir init --from-topic and weir doctor stand on it; package guess
// (cmd/internal/guess) makes a CREATE TABLE of what it finds.
//
// It joins no group and commits no offset. Transactions that are open or were aborted are not seen.
package peek

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/kafka"
	"weir/connectors/spec/kafkaprops"
	"weir/planner/catalog"
)

// Options says where to look and how far.
type Options struct {
	// Client is how to connect, as the 'properties.*' of a table: it needs 'properties.bootstrap.servers'.
	Client catalog.Options
	// Records is how many records to read at most, spread over the partitions; 0: none.
	Records int
	// Timeout is how long to wait for the broker; 0: 10 s.
	Timeout time.Duration
}

// Topic is what was found.
type Topic struct {
	Name       string
	Internal   bool // the broker's own
	Partitions []Partition
	Records    []Record // by partition and offset
}

// Partition is one partition of a topic.
type Partition struct {
	ID        int32
	Low, High int64 // offsets of the first record that is still there, and behind the last
	Leader    int32 // broker id; -1: none
	Replicas  int
	InSync    int
}

// Record is one record. Key and Value are nil where the record has none.
type Record struct {
	Partition  int32
	Offset     int64
	Timestamp  time.Time // zero: none
	Key, Value []byte
	Headers    []Header
}

// Header is a header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Total is the offsets between the beginnings and the ends: the records, and markers and gaps of compaction with them.
func (t *Topic) Total() int64 {
	var n int64
	for _, p := range t.Partitions {
		n += p.High - p.Low
	}
	return n
}

// Error is a broker that cannot be asked, or has no such topic.
type Error struct {
	Doing string
	Cause error
	What  string // what to do
}

func (e *Error) Error() string { return e.Doing + ": " + e.Cause.Error() }
func (e *Error) Unwrap() error { return e.Cause }

// Help is what to do about it.
func (e *Error) Help() string { return e.What }

// Client is a connection to a cluster. It is used by one goroutine.
type Client struct {
	consumer *ck.Consumer
	servers  string
	timeout  time.Duration
}

// Connect makes a client; the connection itself comes with the first question. Close it.
func Connect(o Options) (*Client, error) {
	conf, _, err := kafka.TranslateProperties(o.Client, kafkaprops.Source)
	if err != nil {
		return nil, err
	}
	servers, _ := o.Client.Get("properties.bootstrap.servers")
	if servers == "" {
		return nil, errors.New("no 'properties.bootstrap.servers' says where the brokers are")
	}
	for key, value := range map[string]ck.ConfigValue{
		"group.id": "weir-peek", "enable.auto.commit": false, "enable.auto.offset.store": false, "auto.offset.reset": "earliest",
		"enable.partition.eof": true, "isolation.level": "read_committed", "enable.metrics.push": false,
		"allow.auto.create.topics": false, "log_level": 0,
	} {
		conf[key] = value
	}
	c, err := ck.NewConsumer(&conf)
	if err != nil {
		return nil, fmt.Errorf("configure the Kafka client: %w", err)
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	return &Client{consumer: c, servers: servers, timeout: o.Timeout}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.consumer.Close() }

func (c *Client) fail(doing string, err error) error {
	what := "see whether the broker runs, and whether 'properties.bootstrap.servers' is right"
	var ke ck.Error
	if errors.As(err, &ke) {
		switch ke.Code() {
		case ck.ErrUnknownTopic, ck.ErrUnknownTopicOrPart, ck.ErrUnknownPartition:
			what = "SHOW TOPICS lists those there are"
		case ck.ErrTopicAuthorizationFailed:
			what = "grant READ and DESCRIBE on the topic to this user (kafka-acls --add)"
		case ck.ErrAuthentication, ck.ErrSaslAuthenticationFailed:
			what = "check 'properties.security.protocol' and 'properties.sasl.*'"
		}
	}
	return &Error{doing, err, what}
}

// Topics is the names of the cluster's topics, sorted; the broker's own are left out.
func (c *Client) Topics() ([]string, error) {
	m, err := c.consumer.GetMetadata(nil, true, int(c.timeout.Milliseconds()))
	if err != nil {
		return nil, c.fail("list the topics of "+c.servers, err)
	}
	var out []string
	for name := range m.Topics {
		if len(name) > 1 && name[:2] == "__" {
			continue
		}
		out = append(out, name)
	}
	sort.Strings(out)
	return out, nil
}

// Topic describes the topic called name and reads the newest of its records, at most records of them.
func (c *Client) Topic(ctx context.Context, name string, records int) (*Topic, error) {
	doing := "describe topic " + name + " on " + c.servers
	m, err := c.consumer.GetMetadata(&name, false, int(c.timeout.Milliseconds()))
	if err != nil {
		return nil, c.fail(doing, err)
	}
	meta, ok := m.Topics[name]
	if !ok {
		return nil, c.fail(doing, ck.NewError(ck.ErrUnknownTopic, "there is no such topic", false))
	}
	if meta.Error.Code() != ck.ErrNoError {
		return nil, c.fail(doing, meta.Error)
	}
	t := &Topic{Name: name, Internal: len(name) > 1 && name[:2] == "__"}
	for _, p := range meta.Partitions {
		low, high, err := c.consumer.QueryWatermarkOffsets(name, p.ID, int(c.timeout.Milliseconds()))
		if err != nil {
			return nil, c.fail(doing, err)
		}
		t.Partitions = append(t.Partitions, Partition{ID: p.ID, Low: low, High: high, Leader: p.Leader, Replicas: len(p.Replicas), InSync: len(p.Isrs)})
	}
	slices.SortFunc(t.Partitions, func(a, b Partition) int { return int(a.ID) - int(b.ID) })
	if records > 0 {
		if err := c.read(ctx, t, records); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// read takes the newest records of each partition that has any.
func (c *Client) read(ctx context.Context, t *Topic, records int) (err error) {
	left := map[int32]int{} // records still wanted of a partition that has not been read to its end
	var filled []Partition
	for _, p := range t.Partitions {
		if p.High > p.Low {
			filled = append(filled, p)
		}
	}
	if len(filled) == 0 {
		return nil
	}
	each := max(1, (records+len(filled)-1)/len(filled))
	var at []ck.TopicPartition
	ends := map[int32]int64{}
	for _, p := range filled {
		at = append(at, ck.TopicPartition{Topic: &t.Name, Partition: p.ID, Offset: ck.Offset(max(p.Low, p.High-int64(each)))})
		left[p.ID], ends[p.ID] = each, p.High
	}
	doing := "read topic " + t.Name + " on " + c.servers
	if err := c.consumer.Assign(at); err != nil {
		return c.fail(doing, err)
	}
	defer func() { err = errors.Join(err, c.consumer.Unassign()) }()
	deadline := time.Now().Add(c.timeout)
	for len(left) > 0 && len(t.Records) < records {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			break // what has come is a sample too
		}
		switch e := c.consumer.Poll(100).(type) {
		case *ck.Message:
			p := e.TopicPartition.Partition
			t.Records = append(t.Records, record(e))
			if left[p]--; left[p] <= 0 || int64(e.TopicPartition.Offset) >= ends[p]-1 {
				delete(left, p)
			}
		case ck.PartitionEOF:
			delete(left, e.Partition)
		case ck.Error:
			if e.IsFatal() || e.Code() == ck.ErrTopicAuthorizationFailed || e.Code() == ck.ErrUnknownTopicOrPart {
				return c.fail(doing, e)
			}
		}
	}
	slices.SortStableFunc(t.Records, func(a, b Record) int {
		if a.Partition != b.Partition {
			return int(a.Partition) - int(b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	return nil
}

func record(m *ck.Message) Record {
	r := Record{Partition: m.TopicPartition.Partition, Offset: int64(m.TopicPartition.Offset), Key: m.Key, Value: m.Value}
	if m.TimestampType != ck.TimestampNotAvailable {
		r.Timestamp = m.Timestamp
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, Header{h.Key, h.Value})
	}
	return r
}

// Look connects, describes the topic called name with o.Records of its newest records, and leaves.
func Look(ctx context.Context, o Options, name string) (t *Topic, err error) {
	c, err := Connect(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.Topic(ctx, name, o.Records)
}
