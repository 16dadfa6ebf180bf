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
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
)

func sinkOf(t *testing.T, dir, schema, options string) *sink {
	t.Helper()
	tab := table(t, dir, schema, options)
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
	err := recoverTo(s, 7, []byte(`{"dir":"`+dir+`","open":"part-x-0-0","length":12}`))
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
