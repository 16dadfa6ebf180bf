package state

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// Reading pages back into hot maps: whole tables when they are opened and fit the budget, single
// entries of maps that are not complete when they are asked for, and whole namespaces, row by row,
// for Scan.

// load fills the table from its pages, or prepares to read them on demand.
func (t *table) load() error {
	s := t.scope.store
	var size int64
	live := map[int64]int64{}
	for g := t.groups.From; g < t.groups.To; g++ {
		d := t.dir.group(g)
		size += d.bytes()
		for _, c := range d.counts {
			live[c.ns] += c.live
		}
	}
	fits := s.used.Load()+size*2 <= s.room()
	for ns, n := range live {
		m := t.mapOf(ns)
		m.n = n
		m.pages = true
		m.complete = fits
		for g := t.groups.From; g < t.groups.To; g++ {
			m.groupLen[g-t.groups.From] = int32(t.dir.group(g).live(ns))
		}
		if fits {
			m.reserve(int(n))
		}
	}
	if !fits {
		return nil
	}
	for g := t.groups.From; g < t.groups.To; g++ {
		if err := t.loadGroup(g); err != nil {
			return err
		}
	}
	if t.ttl > 0 {
		t.recount()
	}
	return nil
}

// recount takes the counts from what was loaded: folding may have left expired rows out.
func (t *table) recount() {
	for _, m := range t.maps {
		m.n = 0
		clear(m.groupLen)
		for ci := range m.chunks {
			for used := m.chunks[ci].used; used != 0; used &= used - 1 {
				m.n++
				m.groupLen[m.group(m.hash(Ref(ci*chunkRows+bits.TrailingZeros64(used))))]++
			}
		}
	}
}

// loadGroup reads all runs of a key group, the newest first: the first row of a key counts.
func (t *table) loadGroup(g int) error {
	s := t.scope.store
	d := t.dir.group(g)
	if len(d.runs) == 0 {
		return nil
	}
	src := s.pages(t.id, g, d.ts)
	defer src.close()
	dropped := droppedBy(d.runs)
	type deadRow struct {
		m *hotMap
		r Ref
	}
	var dead []deadRow
	got := map[int64]int64{}
	for i, run := range d.runs {
		rd := &runReader{src: src, run: run}
		for {
			if err := rd.advance(); err != nil {
				return err
			}
			if !rd.ok {
				break
			}
			w := &rd.head
			if by, ok := dropped[w.ns]; ok && by < i {
				continue
			}
			m := t.maps[w.ns]
			if m == nil {
				continue // every entry of the namespace is deleted
			}
			if m.lookup(w.hash, w.key) != NoRef {
				continue
			}
			r, err := m.insertStored(w)
			if err != nil {
				return err
			}
			if w.dead {
				dead = append(dead, deadRow{m, r})
			} else {
				got[w.ns]++
			}
		}
	}
	for _, x := range dead {
		x.m.freeRow(x.r)
	}
	if t.ttl > 0 {
		return nil // folding may have left expired rows out
	}
	for _, c := range d.counts {
		if got[c.ns] != c.live {
			return s.corrupt(fmt.Sprintf("table %s of operator %s, key group %d: %d entries instead of %d", t.spec.Name, t.scope.operator, g, got[c.ns], c.live), nil)
		}
	}
	return nil
}

// insertStored brings a row of a page into memory, clean. It does not change the counts.
func (m *hotMap) insertStored(w *row) (Ref, error) {
	if !w.dead && len(w.fixed) != m.t.spec.Fixed {
		return NoRef, m.t.scope.store.corrupt(fmt.Sprintf("table %s of operator %s has values of %d bytes instead of %d", m.t.spec.Name, m.t.scope.operator, len(w.fixed), m.t.spec.Fixed), nil)
	}
	m.reserve(1)
	r, err := m.newRow(w.hash, w.key)
	if err != nil {
		return NoRef, err
	}
	ci := r / chunkRows
	rec := m.rec(r)
	if m.t.ttl > 0 && w.stamp != noStamp {
		binary.LittleEndian.PutUint64(rec[recFixed:], uint64(w.stamp))
	}
	copy(rec[m.t.fixedOff:], w.fixed)
	if len(w.vr) > 0 {
		off, err := m.put(int32(ci), w.vr)
		if err != nil {
			return NoRef, err
		}
		binary.LittleEndian.PutUint32(rec[recVar:], uint32(off))
		binary.LittleEndian.PutUint32(rec[recVarLen:], uint32(len(w.vr)))
	}
	m.chunks[ci].stored |= 1 << (r % chunkRows)
	return r, nil
}

// want is a key to be looked for in pages.
type want struct {
	order uint64 // by key group, and by hash within
	hash  uint64
	n     int32 // of the key in the batch
}

// wantOf orders keys as pages are, so far as the upper bits of the hash say it.
func (m *hotMap) wantOf(h uint64, n int) (want, error) {
	g := KeyGroupOf(h, m.t.scope.groupCount)
	if g < m.t.groups.From || g >= m.t.groups.To {
		return want{}, m.foreign(h)
	}
	return want{uint64(g)<<48 | h>>16, h, int32(n)}, nil
}

func (w *want) group() int { return int(w.order >> 48) }

func (m *hotMap) fetchOne(h uint64, key []byte) error {
	w, err := m.wantOf(h, 0)
	if err != nil {
		return err
	}
	return m.fetch([]want{w}, Keys{Off: []uint32{0, uint32(len(key))}, Data: key})
}

// fetchMany brings the stored ones of the keys into memory.
func (m *hotMap) fetchMany(hashes []uint64, keys Keys) error {
	wants := m.t.fetcher.wants[:0]
	for i, h := range hashes {
		key := keys.At(i)
		if m.lookup(h, key) != NoRef {
			continue
		}
		w, err := m.wantOf(h, i)
		if err != nil {
			return err
		}
		wants = append(wants, w)
	}
	if len(wants) == 0 {
		return nil
	}
	m.t.fetcher.wants = wants
	// In the order of the pages, so that each page is read once.
	slices.SortFunc(wants, func(a, b want) int { return cmp.Compare(a.order, b.order) })
	return m.fetch(wants, keys)
}

// fetch looks wants up, which are in order.
func (m *hotMap) fetch(wants []want, keys Keys) error {
	s := m.t.scope.store
	for len(wants) > 0 {
		g := wants[0].group()
		n := 1
		for n < len(wants) && wants[n].group() == g {
			n++
		}
		err := s.retryGone(m.t.dir, g, func(d *groupDir) error { return m.fetchGroup(g, d, wants[:n], keys) })
		if err != nil {
			return err
		}
		wants = wants[n:]
	}
	return nil
}

// retryGone runs f on the directory of a key group, again when a page was folded away meanwhile.
func (s *Store) retryGone(t *tableDir, group int, f func(*groupDir) error) error {
	for {
		d := t.group(group)
		err := f(d)
		if !errors.Is(err, errGone) {
			return err
		}
		if t.group(group) == d {
			// A Prepare may be between its write and the new directory: wait for it.
			s.writing.Lock()
			//lint:ignore SA2001 nothing is to be done inside
			s.writing.Unlock()
			if t.group(group) == d {
				return s.pageError(t.id, group, errGone)
			}
		}
	}
}

// fetcher is what fetches of a table reuse.
type fetcher struct {
	wants []want
	runs  []candidate
	rd    pageReader
}

// candidate is a run that has rows of a namespace, and the page of it that was read last.
type candidate struct {
	run  *run
	no   int // -1: none
	page []byte
}

// forget gives large pages back; the others serve the next fetch.
func (f *fetcher) forget() {
	for i := range f.runs {
		c := &f.runs[i]
		c.run = nil
		if cap(c.page) > 16*pageTarget {
			c.page = nil
		}
	}
}

// candidates lists the runs that may have rows of ns which count, the newest first.
func (f *fetcher) candidates(d *groupDir, ns int64) []candidate {
	n := 0
	for _, r := range d.runs {
		if r.holds(ns) {
			if n == len(f.runs) {
				f.runs = append(f.runs, candidate{})
			}
			f.runs[n].run, f.runs[n].no = r, -1
			n++
		}
		if _, ok := slices.BinarySearch(r.header.drops, ns); ok {
			break
		}
	}
	return f.runs[:n]
}

func (m *hotMap) fetchGroup(g int, d *groupDir, wants []want, keys Keys) error {
	s, f := m.t.scope.store, &m.t.fetcher
	src := s.pages(m.t.id, g, d.ts)
	defer src.close()
	runs := f.candidates(d, m.ns)
	defer f.forget()
	var w row
	for _, k := range wants {
		key := keys.Data[keys.Off[k.n]:keys.Off[k.n+1]]
		if m.lookup(k.hash, key) != NoRef {
			continue // the batch holds the key twice, or this is a second try
		}
		mixed := mixRow(m.ns, k.hash)
		for i := range runs {
			c := &runs[i]
			if !c.run.header.filter.has(mixed) {
				continue
			}
			if no := c.run.find(m.ns, k.hash); c.no != no {
				c.no = -1
				page, err := src.read(c.run, no, c.page)
				if errors.Is(err, errGone) {
					return err
				}
				if err != nil {
					return s.pageError(m.t.id, g, err)
				}
				c.no, c.page = no, page
			}
			err := f.rd.open(c.page)
			found := false
			if err == nil {
				found, err = f.rd.find(m.ns, k.hash, key, &w)
			}
			if err != nil {
				return s.pageError(m.t.id, g, err)
			}
			if !found {
				continue
			}
			if !w.dead {
				if _, err := m.insertStored(&w); err != nil {
					return err
				}
			}
			break
		}
	}
	return nil
}

// holds reports whether the run has rows of ns.
func (r *run) holds(ns int64) bool {
	_, ok := slices.BinarySearchFunc(r.header.counts, ns, func(c nsCount, ns int64) int { return cmp.Compare(c.ns, ns) })
	return ok
}

// scanPages calls f for the entries that are in pages only. Each is brought into memory for the call
// and leaves it again unless f has deleted it.
func (m *hotMap) scanPages(f func(Ref) bool) error {
	s := m.t.scope.store
	for g := m.t.groups.From; g < m.t.groups.To; g++ {
		// Rows are collected first: f runs on a quiet directory, and a second try repeats no call.
		var rows []row
		err := s.retryGone(m.t.dir, g, func(d *groupDir) error {
			rows = rows[:0]
			if d.live(m.ns) == 0 {
				return nil
			}
			src := s.pages(m.t.id, g, d.ts)
			defer src.close()
			mg, err := newMerge(src, d, 0, len(d.runs), &m.ns)
			if err != nil {
				return err
			}
			for {
				w, err := mg.row()
				if err != nil {
					return err
				}
				if w == nil {
					return nil
				}
				if !w.dead {
					rows = append(rows, *w)
				}
			}
		})
		if err != nil {
			return err
		}
		for i := range rows {
			w := &rows[i]
			if m.lookup(w.hash, w.key) != NoRef {
				continue // seen in memory, or deleted there
			}
			if m.t.ttl > 0 && w.stamp != noStamp && w.stamp+m.t.ttl <= m.t.now {
				continue
			}
			r, err := m.insertStored(w)
			if err != nil {
				return err
			}
			more := f(r)
			m.unload(r)
			if !more {
				return nil
			}
		}
	}
	return nil
}
