package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// splitState is Split.State: where a partition goes on, as JSON. Fields are only ever added.
type splitState struct {
	Topic       string `json:"topic"`
	TopicID     string `json:"topicId,omitempty"` // of the topic the offset belongs to
	Partition   int32  `json:"partition"`
	Offset      int64  `json:"offset"`         // of the next record to read
	LeaderEpoch int32  `json:"leaderEpoch"`    // of the record before it; -1 unknown
	Stop        *int64 `json:"stop,omitempty"` // bounded: end before this offset
}

func (s *splitState) id() string { return s.Topic + "-" + strconv.Itoa(int(s.Partition)) }

func (s *splitState) split() exec.Split {
	b, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("encode a split: %v", err)) // a struct of numbers and strings cannot fail
	}
	return exec.Split{ID: s.id(), State: b}
}

func parseSplit(s exec.Split) (*splitState, error) {
	st := &splitState{LeaderEpoch: -1}
	if err := json.Unmarshal(s.State, st); err != nil {
		return nil, fmt.Errorf("position of split %s: %w", s.ID, err)
	}
	return st, nil
}

// source is a table that is read: exec.SourceSpec.
type source struct {
	scan  *physical.Scan
	table *catalog.Table
	cfg   *config.Config
	log   *slog.Logger
	fmts  formats.Registry

	props     ck.ConfigMap // of every consumer of the table
	isolation ck.IsolationLevel
	group     string // properties.group.id; "" when not set
	reset     string // properties.auto.offset.reset; "" when not set
	topics    []string
	pattern   *regexp.Regexp
	upsert    bool

	startMode     string
	startOffsets  map[int32]int64
	startTime     int64
	boundMode     string
	boundOffsets  map[int32]int64
	boundTime     int64
	discovery     time.Duration
	where         string // bootstrap servers, for messages
	health        *health
	untilEnd      bool
	ends          map[string]int64      // with untilEnd: the end of every split, for the life of the process
	topicIDs      map[string]string     // what Discover has seen
	failure       atomic.Pointer[error] // found while running: a topic was recreated
	stall         stallLimits
	mu            sync.Mutex // control clients, readers
	readers       map[*reader]struct{}
	ctl           *ck.Consumer
	admin         *admin
	stop          chan struct{}
	watch, polled sync.WaitGroup
	watching      bool
}

var _ exec.SourceSpec = (*source)(nil)
var _ exec.EndBounder = (*source)(nil)

func newSource(scan *physical.Scan, cfg *config.Config, log *slog.Logger, fmts formats.Registry) (*source, error) {
	t := scan.Table
	props, notes, err := TranslateProperties(t.Options, kafkaprops.Source)
	if err != nil {
		return nil, badConfig(t.Name, err)
	}
	say(log, t.Name, notes)
	s := &source{scan: scan, table: t, cfg: cfg, log: log, fmts: fmts, stall: defaultStallLimits, readers: map[*reader]struct{}{}, upsert: t.Connector == "upsert-kafka",
		topicIDs: map[string]string{}, stop: make(chan struct{}), where: servers(props)}
	s.group, _ = props["group.id"].(string)
	s.reset, _ = props["auto.offset.reset"].(string)
	s.props = with(unless(connecting(props), "isolation.level", "read_committed", "group.id", "weir", "client.id", "weir-"+clientName(cfg),
		// The queue of fetched records is looked at often: with librdkafka's second a fast job runs dry between two looks.
		"fetch.queue.backoff.ms", 10, "queued.max.messages.kbytes", int(exec.MemoryOf(cfg).Fetch>>10), "socket.keepalive.enable", true),
		"auto.offset.reset", "error", "enable.auto.commit", false, "enable.auto.offset.store", false,
		"enable.partition.eof", true, "enable.metrics.push", false, "go.logs.channel.enable", true)
	s.isolation = ck.IsolationLevelReadCommitted
	if v, _ := s.props["isolation.level"].(string); v == "read_uncommitted" {
		s.isolation = ck.IsolationLevelReadUncommitted
	}
	s.health = newHealth(log, s.where)
	if err := s.options(); err != nil {
		return nil, exec.Fatalf("mend the table's options", "table "+t.Name, err)
	}
	return s, nil
}

// clientName is a job's name as a client id may have it.
func clientName(cfg *config.Config) string {
	n := cfg.String(config.PipelineName)
	if n == "" {
		return "job"
	}
	return strings.Map(func(r rune) rune {
		if r < 0x21 || r > 0x7e {
			return '_'
		}
		return r
	}, n)
}

func (s *source) options() error {
	o := s.table.Options
	get := func(key, def string) string {
		if v, ok := o.Get(key); ok {
			return v
		}
		return def
	}
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
	if len(s.topics) == 0 && s.pattern == nil {
		return errors.New("neither 'topic' nor 'topic-pattern' is set")
	}
	s.startMode = strings.ToLower(get("scan.startup.mode", "group-offsets"))
	if s.upsert {
		s.startMode = "earliest-offset" // Flink: a table by key is only whole from its beginning
	}
	s.boundMode = strings.ToLower(get("scan.bounded.mode", "unbounded"))
	var err error
	if v, ok := o.Get("scan.startup.specific-offsets"); ok {
		if s.startOffsets, err = spec.ParseSpecificOffsets(v); err != nil {
			return fmt.Errorf("'scan.startup.specific-offsets': %w", err)
		}
	}
	if v, ok := o.Get("scan.bounded.specific-offsets"); ok {
		if s.boundOffsets, err = spec.ParseSpecificOffsets(v); err != nil {
			return fmt.Errorf("'scan.bounded.specific-offsets': %w", err)
		}
	}
	if v, ok := o.Get("scan.startup.timestamp-millis"); ok {
		if s.startTime, err = strconv.ParseInt(v, 10, 64); err != nil {
			return fmt.Errorf("'scan.startup.timestamp-millis' expects milliseconds, found '%s'", v)
		}
	}
	if v, ok := o.Get("scan.bounded.timestamp-millis"); ok {
		if s.boundTime, err = strconv.ParseInt(v, 10, 64); err != nil {
			return fmt.Errorf("'scan.bounded.timestamp-millis' expects milliseconds, found '%s'", v)
		}
	}
	if s.discovery, err = config.ParseDuration(get("scan.topic-partition-discovery.interval", "5 min")); err != nil {
		return fmt.Errorf("'scan.topic-partition-discovery.interval': %w", err)
	}
	if s.startMode == "group-offsets" && s.group == "" && s.reset == "" {
		return fmt.Errorf("'scan.startup.mode' = 'group-offsets' (the default) reads on where a consumer group stands, and the table names none: set 'properties.group.id', or 'scan.startup.mode' = 'earliest-offset' or 'latest-offset'")
	}
	switch s.reset {
	case "", "none", "earliest", "latest":
	default:
		return fmt.Errorf("'properties.auto.offset.reset' can not be set to '%s': valid values are earliest, latest, none", s.reset)
	}
	return nil
}

// control gives the client for admin calls and group commits, connecting it at the first use.
func (s *source) control() (*ck.Consumer, *admin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctl != nil {
		return s.ctl, s.admin, nil
	}
	cm := with(s.props)
	c, err := ck.NewConsumer(&cm)
	if err != nil {
		return nil, nil, badConfig(s.table.Name, err)
	}
	a, err := ck.NewAdminClientFromConsumer(c)
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	s.ctl, s.admin = c, &admin{c: a}
	go drainLogs(c.Logs(), s.log)
	s.polled.Go(func() {
		for {
			select {
			case <-s.stop:
				return
			default:
				serveEvent(c.Poll(100), c, s.health)
			}
		}
	})
	return c, s.admin, nil
}

// serveEvent handles what a consumer's own queue gives: everything but records.
func serveEvent(e ck.Event, c ck.Handle, h *health) {
	switch e := e.(type) {
	case ck.Error:
		h.event(e)
	case ck.OAuthBearerTokenRefresh:
		_ = c.SetOAuthBearerTokenFailure("tokens are fetched by librdkafka itself: set 'properties.sasl.oauthbearer.method' = 'oidc'") // reported by an error event
	}
}

func (s *source) Bounded() bool { return s.boundMode != "unbounded" || s.untilEnd }

func (s *source) DiscoveryInterval() time.Duration {
	if s.Bounded() {
		return 0
	}
	return s.discovery
}

// UntilEnd makes Discover fix an end for every split that it sees for the first time.
func (s *source) UntilEnd() { s.untilEnd = true }

// Discover describes the topics, checks known splits against them and places new ones.
func (s *source) Discover(ctx context.Context, known []exec.Split) ([]exec.Split, error) {
	ctl, admin, err := s.control()
	if err != nil {
		return nil, err
	}
	have := map[string]*splitState{}
	var names []string
	for _, k := range known {
		st, err := parseSplit(k)
		if err != nil {
			return nil, exec.Fatalf("", "table "+s.table.Name, err)
		}
		have[st.id()] = st
	}
	if s.pattern == nil {
		names = s.topics
	} else if names, err = s.match(ctx, ctl); err != nil {
		return nil, err
	}
	for _, st := range have { // topics that were read before and are no longer named are still checked
		if !slices.Contains(names, st.Topic) {
			names = append(names, st.Topic)
		}
	}
	sort.Strings(names)
	infos, err := awaitTopics(ctx, s.log, s.cfg, admin, names, s.where, s.health, "DESCRIBE and READ on the topics of table "+s.table.Name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	for _, in := range infos {
		if _, ok := s.topicIDs[in.name]; !ok { // the first one seen stays: another is never the same topic
			s.topicIDs[in.name] = in.id
		}
	}
	s.mu.Unlock()
	for _, st := range have {
		i := slices.IndexFunc(infos, func(in topicInfo) bool { return in.name == st.Topic })
		if err := sameTopic(st, infos[i].id); err != nil {
			return nil, err
		}
	}

	var fresh, all []*splitState
	for _, in := range infos {
		for p := int32(0); p < in.partitions; p++ {
			st := &splitState{Topic: in.name, TopicID: in.id, Partition: p, LeaderEpoch: -1}
			if k, ok := have[st.id()]; ok {
				all = append(all, k)
				continue
			}
			if s.boundMode == "specific-offsets" {
				if _, ok := s.boundOffsets[p]; !ok {
					continue // as Flink: a partition without an end is not read
				}
			}
			fresh = append(fresh, st)
			all = append(all, st)
		}
	}
	if err := s.place(ctx, admin, fresh, known == nil); err != nil {
		return nil, err
	}
	if s.untilEnd {
		if err := s.end(ctx, admin, all); err != nil {
			return nil, err
		}
	}
	out := make([]exec.Split, len(fresh))
	for i, st := range fresh {
		out[i] = st.split()
	}
	return out, nil
}

// end fixes the ends of splits that have none yet. A later attempt may find partitions that the first one did not: they have the end of then.
func (s *source) end(ctx context.Context, admin *admin, splits []*splitState) error {
	open := slices.DeleteFunc(slices.Clone(splits), func(st *splitState) bool {
		_, ended := s.ends[st.id()]
		return ended
	})
	ends, err := s.offsets(ctx, admin, open, ck.LatestOffsetSpec)
	if err != nil {
		return err
	}
	if s.ends == nil {
		s.ends = map[string]int64{}
	}
	for i, st := range open {
		s.ends[st.id()] = ends[i].offset
	}
	return nil
}

// sameTopic refuses to go on in a topic that is another one by the same name.
func sameTopic(st *splitState, id string) error {
	if st.TopicID == "" || id == "" || st.TopicID == id {
		return nil
	}
	return exec.Fatalf("the saved offsets mean nothing in the new topic: start over with an empty state directory and another sink.transactional-id-prefix, or bring the old topic back",
		"read topic "+st.Topic, fmt.Errorf("the topic was deleted and created again since the last checkpoint (its id was %s and is %s)", st.TopicID, id))
}

// match lists the topics that the pattern names, waiting until there is one.
func (s *source) match(ctx context.Context, c *ck.Consumer) ([]string, error) {
	var names []string
	err := await(ctx, s.log, connectTimeout(s.cfg), "a topic that matches '"+s.pattern.String()+"'", s.where, "create such a topic, or mend 'topic-pattern'", s.health, func(context.Context) error {
		md, err := c.GetMetadata(nil, true, 5000)
		if err != nil {
			return err
		}
		names = names[:0]
		for name := range md.Topics {
			if !strings.HasPrefix(name, "__") && s.pattern.MatchString(name) {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			return fmt.Errorf("%w: no topic matches", errWait)
		}
		return nil
	})
	return names, err
}

// place gives new splits their start and, in a bounded table, their stop offsets.
func (s *source) place(ctx context.Context, admin *admin, splits []*splitState, first bool) error {
	if len(splits) == 0 {
		return nil
	}
	mode := s.startMode
	if !first {
		mode = "earliest-offset" // a partition found later is read from its beginning
	}
	var missing []*splitState // without a position by the mode itself
	set := func(splits []*splitState, spec ck.OffsetSpec) error {
		at, err := s.offsets(ctx, admin, splits, spec)
		if err != nil {
			return err
		}
		for i, st := range splits {
			st.Offset, st.LeaderEpoch = at[i].offset, at[i].leader
		}
		return nil
	}
	switch mode {
	case "earliest-offset":
		if err := set(splits, ck.EarliestOffsetSpec); err != nil {
			return err
		}
	case "latest-offset":
		if err := set(splits, ck.LatestOffsetSpec); err != nil {
			return err
		}
	case "timestamp":
		if err := set(splits, ck.NewOffsetSpecForTimestamp(s.startTime)); err != nil {
			return err
		}
	case "specific-offsets":
		for _, st := range splits {
			if off, ok := s.startOffsets[st.Partition]; ok {
				st.Offset = off
			} else {
				missing = append(missing, st)
			}
		}
		var err error
		if missing, err = s.committed(ctx, missing); err != nil {
			return err
		}
		if err := set(missing, ck.EarliestOffsetSpec); err != nil { // as Flink
			return err
		}
	case "group-offsets":
		missing, err := s.committed(ctx, splits)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			switch s.reset {
			case "earliest":
				err = set(missing, ck.EarliestOffsetSpec)
			case "latest":
				err = set(missing, ck.LatestOffsetSpec)
			default:
				m := missing[0]
				err = exec.Fatalf("set 'properties.auto.offset.reset' = 'earliest' or 'latest' for partitions without one, or 'scan.startup.mode' = 'earliest-offset' or 'latest-offset'",
					"find where to start table "+s.table.Name, fmt.Errorf("consumer group %s has no committed offset for topic %s partition %d, and 'scan.startup.mode' is 'group-offsets' (the default)", s.group, m.Topic, m.Partition))
			}
			if err != nil {
				return err
			}
		}
	default:
		return exec.Fatalf("", "table "+s.table.Name, fmt.Errorf("unknown 'scan.startup.mode' '%s'", mode))
	}
	return s.bound(ctx, admin, splits)
}

// bound gives splits of a bounded table their stop offsets.
func (s *source) bound(ctx context.Context, admin *admin, splits []*splitState) error {
	latest := func(splits []*splitState, spec ck.OffsetSpec) error {
		at, err := s.offsets(ctx, admin, splits, spec)
		if err != nil {
			return err
		}
		for i, st := range splits {
			st.Stop = &at[i].offset
		}
		return nil
	}
	switch s.boundMode {
	case "unbounded":
		return nil
	case "latest-offset":
		return latest(splits, ck.LatestOffsetSpec)
	case "timestamp":
		return latest(splits, ck.NewOffsetSpecForTimestamp(s.boundTime))
	case "specific-offsets":
		for _, st := range splits {
			off := s.boundOffsets[st.Partition]
			st.Stop = &off
		}
		return nil
	case "group-offsets":
		ends := make([]*splitState, len(splits))
		for i, st := range splits {
			c := *st
			ends[i] = &c
		}
		missing, err := s.committed(ctx, ends)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return exec.Fatalf("commit offsets of the group, or choose another 'scan.bounded.mode'", "find where table "+s.table.Name+" ends",
				fmt.Errorf("consumer group '%s' has no committed offset for topic %s partition %d, and 'scan.bounded.mode' is 'group-offsets'", s.group, missing[0].Topic, missing[0].Partition))
		}
		for i, st := range splits {
			st.Stop = &ends[i].Offset
		}
		return nil
	}
	return exec.Fatalf("", "table "+s.table.Name, fmt.Errorf("unknown 'scan.bounded.mode' '%s'", s.boundMode))
}

type position struct {
	offset int64
	leader int32
}

// offsets asks the leaders; a time behind the last record gives the end, as Flink does. With read_committed the end is
// the last stable offset: nothing behind it can be read before the open transactions end.
func (s *source) offsets(ctx context.Context, admin *admin, splits []*splitState, spec ck.OffsetSpec) ([]position, error) {
	if len(splits) == 0 {
		return nil, nil
	}
	out := make([]position, len(splits))
	index := map[string]int{}
	for i, st := range splits {
		index[st.id()] = i
	}
	err := await(ctx, s.log, connectTimeout(s.cfg), "the offsets of table "+s.table.Name, s.where, "", s.health, func(ctx context.Context) error {
		ask := make(map[ck.TopicPartition]ck.OffsetSpec, len(splits))
		for _, st := range splits {
			ask[ck.TopicPartition{Topic: &st.Topic, Partition: st.Partition}] = spec
		}
		r, err := admin.ListOffsets(ctx, ask, ck.SetAdminIsolationLevel(s.isolation))
		if err != nil {
			return err
		}
		var behind []*splitState
		for tp, info := range r.ResultInfos {
			if info.Error.Code() != ck.ErrNoError {
				if d := denied("read topic "+*tp.Topic, info.Error, "READ on topic "+*tp.Topic); d != nil {
					return d
				}
				return info.Error
			}
			i := index[(&splitState{Topic: *tp.Topic, Partition: tp.Partition}).id()]
			out[i] = position{int64(info.Offset), -1}
			if info.Offset < 0 {
				behind = append(behind, splits[i])
			}
		}
		if len(behind) > 0 {
			if spec == ck.LatestOffsetSpec || spec == ck.EarliestOffsetSpec {
				return fmt.Errorf("%w: the leader does not know its offsets", errWait)
			}
			ends, err := s.offsets(ctx, admin, behind, ck.LatestOffsetSpec)
			if err != nil {
				return err
			}
			for j, st := range behind {
				out[index[st.id()]] = ends[j]
			}
		}
		return nil
	})
	return out, err
}

// committed sets the offsets that the user's group has committed and returns the splits without one.
func (s *source) committed(ctx context.Context, splits []*splitState) (missing []*splitState, err error) {
	if s.group == "" || len(splits) == 0 {
		return splits, nil
	}
	r, err := newOffsetReader(s.props, s.group, s.log, s.health)
	if err != nil {
		return nil, badConfig(s.table.Name, err)
	}
	defer r.close()
	ask := make([]ck.TopicPartition, len(splits))
	index := map[string]*splitState{}
	for i, st := range splits {
		ask[i] = ck.TopicPartition{Topic: &st.Topic, Partition: st.Partition}
		index[st.id()] = st
	}
	err = await(ctx, s.log, connectTimeout(s.cfg), "the offsets of group "+s.group, s.where, "", s.health, func(ctx context.Context) error {
		missing = nil
		got, err := r.committed(ctx, s.group, ask, true)
		if err != nil {
			if d := denied("read the offsets of group "+s.group, err, "READ on group "+s.group); d != nil {
				return d
			}
			return err
		}
		for _, p := range got {
			st := index[(&splitState{Topic: *p.Topic, Partition: p.Partition}).id()]
			if p.Offset < 0 {
				missing = append(missing, st)
				continue
			}
			st.Offset = int64(p.Offset)
			if p.LeaderEpoch != nil {
				st.LeaderEpoch = *p.LeaderEpoch
			}
		}
		return nil
	})
	return missing, err
}

// Committed reports positions to the user's consumer group, where one is named.
func (s *source) Committed(ctx context.Context, epoch exec.Epoch, splits []exec.Split) error {
	if s.group == "" || len(splits) == 0 {
		return nil
	}
	ctl, _, err := s.control()
	if err != nil {
		return err
	}
	tps := make([]ck.TopicPartition, 0, len(splits))
	for _, sp := range splits {
		st, err := parseSplit(sp)
		if err != nil {
			return err
		}
		tp := ck.TopicPartition{Topic: &st.Topic, Partition: st.Partition, Offset: ck.Offset(st.Offset)}
		if st.LeaderEpoch >= 0 {
			tp.LeaderEpoch = &st.LeaderEpoch
		}
		tps = append(tps, tp)
	}
	// The client's call has no context; Close waits for one that was left behind.
	done := make(chan error, 1)
	s.polled.Go(func() {
		_, err := ctl.CommitOffsets(tps)
		done <- err
	})
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("report positions of epoch %d to group %s: %w", epoch, s.group, err)
	}
	return nil
}

// checkTopics looks every few seconds whether a topic was recreated while it is read, and whether readers do not get what there is.
func (s *source) checkTopics() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watching || s.admin == nil {
		return
	}
	s.watching = true
	admin := s.admin
	s.watch.Go(func() {
		tick := time.NewTicker(s.stall.every)
		defer tick.Stop()
		var stalls stallWatch
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				err := s.recreated(admin)
				if err == nil {
					err = stalls.look(s, admin, time.Now())
				}
				if err != nil {
					s.failure.CompareAndSwap(nil, &err)
				}
			}
		}
	})
}

// recreated compares the topics' ids with those that Discover saw. Brokers that do not answer are no finding.
func (s *source) recreated(admin *admin) error {
	s.mu.Lock()
	ids := make(map[string]string, len(s.topicIDs))
	names := make([]string, 0, len(s.topicIDs))
	for n, id := range s.topicIDs {
		ids[n] = id
		names = append(names, n)
	}
	s.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	infos, err := describe(ctx, admin, names)
	if err != nil {
		var te *topicError
		if errors.As(err, &te) && te.err.Code() == ck.ErrUnknownTopicOrPart {
			return exec.Restartf("", "read topic "+te.topic, err) // recovery waits for it, and sees whether it is the same
		}
		return nil
	}
	for _, in := range infos {
		if err := sameTopic(&splitState{Topic: in.name, TopicID: ids[in.name]}, in.id); err != nil {
			return err
		}
	}
	return nil
}

// Reader makes the consumer of one subtask.
func (s *source) Reader(ctx *exec.TaskContext) (exec.SourceReader, error) {
	s.failure.Store(nil)
	s.checkTopics()
	return newReader(s, ctx)
}

// Close ends the control clients.
func (s *source) Close() error {
	s.mu.Lock()
	ctl, admin := s.ctl, s.admin
	s.ctl, s.admin = nil, nil
	s.mu.Unlock()
	select {
	case <-s.stop:
		return nil
	default:
		close(s.stop)
	}
	s.watch.Wait()
	s.polled.Wait()
	if admin != nil {
		admin.Close()
	}
	if ctl != nil {
		return ctl.Close()
	}
	return nil
}
