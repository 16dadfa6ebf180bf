package runtime_test

import (
	"fmt"
	"slices"
	"testing"

	"weir/exec/killpoint"
	"weir/exec/runtime/runtimetest"
	"weir/planner/config"
	"weir/planner/physical"
)

// fill makes table input with n rows spread over splits.
func fill(w *runtimetest.World, n, splits int, bounded bool) (want []string) {
	w.Table("input", bounded, splits)
	all := rows(0, n)
	for i, r := range all {
		w.Append("input", i%splits, r)
	}
	want = lines(all)
	slices.Sort(want)
	return want
}

func TestBoundedJobCommitsEverythingAndEnds(t *testing.T) {
	for _, guarantee := range []string{"exactly-once", "at-least-once", "files"} {
		for _, par := range []string{"1", "2", "5"} {
			t.Run(guarantee+"/"+par, func(t *testing.T) {
				w := runtimetest.New()
				want := fill(w, 10000, 3, true)
				cfg := settings(t, config.Parallelism, par)
				j := newJob(t, w, func() *physical.Job { return copyJob(cfg, guarantee) })
				sum := j.mustRun()
				equal(t, w.Sorted("output"), want)
				if sum.Rows.In != 10000 || sum.Rows.Out != 10000 || sum.Attempts != 1 || sum.Stopped || !sum.HasEpoch {
					t.Errorf("summary %+v", sum)
				}
				if w.Told("input", "input-1") != 3333 {
					t.Errorf("the source was told position %d", w.Told("input", "input-1"))
				}
			})
		}
	}
}

func TestBoundedJobWithoutCheckpointsFlushesAtItsEnd(t *testing.T) {
	w := runtimetest.New()
	want := fill(w, 5000, 2, true)
	cfg := settings(t, config.CheckpointInterval, "0 ms")
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "at-least-once") })
	sum := j.mustRun()
	equal(t, w.Sorted("output"), want)
	if sum.HasEpoch || sum.Epochs > 0 {
		t.Errorf("epochs in a job without checkpoints: %+v", sum)
	}
}

func TestFinishedJobHasNothingToDoWhenStartedAgain(t *testing.T) {
	w := runtimetest.New()
	want := fill(w, 100, 2, true)
	cfg := settings(t)
	j := newJob(t, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	j.mustRun()
	j.mustRun()
	equal(t, w.Sorted("output"), want)
}

func TestEachRowOnceWhereverTheJobDies(t *testing.T) {
	for _, guarantee := range []string{"exactly-once", "files"} {
		for _, point := range killpoint.Points {
			for nth := 1; nth <= 3; nth++ {
				t.Run(fmt.Sprintf("%s/%s/%d", guarantee, point, nth), func(t *testing.T) {
					w := runtimetest.New()
					w.Pace = 10
					want := fill(w, 120, 3, true)
					cfg := settings(t)
					j := newJob(t, w, func() *physical.Job { return copyJob(cfg, guarantee) })
					if !j.dieAt(point, nth) {
						t.Fatalf("the point was not reached: %v", j.failed)
					}
					j.mustRun()
					equal(t, w.Sorted("output"), want)
				})
			}
		}
	}
}

func TestJobThatDiesAgainAndAgainLosesNothing(t *testing.T) {
	w := runtimetest.New()
	w.Pace = 7
	want := fill(w, 300, 2, true)
	par := 1
	j := newJob(t, w, func() *physical.Job {
		par = par%4 + 1 // every start with another parallelism
		return copyJob(settings(t, config.Parallelism, fmt.Sprint(par)), "exactly-once")
	})
	for i := 0; ; i++ {
		point := killpoint.Points[i*3%len(killpoint.Points)]
		if !j.dieAt(point, 2) {
			break
		}
		if j.failed != nil || i > 100 {
			t.Fatalf("the job does not come forward: %v", j.failed)
		}
	}
	equal(t, w.Sorted("output"), want)
}
