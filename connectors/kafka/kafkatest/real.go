package kafkatest

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest/realkafka"
)

// Version is the Apache Kafka that real tests run on.
const Version = realkafka.Version

var (
	once      sync.Once
	sharedB   *realkafka.Broker
	sharedErr error
)

func shared() (*realkafka.Broker, error) {
	once.Do(func() { sharedB, sharedErr = realkafka.Start() })
	return sharedB, sharedErr
}

// Shutdown stops the process's real broker and removes its data, where there is one. TestMain calls it after
// m.Run. A process that ends without it leaves no broker either: the kernel kills it (Linux).
func Shutdown() {
	if sharedB != nil {
		_ = sharedB.Close() // what is left is swept by the next start
	}
}

// Kill ends a real broker by SIGKILL.
func (b *Broker) Kill(t testing.TB) {
	t.Helper()
	if b.real == nil {
		t.Fatal("kafkatest: only a real broker can be killed")
	}
	b.real.Kill()
}

// Restart starts a killed broker again, with its data and at its address, and returns when it answers.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	b.Kill(t)
	if err := b.real.Restart(); err != nil {
		t.Fatalf("restart Kafka: %v", err)
	}
}

// Anywhere is b for clients that find a real broker wherever Move brings it.
func (b *Broker) Anywhere() *Broker {
	c := *b
	c.Addr = b.real.Addr + "," + b.real.Spare
	return &c
}

// Move starts a real broker again with its data, but at its other address, and returns when it answers: see Anywhere.
func (b *Broker) Move(t testing.TB) {
	t.Helper()
	if err := b.real.Move(); err != nil {
		t.Fatalf("move Kafka: %v", err)
	}
}

// Freeze has a real broker stand still for a while. Its connections stay.
func (b *Broker) Freeze(long time.Duration) {
	b.real.Freeze()
	time.Sleep(long)
	b.real.Thaw()
}

// ConsoleConsumer reads a topic from its beginning with Kafka's own console consumer, read_committed, until
// nothing more comes: an independent witness. Each record is a line; more is further arguments.
func (b *Broker) ConsoleConsumer(t testing.TB, topic string, more ...string) []string {
	t.Helper()
	if b.real == nil {
		t.Fatal("kafkatest: the console consumer is used with a real broker")
	}
	// It cannot tell the end from a broker that takes its time. Where it has seen less than there is, it looks once more, with patience, until it has
	// seen as much.
	atLeast := len(b.Read(t, topic, "read_committed"))
	lines := b.console(t, topic, 4*time.Second, more)
	if len(lines) < atLeast {
		lines = b.console(t, topic, Patience, append(more, "--max-messages", strconv.Itoa(atLeast)))
	}
	return lines
}

// console is the console consumer's lines of a topic, until nothing came for so long.
func (b *Broker) console(t testing.TB, topic string, quiet time.Duration, more []string) []string {
	t.Helper()
	out, err := b.real.Tool("org.apache.kafka.tools.consumer.ConsoleConsumer", append([]string{"--bootstrap-server", b.Addr, "--topic", topic,
		"--isolation-level", "read_committed", "--from-beginning", "--timeout-ms", strconv.FormatInt(quiet.Milliseconds(), 10)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	if out == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}
