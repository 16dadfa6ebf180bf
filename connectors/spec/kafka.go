package spec

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"weir/connectors/spec/kafkaprops"
	"weir/parser/diag"
	c "weir/planner/catalog"
	"weir/planner/config"
)

func kafka() *c.ConnectorSpec {
	opts := []c.OptionSpec{
		opt("topic", c.OptList, "", "Topics to read, separated by ';'; when written, the topic, or the topics that the metadata column 'topic' may name.", "orders"),
		opt("topic-pattern", c.OptString, "", "Regular expression of the topics to read, or that the metadata column 'topic' may name when written.", "orders-.*"),
		required(opt("properties.bootstrap.servers", c.OptString, "", "Brokers to start from, separated by commas.", "localhost:9092")),
		opt("properties.group.id", c.OptString, "", "Consumer group whose committed offsets are the start with 'group-offsets', and to which positions are reported.", "billing"),
		{Key: "properties.", Prefix: true, Type: c.OptString, Doc: "Any setting of the Kafka client, under its own name behind the prefix.", Example: "60000"},
		opt("format", c.OptString, "", "Format of the value; the same as 'value.format'.", "json"),
		opt("value.format", c.OptString, "", "Format of the value; its options begin with 'value.<format>.'.", "json"),
		opt("key.format", c.OptString, "", "Format of the key; its options begin with 'key.<format>.'.", "raw"),
		opt("key.fields", c.OptList, "", "Physical columns that make the key, separated by ';'.", "user_id;region"),
		opt("key.fields-prefix", c.OptString, "", "Prefix that key columns have in the table and not in the key; needs 'value.fields-include' = 'EXCEPT_KEY'.", "k_"),
		enum("value.fields-include", "ALL", "Whether the value holds the key columns too.", "ALL", "EXCEPT_KEY"),
		enum("scan.startup.mode", "group-offsets", "Where reading starts when there is no saved position.",
			"earliest-offset", "latest-offset", "group-offsets", "timestamp", "specific-offsets"),
		opt("scan.startup.specific-offsets", c.OptString, "", "Start offset of each partition, for 'specific-offsets'.", "partition:0,offset:42;partition:1,offset:300"),
		opt("scan.startup.timestamp-millis", c.OptLong, "", "Start with the first record at or after this time, for 'timestamp'.", "1767225600000"),
	}
	opts = append(opts, kafkaBounded()...)
	opts = append(opts,
		opt("sink.partitioner", c.OptString, "default", "Partition of a written row: 'default' (by key, as Kafka does), 'fixed' (one for each subtask) or 'round-robin'.", "round-robin"),
		enum("sink.semantic", "", "Old name of 'sink.delivery-guarantee'.", "none", "at-least-once", "exactly-once"))
	opts = append(opts, kafkaSink()...)
	opts = append(opts, sourceOptions()...)
	return &c.ConnectorSpec{
		Name: "kafka", Doc: "Reads and appends to Kafka topics.", Source: true, Sink: true,
		Options: opts, Metadata: kafkaMetadata(),
		Formats:       map[string]string{"format": "", "value.format": "value.", "key.format": "key."},
		Check:         checkKafka,
		FormatColumns: kafkaColumns,
		SourceMode:    byFormat, SinkMode: byFormat,
		Bounded: kafkaIsBounded, Transactional: kafkaTransactional,
	}
}

func upsertKafka() *c.ConnectorSpec {
	opts := []c.OptionSpec{
		opt("topic", c.OptList, "", "Topics to read, separated by ';'; when written, the topic.", "totals"),
		opt("topic-pattern", c.OptString, "", "Regular expression of the topics to read.", "totals-.*"),
		required(opt("properties.bootstrap.servers", c.OptString, "", "Brokers to start from, separated by commas.", "localhost:9092")),
		opt("properties.group.id", c.OptString, "", "Consumer group to which positions are reported.", "billing"),
		{Key: "properties.", Prefix: true, Type: c.OptString, Doc: "Any setting of the Kafka client, under its own name behind the prefix.", Example: "60000"},
		required(opt("key.format", c.OptString, "", "Format of the key, which holds the primary key's columns; its options begin with 'key.<format>.'.", "json")),
		required(opt("value.format", c.OptString, "", "Format of the value; its options begin with 'value.<format>.'.", "json")),
		opt("key.fields-prefix", c.OptString, "", "Prefix that key columns have in the table and not in the key; needs 'value.fields-include' = 'EXCEPT_KEY'.", "k_"),
		enum("value.fields-include", "ALL", "Whether the value holds the key columns too.", "ALL", "EXCEPT_KEY"),
		opt("sink.buffer-flush.max-rows", c.OptInt, "0", "Rows gathered by key before they are written; 0 writes each; needs the interval too.", "1000"),
		opt("sink.buffer-flush.interval", c.OptDuration, "0 s", "Longest time that rows are gathered; 0 writes each; needs the number of rows too.", "1 s"),
	}
	opts = append(opts, kafkaBounded()...)
	opts = append(opts, kafkaSink()...)
	opts = append(opts, sourceOptions()...)
	return &c.ConnectorSpec{
		Name: "upsert-kafka", Doc: "Reads and writes a Kafka topic as a table by key: the last value of a key counts, a null value deletes it.",
		Source: true, Sink: true, Options: opts, Metadata: kafkaMetadata(),
		Formats:       map[string]string{"value.format": "value.", "key.format": "key."},
		Check:         checkUpsertKafka,
		FormatColumns: kafkaColumns,
		SourceMode:    upsert, SinkMode: upsert,
		Bounded: kafkaIsBounded, Transactional: kafkaTransactional,
	}
}

func kafkaBounded() []c.OptionSpec {
	return []c.OptionSpec{
		enum("scan.bounded.mode", "unbounded", "Where reading ends.", "unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets"),
		opt("scan.bounded.specific-offsets", c.OptString, "", "End offset (exclusive) of each partition, for 'specific-offsets'; a partition without one is not read.", "partition:0,offset:100"),
		opt("scan.bounded.timestamp-millis", c.OptLong, "", "End before the first record at or after this time, for 'timestamp'.", "1767225600000"),
		opt("scan.topic-partition-discovery.interval", c.OptDuration, "5 min", "How often to look for new topics and partitions; 0 never.", "1 min"),
	}
}

func kafkaSink() []c.OptionSpec {
	return []c.OptionSpec{
		enum("sink.delivery-guarantee", "at-least-once", "What is promised of written rows when the job fails.", "none", "at-least-once", "exactly-once"),
		opt("sink.transactional-id-prefix", c.OptString, "", "Names the job's transactions on the cluster; required for exactly-once; unique for each job, the same after a restart.", "billing-"),
		enum("sink.transaction-naming-strategy", "DEFAULT", "Accepted for compatibility; a job has one transactional id.", "DEFAULT", "INCREMENTING", "POOLING"),
		opt("sink.parallelism", c.OptInt, "", "Subtasks that write; by default those of the input.", "2"),
	}
}

// sourceOptions is what every source of Flink has.
func sourceOptions() []c.OptionSpec {
	return []c.OptionSpec{
		opt("scan.parallelism", c.OptInt, "", "Subtasks that read; by default those of the job.", "2"),
		enum(c.EmitStrategy, "on-periodic", "When watermarks are put out: after each batch of rows, or after each row. A bounded table that does not say puts them out between rows where that makes a row late.", "on-periodic", "on-event"),
		opt(c.IdleTimeout, c.OptDuration, "", "A split without rows for so long no longer holds the watermark back.", "30 s"),
		opt(c.AlignmentGroup, c.OptString, "", "Splits of this table and of all tables of the job with the same group wait for the slowest of them; needs the drift.", "group-1"),
		opt(c.AlignmentDrift, c.OptDuration, "", "How far the watermark of a split may be ahead of the slowest one of its group before it waits.", "1 min"),
		opt(c.AlignmentInterval, c.OptDuration, "1 s", "How often splits that wait look whether they may go on.", "1 s"),
	}
}

func (k *checker) sourceOptions() {
	k.positive("scan.parallelism")
	k.alignment()
}

// alignment checks that an alignment group is whole. A drift of nothing turns alignment off in Flink without a word.
func (k *checker) alignment() {
	k.notEmpty(c.AlignmentGroup)
	var given string
	for _, key := range []string{c.AlignmentGroup, c.AlignmentDrift, c.AlignmentInterval} {
		if k.has(key) {
			given = key
			break
		}
	}
	if given == "" {
		return
	}
	for _, need := range []struct{ key, example string }{{c.AlignmentGroup, "orders"}, {c.AlignmentDrift, "1 min"}} {
		if !k.has(need.key) {
			k.diags.Errorf(CodeOptionCombination, k.atKey(given), "'%s' needs '%s'", given, need.key).Help("add '%s' = '%s'", need.key, need.example)
		}
	}
	for _, key := range []string{c.AlignmentDrift, c.AlignmentInterval} {
		if d, err := config.ParseDuration(k.get(key)); k.has(key) && err == nil && d <= 0 {
			k.diags.Errorf(CodeOptionValue, k.at(key), "'%s' must be above zero, found '%s'", key, k.get(key)).
				Help("to let the table run ahead of others remove '%s'", c.AlignmentGroup)
		}
	}
}

func kafkaIsBounded(t *c.Table) bool {
	m, ok := t.Options.Get("scan.bounded.mode")
	return ok && m != "unbounded"
}

func kafkaTransactional(t *c.Table) (bool, string) {
	v, _ := t.Options.Get("properties.bootstrap.servers")
	return KafkaDelivery(t) == "exactly-once", Servers(v)
}

// KafkaDelivery is the delivery guarantee of a kafka or upsert-kafka table, the old option's name included.
func KafkaDelivery(t *c.Table) string {
	if v, ok := t.Options.Get("sink.delivery-guarantee"); ok {
		return strings.ToLower(v)
	}
	if v, ok := t.Options.Get("sink.semantic"); ok {
		return strings.ToLower(strings.ReplaceAll(v, "_", "-"))
	}
	return "at-least-once"
}

// KafkaKeyFields is the key columns of a kafka or upsert-kafka table, as indexes into its
// columns in the order of the key; names that are no columns are left out (Check has reported them).
func KafkaKeyFields(t *c.Table) []int {
	if t.Connector == "upsert-kafka" {
		return t.PrimaryKey
	}
	v, _ := t.Options.Get("key.fields")
	var out []int
	for _, name := range List(v) {
		if i, _ := physicalIndex(t, name); i >= 0 {
			out = append(out, i)
		}
	}
	return out
}

// KafkaValueFields is the columns in the value of a kafka or upsert-kafka table, in the table's order.
func KafkaValueFields(t *c.Table) []int {
	phys := t.Physical()
	if v, _ := t.Options.Get("value.fields-include"); !strings.EqualFold(v, "EXCEPT_KEY") {
		return phys
	}
	key := map[int]bool{}
	for _, i := range KafkaKeyFields(t) {
		key[i] = true
	}
	var out []int
	for _, i := range phys {
		if !key[i] {
			out = append(out, i)
		}
	}
	return out
}

func kafkaColumns(t *c.Table, formatKey string) []int {
	if formatKey == "key.format" {
		return KafkaKeyFields(t)
	}
	return KafkaValueFields(t)
}

// JavaPattern translates a regular expression as Java writes it; the match is of the whole text.
func JavaPattern(p string) (*regexp.Regexp, error) {
	re, err := regexp.Compile("^(?:" + p + ")$")
	if err != nil {
		return nil, fmt.Errorf("'%s' is not a regular expression that weir can run: %w (look-ahead, look-behind, back-references and possessive quantifiers of Java are not available)", p, err)
	}
	return re, nil
}

// ParseSpecificOffsets reads "partition:0,offset:42;partition:1,offset:300".
func ParseSpecificOffsets(v string) (map[int32]int64, error) {
	out := map[int32]int64{}
	v = strings.TrimSuffix(strings.TrimSpace(v), ";")
	for _, pair := range strings.Split(v, ";") {
		a, b, ok := strings.Cut(strings.TrimSpace(pair), ",")
		part, okP := strings.CutPrefix(strings.TrimSpace(a), "partition:")
		off, okO := strings.CutPrefix(strings.TrimSpace(b), "offset:")
		if !ok || !okP || !okO {
			return nil, fmt.Errorf("'%s' does not have the form partition:0,offset:42", pair)
		}
		p, err := strconv.ParseInt(part, 10, 32)
		if err != nil || p < 0 {
			return nil, fmt.Errorf("'%s' is not a partition", part)
		}
		o, err := strconv.ParseInt(off, 10, 64)
		if err != nil || o < 0 {
			return nil, fmt.Errorf("'%s' is not an offset", off)
		}
		if _, dup := out[int32(p)]; dup {
			return nil, fmt.Errorf("partition %d is there twice", p)
		}
		out[int32(p)] = o
	}
	return out, nil
}

func checkKafka(t *c.Table, use c.Use, _ func(string) string, diags *diag.List) {
	k := &checker{t, diags}
	switch use {
	case c.UseDefine:
		k.topics()
		k.group()
		k.startup()
		k.bounded()
		k.kafkaFormats()
		k.keyFields()
		k.kafkaSinkOptions()
		k.partitioner()
		k.properties(use)
		k.sourceOptions()
		k.noPartitions()
		k.insertOnlyFormat("key.format", "a key says nothing of what happens to a row", "use 'json', 'csv' or 'raw' for the key")
		if byFormat(t) == c.InsertOnly {
			k.noPrimaryKey("connector 'kafka' appends records and cannot replace the row of a key",
				"use 'connector' = 'upsert-kafka' for a table by key, a changelog format such as 'debezium-json', or remove the PRIMARY KEY")
		}
	case c.UseSink:
		k.topicsOfSink()
		k.headersOfSink()
		k.properties(use)
	case c.UseSource:
		k.whereToStart()
		k.properties(use)
	}
}

func checkUpsertKafka(t *c.Table, use c.Use, _ func(string) string, diags *diag.List) {
	k := &checker{t, diags}
	switch use {
	case c.UseDefine:
		k.topics()
		k.group()
		k.bounded()
		k.upsertKey()
		k.insertOnlyFormat("key.format", "a key says nothing of what happens to a row", "use 'json', 'csv' or 'raw' for the key")
		k.insertOnlyFormat("value.format", "the key says already which row a record is", "use 'connector' = 'kafka' for it, or 'json' for the value")
		k.prefix(t.PrimaryKey)
		k.bufferFlush()
		k.properties(use)
		k.kafkaSinkOptions()
		k.sourceOptions()
		k.noPartitions()
	case c.UseSink:
		k.topicsOfSink()
		k.headersOfSink()
		k.properties(use)
	case c.UseSource:
		k.properties(use)
	}
}

func (k *checker) topics() {
	k.notEmpty("topic", "topic-pattern", "properties.bootstrap.servers", "properties.group.id", "sink.transactional-id-prefix")
	k.servers()
	switch {
	case k.has("topic") && k.has("topic-pattern"):
		k.diags.Errorf(CodeOptionCombination, k.atKey("topic-pattern"), "table %s has both 'topic' and 'topic-pattern'", k.t.Name).
			Label(k.atKey("topic"), "the topics are already given here").
			Help("keep one of them")
	case !k.has("topic") && !k.has("topic-pattern"):
		k.diags.Errorf(CodeOptionCombination, k.t.NameSpan, "table %s has neither 'topic' nor 'topic-pattern'", k.t.Name).
			Help("add 'topic' = '...' to WITH")
	case k.has("topic"):
		seen := map[string]bool{}
		for _, s := range List(k.get("topic")) {
			if seen[s] {
				k.diags.Errorf(CodeOptionValue, k.at("topic"), "topic '%s' is there twice", s)
			}
			seen[s] = true
			if !validTopic(s) {
				d := k.diags.Errorf(CodeOptionValue, k.at("topic"), "'%s' cannot be the name of a Kafka topic", s).
					Note("a topic's name has letters, digits, '.', '_' and '-', at most 249")
				if strings.Contains(s, ",") {
					d.Help("separate topics by ';'")
				}
			}
		}
	default:
		if _, err := JavaPattern(k.get("topic-pattern")); err != nil {
			k.diags.Errorf(CodeOptionValue, k.at("topic-pattern"), "%s", err).
				Help("write the pattern without them, or list the topics: 'topic' = 'a;b'")
		}
	}
}

// brokerAddress is an address as the Kafka clients take it: host:port, in front of which the name of a listener may stand.
var brokerAddress = regexp.MustCompile(`^(?:[0-9A-Za-z\-._]*://)?(\[[0-9A-Fa-f:.%]+\]|[^\[\]:/\s]+):([0-9]+)$`)

// servers checks the list of brokers.
func (k *checker) servers() {
	const key = "properties.bootstrap.servers"
	for _, s := range strings.Split(k.get(key), ",") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue // an empty list is reported as such
		}
		m := brokerAddress.FindStringSubmatch(s)
		if m == nil {
			d := k.diags.Errorf(CodeOptionValue, k.at(key), "'%s' in '%s' is no address of a broker", s, key)
			switch host := s[strings.Index(s, "://")+1:]; {
			case strings.ContainsAny(s, "; ") && strings.Contains(s, ":"):
				d.Help("separate addresses by commas: 'host1:9092,host2:9092'")
			case !strings.Contains(strings.TrimPrefix(host, "//"), ":"):
				d.At("the port is missing").Help("write '%s:9092'", strings.TrimRight(s, "/"))
			default:
				d.Help("write host:port, as 'localhost:9092'")
			}
			continue
		}
		if port, err := strconv.Atoi(m[2]); err != nil || port < 1 || port > 65535 {
			k.diags.Errorf(CodeOptionValue, k.at(key), "'%s' in '%s' has no port: ports go from 1 to 65535", s, key)
		}
	}
}

func validTopic(s string) bool {
	if s == "." || s == ".." || len(s) > 249 {
		return false
	}
	for i := 0; i < len(s); i++ {
		ch := s[i]
		if !(ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || ch == '.' || ch == '_' || ch == '-') {
			return false
		}
	}
	return true
}

// position checks a startup or bounded mode with the options that belong to it.
func (k *checker) position(side, def string) {
	mode := k.getOr(side+".mode", def)
	for _, need := range []struct{ mode, suffix, example string }{
		{"timestamp", ".timestamp-millis", "1767225600000"},
		{"specific-offsets", ".specific-offsets", "partition:0,offset:42"},
	} {
		m, key := need.mode, side+need.suffix
		switch {
		case mode == m && !k.has(key):
			k.diags.Errorf(CodeOptionCombination, k.at(side+".mode"), "'%s.mode' = '%s' needs '%s'", side, m, key).
				Help("add '%s' = '%s'", key, need.example)
		case mode != m && k.has(key):
			k.diags.Errorf(CodeOptionCombination, k.atKey(key), "'%s' has no meaning with '%s.mode' = '%s'", key, side, mode).
				Help("set '%s.mode' = '%s', or remove it", side, m)
		}
	}
	if mode == "timestamp" && k.has(side+".timestamp-millis") {
		if n, err := strconv.ParseInt(k.get(side+".timestamp-millis"), 10, 64); err == nil && n < 0 {
			k.diags.Errorf(CodeOptionValue, k.at(side+".timestamp-millis"), "'%s.timestamp-millis' must not be negative", side)
		}
	}
	if mode == "specific-offsets" && k.has(side+".specific-offsets") {
		key := side + ".specific-offsets"
		if _, err := ParseSpecificOffsets(k.get(key)); err != nil {
			k.diags.Errorf(CodeOptionValue, k.at(key), "'%s': %s", key, err).
				Help("write it as 'partition:0,offset:42;partition:1,offset:300'")
		}
		if k.has("topic-pattern") || len(List(k.get("topic"))) > 1 {
			k.diags.Errorf(CodeOptionCombination, k.at(side+".mode"), "'%s.mode' = 'specific-offsets' works with a single topic only", side).
				Help("define one table for each topic")
		}
	}
}

// group refuses the groups of markers: positions that are reported there would overwrite them.
func (k *checker) group() {
	if g := k.get("properties.group.id"); strings.HasPrefix(g, "weir.") {
		k.diags.Errorf(CodeOptionValue, k.at("properties.group.id"), "'properties.group.id' cannot be '%s': the groups weir.* hold what exactly-once jobs have committed", g).
			Help("choose another name")
	}
}

func (k *checker) startup() {
	k.position("scan.startup", "group-offsets")
	if k.getOr("scan.startup.mode", "group-offsets") == "group-offsets" {
		if v := k.get("properties.auto.offset.reset"); v != "" && !oneOf(v, "earliest", "latest", "none") {
			k.diags.Errorf(CodeOptionValue, k.at("properties.auto.offset.reset"), "'properties.auto.offset.reset' cannot be '%s'", v).
				Help("write earliest, latest or none")
		}
		if k.has("scan.startup.mode") && !k.has("properties.group.id") {
			k.diags.Errorf(CodeOptionCombination, k.at("scan.startup.mode"), "'scan.startup.mode' = 'group-offsets' needs 'properties.group.id'").
				Help("add 'properties.group.id' = '...', or start with 'earliest-offset' or 'latest-offset'")
		}
	}
}

// whereToStart refuses a source that leaves it to a group where to start, and names none.
func (k *checker) whereToStart() {
	reset := k.get("properties.auto.offset.reset")
	if k.has("scan.startup.mode") || k.has("properties.group.id") || reset == "earliest" || reset == "latest" {
		return
	}
	k.diags.Errorf(CodeOptionCombination, k.at("scan.startup.mode"), "table %s does not say where to start reading", k.t.Name).
		Note("without 'scan.startup.mode' it is where the consumer group stands, and 'properties.group.id' names none").
		Help("add 'scan.startup.mode' = 'earliest-offset' or 'latest-offset', or 'properties.group.id' = '...'")
}

func (k *checker) bounded() {
	k.position("scan.bounded", "unbounded")
	if k.get("scan.bounded.mode") == "group-offsets" && !k.has("properties.group.id") {
		k.diags.Errorf(CodeOptionCombination, k.at("scan.bounded.mode"), "'scan.bounded.mode' = 'group-offsets' needs 'properties.group.id'").
			Help("add 'properties.group.id' = '...'")
	}
}

// properties checks the settings of the Kafka client. What is wrong in both roles is said when the table is
// defined, what is wrong in one only when the table is used so.
func (k *checker) properties(use c.Use) {
	writer := kafkaprops.Sink
	if KafkaDelivery(k.t) == "exactly-once" {
		writer = kafkaprops.ExactlyOnceSink
	}
	_, readNotes, read := kafkaprops.Translate(k.t.Options, kafkaprops.Source)
	_, writeNotes, write := kafkaprops.Translate(k.t.Options, writer)
	problem := func(p *kafkaprops.Problem) string { return p.Key + "\x00" + p.Text }
	note := func(n kafkaprops.Note) string { return n.Key + "\x00" + n.Text }
	for _, p := range byUse(use, read, write, problem) {
		d := k.diags.Errorf(CodeOptionRefused, k.atKey("properties."+p.Key), "'properties.%s' %s", p.Key, p.Text)
		if p.Help != "" {
			d.Help("%s", p.Help)
		}
	}
	for _, n := range byUse(use, readNotes, writeNotes, note) {
		k.diags.Warnf(CodeOptionNoEffect, k.atKey("properties."+n.Key), "'properties.%s' %s", n.Key, n.Text)
	}
}

// byUse is what read and write have in common for UseDefine, and what only one of them has for its use.
func byUse[T any](use c.Use, read, write []T, id func(T) string) (out []T) {
	from, other := read, write
	if use == c.UseSink {
		from, other = write, read
	}
	known := map[string]bool{}
	for _, x := range other {
		known[id(x)] = true
	}
	for _, x := range from {
		if known[id(x)] == (use == c.UseDefine) {
			out = append(out, x)
		}
	}
	return out
}

func oneOf(v string, values ...string) bool {
	for _, s := range values {
		if v == s {
			return true
		}
	}
	return false
}

func (k *checker) kafkaFormats() {
	switch {
	case k.has("format") && k.has("value.format"):
		k.diags.Errorf(CodeOptionCombination, k.atKey("value.format"), "table %s has both 'format' and 'value.format'", k.t.Name).
			Label(k.atKey("format"), "the format of the value is already given here").
			Help("keep one of them; they mean the same")
	case !k.has("format") && !k.has("value.format"):
		k.diags.Errorf(CodeOptionCombination, k.t.NameSpan, "table %s says neither 'format' nor 'value.format'", k.t.Name).
			Help("add 'format' = 'json', 'csv', 'raw' or 'debezium-json' to WITH")
	}
}

func (k *checker) keyFields() {
	fields := List(k.get("key.fields"))
	switch {
	case k.has("key.format") && len(fields) == 0:
		k.diags.Errorf(CodeOptionCombination, k.atKey("key.format"), "'key.format' needs 'key.fields'").
			Help("add 'key.fields' = 'column;column' with the columns that make the key")
	case !k.has("key.format") && k.has("key.fields"):
		k.diags.Errorf(CodeOptionCombination, k.atKey("key.fields"), "'key.fields' needs 'key.format'").
			Help("add 'key.format' = 'json' (or 'csv', 'raw')")
	}
	seen := map[string]bool{}
	for _, name := range fields {
		i, other := physicalIndex(k.t, name)
		switch {
		case seen[name]:
			k.diags.Errorf(CodeKeyFields, k.at("key.fields"), "column %s is in 'key.fields' twice", name)
		case i < 0 && other != "":
			k.diags.Errorf(CodeKeyFields, k.at("key.fields"), "%s in 'key.fields' is %s; a key is made of physical columns", name, other)
		case i < 0:
			d := k.diags.Errorf(CodeKeyFields, k.at("key.fields"), "'key.fields' names %s, which is not a column of %s", name, k.t.Name)
			if s, ok := diag.Suggest(name, physicalNames(k.t)); ok {
				d.Help("did you mean %s?", s)
			} else {
				d.Help("its physical columns are %s", strings.Join(physicalNames(k.t), ", "))
			}
		}
		seen[name] = true
	}
	k.prefix(KafkaKeyFields(k.t))
}

func (k *checker) prefix(key []int) {
	prefix := k.get("key.fields-prefix")
	if prefix == "" {
		return
	}
	if !strings.EqualFold(k.get("value.fields-include"), "EXCEPT_KEY") {
		k.diags.Errorf(CodeOptionCombination, k.atKey("key.fields-prefix"), "'key.fields-prefix' needs 'value.fields-include' = 'EXCEPT_KEY'").
			Note("with 'ALL' the key columns are in the value too, where the prefix would stay").
			Help("add 'value.fields-include' = 'EXCEPT_KEY'")
	}
	for _, i := range key {
		if n := k.t.Columns[i].Name; !strings.HasPrefix(n, prefix) || n == prefix {
			k.diags.Errorf(CodeKeyFields, k.at("key.fields-prefix"), "key column %s does not begin with the prefix '%s'", n, prefix).
				Help("name it %s%s, or remove 'key.fields-prefix'", prefix, n)
		}
	}
}

func (k *checker) upsertKey() {
	if len(k.t.PrimaryKey) == 0 {
		k.diags.Errorf(CodePrimaryKey, k.t.NameSpan, "table %s needs a PRIMARY KEY: connector 'upsert-kafka' keeps the last row of each key", k.t.Name).
			Help("add PRIMARY KEY (column) NOT ENFORCED, or use 'connector' = 'kafka'")
	}
	if strings.EqualFold(k.get("value.format"), "raw") {
		k.diags.Warnf(CodeOptionCombination, k.at("value.format"), "with 'value.format' = 'raw' a NULL value cannot be told from a deletion").
			Help("use 'json' for the value")
	}
}

func (k *checker) bufferFlush() {
	rows, _ := strconv.ParseInt(k.getOr("sink.buffer-flush.max-rows", "0"), 10, 64)
	interval := strings.TrimSpace(k.getOr("sink.buffer-flush.interval", "0"))
	timed := strings.TrimLeft(strings.TrimRight(interval, " abcdefghijklmnopqrstuvwxyzµABCDEFGHIJKLMNOPQRSTUVWXYZ"), "0") != ""
	if (rows > 0) != timed {
		missing, given := "sink.buffer-flush.interval", "sink.buffer-flush.max-rows"
		if timed {
			missing, given = given, missing
		}
		k.diags.Errorf(CodeOptionCombination, k.at(given), "'%s' needs '%s' too: both must be greater than zero", given, missing).
			Help("add '%s' = '%s'", missing, map[bool]string{true: "1000", false: "1 s"}[timed])
	}
}

func (k *checker) kafkaSinkOptions() {
	k.positive("sink.parallelism")
	if k.has("sink.semantic") {
		d := k.diags.Warnf(CodeOptionNoEffect, k.atKey("sink.semantic"), "'sink.semantic' is the old name of 'sink.delivery-guarantee'")
		d.Help("write 'sink.delivery-guarantee' = '%s'", KafkaDelivery(k.t))
		if k.has("sink.delivery-guarantee") {
			k.diags.Errorf(CodeOptionCombination, k.atKey("sink.semantic"), "table %s has both 'sink.semantic' and 'sink.delivery-guarantee'", k.t.Name).
				Help("remove 'sink.semantic'")
		}
	}
	if KafkaDelivery(k.t) == "exactly-once" {
		if !k.has("sink.transactional-id-prefix") {
			at := k.at("sink.delivery-guarantee")
			if !k.has("sink.delivery-guarantee") {
				at = k.at("sink.semantic")
			}
			k.diags.Errorf(CodeDelivery, at, "exactly-once needs 'sink.transactional-id-prefix'").
				Note("it names the job's transactions on the cluster: unique for each job, the same after a restart").
				Help("add 'sink.transactional-id-prefix' = '%s-'", k.t.Name)
		}
	}
	if p := k.get("sink.transactional-id-prefix"); len(p) > 64000 {
		k.diags.Errorf(CodeOptionValue, k.at("sink.transactional-id-prefix"), "'sink.transactional-id-prefix' is longer than 64000 bytes")
	}
	if k.has("sink.transaction-naming-strategy") {
		k.diags.Warnf(CodeOptionNoEffect, k.atKey("sink.transaction-naming-strategy"), "'sink.transaction-naming-strategy' has no effect: a job of weir has one transactional id")
	}
}

func (k *checker) partitioner() {
	v := k.getOr("sink.partitioner", "default")
	switch v {
	case "default", "fixed":
	case "round-robin":
		if k.has("key.fields") {
			k.diags.Errorf(CodeOptionCombination, k.at("sink.partitioner"), "'round-robin' cannot be combined with 'key.fields': rows of one key would go to different partitions").
				Help("use 'sink.partitioner' = 'default', which keeps equal keys together")
		}
	default:
		d := k.diags.Errorf(CodeOptionRefused, k.at("sink.partitioner"), "'sink.partitioner' = '%s' is not known; a Java class cannot be loaded", v)
		if s, ok := diag.Suggest(v, []string{"default", "fixed", "round-robin"}); ok {
			d.Help("did you mean '%s'?", s)
		} else {
			d.Help("use 'default', 'fixed' or 'round-robin'")
		}
	}
}

// topicsOfSink: a sink writes one topic, unless a writable metadata column says which.
func (k *checker) topicsOfSink() {
	if !k.has("topic-pattern") && len(List(k.get("topic"))) < 2 {
		return
	}
	for i := range k.t.Columns {
		if col := &k.t.Columns[i]; col.Kind == c.Metadata && col.MetadataKey == "topic" && !col.Virtual {
			return
		}
	}
	key := "topic"
	if k.has("topic-pattern") {
		key = "topic-pattern"
	}
	k.diags.Errorf(CodeMetadata, k.at(key), "table %s is written, and nothing says to which of its topics a row goes", k.t.Name).
		Help("name one topic, or add a column topic STRING METADATA that names it for each row")
}

func (k *checker) headersOfSink() {
	var first *c.Column
	for i := range k.t.Columns {
		col := &k.t.Columns[i]
		if col.Kind != c.Metadata || col.Virtual || (col.MetadataKey != "headers" && col.MetadataKey != "header-list") {
			continue
		}
		if first != nil && first.MetadataKey != col.MetadataKey {
			k.diags.Errorf(CodeMetadata, col.Span, "table %s writes both 'headers' and 'header-list'", k.t.Name).
				Label(first.Span, "the headers are already written from here").
				Help("make one of them VIRTUAL")
			return
		}
		first = col
	}
}
