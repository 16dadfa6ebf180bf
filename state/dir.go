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
	bytes  int64
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
}

func pageSum(key []byte) uint64 { return xxhash.Sum64(key) }

// scan reads the keys of all pages visible at version ts.
func (s *Store) scan(ts uint64, groups int) (*directory, error) {
	d := &directory{tables: map[uint64]*tableDir{}}
	txn := s.db.NewTransactionAt(ts, false)
	defer txn.Discard()
	opt := badger.DefaultIteratorOptions
	opt.PrefetchValues = false
	opt.Prefix = []byte{keyPrefix}
	it := txn.NewIterator(opt)
	defer it.Close()

	var table *tableDir
	var cur *run
	var curGroup int
	building := map[*tableDir][]*groupDir{}
	for it.Rewind(); it.Valid(); it.Next() {
		key := it.Item().Key()
		id, g, rid, no, ref, frag, ok := parsePageKey(key)
		if !ok || g >= groups {
			return nil, s.corrupt(fmt.Sprintf("unknown key %x", key), nil)
		}
		if frag > 0 {
			continue
		}
		if table == nil || table.id != id {
			table = d.tables[id]
			if table == nil {
				table = &tableDir{id: id, groups: make([]atomic.Pointer[groupDir], groups)}
				d.tables[id] = table
				building[table] = make([]*groupDir, groups)
			}
			cur = nil
		}
		if cur == nil || curGroup != g || cur.id != rid {
			gd := building[table][g]
			if gd == nil {
				gd = &groupDir{ts: ts}
				building[table][g] = gd
			}
			cur, curGroup = &run{id: rid}, g
			gd.runs = append(gd.runs, cur)
		}
		if no != len(cur.pages) {
			return nil, s.corrupt(fmt.Sprintf("page %d of a run of epoch %d, key group %d, is missing", len(cur.pages), rid.epoch, g), nil)
		}
		if no == 0 {
			value, err := s.readPage(txn, key, ref)
			if err != nil {
				return nil, s.asCorrupt(fmt.Sprintf("first page of a run of epoch %d, key group %d", rid.epoch, g), err)
			}
			r, err := newPageReader(value)
			if err != nil || r.header == nil {
				return nil, s.corrupt(fmt.Sprintf("first page of a run of epoch %d, key group %d", rid.epoch, g), errPage)
			}
			cur.header = *r.header
		}
		cur.pages = append(cur.pages, ref)
		cur.bytes += int64(ref.bytes)
		d.pages++
		d.sum += pageSum(key)
	}
	for t, gs := range building {
		for g, gd := range gs {
			if gd == nil {
				continue
			}
			for _, r := range gd.runs {
				if int64(len(r.pages)) != r.header.pages {
					return nil, s.corrupt(fmt.Sprintf("a run of epoch %d, key group %d, has %d pages instead of %d", r.id.epoch, g, len(r.pages), r.header.pages), nil)
				}
			}
			gd.counts = countsOf(gd.runs)
			t.groups[g].Store(gd)
		}
	}
	return d, nil
}

// errGone says that a page was not found: it may have been folded away since the directory was read.
var errGone = errors.New("page not found")

// readPage reads and verifies the value of a page.
func (s *Store) readPage(txn *badger.Txn, key []byte, p pageRef) ([]byte, error) {
	value := make([]byte, 0, p.bytes)
	for f := range fragments(int(p.bytes)) {
		item, err := txn.Get(fragmentKey(key, f))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil, errGone
		}
		if err != nil {
			return nil, err
		}
		if err := item.Value(func(v []byte) error { value = append(value, v...); return nil }); err != nil {
			return nil, err
		}
	}
	if len(value) != int(p.bytes) || xxhash.Sum64(value) != p.sum {
		return nil, errors.New("its checksum does not match")
	}
	return value, nil
}

// runReader walks the rows of one run from a page on.
type runReader struct {
	s     *Store
	txn   *badger.Txn
	table uint64
	group int
	run   *run
	page  int
	rd    *pageReader
	head  row
	ok    bool
}

func (r *runReader) advance() error {
	for {
		if r.rd != nil {
			ok, err := r.rd.next(&r.head)
			if err != nil {
				return r.s.pageError(r.table, r.group, err)
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
		ref := r.run.pages[r.page]
		v, err := r.s.readPage(r.txn, pageKey(r.table, r.group, r.run.id, r.page, ref), ref)
		if err == nil {
			r.rd, err = newPageReader(v)
		}
		if err != nil {
			return r.s.pageError(r.table, r.group, err)
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
func (s *Store) newMerge(txn *badger.Txn, table uint64, group int, g *groupDir, from, to int, only *int64) (*merge, error) {
	m := &merge{dropped: droppedBy(g.runs), only: only, base: from}
	for i := from; i < to; i++ {
		r := &runReader{s: s, txn: txn, table: table, group: group, run: g.runs[i]}
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
