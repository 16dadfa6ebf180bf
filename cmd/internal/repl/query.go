package repl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
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

// waitingAfter is when a query on a terminal that has shown nothing says that it is alive.
const waitingAfter = time.Second

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
	err    error // of the output
}

// take is called by the sink of the query.
func (s *screen) take(b *batch.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	for k := range b.Rows() {
		i := k
		if b.Sel != nil {
			i = int(b.Sel[k])
		}
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
func (s *screen) tick() (rows int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended && s.err == nil {
		s.err = s.v.flush()
	}
	return s.rows
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
	job, err := interactive(q.Job)
	if err != nil {
		return err
	}
	if err := s.o.Prepare(job); err != nil {
		return err
	}
	began := time.Now()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	scr := &screen{limit: s.maxRows, enough: func() { cancel(errEnough) }}
	scr.v = newView(s.mode, s.result(q, job), s.o.Stdout)
	connectors := maps.Clone(s.connectors)
	connectors[collectConnector] = Collect(scr.take)
	runner, err := runtime.New(job, runtime.Options{Connectors: connectors, Log: s.log, UntilEnd: s.o.UntilEnd, Memory: s.o.Memory})
	if err != nil {
		return err
	}
	if s.mode == ModeTable && s.o.Terminal {
		defer s.desk.hold()()
	}
	interrupted := false
	done := s.foreground(func(n int) {
		interrupted = true
		cancel(errInterrupted)
	})
	stopTicks := s.ticks(scr)
	_, err = runner.Run(ctx)
	stopTicks()
	done()
	how := endBounded
	switch {
	case errors.Is(context.Cause(ctx), errEnough):
		how, err = endEnough, nil
	case interrupted:
		how, err = endCancelled, nil
	case err != nil:
		how = endFailed
	}
	if interrupted && s.o.Terminal {
		fmt.Fprint(s.o.Stdout, "\r\x1b[K") // the ^C that the terminal has echoed
	}
	took := time.Duration(0)
	if s.timer {
		took = time.Since(began)
	}
	if werr := scr.end(how, took); werr != nil {
		// Nobody reads the output any more.
		return &outputError{werr}
	}
	if interrupted && err == nil {
		return errInterrupted
	}
	return err
}

// outputError is a failure to write what was to be shown.
type outputError struct{ error }

func (e *outputError) Error() string { return "write the result: " + e.error.Error() }
func (e *outputError) Unwrap() error { return e.error }

// ticks flushes the view now and then, and on a terminal says that the query runs although nothing came.
func (s *Shell) ticks(scr *screen) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(settleTime)
		defer t.Stop()
		quiet, began := s.o.Interactive, time.Now()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
			}
			rows := scr.tick()
			if quiet && rows == 0 && time.Since(began) >= waitingAfter {
				s.note("no rows yet; ^C stops the query")
			}
			quiet = quiet && rows == 0 && time.Since(began) < waitingAfter
		}
	}()
	return func() { close(quit); <-done }
}

// interactive is the job of a query without checkpoints: its rows are seen at once and nothing is kept.
func interactive(j *physical.Job) (*physical.Job, error) {
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
		columns: q.Columns, mode: q.Changelog.Mode, key: q.Changelog.Key, zone: datetime.NewZone(job.Config.Zone()), null: s.null,
		bounded: s.o.UntilEnd || s.bounded(job), color: s.o.Color,
	}
	if s.o.Terminal {
		r.terminal = true
		r.width, r.height = s.size()
	}
	return r
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
	ends := true
	var walk func(physical.Node)
	walk = func(n physical.Node) {
		if scan, ok := n.(*physical.Scan); ok && !s.boundedTable(scan.Table) {
			ends = false
		}
		for _, in := range n.Inputs() {
			walk(in)
		}
	}
	for _, sink := range j.Sinks {
		walk(sink)
	}
	return ends
}

func (s *Shell) boundedTable(t *catalog.Table) bool {
	c := s.o.Planner.Registry.Connectors[t.Connector]
	return c != nil && c.Bounded != nil && c.Bounded(t)
}
