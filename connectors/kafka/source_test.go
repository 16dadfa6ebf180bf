package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/kafka/kafkatest"
	"weir/exec"
)

func sourceOptions(b *kafkatest.Broker, topic string, more ...string) []string {
	return append([]string{"connector", "kafka", "topic", topic, "format", "plain", "properties.bootstrap.servers", b.Addr}, more...)
}

// origin is the time that tests count from: a broker deletes what is a week old.
var origin = time.Now().Add(-time.Hour).Truncate(time.Second)

// numbered is records 0 .. n-1 of partition 0, the first a second after the origin, then a second apart.
func numbered(n int) []kafkatest.Record {
	out := make([]kafkatest.Record, n)
	for i := range out {
		out[i] = kafkatest.Record{Value: fmt.Appendf(nil, "r%d", i), Timestamp: origin.Add(time.Duration(i+1) * time.Second)}
	}
	return out
}

// at is a number of milliseconds after the origin.
func at(ms int64) string { return fmt.Sprint(origin.UnixMilli() + ms) }

func TestStartAndStopPositions(t *testing.T) {
	cases := []struct {
		name    string
		options []string
		want    string // rows of the first poll on; the topic holds r0 .. r4, then r5 comes
	}{
		{"earliest", []string{"scan.startup.mode", "earliest-offset"}, "r0 r1 r2 r3 r4 r5"},
		{"latest", []string{"scan.startup.mode", "latest-offset"}, "r5"},
		{"timestamp", []string{"scan.startup.mode", "timestamp", "scan.startup.timestamp-millis", at(2500)}, "r2 r3 r4 r5"},
		{"timestamp behind the end", []string{"scan.startup.mode", "timestamp", "scan.startup.timestamp-millis", at(99000)}, "r5"},
		{"specific", []string{"scan.startup.mode", "specific-offsets", "scan.startup.specific-offsets", "partition:0,offset:3"}, "r3 r4 r5"},
		{"specific for another partition", []string{"scan.startup.mode", "specific-offsets", "scan.startup.specific-offsets", "partition:1,offset:3"}, "r0 r1 r2 r3 r4 r5"},
		{"group", []string{"properties.group.id", "g"}, "r4 r5"},
		{"group without offsets, reset earliest", []string{"properties.group.id", "nobody", "properties.auto.offset.reset", "earliest"}, "r0 r1 r2 r3 r4 r5"},
		{"group without offsets, reset latest", []string{"properties.group.id", "nobody", "properties.auto.offset.reset", "latest"}, "r5"},
		{"bounded at latest", []string{"scan.startup.mode", "earliest-offset", "scan.bounded.mode", "latest-offset"}, "r0 r1 r2 r3 r4 end"},
		{"bounded at a time", []string{"scan.startup.mode", "earliest-offset", "scan.bounded.mode", "timestamp", "scan.bounded.timestamp-millis", at(3000)}, "r0 r1 end"},
		{"bounded at an offset", []string{"scan.startup.mode", "earliest-offset", "scan.bounded.mode", "specific-offsets", "scan.bounded.specific-offsets", "partition:0,offset:2"}, "r0 r1 end"},
		{"bounded at the group", []string{"scan.startup.mode", "earliest-offset", "scan.bounded.mode", "group-offsets", "properties.group.id", "g"}, "r0 r1 r2 r3 end"},
		{"bounded before the start", []string{"scan.startup.mode", "latest-offset", "scan.bounded.mode", "latest-offset"}, "end"},
		{"uncommitted", []string{"scan.startup.mode", "earliest-offset", "properties.isolation.level", "read_uncommitted"}, "r0 r1 r2 r3 r4 r5"},
	}
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				topic := b.Topic(t, fmt.Sprintf("pos%d", i), 1)
				b.Produce(t, topic, numbered(5)...)
				commitGroup(t, b, "g", topic, 4)
				s := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic, c.options...)...))
				r := openReader(t, s, discover(t, s, nil))
				b.Produce(t, topic, kafkatest.Record{Value: []byte("r5"), Timestamp: origin.Add(6 * time.Second)})
				want := strings.Fields(c.want)
				ends := want[len(want)-1] == "end"
				n := len(want)
				if ends {
					n = 1000 // until it is done
				}
				got := []string{}
				for _, row := range readRows(t, r, n) {
					got = append(got, strings.Trim(row, "+I[]"))
				}
				if ends {
					got = append(got, "end")
					if !s.Bounded() || s.DiscoveryInterval() != 0 || !slices.Equal(r.Done(), []int{0}) {
						t.Fatalf("bounded %v, done %v", s.Bounded(), r.Done())
					}
				}
				if strings.Join(got, " ") != c.want {
					t.Fatalf("read %q, want %q", got, c.want)
				}
			})
		}
	})
}

func commitGroup(t *testing.T, b *kafkatest.Broker, group, topic string, offset int64) {
	t.Helper()
	c, err := ck.NewConsumer(&ck.ConfigMap{"bootstrap.servers": b.Addr, "group.id": group, "enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.CommitOffsets([]ck.TopicPartition{{Topic: &topic, Partition: 0, Offset: ck.Offset(offset)}}); err != nil {
		t.Fatal(err)
	}
}

func TestGroupOffsetsWithoutACommittedOffsetSayWhatToSet(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "nogroup", 1)
	s := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "properties.group.id", "fresh")...))
	_, err := s.Discover(context.Background(), nil)
	var e *exec.Error
	if !errors.As(err, &e) || !errors.Is(err, exec.ErrFatal) ||
		err.Error() != "find where to start table t: consumer group fresh has no committed offset for topic nogroup partition 0, and 'scan.startup.mode' is 'group-offsets' (the default)" ||
		!strings.Contains(e.Help, "'properties.auto.offset.reset' = 'earliest' or 'latest'") {
		t.Fatalf("%v (help: %s)", err, e.Help)
	}
	if _, err := trySource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic)...)); err == nil || !strings.Contains(err.Error(), "set 'properties.group.id'") {
		t.Fatalf("without a group: %v", err)
	}
}

func TestUntilEndStopsBehindAbortedTransactions(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "until", 1)
		b.Transaction(t, "u1", "commit", topic, kafkatest.Lines("a", "b")...)
		b.Transaction(t, "u2", "abort", topic, kafkatest.Lines("x", "y")...)
		s := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "scan.startup.mode", "earliest-offset")...))
		s.UntilEnd()
		r := openReader(t, s, discover(t, s, nil))
		if got := readRows(t, r, 100); !slices.Equal(got, []string{"+I[a]", "+I[b]"}) || len(r.Done()) != 1 {
			t.Fatalf("read %q, done %v", got, r.Done())
		}
		// After a failed attempt the end is the same, though the topic has grown.
		b.Transaction(t, "u1", "commit", topic, kafkatest.Lines("c")...)
		again := openReader(t, s, r.Positions())
		if got := readRows(t, again, 100); len(got) != 0 || len(again.Done()) != 1 {
			t.Fatalf("the second attempt read %q, done %v", got, again.Done())
		}
	})
}

func TestKeysTombstonesAndMetadata(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "metadata", 1)
		b.Produce(t, topic,
			kafkatest.Record{Key: []byte("7"), Value: []byte("a"), Timestamp: origin.Add(500 * time.Millisecond), Headers: []ck.Header{
				{Key: "h", Value: []byte("1")}, {Key: "g", Value: nil}, {Key: "h", Value: []byte("2")}}},
			kafkatest.Record{Key: []byte("8"), Value: []byte("b"), Timestamp: origin.Add(1500 * time.Millisecond)},
			kafkatest.Record{Key: []byte("9"), Value: []byte{}, Timestamp: origin.Add(2500 * time.Millisecond)},
			kafkatest.Record{Key: nil, Value: []byte("no key"), Timestamp: origin.Add(3500 * time.Millisecond)},
		)
		cols := []string{"line STRING", "k_id BIGINT", "topic STRING topic", "part INT partition", "off BIGINT offset", "at LTZ timestamp",
			"kind STRING timestamp-type", "heads MAP headers"}
		s := openSource(t, table("kafka", cols, sourceOptions(b, topic, "scan.startup.mode", "earliest-offset", "key.format", "plain", "key.fields", "k_id",
			"key.fields-prefix", "k_", "value.fields-include", "EXCEPT_KEY")...))
		r := openReader(t, s, discover(t, s, nil))
		got := readRows(t, r, 3)
		want := []string{
			"+I[a, 7, metadata, 0, 0, " + at(500) + "000, CreateTime, [[g <nil>] [h [50]]]]",
			"+I[b, 8, metadata, 0, 1, " + at(1500) + "000, CreateTime, []]",
			"+I[, 9, metadata, 0, 2, " + at(2500) + "000, CreateTime, []]", // and the record without a key gives no row
		}
		if !slices.Equal(got, want) {
			t.Fatalf("read\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if l := r.Locate(1); l != "topic metadata partition 0 offset 1" {
			t.Fatalf("row 1 is located at %s", l)
		}

		u := b.Topic(t, "upserts", 1)
		b.Produce(t, u,
			kafkatest.Record{Key: []byte("1"), Value: []byte("1|one")},
			kafkatest.Record{Key: []byte("2"), Value: nil},
			kafkatest.Record{Key: nil, Value: nil},
			kafkatest.Record{Key: []byte("1"), Value: []byte("1|uno")},
			kafkatest.Record{Key: []byte("1"), Value: nil},
		)
		tab := table("upsert-kafka", []string{"id BIGINT", "name STRING", "off BIGINT offset"}, "connector", "upsert-kafka", "topic", u,
			"key.format", "plain", "value.format", "plain", "properties.bootstrap.servers", b.Addr)
		tab.PrimaryKey = []int{0}
		us := openSource(t, tab)
		ur := openReader(t, us, discover(t, us, nil))
		want = []string{"+U[1, one, 0]", `-D[2, \N, 1]`, "+U[1, uno, 3]", `-D[1, \N, 4]`}
		if got := readRows(t, ur, 4); !slices.Equal(got, want) {
			t.Fatalf("read %q, want %q", got, want)
		}
		if n := ur.ctx.Metrics.Skipped.Load(); n != 1 {
			t.Fatalf("skipped %d", n)
		}
	})
}

func TestBadRecordIsNamedAfterTheRowsBeforeIt(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "bad", 1)
	b.Produce(t, topic, kafkatest.Lines("a", "b", "!oops", "c")...)
	s := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "scan.startup.mode", "earliest-offset")...))
	r := openReader(t, s, discover(t, s, nil))
	for range 2 { // a restart comes to the same record
		rows, err := pollError(t, r)
		if len(rows) > 0 && !slices.Equal(rows, []string{"+I[a]", "+I[b]"}) {
			t.Fatalf("rows before: %q", rows)
		}
		var e *exec.Error
		if !errors.As(err, &e) || !errors.Is(err, exec.ErrFatal) || e.Help != "set plain.ignore" ||
			err.Error() != "read table t: topic bad partition 0 offset 2: column line: a bad record near !oops" {
			t.Fatalf("%v", err)
		}
		r = openReader(t, s, r.Positions())
	}
}

func TestOffsetsDeletedByRetentionStopTheJob(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "retention", 1)
		b.Produce(t, topic, numbered(10)...)
		s := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "scan.startup.mode", "earliest-offset")...))
		splits := discover(t, s, nil)
		b.DeleteRecords(t, topic, 0, 6)
		r := openReader(t, s, splits)
		_, err := pollError(t, r)
		if !errors.Is(err, exec.ErrFatal) || err.Error() != "read topic retention partition 0: offset 0 is not there any more: the partition begins at 6, so that 6 records are lost to this job (deleted by the topic's retention, or by hand)" {
			t.Fatalf("%v", err)
		}
	})
}

func TestRecreatedTopicIsRefused(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "recreated", 1)
		b.Produce(t, topic, numbered(3)...)
		tab := table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "scan.startup.mode", "earliest-offset")...)
		s := openSource(t, tab)
		r := openReader(t, s, discover(t, s, nil))
		readRows(t, r, 3)
		known := r.Positions()
		b.DeleteTopic(t, topic)
		b.Topic(t, topic, 1)
		b.Produce(t, topic, numbered(5)...)
		if _, err := s.Discover(context.Background(), known); !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "was deleted and created again") {
			t.Fatalf("at a start: %v", err)
		}
		// While running: by the look at the topics, before or after the consumer notices by itself.
		_, err := pollError(t, r)
		if !errors.Is(err, exec.ErrFatal) && !errors.Is(err, exec.ErrRestart) || !strings.Contains(err.Error(), "recreated") {
			t.Fatalf("while running: %v", err)
		}
	})
}

// A topic that comes between two attempts has an end, too: without one the job would wait for it for ever.
func TestPartitionFoundByALaterAttemptEnds(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		b.Produce(t, b.Topic(t, "ending-1", 1), kafkatest.Lines("a")...)
		o := sourceOptions(b, "ending-.*", "scan.startup.mode", "earliest-offset")
		o[2] = "topic-pattern"
		s := openSource(t, table("kafka", []string{"line STRING"}, o...))
		s.UntilEnd()
		known := discover(t, s, nil)
		b.Produce(t, b.Topic(t, "ending-2", 1), kafkatest.Lines("b")...)
		r := openReader(t, s, append(known, discover(t, s, known)...))
		b.Produce(t, "ending-1", kafkatest.Lines("behind the end of the first attempt")...)
		got := readRows(t, r, 100)
		if slices.Sort(got); !slices.Equal(got, []string{"+I[a]", "+I[b]"}) || len(r.Done()) != 2 {
			t.Fatalf("read %q, done %v", got, r.Done())
		}
	})
}

func TestPatternAndListedTopicsAreReadAndNewPartitionsFound(t *testing.T) {
	b := kafkatest.Fake(t)
	b.Topic(t, "in-1", 2)
	b.Topic(t, "in-2", 1)
	b.Topic(t, "other", 1)
	ids := func(splits []exec.Split) (out []string) {
		for _, s := range splits {
			out = append(out, s.ID)
		}
		return out
	}
	list := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, "in-2;other", "scan.startup.mode", "earliest-offset")...))
	if got := ids(discover(t, list, nil)); !slices.Equal(got, []string{"in-2-0", "other-0"}) {
		t.Fatalf("a list gave %q", got)
	}
	o := sourceOptions(b, "in-.*", "scan.startup.mode", "latest-offset")
	o[2] = "topic-pattern"
	pattern := openSource(t, table("kafka", []string{"line STRING"}, o...))
	known := discover(t, pattern, nil)
	if got := ids(known); !slices.Equal(got, []string{"in-1-0", "in-1-1", "in-2-0"}) {
		t.Fatalf("a pattern gave %q", got)
	}
	b.Topic(t, "in-3", 1)
	b.Produce(t, "in-3", kafkatest.Lines("early")...)
	fresh := discover(t, pattern, known)
	if got := ids(fresh); !slices.Equal(got, []string{"in-3-0"}) {
		t.Fatalf("later it gave %q", got)
	}
	// A partition found later is read from its beginning, whatever the start mode.
	r := openReader(t, pattern, known)
	if err := r.AddSplits(fresh); err != nil {
		t.Fatal(err)
	}
	if got := readRows(t, r, 1); !slices.Equal(got, []string{"+I[early]"}) {
		t.Fatalf("read %q", got)
	}
}

func TestTwoHundredPartitions(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "many", 200)
	var rs []kafkatest.Record
	for p := range int32(200) {
		for i := range 5 {
			rs = append(rs, kafkatest.Record{Partition: p, Value: fmt.Appendf(nil, "%d", i)})
		}
	}
	b.Produce(t, topic, rs...)
	s := openSource(t, table("kafka", []string{"line STRING", "p INT partition"}, sourceOptions(b, topic, "scan.startup.mode", "earliest-offset", "scan.bounded.mode", "latest-offset")...))
	r := openReader(t, s, discover(t, s, nil))
	seen := map[int]int{}
	for len(r.Done()) < 200 {
		sb, err := r.Poll(context.Background(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if sb == nil {
			continue
		}
		row := 0
		for _, run := range sb.Runs {
			if run.From != row {
				t.Fatalf("runs %v leave rows out", sb.Runs)
			}
			row = run.To
			for i := run.From; i < run.To; i++ {
				if p := sb.Batch.Cols[1].Int[i]; p != int64(r.splits[run.Split].Partition) {
					t.Fatalf("row %d of partition %d is said to be of split %s", i, p, r.splits[run.Split].id())
				}
				if v := string(sb.Batch.Cols[0].Bytes(i)); v != fmt.Sprint(seen[run.Split]) {
					t.Fatalf("split %d: row %s after %d rows", run.Split, v, seen[run.Split])
				}
				seen[run.Split]++
			}
		}
		if row != sb.Batch.Rows() {
			t.Fatalf("runs %v of %d rows", sb.Runs, sb.Batch.Rows())
		}
	}
	for i := range 200 {
		if seen[i] != 5 {
			t.Fatalf("split %d gave %d rows", i, seen[i])
		}
	}
}

func TestWakeEndsAPoll(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "wake", 1)
	s := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "scan.startup.mode", "latest-offset")...))
	r := openReader(t, s, discover(t, s, nil))
	done := make(chan error, 1)
	go func() {
		_, err := r.Poll(context.Background(), 2*kafkatest.Patience)
		done <- err
	}()
	r.Wake()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(kafkatest.Patience):
		t.Fatal("a woken Poll waits on")
	}
}

func TestPositionsGoToTheUsersGroup(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "report", 2)
		b.Produce(t, topic, numbered(4)...)
		s := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "scan.startup.mode", "earliest-offset", "properties.group.id", "lagtool")...))
		r := openReader(t, s, discover(t, s, nil))
		readRows(t, r, 4)
		if err := s.Committed(context.Background(), 1, r.Positions()); err != nil {
			t.Fatal(err)
		}
		var offs []int
		for p := range int32(2) {
			off, _ := b.GroupOffset(t, "lagtool", topic, p)
			offs = append(offs, int(off))
		}
		sort.Ints(offs)
		if !slices.Equal(offs, []int{0, 4}) {
			t.Fatalf("committed %v", offs)
		}
	})
}

func TestMissingTopicIsWaitedForAndThenGivenUp(t *testing.T) {
	b := kafkatest.Fake(t)
	tab := table("kafka", []string{"line STRING"}, sourceOptions(b, "nowhere", "scan.startup.mode", "earliest-offset")...)
	s := openSource(t, tab, "weir.connect.timeout", "5 s")
	log, text := logger()
	s.log = log
	_, err := s.Discover(context.Background(), nil)
	var e *exec.Error
	if !errors.As(err, &e) || !errors.Is(err, exec.ErrFatal) || err.Error() != "wait for topic nowhere on "+b.Addr+": given up after 5s: topic nowhere does not exist" ||
		!strings.Contains(e.Help, "kafka-topics --bootstrap-server "+b.Addr+" --create --topic nowhere") {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(text.String(), "waiting for topic nowhere on "+b.Addr) {
		t.Fatalf("no line about the wait: %s", text)
	}
	// When it comes in time, the job starts.
	s2 := openSource(t, tab)
	go b.Topic(t, "nowhere", 1)
	if got := discover(t, s2, nil); len(got) != 1 {
		t.Fatalf("splits %v", got)
	}
}

// Partitions are paused and let go on at random while they are read: each record comes once and in order, a paused partition gives nothing but what
// had been taken from librdkafka before, and positions stay exact.
func TestPausedPartitionsLoseAndRepeatNothing(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		const partitions, records = 3, 20_000
		topic := b.Topic(t, "paused", partitions)
		var rs []kafkatest.Record
		for i := range records {
			for p := range int32(partitions) {
				rs = append(rs, kafkatest.Record{Partition: p, Value: fmt.Appendf(nil, "%d-%d", p, i)})
			}
		}
		b.Produce(t, topic, rs...)
		s := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "scan.startup.mode", "earliest-offset", "scan.bounded.mode", "latest-offset")...))
		r := openReader(t, s, discover(t, s, nil))
		seed := time.Now().UnixNano()
		t.Logf("seed %d", seed)
		dice := rand.New(rand.NewPCG(uint64(seed), 0))
		var next, left [partitions]int
		var paused [partitions]bool
		for limit := time.Now().Add(kafkatest.Patience); len(r.Done()) < partitions; {
			if time.Now().After(limit) {
				t.Fatalf("not done in time, at %v", next)
			}
			one := dice.IntN(partitions)
			if err := r.Pause(one, !paused[one]); err != nil {
				t.Fatal(err)
			}
			if paused[one] = !paused[one]; paused[one] {
				left[one] = r.q.pending()
			}
			if paused == [partitions]bool{true, true, true} {
				continue
			}
			for range 1 + dice.IntN(3) {
				sb, err := r.Poll(context.Background(), 20*time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				if sb == nil {
					continue
				}
				rows := rowsOf(sb.Batch)
				for _, run := range sb.Runs {
					p := run.Split
					if paused[p] {
						if left[p] -= run.To - run.From; left[p] < 0 {
							t.Fatalf("partition %d is paused and gives %d records more than were taken before", p, -left[p])
						}
					}
					for i := run.From; i < run.To; i++ {
						if want := fmt.Sprintf("+I[%d-%d]", p, next[p]); rows[i] != want {
							t.Fatalf("partition %d gave %s, not %s", p, rows[i], want)
						}
						next[p]++
					}
					if at := r.splits[p].Offset; at != int64(next[p]) {
						t.Fatalf("partition %d stands at %d behind record %d", p, at, next[p]-1)
					}
				}
			}
		}
		if next != [partitions]int{records, records, records} {
			t.Fatalf("read %v", next)
		}
	})
}

// A partition that is held back before anything was read of it, as alignment does with a topic that is far ahead, gives its records when it may go on.
func TestPartitionPausedBeforeItsFirstRecordIsReadOn(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		for _, filled := range []bool{false, true} {
			topic := b.Topic(t, fmt.Sprintf("held-%t", filled), 1)
			record := kafkatest.Record{Value: []byte("a")}
			if filled {
				b.Produce(t, topic, record)
			}
			s := openSource(t, table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "scan.startup.mode", "earliest-offset")...))
			r := openReader(t, s, discover(t, s, nil))
			if err := r.Pause(0, true); err != nil {
				t.Fatal(err)
			}
			had := 0 // taken before the pause reached librdkafka
			for range 5 {
				sb, err := r.Poll(context.Background(), 100*time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				if sb != nil {
					had += sb.Batch.Rows()
				}
			}
			if !filled {
				b.Produce(t, topic, record)
			}
			if err := r.Pause(0, false); err != nil {
				t.Fatal(err)
			}
			if got := readRows(t, r, 1-had); had == 0 && !slices.Equal(got, []string{"+I[a]"}) {
				t.Fatalf("filled %t: read %v", filled, got)
			}
		}
	})
}
