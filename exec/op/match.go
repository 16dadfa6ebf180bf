package op

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"math"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/op/pattern"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// match looks for a pattern in the rows of each partition. Rows of event time wait in a timeBuffer; those that the watermark has passed
// are looked at in the order of their times, in batches:
//
//	conditions  of the row alone are computed for the whole batch, one after the other
//	waves       a wave has the first rows that are left of each partition: they do not depend on each other
//	probes      conditions that read what a match has so far are computed for all runs of a wave at once
//	offer       each row is offered to the runs of its partition
//	measures    are computed for all matches of the batch at once
//
// Table partition has, by key: the time 8 at which the first of its open matches began, notBegun where none is; variable part: what package pattern
// stores. Partitions that were touched since the last barrier are in memory; the table gets them there. WITHIN is not part of what is stored.
type match struct {
	node   *physical.Match
	ctx    *exec.TaskContext
	types  []types.Type
	cols   []int
	reads  []int // columns of rows that are kept
	search *pattern.Search
	conds  []*matchCond // by variable; nil: every row
	probed []*matchCond // those that read what a match has so far
	found  *matchProbe  // the measures
	out    *expr.Projection
	keys   *batch.Batch // of the matches
	result batch.Batch

	table    state.Table
	buffer   timeBuffer
	progress progress
	wm       exec.Watermark
	now      int64 // by processing time
	queue    dueQueue
	parts    map[string]*matchPart

	enc    state.Keys
	rows   state.Keys
	kept   state.Keys
	hashes []uint64
	all    []int32
	late   []int32      // of the batch under way
	cur    *batch.Batch // the batch under way
	times  []int64      // of its rows, where they come by processing time
	sorted *batch.Batch
	order  [][]byte
	at     []int32
	waves  [][]matchRow
	buf    []byte
}

// matchPart is a partition in memory.
type matchPart struct {
	p     *pattern.Partition
	key   []byte
	hash  uint64
	due   int64 // when the queue has it; notBegun: never
	level int   // rows of it in this batch so far
}

// matchRow is a row of the batch that is looked at.
type matchRow struct {
	part *matchPart
	pos  int32 // in the batch
	time int64
	kept []byte // its columns reads, encoded like a key; in the memory of the batch under way
}

// notBegun is the time of a partition that has no open match.
const notBegun = math.MaxInt64

// partsInMemory is how many partitions stay in memory between two barriers.
const partsInMemory = 1 << 16

func newMatch(n *physical.Match, env Env) (*match, error) {
	o := &match{node: n, types: columnTypes(n.Input), parts: map[string]*matchPart{}}
	o.cols = scalar.FirstColumns(len(o.types))
	o.search = &pattern.Search{Skip: pattern.Skip(n.Skip.Kind), To: n.Skip.Var, Within: n.Within}
	var vars []pattern.Variable
	for _, v := range n.Vars {
		vars = append(vars, pattern.Variable{Min: v.Min, Max: v.Max, Reluctant: v.Reluctant})
		o.search.Names = append(o.search.Names, v.Name)
	}
	o.search.Machine = pattern.Compile(vars)
	o.reads = matchReads(n)
	for i, v := range n.Vars {
		c, err := newMatchCond(n, i, v.Cond, o.types, o.reads, env)
		if err != nil {
			return nil, err
		}
		o.conds = append(o.conds, c)
		probed := c != nil && c.probe != nil
		if probed {
			o.probed = append(o.probed, c)
		}
		o.search.Alone = append(o.search.Alone, !probed)
	}
	var err error
	if o.found, err = newMatchProbe(n, -1, n.Measures, o.types, o.reads); err != nil {
		return nil, err
	}
	if o.out, err = expr.CompileProjection(o.found.exprs, env.Expr); err != nil {
		return nil, err
	}
	if err := orderable(o.types, n.Then); err != nil {
		return nil, err
	}
	o.keys = batch.New(pick(o.types, n.Partition), 0)
	o.cur, o.sorted = batch.New(o.types, batch.TargetRows), batch.New(o.types, 0)
	return o, nil
}

// matchReads is the columns of earlier rows that conditions and measures read.
func matchReads(n *physical.Match) []int {
	var out []int
	add := func(c int) {
		if i, ok := slices.BinarySearch(out, c); !ok {
			out = slices.Insert(out, i, c)
		}
	}
	for _, r := range n.Refs {
		if r.Func == "" && !r.Time {
			add(r.Column)
		}
		for _, a := range r.Args {
			for _, c := range scalar.Columns(a) {
				add(c)
			}
		}
	}
	return out
}

func (o *match) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	n := o.node
	schema := fmt.Sprintf("match%d key%d(%s) (%s) states%d", pattern.Format, batch.KeyFormat, typeList(pick(o.types, n.Partition)),
		typeList(pick(o.types, o.reads)), o.search.Machine.States())
	if o.table, err = st.Table(state.TableSpec{Name: "partition", Fixed: 8, Schema: schema}); err != nil {
		return err
	}
	m := o.table.Map(0)
	err = m.Scan(func(r state.Ref) bool {
		if at := o.dueOf(due(m, r)); at != notBegun {
			key := slices.Clone(m.Key(r))
			o.queue = append(o.queue, duePartition{at, state.Hash(key), key})
		}
		return true
	})
	heap.Init(&o.queue)
	if err != nil || n.ProcTime {
		return err
	}
	if o.wm, err = o.progress.open(ctx, st); err != nil {
		return err
	}
	return o.buffer.open(st, "pending", fmt.Sprintf("key%d(%s) (%s)", batch.KeyFormat, typeList(pick(o.types, n.Partition)), typeList(o.types)))
}

func (o *match) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	if o.node.ProcTime {
		o.cur.Reset()
		o.cur.AppendRows(in, positions(in, &o.all))
		o.times = grow(o.times, o.cur.N)
		for i := range o.times {
			o.times[i] = o.now
		}
		o.sort(o.times)
		if err := o.look(o.times, out); err != nil {
			return err
		}
		return o.emit(out)
	}
	o.hashes = batch.EncodeKeys(in, o.node.Partition, &o.enc, o.hashes)
	batch.EncodeUnhashed(in, o.cols, &o.rows)
	times := in.Cols[o.node.Time]
	o.late = o.late[:0]
	for k, i := range positions(in, &o.all) {
		if times.IsNull(int(i)) {
			return noTimeOf(o.node.Input, o.node.Time)
		}
		t := times.Int[i]
		if o.wm != exec.MinWatermark && t <= int64(o.wm) {
			o.late = append(o.late, i)
			continue
		}
		o.buffer.add(t, o.hashes[k], o.enc.At(k), o.rows.At(k))
	}
	return o.ctx.DropLate(0, in, o.late, o.wm)
}

func (o *match) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if o.node.ProcTime || wm <= o.wm {
		return nil
	}
	o.wm = wm
	for o.buffer.due(int64(wm)) {
		if err := o.next(int64(wm)); err != nil {
			return err
		}
		if err := o.look(o.cur.Cols[o.node.Time].Int, out); err != nil {
			return err
		}
	}
	if err := o.pass(int64(wm), out); err != nil {
		return err
	}
	return o.emit(out)
}

// next takes rows that are due at a time out of the buffer, a batch of them, in their order.
func (o *match) next(time int64) error {
	o.cur.Reset()
	times := o.cur.Cols[o.node.Time]
	for o.buffer.due(time) {
		// Rows of one time belong together where they are ordered further.
		if o.cur.N >= batch.TargetRows && (len(o.node.Then) == 0 || !o.buffer.due(times.Int[o.cur.N-1])) {
			break
		}
		if err := decodeRow(o.node.ID, o.buffer.pop().row, o.cur.Cols); err != nil {
			return err
		}
		o.cur.N++
	}
	o.sort(times.Int)
	return nil
}

// sort puts the rows of one time, which stand together in the batch under way, into their further order.
func (o *match) sort(times []int64) {
	n := o.cur.N
	if len(o.node.Then) == 0 || n < 2 {
		return
	}
	o.order, o.at = grow(o.order, n), grow(o.at, n)
	for i := range o.order {
		o.order[i], o.at[i] = appendOrder(o.order[i][:0], o.node.Then, o.cur, i), int32(i)
	}
	for from := 0; from < n; {
		to := from + 1
		for to < n && times[to] == times[from] {
			to++
		}
		slices.SortStableFunc(o.at[from:to], func(a, b int32) int { return bytes.Compare(o.order[a], o.order[b]) })
		from = to
	}
	o.sorted.Reset()
	for c, v := range o.sorted.Cols {
		v.AppendMany(o.cur.Cols[c], o.at, n)
	}
	o.sorted.N = n
	o.cur, o.sorted = o.sorted, o.cur
}

// look offers the rows of the batch under way, which are in their order, to the runs of their partitions.
func (o *match) look(times []int64, out exec.Emitter) error {
	waves, err := o.cut(times)
	if err != nil {
		return err
	}
	for _, c := range o.conds {
		if c != nil {
			c.begin(o.cur)
		}
	}
	for _, rows := range waves {
		if err := o.wave(rows); err != nil {
			return err
		}
		if err := o.emitMany(out); err != nil {
			return err
		}
	}
	return o.evict()
}

// cut makes waves of the batch under way: a partition's first row is in the first wave, its second one in the second.
func (o *match) cut(times []int64) ([][]matchRow, error) {
	o.hashes = batch.EncodeKeys(o.cur, o.node.Partition, &o.enc, o.hashes)
	batch.EncodeUnhashed(o.cur, o.reads, &o.kept)
	n := 0
	for k := range o.cur.N {
		part, err := o.part(o.hashes[k], o.enc.At(k))
		if err != nil {
			return nil, err
		}
		if part.level == n {
			if n == len(o.waves) {
				o.waves = append(o.waves, nil)
			}
			o.waves[n] = o.waves[n][:0]
			n++
		}
		o.waves[part.level] = append(o.waves[part.level], matchRow{part, int32(k), times[k], o.kept.At(k)})
		part.level++
	}
	if n > 0 {
		for _, row := range o.waves[0] {
			row.part.level = 0
		}
	}
	return o.waves[:n], nil
}

// wave offers rows of different partitions.
func (o *match) wave(rows []matchRow) error {
	for i := range rows {
		row := &rows[i]
		if err := o.advance(row.part, row.time); err != nil {
			return err
		}
		if len(o.probed) == 0 {
			continue
		}
		for run, needs := range o.search.Runs(row.part.p) {
			for _, v := range needs {
				if c := o.conds[v]; c != nil && c.probe != nil {
					c.add(run, row)
				}
			}
		}
	}
	for _, c := range o.probed {
		c.answer()
	}
	for i := range rows {
		if err := o.offer(&rows[i]); err != nil {
			return err
		}
	}
	for _, c := range o.probed {
		c.forget()
	}
	return nil
}

// offer offers a row to the runs of its partition.
func (o *match) offer(row *matchRow) error {
	ask := func(run *pattern.Run, v int) (bool, error) {
		if o.conds[v] == nil {
			return true, nil
		}
		return o.conds[v].holds(run, row)
	}
	if err := o.search.Offer(row.part.p, row.time, row.kept, ask, o.take(row.part)); err != nil {
		return o.broken(err)
	}
	o.enqueue(row.part)
	return nil
}

// advance drops the runs of a partition that are over at a time, and takes the matches that waited for them.
func (o *match) advance(part *matchPart, time int64) error {
	if err := o.search.Advance(part.p, time, o.take(part)); err != nil {
		return o.broken(err)
	}
	return nil
}

// broken is err, which trying again does not help against where a match cannot be skipped.
func (o *match) broken(err error) error {
	if skip := new(pattern.SkipError); errors.As(err, &skip) {
		return exec.Fatalf("write AFTER MATCH SKIP TO NEXT ROW or SKIP PAST LAST ROW, or name a variable that takes rows in every match, and not its first one",
			fmt.Sprintf("AFTER MATCH SKIP (%s)", o.node.Skip.Span), err)
	}
	return err
}

// take notes the matches of a partition.
func (o *match) take(part *matchPart) pattern.Found {
	return func(found *pattern.Run, time int64) error {
		if len(o.node.Partition) > 0 {
			if err := batch.DecodeKey(part.key, o.keys.Cols); err != nil {
				return fmt.Errorf("state of a partition of %s: %w", o.node.ID, err)
			}
		}
		return o.found.add(found, &matchRow{part: part, time: time}, nil)
	}
}

// dueOf is when a match that began at a time is over.
func (o *match) dueOf(began int64) int64 {
	if began == notBegun || o.node.Within == 0 {
		return notBegun
	}
	return began + o.node.Within
}

// enqueue has the partition looked at when the run that began first is over.
func (o *match) enqueue(part *matchPart) {
	if at, ok := o.search.Due(part.p); ok && at < part.due {
		part.due = at
		heap.Push(&o.queue, duePartition{at, part.hash, part.key})
	}
}

// pass drops the runs that are over at a time.
func (o *match) pass(time int64, out exec.Emitter) error {
	for len(o.queue) > 0 && o.queue[0].at <= time {
		d := heap.Pop(&o.queue).(duePartition)
		part, err := o.known(d.hash, d.key)
		if err != nil {
			return err
		}
		if part == nil || part.due != d.at {
			continue // it has another place in the queue, or needs none
		}
		part.due = notBegun
		if err := o.advance(part, time); err != nil {
			return err
		}
		o.enqueue(part)
		if err := o.emitMany(out); err != nil {
			return err
		}
		if err := o.evict(); err != nil {
			return err
		}
	}
	return nil
}

// emitMany puts matches out when there are many of them.
func (o *match) emitMany(out exec.Emitter) error {
	if o.found.n < batch.TargetRows {
		return nil
	}
	return o.emit(out)
}

// emit computes the measures of the matches and puts them out.
func (o *match) emit(out exec.Emitter) error {
	if o.found.n == 0 {
		return nil
	}
	in, err := o.found.finish()
	if err != nil {
		return err
	}
	cols, err := o.out.Apply(in)
	if err != nil {
		return err
	}
	o.result = batch.Batch{N: in.N, Cols: append(append(o.result.Cols[:0], o.keys.Cols...), cols.Cols...)}
	err = out.Emit(&o.result)
	o.found.reset()
	o.keys.Reset()
	return err
}

// part is the partition of a key, made where there is none.
func (o *match) part(hash uint64, key []byte) (*matchPart, error) {
	part, err := o.known(hash, key)
	if err != nil || part != nil {
		return part, err
	}
	part = &matchPart{p: o.search.NewPartition(), key: slices.Clone(key), hash: hash, due: notBegun}
	o.parts[string(part.key)] = part
	return part, nil
}

// known is the partition of a key, nil where there is none.
func (o *match) known(hash uint64, key []byte) (*matchPart, error) {
	if part := o.parts[string(key)]; part != nil {
		return part, nil
	}
	m := o.table.Map(0)
	r, err := m.Find(hash, key)
	if err != nil || r == state.NoRef {
		return nil, err
	}
	p, err := o.search.Read(m.Var(r))
	if err != nil {
		return nil, fmt.Errorf("state of a partition of %s: %w", o.node.ID, err)
	}
	part := &matchPart{p: p, key: slices.Clone(key), hash: hash, due: o.dueOf(due(m, r))}
	o.parts[string(part.key)] = part
	return part, nil
}

// evict brings partitions to the table when there are many in memory.
func (o *match) evict() error {
	if len(o.parts) < partsInMemory {
		return nil
	}
	return o.store()
}

// store brings the table up to date and forgets the partitions in memory.
func (o *match) store() error {
	m := o.table.Map(0)
	for _, part := range o.parts {
		if part.p.Empty() {
			r, err := m.Find(part.hash, part.key)
			if err != nil {
				return err
			}
			if r != state.NoRef {
				m.Delete(r)
			}
			continue
		}
		r, _, err := m.Upsert(part.hash, part.key)
		if err != nil {
			return err
		}
		// What is read again has the place in the queue that follows from what is stored.
		began, ok := part.p.Begun()
		if !ok {
			began = notBegun
		}
		if at := o.dueOf(began); at != part.due && at != notBegun {
			heap.Push(&o.queue, duePartition{at, part.hash, part.key})
		}
		setDue(m, r, began)
		o.buf = part.p.Append(o.buf[:0])
		if err := m.SetVar(r, o.buf); err != nil {
			return err
		}
	}
	clear(o.parts)
	return nil
}

func (o *match) Snapshot(state.Epoch, exec.Emitter) error {
	if err := o.store(); err != nil || o.node.ProcTime {
		return err
	}
	if err := o.progress.snapshot(o.wm); err != nil {
		return err
	}
	return o.buffer.snapshot()
}

func (*match) Close() error { return nil }

// procTimeMatch is match by processing time: rows are looked at as they come.
type procTimeMatch struct{ *match }

var _ exec.ProcessingTimer = (*procTimeMatch)(nil)

func (o *procTimeMatch) ProcessingTime(now int64, out exec.Emitter) (fired bool, err error) {
	o.now = now - now%clockTick
	if o.NextTimer() > o.now {
		return false, nil
	}
	if err := o.pass(o.now, out); err != nil {
		return true, err
	}
	return true, o.emit(out)
}

func (o *procTimeMatch) NextTimer() int64 {
	if len(o.queue) == 0 {
		return math.MaxInt64
	}
	return o.queue[0].at
}
