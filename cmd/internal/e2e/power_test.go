package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest"
	"weir/exec/killpoint"
)

// The power is cut, again and again, and each time the job starts from what a disk would hold: everything that was synced, and
// of the rest some blocks and not others. The broker goes on, so that it knows every transaction that was committed. There is no
// checkpoint directory to fall back on.
//
// At step3-before of an epoch all logs are synced. The process stops there, a first copy is taken, and another one a moment
// later, when the epoch is being written, prepared or committed. As long as the manifest is the old one, each block of a log
// that differs may or may not have reached the disk, since nothing that was synced speaks of it. What is never synced is
// committed.json: it may be the old one, empty or gone.
func TestPowerCutsLoseNothing(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			x := s.on(t, b, "SET 'execution.checkpointing.dir' = '$CHK';", "SET 'weir.memory' = '128 mb';")
			f := x.feed(10_000_000, 10_000)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 0))
			torn := 0
			for round := range 12 {
				p := x.start([]string{fmt.Sprintf("WEIR_STOP_AT=%s:%d", killpoint.Step3Before, 1+rnd.IntN(6))})
				p.stopped()
				synced, cut := filepath.Join(t.TempDir(), "synced"), filepath.Join(t.TempDir(), "cut")
				copyState(t, x.state, synced)
				p.signal(syscall.SIGCONT)
				time.Sleep(time.Duration(rnd.Int64N(int64([]time.Duration{time.Millisecond, 5 * time.Millisecond, 40 * time.Millisecond}[round%3]))))
				p.signal(syscall.SIGSTOP)
				p.stopped()
				copyState(t, x.state, cut)
				p.kill()
				torn += tear(t, rnd, filepath.Join(synced, jobName), filepath.Join(cut, jobName))
				if err := os.RemoveAll(x.state); err != nil {
					t.Fatal(err)
				}
				x.state = cut
			}
			t.Logf("%d blocks were lost", torn)
			x.endsExactly(f.halt(t))
		})
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%s: %v\n%s", s, err, tail(p.output()))
	}
}

// stopped waits until the process lies in SIGSTOP.
func (p *process) stopped() {
	p.t.Helper()
	for deadline := time.Now().Add(kafkatest.Patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			p.t.Fatalf("the process is gone: %v\n%s", err, tail(p.output()))
		}
		if _, rest, _ := bytes.Cut(stat, []byte(") ")); len(rest) > 0 && (rest[0] == 'T' || rest[0] == 'Z') {
			if rest[0] == 'Z' {
				p.t.Fatalf("the process ended:\n%s", tail(p.output()))
			}
			return
		}
	}
	p.t.Fatalf("the process does not stop:\n%s", tail(p.output()))
}

func copyState(t *testing.T, from, to string) {
	t.Helper()
	if text, err := exec.Command("cp", "-a", "--sparse=always", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// tear takes from the state directory in cut what a disk need not have got since synced, and returns the number of blocks.
func tear(t *testing.T, rnd *rand.Rand, synced, cut string) int {
	t.Helper()
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return data
	}
	write := func(path string, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(cut); err != nil {
		t.Fatalf("the job has no state there: %v", err)
	}
	done := filepath.Join(cut, "committed.json")
	switch rnd.IntN(4) {
	case 0:
		if old := read(filepath.Join(synced, "committed.json")); old != nil {
			write(done, old)
		}
	case 1:
		write(done, nil)
	case 2:
		if err := os.Remove(done); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	for _, slot := range []string{"manifest.json", "manifest.2.json"} {
		if !bytes.Equal(read(filepath.Join(synced, slot)), read(filepath.Join(cut, slot))) {
			return 0 // what was written is synced: the manifest speaks of it
		}
	}
	logs, err := filepath.Glob(filepath.Join(cut, "data-*", "*.mem"))
	if err != nil {
		t.Fatal(err)
	}
	runs, err := filepath.Glob(filepath.Join(cut, "data-*", "runs", "*.runs"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, path := range append(logs, runs...) {
		rel, err := filepath.Rel(cut, path)
		if err != nil {
			t.Fatal(err)
		}
		now, old := read(path), read(filepath.Join(synced, rel))
		old = append(old, make([]byte, max(0, len(now)-len(old)))...)
		for at := 0; at < len(now); at += 4096 {
			end := min(at+4096, len(now))
			if !bytes.Equal(now[at:end], old[at:end]) && rnd.IntN(2) == 0 {
				copy(now[at:end], old[at:end])
				blocks++
			}
		}
		write(path, now)
	}
	return blocks
}
