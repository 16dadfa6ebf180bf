package kafka

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/exec"
	"weir/exec/batch"
)

// reader is one subtask that reads: exec.SourceReader. All is the task's goroutine's but Wake.
type reader struct {
	src     *source
	ctx     *exec.TaskContext
	c       *ck.Consumer
	q       *queue
	health  *health
	dec     *decoder
	recs    records
	splits  []*partition
	byPart  map[partKey]int
	done    []int
	out     exec.SourceBatch
	failed  error // told at the next Poll: the rows before it were delivered
	woken   atomic.Bool
	closing sync.RWMutex // Wake against Close
	closed  bool
	polled  time.Time                // last look at events
	lagged  time.Time                // last look at the lag
	quiet   time.Time                // when there was nothing to take for the first time since the last record
	stands  atomic.Pointer[standing] // nil while records come
}

type partKey struct {
	topic     string
	partition int32
}

// partition is a split being read.
type partition struct {
	splitState
	stop   int64 // end before it; -1: none
	done   bool
	paused bool
}

var _ exec.SourceReader = (*reader)(nil)
var _ exec.RowLocator = (*reader)(nil)

func newReader(s *source, ctx *exec.TaskContext) (*reader, error) {
	dec, err := newDecoder(ctx.Asking(), s)
	if err != nil {
		return nil, exec.Fatalf("", "table "+s.table.Name, err)
	}
	cm := with(s.props, "client.id", fmt.Sprintf("%s-%d", s.props["client.id"], ctx.Subtask))
	c, err := ck.NewConsumer(&cm)
	if err != nil {
		return nil, badConfig(s.table.Name, err)
	}
	go drainLogs(c.Logs(), s.log)
	// What is taken and not copied for its size waits for the next Poll.
	q, err := newQueue(c, batch.TargetRows)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	r := &reader{src: s, ctx: ctx, c: c, q: q, dec: dec, byPart: map[partKey]int{},
		health: newHealth(s.log, s.where)}
	s.mu.Lock()
	s.readers[r] = struct{}{}
	s.mu.Unlock()
	return r, nil
}

// AddSplits assigns further partitions.
func (r *reader) AddSplits(splits []exec.Split) error {
	var assign []ck.TopicPartition
	for _, sp := range splits {
		st, err := parseSplit(sp)
		if err != nil {
			return exec.Fatalf("", "table "+r.src.table.Name, err)
		}
		p := &partition{splitState: *st, stop: -1}
		if st.Stop != nil {
			p.stop = *st.Stop
		}
		if end, ok := r.src.ends[st.id()]; ok && (p.stop < 0 || end < p.stop) {
			p.stop = end
		}
		i := len(r.splits)
		r.splits = append(r.splits, p)
		r.byPart[partKey{p.Topic, p.Partition}] = i
		if p.stop >= 0 && p.Offset >= p.stop {
			p.done = true
			r.done = append(r.done, i)
			continue
		}
		tp := ck.TopicPartition{Topic: &p.Topic, Partition: p.Partition, Offset: ck.Offset(p.Offset)}
		if p.LeaderEpoch >= 0 {
			e := p.LeaderEpoch
			tp.LeaderEpoch = &e
		}
		assign = append(assign, tp)
		r.q.forward(p.Topic, p.Partition)
	}
	if len(assign) == 0 {
		return nil
	}
	if err := r.c.IncrementalAssign(assign); err != nil {
		return exec.Restartf("", "assign the partitions of table "+r.src.table.Name, err)
	}
	return nil
}

// Poll takes what librdkafka has fetched, up to a batch.
func (r *reader) Poll(ctx context.Context, wait time.Duration) (*exec.SourceBatch, error) {
	if r.failed != nil {
		return nil, r.failed
	}
	deadline := time.Now().Add(wait)
	for {
		if err := r.events(); err != nil {
			return nil, err
		}
		if r.q.pending() == 0 {
			if err := r.take(deadline); err != nil {
				return nil, exec.Restartf("", "read table "+r.src.table.Name, err)
			}
		}
		if r.q.pending() > 0 {
			r.q.copy(&r.recs, r.dec.want, batch.TargetBytes)
			if err := r.turn(); err != nil {
				r.failed = err
				if r.dec.batch.Rows() == 0 {
					return nil, err
				}
			}
			if r.dec.batch.Rows() > 0 {
				return &r.out, nil
			}
		}
		if r.woken.Swap(false) || !time.Now().Before(deadline) {
			return nil, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// take has the queue take what there is, and where there is nothing waits for it until the deadline. Waits are cut: events have to be
// looked for, and nothing else tells a wait that the context was cancelled.
func (r *reader) take(deadline time.Time) error {
	n := r.q.take()
	now := time.Now()
	r.got(n, now)
	if n == 0 && now.Before(deadline) && !r.woken.Load() {
		cut := now.Add(eventsEvery)
		if deadline.Before(cut) {
			cut = deadline
		}
		began := r.ctx.Metrics.Waits()
		err := r.q.wait(cut)
		r.ctx.Metrics.WaitedSince(began)
		if err != nil {
			return err
		}
		n = r.q.take()
		r.got(n, now)
	}
	if n < 0 {
		return errors.New("librdkafka's queue failed")
	}
	return nil
}

// eventsEvery is how often a reader looks at what its consumer has to say apart from records.
const eventsEvery = 100 * time.Millisecond

// events serves the consumer's own queue, which holds no records, and looks for failures.
func (r *reader) events() error {
	now := time.Now()
	if now.Sub(r.polled) < eventsEvery {
		return nil
	}
	r.polled = now
	for e := r.c.Poll(0); e != nil; e = r.c.Poll(0) {
		serveEvent(e, r.c, r.health)
	}
	if p := r.src.failure.Load(); p != nil {
		return *p
	}
	if now.Sub(r.lagged) > time.Second {
		r.lagged = now
		r.lag()
	}
	return r.health.err("read table " + r.src.table.Name)
}

// lag counts the records between the positions and the ends that the last fetches told.
func (r *reader) lag() {
	var lag int64
	for _, p := range r.splits {
		if _, hi, err := r.c.GetWatermarkOffsets(p.Topic, p.Partition); err == nil && hi > p.Offset {
			lag += hi - p.Offset
		}
	}
	r.ctx.Metrics.Lag.Store(lag)
}

// span is consecutive records of one split that are decoded.
type span struct{ split, from, to int }

// turn makes rows of the records just copied, and moves the positions. After an error the rows and positions before it stand.
func (r *reader) turn() error {
	d := r.dec
	d.reset()
	spans := d.spans[:0]
	limit := r.recs.n // records behind it are not decoded
	var failed error
	for i := range r.recs.runs {
		run := &r.recs.runs[i]
		if run.from >= limit && run.from < r.recs.n {
			break
		}
		s, ok := r.byPart[partKey{run.topic, run.partition}]
		if !ok {
			if run.err == 0 {
				return fmt.Errorf("internal error: a record of %s partition %d, which is not assigned", run.topic, run.partition)
			}
			continue
		}
		p := r.splits[s]
		if p.done {
			continue
		}
		if run.err == 0 {
			to := run.to
			if p.stop >= 0 && run.last >= p.stop {
				to = run.from + sort.Search(run.to-run.from, func(i int) bool { return r.recs.offset[run.from+i] >= p.stop })
			}
			if to > run.from {
				spans = append(spans, span{s, run.from, to})
			}
			continue
		}
		if run.err == ck.ErrPartitionEOF {
			continue // below, behind the rows
		}
		if failed = r.event(p, run); failed != nil {
			limit = run.from
		}
	}
	d.spans = spans
	bad, err := d.decode(&r.recs, spans, limit)
	if err != nil {
		limit, failed = bad, r.bad(bad, err)
	}
	r.ctx.Metrics.Skipped.Add(int64(d.skipped))
	for i := range r.recs.runs {
		run := &r.recs.runs[i]
		s, ok := r.byPart[partKey{run.topic, run.partition}]
		if !ok || r.splits[s].done {
			continue
		}
		p := r.splits[s]
		switch {
		case run.err == 0 && run.from < limit:
			if at := r.recs.offset[run.from]; at < p.Offset {
				return exec.Restartf("", "read "+p.id(), fmt.Errorf("offset %d came again behind offset %d", at, p.Offset-1))
			}
			if limit < run.to {
				p.Offset = r.recs.offset[limit]
			} else {
				p.Offset, p.LeaderEpoch = run.last+1, run.leader
			}
		case run.err == ck.ErrPartitionEOF && (run.from < limit || limit == r.recs.n):
			// What lies between the last record and here are ends of transactions.
			p.Offset = max(p.Offset, run.last)
		}
		if p.stop >= 0 && p.Offset >= p.stop {
			p.Offset = p.stop
			p.done = true
			r.done = append(r.done, s)
			if err := r.c.Pause([]ck.TopicPartition{{Topic: &p.Topic, Partition: p.Partition}}); err != nil {
				return exec.Restartf("", "end "+p.id(), err)
			}
		}
	}
	r.ctx.Metrics.Bytes.Add(int64(len(r.recs.data)))
	r.out.Batch = d.batch
	r.out.Runs = d.runs(r.out.Runs[:0])
	return failed
}

// bad words a record that could not be decoded.
func (r *reader) bad(rec int, err error) error {
	doing := fmt.Sprintf("read table %s: %s", r.src.table.Name, r.locate(rec))
	if errors.Is(err, exec.ErrRestart) { // not the record is bad: a schema registry does not answer
		return exec.Restartf(helpOf(err), doing, err)
	}
	return exec.Fatalf(helpOf(err), doing, err)
}

func (r *reader) locate(rec int) string {
	for i := range r.recs.runs {
		if run := &r.recs.runs[i]; run.err == 0 && rec >= run.from && rec < run.to {
			return fmt.Sprintf("topic %s partition %d offset %d", run.topic, run.partition, r.recs.offset[rec])
		}
	}
	return "an unknown record"
}

// Locate says which record a row of the last batch came from.
func (r *reader) Locate(row int) string {
	if row < 0 || row >= len(r.dec.src) {
		return "an unknown record"
	}
	return r.locate(int(r.dec.src[row]))
}

// event handles an error of one partition; nil when it passes by itself.
func (r *reader) event(p *partition, run *run) error {
	doing := fmt.Sprintf("read topic %s partition %d", p.Topic, p.Partition)
	cause := ck.NewError(run.err, run.err.String(), false)
	if d := denied(doing, cause, "READ on topic "+p.Topic); d != nil {
		return d
	}
	_, admin, err := r.src.control()
	if err != nil {
		return err
	}
	switch run.err {
	case ck.ErrAutoOffsetReset, ck.ErrOffsetOutOfRange:
		if err := r.src.recreated(admin); err != nil {
			return err
		}
		low, high, err := r.c.QueryWatermarkOffsets(p.Topic, p.Partition, 5000)
		if err != nil {
			return exec.Restartf("", doing, fmt.Errorf("offset %d is not there: %w", p.Offset, err))
		}
		what := fmt.Errorf("offset %d is not there any more: the partition begins at %d, so that %d records are lost to this job (deleted by the topic's retention, or by hand)", p.Offset, low, low-p.Offset)
		if p.Offset > high {
			what = fmt.Errorf("offset %d is behind the partition's end at %d: records that this job has read are gone from the topic", p.Offset, high)
		}
		return exec.Fatalf("weir does not skip records silently: raise the topic's retention.ms for the next time; to go on without them start over with an empty state directory, another sink.transactional-id-prefix and the 'scan.startup.mode' of your choice",
			doing, what)
	case ck.ErrLogTruncation:
		return exec.Fatalf("start over with an empty state directory, or restore a checkpoint from before the loss",
			doing, fmt.Errorf("the log was truncated behind offset %d: records that this job has read were lost by the brokers (unclean leader election)", p.Offset))
	case ck.ErrUnknownTopicOrPart, ck.ErrUnknownTopic, ck.ErrUnknownPartition, ck.ErrUnknownTopicID:
		if err := r.src.recreated(admin); err != nil {
			return err
		}
	}
	if waitable(cause) {
		r.src.log.Warn(doing, "cause", cause.String())
		return nil
	}
	return exec.Restartf("", doing, cause)
}

// Positions is where each split goes on.
func (r *reader) Positions() []exec.Split {
	out := make([]exec.Split, len(r.splits))
	for i, p := range r.splits {
		out[i] = p.split()
	}
	return out
}

// Done lists the splits that were read to their end.
func (r *reader) Done() []int { return r.done }

// Pause stops fetching a partition. librdkafka throws away what it has fetched of it and not yet handed over, and later fetches on from
// behind the last record that it has: those waiting in the queue's buffer are delivered all the same.
func (r *reader) Pause(split int, paused bool) error {
	p := r.splits[split]
	if p.done {
		return nil // paused for good
	}
	call, doing := r.c.Resume, "read on in "
	if paused {
		call, doing = r.c.Pause, "pause "
	}
	if err := call([]ck.TopicPartition{{Topic: &p.Topic, Partition: p.Partition}}); err != nil {
		return exec.Restartf("", doing+p.id(), err)
	}
	p.paused = paused
	return nil
}

// Wake makes a waiting Poll return.
func (r *reader) Wake() {
	r.closing.RLock()
	defer r.closing.RUnlock()
	if !r.closed && !r.woken.Swap(true) {
		r.q.wake()
	}
}

// Close ends the consumer.
func (r *reader) Close() error {
	r.closing.Lock()
	defer r.closing.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	r.src.mu.Lock()
	delete(r.src.readers, r)
	r.src.mu.Unlock()
	for _, p := range r.splits {
		r.q.unforward(p.Topic, p.Partition)
	}
	err := r.q.close()
	return errors.Join(err, r.c.Close())
}
