package state

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// lose deletes the state directory and restores the newest checkpoint.
func (j *job) lose() {
	j.t.Helper()
	m := j.store.Manifest()
	j.must(j.store.Close())
	j.must(os.RemoveAll(j.dir))
	j.open()
	_, err := j.store.RestoreFrom(context.Background(), j.cp, m.Epoch, m.Nonce)
	j.must(err)
	j.start(j.store.Manifest(), 2)
}

// Somebody cleans the checkpoint directory up while the job runs. The next checkpoint is whole again.
func TestCheckpointAfterTheDirectoryWasDeletedIsWhole(t *testing.T) {
	for _, what := range []string{"", pagesDir} {
		// A test without a name would be "#00", and so would its folder: the rest of a URL behind # is no path.
		t.Run("folder "+what, func(t *testing.T) {
			j := newJob(t, true)
			for round := range 3 {
				j.upsert(0, fmt.Sprint("round", round), modelValue{uint64(round), "x"})
				j.prepare()
				j.commit()
			}
			j.must(os.RemoveAll(filepath.Join(j.cp.dir, what)))
			j.upsert(1, "after", modelValue{1, "y"})
			j.prepare()
			j.commit()
			want := maps.Clone(j.live)
			j.lose()
			j.check(want)
		})
	}
}

// The same, and the job fails before its next checkpoint: the start after it finds the manifest and no folder of pages.
func TestStartAfterThePagesWereDeletedWritesThemAgain(t *testing.T) {
	j := newJob(t, true)
	j.upsert(0, "before", modelValue{1, "x"})
	j.prepare()
	j.commit()
	j.must(os.RemoveAll(filepath.Join(j.cp.dir, pagesDir)))
	j.must(j.store.Close())
	j.open()
	j.start(j.store.Manifest(), 2)
	j.upsert(1, "after", modelValue{2, "y"})
	j.prepare()
	j.commit()
	want := maps.Clone(j.live)
	j.lose()
	j.check(want)
}

// An instance that fell asleep behind the commit of its epoch wakes up when another one, which restored that epoch, has gone on:
// recording the commit deletes nothing of the newer one, finished or not.
func TestOvertakenInstanceDeletesNoNewerCheckpoint(t *testing.T) {
	old := newJob(t, true)
	old.cp.retain = 10
	old.upsert(0, "of both", modelValue{1, "x"})
	old.prepare() // and its transaction is committed; then it sleeps
	m := old.store.Manifest()

	next := &job{t: t, dir: filepath.Join(t.TempDir(), "state"), spec: old.spec, now: old.now, memory: old.memory, cp: old.cp,
		live: maps.Clone(old.live), committed: maps.Clone(old.live), epoch: old.epoch}
	next.open()
	t.Cleanup(func() { _ = next.store.Close() })
	_, err := next.store.RestoreFrom(context.Background(), next.cp, m.Epoch, m.Nonce)
	next.must(err)
	next.start(next.store.Manifest(), 3)
	for round := range 5 {
		next.upsert(0, fmt.Sprint("round", round), modelValue{uint64(round), "x"})
		next.prepare()
		next.commit()
	}
	unfinished := filepath.Join(next.cp.dir, pagesDir, fmt.Sprintf("%s%d-%s.pages.tmp", pageFilePrefix(m), m.Epoch+6, NewNonce()))
	next.must(os.WriteFile(unfinished, nil, 0o600))

	old.commit()
	if _, err := os.Stat(unfinished); err != nil {
		t.Errorf("a checkpoint that is being made: %v", err)
	}
	want := maps.Clone(next.live)
	next.lose()
	next.check(want)
}
