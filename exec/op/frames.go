package op

import (
	"math"

	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/exec/op/memstate"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// frameCalls computes the calls of an OVER for a whole partition, whose rows are in order. Rankings, LAG and LEAD look at places;
// aggregates go along with the frame: rows that enter it are added, rows that leave it taken back.
type frameCalls struct {
	node  *physical.FinalOver
	calls []physical.AggCall // all of them
	slots []int              // of each call: its aggregate, or -1
	aggs  *aggCalls
	acc   *memstate.Map

	peers   []int32 // first row of the same place, of each row
	first   int     // first row that a distance in the order could be taken from
	gone    batch.Batch
	entered agg.Rows
	left    agg.Rows
	outs    []*batch.Vector // of the aggregates
}

// placed are the functions that look at the places of rows.
var placed = map[string]bool{"ROW_NUMBER": true, "RANK": true, "DENSE_RANK": true, "PERCENT_RANK": true, "CUME_DIST": true, "NTILE": true, "LAG": true, "LEAD": true}

func newFrameCalls(n *physical.FinalOver, in []types.Type) (*frameCalls, error) {
	f := &frameCalls{node: n, calls: n.Calls}
	var list []physical.AggCall
	for _, c := range n.Calls {
		if placed[c.Func] {
			f.slots = append(f.slots, -1)
			continue
		}
		f.slots = append(f.slots, len(list))
		list = append(list, c)
	}
	var err error
	if f.aggs, err = newAggCalls(0, list, in, aggUse{retract: n.From != math.MinInt64, inOrder: true, merge: true}); err != nil {
		return nil, err
	}
	f.acc = memstate.NewMap(f.aggs.set.Fixed)
	return f, f.aggs.open(memstate.NewScope(nil), 0)
}

// evaluate writes the results of all rows of b to out, whose columns are as long. peer says whether two rows have one place.
func (f *frameCalls) evaluate(b *batch.Batch, peer func(a, b int) bool, out []*batch.Vector) error {
	n := b.N
	f.peers = grow(f.peers, n)
	for i := range n {
		f.peers[i] = int32(i)
		if i > 0 && peer(i-1, i) {
			f.peers[i] = f.peers[i-1]
		}
	}
	f.outs = f.outs[:0]
	for c, call := range f.calls {
		if f.slots[c] >= 0 {
			f.outs = append(f.outs, out[c])
		} else {
			if err := f.place(call, b, out[c]); err != nil {
				return err
			}
		}
	}
	if len(f.outs) == 0 || n == 0 {
		return nil
	}
	return f.aggregate(b)
}

// aggregate computes the aggregates.
func (f *frameCalls) aggregate(b *batch.Batch) error {
	f.acc.Reset()
	ref, _, err := f.acc.Upsert(0, nil)
	if err != nil {
		return err
	}
	slot := f.acc.Fixed(ref)
	if !f.node.Rows && len(f.node.Order) > 0 {
		f.first = f.firstValue(b)
	}
	f.gone = *b
	f.gone.Kinds = make([]batch.ChangeKind, b.N)
	for i := range f.gone.Kinds {
		f.gone.Kinds[i] = batch.Delete
	}
	rows := func(r *agg.Rows, in *batch.Batch, from, to int) error {
		if from >= to {
			return nil
		}
		r.Reset()
		r.In, r.Map = in, f.acc
		for i := from; i < to; i++ {
			r.Pos, r.Slots, r.Refs = append(r.Pos, int32(i)), append(r.Slots, slot), append(r.Refs, ref)
		}
		return f.aggs.update(r, 0)
	}
	lo, hi := 0, 0
	one := agg.Rows{In: b, Map: f.acc, Pos: []int32{0}, Slots: [][]byte{slot}, Refs: []state.Ref{ref}}
	at := []int32{0}
	for i := range b.N {
		from, to := f.frame(b, i, lo, hi)
		if err := rows(&f.entered, b, max(hi, from), to); err != nil {
			return err
		}
		if err := rows(&f.left, &f.gone, lo, min(from, hi)); err != nil {
			return err
		}
		lo, hi = from, max(to, from)
		at[0], one.Pos[0] = int32(i), int32(i)
		for k, g := range f.aggs.set.Funcs {
			if err := g.Values(&one, f.outs[k], at); err != nil {
				return err
			}
		}
	}
	return f.aggs.drop(0)
}

// frame is the rows from .. to-1 that row i sees. Neither end is before that of the row before, whose frame was lo .. hi-1.
func (f *frameCalls) frame(b *batch.Batch, i, lo, hi int) (from, to int) {
	n := f.node
	from, to = 0, b.N
	switch {
	case n.From == math.MinInt64:
	case n.Rows:
		from = clamp(int64(i)+n.From, b.N)
	case n.From == 0 || f.noOffset(b, i):
		from = int(f.peers[i])
	default:
		for from = max(lo, f.first); from < b.N && !f.noOffset(b, from) && f.distance(b, i, from) < n.From; from++ {
		}
	}
	switch {
	case n.To == math.MaxInt64:
	case n.Rows:
		to = clamp(int64(i)+n.To+1, b.N)
	case n.To == 0 || f.noOffset(b, i):
		for to = i + 1; to < b.N && f.peers[to] == f.peers[i]; to++ {
		}
	default:
		for to = max(hi, f.first); to < b.N && !f.noOffset(b, to) && f.distance(b, i, to) <= n.To; to++ {
		}
	}
	return max(from, lo), max(to, hi)
}

func clamp(i int64, n int) int { return int(min(max(i, 0), int64(n))) }

// noOffset reports that row i has no value that a distance could be taken from: NULL is near to NULL only.
func (f *frameCalls) noOffset(b *batch.Batch, i int) bool {
	return b.Cols[f.node.Order[0].Column].IsNull(i)
}

// firstValue is the first row that has a value in the order.
func (f *frameCalls) firstValue(b *batch.Batch) int {
	i := 0
	for f.node.Order[0].NullsFirst && i < b.N && f.noOffset(b, i) {
		i++
	}
	return i
}

// distance is how far row k is behind row i in the order.
func (f *frameCalls) distance(b *batch.Batch, i, k int) int64 {
	v := b.Cols[f.node.Order[0].Column].Int
	if f.node.Order[0].Desc {
		return v[i] - v[k]
	}
	return v[k] - v[i]
}

// place computes a ranking, LAG or LEAD.
func (f *frameCalls) place(c physical.AggCall, b *batch.Batch, out *batch.Vector) error {
	n := b.N
	switch c.Func {
	case "LAG", "LEAD":
		for i := range n {
			if err := f.shifted(c, b, i, out); err != nil {
				return err
			}
		}
		return nil
	case "NTILE":
		for i := range n {
			buckets := int(b.Cols[c.Args[0]].Int[i])
			// The first buckets have a row more than the others where they cannot all have the same number.
			each, more := n/buckets, n%buckets
			if big := more * (each + 1); i < big {
				out.Int[i] = int64(i/(each+1) + 1)
			} else {
				out.Int[i] = int64(more + (i-big)/max(each, 1) + 1)
			}
		}
		return nil
	}
	dense, end := int64(0), 0
	for i := range n {
		first := int(f.peers[i])
		if first == i {
			dense++
			for end = i + 1; end < n && int(f.peers[end]) == i; end++ {
			}
		}
		switch c.Func {
		case "ROW_NUMBER":
			out.Int[i] = int64(i + 1)
		case "RANK":
			out.Int[i] = int64(first + 1)
		case "DENSE_RANK":
			out.Int[i] = dense
		case "PERCENT_RANK":
			if n > 1 {
				out.Flt[i] = float64(first) / float64(n-1)
			} else {
				out.Flt[i] = 0
			}
		case "CUME_DIST":
			out.Flt[i] = float64(end) / float64(n)
		}
	}
	return nil
}

// shifted is LAG or LEAD of row i.
func (f *frameCalls) shifted(c physical.AggCall, b *batch.Batch, i int, out *batch.Vector) error {
	v, by := b.Cols[c.Args[0]], 1
	if len(c.Args) > 1 {
		n, err := agg.LagOffset(c.Func, b.Cols[c.Args[1]], i)
		if err != nil {
			return err
		}
		by = int(min(n, uint64(b.N)))
	}
	step := -1
	if c.Func == "LEAD" {
		step = 1
	}
	k := i + step*by
	if c.IgnoreNulls && by > 0 {
		k = i
		for left := by; left > 0; {
			if k += step; k < 0 || k >= b.N {
				break
			}
			if !v.IsNull(k) {
				left--
			}
		}
	}
	switch {
	case k >= 0 && k < b.N:
		out.SetFrom(i, v, k)
	case len(c.Args) > 2:
		out.SetFrom(i, b.Cols[c.Args[2]], i)
	default:
		out.SetNull(i)
	}
	return nil
}
