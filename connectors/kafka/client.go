package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/spec/kafkaprops"
	"weir/exec"
	"weir/planner/catalog"
	"weir/planner/config"
)

// TranslateProperties gives the configuration of the Kafka client that a table's 'properties.*' ask for, and notes for
// the user. The error joins all that is refused.
func TranslateProperties(options catalog.Options, role kafkaprops.Role) (ck.ConfigMap, []kafkaprops.Note, error) {
	props, notes, problems := kafkaprops.Translate(options, role)
	m := ck.ConfigMap{}
	for k, v := range props {
		m[k] = v
	}
	var errs []error
	for _, p := range problems {
		errs = append(errs, p)
	}
	return m, notes, errors.Join(errs...)
}

// say logs notes once per table.
func say(log *slog.Logger, table string, notes []kafkaprops.Note) {
	for _, n := range notes {
		log.Info(fmt.Sprintf("table %s: 'properties.%s' %s", table, n.Key, n.Text))
	}
}

// with is a copy of m with further settings.
func with(m ck.ConfigMap, pairs ...any) ck.ConfigMap {
	out := make(ck.ConfigMap, len(m)+len(pairs)/2)
	for k, v := range m {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

// unless is with for settings that the user has not chosen.
func unless(m ck.ConfigMap, pairs ...any) ck.ConfigMap {
	out := with(m)
	for i := 0; i < len(pairs); i += 2 {
		if _, ok := out[pairs[i].(string)]; !ok {
			out[pairs[i].(string)] = pairs[i+1]
		}
	}
	return out
}

// connecting is how a client connects unless the user has said it. It sends what it has at once, as Java's clients do: otherwise a request waits
// while an earlier one on the connection is not acknowledged. It comes back soon to a broker that was away, and meets one soon: a new client
// learns the brokers' names from the first that it reaches, and waits for half of reconnect.backoff.ms before it connects to one by its
// name. With librdkafka's 100 ms the start of a job, which has three clients, took a tenth of a second longer.
func connecting(m ck.ConfigMap) ck.ConfigMap {
	return unless(m, "socket.nagle.disable", true, "reconnect.backoff.ms", 22, "reconnect.backoff.max.ms", 2000)
}

func servers(m ck.ConfigMap) string {
	if s, ok := m["bootstrap.servers"].(string); ok {
		return s
	}
	s, _ := m["metadata.broker.list"].(string)
	return s
}

// badConfig words librdkafka's refusal of a configuration.
func badConfig(table string, err error) error {
	return exec.Fatalf("mend the 'properties.*' of the table", "table "+table+": configure the Kafka client", err)
}

// health is what the background events of a client said: errors that stop the job, and whether brokers are away.
type health struct {
	log     *slog.Logger
	servers string

	mu       sync.Mutex
	fatal    error
	failed   chan struct{} // closed with the first fatal error
	away     error         // why no broker could be reached, the last time
	awaySeen time.Time
}

// unreached is what the clients of this process have said of brokers that they do not reach: a job has several, and one line tells it.
var unreached = outages{seen: map[string]*outage{}}

type outages struct {
	mu   sync.Mutex
	seen map[string]*outage // by servers
}

// outage is brokers that were not reached.
type outage struct {
	last  time.Time     // when that was last noticed
	next  time.Time     // when it may be said again
	pause time.Duration // and how long that is after the line before
}

// said reports whether a client that does not reach servers now is to say so: at once, then at growing intervals.
func (o *outages) said(servers string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.seen[servers]
	if x == nil || now.Sub(x.last) > time.Minute { // another one
		x = &outage{pause: sayEvery}
		o.seen[servers] = x
	}
	x.last = now
	if now.Before(x.next) {
		return false
	}
	x.next, x.pause = now.Add(x.pause), min(2*x.pause, time.Minute)
	return true
}

func newHealth(log *slog.Logger, servers string) *health {
	return &health{log: log, servers: servers, failed: make(chan struct{})}
}

// event takes an error event of a client.
func (h *health) event(e ck.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if fatalCode(e.Code()) || e.IsFatal() {
		if h.fatal == nil {
			h.fatal = e
			close(h.failed)
		}
		return
	}
	switch e.Code() {
	case ck.ErrAllBrokersDown, ck.ErrTransport, ck.ErrResolve:
		if h.away == nil || e.Code() != ck.ErrAllBrokersDown { // which only says how many
			h.away = e
		}
		h.awaySeen = time.Now()
		if unreached.said(h.servers, h.awaySeen) {
			h.log.Warn("no connection to Kafka at "+h.servers+", trying again", "cause", h.away.Error())
		}
	case ck.ErrGroupAuthorizationFailed:
		// A consumer looks for its group's coordinator though it never joins; it does well without one.
	default:
		h.log.Warn("Kafka client at "+h.servers, "cause", e.String())
	}
}

// err is the error that stops the job, nil while there is none.
func (h *health) err(doing string) error {
	h.mu.Lock()
	f := h.fatal
	h.mu.Unlock()
	if f == nil {
		return nil
	}
	if d := denied(doing, f, "access"); d != nil {
		return d
	}
	return exec.Restartf("", doing, f)
}

// unreachable is why no broker was reached, where that was so since; nil otherwise.
func (h *health) unreachable(since time.Time) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away == nil || h.awaySeen.Before(since) {
		return nil
	}
	return h.away
}

// sayEvery is when a line about waiting is first repeated; each further pause is twice as long.
const sayEvery = 5 * time.Second

// connectTimeout is how long a job waits for brokers and topics before it gives up.
func connectTimeout(cfg *config.Config) time.Duration {
	if d := cfg.Duration(config.ConnectTimeout); d > 0 {
		return d
	}
	return time.Minute
}

// await calls try until it succeeds, fails for good, or limit is over. While it waits it says so:
// "waiting for topic ws on localhost:9092 (...)". try's ctx ends after some seconds.
func await(ctx context.Context, log *slog.Logger, limit time.Duration, what, where, help string, h *health, try func(ctx context.Context) error) error {
	start, quiet := time.Now(), time.Second // before the next line about it
	said, pause := start, 50*time.Millisecond
	for {
		step, cancel := context.WithTimeout(ctx, min(5*time.Second, limit))
		err := tryUnless(step, cancel, h, try)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		doing := "connect to Kafka at " + where
		if h != nil {
			if e := h.err(doing); e != nil {
				return e
			}
		}
		if errors.Is(err, exec.ErrFatal) || !waitable(err) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return err
		}
		if time.Since(start) > limit {
			// A try that ran out of time says nothing; that there is no broker does, and what to do is another thing then.
			code, _ := codeOf(err)
			if away := h.unreachable(start); away != nil && (!waitable(err) || code == ck.ErrTimedOut) {
				err = fmt.Errorf("no connection to Kafka: %w", away)
				help = "start the broker, or mend 'properties.bootstrap.servers'; SET 'weir.connect.timeout' says how long to wait"
			}
			return exec.Fatalf(help, "wait for "+what+" on "+where, fmt.Errorf("given up after %s: %w", limit.Round(time.Second), err))
		}
		if time.Since(said) > quiet {
			said, quiet = time.Now(), max(sayEvery, 2*quiet)
			log.Warn("waiting for "+what+" on "+where, "cause", strings.TrimPrefix(err.Error(), errWait.Error()+": "))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, time.Second)
	}
}

// tryUnless runs try and cancels it when the client reports that it never will succeed.
func tryUnless(ctx context.Context, cancel context.CancelFunc, h *health, try func(ctx context.Context) error) error {
	defer cancel()
	if h == nil {
		return try(ctx)
	}
	go func() {
		select {
		case <-h.failed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return try(ctx)
}

// createHelp is what to do about a topic that is not there.
func createHelp(topic, where string) string {
	return fmt.Sprintf("create it: kafka-topics --bootstrap-server %s --create --topic %s --partitions 4; or raise SET 'weir.connect.timeout'", where, topic)
}

// topicInfo is what weir wants to know of a topic.
type topicInfo struct {
	name       string
	id         string // the broker's id of this very topic; another after it was deleted and made again
	partitions int32
}

// describe asks for topics. An error names the topic.
func describe(ctx context.Context, a *admin, names []string) ([]topicInfo, error) {
	r, err := a.DescribeTopics(ctx, names)
	if err != nil {
		return nil, err
	}
	out := make([]topicInfo, 0, len(names))
	for _, d := range r.TopicDescriptions {
		if d.Error.Code() != ck.ErrNoError {
			return nil, &topicError{d.Name, d.Error}
		}
		for _, p := range d.Partitions {
			if p.Leader == nil || p.Leader.ID < 0 {
				return nil, fmt.Errorf("%w: partition %d of topic %s has no leader", errWait, p.Partition, d.Name)
			}
		}
		out = append(out, topicInfo{d.Name, d.TopicID.String(), int32(len(d.Partitions))})
	}
	return out, nil
}

type topicError struct {
	topic string
	err   ck.Error
}

func (e *topicError) Error() string {
	if e.err.Code() == ck.ErrUnknownTopicOrPart {
		return "topic " + e.topic + " does not exist"
	}
	return "topic " + e.topic + ": " + e.err.String()
}

func (e *topicError) Unwrap() error { return e.err }

// awaitTopics waits until the topics exist and have leaders.
func awaitTopics(ctx context.Context, log *slog.Logger, cfg *config.Config, a *admin, names []string, where string, h *health, need string) ([]topicInfo, error) {
	var out []topicInfo
	what := "topic " + strings.Join(names, ", ")
	err := await(ctx, log, connectTimeout(cfg), what, where, createHelp(names[0], where), h, func(ctx context.Context) error {
		var err error
		out, err = describe(ctx, a, names)
		if d := denied("read about "+what+" on "+where, err, need); d != nil {
			return d
		}
		return err
	})
	return out, err
}

// slogLevel maps a syslog level of librdkafka.
func slogLevel(level int) slog.Level {
	switch {
	case level <= 3:
		return slog.LevelError
	case level == 4:
		return slog.LevelWarn
	case level <= 6:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// drainLogs passes librdkafka's own log lines on, as debug lines, for what matters comes as an error event too, until
// the client is closed.
func drainLogs(ch chan ck.LogEvent, log *slog.Logger) {
	for e := range ch {
		level := slogLevel(e.Level)
		if level > slog.LevelDebug {
			level = slog.LevelDebug
		}
		log.Log(context.Background(), level, e.Message, "client", e.Name, "facility", e.Tag)
	}
}
