package op

import (
	"weir/exec/batch"
	"weir/state"
)

// entries is the keys of a batch of rows, and the entry of each in a table. What it holds is of the last batch.
type entries struct {
	enc     state.Keys // the key of each row
	hashes  []uint64   // of the keys
	refs    []state.Ref
	created []bool // the entry was not there before
	all     []int32
}

// encode makes the keys of the rows of in, of its columns cols, and returns the positions of the rows in in.
func (e *entries) encode(in *batch.Batch, cols []int) []int32 {
	e.hashes = batch.EncodeKeys(in, cols, &e.enc, e.hashes)
	return positions(in, &e.all)
}

// upsert finds the entry of each key in m, or makes it.
func (e *entries) upsert(m state.Map) error {
	n := len(e.enc.Off) - 1
	e.refs, e.created = grow(e.refs, n), grow(e.created, n)
	return m.UpsertMany(e.hashes[:n], e.enc, e.refs, e.created)
}

// keyedRows is entries with the rows themselves, as they are kept in lists.
type keyedRows struct {
	entries
	rows state.Keys
}

// read encodes the rows of in, by its columns keys and cols, and finds or makes the entry of each in heads. It returns their positions in in.
func (r *keyedRows) read(in *batch.Batch, keys, cols []int, heads state.Map) ([]int32, error) {
	pos := r.encode(in, keys)
	batch.EncodeRows(in, cols, &r.rows)
	return pos, r.upsert(heads)
}

// list is the list of row k.
func (r *keyedRows) list(lists *rowLists, k int) rowList {
	return rowList{lists, 0, r.hashes[k], r.enc.At(k), r.refs[k]}
}

func (r *keyedRows) row(k int) []byte { return r.rows.At(k) }
