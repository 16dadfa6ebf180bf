package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/exec"
	"weir/exec/runtime"
	"weir/exec/runtime/runtimetest"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/state"
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
	told := false
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
		told = slices.ContainsFunc(r.Status().Operators, func(o runtime.OperatorStatus) bool {
			return o.Table == "orders" && o.Splits == 2 && o.Silent > 0
		})
	}()
	if _, err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	// SUM of 1 and 4; a Stop leaves [30 s,40 s) open.
	equal(t, w.Sorted("sums"), []string{"+I[10000000, 5]"})
	if !told {
		t.Error("the status tells of no idle split of two")
	}
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

// faultyFS calls read before a checkpoint's manifest is read, and fails at the points that at says.
type faultyFS struct {
	state.FS
	read func()
	at   func(point string) error
}

func (f faultyFS) ReadFile(name string) ([]byte, error) {
	if f.read != nil && strings.HasPrefix(filepath.Base(filepath.Dir(name)), "chk-") {
		f.read()
	}
	return f.FS.ReadFile(name)
}

func (f faultyFS) At(point string) error {
	if f.at == nil {
		return nil
	}
	return f.at(point)
}

// The instance that is to be replaced goes on while the new one looks around: between the marker that it reads and the checkpoint
// that it looks for there are epochs, and only the newest checkpoint is kept.
func TestStartBesideAnInstanceThatGoesOn(t *testing.T) {
	w := runtimetest.New()
	w.Pace = 10
	fill(w, 30, 3, false)
	cfg := settings(t, config.CheckpointDir, "file://"+t.TempDir(), config.CheckpointRetained, "1")
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	n, busy := 30, 3
	var told atomic.Bool
	w.Fault = func(op string) error {
		if op == "poll" && w.Claims() == 2 && !told.Swap(true) {
			w.Append("input", 0, rows(n, 1)...) // the older one finds out when it has something to commit
		}
		return nil
	}
	first := make(chan error, 1)
	go func() {
		_, err := j.run()
		first <- err
	}()
	w.AwaitOutput("output", 30)
	second := newJob(t, w, j.make)
	second.opts.FS = faultyFS{FS: state.OS(), read: func() {
		if busy == 0 {
			return
		}
		busy--
		for range 3 {
			w.Append("input", 0, rows(n, 1)...)
			n++
			w.AwaitOutput("output", n)
		}
	}}
	r := second.runner()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := <-first; !errors.Is(err, exec.ErrFenced) {
			t.Errorf("the older instance ended with %v", err)
		}
		r.Stop()
	}()
	if _, err := second.drive(r); err != nil {
		t.Fatal(err, help(err))
	}
	<-done
	if busy > 0 {
		t.Error("no checkpoint was looked for")
	}
	w.End("input")
	second.opts.FS = nil
	second.mustRun()
	want := lines(rows(0, n+1))
	slices.Sort(want)
	equal(t, w.Sorted("output"), want)
}

// The first start dies when its checkpoint is written and its manifest is not, and the disk is lost too or not.
func TestFirstStartThatDiesInStep3StartsAgain(t *testing.T) {
	for _, guarantee := range []string{"exactly-once", "at-least-once", "files"} {
		for _, point := range []string{"prepare:start", "checkpoint:manifest", "prepare:manifest", "prepare:done"} {
			for _, lost := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", guarantee, point, lost), func(t *testing.T) {
					w := runtimetest.New()
					want := fill(w, 30, 3, true)
					cfg := settings(t, config.CheckpointDir, "file://"+t.TempDir())
					j := newJob(t, w, func() *physical.Job { return copyJob(cfg, guarantee) })
					j.opts.FS = faultyFS{FS: state.OS(), at: func(p string) error {
						if p == point {
							return errKilled
						}
						return nil
					}}
					if _, err := j.run(); !errors.Is(err, errKilled) {
						t.Fatalf("expected to die at %s, got %v", point, err)
					}
					j.opts.FS = nil
					if lost {
						if err := os.RemoveAll(j.dir); err != nil {
							t.Fatal(err)
						}
					}
					j.mustRun()
					equal(t, w.Sorted("output"), want)
				})
			}
		}
	}
}

const alignedSQL = `
CREATE TABLE fast (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'memory', 'bounded' = 'false', 'splits' = '2',
  'scan.watermark.alignment.group' = 'g', 'scan.watermark.alignment.max-drift' = '10 s', 'scan.watermark.alignment.update-interval' = '1 ms');
CREATE TABLE slow (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'memory', 'bounded' = 'false', 'splits' = '2',
  'scan.watermark.alignment.group' = 'g', 'scan.watermark.alignment.max-drift' = '1 h', 'scan.watermark.alignment.update-interval' = '1 ms');
CREATE TABLE output (n BIGINT) WITH ('connector' = 'memory');
INSERT INTO output SELECT n FROM fast UNION ALL SELECT n FROM slow;
`

// The splits of the fast table go on to 10 s behind the slow one and wait there, through checkpoints and restarts, for as long as the slow one says
// nothing; when it has come to its end they go on.
func TestAlignedTableWaitsForTheSlowOne(t *testing.T) {
	s, w, j := sqlJob(t, alignedSQL)
	w.BatchRows = 1
	var lines []string
	for i := range 60 {
		lines = append(lines, fmt.Sprintf("%d | 0:00:%02d", i, i))
	}
	s.add(t, w, "slow", 0, "1000 | 0:00:01")
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// until runs the job until so many rows are committed and so many splits wait; more rows must not be there then.
	until := func(rows int, waiting int64) {
		t.Helper()
		r := j.runner()
		go func() {
			defer r.Stop()
			for ctx.Err() == nil {
				if _, err := r.Checkpoint(ctx); err != nil {
					t.Error(err)
					return
				}
				paused := int64(0)
				for _, o := range r.Status().Operators {
					paused += o.Paused
				}
				if paused == waiting && len(w.Output("output")) >= rows {
					return
				}
			}
			t.Errorf("%d rows were to come out: %v", rows, w.Sorted("output"))
		}()
		if _, err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if out := w.Sorted("output"); len(out) != rows {
			t.Errorf("%d rows were to come out: %v", rows, out)
		}
	}
	until(1, 0)
	s.add(t, w, "fast", 0, lines...)
	s.add(t, w, "fast", 1, lines...)
	// A split has read its row of 12 s when it is more than 10 s ahead of 1 s.
	until(1+2*13, 2)
	until(1+2*13, 2)
	s.add(t, w, "slow", 0, "2000 | 0:00:21")
	until(2+2*33, 2)
	w.End("slow")
	w.End("fast")
	j.mustRun()
	if n := len(w.Output("output")); n != 2+2*60 {
		t.Errorf("%d rows came out in the end, not all 122", n)
	}
}
