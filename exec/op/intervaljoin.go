package op

import (
	"fmt"
	"math"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/state"
)

// intervalJoin joins rows whose times are not further apart than given. Each side keeps its rows in namespaces by
// slices of time, which are dropped, a slice at once, when the watermark says that no partner can come any more:
//
//	a left row of time t    meets right rows from t+Lower to t+Upper, and is kept until the watermark passes t+Upper
//	a right row of time t   meets left rows from t-Upper to t-Lower, and is kept until the watermark passes t-Lower
//
// A row that a late partner would still find in a slice, but whose own time is over, is not met: what is joined does not depend on
// where slices end. A row of an outer side goes out with NULLs when its slice is dropped without a partner having come.
//
// A row behind the watermark is late, and dropped, when no partner can come any more, it finds none that is still kept, and it does not go out
// with NULLs.
type intervalJoin struct {
	node  *physical.IntervalJoin
	ctx   *exec.TaskContext
	sides [2]joinSide
	time  [2]int // columns
	slice int64  // microseconds
	wm    exec.Watermark
	pairs pairs
	slots []int64 // namespaces of the kept rows, by pair
	out   *batch.Batch
	late  []int32         // of the batch under way
	lone  [2]*batch.Batch // one kept row of each side, decoded
}

// slicesPerInterval is into how many slices the time that rows are kept for is cut: a row looks into as many.
const slicesPerInterval = 8

func newIntervalJoin(n *physical.IntervalJoin, env Env) (*intervalJoin, error) {
	if n.Kind.OnlyLeft() {
		return nil, fmt.Errorf("this is a bug: a %s interval join", n.Kind)
	}
	o := &intervalJoin{node: n, time: [2]int{n.LeftTime, n.RightTime}, wm: exec.MinWatermark}
	o.sides[0] = newJoinSide("left", n.Left, n.Equi.Left, n.Kind.KeepsLeft())
	o.sides[1] = newJoinSide("right", n.Right, n.Equi.Right, n.Kind.KeepsRight())
	o.slice = max((n.Upper-n.Lower)/slicesPerInterval, 100_000)
	if err := o.pairs.init(&o.sides, n.Equi, n.Filter, env); err != nil {
		return nil, err
	}
	o.out = batch.New(o.pairs.types, batch.TargetRows)
	return o, nil
}

func (o *intervalJoin) Open(ctx *exec.TaskContext, st state.Scope) error {
	o.ctx = ctx
	for i := range o.sides {
		s := &o.sides[i]
		spec := state.TableSpec{Schema: fmt.Sprintf("slice%d %s", o.slice, s.schema(&o.node.Equi))}
		if o.node.ProcTime {
			spec.Schema += " proctime"
		}
		if err := s.lists.open(st, s.name, spec, rowSpec{partners: s.keeps, timed: true}); err != nil {
			return err
		}
	}
	return nil
}

// WatermarkDelay is how much older than the watermark a row that goes out may be: as much as it was kept for.
func (o *intervalJoin) WatermarkDelay() int64 {
	d := max(o.node.Upper, -o.node.Lower, 0)
	if o.node.Kind != physical.InnerJoin {
		d += o.slice
	}
	return d
}

// after is how long after its time a row of a side may still meet partners.
func (o *intervalJoin) after(side int) int64 {
	if side == 0 {
		return o.node.Upper
	}
	return -o.node.Lower
}

// reach is the times of the other side's rows that a row of side and time t meets.
func (o *intervalJoin) reach(side int, t int64) (from, to int64) {
	if side == 0 {
		return t + o.node.Lower, t + o.node.Upper
	}
	return t - o.node.Upper, t - o.node.Lower
}

func (o *intervalJoin) over(side int, t int64) bool {
	return o.wm == exec.MaxWatermark || o.wm != exec.MinWatermark && t+o.after(side) < int64(o.wm)
}

func (o *intervalJoin) ns(t int64) int64 {
	q := t / o.slice
	if t%o.slice < 0 {
		q--
	}
	return q
}

func (o *intervalJoin) Process(in *batch.Batch, out exec.Emitter) error { return o.process(0, in, out) }
func (o *intervalJoin) ProcessRight(in *batch.Batch, out exec.Emitter) error {
	return o.process(1, in, out)
}

func (o *intervalJoin) process(from int, in *batch.Batch, out exec.Emitter) error {
	n := in.Rows()
	if n == 0 {
		return nil
	}
	this := &o.sides[from]
	pos := this.encode(in)
	times := in.Cols[o.time[from]]
	start := 0
	o.late = o.late[:0]
	o.begin(from)
	for k, i := range pos {
		if times.IsNull(int(i)) {
			return noTimeOf(o.node.Inputs()[from], o.time[from])
		}
		if !o.pairs.partnerless(in, int(i), from) {
			if err := o.match(from, k, times.Int[i]); err != nil {
				return err
			}
		}
		if o.pairs.n() >= pairLimit || k == n-1 {
			if err := o.put(from, in, pos, start, k+1, out); err != nil {
				return err
			}
			start = k + 1
			o.begin(from)
		}
	}
	return o.ctx.DropLate(from, in, o.late, o.wm)
}

func (o *intervalJoin) begin(from int) {
	o.pairs.begin(from)
	o.slots = o.slots[:0]
}

// match pairs the k-th row, of time t, with the kept rows of the other side.
func (o *intervalJoin) match(from, k int, t int64) error {
	this, other := &o.sides[from], &o.sides[1-from]
	lo, hi := o.reach(from, t)
	for ns := o.ns(lo); ns <= o.ns(hi); ns++ {
		l, ok, err := other.lists.find(ns, this.hashes[k], this.key(k))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		err = l.each(func(q *place) error {
			if u := q.time(); u < lo || u > hi || o.over(1-from, u) {
				return nil
			}
			o.slots = append(o.slots, ns)
			return o.pairs.add(k, q.position(), q.data())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// put puts the pairs of the rows start .. end-1 out and keeps the rows.
func (o *intervalJoin) put(from int, in *batch.Batch, pos []int32, start, end int, out exec.Emitter) error {
	p := &o.pairs
	if err := p.complete(in, pos); err != nil {
		return err
	}
	this, other := &o.sides[from], &o.sides[1-from]
	if other.keeps {
		for _, q := range p.sel {
			k := int(p.rows[q])
			x, ok, err := other.lists.find(o.slots[q], this.hashes[k], this.key(k))
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			r, ok, err := x.at(p.places[q])
			if err != nil {
				return err
			}
			if ok && r.partners() == 0 {
				r.setPartners(1)
			}
		}
	}
	partners := p.counts(start, end)
	if err := p.emit(in, pos, out); err != nil {
		return err
	}
	return o.keep(from, in, pos, start, end, partners, out)
}

// keep adds the rows that may have partners later.
func (o *intervalJoin) keep(from int, in *batch.Batch, pos []int32, start, end int, partners []int32, out exec.Emitter) error {
	s := &o.sides[from]
	o.out.Reset()
	for k := start; k < end; k++ {
		i := int(pos[k])
		t := in.Cols[o.time[from]].Int[i]
		if over := o.over(from, t); over || o.pairs.partnerless(in, i, from) {
			if partners[k-start] > 0 {
				continue
			}
			if s.keeps {
				o.pairs.pad(o.out, from, in, i, o.pairs.first[from], batch.Insert)
			} else if over && t < int64(o.wm) && !o.node.ProcTime && !o.pairs.partnerless(in, i, from) {
				o.late = append(o.late, pos[k])
			}
			continue
		}
		ns := o.ns(t)
		r, _, err := s.lists.heads.Map(ns).Upsert(s.hashes[k], s.key(k))
		if err != nil {
			return err
		}
		x := rowList{&s.lists, ns, s.hashes[k], s.key(k), r}
		if err := x.add(s.row(k), int(partners[k-start]), t); err != nil {
			return err
		}
	}
	return emitRows(o.out, out)
}

// emitRows puts b out, if there is anything in it, and empties it.
func emitRows(b *batch.Batch, out exec.Emitter) error {
	if b.N == 0 {
		return nil
	}
	err := out.Emit(b)
	b.Reset()
	return err
}

func (o *intervalJoin) Watermark(wm exec.Watermark, out exec.Emitter) error {
	o.wm = wm
	for side := range o.sides {
		s := &o.sides[side]
		for _, ns := range s.lists.heads.Namespaces() {
			if !o.over(side, o.lastOf(ns)) {
				break
			}
			if s.keeps {
				if err := o.lonely(side, ns, out); err != nil {
					return err
				}
			}
			for _, t := range s.lists.tables() {
				if err := t.Drop(ns); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// lastOf is the last moment of a slice.
func (o *intervalJoin) lastOf(ns int64) int64 {
	if ns < math.MaxInt64/o.slice-1 {
		return (ns+1)*o.slice - 1
	}
	return math.MaxInt64
}

// reached is not known: nothing is late by processing time, and what was kept under a clock that ran ahead is kept longer.
func (o *intervalJoin) reached() exec.Watermark { return o.wm }

// due is when the first slice of a side is over.
func (o *intervalJoin) due() exec.Watermark {
	due := int64(exec.MaxWatermark)
	for side := range o.sides {
		if ns := o.sides[side].lists.heads.Namespaces(); len(ns) > 0 {
			due = min(due, o.lastOf(ns[0])+o.after(side)+1)
		}
	}
	return exec.Watermark(due)
}

// lonely puts out the rows of a slice that have had no partner.
func (o *intervalJoin) lonely(side int, ns int64, out exec.Emitter) error {
	s := &o.sides[side]
	if o.lone[side] == nil {
		o.lone[side] = batch.New(s.types, 1)
	}
	lone := o.lone[side]
	o.out.Reset()
	err := s.lonely(ns, lone, func() error {
		o.pairs.pad(o.out, side, lone, 0, o.pairs.first[side], batch.Insert)
		if o.out.N >= batch.TargetRows {
			return emitRows(o.out, out)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return emitRows(o.out, out)
}

func (*intervalJoin) Snapshot(state.Epoch, exec.Emitter) error { return nil }
func (*intervalJoin) Close() error                             { return nil }

var (
	_ exec.TwoInput         = (*join)(nil)
	_ exec.TwoInput         = (*intervalJoin)(nil)
	_ exec.WatermarkDelayer = (*intervalJoin)(nil)
)
