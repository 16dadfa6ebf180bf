package state

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// crashFS copies the state directory at a named point, as a SIGKILL there would leave it, and then
// stops the store.
type crashFS struct {
	FS
	point string
	skip  int // times that the point is passed before
	from  string
	to    string
	done  *bool
}

func (f *crashFS) At(p string) error {
	if p != f.point || *f.done {
		return nil
	}
	if f.skip > 0 {
		f.skip--
		return nil
	}
	*f.done = true
	if err := copyDir(f.from, f.to); err != nil {
		return err
	}
	return fmt.Errorf("killed at %s", p)
}

// copyDir copies a state directory in use. Badger may be writing tables behind a full log: a copy counts
// when no file came, went or grew meanwhile.
func copyDir(from, to string) error {
	list := func() (string, error) {
		var b strings.Builder
		err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			i, err := d.Info()
			if err == nil {
				fmt.Fprintln(&b, path, i.Size(), i.ModTime())
			}
			return err
		})
		return b.String(), err
	}
	for range 50 {
		before, err1 := list()
		err2 := os.CopyFS(to, os.DirFS(from))
		after, err3 := list()
		if err1 == nil && err2 == nil && err3 == nil && before == after {
			return nil
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s does not come to rest", from)
}

// newJob opens a job with an epoch 0 and a committed epoch 1 of some entries.
func newJob(t *testing.T, cp bool) *job { return newJobIn(t, cp, inBadger) }

func newJobIn(t *testing.T, cp bool, l layout) *job {
	root := t.TempDir()
	j := &job{t: t, dir: filepath.Join(root, "state"), spec: TableSpec{Name: "acc", Fixed: 8, Schema: "v1"}, now: time.Unix(1e9, 0), memory: 64 << 20, layout: l, live: model{}, committed: model{}}
	if cp {
		c, err := OpenCheckpoints("file://"+filepath.Join(root, "chk"), "li", 2, nil)
		j.must(err)
		j.cp = c
	}
	j.open()
	t.Cleanup(func() { _ = j.store.Close() })
	j.start(nil, 2)
	j.prepare()
	j.commit()
	for i := range 500 {
		j.upsert(int64(i%3), fmt.Sprint("key", i), modelValue{uint64(i), strings.Repeat("v", i%50)})
	}
	j.prepare()
	j.commit()
	return j
}

// change makes the writes of the epoch that will be killed: new, changed and deleted entries and a
// dropped namespace; large makes it several batches.
func (j *job) change(large bool) {
	for i := 0; i < 300; i += 2 {
		j.upsert(int64(i%3), fmt.Sprint("key", i), modelValue{uint64(1000 + i), "changed"})
	}
	for i := 1; i < 200; i += 4 {
		j.delete(int64(i%3), fmt.Sprint("key", i))
	}
	j.drop(2)
	for i := range 50 {
		j.upsert(2, fmt.Sprint("new", i), modelValue{uint64(i), ""})
	}
	if large {
		for i := range 3000 {
			j.upsert(5, fmt.Sprint("large", i), modelValue{uint64(i), strings.Repeat("x", 4000)})
		}
	}
}

// Every point of Prepare and Commit, by the table of the design: before the manifest the state is of the epoch
// before; after it, the marker decides between the two.
func TestKilledPrepareLeavesOneEpochOrTheOther(t *testing.T) {
	points := []struct {
		point    string
		skip     int
		prepared bool // manifest.json names the killed epoch
		layout   layout
	}{
		{"prepare:start", 0, false, inBadger},
		{"prepare:sync", 0, false, inBadger},
		{"prepare:pages", 0, false, inBadger},
		{"prepare:sync", 1, false, inBadger},
		{"prepare:pages", 1, false, inBadger},
		{"prepare:written", 0, false, inBadger},
		{"prepare:checkpoint", 0, false, inBadger},
		{"checkpoint:manifest", 0, false, inBadger},
		{"prepare:manifest", 0, false, inBadger},
		{"prepare:done", 0, true, inBadger},
		{"commit:record", 0, true, inBadger},
		{"commit:done", 0, true, inBadger},
		{"prepare:sync", 0, false, inFiles},
		{"prepare:runs", 0, false, inFiles},
		{"prepare:written", 0, false, inFiles},
		{"prepare:manifest", 0, false, inFiles},
		{"prepare:done", 0, true, inFiles},
		{"commit:record", 0, true, inFiles},
		{"commit:swept", 0, true, inFiles},
		{"commit:done", 0, true, inFiles},
	}
	for _, p := range points {
		for _, again := range []bool{false, true} { // also kill the undo, and undo again
			t.Run(fmt.Sprintf("%s/%d/%d/%v", p.point, p.skip, p.layout.farRun, again), func(t *testing.T) {
				j := newJobIn(t, true, p.layout)
				before := maps.Clone(j.live)
				j.change(true)
				after := maps.Clone(j.live)
				copied := filepath.Join(t.TempDir(), "copy")
				killed := false
				f := &crashFS{FS: osFS{}, point: p.point, skip: p.skip, from: j.dir, to: copied, done: &killed}
				j.store.fs = f
				j.cp.fs = f
				err := j.store.Prepare(context.Background(), j.manifest(), j.freeze(), j.cp)
				if err == nil {
					err = j.store.Commit(j.epoch)
				}
				if !killed || err == nil {
					t.Fatalf("point %s was not reached: %v", p.point, err)
				}
				j.cp.fs = osFS{}
				j.must(j.store.Close())

				j.dir = copied
				j.open()
				m := j.store.Manifest()
				if got := m.Epoch == 2; got != p.prepared {
					t.Fatalf("the manifest names epoch %d", m.Epoch)
				}
				if again {
					undone := false
					copied2 := copied + "-2"
					j.store.fs = &crashFS{FS: osFS{}, point: "undo:pages", from: copied, to: copied2, done: &undone}
					err := j.store.Undo(1)
					if c, _ := j.store.Committed(); c == 2 {
						if err == nil {
							t.Fatalf("a committed epoch was undone")
						}
						return
					}
					if undone {
						j.must(j.store.Close())
						j.dir = copied2
						j.open()
					} else {
						j.must(err)
					}
					j.start(j.store.Manifest(), 2)
					j.check(before)
					j.live = maps.Clone(before)
				} else {
					j.start(m, 3)
					j.live = maps.Clone(before)
					if p.prepared {
						j.live = maps.Clone(after)
					}
					j.check(j.live)
				}
				// and it goes on, also with the very same epoch
				if !again || j.epoch == 2 {
					if c, ok := j.store.Committed(); !ok || c < j.store.Manifest().Epoch {
						j.must(j.store.Commit(j.store.Manifest().Epoch))
					}
				}
				for i := range 100 {
					j.upsert(0, fmt.Sprint("key", i*3), modelValue{uint64(i), "afterwards"})
				}
				j.prepare()
				j.commit()
				j.reopen(2)
				j.must(j.store.awaitMerge())
				j.must(j.store.db.Flatten(1))
				j.reopen(1)
			})
		}
	}
}

// A power cut loses what was not synced: during a write to Badger, any part of the write. The pages of the
// file that the write touched are each as they were before, or as they were written.
func TestPowerCutDuringAWriteIsUndone(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := inBadger
			if seed >= 12 {
				l = inFiles
			}
			j := newJobIn(t, false, l)
			before := maps.Clone(j.live)
			j.change(seed%2 == 0)
			tmp := t.TempDir()
			synced, cut := filepath.Join(tmp, "synced"), filepath.Join(tmp, "cut")
			done1, done2 := false, false
			j.store.fs = &crashFS{FS: osFS{}, point: "prepare:sync", from: j.dir, to: synced, done: &done1}
			// The first copy must not stop the store, the second does.
			j.store.fs = goOn{j.store.fs, &crashFS{FS: osFS{}, point: "prepare:written", from: j.dir, to: cut, done: &done2}}
			if err := j.store.Prepare(context.Background(), j.manifest(), j.freeze(), nil); err == nil || !done1 || !done2 {
				t.Fatalf("%v, copies %v %v", err, done1, done2)
			}
			j.must(j.store.Close())
			tear(t, rand.New(rand.NewPCG(seed, 1)), synced, cut)
			j.dir = cut
			j.open()
			j.start(j.store.Manifest(), 2)
			j.check(before)
			j.live = maps.Clone(before)
			j.upsert(1, "after the cut", modelValue{1, "x"})
			j.prepare()
			j.commit()
			j.reopen(2)
		})
	}
}

// goOn asks both; the first one's error is for the caller of the test to ignore.
type goOn struct {
	FS
	second FS
}

func (g goOn) At(p string) error {
	if err := g.FS.At(p); err != nil && !strings.HasPrefix(err.Error(), "killed") {
		return err
	}
	return g.second.At(p)
}

// tear puts 4 KiB blocks of synced back into the logs and run files in cut, at random. Tables and Badger's own manifest are
// synced by Badger before it uses them.
func tear(t *testing.T, rnd *rand.Rand, synced, cut string) {
	logs, err := filepath.Glob(filepath.Join(cut, "data-1", "*.mem"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log found: %v", err)
	}
	runs, err := filepath.Glob(filepath.Join(cut, "data-1", "runs", "*.runs"))
	if err != nil {
		t.Fatal(err)
	}
	changed := false
	for _, path := range append(logs, runs...) {
		now, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(cut, path)
		if err != nil {
			t.Fatal(err)
		}
		old, err := os.ReadFile(filepath.Join(synced, rel))
		if err != nil {
			old = nil // begun during the write
		}
		old = append(old, make([]byte, max(0, len(now)-len(old)))...)
		for o := 0; o < len(now); o += 4096 {
			end := min(o+4096, len(now))
			if !slices.Equal(now[o:end], old[o:end]) && rnd.IntN(2) == 0 {
				copy(now[o:end], old[o:end])
				changed = true
			}
		}
		if err := os.WriteFile(path, now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !changed {
		t.Log("nothing was torn")
	}
}

func TestKilledRestoreLeavesTheOldStateOrTheNew(t *testing.T) {
	for _, p := range []struct {
		point  string
		layout layout
	}{{"restore:pages", inBadger}, {"restore:manifest", inBadger}, {"restore:done", inBadger}, {"restore:manifest", inFiles}, {"restore:done", inFiles}} {
		point := p.point
		t.Run(fmt.Sprint(point, "/", p.layout.farRun), func(t *testing.T) {
			j := newJobIn(t, true, p.layout)
			j.change(true)
			j.prepare()
			j.commit()
			target := j.store.Manifest()
			want := maps.Clone(j.live)
			j.upsert(0, "later", modelValue{7, ""})
			j.prepare()
			j.commit()
			later := maps.Clone(j.live)
			copied := filepath.Join(t.TempDir(), "copy")
			killed := false
			j.store.fs = &crashFS{FS: osFS{}, point: point, from: j.dir, to: copied, done: &killed}
			if _, err := j.store.RestoreFrom(context.Background(), j.cp, target.Epoch, target.Nonce); err == nil || !killed {
				t.Fatalf("point %s: killed %v, %v", point, killed, err)
			}
			j.must(j.store.Close())
			j.dir = copied
			j.open()
			j.start(j.store.Manifest(), 1)
			if point == "restore:done" {
				j.check(want)
			} else {
				j.check(later)
			}
		})
	}
}

func TestAStateDirectoryLostAndRestoredIsExact(t *testing.T) {
	for name, l := range map[string]layout{"in Badger": inBadger, "in files": inFiles} {
		t.Run(name, func(t *testing.T) { lostAndRestored(t, newJobIn(t, true, l)) })
	}
}

func lostAndRestored(t *testing.T, j *job) {
	for round := range 30 { // many epochs: folds, and files that become sparse
		for i := range 40 {
			j.upsert(int64(round%3), fmt.Sprint("key", (i*37+round*11)%600), modelValue{uint64(round), strings.Repeat("r", round)})
		}
		for i := range 10 {
			j.delete(int64(round%3), fmt.Sprint("key", (i*31+round*7)%600))
		}
		if round%9 == 8 {
			j.drop(1)
		}
		j.prepare()
		j.commit()
	}
	m := j.store.Manifest()
	list, err := j.cp.List()
	j.must(err)
	if len(list) != 2 || list[1].Epoch != m.Epoch {
		t.Fatalf("%d checkpoints are kept, want the 2 newest", len(list))
	}
	want := maps.Clone(j.live)
	j.must(j.store.Close())
	j.must(os.RemoveAll(j.dir))
	j.open()
	if j.store.Manifest() != nil {
		t.Fatalf("a manifest in an empty directory")
	}
	_, err = j.store.RestoreFrom(context.Background(), j.cp, m.Epoch, m.Nonce)
	j.must(err)
	j.start(j.store.Manifest(), 4)
	j.check(want)
	if c, ok := j.store.Committed(); !ok || c != m.Epoch {
		t.Fatalf("committed is %d, %v", c, ok)
	}
	// the next checkpoint adds to the restored one
	j.upsert(0, "more", modelValue{1, ""})
	j.prepare()
	if b := j.store.Manifest().Checkpoint.Bytes; b > 8<<10 {
		t.Fatalf("the checkpoint after a restore has %d bytes: not an increment", b)
	}
}
