package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest"
	"weir/exec/killpoint"
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
				p.commits(5)
				p.kill()
				if err := os.RemoveAll(x.state); err != nil {
					t.Fatal(err)
				}
			}
			x.endsExactly(f.halt(t))
		})
	}
}

// Without a checkpoint directory the state is gone, and weir refuses to write anything twice.
func TestLostStateWithoutCheckpointsIsRefused(t *testing.T) {
	b := kafkatest.Real(t)
	x := tumble.on(t, b, "SET 'execution.checkpointing.dir' = '$CHK';", "")
	f := x.feed(10_000_000, 10_000)
	p := x.start(nil)
	p.said("epoch committed")
	p.kill()
	f.halt(t)
	if err := os.RemoveAll(x.state); err != nil {
		t.Fatal(err)
	}
	again := x.start(nil)
	if code := again.ends(); code != 3 {
		t.Fatalf("exit code %d, want 3:\n%s", code, tail(again.output()))
	}
	t.Logf("%s", tail(again.output()))
	if text := again.output(); !strings.Contains(text, "help: ") {
		t.Fatalf("the refusal does not say what to do:\n%s", text)
	}
}

// The process sleeps before a commit for longer than its transaction may be open: the broker aborts the transaction, and the
// epoch is replayed.
func TestExpiredTransactionIsReplayed(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range []shape{raw, tumble} {
		t.Run(s.name, func(t *testing.T) {
			x := s.on(t, b, "= '20000'", "= '8000'")
			f := x.feed(10_000_000, 10_000)
			p := x.start([]string{"WEIR_STOP_AT=" + killpoint.Step5Before + ":3"})
			p.stopped()
			before := p.epochs()
			if state := b.TransactionState(t, x.out+"-weir"); state != "Ongoing" {
				t.Fatalf("the transaction is %s", state)
			}
			for deadline := time.Now().Add(kafkatest.Patience); b.TransactionState(t, x.out+"-weir") == "Ongoing"; {
				if time.Now().After(deadline) {
					t.Fatal("the broker does not abort the transaction")
				}
			}
			p.signal(syscall.SIGCONT)
			n := f.halt(t)
			p.commits(before + 1)
			p.signal(syscall.SIGTERM)
			p.endsWell()
			x.endsExactly(n)
		})
	}
}

// The broker dies and comes back, twice, under load.
func TestBrokerKilledUnderLoad(t *testing.T) {
	b := kafkatest.Real(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			x := s.on(t, b)
			f := x.feed(10_000_000, 10_000)
			p := x.start(nil)
			p.said("epoch committed")
			for range 2 {
				time.Sleep(1500 * time.Millisecond)
				b.Kill(t)
				time.Sleep(time.Second)
				b.Restart(t)
			}
			// Records keep coming: a broker may take so long to start that whatever was counted out beforehand is committed already. And a job that
			// is stopped while its transaction is broken says that its last epoch is replayed, and does not end well.
			p.commits(p.epochs() + 1)
			n := f.halt(t)
			p.signal(syscall.SIGTERM)
			p.endsWell()
			x.endsExactly(n)
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
				var p *process
				for long := 500 * time.Millisecond; p == nil || strings.Contains(p.output(), " 0 rows in"); long *= 2 {
					p = x.start(nil)
					p.said("job running")
					time.Sleep(long) // it reads something meanwhile: else the next run has more time
					p.signal(c.signal)
					if code := p.ends(); code != c.code {
						t.Fatalf("%s: exit code %d, want %d:\n%s", c.signal, code, c.code, tail(p.output()))
					}
				}
				if p.epochs() == 0 {
					t.Fatalf("%s: no last checkpoint:\n%s", c.signal, tail(p.output()))
				}
			}
			x.endsExactly(f.halt(t))
		})
	}
}
