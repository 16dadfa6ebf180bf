package kafkatest

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	Shutdown()
	os.Exit(code)
}

func TestOnlyCommittedRecordsAreSeen(t *testing.T) {
	Each(t, func(t *testing.T, b *Broker) {
		b.Topic(t, "seen", 1)
		b.Transaction(t, "a", "commit", "seen", Lines("one", "two")...)
		b.Transaction(t, "b", "abort", "seen", Lines("three")...)
		if got := Values(b.Read(t, "seen", "read_committed")); len(got) != 2 || got[0] != "one" || got[1] != "two" {
			t.Fatalf("read %q", got)
		}
		if got := b.Read(t, "seen", "read_uncommitted"); len(got) != 3 {
			t.Fatalf("read uncommitted %d records", len(got))
		}
		if b.Real() {
			if got := b.ConsoleConsumer(t, "seen"); len(got) != 2 || got[0] != "one" || got[1] != "two" {
				t.Fatalf("the console consumer read %q", got)
			}
			b.Restart(t)
			if got := b.Read(t, "seen", "read_committed"); len(got) != 2 {
				t.Fatalf("after a restart %d records", len(got))
			}
		}
	})
}
