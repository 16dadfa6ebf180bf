// Package control lets other processes of the same user ask a running job, through a socket. A job's state directory has the socket's
// path in the file "control" while the job runs. Questions and answers are JSON, one each a connection.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// file is the name of the file, in a job's state directory, that tells the socket's path. The socket itself lies elsewhere: its
// path may have a hundred characters or so at most.
const file = "control"

// Request is a question.
type Request struct {
	Do     string        `json:"do"` // "analyze"
	During time.Duration `json:"duringNanos,omitempty"`
}

// reply is an answer: one of the fields.
type reply struct {
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// ErrNotRunning says that nobody answers for a directory.
var ErrNotRunning = errors.New("the job does not run")

// Serve answers questions about the job whose state is in dir, each in a goroutine of its own, until the returned function is
// called. A question ends when who asked goes away.
func Serve(dir string, answer func(context.Context, Request) (any, error)) (end func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := sweep(dir); err != nil {
		return nil, fmt.Errorf("control sockets of jobs that are gone: %w", err)
	}
	// Only the user may go into the folder of the socket.
	place, err := os.MkdirTemp("", socketFolder)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	path := filepath.Join(place, socketFile)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), os.RemoveAll(place))
	}
	if err := tell(dir, path); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close(), os.RemoveAll(place))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			wg.Go(func() { serve(ctx, c, answer) })
		}
	})
	return func() error {
		cancel()
		err := errors.Join(l.Close(), os.RemoveAll(place))
		wg.Wait()
		if gone := os.Remove(filepath.Join(dir, file)); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}, nil
}

// tell writes the socket's path into the state directory, whole or not at all.
func tell(dir, path string) error {
	tmp := filepath.Join(dir, file+".new")
	if err := os.WriteFile(tmp, []byte(path+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, file))
}

// sweep removes the folders of sockets that nobody listens at any more: their processes were killed. The one of the job whose state is in dir goes
// at once, others when they are old: the process of a young one may be about to listen. Those of other users stay.
func sweep(dir string) error {
	told, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	own := filepath.Dir(strings.TrimSpace(string(told)))
	if strings.HasPrefix(filepath.Base(own), socketFolder) {
		if err := removeDead(own); err != nil {
			return err
		}
	}
	places, err := filepath.Glob(filepath.Join(os.TempDir(), socketFolder+"*"))
	if err != nil {
		return err
	}
	for _, place := range places {
		info, err := os.Stat(place)
		if err != nil || time.Since(info.ModTime()) < young {
			continue // where it is gone, another process has removed it
		}
		if err := removeDead(place); err != nil {
			return err
		}
	}
	return nil
}

// removeDead removes the folder of a socket at which nobody listens.
func removeDead(place string) error {
	c, err := net.Dial("unix", filepath.Join(place, socketFile))
	if err == nil {
		return c.Close() // somebody lives
	}
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.RemoveAll(place)
}

// young is the age below which sweep leaves a folder alone.
const young = time.Minute

// socketFolder begins the name of the folder that a socket lies in, socketFile is its name there.
const (
	socketFolder = "weir-control-"
	socketFile   = "socket"
)

// serve answers one connection.
func serve(ctx context.Context, c net.Conn, answer func(context.Context, Request) (any, error)) {
	defer c.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dec := json.NewDecoder(c)
	var req Request
	c.SetReadDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // a socket has deadlines
	if err := dec.Decode(&req); err != nil {
		return // whoever it was did not ask
	}
	c.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	go func() {
		var one [1]byte
		c.Read(one[:]) //nolint:errcheck // nothing comes: it ends when the other side goes away
		cancel()
	}()
	var out reply
	result, err := answer(ctx, req)
	if err == nil {
		out.Answer, err = json.Marshal(result)
	}
	if err != nil {
		out.Error = err.Error()
	}
	json.NewEncoder(c).Encode(out) //nolint:errcheck // who asked may have gone
}

// dial connects with the job whose state is in dir.
func dial(ctx context.Context, dir string) (net.Conn, error) {
	path, err := os.ReadFile(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotRunning
	} else if err != nil {
		return nil, err
	}
	if len(path) < 2 {
		return nil, ErrNotRunning
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", string(path[:len(path)-1]))
	if err != nil {
		return nil, errors.Join(ErrNotRunning, err) // the file is a dead job's
	}
	return c, nil
}

// Ask asks the job whose state is in dir, and puts the answer into answer. An error is ErrNotRunning where nobody listens.
func Ask(ctx context.Context, dir string, req Request, answer any) error {
	c, err := dial(ctx, dir)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := json.NewEncoder(c).Encode(req); err != nil {
		return fmt.Errorf("ask the job: %w", err)
	}
	var in reply
	if err := json.NewDecoder(c).Decode(&in); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("the job ended before it answered: %w", err)
	}
	if in.Error != "" {
		return errors.New(in.Error)
	}
	return json.Unmarshal(in.Answer, answer)
}

// Running reports whether a job answers for dir.
func Running(dir string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := dial(ctx, dir)
	if err != nil {
		return false
	}
	return c.Close() == nil
}
