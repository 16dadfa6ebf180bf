package op

import (
	"encoding/binary"
	"math"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/exec/op/memstate"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// localAggregate is the first phase of an aggregation, before the exchange: rows of one group become one row with their accumulators, which the
// aggregation merges with its own (partials).
//
// Out goes the first row of each group, for its keys, with the accumulators in one more column. Rows that are not aggregated have NULL there.
// They are not where that does not pay: when the rows that were looked at made too many groups, the next ones pass as they are, and
// after a while it looks again.
//
// Nothing is held that must be in a snapshot, or that the aggregation could miss: groups go out before a barrier, before the watermark
// that closes a window of theirs, before the input becomes idle, by the clock where the plan says how long they may wait, and when
// there are many. So the state is that of the aggregation alone, the same as without this phase.
type localAggregate struct {
	node    *physical.LocalAggregate
	aggs    *aggCalls
	windows *windows // nil: no windows
	clock   func() time.Time

	keys []int       // columns that tell groups of a slice apart
	sets []*localSet // by slice; the first used have groups
	used int         // of sets
	held int64       // rows in groups
	made int64       // groups
	next int64       // the least end of a slice with groups; math.MaxInt64: there is none
	wm   exec.Watermark
	now  int64 // as far as it is known
	due  int64 // by the clock; math.MaxInt64: never

	looked, found int64 // rows that were aggregated since the last decision, and the groups they made
	pass          int64 // so many more rows pass as they are
	last          int64 // so many do the next time

	all     []int32
	view    batch.Batch
	enc     state.Keys
	hashes  []uint64
	at      []state.Ref
	created []bool
	slots   [][]byte
	rows    agg.Rows
	heads   []int32
	partial *batch.Vector
	none    *batch.Vector
	out     batch.Batch
	cols    []*batch.Vector // of out
}

// localSet is the groups of one slice of time, or of all rows.
type localSet struct {
	end    int64
	groups *memstate.Map // an entry: as in the aggregation's table, then the number of rows, 8 bytes
	refs   []state.Ref   // entries, in the order of their first rows
	first  *batch.Batch  // first rows
	rows   []int32       // of the batch at hand
}

const (
	// localGroups is how many groups are held at most: they stay in a processor's own cache.
	localGroups = 4096
	// localSample is after how many rows it is decided whether their groups were few enough. When they were not so many rows pass as localPass
	// says, and each time in a row twice as many.
	localSample   = 1 << 15
	localPass     = 1 << 20
	localPassMost = 1 << 25
)

// localPays reports that it is cheaper to aggregate so many rows to so many groups first than to send them on (docs/performance.md).
func localPays(rows, groups int64) bool { return groups*4 <= rows }

func newLocalAggregate(n *physical.LocalAggregate, clock func() time.Time) (*localAggregate, error) {
	in := n.Input.Base().Columns
	o := &localAggregate{node: n, clock: clock, keys: append([]int(nil), n.Keys...), next: math.MaxInt64, wm: exec.MinWatermark, now: math.MinInt64, due: math.MaxInt64, last: localPass}
	head := groupHead(n.InputRetracts)
	if n.Window != nil {
		w, err := newWindows(*n.Window, in)
		if err != nil {
			return nil, err
		}
		o.windows, head = &w, windowHead(n.InputRetracts)
	}
	o.keys = append(o.keys, n.Split...)
	var err error
	o.aggs, err = newAggCalls(head, n.Aggs, physical.Types(in), aggUse{retract: n.InputRetracts, merge: n.Window != nil})
	o.partial, o.none = batch.NewVector(types.TBytes, 0), &batch.Vector{Type: types.TNull}
	return o, err
}

func (o *localAggregate) Open(*exec.TaskContext, state.Scope) error { return nil }

func (o *localAggregate) Process(in *batch.Batch, out exec.Emitter) error {
	n := in.Rows()
	if o.pass > 0 {
		o.pass -= int64(n)
		o.out = *in
		o.out.Cols = o.with(in.Cols, o.none)
		return out.Emit(&o.out)
	}
	if o.due == math.MaxInt64 && o.node.Hold > 0 && n > 0 {
		if o.now == math.MinInt64 {
			o.now = o.clock().UnixMicro()
		}
		o.due = o.now + o.node.Hold.Microseconds()
	}
	pos := positions(in, &o.all)
	if o.windows == nil {
		s := o.set(0)
		if err := o.add(in, s, pos); err != nil {
			return err
		}
	} else if err := o.addSlices(in, pos); err != nil {
		return err
	}
	o.held += int64(n)
	if o.full() || o.over() {
		return o.flush(out)
	}
	return nil
}

// addSlices adds the rows of in at pos to the sets of their slices.
func (o *localAggregate) addSlices(in *batch.Batch, pos []int32) error {
	w := &o.windows.w
	for _, s := range o.sets[:o.used] {
		s.rows = s.rows[:0]
	}
	var s *localSet
	if w.TimeColumn < 0 {
		ends := in.Cols[w.EndColumn]
		for _, i := range pos {
			if ends.IsNull(int(i)) {
				return o.windows.noTime()
			}
			if end := ends.Int[i]; s == nil || end != s.end {
				s = o.set(end)
			}
			s.rows = append(s.rows, i)
		}
	} else {
		times := in.Cols[w.TimeColumn]
		for _, i := range pos {
			t, err := o.windows.rowTime(times, int(i))
			if err != nil {
				return err
			}
			if s == nil || t < s.end-w.Slide || t >= s.end {
				s = o.set(floorTo(t, w.Slide, w.Offset) + w.Slide)
			}
			s.rows = append(s.rows, i)
		}
	}
	for _, s := range o.sets[:o.used] {
		if len(s.rows) > 0 {
			if err := o.add(in, s, s.rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// set is the set of the slice that ends at end.
func (o *localAggregate) set(end int64) *localSet {
	for _, s := range o.sets[:o.used] {
		if s.end == end {
			return s
		}
	}
	if o.used == len(o.sets) {
		o.sets = append(o.sets, &localSet{groups: memstate.NewMap(o.aggs.set.Fixed + partialCount), first: batch.New(columnTypes(o.node.Input), 0)})
	}
	s := o.sets[o.used]
	s.end, s.rows = end, s.rows[:0]
	o.used++
	o.next = min(o.next, end)
	return s
}

// add adds the rows of in at pos to their groups.
func (o *localAggregate) add(in *batch.Batch, s *localSet, pos []int32) error {
	n := len(pos)
	o.view = *in
	if n < in.Rows() {
		o.view.Sel = pos
	}
	o.hashes = batch.EncodeKeys(&o.view, o.keys, &o.enc, o.hashes)
	o.at, o.created, o.slots = grow(o.at, n), grow(o.created, n), grow(o.slots, n)
	if err := s.groups.UpsertMany(o.hashes[:n], o.enc, o.at, o.created); err != nil {
		return err
	}
	fixed := o.aggs.set.Fixed
	o.heads = o.heads[:0]
	for k, r := range o.at {
		slot := s.groups.Fixed(r)
		o.slots[k] = slot
		if o.created[k] {
			s.refs, o.heads = append(s.refs, r), append(o.heads, pos[k])
		}
		change := uint64(1)
		if in.Kinds != nil && !in.Kinds[pos[k]].Adds() {
			change = math.MaxUint64
		}
		binary.LittleEndian.PutUint64(slot[fixed:], binary.LittleEndian.Uint64(slot[fixed:])+change)
	}
	s.first.AppendRows(in, o.heads)
	o.made += int64(len(o.heads))
	o.rows = agg.Rows{In: in, Map: s.groups, Pos: pos, Slots: o.slots, Refs: o.at}
	return o.aggs.updatePlain(&o.rows)
}

// with is cols and one more, until the next call.
func (o *localAggregate) with(cols []*batch.Vector, last *batch.Vector) []*batch.Vector {
	o.cols = append(append(o.cols[:0], cols...), last)
	return o.cols
}

// full reports that what is held goes out now.
func (o *localAggregate) full() bool {
	return o.made >= localGroups || o.node.Hold == 0 || o.node.Size > 0 && o.held >= o.node.Size || o.used > fewBuckets ||
		o.looked+o.held >= localSample && !localPays(o.looked+o.held, o.found+o.made)
}

// over reports that the watermark has closed a window of a group: in time or not, the aggregation decides.
func (o *localAggregate) over() bool {
	return o.windows != nil && o.next != math.MaxInt64 && o.windows.closed(o.next, o.wm)
}

// flush puts the groups out, and decides whether it was worth it.
func (o *localAggregate) flush(out exec.Emitter) error {
	o.due, o.next = math.MaxInt64, math.MaxInt64
	if o.held == 0 {
		return nil
	}
	o.looked += o.held
	o.found += o.made
	if o.looked >= localSample {
		if localPays(o.looked, o.found) {
			o.last = localPass
		} else {
			o.pass, o.last = o.last, min(2*o.last, localPassMost)
		}
		o.looked, o.found = 0, 0
	}
	sets := o.sets[:o.used]
	o.held, o.made, o.used = 0, 0, 0
	for _, s := range sets {
		if err := o.emit(s, out); err != nil {
			return err
		}
	}
	return nil
}

// emit puts the groups of s out, and empties it.
func (o *localAggregate) emit(s *localSet, out exec.Emitter) error {
	p := o.partial
	p.Reset()
	for _, r := range s.refs {
		from := len(p.Data)
		p.Data = append(p.Data, s.groups.Fixed(r)...)
		if o.aggs.set.HasVar {
			p.Data = append(p.Data, s.groups.Var(r)...)
		}
		p.Off, p.Len = append(p.Off, uint32(from)), append(p.Len, uint32(len(p.Data)-from))
	}
	o.out = batch.Batch{N: len(s.refs), Cols: o.with(s.first.Cols, p)}
	err := out.Emit(&o.out)
	s.first.Reset()
	s.groups.Reset()
	s.refs = s.refs[:0]
	return err
}

func (o *localAggregate) ProcessingTime(now int64, out exec.Emitter) (fired bool, err error) {
	o.now = max(o.now, now)
	if o.now < o.due {
		return false, nil
	}
	return true, o.flush(out)
}

func (o *localAggregate) NextTimer() int64 { return o.due }

func (o *localAggregate) Watermark(wm exec.Watermark, out exec.Emitter) error {
	o.wm = max(o.wm, wm)
	if o.windows == nil || o.over() {
		return o.flush(out)
	}
	return nil
}

func (o *localAggregate) Snapshot(_ state.Epoch, out exec.Emitter) error { return o.flush(out) }
func (o *localAggregate) Idle(out exec.Emitter) error                    { return o.flush(out) }
func (*localAggregate) Close() error                                     { return nil }

var (
	_ exec.ProcessingTimer = (*localAggregate)(nil)
	_ exec.Holder          = (*localAggregate)(nil)
)

// partialCount is the bytes of the number of rows behind the fixed part of a partial result.
const partialCount = 8

// partials is the aggregation's view of rows that may be partial results: the last column of its input.
type partials struct {
	col   int // -1: there are none
	fixed int // bytes of a fixed part without the number of rows

	part, src agg.Rows
}

func newPartials(twoPhase bool, columns int, set *agg.Set) partials {
	p := partials{col: -1, fixed: set.Fixed}
	if twoPhase {
		p.col = columns - 1
	}
	return p
}

// of is the partial results of the rows of in; nil: there are none. Where no exchange is needed there is no first phase, nor its column.
func (p *partials) of(in *batch.Batch) *batch.Vector {
	if p.col < 0 || p.col >= len(in.Cols) {
		return nil
	}
	if v := in.Cols[p.col]; !v.Nulls.Full(in.N) {
		return v
	}
	return nil
}

// weight is by how much row i of in changes the number of rows of its group.
func (p *partials) weight(in *batch.Batch, i int32) uint64 {
	if v := p.of(in); v != nil && !v.IsNull(int(i)) {
		return binary.LittleEndian.Uint64(v.Bytes(int(i))[p.fixed:])
	}
	if in.Kind(int(i)).Adds() {
		return 1
	}
	return math.MaxUint64
}

// update adds rows and partial results to their entries, in order.
func (p *partials) update(a *aggCalls, rows *agg.Rows, ns int64) error {
	v := p.of(rows.In)
	if v == nil {
		return a.update(rows, ns)
	}
	for from := 0; from < len(rows.Pos); {
		partial := !v.IsNull(int(rows.Pos[from]))
		to := from + 1
		if len(v.Nulls) == 0 {
			to = len(rows.Pos)
		}
		for to < len(rows.Pos) && v.IsNull(int(rows.Pos[to])) != partial {
			to++
		}
		p.part = agg.Rows{In: rows.In, Map: rows.Map, Pos: rows.Pos[from:to], Slots: rows.Slots[from:to], Refs: rows.Refs[from:to]}
		var err error
		if partial {
			p.src.Reset()
			for _, i := range p.part.Pos {
				b := v.Bytes(int(i))
				p.src.Slots = append(p.src.Slots, b[:p.fixed])
				p.src.Vars = append(p.src.Vars, b[p.fixed+partialCount:])
			}
			err = a.merge(&p.part, &p.src, ns)
		} else {
			err = a.update(&p.part, ns)
		}
		if err != nil {
			return err
		}
		from = to
	}
	return nil
}

// count adds the rows of in at pos to the number in front of their entries, 8 bytes.
func (p *partials) count(in *batch.Batch, pos []int32, slots [][]byte) {
	for k, s := range slots {
		binary.LittleEndian.PutUint64(s, binary.LittleEndian.Uint64(s)+p.weight(in, pos[k]))
	}
}

// late is how many rows the late rows of in stand for besides themselves.
func (p *partials) late(in *batch.Batch, rows []int32) (more int64) {
	if v := p.of(in); v != nil {
		for _, i := range rows {
			if !v.IsNull(int(i)) {
				more += max(0, int64(p.weight(in, i))-1)
			}
		}
	}
	return more
}
