package state

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Checkpoints is the checkpoint directory of one job: copies of its epochs on other storage. Its
// methods belong to the coordinator's goroutine.
//
//	<dir>/<pipeline.name>/chk-<epoch>-<nonce>/manifest.json      written last: with it the checkpoint is complete
//	<dir>/<pipeline.name>/pages/<job id>-<epoch>-<nonce>.pages   what that epoch added; see pagefile.go
//
// A checkpoint needs the page files that its manifest lists: its own and those of earlier epochs that still hold
// live runs. A file that few live runs are left of has them copied into a new one.
type Checkpoints struct {
	fs     FS
	dir    string // <dir>/<name>
	retain int
}

// OpenCheckpoints opens the folder of job (pipeline.name) in the checkpoint directory uri, a
// file:// URI or an absolute path; it is made if need be. retain is the number of newest committed
// checkpoints to keep (at least 1). fs may be nil.
func OpenCheckpoints(uri, job string, retain int, fs FS) (*Checkpoints, error) {
	if fs == nil {
		fs = osFS{}
	}
	u, err := &url.URL{Path: uri}, error(nil)
	if !filepath.IsAbs(uri) { // a path is taken as it is, percent signs and all
		u, err = url.Parse(uri)
	}
	if err != nil {
		return nil, fmt.Errorf("execution.checkpointing.dir '%s': %w; write file:///path", uri, err)
	}
	switch {
	case u.Scheme != "" && u.Scheme != "file":
		return nil, fmt.Errorf("execution.checkpointing.dir '%s': scheme %s:// is not supported; supported are: file:// (a mounted network file system will do)", uri, u.Scheme)
	case u.Host != "" && u.Host != "localhost":
		return nil, fmt.Errorf("execution.checkpointing.dir '%s' names host %s; write file:/// with three slashes before the path", uri, u.Host)
	case !filepath.IsAbs(u.Path):
		return nil, fmt.Errorf("execution.checkpointing.dir '%s' is not an absolute path; write file:///path", uri)
	}
	if job == "" {
		return nil, errors.New("the checkpoint directory needs a job name: SET 'pipeline.name'")
	}
	c := &Checkpoints{fs: fs, dir: filepath.Join(u.Path, folderName(job)), retain: max(retain, 1)}
	if err := fs.MkdirAll(c.dir); err != nil {
		return nil, c.diskError("make the checkpoint directory", err)
	}
	return c, nil
}

// Dir is the job's folder.
func (c *Checkpoints) Dir() string { return c.dir }

// folderName makes a name fit for a folder; a name that is one already stays as it is.
func folderName(job string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == '\\' || r == ':':
			return '_'
		case r < ' ' || r == 0x7f:
			return '_'
		}
		return r
	}, job)
	if strings.Trim(name, ".") == "" {
		return "_" + name // not . or ..
	}
	return name
}

func checkpointName(e Epoch, n Nonce) string { return fmt.Sprintf("chk-%d-%s", e, n) }

const pagesDir = "pages"

func pageFileName(m *Manifest) string {
	return filepath.Join(pagesDir, fmt.Sprintf("%s%d-%s.pages", pageFilePrefix(m), m.Epoch, m.Nonce))
}

// pageFiles lists the folder of page files; one that somebody has deleted holds none.
func (c *Checkpoints) pageFiles() ([]fs.DirEntry, error) {
	es, err := c.fs.ReadDir(filepath.Join(c.dir, pagesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, c.diskError("list the checkpoint's pages", err)
	}
	return es, nil
}

// pageFileEpoch is the epoch of a page file of m's job, finished or not.
func pageFileEpoch(m *Manifest, name string) (Epoch, bool) {
	rest, ok := strings.CutPrefix(name, pageFilePrefix(m))
	if !ok {
		return 0, false
	}
	number, _, ok := strings.Cut(rest, "-")
	e, err := strconv.ParseUint(number, 10, 64)
	return Epoch(e), ok && err == nil
}

// checkpointEpoch is the epoch in a checkpoint's folder name; 0 in one that is none.
func checkpointEpoch(name string) Epoch {
	number, _, _ := strings.Cut(strings.TrimPrefix(name, "chk-"), "-")
	e, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return Epoch(e)
}

func pageFilePrefix(m *Manifest) string { return folderName(m.Job) + "-" }

func (c *Checkpoints) read(dir string) (*Manifest, bool, error) {
	path := filepath.Join(dir, manifestName)
	b, err := c.fs.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, c.diskError("read a checkpoint", err)
	}
	m := &Manifest{}
	if err := decodeManifest(path, b, m); err != nil {
		return nil, false, err
	}
	return m, true, nil
}

// folders lists the folders in dir that match prefix.
func (c *Checkpoints) folders(dir, prefix string) ([]string, error) {
	es, err := c.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, c.diskError("list the checkpoint directory", err)
	}
	var out []string
	for _, e := range es {
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out, nil
}

// Find finds the complete checkpoint of (epoch, nonce).
func (c *Checkpoints) Find(epoch Epoch, nonce Nonce) (*Manifest, bool, error) {
	return c.read(filepath.Join(c.dir, checkpointName(epoch, nonce)))
}

// List lists the complete checkpoints by the time they were made, oldest first. Where some are damaged, it
// returns the others and an error that names the damaged.
func (c *Checkpoints) List() ([]*Manifest, error) {
	chks, err := c.folders(c.dir, "chk-")
	if err != nil {
		return nil, err
	}
	var all []*Manifest
	var damaged error
	for _, d := range chks {
		m, ok, err := c.read(d)
		if ok {
			all = append(all, m)
		}
		damaged = errors.Join(damaged, err)
	}
	sortManifests(all)
	return all, damaged
}

func sortManifests(ms []*Manifest) {
	slices.SortStableFunc(ms, func(a, b *Manifest) int {
		if c := a.Made.Compare(b.Made); c != 0 {
			return c
		}
		if a.Epoch < b.Epoch {
			return -1
		}
		return 1
	})
}

// Prune deletes the job's checkpoints but the retained number up to committed (which is the newest
// committed one); with them those of the same epochs that were undone, page files that nothing needs, and what crashes left.
// Nothing of a later epoch is touched: this instance may have been overtaken without knowing it yet, and what a newer one has
// made, or is making, since is none of its business. What is left of later epochs by a history that was given up goes
// when the job gets there. Complete checkpoints of other job ids under the same name are not touched.
func (c *Checkpoints) Prune(committed *Manifest) error {
	all, err := c.List()
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	files := map[string]bool{}
	kept := 0
	for i := len(all) - 1; i >= 0; i-- {
		m := all[i]
		switch {
		case m.Job != committed.Job:
			// of an earlier run under this name, which the user wanted to keep
		case m.Epoch == committed.Epoch && m.Nonce == committed.Nonce:
			kept++
		case m.Epoch > committed.Epoch:
			// prepared and about to be committed, or a newer instance's
		case m.Epoch < committed.Epoch && kept < c.retain:
			kept++
		default:
			continue
		}
		keep[checkpointName(m.Epoch, m.Nonce)] = true
		if m.Checkpoint != nil {
			for _, f := range m.Checkpoint.Files {
				files[filepath.Base(f)] = true
			}
		}
	}
	if !keep[checkpointName(committed.Epoch, committed.Nonce)] {
		return nil // its own checkpoint is not here: nothing here can be judged by it
	}
	chks, err := c.folders(c.dir, "chk-")
	if err != nil {
		return err
	}
	for _, d := range chks {
		if keep[filepath.Base(d)] || checkpointEpoch(filepath.Base(d)) > committed.Epoch {
			continue
		}
		// The manifest goes first, so that no crash leaves a checkpoint that looks complete.
		if err := c.fs.Remove(filepath.Join(d, manifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return c.diskError("delete a checkpoint", err)
		}
		if err := c.fs.RemoveAll(d); err != nil {
			return c.diskError("delete a checkpoint", err)
		}
	}
	es, err := c.pageFiles()
	if err != nil {
		return err
	}
	for _, e := range es {
		if epoch, ok := pageFileEpoch(committed, e.Name()); ok && epoch <= committed.Epoch && !files[e.Name()] {
			if err := c.fs.Remove(filepath.Join(c.dir, pagesDir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return c.diskError("delete a checkpoint's pages", err)
			}
		}
	}
	return nil
}

// DeleteAll deletes the job's folder (externalized-checkpoint-retention = DELETE_ON_CANCELLATION).
func (c *Checkpoints) DeleteAll() error {
	return c.diskError("delete the checkpoints", c.fs.RemoveAll(c.dir))
}

func (c *Checkpoints) diskError(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &FullError{Dir: c.dir, Cause: err}
	}
	return fmt.Errorf("checkpoint directory %s: %s: %w", c.dir, doing, err)
}
