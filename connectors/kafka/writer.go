package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"weir/connectors/formats"
	"weir/connectors/spec"
	"weir/exec"
	"weir/exec/batch"
)

// writer is one subtask that writes: exec.SinkWriter.
//
// Exactly once it is in one of two states:
//
//	open      rows go to librdkafka at once
//	blocked   from Barrier(n) until the committer releases n: rows are held, encoded; a further barrier is
//	          queued behind them. Write waits when as much as hold is held.
//
// Only rows behind barrier n ever wait for the commit of n, so that no barrier waits for them.
//
// With the other guarantees it is the same, but that the flush of n releases: under load librdkafka's queue would
// otherwise rarely be empty, which is what a flush waits for.
type writer struct {
	sink *sink
	ctx  *exec.TaskContext
	hold int // bytes of encoded rows that may be held while an epoch is committed
	prod *producer
	com  *committer // nil: not exactly once

	value, key formats.Encoder
	topic      *outTopic            // the only one, without a topic column
	topics     map[string]*outTopic // with a topic column
	sticky     int32                // partition of the next batch of rows without a key
	buf        *reduceBuffer
	counts     []int32 // scratch of group
	slotOf     []int32

	mu        sync.Mutex
	cond      *sync.Cond
	blocked   bool
	blockedAt exec.Epoch
	queue     []held
	bytes     int // held
	err       error
	closed    bool
	free      []*chunk
	stopWait  func() bool
}

// held is a chunk that waits, or a barrier behind chunks.
type held struct {
	c       *chunk
	barrier exec.Epoch
}

// chunk is encoded rows, grouped by topic and partition.
type chunk struct {
	out    outgoing
	idx    []int32 // rows by group
	groups []group
	size   int
}

type group struct {
	topic     *outTopic
	partition int32
	from, to  int // of idx
}

var _ exec.SinkWriter = (*writer)(nil)

func newWriter(s *sink, ctx *exec.TaskContext, p *producer, com *committer) (*writer, error) {
	w := &writer{sink: s, ctx: ctx, hold: int(exec.MemoryOf(s.cfg).Hold), prod: p, com: com, topics: map[string]*outTopic{}, sticky: int32(ctx.Subtask)}
	w.cond = sync.NewCond(&w.mu)
	t := s.table
	input := map[int]int{} // table column -> input column
	for i, f := range s.node.Fields {
		input[f] = i
	}
	encoder := func(side string, fields []int, prefix string) (formats.Encoder, error) {
		name, opts := formatOf(t.Options, side)
		f, ok := s.fmts[name]
		if !ok || f.Encoder == nil {
			return nil, fmt.Errorf("this build cannot write format '%s'", name)
		}
		es := formats.EncoderSpec{Options: opts, TimeZone: s.cfg.Zone(), Asking: ctx.Asking()}
		for _, c := range fields {
			i, ok := input[c]
			if !ok {
				return nil, fmt.Errorf("internal error: the plan does not fill column %s", t.Columns[c].Name)
			}
			es.Columns = append(es.Columns, formats.Column{Name: strings.TrimPrefix(t.Columns[c].Name, prefix), Type: t.Columns[c].Type, Index: i})
		}
		return f.Encoder(es)
	}
	var err error
	if w.value, err = encoder("value", spec.KafkaValueFields(t), ""); err != nil {
		return nil, exec.Fatalf("", "table "+t.Name, err)
	}
	if fields := spec.KafkaKeyFields(t); len(fields) > 0 {
		prefix, _ := t.Options.Get("key.fields-prefix")
		if w.key, err = encoder("key", fields, prefix); err != nil {
			return nil, exec.Fatalf("", "table "+t.Name, err)
		}
	}
	if s.flushRows > 0 {
		w.buf = newReduceBuffer()
	}
	if s.topicCol < 0 {
		if w.topic, err = p.topic(ctx.Ctx, s.topics[0]); err != nil {
			return nil, err
		}
	}
	w.stopWait = context.AfterFunc(ctx.Ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cond.Broadcast()
	})
	return w, nil
}

// Write encodes b and hands it on.
func (w *writer) Write(b *batch.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	c := w.take()
	if err := w.encode(c, b); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if w.buf != nil {
		w.buf.add(c)
		w.giveBack(c)
		if w.buf.rows() >= w.sink.flushRows || w.buf.size() > w.hold {
			return w.reduce()
		}
		w.buf.arm(w.sink.flushAfter, w.tick)
		return nil
	}
	return w.pass(c)
}

// pass sends a chunk, or holds it; mu is held.
func (w *writer) pass(c *chunk) error {
	for w.blocked && w.bytes > 0 && w.bytes+c.size > w.hold && w.err == nil && !w.closed && w.ctx.Ctx.Err() == nil {
		w.cond.Wait()
	}
	switch {
	case w.err != nil:
		return w.err
	case w.closed:
		return errClosed
	case w.ctx.Ctx.Err() != nil:
		return w.ctx.Ctx.Err()
	case w.blocked:
		w.queue = append(w.queue, held{c: c})
		w.bytes += c.size
		return nil
	}
	err := w.send(c)
	w.giveBack(c)
	return err
}

// tick writes what the buffer has gathered for its interval; a timer's goroutine.
func (w *writer) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.err != nil {
		return
	}
	if w.blocked && w.bytes > 0 {
		w.buf.rearm(w.sink.flushAfter, w.tick) // held rows would only get longer
		return
	}
	if err := w.reduce(); err != nil && w.err == nil {
		w.err = err
	}
}

// reduce passes on the last row of every key that was gathered; mu is held.
func (w *writer) reduce() error {
	c := w.take0()
	if !w.buf.drain(c) {
		w.giveBack(c)
		return nil
	}
	w.spread(c, nil)
	return w.pass(c)
}

// send hands a chunk to librdkafka; mu is held.
func (w *writer) send(c *chunk) error {
	if w.com != nil {
		w.com.touch()
	}
	for _, g := range c.groups {
		if err := w.prod.send(w.ctx.Ctx, g.topic, g.partition, &c.out, c.idx[g.from:g.to]); err != nil {
			if errors.Is(err, errClosed) || w.ctx.Ctx.Err() != nil {
				return err
			}
			if w.com != nil {
				return w.com.failed("write to topic "+g.topic.name, err)
			}
			return err
		}
	}
	w.ctx.Metrics.Bytes.Add(int64(c.size))
	return nil
}

// take gives an empty chunk.
func (w *writer) take() *chunk {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.take0()
}

func (w *writer) take0() *chunk {
	if n := len(w.free); n > 0 {
		c := w.free[n-1]
		w.free = w.free[:n-1]
		c.reset()
		return c
	}
	return &chunk{}
}

// giveBack keeps a few chunks for reuse; mu is held.
func (w *writer) giveBack(c *chunk) {
	if len(w.free) < 4 {
		w.free = append(w.free, c)
	}
}

func (c *chunk) reset() {
	o := &c.out
	o.values = formats.Payloads{Data: o.values.Data[:0], Off: o.values.Off[:0], Len: o.values.Len[:0]}
	o.keys = formats.Payloads{Data: o.keys.Data[:0], Off: o.keys.Off[:0], Len: o.keys.Len[:0]}
	o.timestamps, o.headers = nil, nil
	o.hNameOff, o.hNameLen, o.hValOff, o.hValLen, o.hData = o.hNameOff[:0], o.hNameLen[:0], o.hValOff[:0], o.hValLen[:0], o.hData[:0]
	c.idx, c.groups, c.size = c.idx[:0], c.groups[:0], 0
}

// Barrier ends an epoch.
func (w *writer) Barrier(epoch exec.Epoch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if w.buf != nil {
		// The gathered rows belong to this epoch. They may be held behind an earlier one without waiting for
		// room: a barrier never waits.
		c := w.take0()
		if w.buf.drain(c) {
			w.spread(c, nil)
			if w.blocked {
				w.queue = append(w.queue, held{c: c})
				w.bytes += c.size
			} else if err := w.send(c); err != nil {
				return err
			}
		}
	}
	if w.blocked {
		w.queue = append(w.queue, held{barrier: epoch})
		return nil
	}
	w.blocked, w.blockedAt = true, epoch
	return nil
}

// Flush waits until the brokers have everything up to the barrier.
func (w *writer) Flush(ctx context.Context, epoch exec.Epoch) ([]byte, error) {
	// All writers have passed their barriers: the first one that has flushed their producer has done it for all, and
	// may send again while others are still at it.
	err := w.prod.flush(ctx, func() bool { return w.com == nil && w.prod.flushed.Load() > uint64(epoch) })
	if err != nil && w.com != nil && ctx.Err() == nil {
		err = w.com.failed(fmt.Sprintf("flush epoch %d", epoch), err)
	}
	if err == nil && w.com == nil {
		w.prod.flushed.Store(uint64(epoch) + 1)
		err = w.release(epoch)
	}
	return nil, err
}

// Commit has nothing to do: the transaction is the committer's.
func (w *writer) Commit(context.Context, exec.Epoch, []byte) error { return nil }

// release lets rows go that were held behind the barrier of epoch, up to the next barrier.
func (w *writer) release(epoch exec.Epoch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.cond.Broadcast()
	if !w.blocked || w.blockedAt > epoch {
		return nil
	}
	for i, h := range w.queue {
		if h.c == nil {
			w.blockedAt = h.barrier
			if h.barrier <= epoch {
				continue
			}
			w.queue = append(w.queue[:0], w.queue[i+1:]...)
			return nil
		}
		w.bytes -= h.c.size
		if err := w.send(h.c); err != nil {
			w.err = err
			return err
		}
		w.giveBack(h.c)
	}
	w.queue, w.blocked = w.queue[:0], false
	return nil
}

// Close drops what is held. It comes at any time, and more than once.
func (w *writer) Close() error {
	w.stopWait()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	if w.buf != nil {
		w.buf.stop()
	}
	w.queue = nil
	w.cond.Broadcast()
	w.mu.Unlock()
	if w.com == nil {
		w.sink.release(w.prod)
	} else {
		w.com.remove(w)
	}
	return nil
}

// rowTime is a row's timestamp for the record, -1 for none.
func rowTime(v *batch.Vector, i int) int64 {
	if v.IsNull(i) {
		return -1
	}
	return time.UnixMicro(v.Int[i]).UnixMilli()
}
