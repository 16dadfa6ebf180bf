package op

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"weir/exec/batch"
	"weir/state"
)

// rowLists keeps lists of rows by key: one side of a join. A row is bytes, all its columns encoded like a key.
//
//	heads   key -> number of rows 4 | cell of the first row; variable part: the first row
//	rows    key and position (uvarint) -> cell; variable part: the row. From the second row on
//	index   key and row -> position. Only where rows are taken back, for positions from indexFrom on
//
//	cell    count 4 | partners 4 | [time 8]
//
// Equal rows of one key are one row with a count where rows are taken back, and rows of their own elsewhere. A row
// that is taken back leaves its place to the last one. A place whose row is gone (its TTL is over) is passed over.
//
// With a TTL each row has its own time, and where a key may have several the head has none of them, since it is written with every row of the key:
// the list begins at position 1, and the partners of the head are the first position that may still be there.
//
// The namespace is the caller's: 0, or the end of a slice of time.
type rowLists struct {
	heads, rows, index state.Table
	retracts           bool
	timed              bool
	apart              bool // heads have no rows; set by the caller
	cell               int  // bytes

	key []byte
	row []byte
}

const (
	indexFrom   = 8
	cellCount   = 0
	cellPartner = 4
	cellTime    = 8
	headCell    = 4
	headGone    = ^uint32(0) // deleted in this batch
)

// open declares the tables, whose names begin with name.
func (l *rowLists) open(st state.Scope, name string, spec state.TableSpec, retracts, timed bool) (err error) {
	l.retracts, l.timed, l.cell = retracts, timed, 8
	if timed {
		l.cell = 16
	}
	schema := fmt.Sprintf("rowlist1 retracts=%t timed=%t %s", retracts, timed, spec.Schema)
	table := func(suffix string, fixed int, prefixed bool) (state.Table, error) {
		return st.Table(state.TableSpec{Name: name + suffix, Fixed: fixed, TTL: spec.TTL, Schema: schema, Prefixed: prefixed})
	}
	if l.heads, err = table("", headCell+l.cell, false); err != nil {
		return err
	}
	if l.rows, err = table("-rows", l.cell, true); err != nil {
		return err
	}
	if retracts {
		l.index, err = table("-index", 4, true)
	}
	return err
}

// rowList is the rows of one key, between two calls that touch the same tables.
type rowList struct {
	l    *rowLists
	ns   int64
	hash uint64
	key  []byte
	head state.Ref
}

func (x *rowList) headMap() state.Map { return x.l.heads.Map(x.ns) }

func (x *rowList) len() int {
	n := binary.LittleEndian.Uint32(x.headMap().Fixed(x.head))
	if n == headGone {
		return 0
	}
	return int(n)
}

func (x *rowList) setLen(n int) {
	binary.LittleEndian.PutUint32(x.headMap().Fixed(x.head), uint32(n))
}

// prefixed is the key of a table that goes on behind the list's key with rest, and its hash.
func (x *rowList) prefixed(rest func(dst []byte) []byte) ([]byte, uint64) {
	k := binary.AppendUvarint(x.l.key[:0], uint64(len(x.key)))
	k = append(k, x.key...)
	k = rest(k)
	x.l.key = k
	return k, x.hash&^(1<<32-1) | state.Hash(k)&(1<<32-1)
}

func (x *rowList) rowKey(pos int) ([]byte, uint64) {
	return x.prefixed(func(dst []byte) []byte { return binary.AppendUvarint(dst, uint64(pos)) })
}

// place is a row of a list: where its cell and its bytes are.
type place struct {
	m    state.Map
	ref  state.Ref
	cell int // offset in the fixed part
	end  int
}

func (p place) data() []byte     { return p.m.Var(p.ref) }
func (p place) cells() []byte    { return p.m.Fixed(p.ref)[p.cell:p.end] }
func (p place) count() uint32    { return binary.LittleEndian.Uint32(p.cells()[cellCount:]) }
func (p place) time() int64      { return int64(binary.LittleEndian.Uint64(p.cells()[cellTime:])) }
func (p place) partners() uint32 { return binary.LittleEndian.Uint32(p.cells()[cellPartner:]) }

// setPartners changes how many partners the row has. The place may come from a read.
func (p place) setPartners(n uint32) {
	p.m.Touch(p.ref)
	binary.LittleEndian.PutUint32(p.cells()[cellPartner:], n)
}

// at is the row at a position; ok is false when it is gone.
func (x *rowList) at(pos int) (p place, ok bool, err error) {
	if pos == 0 {
		p = place{x.headMap(), x.head, headCell, headCell + x.l.cell}
		return p, p.count() > 0, nil
	}
	k, h := x.rowKey(pos)
	m := x.l.rows.Map(x.ns)
	r, err := m.Find(h, k)
	return place{m, r, 0, x.l.cell}, r != state.NoRef, err
}

// find opens the list of a key for reading; ok is false when there is none.
func (l *rowLists) find(ns int64, hash uint64, key []byte) (x rowList, ok bool, err error) {
	r, err := l.heads.Map(ns).Find(hash, key)
	return rowList{l, ns, hash, key, r}, r != state.NoRef, err
}

// each calls f for every row of the list, in the order of their places. f may change the row's partners.
func (x *rowList) each(f func(pos int, p place) error) error {
	from := x.first()
	gone := from
	for pos := from; pos < x.len(); pos++ {
		p, ok, err := x.at(pos)
		if err != nil {
			return err
		}
		if !ok {
			if gone == pos {
				gone++
			}
			continue
		}
		if err := f(pos, p); err != nil {
			return err
		}
	}
	if x.l.apart && gone > from {
		x.headMap().Touch(x.head)
		binary.LittleEndian.PutUint32(x.headCell()[cellPartner:], uint32(gone))
	}
	return nil
}

func (x *rowList) headCell() []byte { return x.headMap().Fixed(x.head)[headCell:] }

// headless reports that the head has no row, and never will.
func (x *rowList) headless() bool {
	return x.l.apart && binary.LittleEndian.Uint32(x.headCell()[cellCount:]) == 0
}

// first is a position before which all rows are gone.
func (x *rowList) first() int {
	if !x.headless() {
		return 0
	}
	return max(1, int(binary.LittleEndian.Uint32(x.headCell()[cellPartner:])))
}

// search is the position of a row that is equal to row, -1 when there is none.
func (x *rowList) search(row []byte) (int, error) {
	n := x.len()
	for pos := range min(n, indexFrom) {
		p, ok, err := x.at(pos)
		if err != nil {
			return -1, err
		}
		if ok && bytes.Equal(p.data(), row) {
			return pos, nil
		}
	}
	if n <= indexFrom {
		return -1, nil
	}
	k, h := x.prefixed(func(dst []byte) []byte { return append(dst, row...) })
	m := x.l.index.Map(x.ns)
	r, err := m.Find(h, k)
	if err != nil || r == state.NoRef {
		return -1, err
	}
	return int(binary.LittleEndian.Uint32(m.Fixed(r))), nil
}

// add appends a row to the list, whose head was upserted, with so many partners; or counts it once more.
func (x *rowList) add(row []byte, partners int, time int64) error {
	if x.l.retracts {
		pos, err := x.search(row)
		if err != nil {
			return err
		}
		if pos >= 0 {
			p, _, err := x.at(pos)
			if err != nil {
				return err
			}
			p.m.Touch(p.ref)
			binary.LittleEndian.PutUint32(p.cells()[cellCount:], p.count()+1)
			return nil
		}
	}
	pos := x.len()
	if pos == 0 && x.l.apart {
		x.l.fill(x.headCell(), 0, 0, 0)
		pos = 1
	}
	if pos == 0 {
		m := x.headMap()
		x.setLen(1)
		x.l.fill(m.Fixed(x.head)[headCell:], 1, uint32(partners), time)
		return m.SetVar(x.head, row)
	}
	x.setLen(pos + 1)
	k, h := x.rowKey(pos)
	m := x.l.rows.Map(x.ns)
	r, _, err := m.Upsert(h, k)
	if err != nil {
		return err
	}
	x.l.fill(m.Fixed(r), 1, uint32(partners), time)
	if err := m.SetVar(r, row); err != nil {
		return err
	}
	return x.setIndex(row, pos)
}

func (l *rowLists) fill(cell []byte, count, partners uint32, time int64) {
	binary.LittleEndian.PutUint32(cell[cellCount:], count)
	binary.LittleEndian.PutUint32(cell[cellPartner:], partners)
	if l.timed {
		binary.LittleEndian.PutUint64(cell[cellTime:], uint64(time))
	}
}

func (x *rowList) setIndex(row []byte, pos int) error {
	if !x.l.retracts || pos < indexFrom {
		return nil
	}
	k, h := x.prefixed(func(dst []byte) []byte { return append(dst, row...) })
	m := x.l.index.Map(x.ns)
	r, _, err := m.Upsert(h, k)
	if err == nil {
		binary.LittleEndian.PutUint32(m.Fixed(r), uint32(pos))
	}
	return err
}

func (x *rowList) dropIndex(row []byte, pos int) error {
	if !x.l.retracts || pos < indexFrom {
		return nil
	}
	k, h := x.prefixed(func(dst []byte) []byte { return append(dst, row...) })
	m := x.l.index.Map(x.ns)
	r, err := m.Find(h, k)
	if err == nil && r != state.NoRef {
		m.Delete(r)
	}
	return err
}

// remove takes back one row that is equal to row; found is false when there is none. The head stays, empty,
// until the caller deletes it.
func (x *rowList) remove(row []byte) (found bool, err error) {
	pos, err := x.search(row)
	if err != nil || pos < 0 {
		return false, err
	}
	p, ok, err := x.at(pos)
	if err != nil {
		return false, err
	}
	if ok && p.count() > 1 {
		p.m.Touch(p.ref)
		binary.LittleEndian.PutUint32(p.cells()[cellCount:], p.count()-1)
		return true, nil
	}
	if err := x.dropIndex(row, pos); err != nil {
		return false, err
	}
	// The last row that is still there takes the place.
	last := x.len() - 1
	for ; last > pos; last-- {
		q, ok, err := x.at(last)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		if err := x.move(q, last, pos); err != nil {
			return false, err
		}
		x.setLen(last)
		return true, nil
	}
	if pos > 0 {
		if p, ok, err = x.at(pos); err != nil {
			return false, err
		} else if ok {
			p.m.Delete(p.ref)
		}
	} else {
		binary.LittleEndian.PutUint32(x.headCell()[cellCount:], 0)
	}
	if pos == 1 && x.headless() {
		pos = 0
	}
	x.setLen(pos)
	return true, nil
}

// clear takes all rows out. The head stays, empty, until the caller adds to it or deletes it.
func (x *rowList) clear() error {
	for pos := 1; pos < x.len(); pos++ {
		p, ok, err := x.at(pos)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := x.dropIndex(p.data(), pos); err != nil {
			return err
		}
		p.m.Delete(p.ref)
	}
	x.headMap().Touch(x.head)
	x.setLen(0)
	return nil
}

// move puts the row q, which is at position from, to position to.
func (x *rowList) move(q place, from, to int) error {
	x.l.row = append(x.l.row[:0], q.data()...)
	var cell [16]byte
	copy(cell[:], q.cells())
	q.m.Delete(q.ref)
	if err := x.dropIndex(x.l.row, from); err != nil {
		return err
	}
	if to == 0 {
		m := x.headMap()
		copy(m.Fixed(x.head)[headCell:], cell[:x.l.cell])
		return m.SetVar(x.head, x.l.row)
	}
	k, h := x.rowKey(to)
	m := x.l.rows.Map(x.ns)
	r, _, err := m.Upsert(h, k)
	if err != nil {
		return err
	}
	copy(m.Fixed(r), cell[:x.l.cell])
	if err := m.SetVar(r, x.l.row); err != nil {
		return err
	}
	return x.setIndex(x.l.row, to)
}

// deleteEmpty deletes the heads of refs, all upserted in this batch, that have no rows left.
func (l *rowLists) deleteEmpty(ns int64, refs []state.Ref) {
	m := l.heads.Map(ns)
	for _, r := range refs {
		if f := m.Fixed(r); binary.LittleEndian.Uint32(f) == 0 {
			binary.LittleEndian.PutUint32(f, headGone)
			m.Delete(r)
		}
	}
}

// keyedRows is a batch of rows beside their lists in the state.
type keyedRows struct {
	enc    state.Keys // the key of each row
	rows   state.Keys // the row itself, encoded
	hashes []uint64
	unused []uint64
	refs   []state.Ref // the head of its list
	create []bool
	all    []int32
}

// read encodes the rows of in, which has some, and finds or makes the list of each in namespace 0. It returns their positions in in.
func (r *keyedRows) read(in *batch.Batch, keys, cols []int, lists *rowLists) ([]int32, error) {
	n := in.Rows()
	pos := positions(in, &r.all)
	r.hashes = batch.EncodeKeys(in, keys, &r.enc, r.hashes)
	r.unused = batch.EncodeKeys(in, cols, &r.rows, r.unused)
	r.refs, r.create = grow(r.refs, n), grow(r.create, n)
	return pos, lists.heads.Map(0).UpsertMany(r.hashes[:n], r.enc, r.refs, r.create)
}

// list is the list of row k.
func (r *keyedRows) list(lists *rowLists, k int) rowList {
	return rowList{lists, 0, r.hashes[k], r.enc.Data[r.enc.Off[k]:r.enc.Off[k+1]], r.refs[k]}
}

func (r *keyedRows) row(k int) []byte { return r.rows.Data[r.rows.Off[k]:r.rows.Off[k+1]] }

// decodeRow appends a row of operator id's state to columns.
func decodeRow(id string, row []byte, to []*batch.Vector) error {
	if err := batch.DecodeKey(row, to); err != nil {
		return fmt.Errorf("state of a row of %s: %w", id, err)
	}
	return nil
}
