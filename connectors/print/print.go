// Package print is the connector "print": every change on a line of its own, as Flink's print
// connector writes them:
//
//	+I[1, Hi, 2026-01-01T00:00]
//
// Lines appear when the rows come, not when their epoch is committed: after a restart some
// come again.
package print

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"

	"weir/connectors/formats"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/config"
	"weir/planner/physical"
)

// Connector is the connector for an exec.Registry. Lines go to stdout, or to stderr for a
// table with 'standard-error' = 'true'; writes are whole lines, one at a time over all tables.
func Connector(stdout, stderr io.Writer) exec.Connector {
	var mu sync.Mutex
	return exec.Connector{Name: "print", Sink: func(s *physical.Sink, _ *config.Config, _ *slog.Logger) (exec.SinkSpec, error) {
		columns, err := formats.SinkColumns(s)
		if err != nil {
			return nil, err
		}
		p := &sink{mu: &mu, out: stdout, table: s.Table.Name, columns: columns}
		p.identifier, _ = s.Table.Options.Get("print-identifier")
		if formats.Flag(s.Table.Options, "standard-error", false) {
			p.out = stderr
		}
		return p, nil
	}}
}

type sink struct {
	mu         *sync.Mutex
	out        io.Writer
	table      string
	identifier string
	columns    []formats.Column
}

func (s *sink) Delivery() exec.Delivery           { return exec.AtLeastOnce }
func (s *sink) Transactional() exec.CommitterSpec { return nil }
func (s *sink) Close() error                      { return nil }

// Writer implements exec.SinkSpec. The prefix of the lines is the identifier, the number of the
// subtask where there are several (counted from 1), and "> ".
func (s *sink) Writer(ctx *exec.TaskContext, _ exec.Committer) (exec.SinkWriter, error) {
	prefix := s.identifier
	if ctx.Parallelism > 1 {
		if prefix != "" {
			prefix += ":"
		}
		prefix += strconv.Itoa(ctx.Subtask + 1)
	}
	if prefix != "" {
		prefix += "> "
	}
	asking := ctx.Asking()
	if asking == nil {
		asking = context.Background()
	}
	return &writer{sink: s, prefix: prefix, asking: asking}, nil
}

type writer struct {
	*sink
	prefix string
	asking context.Context
	buf    []byte
}

func (w *writer) Write(b *batch.Batch) error {
	w.buf = w.buf[:0]
	n := b.Rows()
	for k := range n {
		i := b.At(k)
		w.buf = append(w.buf, w.prefix...)
		w.buf = append(w.buf, b.Kind(i).String()...)
		w.buf = append(w.buf, '[')
		for c, col := range w.columns {
			if c > 0 {
				w.buf = append(w.buf, ", "...)
			}
			w.buf = AppendValue(w.buf, b.Cols[col.Index], i)
		}
		w.buf = append(w.buf, "]\n"...)
	}
	err := w.print()
	if errors.Is(err, exec.ErrNoAnswer) {
		return exec.Restartf("let a program read what the job prints", "print rows of table "+w.table, err)
	}
	if err != nil {
		return exec.Fatalf("", "print rows of table "+w.table, err)
	}
	return nil
}

// print writes the lines out. Nobody may read them: a pipe that is full takes them for as long as the job runs, and no longer. Those of
// a writer that has given up may still come out, and the writer is used no more.
func (w *writer) print() error {
	done := make(chan error, 1)
	go func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		_, err := w.out.Write(w.buf)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-w.asking.Done():
		return fmt.Errorf("the pipe is full, and nobody reads it: %w", context.Cause(w.asking))
	}
}

func (w *writer) Barrier(exec.Epoch) error { return nil }

func (w *writer) Flush(context.Context, exec.Epoch) (side []byte, err error) { return nil, nil }

func (w *writer) Commit(context.Context, exec.Epoch, []byte) error { return nil }

func (w *writer) Close() error { return nil }
