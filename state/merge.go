package state

import (
	"github.com/dgraph-io/badger/v4"
)

// Badger makes a table of level 0, its first, of each full memtable, and of the last one whenever it is closed. Its own workers, two or more, may
// merge some tables of level 0 into one that stays there (levelsController.fillTablesL0ToL0, to 4.9.6 at least), and leave others out that are
// being merged already, or look young. Deletions among the former are dropped where no level below has their keys; what they deleted, among the
// latter, is there again. Pages of runs that had been folded away came back so, and the next start refused the directory as damaged. Hence
// Badger has no workers here: tables are merged by one, which never merges level 0 into itself.
const (
	level0Tables = 5  // of level 0 from which on tables are merged
	level0Stall  = 15 // from which on the next epoch waits for that
)

// mergeTables has the tables of db merged, beside what else happens, when level 0 has become large; where it is far too large it waits for the
// end. The error is that of the last merge. The goroutine that prepares epochs calls it.
func (s *Store) mergeTables(db *badger.DB) error {
	n := db.Levels()[0].NumTables
	if s.merging != nil {
		select {
		case err := <-s.merging:
			s.merging = nil
			if err != nil {
				return err
			}
		default:
			if n >= level0Stall {
				return s.awaitMerge()
			}
			return nil
		}
	}
	if n < level0Tables {
		return nil
	}
	done := make(chan error, 1)
	s.merging = done
	go func() { done <- s.guard(func() error { return db.Flatten(1) }) }()
	return nil
}

// awaitMerge waits for the merge under way, if there is one.
func (s *Store) awaitMerge() error {
	if s.merging == nil {
		return nil
	}
	err := <-s.merging
	s.merging = nil
	return err
}
