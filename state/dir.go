package state

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/badger/v4"
)

// The directory is the list of pages, in memory: table -> key group -> runs -> pages. Prepare
// replaces the groupDir of a key group when the new pages are in Badger; tasks that look for an evicted
// entry read it at the same time.

// tableDir is the directory of one table, by key group.
type tableDir struct {
	id     uint64
	groups []atomic.Pointer[groupDir]
}

// groupDir is immutable.
type groupDir struct {
	ts     uint64    // Badger version at which all its pages are visible
	runs   []*run    // newest first
	counts []nsCount // live entries (rows unused), by namespace, ascending, without zeros
}

// run is immutable.
type run struct {
	id     runID
	pages  []pageRef
	header runHeader
	bytes  int64 // of its pages
	far    place // where they lie, if not in Badger
}

var emptyGroup = &groupDir{}

func (d *tableDir) group(g int) *groupDir {
	if p := d.groups[g].Load(); p != nil {
		return p
	}
	return emptyGroup
}

func (g *groupDir) live(ns int64) int64 {
	if i, ok := slices.BinarySearchFunc(g.counts, ns, func(c nsCount, ns int64) int { return cmp.Compare(c.ns, ns) }); ok {
		return g.counts[i].live
	}
	return 0
}

func (g *groupDir) bytes() int64 {
	var n int64
	for _, r := range g.runs {
		n += r.bytes
	}
	return n
}

// memory is what the directory of the group holds.
func (g *groupDir) memory() int64 {
	n := int64(0)
	for _, r := range g.runs {
		n += int64(len(r.pages)*pageRefSize+len(r.header.filter)+len(r.header.counts)*24) + 256
	}
	return n
}

const pageRefSize = 40

// hasRows reports whether a run holds rows of ns that no newer run has dropped.
func (g *groupDir) hasRows(ns int64) bool {
	for _, r := range g.runs {
		for _, c := range r.header.counts {
			if c.ns == ns && c.rows > 0 {
				return true
			}
		}
		if _, ok := slices.BinarySearch(r.header.drops, ns); ok {
			return false
		}
	}
	return false
}

// countsOf reads the live counts off the headers: the newest that names a namespace is right.
func countsOf(runs []*run) []nsCount {
	seen := map[int64]bool{}
	var out []nsCount
	for _, r := range runs {
		for _, c := range r.header.counts {
			if !seen[c.ns] {
				seen[c.ns] = true
				if c.live > 0 {
					out = append(out, nsCount{ns: c.ns, live: c.live})
				}
			}
		}
		for _, d := range r.header.drops {
			seen[d] = true
		}
	}
	slices.SortFunc(out, func(a, b nsCount) int { return cmp.Compare(a.ns, b.ns) })
	return out
}

// droppedBy maps a namespace to the newest run (its index) that voids older rows of it.
func droppedBy(runs []*run) map[int64]int {
	d := map[int64]int{}
	for i, r := range runs {
		for _, ns := range r.header.drops {
			if _, ok := d[ns]; !ok {
				d[ns] = i
			}
		}
	}
	return d
}

// directory is all tables, with what the manifest says of them.
type directory struct {
	tables map[uint64]*tableDir
	pages  int64
	sum    uint64
	files  map[uint32]int64 // bytes of live runs in each run file; replaced, not changed
}

func pageSum(key []byte) uint64 { return xxhash.Sum64(key) }

// scan reads the keys of all runs and pages visible at version ts.
func (s *Store) scan(ts uint64, groups int) (*directory, error) {
	sc := &scan{s: s, ts: ts, groups: groups, d: &directory{tables: map[uint64]*tableDir{}, files: map[uint32]int64{}}, building: map[*tableDir][]*groupDir{}}
	txn := s.db.NewTransactionAt(ts, false)
	defer txn.Discard()
	opt := badger.DefaultIteratorOptions
	opt.PrefetchValues = false
	it := txn.NewIterator(opt)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if err := sc.key(it.Item().Key()); err != nil {
			return nil, err
		}
	}
	for t, gs := range sc.building {
		for g, gd := range gs {
			if gd == nil {
				continue
			}
			slices.SortFunc(gd.runs, func(a, b *run) int {
				return cmp.Or(cmp.Compare(b.id.epoch, a.id.epoch), cmp.Compare(b.id.seq, a.id.seq))
			})
			for _, r := range gd.runs {
				if err := sc.run(t, g, r); err != nil {
					return nil, err
				}
			}
			gd.counts = countsOf(gd.runs)
			t.groups[g].Store(gd)
		}
	}
	return sc.d, nil
}

// scan is the work of Store.scan.
type scan struct {
	s        *Store
	ts       uint64
	groups   int
	d        *directory
	building map[*tableDir][]*groupDir
	table    *tableDir // of the last key
	cur      *run      // of the last page's key
	curGroup int
}

func (sc *scan) group(table uint64, g int) *groupDir {
	if sc.table == nil || sc.table.id != table {
		sc.cur = nil
		if sc.table = sc.d.tables[table]; sc.table == nil {
			sc.table = &tableDir{id: table, groups: make([]atomic.Pointer[groupDir], sc.groups)}
			sc.d.tables[table] = sc.table
			sc.building[sc.table] = make([]*groupDir, sc.groups)
		}
	}
	gd := sc.building[sc.table][g]
	if gd == nil {
		gd = &groupDir{ts: sc.ts}
		sc.building[sc.table][g] = gd
	}
	return gd
}

// key takes a key of Badger's; those of a run's pages come one after the other.
func (sc *scan) key(key []byte) error {
	if rec, ok := parseFarKey(key); ok && rec.group < sc.groups {
		gd := sc.group(rec.table, rec.group)
		r, err := sc.s.runs.openFar(&rec)
		if err != nil {
			return err
		}
		gd.runs = append(gd.runs, r)
		sc.d.files[rec.file] += rec.bytes
		return nil
	}
	table, g, id, no, ref, frag, ok := parsePageKey(key)
	if !ok || g >= sc.groups {
		return sc.s.corrupt(fmt.Sprintf("unknown key %x", key), nil)
	}
	if frag > 0 {
		return nil
	}
	gd := sc.group(table, g)
	if sc.cur == nil || sc.curGroup != g || sc.cur.id != id {
		sc.cur, sc.curGroup = &run{id: id}, g
		gd.runs = append(gd.runs, sc.cur)
	}
	if no != len(sc.cur.pages) {
		return sc.s.corrupt(fmt.Sprintf("page %d of a run of epoch %d, key group %d, is missing", len(sc.cur.pages), id.epoch, g), nil)
	}
	sc.cur.pages = append(sc.cur.pages, ref)
	sc.cur.bytes += int64(ref.bytes)
	return nil
}

// run reads the header of a run all of whose pages are known.
func (sc *scan) run(t *tableDir, g int, r *run) error {
	src := sc.s.pages(t.id, g, sc.ts)
	defer src.close()
	what := fmt.Sprintf("first page of a run of epoch %d, key group %d", r.id.epoch, g)
	value, err := src.read(r, 0, nil)
	if err != nil {
		return sc.s.asCorrupt(what, err)
	}
	rd, err := newPageReader(value)
	if err != nil || rd.header == nil {
		return sc.s.corrupt(what, errPage)
	}
	r.header = *rd.header
	if int64(len(r.pages)) != r.header.pages {
		return sc.s.corrupt(fmt.Sprintf("a run of epoch %d, key group %d, has %d pages instead of %d", r.id.epoch, g, len(r.pages), r.header.pages), nil)
	}
	sc.d.pages += int64(len(r.pages))
	sc.d.sum += r.sum(t.id, g)
	return nil
}

// sum is the sum of the checksums of the keys of the run's pages.
func (r *run) sum(table uint64, group int) uint64 {
	var n uint64
	for i, p := range r.pages {
		n += pageSum(pageKey(table, group, r.id, i, p))
	}
	return n
}

// errGone says that a page was not found: it may have been folded away since the directory was read.
var errGone = errors.New("page not found")

var errChecksum = errors.New("its checksum does not match")

// pages reads pages of one key group, those in Badger at one version. It belongs to one goroutine.
type pages struct {
	s     *Store
	table uint64
	group int
	ts    uint64
	txn   *badger.Txn // nil until a page in Badger is wanted
}

func (s *Store) pages(table uint64, group int, ts uint64) *pages {
	return &pages{s: s, table: table, group: group, ts: ts}
}

func (p *pages) close() {
	if p.txn != nil {
		p.txn.Discard()
	}
}

// read reads page i of r into buf, which grows as needed, and verifies it.
func (p *pages) read(r *run, i int, buf []byte) ([]byte, error) {
	if r.far.file != nil {
		return readFar(r, i, buf)
	}
	if p.txn == nil {
		p.txn = p.s.db.NewTransactionAt(p.ts, false)
	}
	ref := r.pages[i]
	key := pageKey(p.table, p.group, r.id, i, ref)
	buf = slices.Grow(buf[:0], int(ref.bytes))
	for f := range fragments(int(ref.bytes)) {
		item, err := p.txn.Get(fragmentKey(key, f))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil, errGone
		}
		if err != nil {
			return nil, err
		}
		if err := item.Value(func(v []byte) error { buf = append(buf, v...); return nil }); err != nil {
			return nil, err
		}
	}
	if len(buf) != int(ref.bytes) || xxhash.Sum64(buf) != ref.sum {
		return nil, errChecksum
	}
	return buf, nil
}

// runReader walks the rows of one run from a page on.
type runReader struct {
	src  *pages
	run  *run
	page int
	rd   *pageReader
	head row
	ok   bool
}

func (r *runReader) advance() error {
	for {
		if r.rd != nil {
			ok, err := r.rd.next(&r.head)
			if err != nil {
				return r.src.s.pageError(r.src.table, r.src.group, err)
			}
			if ok {
				r.ok = true
				return nil
			}
			r.rd = nil
		}
		if r.page >= len(r.run.pages) {
			r.ok = false
			return nil
		}
		v, err := r.src.read(r.run, r.page, nil)
		if err == nil {
			r.rd, err = newPageReader(v)
		}
		if err != nil {
			return r.src.s.pageError(r.src.table, r.src.group, err)
		}
		r.page++
	}
}

// merge yields the newest row of each key of a key group, dead ones too, by namespace and hash.
type merge struct {
	readers []*runReader
	dropped map[int64]int
	only    *int64 // this namespace alone
	base    int    // run index of reader 0
	out     []row
	next    int
}

// newMerge merges the runs from..to-1 of g, which keep their indexes for what newer runs dropped.
func newMerge(src *pages, g *groupDir, from, to int, only *int64) (*merge, error) {
	m := &merge{dropped: droppedBy(g.runs), only: only, base: from}
	for i := from; i < to; i++ {
		r := &runReader{src: src, run: g.runs[i]}
		if only != nil {
			r.page = g.runs[i].find(*only, 0)
		}
		m.readers = append(m.readers, r)
		if err := m.step(i - from); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// step moves reader i on to its next row that counts.
func (m *merge) step(i int) error {
	r := m.readers[i]
	for {
		if err := r.advance(); err != nil {
			return err
		}
		if !r.ok {
			return nil
		}
		if m.only != nil {
			if r.head.ns > *m.only {
				r.ok = false
				r.rd, r.page = nil, len(r.run.pages)
				return nil
			}
			if r.head.ns < *m.only {
				continue
			}
		}
		if d, ok := m.dropped[r.head.ns]; ok && d < i+m.base {
			continue
		}
		return nil
	}
}

// row returns the next row, or nil at the end. It is valid until the next call.
func (m *merge) row() (*row, error) {
	if m.next < len(m.out) {
		m.next++
		return &m.out[m.next-1], nil
	}
	m.out, m.next = m.out[:0], 0
	least := -1
	for i, r := range m.readers {
		if r.ok && (least < 0 || less(&r.head, &m.readers[least].head)) {
			least = i
		}
	}
	if least < 0 {
		return nil, nil
	}
	ns, hash := m.readers[least].head.ns, m.readers[least].head.hash
	for i := least; i < len(m.readers); i++ {
		r := m.readers[i]
		for r.ok && r.head.ns == ns && r.head.hash == hash {
			if !slices.ContainsFunc(m.out, func(o row) bool { return bytes.Equal(o.key, r.head.key) }) {
				m.out = append(m.out, r.head)
			}
			if err := m.step(i); err != nil {
				return nil, err
			}
		}
	}
	m.next = 1
	return &m.out[0], nil
}

func less(a, b *row) bool {
	if a.ns != b.ns {
		return a.ns < b.ns
	}
	return a.hash < b.hash
}

// find is the index of the page that holds (ns, hash), if any does.
func (r *run) find(ns int64, hash uint64) int {
	i := sort.Search(len(r.pages), func(i int) bool {
		p := &r.pages[i]
		return p.ns > ns || p.ns == ns && p.hash > hash
	})
	return max(i-1, 0)
}
