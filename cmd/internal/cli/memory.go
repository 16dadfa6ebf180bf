package cli

import (
	"bufio"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"weir/exec"
	"weir/exec/runtime"
	"weir/planner/config"
	"weir/planner/physical"
)

// memoryBudget is what the process may use: weir.memory (--memory), or three quarters of what the cgroup or the machine has.
func memoryBudget(cfg *config.Config) (int64, error) {
	if n := cfg.Memory(config.MemoryBudget); n > 0 {
		if n < exec.MinMemory {
			return 0, usageError{fmt.Errorf("weir.memory is %s: the program, librdkafka and the state's buffers do not fit into less than %d mb; give at least that, or leave it out to use three quarters of what there is",
				cfg.String(config.MemoryBudget), exec.MinMemory>>20)}
		}
		return n, nil
	}
	n := cgroupMemory()
	if m := machineMemory(); m > 0 && (n == 0 || m < n) {
		n = m
	}
	if n == 0 {
		n = 2 << 30 // nothing says how much there is: what a small machine has
	}
	return max(n/4*3, exec.MinMemory), nil
}

// planMemory shares the budget out among jobs, tells each its part, by weir.memory in its settings, and makes the garbage
// collector respect the rest; GOMEMLIMIT in the environment goes first.
func planMemory(budget int64, jobs []*physical.Job, log *slog.Logger) (exec.MemoryPlan, error) {
	readers, producers := 0, 0
	for _, job := range jobs {
		for n := range job.Nodes() {
			switch n := n.(type) {
			case *physical.Sink:
				if isKafka(n.Table) {
					producers++
				}
			case *physical.Scan:
				if isKafka(n.Table) {
					readers += max(n.Parallelism, runtime.Parallelism(job.Config))
				}
			}
		}
	}
	for _, job := range jobs {
		own := job.Config.Clone()
		if err := own.Set(config.MemoryBudget, fmt.Sprintf("%d kb", budget/int64(len(jobs))>>10), config.FromFlag); err != nil {
			return exec.MemoryPlan{}, err
		}
		job.Config = own
	}
	plan := exec.PlanMemory(budget, readers, producers)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(plan.Heap)
	}
	log.Debug("memory", "plan", plan.String())
	return plan, nil
}

// cgroupMemory is the limit of this process's cgroup (version 2, else 1); 0 when there is none.
func cgroupMemory() int64 {
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || n >= math.MaxInt64/2 {
			return 0 // "max", or version 1's way to say so
		}
		return n
	}
	return 0
}

// machineMemory is the machine's memory, where /proc says it; 0 elsewhere.
func machineMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			if kb, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return kb << 10
			}
		}
	}
	return 0
}
