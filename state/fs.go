package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// FS is the file system below manifests and checkpoints (Badger has its own files). Tests put faults here.
type FS interface {
	// Create makes or truncates a file.
	Create(name string) (File, error)
	// Open opens a file to be read.
	Open(name string) (io.ReadCloser, error)
	// OpenRandom opens a file to be read and written anywhere, and makes it if it is not there.
	OpenRandom(name string) (RandomFile, error)
	// ReadFile is the whole content of a file.
	ReadFile(name string) ([]byte, error)
	// ReadDir lists a folder, sorted by name. A folder that is not there is fs.ErrNotExist, as for all of these.
	ReadDir(name string) ([]fs.DirEntry, error)
	// MkdirAll makes a folder and those above it; one that is there is no error.
	MkdirAll(name string) error
	// Rename replaces to by from, as one step. It is durable after SyncDir.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// RemoveAll deletes a folder with what is in it; one that is not there is no error.
	RemoveAll(name string) error
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
	// Free is the number of bytes that may still be written below the folder.
	Free(name string) (int64, error)
	// CanOpen is the system's refusal where this process may not open n more files, and nil where it may.
	CanOpen(n int) error
	// At is called at each named point of a protocol; an error or panic there ends it. It returns nil but in tests.
	At(point string) error
}

// File is a file being written.
type File interface {
	io.WriteCloser
	// Sync makes what was written durable; the file's name takes a SyncDir.
	Sync() error
}

// RandomFile is a file that is read and written at places; from any goroutine.
type RandomFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes what was written durable; the file's name takes a SyncDir.
	Sync() error
}

type osFS struct{}

// OS is the operating system's file system, to put faults around.
func OS() FS { return osFS{} }

func (osFS) Create(name string) (File, error)           { return os.Create(name) }
func (osFS) Open(name string) (io.ReadCloser, error)    { return os.Open(name) }
func (osFS) ReadFile(name string) ([]byte, error)       { return os.ReadFile(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFS) MkdirAll(name string) error                 { return os.MkdirAll(name, 0o755) }
func (osFS) Rename(from, to string) error               { return os.Rename(from, to) }
func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) RemoveAll(name string) error                { return os.RemoveAll(name) }
func (osFS) At(string) error                            { return nil }

func (osFS) OpenRandom(name string) (RandomFile, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	return randomFile{f}, nil
}

// randomFile is a file whose Sync leaves out the times of the last change, for which a file system would write to its journal.
type randomFile struct{ *os.File }

func (f randomFile) Sync() error {
	if err := datasync(f.File); err != nil {
		return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

func (osFS) SyncDir(name string) error {
	d, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (osFS) Free(name string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(name, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// openLimit says how many files may be open, where the system tells.
func openLimit() string {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return ""
	}
	return fmt.Sprintf(" (ulimit -n is %d)", l.Cur)
}

func (osFS) CanOpen(n int) (err error) {
	first, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	open := []int{first}
	defer func() {
		for _, fd := range open {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	for len(open) < n {
		fd, err := unix.FcntlInt(uintptr(first), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%w%s", err, openLimit())
		}
		open = append(open, fd)
	}
	return nil
}
