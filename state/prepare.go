package state

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"syscall"

	"github.com/dgraph-io/badger/v4"
)

// Folding keeps the number of runs of a key group small, so that a lookup reads few pages, and
// drops what newer runs have made void.
const (
	maxRuns    = 8        // runs of a key group before some are folded
	foldFactor = 2        // an older run joins when it is at most so many times as large as the newer ones together
	foldFloor  = 1 << 20  // bytes that one Prepare may fold however little it writes
	spareDisk  = 96 << 20 // room that Badger needs for its own files; a mapped file on a full disk kills the process
)

// NewNonce makes a random nonce.
func NewNonce() Nonce {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return Nonce(hex.EncodeToString(b[:]))
}

// Prepare makes epoch m.Epoch durable: pages to Badger, synced; the increment to cp (unless nil);
// then, last, the manifest. It fills in Format, Nonce, Made, Groups, Entries, Pages, Checksum and
// Checkpoint of m. It runs beside processing. After an error the job must recover (Start).
func (s *Store) Prepare(ctx context.Context, m *Manifest, frozen []*Frozen, cp *Checkpoints) error {
	for _, f := range frozen {
		f.freeze.begun.Store(true)
		defer close(f.freeze.ended)
	}
	if s.dirs == nil || s.groups == 0 {
		return fmt.Errorf("this is a bug: epoch %d is prepared before Start", m.Epoch)
	}
	if s.current != nil && m.Epoch <= s.current.Epoch {
		return fmt.Errorf("this is a bug: epoch %d is prepared after epoch %d", m.Epoch, s.current.Epoch)
	}
	for _, f := range frozen {
		if f.epoch != m.Epoch || f.scope.generation != s.generation.Load() {
			return fmt.Errorf("this is a bug: operator %s was frozen for epoch %d of another run, and is prepared for epoch %d", f.scope.operator, f.epoch, m.Epoch)
		}
	}
	s.scanned = false
	m.Format = FormatVersion
	m.Groups = s.groups
	m.Made = s.clock().UTC()
	if m.Nonce == "" {
		m.Nonce = NewNonce()
	}
	if m.Previous == "" && s.current != nil {
		m.Previous = s.current.Nonce
	}
	if err := s.fs.At("prepare:start"); err != nil {
		return err
	}
	dirty := dirtyBytes(frozen)
	if err := s.leaves(spareDisk + 2*dirty); err != nil { // the log, and a table
		return err
	}
	if s.db == nil { // Options.Lazy
		var err error
		if s.db, s.runs, err = s.openData(s.data); err != nil {
			return err
		}
	}
	if err := s.mergeTables(s.db); err != nil {
		return s.diskError("merge the tables of the data folder", err)
	}
	p := &preparer{ctx: ctx, s: s, version: version(m.Epoch), epoch: m.Epoch, farRun: s.farRun(dirty), pages: s.dirs.pages, sum: s.dirs.sum, files: maps.Clone(s.dirs.files), entries: s.entries}
	defer p.cancel()
	if cp != nil {
		w, err := s.beginCheckpoint(cp, m)
		if err != nil {
			return err
		}
		p.copy = w
		defer w.abandon()
	}

	s.writing.Lock()
	err := p.write(frozen)
	s.writing.Unlock()
	if err != nil {
		return s.diskError(fmt.Sprintf("write epoch %d", m.Epoch), err)
	}
	m.Entries, m.Pages, m.Checksum = p.entries, p.pages, sumText(p.sum)
	if p.copy != nil {
		if err := s.fs.At("prepare:checkpoint"); err != nil {
			return err
		}
		if err := p.copy.finish(ctx, m); err != nil {
			return err
		}
	} else {
		s.stored = checkpointRuns{}
	}
	if err := s.publish(m, p.copy); err != nil {
		return err
	}
	s.previous, s.current = s.current, m
	s.dirs.pages, s.dirs.sum, s.dirs.files, s.entries = p.pages, p.sum, p.files, p.entries
	for _, f := range frozen {
		f.freeze.done.Store(true)
		for i := range f.tables {
			f.tables[i].maps = nil
		}
	}
	s.pressure.Store(false)
	return s.fs.At("prepare:done")
}

// publish makes the checkpoint cp (unless nil) and then the manifest m valid and durable: all contents of the checkpoint, then its name, then
// the manifest, which names it. Syncs are most of what a small epoch takes, so those of one step are made at the same time.
func (s *Store) publish(m *Manifest, cp *checkpointWriter) error {
	if cp != nil {
		contents, names, err := cp.seal(m)
		if err != nil {
			return err
		}
		if err := beside(contents...); err != nil {
			return err
		}
		if err := s.fs.At("checkpoint:manifest"); err != nil {
			return err
		}
		if err := cp.publish(); err != nil {
			return err
		}
		if err := beside(names...); err != nil {
			return err
		}
	}
	if err := s.fs.At("prepare:manifest"); err != nil {
		return err
	}
	return s.diskError(fmt.Sprintf("write the manifest of epoch %d", m.Epoch), s.slots.write(s.data, m, s.current))
}

// dirtyBytes is about what an epoch has to write.
func dirtyBytes(frozen []*Frozen) (n int64) {
	for _, f := range frozen {
		for i := range f.tables {
			ft := &f.tables[i]
			for _, m := range ft.maps {
				for _, c := range m.chunks {
					n += int64(bits.OnesCount64(c.rows)*ft.t.stride + len(c.arena))
				}
			}
		}
	}
	return n
}

// leaves refuses when the disk has less room than need.
func (s *Store) leaves(need int64) error {
	free, err := s.fs.Free(s.dir)
	if err != nil {
		return s.diskError("look for free space", err)
	}
	if free < need {
		return &FullError{Dir: s.dir, Need: need, Free: free, Cause: syscall.ENOSPC}
	}
	return nil
}

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

// withoutVoid drops the runs all of whose rows newer runs have dropped, and that void nothing themselves.
func withoutVoid(runs []*run) []*run {
	dropped := droppedBy(runs)
	keep := make([]bool, len(runs))
	needed := map[int64]bool{} // namespaces with rows in older runs that are kept
	for i := len(runs) - 1; i >= 0; i-- {
		void := i > 0
		for _, c := range runs[i].header.counts {
			if by, ok := dropped[c.ns]; c.rows > 0 && (!ok || by >= i) {
				void = false
			}
		}
		for _, ns := range runs[i].header.drops {
			if needed[ns] && dropped[ns] == i {
				void = false
			}
		}
		if keep[i] = !void; keep[i] {
			for _, c := range runs[i].header.counts {
				needed[c.ns] = true
			}
		}
	}
	out := runs[:0:0]
	for i, r := range runs {
		if keep[i] {
			out = append(out, r)
		}
	}
	return out
}

// foldRuns merges some runs behind the newest of next into one. They are read at version ts.
func (p *preparer) foldRuns(t *table, group int, ts uint64, next *groupDir) error {
	runs := next.runs
	to, size := 2, runs[1].bytes
	for to < len(runs) && (to < 1+maxRuns/2 || runs[to].bytes <= foldFactor*size) {
		size += runs[to].bytes
		to++
	}
	if size > p.fold && len(runs) < 3*maxRuns {
		return nil // a later epoch has room for it
	}
	p.fold -= size
	oldest := to == len(runs)
	src := p.s.pages(t.id, group, ts)
	defer src.close()
	mg, err := newMerge(src, next, 1, to, nil)
	if err != nil {
		return err
	}
	b := &p.s.builder // the newest run is finished
	b.reset(runKey{t.id, group, runID{runs[1].id.epoch, runs[1].id.seq + 1}}, t.spec.Fixed, t.ttl > 0, p, p.farRun)
	now := p.s.clock().UnixMilli()
	for {
		r, err := mg.row()
		if err != nil {
			return err
		}
		if r == nil {
			break
		}
		if t.ttl > 0 {
			if r.stamp == noStamp {
				r.stamp = now
			}
			if r.stamp+t.ttl <= now {
				r.dead = true
			}
		}
		if r.dead && oldest {
			continue
		}
		b.add(r)
	}
	var drops []int64
	if !oldest {
		for _, r := range runs[1:to] {
			drops = append(drops, r.header.drops...)
		}
		slices.Sort(drops)
		drops = slices.Compact(drops)
	}
	merged := runs[1:to]
	counts := &groupDir{counts: countsOf(merged)}
	// Namespaces whose last row was deleted here must not show the count of an older run.
	filter := filterNewer
	if oldest {
		filter = filterOldest
	}
	folded, err := b.finish(drops, filter, counts.live)
	if err != nil {
		return err
	}
	out := []*run{runs[0]}
	if folded.header.rows > 0 || len(drops) > 0 {
		if err := b.write(folded); err != nil {
			return err
		}
		out = append(out, folded)
	}
	next.runs = append(out, runs[to:]...)
	next.counts = countsOf(next.runs)
	return nil
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

// compactFiles copies what lives out of run files that are mostly dead, so that they can be deleted. It copies no more than
// the epoch writes anyway.
func (p *preparer) compactFiles() error {
	sparse := p.s.runs.sparse(p.files, max(rewriteFloor, p.written))
	if len(sparse) == 0 {
		return nil
	}
	type place struct {
		table *tableDir
		group int
	}
	newest := map[place]*groupDir{}
	for _, x := range p.publish {
		newest[place{x.table, x.group}] = x.dir
	}
	for t := range p.s.allTables() {
		for g := range t.groups {
			d := newest[place{t, g}]
			if d == nil {
				d = t.group(g)
			}
			if !slices.ContainsFunc(d.runs, func(r *run) bool { return sparse[r.far.file] }) {
				continue
			}
			next := &groupDir{ts: d.ts, runs: slices.Clone(d.runs), counts: d.counts}
			for i, r := range next.runs {
				if !sparse[r.far.file] {
					continue
				}
				moved, err := p.moveRun(t.id, g, r)
				if err != nil {
					return err
				}
				next.runs[i] = moved
			}
			p.publish = append(p.publish, published{t, g, next})
		}
	}
	return nil
}

// moveRun copies a far run to the newest file.
func (p *preparer) moveRun(table uint64, group int, r *run) (*run, error) {
	to := &run{id: r.id, pages: slices.Clone(r.pages), header: r.header, bytes: r.bytes}
	var err error
	if to.far.file, to.far.off, err = p.s.runs.begin(); err != nil {
		return nil, err
	}
	var page []byte
	for i := 1; i <= len(r.pages); i++ {
		no := i % len(r.pages) // page 0 last
		if page, err = readFar(r, no, page); err != nil {
			return nil, p.s.pageError(table, group, err)
		}
		if no > 0 {
			err = p.s.runs.write(page)
		} else {
			err = p.s.runs.finish(to, page)
		}
		if err != nil {
			return nil, err
		}
	}
	p.files[r.far.file.id] -= r.bytes
	p.files[to.far.file.id] += r.bytes
	if err := p.entry(farKey(table, group, r), nil); err != nil {
		return nil, err
	}
	return to, p.entry(farKey(table, group, to), []byte{})
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
