// Package jvm runs Java programs beside tests and benchmarks: their jars are fetched by Maven at the first use on a machine and
// kept in a cache folder; their processes die with the one that started them.
package jvm

import (
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/gofrs/flock"
)

// MissingError says that this machine has not what a Java program needs: Java itself, or something to fetch it with.
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

// Jars is the folder with the jars of Maven artifacts, given as group:artifact:version, and of what they depend on. The folder lies
// in that of the cache which has the given name.
func Jars(name string, artifacts ...string) (string, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return "", &MissingError{"no java on this machine (Java 17 or newer is needed)"}
	}
	dir, err := Once(name, func(dir string) error { return Maven(dir, filepath.Join(dir, "lib"), false, artifacts...) })
	return filepath.Join(dir, "lib"), err
}

// Maven copies the jars of artifacts into lib; alone leaves out what they depend on. It works in the folder dir.
func Maven(dir, lib string, alone bool, artifacts ...string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return &MissingError{"no mvn on this machine to fetch " + strings.Join(artifacts, ", ") + " with"}
	}
	pom, err := pomOf(artifacts)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), pom, 0o644); err != nil {
		return err
	}
	cmd := exec.Command(mvn, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+lib, fmt.Sprintf("-DexcludeTransitive=%t", alone))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return &MissingError{fmt.Sprintf("mvn could not fetch %s: %v\n%s", strings.Join(artifacts, ", "), err, Tail(string(out)))}
	}
	return nil
}

func pomOf(artifacts []string) ([]byte, error) {
	type dependency struct {
		Group    string `xml:"groupId"`
		Artifact string `xml:"artifactId"`
		Version  string `xml:"version"`
	}
	pom := struct {
		XMLName xml.Name `xml:"http://maven.apache.org/POM/4.0.0 project"`
		Model   string   `xml:"modelVersion"`
		dependency
		Dependencies []dependency `xml:"dependencies>dependency"`
	}{Model: "4.0.0", dependency: dependency{"weir", "jars", "1"}}
	for _, a := range artifacts {
		part := strings.Split(a, ":")
		if len(part) != 3 {
			return nil, fmt.Errorf("%q is not group:artifact:version", a)
		}
		pom.Dependencies = append(pom.Dependencies, dependency{part[0], part[1], part[2]})
	}
	return xml.MarshalIndent(pom, "", "  ")
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

// Kill ends the process by SIGKILL and returns when it is gone. It may have ended before.
func (p *Process) Kill() {
	_ = p.proc.Kill() // it may have ended by itself
	<-p.done
}
