package op

import (
	"bytes"
	"fmt"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/exec/op/memstate"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// sortedOver is an aggregation over the rows that come before each row in an order of any columns. A row that comes or goes changes the
// results of all rows behind it, which are taken back and put out again. So all rows are kept; the results are made of them, and are in
// memory only.
//
// A batch goes through in two steps: first its rows are put into their partitions, and those that it takes back go out as -D with the results that they
// had; then each partition that changed is gone through in order, from its first row, or behind the last row that its accumulators have
// seen when nothing before that has changed:
//
//	a row without a result      goes out as it came, +I or +U
//	with another result         -U with the old one, +U with the new one
//	with the same result        nothing
type sortedOver struct {
	node *physical.SortedOver
	ordered
	cols []int
	aggs *aggCalls
	accs *memstate.Map // accumulators, by partition
	last int64         // namespace of distinct values

	keyedRows
	sort    []byte
	changed []*partition // in this batch

	run     []ranked     // rows that are gone through at once
	cur     *batch.Batch // the same, decoded; the last column counts those that differ in order
	res     *batch.Batch // their results
	resCols []int
	results state.Keys
	at      []int32
	slots   [][]byte
	accRefs []state.Ref
	out     *batch.Batch
}

// overRun is how far the accumulators of a partition have got.
type overRun struct {
	ref   state.Ref // the entry in accs; state.NoRef: there is none
	ns    int64     // of its distinct values
	peers int64     // rows so far that differ in order
	last  ranked    // the last row that is in it

	touched bool
	removed bool   // a row that is in it was taken back
	from    ranked // the first row that came in this batch
	came    bool   // there is one
}

func newSortedOver(n *physical.SortedOver) (exec.Operator, error) {
	in, err := newOrdered(n.ID, columnTypes(n.Input), n.Order)
	if err != nil {
		return nil, err
	}
	o := &sortedOver{node: n, ordered: in}
	o.outcomes = true
	o.cols = scalar.FirstColumns(len(o.types))
	wide := append(append([]types.Type(nil), o.types...), types.TBigInt.NotNull())
	calls := append([]physical.AggCall(nil), n.Calls...)
	for i := range calls {
		if f := calls[i].Func; f == "RANK" || f == "DENSE_RANK" {
			calls[i].Args = []int{len(o.types)}
		}
	}
	if o.aggs, err = newAggCalls(0, calls, wide, aggUse{merge: true}); err != nil {
		return nil, err
	}
	o.accs = memstate.NewMap(o.aggs.set.Fixed)
	o.forgot = o.discard
	o.cur = batch.New(wide, batch.TargetRows)
	o.out = batch.New(columnTypes(n), batch.TargetRows)
	o.res = batch.New(columnTypes(n)[len(o.types):], batch.TargetRows)
	for c := range o.res.Cols {
		o.resCols = append(o.resCols, c)
	}
	return o, nil
}

func (o *sortedOver) Open(_ *exec.TaskContext, st state.Scope) error {
	if err := o.aggs.open(memstate.NewScope(nil), 0); err != nil {
		return err
	}
	return o.open(st, "sortedover", o.node.Partition, o.node.TTL)
}

func (o *sortedOver) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos, err := o.read(in, o.node.Partition, o.cols, o.lists.heads.Map(0))
	if err != nil {
		return err
	}
	o.out.Reset()
	o.changed = o.changed[:0]
	for k, i := range pos {
		x := o.list(&o.lists, k)
		p, made, err := o.partition(&x)
		if err != nil {
			return err
		}
		if made { // the results that went out before
			p.run = overRun{ref: state.NoRef}
			if err := o.compute(p, nil); err != nil {
				return err
			}
		}
		if !p.run.touched {
			p.run.touched = true
			o.changed = append(o.changed, p)
		}
		o.sort = o.sortKey(o.sort[:0], in, int(i))
		row := o.row(k)
		if kind := in.Kind(int(i)); kind.Adds() {
			err = o.insert(p, &x, row, kind)
		} else {
			err = o.remove(p, &x, row, out)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range o.changed {
		if err := o.compute(p, out); err != nil {
			return err
		}
		p.run.touched, p.run.removed, p.run.came = false, false, false
	}
	o.lists.deleteEmpty(0, o.refs)
	if err := o.shrink(); err != nil {
		return err
	}
	return emitRows(o.out, out)
}

func (o *sortedOver) insert(p *partition, x *rowList, row []byte, kind batch.ChangeKind) error {
	r := p.coming(bytes.Clone(o.sort), bytes.Clone(row))
	r.out = &outcome{kind: kind}
	o.hold(p, r)
	if !p.run.came || before(r, p.run.from) {
		p.run.from, p.run.came = r, true
	}
	return x.add(row, 0, r.seq)
}

// remove takes a row back. One that is not there (its TTL is over) changes nothing.
func (o *sortedOver) remove(p *partition, x *rowList, row []byte, out exec.Emitter) error {
	r, ok, err := o.ordered.last(p, o.sort, row)
	if !ok || err != nil {
		return err
	}
	if r.out.values != nil {
		p.run.removed = true
		if err := o.put(r.row, r.out.values, batch.Delete, out); err != nil {
			return err
		}
	}
	o.release(p, r)
	_, err = x.remove(row)
	return err
}

// compute makes the results of a partition's rows and puts out what has changed; without out it only makes them.
func (o *sortedOver) compute(p *partition, out exec.Emitter) error {
	run := &p.run
	if out != nil && !run.removed && !run.came {
		return nil // what came went again
	}
	from := ranked{}
	if run.ref != state.NoRef && !run.removed && o.behind(run.last, run.from) {
		from = run.from
	} else if err := o.startAnew(p); err != nil {
		return err
	}
	o.run = o.run[:0]
	var err error
	p.tree.Ascend(from, func(r ranked) bool {
		if len(o.run) >= batch.TargetRows && o.behind(o.run[len(o.run)-1], r) {
			if err = o.step(p, out); err != nil {
				return false
			}
			o.run = o.run[:0]
		}
		o.run = append(o.run, r)
		return true
	})
	if err != nil || len(o.run) == 0 {
		return err
	}
	return o.step(p, out)
}

// behind reports that the result of a does not depend on b, the later one.
func (o *sortedOver) behind(a, b ranked) bool {
	if o.node.Rows {
		return before(a, b)
	}
	return bytes.Compare(a.sort, b.sort) < 0
}

// discard forgets the accumulators of a partition with their distinct values.
func (o *sortedOver) discard(p *partition) error {
	if p.run.ref == state.NoRef {
		return nil
	}
	o.accs.Delete(p.run.ref)
	return o.aggs.drop(p.run.ns)
}

// startAnew gives a partition empty accumulators.
func (o *sortedOver) startAnew(p *partition) (err error) {
	if err := o.discard(p); err != nil {
		return err
	}
	o.last++
	p.run.ns, p.run.peers = o.last, 0
	p.run.ref, _, err = o.accs.Upsert(state.Hash([]byte(p.key)), []byte(p.key))
	return err
}

// step makes the results of the rows in o.run.
func (o *sortedOver) step(p *partition, out exec.Emitter) error {
	n, w := len(o.run), len(o.types)
	run := &p.run
	o.cur.Reset()
	for i, r := range o.run {
		if err := decodeListed(o.id, r.row, o.cur.Cols[:w]); err != nil {
			return err
		}
		if run.peers == 0 || i == 0 && !bytes.Equal(run.last.sort, r.sort) || i > 0 && !bytes.Equal(o.run[i-1].sort, r.sort) {
			run.peers++
		}
		o.cur.Cols[w].AppendInt(run.peers)
		o.cur.N++
	}
	run.last = o.run[n-1]
	o.res.Reset()
	for _, v := range o.res.Cols {
		v.Resize(n)
	}
	o.res.N = n
	o.at, o.slots, o.accRefs = grow(o.at, n), grow(o.slots, n), grow(o.accRefs, n)
	slot := o.accs.Fixed(run.ref)
	for i := range n {
		o.at[i], o.slots[i], o.accRefs[i] = int32(i), slot, run.ref
	}
	for i := 0; i < n; {
		j := i + 1
		for !o.node.Rows && j < n && bytes.Equal(o.run[i].sort, o.run[j].sort) {
			j++
		}
		rows := agg.Rows{In: o.cur, Map: o.accs, Pos: o.at[i:j], Slots: o.slots[i:j], Refs: o.accRefs[i:j]}
		if err := o.aggs.update(&rows, run.ns); err != nil {
			return err
		}
		if err := o.aggs.values(&rows, o.res, 0, o.at[i:j]); err != nil {
			return err
		}
		i = j
	}
	batch.EncodeRows(o.res, o.resCols, &o.results)
	for i, r := range o.run {
		now := o.results.At(i)
		old := r.out.values
		if old != nil && bytes.Equal(old, now) {
			continue
		}
		r.out.values = bytes.Clone(now)
		if r.out.values == nil {
			r.out.values = []byte{}
		}
		if out == nil {
			continue
		}
		if old == nil {
			if err := o.put(r.row, now, r.out.kind, out); err != nil {
				return err
			}
			continue
		}
		if err := o.put(r.row, old, batch.UpdateBefore, out); err != nil {
			return err
		}
		if err := o.put(r.row, now, batch.UpdateAfter, out); err != nil {
			return err
		}
	}
	return nil
}

// put appends a row and its results to the output.
func (o *sortedOver) put(row, values []byte, kind batch.ChangeKind, out exec.Emitter) error {
	w := len(o.types)
	if err := decodeListed(o.id, row, o.out.Cols[:w]); err != nil {
		return err
	}
	if err := batch.DecodeRow(values, o.out.Cols[w:]); err != nil {
		return fmt.Errorf("this is a bug: a result of %s: %w", o.id, err)
	}
	o.out.EndRow(kind)
	if o.out.N < batch.TargetRows {
		return nil
	}
	return emitRows(o.out, out)
}

func (*sortedOver) Watermark(exec.Watermark, exec.Emitter) error { return nil }
func (*sortedOver) Snapshot(state.Epoch, exec.Emitter) error     { return nil }
func (*sortedOver) Close() error                                 { return nil }
