package op

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// sessionTVF puts rows into sessions: a session of a partition goes on as long as the next row is no more than a gap away.
// It ends a gap behind its last row; its rows go out with its bounds when the watermark reaches that end less a millisecond,
// sessions in the order of their ends, the rows of one as they came.
//
//	rows   the rows of a partition that are in open sessions, each with its local time
//	open   partition -> due 8; variable part: start 8 | end 8 of each open session, ascending
//
// A row may join two sessions, so that their rows are told apart by their times alone, and only when a session ends.
// A row is late when the session that it belongs to has ended: dropped and counted. One that is a gap or less before an open
// session belongs to that, however old it is.
//
// due is the end at which the partition is looked at again, not after that of its first session. It is in the queue, which is in
// memory and made anew from the table: rows that make a session longer, nearly all, do not touch it.
type sessionTVF struct {
	node *physical.SessionTVF
	windows
	ctx      *exec.TaskContext
	types    []types.Type // of the input
	cols     []int
	lists    rowLists
	open     state.Table
	progress progress
	wm       exec.Watermark
	queue    dueQueue

	all    []int32
	late   []int32 // of the batch under way
	keys   state.Keys
	rows   state.Keys
	hashes []uint64
	unused []uint64
	opens  []state.Ref
	heads  []state.Ref
	made   []bool // entries of open
	unmade []bool
	bounds []bound
	buf    []byte
	others []heldRow
	out    *batch.Batch
	kept   []*batch.Vector // columns of out without the window's
}

// bound is a session's start and end.
type bound struct{ start, end int64 }

// heldRow is a row of a partition, copied from the state.
type heldRow struct {
	time int64
	row  []byte
}

// dueQueue is the partitions by when they are due.
type dueQueue []duePartition

type duePartition struct {
	at   int64
	hash uint64
	key  []byte
}

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, k int) bool { return q[i].at < q[k].at }
func (q dueQueue) Swap(i, k int)      { q[i], q[k] = q[k], q[i] }
func (q *dueQueue) Push(x any)        { *q = append(*q, x.(duePartition)) }
func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = duePartition{}
	*q = (*q)[:len(*q)-1]
	return last
}

func newSessionTVF(n *physical.SessionTVF) (*sessionTVF, error) {
	w, err := newWindows(n.Window, n.Input.Base().Columns)
	if err != nil {
		return nil, err
	}
	o := &sessionTVF{node: n, windows: w, types: columnTypes(n.Input)}
	for c := range o.types {
		o.cols = append(o.cols, c)
	}
	o.out = batch.New(columnTypes(n), batch.TargetRows)
	o.kept = o.out.Cols[:len(o.types)]
	return o, nil
}

func (o *sessionTVF) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	clock := ""
	if o.w.ProcTime {
		clock = " proctime"
	}
	schema := fmt.Sprintf("session1 gap%d key%d(%s) (%s)%s", o.w.Size, batch.KeyFormat, typeList(pick(o.types, o.node.Partition)), typeList(o.types), clock)
	if err = o.lists.open(st, "rows", state.TableSpec{Schema: schema}, false, true); err != nil {
		return err
	}
	if o.open, err = st.Table(state.TableSpec{Name: "open", Fixed: 8, Schema: schema}); err != nil {
		return err
	}
	if o.wm, err = o.progress.open(ctx, st); err != nil {
		return err
	}
	m := o.open.Map(0)
	o.queue = o.queue[:0]
	err = m.Scan(func(r state.Ref) bool {
		key := slices.Clone(m.Key(r))
		o.queue = append(o.queue, duePartition{int64(binary.LittleEndian.Uint64(m.Fixed(r))), state.Hash(key), key})
		return true
	})
	heap.Init(&o.queue)
	return err
}

func (o *sessionTVF) Process(in *batch.Batch, _ exec.Emitter) error {
	n := in.Rows()
	if n == 0 {
		return nil
	}
	pos := positions(in, &o.all)
	o.hashes = batch.EncodeKeys(in, o.node.Partition, &o.keys, o.hashes)
	o.unused = batch.EncodeKeys(in, o.cols, &o.rows, o.unused)
	o.opens, o.heads, o.made, o.unmade = grow(o.opens, n), grow(o.heads, n), grow(o.made, n), grow(o.unmade, n)
	open := o.open.Map(0)
	if err := open.UpsertMany(o.hashes[:n], o.keys, o.opens, o.made); err != nil {
		return err
	}
	if err := o.lists.heads.Map(0).UpsertMany(o.hashes[:n], o.keys, o.heads, o.unmade); err != nil {
		return err
	}
	o.late = o.late[:0]
	times := in.Cols[o.w.TimeColumn]
	for k, i := range pos {
		t, err := o.rowTime(times, int(i))
		if err != nil {
			return err
		}
		key := o.keys.Data[o.keys.Off[k]:o.keys.Off[k+1]]
		ok, err := o.extend(open, o.opens[k], o.hashes[k], key, t)
		if err != nil {
			return err
		}
		if !ok {
			o.late = append(o.late, i)
			continue
		}
		x := rowList{&o.lists, 0, o.hashes[k], key, o.heads[k]}
		if err := x.add(o.rows.Data[o.rows.Off[k]:o.rows.Off[k+1]], 0, t); err != nil {
			return err
		}
	}
	// A partition of which all rows were late has no entry.
	for k, r := range o.opens {
		if o.made[k] && len(open.Var(r)) == 0 {
			open.Delete(r)
		}
	}
	o.lists.deleteEmpty(0, o.heads)
	return o.ctx.DropLate(in, o.late, o.wm)
}

// extend adds a row's time to the sessions of its partition, whose entry was upserted; ok is false for a late row.
func (o *sessionTVF) extend(m state.Map, r state.Ref, hash uint64, key []byte, t int64) (ok bool, err error) {
	s := bound{t, t + o.w.Size}
	o.readBounds(m.Var(r))
	from := 0
	for from < len(o.bounds) && o.bounds[from].end < s.start {
		from++
	}
	to := from
	for to < len(o.bounds) && o.bounds[to].start <= s.end {
		to++
	}
	if to > from {
		s = bound{min(s.start, o.bounds[from].start), max(s.end, o.bounds[to-1].end)}
		if to == from+1 && s == o.bounds[from] {
			return true, nil
		}
	}
	if o.closed(s.end, o.wm) {
		return false, nil
	}
	fresh := len(o.bounds) == 0
	o.bounds = slices.Replace(o.bounds, from, to, s)
	if err := o.writeBounds(m, r); err != nil {
		return false, err
	}
	if first := o.bounds[0].end; fresh || first < due(m, r) {
		setDue(m, r, first)
		heap.Push(&o.queue, duePartition{first, hash, slices.Clone(key)})
	}
	return true, nil
}

func due(m state.Map, r state.Ref) int64 { return int64(binary.LittleEndian.Uint64(m.Fixed(r))) }

func setDue(m state.Map, r state.Ref, at int64) {
	binary.LittleEndian.PutUint64(m.Fixed(r), uint64(at))
}

func (o *sessionTVF) readBounds(v []byte) {
	o.bounds = o.bounds[:0]
	for ; len(v) >= 16; v = v[16:] {
		o.bounds = append(o.bounds, bound{int64(binary.LittleEndian.Uint64(v)), int64(binary.LittleEndian.Uint64(v[8:]))})
	}
}

func (o *sessionTVF) writeBounds(m state.Map, r state.Ref) error {
	o.buf = o.buf[:0]
	for _, b := range o.bounds {
		o.buf = binary.LittleEndian.AppendUint64(o.buf, uint64(b.start))
		o.buf = binary.LittleEndian.AppendUint64(o.buf, uint64(b.end))
	}
	return m.SetVar(r, o.buf)
}

func (o *sessionTVF) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm <= o.wm {
		return nil
	}
	o.wm = wm
	m := o.open.Map(0)
	for len(o.queue) > 0 && o.closed(o.queue[0].at, wm) {
		p := heap.Pop(&o.queue).(duePartition)
		r, err := m.Find(p.hash, p.key)
		if err != nil {
			return err
		}
		if r == state.NoRef || due(m, r) != p.at {
			continue // it has another place in the queue
		}
		o.readBounds(m.Var(r))
		m.Touch(r)
		if s := o.bounds[0]; s.end == p.at {
			if err := o.end(&p, s, out); err != nil {
				return err
			}
			if o.bounds = o.bounds[1:]; len(o.bounds) == 0 {
				m.Delete(r)
				continue
			}
			if err := o.writeBounds(m, r); err != nil {
				return err
			}
		}
		p.at = o.bounds[0].end
		setDue(m, r, p.at)
		heap.Push(&o.queue, p)
	}
	return emitRows(o.out, out)
}

// end puts the rows of a session out and forgets them. The partition's other rows stay.
func (o *sessionTVF) end(p *duePartition, s bound, out exec.Emitter) error {
	x, ok, err := o.lists.find(0, p.hash, p.key)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("state of operator %s: a session without rows", o.ctx.Operator)
	}
	bounds := [3]int64{s.start, s.end, o.windowTime(s.end, int64(o.wm)+tick)}
	o.others = o.others[:0]
	err = x.each(func(_ int, q place) error {
		if t := q.time(); t < s.start || t >= s.end {
			o.others = append(o.others, heldRow{t, slices.Clone(q.data())})
			return nil
		}
		if err := batch.DecodeKey(q.data(), o.kept); err != nil {
			return fmt.Errorf("state of operator %s: %w", o.ctx.Operator, err)
		}
		k := o.out.N
		for i, v := range o.out.Cols[len(o.kept):] {
			v.Resize(k + 1)
			v.Int[k] = bounds[i]
		}
		if o.out.N++; o.out.N >= batch.TargetRows && !o.w.ProcTime {
			return emitRows(o.out, out)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// By the clock the rows of a session go out at once: no watermark says to whom they go that more will come.
	if o.out.N >= batch.TargetRows {
		if err := emitRows(o.out, out); err != nil {
			return err
		}
	}
	if err := x.clear(); err != nil {
		return err
	}
	if len(o.others) == 0 {
		x.headMap().Delete(x.head)
		return nil
	}
	for _, h := range o.others {
		if err := x.add(h.row, 0, h.time); err != nil {
			return err
		}
	}
	return nil
}

func (o *sessionTVF) Snapshot(state.Epoch, exec.Emitter) error { return o.progress.snapshot(o.wm) }

func (o *sessionTVF) reached() exec.Watermark { return o.wm }

func (o *sessionTVF) due() exec.Watermark {
	if len(o.queue) == 0 {
		return exec.MaxWatermark
	}
	return exec.Watermark(o.clock.due(o.queue[0].at - tick))
}

func (*sessionTVF) Close() error { return nil }
