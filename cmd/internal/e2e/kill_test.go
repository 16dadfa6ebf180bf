package e2e

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest"
	"weir/exec/killpoint"
)

func checkNumbers(t *testing.T, n int, out []string) {
	t.Helper()
	seen := make([]int, n)
	for _, line := range out {
		i, err := strconv.Atoi(line)
		if err != nil || i < 0 || i >= n {
			t.Fatalf("a record that was never sent: %q", line)
		}
		seen[i]++
	}
	lost, doubled := 0, 0
	for _, c := range seen {
		if c == 0 {
			lost++
		} else if c > 1 {
			doubled++
		}
	}
	if lost+doubled > 0 {
		t.Fatalf("of %d records %d were lost and %d came more than once", n, lost, doubled)
	}
}

// cell is a window of the jobs that add windows up, by its number, and a key; sums is what is in it.
type cell struct{ window, key int64 }
type sums struct{ count, sum int64 }

// checkWindows recomputes every window by hand: record i is in window i/10000 with key i%1000.
func checkWindows(t *testing.T, n int, out []string) {
	t.Helper()
	want := map[cell]sums{}
	for i := range int64(n) {
		c := cell{i / 10_000, i % keys}
		want[c] = sums{want[c].count + 1, want[c].sum + i}
	}
	checkCells(t, out, 10_000, want)
}

// checkCells compares windows that begin every so many milliseconds with what they must hold; each comes once.
func checkCells(t *testing.T, out []string, every int64, want map[cell]sums) {
	t.Helper()
	got := map[cell]bool{}
	for _, a := range aggregates(t, out) {
		c := cell{a.start / every, a.key}
		if got[c] {
			t.Fatalf("the window at %d ms of key %d came twice", a.start, a.key)
		}
		got[c] = true
		if w := want[c]; w.count != a.count || w.sum != a.sum {
			t.Fatalf("the window at %d ms of key %d: count %d and sum %d, want %d and %d", a.start, a.key, a.count, a.sum, w.count, w.sum)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d windows of %d came out", len(got), len(want))
	}
}

// checkTotals follows the changes of every key: counts rise by one, without gap or repetition, which only
// exactly-once output does.
func checkTotals(t *testing.T, n int, out []string) {
	t.Helper()
	counts := make([]map[int64]int64, keys)
	for k := range counts {
		counts[k] = map[int64]int64{}
	}
	for _, line := range out {
		var row struct{ K, C, S int64 }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if _, twice := counts[row.K][row.C]; twice {
			t.Fatalf("key %d reached count %d twice", row.K, row.C)
		}
		counts[row.K][row.C] = row.S
	}
	for k, changes := range counts {
		records := int64(n / keys)
		if int64(len(changes)) != records {
			t.Fatalf("key %d has %d changes, want %d (%d rows)", k, len(changes), records, len(out))
		}
		want := records*int64(k) + keys*records*(records-1)/2
		if changes[records] != want {
			t.Fatalf("key %d sums to %d, want %d", k, changes[records], want)
		}
	}
}

// underKills sends n records through each job, rate a second, while it is killed with SIGKILL at random moments, each at most so long behind its
// start, and checks what was committed.
func underKills(t *testing.T, jobs []shape, n, rate, kills int, most time.Duration) {
	b := kafkatest.Real(t)
	for _, s := range jobs {
		t.Run(s.name, func(t *testing.T) {
			x := s.on(t, b)
			f := x.feed(n, rate)
			for k := range kills {
				p := x.start(nil)
				p.said("job running")
				time.Sleep(time.Duration(rand.Int64N(int64(most))))
				p.kill()
				t.Logf("kill %d at record %d", k+1, f.sent.Load())
			}
			f.wait(t)
			x.endsExactly(n)
		})
	}
}

// A million numbered records through each job, killed with SIGKILL at twenty random moments.
func TestNothingIsLostOrDoubledUnderTwentyKills(t *testing.T) {
	underKills(t, shapes, 1_000_000, 60_000, 20, 700*time.Millisecond)
}

// The process is killed once at each named point of the protocol, at its third passage.
func TestKilledAtEachPointOfTheProtocol(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			x := s.on(t, b)
			f := x.feed(10_000_000, 10_000)
			x.killedAtEachPoint()
			x.endsExactly(f.halt(t))
		})
	}
}

// An instance on another machine takes over: the older one is fenced and says so with exit code 4.
func TestSecondInstanceTakesOver(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			const n = 100_000
			x := s.on(t, b)
			f := x.feed(n, 20_000)
			second, p := x.takenOver()
			f.wait(t)
			p.kill()
			x.job = second
			x.endsExactly(n)
		})
	}
}

// A second process on the same state directory is refused and harms nobody.
func TestSameStateDirectoryIsRefused(t *testing.T) {
	b := kafkatest.Real(t)
	x := raw.on(t, b)
	f := x.feed(20_000, 10_000)
	first := x.start(nil)
	first.said("job running")
	if code := x.start(nil).ends(); code != 3 {
		t.Fatalf("exit code %d, want 3", code)
	}
	f.wait(t)
	first.kill()
	x.endsExactly(20_000)
}

// Two instances start at the same moment, with no state anywhere.
func TestTwoAtOnceFromNothing(t *testing.T) {
	b := kafkatest.Real(t)
	for round := range 3 {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			const n = 50_000
			x := raw.on(t, b)
			f := x.feed(n, 20_000)
			other := x.elsewhere()
			p, q := x.start(nil), other.start(nil)
			f.wait(t)
			// Whichever was fenced is gone or going; the survivor is stopped, and the job run to its end
			// from either side.
			p.kill()
			q.kill()
			x.job = other
			x.endsExactly(n)
		})
	}
}

// Two instances start from nothing, and one is overtaken between its epoch 0 and the marker of it: its state directory then knows the
// job by an id that no output ever named. Started again there, it goes on from where the other one got.
func TestOvertakenAtItsFirstEpoch(t *testing.T) {
	b := kafkatest.Real(t)
	const n = 20_000
	x := raw.on(t, b)
	f := x.feed(n, 20_000)
	slow := x.start([]string{"WEIR_STOP_AT=" + killpoint.Step5Before})
	slow.stopped()
	// The other one looked before there was a checkpoint of epoch 0.
	if err := os.RemoveAll(x.chk); err != nil {
		t.Fatal(err)
	}
	quick := x.elsewhere().start(nil)
	quick.said("epoch committed")
	slow.signal(syscall.SIGCONT)
	if code := slow.ends(); code != 4 {
		t.Fatalf("the overtaken instance ended with %d, want 4:\n%s", code, tail(slow.output()))
	}
	f.wait(t)
	quick.kill()
	x.endsExactly(n)
}

// The job is edited: another prefix, and so another transactional id. Then the unedited job is started on another machine:
// it restores what the edited one has done, and must fence it by the new id.
func TestEditedAndUneditedJobDoNotBothCommit(t *testing.T) {
	b := kafkatest.Real(t)
	x := raw.on(t, b)
	f := x.feed(10_000_000, 10_000)
	p := x.start(nil)
	p.said("epoch committed")
	p.kill()
	edited := *x.job
	edited.file += ".edited.sql"
	sql, err := os.ReadFile(x.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(edited.file, bytes.ReplaceAll(sql, []byte("'"+x.out+"-'"), []byte("'edited-"+x.out+"'")), 0o600); err != nil {
		t.Fatal(err)
	}
	p = edited.start(nil)
	p.commits(5)
	x.job = x.elsewhere()
	q := x.start(nil)
	q.said("epoch committed")
	if code := p.ends(); code != 4 {
		t.Fatalf("the edited job ended with %d, want 4:\n%s", code, tail(p.output()))
	}
	n := f.halt(t)
	q.kill()
	x.endsExactly(n)
}
