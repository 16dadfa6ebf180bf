package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"weir/connectors/kafka/kafkatest/realkafka"
	"weir/connectors/program"
	"weir/connectors/program/jvm"
)

// jacksonVersion is that of the JSON library which Kafka itself uses.
const jacksonVersion = "2.19.0"

// streams is Kafka Streams: bench/streams/Peer.java, a process for each run, which runs the job over the warm-up topic first.
type streams struct {
	*bench
	classpath string
}

func openStreams(_ context.Context, b *bench) (engine, error) {
	lib, err := jvm.Jars("kafka-streams-"+realkafka.Version, "org.apache.kafka:kafka-streams:"+realkafka.Version,
		"com.fasterxml.jackson.core:jackson-databind:"+jacksonVersion, "org.slf4j:slf4j-simple:1.7.36")
	if err != nil {
		return nil, err
	}
	classes := filepath.Join(b.dir, "streams")
	javac := exec.Command("javac", "-cp", filepath.Join(lib, "*"), "-d", classes, filepath.Join("bench", "streams", "Peer.java"))
	if out, err := javac.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("javac (a JDK is needed): %w\n%s", err, out)
	}
	return streams{b, classes + string(os.PathListSeparator) + filepath.Join(lib, "*")}, nil
}

func (s streams) close() error { return nil }

func (s streams) run(ctx context.Context, t, warm task) (m measure, err error) {
	dir := filepath.Join(s.dir, t.out)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return m, err
	}
	cmd := exec.Command("java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", s.classpath, "Peer", t.Job, s.servers, filepath.Join(dir, "state"))
	in, err := cmd.StdinPipe()
	if err != nil {
		return m, err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return m, err
	}
	defer out.Close()
	cmd.Stdout = stdout
	p, err := program.Start(cmd, filepath.Join(dir, "streams.log"))
	err = errors.Join(err, stdout.Close()) // the process has its own
	if err != nil {
		return m, err
	}
	defer p.Kill()
	stop := context.AfterFunc(ctx, p.Kill) // so that nothing is waited for that does not come
	defer stop()
	defer func() {
		err = errors.Join(err, s.admin.removeOf(t.out+"-"), s.admin.removeOf(warm.out+"-"))
	}()
	said := bufio.NewScanner(out)
	if _, err := s.job(p, in, said, warm); err != nil {
		return m, fmt.Errorf("warming up: %w", err)
	}
	m, err = s.job(p, in, said, t)
	m.memory = peakOf(p.Pid())
	return m, err
}

// job lets the process run t and measures it from its first record on. Kafka Streams calls itself running too late for that: a thread works
// while the other one still waits for partitions.
func (s streams) job(p *program.Process, in io.Writer, said *bufio.Scanner, t task) (m measure, err error) {
	// The names of groups and internal topics begin with that of the output.
	if _, err := fmt.Fprintf(in, "%s %s %s %d\n", t.out, t.in, t.out, t.records); err != nil {
		return m, fmt.Errorf("%w\n%s", err, p.Log())
	}
	var start time.Time
	for _, word := range []string{"reading", "done"} {
		if !said.Scan() || strings.TrimSpace(said.Text()) != word {
			select { // what it says last is in its log when it has ended
			case <-p.Done():
			case <-time.After(5 * time.Second):
			}
			return m, fmt.Errorf("the process says %q, not %q:\n%s", said.Text(), word, p.Log())
		}
		cpu, err := cpuOf(p.Pid())
		if err != nil {
			return m, err
		}
		if word == "reading" {
			start, m.cpu = time.Now(), -cpu
		} else {
			m.took, m.cpu = time.Since(start), m.cpu+cpu
		}
	}
	return m, nil
}
