// Package realkafka runs an Apache Kafka of one node, for tests and benchmarks: its jars are fetched by Maven at the first
// use on a machine and kept in a cache folder; the broker listens on free loopback ports and dies with its process.
package realkafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/program"
	"weir/connectors/program/jvm"
)

// Version is the Apache Kafka that is run.
const Version = "4.1.0"

// Production are the Java options that Kafka's documentation recommends for brokers (Operations, Java version): a heap of 6 GB. The start
// script's is 1 GB, in which a broker that moves 50,000 records/s stops to collect garbage every two seconds.
var Production = []string{"-Xms6g", "-Xmx6g", "-XX:MetaspaceSize=96m", "-XX:G1HeapRegionSize=16M", "-XX:MinMetaspaceFreeRatio=50", "-XX:MaxMetaspaceFreeRatio=80"}

// MissingError says that this machine has not what a broker needs: Java, or Maven to fetch it with.
type MissingError = program.MissingError

// Broker is a process of Apache Kafka. Its methods are any goroutine's, one at a time.
type Broker struct {
	Addr  string   // bootstrap address
	Spare string   // where Move brings it
	SASL  string   // another one, for clients that log in as alice with the password secret (SASL_PLAINTEXT, PLAIN), who may do nothing at first
	dir   string   // configuration, data, server.log
	lib   string   // the jars
	java  []string // further options of its Java process

	controller string // its address as the controller of its cluster

	mu   sync.Mutex
	proc *program.Process
}

// sweep removes what brokers of processes that are gone left behind.
func sweep(root string) {
	dirs, _ := filepath.Glob(filepath.Join(root, "run-*"))
	for _, d := range dirs {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(d), "run-"))
		if err != nil {
			continue
		}
		if p, err := os.FindProcess(pid); err == nil && program.Alive(p) {
			continue
		}
		_ = os.RemoveAll(d)
	}
}

// Start makes a new broker with an empty log and returns when it answers. One process starts at most one. The error is a
// *MissingError where the machine lacks something. The caller ends the broker with Close; a process that ends without it leaves
// none either: the kernel kills it (Linux), and the next Start on the machine removes its data.
//
// java are options of its Java process behind those of Kafka's start script, of which a later one wins: Production, or none.
func Start(java ...string) (*Broker, error) {
	lib, err := jvm.Jars("kafka-"+Version, "org.apache.kafka:kafka_2.13:"+Version, "org.apache.kafka:kafka-tools:"+Version)
	if err != nil {
		return nil, err
	}
	root := filepath.Dir(lib)
	sweep(root)
	b := &Broker{lib: lib, java: java, dir: filepath.Join(root, fmt.Sprintf("run-%d", os.Getpid()))}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return nil, err
	}
	for _, addr := range []*string{&b.Addr, &b.Spare, &b.SASL, &b.controller} {
		port, err := program.FreePort()
		if err != nil {
			return nil, err
		}
		*addr = fmt.Sprintf("127.0.0.1:%d", port)
	}
	if err := b.configure(); err != nil {
		return nil, err
	}
	format := exec.Command("java", "-Xmx256m", "-cp", lib+"/*", "kafka.tools.StorageTool", "format", "-t", "d2VpcnRlc3R3ZWlydGVzdA", "-c", b.properties())
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format Kafka's storage: %w\n%s", err, program.Tail(string(out)))
	}
	if err := b.start(); err != nil {
		b.Kill()
		return nil, err
	}
	return b, nil
}

// properties is the file of its configuration.
func (b *Broker) properties() string { return filepath.Join(b.dir, "server.properties") }

// configure writes the configuration.
func (b *Broker) configure() error {
	props := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s,SASL_PLAINTEXT://%[4]s
advertised.listeners=PLAINTEXT://%[1]s,SASL_PLAINTEXT://%[4]s
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="admin" user_alice="secret";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
log.dirs=%[3]s/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
auto.create.topics.enable=false
log.retention.check.interval.ms=1000
`, b.Addr, b.controller, b.dir, b.SASL)
	return os.WriteFile(b.properties(), []byte(props), 0o644)
}

// start runs the broker and returns when it answers.
func (b *Broker) start() error {
	// As kafka-server-start.sh has it, but for the smaller heap to begin with.
	args := append([]string{"-server", "-Xms512m", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
		"-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"}, b.java...)
	cmd := exec.Command("java", append(args, "-cp", b.lib+"/*", "kafka.Kafka", b.properties())...)
	proc, err := program.Start(cmd, filepath.Join(b.dir, "server.log"))
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.proc = proc
	b.mu.Unlock()
	return b.ready(5 * time.Minute)
}

func (b *Broker) ready(limit time.Duration) error {
	a, err := ck.NewAdminClient(&ck.ConfigMap{"bootstrap.servers": b.Addr, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0,
		"enable.metrics.push": false})
	if err != nil {
		return err
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for ctx.Err() == nil {
		select {
		case <-b.proc.Done():
			return fmt.Errorf("broker ended while it started:\n%s", b.proc.Log())
		default:
		}
		step, stop := context.WithTimeout(ctx, time.Second)
		d, err := a.DescribeCluster(step)
		stop()
		if err == nil && len(d.Nodes) > 0 {
			return nil
		}
	}
	return errors.New("Kafka does not answer: see " + filepath.Join(b.dir, "server.log"))
}

// Kill ends the broker by SIGKILL and returns when it is gone. It may have ended before.
func (b *Broker) Kill() {
	b.mu.Lock()
	proc := b.proc
	b.mu.Unlock()
	if proc != nil {
		proc.Kill()
	}
}

// Restart starts the broker again, killed or not, with its data and at its address, and returns when it answers.
func (b *Broker) Restart() error {
	b.Kill()
	return b.start()
}

// Move starts the broker again as Restart does, but at another address, as a pod of Kubernetes does: Addr and Spare change places.
func (b *Broker) Move() error {
	b.Kill()
	b.Addr, b.Spare = b.Spare, b.Addr
	if err := b.configure(); err != nil {
		return err
	}
	return b.start()
}

// Freeze has the broker stand still until Thaw, as one does whose disk does not answer.
func (b *Broker) Freeze() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.proc.Freeze()
}

// Thaw lets a frozen broker go on.
func (b *Broker) Thaw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.proc.Thaw()
}

// Close kills the broker and removes its data.
func (b *Broker) Close() error {
	b.Kill()
	return os.RemoveAll(b.dir)
}

// Tool runs a main class of Kafka's jars, such as org.apache.kafka.tools.consumer.ConsoleConsumer, and returns what it
// wrote to standard output.
func (b *Broker) Tool(class string, args ...string) (string, error) {
	cmd := exec.Command("java", append([]string{"-Xmx256m", "-cp", b.lib + "/*", class}, args...)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s", class, err, program.Tail(stderr.String()))
	}
	return stdout.String(), nil
}
