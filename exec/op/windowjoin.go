package op

import (
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/state"
)

// windowJoin joins the rows of two inputs that are in the same window. Both sides keep their rows, in the namespace of the end of
// their window, until that closes; then they are joined at once, key by key, and forgotten. The bounds of the window are
// among the keys. Nothing is ever taken back: who has no partner is known when the window closes.
//
// Rows of closed windows are late: dropped and counted. A row with a NULL in its key has no partner, and need not wait.
type windowJoin struct {
	node *physical.WindowJoin
	windows
	ctx      *exec.TaskContext
	sides    [2]joinSide
	ends     [2]int // column with the window's end, by side
	progress progress
	wm       exec.Watermark
	late     []int32 // of the batch under way

	// Left rows of a closing window, decoded, with their pairs.
	end   int64
	chunk *batch.Batch
	keys  []pairKey // of the rows of chunk; for a right side that keeps its rows
	pairs pairs
	all   []int32
	sel   []int32
	out   *batch.Batch
	lone  *batch.Batch // one right row, decoded
}

// pairKey is the key of a row of the chunk.
type pairKey struct {
	hash uint64
	key  []byte
}

func newWindowJoin(n *physical.WindowJoin, env Env) (exec.Operator, error) {
	w, err := newWindows(n.LeftWindow, n.Left.Base().Columns)
	if err != nil {
		return nil, err
	}
	o := &windowJoin{node: n, windows: w, ends: [2]int{n.LeftWindow.EndColumn, n.RightWindow.EndColumn}}
	o.sides[0] = newJoinSide("left", n.Left, n.Equi.Left, n.Kind.KeepsLeft() || n.Kind == physical.AntiJoin)
	o.sides[1] = newJoinSide("right", n.Right, n.Equi.Right, n.Kind.KeepsRight())
	if err := o.pairs.init(&o.sides, n.Equi, n.Filter, env); err != nil {
		return nil, err
	}
	o.chunk = batch.New(o.sides[0].types, batch.TargetRows)
	o.lone = batch.New(o.sides[1].types, 1)
	o.out = batch.New(columnTypes(n), batch.TargetRows)
	return o, nil
}

func (o *windowJoin) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	for i := range o.sides {
		s := &o.sides[i]
		if err := s.lists.open(st, s.name, state.TableSpec{Schema: "window " + s.schema(&o.node.Equi)}, rowSpec{partners: i == 1 && s.keeps}); err != nil {
			return err
		}
	}
	o.wm, err = o.progress.open(ctx, st)
	return err
}

func (o *windowJoin) Process(in *batch.Batch, out exec.Emitter) error { return o.process(0, in, out) }
func (o *windowJoin) ProcessRight(in *batch.Batch, out exec.Emitter) error {
	return o.process(1, in, out)
}

func (o *windowJoin) process(from int, in *batch.Batch, out exec.Emitter) error {
	s := &o.sides[from]
	ends := in.Cols[o.ends[from]]
	o.late = o.late[:0]
	for k, i := range s.encode(in) {
		if ends.IsNull(int(i)) {
			return o.noTime()
		}
		end := ends.Int[i]
		if o.closed(end, o.wm) {
			o.late = append(o.late, i)
			continue
		}
		if o.pairs.partnerless(in, int(i), from) {
			if s.keeps {
				o.alone(from, in, int(i))
			}
			continue
		}
		r, _, err := s.lists.heads.Map(end).Upsert(s.hashes[k], s.key(k))
		if err != nil {
			return err
		}
		x := rowList{&s.lists, end, s.hashes[k], s.key(k), r}
		if err := x.add(s.row(k), 0, 0); err != nil {
			return err
		}
	}
	if err := o.ctx.DropLate(from, in, o.late, o.wm); err != nil {
		return err
	}
	return emitRows(o.out, out)
}

// alone appends row i of b, of a side that keeps its rows, to what goes out without a partner.
func (o *windowJoin) alone(side int, b *batch.Batch, i int) {
	if !o.node.Kind.OnlyLeft() {
		o.pairs.pad(o.out, side, b, i, o.pairs.first[side], batch.Insert)
		return
	}
	for c, v := range o.out.Cols {
		v.AppendFrom(b.Cols[c], i)
	}
	o.out.N++
}

func (o *windowJoin) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm <= o.wm {
		return nil
	}
	o.wm = wm
	ends := append(o.sides[0].lists.heads.Namespaces(), o.sides[1].lists.heads.Namespaces()...)
	slices.Sort(ends)
	for _, end := range slices.Compact(ends) {
		if !o.closed(end, wm) {
			break
		}
		if err := o.close(end, out); err != nil {
			return err
		}
	}
	return nil
}

// close joins the rows of the window that ends at end, and forgets them.
func (o *windowJoin) close(end int64, out exec.Emitter) error {
	o.end = end
	o.begin()
	left, right := &o.sides[0].lists, &o.sides[1].lists
	m := left.heads.Map(end)
	var failed error
	err := m.Scan(func(r state.Ref) bool {
		key := m.Key(r)
		failed = o.match(rowList{left, end, state.Hash(key), key, r}, out)
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		err = o.flush(out)
	}
	if err == nil && o.sides[1].keeps {
		err = o.sides[1].lonely(end, o.lone, func() error {
			o.alone(1, o.lone, 0)
			if o.out.N >= batch.TargetRows {
				return emitRows(o.out, out)
			}
			return nil
		})
	}
	if err == nil {
		err = emitRows(o.out, out)
	}
	if err != nil {
		return err
	}
	for _, l := range []*rowLists{left, right} {
		for _, t := range l.tables() {
			if err := t.Drop(end); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *windowJoin) begin() {
	o.chunk.Reset()
	o.keys = o.keys[:0]
	o.pairs.begin(0)
}

// match pairs the left rows of one key with the right ones.
func (o *windowJoin) match(x rowList, out exec.Emitter) error {
	right := &o.sides[1].lists
	others, ok, err := right.find(o.end, x.hash, x.key)
	if err != nil || !ok && !o.sides[0].keeps {
		return err
	}
	key := x.key
	if o.sides[1].keeps {
		key = slices.Clone(key)
	}
	return x.each(func(q *place) error {
		if err := batch.DecodeRow(q.data(), o.chunk.Cols); err != nil {
			return fmt.Errorf("state of operator %s: %w", o.ctx.Operator, err)
		}
		k := o.chunk.N
		o.chunk.N++
		o.keys = append(o.keys, pairKey{x.hash, key})
		if ok {
			if err := others.each(func(r *place) error { return o.pairs.add(k, r.position(), r.data()) }); err != nil {
				return err
			}
		}
		if o.pairs.n() < pairLimit && o.chunk.N < batch.TargetRows {
			return nil
		}
		if err := o.flush(out); err != nil {
			return err
		}
		others, ok, err = right.find(o.end, x.hash, x.key) // flush looks for lists, too
		return err
	})
}

// flush puts out what the rows of the chunk give.
func (o *windowJoin) flush(out exec.Emitter) error {
	n := o.chunk.N
	if n == 0 {
		return nil
	}
	for len(o.all) < n {
		o.all = append(o.all, int32(len(o.all)))
	}
	pos := o.all[:n]
	p := &o.pairs
	if err := p.complete(o.chunk, pos); err != nil {
		return err
	}
	if err := o.partnered(); err != nil {
		return err
	}
	partners := p.counts(0, n)
	var err error
	switch kind := o.node.Kind; {
	case kind.OnlyLeft():
		o.sel = o.sel[:0]
		for k, m := range partners {
			if (m > 0) == (kind == physical.SemiJoin) {
				o.sel = append(o.sel, int32(k))
			}
		}
		if len(o.sel) > 0 {
			o.chunk.Sel = o.sel
			err = out.Emit(o.chunk)
		}
	default:
		err = p.emit(o.chunk, pos, out)
		if o.sides[0].keeps {
			for k, m := range partners {
				if m == 0 {
					o.alone(0, o.chunk, k)
				}
			}
		}
		if err == nil && o.out.N >= batch.TargetRows {
			err = emitRows(o.out, out)
		}
	}
	o.begin()
	return err
}

// partnered notes at the right rows of the pairs that they have a partner.
func (o *windowJoin) partnered() error {
	if !o.sides[1].keeps {
		return nil
	}
	p := &o.pairs
	last := int32(-1)
	var x rowList
	for _, q := range p.sel {
		if k := p.rows[q]; k != last {
			last = k
			var ok bool
			var err error
			if x, ok, err = o.sides[1].lists.find(o.end, o.keys[k].hash, o.keys[k].key); err != nil {
				return err
			} else if !ok {
				return fmt.Errorf("this is a bug: %s has lost the rows of a key", o.node.ID)
			}
		}
		r, ok, err := x.at(p.places[q])
		if err != nil {
			return err
		}
		if ok && r.partners() == 0 {
			r.setPartners(1)
		}
	}
	return nil
}

func (o *windowJoin) Snapshot(state.Epoch, exec.Emitter) error { return o.progress.snapshot(o.wm) }

func (*windowJoin) Close() error { return nil }

var _ exec.TwoInput = (*windowJoin)(nil)
