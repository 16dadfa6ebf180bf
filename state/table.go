package state

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// OperatorScope is the Scope of one subtask of an operator. It belongs to the task's goroutine.
type OperatorScope struct {
	store      *Store
	operator   string
	groups     KeyGroupRange
	groupCount int
	generation int64 // of Store.Start
	tables     []*table
	last       *freeze // of the newest Freeze; nil before the first
}

var _ Scope = (*OperatorScope)(nil)

// table is a Table: hot maps in memory over the pages of its key groups.
type table struct {
	scope    *OperatorScope
	spec     TableSpec
	id       uint64 // tableID of operator and name
	dir      *tableDir
	groups   KeyGroupRange
	stride   int
	fixedOff int
	ttl      int64 // milliseconds; 0: none
	now      int64 // processing time of the current call, milliseconds

	maps        map[int64]*hotMap
	lastMap     *hotMap // that Map returned last
	writtenMaps []*hotMap
	drops       []int64 // namespaces with pages dropped since the last freeze
	bytes       int64
	stuck       bool             // nothing more could be evicted since the last freeze, or
	stuckBusy   bool             // while it was being written
	largeRanges map[uintptr]bool // of the heap, by their first address, for which large pages were asked
	fetcher     fetcher
	sink        byte // keeps the prefetching loads alive
}

var _ Table = (*table)(nil)

// Table declares and opens a table. What the pages hold of it is read into memory, as far as
// the budget goes; the rest is read when it is wanted.
func (o *OperatorScope) Table(spec TableSpec) (Table, error) {
	if o.generation != o.store.generation.Load() {
		return nil, fmt.Errorf("this is a bug: operator %s opens a table in a scope made before the last Start", o.operator)
	}
	for _, t := range o.tables {
		if t.spec.Name == spec.Name {
			return nil, fmt.Errorf("this is a bug: operator %s declares table %s twice", o.operator, spec.Name)
		}
	}
	if err := o.store.compatible(o.operator, spec); err != nil {
		return nil, err
	}
	t := &table{
		scope: o, spec: spec, id: tableID(o.operator, spec.Name), groups: o.groups,
		fixedOff: recFixed, ttl: spec.TTL.Milliseconds(), maps: map[int64]*hotMap{}, largeRanges: map[uintptr]bool{},
	}
	if spec.TTL > 0 {
		t.fixedOff += 8
		t.ttl = max(t.ttl, 1)
	}
	t.stride = strideOf(t.fixedOff + spec.Fixed)
	t.dir = o.store.dirOf(t.id)
	t.now = o.store.clock().UnixMilli()
	if err := t.load(); err != nil {
		return nil, err
	}
	o.tables = append(o.tables, t)
	o.store.tables.Add(1)
	return t, nil
}

// Bytes is the memory that the tables of the operator hold now. It is called by the goroutine of its task.
func (o *OperatorScope) Bytes() int64 {
	var sum int64
	for _, t := range o.tables {
		sum += t.Bytes()
	}
	return sum
}

// Specs lists the tables declared so far, for OperatorRecord.
func (o *OperatorScope) Specs() []TableSpec {
	var specs []TableSpec
	for _, t := range o.tables {
		specs = append(specs, t.spec)
	}
	return specs
}

// strideOf is the distance of records of n bytes. A little padding makes a record begin a line of the cache, so that no further line is touched for
// its end; more padding would cost more in memory than it saves.
func strideOf(n int) int {
	lines := (n + cacheLine - 1) &^ (cacheLine - 1)
	if lines-n <= lines/8 {
		return lines
	}
	return (n + 7) &^ 7
}

func (t *table) account(delta int64) {
	t.bytes += delta
	t.scope.store.used.Add(delta)
}

// busy says that the newest frozen epoch is not in pages yet.
func (t *table) busy() bool { return t.scope.last != nil && !t.scope.last.done.Load() }

func (t *table) Map(ns int64) Map { return t.mapOf(ns) }

func (t *table) mapOf(ns int64) *hotMap {
	if t.lastMap != nil && t.lastMap.ns == ns {
		return t.lastMap
	}
	m := t.maps[ns]
	if m == nil {
		m = newHotMap(t, ns, true)
		t.maps[ns] = m
		t.account(int64(len(m.groupLen))*4 + mapOverhead)
	}
	t.lastMap = m
	return m
}

const mapOverhead = 512

func (t *table) Namespaces() []int64 {
	var ns []int64
	for n, m := range t.maps {
		if m.n > 0 {
			ns = append(ns, n)
		}
	}
	slices.Sort(ns)
	return ns
}

func (t *table) Drop(ns int64) error {
	m := t.maps[ns]
	if m == nil {
		return nil
	}
	if m.pages && !slices.Contains(t.drops, ns) {
		t.drops = append(t.drops, ns)
	}
	m.release()
	t.account(-(int64(len(m.groupLen))*4 + mapOverhead))
	delete(t.maps, ns)
	if t.lastMap == m {
		t.lastMap = nil
	}
	if m.written {
		t.writtenMaps = slices.DeleteFunc(t.writtenMaps, func(w *hotMap) bool { return w == m })
	}
	return nil
}

func (t *table) Bytes() int64 { return t.bytes }

func (t *table) Len() int64 {
	var n int64
	for _, m := range t.maps {
		n += m.n
	}
	return n
}

// begin runs at the start of each call that makes refs invalid.
func (t *table) begin() {
	s := t.scope.store
	if t.ttl > 0 {
		t.now = s.clock().UnixMilli()
	}
	busy := t.busy()
	if f := t.scope.last; !busy && f != nil && f.copied > 0 {
		s.used.Add(-f.copied) // Prepare has let them go
		f.copied = 0
	}
	if s.used.Load() <= s.room() {
		return
	}
	if !t.stuck || t.stuckBusy && !busy {
		t.shrink()
	}
	if room := s.room(); busy && s.used.Load() > room+room/8 && t.bytes > t.share() && t.scope.last.begun.Load() {
		// Memory is full of what is on its way to pages and of what came since: the input waits. Prepare needs no task, and ends
		// also when the job fails.
		<-t.scope.last.ended
	}
}

// room is the budget without the directory, which is in memory whole: page references and filters.
func (s *Store) room() int64 { return max(s.budget-s.index.Load(), s.budget/4) }

// share is the memory that a table may keep while others want it too.
func (t *table) share() int64 { return t.scope.store.room() / max(t.scope.store.tables.Load(), 1) }

// shrink evicts clean chunks, the least recently used first, until the store is within its
// budget or the table within its share. When nothing can be evicted the budget is full of
// dirty entries: the store then reports pressure.
func (t *table) shrink() {
	s := t.scope.store
	share, target := t.share(), s.room()/16*15
	enough := func() bool { return s.used.Load() <= target || t.bytes <= share-share/16 }
	order := make([]*hotMap, 0, len(t.maps))
	for _, m := range t.maps {
		if len(m.chunks) > 0 {
			order = append(order, m)
		}
	}
	// The namespaces that close last are wanted last.
	slices.SortFunc(order, func(a, b *hotMap) int {
		if a.ns > b.ns {
			return -1
		}
		return 1
	})
	for _, m := range order {
		for pass := 0; pass < 2*len(m.chunks) && !enough(); pass++ {
			m.hand = (m.hand + 1) % len(m.chunks)
			c := &m.chunks[m.hand]
			if c.recent {
				c.recent = false
				continue
			}
			if m.evictable(m.hand) {
				m.evict(m.hand)
			}
		}
		if len(m.idx) > 4*minSlots && m.held*5 < len(m.idx) {
			m.rehash(m.held)
		}
	}
	if !enough() {
		t.stuck, t.stuckBusy = true, t.busy()
		s.pressure.Store(true)
	}
}

// frozenTable is what Prepare needs of one table at a barrier.
type frozenTable struct {
	t     *table
	maps  []frozenMap
	drops []int64
	len   int64 // live entries of the table
}

type frozenMap struct {
	ns       int64
	chunks   []frozenChunk
	groupLen []int32 // live entries by key group, of the table's range
}

// frozenChunk is a chunk as it was at the barrier. Nobody writes to slab and arena[:len] before
// the freeze is done.
type frozenChunk struct {
	slab, arena []byte
	rows, dead  uint64 // written rows; those of them that are deleted
}

// Frozen is the dirty part of a scope at a barrier. It is handed to Prepare, once.
type Frozen struct {
	scope  *OperatorScope
	epoch  Epoch
	tables []frozenTable
	freeze *freeze
}

// Empty reports that nothing was written in the epoch.
func (f *Frozen) Empty() bool {
	for i := range f.tables {
		if len(f.tables[i].maps) > 0 || len(f.tables[i].drops) > 0 {
			return false
		}
	}
	return true
}

// Freeze takes the dirty part of all tables as it is now, for Prepare(e). It is called by the
// task's goroutine at the barrier, after Operator.Snapshot. It copies a few words for each
// dirty chunk of 64 entries; entries are copied later, chunk by chunk, and only where the task
// writes to a chunk before it is in pages. Epochs are prepared in the order they were frozen.
func (o *OperatorScope) Freeze(e Epoch) (*Frozen, error) {
	if o.generation != o.store.generation.Load() {
		return nil, fmt.Errorf("this is a bug: operator %s freezes a scope made before the last Start", o.operator)
	}
	f := &Frozen{scope: o, epoch: e, freeze: &freeze{ended: make(chan struct{})}}
	if o.last != nil && o.last.copied > 0 {
		o.store.used.Add(-o.last.copied)
	}
	for _, t := range o.tables {
		f.tables = append(f.tables, t.freeze(f.freeze))
	}
	o.last = f.freeze
	return f, nil
}

func (t *table) freeze(f *freeze) frozenTable {
	ft := frozenTable{t: t, drops: t.drops}
	t.drops = nil
	t.stuck = false
	if t.scope.store.used.Load() > t.scope.store.room() {
		t.shrink() // an idle table gives way here
		t.stuck = false
	}
	for _, m := range t.writtenMaps {
		fm := frozenMap{ns: m.ns, chunks: make([]frozenChunk, 0, len(m.dirtyChunks)), groupLen: slices.Clone(m.groupLen)}
		for _, ci := range m.dirtyChunks {
			c := &m.chunks[ci]
			c.listed = false
			if c.dirty == 0 {
				continue
			}
			fm.chunks = append(fm.chunks, frozenChunk{slab: m.records(int(ci)), arena: m.arenas[ci].data, rows: c.dirty, dead: c.dead & c.dirty})
			c.stored |= c.dirty
			c.dirty = 0
			c.frozen = f
		}
		m.dirtyChunks = m.dirtyChunks[:0]
		m.sweeps = append(m.sweeps, m.buried...)
		m.buried = m.buried[:0]
		m.written = false
		if len(fm.chunks) > 0 {
			m.pages = true
			ft.maps = append(ft.maps, fm)
		}
	}
	clear(t.writtenMaps)
	t.writtenMaps = t.writtenMaps[:0]
	ft.len = t.Len()
	return ft
}

// nsBits maps a namespace to an unsigned number of the same order.
func nsBits(ns int64) uint64 { return uint64(ns) ^ 1<<63 }

func (s *Store) clock() time.Time {
	if s.opt.Clock != nil {
		return s.opt.Clock()
	}
	return time.Now()
}

// noStamp is the stamp of a row of a table that had no TTL when it was written.
const noStamp = math.MinInt64
