package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest"
)

// The machine is lost with its disk; another one, with another number of processors, goes on from
// the checkpoint directory.
func TestLostMachineIsRestoredFromTheCheckpointDirectory(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			x := s.on(t, b)
			f := x.feed(10_000_000, 20_000)
			for _, parallelism := range []string{"2", "3", "1"} {
				p := x.start(nil, "--set", "parallelism.default="+parallelism)
				p.said("job running", 30*time.Second)
				p.said("epoch committed", 30*time.Second)
				time.Sleep(500 * time.Millisecond)
				p.kill()
				if err := os.RemoveAll(x.state); err != nil {
					t.Fatal(err)
				}
			}
			x.endsExactly(f.halt(t), time.Minute)
		})
	}
}

// Without a checkpoint directory the state is gone, and weir refuses to write anything twice.
func TestLostStateWithoutCheckpointsIsRefused(t *testing.T) {
	b := kafkatest.Real(t)
	x := tumble.on(t, b, "SET 'execution.checkpointing.dir' = '$CHK';", "")
	f := x.feed(10_000_000, 10_000)
	p := x.start(nil)
	p.said("epoch committed", 30*time.Second)
	p.kill()
	f.halt(t)
	if err := os.RemoveAll(x.state); err != nil {
		t.Fatal(err)
	}
	again := x.start(nil)
	if code := again.ends(30 * time.Second); code != 3 {
		t.Fatalf("exit code %d, want 3:\n%s", code, tail(again.output()))
	}
	t.Logf("%s", tail(again.output()))
	if text := again.output(); !strings.Contains(text, "help: ") {
		t.Fatalf("the refusal does not say what to do:\n%s", text)
	}
}

// The process sleeps for longer than its transaction may be open: the broker aborts the transaction, and
// the epoch is replayed.
func TestExpiredTransactionIsReplayed(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range []shape{raw, tumble} {
		t.Run(s.name, func(t *testing.T) {
			x := s.on(t, b, "= '20000'", "= '2000'")
			f := x.feed(10_000_000, 10_000)
			p := x.start(nil)
			p.said("epoch committed", 30*time.Second)
			time.Sleep(230 * time.Millisecond)
			if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			time.Sleep(14 * time.Second) // the broker looks for expired transactions every 10 s
			before := strings.Count(p.output(), "epoch committed")
			if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			n := f.halt(t)
			commitsMoreThan(t, p, before)
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			p.endsWell(time.Minute)
			x.endsExactly(n, time.Minute)
		})
	}
}

// commitsMoreThan waits until p has committed an epoch more than so many. A job that is stopped while its transaction is
// broken says that its last epoch is replayed, and does not end well.
func commitsMoreThan(t *testing.T, p *process, epochs int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); strings.Count(p.output(), "epoch committed") <= epochs; {
		select {
		case <-p.exited:
			if strings.Count(p.output(), "epoch committed") <= epochs {
				t.Fatalf("the job ended (%v) before it committed more:\n%s", p.cmd.ProcessState, tail(p.output()))
			}
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing more was committed:\n%s", p.stuck())
		}
	}
}

// The broker dies and comes back, twice, under load.
func TestBrokerKilledUnderLoad(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			const n = 200_000
			x := s.on(t, b)
			f := x.feed(n, 10_000)
			p := x.start(nil)
			p.said("epoch committed", 30*time.Second)
			for range 2 {
				time.Sleep(1500 * time.Millisecond)
				b.Kill(t)
				time.Sleep(time.Second)
				b.Restart(t)
			}
			before := strings.Count(p.output(), "epoch committed")
			f.wait(t)
			commitsMoreThan(t, p, before)
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			p.endsWell(time.Minute)
			x.endsExactly(n, 2*time.Minute)
		})
	}
}

// SIGTERM takes a last checkpoint and leaves with 0, SIGINT with 130; the next start goes on from there.
func TestSignalsLeaveCleanly(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			// So long an interval that only the last checkpoint commits anything.
			x := s.on(t, b, "'100 ms'", "'15 s'")
			f := x.feed(10_000_000, 10_000)
			for _, c := range []struct {
				signal syscall.Signal
				code   int
			}{{syscall.SIGTERM, 0}, {syscall.SIGINT, 130}} {
				p := x.start(nil)
				p.said("job running", 30*time.Second)
				time.Sleep(500 * time.Millisecond)
				if err := p.cmd.Process.Signal(c.signal); err != nil {
					t.Fatal(err)
				}
				if code := p.ends(10 * time.Second); code != c.code {
					t.Fatalf("%s: exit code %d, want %d:\n%s", c.signal, code, c.code, tail(p.output()))
				}
				if !strings.Contains(p.output(), "epoch committed") {
					t.Fatalf("%s: no last checkpoint:\n%s", c.signal, tail(p.output()))
				}
			}
			x.endsExactly(f.halt(t), time.Minute)
		})
	}
}
