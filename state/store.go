package state

import (
	"context"
	"log/slog"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Hash is the 64-bit hash of an encoded key that the whole package goes by (xxHash64).
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }

// Options of Open. The zero value works.
type Options struct {
	Log    *slog.Logger     // nil: discarded
	FS     FS               // nil: the operating system's; tests put faults here
	Clock  func() time.Time // processing time, for TTLs and Manifest.Made; nil: time.Now
	Memory int64            // budget of all tables together, bytes; 0: DefaultMemory
	Job    string           // pipeline.name, for messages
}

// DefaultMemory is the budget of the tables when the job does not say otherwise.
const DefaultMemory = 512 << 20

// Store is the state of one job in one directory, held by one process. Its methods are called
// from the coordinator's goroutine, but for Scope and Pressure (any goroutine) and the
// methods of what Scope returns (the task's goroutine).
type Store struct{}

// Open opens or makes the state directory dir, takes its lock, and verifies the newest
// manifest against the data. Errors: *LockedError, *FormatError, *CorruptError, *FullError.
func Open(dir string, o Options) (*Store, error) { panic("state: not built yet") }

// Manifest is the newest durable manifest; nil when there is none.
func (s *Store) Manifest() *Manifest { panic("state: not built yet") }

// Previous is the manifest before the newest, the one that Undo would go back to; nil when there is none.
func (s *Store) Previous() *Manifest { panic("state: not built yet") }

// Committed is the last epoch known to be committed.
func (s *Store) Committed() (Epoch, bool) { panic("state: not built yet") }

// Undo throws away every version after epoch to, data and manifest. to is the epoch of
// Manifest or of Previous. It is idempotent; a crash within is repaired by calling it again.
func (s *Store) Undo(to Epoch) error { panic("state: not built yet") }

// RestoreFrom replaces the local state by the checkpoint (epoch, nonce) of cp, whole or not at all.
func (s *Store) RestoreFrom(ctx context.Context, cp *Checkpoints, epoch Epoch, nonce Nonce) (*Manifest, error) {
	panic("state: not built yet")
}

// Start says which manifest the job goes on from (Manifest(), or nil at the first start) and
// the number of key groups. Data of later epochs is undone. It comes before Scope, and once more
// after each failure: it forgets all scopes and tables made before.
func (s *Store) Start(from *Manifest, groups int) error { panic("state: not built yet") }

// Scope is the state of one subtask of an operator.
func (s *Store) Scope(operator string, r KeyGroupRange) *OperatorScope { panic("state: not built yet") }

// Pressure reports that dirty entries fill the memory budget: the epoch should be cut now.
func (s *Store) Pressure() bool { panic("state: not built yet") }

// Prepare makes epoch m.Epoch durable: pages to Badger, synced; the increment to cp (unless nil);
// then, last, the manifest. It fills in Format, Nonce, Made, Entries, Pages, Checksum and
// Checkpoint of m. It runs beside processing. After an error the job must recover (Start).
func (s *Store) Prepare(ctx context.Context, m *Manifest, frozen []*Frozen, cp *Checkpoints) error {
	panic("state: not built yet")
}

// Commit records e, the epoch of Manifest(), as committed: versions before it may be discarded and
// checkpoints beyond the retained number are deleted.
func (s *Store) Commit(e Epoch) error { panic("state: not built yet") }

// Close closes the store and gives up the lock. Idempotent.
func (s *Store) Close() error { panic("state: not built yet") }

// OperatorScope is the Scope of one subtask of an operator. It belongs to the task's goroutine.
type OperatorScope struct{}

var _ Scope = (*OperatorScope)(nil)

// Table declares and opens a table.
func (o *OperatorScope) Table(spec TableSpec) (Table, error) { panic("state: not built yet") }

// Specs lists the tables declared so far, for OperatorRecord.
func (o *OperatorScope) Specs() []TableSpec { panic("state: not built yet") }

// Freeze takes the dirty part of all tables as it is now, for Prepare(e). It is called by the
// task's goroutine at the barrier, after Operator.Snapshot. The Frozen of the epoch before must have
// been prepared.
func (o *OperatorScope) Freeze(e Epoch) (*Frozen, error) { panic("state: not built yet") }

// Frozen is the dirty part of a scope at a barrier. It is handed to Prepare, once.
type Frozen struct{}

// Empty reports that nothing was written in the epoch.
func (f *Frozen) Empty() bool { panic("state: not built yet") }
