package repl

import (
	"context"
	"log/slog"
	"sync"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/config"
	"weir/planner/physical"
)

// collectConnector is the name that the planner gives to the sink of an interactive query.
const collectConnector = "collect"

// Collect is the sink of one interactive query. take gets every batch as soon as it reaches the sink, its columns
// in the order of the result; it is called from the tasks' goroutines, one call at a time, and borrows the batch.
// An error of take fails the job with that error.
func Collect(take func(b *batch.Batch) error) exec.Connector {
	return exec.Connector{
		Name: collectConnector,
		Sink: func(s *physical.Sink, _ *config.Config, _ *slog.Logger) (exec.SinkSpec, error) {
			return &collector{fields: s.Fields, take: take}, nil
		},
	}
}

// collector is the spec of the sink and, for all its subtasks, the writer.
type collector struct {
	fields []int // of every input column: its place in the result; nil: as they come
	mu     sync.Mutex
	take   func(b *batch.Batch) error
}

func (c *collector) Delivery() exec.Delivery           { return exec.DeliveryNone }
func (c *collector) Transactional() exec.CommitterSpec { return nil }
func (c *collector) Close() error                      { return nil }

func (c *collector) Writer(*exec.TaskContext, exec.Committer) (exec.SinkWriter, error) {
	return &collectWriter{c: c}, nil
}

type collectWriter struct {
	c    *collector
	view batch.Batch // b with its columns in the order of the result
}

func (w *collectWriter) Write(b *batch.Batch) error {
	w.view = batch.Batch{N: b.N, Sel: b.Sel, Kinds: b.Kinds, Cols: b.Cols}
	if len(w.c.fields) == len(b.Cols) {
		w.view.Cols = make([]*batch.Vector, len(b.Cols))
		for i, at := range w.c.fields {
			w.view.Cols[at] = b.Cols[i]
		}
	}
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	return w.c.take(&w.view)
}

func (w *collectWriter) Barrier(exec.Epoch) error                          { return nil }
func (w *collectWriter) Flush(context.Context, exec.Epoch) ([]byte, error) { return nil, nil }
func (w *collectWriter) Commit(context.Context, exec.Epoch, []byte) error  { return nil }
func (w *collectWriter) Close() error                                      { return nil }

var (
	_ exec.SinkSpec   = (*collector)(nil)
	_ exec.SinkWriter = (*collectWriter)(nil)
)
