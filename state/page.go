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
	at    int64 // place in the file of a far run
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

// filter is a Bloom filter of 4 probes. The oldest run of a key group has a byte for each row, and one page in forty that is
// read because of it is read in vain: most keys that get so far are there. The newer runs, which have few of the keys that are asked of
// them and few of the rows, have two bytes, and one in four hundred.
type filter []byte

const (
	filterProbes = 4
	filterOldest = 1 // bytes a row
	filterNewer  = 2
)

func makeFilter(mixed []uint64, width int) filter {
	f := make(filter, (len(mixed)*width+7)&^7)
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
	r := &pageReader{}
	if err := r.open(b); err != nil {
		return nil, err
	}
	return r, nil
}

// open begins with a page.
func (r *pageReader) open(b []byte) error {
	if len(b) < 3 || b[0] != pageFormat {
		return errPage
	}
	*r = pageReader{stamps: b[1]&pageStamps != 0, b: b[2:]}
	withHeader := b[1]&pageHeader != 0
	fixed, ok := r.uvarint()
	if !ok || fixed > 1<<30 {
		return errPage
	}
	r.fixed = int(fixed)
	if withHeader && !r.readHeader() {
		return errPage
	}
	return nil
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

// find looks for the row of (ns, hash, key), which it decodes into to. Rows are in order, and those of other hashes are passed over
// undecoded.
func (r *pageReader) find(ns int64, hash uint64, key []byte, to *row) (bool, error) {
	for {
		for r.left == 0 {
			if len(r.b) == 0 {
				return false, nil
			}
			if len(r.b) < 12 {
				return false, errPage
			}
			r.ns, r.left = int64(binary.LittleEndian.Uint64(r.b)), binary.LittleEndian.Uint32(r.b[8:])
			r.b = r.b[12:]
		}
		if r.ns > ns {
			return false, nil
		}
		if len(r.b) < 10 {
			return false, errPage
		}
		if h := binary.LittleEndian.Uint64(r.b); r.ns == ns && h >= hash {
			if h > hash {
				return false, nil
			}
			if ok, err := r.next(to); err != nil || !ok || string(to.key) == string(key) {
				return ok, err
			}
			continue
		}
		if err := r.skip(); err != nil {
			return false, err
		}
	}
}

// skip passes over a row, of which 10 bytes are there.
func (r *pageReader) skip() error {
	b := r.b
	dead := b[8]&rowDead != 0
	n, w := uint64(b[9]), 1
	if n >= 0x80 {
		if n, w = binary.Uvarint(b[9:]); w <= 0 {
			return errPage
		}
	}
	if n > uint64(len(b)) {
		return errPage
	}
	at := 9 + w + int(n)
	if r.stamps {
		at += 8
	}
	if !dead {
		at += r.fixed
		if at >= len(b) {
			return errPage
		}
		n, w = uint64(b[at]), 1
		if n >= 0x80 {
			if n, w = binary.Uvarint(b[at:]); w <= 0 || n > uint64(len(b)) {
				return errPage
			}
		}
		at += w + int(n)
	}
	if at > len(b) {
		return errPage
	}
	r.b = b[at:]
	r.left--
	return nil
}

// pageSink takes the pages of a run that is being built, each once: 1, 2, ... as they come, and 0 last.
type pageSink interface {
	// begin makes a file ready for a far run, and says where its first byte will lie.
	begin() (*runFile, int64, error)
	// page takes a page from 1 on. ref has its size and checksum; far says that it goes to the file, otherwise to Badger, which may keep value.
	page(k runKey, no int, ref pageRef, value []byte, far bool) error
	// finish takes page 0, and with it the run.
	finish(k runKey, r *run, page0 []byte) error
}

// runBuilder encodes the rows of one run, which come sorted by namespace and hash. As long as the run is small its pages are kept;
// from farRun on they go to a file as they are made.
type runBuilder struct {
	key    runKey
	fixed  int
	stamps bool
	sink   pageSink
	farRun int64

	buf      []byte // the page being filled
	body     int    // where its sections begin, behind the prefix
	head     []byte // sections of page 0, whose prefix has the run header, known at the end
	near     [][]byte
	mem      []byte // memory that near pages are cut from
	place    place
	section  int // offset of the current section's row count
	inPage   uint32
	first    pageRef // namespace and hash of the page's first row
	lastNs   int64
	lastHash uint64
	rows     int64
	bytes    int64     // of finished pages
	counts   []nsCount // rows filled in here; live by the caller, in finish

	mixed []uint64 // mixRow of every row
	refs  []pageRef
	err   error
}

func (b *runBuilder) reset(k runKey, fixed int, stamps bool, sink pageSink, farRun int64) {
	*b = runBuilder{key: k, fixed: fixed, stamps: stamps, sink: sink, farRun: farRun,
		buf: b.buf[:0], head: b.head[:0], near: b.near[:0], mem: b.mem, mixed: b.mixed[:0]}
}

// at begins a row: it cuts the page when it is full, but never between rows of one hash.
func (b *runBuilder) at(ns int64, hash uint64) {
	same := b.inPage > 0 && ns == b.lastNs
	if b.inPage > 0 && len(b.buf)-b.body >= pageTarget && (!same || hash != b.lastHash) {
		b.cut()
		same = false
	}
	if !same {
		if b.inPage == 0 {
			b.first = pageRef{ns: ns, hash: hash}
			b.open()
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
	b.at(r.ns, r.hash)
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

// open begins a page.
func (b *runBuilder) open() {
	b.buf = b.buf[:0]
	if len(b.refs) > 0 {
		b.buf = b.prefix(b.buf, nil)
	}
	b.body = len(b.buf)
}

// keep copies v to memory that is not used again: Badger looks at what it was given until its batch is written.
func (b *runBuilder) keep(v []byte) []byte {
	if cap(b.mem)-len(b.mem) < len(v) {
		b.mem = make([]byte, 0, max(len(v), 1<<20))
	}
	o := len(b.mem)
	b.mem = append(b.mem, v...)
	return b.mem[o:len(b.mem):len(b.mem)]
}

func (b *runBuilder) cut() {
	if b.inPage == 0 {
		b.open()
	}
	b.first.rows = b.inPage
	b.inPage = 0
	no := len(b.refs)
	b.refs = append(b.refs, b.first)
	if no == 0 {
		b.head = append(b.head, b.buf...)
		return
	}
	b.measure(no, b.buf)
	if b.place.file != nil {
		b.pass(no, b.buf)
		return
	}
	b.near = append(b.near, b.keep(b.buf))
	b.goFar()
}

// goFar begins to pass pages on to a file when the run has grown large.
func (b *runBuilder) goFar() {
	if b.bytes < b.farRun || b.place.file != nil || b.err != nil {
		return
	}
	if b.place.file, b.place.off, b.err = b.sink.begin(); b.err == nil {
		b.passNear()
	}
}

func (b *runBuilder) measure(no int, value []byte) {
	p := &b.refs[no]
	p.bytes, p.sum = uint32(len(value)), xxhash.Sum64(value)
	b.bytes += int64(len(value))
}

func (b *runBuilder) pass(no int, value []byte) {
	if b.err == nil {
		b.err = b.sink.page(b.key, no, b.refs[no], value, b.place.file != nil)
	}
}

func (b *runBuilder) passNear() {
	for i, v := range b.near {
		b.pass(i+1, v)
	}
	clear(b.near)
	b.near = b.near[:0]
}

func (b *runBuilder) prefix(p []byte, h *runHeader) []byte {
	var flags byte
	if b.stamps {
		flags |= pageStamps
	}
	if h != nil {
		flags |= pageHeader
	}
	p = binary.AppendUvarint(append(p, pageFormat, flags), uint64(b.fixed))
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

// finish ends the run; filter is the bytes of its filter for each row. live gives the number of live entries of a namespace after it. What follows is write, or, where the run is not
// wanted, nothing.
func (b *runBuilder) finish(drops []int64, filter int, live func(ns int64) int64) (*run, error) {
	if b.inPage > 0 || len(b.refs) == 0 {
		b.cut()
	}
	for i := range b.counts {
		b.counts[i].live = live(b.counts[i].ns)
	}
	h := runHeader{pages: int64(len(b.refs)), rows: b.rows, drops: drops, counts: b.counts, filter: makeFilter(b.mixed, filter)}
	b.head = append(b.prefix(make([]byte, 0, 256+len(h.filter)+len(b.head)), &h), b.head...)
	b.measure(0, b.head)
	b.goFar()
	r := &run{id: b.key.id, pages: slices.Clip(b.refs), header: h, bytes: b.bytes, far: b.place}
	return r, b.err
}

// write passes on the pages of r, which finish returned, that are still here.
func (b *runBuilder) write(r *run) error {
	b.passNear()
	if b.err == nil {
		b.err = b.sink.finish(b.key, r, b.head)
	}
	b.head = nil // Badger may keep it
	return b.err
}
