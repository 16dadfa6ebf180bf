package op

import (
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// sessionTVF puts rows into sessions. Rows go out with the bounds of their session when it ends, sessions in the order of their
// ends, the rows of one as they came and with the kinds that they came with: what takes a row back is itself a row of the session.
//
//	rows   the rows of a partition that are in open sessions, each with its local time and, in the place of its partners, its kind
//	open   the bounds of the sessions
//
// A row may join two sessions, so that their rows are told apart by their times alone, and only when a session ends.
type sessionTVF struct {
	node *physical.SessionTVF
	windows
	ctx      *exec.TaskContext
	types    []types.Type // of the input
	cols     []int
	lists    rowLists
	open     sessions
	progress progress
	wm       exec.Watermark

	keyedRows
	late   []int32 // of the batch under way
	others []heldRow
	out    *batch.Batch
	kept   []*batch.Vector // columns of out without the window's
}

// heldRow is a row of a partition, copied from the state.
type heldRow struct {
	time int64
	kind batch.ChangeKind
	row  []byte
}

func newSessionTVF(n *physical.SessionTVF) (*sessionTVF, error) {
	w, err := newWindows(n.Window, n.Input.Base().Columns)
	if err != nil {
		return nil, err
	}
	o := &sessionTVF{node: n, windows: w, types: columnTypes(n.Input)}
	o.cols = scalar.FirstColumns(len(o.types))
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
	if err = o.lists.open(st, "rows", state.TableSpec{Schema: schema}, rowSpec{partners: true, timed: true}); err != nil {
		return err
	}
	if err = o.open.open(st, schema, false); err != nil {
		return err
	}
	o.wm, err = o.progress.open(ctx, st)
	return err
}

func (o *sessionTVF) Process(in *batch.Batch, _ exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos, err := o.read(in, o.node.Partition, o.cols, o.lists.heads.Map(0))
	if err != nil {
		return err
	}
	o.late, err = o.open.assign(&o.windows, o.wm, in, pos, o.hashes, o.enc, o.late, func(k int, _ []byte, t int64, _ session, _ []session) error {
		x := o.list(&o.lists, k)
		return x.add(o.row(k), int(in.Kind(int(pos[k]))), t)
	})
	if err != nil {
		return err
	}
	o.lists.deleteEmpty(0, o.refs)
	return o.ctx.DropLate(0, in, o.late, o.wm)
}

func (o *sessionTVF) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm <= o.wm {
		return nil
	}
	o.wm = wm
	if err := o.open.ended(&o.windows, wm, func(p *duePartition, x session) error { return o.end(p, x, out) }); err != nil {
		return err
	}
	return emitRows(o.out, out)
}

// end puts the rows of a session out and forgets them. The partition's other rows stay.
func (o *sessionTVF) end(p *duePartition, s session, out exec.Emitter) error {
	x, ok, err := o.lists.find(0, p.hash, p.key)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("state of operator %s: a session without rows", o.ctx.Operator)
	}
	bounds := [3]int64{s.start, s.end, o.windowTime(s.end, int64(o.wm)+tick)}
	o.others = o.others[:0]
	err = x.each(func(q *place) error {
		kind := batch.ChangeKind(q.partners())
		if t := q.time(); t < s.start || t >= s.end {
			o.others = append(o.others, heldRow{t, kind, slices.Clone(q.data())})
			return nil
		}
		if err := batch.DecodeRow(q.data(), o.kept); err != nil {
			return fmt.Errorf("state of operator %s: %w", o.ctx.Operator, err)
		}
		k := o.out.N
		for i, v := range o.out.Cols[len(o.kept):] {
			v.Resize(k + 1)
			v.Int[k] = bounds[i]
		}
		o.out.N++
		o.out.SetKind(k, kind)
		if o.out.N >= batch.TargetRows && !o.w.ProcTime {
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
		if err := x.add(h.row, int(h.kind), h.time); err != nil {
			return err
		}
	}
	return nil
}

func (o *sessionTVF) Snapshot(state.Epoch, exec.Emitter) error { return o.progress.snapshot(o.wm) }

func (o *sessionTVF) reached() exec.Watermark { return o.wm }

func (o *sessionTVF) due() exec.Watermark { return o.open.due(o.clock) }

func (*sessionTVF) Close() error { return nil }
