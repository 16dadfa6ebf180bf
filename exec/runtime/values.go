package runtime

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
)

// valuesSource reads a constant table: one split, whose position is the number of rows read.
type valuesSource struct{ node *physical.Values }

var (
	_ exec.SourceSpec   = (*valuesSource)(nil)
	_ exec.SourceReader = (*valuesReader)(nil)
)

const valuesSplit = "values"

func (s *valuesSource) Discover(_ context.Context, known []exec.Split) ([]exec.Split, error) {
	if known != nil {
		return nil, nil
	}
	return []exec.Split{{ID: valuesSplit, State: make([]byte, 8)}}, nil
}

func (s *valuesSource) DiscoveryInterval() time.Duration { return 0 }
func (s *valuesSource) Bounded() bool                    { return true }
func (s *valuesSource) Close() error                     { return nil }

func (s *valuesSource) Committed(context.Context, exec.Epoch, []exec.Split) error { return nil }

func (s *valuesSource) Reader(*exec.TaskContext) (exec.SourceReader, error) {
	return &valuesReader{node: s.node, at: -1, out: batch.New(columnTypes(s.node), len(s.node.Rows))}, nil
}

// valuesReader is driven from its task's goroutine; it never waits.
type valuesReader struct {
	node *physical.Values
	at   int // next row; -1 without the split
	out  *batch.Batch

	paused bool
}

func (r *valuesReader) AddSplits(splits []exec.Split) error {
	for _, s := range splits {
		if len(s.State) != 8 {
			return fmt.Errorf("position of %s: expected 8 bytes, found %d", s.ID, len(s.State))
		}
		r.at = int(binary.BigEndian.Uint64(s.State))
	}
	return nil
}

func (r *valuesReader) Poll(context.Context, time.Duration) (*exec.SourceBatch, error) {
	n := len(r.node.Rows)
	if r.at < 0 || r.at >= n || r.paused {
		return nil, nil
	}
	to := min(n, r.at+batch.TargetRows)
	r.out.Reset()
	for _, row := range r.node.Rows[r.at:to] {
		for c, v := range row {
			r.out.Cols[c].AppendValue(v)
		}
	}
	r.out.N = to - r.at
	r.at = to
	return &exec.SourceBatch{Batch: r.out, Runs: []exec.SplitRun{{Split: 0, From: 0, To: r.out.N}}}, nil
}

func (r *valuesReader) Positions() []exec.Split {
	if r.at < 0 {
		return nil
	}
	return []exec.Split{{ID: valuesSplit, State: binary.BigEndian.AppendUint64(nil, uint64(r.at))}}
}

func (r *valuesReader) Done() []int {
	if r.at >= len(r.node.Rows) {
		return []int{0}
	}
	return nil
}

func (r *valuesReader) Pause(_ int, paused bool) error {
	r.paused = paused
	return nil
}

// Locate is the place of a row of the last batch, for messages.
func (r *valuesReader) Locate(row int) string {
	return fmt.Sprintf("VALUES, row %d", r.at-r.out.N+row+1)
}

func (r *valuesReader) Wake()        {}
func (r *valuesReader) Close() error { return nil }
