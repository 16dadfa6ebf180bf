package jdbc

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
)

// source reads a table once, in ranges of a column where the table says so. Rows come in the order of the primary key, or of all columns, so that a
// restored job goes on behind the row that it was at: as long as the table does not change meanwhile.
type source struct {
	*table
	types []types.Type
	order []int // columns that are read, by which rows are put in order
	// With scan.partition.*; column is empty without.
	column string
	parts  int
	lo, hi int64
}

// position is the state of a split.
type position struct {
	Rows int64  `json:"rows"`         // that were read
	Lo   *int64 `json:"lo,omitempty"` // of the range
	Hi   *int64 `json:"hi,omitempty"`
	Done bool   `json:"done,omitempty"`
}

func newSource(n *physical.Scan) (*source, error) {
	t, err := newTable(n.Table, n.Columns, 2)
	if err != nil {
		return nil, err
	}
	s := &source{table: t, parts: 1}
	at := map[int]int{}
	for i, f := range n.Fields {
		s.types = append(s.types, n.Columns[i].Type)
		at[f] = i
	}
	keyed := len(n.Table.PrimaryKey) > 0
	for _, k := range n.Table.PrimaryKey {
		i, read := at[k]
		if !read {
			keyed = false
		}
		s.order = append(s.order, i)
	}
	if !keyed {
		s.order = s.order[:0]
		for i := range n.Columns {
			s.order = append(s.order, i)
		}
	}
	if s.column, _ = n.Table.Options.Get("scan.partition.column"); s.column == "" {
		return s, nil
	}
	s.parts = max(1, number(n.Table, "scan.partition.num", 1))
	s.lo, s.hi = int64(number(n.Table, "scan.partition.lower-bound", 0)), int64(number(n.Table, "scan.partition.upper-bound", 0))
	return s, nil
}

func (s *source) Bounded() bool                                             { return true }
func (s *source) DiscoveryInterval() time.Duration                          { return 0 }
func (s *source) Committed(context.Context, exec.Epoch, []exec.Split) error { return nil }
func (s *source) Close() error                                              { return s.close() }

// Discover gives the ranges at the first start.
func (s *source) Discover(ctx context.Context, known []exec.Split) ([]exec.Split, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	if known != nil {
		return nil, nil
	}
	if s.column == "" {
		return []exec.Split{s.split(position{}, 0)}, nil
	}
	var out []exec.Split
	for _, r := range ranges(s.lo, s.hi, s.parts) {
		out = append(out, s.split(position{Lo: &r[0], Hi: &r[1]}, len(out)))
	}
	return out, nil
}

// ranges are at most so many ranges of one size that lo to hi is made of, both ends included; the last one may be smaller.
func ranges(lo, hi int64, parts int) [][2]int64 {
	var out [][2]int64
	if lo > hi {
		return nil
	}
	step := uint64(hi-lo) / uint64(parts) // the size of a range, but one; hi - lo may be more than an int64
	for {
		if uint64(hi-lo) <= step {
			return append(out, [2]int64{lo, hi})
		}
		to := lo + int64(step)
		out = append(out, [2]int64{lo, to})
		lo = to + 1
	}
}

func (s *source) split(p position, n int) exec.Split {
	state, err := json.Marshal(p)
	if err != nil {
		panic(err) // of numbers
	}
	return exec.Split{ID: s.name + "-" + strconv.Itoa(n), State: state}
}

func (s *source) Reader(ctx *exec.TaskContext) (exec.SourceReader, error) {
	return &reader{source: s, ctx: ctx.Ctx, out: batch.New(s.types, batch.TargetRows), Waker: exec.NewWaker()}, nil
}

type reader struct {
	*source
	exec.Waker
	ctx    context.Context
	splits []readSplit
	at     int // the split under way
	rows   *sql.Rows
	out    *batch.Batch
	sb     exec.SourceBatch
}

type readSplit struct {
	id string
	position
	paused bool
}

func (r *reader) AddSplits(splits []exec.Split) error {
	for _, sp := range splits {
		s := readSplit{id: sp.ID}
		if err := json.Unmarshal(sp.State, &s.position); err != nil {
			return exec.Fatalf("", "restore split "+sp.ID+" of table "+r.name, err)
		}
		r.splits = append(r.splits, s)
	}
	return nil
}

func (r *reader) Poll(ctx context.Context, wait time.Duration) (*exec.SourceBatch, error) {
	if r.rows == nil {
		r.at = slices.IndexFunc(r.splits, func(s readSplit) bool { return !s.Done && !s.paused })
	}
	if r.at < 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Waker:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		return nil, nil
	}
	s := &r.splits[r.at]
	if r.rows == nil {
		rows, err := r.db.QueryContext(r.ctx, r.query(s.position))
		if err != nil {
			return nil, r.failed(s, err)
		}
		r.rows = rows
	}
	r.out.Reset()
	more, err := r.scan(r.rows, r.out, batch.TargetRows)
	if err != nil {
		return nil, r.failed(s, err)
	}
	s.Rows += int64(r.out.N)
	if !more {
		err := r.rows.Close()
		r.rows, s.Done = nil, true
		if err != nil {
			return nil, r.failed(s, err)
		}
	}
	if r.out.N == 0 {
		return nil, nil
	}
	r.sb = exec.SourceBatch{Batch: r.out, Runs: []exec.SplitRun{{Split: r.at, From: 0, To: r.out.N}}}
	return &r.sb, nil
}

func (r *reader) failed(s *readSplit, err error) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	doing := fmt.Sprintf("read table %s behind row %d", r.name, s.Rows)
	if permanent(err) {
		return exec.Fatalf("see 'table-name', the columns, and what the user may read", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// query reads a range behind its position.
func (r *reader) query(p position) string {
	var b strings.Builder
	b.WriteString("SELECT " + r.list() + " FROM " + r.remote)
	if p.Lo != nil {
		fmt.Fprintf(&b, " WHERE %s BETWEEN %d AND %d", r.d.name(r.column), *p.Lo, *p.Hi)
	}
	b.WriteString(" ORDER BY ")
	for i, c := range r.order {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.d.name(r.columns[c].Name))
	}
	if p.Rows > 0 {
		fmt.Fprintf(&b, " LIMIT %d OFFSET %d", int64(1)<<62, p.Rows)
	}
	return b.String()
}

func (r *reader) Positions() []exec.Split {
	out := make([]exec.Split, len(r.splits))
	for i, s := range r.splits {
		out[i] = r.split(s.position, 0)
		out[i].ID = s.id
	}
	return out
}

func (r *reader) Done() []int {
	var done []int
	for i, s := range r.splits {
		if s.Done {
			done = append(done, i)
		}
	}
	return done
}

// Pause ends the query of a range; another one goes on behind the rows that were read.
func (r *reader) Pause(split int, paused bool) error {
	s := &r.splits[split]
	s.paused = paused
	if !paused || r.rows == nil || split != r.at {
		return nil
	}
	err := r.rows.Close()
	r.rows = nil
	if err != nil {
		return r.failed(s, err)
	}
	return nil
}

func (r *reader) Close() error {
	if r.rows == nil {
		return nil
	}
	rows := r.rows
	r.rows = nil
	return rows.Close()
}

var (
	_ exec.SourceSpec   = (*source)(nil)
	_ exec.SourceReader = (*reader)(nil)
)
