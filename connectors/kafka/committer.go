package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/spec"
	"weir/connectors/spec/kafkaprops"
	"weir/exec"
	"weir/exec/killpoint"
	"weir/state"
)

// The commit point of a job: one transactional producer, whose transaction carries a marker.
//
// The marker is an offset commit inside the transaction, for the group weir.<prefix> and a partition
// of a sink topic; its metadata names the job, the epoch and the nonce of the epoch's manifest. So it
// becomes visible with the output or not at all. The group weir.<prefix>.owner says in the same way which
// instance of the job claimed the transactional id last.
//
//	opened     Peek reads the marker; nobody is disturbed
//	claimed    after Claim: earlier instances are fenced, what they left open is aborted, the owner is written;
//	           a transaction is begun (librdkafka tells the broker with the first record)
//	committing Commit: marker, then CommitTransaction, each repeated while librdkafka calls the error retriable
//	failed     after any other error: the producer is never used again, the next attempt has a new one,
//	           and the marker decides what is redone
//
// A crash when opened or claimed: nothing of the job's was visible; when committing: the marker is there
// with all output of the epoch, or neither is.

// committerSpec collects the exactly-once sinks of a job: exec.CommitterSpec. It outlives attempts.
type committerSpec struct {
	tables    []string // for messages
	props     ck.ConfigMap
	propOwner map[string]string // property -> table that set it
	prefix    string            // the smallest of the sinks'
	topics    []string          // that are written, sorted
	where     string

	mu      sync.Mutex
	mine    map[string]bool // ids of instances of this process
	claimed map[string]bool // places of the owner where they have claimed
}

var _ exec.CommitterSpec = (*committerSpec)(nil)

func newCommitterSpec(s *sink) *committerSpec {
	c := &committerSpec{tables: []string{s.table.Name}, props: s.props, propOwner: map[string]string{}, prefix: s.prefix,
		topics: slices.Clone(s.topics), where: s.where, mine: map[string]bool{}, claimed: map[string]bool{}}
	for k := range s.props {
		c.propOwner[k] = s.table.Name
	}
	sort.Strings(c.topics)
	return c
}

// Resource is the cluster as far as the table names it.
func (s *committerSpec) Resource() string { return "kafka:" + spec.Servers(s.where) }

// Join takes another sink of the job in: they share the producer.
func (s *committerSpec) Join(other exec.CommitterSpec) error {
	o, ok := other.(*committerSpec)
	if !ok || o.Resource() != s.Resource() {
		return exec.Fatalf("write them with two jobs", "commit the tables "+strings.Join(s.tables, ", "),
			fmt.Errorf("a job commits to one Kafka cluster, and %s is another resource than %s", other.Resource(), s.Resource()))
	}
	for k, v := range o.props {
		have, ok := s.props[k]
		if ok && have != v && k != "bootstrap.servers" && k != "metadata.broker.list" {
			return exec.Fatalf("make them equal", "commit the tables "+strings.Join(append(slices.Clone(s.tables), o.tables...), ", "),
				fmt.Errorf("the exactly-once tables of a job share one producer, and 'properties.%s' differs between %s and %s", k, s.propOwner[k], o.propOwner[k]))
		}
	}
	props := with(o.props)
	for k, v := range s.props {
		props[k] = v
	}
	for k, t := range o.propOwner {
		if _, ok := s.propOwner[k]; !ok {
			s.propOwner[k] = t
		}
	}
	s.props = props
	s.tables = append(s.tables, o.tables...)
	if o.prefix < s.prefix {
		s.prefix = o.prefix
	}
	s.topics = append(s.topics, o.topics...)
	sort.Strings(s.topics)
	s.topics = slices.Compact(s.topics)
	return nil
}

func (s *committerSpec) timeout() time.Duration {
	if v, ok := s.props["transaction.timeout.ms"].(string); ok {
		if n, err := strconv.Atoi(v); err == nil {
			return time.Duration(n) * time.Millisecond
		}
	}
	return kafkaprops.DefaultTransactionTimeout * time.Millisecond
}

// Open makes the job's producer.
func (s *committerSpec) Open(ctx context.Context, job *exec.JobContext) (exec.Committer, error) {
	if len(s.topics) == 0 {
		return nil, exec.Fatalf("name the topics in the option 'topic' of one of the tables", "commit the tables "+strings.Join(s.tables, ", "),
			errors.New("an exactly-once job needs a topic that is known when it starts: the marker of its epochs names it"))
	}
	c := &committer{spec: s, job: job, log: job.Log}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// identity is what the first manifest fixes, as JSON. Fields are only ever added.
type identity struct {
	ClusterID       string      `json:"clusterId"`
	TransactionalID string      `json:"transactionalId"`
	Group           string      `json:"group"` // the marker's; Group + ".owner" is the owner's
	MarkerTopic     string      `json:"markerTopic"`
	MarkerPartition int32       `json:"markerPartition"`
	Sinks           []sinkTopic `json:"sinks"`
}

// GroupOf is the group in which a job has its marker, by the identity that its state has fixed. It is empty where that is no Kafka
// committer's.
func GroupOf(fixed []byte) string {
	var id identity
	if err := json.Unmarshal(fixed, &id); err != nil {
		return ""
	}
	return id.Group
}

type sinkTopic struct {
	Topic string `json:"topic"`
	ID    string `json:"id"`
}

// markerText is the metadata of the marker.
type markerText struct {
	Job   string      `json:"job"`
	Epoch exec.Epoch  `json:"epoch"`
	Nonce state.Nonce `json:"nonce"`
}

// ownerText is the metadata of the owner's offset.
type ownerText struct {
	Instance string `json:"instance"`
}

// committer is exec.Committer: the transaction of one attempt.
type committer struct {
	spec *committerSpec
	job  *exec.JobContext
	log  *slog.Logger
	prod *producer
	id   identity
	old  []string // transactional ids that the job had before

	claimed atomic.Bool
	broken  atomic.Pointer[error] // the producer must not be used any more
	started atomic.Int64          // first row of the open transaction, Unix nanoseconds; 0: none

	committed exec.Epoch // of the last Commit
	fresh     bool       // committed since the last Release
	settled   time.Time  // when the broker has most likely written the markers of the last Commit

	mu      sync.Mutex
	writers []*writer

	looking sync.Mutex    // a writer that was fenced looks for the owner too
	offs    *offsetReader // nil before the first look at a group
}

var _ exec.Committer = (*committer)(nil)

const idSuffix = "weir"

// settle is how long rows are still held behind a commit. The broker answers a commit before it has written the transaction's markers, and
// refuses to begin another until then (CONCURRENT_TRANSACTIONS); librdkafka asks again 20 ms later, whatever its settings. With checkpoints
// every 20 ms that was every third epoch.
const settle = 2 * time.Millisecond

func (c *committer) open(ctx context.Context) error {
	s := c.spec
	conf := with(unless(producerConfig(s.props, c.job.Config), "transaction.timeout.ms", strconv.Itoa(kafkaprops.DefaultTransactionTimeout),
		// With librdkafka's 100 ms transactions back to back take a tenth of a second each.
		"retry.backoff.ms", 5, "retry.backoff.max.ms", 500),
		"transactional.id", s.prefix+idSuffix, "enable.idempotence", true)
	p, err := newProducer(conf, c.job.Config, c.log, "table "+strings.Join(s.tables, ", "))
	if err != nil {
		return err
	}
	c.prod = p
	limit := connectTimeout(c.job.Config)
	err = await(ctx, c.log, limit, "a broker", s.where, "start the broker, or mend 'properties.bootstrap.servers'", p.health, func(ctx context.Context) error {
		d, err := p.admin.DescribeCluster(ctx)
		if err != nil {
			if e := denied("connect to Kafka at "+s.where, err, "access"); e != nil {
				return e
			}
			return err
		}
		if d.ClusterID != nil {
			c.id.ClusterID = *d.ClusterID
		}
		return c.limit(ctx, d.Nodes)
	})
	if err != nil {
		p.close()
	}
	return err
}

// limit refuses a transaction timeout that the broker does not allow. Where it may not be read, InitTransactions says it later.
func (c *committer) limit(ctx context.Context, nodes []ck.Node) error {
	if len(nodes) == 0 {
		return fmt.Errorf("%w: the cluster names no broker", errWait)
	}
	r, err := c.prod.admin.DescribeConfigs(ctx, ck.ConfigResource{Type: ck.ResourceBroker, Name: strconv.Itoa(nodes[0].ID)})
	if err != nil || len(r) != 1 || r[0].Error.Code() != ck.ErrNoError {
		return nil // DESCRIBE_CONFIGS is optional
	}
	most, err := strconv.Atoi(r[0].Config["transaction.max.timeout.ms"].Value)
	if err == nil && c.spec.timeout() > time.Duration(most)*time.Millisecond {
		return tooLong(c.spec.timeout(), fmt.Sprintf("%d", most))
	}
	return nil
}

func tooLong(timeout time.Duration, most string) error {
	return exec.Fatalf(fmt.Sprintf("set 'properties.transaction.timeout.ms' = '%s' or less, or raise the broker's limit", most), "open the job's transaction",
		fmt.Errorf("'properties.transaction.timeout.ms' is %d, and the broker's transaction.max.timeout.ms is %s: checkpoint interval < transaction.timeout.ms <= transaction.max.timeout.ms must hold", timeout.Milliseconds(), most))
}

// Identity says what the job writes to, and compares it with what the manifest fixed.
func (c *committer) Identity(ctx context.Context, fixed []byte) ([]byte, error) {
	s := c.spec
	doing := "identify the job's cluster and topics"
	infos, err := awaitTopics(ctx, c.log, c.job.Config, c.prod.admin, s.topics, s.where, c.prod.health, "DESCRIBE and WRITE on the topics "+strings.Join(s.topics, ", "))
	if err != nil {
		return nil, err
	}
	id := identity{ClusterID: c.id.ClusterID, TransactionalID: s.prefix + idSuffix, Group: markerGroup(s.prefix), MarkerTopic: s.topics[0]}
	for _, in := range infos {
		id.Sinks = append(id.Sinks, sinkTopic{in.name, in.id})
	}
	sort.Slice(id.Sinks, func(i, j int) bool { return id.Sinks[i].Topic < id.Sinks[j].Topic })
	c.old = nil
	if fixed != nil {
		var was identity
		if err := json.Unmarshal(fixed, &was); err != nil {
			return nil, exec.Fatalf("", doing, fmt.Errorf("the manifest's commit point cannot be read: %w", err))
		}
		if was.ClusterID != "" && id.ClusterID != "" && was.ClusterID != id.ClusterID {
			return nil, exec.Fatalf("start with another state directory, or mend 'properties.bootstrap.servers'", doing,
				fmt.Errorf("the state belongs to Kafka cluster %s, and %s is cluster %s", was.ClusterID, s.where, id.ClusterID))
		}
		for _, t := range was.Sinks {
			i := slices.IndexFunc(id.Sinks, func(n sinkTopic) bool { return n.Topic == t.Topic })
			if i >= 0 && t.ID != "" && id.Sinks[i].ID != t.ID {
				return nil, recreatedSink(t.Topic, t.ID, id.Sinks[i].ID)
			}
		}
		// The marker stays where it is; an edited prefix gives the job another transactional id, and the old one
		// is fenced as well.
		id.Group, id.MarkerTopic, id.MarkerPartition = was.Group, was.MarkerTopic, was.MarkerPartition
		if was.TransactionalID != id.TransactionalID {
			c.old = append(c.old, was.TransactionalID)
		}
		if !slices.Contains(s.topics, id.MarkerTopic) {
			if _, err := awaitTopics(ctx, c.log, c.job.Config, c.prod.admin, []string{id.MarkerTopic}, s.where, c.prod.health, "READ on topic "+id.MarkerTopic); err != nil {
				return nil, fmt.Errorf("the topic that the job's marker names, which the job no longer writes: %w", err)
			}
		}
	}
	c.id = id
	return json.Marshal(id)
}

func (c *committer) partition() ck.TopicPartition {
	topic := c.id.MarkerTopic
	return ck.TopicPartition{Topic: &topic, Partition: c.id.MarkerPartition}
}

// metadata reads the metadata that a group has committed for the marker's partition; with elsewhere, for any other one where
// that has none.
func (c *committer) metadata(ctx context.Context, group string, stable, elsewhere bool) (text string, found bool, err error) {
	doing := "read the offsets of group " + group
	parts := []ck.TopicPartition{c.partition()}
	if elsewhere {
		parts = nil // all
	}
	c.looking.Lock()
	defer c.looking.Unlock()
	if c.offs == nil {
		c.offs, err = newOffsetReader(c.spec.props, c.id.Group+".reader", c.log, c.prod.health)
		if err != nil {
			return "", false, badConfig(strings.Join(c.spec.tables, ", "), err)
		}
	}
	err = await(ctx, c.log, connectTimeout(c.job.Config), "group "+group, c.spec.where, "", nil, func(ctx context.Context) error {
		got, err := c.offs.committed(ctx, group, parts, stable)
		if err != nil {
			if d := denied(doing, err, "READ on the groups "+c.id.Group+"* (prefixed)"); d != nil {
				return d
			}
			return err
		}
		text, found = "", false
		for _, p := range got {
			here := p.Topic != nil && *p.Topic == c.id.MarkerTopic && p.Partition == c.id.MarkerPartition
			if p.Offset < 0 || found && !here {
				continue
			}
			if text, found = "", true; p.Metadata != nil {
				text = *p.Metadata
			}
			if here {
				break
			}
		}
		return nil
	})
	return text, found, err
}

// marker reads the job's marker. One that names another partition counts too: it is that of a job by the same prefix that writes other
// topics, which must not be fenced by mistake, or of this job, whose state is elsewhere and says so.
func (c *committer) marker(ctx context.Context, stable bool) (exec.Marker, bool, error) {
	// Of a partition that has no offset yet a broker tells that one is pending only when it is named.
	text, found, err := c.metadata(ctx, c.id.Group, stable, false)
	if err == nil && !found {
		text, found, err = c.metadata(ctx, c.id.Group, stable, true)
	}
	if err != nil || !found {
		return exec.Marker{}, false, err
	}
	var m markerText
	if err := json.Unmarshal([]byte(text), &m); err != nil || m.Job == "" || m.Nonce == "" {
		return exec.Marker{}, false, exec.Fatalf("the group "+c.id.Group+" is weir's own: give the job another 'sink.transactional-id-prefix', and no consumer a group of this name",
			"read the marker of group "+c.id.Group, fmt.Errorf("somebody else has committed an offset there (metadata %q)", text))
	}
	return exec.Marker{Job: m.Job, Epoch: m.Epoch, Nonce: m.Nonce}, true, nil
}

// Peek reads the marker as it is committed now.
func (c *committer) Peek(ctx context.Context) (exec.Marker, bool, error) { return c.marker(ctx, false) }

// Settle waits until the broker has decided over the offset commits of the marker.
func (c *committer) Settle(ctx context.Context) error {
	// What else stands in the way of reading them Peek says; a commit that is pending for longer than is waited for is that of an instance that died,
	// whose transaction is still open.
	if _, _, err := c.metadata(ctx, c.id.Group, true, false); err != nil {
		c.log.Debug("offset commits of group "+c.id.Group+" are pending", "cause", err)
	}
	return ctx.Err()
}

func (c *committer) ownerGroup() string { return c.id.Group + ".owner" }

// ownerPlace names where the owner is written.
func (c *committer) ownerPlace() string {
	return c.ownerGroup() + " " + partitionText(c.id.MarkerTopic, c.id.MarkerPartition)
}

func (c *committer) owner(ctx context.Context, stable bool) (string, error) {
	text, found, err := c.metadata(ctx, c.ownerGroup(), stable, false)
	if err != nil || !found {
		return "", err
	}
	var o ownerText
	if err := json.Unmarshal([]byte(text), &o); err != nil || o.Instance == "" {
		return "", exec.Fatalf("give the job another 'sink.transactional-id-prefix'", "read the owner of group "+c.ownerGroup(),
			fmt.Errorf("somebody else has committed an offset there (metadata %q)", text))
	}
	return o.Instance, nil
}

// remember notes that an instance of this process has claimed the job at a place of the owner.
func (s *committerSpec) remember(instance, place string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mine[instance], s.claimed[place] = true, true
}

// own reports whether an instance is an attempt of this process.
func (s *committerSpec) own(instance string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mine[instance]
}

func (s *committerSpec) claimedBefore(place string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claimed[place]
}

const fencedHelp = "one instance of a job runs at a time: this one leaves the field to the newer; if both were meant to run, give them different names, state directories and 'sink.transactional-id-prefix'es"

func fencedBy(doing, owner string) error {
	return exec.Fencedf(fencedHelp, doing, fmt.Errorf("another instance of this job (%s) has taken over", owner))
}

// Claim makes this instance the only one that can commit.
func (c *committer) Claim(ctx context.Context) (exec.Marker, bool, error) {
	none := exec.Marker{}
	doing := "claim the transactional id " + c.id.TransactionalID
	before, err := c.owner(ctx, false)
	if err != nil {
		return none, false, err
	}
	if c.spec.claimedBefore(c.ownerPlace()) && before != "" && !c.spec.own(before) {
		return none, false, fencedBy(doing, before) // while this process was recovering
	}
	for _, old := range c.old {
		if err := c.fence(ctx, old); err != nil {
			return none, false, err
		}
	}
	err = c.retry(ctx, c.spec.timeout(), func(ctx context.Context) error { return c.prod.p.InitTransactions(ctx) })
	if err != nil {
		return none, false, c.initFailed(doing, err)
	}
	c.spec.remember(c.job.Instance, c.ownerPlace())
	text, err := json.Marshal(ownerText{c.job.Instance})
	if err != nil {
		return none, false, err
	}
	err = c.prod.p.BeginTransaction()
	if err == nil {
		err = c.sendOffset(ctx, c.ownerGroup(), 0, string(text))
	}
	if err == nil {
		err = c.retry(ctx, c.spec.timeout(), func(ctx context.Context) error { return c.prod.p.CommitTransaction(ctx) })
	}
	if err != nil {
		return none, false, c.claimFailed(ctx, doing, before, err)
	}
	m, found, err := c.marker(ctx, true)
	if err != nil {
		return none, false, err
	}
	if err := c.prod.p.BeginTransaction(); err != nil {
		return none, false, c.failed(doing, err)
	}
	c.claimed.Store(true)
	return m, found, nil
}

// fence makes an old transactional id of the job useless to whoever still has it.
func (c *committer) fence(ctx context.Context, id string) error {
	conf := with(producerConfig(c.spec.props, c.job.Config), "transactional.id", id, "enable.idempotence", true)
	p, err := newProducer(conf, c.job.Config, c.log, "transactional id "+id)
	if err != nil {
		return err
	}
	defer p.close()
	if err := c.retry(ctx, c.spec.timeout(), func(ctx context.Context) error { return p.p.InitTransactions(ctx) }); err != nil {
		return c.initFailed("fence the job's former transactional id "+id, err)
	}
	return nil
}

// initFailed words why InitTransactions was refused.
func (c *committer) initFailed(doing string, err error) error {
	if d := denied(doing, err, "WRITE on the transactional id "+c.id.TransactionalID); d != nil {
		return d
	}
	if code, _ := codeOf(err); code == ck.ErrInvalidTransactionTimeout {
		return tooLong(c.spec.timeout(), "less")
	}
	return exec.Restartf("", doing, err)
}

// claimFailed tells a claim that another instance overtook from one that broke.
func (c *committer) claimFailed(ctx context.Context, doing, before string, err error) error {
	if d := denied(doing, err, c.permissions()); d != nil {
		return d
	}
	if !isFenced(err) {
		return exec.Restartf("", doing, err)
	}
	if owner := c.otherOwner(ctx, before); owner != "" {
		return fencedBy(doing, owner)
	}
	return exec.Restartf("", doing, err)
}

// otherOwner waits a little for the claim of whoever fenced us; "" when none comes.
func (c *committer) otherOwner(ctx context.Context, before string) string {
	limit := time.Now().Add(3 * time.Second)
	for {
		owner, err := c.owner(ctx, true)
		if err == nil && owner != "" && owner != before && !c.spec.own(owner) {
			return owner
		}
		if err != nil || time.Now().After(limit) {
			return ""
		}
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *committer) permissions() string {
	return fmt.Sprintf("WRITE and READ on the topics %s, READ on the groups %s* (prefixed) and WRITE on the transactional id %s",
		strings.Join(c.spec.topics, ", "), c.id.Group, c.id.TransactionalID)
}

// sendOffset puts an offset commit into the transaction.
func (c *committer) sendOffset(ctx context.Context, group string, offset int64, metadata string) error {
	gm, err := ck.NewTestConsumerGroupMetadata(group)
	if err != nil {
		return err
	}
	tp := c.partition()
	tp.Offset, tp.Metadata = ck.Offset(offset), &metadata
	return c.retry(ctx, c.spec.timeout(), func(ctx context.Context) error {
		return c.prod.p.SendOffsetsToTransaction(ctx, []ck.TopicPartition{tp}, gm)
	})
}

// retry repeats a transactional call while librdkafka says that it may be, for at most limit.
func (c *committer) retry(ctx context.Context, limit time.Duration, call func(context.Context) error) error {
	deadline := time.Now().Add(limit)
	for said := time.Now(); ; {
		step, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := call(step)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var ke ck.Error
		if !errors.As(err, &ke) || !ke.IsRetriable() || time.Now().After(deadline) {
			return err
		}
		if time.Since(said) > sayEvery {
			said = time.Now()
			c.log.Warn("the transaction waits for Kafka at "+c.spec.where, "cause", ke.String())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TransactionTimeout is after how long the broker aborts an open transaction.
func (c *committer) TransactionTimeout() time.Duration { return c.spec.timeout() }

// TransactionStarted is when the open transaction took its first row.
func (c *committer) TransactionStarted() time.Time {
	if n := c.started.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// touch notes that a row goes into the transaction.
func (c *committer) touch() {
	if c.started.Load() == 0 {
		c.started.CompareAndSwap(0, time.Now().UnixNano())
	}
}

// isFenced reports that another producer has the id, or that the broker gave the transaction up: the same to librdkafka.
func isFenced(err error) bool {
	switch code, _ := codeOf(err); code {
	case ck.ErrFenced, ck.ErrProducerFenced, ck.ErrInvalidProducerEpoch:
		return true
	}
	return false
}

// failed words an error of the transaction by the reaction that it demands, once, and breaks the committer.
func (c *committer) failed(doing string, err error) error {
	if p := c.broken.Load(); p != nil {
		return *p
	}
	e := c.classify(doing, err)
	c.broken.CompareAndSwap(nil, &e)
	return *c.broken.Load()
}

func (c *committer) classify(doing string, err error) error {
	// The report of the record that broke the transaction comes beside the refusal: it names topic and cause.
	var ke ck.Error
	if errors.As(err, &ke) && ke.TxnRequiresAbort() {
		for limit := time.Now().Add(time.Second); c.prod.err() == nil && time.Now().Before(limit); {
			time.Sleep(5 * time.Millisecond)
		}
		if e := c.prod.err(); e != nil {
			err = e
		}
	}
	if code, _ := codeOf(err); code == ck.ErrMsgSizeTooLarge && !errors.Is(err, exec.ErrFatal) {
		return tooLarge(doing, err)
	}
	for _, reaction := range []error{exec.ErrFatal, exec.ErrFenced} {
		if errors.Is(err, reaction) {
			return err
		}
	}
	// The first error may be the consequence of a fatal one.
	fenced := isFenced(err)
	if f := c.prod.p.GetFatalError(); f != nil {
		fenced = fenced || isFenced(f)
		err = f
	}
	if d := denied(doing, err, c.permissions()); d != nil {
		return d
	}
	if !fenced {
		// A producer whose transaction was ended by a newer one is told so in several ways.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if owner, e := c.owner(ctx, true); e == nil && owner != "" && !c.spec.own(owner) {
			return fencedBy(doing, owner)
		}
		if errors.Is(err, exec.ErrRestart) {
			return err
		}
		return exec.Restartf("", doing, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout(c.job.Config))
	defer cancel()
	if owner := c.otherOwner(ctx, ""); owner != "" {
		return fencedBy(doing, owner)
	}
	return exec.Restartf("if this comes again, raise 'properties.transaction.timeout.ms' or shorten 'execution.checkpointing.interval'", doing,
		fmt.Errorf("the broker gave the transaction up after transaction.timeout.ms = %d: nothing is lost, the epoch is replayed (%w)", c.spec.timeout().Milliseconds(), err))
}

// Commit makes the epoch visible with its marker.
func (c *committer) Commit(ctx context.Context, m exec.Marker) error {
	if p := c.broken.Load(); p != nil {
		return *p
	}
	doing := fmt.Sprintf("commit epoch %d", m.Epoch)
	text, err := json.Marshal(markerText{m.Job, m.Epoch, m.Nonce})
	if err != nil {
		return err
	}
	// A record that was not delivered makes librdkafka refuse the commit; this says which one it was.
	if err := c.prod.err(); err != nil {
		return c.failed(doing, err)
	}
	if err := c.sendOffset(ctx, c.id.Group, int64(m.Epoch), string(text)); err != nil {
		return c.failed(doing, err)
	}
	killpoint.Hit(killpoint.Step4After)
	killpoint.Hit(killpoint.Step5Before)
	if err := c.retry(ctx, c.spec.timeout(), func(ctx context.Context) error { return c.prod.p.CommitTransaction(ctx) }); err != nil {
		return c.failed(doing, err)
	}
	c.started.Store(0)
	c.committed, c.fresh, c.settled = m.Epoch, true, time.Now().Add(settle)
	if err := c.prod.p.BeginTransaction(); err != nil {
		return c.failed(doing+": begin the next transaction", err)
	}
	return nil
}

// Release lets the rows go that were held behind the barrier of the epoch just committed; without a commit since the last
// call, because the epoch had nothing to commit, behind the oldest barrier.
func (c *committer) Release() error {
	c.mu.Lock()
	ws := slices.Clone(c.writers)
	c.mu.Unlock()
	epoch := c.committed
	if !c.fresh {
		first := true
		for _, w := range ws {
			w.mu.Lock()
			if w.blocked && (first || w.blockedAt < epoch) {
				epoch, first = w.blockedAt, false
			}
			w.mu.Unlock()
		}
	}
	if c.fresh {
		time.Sleep(time.Until(c.settled))
	}
	c.fresh = false
	for _, w := range ws {
		if err := w.release(epoch); err != nil {
			return err
		}
	}
	return nil
}

func (c *committer) add(w *writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writers = append(c.writers, w)
}

func (c *committer) remove(w *writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writers = slices.DeleteFunc(c.writers, func(x *writer) bool { return x == w })
}

// Close aborts what is open, so that readers do not wait for its timeout, and ends the producer.
func (c *committer) Close() error {
	c.mu.Lock()
	ws := slices.Clone(c.writers)
	c.mu.Unlock()
	for _, w := range ws {
		if err := w.Close(); err != nil {
			return err
		}
	}
	if c.claimed.Swap(false) && c.started.Load() != 0 && c.prod.p.GetFatalError() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = c.prod.p.Purge(ck.PurgeQueue | ck.PurgeInFlight) // the epoch is given up
		if err := c.prod.p.AbortTransaction(ctx); err != nil {
			c.log.Warn("the open transaction could not be aborted: readers of the topics wait until it times out", "cause", err)
		}
		cancel()
	}
	c.looking.Lock()
	if c.offs != nil {
		c.offs.close()
		c.offs = nil
	}
	c.looking.Unlock()
	c.prod.close()
	return nil
}
