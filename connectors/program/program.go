// Package program runs programs beside tests and benchmarks: brokers, databases, other engines. What they are made of is kept in a cache folder,
// their processes die with the one that started them.
package program

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"github.com/gofrs/flock"
)

// MissingError says that this machine has not what a program needs: the program itself, or something to fetch it with.
type MissingError struct{ What string }

func (e *MissingError) Error() string { return e.What }

// Once is the folder name of the cache, filled by fill at the first use on a machine. Processes that ask for it at the same time
// wait for one of them. The cache is $WEIR_CACHE, or weir in the user's cache folder.
func Once(name string, fill func(dir string) error) (string, error) {
	root := os.Getenv("WEIR_CACHE")
	if root == "" {
		d, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		root = filepath.Join(d, "weir")
	}
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Unlock()
	complete := filepath.Join(dir, "complete")
	if _, err := os.Stat(complete); err == nil {
		return dir, nil
	}
	if err := fill(dir); err != nil {
		return "", err
	}
	return dir, os.WriteFile(complete, nil, 0o644)
}

// Tail is the end of a program's output, for an error.
func Tail(s string) string {
	if len(s) > 2000 {
		s = "..." + s[len(s)-2000:]
	}
	return s
}

// The ports that FreePort gives: none of those that systems give to connections, and to whoever listens on port 0 (Linux from 32768 on, others
// from 49152). One of those would be free now, and somebody's when the program that it is for has started at last.
const firstPort, lastPort = 10_000, 32_000

var givenPorts sync.Map // the ports that FreePort has given in this process

// FreePort is a loopback port that nobody listens on, and that nobody comes to by chance.
func FreePort() (int, error) {
	for {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			continue
		case err != nil:
			return 0, err
		}
		return port, l.Close()
	}
}

// Process is a program that runs. Its methods are any goroutine's.
type Process struct {
	proc *os.Process
	log  string
	done chan struct{}
}

// Start runs cmd, whose standard output, where it is not set, and standard error are added to the file log. The process is
// killed when this one ends (Linux); otherwise the caller ends it with Kill.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	if cmd.Stdout == nil {
		cmd.Stdout = file
	}
	cmd.Stderr = file
	cmd.SysProcAttr = dieWithParent()
	started, done := make(chan error), make(chan struct{})
	go func() {
		// The kernel kills a child when the thread that started it ends, so this one stays, and outlives this child: a goroutine
		// that ends while it holds its thread ends the thread too, and other children may have been started from it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		file.Close()
		close(done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return &Process{proc: cmd.Process, log: log, done: done}, nil
}

// Pid is the process's number.
func (p *Process) Pid() int { return p.proc.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log is the end of what the process has written.
func (p *Process) Log() string {
	out, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return Tail(string(out))
}

// Freeze has the process stand still until Thaw: its connections stay, and nothing answers. It may have ended.
func (p *Process) Freeze() { _ = p.proc.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (p *Process) Thaw() { _ = p.proc.Signal(syscall.SIGCONT) }

// Kill ends the process by SIGKILL and returns when it is gone. It may have ended before.
func (p *Process) Kill() {
	_ = p.proc.Kill() // it may have ended by itself
	<-p.done
}
