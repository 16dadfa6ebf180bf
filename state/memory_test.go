package state

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"
)

// gateFS stops at a point until it is let go.
type gateFS struct {
	FS
	point   string
	reached chan struct{}
	open    chan struct{}
}

func (f *gateFS) At(p string) error {
	if p == f.point {
		close(f.reached)
		<-f.open
	}
	return nil
}

// While an epoch is on its way to disk and memory is full of it and of what came since, a call that needs memory returns when the epoch is through.
func TestInputWaitsForTheEpochThatIsBeingWritten(t *testing.T) {
	j := newJobIn(t, false, layout{})
	j.must(j.store.Close())
	j.memory = 400 << 10
	j.open()
	j.start(j.store.Manifest(), 1)
	j.live = maps.Clone(j.committed)
	for i := range 4000 {
		j.upsert(0, fmt.Sprint("first", i), modelValue{uint64(i), ""})
	}
	gate := &gateFS{FS: osFS{}, point: "prepare:written", reached: make(chan struct{}), open: make(chan struct{})}
	j.store.fs = gate
	frozen, prepared := j.freeze(), maps.Clone(j.live)
	m := j.manifest()
	done := make(chan error, 1)
	go func() { done <- j.store.Prepare(context.Background(), m, frozen, nil) }()
	<-gate.reached
	for i := 0; j.store.used.Load() <= j.store.room()*9/8; i++ {
		j.upsert(0, fmt.Sprint("second", i), modelValue{uint64(i), ""})
	}
	if !j.store.Pressure() {
		t.Errorf("no pressure is reported")
	}
	time.AfterFunc(10*time.Millisecond, func() { close(gate.open) })
	j.upsert(0, "waits", modelValue{1, ""})
	if !frozen[0].freeze.done.Load() {
		t.Errorf("the call has not waited")
	}
	j.must(<-done)
	j.store.fs = osFS{}
	j.prepared, j.epoch = prepared, j.epoch+1
	j.commit()
	j.prepare()
	j.commit()
	j.upsert(0, "afterwards", modelValue{1, ""})
	if used := j.store.Used(); used > j.memory*5/4 {
		t.Errorf("%d bytes in use, the budget is %d", used, j.memory)
	}
	j.check(j.live)
}

// What a task copies because an epoch still reads it counts until the epoch is through.
func TestCopiesForAFrozenEpochCount(t *testing.T) {
	j := newJobIn(t, false, layout{})
	used := j.store.used.Load()
	for i := range 500 {
		j.upsert(int64(i%3), fmt.Sprint("key", i), modelValue{1, ""})
	}
	frozen := j.freeze()
	grown := j.store.used.Load()
	for i := range 500 {
		j.upsert(int64(i%3), fmt.Sprint("key", i), modelValue{2, ""})
	}
	if n := j.store.used.Load(); n <= grown {
		t.Errorf("%d bytes in use before the copies, %d after", grown, n)
	}
	j.must(j.store.Prepare(context.Background(), j.manifest(), frozen, nil))
	for i := range 30 { // both tasks hear of it
		j.upsert(int64(i%3), fmt.Sprint("key", i), modelValue{3, ""})
	}
	if n := j.store.used.Load(); n > grown+4096 {
		t.Errorf("%d bytes in use at first, %d with the changes, %d when the epoch is through", used, grown, n)
	}
}
