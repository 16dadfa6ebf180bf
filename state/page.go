package state

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Pages are what Badger holds. A run is what one epoch wrote of one key group of one table:
// rows sorted by namespace and hash, cut into pages. Pages are written once and never
// changed; a page's key tells everything about it but its rows, so that the set of pages can be
// verified and searched by keys alone:
//
//	'p' | table 8 | key group 2 | ^epoch 8 | ^seq 4 | page 4 | first namespace 8 | first hash 8 | rows 4 | bytes 4 | xxHash64 of the value 8 | fragment 2
//
// Epoch and seq are inverted: iteration meets the newest run of a group first. A value above maxFragment
// bytes lies in several keys that differ in the fragment.
//
//	page:    format 1 | flags 1 | fixed size uvarint | [run header, in page 0] | sections
//	header:  pages, rows uvarint | n uvarint, n dropped namespaces 8 | n uvarint, n times: namespace 8, rows in this run, live entries after this run uvarint | n uvarint, filter n
//	section: namespace 8 | rows 4 | rows
//	row:     hash 8 | flags 1 | key length uvarint, key | [stamp 8] | fixed part | var length uvarint, var   (a dead row ends behind its stamp)
//
// All numbers of fixed size are big-endian in keys, little-endian in values.

const (
	pageFormat  = 1
	pageHeader  = 1 // flag: carries the run header
	pageStamps  = 2 // flag: rows carry stamps
	rowDead     = 1
	pageTarget  = 4 << 10
	maxFragment = 256 << 10
	keyLen      = 61
	keyPrefix   = 'p'
)

// tableID is the id of a table in page keys.
func tableID(operator, name string) uint64 { return xxhash.Sum64String(operator + "\x00" + name) }

// runID names a run within its key group. A run that was folded from others has the epoch of the
// newest of them and the next seq.
type runID struct {
	epoch Epoch
	seq   uint32
}

// pageRef is a page as the directory of a run keeps it.
type pageRef struct {
	ns    int64
	hash  uint64
	sum   uint64
	rows  uint32
	bytes uint32
}

func pageKey(table uint64, group int, id runID, no int, p pageRef) []byte {
	k := make([]byte, 0, keyLen)
	k = append(k, keyPrefix)
	k = binary.BigEndian.AppendUint64(k, table)
	k = binary.BigEndian.AppendUint16(k, uint16(group))
	k = binary.BigEndian.AppendUint64(k, ^uint64(id.epoch))
	k = binary.BigEndian.AppendUint32(k, ^id.seq)
	k = binary.BigEndian.AppendUint32(k, uint32(no))
	k = binary.BigEndian.AppendUint64(k, nsBits(p.ns))
	k = binary.BigEndian.AppendUint64(k, p.hash)
	k = binary.BigEndian.AppendUint32(k, p.rows)
	k = binary.BigEndian.AppendUint32(k, p.bytes)
	k = binary.BigEndian.AppendUint64(k, p.sum)
	return binary.BigEndian.AppendUint16(k, 0)
}

func parsePageKey(k []byte) (table uint64, group int, id runID, no int, p pageRef, frag int, ok bool) {
	if len(k) != keyLen || k[0] != keyPrefix {
		return
	}
	be := binary.BigEndian
	return be.Uint64(k[1:]), int(be.Uint16(k[9:])), runID{Epoch(^be.Uint64(k[11:])), ^be.Uint32(k[19:])}, int(be.Uint32(k[23:])),
		pageRef{ns: int64(be.Uint64(k[27:]) ^ 1<<63), hash: be.Uint64(k[35:]), rows: be.Uint32(k[43:]), bytes: be.Uint32(k[47:]), sum: be.Uint64(k[51:])},
		int(be.Uint16(k[59:])), true
}

// fragments is the number of Badger entries of a value.
func fragments(size int) int { return max(1, (size+maxFragment-1)/maxFragment) }

func fragmentKey(key []byte, frag int) []byte {
	if frag == 0 {
		return key
	}
	k := slices.Clone(key)
	binary.BigEndian.PutUint16(k[keyLen-2:], uint16(frag))
	return k
}

func fragmentOf(value []byte, frag int) []byte {
	return value[min(frag*maxFragment, len(value)):min((frag+1)*maxFragment, len(value))]
}

// row is one decoded row; its slices point into the page.
type row struct {
	ns    int64
	hash  uint64
	key   []byte
	stamp int64
	fixed []byte
	vr    []byte
	dead  bool
}

// nsCount is the count of one namespace in a run header.
type nsCount struct {
	ns   int64
	rows int64 // of this namespace in this run
	live int64 // entries in the namespace after this run
}

// runHeader is the summary that page 0 of a run carries.
type runHeader struct {
	pages, rows int64
	drops       []int64 // namespaces whose rows in older runs are void, ascending
	counts      []nsCount
	filter      filter // of all rows, dead ones too
}

// filter is a Bloom filter of a byte for each row and 4 probes: a lookup of an evicted entry reads one
// page in forty in vain, instead of one in each newer run.
type filter []byte

const filterProbes = 4

func makeFilter(mixed []uint64) filter {
	f := make(filter, (len(mixed)+7)&^7)
	for _, h := range mixed {
		n := uint64(len(f)) * 8
		step := h>>32 | 1
		for range filterProbes {
			h += step
			b := (h & 0xffffffff) * n >> 32
			f[b>>3] |= 1 << (b & 7)
		}
	}
	return f
}

func (f filter) has(mixed uint64) bool {
	n := uint64(len(f)) * 8
	step := mixed>>32 | 1
	for range filterProbes {
		mixed += step
		if b := (mixed & 0xffffffff) * n >> 32; f[b>>3]&(1<<(b&7)) == 0 {
			return false
		}
	}
	return true
}

// mixRow spreads the bits of a row's hash, of which the rows of a key group share some.
func mixRow(ns int64, hash uint64) uint64 {
	h := (hash ^ uint64(ns)*0x9e3779b97f4a7c15) * 0xd6e8feb86659fd93
	h ^= h >> 32
	return h * 0xd6e8feb86659fd93
}

var errPage = errors.New("its contents do not decode")

// pageReader walks the rows of one page, whose checksum has been verified.
type pageReader struct {
	b      []byte
	ns     int64
	left   uint32
	fixed  int
	stamps bool
	header *runHeader
}

func newPageReader(b []byte) (*pageReader, error) {
	if len(b) < 3 || b[0] != pageFormat {
		return nil, errPage
	}
	r := &pageReader{stamps: b[1]&pageStamps != 0, b: b[2:]}
	withHeader := b[1]&pageHeader != 0
	fixed, ok := r.uvarint()
	if !ok || fixed > 1<<30 {
		return nil, errPage
	}
	r.fixed = int(fixed)
	if withHeader && !r.readHeader() {
		return nil, errPage
	}
	return r, nil
}

func (r *pageReader) uvarint() (uint64, bool) {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		return 0, false
	}
	r.b = r.b[n:]
	return v, true
}

func (r *pageReader) u64() (uint64, bool) {
	if len(r.b) < 8 {
		return 0, false
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v, true
}

func (r *pageReader) bytes(n uint64) ([]byte, bool) {
	if n > uint64(len(r.b)) {
		return nil, false
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v, true
}

func (r *pageReader) readHeader() bool {
	h := &runHeader{}
	pages, ok1 := r.uvarint()
	rows, ok2 := r.uvarint()
	drops, ok3 := r.uvarint()
	if !ok1 || !ok2 || !ok3 || drops > uint64(len(r.b)) {
		return false
	}
	h.pages, h.rows = int64(pages), int64(rows)
	for range drops {
		v, ok := r.u64()
		if !ok {
			return false
		}
		h.drops = append(h.drops, int64(v))
	}
	counts, ok := r.uvarint()
	if !ok || counts > uint64(len(r.b)) {
		return false
	}
	for range counts {
		ns, ok1 := r.u64()
		rows, ok2 := r.uvarint()
		live, ok3 := r.uvarint()
		if !ok1 || !ok2 || !ok3 {
			return false
		}
		h.counts = append(h.counts, nsCount{int64(ns), int64(rows), int64(live)})
	}
	size, ok := r.uvarint()
	if !ok || size%8 != 0 || size == 0 && h.rows > 0 {
		return false
	}
	if h.filter, ok = r.bytes(size); !ok {
		return false
	}
	h.filter = slices.Clone(h.filter) // the page goes, the header stays
	r.header = h
	return true
}

// next decodes the next row into to; false at the end.
func (r *pageReader) next(to *row) (bool, error) {
	for r.left == 0 {
		if len(r.b) == 0 {
			return false, nil
		}
		ns, ok := r.u64()
		if !ok || len(r.b) < 4 {
			return false, errPage
		}
		r.ns = int64(ns)
		r.left = binary.LittleEndian.Uint32(r.b)
		r.b = r.b[4:]
	}
	r.left--
	hash, ok1 := r.u64()
	flags, ok2 := r.bytes(1)
	n, ok3 := r.uvarint()
	if !ok1 || !ok2 || !ok3 {
		return false, errPage
	}
	to.ns, to.hash, to.dead, to.stamp = r.ns, hash, flags[0]&rowDead != 0, noStamp
	to.fixed, to.vr = nil, nil
	var ok bool
	if to.key, ok = r.bytes(n); !ok {
		return false, errPage
	}
	if r.stamps {
		s, ok := r.u64()
		if !ok {
			return false, errPage
		}
		to.stamp = int64(s)
	}
	if to.dead {
		return true, nil
	}
	if to.fixed, ok = r.bytes(uint64(r.fixed)); !ok {
		return false, errPage
	}
	if n, ok = r.uvarint(); !ok {
		return false, errPage
	}
	if to.vr, ok = r.bytes(n); !ok {
		return false, errPage
	}
	return true, nil
}

// builtPage is a page on its way to Badger.
type builtPage struct {
	key   []byte
	value []byte
}

// runBuilder encodes the rows of one run, which come sorted by namespace and hash.
type runBuilder struct {
	table  uint64
	group  int
	id     runID
	fixed  int
	stamps bool

	buf      []byte // body of the page being filled
	mem      []byte // memory that finished pages are cut from
	section  int    // offset of the current section's row count
	inPage   uint32
	first    pageRef // namespace and hash of the page's first row
	lastNs   int64
	lastHash uint64
	rows     int64
	counts   []nsCount // rows filled in here; live by the caller, in finish

	mixed []uint64 // mixRow of every row

	bodies [][]byte
	refs   []pageRef
}

func (b *runBuilder) reset(table uint64, group int, id runID, fixed int, stamps bool) {
	*b = runBuilder{table: table, group: group, id: id, fixed: fixed, stamps: stamps, buf: b.buf[:0], mem: b.mem, mixed: b.mixed[:0]}
}

// place begins a row: it cuts the page when it is full, but never between rows of one hash.
func (b *runBuilder) place(ns int64, hash uint64) {
	same := b.inPage > 0 && ns == b.lastNs
	if len(b.buf) >= pageTarget && (!same || hash != b.lastHash) {
		b.cut()
		same = false
	}
	if !same {
		if b.inPage == 0 {
			b.first = pageRef{ns: ns, hash: hash}
		}
		b.buf = binary.LittleEndian.AppendUint64(b.buf, uint64(ns))
		b.section = len(b.buf)
		b.buf = append(b.buf, 0, 0, 0, 0)
	}
	if n := len(b.counts); n == 0 || b.counts[n-1].ns != ns {
		b.counts = append(b.counts, nsCount{ns: ns})
	}
	b.counts[len(b.counts)-1].rows++
	s := b.buf[b.section:]
	binary.LittleEndian.PutUint32(s, binary.LittleEndian.Uint32(s)+1)
	b.inPage++
	b.rows++
	b.mixed = append(b.mixed, mixRow(ns, hash))
	b.lastNs, b.lastHash = ns, hash
}

func (b *runBuilder) add(r *row) {
	b.place(r.ns, r.hash)
	b.buf = binary.LittleEndian.AppendUint64(b.buf, r.hash)
	var flags byte
	if r.dead {
		flags = rowDead
	}
	b.buf = append(b.buf, flags)
	b.buf = binary.AppendUvarint(b.buf, uint64(len(r.key)))
	b.buf = append(b.buf, r.key...)
	if b.stamps {
		b.buf = binary.LittleEndian.AppendUint64(b.buf, uint64(r.stamp))
	}
	if !r.dead {
		b.buf = append(b.buf, r.fixed...)
		b.buf = binary.AppendUvarint(b.buf, uint64(len(r.vr)))
		b.buf = append(b.buf, r.vr...)
	}
}

// take copies v to memory that lives as long as the page.
func (b *runBuilder) take(parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if cap(b.mem)-len(b.mem) < n {
		b.mem = make([]byte, 0, max(n, 1<<20))
	}
	o := len(b.mem)
	for _, p := range parts {
		b.mem = append(b.mem, p...)
	}
	return b.mem[o:len(b.mem):len(b.mem)]
}

func (b *runBuilder) cut() {
	b.first.rows = b.inPage
	b.refs = append(b.refs, b.first)
	if len(b.bodies) == 0 {
		b.bodies = append(b.bodies, b.take(b.buf)) // its prefix has the run header, known at the end
	} else {
		b.bodies = append(b.bodies, b.take(b.prefix(nil), b.buf))
	}
	b.buf = b.buf[:0]
	b.inPage = 0
}

func (b *runBuilder) prefix(h *runHeader) []byte {
	var flags byte
	if b.stamps {
		flags |= pageStamps
	}
	if h != nil {
		flags |= pageHeader
	}
	p := binary.AppendUvarint([]byte{pageFormat, flags}, uint64(b.fixed))
	if h == nil {
		return p
	}
	p = binary.AppendUvarint(p, uint64(h.pages))
	p = binary.AppendUvarint(p, uint64(h.rows))
	p = binary.AppendUvarint(p, uint64(len(h.drops)))
	for _, d := range h.drops {
		p = binary.LittleEndian.AppendUint64(p, uint64(d))
	}
	p = binary.AppendUvarint(p, uint64(len(h.counts)))
	for _, c := range h.counts {
		p = binary.LittleEndian.AppendUint64(p, uint64(c.ns))
		p = binary.AppendUvarint(p, uint64(c.rows))
		p = binary.AppendUvarint(p, uint64(c.live))
	}
	p = binary.AppendUvarint(p, uint64(len(h.filter)))
	return append(p, h.filter...)
}

// finish ends the run. live gives the number of live entries of a namespace after it.
func (b *runBuilder) finish(drops []int64, live func(ns int64) int64) (*run, []builtPage) {
	if b.inPage > 0 || len(b.bodies) == 0 {
		b.cut()
	}
	for i := range b.counts {
		b.counts[i].live = live(b.counts[i].ns)
	}
	h := runHeader{pages: int64(len(b.bodies)), rows: b.rows, drops: drops, counts: b.counts, filter: makeFilter(b.mixed)}
	b.bodies[0] = b.take(b.prefix(&h), b.bodies[0])
	r := &run{id: b.id, pages: b.refs, header: h}
	out := make([]builtPage, len(b.bodies))
	for i, v := range b.bodies {
		p := &b.refs[i]
		p.bytes = uint32(len(v))
		p.sum = xxhash.Sum64(v)
		r.bytes += int64(len(v))
		out[i] = builtPage{key: pageKey(b.table, b.group, b.id, i, *p), value: v}
	}
	return r, out
}
