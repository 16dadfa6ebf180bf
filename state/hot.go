package state

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"
	"unsafe"
)

// A hotMap keeps one namespace of a table in memory. Entries are records of one size in
// slabs of chunkRows rows; an open-addressing index leads from a hash to a record:
//
//	index word:  tag, the lower half of the hash (32 bits) | ref+1 (32 bits); 0 is an empty slot
//	record:      hash 8 | key length 4 | key, or its place in the arena, 12 | var place 4, length 4 | [stamp 8] | fixed part
//
// The tag has the bits that say where a word belongs: the index grows, and gives words up, without a look at records. What is left of them
// tells keys apart well enough. Keys of up to 12 bytes lie in the record itself; longer ones and the variable parts lie in
// the chunk's arena. A chunk is the unit of copy on write and of eviction.
//
// In a table that is larger than the processor's caches an entry costs three loads from memory: of the index, of the chunk, which is one
// line of the cache and leads to the slab, and of the record, which is one line too where that takes little padding (table.stride).

const (
	chunkRows   = 64
	inlineKey   = 12
	recHash     = 0
	recKeyLen   = 8
	recKey      = 12
	recVar      = 24
	recVarLen   = 28
	recFixed    = 32 // of tables without a TTL; behind the stamp otherwise
	minSlots    = 16
	arenaLimit  = 1 << 31
	upsertBlock = 128 // keys whose memory accesses are overlapped
	cacheLine   = 64
)

// freeze is shared by the chunks that one frozen epoch of a scope reads. Until it is done,
// their slabs and the used part of their arenas must not be written to.
type freeze struct {
	begun  atomic.Bool   // Prepare is at it, or has been
	done   atomic.Bool   // in pages
	ended  chan struct{} // closed when Prepare has returned, also with an error
	copied int64         // bytes of slabs that the task copied because of it, and that are accounted; the task's goroutine
}

// chunk is the bookkeeping of chunkRows rows, a bit for each in the bitmaps. It is as large as a line of the cache.
type chunk struct {
	used   uint64         // the row holds an entry
	dirty  uint64         // written in the current epoch
	stored uint64         // is in a page, or in a frozen epoch on its way there
	dead   uint64         // deleted, and still here to hide the stored entry
	frozen *freeze        // slab belongs to a frozen epoch: copy before writing
	slab   unsafe.Pointer // the records, one behind the other; nil: evicted
	rows   int32          // for which the slab has room
	listed bool           // is in dirtyChunks
	recent bool           // used since the clock hand passed
	_      [cacheLine - 56]byte
}

// arena holds the long keys and the variable parts of one chunk.
type arena struct {
	data    []byte
	garbage int
	shared  *freeze // a frozen epoch reads data[:len]; do not overwrite, only append
}

type hotMap struct {
	t  *table
	ns int64

	idx  []uint64
	mask uint32
	held int // entries in the index, dead ones too

	chunks []chunk
	arenas []arena

	freeRows   []Ref   // hints; checked when taken
	freeChunks []int32 // chunk numbers without a slab
	tail       int32   // chunk being filled; -1: none

	complete bool    // what is not here does not exist
	written  bool    // touched since the last freeze
	pages    bool    // some entry is, or may be, in pages
	n        int64   // live entries, here or in pages
	groupLen []int32 // the same by key group of the table's range

	dirtyChunks []int32
	buried      []Ref // deleted since the last freeze
	sweeps      []Ref // deleted before; removed bit by bit once their epoch is in pages
	hand        int   // of the clock that looks for chunks to evict
	ttlHand     int   // chunk that expire looked at last
}

func newHotMap(t *table, ns int64, complete bool) *hotMap {
	return &hotMap{t: t, ns: ns, tail: -1, complete: complete, pages: !complete, groupLen: make([]int32, t.groups.To-t.groups.From)}
}

// ---- records ----

func (m *hotMap) rec(r Ref) []byte { return m.chunks[r/chunkRows].rec(int(r%chunkRows), m.t.stride) }

// rec is the record of a row, of stride bytes. The chunk has a slab with room for it.
func (c *chunk) rec(row, stride int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(c.slab, row*stride)), stride)
}

// records is the whole slab, nil if there is none.
func (m *hotMap) records(ci int) []byte {
	c := &m.chunks[ci]
	return unsafe.Slice((*byte)(c.slab), int(c.rows)*m.t.stride)
}

// setRecords makes s, of whole records, the slab of a chunk.
func (m *hotMap) setRecords(ci int, s []byte) {
	c := &m.chunks[ci]
	c.slab, c.rows = unsafe.Pointer(unsafe.SliceData(s)), int32(len(s)/m.t.stride)
}

func (m *hotMap) hash(r Ref) uint64 { return binary.LittleEndian.Uint64(m.rec(r)) }

func (m *hotMap) group(h uint64) int { return KeyGroupOf(h, m.t.scope.groupCount) - m.t.groups.From }

// recordKey is the key of a record with its chunk's arena data.
func recordKey(rec, arena []byte) []byte {
	n := int(binary.LittleEndian.Uint32(rec[recKeyLen:]))
	if n <= inlineKey {
		return rec[recKey : recKey+n : recKey+n]
	}
	off := int(binary.LittleEndian.Uint32(rec[recKey:]))
	return arena[off : off+n : off+n]
}

func recordVar(rec, arena []byte) []byte {
	n := int(binary.LittleEndian.Uint32(rec[recVarLen:]))
	off := int(binary.LittleEndian.Uint32(rec[recVar:]))
	return arena[off : off+n : off+n]
}

func recordStamp(rec []byte) int64 { return int64(binary.LittleEndian.Uint64(rec[recFixed:])) }

// own makes the chunk's slab writable.
func (m *hotMap) own(ci int32) {
	c := &m.chunks[ci]
	if f := c.frozen; f != nil {
		c.frozen = nil
		if !f.done.Load() {
			slab := slices.Clone(m.records(int(ci)))
			m.setRecords(int(ci), slab)
			f.copied += int64(len(slab))
			m.t.scope.store.used.Add(int64(len(slab)))
			m.arenas[ci].shared = f
		}
	}
}

func (m *hotMap) writable(a *arena) bool {
	if a.shared != nil && a.shared.done.Load() {
		a.shared = nil
	}
	return a.shared == nil
}

// mark counts r as written in this epoch and makes its chunk writable.
func (m *hotMap) mark(r Ref) {
	ci := int32(r / chunkRows)
	c := &m.chunks[ci]
	bit := uint64(1) << (r % chunkRows)
	if c.dirty&bit == 0 {
		if c.frozen != nil {
			m.own(ci)
		}
		if !c.listed {
			c.listed = true
			m.dirtyChunks = append(m.dirtyChunks, ci)
			if !m.written {
				m.written = true
				m.t.writtenMaps = append(m.t.writtenMaps, m)
			}
		}
		c.dirty |= bit
		c.recent = true
	}
	if m.t.ttl > 0 {
		binary.LittleEndian.PutUint64(m.rec(r)[recFixed:], uint64(m.t.now))
	}
}

// put stores v in the chunk's arena and returns its place.
func (m *hotMap) put(ci int32, v []byte) (int, error) {
	a := &m.arenas[ci]
	if len(a.data)+len(v) > arenaLimit {
		return 0, fmt.Errorf("table %s of operator %s: the keys and values of 64 entries exceed 2 GiB; an entry of this size cannot be kept", m.t.spec.Name, m.t.scope.operator)
	}
	off, before := len(a.data), cap(a.data)
	a.data = append(a.data, v...)
	if cap(a.data) != before {
		m.t.account(int64(cap(a.data) - before))
		a.shared = nil // appended to a new array: nobody else sees it
	}
	return off, nil
}

// newRow takes a free row for (h, key), zeroes it and puts it into the index, which has room.
// The caller marks it, or sets stored.
func (m *hotMap) newRow(h uint64, key []byte) (Ref, error) {
	r := m.takeRow()
	ci := int32(r / chunkRows)
	if m.chunks[ci].frozen != nil {
		m.own(ci)
	}
	rec := m.rec(r)
	clear(rec)
	binary.LittleEndian.PutUint64(rec, h)
	binary.LittleEndian.PutUint32(rec[recKeyLen:], uint32(len(key)))
	if len(key) <= inlineKey {
		copy(rec[recKey:], key)
	} else {
		off, err := m.put(ci, key)
		if err != nil {
			return NoRef, err
		}
		binary.LittleEndian.PutUint32(rec[recKey:], uint32(off))
	}
	if m.t.ttl > 0 {
		binary.LittleEndian.PutUint64(rec[recFixed:], uint64(m.t.now))
	}
	bit := uint64(1) << (r % chunkRows)
	c := &m.chunks[ci]
	c.used |= bit
	c.dirty &^= bit
	c.stored &^= bit
	c.dead &^= bit
	c.recent = true
	m.insertIndex(h, r)
	m.held++
	return r, nil
}

func (m *hotMap) takeRow() Ref {
	for n := len(m.freeRows); n > 0; n-- {
		r := m.freeRows[n-1]
		m.freeRows = m.freeRows[:n-1]
		if c := &m.chunks[r/chunkRows]; c.slab != nil && c.used&(1<<(r%chunkRows)) == 0 {
			return r
		}
	}
	if m.tail >= 0 && m.chunks[m.tail].slab != nil {
		c := &m.chunks[m.tail]
		if slot := bits.TrailingZeros64(^c.used); slot < chunkRows {
			if rows := int(c.rows); slot >= rows {
				m.growSlab(int(m.tail), min(rows*4, chunkRows))
			}
			return Ref(int(m.tail)*chunkRows + slot)
		}
	}
	rows := chunkRows
	if len(m.chunks) == 0 {
		rows = 4 // many namespaces stay tiny
	}
	if n := len(m.freeChunks); n > 0 {
		m.tail = m.freeChunks[n-1]
		m.freeChunks = m.freeChunks[:n-1]
	} else {
		m.tail = int32(len(m.chunks))
		if len(m.chunks) == cap(m.chunks) {
			more := make([]chunk, len(m.chunks), len(m.chunks)*3/2+1)
			onLargePages(m.t, more)
			copy(more, m.chunks)
			m.chunks = more
		}
		m.chunks = append(m.chunks, chunk{})
		m.arenas = append(m.arenas, arena{})
	}
	slab := make([]byte, rows*m.t.stride)
	onLargePages(m.t, slab)
	m.setRecords(int(m.tail), slab)
	m.t.account(int64(rows*m.t.stride + chunkOverhead))
	return Ref(int(m.tail) * chunkRows)
}

const chunkOverhead = int(unsafe.Sizeof(chunk{}) + unsafe.Sizeof(arena{}))

func (m *hotMap) growSlab(ci, rows int) {
	old := m.records(ci)
	s := make([]byte, rows*m.t.stride)
	copy(s, old)
	m.setRecords(ci, s)
	m.t.account(int64(len(s) - len(old)))
	if c := &m.chunks[ci]; c.frozen != nil {
		m.arenas[ci].shared = c.frozen
		c.frozen = nil
	}
}

// freeRow forgets the record of r, which is not in any frozen epoch any more or was never stored.
func (m *hotMap) freeRow(r Ref) {
	ci := r / chunkRows
	rec := m.rec(r)
	m.removeIndex(binary.LittleEndian.Uint64(rec), r)
	if n := int(binary.LittleEndian.Uint32(rec[recKeyLen:])); n > inlineKey {
		m.arenas[ci].garbage += n
	}
	m.arenas[ci].garbage += int(binary.LittleEndian.Uint32(rec[recVarLen:]))
	bit := uint64(1) << (r % chunkRows)
	c := &m.chunks[ci]
	c.used &^= bit
	c.dirty &^= bit
	c.stored &^= bit
	c.dead &^= bit
	m.freeRows = append(m.freeRows, r)
}

// sweep removes up to max deleted entries whose deletion is in pages.
func (m *hotMap) sweep(max int) {
	if m.t.busy() {
		return
	}
	for ; max > 0 && len(m.sweeps) > 0; max-- {
		r := m.sweeps[len(m.sweeps)-1]
		m.sweeps = m.sweeps[:len(m.sweeps)-1]
		ci := r / chunkRows
		bit := uint64(1) << (r % chunkRows)
		if c := &m.chunks[ci]; c.slab != nil && c.used&c.dead&bit != 0 && c.dirty&bit == 0 {
			m.freeRow(r)
		}
	}
}

// expire deletes the expired entries of a few chunks, so that a table with a TTL does not
// keep what nobody asks for.
func (m *hotMap) expire(chunks int) {
	for ; chunks > 0 && len(m.chunks) > 0; chunks-- {
		m.ttlHand = (m.ttlHand + 1) % len(m.chunks)
		c := &m.chunks[m.ttlHand]
		for used := c.used &^ c.dead; used != 0; used &= used - 1 {
			if r := Ref(m.ttlHand*chunkRows + bits.TrailingZeros64(used)); m.expired(r) {
				m.Delete(r)
			}
		}
	}
}

// reset makes the record of a key like a new one: after a deletion, or when it has expired.
func (m *hotMap) reset(r Ref) {
	ci := r / chunkRows
	rec := m.rec(r)
	m.arenas[ci].garbage += int(binary.LittleEndian.Uint32(rec[recVarLen:]))
	clear(rec[recVar:])
}

func (m *hotMap) expired(r Ref) bool {
	return m.t.ttl > 0 && recordStamp(m.rec(r))+m.t.ttl <= m.t.now
}

// ---- Map ----

var _ Map = (*hotMap)(nil)

// upsert is Upsert after loading and reserving.
func (m *hotMap) upsert(h uint64, key []byte) (Ref, bool, error) {
	r := m.lookup(h, key)
	if r == NoRef {
		g := m.group(h)
		if uint(g) >= uint(len(m.groupLen)) {
			return NoRef, false, m.foreign(h)
		}
		r, err := m.newRow(h, key)
		if err != nil {
			return NoRef, false, err
		}
		m.mark(r)
		m.n++
		m.groupLen[g]++
		return r, true, nil
	}
	c := &m.chunks[r/chunkRows]
	bit := uint64(1) << (r % chunkRows)
	if c.dead&bit != 0 {
		m.mark(r)
		c.dead &^= bit
		m.reset(r)
		if m.t.ttl > 0 {
			m.mark(r)
		}
		m.n++
		m.groupLen[m.group(h)]++
		return r, true, nil
	}
	if m.t.ttl > 0 {
		gone := m.expired(r)
		m.mark(r)
		if gone {
			m.reset(r)
			m.mark(r)
		}
		return r, gone, nil
	}
	if c.dirty&bit == 0 {
		m.mark(r)
	}
	return r, false, nil
}

func (m *hotMap) foreign(h uint64) error {
	return fmt.Errorf("this is a bug: a key of key group %d reached the subtask of operator %s that owns key groups %d to %d", KeyGroupOf(h, m.t.scope.groupCount), m.t.scope.operator, m.t.groups.From, m.t.groups.To-1)
}

func (m *hotMap) Upsert(h uint64, key []byte) (Ref, bool, error) {
	m.begin()
	if !m.complete && m.lookup(h, key) == NoRef {
		if err := m.fetchOne(h, key); err != nil {
			return NoRef, false, err
		}
	}
	m.reserve(1)
	return m.upsert(h, key)
}

func (m *hotMap) UpsertMany(hashes []uint64, keys Keys, refs []Ref, created []bool) error {
	m.begin()
	if !m.complete {
		if err := m.fetchMany(hashes, keys); err != nil {
			return err
		}
	}
	m.reserve(len(hashes))
	var words [upsertBlock]uint64
	var sink byte
	stride := m.t.stride
	for base := 0; base < len(hashes); base += upsertBlock {
		block := hashes[base:min(base+upsertBlock, len(hashes))]
		// The loads of each loop do not depend on each other, so the processor waits for
		// many of them at once.
		idx, mask := m.idx, m.mask
		for i, h := range block {
			words[i] = idx[uint32(h)&mask]
		}
		for i, h := range block {
			w := words[i]
			for s := uint32(h); w != 0 && uint32(w>>32) != uint32(h); {
				s++ // most likely in the cache line that has come
				w = idx[s&mask]
			}
			words[i] = w
			if w != 0 {
				ci := (uint32(w) - 1) / chunkRows
				sink |= byte(m.chunks[ci].dead)
			}
		}
		for _, w := range words[:len(block)] {
			if w != 0 {
				r := uint32(w) - 1
				sink |= m.chunks[r/chunkRows].rec(int(r%chunkRows), stride)[0]
			}
		}
		plain := m.t.ttl == 0
		for i, h := range block {
			k := base + i
			key := keys.At(k)
			if w := words[i]; plain && w != 0 {
				r := Ref(uint32(w) - 1)
				c := &m.chunks[r/chunkRows]
				bit := uint64(1) << (r % chunkRows)
				if c.dead&bit == 0 && m.equal(r, h, key) {
					if c.dirty&bit == 0 {
						m.mark(r)
					}
					refs[k], created[k] = r, false
					continue
				}
			}
			r, isNew, err := m.upsert(h, key)
			if err != nil {
				return err
			}
			refs[k], created[k] = r, isNew
		}
	}
	m.t.sink = sink
	return nil
}

func (m *hotMap) Find(h uint64, key []byte) (Ref, error) {
	m.begin()
	r := m.lookup(h, key)
	if r == NoRef {
		if m.complete {
			return NoRef, nil
		}
		if err := m.fetchOne(h, key); err != nil {
			return NoRef, err
		}
		r = m.lookup(h, key)
	}
	return m.living(r), nil
}

func (m *hotMap) FindMany(hashes []uint64, keys Keys, refs []Ref) error {
	m.begin()
	if !m.complete {
		if err := m.fetchMany(hashes, keys); err != nil {
			return err
		}
	}
	for k, h := range hashes {
		refs[k] = m.living(m.lookup(h, keys.At(k)))
	}
	return nil
}

// living is the record r that was looked up, if it holds an entry.
func (m *hotMap) living(r Ref) Ref {
	if r == NoRef {
		return NoRef
	}
	c := &m.chunks[r/chunkRows]
	c.recent = true
	if c.dead&(1<<(r%chunkRows)) != 0 {
		return NoRef
	}
	if m.expired(r) {
		m.Delete(r)
		return NoRef
	}
	return r
}

func (m *hotMap) Fixed(r Ref) []byte { return m.rec(r)[m.t.fixedOff : m.t.fixedOff+m.t.spec.Fixed] }

func (m *hotMap) Var(r Ref) []byte { return recordVar(m.rec(r), m.arenas[r/chunkRows].data) }

func (m *hotMap) Key(r Ref) []byte { return recordKey(m.rec(r), m.arenas[r/chunkRows].data) }

func (m *hotMap) Touch(r Ref) { m.mark(r) }

func (m *hotMap) SetVar(r Ref, v []byte) error {
	m.mark(r)
	ci := int32(r / chunkRows)
	rec := m.rec(r)
	a := &m.arenas[ci]
	off := int(binary.LittleEndian.Uint32(rec[recVar:]))
	old := int(binary.LittleEndian.Uint32(rec[recVarLen:]))
	switch {
	case len(v) == 0:
		a.garbage += old
	case len(v) <= old && m.writable(a):
		copy(a.data[off:], v)
		a.garbage += old - len(v)
	default:
		place, err := m.put(ci, v)
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint32(rec[recVar:], uint32(place))
		a.garbage += old
	}
	binary.LittleEndian.PutUint32(rec[recVarLen:], uint32(len(v)))
	if a.garbage > 4096 && a.garbage > len(a.data)/2 {
		m.compact(ci)
	}
	return nil
}

func (m *hotMap) Edit(r Ref) []byte {
	m.mark(r)
	ci := int32(r / chunkRows)
	rec := m.rec(r)
	a := &m.arenas[ci]
	off, n := int(binary.LittleEndian.Uint32(rec[recVar:])), int(binary.LittleEndian.Uint32(rec[recVarLen:]))
	if !m.writable(a) { // a frozen epoch reads it
		at := len(a.data)
		before := cap(a.data)
		a.data = append(a.data, a.data[off:off+n]...)
		if cap(a.data) != before {
			m.t.account(int64(cap(a.data) - before))
			a.shared = nil
		}
		a.garbage += n
		off = at
		binary.LittleEndian.PutUint32(rec[recVar:], uint32(off))
	}
	return a.data[off : off+n : off+n]
}

// compact rewrites a chunk's arena without its garbage. The slab is writable.
func (m *hotMap) compact(ci int32) {
	a := &m.arenas[ci]
	if f := m.chunks[ci].frozen; f != nil {
		m.own(ci)
	}
	fresh := make([]byte, 0, (len(a.data)-a.garbage)*3/2+64)
	for used := m.chunks[ci].used; used != 0; used &= used - 1 {
		rec := m.rec(Ref(int(ci)*chunkRows + bits.TrailingZeros64(used)))
		if n := binary.LittleEndian.Uint32(rec[recKeyLen:]); n > inlineKey {
			k := recordKey(rec, a.data)
			binary.LittleEndian.PutUint32(rec[recKey:], uint32(len(fresh)))
			fresh = append(fresh, k...)
		}
		if v := recordVar(rec, a.data); len(v) > 0 {
			binary.LittleEndian.PutUint32(rec[recVar:], uint32(len(fresh)))
			fresh = append(fresh, v...)
		} else {
			binary.LittleEndian.PutUint32(rec[recVar:], 0)
		}
	}
	m.t.account(int64(cap(fresh) - cap(a.data)))
	*a = arena{data: fresh}
}

func (m *hotMap) Delete(r Ref) {
	ci := r / chunkRows
	c := &m.chunks[ci]
	bit := uint64(1) << (r % chunkRows)
	if c.used&bit == 0 || c.dead&bit != 0 {
		return
	}
	m.n--
	m.groupLen[m.group(m.hash(r))]--
	if c.stored&bit == 0 {
		// Nobody else knows of it. The chunk stays listed for the next freeze, which finds nothing.
		m.freeRow(r)
		return
	}
	m.mark(r)
	c.dead |= bit
	m.buried = append(m.buried, r)
}

func (m *hotMap) Scan(f func(r Ref) bool) error {
	m.begin()
	for ci := range m.chunks {
		for used := m.chunks[ci].used &^ m.chunks[ci].dead; used != 0; used &= used - 1 {
			r := Ref(ci*chunkRows + bits.TrailingZeros64(used))
			if m.expired(r) {
				continue
			}
			if !f(r) {
				return nil
			}
		}
	}
	if m.complete {
		return nil
	}
	return m.scanPages(f)
}

func (m *hotMap) Len() int64 { return m.n }

// begin starts a call that makes earlier refs invalid: the time to make room.
func (m *hotMap) begin() {
	if len(m.sweeps) > 0 {
		m.sweep(1024)
	}
	m.t.begin()
	if m.t.ttl > 0 {
		m.expire(4)
	}
}

// unload forgets a clean entry that pages hold, after a scan.
func (m *hotMap) unload(r Ref) {
	c := &m.chunks[r/chunkRows]
	bit := uint64(1) << (r % chunkRows)
	if c.used&bit != 0 && (c.dirty|c.dead)&bit == 0 && c.stored&bit != 0 {
		m.freeRow(r)
	}
}

// evictable says that pages have everything that is in the chunk.
func (m *hotMap) evictable(ci int) bool {
	c := &m.chunks[ci]
	if c.frozen != nil && !c.frozen.done.Load() {
		return false
	}
	return c.slab != nil && c.dirty == 0 && c.dead == 0 && !c.listed && c.used&^c.stored == 0
}

// evict drops a chunk: its entries are read back from pages when they are wanted.
func (m *hotMap) evict(ci int) {
	c := &m.chunks[ci]
	for used := c.used; used != 0; used &= used - 1 {
		r := Ref(ci*chunkRows + bits.TrailingZeros64(used))
		m.removeIndex(m.hash(r), r)
	}
	if c.used != 0 {
		m.complete = false
	}
	m.t.account(-int64(int(c.rows)*m.t.stride + chunkOverhead + cap(m.arenas[ci].data)))
	m.arenas[ci] = arena{}
	*c = chunk{}
	m.freeChunks = append(m.freeChunks, int32(ci))
	if m.tail == int32(ci) {
		m.tail = -1
	}
}

// release gives the map's memory back to the budget.
func (m *hotMap) release() {
	b := int64(len(m.idx)) * 8
	for ci := range m.chunks {
		if c := &m.chunks[ci]; c.slab != nil {
			b += int64(int(c.rows)*m.t.stride + chunkOverhead + cap(m.arenas[ci].data))
		}
	}
	m.t.account(-b)
}
