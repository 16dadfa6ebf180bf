package runtime

import (
	"context"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/types"
)

// channelDepth is the number of messages that one channel holds before its sender blocks.
const channelDepth = 4

// messageKind says what a message between two tasks is.
type messageKind uint8

const (
	rowsMessage      messageKind = iota // batch
	watermarkMessage                    // wm; the channel is active from here on
	idleMessage                         // no watermark is to be expected until the next watermark or activeMessage
	activeMessage                       // ends idleMessage; the last watermark still holds
	barrierMessage                      // barrier
	endMessage                          // no rows follow; barriers do
)

// message travels from one task to another, in order.
type message struct {
	kind    messageKind
	batch   *batch.Batch // of the channel's pool; given back with recycle
	wm      exec.Watermark
	barrier *barrier
}

// barrier separates the rows of an epoch from those of the next.
type barrier struct {
	epoch exec.Epoch
	// durable: state is frozen for a checkpoint. Otherwise the barrier only carries the rows
	// before it to the sinks, in a job without checkpoints.
	durable bool
	// probe: the barrier ends no epoch. When all tasks have passed it, what came before it has been processed.
	probe bool
}

// gate is the way into a task: one bounded channel for each upstream subtask. Senders are the
// upstream tasks, each on its own channel; the receiver is the task that owns the gate.
type gate struct {
	mu       sync.Mutex
	channels []*channel
	next     int           // where the receiver looks first, so that no channel starves
	ready    chan struct{} // capacity 1: a message came
	timer    *time.Timer   // of the receiver; nil until it waits for a time
}

// channel is one input of a gate. ring, n, head and free are guarded by the gate's mutex; the
// rest belongs to the receiver.
type channel struct {
	gate  *gate
	types []types.Type
	input int // which input of the task's first operator the rows are for
	ring  [channelDepth]message
	head  int
	n     int
	space chan struct{} // capacity 1: a message was taken
	free  []*batch.Batch

	sender *exec.Metrics // of the exchange that sends; its time here is waiting

	blocked bool // guarded by mu: its barrier has come, others' have not
	idle    bool
	slept   bool // it was idle before
	ended   bool
	wm      exec.Watermark
}

func newGate() *gate { return &gate{ready: make(chan struct{}, 1)} }

// add makes one more channel, for batches of the given column types.
func (g *gate) add(ts []types.Type) *channel {
	c := &channel{gate: g, types: ts, space: make(chan struct{}, 1), wm: exec.MinWatermark}
	g.channels = append(g.channels, c)
	return c
}

// promise takes a watermark of the sender, which is active from here on.
func (c *channel) promise(wm exec.Watermark) { c.wm, c.idle = max(c.wm, wm), false }

// take is an empty batch to be filled and sent.
func (c *channel) take() *batch.Batch {
	c.gate.mu.Lock()
	n := len(c.free)
	if n == 0 {
		c.gate.mu.Unlock()
		return batch.New(c.types, 0)
	}
	b := c.free[n-1]
	c.free = c.free[:n-1]
	c.gate.mu.Unlock()
	return b
}

// recycle gives a received batch back to its sender's pool.
func (c *channel) recycle(b *batch.Batch) {
	b.Reset()
	c.gate.mu.Lock()
	if len(c.free) < channelDepth {
		c.free = append(c.free, b)
	}
	c.gate.mu.Unlock()
}

// send blocks while the channel is full. It fails when ctx is done.
func (c *channel) send(ctx context.Context, m message) error {
	g := c.gate
	for {
		g.mu.Lock()
		if c.n < channelDepth {
			c.ring[(c.head+c.n)%channelDepth] = m
			c.n++
			g.mu.Unlock()
			select {
			case g.ready <- struct{}{}:
			default: // the receiver has been told already
			}
			return nil
		}
		g.mu.Unlock()
		began := c.sender.Waits()
		select {
		case <-c.space:
			c.sender.WaitedSince(began)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// receive is the next message of any channel that is not blocked. The channel is nil when none came within wait.
func (g *gate) receive(ctx context.Context, wait time.Duration) (*channel, message, error) {
	var over <-chan time.Time
	for {
		if err := ctx.Err(); err != nil {
			return nil, message{}, context.Cause(ctx)
		}
		g.mu.Lock()
		for i := range g.channels {
			at := g.next + i
			if at >= len(g.channels) {
				at -= len(g.channels)
			}
			c := g.channels[at]
			if c.n == 0 || c.blocked {
				continue
			}
			m := c.ring[c.head]
			c.ring[c.head] = message{}
			c.head = (c.head + 1) % channelDepth
			c.n--
			g.next = at + 1
			if g.next == len(g.channels) {
				g.next = 0
			}
			g.mu.Unlock()
			select {
			case c.space <- struct{}{}:
			default: // its sender has been told already
			}
			return c, m, nil
		}
		g.mu.Unlock()
		if over == nil && wait < forever {
			if g.timer == nil {
				g.timer = time.NewTimer(wait)
			} else {
				g.timer.Reset(wait)
			}
			over = g.timer.C
		}
		select {
		case <-g.ready:
		case <-over:
			return nil, message{}, nil
		case <-ctx.Done():
			return nil, message{}, context.Cause(ctx)
		}
	}
}

// block keeps the channel from being read until unblock.
func (c *channel) block() {
	c.gate.mu.Lock()
	c.blocked = true
	c.gate.mu.Unlock()
}

// unblock lets all channels be read again.
func (g *gate) unblock() {
	g.mu.Lock()
	for _, c := range g.channels {
		c.blocked = false
	}
	g.mu.Unlock()
}
