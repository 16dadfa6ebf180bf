package op

import (
	"encoding/binary"
	"fmt"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/state"
)

// sessionAggregate is an aggregation by key and session: of each open session of a key the accumulators are kept, and no row. Where a row
// joins sessions, their accumulators are put together into those of the first one. A session's row goes out when it ends, in the order of
// their ends.
//
//	open   the bounds of the sessions, with ids
//	acc    key and id of the session -> with a retracting input the number of rows 8; the accumulators
//
// A row that is taken back is taken out of the accumulators of the session that it is in by its time, as in Flink: no session becomes
// shorter, or falls apart. One all of whose rows were taken back does not come out.
//
// The rows of a batch are added to their accumulators together, but those before a row that joins sessions before they are joined: some
// aggregates go by the order of rows.
type sessionAggregate struct {
	node *physical.WindowAggregate
	windows
	aggs     *aggCalls
	retract  bool
	ctx      *exec.TaskContext
	open     sessions
	spec     state.TableSpec // of acc
	acc      state.Table
	progress progress
	wm       exec.Watermark

	all     []int32
	late    []int32 // of the batch under way
	keys    state.Keys
	hashes  []uint64
	pos     []int32 // rows that are not added yet
	accKeys state.Keys
	accHash []uint64
	refs    []state.Ref
	created []bool
	slots   [][]byte
	rows    agg.Rows

	fire  copiedEntries // of sessions that have ended, or are joined to another
	ends  []session     // of those that have ended
	one   []byte        // a key of acc
	keyv  []*batch.Vector
	at    []int32
	out   *batch.Batch
	merge agg.Rows
}

func newSessionAggregate(n *physical.WindowAggregate) (*sessionAggregate, error) {
	w, err := newWindows(n.Window, n.Input.Base().Columns)
	if err != nil {
		return nil, err
	}
	in := columnTypes(n.Input)
	o := &sessionAggregate{node: n, windows: w, retract: n.Input.Base().Changelog.Mode != catalog.InsertOnly}
	head := 0
	if o.retract {
		head = 8
	}
	if o.aggs, err = newAggCalls(head, n.Aggs, in, aggUse{retract: o.retract, merge: true}); err != nil {
		return nil, err
	}
	if o.aggs.hasDistinct() {
		return nil, fmt.Errorf("this is a bug: sets of distinct values of sessions cannot be put together")
	}
	o.out, o.keyv, err = windowOutput(n)
	return o, err
}

func (o *sessionAggregate) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	in := columnTypes(o.node.Input)
	clock := ""
	if o.w.ProcTime {
		clock = " proctime"
	}
	schema := fmt.Sprintf("sessions1 gap%d key%d(%s)%s", o.w.Size, batch.KeyFormat, typeList(pick(in, o.node.Keys)), clock)
	if err = o.open.open(st, schema, true); err != nil {
		return err
	}
	o.spec = state.TableSpec{Name: "acc", Fixed: o.aggs.set.Fixed, Prefixed: true, Schema: schema + " " + o.aggs.set.Schema}
	if o.acc, err = st.Table(o.spec); err != nil {
		return err
	}
	if err = o.aggs.open(st, 0); err != nil {
		return err
	}
	o.wm, err = o.progress.open(ctx, st)
	return err
}

// accKey appends the key of a session's accumulators.
func accKey(dst, key []byte, id int64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	return binary.BigEndian.AppendUint64(dst, uint64(id))
}

// accHash is the hash of an accumulators' key, by the hash of the session's key.
func accHash(hash uint64, key []byte) uint64 { return hash&^(1<<32-1) | state.Hash(key)&(1<<32-1) }

func (o *sessionAggregate) Process(in *batch.Batch, _ exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos := positions(in, &o.all)
	o.hashes = batch.EncodeKeys(in, o.node.Keys, &o.keys, o.hashes)
	o.clear()
	var err error
	o.late, err = o.open.assign(&o.windows, o.wm, in, pos, o.hashes, o.keys, o.late, func(k int, key []byte, _ int64, x session, joined []session) error {
		if joined != nil {
			if err := o.add(in); err != nil {
				return err
			}
			if err := o.join(o.hashes[k], key, joined); err != nil {
				return err
			}
		}
		from := len(o.accKeys.Data)
		o.accKeys.Data = accKey(o.accKeys.Data, key, x.id)
		o.accKeys.Off = append(o.accKeys.Off, uint32(len(o.accKeys.Data)))
		o.accHash = append(o.accHash, accHash(o.hashes[k], o.accKeys.Data[from:]))
		o.pos = append(o.pos, pos[k])
		return nil
	})
	if err != nil {
		return err
	}
	if err := o.add(in); err != nil {
		return err
	}
	return o.ctx.DropLate(0, in, o.late, o.wm)
}

func (o *sessionAggregate) clear() {
	o.pos, o.accHash = o.pos[:0], o.accHash[:0]
	o.accKeys.Data, o.accKeys.Off = o.accKeys.Data[:0], append(o.accKeys.Off[:0], 0)
}

// add adds the rows at o.pos to the accumulators of their sessions.
func (o *sessionAggregate) add(in *batch.Batch) error {
	n := len(o.pos)
	if n == 0 {
		return nil
	}
	o.refs, o.created, o.slots = grow(o.refs, n), grow(o.created, n), grow(o.slots, n)
	m := o.acc.Map(0)
	if err := m.UpsertMany(o.accHash, o.accKeys, o.refs, o.created); err != nil {
		return err
	}
	for k, r := range o.refs {
		o.slots[k] = m.Fixed(r)
	}
	if o.retract {
		countRows(in, o.pos, o.slots)
	}
	o.rows = agg.Rows{In: in, Map: m, Pos: o.pos, Slots: o.slots, Refs: o.refs}
	err := o.aggs.update(&o.rows, 0)
	o.clear()
	return err
}

// take copies the accumulators of a session of a key to o.fire, and forgets them.
func (o *sessionAggregate) take(hash uint64, key []byte, id int64) error {
	o.one = accKey(o.one[:0], key, id)
	m := o.acc.Map(0)
	r, err := m.Find(accHash(hash, o.one), o.one)
	if err != nil {
		return err
	}
	if r == state.NoRef {
		return fmt.Errorf("state of operator %s: a session without accumulators", o.ctx.Operator)
	}
	o.fire.add(m, r, key, o.aggs.set)
	m.Delete(r)
	return nil
}

// join adds the accumulators of the sessions behind the first one to those of that one.
func (o *sessionAggregate) join(hash uint64, key []byte, joined []session) error {
	for _, x := range joined[1:] {
		o.fire.reset()
		if err := o.take(hash, key, x.id); err != nil {
			return err
		}
		src := o.fire.entries()
		o.one = accKey(o.one[:0], key, joined[0].id)
		m := o.acc.Map(0)
		r, _, err := m.Upsert(accHash(hash, o.one), o.one)
		if err != nil {
			return err
		}
		o.merge.Reset()
		o.merge.Map = m
		o.merge.Refs, o.merge.Slots = append(o.merge.Refs, r), append(o.merge.Slots, m.Fixed(r))
		if o.retract {
			addCount(o.merge.Slots[0], src.Slots[0])
		}
		if err := o.aggs.set.Merge(&o.merge, src); err != nil {
			return err
		}
	}
	return nil
}

func (o *sessionAggregate) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm <= o.wm {
		return nil
	}
	o.wm = wm
	o.fire.reset()
	o.ends = o.ends[:0]
	err := o.open.ended(&o.windows, wm, func(p *duePartition, x session) error {
		if err := o.take(p.hash, p.key, x.id); err != nil {
			return err
		}
		o.ends = append(o.ends, x)
		// By the clock all go out at once: no watermark says to whom they go that more will come.
		if len(o.ends) >= batch.TargetRows && !o.w.ProcTime {
			return o.emit(out)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.emit(out)
}

// emit puts out the sessions that were copied to o.fire.
func (o *sessionAggregate) emit(out exec.Emitter) error {
	rows := o.fire.entries()
	o.out.Reset()
	o.at = o.at[:0]
	n, from := 0, 0
	for k, c := range o.fire.cuts {
		key := o.fire.key[from:c.key]
		from = c.key
		if o.retract && binary.LittleEndian.Uint64(rows.Slots[k]) == 0 {
			continue // all its rows were taken back
		}
		if len(o.keyv) > 0 {
			if err := batch.DecodeKey(key, o.keyv); err != nil {
				return fmt.Errorf("state of operator %s: %w", o.ctx.Operator, err)
			}
		}
		rows.Slots[n], rows.Vars[n], o.ends[n] = rows.Slots[k], rows.Vars[k], o.ends[k]
		o.at = append(o.at, int32(n))
		n++
	}
	rows.Slots, rows.Vars = rows.Slots[:n], rows.Vars[:n]
	for _, v := range o.out.Cols[len(o.keyv):] {
		v.Resize(n)
	}
	if err := o.aggs.values(rows, o.out, len(o.keyv), o.at); err != nil {
		return err
	}
	for i, p := range o.node.WindowColumns {
		col := o.out.Cols[len(o.keyv)+len(o.aggs.calls)+i].Int
		for k, x := range o.ends[:n] {
			switch p {
			case "start":
				col[k] = x.start
			case "end":
				col[k] = x.end
			case "time":
				col[k] = o.windowTime(x.end, int64(o.wm)+tick)
			}
		}
	}
	o.out.N = n
	o.fire.reset()
	o.ends = o.ends[:0]
	if n == 0 {
		return nil
	}
	return out.Emit(o.out)
}

func (o *sessionAggregate) Snapshot(state.Epoch, exec.Emitter) error {
	return o.progress.snapshot(o.wm)
}

func (o *sessionAggregate) reached() exec.Watermark { return o.wm }

func (o *sessionAggregate) due() exec.Watermark { return o.open.due(o.clock) }

func (*sessionAggregate) Close() error { return nil }
