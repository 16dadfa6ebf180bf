package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/exec"
	"weir/planner/config"
)

// producer is a librdkafka producer with its topics. Writers share it; send, flush and err are any goroutine's.
type producer struct {
	p       *ck.Producer
	admin   *admin
	cfg     *config.Config
	log     *slog.Logger
	health  *health
	where   string // bootstrap servers
	name    string // "table ws", for messages
	failure atomic.Pointer[error]
	flushed atomic.Uint64   // not exactly once: one more than the epoch that was flushed last
	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	events  sync.WaitGroup // the goroutine of the same name
	watches sync.WaitGroup

	life   sync.RWMutex // held for reading while librdkafka is called, for writing to end it
	closed bool

	mu     sync.Mutex
	topics map[string]*outTopic
}

// outTopic is a topic that is written to.
type outTopic struct {
	name       string
	id         string
	rd         rdTopic
	partitions atomic.Int32 // known to librdkafka; only grows
}

// producerConfig completes what the user gave.
func producerConfig(user ck.ConfigMap, cfg *config.Config) ck.ConfigMap {
	memory := exec.MemoryOf(cfg)
	return with(unless(connecting(user), "enable.idempotence", idempotent(user), "client.id", "weir-"+clientName(cfg), "socket.keepalive.enable", true,
		// What waits to be sent is most of a job's memory, at some 300 bytes a record beside its own; longer queues are not faster.
		"queue.buffering.max.messages", memory.SendRecords, "queue.buffering.max.kbytes", bufferKB(user, memory.Send)),
		// Only failed records are reported; the client's channels are as long as by default they would take 24 MB.
		"go.delivery.reports", true, "go.delivery.report.fields", "none",
		"go.events.channel.size", 1000, "go.produce.channel.size", 1, "go.logs.channel.enable", true,
		"enable.metrics.push", false)
}

// prompt makes a producer send without much waiting, unless the user has said how long: without a transaction a record is
// seen as soon as it is sent, and rows come in batches anyway. Within a transaction nothing is seen before the commit, which
// does not linger.
func prompt(conf ck.ConfigMap) ck.ConfigMap {
	if _, ok := conf["queue.buffering.max.ms"]; ok { // the same by another name
		return conf
	}
	return unless(conf, "linger.ms", "0.3")
}

// idempotent reports whether a producer may be made idempotent: as in Java, what the user has set must not stand against it.
func idempotent(user ck.ConfigMap) bool {
	for _, key := range []string{"acks", "request.required.acks"} {
		if v, ok := user[key]; ok && v != "all" && v != "-1" {
			return false
		}
	}
	for _, key := range []string{"retries", "message.send.max.retries"} {
		if v, ok := user[key]; ok && v == "0" {
			return false
		}
	}
	for _, key := range []string{"max.in.flight.requests.per.connection", "max.in.flight"} {
		if v, ok := user[key].(string); ok {
			if n, err := strconv.Atoi(v); err == nil && n > 5 {
				return false
			}
		}
	}
	return true
}

// bufferKB bounds the records that wait to be sent: their share of the memory, or two of the largest that the user allows. A
// record that is larger than the buffer would wait for room for ever.
func bufferKB(user ck.ConfigMap, share int64) int {
	largest := 0
	for _, key := range []string{"message.max.bytes", "batch.size"} {
		if s, ok := user[key].(string); ok {
			if n, err := strconv.Atoi(s); err == nil {
				largest = max(largest, n)
			}
		}
	}
	return max(int(share>>10), 2*(largest>>10))
}

func newProducer(conf ck.ConfigMap, cfg *config.Config, log *slog.Logger, name string) (*producer, error) {
	p, err := ck.NewProducer(&conf)
	if err != nil {
		return nil, exec.Fatalf("mend the 'properties.*' of the table", name+": configure the Kafka client", err)
	}
	a, err := ck.NewAdminClientFromProducer(p)
	if err != nil {
		p.Close()
		return nil, err
	}
	pr := &producer{p: p, admin: &admin{c: a}, cfg: cfg, log: log, where: servers(conf), name: name,
		health: newHealth(log, servers(conf)), topics: map[string]*outTopic{}}
	rk, err := rkOf(p)
	if err != nil {
		p.Close()
		return nil, err
	}
	reportErrorsOnly(rk)
	pr.ctx, pr.cancel = context.WithCancel(context.Background())
	go drainLogs(p.Logs(), log)
	pr.events.Go(pr.serve)
	pr.watches.Go(pr.watch)
	return pr, nil
}

// serve takes failed deliveries and errors of the client until it is closed.
func (p *producer) serve() {
	for e := range p.p.Events() {
		switch e := e.(type) {
		case *ck.Message:
			if e.TopicPartition.Error != nil {
				p.fail(p.delivery(e))
			}
		case ck.Error:
			p.health.event(e)
		case ck.OAuthBearerTokenRefresh:
			serveEvent(e, p.p, p.health)
		}
	}
}

func (p *producer) fail(err error) { p.failure.CompareAndSwap(nil, &err) }

// delivery words a record that the broker did not take.
func (p *producer) delivery(m *ck.Message) error {
	topic := ""
	if m.TopicPartition.Topic != nil {
		topic = *m.TopicPartition.Topic
	}
	doing := p.name + ": write to topic " + partitionText(topic, m.TopicPartition.Partition)
	if d := denied(doing, m.TopicPartition.Error, "WRITE on topic "+topic); d != nil {
		return d
	}
	if code, _ := codeOf(m.TopicPartition.Error); code == ck.ErrMsgSizeTooLarge {
		return tooLarge(doing, m.TopicPartition.Error)
	}
	return exec.Restartf("", doing, m.TopicPartition.Error)
}

func tooLarge(doing string, err error) error {
	return exec.Fatalf("raise the topic's max.message.bytes", doing, fmt.Errorf("the broker refuses a record for its size: %w", err))
}

// watch looks every few seconds whether a topic was recreated or has got partitions.
func (p *producer) watch() {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		var names []string
		for n := range p.topics {
			names = append(names, n)
		}
		p.mu.Unlock()
		if len(names) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
		infos, err := describe(ctx, p.admin, names)
		cancel()
		if err != nil {
			continue // brokers or topics that are away show when records are sent
		}
		for _, in := range infos {
			p.mu.Lock()
			t := p.topics[in.name]
			p.mu.Unlock()
			if t.id != in.id {
				p.fail(recreatedSink(in.name, t.id, in.id))
				continue
			}
			if in.partitions > t.partitions.Load() {
				// librdkafka must know a partition before a record may name it.
				if md, err := p.p.GetMetadata(&in.name, false, 5000); err == nil {
					t.partitions.Store(max(t.partitions.Load(), int32(len(md.Topics[in.name].Partitions))))
				}
			}
		}
	}
}

func recreatedSink(topic, old, now string) error {
	return exec.Fatalf("what was written before is gone with the old topic: start over with an empty state directory and another sink.transactional-id-prefix",
		"write to topic "+topic, fmt.Errorf("the topic was deleted and created again (its id was %s and is %s)", old, now))
}

// err is the failure of the producer, nil while there is none.
func (p *producer) err() error {
	if e := p.failure.Load(); e != nil {
		return *e
	}
	return nil
}

// topic makes a topic ready to be written to, waiting until it exists.
func (p *producer) topic(ctx context.Context, name string) (*outTopic, error) {
	p.mu.Lock()
	t, ok := p.topics[name]
	p.mu.Unlock()
	if ok {
		return t, nil
	}
	infos, err := awaitTopics(ctx, p.log, p.cfg, p.admin, []string{name}, p.where, p.health, "DESCRIBE and WRITE on topic "+name)
	if err != nil {
		return nil, err
	}
	var rd rdTopic
	var bad error
	if err := p.call(func(rk rdHandle) { rd, bad = newRdTopic(rk.rk, name) }); err != nil {
		return nil, err
	}
	if bad != nil {
		return nil, exec.Fatalf("", p.name, bad)
	}
	// Without the topic's metadata in its cache librdkafka parks records in a queue that a transaction never empties.
	var n int32
	err = await(ctx, p.log, connectTimeout(p.cfg), "topic "+name, p.where, createHelp(name, p.where), p.health, func(context.Context) error {
		md, err := p.p.GetMetadata(&name, false, 5000)
		if err != nil {
			return err
		}
		tm := md.Topics[name]
		if tm.Error.Code() != ck.ErrNoError {
			return &topicError{name, tm.Error}
		}
		n = int32(len(tm.Partitions))
		if n == 0 {
			return fmt.Errorf("%w: topic %s has no partitions", errWait, name)
		}
		return nil
	})
	if err != nil {
		rd.destroy()
		return nil, err
	}
	t = &outTopic{name: name, id: infos[0].id, rd: rd}
	t.partitions.Store(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	if other, ok := p.topics[name]; ok {
		rd.destroy()
		return other, nil
	}
	p.topics[name] = t
	return t, nil
}

// errClosed is told to a send that waits while the producer is closed.
var errClosed = errors.New("the producer is closed")

// send hands the records idx of o over, in order, waiting while librdkafka's queue is full.
func (p *producer) send(ctx context.Context, t *outTopic, partition int32, o *outgoing, idx []int32) error {
	for len(idx) > 0 {
		var n int
		var code ck.ErrorCode
		if err := p.call(func(rk rdHandle) { n, code = produce(rk.rk, t.rd, partition, o, idx) }); err != nil {
			return err
		}
		idx = idx[n:]
		if len(idx) == 0 {
			return nil
		}
		if e := p.err(); e != nil {
			return e
		}
		doing := p.name + ": write to topic " + partitionText(t.name, partition)
		switch code {
		case ck.ErrQueueFull:
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Millisecond):
			}
		case ck.ErrMsgSizeTooLarge:
			r := idx[0]
			size := 0
			for _, l := range []uint32{o.values.Len[r], o.keyLen(r)} {
				if l != nullLen {
					size += int(l)
				}
			}
			return exec.Fatalf("raise 'properties.message.max.bytes' of the table and the topic's max.message.bytes", doing,
				fmt.Errorf("a record of %d bytes is larger than the client's 'message.max.bytes' allows", size))
		default:
			if e := p.health.err(doing); e != nil {
				return e
			}
			return exec.Restartf("", doing, ck.NewError(code, code.String(), false))
		}
	}
	return nil
}

// flush returns when the brokers have acknowledged everything that was sent, when somebody else says that it is done, or something
// failed.
func (p *producer) flush(ctx context.Context, done func() bool) error {
	for {
		if err := p.err(); err != nil || done() {
			return err
		}
		empty := false
		if err := p.call(func(rk rdHandle) { empty = flushQueue(rk.rk, 100) }); err != nil {
			return err
		}
		if empty {
			return p.err()
		}
		if err := p.health.err(p.name + ": write"); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// call runs f with librdkafka's handle, which close does not end meanwhile.
func (p *producer) call(f func(rk rdHandle)) error {
	p.life.RLock()
	defer p.life.RUnlock()
	if p.closed {
		return errClosed
	}
	rk, err := rkOf(p.p)
	if err != nil {
		return err
	}
	f(rdHandle{rk})
	return nil
}

// close ends the client; what was not flushed is dropped.
func (p *producer) close() {
	p.cancel()
	p.watches.Wait()
	p.life.Lock()
	defer p.life.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	_ = p.p.Purge(ck.PurgeQueue | ck.PurgeInFlight) // nothing to lose: callers have flushed, or give the epoch up
	p.mu.Lock()
	for _, t := range p.topics {
		t.rd.destroy()
	}
	p.topics = map[string]*outTopic{}
	p.mu.Unlock()
	p.admin.Close()
	p.p.Close()
	p.events.Wait()
}
