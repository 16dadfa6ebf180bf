package runtime_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"weir/exec"
	"weir/exec/runtime/runtimetest"
	"weir/planner/physical"
)

// sqlJob is a job in SQL whose tables have no end; rows are added by append.
func sqlJob(t *testing.T, sql string) (*streamTest, *runtimetest.World, *job) {
	s := &streamTest{sql: sql}
	plan := func() *physical.Job {
		p, err := s.plan(nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	w := runtimetest.New()
	for _, tb := range scanned(plan()) {
		w.Table(tb.Name, false, 2)
	}
	return s, w, newJob(t, w, plan)
}

// add appends rows, written as in testdata/stream, to a split of a table.
func (s *streamTest) add(t *testing.T, w *runtimetest.World, table string, split int, lines ...string) {
	t.Helper()
	p, err := s.plan(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tb := range scanned(p) {
		if tb.Name != table {
			continue
		}
		for _, l := range lines {
			w.Append(table, split, parseRow(t, tb, l))
		}
	}
}

const sumsSQL = `
CREATE TABLE orders (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH ('connector' = 'memory', 'bounded' = 'false', 'splits' = '2', 'scan.watermark.idle-timeout' = '100 ms');
CREATE TABLE sums (w TIMESTAMP(3), s BIGINT) WITH ('connector' = 'memory');
INSERT INTO sums SELECT window_end, SUM(n) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
`

// Split 1 is at 2 s and says nothing more. When it counts as idle, split 0's 30 s close the window [0 s,10 s):
// no row has come since the last epoch, and yet there is something to commit.
func TestWindowClosedByAnIdleSplitIsCommitted(t *testing.T) {
	s, w, j := sqlJob(t, sumsSQL)
	s.add(t, w, "orders", 0, "1 | 0:00:01", "2 | 0:00:30")
	s.add(t, w, "orders", 1, "4 | 0:00:02")
	r := j.runner()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	go func() {
		defer r.Stop()
		for len(w.Output("sums")) == 0 {
			if _, err := r.Checkpoint(ctx); err != nil {
				t.Errorf("the window was not committed: %v", err)
				return
			}
		}
	}()
	if _, err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	// SUM of 1 and 4; a Stop leaves [30 s,40 s) open.
	equal(t, w.Sorted("sums"), []string{"+I[10000000, 5]"})
}

// The end of --until end closes all windows, but time itself has not ended: rows that come later are late by the
// rows before them, not by that end. The window [10 s,20 s) is cut in two; [0 s,10 s) was over (17 s - 5 s).
func TestRowsAfterUntilEndAreNotLate(t *testing.T) {
	s, w, j := sqlJob(t, sumsSQL)
	j.opts.UntilEnd = true
	s.add(t, w, "orders", 0, "1 | 0:00:01", "2 | 0:00:17")
	s.add(t, w, "orders", 1, "4 | 0:00:17")
	j.mustRun()
	equal(t, w.Sorted("sums"), []string{"+I[10000000, 1]", "+I[20000000, 6]"})
	s.add(t, w, "orders", 0, "8 | 0:00:18", "16 | 0:00:09", "32 | 0:00:26")
	j.mustRun()
	equal(t, w.Sorted("sums"), []string{"+I[10000000, 1]", "+I[20000000, 6]", "+I[20000000, 8]", "+I[30000000, 32]"})
}

// clock is a time that the test moves.
type clock struct{ at atomic.Int64 }

func (c *clock) Now() time.Time { return time.Unix(0, c.at.Load()) }

// The broker forgets markers that are not written for days; a job may wait for input as long.
func TestMarkerOfAWaitingJobIsRenewed(t *testing.T) {
	w := runtimetest.New()
	want := fill(w, 30, 3, false)
	cfg := settings(t)
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	c := &clock{}
	c.at.Store(1_767_225_600_000_000_000)
	j.opts.Clock = c
	r := j.runner()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	go func() {
		defer r.Stop()
		epoch := func() exec.Epoch {
			e, err := r.Checkpoint(ctx)
			if err != nil {
				t.Error(err)
			}
			return e
		}
		for len(w.Output("output")) < 30 && ctx.Err() == nil {
			epoch()
		}
		last := epoch()
		for hour := range exec.Epoch(3) {
			c.at.Add(int64(time.Hour))
			if e := epoch(); e != last+hour+1 {
				t.Errorf("epoch %d after hour %d, the last one with rows was %d", e, hour+1, last)
			}
			if m := w.Marker(); m.Epoch != last+hour+1 {
				t.Errorf("the marker is of epoch %d", m.Epoch)
			}
		}
	}()
	if _, err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	equal(t, w.Sorted("output"), want)
}
