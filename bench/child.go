package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// measure is one run of one process.
type measure struct {
	records int           // read
	rows    int           // written and read back
	took    time.Duration // from the start of the process to its end, boot included
	cpu     time.Duration // user and system time of the process
	memory  int64         // peak resident set, bytes
}

// cpuPerRecord is in microseconds.
func (m measure) cpuPerRecord() float64 {
	return float64(m.cpu.Nanoseconds()) / 1000 / float64(m.records)
}

func (m measure) rate() float64 { return float64(m.records) / m.took.Seconds() }

func (m measure) String() string {
	return fmt.Sprintf("%7.0f k rec/s  %6.3f µs CPU/rec  %5d MB  %d rows out", m.rate()/1000, m.cpuPerRecord(), m.memory>>20, m.rows)
}

// runChild runs a command to its end.
func runChild(ctx context.Context, name string, args ...string) (measure, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return measure{}, fmt.Errorf("%s %s: %w\n%s", name, args[0], err, stderr.Bytes())
	}
	m := measure{took: took, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.memory = maxRSS(u)
	}
	return m, nil
}
