package op

import (
	"encoding/binary"
	"fmt"
	"math"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// over is an aggregation over the rows that come before each row in time. Rows of event time wait in a
// timeBuffer; those that the watermark has passed are processed in the order of their times, in batches:
//
//	runs    a batch is cut where a partition would have two results at once: at its next row (ROWS), or at its next
//	        row of another time (RANGE)
//	frame   of each run, the rows that leave the frames of its partitions are taken back first
//	update  its rows are added
//	result  each row goes out with the results of its partition
//
// Late is a row that the watermark has passed; where the frame has a beginning, only one that is not after the last row of its partition
// that was processed, as in Flink.
//
// Of a frame that begins some time before its row (RANGE) the state ends with time, as in Flink: a partition is forgotten when the watermark,
// or the clock, has passed its last row by one and a half times the frame's length. By then no row is in a frame that can still come;
// a row that is later than that counts anew. Table expiry has, by partition, when that is: 8; and expires the partitions in that order.
//
// An entry of table acc, by partition: mark 4, only while a batch is processed; where the frame has a beginning, the first and next number of the
// rows of the frame and the time of the last, 8 each; the accumulators. Table frame has the rows of frames, by partition
// and number: time 8; variable part: the columns that the calls read.
type over struct {
	node    *physical.Over
	ctx     *exec.TaskContext
	aggs    *aggCalls
	bounded bool
	reads   []int // columns that the calls read
	types   []types.Type
	cols    []int
	table   state.Table
	frames  state.Table
	buffer  timeBuffer
	wm      exec.Watermark

	ranged  bool // the state of a partition ends with time
	expiry  state.Table
	expires timeBuffer

	entries
	gone     state.Keys // partitions that are forgotten
	rows     state.Keys
	kept     state.Keys // encoded columns that the calls read
	slots    [][]byte
	dropped  []int32         // late rows of the batch under way
	cur      *batch.Batch    // rows out of the buffer
	old      *batch.Batch    // rows that leave frames, in the columns of the input
	oldReads []*batch.Vector // columns of old that the calls read
	out      *batch.Batch
	run      agg.Rows
	back     agg.Rows
	at       []int32
	keyBuf   []byte
}

const (
	overMark  = 0
	overFirst = 4
	overNext  = 12
	overLast  = 20
)

func newOver(n *physical.Over) (exec.Operator, error) {
	o := &over{node: n, bounded: n.Preceding >= 0, types: columnTypes(n.Input), wm: exec.MinWatermark}
	_, o.ranged = n.Forgotten()
	head := 4
	if o.bounded {
		head = 28
	}
	calls := append([]physical.AggCall(nil), n.Calls...)
	for i := range calls {
		if f := calls[i].Func; f == "RANK" || f == "DENSE_RANK" {
			calls[i].Args = []int{n.Time}
		}
	}
	var err error
	if o.aggs, err = newAggCalls(head, calls, o.types, aggUse{retract: o.bounded, inOrder: true}); err != nil {
		return nil, err
	}
	seen := map[int]bool{}
	for _, c := range calls {
		for _, a := range append(append([]int(nil), c.Args...), c.Filter) {
			if a >= 0 && !seen[a] {
				seen[a] = true
				o.reads = append(o.reads, a)
			}
		}
	}
	o.cols = scalar.FirstColumns(len(o.types))
	o.cur, o.old = batch.New(o.types, batch.TargetRows), batch.New(o.types, 0)
	for _, c := range o.reads {
		o.oldReads = append(o.oldReads, o.old.Cols[c])
	}
	o.out = batch.New(columnTypes(n), batch.TargetRows)
	if o.ranged && n.ProcTime {
		return &overByClock{o}, nil
	}
	return o, nil
}

func (o *over) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	n := o.node
	key := fmt.Sprintf("key%d(%s)", batch.KeyFormat, typeList(pick(o.types, n.Partition)))
	o.table, err = st.Table(state.TableSpec{Name: "acc", Fixed: o.aggs.set.Fixed, TTL: n.TTL, Schema: fmt.Sprintf("over2 %s %s", key, o.aggs.set.Schema)})
	if err != nil {
		return err
	}
	if err := o.aggs.open(st, n.TTL); err != nil {
		return err
	}
	if o.bounded {
		o.frames, err = st.Table(state.TableSpec{Name: "frame", Fixed: 8, TTL: n.TTL, Prefixed: true,
			Schema: fmt.Sprintf("over1 %s (%s)", key, typeList(pick(o.types, o.reads)))})
		if err != nil {
			return err
		}
	}
	if o.ranged {
		if o.expiry, err = st.Table(state.TableSpec{Name: "expiry", Fixed: 8, Schema: "overexpiry1 " + key}); err != nil {
			return err
		}
		if err := o.expires.open(st, "expires", key); err != nil {
			return err
		}
	}
	if n.ProcTime {
		return nil
	}
	return o.buffer.open(st, "pending", fmt.Sprintf("%s (%s)", key, typeList(o.types)))
}

func (o *over) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos := o.encode(in, o.node.Partition)
	if o.node.ProcTime {
		if o.ranged {
			if err := o.remember(in, pos, nil); err != nil {
				return err
			}
		}
		return o.compute(in, out)
	}
	batch.EncodeUnhashed(in, o.cols, &o.rows)
	times := in.Cols[o.node.Time]
	o.dropped = o.dropped[:0]
	for k, i := range pos {
		if times.IsNull(int(i)) {
			return noTimeOf(o.node.Input, o.node.Time)
		}
		t := times.Int[i]
		key := o.enc.At(k)
		late, err := o.late(t, o.hashes[k], key)
		if err != nil {
			return err
		}
		if late {
			o.dropped = append(o.dropped, i)
			continue
		}
		o.buffer.add(t, o.hashes[k], key, o.rows.At(k))
	}
	if o.ranged {
		if err := o.remember(in, pos, o.dropped); err != nil {
			return err
		}
	}
	return o.ctx.DropLate(0, in, o.dropped, o.wm)
}

func (o *over) late(t int64, hash uint64, key []byte) (bool, error) {
	if o.wm == exec.MinWatermark || t > int64(o.wm) {
		return false, nil
	}
	if !o.bounded {
		return true, nil
	}
	m := o.table.Map(0)
	r, err := m.Find(hash, key)
	if err != nil || r == state.NoRef {
		return false, err
	}
	s := m.Fixed(r)
	return binary.LittleEndian.Uint64(s[overNext:]) > 0 && t <= int64(binary.LittleEndian.Uint64(s[overLast:])), nil
}

func (o *over) Watermark(wm exec.Watermark, out exec.Emitter) error {
	o.wm = wm
	if o.node.ProcTime {
		return nil
	}
	for o.buffer.due(int64(wm)) {
		o.cur.Reset()
		for o.cur.N < batch.TargetRows && o.buffer.due(int64(wm)) {
			r := o.buffer.pop()
			if err := decodeRow(o.node.ID, r.row, o.cur.Cols); err != nil {
				return err
			}
			o.cur.N++
		}
		// Rows of one time belong together, also behind the end of a full batch.
		if last := o.cur.N - 1; !o.node.Rows {
			t := o.cur.Cols[o.node.Time].Int[last]
			for o.buffer.due(t) {
				r := o.buffer.pop()
				if err := decodeRow(o.node.ID, r.row, o.cur.Cols); err != nil {
					return err
				}
				o.cur.N++
			}
		}
		if err := o.compute(o.cur, out); err != nil {
			return err
		}
	}
	if o.ranged && wm != exec.MaxWatermark {
		_, err := o.forget(int64(wm))
		return err
	}
	return nil
}

// Restored: a late row of a bounded frame waits for the next watermark, in another run too. Until then rows of its partition that are older still
// come before it.
func (o *over) Restored(wm exec.Watermark) { o.wm = wm }

// compute adds the rows, which are in the order of their times, and puts them out with their results.
func (o *over) compute(in *batch.Batch, out exec.Emitter) error {
	n := in.Rows()
	pos := o.encode(in, o.node.Partition)
	if o.bounded {
		batch.EncodeUnhashed(in, o.reads, &o.kept)
	}
	m := o.table.Map(0)
	if err := o.upsert(m); err != nil {
		return err
	}
	o.slots = grow(o.slots, n)
	for k, r := range o.refs {
		o.slots[k] = m.Fixed(r)
	}
	o.out.Reset()
	for c, v := range o.out.Cols {
		if c < len(o.types) {
			v.AppendMany(in.Cols[c], pos, in.N)
		} else {
			v.Resize(n)
		}
	}
	o.out.N = n
	times := in.Cols[o.node.Time]
	from := 0
	for k, s := range o.slots {
		// The mark is the last row of the partition in this run, plus 1.
		if mark := int(binary.LittleEndian.Uint32(s[overMark:])); mark > from && (o.node.Rows || times.Int[pos[mark-1]] != times.Int[pos[k]]) {
			if err := o.step(in, m, pos, from, k); err != nil {
				return err
			}
			from = k
		}
		binary.LittleEndian.PutUint32(s[overMark:], uint32(k+1))
	}
	if err := o.step(in, m, pos, from, n); err != nil {
		return err
	}
	for _, s := range o.slots {
		binary.LittleEndian.PutUint32(s[overMark:], 0)
	}
	return out.Emit(o.out)
}

// step is one run: rows from .. to-1.
func (o *over) step(in *batch.Batch, m state.Map, pos []int32, from, to int) error {
	o.run = agg.Rows{In: in, Map: m, Pos: pos[from:to], Slots: o.slots[from:to], Refs: o.refs[from:to]}
	if o.bounded {
		if err := o.leave(in, m, pos, from, to); err != nil {
			return err
		}
		for k := from; k < to; k++ {
			if err := o.enter(in, pos, k); err != nil {
				return err
			}
		}
	}
	if err := o.aggs.update(&o.run, 0); err != nil {
		return err
	}
	o.at = grow(o.at, to-from)
	for k := range o.at {
		o.at[k] = int32(from + k)
	}
	return o.aggs.values(&o.run, o.out, len(o.types), o.at)
}

func (o *over) frameKey(k int, seq uint64) ([]byte, uint64) {
	key := o.enc.At(k)
	b := binary.AppendUvarint(o.keyBuf[:0], uint64(len(key)))
	b = append(b, key...)
	b = binary.AppendUvarint(b, seq)
	o.keyBuf = b
	return b, o.hashes[k]&^(1<<32-1) | state.Hash(b)&(1<<32-1)
}

// leave takes back the rows that are no longer in the frames of the run's rows.
func (o *over) leave(in *batch.Batch, m state.Map, pos []int32, from, to int) error {
	o.old.Reset()
	o.back.Reset()
	times := in.Cols[o.node.Time]
	for k := from; k < to; k++ {
		var err error
		if o.node.Rows {
			err = o.take(k, uint64(o.node.Preceding), math.MaxInt64)
		} else {
			err = o.take(k, 0, times.Int[pos[k]]-o.node.Preceding)
		}
		if err != nil {
			return err
		}
	}
	return o.takeBack(m)
}

// take takes rows of partition k out of its frame, from the first on, until one is of time until or after, or only so many are left.
func (o *over) take(k int, left uint64, until int64) error {
	f := o.frames.Map(0)
	s := o.slots[k]
	first, next := binary.LittleEndian.Uint64(s[overFirst:]), binary.LittleEndian.Uint64(s[overNext:])
	for ; first+left < next; first++ {
		key, h := o.frameKey(k, first)
		r, err := f.Find(h, key)
		if err != nil {
			return err
		}
		if r == state.NoRef {
			continue // its TTL is over
		}
		if int64(binary.LittleEndian.Uint64(f.Fixed(r))) >= until {
			break
		}
		if err := o.decodeOld(f.Var(r)); err != nil {
			return err
		}
		f.Delete(r)
		o.back.Pos = append(o.back.Pos, int32(o.old.N-1))
		o.back.Slots = append(o.back.Slots, s)
		o.back.Refs = append(o.back.Refs, o.refs[k])
	}
	binary.LittleEndian.PutUint64(s[overFirst:], first)
	return nil
}

// takeBack takes the rows of old from the results of their partitions.
func (o *over) takeBack(m state.Map) error {
	if o.old.N == 0 {
		return nil
	}
	o.back.In, o.back.Map = o.old, m
	return o.aggs.update(&o.back, 0)
}

// remember notes when the partitions of the rows of in, which are encoded, are to be forgotten. dropped are positions that do not count. As in
// Flink that is put off when it would be too early, and then by half the frame's length more than needed, so that it is not for each row.
func (o *over) remember(in *batch.Batch, pos, dropped []int32) error {
	m := o.expiry.Map(0)
	if err := o.upsert(m); err != nil {
		return err
	}
	times := in.Cols[o.node.Time]
	forgotten, _ := o.node.Forgotten()
	for k, i := range pos {
		if len(dropped) > 0 && dropped[0] == i {
			dropped = dropped[1:]
			continue
		}
		at := m.Fixed(o.refs[k])
		needed := times.Int[i] + o.node.Preceding + clockTick
		if o.created[k] || int64(binary.LittleEndian.Uint64(at)) < needed {
			until := times.Int[i] + forgotten + clockTick
			binary.LittleEndian.PutUint64(at, uint64(until))
			o.expires.add(until, o.hashes[k], o.enc.At(k), nil)
		}
	}
	return nil
}

// forget forgets the partitions whose time has come at now, and reports whether there were any.
func (o *over) forget(now int64) (fired bool, err error) {
	for o.expires.due(now) {
		o.gone.Off, o.gone.Data, o.hashes = append(o.gone.Off[:0], 0), o.gone.Data[:0], o.hashes[:0]
		for len(o.hashes) < batch.TargetRows && o.expires.due(now) {
			x := o.expires.pop()
			m := o.expiry.Map(0)
			r, err := m.Find(x.hash, x.key)
			if err != nil {
				return fired, err
			}
			if r == state.NoRef || int64(binary.LittleEndian.Uint64(m.Fixed(r))) != x.time {
				if err := o.passed(&x); err != nil {
					return fired, err
				}
				continue
			}
			m.Delete(r)
			o.gone.Data = append(o.gone.Data, x.key...)
			o.gone.Off = append(o.gone.Off, uint32(len(o.gone.Data)))
			o.hashes = append(o.hashes, x.hash)
		}
		if err := o.drop(); err != nil {
			return fired, err
		}
		fired = true
	}
	return fired, nil
}

// passed is when a partition would have been forgotten, had that not been put off: as in Flink, rows that are not after it are late from here on.
func (o *over) passed(x *timedRow) error {
	m := o.table.Map(0)
	r, err := m.Find(x.hash, x.key)
	if err != nil || r == state.NoRef {
		return err
	}
	m.Touch(r)
	last := m.Fixed(r)[overLast:]
	binary.LittleEndian.PutUint64(last, uint64(max(x.time, int64(binary.LittleEndian.Uint64(last)))))
	return nil
}

// drop deletes what there is of the partitions gone. Their rows are taken back first, for aggregates with tables of their own.
func (o *over) drop() error {
	o.enc, o.gone = o.gone, o.enc
	m := o.table.Map(0)
	n := len(o.hashes)
	o.refs = grow(o.refs, n)
	if err := m.FindMany(o.hashes, o.enc, o.refs); err != nil {
		return err
	}
	o.slots = grow(o.slots, n)
	o.old.Reset()
	o.back.Reset()
	for _, r := range o.refs {
		if r != state.NoRef {
			m.Touch(r) // all of them before the first place: it moves what an epoch under way reads
		}
	}
	for k, r := range o.refs {
		if r == state.NoRef {
			continue // its TTL is over
		}
		o.slots[k] = m.Fixed(r)
		if err := o.take(k, 0, math.MaxInt64); err != nil {
			return err
		}
	}
	if err := o.takeBack(m); err != nil {
		return err
	}
	for _, r := range o.refs {
		if r != state.NoRef {
			m.Delete(r)
		}
	}
	return nil
}

// decodeOld appends a row of a frame to old, as a deletion.
func (o *over) decodeOld(row []byte) error {
	if len(o.oldReads) > 0 {
		if err := batch.DecodeKey(row, o.oldReads); err != nil {
			return fmt.Errorf("state of a frame of %s: %w", o.node.ID, err)
		}
	}
	o.old.EndRow(batch.Delete)
	return nil
}

// enter keeps row k for the frames of later rows.
func (o *over) enter(in *batch.Batch, pos []int32, k int) error {
	s := o.slots[k]
	next := binary.LittleEndian.Uint64(s[overNext:])
	key, h := o.frameKey(k, next)
	f := o.frames.Map(0)
	r, _, err := f.Upsert(h, key)
	if err != nil {
		return err
	}
	t := int64(0)
	if v := in.Cols[o.node.Time]; !v.IsNull(int(pos[k])) {
		t = v.Int[pos[k]]
	}
	binary.LittleEndian.PutUint64(f.Fixed(r), uint64(t))
	binary.LittleEndian.PutUint64(s[overNext:], next+1)
	binary.LittleEndian.PutUint64(s[overLast:], uint64(t))
	return f.SetVar(r, o.kept.At(k))
}

func (o *over) Snapshot(state.Epoch, exec.Emitter) error {
	if o.ranged {
		if err := o.expires.snapshot(); err != nil {
			return err
		}
	}
	if o.node.ProcTime {
		return nil
	}
	return o.buffer.snapshot()
}

func (*over) Close() error { return nil }

// overByClock is over of a RANGE of processing time: the clock ends its state.
type overByClock struct{ *over }

// ProcessingTime forgets partitions. A row that comes in the same millisecond finds what there was: the last millisecond is over.
func (o *overByClock) ProcessingTime(now int64, _ exec.Emitter) (fired bool, err error) {
	return o.forget(now - clockTick)
}

func (o *overByClock) NextTimer() int64 {
	if t := o.expires.first(); t < math.MaxInt64 {
		return t + clockTick
	}
	return math.MaxInt64
}

var (
	_ exec.Restorer        = (*over)(nil)
	_ exec.ProcessingTimer = (*overByClock)(nil)
)
