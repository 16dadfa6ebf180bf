package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// demoJob is the child process that runs the job. It is started and killed several times.
type demoJob struct {
	run    *demoRun
	cmd    *exec.Cmd
	exited chan struct{} // closed when the current process has ended
	ready  chan struct{} // closed when the current process has said that it reads
	err    error         // how it ended; valid when exited is closed
	epochs atomic.Int64  // commits seen in the log lines of all processes

	mu   sync.Mutex
	last []string // the last log lines
}

// logLine is what the demo reads of the job's JSON log.
type logLine struct {
	Msg string `json:"msg"`
}

// The log lines that the demo goes by. A test holds them against the runtime's.
const (
	logRunning   = "job running"
	logCommitted = "epoch committed"
)

// start runs the job and returns when it reads its source.
func (j *demoJob) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	j.cmd = exec.Command(self, "run", j.run.job,
		"--state-dir", filepath.Join(j.run.dir, "state"),
		"--set", "execution.checkpointing.interval=200 ms",
		"--set", "execution.checkpointing.dir=file://"+filepath.Join(j.run.dir, "chk"),
		"--log-format", "json", "--log-level", "debug")
	j.cmd.Stdout = io.Discard
	j.cmd.SysProcAttr = childAttr() // the job dies with the demo
	stderr, err := j.cmd.StderrPipe()
	if err != nil {
		return err
	}
	j.exited, j.ready = make(chan struct{}), make(chan struct{})
	if err := j.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the job's process: %w", err)
	}
	go j.follow(j.cmd, stderr, j.ready, j.exited)
	select {
	case <-j.ready:
		return nil
	case <-j.exited:
		return fmt.Errorf("the job did not start (%w):\n%s", ended(j.err), j.tail())
	case <-time.After(demoPatience):
		return fmt.Errorf("the job did not start within %s:\n%s", demoPatience, j.tail())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow reads the child's log lines until it ends.
func (j *demoJob) follow(cmd *exec.Cmd, stderr io.Reader, ready, exited chan struct{}) {
	defer close(exited)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		j.mu.Lock()
		j.last = append(j.last, lines.Text())
		if len(j.last) > 20 {
			j.last = j.last[1:]
		}
		j.mu.Unlock()
		var l logLine
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // a diagnostic; it is in the tail if the job fails
		}
		switch l.Msg {
		case logRunning:
			close(ready)
		case logCommitted:
			j.epochs.Add(1)
		}
	}
	j.err = cmd.Wait()
}

func (j *demoJob) pid() int { return j.cmd.Process.Pid }

// kill ends the process with SIGKILL and waits until it is gone.
func (j *demoJob) kill() {
	if j.cmd == nil || j.cmd.Process == nil {
		return
	}
	_ = j.cmd.Process.Kill() // fails only if it has already ended
	<-j.exited
}

// stop ends the process as a service manager does and wants it to leave cleanly.
func (j *demoJob) stop() error {
	if err := j.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the job: %w", err)
	}
	select {
	case <-j.exited:
	case <-time.After(demoPatience):
		return fmt.Errorf("the job did not stop within %s of SIGTERM:\n%s", demoPatience, j.tail())
	}
	if j.err != nil {
		return fmt.Errorf("the job did not stop cleanly (%w):\n%s", j.err, j.tail())
	}
	return nil
}

// ended words how a process ended that was to go on.
func ended(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}

func (j *demoJob) tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.last, "\n")
}
