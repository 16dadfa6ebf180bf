package repl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"weir/exec/batch"
	"weir/exec/runtime"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/datetime"
	"weir/planner/physical"
)

// aliveAfter is when a query on a terminal begins to say how it does.
const aliveAfter = 500 * time.Millisecond

// shownAtMost is how many rows of a query that ends by itself a terminal shows, unless .maxrows says otherwise.
const shownAtMost = 40

// errEnough ends a query whose rows are enough.
var errEnough = errors.New("enough rows")

// screen is the view of a query with what makes it safe for the goroutines around it.
type screen struct {
	mu     sync.Mutex
	v      view
	rows   int64
	limit  int64 // rows to show at most; 0: all
	ended  bool
	enough func()
	err    error  // of the output
	note   string // how the query does
}

// status is how the query does, for a view that draws it itself. The caller holds mu: it is called by the view.
func (s *screen) status() string {
	if s.note == "" {
		return "^C stops"
	}
	return s.note
}

// say notes how the query does; the line that it gives is "" when the query has ended.
func (s *screen) say(how string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return ""
	}
	s.note = how + "   ^C stops"
	switch s.rows {
	case 0:
		return "no rows yet   " + s.note
	case 1:
		return "1 row   " + s.note
	}
	return fmt.Sprintf("%d rows   %s", s.rows, s.note)
}

// take is called by the sink of the query.
func (s *screen) take(b *batch.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	for k := range b.Rows() {
		i := b.At(k)
		s.v.change(b, i)
		if s.rows++; s.rows == s.limit {
			s.ended = true
			s.enough()
			break
		}
	}
	s.err = s.v.flush()
	return s.err
}

// tick lets the view show what it has held back.
func (s *screen) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended && s.err == nil {
		s.err = s.v.flush()
	}
}

func (s *screen) end(how ending, took time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.err != nil {
		return s.err
	}
	return s.v.end(s.rows, how, took)
}

// query runs a SELECT and shows its changes until it ends, enough rows came, or the user interrupts it.
func (s *Shell) query(q *planner.QueryResult) error {
	job, err := WithoutCheckpoints(q.Job)
	if err != nil {
		return err
	}
	if err := s.o.Prepare(job); err != nil {
		return err
	}
	began := time.Now()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	r := s.result(q, job)
	scr := &screen{enough: func() { cancel(errEnough) }}
	if r.max == 0 || !s.elides() {
		scr.limit = s.maxRows
	}
	r.status = scr.status
	scr.v = newView(s.mode, r, s.stdout())
	connectors := maps.Clone(s.connectors)
	connectors[collectConnector] = Collect(scr.take)
	o := runtime.Options{Connectors: connectors, Log: s.log, UntilEnd: s.o.UntilEnd, Memory: s.o.Memory}
	alive := s.o.Interactive && s.terminal() && !s.o.Quiet
	var counted atomic.Pointer[runtime.Status] // the last one with counters: they go when the query ends
	if alive {
		o.Status = func(st runtime.Status) {
			if len(st.Operators) > 0 {
				counted.Store(&st)
			}
			if line := scr.say(s.o.Status(st)); line != "" && time.Since(began) >= aliveAfter {
				width, _ := s.size()
				// A failure to write is the query's own: its next row meets it.
				_ = s.desk.status(paint(r.color, colorDim) + clip(line, width-1) + paint(r.color, colorReset))
			}
		}
	}
	runner, err := runtime.New(job, o)
	if err != nil {
		return err
	}
	release := func() {}
	if s.mode == ModeTable && s.terminal() {
		release = s.desk.hold()
	}
	how, err := s.run(ctx, cancel, runner, scr)
	if s.mode != ModeTable {
		if serr := s.desk.status(""); serr != nil && err == nil {
			err = &outputError{serr}
		}
	}
	if how == endCancelled && s.terminal() {
		fmt.Fprint(s.stdout(), eraseLine) // the ^C that the terminal has echoed
	}
	took := time.Duration(0)
	if s.timer {
		took = time.Since(began)
	}
	werr := scr.end(how, took)
	release()
	if werr != nil {
		// Nobody reads the output any more.
		return &outputError{werr}
	}
	if scr.rows == 0 && err == nil && s.o.Interactive {
		if last := counted.Load(); last != nil {
			if text := why(job, *last); text != "" {
				s.note(text)
			}
		}
	}
	if how == endCancelled && err == nil {
		return errInterrupted
	}
	return err
}

// run runs a query to its end. The first interrupt cancels it; a second one does not wait until it has given up what it
// holds, which takes a while when a broker is away.
func (s *Shell) run(ctx context.Context, cancel context.CancelCauseFunc, runner *runtime.Runner, scr *screen) (ending, error) {
	ended, forced := make(chan error, 1), make(chan struct{})
	interrupted := atomic.Bool{}
	done := s.foreground(func(n int) {
		switch n {
		case 1:
			interrupted.Store(true)
			cancel(errInterrupted)
		case 2:
			close(forced)
		}
	})
	stopTicks := s.ticks(scr)
	go func() {
		_, err := runner.Run(ctx)
		ended <- err
	}()
	var err error
	select {
	case err = <-ended:
	case <-forced:
		s.note("not waiting for the query: it ends behind the shell")
	}
	stopTicks()
	done()
	switch {
	case errors.Is(context.Cause(ctx), errEnough):
		return endEnough, nil
	case interrupted.Load():
		return endCancelled, nil
	case err != nil:
		return endFailed, err
	}
	return endBounded, nil
}

// outputError is a failure to write what was to be shown.
type outputError struct{ error }

func (e *outputError) Error() string { return "write the result: " + e.error.Error() }
func (e *outputError) Unwrap() error { return e.error }

// ticks lets the view show, now and then, what it has held back.
func (s *Shell) ticks(scr *screen) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(settleTime)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
				scr.tick()
			}
		}
	}()
	return func() { close(quit); <-done }
}

// WithoutCheckpoints is the job of a query without checkpoints: its rows are seen at once and nothing is kept.
func WithoutCheckpoints(j *physical.Job) (*physical.Job, error) {
	c := *j
	c.Config = j.Config.Clone()
	for key, value := range map[string]string{config.CheckpointInterval: "0 ms", config.RestartStrategy: "none"} {
		if err := c.Config.Set(key, value, config.FromFlag); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// result is what the view of q needs to know.
func (s *Shell) result(q *planner.QueryResult, job *physical.Job) *result {
	r := &result{
		columns: q.Columns, mode: q.Changelog.Mode, key: q.Changelog.Key, zone: datetime.NewZone(job.Config.Zone()),
		bounded: s.o.UntilEnd || s.bounded(job),
	}
	s.look(r)
	return r
}

// look puts into r how the shell shows rows now.
func (s *Shell) look(r *result) {
	r.null, r.color, r.expand = s.null, s.color(), s.expand
	if !s.terminal() {
		return
	}
	r.terminal = true
	r.width, r.height = s.size()
	r.size = s.size
	if !r.bounded && s.mode != ModeTable {
		return
	}
	r.max = shownAtMost
	if s.maxSet {
		r.max = int(s.maxRows)
	}
}

// elides reports whether the mode can leave rows out of the middle.
func (s *Shell) elides() bool {
	return s.mode == ModeTable || s.expand != expandOn && (s.mode == ModeTableau || s.mode == ModeChangelog)
}

// size is the columns and lines of the terminal.
func (s *Shell) size() (width, height int) {
	if f, ok := s.o.Stdout.(*os.File); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return 80, 24
}

// bounded reports whether every source of j ends by itself.
func (s *Shell) bounded(j *physical.Job) bool {
	for n := range j.Nodes() {
		if scan, ok := n.(*physical.Scan); ok && !s.boundedTable(scan.Table) {
			return false
		}
	}
	return true
}

func (s *Shell) boundedTable(t *catalog.Table) bool {
	c := s.o.Planner.Registry.Connectors[t.Connector]
	return c != nil && c.Bounded != nil && c.Bounded(t)
}
