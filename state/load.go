package state

import (
	"bytes"
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
	fits := s.used.Load()+size*2 <= s.budget
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
	txn := s.db.NewTransactionAt(d.ts, false)
	defer txn.Discard()
	dropped := droppedBy(d.runs)
	type deadRow struct {
		m *hotMap
		r Ref
	}
	var dead []deadRow
	got := map[int64]int64{}
	for i, run := range d.runs {
		rd := &runReader{s: s, txn: txn, table: t.id, group: g, run: run}
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
	group int
	hash  uint64
	key   []byte
}

func (m *hotMap) fetchOne(h uint64, key []byte) error {
	g := KeyGroupOf(h, m.t.scope.groupCount)
	if g < m.t.groups.From || g >= m.t.groups.To {
		return m.foreign(h)
	}
	return m.fetch([]want{{g, h, key}})
}

// fetchMany brings the stored ones of the keys into memory.
func (m *hotMap) fetchMany(hashes []uint64, keys Keys) error {
	var wants []want
	for i, h := range hashes {
		key := keys.Data[keys.Off[i]:keys.Off[i+1]]
		if m.lookup(h, key) != NoRef {
			continue
		}
		g := KeyGroupOf(h, m.t.scope.groupCount)
		if g < m.t.groups.From || g >= m.t.groups.To {
			return m.foreign(h)
		}
		wants = append(wants, want{g, h, key})
	}
	if len(wants) == 0 {
		return nil
	}
	// In the order of the pages, so that each page is read once.
	slices.SortFunc(wants, func(a, b want) int {
		if c := cmp.Compare(a.group, b.group); c != 0 {
			return c
		}
		return cmp.Compare(a.hash, b.hash)
	})
	return m.fetch(wants)
}

// fetch looks wants up, which are sorted by group and hash.
func (m *hotMap) fetch(wants []want) error {
	s := m.t.scope.store
	for len(wants) > 0 {
		g := wants[0].group
		n := 1
		for n < len(wants) && wants[n].group == g {
			n++
		}
		err := s.retryGone(m.t.dir, g, func(d *groupDir) error { return m.fetchGroup(g, d, wants[:n]) })
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

func (m *hotMap) fetchGroup(g int, d *groupDir, wants []want) error {
	s := m.t.scope.store
	txn := s.db.NewTransactionAt(d.ts, false)
	defer txn.Discard()
	type cached struct {
		page  int
		value []byte
	}
	cache := make([]cached, len(d.runs))
	for i := range cache {
		cache[i].page = -1
	}
	var w row
	for _, k := range wants {
		if m.lookup(k.hash, k.key) != NoRef {
			continue // the batch holds the key twice, or this is a second try
		}
	runs:
		for i, run := range d.runs {
			if p := run.find(m.ns, k.hash); p < len(run.pages) && run.mayHold(m.ns, k.hash) {
				if cache[i].page != p {
					v, err := s.readPage(txn, pageKey(m.t.id, g, run.id, p, run.pages[p]), run.pages[p])
					if errors.Is(err, errGone) {
						return err
					}
					if err != nil {
						return s.pageError(m.t.id, g, err)
					}
					cache[i] = cached{p, v}
				}
				rd, err := newPageReader(cache[i].value)
				for err == nil {
					var ok bool
					if ok, err = rd.next(&w); err != nil || !ok {
						break
					}
					if w.ns == m.ns && w.hash == k.hash && bytes.Equal(w.key, k.key) {
						if !w.dead {
							if _, err := m.insertStored(&w); err != nil {
								return err
							}
						}
						break runs
					}
				}
				if err != nil {
					return s.pageError(m.t.id, g, err)
				}
			}
			if _, ok := slices.BinarySearch(run.header.drops, m.ns); ok {
				break
			}
		}
	}
	return nil
}

// mayHold reports whether the run may have rows of (ns, hash).
func (r *run) mayHold(ns int64, hash uint64) bool {
	_, ok := slices.BinarySearchFunc(r.header.counts, ns, func(c nsCount, ns int64) int { return cmp.Compare(c.ns, ns) })
	return ok && r.header.filter.has(mixRow(ns, hash))
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
			txn := s.db.NewTransactionAt(d.ts, false)
			defer txn.Discard()
			mg, err := s.newMerge(txn, m.t.id, g, d, 0, len(d.runs), &m.ns)
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
