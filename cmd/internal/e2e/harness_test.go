package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/kafka/kafkatest"
	"weir/exec/killpoint"
)

// job is a SQL file that is run, killed and run again.
type job struct {
	t     *testing.T
	file  string
	state string // --state-dir
	chk   string // checkpoint directory
}

// newJob writes sql, with $BROKER and $CHK put in, to a file of its own.
func newJob(t *testing.T, b *kafkatest.Broker, sql string) *job {
	t.Helper()
	dir := t.TempDir()
	j := &job{t: t, file: filepath.Join(dir, "job.sql"), state: filepath.Join(dir, "state"), chk: filepath.Join(dir, "chk")}
	sql = strings.NewReplacer("$BROKER", b.Addr, "$CHK", "file://"+j.chk).Replace(sql)
	if err := os.WriteFile(j.file, []byte(sql), 0o600); err != nil {
		t.Fatal(err)
	}
	return j
}

// killedAtEachPoint runs the job until it is killed at a point of the protocol, at its third passage: once for each point.
func (j *job) killedAtEachPoint() {
	j.t.Helper()
	for _, point := range killpoint.Points {
		p := j.start([]string{"WEIR_KILL_AT=" + point + ":3"})
		if code := p.ends(); code != -1 {
			j.t.Fatalf("%s: exit code %d, want a SIGKILL:\n%s", point, code, tail(p.output()))
		}
	}
}

// elsewhere is the job on another machine, which shares the checkpoint directory alone.
func (j *job) elsewhere() *job {
	other := *j
	other.state = j.t.TempDir()
	return &other
}

// takenOver runs the job until it commits, and then elsewhere: that fences the first one off.
func (j *job) takenOver() (second *job, p *process) {
	j.t.Helper()
	old := j.start(nil)
	old.said("epoch committed")
	second = j.elsewhere()
	p = second.start(nil)
	p.said("job running")
	if code := old.ends(); code != 4 {
		j.t.Fatalf("the fenced instance ended with %d, want 4:\n%s", code, tail(old.output()))
	}
	return second, p
}

// process is one run of a job.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	exited chan struct{}
	mu     sync.Mutex
	log    bytes.Buffer
	lines  atomic.Int64
}

// start runs the job's file; args are further arguments, env further variables.
func (j *job) start(env []string, args ...string) *process {
	j.t.Helper()
	all := append([]string{"run", j.file, "--state-dir", j.state, "--log-format", "json", "--log-level", "debug"}, args...)
	p := &process{t: j.t, cmd: exec.Command(binary, all...), exited: make(chan struct{})}
	// What is left behind by a process that is killed goes with the tests' own folder.
	p.cmd.Env = append(append(os.Environ(), "TMPDIR="+filepath.Dir(binary)), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		j.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code is read from ProcessState
		close(p.exited)
	}()
	j.t.Cleanup(p.kill)
	return p
}

// Write takes the process's log.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines.Add(int64(bytes.Count(b, []byte{'\n'})))
	return p.log.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// kill sends SIGKILL and waits until the process is gone.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("kill: %v", err)
	}
	<-p.exited
}

// said waits until the log holds the text.
func (p *process) said(text string) {
	p.t.Helper()
	p.saidTimes(text, 1)
}

// epochs is how many the process has committed.
func (p *process) epochs() int { return strings.Count(p.output(), epochCommitted) }

// commits waits until the process has committed so many epochs.
func (p *process) commits(epochs int) {
	p.t.Helper()
	p.saidTimes(epochCommitted, epochs)
}

const epochCommitted = "epoch committed"

// saidTimes waits until the log holds the text so many times.
func (p *process) saidTimes(text string, times int) {
	p.t.Helper()
	for deadline := time.Now().Add(kafkatest.Patience); ; {
		gone := false
		select {
		case <-p.exited:
			gone = true
		case <-time.After(5 * time.Millisecond):
		}
		switch {
		case strings.Count(p.output(), text) >= times:
			return
		case gone:
			p.t.Fatalf("the job ended (%v) before it said %q %d times:\n%s", p.cmd.ProcessState, text, times, tail(p.output()))
		case time.Now().After(deadline):
			p.t.Fatalf("the job did not say %q %d times:\n%s", text, times, p.stuck())
		}
	}
}

// ends waits for the process and returns its exit code; -1 when a signal ended it.
func (p *process) ends() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(kafkatest.Patience):
		p.t.Fatalf("the job did not end:\n%s", p.stuck())
		return 0
	}
}

// endsWell waits for exit code 0.
func (p *process) endsWell() {
	p.t.Helper()
	if code := p.ends(); code != 0 {
		p.t.Fatalf("exit code %d:\n%s", code, tail(p.output()))
	}
}

// stuck is where each goroutine of p stands, behind the last lines of its log. p is gone then.
func (p *process) stuck() string {
	said := tail(p.output())
	before := len(p.output())
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return fmt.Sprintf("%s\nno stacks: %v", said, err)
	}
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
	}
	return said + "\n" + p.output()[before:]
}

func tail(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// feed sends records 0 .. n-1, which somebody makes, round-robin to the topic's four partitions, in the
// background, at a rate per second (0: as fast as it can).
type feed struct {
	sent   atomic.Int64
	halted atomic.Bool // no more than the next multiple of keys
	done   chan struct{}
	err    error
}

const partitions = 4

func startFeed(t *testing.T, b *kafkatest.Broker, topic string, n, rate int, value func(i int) []byte) *feed {
	t.Helper()
	return startRecords(t, b, topic, n, rate, func(i int) (key, v []byte) { return nil, value(i) })
}

// startRecords is startFeed for records with keys.
func startRecords(t *testing.T, b *kafkatest.Broker, topic string, n, rate int, record func(i int) (key, value []byte)) *feed {
	t.Helper()
	p, err := ck.NewProducer(&ck.ConfigMap{"bootstrap.servers": b.Addr, "enable.idempotence": true, "linger.ms": 5,
		"enable.metrics.push": false, "reconnect.backoff.max.ms": 1000, "log_level": 2, "queue.buffering.max.messages": 2_000_000, "go.delivery.reports": false})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for range p.Events() { // that a broker is away: Flush waits until such events are taken
		}
	}()
	f := &feed{done: make(chan struct{})}
	stop := make(chan struct{})
	go func() {
		defer close(f.done)
		defer p.Close()
		begin := time.Now()
		for i := 0; i < n; {
			due := n
			if rate > 0 {
				due = min(n, int(time.Since(begin).Seconds()*float64(rate)))
			}
			if f.halted.Load() {
				n = min(n, (i+keys-1)/keys*keys)
				due = n
			}
			for ; i < due; i++ {
				key, value := record(i)
				err := p.Produce(&ck.Message{TopicPartition: ck.TopicPartition{Topic: &topic, Partition: int32(i % partitions)}, Key: key, Value: value}, nil)
				var full ck.Error
				if errors.As(err, &full) && full.Code() == ck.ErrQueueFull {
					break
				}
				if err != nil {
					f.err = fmt.Errorf("record %d: %w", i, err)
					return
				}
			}
			f.sent.Store(int64(i))
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
		f.sent.Store(int64(n))
		if left := p.Flush(240_000); left > 0 {
			f.err = fmt.Errorf("%d records were not acknowledged", left)
		}
	}()
	t.Cleanup(func() { close(stop); <-f.done })
	return f
}

// wait returns when everything is sent, and how much that was.
func (f *feed) wait(t *testing.T) int {
	t.Helper()
	<-f.done
	if f.err != nil {
		t.Fatal(f.err)
	}
	return int(f.sent.Load())
}

// halt ends the feed early, at a multiple of keys.
func (f *feed) halt(t *testing.T) int {
	t.Helper()
	f.halted.Store(true)
	return f.wait(t)
}

// committed is what Kafka's own console consumer, reading read_committed, sees in a topic; on the
// embedded broker a librdkafka consumer takes its place.
func committed(t *testing.T, b *kafkatest.Broker, topic string) []string {
	t.Helper()
	if b.Real() {
		return b.ConsoleConsumer(t, topic)
	}
	return kafkatest.Values(b.Read(t, topic, "read_committed"))
}
