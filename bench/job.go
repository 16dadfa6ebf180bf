package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// job is weir run of a job that does not end by itself, in a process of its own.
type job struct {
	weir   string // the binary
	args   []string
	cmd    *exec.Cmd
	stderr bytes.Buffer // of all its processes
}

// endless edits the text of a job so that it reads topic in where it reads from, does not end with it, and commits at interval.
func endless(from, in, interval string) []string {
	return []string{"'" + from + "'", "'" + in + "'", "'5 s'", "'" + interval + "'", "  'scan.bounded.mode' = 'latest-offset',\n", ""}
}

// start starts the process, or another one after it.
func (j *job) start() error {
	j.cmd = exec.Command(j.weir, j.args...)
	j.cmd.Stderr = &j.stderr
	return j.cmd.Start()
}

// kill ends the process by SIGKILL, where it has not ended.
func (j *job) kill() {
	if j.cmd.ProcessState == nil {
		_ = j.cmd.Process.Kill()
		_ = j.cmd.Wait() // killed
	}
}

// stop ends the process by SIGTERM, at which it commits what it has.
func (j *job) stop() error {
	if err := j.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the job: %w", err)
	}
	if err := j.cmd.Wait(); err != nil {
		return fmt.Errorf("the job: %w\n%s", err, j.stderr.Bytes())
	}
	return nil
}

// topics makes topics for a job to read and to write. drop removes them, and the files of the job.
func (b *bench) topics(ctx context.Context, what string) (in, out string, drop func(), err error) {
	b.serial++
	in, out = fmt.Sprintf("bench_%s_%d", what, b.serial), fmt.Sprintf("bench_out_%d", b.serial)
	var made []string
	drop = func() {
		for _, t := range made {
			b.dropLater(t)
		}
	}
	for _, t := range []string{in, out} {
		if err := b.admin.create(ctx, t); err != nil {
			drop()
			return "", "", nil, err
		}
		made = append(made, t)
	}
	return in, out, drop, nil
}
