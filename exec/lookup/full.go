package lookup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/state"
)

// Full is a table that is read as a whole, and again after a time, by a goroutine of its own: until it has been read anew
// the old rows are the answer. All subtasks of a join share it.
type Full struct {
	n    *physical.LookupJoin
	open func() (exec.SourceSpec, error)
	now  func() time.Time

	mu      sync.Mutex
	rows    *rowsByKey // nil: not read yet
	next    time.Time  // when to read it again; zero: never
	reading bool
	failed  error // of the reading in the background
	done    sync.WaitGroup
}

// rowsByKey is the rows of a table, encoded, by their encoded keys.
type rowsByKey struct {
	rows map[string][][]byte
	n    int64
}

// NewFull makes the table of n; open makes a source that reads it from its beginning to its end.
func NewFull(n *physical.LookupJoin, now func() time.Time, open func() (exec.SourceSpec, error)) *Full {
	return &Full{n: n, open: open, now: now}
}

// Lookup is the part of a subtask.
func (f *Full) Lookup(ctx *exec.TaskContext) (exec.Lookup, error) {
	return &fullLookup{f: f, ctx: ctx}, nil
}

// Close waits until nothing is being read.
func (f *Full) Close() error {
	f.done.Wait()
	return nil
}

type fullLookup struct {
	f    *Full
	ctx  *exec.TaskContext
	keys state.Keys
	hash []uint64
}

func (*fullLookup) Limits() exec.LookupLimits { return exec.LookupLimits{Calls: 1} }

// Close waits for a reading that this attempt began.
func (l *fullLookup) Close() error { return l.f.Close() }

func (l *fullLookup) Find(ctx context.Context, keys, out *batch.Batch) error {
	t, err := l.f.table(ctx, l.ctx)
	if err != nil {
		return err
	}
	cols := make([]int, len(keys.Cols))
	for i := range cols {
		cols[i] = i
	}
	l.hash = batch.EncodeKeys(keys, cols, &l.keys, l.hash)
	for k := range keys.Rows() {
		for _, row := range t.rows[string(l.keys.Data[l.keys.Off[k]:l.keys.Off[k+1]])] {
			if err := batch.DecodeKey(row, out.Cols); err != nil {
				return fmt.Errorf("rows of table %s in memory: %w", l.f.n.Lookup.Table.Name, err)
			}
			out.N++
		}
	}
	return nil
}

// table is the rows as they were read last. The first time it reads them.
func (f *Full) table(ctx context.Context, task *exec.TaskContext) (*rowsByKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		err := f.failed
		f.failed = nil
		return nil, err
	}
	if f.rows == nil {
		t, err := f.read(ctx, task)
		if err != nil {
			return nil, err
		}
		f.rows, f.next = t, f.after(f.now())
		return t, nil
	}
	if !f.reading && !f.next.IsZero() && !f.now().Before(f.next) {
		f.reading = true
		f.done.Add(1)
		go f.again(task)
	}
	return f.rows, nil
}

// again reads the table anew. The context of a call may end before it is read; the attempt's does not.
func (f *Full) again(task *exec.TaskContext) {
	defer f.done.Done()
	t, err := f.read(task.Ctx, task)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading = false
	if err != nil {
		if task.Ctx.Err() == nil {
			f.failed = err
		}
		return
	}
	f.rows, f.next = t, f.after(f.now())
}

// after is when the table is read again after now.
func (f *Full) after(now time.Time) time.Time {
	c := f.n.Lookup.Cache
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
func (f *Full) read(ctx context.Context, task *exec.TaskContext) (t *rowsByKey, err error) {
	table := f.n.Lookup.Table.Name
	defer func() {
		if err != nil {
			err = fmt.Errorf("read table %s for its lookups: %w", table, err)
		}
	}()
	src, err := f.open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := src.Close(); err == nil {
			err = cerr
		}
	}()
	if !src.Bounded() {
		return nil, exec.Fatalf("let the table end by its own options", "read table "+table, fmt.Errorf("it does not end, and a table that is looked up in memory is read to its end"))
	}
	splits, err := src.Discover(ctx, nil)
	if err != nil {
		return nil, err
	}
	r, err := src.Reader(task)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := r.Close(); err == nil {
			err = cerr
		}
	}()
	if err := r.AddSplits(splits); err != nil {
		return nil, err
	}
	t = &rowsByKey{rows: map[string][][]byte{}}
	var keys, rows state.Keys
	var hashes []uint64
	for len(r.Done()) < len(splits) {
		sb, err := r.Poll(ctx, 100*time.Millisecond)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if sb == nil || sb.Batch.Rows() == 0 {
			continue
		}
		hashes = batch.EncodeKeys(sb.Batch, f.n.Lookup.Keys, &keys, hashes)
		hashes = batch.EncodeKeys(sb.Batch, all(f.n.Lookup.Columns), &rows, hashes)
		data := append([]byte(nil), rows.Data...)
		for k := range sb.Batch.Rows() {
			key := string(keys.Data[keys.Off[k]:keys.Off[k+1]])
			t.rows[key] = append(t.rows[key], data[rows.Off[k]:rows.Off[k+1]:rows.Off[k+1]])
		}
		t.n += int64(sb.Batch.Rows())
	}
	task.Log.Debug("table read for its lookups", "table", table, "rows", t.n, "keys", len(t.rows))
	return t, nil
}

func all(cols []physical.Column) []int {
	out := make([]int, len(cols))
	for i := range out {
		out[i] = i
	}
	return out
}

var (
	_ exec.LookupSpec = (*Full)(nil)
	_ exec.Lookup     = (*fullLookup)(nil)
)
