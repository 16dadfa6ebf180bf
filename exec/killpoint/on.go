//go:build weir_killpoints

package killpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Enabled reports whether this build honours WEIR_KILL_AT.
const Enabled = true

var (
	name, nth = parse(os.Getenv("WEIR_KILL_AT"))
	passed    atomic.Int64
)

func parse(s string) (string, int64) {
	point, count, found := strings.Cut(s, ":")
	if !found {
		return point, 1
	}
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil || n < 1 {
		panic("WEIR_KILL_AT: expected name or name:occurrence, found " + s)
	}
	return point, n
}

// Hit is called when the process passes the point. Any goroutine.
func Hit(point string) {
	if point != name || passed.Add(1) != nth {
		return
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {} // the signal may take a moment: nothing must happen in it
}
