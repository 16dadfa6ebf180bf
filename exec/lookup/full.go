package lookup

import (
	"context"
	"fmt"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/state"
)

// Full is a table that is kept as a whole, by its key.
type Full struct {
	n *physical.Lookup
	*held[*rowsByKey]
}

// NewFull makes the table of n; open makes a source that reads it from its beginning to its end.
func NewFull(n *physical.LookupJoin, now func() time.Time, open func() (exec.SourceSpec, error)) *Full {
	l := &n.Lookup
	return &Full{l, &held[*rowsByKey]{table: l, open: open, now: now, empty: func() *rowsByKey {
		return &rowsByKey{by: l.Keys, cols: scalar.FirstColumns(len(l.Columns)), rows: map[string][][]byte{}}
	}}}
}

// Lookup is the part of a subtask.
func (f *Full) Lookup(ctx *exec.TaskContext) (exec.Lookup, error) {
	return &fullLookup{f: f, ctx: ctx}, nil
}

// Close waits until nothing is being read.
func (f *Full) Close() error { return f.close() }

// rowsByKey is the rows of a table, encoded, by their encoded keys.
type rowsByKey struct {
	by, cols []int
	rows     map[string][][]byte
	n        int

	keys, enc state.Keys
}

func (t *rowsByKey) Add(b *batch.Batch) error {
	batch.EncodeUnhashed(b, t.by, &t.keys)
	batch.EncodeUnhashed(b, t.cols, &t.enc)
	data := append([]byte(nil), t.enc.Data...)
	for k := range b.Rows() {
		key := string(t.keys.At(k))
		t.rows[key] = append(t.rows[key], data[t.enc.Off[k]:t.enc.Off[k+1]:t.enc.Off[k+1]])
	}
	t.n += b.Rows()
	return nil
}

func (t *rowsByKey) Rows() int { return t.n }

type fullLookup struct {
	f    *Full
	ctx  *exec.TaskContext
	keys state.Keys
}

func (*fullLookup) Limits() exec.LookupLimits { return exec.LookupLimits{Calls: 1} }

// Close waits for a reading that this attempt began.
func (l *fullLookup) Close() error { return l.f.Close() }

func (l *fullLookup) Find(ctx context.Context, keys, out *batch.Batch) error {
	t, err := l.f.get(ctx, l.ctx)
	if err != nil {
		return err
	}
	batch.EncodeUnhashed(keys, scalar.FirstColumns(len(keys.Cols)), &l.keys)
	for k := range keys.Rows() {
		for _, row := range t.rows[string(l.keys.At(k))] {
			if err := batch.DecodeKey(row, out.Cols); err != nil {
				return fmt.Errorf("rows of table %s in memory: %w", l.f.n.Table.Name, err)
			}
			out.N++
		}
	}
	return nil
}

var (
	_ exec.LookupSpec = (*Full)(nil)
	_ exec.Lookup     = (*fullLookup)(nil)
)
