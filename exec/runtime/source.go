package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"weir/exec"
	"weir/exec/expr"
	"weir/planner/physical"
	"weir/state"
)

// maxPoll is how long a source task waits for rows at a stretch. Commands wake it earlier.
const maxPoll = 200 * time.Millisecond

// source is one Scan or Values of the plan for the life of a run; its subtasks are sourceTasks.
type source struct {
	id    string
	table string         // for messages
	node  physical.Node  // Scan or Values
	scan  *physical.Scan // nil for Values
	spec  exec.SourceSpec

	// ends: all splits end, by themselves or because the job reads until the ends found at the start.
	ends bool
	// keepsDone: a split that is done stays so in the next run. Not so for one that ended only because the
	// job was to end.
	keepsDone bool

	// For the coordinator's goroutine:
	finished []state.SplitRecord // done in an earlier run: not read again, but remembered
	known    []exec.Split        // every split there is, with the last known position
}

// sourceTask reads the splits of one subtask.
type sourceTask struct {
	src      *source
	task     *task
	reader   exec.SourceReader
	progress *progress
	metrics  *exec.Metrics
	now      func() time.Time

	mu       sync.Mutex
	commands []command
	pending  atomic.Bool   // commands is not empty
	signal   chan struct{} // capacity 1: a command came

	splits  int      // given to the reader
	ids     []string // of the splits
	stopped bool
	doneN   int

	group *alignment // nil: the table is in no alignment group
}

// command is what the coordinator wants of a source task: one of the fields.
type command struct {
	splits  []exec.SplitState // further splits to read
	barrier *barrier          // between two batches
	stop    bool              // read no more; barriers still pass
}

// post hands c to the task. Any goroutine.
func (s *sourceTask) post(c command) {
	s.mu.Lock()
	s.commands = append(s.commands, c)
	s.pending.Store(true)
	s.mu.Unlock()
	select {
	case s.signal <- struct{}{}:
	default: // it has been told already
	}
	s.reader.Wake()
}

// nudge wakes the task if it has not taken its commands: a Wake may have come just before the reader waited.
func (s *sourceTask) nudge() {
	if s.pending.Load() {
		s.reader.Wake()
	}
}

func (s *sourceTask) run(ctx context.Context) error {
	if err := s.advance(); err != nil {
		return err
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if s.pending.Load() {
			if err := s.obey(); err != nil {
				return err
			}
		}
		if s.src.ends && s.doneN == s.splits && !s.task.done.Load() {
			if err := s.finish(); err != nil {
				return err
			}
		}
		if s.stopped || s.task.done.Load() {
			select {
			case <-s.signal:
			case <-ctx.Done():
			}
			continue
		}
		if err := s.task.tick(); err != nil { // what fell due while the job was down goes out before anything is read
			return err
		}
		if err := s.poll(ctx); err != nil {
			return err
		}
	}
}

// finish ends the task's output: all windows close, then nothing follows but barriers.
func (s *sourceTask) finish() error {
	s.task.activity.Add(1)
	s.group.leave()
	if s.progress.idle {
		if err := s.task.first.idle(false); err != nil {
			return err
		}
	}
	if err := s.task.first.watermark(exec.MaxWatermark); err != nil {
		return err
	}
	s.metrics.Watermark.Store(int64(exec.MaxWatermark))
	return s.task.finish()
}

func (s *sourceTask) obey() error {
	s.mu.Lock()
	commands := s.commands
	s.commands = nil
	s.pending.Store(false)
	s.mu.Unlock()
	for _, c := range commands {
		switch {
		case c.stop:
			s.stopped = true
		case c.barrier != nil:
			a := &ack{splits: s.positions()}
			if err := s.task.barrier(c.barrier, a); err != nil {
				return err
			}
		default:
			if err := s.add(c.splits); err != nil {
				return err
			}
			if err := s.advance(); err != nil {
				return err
			}
		}
	}
	return nil
}

// add gives the reader further splits.
func (s *sourceTask) add(splits []exec.SplitState) error {
	if len(splits) == 0 {
		return nil
	}
	plain := make([]exec.Split, len(splits))
	for i, sp := range splits {
		plain[i] = sp.Split
		s.ids = append(s.ids, sp.ID)
		s.progress.add(sp.Watermark)
	}
	s.splits += len(splits)
	s.task.activity.Add(1)
	s.group.report(s.progress)
	return s.reader.AddSplits(plain)
}

// positions is the state of the task's splits behind the last row that was passed on.
func (s *sourceTask) positions() []exec.SplitState {
	at := s.reader.Positions()
	out := make([]exec.SplitState, len(at))
	for i, sp := range at {
		out[i] = exec.SplitState{Split: sp, Watermark: s.progress.splits[i].wm, Done: s.progress.splits[i].done}
	}
	return out
}

func (s *sourceTask) poll(ctx context.Context) error {
	watch := &s.task.watch
	was, timed := watch.enter(s.metrics)
	defer watch.leave(was, timed)
	wait := min(maxPoll, s.task.untilTimer())
	if t := s.progress.timeout; t > 0 {
		wait = min(wait, max(t/4, time.Millisecond))
	}
	if g := s.group; g != nil {
		if err := g.align(s.progress, s.reader, s.now()); err != nil {
			return &stageError{s.src.id, err}
		}
		s.metrics.Paused.Store(int64(g.paused))
		wait = min(wait, g.every)
	}
	before, waited := s.now(), s.metrics.Waited.Load()
	sb, err := s.reader.Poll(ctx, wait)
	took := s.now().Sub(before)
	s.progress.wait(took)
	if sb == nil && timed {
		s.metrics.Waited.Store(waited + int64(took)) // all of it, whatever the reader has counted itself
	}
	if err != nil {
		return &stageError{s.src.id, err}
	}
	if sb != nil {
		s.task.activity.Add(1)
		if n := sb.Batch.Rows(); n > 0 {
			s.metrics.RowsIn.Add(int64(n))
			s.metrics.RowsOut.Add(int64(n))
			s.metrics.Batches.Add(1)
			if err := s.task.tick(); err != nil {
				return err
			}
			if err := s.pass(sb); err != nil {
				return s.located(err)
			}
		}
	}
	if r, ok := s.reader.(exec.ProgressReader); ok {
		for _, p := range r.Progress() {
			s.progress.tell(p)
		}
	}
	s.markDone()
	s.tell()
	if s.src.ends && s.doneN == s.splits {
		// The end follows with the last watermark. Without active splits the subtask would now call itself
		// idle, and a gate downstream would not wait for what is still under way from here.
		return nil
	}
	return s.advance()
}

// pass hands on the rows of sb, and with scan.watermark.emit.strategy = on-event the
// watermarks in between.
func (s *sourceTask) pass(sb *exec.SourceBatch) error {
	p := s.progress
	if p.expr != nil && p.exact && !p.onEvent {
		return s.passExact(sb)
	}
	if p.expr == nil || !p.onEvent {
		if err := p.rows(sb); err != nil {
			return err
		}
		return s.task.first.Emit(sb.Batch)
	}
	b, all := sb.Batch, sb.Batch.Sel
	defer func() { b.Sel = all }()
	at := 0
	var one [1]int32
	for _, r := range sb.Runs {
		for i := r.From; i < r.To; i++ {
			if all != nil {
				for at < len(all) && int(all[at]) < i {
					at++
				}
				if at == len(all) || int(all[at]) >= r.To {
					break
				}
				i = int(all[at])
			}
			one[0] = int32(i)
			b.Sel = one[:]
			if err := p.rows(&exec.SourceBatch{Batch: b, Runs: []exec.SplitRun{{Split: r.Split, From: i, To: i + 1}}}); err != nil {
				return err
			}
			if err := s.task.first.Emit(b); err != nil {
				return err
			}
			if err := s.advance(); err != nil {
				return err
			}
		}
	}
	return nil
}

// advance forwards what the splits' watermarks make together.
func (s *sourceTask) advance() error {
	o := s.progress.combine()
	s.metrics.Idle.Store(s.progress.idle)
	if o.advance {
		s.metrics.Watermark.Store(int64(o.wm))
	}
	if o.advance || o.idle || o.active {
		s.task.activity.Add(1) // an idle subtask no longer holds others' watermarks back: windows may close further down
	}
	return s.task.apply(o)
}

// tell says in the metrics how its splits are.
func (s *sourceTask) tell() {
	splits, idle, slow := s.progress.tally()
	s.metrics.Splits.Store(int64(splits))
	s.metrics.Silent.Store(int64(idle))
	if slow < 0 {
		s.metrics.Slowest.Store(nil)
		return
	}
	wm := s.progress.splits[slow].wm
	if was := s.metrics.Slowest.Load(); was == nil || was.Watermark != wm || was.ID != s.ids[slow] {
		s.metrics.Slowest.Store(&exec.SlowSplit{ID: s.ids[slow], Watermark: wm})
	}
}

// markDone takes note of splits that were read to their end.
func (s *sourceTask) markDone() {
	done := s.reader.Done()
	if len(done) == s.doneN {
		return
	}
	for _, i := range done {
		if sp := &s.progress.splits[i]; !sp.done {
			sp.done = true
			s.doneN++
			s.task.activity.Add(1)
		}
	}
}

// located adds to a row's error where the row came from, as long as that is known: for the
// operator that works on the reader's own rows.
func (s *sourceTask) located(err error) error {
	var at *stageError
	var row *expr.RowError
	if !errors.As(err, &row) {
		return err
	}
	if errors.As(err, &at) && !slices.Contains(s.task.heads, at.id) {
		return err
	}
	return fmt.Errorf("%s: %w", s.progress.locate(row.Row), err)
}

// locator is how messages name the place of a row of reader's last batch.
func locator(table string, reader exec.SourceReader) func(int) string {
	if l, ok := reader.(exec.RowLocator); ok {
		return l.Locate
	}
	return func(row int) string {
		return fmt.Sprintf("table %s, row %d of the batch that ends before %s", table, row, describe(reader.Positions()))
	}
}

func describe(splits []exec.Split) string {
	s := ""
	for i, sp := range splits {
		if i == 3 {
			return fmt.Sprintf("%s and %d more", s, len(splits)-i)
		}
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s at %s", sp.ID, sp.State)
	}
	return s
}
