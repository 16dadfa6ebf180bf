package op

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// temporalJoin joins each left row with the version of the right row of its key that was valid at the left row's time. Rows of
// both sides wait in the order of their times. When the watermark comes they are merged: a right row becomes the version of
// its key, a left row meets the version that is there then. So of each key one version is kept, the last at or
// before the watermark, and every row passes through once.
//
//	left     rows that wait
//	right    versions to be
//	version  key -> time 8 | valid 1, gone 2; variable part: the row
//
// A version that was deleted stays, as gone: an older one that comes late must not stand up in its place. Of versions of one time the one that
// came last counts. A left row that is late is joined like any other, as long as the version that it needs is still there. Late, and dropped, are
// versions that come when there is a newer one of their key, and left rows of an inner join whose version a newer one has replaced.
type temporalJoin struct {
	node     *physical.TemporalJoin
	ctx      *exec.TaskContext
	sides    [2]joinSide
	nullable [2][]int // key columns in which a NULL has no partner
	rows     [2]timeBuffer
	version  state.Table
	filter   *expr.Filter
	// updates: the left side changes rows. Its changes go out in the order in which they came, not of their times, so that none
	// overtakes another.
	updates bool
	wm      exec.Watermark

	late    []int32 // of the batch under way
	row     []byte
	cand    *batch.Batch
	left    []*batch.Vector // columns of cand
	right   []*batch.Vector
	met     []int32 // rows of cand with a version
	sel     []int32
	seqs    []uint64 // of the rows of cand
	passed  []bool
	ordered *batch.Batch
}

const (
	versionValid = 1
	versionGone  = 2
)

func newTemporalJoin(n *physical.TemporalJoin, env Env) (exec.Operator, error) {
	if n.Kind != physical.InnerJoin && n.Kind != physical.LeftJoin {
		return nil, fmt.Errorf("this is a bug: a %s temporal join", n.Kind)
	}
	o := &temporalJoin{node: n, updates: n.Left.Base().Changelog.Mode != catalog.InsertOnly, wm: exec.MinWatermark}
	o.sides[0] = newJoinSide("left", n.Left, n.Equi.Left, n.Kind.KeepsLeft())
	o.sides[1] = newJoinSide("right", n.Right, n.Equi.Right, false)
	o.nullable = nullable(n.Equi)
	ts := append(append([]types.Type(nil), o.sides[0].types...), o.sides[1].types...)
	o.cand = batch.New(ts, batch.TargetRows)
	if o.updates {
		o.ordered = batch.New(ts, batch.TargetRows)
	}
	w := len(o.sides[0].types)
	o.left, o.right = o.cand.Cols[:w], o.cand.Cols[w:]
	if n.Filter == nil {
		return o, nil
	}
	f, err := expr.CompileFilter(n.Filter, env.Expr)
	o.filter = &f
	return o, err
}

func (o *temporalJoin) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	for i := range o.sides {
		s := &o.sides[i]
		if err := o.rows[i].open(st, s.name, "temporal2 "+s.schema(&o.node.Equi)); err != nil {
			return err
		}
	}
	o.version, err = st.Table(state.TableSpec{Name: "version", Fixed: 9, TTL: o.node.TTL, Schema: "temporal2 " + o.sides[1].schema(&o.node.Equi)})
	return err
}

func (o *temporalJoin) Process(in *batch.Batch, _ exec.Emitter) error      { return o.keep(0, in) }
func (o *temporalJoin) ProcessRight(in *batch.Batch, _ exec.Emitter) error { return o.keep(1, in) }

// keep has rows wait. What waits is the kind of the change, then the row.
func (o *temporalJoin) keep(side int, in *batch.Batch) error {
	if in.Rows() == 0 {
		return nil
	}
	s := &o.sides[side]
	pos := s.encode(in)
	at := [2]int{o.node.LeftTime, o.node.RightTime}[side]
	times := in.Cols[at]
	versions := o.version.Map(0)
	o.late = o.late[:0]
	for k, i := range pos {
		if times.IsNull(int(i)) {
			return noTimeOf(o.node.Inputs()[side], at)
		}
		kind := in.Kind(int(i))
		if side == 1 && (kind == batch.UpdateBefore || anyNull(in, o.nullable[1], int(i))) {
			continue // the row after it ends the version; a NULL is nobody's partner
		}
		t := times.Int[i]
		used, behind := side == 0 && o.node.TTL > 0, o.wm != exec.MinWatermark && t <= int64(o.wm)
		if used || behind {
			r, err := versions.Find(s.hashes[k], s.key(k))
			if err != nil {
				return err
			}
			if used && r != state.NoRef {
				versions.Touch(r) // a key that is asked for is in use
			}
			if behind && r != state.NoRef && o.replaced(versions.Fixed(r), t) && (side == 1 || !o.node.Kind.KeepsLeft()) && !anyNull(in, o.nullable[side], int(i)) {
				o.late = append(o.late, i)
				continue
			}
		}
		o.row = append(append(o.row[:0], byte(kind)), s.row(k)...)
		o.rows[side].add(t, s.hashes[k], s.key(k), o.row)
	}
	return o.ctx.DropLate(side, in, o.late, o.wm)
}

// replaced reports that the version of a key, whose fixed part is s, came to be after time t.
func (*temporalJoin) replaced(s []byte, t int64) bool {
	return s[8] != 0 && t < int64(binary.LittleEndian.Uint64(s))
}

func (o *temporalJoin) Watermark(wm exec.Watermark, out exec.Emitter) error {
	o.wm = wm
	return o.merge(int64(wm), out)
}

// Restored: late rows wait for the next watermark, in another run too.
func (o *temporalJoin) Restored(wm exec.Watermark) { o.wm = wm }

// merge passes the rows up to time t through.
func (o *temporalJoin) merge(t int64, out exec.Emitter) error {
	o.cand.Reset()
	o.met, o.seqs = o.met[:0], o.seqs[:0]
	left, right := &o.rows[0], &o.rows[1]
	for {
		switch {
		case right.due(t) && (!left.due(t) || right.heap[0].time <= left.heap[0].time):
			if err := o.become(right.pop()); err != nil {
				return err
			}
		case left.due(t):
			if err := o.meet(left.pop()); err != nil {
				return err
			}
			if o.cand.N == batch.TargetRows && !o.updates {
				if err := o.emit(out); err != nil {
					return err
				}
			}
		default:
			return o.emit(out)
		}
	}
}

// become makes a right row the version of its key.
func (o *temporalJoin) become(r timedRow) error {
	m := o.version.Map(0)
	ref, _, err := m.Upsert(r.hash, r.key)
	if err != nil {
		return err
	}
	s := m.Fixed(ref)
	if o.replaced(s, r.time) {
		return nil // by one that came before its time, at the end of an earlier run
	}
	binary.LittleEndian.PutUint64(s, uint64(r.time))
	if s[8] = versionValid; !batch.ChangeKind(r.row[0]).Adds() {
		s[8] = versionGone
		return m.SetVar(ref, nil)
	}
	return m.SetVar(ref, r.row[1:])
}

// meet puts a left row beside the version of its key.
func (o *temporalJoin) meet(r timedRow) error {
	m := o.version.Map(0)
	ref, err := m.Find(r.hash, r.key)
	if err != nil {
		return err
	}
	found := false
	if ref != state.NoRef {
		s := m.Fixed(ref)
		found = s[8] == versionValid && int64(binary.LittleEndian.Uint64(s)) <= r.time
	}
	if !found && !o.node.Kind.KeepsLeft() {
		return nil
	}
	if err := batch.DecodeRow(r.row[1:], o.left); err != nil {
		return fmt.Errorf("state of a join: %w", err)
	}
	n := o.cand.N
	if found && !anyNull(o.cand, o.nullable[0], n) {
		if err := batch.DecodeRow(m.Var(ref), o.right); err != nil {
			return fmt.Errorf("state of a join: %w", err)
		}
		o.met = append(o.met, int32(n))
	} else {
		for _, v := range o.right {
			v.AppendNull()
		}
	}
	o.cand.N++
	o.cand.SetKind(n, batch.ChangeKind(r.row[0]))
	o.seqs = append(o.seqs, r.seq)
	return nil
}

// emit puts the rows of cand out that are joined, and, of a left join, the others with NULLs.
func (o *temporalJoin) emit(out exec.Emitter) error {
	b := o.cand
	if b.N == 0 {
		return nil
	}
	sel := o.met
	if o.filter != nil && len(sel) > 0 {
		b.Sel = sel
		var err error
		if sel, err = o.filter.Apply(b, o.sel[:0]); err != nil {
			return err
		}
		o.sel = sel
	}
	if o.node.Kind.KeepsLeft() {
		o.passed = grow(o.passed, b.N)
		clear(o.passed)
		for _, i := range sel {
			o.passed[i] = true
		}
		for _, i := range o.met {
			if !o.passed[i] {
				for _, v := range o.right {
					v.SetNull(int(i))
				}
			}
		}
		sel = o.sel[:0]
		for i := range b.N {
			sel = append(sel, int32(i))
		}
		o.sel = sel
	}
	b.Sel = sel
	put := b
	if o.updates {
		slices.SortFunc(sel, func(i, j int32) int { return cmp.Compare(o.seqs[i], o.seqs[j]) })
		put = o.ordered
		put.Reset()
		put.AppendRows(b, sel)
	}
	err := error(nil)
	if len(sel) > 0 {
		err = out.Emit(put)
	}
	b.Reset()
	o.met, o.seqs = o.met[:0], o.seqs[:0]
	return err
}

func (o *temporalJoin) Snapshot(state.Epoch, exec.Emitter) error {
	for i := range o.rows {
		if err := o.rows[i].snapshot(); err != nil {
			return err
		}
	}
	return nil
}

func (*temporalJoin) Close() error { return nil }

var (
	_ exec.TwoInput = (*temporalJoin)(nil)
	_ exec.Restorer = (*temporalJoin)(nil)
)
