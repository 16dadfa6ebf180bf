package kafka

import (
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/formats"
	"weir/connectors/spec"
	"weir/connectors/spec/kafkaprops"
	"weir/exec"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
)

// Connectors are 'kafka' and 'upsert-kafka' with the given formats.
func Connectors(fmts formats.Registry) []exec.Connector {
	fewArenas()
	source := func(scan *physical.Scan, cfg *config.Config, log *slog.Logger) (exec.SourceSpec, error) {
		return newSource(scan, cfg, log, fmts)
	}
	sink := func(s *physical.Sink, cfg *config.Config, log *slog.Logger) (exec.SinkSpec, error) {
		return newSink(s, cfg, log, fmts)
	}
	return []exec.Connector{
		{Name: "kafka", Source: source, Sink: sink},
		{Name: "upsert-kafka", Source: source, Sink: sink},
	}
}

// partitioner is how rows without a partition of their own are spread.
type partitioner uint8

const (
	byKey      partitioner = iota // murmur2 of the key; rows without one batch by batch
	fixed                         // one partition a subtask
	roundRobin                    // batch by batch
)

// sink is a table that is written: exec.SinkSpec.
type sink struct {
	node  *physical.Sink
	table *catalog.Table
	cfg   *config.Config
	log   *slog.Logger
	fmts  formats.Registry

	props    ck.ConfigMap
	where    string
	delivery exec.Delivery
	prefix   string
	topics   []string       // that may be written; nil with a pattern
	pattern  *regexp.Regexp // with a topic column
	part     partitioner
	upsert   bool

	flushRows  int // upsert: rows reduced by key before they are written; 0: none are gathered
	flushAfter time.Duration

	// Input columns, -1 without one.
	topicCol, timeCol, headersCol, headerListCol int

	commit *committerSpec // exactly once

	mu     sync.Mutex
	shared *producer // not exactly once: of all writers of an attempt
	users  int
}

var _ exec.SinkSpec = (*sink)(nil)

func newSink(node *physical.Sink, cfg *config.Config, log *slog.Logger, fmts formats.Registry) (*sink, error) {
	t := node.Table
	s := &sink{node: node, table: t, cfg: cfg, log: log, fmts: fmts, upsert: t.Connector == "upsert-kafka",
		topicCol: -1, timeCol: -1, headersCol: -1, headerListCol: -1}
	role := kafkaprops.Sink
	switch d := spec.KafkaDelivery(t); d {
	case "none":
		s.delivery = exec.DeliveryNone
	case "at-least-once":
		s.delivery = exec.AtLeastOnce
	case "exactly-once":
		s.delivery, role = exec.ExactlyOnce, kafkaprops.ExactlyOnceSink
	default:
		return nil, exec.Fatalf("", "table "+t.Name, fmt.Errorf("unknown 'sink.delivery-guarantee' '%s'", d))
	}
	props, notes, err := TranslateProperties(t.Options, role)
	if err != nil {
		return nil, badConfig(t.Name, err)
	}
	say(log, t.Name, notes)
	s.props, s.where = props, servers(props)
	if err := s.options(); err != nil {
		return nil, exec.Fatalf("mend the table's options", "table "+t.Name, err)
	}
	for i, f := range node.Fields {
		c := t.Columns[f]
		if c.Kind != catalog.Metadata || c.Virtual {
			continue
		}
		switch c.MetadataKey {
		case "topic":
			s.topicCol = i
		case "timestamp":
			s.timeCol = i
		case "headers":
			s.headersCol = i
		case "header-list":
			s.headerListCol = i
		default:
			return nil, exec.Fatalf("declare it VIRTUAL", "table "+t.Name, fmt.Errorf("metadata column %s ('%s') cannot be written", c.Name, c.MetadataKey))
		}
	}
	if s.topicCol < 0 && (len(s.topics) != 1 || s.pattern != nil) {
		return nil, exec.Fatalf("name one topic, or add a column METADATA FROM 'topic' that says where each row goes", "table "+t.Name,
			fmt.Errorf("it is not said which topic a row is written to"))
	}
	if s.topicCol >= 0 && s.flushRows > 0 {
		return nil, exec.Fatalf("remove 'sink.buffer-flush.max-rows' and 'sink.buffer-flush.interval', or write one topic", "table "+t.Name,
			fmt.Errorf("rows are gathered by key for one topic only, and column %s names the topic of each row", t.Columns[node.Fields[s.topicCol]].Name))
	}
	if s.delivery == exec.ExactlyOnce {
		s.commit = newCommitterSpec(s)
	}
	return s, nil
}

func (s *sink) options() error {
	o := s.table.Options
	if v, ok := o.Get("topic"); ok {
		s.topics = spec.List(v)
	}
	if v, ok := o.Get("topic-pattern"); ok {
		re, err := spec.JavaPattern(v)
		if err != nil {
			return err
		}
		s.pattern = re
	}
	switch v, _ := o.Get("sink.partitioner"); strings.ToLower(v) {
	case "", "default":
	case "fixed":
		s.part = fixed
	case "round-robin":
		s.part = roundRobin
	default:
		return fmt.Errorf("'sink.partitioner' = '%s' is no partitioner of weir's: write 'default', 'fixed' or 'round-robin'", v)
	}
	s.prefix, _ = o.Get("sink.transactional-id-prefix")
	if s.delivery == exec.ExactlyOnce && s.prefix == "" {
		return fmt.Errorf("'sink.delivery-guarantee' = 'exactly-once' needs 'sink.transactional-id-prefix'")
	}
	if v, ok := o.Get("sink.buffer-flush.max-rows"); ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("'sink.buffer-flush.max-rows' expects a number, found '%s'", v)
		}
		s.flushRows = n
	}
	if v, ok := o.Get("sink.buffer-flush.interval"); ok {
		d, err := config.ParseDuration(v)
		if err != nil {
			return fmt.Errorf("'sink.buffer-flush.interval': %w", err)
		}
		s.flushAfter = d
	}
	if s.flushRows <= 0 || s.flushAfter <= 0 {
		s.flushRows, s.flushAfter = 0, 0
	}
	return nil
}

// Delivery is what the table asks for.
func (s *sink) Delivery() exec.Delivery { return s.delivery }

// Transactional is the commit point, nil when the table does not ask for one.
func (s *sink) Transactional() exec.CommitterSpec {
	if s.commit == nil {
		return nil
	}
	return s.commit
}

// Writer makes the writer of one subtask.
func (s *sink) Writer(ctx *exec.TaskContext, c exec.Committer) (exec.SinkWriter, error) {
	if s.delivery == exec.ExactlyOnce {
		com, ok := c.(*committer)
		if !ok {
			return nil, exec.Fatalf("", "table "+s.table.Name, fmt.Errorf("internal error: an exactly-once sink got the committer %T", c))
		}
		w, err := newWriter(s, ctx, com.prod, com)
		if err != nil {
			return nil, err
		}
		com.add(w)
		return w, nil
	}
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	w, err := newWriter(s, ctx, p, nil)
	if err != nil {
		s.release(p)
		return nil, err
	}
	return w, nil
}

// acquire gives the producer that writers of one attempt share.
func (s *sink) acquire() (*producer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared == nil {
		p, err := newProducer(prompt(producerConfig(s.props, s.cfg)), s.cfg, s.log, "table "+s.table.Name)
		if err != nil {
			return nil, err
		}
		s.shared = p
	}
	s.users++
	return s.shared, nil
}

// release ends the producer with its last writer: after a failure the next attempt gets a new one.
func (s *sink) release(p *producer) {
	s.mu.Lock()
	last := false
	if s.shared == p {
		s.users--
		if last = s.users == 0; last {
			s.shared = nil
		}
	}
	s.mu.Unlock()
	if last {
		p.close()
	}
}

// Close has nothing to end: producers end with their writers and committers.
func (s *sink) Close() error { return nil }
