package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/types"
)

type sink struct {
	w         *World
	table, id string
	guarantee string
}

// fileSink is a sink whose flush leaves side data.
type fileSink struct{ *sink }

var (
	_ exec.SinkSpec      = (*sink)(nil)
	_ exec.SideRecoverer = (*fileSink)(nil)
	_ exec.CommitterSpec = (*cluster)(nil)
	_ exec.Committer     = (*committer)(nil)
	_ exec.SinkWriter    = (*writer)(nil)
)

func (s *sink) Delivery() exec.Delivery {
	switch s.guarantee {
	case "at-least-once":
		return exec.AtLeastOnce
	case "none":
		return exec.DeliveryNone
	}
	return exec.ExactlyOnce
}

func (s *sink) Transactional() exec.CommitterSpec {
	if s.guarantee != "exactly-once" {
		return nil
	}
	return &cluster{s.w}
}

func (s *sink) Writer(ctx *exec.TaskContext, c exec.Committer) (exec.SinkWriter, error) {
	w := &writer{sink: s, ctx: ctx, sealed: map[exec.Epoch][]Change{}}
	if s.guarantee == "exactly-once" {
		w.c = c.(*committer)
	}
	return w, nil
}

func (s *sink) Close() error { return nil }

// BeforeClaim has nothing to note: staged rows belong to epochs.
func (s *fileSink) BeforeClaim(context.Context) error { return nil }

// Recover makes the staged rows of sides visible and forgets what else is staged for the table.
func (s *fileSink) Recover(_ context.Context, _ exec.Epoch, sides [][]byte) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for _, side := range sides {
		s.w.publish(s.table, string(side))
	}
	for name := range s.w.staged {
		if strings.HasPrefix(name, s.table+"/") {
			delete(s.w.staged, name)
		}
	}
	return nil
}

// publish makes staged rows visible, once. The lock is held.
func (w *World) publish(table, name string) {
	w.outputs[table] = append(w.outputs[table], w.staged[name]...)
	delete(w.staged, name)
	w.changed.Broadcast()
}

type writer struct {
	sink *sink
	ctx  *exec.TaskContext
	c    *committer

	mu     sync.Mutex
	rows   []Change                // of the running epoch
	sealed map[exec.Epoch][]Change // behind their barrier, not flushed
}

func (w *writer) Write(b *batch.Batch) error {
	if err := w.sink.w.fault("write"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for k := range b.Rows() {
		i := b.At(k)
		row := make([]types.Value, len(b.Cols))
		for c, v := range b.Cols {
			row[c] = v.Value(i)
		}
		w.rows = append(w.rows, Change{Kind: b.Kind(i), Row: row, Sink: w.ctx.Operator})
	}
	switch {
	case w.c != nil:
		w.c.wrote()
	case w.sink.guarantee == "none":
		world := w.sink.w
		world.mu.Lock()
		defer world.mu.Unlock()
		world.outputs[w.sink.table] = append(world.outputs[w.sink.table], w.rows...)
		w.rows = w.rows[:0]
		world.changed.Broadcast()
	}
	return nil
}

func (w *writer) Barrier(e exec.Epoch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sealed) > 0 {
		return fmt.Errorf("barrier %d came before the epoch before it was flushed", e)
	}
	for i := range w.rows {
		w.rows[i].Epoch = e
	}
	w.sealed[e], w.rows = w.rows, nil
	return nil
}

func (w *writer) Flush(_ context.Context, e exec.Epoch) ([]byte, error) {
	world := w.sink.w
	if err := world.fault("flush"); err != nil {
		return nil, err
	}
	w.mu.Lock()
	rows, ok := w.sealed[e]
	delete(w.sealed, e)
	w.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("flush of epoch %d without its barrier", e)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	if w.c != nil {
		w.c.add(w.sink.table, rows)
		return nil, nil
	}
	world.mu.Lock()
	defer world.mu.Unlock()
	if w.sink.guarantee == "files" {
		name := fmt.Sprintf("%s/%d-%d", w.sink.table, e, w.ctx.Subtask)
		world.staged[name] = rows
		return []byte(name), nil
	}
	world.outputs[w.sink.table] = append(world.outputs[w.sink.table], rows...)
	world.changed.Broadcast()
	return nil, nil
}

func (w *writer) Commit(_ context.Context, _ exec.Epoch, side []byte) error {
	if side == nil {
		return nil
	}
	w.sink.w.mu.Lock()
	defer w.sink.w.mu.Unlock()
	w.sink.w.publish(w.sink.table, string(side))
	return nil
}

func (w *writer) Close() error { return nil }

type cluster struct{ w *World }

func (c *cluster) Resource() string { return "memory:" }

func (c *cluster) Join(o exec.CommitterSpec) error {
	if o.Resource() != c.Resource() {
		return fmt.Errorf("a job commits to one cluster, found %s and %s", c.Resource(), o.Resource())
	}
	return nil
}

func (c *cluster) Open(_ context.Context, job *exec.JobContext) (exec.Committer, error) {
	return &committer{w: c.w, instance: job.Instance}, nil
}

type committer struct {
	w          *World
	instance   string
	generation int // 0 before Claim

	mu      sync.Mutex
	open    map[string][]Change // the transaction
	started time.Time
}

func (c *committer) Identity(_ context.Context, fixed []byte) ([]byte, error) {
	if fixed != nil && string(fixed) != c.w.Identity {
		return nil, exec.Fatalf("start the job against the cluster it was started on", "compare clusters", fmt.Errorf("the state is of cluster %s, this is %s", fixed, c.w.Identity))
	}
	return []byte(c.w.Identity), nil
}

func (c *committer) Peek(context.Context) (exec.Marker, bool, error) {
	if err := c.w.fault("peek"); err != nil {
		return exec.Marker{}, false, err
	}
	m := c.w.Marker()
	if m == nil {
		return exec.Marker{}, false, nil
	}
	return *m, true, nil
}

func (c *committer) Settle(context.Context) error { return c.w.fault("settle") }

func (c *committer) Claim(context.Context) (exec.Marker, bool, error) {
	if err := c.w.fault("claim"); err != nil {
		return exec.Marker{}, false, err
	}
	c.w.mu.Lock()
	c.w.generation++
	c.w.claims++
	c.w.owner = c.instance
	c.generation = c.w.generation
	m := c.w.marker
	c.w.mu.Unlock()
	if m == nil {
		return exec.Marker{}, false, nil
	}
	return *m, true, nil
}

func (c *committer) TransactionTimeout() time.Duration {
	if c.w.Timeout == 0 {
		return time.Minute
	}
	return c.w.Timeout
}

func (c *committer) wrote() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		c.started = c.w.now()
	}
}

func (c *committer) TransactionStarted() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started
}

func (c *committer) add(table string, rows []Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[string][]Change{}
	}
	c.open[table] = append(c.open[table], rows...)
}

func (c *committer) Commit(_ context.Context, m exec.Marker) error {
	if err := c.w.fault("commit"); err != nil {
		return err
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.generation != c.w.generation {
		doing := fmt.Sprintf("commit epoch %d", m.Epoch)
		if c.w.owner != c.instance {
			return exec.Fencedf("stop one of the two instances", doing, errors.New("a newer instance of the job has taken over"))
		}
		return exec.Restartf("", doing, errors.New("the transaction has expired"))
	}
	c.mu.Lock()
	for table, rows := range c.open {
		c.w.outputs[table] = append(c.w.outputs[table], rows...)
	}
	c.open, c.started = nil, time.Time{}
	c.mu.Unlock()
	c.w.marker = &m
	c.w.commits++
	c.w.changed.Broadcast()
	return c.w.fault("committed")
}

func (c *committer) Release() error { return nil }
func (c *committer) Close() error   { return nil }
