package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kfake"

	"weir/connectors/kafka/kafkatest"
	"weir/exec"
	"weir/planner/catalog"
)

func exactlyOnce(b *kafkatest.Broker, topic, prefix string, options ...string) *catalog.Table {
	return table("kafka", []string{"line STRING"}, append([]string{"connector", "kafka", "topic", topic, "format", "plain",
		"properties.bootstrap.servers", b.Addr, "sink.delivery-guarantee", "exactly-once", "sink.transactional-id-prefix", prefix}, options...)...)
}

func TestMarkerAndRowsBecomeVisibleTogether(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "together", 2)
		tab := exactlyOnce(b, topic, "tog-")
		in := openInstance(t, openSink(t, tab), "one", nil)
		if in.found {
			t.Fatalf("a marker before the first start: %v", in.marker)
		}
		if err := in.w.Write(stringBatch(tab, "a", "b")); err != nil {
			t.Fatal(err)
		}
		if err := in.w.Barrier(1); err != nil {
			t.Fatal(err)
		}
		if err := in.w.Write(stringBatch(tab, "c")); err != nil { // of epoch 2: held
			t.Fatal(err)
		}
		if _, err := in.w.Flush(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		if got := b.Read(t, topic, "read_committed"); len(got) != 0 {
			t.Fatalf("visible before the commit: %q", kafkatest.Values(got))
		}
		if _, m := b.GroupOffset(t, "weir.tog-", topic, 0); m != "" {
			t.Fatalf("the marker is visible before the commit: %s", m)
		}
		if err := in.c.Commit(context.Background(), exec.Marker{Job: "job-1", Epoch: 1, Nonce: "n1"}); err != nil {
			t.Fatal(err)
		}
		if got := kafkatest.Values(b.Read(t, topic, "read_committed")); !slices.Equal(got, []string{"a", "b"}) {
			t.Fatalf("after the commit %q", got)
		}
		off, m := b.GroupOffset(t, "weir.tog-", topic, 0)
		if off != 1 || m != `{"job":"job-1","epoch":1,"nonce":"n1"}` {
			t.Fatalf("marker %d %s", off, m)
		}
		if err := in.c.Release(); err != nil {
			t.Fatal(err)
		}
		if err := in.commit(2); err != nil {
			t.Fatal(err)
		}
		got := kafkatest.Values(b.Read(t, topic, "read_committed"))
		slices.Sort(got)
		if !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Fatalf("after epoch 2 %q", got)
		}
	})
}

func TestNewerInstanceFencesTheOlder(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "fenced", 1)
		tab := exactlyOnce(b, topic, "fen-")
		one := openInstance(t, openSink(t, tab), "one", nil)
		if err := one.epoch(t, 1, tab, "a"); err != nil {
			t.Fatal(err)
		}
		if err := one.w.Write(stringBatch(tab, "lost")); err != nil {
			t.Fatal(err)
		}
		two := openInstance(t, openSink(t, tab), "two", one.id)
		if !two.found || two.marker.Epoch != 1 || two.marker.Nonce != "nonce-1" || two.marker.Job != "job-1" {
			t.Fatalf("the newer instance found %v %v", two.found, two.marker)
		}
		err := one.commit(2)
		if !errors.Is(err, exec.ErrFenced) || !strings.Contains(err.Error(), "(two)") {
			t.Fatalf("the older instance: %v", err)
		}
		if err := two.epoch(t, 2, tab, "b"); err != nil {
			t.Fatal(err)
		}
		if got := kafkatest.Values(b.Read(t, topic, "read_committed")); !slices.Equal(got, []string{"a", "b"}) {
			t.Fatalf("committed %q", got)
		}
	})
}

func TestTwoInstancesAtOnceLeaveOne(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "atonce", 1)
		tab := exactlyOnce(b, topic, "once-")
		type result struct {
			name string
			in   *instance
			err  error
		}
		results := make(chan result, 2)
		for _, name := range []string{"one", "two"} {
			s := openSink(t, tab)
			go func() {
				in, err := tryInstance(t, s, name, nil)
				for n := 0; n < 3 && errors.Is(err, exec.ErrRestart); n++ { // as the runtime does
					in, err = tryInstance(t, s, name, nil)
				}
				if err == nil {
					// Both write the same rows, as two instances from the same state do.
					for n := exec.Epoch(1); n <= 20 && err == nil; n++ {
						err = in.epoch(t, n, tab, fmt.Sprintf("row-%d", n))
					}
				}
				results <- result{name, in, err}
			}()
		}
		var lost int
		for range 2 {
			if r := <-results; r.err != nil {
				lost++
				if !errors.Is(r.err, exec.ErrFenced) {
					t.Errorf("%s: %v", r.name, r.err)
				}
			}
		}
		// The one that claimed last wins. If the other had committed epochs before, a real one would have begun behind
		// them; these begin at 1 again, so that only whole prefixes may be repeated.
		if lost != 1 && lost != 0 {
			t.Fatalf("%d instances were fenced", lost)
		}
		got := kafkatest.Values(b.Read(t, topic, "read_committed"))
		prefix := len(got) - 20
		if prefix < 0 {
			t.Fatalf("committed %q", got)
		}
		for i, v := range got {
			n := i + 1
			if i >= prefix {
				n = i - prefix + 1
			}
			if v != fmt.Sprintf("row-%d", n) {
				t.Fatalf("row %d is %s of %q", i, v, got)
			}
		}
	})
}

func TestExpiredTransactionIsReplayedNotLost(t *testing.T) {
	b := kafkatest.Real(t) // the embedded broker's clock for transactions is another
	topic := b.Topic(t, "expired", 1)
	tab := exactlyOnce(b, topic, "exp-", "properties.transaction.timeout.ms", "8000")
	s := openSink(t, tab)
	in := openInstance(t, s, "one", nil)
	if err := in.epoch(t, 1, tab, "a"); err != nil {
		t.Fatal(err)
	}
	if in.c.TransactionTimeout() != 8*time.Second || !in.c.TransactionStarted().IsZero() {
		t.Fatalf("timeout %s, started %s", in.c.TransactionTimeout(), in.c.TransactionStarted())
	}
	if err := in.w.Write(stringBatch(tab, "b")); err != nil {
		t.Fatal(err)
	}
	if in.c.TransactionStarted().IsZero() {
		t.Fatal("the transaction has a row and has not started")
	}
	if err := in.c.prod.flush(context.Background(), func() bool { return false }); err != nil {
		t.Fatal(err)
	}
	// The broker has ended it when an uncommitted reader's last stable offset passes the row.
	for limit := time.Now().Add(kafkatest.Patience); ; {
		if end := lastStable(t, b, topic); end > 3 {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the broker does not time the transaction out")
		}
	}
	err := in.commit(2)
	if !errors.Is(err, exec.ErrRestart) || errors.Is(err, exec.ErrFenced) || !strings.Contains(err.Error(), "transaction.timeout.ms = 8000") {
		t.Fatalf("%v", err)
	}
	in.c.Close()
	again := openInstance(t, s, "one-again", in.id)
	if again.marker.Epoch != 1 {
		t.Fatalf("the marker says %v", again.marker)
	}
	if err := again.epoch(t, 2, tab, "b"); err != nil {
		t.Fatal(err)
	}
	if got := kafkatest.Values(b.Read(t, topic, "read_committed")); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("committed %q", got)
	}
}

// lastStable is the last stable offset of partition 0.
func lastStable(t *testing.T, b *kafkatest.Broker, topic string) int64 {
	t.Helper()
	a, err := ck.NewAdminClient(&ck.ConfigMap{"bootstrap.servers": b.Addr, "enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
	defer cancel()
	r, err := a.ListOffsets(ctx, map[ck.TopicPartition]ck.OffsetSpec{{Topic: &topic, Partition: 0}: ck.LatestOffsetSpec}, ck.SetAdminIsolationLevel(ck.IsolationLevelReadCommitted))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range r.ResultInfos {
		return int64(i.Offset)
	}
	return -1
}

func TestBrokerRestartsUnderLoadLoseNothing(t *testing.T) {
	b := kafkatest.Real(t)
	topic := b.Topic(t, "restarts", 2)
	tab := exactlyOnce(b, topic, "restart-")
	s := openSink(t, tab)
	in := openInstance(t, s, "i0", nil)
	ident := in.id
	stop := make(chan struct{})
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		for range 2 {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond): // load goes on meanwhile; nothing waits for this
			}
			b.Restart(t)
		}
	}()
	const epochs, rows = 60, 50
	attempts := 0
	for n := exec.Epoch(1); n <= epochs; {
		var batch []string
		for i := range rows {
			batch = append(batch, fmt.Sprintf("%d-%d", n, i))
		}
		err := in.epoch(t, n, tab, batch...)
		if n < 40 {
			time.Sleep(20 * time.Millisecond) // so that the restarts fall into the run
		}
		if err == nil {
			n++
			continue
		}
		if !errors.Is(err, exec.ErrRestart) {
			t.Fatalf("epoch %d: %v", n, err)
		}
		in.c.Close()
		attempts++
		in = openInstance(t, s, fmt.Sprintf("i%d", attempts), ident)
		n = in.marker.Epoch + 1
	}
	close(stop)
	<-killed
	got := kafkatest.Values(b.Read(t, topic, "read_committed"))
	seen := map[string]int{}
	for _, v := range got {
		seen[v]++
	}
	if len(got) != epochs*rows || len(seen) != epochs*rows {
		t.Fatalf("%d rows, %d different, of %d; %d attempts", len(got), len(seen), epochs*rows, attempts)
	}
}

func TestHeldRowsAreBounded(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "held", 1)
	tab := exactlyOnce(b, topic, "held-")
	in := openInstance(t, openSink(t, tab), "one", nil)
	if err := in.w.Barrier(1); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 100<<10)
	wrote := make(chan int, 1000)
	fail := make(chan error, 1)
	go func() {
		for i := range 120 { // 12 MB
			if err := in.w.Write(stringBatch(tab, big)); err != nil {
				fail <- err
				return
			}
			wrote <- i
		}
		close(wrote)
	}()
	n := 0
	heldBytes := int(exec.PlanMemory(0, 1, 1).Hold)
	for n*len(big) < heldBytes-2*len(big) {
		select {
		case <-wrote:
			n++
		case err := <-fail:
			t.Fatal(err)
		}
	}
	for {
		in.w.mu.Lock()
		held, queued := in.w.bytes, len(in.w.queue)
		in.w.mu.Unlock()
		if held > heldBytes || queued >= 120 {
			t.Fatalf("%d bytes and %d chunks are held", held, queued)
		}
		if held+len(big) > heldBytes {
			break
		}
	}
	ctx := context.Background()
	if _, err := in.w.Flush(ctx, 1); err != nil { // does not wait for held rows
		t.Fatal(err)
	}
	if err := in.c.Commit(ctx, exec.Marker{Job: "j", Epoch: 1, Nonce: "n"}); err != nil {
		t.Fatal(err)
	}
	if err := in.c.Release(); err != nil {
		t.Fatal(err)
	}
	for range wrote {
		n++
	}
	if err := in.commit(2); err != nil {
		t.Fatal(err)
	}
	if got := b.Read(t, topic, "read_committed"); len(got) != 120 || n != 120 {
		t.Fatalf("%d records, %d written", len(got), n)
	}
}

func TestSeveralBarriersAreReleasedOneByOne(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "barriers", 1)
	tab := exactlyOnce(b, topic, "bar-")
	in := openInstance(t, openSink(t, tab), "one", nil)
	for n := exec.Epoch(1); n <= 3; n++ {
		if err := in.w.Write(stringBatch(tab, fmt.Sprintf("of %d", n))); err != nil {
			t.Fatal(err)
		}
		if err := in.w.Barrier(n); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for n := exec.Epoch(1); n <= 3; n++ {
		if _, err := in.w.Flush(context.Background(), n); err != nil {
			t.Fatal(err)
		}
		if err := in.c.Commit(context.Background(), exec.Marker{Job: "j", Epoch: n, Nonce: "n"}); err != nil {
			t.Fatal(err)
		}
		if err := in.c.Release(); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("of %d", n))
		if got := kafkatest.Values(b.Read(t, topic, "read_committed")); !slices.Equal(got, want) {
			t.Fatalf("after epoch %d %q", n, got)
		}
	}
}

func TestTooLargeRecordIsAnErrorNotALoss(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		// The client's own limit.
		topic := b.Topic(t, "large", 1)
		tab := exactlyOnce(b, topic, "large-")
		in := openInstance(t, openSink(t, tab), "one", nil)
		err := in.w.Write(stringBatch(tab, "small", strings.Repeat("x", 2<<20), "after"))
		if !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "a record of 2097152 bytes is larger than the client's 'message.max.bytes' allows") {
			t.Fatalf("%v", err)
		}
		// The topic's.
		if b.Real() {
			small := b.Topic(t, "small", 1, "max.message.bytes", "2000")
			tab := exactlyOnce(b, small, "small-")
			in := openInstance(t, openSink(t, tab), "one", nil)
			err := in.epoch(t, 1, tab, "a", strings.Repeat("x", 5000))
			if !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "the broker refuses a record for its size") {
				t.Fatalf("%v", err)
			}
			if got := b.Read(t, small, "read_committed"); len(got) != 0 {
				t.Fatalf("%d records of the failed epoch are visible", len(got))
			}
		}
	})
}

func TestTransactionTimeoutAboveTheBrokersLimitIsRefused(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "limit", 1)
		s := openSink(t, exactlyOnce(b, topic, "limit-", "properties.transaction.timeout.ms", "3600000"))
		_, err := tryInstance(t, s, "one", nil)
		var e *exec.Error
		if !errors.As(err, &e) || !errors.Is(err, exec.ErrFatal) {
			t.Fatalf("%v", err)
		}
		if b.Real() && (!strings.Contains(err.Error(), "is 3600000, and the broker's transaction.max.timeout.ms is 900000") || !strings.Contains(e.Help, "'900000' or less")) {
			t.Fatalf("%v (%s)", err, e.Help)
		}
	})
}

func TestForeignMarkerIsRefusedBeforeAnybodyIsFenced(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "foreign", 1)
		commitGroup(t, b, "weir.for-", topic, 3)
		_, err := tryInstance(t, openSink(t, exactlyOnce(b, topic, "for-")), "one", nil)
		if !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "somebody else has committed an offset there") {
			t.Fatalf("%v", err)
		}
	})
}

// Another job by the same prefix that writes another topic: its marker lies at that topic, and is found before it is fenced.
func TestMarkerAtAnotherTopicIsFound(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic, other := b.Topic(t, "at-one", 1), b.Topic(t, "at-other", 1)
		tab := exactlyOnce(b, topic, "at-")
		one := openInstance(t, openSink(t, tab), "one", nil)
		if err := one.epoch(t, 1, tab, "a"); err != nil {
			t.Fatal(err)
		}
		s := openSink(t, exactlyOnce(b, other, "at-"))
		log, _ := logger()
		ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
		defer cancel()
		c, err := s.Transactional().Open(ctx, &exec.JobContext{Name: "test", Instance: "two", Config: s.cfg, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Identity(ctx, nil); err != nil {
			t.Fatal(err)
		}
		m, found, err := c.Peek(ctx)
		if err != nil || !found || m.Job != "job-1" || m.Epoch != 1 {
			t.Fatalf("found %v %v, %v", found, m, err)
		}
		if err := one.epoch(t, 2, tab, "b"); err != nil {
			t.Fatalf("the other job was disturbed: %v", err)
		}
	})
}

// The first marker of a job is pending, and so not shown: that is not the same as none.
func TestPendingMarkerIsWaitedFor(t *testing.T) {
	b := kafkatest.Real(t)
	tab := exactlyOnce(b, b.Topic(t, "pending", 1), "pending-")
	one := openInstance(t, openSink(t, tab), "one", nil)
	s := openSink(t, tab)
	log, _ := logger()
	ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
	defer cancel()
	two, err := s.Transactional().Open(ctx, &exec.JobContext{Name: "test", Instance: "two", Config: s.cfg, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	if _, err := two.Identity(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := one.c.sendOffset(ctx, one.c.id.Group, 1, `{"job":"job-1","epoch":1,"nonce":"n"}`); err != nil {
		t.Fatal(err)
	}
	soon, stop := context.WithTimeout(ctx, 500*time.Millisecond)
	defer stop()
	if err := two.Settle(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a pending marker is not waited for: %v", err)
	}
	if m, found, err := two.Peek(ctx); found || err != nil {
		t.Fatalf("the marker is shown before it is committed: %v %v", m, err)
	}
	if err := one.c.prod.p.CommitTransaction(ctx); err != nil {
		t.Fatal(err)
	}
	if err := two.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	if m, found, err := two.Peek(ctx); !found || m.Epoch != 1 || err != nil {
		t.Fatalf("found %v %v, %v", found, m, err)
	}
}

func TestIdentityIsFixedByTheFirstStart(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "identity", 1)
	tab := exactlyOnce(b, topic, "id-")
	one := openInstance(t, openSink(t, tab), "one", nil)
	if err := one.epoch(t, 1, tab, "a"); err != nil {
		t.Fatal(err)
	}
	// An edited prefix: the marker stays where it was, and the old id is fenced.
	two := openInstance(t, openSink(t, exactlyOnce(b, topic, "new-")), "two", one.id)
	if !two.found || two.marker.Epoch != 1 {
		t.Fatalf("the marker was not found: %v %v", two.found, two.marker)
	}
	if err := one.epoch(t, 2, tab, "lost"); !errors.Is(err, exec.ErrFenced) {
		t.Fatalf("the old id goes on: %v", err)
	}
	if err := two.epoch(t, 2, tab, "b"); err != nil {
		t.Fatal(err)
	}
	if got := kafkatest.Values(b.Read(t, topic, "read_committed")); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("committed %q", got)
	}
	two.c.Close()
	// Another cluster, and a recreated topic.
	other := kafkatest.Fake(t, kfake.ClusterID("other"))
	other.Topic(t, topic, 1)
	if _, err := tryInstance(t, openSink(t, exactlyOnce(other, topic, "id-")), "x", two.id); !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "the state belongs to Kafka cluster weir-test") {
		t.Fatalf("another cluster: %v", err)
	}
	b.DeleteTopic(t, topic)
	b.Topic(t, topic, 1)
	if _, err := tryInstance(t, openSink(t, tab), "y", two.id); !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "the topic was deleted and created again") {
		t.Fatalf("a recreated topic: %v", err)
	}
}

func TestTablesOfAJobShareOneTransaction(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		t1, t2 := b.Topic(t, "share1", 1), b.Topic(t, "share2", 1)
		tab1, tab2 := exactlyOnce(b, t1, "sh-b-"), exactlyOnce(b, t2, "sh-a-")
		s1, s2 := openSink(t, tab1), openSink(t, tab2)
		if err := s1.Transactional().Join(s2.Transactional()); err != nil {
			t.Fatal(err)
		}
		in := openInstance(t, s1, "one", nil)
		if in.c.id.TransactionalID != "sh-a-weir" || in.c.id.Group != "weir.sh-a-" {
			t.Fatalf("identity %+v", in.c.id)
		}
		w2, err := s2.Writer(taskContext(t, context.Background(), s2.cfg, 0, 1), in.c)
		if err != nil {
			t.Fatal(err)
		}
		if err := w2.Write(stringBatch(tab2, "two")); err != nil {
			t.Fatal(err)
		}
		if err := w2.Barrier(1); err != nil {
			t.Fatal(err)
		}
		if err := w2.Write(stringBatch(tab2, "later")); err != nil {
			t.Fatal(err)
		}
		if err := in.epoch(t, 1, tab1, "one"); err != nil {
			t.Fatal(err)
		}
		for topic, want := range map[string]string{t1: "one", t2: "two"} {
			if got := kafkatest.Values(b.Read(t, topic, "read_committed")); !slices.Equal(got, []string{want}) {
				t.Fatalf("%s: %q", topic, got)
			}
		}
	})
	b := kafkatest.Fake(t)
	s1 := openSink(t, exactlyOnce(b, "a", "a-", "properties.linger.ms", "5"))
	if err := s1.Transactional().Join(openSink(t, exactlyOnce(b, "b", "b-", "properties.linger.ms", "10")).Transactional()); err == nil || !strings.Contains(err.Error(), "'properties.linger.ms' differs between") {
		t.Fatalf("different properties: %v", err)
	}
}

// writeAll writes rows through one writer of a table without transactions.
func writeAll(t *testing.T, s *sink, tab *catalog.Table, subtask int, batches ...[]string) {
	t.Helper()
	w, err := s.Writer(taskContext(t, context.Background(), s.cfg, subtask, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, rows := range batches {
		if err := w.Write(stringBatch(tab, rows...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Barrier(1); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Flush(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
}

func TestKeysHeadersTimestampsAndTopicsAreWritten(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		x, y := b.Topic(t, "out-x", 3), b.Topic(t, "out-y", 3)
		tab := table("kafka", []string{"line STRING", "id BIGINT", "to STRING topic", "at LTZ timestamp", "heads MAP headers"}, "connector", "kafka",
			"topic", "out-x;out-y", "format", "plain", "key.format", "plain", "key.fields", "id", "value.fields-include", "EXCEPT_KEY", "properties.bootstrap.servers", b.Addr)
		s := openSink(t, tab)
		writeAll(t, s, tab, 0, []string{"a|1|out-x|" + at(500) + "000|h=1,g=2", "b|2|out-y|" + at(1500) + "000|h=3"})
		for topic, want := range map[string]string{x: "1=a at " + at(500) + ` [h="1" g="2"]`, y: "2=b at " + at(1500) + ` [h="3"]`} {
			rs := b.Read(t, topic, "read_committed")
			if len(rs) != 1 {
				t.Fatalf("%s: %d records", topic, len(rs))
			}
			r := rs[0]
			if got := fmt.Sprintf("%s=%s at %d %v", r.Key, r.Value, r.Timestamp.UnixMilli(), r.Headers); got != want {
				t.Fatalf("%s: %s, want %s", topic, got, want)
			}
			if p := partitionOf(r.Key, 3); p != r.Partition {
				t.Fatalf("key %s is in partition %d, not %d", r.Key, r.Partition, p)
			}
		}
		w, err := s.Writer(taskContext(t, context.Background(), s.cfg, 0, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := w.Write(stringBatch(tab, "c|3|elsewhere|1|h=1")); !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "topic 'elsewhere' is not in the table's option 'topic'") {
			t.Fatalf("%v", err)
		}
	})
}

func TestUpsertSinkWritesTombstonesAndReduces(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "totals", 1)
		options := []string{"connector", "upsert-kafka", "topic", topic, "key.format", "plain", "value.format", "plain", "properties.bootstrap.servers", b.Addr}
		tab := table("upsert-kafka", []string{"id BIGINT", "n BIGINT"}, options...)
		tab.PrimaryKey = []int{0}
		rows := []string{"+I1|10", "+I2|20", "+U1|11", "-D2|20", "+U1|12"}
		writeAll(t, openSink(t, tab), tab, 0, rows)
		show := func(rs []kafkatest.Record) (out []string) {
			for _, r := range rs {
				v := string(r.Value)
				if r.Value == nil {
					v = "null"
				}
				out = append(out, string(r.Key)+"="+v)
			}
			return out
		}
		want := []string{"1=1|10", "2=2|20", "1=1|11", "2=null", "1=1|12"}
		if got := show(b.Read(t, topic, "read_committed")); !slices.Equal(got, want) {
			t.Fatalf("written %q, want %q", got, want)
		}
		reduced := b.Topic(t, "reduced", 1)
		options[3] = reduced
		tab = table("upsert-kafka", []string{"id BIGINT", "n BIGINT"}, append(options, "sink.buffer-flush.max-rows", "100", "sink.buffer-flush.interval", "1 h")...)
		tab.PrimaryKey = []int{0}
		writeAll(t, openSink(t, tab), tab, 0, rows[:3], rows[3:])
		if got, want := show(b.Read(t, reduced, "read_committed")), []string{"1=1|12", "2=null"}; !slices.Equal(got, want) {
			t.Fatalf("reduced to %q, want %q", got, want)
		}
	})
}

func TestPartitioners(t *testing.T) {
	b := kafkatest.Fake(t)
	count := func(topic string) map[int32]int {
		out := map[int32]int{}
		for _, r := range b.Read(t, topic, "read_committed") {
			out[r.Partition]++
		}
		return out
	}
	for _, c := range []struct{ name, want string }{
		{"default", "map[0:1 1:2 2:1]"}, {"round-robin", "map[0:1 1:2 2:1]"}, {"fixed", "map[1:4]"},
	} {
		topic := b.Topic(t, "part-"+c.name, 3)
		tab := table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "sink.partitioner", c.name)...)
		writeAll(t, openSink(t, tab), tab, 1, []string{"a"}, []string{"b"}, []string{"c"}, []string{"d"})
		if got := fmt.Sprint(count(topic)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// alice is options of a user of the real broker's listener with logins.
func alice(b *kafkatest.Broker, topic, password string, more ...string) []string {
	o := sourceOptions(b, topic, append(more, "properties.security.protocol", "SASL_PLAINTEXT", "properties.sasl.mechanism", "PLAIN",
		"properties.sasl.jaas.config", `org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="`+password+`";`)...)
	o[7] = b.SASLAddr
	return o
}

func TestWrongCredentialsAreSaidAtOnce(t *testing.T) {
	b := kafkatest.Real(t)
	start := time.Now()
	_, err := openSource(t, table("kafka", []string{"line STRING"}, alice(b, "x", "wrong", "scan.startup.mode", "earliest-offset")...)).Discover(context.Background(), nil)
	var e *exec.Error
	if !errors.As(err, &e) || !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "the broker refuses the credentials") || strings.Contains(err.Error(), "wrong") ||
		!strings.Contains(e.Help, "'properties.sasl.password'") {
		t.Fatalf("source: %v", err)
	}
	o := alice(b, "x", "wrong", "sink.delivery-guarantee", "exactly-once", "sink.transactional-id-prefix", "p-")
	if _, err := tryInstance(t, openSink(t, table("kafka", []string{"line STRING"}, o...)), "one", nil); !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "the broker refuses the credentials") {
		t.Fatalf("sink: %v", err)
	}
	if d := time.Since(start); d >= kafkatest.Patience { // it has waited for a broker
		t.Fatalf("after %s", d)
	}
}

func TestMissingPermissionsAreNamed(t *testing.T) {
	b := kafkatest.Real(t)
	topic := b.Topic(t, "acl", 1)
	b.Produce(t, topic, kafkatest.Lines("a")...)
	sinkOf := func() *sink {
		return openSink(t, table("kafka", []string{"line STRING"}, alice(b, topic, "secret", "sink.delivery-guarantee", "exactly-once", "sink.transactional-id-prefix", "acl-")...))
	}
	var tab = table("kafka", []string{"line STRING"}, alice(b, topic, "secret", "scan.startup.mode", "earliest-offset")...)
	steps := []struct{ missing, kind, name, op string }{
		{"DESCRIBE and WRITE on the topics acl", "topic", topic, "WRITE"},
		{"READ on the groups weir.acl-* (prefixed)", "group", "weir.acl-", "READ"},
		{"WRITE on the transactional id acl-weir", "transactional-id", "acl-", "WRITE"},
		{"WRITE and READ on the topics acl", "topic", topic, "READ"},
	}
	for _, s := range steps {
		_, err := tryInstance(t, sinkOf(), "one", nil)
		var e *exec.Error
		if !errors.As(err, &e) || !errors.Is(err, exec.ErrFatal) || !strings.Contains(e.Help, s.missing) {
			t.Fatalf("without %s: %v", s.missing, err)
		}
		b.Grant(t, "alice", s.kind, s.name, s.op)
	}
	in := openInstance(t, sinkOf(), "one", nil)
	if err := in.epoch(t, 1, tab, "b"); err != nil {
		t.Fatal(err)
	}
	src := openSource(t, tab)
	if got := readRows(t, openReader(t, src, discover(t, src, nil)), 2); !slices.Equal(got, []string{"+I[a]", "+I[b]"}) {
		t.Fatalf("read %q", got)
	}
}

func TestAcknowledgementsOfTheUsersChoice(t *testing.T) {
	b := kafkatest.Fake(t)
	for acks, guarantee := range map[string]string{"1": "at-least-once", "0": "none", "all": "at-least-once"} {
		topic := b.Topic(t, "acks-"+acks, 1)
		tab := table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "properties.acks", acks, "sink.delivery-guarantee", guarantee)...)
		s := openSink(t, tab)
		if s.Transactional() != nil {
			t.Fatal("a transaction nobody asked for")
		}
		writeAll(t, s, tab, 0, []string{"a", "b"})
		if got := kafkatest.Values(b.Read(t, topic, "read_committed")); !slices.Equal(got, []string{"a", "b"}) {
			t.Fatalf("acks=%s: %q", acks, got)
		}
	}
}

func TestAbsentBrokerIsWaitedForAndThenGivenUp(t *testing.T) {
	b := &kafkatest.Broker{Addr: "127.0.0.1:1"}
	s := openSink(t, exactlyOnce(b, "x", "p-"), "weir.connect.timeout", "2 s")
	_, err := tryInstance(t, s, "one", nil)
	if !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "wait for a broker on 127.0.0.1:1: given up after") {
		t.Fatalf("%v", err)
	}
}
