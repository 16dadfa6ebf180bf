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
	"weir/exec/killpoint"
	"weir/exec/runtime"
	"weir/exec/runtime/runtimetest"
	"weir/planner/config"
	"weir/planner/physical"
)

func paced(t *testing.T, n int) (*runtimetest.World, []string, *job) {
	w := runtimetest.New()
	w.Pace = 10
	want := fill(w, n, 3, true)
	cfg := settings(t)
	return w, want, newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
}

// once makes a fault that happens the nth time that op comes.
func once(op string, nth int64, err error) func(string) error {
	var seen atomic.Int64
	return func(o string) error {
		if o == op && seen.Add(1) == nth {
			return err
		}
		return nil
	}
}

func TestCommitWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	for _, op := range []string{"commit", "committed"} {
		for nth := int64(1); nth <= 4; nth++ {
			t.Run(fmt.Sprintf("%s/%d", op, nth), func(t *testing.T) {
				w, want, j := paced(t, 120)
				w.Fault = once(op, nth, exec.Restartf("", "commit", errors.New("the broker went away")))
				if sum := j.mustRun(); sum.Attempts != 2 {
					t.Errorf("%d attempts", sum.Attempts)
				}
				equal(t, w.Sorted("output"), want)
			})
		}
	}
}

func TestUnclassifiedFailureRestartsTheJob(t *testing.T) {
	for _, op := range []string{"poll", "write", "flush", "peek", "claim", "discover"} {
		t.Run(op, func(t *testing.T) {
			w, want, j := paced(t, 120)
			w.Fault = once(op, 1, errors.New("it hiccuped"))
			if sum := j.mustRun(); sum.Attempts != 2 {
				t.Errorf("%d attempts", sum.Attempts)
			}
			equal(t, w.Sorted("output"), want)
		})
	}
}

func TestFatalFailureStopsTheJobAndNothingUncommittedIsVisible(t *testing.T) {
	w, want, j := paced(t, 120)
	var writes atomic.Int64
	w.Fault = func(op string) error {
		if op == "write" && writes.Add(1) == 5 {
			return exec.Fatalf("mend the record", "write", errors.New("bad record"))
		}
		return nil
	}
	sum, err := j.run()
	if !errors.Is(err, exec.ErrFatal) || sum.Attempts != 1 || !strings.Contains(err.Error(), "bad record") {
		t.Fatalf("%v after %d attempts", err, sum.Attempts)
	}
	for _, c := range w.Output("output") {
		if c.Epoch > w.Marker().Epoch {
			t.Errorf("%s of epoch %d is visible, the last committed one is %d", c, c.Epoch, w.Marker().Epoch)
		}
	}
	w.Fault = nil
	j.mustRun()
	equal(t, w.Sorted("output"), want)
}

func TestPanicInAConnectorIsAnInternalError(t *testing.T) {
	w, want, j := paced(t, 60)
	w.Fault = func(op string) error {
		if op == "write" {
			panic("index out of range")
		}
		return nil
	}
	_, err := j.run()
	var in *runtime.InternalError
	if !errors.As(err, &in) || !strings.Contains(err.Error(), "this is a bug in weir") || !strings.Contains(err.Error(), "output/scan") {
		t.Fatalf("got %v", err)
	}
	w.Fault = nil
	j.mustRun()
	equal(t, w.Sorted("output"), want)
}

func TestRestartStrategyGivesUp(t *testing.T) {
	w, _, j := paced(t, 60)
	w.Fault = func(op string) error {
		if op == "write" {
			return errors.New("the disk is in a bad mood")
		}
		return nil
	}
	sum, err := j.run()
	if err == nil || sum.Attempts != 6 || !strings.Contains(err.Error(), "given up after 6 attempts") {
		t.Fatalf("%v after %d attempts", err, sum.Attempts)
	}
}

func TestExpiredTransactionIsReplayed(t *testing.T) {
	w, want, j := paced(t, 120)
	var n atomic.Int64
	w.Fault = func(op string) error {
		if op == "flush" && n.Add(1) == 4 {
			w.Expire()
		}
		return nil
	}
	if sum := j.mustRun(); sum.Attempts != 2 {
		t.Errorf("%d attempts", sum.Attempts)
	}
	equal(t, w.Sorted("output"), want)
}

func TestTransactionThatNeverCommitsInTimeStopsTheJob(t *testing.T) {
	w, _, j := paced(t, 120)
	w.Timeout = time.Microsecond // every epoch takes longer
	w.Fault = func(op string) error {
		if op == "commit" && w.Marker() != nil {
			w.Expire()
		}
		return nil
	}
	_, err := j.run()
	if !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "3 times in a row") || !strings.Contains(err.Error(), "transaction.timeout.ms") {
		t.Fatalf("got %v", err)
	}
}

func TestNewerInstanceFencesTheOlderOne(t *testing.T) {
	w := runtimetest.New()
	w.Pace = 10
	want := fill(w, 120, 3, false)
	cfg := settings(t, config.CheckpointDir, "file://"+t.TempDir())
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	first := make(chan error, 1)
	go func() {
		_, err := j.run()
		first <- err
	}()
	w.AwaitCommits(3)
	second := newJob(t, w, j.make) // another machine: an empty state directory
	w.End("input")
	second.mustRun()
	// The older one finds out at its next commit; it may also have finished just before.
	if err := <-first; err != nil && !errors.Is(err, exec.ErrFenced) {
		t.Errorf("the older instance ended with %v", err)
	}
	equal(t, w.Sorted("output"), want)
}

func TestStopCommitsWhatWasReadAndTheNextStartGoesOn(t *testing.T) {
	w := runtimetest.New()
	w.Pace = 50
	want := fill(w, 3000, 3, false)
	cfg := settings(t)
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	r := j.runner()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.AwaitCommits(3)
		r.Stop()
	}()
	sum, err := j.drive(r)
	<-done
	if err != nil || !sum.Stopped {
		t.Fatalf("%+v: %v", sum, err)
	}
	if n := len(w.Output("output")); int64(n) != sum.Rows.Out {
		t.Errorf("%d rows were written and %d committed", sum.Rows.Out, n)
	}
	w.End("input")
	if sum = j.mustRun(); sum.Stopped {
		t.Error("the input ended and the job says it was stopped")
	}
	equal(t, w.Sorted("output"), want)
}

func TestStopBeforeRunDoesNothing(t *testing.T) {
	w, _, j := paced(t, 60)
	r := j.runner()
	r.Stop()
	if sum, err := r.Run(context.Background()); err != nil || !sum.Stopped || w.Claims() != 0 {
		t.Fatalf("%+v, %v, %d claims", sum, err, w.Claims())
	}
}

func TestCancelLeavesAtOnceAndLosesNothing(t *testing.T) {
	w, want, j := paced(t, 240)
	ctx, cancel := context.WithCancel(context.Background())
	r := j.runner()
	var n atomic.Int64
	w.Fault = func(op string) error {
		if op == "flush" && n.Add(1) == 6 {
			cancel()
		}
		return nil
	}
	go func() {
		for ctx.Err() == nil {
			if _, err := r.Checkpoint(ctx); err != nil {
				return
			}
		}
	}()
	if _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	w.Fault = nil
	j.mustRun()
	equal(t, w.Sorted("output"), want)
}

func TestForgottenMarkerIsRefusedAndAcceptedOnRequest(t *testing.T) {
	w, want, j := paced(t, 120)
	if !j.dieAt(killpoint.Step6After, 3) {
		t.Fatal("not reached")
	}
	last := w.Marker()
	w.SetMarker(nil)
	claims := w.Claims()
	_, err := j.run()
	var refused *runtime.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(help(err), fmt.Sprintf("--accept-epoch %d", last.Epoch)) {
		t.Fatalf("got %v%s", err, help(err))
	}
	if w.Claims() != claims {
		t.Error("the transactional id was claimed before the refusal")
	}
	n := uint64(last.Epoch)
	j.opts.AcceptEpoch = &n
	j.mustRun()
	equal(t, w.Sorted("output"), want)
}

func TestJobWithoutTheStateOfItsOutputIsRefusedWithoutFencing(t *testing.T) {
	w, _, j := paced(t, 120)
	if !j.dieAt(killpoint.Step6After, 3) {
		t.Fatal("not reached")
	}
	claims := w.Claims()
	other := newJob(t, w, j.make)
	_, err := other.run()
	var refused *runtime.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "state is not here") || w.Claims() != claims {
		t.Fatalf("got %v, %d claims", err, w.Claims()-claims)
	}
}

func TestLostDiskIsRestoredFromTheCheckpointDirectory(t *testing.T) {
	for _, point := range killpoint.Points {
		t.Run(point, func(t *testing.T) {
			w := runtimetest.New()
			w.Pace = 10
			want := fill(w, 120, 3, true)
			cfg := settings(t, config.CheckpointDir, "file://"+t.TempDir(), config.CheckpointRetained, "2")
			j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
			if !j.dieAt(point, 3) {
				t.Fatal("not reached")
			}
			if err := os.RemoveAll(j.dir); err != nil {
				t.Fatal(err)
			}
			j.mustRun()
			equal(t, w.Sorted("output"), want)
		})
	}
}

// The broker says that an epoch is committed before it shows its marker to who asks, and the instance that made the epoch discards the
// checkpoint of the one before at once: a start on another machine sees the marker of a checkpoint that has gone.
func TestMarkerThatIsShownLateIsWaitedFor(t *testing.T) {
	w := runtimetest.New()
	w.Pace = 10
	want := fill(w, 120, 3, true)
	cfg := settings(t, config.CheckpointDir, "file://"+t.TempDir(), config.CheckpointRetained, "1")
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	if !j.dieAt(killpoint.Step6After, 3) {
		t.Fatal("not reached")
	}
	if err := os.RemoveAll(j.dir); err != nil {
		t.Fatal(err)
	}
	newest := w.Marker()
	w.SetMarker(&exec.Marker{Job: newest.Job, Epoch: newest.Epoch - 1, Nonce: "of the epoch before"})
	var peeks atomic.Int64
	w.Fault = func(op string) error {
		if op == "peek" && peeks.Add(1) == 4 {
			w.SetMarker(newest)
		}
		return nil
	}
	j.mustRun()
	equal(t, w.Sorted("output"), want)
}

// The broker has said that an epoch is committed, the job has recorded it, died and starts again before the broker shows the marker: that of the
// epoch before is there, or none where it is the first. There is no checkpoint directory that could hold the other.
func TestRecordedEpochWhoseMarkerIsShownLateGoesOn(t *testing.T) {
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprintf("first %v", first), func(t *testing.T) {
			w, want, j := paced(t, 120)
			var shown *exec.Marker
			if !first {
				if !j.dieAt(killpoint.Step6After, 2) {
					t.Fatal("not reached")
				}
				shown = w.Marker()
			}
			if !j.dieAt(killpoint.Step6After, 1) {
				t.Fatal("not reached")
			}
			newest := w.Marker()
			w.SetMarker(shown)
			w.Fault = func(op string) error {
				if op == "settle" {
					w.SetMarker(newest)
				}
				return nil
			}
			j.mustRun()
			equal(t, w.Sorted("output"), want)
		})
	}
}

func TestStateOfAnotherJobIsRefused(t *testing.T) {
	_, _, j := paced(t, 60)
	j.mustRun()
	make := j.make
	j.make = func() *physical.Job {
		p := make()
		p.Name = "other"
		return p
	}
	_, err := j.run()
	if err == nil || !strings.Contains(err.Error(), "belongs to job 'copy', not to 'other'") {
		t.Fatalf("got %v", err)
	}
}

func TestSourceThatIsGoneFromThePlanIsRefused(t *testing.T) {
	_, _, j := paced(t, 60)
	j.mustRun()
	make := j.make
	j.make = func() *physical.Job {
		p := make()
		p.Sinks[0].Input.(*physical.Calc).Input.Base().ID = "output/union/scan"
		return p
	}
	_, err := j.run()
	if err == nil || !strings.Contains(err.Error(), "no longer reads output/scan") {
		t.Fatalf("got %v", err)
	}
}

func TestSplitsFoundWhileRunningAreReadFromTheirBeginning(t *testing.T) {
	w := runtimetest.New()
	fill(w, 90, 3, false)
	cfg := settings(t)
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	done := make(chan struct{})
	r := j.runner()
	go func() {
		defer close(done)
		w.AwaitOutput("output", 90)
		w.AddSplit("input")
		w.Append("input", 3, rows(90, 30)...)
		w.AwaitOutput("output", 120)
		r.Stop()
	}()
	if _, err := j.drive(r); err != nil {
		t.Fatal(err)
	}
	<-done
	want := lines(rows(0, 120))
	slices.Sort(want)
	equal(t, w.Sorted("output"), want)
}

func TestUntilEndStopsAtTheEndsOfTheStartAndTheNextRunGoesOn(t *testing.T) {
	w := runtimetest.New()
	fill(w, 90, 3, false)
	cfg := settings(t)
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	j.opts.UntilEnd = true
	if sum := j.mustRun(); sum.Rows.In != 90 {
		t.Errorf("%+v", sum)
	}
	w.Append("input", 1, rows(90, 10)...)
	if sum := j.mustRun(); sum.Rows.In != 10 {
		t.Errorf("%+v", sum)
	}
	want := lines(rows(0, 100))
	slices.Sort(want)
	equal(t, w.Sorted("output"), want)
}

func TestEpochWithNothingNewIsSkipped(t *testing.T) {
	w := runtimetest.New()
	fill(w, 30, 3, false)
	cfg := settings(t)
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	r := j.runner()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	go func() {
		defer r.Stop()
		for len(w.Output("output")) < 30 {
			if _, err := r.Checkpoint(ctx); err != nil {
				t.Error(err)
				return
			}
		}
		last, err := r.Checkpoint(ctx)
		if err != nil {
			t.Error(err)
		}
		for range 5 {
			if e, err := r.Checkpoint(ctx); err != nil || e != last {
				t.Errorf("epoch %d after %d with nothing new: %v", e, last, err)
			}
		}
	}()
	if _, err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestCheckpointsByTheClockCommit(t *testing.T) {
	w := runtimetest.New()
	fill(w, 30, 3, false)
	cfg := settings(t, config.CheckpointInterval, "5 ms")
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	r := j.runner()
	go func() {
		w.AwaitOutput("output", 30)
		w.Append("input", 0, rows(30, 1)...)
		w.AwaitOutput("output", 31)
		r.Stop()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if _, err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestLongTransactionIsCutEarly(t *testing.T) {
	w := runtimetest.New()
	fill(w, 30, 3, false)
	w.Timeout = 60 * time.Millisecond
	cfg := settings(t) // an interval of an hour
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	r := j.runner()
	go func() {
		w.AwaitOutput("output", 30)
		r.Stop()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if _, err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestRestoreFromANamedCheckpoint(t *testing.T) {
	w := runtimetest.New()
	w.Pace = 10
	want := fill(w, 120, 3, true)
	chk := t.TempDir()
	cfg := settings(t, config.CheckpointDir, "file://"+chk, config.CheckpointRetained, "10")
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	if !j.dieAt(killpoint.Step6After, 3) {
		t.Fatal("not reached")
	}
	bare := settings(t)
	j.make = func() *physical.Job { return copyJob(bare, "exactly-once") }
	if err := os.RemoveAll(j.dir); err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(chk, "copy*", "chk-*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("%v %v", folders, err)
	}
	var last error
	for _, f := range folders { // only the one that the output ends with is taken
		j.opts.Restore = f
		if _, last = j.run(); last == nil {
			break
		}
		if !strings.Contains(last.Error(), "is not the one that the output ends with") {
			t.Fatal(last, help(last))
		}
	}
	if last != nil {
		t.Fatal(last, help(last))
	}
	equal(t, w.Sorted("output"), want)
}
