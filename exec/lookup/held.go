package lookup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
)

// held is a table that is read as a whole, and again after a time, by a goroutine of its own: until it has been read anew
// the old rows are the answer. T is how they lie in memory. All subtasks of an operator share it.
type held[T loaded] struct {
	table *physical.Lookup
	open  func() (exec.SourceSpec, error)
	now   func() time.Time
	empty func() T

	mu      sync.Mutex
	rows    T
	there   bool      // it has been read
	next    time.Time // when to read it again; zero: never
	reading bool
	failed  error // of the reading in the background
	done    sync.WaitGroup
}

// loaded takes the rows of a table as they are read.
type loaded interface {
	// Add takes the rows of a batch: the columns that are read, all rows added.
	Add(b *batch.Batch) error
	// Rows is how many there are.
	Rows() int
}

// close waits until nothing is being read.
func (h *held[T]) close() error {
	h.done.Wait()
	return nil
}

// get is the rows as they were read last. The first time it reads them.
func (h *held[T]) get(ctx context.Context, task *exec.TaskContext) (rows T, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.failed; err != nil {
		h.failed = nil
		return rows, err
	}
	if !h.there {
		if rows, err = h.read(ctx, task); err != nil {
			return rows, err
		}
		h.rows, h.there, h.next = rows, true, h.after(h.now())
		return rows, nil
	}
	if !h.reading && !h.next.IsZero() && !h.now().Before(h.next) {
		h.reading = true
		h.done.Add(1)
		go h.again(task)
	}
	return h.rows, nil
}

// again reads the table anew. The context of a call may end before it is read; the attempt's does not.
func (h *held[T]) again(task *exec.TaskContext) {
	defer h.done.Done()
	rows, err := h.read(task.Ctx, task)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reading = false
	if err != nil {
		if task.Ctx.Err() == nil {
			h.failed = err
		}
		return
	}
	h.rows, h.next = rows, h.after(h.now())
}

// after is when the table is read again after now.
func (h *held[T]) after(now time.Time) time.Time {
	c := h.table.Cache
	switch {
	case c.Reload > 0:
		return now.Add(c.Reload)
	case c.Days > 0:
		u := now.UTC()
		t := time.Date(u.Year(), u.Month(), u.Day(), 0, 0, 0, 0, time.UTC).Add(c.AtTime)
		for !t.After(now) {
			t = t.AddDate(0, 0, c.Days)
		}
		return t
	}
	return time.Time{}
}

// read reads the whole table.
func (h *held[T]) read(ctx context.Context, task *exec.TaskContext) (rows T, err error) {
	table := h.table.Table.Name
	defer func() {
		if err != nil {
			err = fmt.Errorf("read table %s for its lookups: %w", table, err)
		}
	}()
	src, err := h.open()
	if err != nil {
		return rows, err
	}
	defer func() {
		if cerr := src.Close(); err == nil {
			err = cerr
		}
	}()
	if !src.Bounded() {
		return rows, exec.Fatalf("let the table end by its own options", "read table "+table, fmt.Errorf("it does not end, and a table that is looked up in memory is read to its end"))
	}
	splits, err := src.Discover(ctx, nil)
	if err != nil {
		return rows, err
	}
	r, err := src.Reader(task)
	if err != nil {
		return rows, err
	}
	defer func() {
		if cerr := r.Close(); err == nil {
			err = cerr
		}
	}()
	if err := r.AddSplits(splits); err != nil {
		return rows, err
	}
	rows = h.empty()
	for len(r.Done()) < len(splits) {
		sb, err := r.Poll(ctx, 100*time.Millisecond)
		if err != nil {
			return rows, err
		}
		if ctx.Err() != nil {
			return rows, context.Cause(ctx)
		}
		if sb == nil || sb.Batch.Rows() == 0 {
			continue
		}
		if err := rows.Add(sb.Batch); err != nil {
			return rows, err
		}
	}
	task.Log.Debug("table read for its lookups", "table", table, "rows", rows.Rows())
	return rows, nil
}
