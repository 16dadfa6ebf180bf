package filesystem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"weir/connectors/formats/formattest"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
)

func sinkOf(t *testing.T, dir, schema, options string) *sink {
	t.Helper()
	return sinkTo(t, table(t, dir, schema, options))
}

func sinkTo(t *testing.T, tab *catalog.Table) *sink {
	t.Helper()
	in := &physical.Values{}
	p := &physical.Sink{Input: in, Table: tab}
	p.ID = "sink"
	for i, c := range tab.Columns {
		in.Columns = append(in.Columns, physical.Column{Name: c.Name, Type: c.Type})
		p.Fields = append(p.Fields, i)
	}
	s, err := Connector(registry).Sink(p, config.New(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s.(*sink)
}

func writerOf(t *testing.T, s *sink) exec.SinkWriter {
	t.Helper()
	w, err := s.Writer(&exec.TaskContext{Metrics: &exec.Metrics{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func put(t *testing.T, w exec.SinkWriter, rows ...int64) {
	t.Helper()
	b := batch.New([]types.Type{types.TInt}, len(rows))
	for _, r := range rows {
		b.Cols[0].AppendInt(r)
		b.N++
	}
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

// prepare brings an epoch up to the commit point and returns its side data.
func prepare(t *testing.T, w exec.SinkWriter, epoch exec.Epoch) []byte {
	t.Helper()
	if err := w.Barrier(epoch); err != nil {
		t.Fatal(err)
	}
	side, err := w.Flush(context.Background(), epoch)
	if err != nil {
		t.Fatal(err)
	}
	return side
}

func commit(t *testing.T, w exec.SinkWriter, epoch exec.Epoch, side []byte) {
	t.Helper()
	if err := w.Commit(context.Background(), epoch, side); err != nil {
		t.Fatal(err)
	}
}

// visible is the lines of the files that a reader sees, sorted; and how many files are hidden.
func visible(t *testing.T, dir string) (lines string, hidden int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			hidden++
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Fields(string(b))...)
	}
	sort.Strings(out)
	return strings.Join(out, " "), hidden
}

func expect(t *testing.T, dir, lines string, hidden int) {
	t.Helper()
	if l, h := visible(t, dir); l != lines || h != hidden {
		t.Fatalf("%q and %d hidden files, want %q and %d", l, h, lines, hidden)
	}
}

const everyRow = "format = csv\nsink.rolling-policy.file-size = 1 b"

func TestFilesAppearWithTheCommit(t *testing.T) {
	dir := t.TempDir()
	w := writerOf(t, sinkOf(t, dir, "a INT", everyRow))
	put(t, w, 1)
	side := prepare(t, w, 1)
	put(t, w, 2) // of the next epoch
	expect(t, dir, "", 2)
	commit(t, w, 1, side)
	expect(t, dir, "1", 1)
	commit(t, w, 1, side) // again: nothing changes
	side = prepare(t, w, 2)
	commit(t, w, 2, side)
	expect(t, dir, "1 2", 0)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenFileGoesOnOverEpochsAndAppearsAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	w := writerOf(t, sinkOf(t, dir, "a INT", "format = json"))
	for e := range exec.Epoch(3) {
		put(t, w, int64(e))
		commit(t, w, e, prepare(t, w, e))
	}
	expect(t, dir, "", 1)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, `{"a":0} {"a":1} {"a":2}`, 0)
}

func TestFileIsFinishedWhenItIsOldEnough(t *testing.T) {
	dir := t.TempDir()
	s := sinkOf(t, dir, "a INT", "format = csv\nsink.rolling-policy.rollover-interval = 10 min")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	w := writerOf(t, s)
	put(t, w, 1)
	commit(t, w, 1, prepare(t, w, 1))
	expect(t, dir, "", 1)
	if now = now.Add(59 * time.Second); w.(exec.EpochWanter).WantsEpoch() {
		t.Error("an epoch is wanted while nothing is due")
	}
	if now = now.Add(10 * time.Minute); !w.(exec.EpochWanter).WantsEpoch() {
		t.Error("the file is due, and no epoch is wanted")
	}
	commit(t, w, 2, prepare(t, w, 2))
	expect(t, dir, "1", 0)
	if w.(exec.EpochWanter).WantsEpoch() {
		t.Error("an epoch is wanted without a file")
	}
}

// recoverTo is what a start does with a sink.
func recoverTo(s *sink, epoch exec.Epoch, sides ...[]byte) error {
	if err := s.BeforeClaim(context.Background()); err != nil {
		return err
	}
	return s.Recover(context.Background(), epoch, sides)
}

// An instance that was fenced off goes on writing until it notices. Nothing of that shows.
func TestFencedWriterDoesNotReachWhatWasPublished(t *testing.T) {
	dir := t.TempDir()
	old := writerOf(t, sinkOf(t, dir, "a INT", "format = csv"))
	put(t, old, 1)
	side := prepare(t, old, 1)
	commit(t, old, 1, side)
	put(t, old, 2)
	if err := recoverTo(sinkOf(t, dir, "a INT", "format = csv"), 1, side); err != nil {
		t.Fatal(err)
	}
	put(t, old, 3)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, "1", 0)
}

// An instance that is overtaken in its recovery leaves the files of the newer one alone.
func TestLateRecoveryDoesNotRemoveNewerFiles(t *testing.T) {
	dir := t.TempDir()
	late := sinkOf(t, dir, "a INT", "format = csv")
	if err := late.BeforeClaim(context.Background()); err != nil {
		t.Fatal(err)
	}
	newer := writerOf(t, sinkOf(t, dir, "a INT", "format = csv"))
	put(t, newer, 1)
	if err := late.Recover(context.Background(), 0, nil); err != nil {
		t.Fatal(err)
	}
	commit(t, newer, 1, prepare(t, newer, 1))
	if err := newer.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, "1", 0)
}

// A reader of the folder may move files away as soon as they are published, also before a crash.
func TestPublishedFileThatIsGoneIsNotMissed(t *testing.T) {
	dir := t.TempDir()
	w := writerOf(t, sinkOf(t, dir, "a INT", everyRow))
	put(t, w, 1)
	side := prepare(t, w, 1)
	commit(t, w, 1, side)
	parts, err := filepath.Glob(dir + "/part-*")
	if err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	if err := os.Remove(parts[0]); err != nil {
		t.Fatal(err)
	}
	if err := recoverTo(sinkOf(t, dir, "a INT", everyRow), 1, side); err != nil {
		t.Fatal(err)
	}
}

// TestRecoveryAtEveryPoint crashes between any two steps of three epochs, and compares what a
// reader sees after recovery to the epoch that the commit point names with what was committed.
func TestRecoveryAtEveryPoint(t *testing.T) {
	for _, options := range []string{"format = csv", everyRow} {
		for crash := range 12 {
			dir := t.TempDir()
			w := writerOf(t, sinkOf(t, dir, "a INT", options))
			step, committed := 0, 0
			var side []byte
			dead := func() bool { step++; return step > crash }
			for e := 1; e <= 3; e++ {
				put(t, w, int64(e*10), int64(e*10+1))
				if dead() {
					break
				}
				prepared := prepare(t, w, exec.Epoch(e))
				if dead() {
					break
				}
				side, committed = prepared, e // the commit point
				put(t, w, int64(e*10+2))      // held back or not: of the next epoch
				if dead() {
					break
				}
				commit(t, w, exec.Epoch(e), side)
				if dead() {
					break
				}
			}
			s := sinkOf(t, dir, "a INT", options)
			sides := [][]byte{side}
			for range 2 { // recovery may be interrupted and come again
				if err := recoverTo(s, exec.Epoch(committed), sides...); err != nil {
					t.Fatalf("%q, crash at %d: %v", options, crash, err)
				}
			}
			var lines []string
			for e := 1; e <= committed; e++ {
				if e > 1 {
					lines = append(lines, fmt.Sprint((e-1)*10+2))
				}
				lines = append(lines, fmt.Sprint(e*10), fmt.Sprint(e*10+1))
			}
			sort.Strings(lines)
			expect(t, dir, strings.Join(lines, " "), 0)
			// The job goes on.
			w = writerOf(t, s)
			put(t, w, 99)
			commit(t, w, exec.Epoch(committed+1), prepare(t, w, exec.Epoch(committed+1)))
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			expect(t, dir, strings.TrimSpace(strings.Join(append(lines, "99"), " ")), 0)
		}
	}
}

// TestCommitThatDidNotRenameIsRedone: epoch 1 is committed, the process dies before its renames and
// after epoch 2's manifest; recovery sees the side data of epoch 2 alone.
func TestFilesOfAnEarlierEpochAreInTheNextSideData(t *testing.T) {
	dir := t.TempDir()
	w := writerOf(t, sinkOf(t, dir, "a INT", everyRow))
	put(t, w, 1)
	prepare(t, w, 1)
	put(t, w, 2)
	side := prepare(t, w, 2)
	if err := recoverTo(sinkOf(t, dir, "a INT", everyRow), 2, side); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, "1 2", 0)
}

func TestRecoveryLeavesFilesOfOthersAlone(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/.part-0123456789abcdef-0-0.inprogress", "other job's\n")
	write(t, dir+"/notes.txt", "mine\n")
	if err := recoverTo(sinkOf(t, dir, "a INT", "format = csv"), 0); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, "mine", 1)
}

func TestRecoveryRefusesLostFiles(t *testing.T) {
	dir := t.TempDir()
	s := sinkOf(t, dir, "a INT", "format = csv")
	err := recoverTo(s, 7, []byte(`{"dir":"`+dir+`","open":{"part-x-0-0":12}}`))
	if !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "part file part-x-0-0 is gone, and 12 bytes of it are committed") {
		t.Fatal(err)
	}
	err = recoverTo(s, 7, []byte(`{"dir":"/elsewhere","closed":["part-x-0-0"]}`))
	if !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "the table's files were in /elsewhere") {
		t.Fatal(err)
	}
}

func TestNullLineIsRefused(t *testing.T) {
	s := sinkOf(t, t.TempDir(), "line STRING", "format = raw")
	w := writerOf(t, s)
	b := formattest.Batch(formattest.Schema(t, "line STRING"))
	b.Cols[0].AppendNull()
	b.N = 1
	if err := w.Write(b); !errors.Is(err, exec.ErrFatal) || !strings.Contains(err.Error(), "cannot write NULL as a line") {
		t.Fatal(err)
	}
}

// partitionedSink is a table of days whose partitions are complete by the watermark, an hour after the day begins, with the writers of two subtasks.
func partitionedSink(t *testing.T, dir, more string) (*sink, []*writer) {
	t.Helper()
	tab := table(t, dir, "a INT\ndt STRING", "format = csv\nsink.partition-commit.policy.kind = success-file\nsink.partition-commit.delay = 1 h\n"+more)
	tab.Partitions = []string{"dt"}
	s := sinkTo(t, tab)
	return s, writersOf(t, s)
}

func writersOf(t *testing.T, s *sink) []*writer {
	t.Helper()
	ctx := t.Context()
	var ws []*writer
	for i := range 2 {
		w, err := s.Writer(&exec.TaskContext{Ctx: ctx, Subtask: i, Metrics: &exec.Metrics{}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ws = append(ws, w.(*writer))
	}
	return ws
}

func putDay(t *testing.T, w *writer, row int64, day string) {
	t.Helper()
	b := batch.New([]types.Type{types.TInt, types.TString}, 1)
	b.Cols[0].AppendInt(row)
	b.Cols[1].AppendString(day)
	b.N = 1
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

// epochOf brings an epoch of all writers up to the commit point.
func epochOf(t *testing.T, ws []*writer, e exec.Epoch) [][]byte {
	t.Helper()
	var sides [][]byte
	for _, w := range ws {
		if err := w.Barrier(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range ws {
		side, err := w.Flush(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		sides = append(sides, side)
	}
	return sides
}

func commitAll(t *testing.T, ws []*writer, e exec.Epoch, sides [][]byte) {
	t.Helper()
	for i, w := range ws {
		commit(t, w, e, sides[i])
	}
}

func at(day string) exec.Watermark {
	d, err := time.Parse("2006-01-02T15:04", day)
	if err != nil {
		panic(err)
	}
	return exec.Watermark(d.UnixMicro())
}

func TestPartitionIsCompleteWhenTheWatermarkOfAllWritersHasPassedIt(t *testing.T) {
	dir := t.TempDir()
	_, ws := partitionedSink(t, dir, "sink.partition-commit.trigger = partition-time")
	putDay(t, ws[0], 1, "2026-01-01")
	putDay(t, ws[1], 2, "2026-01-01")
	putDay(t, ws[0], 3, "2026-01-02")
	ws[0].Watermark(at("2026-01-01T01:30"))
	ws[1].Watermark(at("2026-01-01T01:00")) // not behind it yet
	commitAll(t, ws, 1, epochOf(t, ws, 1))
	if got, want := tree(t, dir), "dt=2026-01-01/part: 1\n2 hidden\n"; got != want {
		t.Fatalf("got\n%s", got)
	}
	ws[1].Watermark(at("2026-01-01T01:01"))
	commitAll(t, ws, 2, epochOf(t, ws, 2))
	if got, want := tree(t, dir), "dt=2026-01-01/_SUCCESS:\ndt=2026-01-01/part: 1 2\n1 hidden\n"; got != want {
		t.Fatalf("got\n%s", got)
	}
	// A late row makes it due once more, with the next epoch.
	if err := os.Remove(filepath.Join(dir, "dt=2026-01-01", "_SUCCESS")); err != nil {
		t.Fatal(err)
	}
	putDay(t, ws[1], 4, "2026-01-01")
	commitAll(t, ws, 3, epochOf(t, ws, 3))
	if got, want := tree(t, dir), "dt=2026-01-01/_SUCCESS:\ndt=2026-01-01/part: 1 2 4\n1 hidden\n"; got != want {
		t.Fatalf("got\n%s", got)
	}
}

func TestPartitionIsCompleteByTheClock(t *testing.T) {
	dir := t.TempDir()
	s, ws := partitionedSink(t, dir, "sink.rolling-policy.rollover-interval = 1 d\nsink.rolling-policy.inactivity-interval = 1 d")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	putDay(t, ws[0], 1, "x")
	commitAll(t, ws, 1, epochOf(t, ws, 1))
	now = now.Add(50 * time.Minute)
	putDay(t, ws[1], 2, "x")
	commitAll(t, ws, 2, epochOf(t, ws, 2))
	if ws[0].WantsEpoch() {
		t.Fatal("nothing is due after 50 minutes")
	}
	now = now.Add(11 * time.Minute)
	if !ws[0].WantsEpoch() {
		t.Fatal("the partition's hour is over")
	}
	if got, want := tree(t, dir), "2 hidden\n"; got != want {
		t.Fatalf("got\n%s", got)
	}
	commitAll(t, ws, 3, epochOf(t, ws, 3))
	if got, want := tree(t, dir), "dt=x/_SUCCESS:\ndt=x/part: 1 2\n"; got != want {
		t.Fatalf("got\n%s", got)
	}
	if ws[0].WantsEpoch() {
		t.Fatal("nothing is left")
	}
}

// A job dies at each point of the epoch that commits a partition, and goes on from the last epoch that was committed.
func TestPartitionsAreRecoveredAtEveryPoint(t *testing.T) {
	for _, c := range []struct {
		name   string
		reach  int // 0: before the barrier, 1: prepared and lost, 2: committed and nothing published, 3: all done
		after  string
		follow string
	}{
		{"before the barrier", 0, "dt=2026-01-01/part: 1 2\n", "dt=2026-01-01/_SUCCESS:\ndt=2026-01-01/part: 1 2\n"},
		{"the manifest is lost", 1, "dt=2026-01-01/part: 1 2\n", "dt=2026-01-01/_SUCCESS:\ndt=2026-01-01/part: 1 2\n"},
		{"committed, not published", 2, "dt=2026-01-01/_SUCCESS:\ndt=2026-01-01/part: 1 2 3\n", "dt=2026-01-01/_SUCCESS:\ndt=2026-01-01/part: 1 2 3\n"},
		{"published", 3, "dt=2026-01-01/_SUCCESS:\ndt=2026-01-01/part: 1 2 3\n", "dt=2026-01-01/_SUCCESS:\ndt=2026-01-01/part: 1 2 3\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			const by = "sink.partition-commit.trigger = partition-time"
			_, ws := partitionedSink(t, dir, by)
			putDay(t, ws[0], 1, "2026-01-01")
			putDay(t, ws[1], 2, "2026-01-01")
			first := epochOf(t, ws, 1)
			commitAll(t, ws, 1, first)
			putDay(t, ws[0], 3, "2026-01-01")
			for _, w := range ws {
				w.Watermark(at("2026-01-01T02:00"))
			}
			from, sides := exec.Epoch(1), first
			if c.reach > 0 {
				second := epochOf(t, ws, 2)
				if c.reach > 1 {
					from, sides = 2, second
				}
				if c.reach > 2 {
					commitAll(t, ws, 2, second)
				}
			}
			s, _ := partitionedSink(t, dir, by)
			if err := recoverTo(s, from, sides...); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, dir); got != c.after {
				t.Fatalf("after recovery\n%s", got)
			}
			s.commits = commits{}
			ws = writersOf(t, s)
			for _, w := range ws {
				w.Watermark(at("2026-01-01T02:00"))
			}
			commitAll(t, ws, from+1, epochOf(t, ws, from+1))
			if got := tree(t, dir); got != c.follow {
				t.Fatalf("an epoch later\n%s", got)
			}
		})
	}
}

func TestManyPartitionsTakeTurnsWithFileHandles(t *testing.T) {
	dir := t.TempDir()
	_, ws := partitionedSink(t, dir, "")
	for round := range int64(2) {
		for i := range 2 * mostHandles {
			putDay(t, ws[0], round, fmt.Sprintf("d%03d", i))
		}
	}
	if ws[0].handles > mostHandles {
		t.Fatalf("%d files are open", ws[0].handles)
	}
	ws[0].End()
	ws[1].End()
	commitAll(t, ws, 1, epochOf(t, ws, 1))
	if got := strings.Count(tree(t, dir), "/part: 0 1\n"); got != 2*mostHandles {
		t.Fatalf("%d partitions have both rows", got)
	}
}
