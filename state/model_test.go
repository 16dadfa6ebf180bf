package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	// Badger leaves these behind when it cannot open a folder; a store that was not closed leaves others too.
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/dgraph-io/badger/v4.(*DB).monitorCache"),
		goleak.IgnoreTopFunction("github.com/dgraph-io/ristretto/v2/z.(*AllocatorPool).freeupAllocators"))
}

// The model of a table is a Go map from namespace and key to a value.
type modelKey struct {
	ns  int64
	key string
}

type modelValue struct {
	fixed uint64
	vr    string
}

type model map[modelKey]modelValue

const testGroups = 8

// job drives a store as the runtime does: some subtasks of one operator, epochs, recovery.
type job struct {
	t      fataler
	dir    string
	store  *Store
	cp     *Checkpoints
	fs     FS
	memory int64
	layout layout
	par    int
	scopes []*OperatorScope
	tables []Table
	spec   TableSpec
	now    time.Time

	live      model // as the tables should be
	committed model
	prepared  model // nil: no uncommitted epoch is prepared
	epoch     Epoch // next
}

// layout says from which size on runs lie in run files, and how large those become.
type layout struct{ farRun, fileSize int64 }

var (
	inBadger = layout{farRun: 1 << 40}               // no run files
	inFiles  = layout{farRun: 1, fileSize: 16 << 10} // nothing else
)

type fataler interface {
	Fatalf(string, ...any)
	Helper()
}

func (j *job) must(err error) {
	j.t.Helper()
	if err != nil {
		j.t.Fatalf("%v", err)
	}
}

func (j *job) open() {
	var err error
	j.store, err = Open(j.dir, Options{Memory: j.memory, Job: "li", FS: j.fs, Clock: func() time.Time { return j.now },
		farRun: j.layout.farRun, runFileSize: j.layout.fileSize})
	j.must(err)
}

// start begins at from with the given parallelism.
func (j *job) start(from *Manifest, par int) {
	j.t.Helper()
	j.must(j.store.Start(from, testGroups))
	j.par = par
	j.scopes, j.tables = nil, nil
	for i := range par {
		sc := j.store.Scope("agg-1", RangeOf(i, testGroups, par))
		t, err := sc.Table(j.spec)
		j.must(err)
		j.scopes = append(j.scopes, sc)
		j.tables = append(j.tables, t)
	}
	j.epoch = 0
	if from != nil {
		j.epoch = from.Epoch + 1
	}
}

func (j *job) mapOf(h uint64, ns int64) Map {
	return j.tables[SubtaskOf(KeyGroupOf(h, testGroups), testGroups, j.par)].Map(ns)
}

func (j *job) freeze() []*Frozen {
	var out []*Frozen
	for _, s := range j.scopes {
		f, err := s.Freeze(j.epoch)
		j.must(err)
		out = append(out, f)
	}
	return out
}

func (j *job) manifest() *Manifest {
	return &Manifest{Job: "id-1", Name: "li", Epoch: j.epoch, Parallelism: j.par, Operators: []OperatorRecord{{ID: "agg-1", Tables: j.scopes[0].Specs()}}}
}

func (j *job) upsert(ns int64, key string, v modelValue) {
	h := Hash([]byte(key))
	m := j.mapOf(h, ns)
	r, created, err := m.Upsert(h, []byte(key))
	j.must(err)
	_, known := j.live[modelKey{ns, key}]
	if created == known {
		j.t.Fatalf("upsert of %d/%s: created %v, model knows it: %v", ns, key, created, known)
	}
	binary.LittleEndian.PutUint64(m.Fixed(r), v.fixed)
	j.must(m.SetVar(r, []byte(v.vr)))
	j.live[modelKey{ns, key}] = v
}

func (j *job) delete(ns int64, key string) {
	h := Hash([]byte(key))
	m := j.mapOf(h, ns)
	r, err := m.Find(h, []byte(key))
	j.must(err)
	if _, known := j.live[modelKey{ns, key}]; known != (r != NoRef) {
		j.t.Fatalf("find of %d/%s: ref %d, model knows it: %v", ns, key, r, known)
	}
	if r != NoRef {
		m.Delete(r)
		delete(j.live, modelKey{ns, key})
	}
}

// edit finds some keys at once, and writes the first letter of the variable part of every other one in place.
func (j *job) edit(ns int64, first int, letter byte) {
	j.t.Helper()
	for p, table := range j.tables {
		var hashes []uint64
		var names []string
		keys := Keys{Off: []uint32{0}}
		for i := first; i < first+60; i++ {
			k := fmt.Sprint(i % 310)
			if h := Hash([]byte(k)); SubtaskOf(KeyGroupOf(h, testGroups), testGroups, j.par) == p {
				hashes, names = append(hashes, h), append(names, k)
				keys.Data = append(keys.Data, k...)
				keys.Off = append(keys.Off, uint32(len(keys.Data)))
			}
		}
		m, refs := table.Map(ns), make([]Ref, len(hashes))
		j.must(m.FindMany(hashes, keys, refs))
		for i, k := range names {
			v, known := j.live[modelKey{ns, k}]
			if known != (refs[i] != NoRef) {
				j.t.Fatalf("%s: ref %d, the model knows it: %v", k, refs[i], known)
			}
			if !known || i%2 == 0 {
				continue
			}
			b := m.Edit(refs[i])
			if string(b) != v.vr {
				j.t.Fatalf("%s: %q, want %q", k, b, v.vr)
			}
			if len(b) > 0 {
				b[0] = letter
				v.vr = string(b)
				j.live[modelKey{ns, k}] = v
			}
		}
	}
}

func (j *job) drop(ns int64) {
	for _, t := range j.tables {
		j.must(t.Drop(ns))
	}
	maps.DeleteFunc(j.live, func(k modelKey, _ modelValue) bool { return k.ns == ns })
}

// read collects what the tables hold.
func (j *job) read() model {
	got := model{}
	for _, t := range j.tables {
		for _, ns := range t.Namespaces() {
			m := t.Map(ns)
			j.must(m.Scan(func(r Ref) bool {
				got[modelKey{ns, string(m.Key(r))}] = modelValue{binary.LittleEndian.Uint64(m.Fixed(r)), string(m.Var(r))}
				return true
			}))
		}
	}
	return got
}

func (j *job) check(want model) {
	j.t.Helper()
	if got := j.read(); !maps.Equal(got, want) {
		for k, v := range want {
			if g, ok := got[k]; !ok || g != v {
				j.t.Fatalf("%v is %v (there: %v), want %v; %d entries, want %d", k, g, ok, v, len(got), len(want))
			}
		}
		for k := range got {
			if _, ok := want[k]; !ok {
				j.t.Fatalf("%v is there, and should not be", k)
			}
		}
	}
	var n int64
	for _, t := range j.tables {
		n += t.Len()
	}
	if n != int64(len(want)) {
		j.t.Fatalf("Len is %d, want %d", n, len(want))
	}
	keys := slices.SortedFunc(maps.Keys(want), func(a, b modelKey) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	for _, k := range keys[:min(len(keys), 20)] {
		h := Hash([]byte(k.key))
		m := j.mapOf(h, k.ns)
		r, err := m.Find(h, []byte(k.key))
		j.must(err)
		if r == NoRef || string(m.Var(r)) != want[k].vr {
			j.t.Fatalf("find of %v: ref %d", k, r)
		}
	}
}

func (j *job) prepare() {
	j.t.Helper()
	f := j.freeze()
	j.must(j.store.Prepare(context.Background(), j.manifest(), f, j.cp))
	j.prepared = maps.Clone(j.live)
	j.epoch++
}

func (j *job) commit() {
	j.t.Helper()
	if j.prepared == nil {
		return
	}
	j.must(j.store.Commit(j.epoch - 1))
	j.committed, j.prepared = j.prepared, nil
}

func (j *job) reopen(par int) {
	j.t.Helper()
	j.must(j.store.Close())
	j.open()
	j.resume(par)
}

// resume goes on from the newest manifest, as if the marker named it.
func (j *job) resume(par int) {
	j.t.Helper()
	j.start(j.store.Manifest(), par)
	if j.prepared != nil {
		j.must(j.store.Commit(j.epoch - 1))
		j.committed, j.prepared = j.prepared, nil
	}
	j.live = maps.Clone(j.committed)
	j.check(j.live)
}

func TestTablesBehaveLikeAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		j := &job{
			t: rt, dir: dir + "/state", spec: TableSpec{Name: "acc", Fixed: 8, Schema: "v1"}, now: time.Unix(1e9, 0),
			memory: rapid.SampledFrom([]int64{1 << 30, 20_000, 1}).Draw(rt, "memory"),
			layout: rapid.SampledFrom([]layout{{}, inFiles, inBadger, {farRun: 6000, fileSize: 64 << 10}}).Draw(rt, "layout"),
			live:   model{}, committed: model{},
		}
		if rapid.Bool().Draw(rt, "checkpoints") {
			cp, err := OpenCheckpoints("file://"+dir+"/chk", "li", 2, nil)
			j.must(err)
			j.cp = cp
		}
		j.open()
		defer func() { j.must(j.store.Close()) }()
		j.start(nil, 2)
		j.prepare()
		j.commit()
		ns := rapid.Int64Range(-1, 2)
		key := rapid.Custom(func(t *rapid.T) string {
			n := rapid.IntRange(0, 300).Draw(t, "key")
			if n%7 == 0 {
				return fmt.Sprintf("a key that does not fit the record %d", n)
			}
			return fmt.Sprint(n)
		})
		text := rapid.SampledFrom([]string{"", "x", "a longer text than before", string(bytes.Repeat([]byte("long "), 300))})
		rt.Repeat(map[string]func(*rapid.T){
			"upsert": func(t *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(t, "n") {
					j.upsert(ns.Draw(t, "ns"), key.Draw(t, "key"), modelValue{rapid.Uint64().Draw(t, "fixed"), text.Draw(t, "var")})
				}
			},
			"many": func(t *rapid.T) {
				space := ns.Draw(t, "ns")
				first := rapid.IntRange(0, 250).Draw(t, "first")
				for p, table := range j.tables {
					var hashes []uint64
					keys := Keys{Off: []uint32{0}}
					var names []string
					for i := first; i < first+60; i++ {
						k := fmt.Sprint(i % 280)
						if h := Hash([]byte(k)); SubtaskOf(KeyGroupOf(h, testGroups), testGroups, j.par) == p {
							hashes = append(hashes, h)
							keys.Data = append(keys.Data, k...)
							keys.Off = append(keys.Off, uint32(len(keys.Data)))
							names = append(names, k)
						}
					}
					refs, created := make([]Ref, len(hashes)), make([]bool, len(hashes))
					m := table.Map(space)
					j.must(m.UpsertMany(hashes, keys, refs, created))
					for i, k := range names {
						old, known := j.live[modelKey{space, k}]
						if created[i] == known {
							t.Fatalf("%s: created %v, known %v", k, created[i], known)
						}
						fixed := m.Fixed(refs[i])
						if got := binary.LittleEndian.Uint64(fixed); got != old.fixed {
							t.Fatalf("%s: fixed part %d, want %d", k, got, old.fixed)
						}
						binary.LittleEndian.PutUint64(fixed, old.fixed+1)
						j.live[modelKey{space, k}] = modelValue{old.fixed + 1, old.vr}
					}
				}
			},
			"delete": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					j.delete(ns.Draw(t, "ns"), key.Draw(t, "key"))
				}
			},
			"find many": func(t *rapid.T) {
				j.edit(ns.Draw(t, "ns"), rapid.IntRange(0, 250).Draw(t, "first"), rapid.Byte().Draw(t, "letter"))
			},
			"drop": func(t *rapid.T) { j.drop(ns.Draw(t, "ns")) },
			"scan and delete": func(t *rapid.T) {
				space := ns.Draw(t, "ns")
				for _, table := range j.tables {
					m := table.Map(space)
					j.must(m.Scan(func(r Ref) bool {
						if k := string(m.Key(r)); len(k)%2 == 0 {
							m.Delete(r)
							delete(j.live, modelKey{space, k})
						}
						return true
					}))
				}
			},
			"epoch": func(t *rapid.T) { j.commit(); j.prepare(); j.commit() },
			"epoch beside writes": func(t *rapid.T) {
				j.commit()
				f := j.freeze()
				frozen := maps.Clone(j.live)
				m := j.manifest()
				done := make(chan error, 1)
				go func() { done <- j.store.Prepare(context.Background(), m, f, j.cp) }()
				for i := range 50 {
					j.upsert(0, fmt.Sprint(i*5), modelValue{uint64(i), "meanwhile"})
					if i%3 == 0 {
						j.delete(0, fmt.Sprint(i))
					}
					if i%10 == 0 {
						j.edit(0, i*5, byte('a'+i/10))
					}
				}
				j.must(<-done)
				j.prepared = frozen
				j.epoch++
			},
			"undo": func(t *rapid.T) {
				if j.prepared == nil || j.store.Previous() == nil {
					return
				}
				j.must(j.store.Undo(j.store.Previous().Epoch))
				j.prepared = nil
				j.resume(j.par)
			},
			"crash before the manifest": func(t *rapid.T) {
				j.commit()
				f := j.freeze()
				j.store.fs = failAt{osFS{}, "prepare:manifest"}
				if err := j.store.Prepare(context.Background(), j.manifest(), f, j.cp); err == nil {
					t.Fatalf("the fault was not seen")
				}
				j.store.fs = osFS{}
				j.reopen(j.par)
			},
			"reopen": func(t *rapid.T) { j.reopen(rapid.IntRange(1, 4).Draw(t, "parallelism")) },
			"flatten": func(t *rapid.T) {
				j.must(j.store.awaitMerge())
				j.must(j.store.db.Flatten(2))
			},
			"restore": func(t *rapid.T) {
				if j.cp == nil || j.store.Manifest().Checkpoint == nil {
					return
				}
				j.commit()
				m := j.store.Manifest()
				_, err := j.store.RestoreFrom(context.Background(), j.cp, m.Epoch, m.Nonce)
				j.must(err)
				j.resume(rapid.IntRange(1, 4).Draw(t, "parallelism"))
			},
			"": func(t *rapid.T) { j.check(j.live) },
		})
	})
}

// failAt fails at one point of a protocol.
type failAt struct {
	FS
	point string
}

func (f failAt) At(p string) error {
	if p == f.point {
		return fmt.Errorf("stopped at %s", p)
	}
	return nil
}
