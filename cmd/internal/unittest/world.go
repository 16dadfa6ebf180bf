package unittest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"weir/exec/runtime"
	"weir/exec/runtime/drive"
	"weir/exec/runtime/runtimetest"
	"weir/planner/physical"
	"weir/planner/types"
)

// clock is processing time: it stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// live is one job of a test.
type live struct {
	*drive.Job
	plan  *physical.Job
	sinks []*output
}

// output is one written table of a job.
type output struct {
	sink      *physical.Sink // the first of those that write to it
	name      string
	columns   []column         // those that any sink fills
	fields    []int            // of the table, by column
	at        map[string][]int // by sink: where each column is in its rows, -1 where it has none
	forwarded int              // changes that were handed to other jobs' tables
}

func newLive(e *execution, job *physical.Job) (*live, error) {
	o := runtime.Options{Clock: e.clock}
	if e.r.Coverage != nil {
		o.Watch = e.r.Coverage.watcher(job)
	}
	d, err := drive.New(job, drive.Options{Durable: e.durable, Options: o})
	if err != nil {
		return nil, err
	}
	l := &live{Job: d, plan: job}
	l.sinks = outputs(job)
	return l, nil
}

// outputs is the tables that a job writes. Several of its statements may write to one, also late rows beside them.
func outputs(job *physical.Job) []*output {
	var out []*output
	for i, s := range job.Sinks {
		if slices.ContainsFunc(out, func(o *output) bool { return o.sink.Table.Name == s.Table.Name }) {
			continue
		}
		o := &output{sink: s, name: shown(s.Table), at: map[string][]int{}}
		for f, c := range s.Table.Columns {
			fills := func(s *physical.Sink) bool { return s.Table.Name == o.sink.Table.Name && slices.Contains(s.Fields, f) }
			if slices.ContainsFunc(job.Sinks[i:], fills) {
				o.columns, o.fields = append(o.columns, column{c.Name, c.Type}), append(o.fields, f)
			}
		}
		for _, w := range job.Sinks[i:] {
			if w.Table.Name == s.Table.Name {
				for _, f := range o.fields {
					o.at[w.ID] = append(o.at[w.ID], slices.Index(w.Fields, f))
				}
			}
		}
		out = append(out, o)
	}
	return out
}

// rows is the changes that the job has put out for o, in the order of o's columns.
func (l *live) rows(o *output) []runtimetest.Change {
	out := l.World.Output(o.sink.Table.Name)
	for i, c := range out {
		row := make([]types.Value, len(o.fields))
		for k, at := range o.at[c.Sink] {
			if at >= 0 {
				row[k] = c.Row[at]
			}
		}
		out[i].Row = row
	}
	return out
}

// start starts the jobs that do not run.
func (e *execution) start() error {
	e.down = false
	for _, l := range e.jobs {
		if err := l.Start(e.ctx, e.par); err != nil {
			return err
		}
	}
	return nil
}

func (e *execution) feed(table string, x runtimetest.Entry) error {
	if err := e.start(); err != nil { // after a death it goes on by itself
		return err
	}
	for _, l := range e.jobs {
		if err := l.Feed(table, x); err != nil {
			return err
		}
	}
	if e.chained() && !e.durable {
		return e.settle()
	}
	return nil
}

// settle lets all jobs come to rest. What one writes and another reads goes on its way.
func (e *execution) settle() error {
	for {
		for _, l := range e.jobs {
			if err := l.Settle(); err != nil {
				return err
			}
		}
		if moved, err := e.forward(); err != nil || !moved {
			return err
		}
	}
}

// chained reports that one job reads what another writes.
func (e *execution) chained() bool {
	for _, l := range e.jobs {
		for _, o := range l.sinks {
			if e.readers(l, o) {
				return true
			}
		}
	}
	return false
}

func (e *execution) readers(writer *live, o *output) bool {
	for _, l := range e.jobs {
		if l != writer && l.Scans[o.sink.Table.Name] > 0 {
			return true
		}
	}
	return false
}

// forward hands what jobs have written to the jobs that read it, as a topic would.
func (e *execution) forward() (moved bool, err error) {
	for _, l := range e.jobs {
		for _, o := range l.sinks {
			if !e.readers(l, o) {
				continue
			}
			all := l.rows(o)
			for _, c := range all[o.forwarded:] {
				wide := make([]types.Value, len(o.sink.Table.Columns))
				for k, f := range o.fields {
					wide[f] = c.Row[k]
				}
				moved = true
				for _, reader := range e.jobs {
					if reader != l {
						if err := reader.Feed(o.sink.Table.Name, runtimetest.Entry{Kind: c.Kind, Row: wide}); err != nil {
							return false, err
						}
					}
				}
			}
			o.forwarded = len(all)
		}
	}
	return moved, nil
}

// advance moves processing time on, under jobs that run or while they are down.
func (e *execution) advance(d time.Duration) error {
	if e.down {
		e.clock.advance(d)
		return nil
	}
	if err := e.start(); err != nil {
		return err
	}
	if err := e.settle(); err != nil {
		return err
	}
	e.clock.advance(d)
	for _, l := range e.jobs {
		l.Wake()
	}
	return e.settle()
}

// checkpoint commits what the jobs have done so far.
func (e *execution) checkpoint() error {
	if err := e.start(); err != nil {
		return err
	}
	for {
		for _, l := range e.jobs {
			if err := l.Checkpoint(); err != nil {
				return err
			}
		}
		if moved, err := e.forward(); err != nil || !moved {
			return err
		}
	}
}

func (e *execution) kill() error {
	for _, l := range e.jobs {
		if err := l.Die(); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the jobs as SIGTERM does: with a last epoch.
func (e *execution) stop() error {
	for _, l := range e.jobs {
		if err := l.Stop(); err != nil {
			return err
		}
	}
	_, err := e.forward()
	return err
}

// finish ends the tables, and with them the jobs: writers before readers.
func (e *execution) finish() error {
	if err := e.start(); err != nil {
		return err
	}
	if err := e.settle(); err != nil {
		return err
	}
	left := slices.Clone(e.jobs)
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(l *live) bool {
			return !slices.ContainsFunc(left, func(w *live) bool {
				return w != l && slices.ContainsFunc(w.sinks, func(o *output) bool { return l.Scans[o.sink.Table.Name] > 0 })
			})
		})
		next = max(next, 0) // of jobs that feed each other, one is first
		l := left[next]
		left = slices.Delete(left, next, next+1)
		if err := l.End(); err != nil {
			return err
		}
		if _, err := e.forward(); err != nil {
			return err
		}
	}
	return nil
}

// close ends what still runs and removes the state.
func (e *execution) close() error {
	var errs []error
	for _, l := range e.jobs {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
