// Package state keeps the keyed state of a job and its epochs. It knows bytes, keys and epochs,
// and nothing of SQL or Kafka.
//
//	task goroutine                         coordinator's goroutine
//
//	Map.UpsertMany, Fixed, SetVar ...
//	hot tables (hot.go, table.go)
//	   | Freeze at the barrier:
//	   | dirty chunks change hands
//	   +---------------------------------> Prepare (prepare.go)
//	                                          | rows sorted, runs of pages (preparer.go, page.go), folds (fold.go)
//	   +--- fetch, Scan, load (load.go) <---- run files (runfile.go), and
//	        by the directory (dir.go)         | Badger, version = epoch + 1 (badger.go)
//	                                          | the same pages: checkpoint directory (pagefile.go, checkpoint.go)
//	                                          | the manifest, last (manifest.go)
//	                                       Commit, Undo, RestoreFrom (store.go, restore.go)
//
// # Hot tables
//
// Each subtask of an operator has its tables, each table a hash table for each namespace.
// Entries are records of one size in slabs of 64. At a barrier the chunks with dirty entries
// are handed to Prepare as they are; the task copies a chunk when it first writes to it while Prepare still
// needs it. So the pause is a few words for each dirty chunk, and an upsert of what is in memory takes no lock.
//
// # Pages
//
// What an epoch changed in a key group of a table becomes a run: its rows sorted by namespace and hash, in pages
// of about 4 KiB, together with the counts and the dropped namespaces. Runs never change. A key's newest row is in the
// newest run that has it, and a key group's newest runs are searched first. This makes a checkpoint cost what is
// dirty and not what is there, packs the few dirty entries of each bucket together (a page per bucket would hold one entry each
// when writes are spread), and makes undo and increments a matter of adding and deleting whole runs. When a
// key group has more than 8 runs, the newer ones are folded into one, in proportion to what the epoch writes;
// runs that hold nothing but dropped namespaces, or that a newer run replaces entirely, vanish unread.
//
// A page's key holds its row count, size and checksum. So the set of pages of an epoch can be verified at Open by keys alone, and
// two versions of a page cannot be mistaken for one another.
//
// Small runs lie in Badger, page by page; larger ones in run files, with one key in Badger for the whole run. Badger is what
// makes an epoch visible, whole or not at all, and what an undo takes back; a run file is synced before Badger hears of
// it, and deleted when nothing in it lives.
//
// # Memory
//
// All tables together keep to Options.Memory: clean chunks, the least recently used first, are forgotten, and their entries
// are read back when they are asked for, those of a batch together, in the order of the pages. A run's filter says, in memory, for
// nearly every key that the run does not have that it does not, so that a new key costs no read and a stored one costs one. Page references
// and filters count for the budget. Dirty entries are never evicted; when they fill the budget, Store.Pressure asks for a barrier, and while
// an epoch is on its way to disk whoever needs more memory waits for it.
package state
