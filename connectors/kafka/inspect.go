package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/formats"
	"weir/connectors/spec"
	"weir/connectors/spec/kafkaprops"
	"weir/exec"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/config"
)

// Codes of what Inspect finds.
const (
	codeBroker      = "SQ6201"
	codeTopic       = "SQ6202"
	codePermission  = "SQ6203"
	codeBrokerLimit = "SQ6204"
	codePartitions  = "SQ6205"
	codeReplication = "SQ6206"
	codeRecords     = "SQ6207"
	codeClock       = "SQ6208"
)

// TableUse is a table, and what a script does with it. Of one that is neither read nor written the broker alone is asked about, by its
// 'properties.*'.
type TableUse struct {
	Table       *catalog.Table
	Read, Wrote bool
	Parallelism int // of its reader; 0 unknown
}

// Answer is what the broker had to say to one question.
type Answer struct {
	Subject string // "topic orders"
	Name    string // "exists"
	Detail  string // "4 partitions"
	Hint    string
	Skipped bool             // it could not be asked; Detail says why
	Finding *diag.Diagnostic // nil where all is well
}

// InspectOptions say how Inspect works.
type InspectOptions struct {
	Config  *config.Config
	Formats formats.Registry
	Records int           // of each topic that is read to look at; 0: none
	Timeout time.Duration // of one request
}

// Inspection is what Inspect has found.
type Inspection struct {
	Answers    []Answer
	Partitions map[string]int // of topics that exist, by servers and name

	retention map[string]time.Duration // offsets.retention.minutes, by servers
	markers   map[string]bool          // whether a group has offsets, by servers and name
}

// PartitionsOf is how many partitions a topic has; ok is false where that was not found out.
func (i *Inspection) PartitionsOf(servers, topic string) (n int, ok bool) {
	n, ok = i.Partitions[spec.Servers(servers)+"\x00"+topic]
	return n, ok
}

// Marker is what a broker keeps of a job that writes exactly once.
type Marker struct {
	Group     string        // in which it is
	Asked     bool          // the broker has said whether the marker is there
	There     bool          //
	Retention time.Duration // how long the broker keeps it after its last change; 0: not found out
}

// MarkerOf is what was found of the marker of a job with this 'sink.transactional-id-prefix'.
func (i *Inspection) MarkerOf(servers, prefix string) Marker {
	where := spec.Servers(servers)
	m := Marker{Group: markerGroup(prefix), Retention: i.retention[where]}
	m.There, m.Asked = i.markers[where+"\x00"+m.Group]
	return m
}

// markerGroup is the group whose offset is the marker of a job.
func markerGroup(prefix string) string { return "weir." + prefix }

// Inspect asks the brokers of tables whether a job could run on them: that they are there, topics, permissions, limits,
// replication, and whether recent records are as the tables say. It changes nothing: it joins no group, opens no
// transaction and creates no topic. What is wrong is an answer with a finding, never an error.
func Inspect(ctx context.Context, uses []TableUse, o InspectOptions) *Inspection {
	in := &inspector{o: o, out: &Inspection{Partitions: map[string]int{}, retention: map[string]time.Duration{}, markers: map[string]bool{}}, down: map[string]bool{}, asked: map[string]bool{}}
	for _, u := range uses {
		in.table(ctx, u)
	}
	return in.out
}

type inspector struct {
	o     InspectOptions
	out   *Inspection
	down  map[string]bool // servers that do not answer
	asked map[string]bool // questions that do not depend on the table
}

// ok adds an answer that is as it should be.
func (in *inspector) ok(subject, name, format string, args ...any) {
	in.out.Answers = append(in.out.Answers, Answer{Subject: subject, Name: name, Detail: fmt.Sprintf(format, args...)})
}

// skip adds a question that could not be asked.
func (in *inspector) skip(subject, name, hint, format string, args ...any) {
	in.out.Answers = append(in.out.Answers, Answer{Subject: subject, Name: name, Detail: fmt.Sprintf(format, args...), Hint: hint, Skipped: true})
}

// fail adds an answer with its finding.
func (in *inspector) fail(code string, sev diag.Severity, at diag.Span, subject, name, detail, hint string) *diag.Diagnostic {
	d := &diag.Diagnostic{Code: code, Severity: sev, Span: at, Title: subject + ": " + detail}
	if hint != "" {
		d.Help("%s", hint)
	}
	in.out.Answers = append(in.out.Answers, Answer{Subject: subject, Name: name, Detail: detail, Hint: hint, Finding: d})
	return d
}

// first reports whether a question is asked for the first time.
func (in *inspector) first(question string) bool {
	if in.asked[question] {
		return false
	}
	in.asked[question] = true
	return true
}

// optionPlace is where an option of t is written, its name where it is not.
func optionPlace(t *catalog.Table, keys ...string) diag.Span {
	for _, k := range keys {
		if o := t.Options.Lookup(k); o != nil && !o.ValueSpan.IsZero() {
			return o.ValueSpan
		}
	}
	return t.NameSpan
}

func (in *inspector) table(ctx context.Context, u TableUse) {
	t := u.Table
	role := kafkaprops.Source
	exact := u.Wrote && spec.KafkaDelivery(t) == "exactly-once"
	switch {
	case exact:
		role = kafkaprops.ExactlyOnceSink
	case u.Wrote:
		role = kafkaprops.Sink
	}
	props, _, err := TranslateProperties(t.Options, role)
	if err != nil {
		in.fail(codeBroker, diag.Error, t.NameSpan, "table "+t.Name, "client properties", err.Error(), "mend the 'properties.*' of the table")
		return
	}
	where := servers(props)
	if in.down[where] {
		return
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	h := newHealth(log, where)
	client, err := newOffsetReader(props, "weir.check", log, h)
	if err != nil {
		in.fail(codeBroker, diag.Error, t.NameSpan, "table "+t.Name, "client properties", err.Error(), "mend the 'properties.*' of the table")
		return
	}
	defer client.close()
	c := &clusterCheck{inspector: in, use: u, exact: exact, where: where, client: client, health: h, props: props}
	if !c.broker(ctx) {
		in.down[where] = true
		return
	}
	if !u.Read && !u.Wrote {
		return
	}
	topics := c.topics(ctx)
	for _, topic := range topics {
		c.clock(ctx, topic)
	}
	if exact {
		c.group(ctx)
		c.transactionalID(ctx)
	}
	if u.Read {
		for _, topic := range topics {
			c.sample(ctx, topic)
		}
	}
}

// clusterCheck asks the cluster of one table.
type clusterCheck struct {
	*inspector
	use    TableUse
	exact  bool
	where  string
	client *offsetReader
	health *health
	props  ck.ConfigMap
	nodes  []ck.Node
}

func (c *clusterCheck) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.o.Timeout)
}

// broker reports whether the cluster answers.
func (c *clusterCheck) broker(whole context.Context) bool {
	ctx, cancel := c.limit(whole)
	subject := "broker " + c.where
	began := time.Now()
	var d ck.DescribeClusterResult
	err := tryUnless(ctx, cancel, c.health, func(ctx context.Context) error {
		var err error
		d, err = c.client.admin.DescribeCluster(ctx)
		return err
	})
	if fatal := c.health.err("connect to Kafka at " + c.where); fatal != nil {
		err = fatal
	}
	if err != nil {
		reason := c.health.unreachable(time.Time{})
		if reason == nil {
			reason = err
		}
		var own *exec.Error
		hint := "start it, or mend 'properties.bootstrap.servers'"
		if errors.As(err, &own) {
			reason, hint = err, own.Help
		}
		c.fail(codeBroker, diag.Error, optionPlace(c.use.Table, "properties.bootstrap.servers"), subject, "answers", "no answer: "+reason.Error(), hint)
		return false
	}
	c.nodes = d.Nodes
	if c.first("broker " + c.where) {
		if took := time.Since(began); took > c.o.Timeout/slowAnswer {
			c.fail(codeBroker, diag.Warning, optionPlace(c.use.Table, "properties.bootstrap.servers"), subject, "speed",
				fmt.Sprintf("its first answer took %s", took.Round(100*time.Millisecond)), "look at the broker's load, and at the network in between")
		}
		id := ""
		if d.ClusterID != nil {
			id = "cluster " + *d.ClusterID + ", "
		}
		c.ok(subject, "answers", "%s%s", id, counted(len(d.Nodes), "broker"))
	}
	c.limits(whole)
	return true
}

// slowAnswer is which part of the time that an answer may take makes it slow: it takes milliseconds. Of the default it is 2 s.
const slowAnswer = 5

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// limits asks for the broker's limits that matter to exactly-once, and compares the table's transaction timeout.
func (c *clusterCheck) limits(whole context.Context) {
	if !c.exact && (c.use.Read || c.use.Wrote) {
		return
	}
	subject := "broker " + c.where
	if c.first("limits " + c.where) {
		if minutes, ok := c.limitOf(whole, subject, "marker retention", "offsets.retention.minutes"); ok {
			keeps := time.Duration(minutes) * time.Minute
			c.out.retention[spec.Servers(c.where)] = keeps
			c.ok(subject, "marker retention", "offsets.retention.minutes is %d: it forgets a job that was stopped for %s", minutes, Days(keeps))
		}
	}
	if !c.exact {
		if most, ok := c.limitOf(whole, subject, "transactions", "transaction.max.timeout.ms"); ok {
			c.ok(subject, "transactions", "they may be open for %d ms (transaction.max.timeout.ms)", most)
		}
		return
	}
	t := c.use.Table
	subject, name := "table "+t.Name, "transaction timeout"
	limit, ok := c.limitOf(whole, subject, name, "transaction.max.timeout.ms")
	if !ok {
		return
	}
	timeout := (&committerSpec{props: c.props}).timeout().Milliseconds()
	if timeout > limit {
		c.fail(codeBrokerLimit, diag.Error, optionPlace(t, "properties.transaction.timeout.ms", "sink.delivery-guarantee"), subject, name,
			fmt.Sprintf("'properties.transaction.timeout.ms' is %d, and the broker's transaction.max.timeout.ms is %d", timeout, limit),
			fmt.Sprintf("set 'properties.transaction.timeout.ms' = '%d' or less, or raise the broker's limit", limit))
		return
	}
	c.ok(subject, name, "%d ms, the broker allows %d ms", timeout, limit)
}

// Days is a time in days where it is some, and else as Go writes it.
func Days(d time.Duration) string {
	if d > 0 && d%(24*time.Hour) == 0 {
		return counted(int(d/(24*time.Hour)), "day")
	}
	return d.String()
}

// limitOf is a number among the broker's settings; where it cannot be had, the question is skipped and ok is false.
func (c *clusterCheck) limitOf(whole context.Context, subject, name, key string) (n int64, ok bool) {
	ctx, cancel := c.limit(whole)
	defer cancel()
	if len(c.nodes) == 0 {
		c.skip(subject, name, "", "the cluster names no broker")
		return 0, false
	}
	text, err := c.setting(ctx, ck.ResourceBroker, strconv.Itoa(c.nodes[0].ID), key)
	if err != nil {
		c.skip(subject, name, "grant DESCRIBE_CONFIGS on the cluster, so that it can be compared", "the broker's %s may not be read: %s", key, brief(err))
		return 0, false
	}
	if n, err = strconv.ParseInt(text, 10, 64); err != nil {
		c.skip(subject, name, "", "the broker's %s is '%s'", key, text)
		return 0, false
	}
	return n, true
}

// setting is one configuration entry of a broker or a topic.
func (c *clusterCheck) setting(ctx context.Context, kind ck.ResourceType, name, key string) (string, error) {
	r, err := c.client.admin.DescribeConfigs(ctx, ck.ConfigResource{Type: kind, Name: name})
	switch {
	case err != nil:
		return "", err
	case len(r) != 1:
		return "", errors.New("no answer")
	case r[0].Error.Code() != ck.ErrNoError:
		return "", r[0].Error
	}
	e, ok := r[0].Config[key]
	if !ok {
		return "", fmt.Errorf("it names no %s", key)
	}
	return e.Value, nil
}

// brief is an error of the client in its own few words.
func brief(err error) string {
	var ke ck.Error
	if errors.As(err, &ke) {
		return ke.Code().String()
	}
	return err.Error()
}

// topics checks the topics of the table and returns those that are there.
func (c *clusterCheck) topics(ctx context.Context) []ck.TopicDescription {
	t := c.use.Table
	names := spec.List(option(t, "topic"))
	if len(names) == 0 {
		c.skip("table "+t.Name, "topics", "", "'topic-pattern' names topics only while the job runs")
		return nil
	}
	var out []ck.TopicDescription
	for _, name := range names {
		if d, ok := c.topic(ctx, name); ok {
			out = append(out, d)
		}
	}
	return out
}

func option(t *catalog.Table, key string) string {
	v, _ := t.Options.Get(key)
	return v
}

// topic checks one topic; ok is false where there is no use in asking more about it.
func (c *clusterCheck) topic(ctx context.Context, name string) (d ck.TopicDescription, ok bool) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	t := c.use.Table
	subject, here := "topic "+name, optionPlace(t, "topic")
	r, err := c.client.admin.DescribeTopics(ctx, []string{name}, ck.SetAdminOptionIncludeAuthorizedOperations(true))
	if err == nil && len(r.TopicDescriptions) == 1 {
		d = r.TopicDescriptions[0]
		if d.Error.Code() != ck.ErrNoError {
			err = d.Error
		}
	}
	switch code, _ := codeOf(err); {
	case code == ck.ErrUnknownTopicOrPart:
		c.fail(codeTopic, diag.Error, here, subject, "exists", "it does not exist", fmt.Sprintf("create it: kafka-topics --bootstrap-server %s --create --topic %s --partitions 4", c.where, name))
		return d, false
	case code == ck.ErrTopicAuthorizationFailed:
		c.fail(codePermission, diag.Error, here, subject, "exists", "it may not be described, or does not exist", c.grant("--operation Describe --topic "+name))
		return d, false
	case err != nil:
		c.fail(codeTopic, diag.Error, here, subject, "exists", brief(err), "")
		return d, false
	}
	c.out.Partitions[spec.Servers(c.where)+"\x00"+name] = len(d.Partitions)
	if c.first("topic " + c.where + " " + name) {
		c.ok(subject, "exists", "%s, replication factor %d", counted(len(d.Partitions), "partition"), replicas(d))
	}
	if c.use.Read && c.use.Parallelism > 0 {
		if n := len(d.Partitions); n < c.use.Parallelism && len(spec.List(option(t, "topic"))) == 1 {
			c.fail(codePartitions, diag.Warning, here, subject, "parallelism", fmt.Sprintf("%s for a parallelism of %d: %d readers have nothing to do", counted(n, "partition"), c.use.Parallelism, c.use.Parallelism-n),
				"give it more partitions, or SET 'parallelism.default' = '"+strconv.Itoa(n)+"'")
		} else {
			c.ok(subject, "parallelism", "%s for a parallelism of %d", counted(n, "partition"), c.use.Parallelism)
		}
	}
	ok = c.permissions(d, subject, here)
	if c.use.Wrote && c.first("replication "+c.where+" "+name) {
		c.replication(ctx, d, subject, here)
	}
	return d, ok
}

func replicas(d ck.TopicDescription) int {
	if len(d.Partitions) == 0 {
		return 0
	}
	return len(d.Partitions[0].Replicas)
}

// grant is the command that gives a permission.
func (c *clusterCheck) grant(what string) string {
	user := "USER"
	if u, ok := c.props["sasl.username"].(string); ok && u != "" {
		user = u
	}
	return fmt.Sprintf("kafka-acls --bootstrap-server %s --add --allow-principal User:%s %s", c.where, user, what)
}

// permissions compares what the user may do with a topic with what the table needs.
func (c *clusterCheck) permissions(d ck.TopicDescription, subject string, here diag.Span) bool {
	type need struct {
		op  ck.ACLOperation
		why string
	}
	var needs []need
	if c.use.Read {
		needs = append(needs, need{ck.ACLOperationRead, "the job reads it"})
	}
	if c.use.Wrote {
		needs = append(needs, need{ck.ACLOperationWrite, "the job writes it"})
	}
	if c.exact && !c.use.Read {
		needs = append(needs, need{ck.ACLOperationRead, "the marker of each epoch is an offset in it"})
	}
	if len(d.AuthorizedOperations) == 0 {
		if len(needs) > 0 {
			c.skip(subject, "permissions", "", "the broker does not say what may be done with it")
		}
		return true
	}
	able := true
	var may []string
	for _, n := range needs {
		word := strings.ToUpper(n.op.String())
		if slices.Contains(d.AuthorizedOperations, n.op) || slices.Contains(d.AuthorizedOperations, ck.ACLOperationAll) {
			may = append(may, word)
			continue
		}
		able = false
		c.fail(codePermission, diag.Error, here, subject, word, word+" is not granted: "+n.why, c.grant("--operation "+n.op.String()+" --topic "+d.Name))
	}
	if able {
		c.ok(subject, "permissions", "%s", strings.Join(may, ", "))
	}
	return able
}

// replication checks that a topic that is written outlives a broker, and that it can be written at all.
func (c *clusterCheck) replication(ctx context.Context, d ck.TopicDescription, subject string, here diag.Span) {
	factor := replicas(d)
	text, err := c.setting(ctx, ck.ResourceTopic, d.Name, "min.insync.replicas")
	if err != nil {
		c.skip(subject, "replication", "grant DESCRIBE_CONFIGS on the topic to have it compared", "min.insync.replicas may not be read: %s", brief(err))
		return
	}
	insync, err := strconv.Atoi(text)
	if err != nil {
		c.skip(subject, "replication", "", "min.insync.replicas is '%s'", text)
		return
	}
	detail := fmt.Sprintf("replication factor %d, min.insync.replicas %d", factor, insync)
	switch {
	case insync > factor:
		c.fail(codeReplication, diag.Error, here, subject, "replication", detail+": it can never be written with acks=all", "set min.insync.replicas to less than the replication factor")
	case factor == 1 && len(c.nodes) > 1:
		c.fail(codeReplication, diag.Warning, here, subject, "replication", detail+": what is written is lost with one broker", "replicate it 3 times, with min.insync.replicas=2")
	case insync == factor && factor > 1:
		c.fail(codeReplication, diag.Warning, here, subject, "replication", detail+": it cannot be written while one broker is away", "set min.insync.replicas to less than the replication factor")
	case insync == 1 && factor > 1:
		c.fail(codeReplication, diag.Warning, here, subject, "replication", detail+": a record may be acknowledged by one broker alone", "set min.insync.replicas=2")
	default:
		c.ok(subject, "replication", "%s, %s", detail, counted(len(c.nodes), "broker"))
	}
}

// group checks READ on the group of the marker.
func (c *clusterCheck) group(ctx context.Context) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	prefix := option(c.use.Table, "sink.transactional-id-prefix")
	name := markerGroup(prefix)
	if !c.first("group " + c.where + " " + name) {
		return
	}
	subject, here := "group "+name, optionPlace(c.use.Table, "sink.transactional-id-prefix")
	hint := c.grant("--operation Read --group " + name + " --resource-pattern-type prefixed")
	// Offsets may be read with DESCRIBE, too, which READ implies; the list of what is allowed knows better, where a broker sends it.
	offsets, err := c.client.committed(ctx, name, nil, false)
	for err != nil && waitable(err) && ctx.Err() == nil { // the group's coordinator may have to be found first
		time.Sleep(100 * time.Millisecond)
		offsets, err = c.client.committed(ctx, name, nil, false)
	}
	if code, _ := codeOf(err); code == ck.ErrGroupAuthorizationFailed {
		c.fail(codePermission, diag.Error, here, subject, "READ", "READ is not granted: the marker of each epoch is an offset of this group", hint)
		return
	}
	if err != nil {
		c.skip(subject, "READ", "", "%s", brief(err))
		return
	}
	if r, err := c.client.describe(ctx, name); err == nil && len(r.ConsumerGroupDescriptions) == 1 {
		if ops := r.ConsumerGroupDescriptions[0].AuthorizedOperations; len(ops) > 0 && !slices.Contains(ops, ck.ACLOperationRead) {
			c.fail(codePermission, diag.Error, here, subject, "READ", "READ is not granted, only "+operations(ops), hint)
			return
		}
	}
	there := len(offsets) > 0
	c.out.markers[spec.Servers(c.where)+"\x00"+name] = there
	if there {
		c.ok(subject, "READ", "it can be read: the job has committed an epoch")
	} else {
		c.ok(subject, "READ", "it can be read: it holds no epoch")
	}
}

func operations(ops []ck.ACLOperation) string {
	var out []string
	for _, o := range ops {
		out = append(out, strings.ToUpper(o.String()))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// resourceTransactionalID is librdkafka's resource type, which the Go client has no name for.
const resourceTransactionalID ck.ResourceType = 5

// transactionalID looks for an ACL that allows WRITE on the job's transactional id. Only a transaction could tell for certain, and that would
// throw a running job out.
func (c *clusterCheck) transactionalID(ctx context.Context) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	id := option(c.use.Table, "sink.transactional-id-prefix") + idSuffix
	if !c.first("transactional id " + c.where + " " + id) {
		return
	}
	subject := "transactional id " + id
	r, err := c.client.admin.DescribeACLs(ctx, ck.ACLBindingFilter{Type: resourceTransactionalID, Name: id, ResourcePatternType: ck.ResourcePatternTypeMatch,
		Operation: ck.ACLOperationAny, PermissionType: ck.ACLPermissionTypeAny})
	if err == nil && r.Error.Code() != ck.ErrNoError {
		err = r.Error
	}
	hint := c.grant("--operation Write --transactional-id " + id)
	if code, _ := codeOf(err); code == ck.ErrSecurityDisabled {
		c.ok(subject, "WRITE", "the broker has no authorizer")
		return
	}
	if err != nil {
		c.skip(subject, "WRITE", "it needs "+hint, "its ACLs may not be listed: %s", brief(err))
		return
	}
	user, known := c.props["sasl.username"].(string)
	for _, b := range r.ACLBindings {
		if b.PermissionType == ck.ACLPermissionTypeAllow && (b.Operation == ck.ACLOperationWrite || b.Operation == ck.ACLOperationAll) &&
			(b.Principal == "User:*" || known && b.Principal == "User:"+user) {
			c.ok(subject, "WRITE", "granted to %s", b.Principal)
			return
		}
	}
	// No more than that: who may not list ACLs sees none, and super users need none.
	c.skip(subject, "WRITE", "it needs "+hint, "no ACL is seen that grants it")
}
