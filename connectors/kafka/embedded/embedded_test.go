package embedded

import (
	"slices"
	"strings"
	"testing"

	"weir/connectors/kafka/kafkatest"
)

func TestTopicsAndRecordsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(Options{DataDir: dir, Topics: []Topic{{Name: "a", Partitions: 1}, {Name: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Options{DataDir: dir}); err == nil || !strings.Contains(err.Error(), "another broker uses the data directory") {
		t.Fatalf("a second broker in the directory: %v", err)
	}
	client := &kafkatest.Broker{Addr: b.Addr()}
	client.Transaction(t, "x", "commit", "a", kafkatest.Lines("one", "two")...)
	addr := b.Addr()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err = Start(Options{Addr: addr, DataDir: dir, Topics: []Topic{{Name: "a"}}}); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Addr() != addr {
		t.Fatalf("listens on %s, asked for %s", b.Addr(), addr)
	}
	if got := kafkatest.Values(client.Read(t, "a", "read_committed")); !slices.Equal(got, []string{"one", "two"}) {
		t.Fatalf("after a restart %q", got)
	}
}

func TestAPortInUseIsNamed(t *testing.T) {
	b, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := Start(Options{Addr: b.Addr()}); err == nil || !strings.Contains(err.Error(), b.Addr()) {
		t.Fatalf("a second broker on the port: %v", err)
	}
}
