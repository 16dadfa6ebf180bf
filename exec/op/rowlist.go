package op

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"weir/exec/batch"
	"weir/state"
)

// rowLists keeps lists of rows by key: one side of a join. A row is bytes, all its columns encoded. The rows of a list lie
// together in blocks, so that a list costs no entry, no key and no look-up for each of them, and is read from disk in few pieces:
//
//	heads   key -> number of full blocks 4, how many of the first of them are gone 4; variable part: the newest rows, a block that still grows
//	blocks  key and number (uvarint), from 1 -> nothing; variable part: older rows. Written once, unseen by what is added later
//	index   key and hash of a row 8 -> number of its block 4 | rows with that hash 4. Only where rows are taken back, for those in full blocks
//
//	block   rows: as many bytes of it as the block's first row begins with, and ends with, as it has of its own (uvarints) | cell | those
//	cell    [count 4] | [partners 4] | [time 8]
//
// Rows of one key are alike: the key itself, and what an earlier join has put to it, are the same in all of them. The first row of a block is there whole.
//
// Equal rows of one key are one row with a count where rows are taken back, and rows of their own elsewhere. A full block
// that has lost its last row leaves its number to the last one. A block that is gone (its TTL is over) is passed over.
//
// With a TTL each row has its own time, but what lies in one entry grows old together, and a head is written with every row of its key. So where a key
// may have several rows a block is one row, and heads have none.
//
// The namespace is the caller's: 0, or the end of a slice of time.
type rowLists struct {
	heads, blocks, index state.Table
	has                  rowSpec
	apart                bool // heads have no rows
	at                   cellPlaces

	key    []byte
	buf    []byte
	row    []byte     // that was put together last
	keys   state.Keys // of the blocks of one list
	hashes []uint64
	refs   []state.Ref
}

// rowSpec says what is kept with each row.
type rowSpec struct {
	retracts bool // rows may be taken back: a count
	partners bool // how many rows of the other side it has met
	single   bool // a key has one row at a time
	timed    bool // a number, of the caller's meaning
}

// cellPlaces is where in a cell the parts are; size is that of the whole.
type cellPlaces struct{ partners, time, size int }

const (
	listBlock   = 512
	headDeleted = ^uint32(0) // in this batch
	readAtOnce  = 64         // blocks
)

// open declares the tables, whose names begin with name.
func (l *rowLists) open(st state.Scope, name string, spec state.TableSpec, rows rowSpec) (err error) {
	l.has, l.apart, l.at = rows, spec.TTL > 0 && !rows.single, cellPlaces{}
	if rows.retracts {
		l.at.size += 4
	}
	l.at.partners = l.at.size
	if rows.partners {
		l.at.size += 4
	}
	l.at.time = l.at.size
	if rows.timed {
		l.at.size += 8
	}
	schema := fmt.Sprintf("rowlist2 retracts=%t partners=%t timed=%t row%d %s", rows.retracts, rows.partners, rows.timed, batch.RowFormat, spec.Schema)
	table := func(suffix string, fixed int, prefixed bool) (state.Table, error) {
		return st.Table(state.TableSpec{Name: name + suffix, Fixed: fixed, TTL: spec.TTL, Schema: schema, Prefixed: prefixed})
	}
	if l.heads, err = table("", 8, false); err != nil {
		return err
	}
	if l.blocks, err = table("-blocks", 0, true); err != nil {
		return err
	}
	if rows.retracts {
		l.index, err = table("-index", 8, true)
	}
	return err
}

// tables is where the rows lie.
func (l *rowLists) tables() []state.Table { return []state.Table{l.heads, l.blocks} }

// rowList is the rows of one key, between two calls that touch the heads.
type rowList struct {
	l    *rowLists
	ns   int64
	hash uint64
	key  []byte
	head state.Ref
}

func (x *rowList) headMap() state.Map  { return x.l.heads.Map(x.ns) }
func (x *rowList) blockMap() state.Map { return x.l.blocks.Map(x.ns) }
func (x *rowList) newest() []byte      { return x.headMap().Var(x.head) }

// full is the number of full blocks.
func (x *rowList) full() int {
	n := binary.LittleEndian.Uint32(x.headMap().Fixed(x.head))
	if n == headDeleted {
		return 0
	}
	return int(n)
}

// gone is the number of full blocks, from the first on, that are gone.
func (x *rowList) gone() int {
	return int(binary.LittleEndian.Uint32(x.headMap().Fixed(x.head)[4:]))
}

func (x *rowList) setFull(n int) {
	f := x.headMap().Fixed(x.head)
	if n <= x.gone() {
		n = 0
		binary.LittleEndian.PutUint32(f[4:], 0)
	}
	binary.LittleEndian.PutUint32(f, uint32(n))
}

// prefix appends the beginning of the list's keys in tables that go on behind it.
func (x *rowList) prefix(dst []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(x.key))), x.key...)
}

// under is the hash of a key that begins with prefix.
func (x *rowList) under(key []byte) uint64 { return x.hash&^(1<<32-1) | state.Hash(key)&(1<<32-1) }

func (x *rowList) blockKey(no int) ([]byte, uint64) {
	x.l.key = binary.AppendUvarint(x.prefix(x.l.key[:0]), uint64(no))
	return x.l.key, x.under(x.l.key)
}

func (x *rowList) indexKey(row []byte) ([]byte, uint64) {
	x.l.key = binary.LittleEndian.AppendUint64(x.prefix(x.l.key[:0]), state.Hash(row))
	return x.l.key, x.under(x.l.key)
}

// place is a row of a list: the entry that it lies in, and where there.
type place struct {
	l   *rowLists
	m   state.Map
	ref state.Ref
	no  int    // of the block; 0: the newest rows
	off int    // of the row in the block
	own int    // of what the row has of its own
	end int    // of what belongs to it
	blk []byte // the block as it was when the place was found

	first       []byte // the block's first row
	begin, tail int    // bytes that the row has in common with it
}

// position names a place of a list for as long as rows are neither added nor taken back.
func (p *place) position() int64  { return int64(p.no)<<32 | int64(p.off) }
func (p *place) cell() []byte     { return p.blk[p.own-p.l.at.size : p.own] }
func (p *place) count() uint32    { return p.l.count(p.cell()) }
func (p *place) partners() uint32 { return binary.LittleEndian.Uint32(p.cell()[p.l.at.partners:]) }
func (p *place) time() int64      { return int64(binary.LittleEndian.Uint64(p.cell()[p.l.at.time:])) }

func (l *rowLists) count(cell []byte) uint32 {
	if !l.has.retracts {
		return 1
	}
	return binary.LittleEndian.Uint32(cell)
}

// set writes one of the numbers of the row's cell.
func (p *place) set(at int, n uint32) {
	p.blk = p.m.Edit(p.ref)
	binary.LittleEndian.PutUint32(p.cell()[at:], n)
}

// setPartners changes how many partners the row has. The place may come from a read.
func (p *place) setPartners(n uint32) { p.set(p.l.at.partners, n) }

// data is the row. It is valid until the next call of data on a place of the same lists.
func (p *place) data() []byte {
	if p.begin+p.tail == 0 {
		return p.blk[p.own:p.end]
	}
	b := append(p.l.row[:0], p.first[:p.begin]...)
	b = append(b, p.blk[p.own:p.end]...)
	p.l.row = append(b, p.first[len(p.first)-p.tail:]...)
	return p.l.row
}

// next moves p to the row of its block that begins at byte off; false at the block's end. The first move is to 0.
func (p *place) next(off int) (bool, error) {
	if off == len(p.blk) {
		return false, nil
	}
	var n [3]int
	at := off
	for i := range n {
		x, w := binary.Uvarint(p.blk[min(at, len(p.blk)):])
		if w <= 0 || x > uint64(len(p.first)+len(p.blk)) {
			return false, p.damaged(off)
		}
		n[i], at = int(x), at+w
	}
	own := at + p.l.at.size
	if n[0]+n[1] > len(p.first) || own+n[2] > len(p.blk) {
		return false, p.damaged(off)
	}
	p.off, p.own, p.end, p.begin, p.tail = off, own, own+n[2], n[0], n[1]
	if off == 0 {
		p.first = p.blk[p.own:p.end]
	}
	return true, nil
}

func (p *place) damaged(off int) error {
	return fmt.Errorf("a list of rows in the state does not decode at byte %d of %d", off, len(p.blk))
}

// appendRow appends a row to a block, of which cell is filled in by the caller: it returns where that is.
func (l *rowLists) appendRow(blk, row []byte) ([]byte, int, error) {
	p := place{l: l, blk: blk}
	if _, err := p.next(0); err != nil {
		return nil, 0, err
	}
	begin, tail := alike(p.first, row)
	blk = binary.AppendUvarint(blk, uint64(begin))
	blk = binary.AppendUvarint(blk, uint64(tail))
	blk = binary.AppendUvarint(blk, uint64(len(row)-begin-tail))
	cell := len(blk)
	for range l.at.size {
		blk = append(blk, 0)
	}
	return append(blk, row[begin:len(row)-tail]...), cell, nil
}

// alike is how many bytes two rows begin with in common, and how many of the others they end with.
func alike(a, b []byte) (begin, tail int) {
	n := min(len(a), len(b))
	for begin < n && a[begin] == b[begin] {
		begin++
	}
	a, b, n = a[begin:], b[begin:], n-begin
	for tail+8 <= n && binary.LittleEndian.Uint64(a[len(a)-tail-8:]) == binary.LittleEndian.Uint64(b[len(b)-tail-8:]) {
		tail += 8
	}
	for tail < n && a[len(a)-tail-1] == b[len(b)-tail-1] {
		tail++
	}
	return begin, tail
}

// rows calls f for the rows of an entry of heads or blocks.
func (l *rowLists) rows(m state.Map, r state.Ref, no int, f func(p *place) error) error {
	p := place{l: l, m: m, ref: r, no: no, blk: m.Var(r)}
	for off := 0; ; {
		ok, err := p.next(off)
		if !ok || err != nil {
			return err
		}
		off = p.end
		if err := f(&p); err != nil {
			return err
		}
	}
}

// block finds a full block; ok is false when it is gone.
func (x *rowList) block(no int) (r state.Ref, ok bool, err error) {
	k, h := x.blockKey(no)
	r, err = x.blockMap().Find(h, k)
	return r, r != state.NoRef, err
}

// at is the row at a position; ok is false when it is gone.
func (x *rowList) at(position int64) (p place, ok bool, err error) {
	p = place{l: x.l, m: x.headMap(), ref: x.head, no: int(position >> 32)}
	if p.no > 0 {
		p.m = x.blockMap()
		if p.ref, ok, err = x.block(p.no); !ok || err != nil {
			return p, false, err
		}
	}
	p.blk = p.m.Var(p.ref)
	if ok, err = p.next(0); !ok || err != nil {
		return p, false, err
	}
	if off := int(position & (1<<32 - 1)); off > 0 {
		ok, err = p.next(off)
	}
	return p, ok, err
}

// find opens the list of a key for reading; ok is false when there is none.
func (l *rowLists) find(ns int64, hash uint64, key []byte) (x rowList, ok bool, err error) {
	r, err := l.heads.Map(ns).Find(hash, key)
	return rowList{l, ns, hash, key, r}, r != state.NoRef, err
}

// each calls f for every row of the list, the oldest first. f may change the row's partners.
func (x *rowList) each(f func(p *place) error) error {
	l, m := x.l, x.blockMap()
	was := x.gone()
	gone := was
	for no, full := was+1, x.full(); no <= full; {
		n := min(readAtOnce, full-no+1)
		ks := &l.keys
		ks.Data, ks.Off, l.hashes = ks.Data[:0], append(ks.Off[:0], 0), l.hashes[:0]
		for k := range n {
			ks.Data = binary.AppendUvarint(x.prefix(ks.Data), uint64(no+k))
			l.hashes = append(l.hashes, x.under(ks.Data[ks.Off[k]:]))
			ks.Off = append(ks.Off, uint32(len(ks.Data)))
		}
		l.refs = grow(l.refs, n)
		if err := m.FindMany(l.hashes, *ks, l.refs); err != nil {
			return err
		}
		for k, r := range l.refs[:n] {
			if r == state.NoRef {
				if gone == no+k-1 {
					gone++
				}
				continue
			}
			if err := l.rows(m, r, no+k, f); err != nil {
				return err
			}
		}
		no += n
	}
	if gone > was {
		x.headMap().Touch(x.head)
		binary.LittleEndian.PutUint32(x.headMap().Fixed(x.head)[4:], uint32(gone))
	}
	return l.rows(x.headMap(), x.head, 0, f)
}

// in is the place of a row that is equal to row in one block.
func (x *rowList) in(m state.Map, r state.Ref, no int, row []byte) (found place, ok bool, err error) {
	p := place{l: x.l, m: m, ref: r, no: no, blk: m.Var(r)}
	for off := 0; ; off = p.end {
		if ok, err = p.next(off); !ok || err != nil {
			return p, false, err
		}
		if p.begin+p.tail+p.end-p.own == len(row) && bytes.Equal(p.data(), row) {
			return p, true, nil
		}
	}
}

// search finds a row that is equal to row.
func (x *rowList) search(row []byte) (p place, ok bool, err error) {
	p, ok, err = x.in(x.headMap(), x.head, 0, row)
	if ok || err != nil || x.full() == 0 {
		return p, ok, err
	}
	k, h := x.indexKey(row)
	im := x.l.index.Map(x.ns)
	r, err := im.Find(h, k)
	if err != nil || r == state.NoRef {
		return p, false, err
	}
	no, same := x.l.indexed(im, r)
	b, ok, err := x.block(no)
	if err != nil {
		return p, false, err
	}
	if ok {
		if p, ok, err = x.in(x.blockMap(), b, no, row); ok || err != nil {
			return p, ok, err
		}
	}
	if same == 1 {
		return p, false, nil
	}
	// Another row has the same hash, and the index says where that one is.
	for no := x.gone() + 1; no <= x.full(); no++ {
		b, ok, err := x.block(no)
		if err != nil {
			return p, false, err
		}
		if !ok {
			continue
		}
		if p, ok, err = x.in(x.blockMap(), b, no, row); ok || err != nil {
			return p, ok, err
		}
	}
	return p, false, nil
}

// indexed is the block that an entry of the index names, and the number of rows with its hash.
func (l *rowLists) indexed(m state.Map, r state.Ref) (no int, same uint32) {
	f := m.Fixed(r)
	return int(binary.LittleEndian.Uint32(f)), binary.LittleEndian.Uint32(f[4:])
}

// addIndex notes that a row lies in a full block. When it has been there, in another one, same is 0, and 1 otherwise.
func (x *rowList) addIndex(row []byte, no int, same uint32) error {
	k, h := x.indexKey(row)
	m := x.l.index.Map(x.ns)
	r, _, err := m.Upsert(h, k)
	if err != nil {
		return err
	}
	f := m.Fixed(r)
	binary.LittleEndian.PutUint32(f, uint32(no))
	binary.LittleEndian.PutUint32(f[4:], max(binary.LittleEndian.Uint32(f[4:])+same, 1))
	return nil
}

func (x *rowList) dropIndex(row []byte) error {
	if !x.l.has.retracts {
		return nil
	}
	k, h := x.indexKey(row)
	m := x.l.index.Map(x.ns)
	r, err := m.Find(h, k)
	if err != nil || r == state.NoRef {
		return err
	}
	if _, same := x.l.indexed(m, r); same > 1 {
		m.Touch(r)
		binary.LittleEndian.PutUint32(m.Fixed(r)[4:], same-1)
		return nil
	}
	m.Delete(r)
	return nil
}

// add appends a row to the list, whose head was upserted, with so many partners; or counts it once more.
func (x *rowList) add(row []byte, partners int, time int64) error {
	l := x.l
	if l.has.retracts {
		p, ok, err := x.search(row)
		if err != nil {
			return err
		}
		if ok {
			p.set(0, p.count()+1)
			return nil
		}
	}
	newest := x.newest()
	if len(newest) >= listBlock {
		if err := x.seal(newest); err != nil {
			return err
		}
		newest = nil
	}
	b, at, err := l.appendRow(append(l.buf[:0], newest...), row)
	if err != nil {
		return err
	}
	l.buf = b
	cell := b[at:]
	if l.has.retracts {
		binary.LittleEndian.PutUint32(cell, 1)
	}
	if l.has.partners {
		binary.LittleEndian.PutUint32(cell[l.at.partners:], uint32(partners))
	}
	if l.has.timed {
		binary.LittleEndian.PutUint64(cell[l.at.time:], uint64(time))
	}
	if !l.apart {
		return x.headMap().SetVar(x.head, b)
	}
	no := x.full() + 1
	x.setFull(no)
	if err := x.setBlock(no, b); err != nil || !l.has.retracts {
		return err
	}
	return x.addIndex(row, no, 1)
}

// seal makes a full block of the newest rows.
func (x *rowList) seal(rows []byte) error {
	no := x.full() + 1
	x.setFull(no)
	if err := x.setBlock(no, rows); err != nil || !x.l.has.retracts {
		return err
	}
	return x.l.rows(x.headMap(), x.head, 0, func(p *place) error { return x.addIndex(p.data(), no, 1) })
}

func (x *rowList) setBlock(no int, rows []byte) error {
	k, h := x.blockKey(no)
	m := x.blockMap()
	r, _, err := m.Upsert(h, k)
	if err != nil {
		return err
	}
	return m.SetVar(r, rows)
}

// remove takes back one row that is equal to row; found is false when there is none. The head stays, empty,
// until the caller deletes it.
func (x *rowList) remove(row []byte) (found bool, err error) {
	p, ok, err := x.search(row)
	if err != nil || !ok {
		return false, err
	}
	if n := p.count(); n > 1 {
		p.set(0, n-1)
		return true, nil
	}
	if err := x.without(&p); err != nil {
		return false, err
	}
	if p.no == 0 {
		return true, p.m.SetVar(p.ref, x.l.buf)
	}
	if len(x.l.buf) > 0 {
		if err := p.m.SetVar(p.ref, x.l.buf); err != nil {
			return false, err
		}
		return true, x.dropIndex(row)
	}
	p.m.Delete(p.ref)
	if err := x.dropIndex(row); err != nil {
		return false, err
	}
	return true, x.fillGap(p.no)
}

// without makes in x.l.buf the block of p without p's row.
func (x *rowList) without(p *place) error {
	l := x.l
	if l.buf = l.buf[:0]; p.off > 0 {
		l.buf = append(append(l.buf, p.blk[:p.off]...), p.blk[p.end:]...)
		return nil
	}
	// The others begin and end like the first one.
	return l.rows(p.m, p.ref, p.no, func(q *place) error {
		if q.off == p.off {
			return nil
		}
		b, at, err := l.appendRow(l.buf, q.data())
		if err == nil {
			copy(b[at:], q.cell())
			l.buf = b
		}
		return err
	})
}

// fillGap gives the number of a block that has gone to the last one that is there.
func (x *rowList) fillGap(gap int) error {
	x.headMap().Touch(x.head)
	for last := x.full(); last > gap; last-- {
		r, ok, err := x.block(last)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		m := x.blockMap()
		rows := slices.Clone(m.Var(r))
		m.Delete(r)
		x.setFull(last - 1)
		if err := x.setBlock(gap, rows); err != nil {
			return err
		}
		if r, ok, err = x.block(gap); err != nil || !ok {
			return err
		}
		return x.l.rows(x.blockMap(), r, gap, func(p *place) error { return x.addIndex(p.data(), gap, 0) })
	}
	x.setFull(gap - 1)
	return nil
}

// clear takes all rows out. The head stays, empty, until the caller adds to it or deletes it.
func (x *rowList) clear() error {
	for no := x.gone() + 1; no <= x.full(); no++ {
		r, ok, err := x.block(no)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if x.l.has.retracts {
			if err := x.l.rows(x.blockMap(), r, no, func(p *place) error { return x.dropIndex(p.data()) }); err != nil {
				return err
			}
		}
		x.blockMap().Delete(r)
	}
	x.headMap().Touch(x.head)
	x.setFull(0)
	return x.headMap().SetVar(x.head, nil)
}

// deleteEmpty deletes the heads of refs, all upserted in this batch, that have no rows left.
func (l *rowLists) deleteEmpty(ns int64, refs []state.Ref) {
	m := l.heads.Map(ns)
	for _, r := range refs {
		if f := m.Fixed(r); binary.LittleEndian.Uint32(f) == 0 && len(m.Var(r)) == 0 {
			binary.LittleEndian.PutUint32(f, headDeleted)
			m.Delete(r)
		}
	}
}

// decodeListed appends a row of operator id's lists to columns.
func decodeListed(id string, row []byte, to []*batch.Vector) error {
	return rowError(id, batch.DecodeRow(row, to))
}

// decodeRow appends a row of operator id's state that is encoded like a key to columns.
func decodeRow(id string, row []byte, to []*batch.Vector) error {
	return rowError(id, batch.DecodeKey(row, to))
}

func rowError(id string, err error) error {
	if err != nil {
		return fmt.Errorf("state of a row of %s: %w", id, err)
	}
	return nil
}
