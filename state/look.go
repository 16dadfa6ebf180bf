package state

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// Sight is what can be seen of a state directory from outside.
type Sight struct {
	Manifest  *Manifest    // of the newest epoch; nil before the first
	Committed bool         // that epoch is known to be committed
	Holder    *LockedError // the living process that holds the lock; nil: none does
}

// Look sees a state directory without opening it, from any process and any goroutine: it reads the manifest, and finds out
// whether the lock is held by taking it for reading and giving it back at once. It writes nothing, and verifies nothing but the manifest.
//
// Errors: *FormatError, *CorruptError, and those of reading files; the holder is known even then, unless it is the lock that cannot be read.
func Look(dir string) (Sight, error) {
	var out Sight
	held, err := lockHeld(filepath.Join(dir, lockName))
	if err != nil {
		return out, err
	}
	if held {
		out.Holder = holderOf(dir)
	}
	s := &Store{dir: dir, fs: osFS{}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	s.openFiles()
	if there, err := s.readManifests(); err != nil || !there {
		return out, err
	}
	s.readCommitted()
	out.Manifest = s.current
	out.Committed = s.done != nil && s.done.Epoch == s.current.Epoch && s.done.Nonce == s.current.Nonce
	return out, nil
}

// lockHeld reports whether a process holds the lock file at path. The system gives a dead process's locks back.
func lockHeld(path string) (bool, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil // it is made by the first start
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if err != nil {
		return false, errors.Join(err, l.Close())
	}
	return !free, l.Close()
}

// holderOf is who the lock file of dir names.
func holderOf(dir string) *LockedError {
	e := &LockedError{Dir: dir}
	if b, err := os.ReadFile(filepath.Join(dir, lockName)); err == nil {
		pid, host, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
		e.PID, _ = strconv.Atoi(pid)
		e.Host = host
	}
	return e
}
