package state

import "slices"

// Folding keeps the number of runs of a key group small, so that a lookup reads few pages, and
// drops what newer runs have made void.
const (
	maxRuns    = 8       // runs of a key group before some are folded
	foldFactor = 2       // an older run joins when it is at most so many times as large as the newer ones together
	foldFloor  = 1 << 20 // bytes that one Prepare may fold however little it writes
)

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
