package state

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// What was deleted stays so while tables are merged. The oldest table holds what the third one deletes, and takes its time to be merged; the second
// one parts them, so that they are not merged together. Badger's own workers merged the younger ones meanwhile, without their deletions.
func TestWhatWasDeletedDoesNotComeBack(t *testing.T) {
	for range 8 {
		j := newJob(t, false)
		s := j.store
		var db *badger.DB
		open := func() {
			var err error
			db, err = s.openBadger("data-9")
			j.must(err)
			db.SetDiscardTs(9)
		}
		table := func(version uint64, write func(b *badger.WriteBatch)) {
			open()
			b := db.NewWriteBatchAt(version)
			write(b)
			j.must(b.Flush())
			j.must(db.Close())
		}
		table(1, func(b *badger.WriteBatch) {
			for i := range 30_000 {
				j.must(b.Set(fmt.Appendf(nil, "a%06d", i), []byte("v")))
			}
		})
		table(2, func(b *badger.WriteBatch) { j.must(b.Set([]byte("b"), []byte("v"))) })
		table(3, func(b *badger.WriteBatch) {
			for i := range 30_000 {
				j.must(b.Delete(fmt.Appendf(nil, "a%06d", i)))
			}
		})
		for v := range uint64(5) {
			table(4+v, func(b *badger.WriteBatch) { j.must(b.Set(fmt.Appendf(nil, "c%d", v), []byte("v"))) })
		}
		paths, err := filepath.Glob(filepath.Join(j.dir, "data-9", "*.sst"))
		j.must(err)
		for _, path := range paths {
			old := time.Now().Add(-time.Minute)
			j.must(os.Chtimes(path, old, old))
		}
		open()
		j.must(s.mergeTables(db))
		for deadline := time.Now().Add(2 * time.Second); db.Levels()[0].NumTables > 1 && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		j.must(s.awaitMerge())
		txn := db.NewTransactionAt(9, false)
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		n := 0
		for it.Rewind(); it.Valid(); it.Next() {
			n++
		}
		it.Close()
		txn.Discard()
		if tables := db.Levels()[0].NumTables; tables > 1 {
			t.Errorf("%d tables of level 0 were not merged", tables)
		}
		j.must(db.Close())
		if n != 6 {
			t.Fatalf("%d keys, want 6", n)
		}
	}
}
