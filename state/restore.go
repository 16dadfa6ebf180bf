package state

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// RestoreFrom replaces the local state by the checkpoint (epoch, nonce) of cp, whole or not at all,
// and counts that epoch as committed. Start comes next.
func (s *Store) RestoreFrom(ctx context.Context, cp *Checkpoints, epoch Epoch, nonce Nonce) (*Manifest, error) {
	m, ok, err := cp.Find(epoch, nonce)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("checkpoint directory %s holds no checkpoint of epoch %d (%s)", cp.Dir(), epoch, nonce)
	}
	if s.opt.Job != "" && m.Name != s.opt.Job {
		return nil, &OtherJobError{Dir: cp.Dir(), Found: m.Name, Want: s.opt.Job}
	}
	files, _, err := cp.index(m)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(strings.TrimPrefix(s.data, "data-"))
	if err != nil {
		return nil, s.corrupt("the data folder has an unknown name", err)
	}
	name := "data-" + strconv.Itoa(number+1)
	if err := s.fs.RemoveAll(filepath.Join(s.dir, name)); err != nil {
		return nil, s.diskError("restore a checkpoint", err)
	}
	fresh, err := s.openBadger(name)
	if err != nil {
		return nil, err
	}
	old, oldName := s.db, s.data
	dirs, err := s.fill(ctx, fresh, name, cp, m, files)
	if err == nil {
		err = s.fs.At("restore:manifest")
	}
	if err == nil {
		err = s.diskError("restore a checkpoint", s.fs.SyncDir(s.dir))
	}
	if err == nil {
		err = s.writeManifests(m, nil, name)
	}
	if err != nil {
		if cerr := s.guard(fresh.Close); cerr != nil {
			s.log.Warn("an unfinished restore could not be closed", "folder", name, "error", cerr)
		}
		return nil, err
	}
	s.db, s.data, s.dirs, s.scanned = fresh, name, dirs, true
	s.current, s.previous = m, nil
	s.done = &commitRecord{Epoch: m.Epoch, Nonce: m.Nonce}
	if err := s.writeCommitted(s.done); err != nil {
		return nil, s.diskError("record the restored epoch", err)
	}
	if err := s.guard(old.Close); err != nil {
		s.log.Warn("the replaced state could not be closed", "folder", oldName, "error", err)
	}
	if err := s.fs.RemoveAll(filepath.Join(s.dir, oldName)); err != nil {
		return nil, s.diskError("delete the replaced state", err)
	}
	return m, s.fs.At("restore:done")
}

// fill copies the live pages of a checkpoint into an empty Badger, and verifies them.
func (s *Store) fill(ctx context.Context, db *badger.DB, name string, cp *Checkpoints, m *Manifest, files map[runKey]string) (*directory, error) {
	wb := db.NewWriteBatchAt(version(m.Epoch))
	defer func() { wb.Cancel() }()
	size := 0
	for _, file := range m.Checkpoint.Files {
		err := cp.readPageFile(filepath.Join(cp.dir, file), 'P', func(raw []byte) error {
			for len(raw) > 0 {
				if len(raw) < keyLen+4 {
					return errPage
				}
				key := raw[:keyLen:keyLen]
				n := int(binary.LittleEndian.Uint32(raw[keyLen:]))
				raw = raw[keyLen+4:]
				if n > len(raw) {
					return errPage
				}
				value := append([]byte(nil), raw[:n]...)
				raw = raw[n:]
				table, group, id, _, _, _, ok := parsePageKey(key)
				if !ok {
					return errPage
				}
				if files[runKey{table, group, id}] != file {
					continue
				}
				key = append([]byte(nil), key...)
				for f := range fragments(n) {
					if err := wb.Set(fragmentKey(key, f), fragmentOf(value, f)); err != nil {
						return s.diskError("restore a checkpoint", err)
					}
				}
				if size += n + keyLen; size >= flushBytes {
					size = 0
					if err := wb.Flush(); err != nil {
						return s.diskError("restore a checkpoint", err)
					}
					if err := s.fs.At("restore:pages"); err != nil {
						return err
					}
					wb = db.NewWriteBatchAt(version(m.Epoch))
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	if err := wb.Flush(); err != nil {
		return nil, s.diskError("restore a checkpoint", err)
	}
	before := s.db
	s.db = db
	defer func() { s.db = before }()
	d, err := s.scan(version(m.Epoch), m.Groups)
	if err != nil {
		return nil, err
	}
	if err := s.verify(m, d); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", filepath.Join(cp.dir, checkpointName(m.Epoch, m.Nonce)), err)
	}
	return d, nil
}
