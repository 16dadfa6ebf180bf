package state

import (
	"encoding/binary"
	"time"
)

// Epoch numbers the checkpoints of a job, from 0.
type Epoch uint64

// Nonce is the random name of one prepared epoch: two histories of a job that diverge have
// different nonces for the same epoch. 32 hex digits.
type Nonce string

// KeyGroups is the number of key groups when the job does not say otherwise
// (pipeline.max-parallelism): the unit in which keyed state moves between subtasks.
const KeyGroups = 128

// KeyGroupRange is the key groups From .. To-1 of one subtask.
type KeyGroupRange struct{ From, To int }

// KeyGroupOf is the key group of a key by its Hash.
func KeyGroupOf(hash uint64, groups int) int {
	h := uint32(hash >> 32)
	if groups&(groups-1) == 0 {
		return int(h) & (groups - 1) // as the default is; a division is 3 ns more, for each row of an exchange
	}
	return int(h % uint32(groups))
}

// SubtaskOf is the subtask that owns a key group at the given parallelism, as Flink computes it.
func SubtaskOf(keyGroup, groups, parallelism int) int { return keyGroup * parallelism / groups }

// RangeOf is the key groups of a subtask; the inverse of SubtaskOf.
func RangeOf(subtask, groups, parallelism int) KeyGroupRange {
	from := (subtask*groups + parallelism - 1) / parallelism
	to := ((subtask+1)*groups + parallelism - 1) / parallelism
	return KeyGroupRange{from, to}
}

// Scope gives an operator's subtask its state. It is bound to the operator's id and the
// subtask's key groups.
type Scope interface {
	// Table declares and opens a table. Every table an operator may use is declared in Open,
	// each time alike.
	Table(spec TableSpec) (Table, error)
}

// TableSpec declares one state table of an operator.
type TableSpec struct {
	Name   string        // within the operator: "acc", "distinct0"
	Fixed  int           // bytes of the fixed part of a value; a change makes the state incompatible
	TTL    time.Duration // an entry not written for so long may vanish; 0: never
	Schema string        // describes the encoding of keys and values; a change makes the state incompatible
	// Prefixed: a key is an owner's key and something more (a group and a distinct value). It begins with the
	// owner's key, length first as a uvarint; HashOf then keeps it in the key group of its owner.
	Prefixed bool
}

// HashOf is the hash of a key of this table, which all methods of its Maps are given: Hash(key), and for a
// Prefixed table the upper half of the owner's Hash (which is what decides the key group) with the lower half of Hash(key).
func (s *TableSpec) HashOf(key []byte) uint64 {
	h := Hash(key)
	if !s.Prefixed {
		return h
	}
	n, w := binary.Uvarint(key)
	if w <= 0 || n > uint64(len(key)-w) {
		return h
	}
	return Hash(key[w:w+int(n)])&^(1<<32-1) | h&(1<<32-1)
}

// Ref points at an entry of a Map. It is valid until the next call of Upsert, UpsertMany, Find, FindMany,
// Scan or Drop on the same table, or the next barrier.
type Ref int32

// NoRef is the Ref of an absent entry.
const NoRef Ref = -1

// Table is the keyed state of one subtask: maps by namespace. It belongs to the goroutine of its task.
// A namespace is an order-preserving number: the end of a window or slice; 0 where there are none.
type Table interface {
	// Map opens the map of a namespace; it is empty if never written.
	Map(ns int64) Map
	// Namespaces lists the namespaces that hold entries, ascending. The slice is the caller's.
	Namespaces() []int64
	// Drop deletes a whole namespace.
	Drop(ns int64) error
	// Bytes is the memory that the table holds now.
	Bytes() int64
	// Len is the number of entries in all namespaces, in memory or not.
	Len() int64
}

// Map is one namespace of a table: from key bytes to a value made of a fixed part of
// TableSpec.Fixed bytes, mutable in place, and a variable part. hash is TableSpec.HashOf(key) throughout.
type Map interface {
	// Upsert finds the entry of key or makes one with a zeroed fixed and an empty variable part.
	// The entry counts as written in this epoch.
	Upsert(hash uint64, key []byte) (r Ref, created bool, err error)
	// UpsertMany is Upsert for a batch of keys.
	// refs and created are as long as hashes; all refs stay valid together.
	UpsertMany(hashes []uint64, keys Keys, refs []Ref, created []bool) error
	// Find finds the entry of key, or NoRef.
	Find(hash uint64, key []byte) (Ref, error)
	// FindMany is Find for a batch, as UpsertMany is Upsert: refs is as long as hashes, and all refs stay valid together.
	FindMany(hashes []uint64, keys Keys, refs []Ref) error
	// Fixed is the fixed part of an entry, to be read; and, after Upsert or Touch in this epoch, written in place.
	Fixed(r Ref) []byte
	// Var is the variable part, to be read only.
	Var(r Ref) []byte
	// SetVar replaces the variable part with a copy of v.
	SetVar(r Ref, v []byte) error
	// Edit declares that the entry is about to be written, and returns its variable part, to be written in place at once.
	Edit(r Ref) []byte
	// Key is the entry's key, to be read only.
	Key(r Ref) []byte
	// Touch declares that the entry found by Find or Scan is about to be written.
	Touch(r Ref)
	// Delete removes the entry; r is invalid afterwards, other refs stay valid.
	Delete(r Ref)
	// Scan calls f for every entry, in no order, until it returns false. f may Delete the entry
	// that it was called with, and nothing else.
	Scan(f func(r Ref) bool) error
	// Len is the number of entries.
	Len() int64
}

// Keys is a batch of encoded keys: key i is Data[Off[i]:Off[i+1]]; len(Off) is the number of keys plus one.
type Keys struct {
	Off  []uint32
	Data []byte
}

// At is key i: a view of Data.
func (k *Keys) At(i int) []byte { return k.Data[k.Off[i]:k.Off[i+1]] }
