package op

import (
	"encoding/binary"
	"fmt"
	"math"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/exec/op/memstate"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/state"
)

// windowAggregate is an aggregation by key and window.
//
// The namespace of a group's entry is the end of its window; or of its slice: HOP and CUMULATE keep every row once, in
// the slice of one slide or step that it falls into. (With DISTINCT the sets of values would have to be put
// together as well, and a HOP whose size is no multiple of its slide has no such slices: rows then go into each of their
// windows.) HOP puts a window together from its slices when it closes. CUMULATE, of whose windows one may have
// very many slices, adds a slice to the first one of its windows when it is over: the first one is then the window.
//
// A window closes when the watermark reaches its end less a millisecond, and its rows go out in one go, windows
// ascending; its namespace is dropped with it, a slice's when the last window of the slice has
// closed. A row all of whose windows are closed is late: dropped and counted.
//
// Which windows have closed is known from the watermark alone.
//
// An entry's fixed part: with a retracting input the number of rows, 8 bytes; the accumulators.
type windowAggregate struct {
	node *physical.WindowAggregate
	windows
	aggs     *aggCalls
	partials partials
	retract  bool
	sliced   bool
	ctx      *exec.TaskContext
	table    state.Table

	progress    progress
	wm          exec.Watermark
	next        int64 // an end that is not after that of the next window to close; math.MaxInt64: none is open
	merged      *memstate.Map
	target      state.Map // where mergeRows merges into
	mergedLimit int64     // entries merged at a time

	all     []int32
	late    []int32 // of the batch under way
	buckets []bucket
	index   map[int64]int // buckets by namespace, when there are more than a few
	view    batch.Batch
	keys    state.Keys
	hashes  []uint64
	refs    []state.Ref
	created []bool
	slots   [][]byte
	rows    agg.Rows // of a bucket

	fire copiedEntries // of a closed window
	most int           // entries in fire at a time
	offs []uint32      // of the keys that are merged
	keyv []*batch.Vector
	at   []int32
	out  *batch.Batch
	dst  agg.Rows
}

// fewBuckets is up to how many buckets one is looked for in all of them.
const fewBuckets = 8

// bucket is the rows of a batch that belong to one namespace.
type bucket struct {
	ns   int64
	rows []int32
}

func newWindowAggregate(n *physical.WindowAggregate) (*windowAggregate, error) {
	w, err := newWindows(n.Window, n.Input.Base().Columns)
	if err != nil {
		return nil, err
	}
	in := columnTypes(n.Input)
	retract := n.Input.Base().Changelog.Mode != catalog.InsertOnly
	aggs, err := newAggCalls(windowHead(retract), n.Aggs, in, aggUse{retract: retract, merge: true})
	if err != nil {
		return nil, err
	}
	o := &windowAggregate{node: n, windows: w, aggs: aggs, retract: retract, mergedLimit: 1 << 20, most: batch.TargetRows, index: map[int64]int{}}
	o.partials = newPartials(n.TwoPhase, len(in), aggs.set)
	o.sliced = w.w.TimeColumn >= 0 && w.w.Size != w.w.Slide && w.w.Size%w.w.Slide == 0 && !aggs.hasDistinct()
	o.out, o.keyv, err = windowOutput(n)
	return o, err
}

// windowHead is the bytes in front of the accumulators.
func windowHead(retract bool) int {
	if retract {
		return 8
	}
	return 0
}

// windowOutput is the batch that a window's rows go out in, and the columns in it that take the keys.
func windowOutput(n *physical.WindowAggregate) (out *batch.Batch, keys []*batch.Vector, err error) {
	for _, p := range n.WindowColumns {
		if p != "start" && p != "end" && p != "time" {
			return nil, nil, fmt.Errorf("this is a bug: a window has no property %q", p)
		}
	}
	out = batch.New(columnTypes(n), batch.TargetRows)
	keys = out.Cols[:len(n.Keys)]
	in := columnTypes(n.Input)
	for i, c := range n.Keys {
		keys[i].Type = in[c] // keys are decoded with the types that they were encoded with
	}
	return out, keys, nil
}

func (o *windowAggregate) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	in := columnTypes(o.node.Input)
	w := &o.w
	shape := fmt.Sprintf("size%d slide%d offset%d", w.Size, w.Slide, w.Offset)
	if w.TimeColumn < 0 {
		shape = "attached"
	} else if o.sliced {
		shape += " sliced"
	}
	if w.Kind == physical.Cumulate {
		shape += " cumulate"
	}
	if w.ProcTime {
		shape += " proctime"
	}
	o.table, err = st.Table(state.TableSpec{
		Name: "acc", Fixed: o.aggs.set.Fixed,
		Schema: fmt.Sprintf("window1 %s key%d(%s) %s", shape, batch.KeyFormat, typeList(pick(in, o.node.Keys)), o.aggs.set.Schema),
	})
	if err != nil {
		return err
	}
	if err = o.aggs.open(st, 0); err != nil {
		return err
	}
	if o.wm, err = o.progress.open(ctx, st); err != nil {
		return err
	}
	o.next = math.MaxInt64
	if ns := o.table.Namespaces(); len(ns) > 0 {
		o.next = ns[0]
	}
	return nil
}

// Snapshot saves how far event time has come.
func (o *windowAggregate) Snapshot(state.Epoch, exec.Emitter) error { return o.progress.snapshot(o.wm) }

func (o *windowAggregate) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	if err := o.assign(in); err != nil {
		return err
	}
	for i := range o.buckets {
		if b := &o.buckets[i]; len(b.rows) > 0 {
			if err := o.add(in, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// assign puts the rows of in that are not late into buckets.
func (o *windowAggregate) assign(in *batch.Batch) error {
	for i := range o.buckets {
		o.buckets[i].rows = o.buckets[i].rows[:0]
	}
	o.buckets = o.buckets[:0]
	pos := positions(in, &o.all)
	o.late = o.late[:0]
	w := &o.w
	if w.TimeColumn < 0 {
		ends := in.Cols[w.EndColumn]
		cur := -1
		for _, i := range pos {
			if ends.IsNull(int(i)) {
				return o.noTime()
			}
			end := ends.Int[i]
			if cur < 0 || o.buckets[cur].ns != end {
				if !w.ProcTime && o.closed(end, o.wm) { // by the clock rows of a window come when it is over
					o.late = append(o.late, i)
					continue
				}
				cur = o.bucket(end)
			}
			o.buckets[cur].rows = append(o.buckets[cur].rows, i)
		}
		return o.dropLate(in)
	}
	times := in.Cols[w.TimeColumn]
	if w.Size == w.Slide || o.sliced {
		// The rows of one stretch of local time [from, to) go into one bucket.
		cur, from, to := -1, int64(0), int64(0)
		for _, i := range pos {
			t, err := o.rowTime(times, int(i))
			if err != nil {
				return err
			}
			if cur == -1 || t < from || t >= to {
				from = floorTo(t, w.Slide, w.Offset)
				to = from + w.Slide
				if cur = -2; !o.closed(o.lastEnd(to), o.wm) {
					cur = o.bucket(o.slice(to))
				}
			}
			if cur == -2 {
				o.late = append(o.late, i)
				continue
			}
			o.buckets[cur].rows = append(o.buckets[cur].rows, i)
		}
		return o.dropLate(in)
	}
	for _, i := range pos {
		t, err := o.rowTime(times, int(i))
		if err != nil {
			return err
		}
		_, end, n, _, next := o.of(t)
		taken := false
		for range n {
			if !o.closed(end, o.wm) {
				taken = true
				b := o.bucket(end)
				o.buckets[b].rows = append(o.buckets[b].rows, i)
			}
			end += next
		}
		if n > 0 && !taken {
			o.late = append(o.late, i)
		}
	}
	return o.dropLate(in)
}

// dropLate drops the rows that are late, and counts those that partial results stand for.
func (o *windowAggregate) dropLate(in *batch.Batch) error {
	if more := o.partials.late(in, o.late); more > 0 && o.ctx.Metrics != nil {
		o.ctx.Metrics.Late.Add(more)
	}
	return o.ctx.DropLate(0, in, o.late, o.wm)
}

// lastEnd is the end of the last window that has the slice (or the stretch of a tumbling window) that ends at to.
func (o *windowAggregate) lastEnd(to int64) int64 {
	if o.w.Kind == physical.Cumulate {
		return o.start(to) + o.w.Size
	}
	return to - o.w.Slide + o.w.Size
}

// slice is the namespace of the rows of a slice: of CUMULATE, when the slice is over, the first one of the same windows.
func (o *windowAggregate) slice(to int64) int64 {
	if o.w.Kind == physical.Cumulate && o.closed(to, o.wm) {
		return o.start(to) + o.w.Slide
	}
	return to
}

// bucket is the index of the bucket of a namespace.
func (o *windowAggregate) bucket(ns int64) int {
	n := len(o.buckets)
	if n <= fewBuckets {
		for i := n - 1; i >= 0; i-- {
			if o.buckets[i].ns == ns {
				return i
			}
		}
	} else if i, ok := o.index[ns]; ok {
		return i
	}
	if n == fewBuckets {
		clear(o.index)
		for i := range o.buckets {
			o.index[o.buckets[i].ns] = i
		}
	}
	if n >= fewBuckets {
		o.index[ns] = n
	}
	if n < cap(o.buckets) {
		o.buckets = o.buckets[:n+1]
		o.buckets[n].ns = ns
		o.buckets[n].rows = o.buckets[n].rows[:0]
	} else {
		o.buckets = append(o.buckets, bucket{ns: ns})
	}
	o.next = min(o.next, ns)
	return n
}

// add adds the rows of a bucket to their groups.
func (o *windowAggregate) add(in *batch.Batch, b *bucket) error {
	n := len(b.rows)
	o.view = *in
	o.view.Sel = b.rows
	o.hashes = batch.EncodeKeys(&o.view, o.node.Keys, &o.keys, o.hashes)
	o.refs, o.created, o.slots = grow(o.refs, n), grow(o.created, n), grow(o.slots, n)
	m := o.table.Map(b.ns)
	if err := m.UpsertMany(o.hashes[:n], o.keys, o.refs, o.created); err != nil {
		return err
	}
	for k, r := range o.refs {
		o.slots[k] = m.Fixed(r)
	}
	if o.retract {
		o.partials.count(in, b.rows, o.slots)
	}
	o.rows = agg.Rows{In: in, Map: m, Pos: b.rows, Slots: o.slots, Refs: o.refs}
	return o.partials.update(o.aggs, &o.rows, b.ns)
}

func (o *windowAggregate) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm < o.wm || wm == o.wm && !o.w.ProcTime {
		return nil
	}
	before := o.wm
	o.wm = wm
	if o.next == math.MaxInt64 || !o.closed(o.next, wm) {
		return nil
	}
	if o.sliced && o.w.Kind == physical.Cumulate {
		return o.closeCumulated(before, wm, out)
	}
	if o.sliced {
		return o.closeSliced(before, wm, out)
	}
	o.next = math.MaxInt64
	for _, end := range o.table.Namespaces() {
		if !o.closed(end, wm) {
			o.next = end
			break
		}
		if err := o.fireMap(end, o.table.Map(end), out); err != nil {
			return err
		}
		if err := o.table.Drop(end); err != nil {
			return err
		}
		if err := o.aggs.drop(end); err != nil {
			return err
		}
	}
	return nil
}

// closeSliced puts out the windows that close between two watermarks, and drops the slices that no open window
// has.
func (o *windowAggregate) closeSliced(before, wm exec.Watermark, out exec.Emitter) error {
	slices := o.table.Namespaces()
	size, slide := o.w.Size, o.w.Slide
	end := int64(math.MaxInt64)
	if len(slices) > 0 {
		end = slices[0]
	}
	for len(slices) > 0 && o.closed(end, wm) {
		in := 0 // slices of the window that ends at end
		for in < len(slices) && slices[in] <= end {
			in++
		}
		if !o.closed(end, before) {
			if err := o.fireSlices(end, slices[:in], out); err != nil {
				return err
			}
		}
		for len(slices) > 0 && slices[0]+size-slide <= end {
			if err := o.table.Drop(slices[0]); err != nil {
				return err
			}
			slices = slices[1:]
		}
		end += slide
		if len(slices) > 0 {
			end = max(end, slices[0])
		}
	}
	o.next = math.MaxInt64
	if len(slices) > 0 {
		o.next = end
	}
	return nil
}

// fireSlices puts out the window made of slices.
func (o *windowAggregate) fireSlices(end int64, slices []int64, out exec.Emitter) error {
	switch len(slices) {
	case 0:
		return nil
	case 1:
		return o.fireMap(end, o.table.Map(slices[0]), out)
	}
	total := int64(0)
	for _, ns := range slices {
		total += o.table.Map(ns).Len()
	}
	// Only a part of the keys is merged at a time where they are very many.
	parts := uint64(1 + total/o.mergedLimit)
	if o.merged == nil {
		o.merged = memstate.NewMap(o.aggs.set.Fixed)
	}
	for part := range parts {
		o.merged.Reset()
		for _, ns := range slices {
			o.target = o.merged
			err := o.scan(o.table.Map(ns), o.inPart(part, parts), o.mergeRows)
			if err != nil {
				return err
			}
		}
		if err := o.fireMap(end, o.merged, out); err != nil {
			return err
		}
	}
	return nil
}

// closeCumulated puts out the windows of CUMULATE that close between two watermarks.
func (o *windowAggregate) closeCumulated(before, wm exec.Watermark, out exec.Emitter) error {
	slices := o.table.Namespaces()
	o.next = math.MaxInt64
	for len(slices) > 0 {
		first, last := o.start(slices[0])+o.w.Slide, o.lastEnd(slices[0])
		for end := slices[0]; end <= last; end += o.w.Slide {
			if !o.closed(end, wm) {
				o.next = end
				return nil
			}
			if len(slices) > 0 && slices[0] == end {
				slices = slices[1:]
				if end != first {
					if err := o.accumulate(end, first); err != nil {
						return err
					}
				}
			}
			if !o.closed(end, before) {
				if err := o.fireMap(end, o.table.Map(first), out); err != nil {
					return err
				}
			}
		}
		if err := o.table.Drop(first); err != nil {
			return err
		}
	}
	return nil
}

// accumulate moves the entries of one slice to another.
func (o *windowAggregate) accumulate(from, to int64) error {
	// A table is not written while it is scanned, so that a part of the keys is copied first.
	parts := uint64(1 + o.table.Map(from).Len()/o.mergedLimit)
	o.most = math.MaxInt
	defer func() { o.most = batch.TargetRows }()
	for part := range parts {
		err := o.scan(o.table.Map(from), o.inPart(part, parts), func() error {
			o.target = o.table.Map(to)
			return o.mergeRows()
		})
		if err != nil {
			return err
		}
	}
	return o.table.Drop(from)
}

// inPart says which keys belong to one of so many parts.
func (o *windowAggregate) inPart(part, parts uint64) func(key []byte) bool {
	if parts == 1 {
		return nil
	}
	return func(key []byte) bool { return state.Hash(key)%parts == part }
}

// mergeRows adds the entries copied to o.fire to those of the same keys in o.target.
func (o *windowAggregate) mergeRows() error {
	src := o.fire.entries()
	n := len(src.Slots)
	o.dst.Reset()
	o.dst.Map = o.target
	keys := state.Keys{Data: o.fire.key, Off: append(o.offs[:0], 0)}
	o.hashes = o.hashes[:0]
	from := 0
	for _, c := range o.fire.cuts {
		keys.Off = append(keys.Off, uint32(c.key))
		o.hashes = append(o.hashes, state.Hash(o.fire.key[from:c.key]))
		from = c.key
	}
	o.offs = keys.Off
	o.created = grow(o.created, n)
	o.dst.Refs = grow(o.dst.Refs, n)
	if err := o.target.UpsertMany(o.hashes, keys, o.dst.Refs, o.created); err != nil {
		return err
	}
	for _, r := range o.dst.Refs {
		o.dst.Slots = append(o.dst.Slots, o.target.Fixed(r))
	}
	if o.retract {
		for k, s := range src.Slots {
			addCount(o.dst.Slots[k], s)
		}
	}
	return o.aggs.set.Merge(&o.dst, src)
}

// fireMap puts out the groups of m as those of the window that ends at end.
func (o *windowAggregate) fireMap(end int64, m state.Map, out exec.Emitter) error {
	return o.scan(m, nil, func() error { return o.emit(end, out) })
}

// scan copies the entries of m whose key is wanted, so many at a time, to o.fire, and calls f.
func (o *windowAggregate) scan(m state.Map, wanted func(key []byte) bool, f func() error) error {
	o.fire.reset()
	flush := func() error {
		if len(o.fire.cuts) == 0 {
			return nil
		}
		err := f()
		o.fire.reset()
		return err
	}
	var failed error
	err := m.Scan(func(r state.Ref) bool {
		key := m.Key(r)
		if wanted != nil && !wanted(key) {
			return true
		}
		if o.retract && binary.LittleEndian.Uint64(m.Fixed(r)) == 0 {
			return true // all its rows were taken back
		}
		o.fire.add(m, r, key, o.aggs.set)
		if len(o.fire.cuts) == o.most {
			failed = flush()
		}
		return failed == nil
	})
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return flush()
}

// emit puts the entries copied to o.fire out as rows of the window that ends at end.
func (o *windowAggregate) emit(end int64, out exec.Emitter) error {
	rows := o.fire.entries()
	n := len(rows.Slots)
	o.out.Reset()
	from := 0
	for _, c := range o.fire.cuts {
		if len(o.keyv) > 0 {
			if err := batch.DecodeKey(o.fire.key[from:c.key], o.keyv); err != nil {
				return fmt.Errorf("state of operator %s: %w", o.ctx.Operator, err)
			}
		}
		from = c.key
	}
	for len(o.at) < n {
		o.at = append(o.at, int32(len(o.at)))
	}
	for _, v := range o.out.Cols[len(o.keyv):] {
		v.Resize(n)
	}
	if err := o.aggs.values(rows, o.out, len(o.keyv), o.at[:n]); err != nil {
		return err
	}
	for i, p := range o.node.WindowColumns {
		x := end
		switch p {
		case "start":
			x = o.start(end)
		case "time":
			x = o.windowTime(end, int64(o.wm)+tick)
		}
		for k, col := 0, o.out.Cols[len(o.keyv)+len(o.aggs.calls)+i].Int; k < n; k++ {
			col[k] = x
		}
	}
	o.out.N = n
	return out.Emit(o.out)
}

func (o *windowAggregate) reached() exec.Watermark { return o.wm }

func (o *windowAggregate) due() exec.Watermark {
	if o.next == math.MaxInt64 {
		return exec.MaxWatermark
	}
	return exec.Watermark(o.clock.due(o.next - tick))
}

func (*windowAggregate) Close() error { return nil }
