package cli

import (
	"bufio"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"weir/planner/config"
)

// memoryBudget is what the process may use: weir.memory, or three quarters of what the cgroup or the machine has.
func memoryBudget(cfg *config.Config) int64 {
	if n := cfg.Memory(config.MemoryBudget); n > 0 {
		return n
	}
	n := cgroupMemory()
	if m := machineMemory(); m > 0 && (n == 0 || m < n) {
		n = m
	}
	if n == 0 {
		n = 2 << 30 // nothing says how much there is: what a small machine has
	}
	return n / 4 * 3
}

// limitMemory makes the garbage collector respect the budget; GOMEMLIMIT in the environment goes first. Two thirds
// are Go's, the rest is librdkafka's and Badger's mapped files.
func limitMemory(budget int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(budget / 3 * 2)
	}
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
