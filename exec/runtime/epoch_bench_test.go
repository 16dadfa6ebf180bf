package runtime_test

import (
	"context"
	"testing"

	"weir/exec/runtime/runtimetest"
	"weir/planner/physical"
)

// BenchmarkEpoch is the time from the barrier to the end of an epoch of one row, without a broker.
func BenchmarkEpoch(b *testing.B) {
	w := runtimetest.New()
	w.Table("input", false, 1)
	cfg := settings(b)
	j := newJob(b, w, func() *physical.Job { return copyJob(cfg, "exactly-once") })
	r := j.runner()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over := make(chan error, 1)
	go func() {
		_, err := r.Run(ctx)
		over <- err
	}()
	row := rows(1, 1)[0]
	n := 0
	one := func() {
		w.Append("input", 0, row)
		n++
		for len(w.Output("output")) < n {
			if _, err := r.Checkpoint(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	one()
	for b.Loop() {
		one()
	}
	r.Stop()
	if err := <-over; err != nil {
		b.Fatal(err)
	}
}
