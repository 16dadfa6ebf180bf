//go:build weir_killpoints

package killpoint

import (
	"os"
	ossignal "os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Enabled reports whether this build honours WEIR_KILL_AT.
const Enabled = true

// passage is one passage of one point.
type passage struct {
	point  string
	nth    int64
	passed atomic.Int64
}

var (
	kill = parse("WEIR_KILL_AT")
	stop = parse("WEIR_STOP_AT")
)

func parse(variable string) *passage {
	s := os.Getenv(variable)
	point, count, found := strings.Cut(s, ":")
	if !found {
		return &passage{point: point, nth: 1}
	}
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil || n < 1 {
		panic(variable + ": expected name or name:occurrence, found " + s)
	}
	return &passage{point: point, nth: n}
}

func (p *passage) hit(point string) bool { return point == p.point && p.passed.Add(1) == p.nth }

func signal(s syscall.Signal) {
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		panic(err)
	}
}

// Hit is called when the process passes the point. Any goroutine.
func Hit(point string) {
	if stop.hit(point) {
		// The signal may take a moment, and nothing must happen in it: this goroutine goes on when the process does.
		goesOn := make(chan os.Signal, 1)
		ossignal.Notify(goesOn, syscall.SIGCONT)
		signal(syscall.SIGSTOP)
		<-goesOn
		ossignal.Stop(goesOn)
	}
	if kill.hit(point) {
		signal(syscall.SIGKILL)
		select {} // as above
	}
}
