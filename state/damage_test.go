package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// reopenErr opens the job's directory, starts and reads everything, and returns the first error.
func (j *job) reopenErr() error {
	s, err := Open(j.dir, Options{Job: "li"})
	if err != nil {
		return err
	}
	err = func() error {
		if err := s.Start(s.Manifest(), testGroups); err != nil {
			return err
		}
		_, err := s.Scope("agg-1", KeyGroupRange{0, testGroups}).Table(j.spec)
		return err
	}()
	return errors.Join(err, s.Close())
}

// Wherever a byte of a table file is flipped, the state is refused with the way back, or unharmed; never read wrongly.
func TestFlippedBytesInTablesAreRefused(t *testing.T) {
	j := newJob(t, false)
	j.change(true)
	j.prepare()
	j.commit()
	j.must(j.store.Close())
	// Closing wrote the log out as tables.
	tables, err := filepath.Glob(filepath.Join(j.dir, "data-1", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	for _, path := range tables {
		whole, err := os.ReadFile(path)
		j.must(err)
		for i := range 12 {
			at := len(whole) * i / 12
			t.Run(fmt.Sprintf("%s/%d of 12", filepath.Base(path), i), func(t *testing.T) {
				bad := append([]byte(nil), whole...)
				bad[at+7] ^= 0x40
				j.must(os.WriteFile(path, bad, 0o644))
				defer func() { j.must(os.WriteFile(path, whole, 0o644)) }()
				err := j.reopenErr()
				var c *CorruptError
				if !errors.As(err, &c) {
					t.Fatalf("got %v, want a CorruptError", err)
				}
				if !strings.Contains(err.Error(), path) || !strings.Contains(c.Help(), j.dir) || !strings.Contains(c.Help(), "execution.checkpointing.dir") {
					t.Fatalf("the message does not help: %v; %s", err, c.Help())
				}
			})
		}
	}
	if err := j.reopenErr(); err != nil {
		t.Fatalf("the repaired state: %v", err)
	}
}

// The same of run files, whose pages are verified when they are read.
func TestFlippedBytesInRunFilesAreRefused(t *testing.T) {
	j := newJobIn(t, false, inFiles)
	j.change(false)
	j.prepare()
	j.commit()
	j.must(j.store.Close())
	paths, err := filepath.Glob(filepath.Join(j.dir, "data-1", "runs", "*.runs"))
	if err != nil || len(paths) < 2 {
		t.Fatalf("%d run files: %v", len(paths), err)
	}
	refused := 0
	for _, path := range paths {
		whole, err := os.ReadFile(path)
		j.must(err)
		for i := range 12 {
			bad := append([]byte(nil), whole...)
			bad[len(whole)*i/12+7] ^= 0x40
			j.must(os.WriteFile(path, bad, 0o644))
			if err := j.reopenErr(); err != nil {
				var c *CorruptError
				if !errors.As(err, &c) || !strings.Contains(err.Error(), path) || !strings.Contains(c.Help(), j.dir) {
					t.Fatalf("%s, %d of 12: got %v", filepath.Base(path), i, err)
				}
				refused++
			}
		}
		j.must(os.WriteFile(path, whole, 0o644))
	}
	if refused < len(paths) {
		t.Fatalf("%d damages of %d files were seen", refused, len(paths))
	}
	j.must(j.reopenErr())
	for name, damage := range map[string]func(string) error{
		"missing": os.Remove,
		"cut":     func(path string) error { return os.Truncate(path, 100) },
	} {
		path := paths[len(paths)-1]
		whole, err := os.ReadFile(path)
		j.must(err)
		j.must(damage(path))
		var c *CorruptError
		if err := j.reopenErr(); !errors.As(err, &c) || !strings.Contains(err.Error(), path) {
			t.Fatalf("%s: got %v", name, err)
		}
		j.must(os.WriteFile(path, whole, 0o644))
	}
}

// A run file goes when nothing in it lives, and one in which little lives gives that up: one key group that nobody writes to again
// does not keep a file alive for ever.
func TestDeadRunFilesAreDeleted(t *testing.T) {
	j := newJobIn(t, true, layout{farRun: 1, fileSize: 32 << 10})
	quiet := func(key string) bool { return KeyGroupOf(Hash([]byte(key)), testGroups) == 3 }
	for round := range 120 {
		for i := range 400 {
			if key := fmt.Sprint("key", i); round == 0 || !quiet(key) {
				j.upsert(0, key, modelValue{uint64(round), strings.Repeat("r", 40)})
			}
		}
		j.prepare()
		j.commit()
	}
	var files, bytes, live int64
	for _, f := range j.store.runs.files {
		files++
		bytes += f.size
	}
	for _, n := range j.store.dirs.files {
		live += n
	}
	es, err := os.ReadDir(j.store.runs.dir)
	j.must(err)
	if int64(len(es)) != files || bytes > 6*live+2*(32<<10) {
		t.Fatalf("%d files of %d bytes, %d in the folder; %d bytes live", files, bytes, len(es), live)
	}
	j.check(j.live)
	j.reopen(3)
}

func TestADamagedOrMissingPartIsRefused(t *testing.T) {
	cases := map[string]func(j *job) error{
		"manifest": func(j *job) error {
			// Both slots: of one alone, a crash may have been the cause.
			return errors.Join(flip(filepath.Join(j.dir, manifestName), 150), flip(filepath.Join(j.dir, secondSlot), 150))
		},
		"empty manifest": func(j *job) error {
			return errors.Join(os.WriteFile(filepath.Join(j.dir, manifestName), nil, 0o644), os.WriteFile(filepath.Join(j.dir, secondSlot), nil, 0o644))
		},
		"no data": func(j *job) error { return os.RemoveAll(filepath.Join(j.dir, "data-1")) },
		"older data": func(j *job) error {
			for _, p := range []string{"*.sst", "*.mem"} {
				names, err := filepath.Glob(filepath.Join(j.dir, "data-1", p))
				if err != nil {
					return err
				}
				for _, n := range names {
					if err := os.Remove(n); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, false)
			j.must(j.store.Close())
			j.must(damage(j))
			var c *CorruptError
			if err := j.reopenErr(); !errors.As(err, &c) {
				t.Fatalf("got %v, want a CorruptError", err)
			}
		})
	}
}

func flip(path string, at int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[at] ^= 1
	return os.WriteFile(path, b, 0o644)
}

func TestADamagedCheckpointIsRefusedAndLeavesTheState(t *testing.T) {
	j := newJob(t, true)
	m := j.store.Manifest()
	j.must(flip(filepath.Join(j.cp.Dir(), m.Checkpoint.Files[0]), 200))
	want := maps.Clone(j.live)
	_, err := j.store.RestoreFrom(context.Background(), j.cp, m.Epoch, m.Nonce)
	var c *CorruptError
	if !errors.As(err, &c) || !strings.Contains(err.Error(), ".pages") {
		t.Fatalf("got %v", err)
	}
	j.start(j.store.Manifest(), 2)
	j.check(want)
	j.reopen(2)
}

func TestOneProcessHoldsADirectory(t *testing.T) {
	j := newJob(t, false)
	_, err := Open(j.dir, Options{})
	var l *LockedError
	if !errors.As(err, &l) || l.PID != os.Getpid() {
		t.Fatalf("got %v", err)
	}
}

func TestTheDirectoryOfAnotherJobIsRefused(t *testing.T) {
	j := newJob(t, false)
	j.must(j.store.Close())
	_, err := Open(j.dir, Options{Job: "other"})
	var o *OtherJobError
	if !errors.As(err, &o) || o.Found != "li" {
		t.Fatalf("got %v", err)
	}
}

func TestOtherFormatsAreRefused(t *testing.T) {
	for _, format := range []int{0, FormatVersion + 1} {
		j := newJob(t, false)
		j.must(j.store.Close())
		path := filepath.Join(j.dir, manifestName)
		b, err := os.ReadFile(path)
		j.must(err)
		j.must(os.WriteFile(path, []byte(strings.Replace(string(b), fmt.Sprintf(`"format":%d`, FormatVersion), fmt.Sprintf(`"format":%d`, format), 1)), 0o644))
		_, err = Open(j.dir, Options{Job: "li"})
		var f *FormatError
		if !errors.As(err, &f) || f.Found != format {
			t.Fatalf("got %v", err)
		}
	}
}

func TestAChangedTableIsRefused(t *testing.T) {
	for _, spec := range []TableSpec{{Name: "acc", Fixed: 16, Schema: "v1"}, {Name: "acc", Fixed: 8, Schema: "v2"}} {
		j := newJob(t, false)
		j.must(j.store.Start(j.store.Manifest(), testGroups))
		_, err := j.store.Scope("agg-1", KeyGroupRange{0, testGroups}).Table(spec)
		var i *IncompatibleError
		if !errors.As(err, &i) || i.Operator != "agg-1" || i.Table != "acc" {
			t.Fatalf("got %v", err)
		}
	}
}

func TestAnotherNumberOfKeyGroupsIsRefused(t *testing.T) {
	j := newJob(t, false)
	err := j.store.Start(j.store.Manifest(), testGroups*2)
	if err == nil || !strings.Contains(err.Error(), "SET 'pipeline.max-parallelism' = '8'") {
		t.Fatalf("got %v", err)
	}
}

// fullFS is a disk with little room.
type fullFS struct {
	osFS
	free  int64
	write bool // writes fail
	asked *int // how often free was asked for; nil: the answer is always the same, otherwise there is room at first
}

func (f fullFS) Free(string) (int64, error) {
	if f.asked != nil {
		if *f.asked++; *f.asked == 1 {
			return 1 << 40, nil
		}
	}
	return f.free, nil
}

func (f fullFS) Create(name string) (File, error) {
	w, err := f.osFS.Create(name)
	if err == nil && f.write {
		return fullFile{w}, nil
	}
	return w, err
}

func (f fullFS) OpenRandom(name string) (RandomFile, error) {
	w, err := f.osFS.OpenRandom(name)
	if err == nil && f.write {
		return fullRandom{w}, nil
	}
	return w, err
}

type fullRandom struct{ RandomFile }

func (f fullRandom) WriteAt([]byte, int64) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
}

type fullFile struct{ File }

func (f fullFile) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
}

func TestAFullDiskIsNamedAndTheLastEpochStays(t *testing.T) {
	for name, disk := range map[string]fullFS{
		"before the write":     {free: 1 << 20},
		"at the manifest":      {free: 1 << 40, write: true},
		"while runs are added": {free: 1 << 20, asked: new(int)},
	} {
		for _, cp := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/checkpoints %v", name, cp), func(t *testing.T) {
				j := newJobIn(t, cp, layout{farRun: 1})
				if disk.asked != nil {
					*disk.asked = 0
				}
				want := maps.Clone(j.live)
				j.change(false)
				j.must(j.store.slots.close())
				slots := j.store.slots
				j.store.fs, j.store.slots.file[0].fs, j.store.slots.file[1].fs = disk, disk, disk
				if cp {
					j.cp.fs = disk
				}
				err := j.store.Prepare(context.Background(), j.manifest(), j.freeze(), j.cp)
				var f *FullError
				if !errors.As(err, &f) || !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("got %v", err)
				}
				j.store.fs, j.store.slots = osFS{}, slots
				if cp {
					j.cp.fs = osFS{}
				}
				j.start(j.store.Manifest(), 2)
				j.check(want)
				j.live = want
				j.change(false)
				j.prepare()
				j.commit()
				j.reopen(2)
			})
		}
	}
}

func TestCheckpointDirectoriesOfOtherSchemesAreRefused(t *testing.T) {
	for uri, want := range map[string]string{
		"s3://bucket/x":  "scheme s3:// is not supported; supported are: file://",
		"file://host/x":  "names host host",
		"relative/path":  "not an absolute path",
		"file:///tmp/%z": "invalid URL escape",
	} {
		_, err := OpenCheckpoints(uri, "li", 1, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", uri, err)
		}
	}
}

func TestEntriesVanishAfterTheirTTL(t *testing.T) {
	for _, memory := range []int64{64 << 20, 1} {
		j := newJob(t, false)
		j.must(j.store.Close())
		j.dir = filepath.Join(t.TempDir(), "ttl")
		j.memory = memory
		j.spec = TableSpec{Name: "acc", Fixed: 8, TTL: time.Minute}
		j.live, j.committed = model{}, model{}
		j.open()
		defer func() { j.must(j.store.Close()) }()
		j.start(nil, 1)
		j.upsert(0, "old", modelValue{1, "x"})
		j.upsert(0, "renewed", modelValue{2, "y"})
		j.prepare()
		j.commit()
		j.now = j.now.Add(40 * time.Second)
		j.upsert(0, "renewed", modelValue{3, "y"})
		j.prepare()
		j.commit()
		j.now = j.now.Add(40 * time.Second)
		delete(j.live, modelKey{0, "old"})
		if got := j.read(); !maps.Equal(got, j.live) {
			t.Fatalf("memory %d: %v", memory, got)
		}
		m := j.tables[0].Map(0)
		if r, err := m.Find(Hash([]byte("old")), []byte("old")); err != nil || r != NoRef {
			t.Fatalf("memory %d: found %d, %v", memory, r, err)
		}
		r, created, err := m.Upsert(Hash([]byte("old")), []byte("old"))
		if err != nil || !created || m.Fixed(r)[0] != 0 || len(m.Var(r)) != 0 {
			t.Fatalf("memory %d: an expired entry came back", memory)
		}
		j.live[modelKey{0, "old"}] = modelValue{}
		j.prepare()
		j.commit()
		j.must(j.store.Close())
		j.open()
		j.start(j.store.Manifest(), 1)
		if got := j.read(); !maps.Equal(got, j.live) {
			t.Fatalf("memory %d, reopened: %v", memory, got)
		}
	}
}

// A state ten times its budget stays readable and writable, and within the budget once an epoch is through.
func TestAStateLargerThanItsBudgetKeepsRunning(t *testing.T) {
	j := newJob(t, false)
	j.must(j.store.Close())
	j.dir = filepath.Join(t.TempDir(), "large")
	j.memory = 200 << 10
	j.live, j.committed = model{}, model{}
	j.open()
	defer func() { j.must(j.store.Close()) }()
	j.start(nil, 2)
	epochs := 0
	for i := range 40_000 {
		k := i * 7919 % 20_000
		j.upsert(int64(k%2), fmt.Sprintf("key-%06d", k), modelValue{uint64(i), "some text"})
		if j.store.Pressure() {
			j.prepare()
			j.commit()
			epochs++
		}
	}
	j.prepare()
	j.commit()
	if epochs < 5 {
		t.Fatalf("pressure was reported %d times", epochs)
	}
	j.check(j.live)
	if used := j.store.Used(); used > 3*j.memory {
		t.Fatalf("%d bytes in use, the budget is %d", used, j.memory)
	}
	j.reopen(3)
}

func TestValuesOfAnySizeSurvive(t *testing.T) {
	j := newJob(t, true)
	for i, n := range []int{maxFragment - 100, maxFragment, maxFragment + 1, 3 << 20} {
		j.upsert(0, strings.Repeat("k", i*1000)+"large", modelValue{uint64(n), strings.Repeat(string(rune('a'+i)), n)})
	}
	j.prepare()
	j.commit()
	j.reopen(3)
	m := j.store.Manifest()
	_, err := j.store.RestoreFrom(context.Background(), j.cp, m.Epoch, m.Nonce)
	j.must(err)
	j.resume(2)
	j.delete(0, "large")
	j.prepare()
	j.must(j.store.Undo(m.Epoch))
	j.prepared = nil
	j.resume(1)
}

func TestEveryReleasedFormatStillOpens(t *testing.T) {
	for version := 1; version <= FormatVersion; version++ {
		t.Run(fmt.Sprint("v", version), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "compat", fmt.Sprint("v", version)))); err != nil {
				t.Fatal(err)
			}
			j := &job{t: t, dir: filepath.Join(dir, "state"), spec: TableSpec{Name: "acc", Fixed: 8, Schema: "v1"}, now: time.Unix(1e9, 0), live: model{}}
			want := model{}
			for i := range 200 {
				if i%10 != 3 {
					want[modelKey{int64(i % 2), fmt.Sprint("key", i)}] = modelValue{uint64(i), strings.Repeat("v", i%20)}
				}
			}
			j.open()
			defer func() { j.must(j.store.Close()) }()
			j.start(j.store.Manifest(), 2)
			j.check(want)
			cp, err := OpenCheckpoints(filepath.Join(dir, "chk"), "li", 1, nil)
			j.must(err)
			m := j.store.Manifest()
			_, err = j.store.RestoreFrom(context.Background(), cp, m.Epoch, m.Nonce)
			j.must(err)
			j.start(j.store.Manifest(), 3)
			j.check(want)
		})
	}
}

// TestWriteTheFixture makes the newest folder of testdata/compat anew when WEIR_WRITE_FIXTURE is set: only before a
// format is released.
func TestWriteTheFixture(t *testing.T) {
	if os.Getenv("WEIR_WRITE_FIXTURE") == "" {
		t.Skip("NOT RUN: it writes files, when WEIR_WRITE_FIXTURE is set")
	}
	dir := filepath.Join("testdata", "compat", fmt.Sprint("v", FormatVersion))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	j := &job{t: t, dir: filepath.Join(dir, "state"), spec: TableSpec{Name: "acc", Fixed: 8, Schema: "v1"}, now: time.Unix(1e9, 0), live: model{},
		layout: layout{farRun: 1}}
	j.cp, err = OpenCheckpoints("file://"+filepath.Join(abs, "chk"), "li", 1, nil)
	j.must(err)
	j.open()
	j.start(nil, 2)
	for i := range 200 {
		j.upsert(int64(i%2), fmt.Sprint("key", i), modelValue{uint64(i), strings.Repeat("v", i%20)})
	}
	j.prepare()
	j.commit()
	for i := 3; i < 200; i += 10 {
		j.delete(int64(i%2), fmt.Sprint("key", i))
	}
	j.prepare()
	j.commit()
	j.must(j.store.Close())
	for _, name := range []string{"LOCK", "data-1/DISCARD"} { // made anew when they are missing
		j.must(os.Remove(filepath.Join(j.dir, name)))
	}
}

// A power cut while a slot is written leaves any of its blocks new and the others old. The epoch before is there then.
func TestAHalfWrittenManifestIsTheEpochBefore(t *testing.T) {
	j := newJob(t, false)
	j.prepare()
	j.commit()
	before := j.store.Manifest().Epoch
	slot := j.store.slots.file[j.store.slots.next].path
	old, err := os.ReadFile(slot)
	j.must(err)
	committed := maps.Clone(j.live)
	j.change(true)
	j.prepare()
	j.must(j.store.Close())
	whole, err := os.ReadFile(slot)
	j.must(err)
	if len(whole) != len(old) {
		t.Fatalf("the slot was %d bytes and is %d: it was not written in place", len(old), len(whole))
	}
	end := strings.LastIndexByte(string(whole), '}')
	for at := 0; at <= len(whole); at += 512 {
		torn := append(append([]byte{}, whole[:at]...), old[at:]...)
		j.must(os.WriteFile(slot, torn, 0o644))
		want := before
		if at > end {
			want++ // all that counts was written
		}
		s, err := Open(j.dir, Options{Job: "li"})
		if err != nil {
			t.Fatalf("%d bytes of %d: %v", at, len(whole), err)
		}
		if got := s.Manifest().Epoch; got != want {
			t.Fatalf("%d bytes of %d: epoch %d, not %d", at, len(whole), got, want)
		}
		j.must(s.Close())
	}
	j.must(os.WriteFile(slot, append(append([]byte{}, whole[:512]...), old[512:]...), 0o644))
	j.open()
	j.start(j.store.Manifest(), 2)
	j.check(committed)
	j.must(j.store.Close())
}

// One that was committed was written to its end: if it cannot be read, that is no power cut.
func TestADamagedManifestOfACommittedEpochIsRefused(t *testing.T) {
	j := newJob(t, false)
	j.change(true)
	j.prepare()
	j.commit()
	slot := j.store.slots.file[1-j.store.slots.next].path
	j.must(j.store.Close())
	j.must(flip(slot, 150))
	var c *CorruptError
	if err := j.reopenErr(); !errors.As(err, &c) || !strings.Contains(err.Error(), slot) {
		t.Fatalf("got %v, want a CorruptError of %s", err, slot)
	}
}
