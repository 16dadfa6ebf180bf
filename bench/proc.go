package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// measure is one run of one process.
type measure struct {
	records int           // read
	rows    int           // written and read back
	took    time.Duration // from the start of the process to its end, boot included
	cpu     time.Duration // user and system time of the process
	memory  int64         // peak resident set, bytes
	manager time.Duration // the share of cpu that is Flink's job manager's
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
	if err := cmd.Start(); err != nil {
		return measure{}, err
	}
	peak := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	took := time.Since(start)
	memory := peak()
	if err != nil {
		return measure{}, fmt.Errorf("%s %s: %w\n%s", name, args[0], err, stderr.Bytes())
	}
	return measure{took: took, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), memory: memory}, nil
}

// watchMemory follows the peak of a process's resident set, in bytes, until stop is called. The peak that the kernel tells
// of a process that has ended will not do: it counts what its parent had when it was started.
func watchMemory(pid int) (stop func() int64) {
	ended, told := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, peakOf(pid))
			select {
			case <-ended:
				told <- peak
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(ended)
		return <-told
	}
}

// cpuOf is the user and system time that a running process has spent.
func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	// The name in parentheses may hold anything. Times are the 12th and 13th field behind it, in hundredths of a second: USER_HZ
	// is 100 wherever Go runs on Linux.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("CPU time of process %d: /proc/%d/stat is %q", pid, pid, b)
	}
	var ticks time.Duration
	for _, field := range f[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond, nil
}

// peakOf is VmHWM of a process in bytes; 0 where it is not to be had (the process has ended, or this is not Linux).
func peakOf(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var kb int64
	if _, err := fmt.Sscan(field(string(b), "VmHWM"), &kb); err != nil {
		return 0
	}
	return kb << 10
}
