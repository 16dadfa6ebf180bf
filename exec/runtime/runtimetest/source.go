package runtimetest

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
)

// source reads an input; a position is a row number as text.
type source struct {
	w    *World
	in   *input
	scan *physical.Scan
	ends map[string]int // with UntilEnd
	end  bool
}

var (
	_ exec.SourceSpec     = (*source)(nil)
	_ exec.EndBounder     = (*source)(nil)
	_ exec.SourceReader   = (*reader)(nil)
	_ exec.RowLocator     = (*reader)(nil)
	_ exec.ProgressReader = (*reader)(nil)
)

func (s *source) Discover(_ context.Context, known []exec.Split) ([]exec.Split, error) {
	if err := s.w.fault("discover"); err != nil {
		return nil, err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.end && s.ends == nil {
		s.ends = map[string]int{}
		for _, sp := range s.in.splits {
			s.ends[sp.id] = len(sp.rows)
		}
	}
	have := map[string]bool{}
	for _, k := range known {
		have[k.ID] = true
	}
	var out []exec.Split
	for _, sp := range s.in.splits {
		if !have[sp.id] {
			out = append(out, exec.Split{ID: sp.id, State: []byte("0")})
		}
	}
	return out, nil
}

func (s *source) UntilEnd() { s.end = true }

func (s *source) DiscoveryInterval() time.Duration {
	if s.Bounded() {
		return 0
	}
	return 5 * time.Millisecond
}

func (s *source) Bounded() bool {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.in.bounded
}

func (s *source) Reader(*exec.TaskContext) (exec.SourceReader, error) {
	cols := s.scan.Columns
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		ts[i] = c.Type
	}
	r := &reader{src: s, out: batch.New(ts, 16), Waker: exec.NewWaker()}
	s.w.mu.Lock()
	s.in.readers[r] = true
	s.w.mu.Unlock()
	return r, nil
}

func (s *source) Committed(_ context.Context, _ exec.Epoch, splits []exec.Split) error {
	s.w.mu.Lock()
	told := s.w.told[s.in.name]
	if told == nil {
		told = map[string]int{}
		s.w.told[s.in.name] = told
	}
	for _, sp := range splits {
		n, err := strconv.Atoi(string(sp.State))
		if err != nil {
			s.w.mu.Unlock()
			return err
		}
		told[sp.ID] = n
		for _, in := range s.in.splits {
			if in.id == sp.ID && s.w.Pace > 0 {
				in.open = n + s.w.Pace
			}
		}
	}
	var wake []*reader
	for r := range s.in.readers {
		wake = append(wake, r)
	}
	s.w.mu.Unlock()
	for _, r := range wake {
		r.Wake()
	}
	return nil
}

func (s *source) Close() error { return nil }

type reader struct {
	exec.Waker
	src    *source
	out    *batch.Batch
	splits []readSplit
	next   int
	runs   []exec.SplitRun
	starts []int                // row number of each run's first row
	news   []exec.SplitProgress // behind the rows of the last batch
}

type readSplit struct {
	sp     *split
	at     int
	paused bool
	idles  bool // it was idle where this reader goes on, and the runtime, which does not keep that, is to be told again
}

func (r *reader) AddSplits(splits []exec.Split) error {
	r.src.w.mu.Lock()
	defer r.src.w.mu.Unlock()
	for _, s := range splits {
		at, err := strconv.Atoi(string(s.State))
		if err != nil {
			return fmt.Errorf("position of %s: %w", s.ID, err)
		}
		var found *split
		for _, sp := range r.src.in.splits {
			if sp.id == s.ID {
				found = sp
			}
		}
		if found == nil {
			return fmt.Errorf("split %s is not there", s.ID)
		}
		if p := r.src.w.Pace; p > 0 {
			found.open = at + p
		}
		r.splits = append(r.splits, readSplit{sp: found, at: at, idles: at > 0 && found.rows[at-1].idles})
	}
	r.src.w.changed.Broadcast() // for AwaitRead
	return nil
}

// end is where split i ends now; the world's lock is held.
func (r *reader) end(i int) (end int, final bool) {
	sp := r.splits[i].sp
	if e, ok := r.src.ends[sp.id]; ok {
		return e, true
	}
	return len(sp.rows), r.src.in.bounded && !r.src.in.held
}

func (r *reader) Poll(ctx context.Context, wait time.Duration) (*exec.SourceBatch, error) {
	if err := r.src.w.fault("poll"); err != nil {
		return nil, err
	}
	rows, news := r.fill()
	if news {
		return nil, nil
	}
	if rows {
		return &exec.SourceBatch{Batch: r.out, Runs: r.runs}, nil
	}
	if len(r.Done()) == len(r.splits) && len(r.splits) > 0 {
		return nil, nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-r.Waker:
	case <-t.C:
	case <-ctx.Done():
	}
	return nil, nil
}

// fill puts the next rows into r.out, and what follows them into r.news.
func (r *reader) fill() (rows, onlyNews bool) {
	w := r.src.w
	w.mu.Lock()
	defer w.mu.Unlock()
	most := w.BatchRows
	if most == 0 {
		most = batch.TargetRows
	}
	r.out.Reset()
	r.runs, r.starts, r.news = r.runs[:0], r.starts[:0], r.news[:0]
	n := len(r.splits)
	for k := range n {
		i := (r.next + k) % n
		s := &r.splits[i]
		if s.paused {
			continue
		}
		end, _ := r.end(i)
		if w.Pace > 0 && !r.src.in.unpaced {
			end = min(end, s.sp.open)
		}
		if w.turns > 0 {
			end = min(end, s.sp.until(s.at, w.turn))
		}
		take := min(end-s.at, max(1, most/n), most-r.out.N)
		if s.idles {
			r.news = append(r.news, exec.SplitProgress{Split: i, Watermark: exec.MinWatermark, Idle: true})
			s.idles = false
			continue
		}
		if take <= 0 {
			continue
		}
		from := r.out.N
		if e := s.sp.rows[s.at]; e.row == nil {
			// News alone make a turn: what follows them is read by the next Poll.
			r.news = append(r.news, exec.SplitProgress{Split: i, Watermark: e.wm, Idle: e.idles})
			s.at++
			continue
		}
		for n, e := range s.sp.rows[s.at : s.at+take] {
			if e.row == nil {
				take = n
				break
			}
			for c, f := range r.src.scan.Fields {
				r.out.Cols[c].AppendValue(fieldsOf(e.row[f], r.src.scan.Table.Columns[f].Type, r.out.Cols[c].Type))
			}
			r.kind(e.kind)
			r.out.N++
		}
		r.runs = append(r.runs, exec.SplitRun{Split: i, From: from, To: r.out.N})
		r.starts = append(r.starts, s.at)
		s.at += take
	}
	if n > 0 {
		r.next = (r.next + 1) % n
	}
	if len(r.news) > 0 || r.out.N > 0 {
		w.changed.Broadcast() // for AwaitRead
	}
	return r.out.N > 0, r.out.N == 0 && len(r.news) > 0
}

// kind notes the kind of the row that is being appended.
func (r *reader) kind(k batch.ChangeKind) {
	if r.out.Kinds == nil && k == batch.Insert {
		return
	}
	for len(r.out.Kinds) < r.out.N {
		r.out.Kinds = append(r.out.Kinds, batch.Insert)
	}
	r.out.Kinds = append(r.out.Kinds, k)
}

func (r *reader) Progress() []exec.SplitProgress { return r.news }

func (r *reader) Positions() []exec.Split {
	out := make([]exec.Split, len(r.splits))
	for i, s := range r.splits {
		out[i] = exec.Split{ID: s.sp.id, State: strconv.AppendInt(nil, int64(s.at), 10)}
	}
	return out
}

func (r *reader) Done() []int {
	r.src.w.mu.Lock()
	defer r.src.w.mu.Unlock()
	var out []int
	for i, s := range r.splits {
		if end, final := r.end(i); final && s.at >= end {
			out = append(out, i)
		}
	}
	return out
}

// Pause leaves a split out of the next batches; World.AwaitRead does not wait for it meanwhile.
func (r *reader) Pause(split int, paused bool) error {
	r.src.w.mu.Lock()
	defer r.src.w.mu.Unlock()
	r.splits[split].paused = paused
	r.src.w.changed.Broadcast()
	return nil
}

func (r *reader) Locate(row int) string {
	for i, run := range r.runs {
		if row >= run.From && row < run.To {
			return fmt.Sprintf("split %s row %d", r.splits[run.Split].sp.id, r.starts[i]+row-run.From)
		}
	}
	return fmt.Sprintf("table %s row ?", r.src.in.name)
}

func (r *reader) Close() error {
	r.src.w.mu.Lock()
	defer r.src.w.mu.Unlock()
	delete(r.src.in.readers, r)
	return nil
}

// fieldsOf is v, a value of type t, with the fields that read has.
func fieldsOf(v types.Value, t, read types.Type) types.Value {
	row, ok := v.([]types.Value)
	if !ok || t.Kind != types.Row {
		return v
	}
	out := make([]types.Value, 0, len(read.Nested.Fields))
	for i, f := range t.Nested.Fields {
		if n := len(out); n < len(read.Nested.Fields) && read.Nested.Fields[n].Name == f.Name {
			out = append(out, fieldsOf(row[i], f.Type, read.Nested.Fields[n].Type))
		}
	}
	return out
}
