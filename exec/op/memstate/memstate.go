// Package memstate is keyed state in memory and nothing else: the maps in which windows are put together from
// their slices, and the state of operators under test.
//
// It keeps to the contract of state.Scope. Entries lie in slabs that never move, so that references and the
// slices that Fixed and Var return stay valid until the entry is deleted, also over barriers.
package memstate

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"weir/state"
)

// Scope is the state of one subtask of an operator in memory. It belongs to one goroutine.
type Scope struct {
	tables map[string]*table
	now    func() time.Time
}

var _ state.Scope = (*Scope)(nil)

// NewScope makes an empty Scope. now is the clock of TTLs; nil when no table has one.
func NewScope(now func() time.Time) *Scope { return &Scope{tables: map[string]*table{}, now: now} }

// Table opens the table of that name, or makes it.
func (s *Scope) Table(spec state.TableSpec) (state.Table, error) {
	if t := s.tables[spec.Name]; t != nil {
		if t.spec.Schema != spec.Schema || t.spec.Fixed != spec.Fixed {
			return nil, fmt.Errorf("table %s: its encoding was %s and is now %s", spec.Name, t.spec.Schema, spec.Schema)
		}
		t.spec = spec
		return t, nil
	}
	t := &table{spec: spec, scope: s, maps: map[int64]*Map{}}
	s.tables[spec.Name] = t
	return t, nil
}

// Copy is a deep copy of the entries whose key group, of so many, is accepted: what a snapshot holds,
// restored to a subtask.
func (s *Scope) Copy(groups int, accept func(group int) bool) (*Scope, error) {
	c := NewScope(s.now)
	return c, c.Add(s, groups, accept)
}

// Len is the number of entries of all tables.
func (s *Scope) Len() (n int64) {
	for _, t := range s.tables {
		n += t.Len()
	}
	return n
}

// Add copies the accepted entries of from into s.
func (s *Scope) Add(from *Scope, groups int, accept func(group int) bool) error {
	for _, t := range from.tables {
		d, err := s.Table(t.spec)
		if err != nil {
			return err
		}
		dt := d.(*table)
		for ns, m := range t.maps {
			for r := range m.recs {
				e := &m.recs[r]
				if !e.used || !accept(state.KeyGroupOf(e.hash, groups)) {
					continue
				}
				dm := dt.Map(ns).(*Map)
				dr, _, err := dm.Upsert(e.hash, e.key)
				if err != nil {
					return err
				}
				copy(dm.Fixed(dr), m.Fixed(state.Ref(r)))
				dm.recs[dr].val = bytes.Clone(e.val)
				dm.recs[dr].written = e.written
			}
		}
	}
	return nil
}

type table struct {
	spec  state.TableSpec
	scope *Scope
	maps  map[int64]*Map
}

func (t *table) Map(ns int64) state.Map {
	m := t.maps[ns]
	if m == nil {
		m = NewMap(t.spec.Fixed)
		if t.spec.TTL > 0 {
			m.ttl, m.now = t.spec.TTL, t.scope.now
		}
		t.maps[ns] = m
	}
	return m
}

func (t *table) Namespaces() []int64 {
	var out []int64
	for ns, m := range t.maps {
		if m.n > 0 {
			out = append(out, ns)
		}
	}
	slices.Sort(out)
	return out
}

func (t *table) Drop(ns int64) error { delete(t.maps, ns); return nil }

func (t *table) Bytes() (n int64) {
	for _, m := range t.maps {
		n += int64(len(m.recs)) * int64(64+m.fixed)
	}
	return n
}

func (t *table) Len() (n int64) {
	for _, m := range t.maps {
		n += m.n
	}
	return n
}

// slabRows is the number of fixed parts in one slab.
const slabRows = 1024

type record struct {
	hash    uint64
	key     []byte
	val     []byte
	written time.Time
	used    bool
}

// Map is one map in memory: a state.Map, whose methods are described there. Its hashes may be any, as long as one key has one. It belongs to
// one goroutine.
type Map struct {
	fixed int
	ttl   time.Duration
	now   func() time.Time
	index []int32 // record number + 1; 0: empty
	recs  []record
	slabs [][]byte
	arena []byte // keys are cut from it
	free  []state.Ref
	n     int64
}

var _ state.Map = (*Map)(nil)

// NewMap makes an empty map outside of any Scope, without a TTL, of entries with fixed bytes of fixed part.
func NewMap(fixed int) *Map { return &Map{fixed: fixed} }

// Reset empties the map and keeps its memory.
func (m *Map) Reset() {
	clear(m.index)
	clear(m.recs)
	m.recs, m.free, m.arena, m.n = m.recs[:0], m.free[:0], nil, 0
}

func (m *Map) slot(hash uint64, key []byte) (at int, r state.Ref) {
	mask := uint64(len(m.index) - 1)
	for s := hash & mask; ; s = (s + 1) & mask {
		e := m.index[s]
		if e == 0 {
			return int(s), state.NoRef
		}
		if rec := &m.recs[e-1]; rec.hash == hash && bytes.Equal(rec.key, key) {
			return int(s), state.Ref(e - 1)
		}
	}
}

func (m *Map) grow() {
	size := max(64, 2*len(m.index))
	m.index = make([]int32, size)
	mask := uint64(size - 1)
	for r := range m.recs {
		if !m.recs[r].used {
			continue
		}
		s := m.recs[r].hash & mask
		for m.index[s] != 0 {
			s = (s + 1) & mask
		}
		m.index[s] = int32(r) + 1
	}
}

func (m *Map) Upsert(hash uint64, key []byte) (state.Ref, bool, error) {
	if int(m.n)*2 >= len(m.index) {
		m.grow()
	}
	at, r := m.slot(hash, key)
	if r != state.NoRef {
		gone := m.expired(r)
		if gone {
			clear(m.Fixed(r))
			m.recs[r].val = nil
		}
		m.Touch(r)
		return r, gone, nil
	}
	if n := len(m.free); n > 0 {
		r = m.free[n-1]
		m.free = m.free[:n-1]
	} else {
		r = state.Ref(len(m.recs))
		m.recs = append(m.recs, record{})
		if len(m.slabs)*slabRows < len(m.recs) {
			m.slabs = append(m.slabs, make([]byte, slabRows*m.fixed))
		}
	}
	if cap(m.arena)-len(m.arena) < len(key) {
		m.arena = make([]byte, 0, max(1<<14, len(key)))
	}
	from := len(m.arena)
	m.arena = append(m.arena, key...)
	m.recs[r] = record{hash: hash, key: m.arena[from:len(m.arena):len(m.arena)], used: true}
	clear(m.Fixed(r))
	m.index[at] = int32(r) + 1
	m.n++
	m.Touch(r)
	return r, true, nil
}

func (m *Map) expired(r state.Ref) bool {
	return m.ttl > 0 && m.now().Sub(m.recs[r].written) >= m.ttl
}

func (m *Map) UpsertMany(hashes []uint64, keys state.Keys, refs []state.Ref, created []bool) (err error) {
	for k, h := range hashes {
		key := keys.At(k)
		if m.ttl == 0 && len(m.index) > 0 {
			if e := m.index[h&uint64(len(m.index)-1)]; e != 0 {
				if rec := &m.recs[e-1]; rec.hash == h && string(rec.key) == string(key) {
					refs[k], created[k] = state.Ref(e-1), false
					continue
				}
			}
		}
		if refs[k], created[k], err = m.Upsert(h, key); err != nil {
			return err
		}
	}
	return nil
}

func (m *Map) Find(hash uint64, key []byte) (state.Ref, error) {
	if len(m.index) == 0 {
		return state.NoRef, nil
	}
	_, r := m.slot(hash, key)
	if r != state.NoRef && m.expired(r) {
		m.Delete(r)
		return state.NoRef, nil
	}
	return r, nil
}

func (m *Map) FindMany(hashes []uint64, keys state.Keys, refs []state.Ref) (err error) {
	for k, h := range hashes {
		if refs[k], err = m.Find(h, keys.At(k)); err != nil {
			return err
		}
	}
	return nil
}

func (m *Map) Edit(r state.Ref) []byte {
	m.Touch(r)
	return m.recs[r].val
}

func (m *Map) Fixed(r state.Ref) []byte {
	from := int(r) % slabRows * m.fixed
	return m.slabs[int(r)/slabRows][from : from+m.fixed : from+m.fixed]
}

func (m *Map) Var(r state.Ref) []byte { return m.recs[r].val }

func (m *Map) SetVar(r state.Ref, v []byte) error {
	m.recs[r].val = append(m.recs[r].val[:0], v...)
	return nil
}

func (m *Map) Key(r state.Ref) []byte { return m.recs[r].key }

func (m *Map) Hash(r state.Ref) uint64 { return m.recs[r].hash }

func (m *Map) Touch(r state.Ref) {
	if m.ttl > 0 {
		m.recs[r].written = m.now()
	}
}

func (m *Map) Delete(r state.Ref) {
	rec := &m.recs[r]
	if !rec.used {
		return
	}
	at, _ := m.slot(rec.hash, rec.key)
	*rec = record{}
	m.n--
	m.free = append(m.free, r)
	// Close the gap that the entry leaves in its chain.
	mask := len(m.index) - 1
	hole := at
	for s := (at + 1) & mask; m.index[s] != 0; s = (s + 1) & mask {
		home := int(m.recs[m.index[s]-1].hash) & mask
		if (s-home)&mask >= (s-hole)&mask {
			m.index[hole] = m.index[s]
			hole = s
		}
	}
	m.index[hole] = 0
}

func (m *Map) Scan(f func(r state.Ref) bool) error {
	for r := range m.recs {
		if m.recs[r].used && !m.expired(state.Ref(r)) && !f(state.Ref(r)) {
			return nil
		}
	}
	return nil
}

func (m *Map) Len() int64 { return m.n }
