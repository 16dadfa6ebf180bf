package state

import (
	"cmp"
	"context"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// preparer writes the pages of one epoch.
type preparer struct {
	ctx     context.Context
	s       *Store
	version uint64
	epoch   Epoch
	farRun  int64             // runs from this size on go into run files
	copy    *checkpointWriter // nil without a checkpoint directory

	wb      *badger.WriteBatch
	pending int
	fold    int64 // bytes that may still be folded
	written int64 // bytes of pages so far
	pages   int64
	sum     uint64
	files   map[uint32]int64
	entries int64
	publish []published

	sorted []frozenRow
	spread []frozenRow // of sortMapByHash
	ends   []int32     // of sortMapByHash: where the rows with the same first bits end
	sink   byte        // keeps the prefetching loads alive
}

// published is a directory that becomes visible when its pages are.
type published struct {
	table *tableDir
	group int
	dir   *groupDir
}

// frozenRow points at one written row of a frozen table.
type frozenRow struct {
	hash  uint64
	m     int32 // index into frozenTable.maps
	chunk int32
	slot  int32
}

func (p *preparer) cancel() {
	if p.wb != nil {
		p.wb.Cancel()
	}
}

func (p *preparer) write(frozen []*Frozen) error {
	for _, f := range frozen {
		for i := range f.tables {
			if err := p.table(&f.tables[i]); err != nil {
				return err
			}
		}
	}
	if err := p.compactFiles(); err != nil {
		return err
	}
	if err := p.flush(); err != nil {
		return err
	}
	for _, x := range p.publish {
		delta := x.dir.memory() - x.table.group(x.group).memory()
		x.table.groups[x.group].Store(x.dir)
		p.s.index.Add(delta)
	}
	return p.s.fs.At("prepare:written")
}

// table writes what was dirty of one table, key group by key group.
func (p *preparer) table(ft *frozenTable) error {
	if len(ft.maps) == 0 && len(ft.drops) == 0 {
		return nil
	}
	t := ft.t
	slices.SortFunc(ft.maps, func(a, b frozenMap) int { return cmp.Compare(a.ns, b.ns) })
	slices.Sort(ft.drops)
	width := t.groups.To - t.groups.From
	starts := make([]int, width+1)
	total := 0
	each := func(f func(g int, r frozenRow)) {
		for mi := range ft.maps {
			for ci := range ft.maps[mi].chunks {
				c := &ft.maps[mi].chunks[ci]
				for rows := c.rows; rows != 0; rows &= rows - 1 {
					slot := bits.TrailingZeros64(rows)
					h := binary.LittleEndian.Uint64(c.slab[slot*t.stride:])
					f(KeyGroupOf(h, p.s.groups)-t.groups.From, frozenRow{h, int32(mi), int32(ci), int32(slot)})
				}
			}
		}
	}
	each(func(g int, _ frozenRow) { starts[g+1]++; total++ })
	for g := range width {
		starts[g+1] += starts[g]
	}
	if cap(p.sorted) < total {
		p.sorted = make([]frozenRow, total)
	}
	rows := p.sorted[:total]
	at := slices.Clone(starts[:width])
	each(func(g int, r frozenRow) { rows[at[g]] = r; at[g]++ })
	p.fold = max(p.fold, foldFloor) + 2*int64(total*t.stride)

	for g := range width {
		part := rows[starts[g]:starts[g+1]]
		p.sortByHash(part)
		if err := p.group(ft, g, part); err != nil {
			return err
		}
	}
	return p.ctx.Err()
}

// sortByHash puts the rows of a key group, which come map by map, in the order of their pages: by map, then by hash.
func (p *preparer) sortByHash(rows []frozenRow) {
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r frozenRow) bool { return r.m != rows[0].m })
		if n < 0 {
			n = len(rows)
		}
		p.sortMapByHash(rows[:n])
		rows = rows[n:]
	}
}

// sortMapByHash sorts rows of one map. Hashes are spread evenly: their first bits tell nearly where a row belongs. One pass
// brings it there, and a few neighbours are left to sort.
func (p *preparer) sortMapByHash(rows []frozenRow) {
	const neighbours = 8
	width := min(bits.Len(uint(len(rows)/neighbours)), 16)
	p.ends = append(p.ends[:0], make([]int32, 1<<width)...)
	ends := p.ends
	shift := 64 - width
	for i := range rows {
		ends[rows[i].hash>>shift]++
	}
	at := int32(0)
	for b, count := range ends {
		ends[b] = at
		at += count
	}
	p.spread = append(p.spread[:0], rows...)
	for i := range p.spread {
		end := &ends[p.spread[i].hash>>shift]
		rows[*end] = p.spread[i]
		*end++
	}
	from := int32(0)
	for _, end := range ends {
		slices.SortFunc(rows[from:end], func(a, b frozenRow) int { return cmp.Compare(a.hash, b.hash) })
		from = end
	}
}

// group writes a run of rows, which are sorted, and brings the directory of the key group up to date.
func (p *preparer) group(ft *frozenTable, g int, rows []frozenRow) error {
	t, group := ft.t, ft.t.groups.From+g
	old := t.dir.group(group)
	var drops []int64
	for _, ns := range ft.drops {
		if old.hasRows(ns) || old.live(ns) > 0 {
			drops = append(drops, ns)
		}
	}
	if len(rows) == 0 && len(drops) == 0 {
		return nil
	}
	b := &p.s.builder
	b.reset(runKey{t.id, group, runID{epoch: p.epoch}}, t.spec.Fixed, t.ttl > 0, p, p.farRun)
	var r row
	var alive int64
	for i := range rows {
		if i%touchBlock == 0 {
			p.touch(ft, rows[i:min(i+touchBlock, len(rows))])
		}
		f := &rows[i]
		fm := &ft.maps[f.m]
		c := &fm.chunks[f.chunk]
		rec := c.slab[int(f.slot)*t.stride : (int(f.slot)+1)*t.stride]
		r.ns, r.hash, r.key = fm.ns, f.hash, recordKey(rec, c.arena)
		r.dead = c.dead&(1<<f.slot) != 0
		if t.ttl > 0 {
			r.stamp = recordStamp(rec)
		}
		if !r.dead {
			alive++
			r.fixed = rec[t.fixedOff : t.fixedOff+t.spec.Fixed]
			r.vr = recordVar(rec, c.arena)
		}
		b.add(&r)
	}
	filter := filterNewer
	if len(old.runs) == 0 {
		filter = filterOldest
	}
	fresh, err := b.finish(drops, filter, func(ns int64) int64 {
		i, _ := slices.BinarySearchFunc(ft.maps, ns, func(m frozenMap, ns int64) int { return cmp.Compare(m.ns, ns) })
		return int64(ft.maps[i].groupLen[g])
	})
	if err != nil {
		return err
	}

	next := &groupDir{ts: p.version, runs: append([]*run{fresh}, old.runs...)}
	next.counts = countsOf(next.runs)
	var live int64
	for _, c := range next.counts {
		live += c.live
	}
	switch {
	case live == 0:
		// Nothing is left of the group: no run, not even this one.
		next.runs = nil
	case alive == live && t.ttl == 0:
		// Every entry is in this run.
		next.runs = next.runs[:1]
	default:
		next.runs = withoutVoid(next.runs)
	}
	if len(next.runs) > 0 {
		if err := b.write(fresh); err != nil {
			return err
		}
	}
	if len(next.runs) > maxRuns {
		if err := p.foldRuns(t, group, old.ts, next); err != nil {
			return err
		}
	}
	for _, r := range old.runs {
		if !slices.Contains(next.runs, r) {
			if err := p.remove(t.id, group, r); err != nil {
				return err
			}
		}
	}
	for _, c := range old.counts {
		p.entries -= c.live
	}
	p.entries += live
	p.publish = append(p.publish, published{t.dir, group, next})
	return nil
}

// touchBlock is how many records are waited for together.
const touchBlock = 64

// touch loads the first bytes of records. They are all over memory, since rows are in the order of their hashes; the loads do not
// depend on each other, so the processor waits for many of them at once.
func (p *preparer) touch(ft *frozenTable, rows []frozenRow) {
	var sink byte
	for i := range rows {
		f := &rows[i]
		sink |= ft.maps[f.m].chunks[f.chunk].slab[int(f.slot)*ft.t.stride]
	}
	p.sink = sink
}

var _ pageSink = (*preparer)(nil)

func (p *preparer) begin() (*runFile, int64, error) { return p.s.runs.begin() }

func (p *preparer) page(k runKey, no int, ref pageRef, value []byte, far bool) error {
	key := pageKey(k.table, k.group, k.id, no, ref)
	if p.copy != nil {
		if err := p.copy.page(key, value); err != nil {
			return err
		}
	}
	if far {
		return p.s.runs.write(value)
	}
	for f := range fragments(len(value)) {
		if err := p.entry(fragmentKey(key, f), fragmentOf(value, f)); err != nil {
			return err
		}
	}
	return nil
}

func (p *preparer) finish(k runKey, r *run, page0 []byte) error {
	if r.far.file == nil {
		if err := p.page(k, 0, r.pages[0], page0, false); err != nil {
			return err
		}
	} else {
		if p.copy != nil {
			if err := p.copy.page(pageKey(k.table, k.group, k.id, 0, r.pages[0]), page0); err != nil {
				return err
			}
		}
		if err := p.s.runs.finish(r, page0); err != nil {
			return err
		}
		if err := p.entry(farKey(k.table, k.group, r), []byte{}); err != nil {
			return err
		}
		p.files[r.far.file.id] += r.bytes
	}
	p.written += r.bytes
	p.pages += int64(len(r.pages))
	p.sum += r.sum(k.table, k.group)
	if p.copy != nil {
		p.copy.wrote(k.table, k.group, k.id)
	}
	return nil
}

func (p *preparer) remove(table uint64, group int, r *run) error {
	if p.copy != nil {
		p.copy.removed(table, group, r.id)
	}
	p.pages -= int64(len(r.pages))
	p.sum -= r.sum(table, group)
	if r.far.file != nil {
		p.files[r.far.file.id] -= r.bytes
		return p.entry(farKey(table, group, r), nil)
	}
	for i, ref := range r.pages {
		key := pageKey(table, group, r.id, i, ref)
		for f := range fragments(int(ref.bytes)) {
			if err := p.entry(fragmentKey(key, f), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry adds one entry, or a deletion when value is nil, to the batch.
func (p *preparer) entry(key, value []byte) error {
	if p.wb == nil {
		p.wb = p.s.db.NewWriteBatchAt(p.version)
	}
	var err error
	if value == nil {
		err = p.wb.Delete(key)
	} else {
		err = p.wb.Set(key, value)
	}
	if err != nil {
		return err
	}
	if p.pending += len(key) + len(value); p.pending < flushBytes {
		return nil
	}
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.s.fs.At("prepare:pages"); err != nil {
		return err
	}
	return p.ctx.Err()
}

// flush writes and syncs what was added.
func (p *preparer) flush() error {
	if p.wb == nil {
		return nil
	}
	wb := p.wb
	p.wb, p.pending = nil, 0
	err := p.s.fs.At("prepare:sync")
	if err == nil {
		err = p.s.runs.sync() // what the batch refers to
	}
	if err == nil {
		err = p.s.fs.At("prepare:runs")
	}
	if err != nil {
		wb.Cancel()
		return err
	}
	return wb.Flush()
}
