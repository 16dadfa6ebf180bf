package op

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/planner/physical"
	"weir/state"
)

// groupAggregate is an aggregation by key without end.
//
// Every row changes its group's result and puts the change out: +I for a group's first row, then +U (after -U
// of the old result where it is wanted), nothing when the result is the same, -D when the last row of
// the group was taken back. A batch is cut into runs in which no key occurs twice; a run is computed
// column by column: the old results of all its groups, the update, the new results. So every row
// has its own change, in order. With mini-batches the whole batch is one run, in which a key may occur many
// times and has one change.
//
// An entry's fixed part: mark, 4 bytes, only while a batch is processed: the number of the key's last row in it,
// plus 1; flags, 1 byte; with a retracting input the number of rows, 8 bytes; the accumulators.
type groupAggregate struct {
	node      *physical.GroupAggregate
	aggs      *aggCalls
	partials  partials
	retract   bool
	miniBatch bool
	ttl       time.Duration
	needOld   bool // old results are wanted: for -U, -D, or to see whether something changed
	compare   bool // a result that did not change is not put out
	ctx       *exec.TaskContext
	table     state.Table

	entries
	slots [][]byte
	rows  agg.Rows    // of the batch
	view  batch.Batch // of the row that stands for no rows
	out   *batch.Batch
	room  int // bytes of out without results

	// of a run
	part   agg.Rows // all its rows
	act    agg.Rows // the rows that count
	heads  agg.Rows // one row for each change
	live   []bool   // of each head: the group was there before
	at     []int32  // positions of results
	gather []int32  // input rows of the output's keys
	sel    []int32
	kinds  []batch.ChangeKind
}

const (
	groupMark  = 0
	groupFlags = 4
	groupCount = 5

	flagLive = 1 // the group has a result
	flagGone = 2 // deleted, while the batch goes on
)

// maxResults is how many bytes of results are gathered before they are put out.
const maxResults = 4 * batch.TargetBytes

// groupHead is the bytes in front of the accumulators.
func groupHead(retract bool) int {
	if retract {
		return groupCount + 8
	}
	return groupCount
}

func newGroupAggregate(n *physical.GroupAggregate) (exec.Operator, error) {
	in := columnTypes(n.Input)
	aggs, err := newAggCalls(groupHead(n.InputRetracts), n.Aggs, in, aggUse{retract: n.InputRetracts})
	if err != nil {
		return nil, err
	}
	g := &groupAggregate{node: n, aggs: aggs, retract: n.InputRetracts, miniBatch: n.MiniBatch != nil, ttl: n.TTL}
	g.partials = newPartials(n.TwoPhase, len(in), aggs.set)
	// As Flink does: with a TTL an equal result is put out again, so that it lives on downstream.
	g.compare = g.ttl == 0 || g.miniBatch
	if !g.retract && slices.ContainsFunc(n.Aggs, changedByEveryRow) {
		g.compare = false
	}
	g.needOld = g.retract || n.UpdateBefore || g.compare
	g.out = batch.New(columnTypes(n), batch.TargetRows)
	return g, nil
}

// changedByEveryRow reports that no row leaves the result of c as it is, where no rows are taken back.
func changedByEveryRow(c physical.AggCall) bool {
	if c.Filter >= 0 || c.Distinct {
		return false
	}
	switch c.Func {
	case "COUNT":
		return len(c.Args) == 0
	case "ARRAY_AGG", "JSON_ARRAYAGG", "JSON_OBJECTAGG":
		return !c.IgnoreNulls
	}
	return false
}

func (g *groupAggregate) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	g.ctx = ctx
	in := columnTypes(g.node.Input)
	g.table, err = st.Table(state.TableSpec{
		Name: "acc", Fixed: g.aggs.set.Fixed, TTL: g.ttl,
		Schema: fmt.Sprintf("group1 key%d(%s) %s", batch.KeyFormat, typeList(pick(in, g.node.Keys)), g.aggs.set.Schema),
	})
	if err != nil {
		return err
	}
	return g.aggs.open(st, g.ttl)
}

func (g *groupAggregate) Process(in *batch.Batch, out exec.Emitter) error {
	n := in.Rows()
	if n == 0 {
		return nil
	}
	pos := g.encode(in, g.node.Keys)
	m := g.table.Map(0)
	if err := g.upsert(m); err != nil {
		return err
	}
	g.slots = grow(g.slots, n)
	for k, r := range g.refs {
		g.slots[k] = m.Fixed(r)
	}
	g.begin(n)
	g.rows = agg.Rows{In: in, Map: m, Pos: pos, Slots: g.slots, Refs: g.refs}
	if err := g.runs(&g.rows, out); err != nil {
		return err
	}
	g.end(m)
	return g.emit(in, out)
}

// runs cuts the batch and computes each run.
func (g *groupAggregate) runs(rows *agg.Rows, out exec.Emitter) error {
	if g.miniBatch {
		return g.run(rows)
	}
	from := 0
	for k, s := range rows.Slots {
		if mark := int(binary.LittleEndian.Uint32(s)); mark > from {
			if err := g.run(g.cut(rows, from, k)); err != nil {
				return err
			}
			if err := g.relieve(rows.In, len(rows.Pos)-k, out); err != nil {
				return err
			}
			from = k
		}
		binary.LittleEndian.PutUint32(s, uint32(k+1))
	}
	return g.run(g.cut(rows, from, len(rows.Pos)))
}

// relieve puts the results out that are there, and makes room for those of n more rows, when they take much memory: each
// row of one key puts the whole of a long LISTAGG or COLLECT out, old and new.
func (g *groupAggregate) relieve(in *batch.Batch, n int, out exec.Emitter) error {
	if !g.aggs.set.HasVar || g.out.Size()-g.room < maxResults {
		return nil
	}
	if err := g.emit(in, out); err != nil {
		return err
	}
	g.begin(n)
	return nil
}

// cut is rows from .. to-1 of r, until the next call.
func (g *groupAggregate) cut(r *agg.Rows, from, to int) *agg.Rows {
	g.part = agg.Rows{In: r.In, Map: r.Map, Pos: r.Pos[from:to], Slots: r.Slots[from:to], Refs: r.Refs[from:to]}
	return &g.part
}

// begin makes the output empty, with room for the results of n changes.
func (g *groupAggregate) begin(n int) {
	g.out.Reset()
	if g.needOld {
		n *= 2
	}
	for _, v := range g.out.Cols[len(g.node.Keys):] {
		v.Resize(n)
	}
	g.gather, g.sel, g.kinds = g.gather[:0], g.sel[:0], g.kinds[:0]
	g.room = g.out.Size()
}

// run computes the changes of rows. Without mini-batch no two rows have the same key.
func (g *groupAggregate) run(rows *agg.Rows) error {
	act, heads := rows, rows
	if g.retract || g.miniBatch {
		act, heads = g.count(rows)
	}
	if len(act.Pos) == 0 {
		return nil
	}
	step := 1
	if g.needOld {
		step = 2
	}
	base := len(g.kinds)
	n := len(heads.Pos)
	g.live, g.at = grow(g.live, n), grow(g.at, n)
	for j, s := range heads.Slots {
		g.live[j] = s[groupFlags]&flagLive != 0
		g.at[j] = int32(base + step*j)
	}
	first := len(g.node.Keys)
	if g.needOld {
		if err := g.aggs.values(heads, g.out, first, g.at); err != nil {
			return err
		}
		for j := range g.at {
			g.at[j]++
		}
	}
	if err := g.partials.update(g.aggs, act, 0); err != nil {
		return err
	}
	if err := g.aggs.values(heads, g.out, first, g.at); err != nil {
		return err
	}
	for j, s := range heads.Slots {
		p := heads.Pos[j]
		if !g.needOld {
			kind := batch.UpdateAfter
			if !g.live[j] {
				s[groupFlags] |= flagLive
				kind = batch.Insert
			}
			g.gather, g.kinds = append(g.gather, p), append(g.kinds, kind)
			g.sel = append(g.sel, g.at[j])
			continue
		}
		old, now := int(g.at[j]-1), int(g.at[j])
		g.gather = append(g.gather, p, p)
		g.kinds = append(g.kinds, batch.UpdateBefore, batch.UpdateAfter)
		there := !g.retract || binary.LittleEndian.Uint64(s[groupCount:]) != 0
		switch {
		case there && !g.live[j]:
			s[groupFlags] |= flagLive
			g.kinds[now] = batch.Insert
			g.sel = append(g.sel, int32(now))
		case there:
			if g.compare && g.equal(first, old, now) {
				continue
			}
			if g.node.UpdateBefore {
				g.sel = append(g.sel, int32(old))
			}
			g.sel = append(g.sel, int32(now))
		default:
			if g.live[j] {
				g.kinds[old] = batch.Delete
				g.sel = append(g.sel, int32(old))
			}
			// A later row of this batch may begin the group anew.
			clear(s[groupFlags:])
			if g.aggs.set.HasVar {
				if err := heads.Map.SetVar(heads.Refs[j], nil); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// count counts the rows of each group where the input retracts, and finds the rows that count and the first
// row of each key. A row that is taken back from a group that is not there does not count.
func (g *groupAggregate) count(rows *agg.Rows) (act, heads *agg.Rows) {
	act, heads = rows, rows
	if g.retract {
		act = &g.act
		act.In, act.Map = rows.In, rows.Map
		act.Reset()
	}
	if g.miniBatch {
		heads = &g.heads
		heads.In, heads.Map = rows.In, rows.Map
		heads.Reset()
	} else {
		heads = act
	}
	for k, s := range rows.Slots {
		seen := g.miniBatch && binary.LittleEndian.Uint32(s) != 0
		if g.retract {
			n := binary.LittleEndian.Uint64(s[groupCount:])
			w := g.partials.weight(rows.In, rows.Pos[k])
			if int64(w) < 0 && s[groupFlags]&flagLive == 0 && !seen {
				continue
			}
			binary.LittleEndian.PutUint64(s[groupCount:], n+w)
			act.Add(rows, k)
		}
		if g.miniBatch && !seen {
			binary.LittleEndian.PutUint32(s, uint32(k+1))
			heads.Add(rows, k)
		}
	}
	return act, heads
}

// end takes the marks away, and deletes the groups that have no result.
func (g *groupAggregate) end(m state.Map) {
	for _, s := range g.slots {
		binary.LittleEndian.PutUint32(s, 0)
	}
	if !g.retract {
		return
	}
	for k, s := range g.slots {
		if s[groupFlags] == 0 {
			s[groupFlags] = flagGone
			m.Delete(g.refs[k])
		}
	}
}

// emit completes the output with the keys.
func (g *groupAggregate) emit(in *batch.Batch, out exec.Emitter) error {
	if len(g.sel) == 0 {
		return nil
	}
	for i, c := range g.node.Keys {
		g.out.Cols[i].AppendMany(in.Cols[c], g.gather, in.N)
	}
	g.out.N, g.out.Kinds, g.out.Sel = len(g.kinds), g.kinds, g.sel
	if len(g.sel) == len(g.kinds) {
		g.out.Sel = nil
	}
	for _, v := range g.out.Cols[len(g.node.Keys):] {
		v.Resize(g.out.N)
	}
	return out.Emit(g.out)
}

func (g *groupAggregate) equal(first, i, j int) bool {
	for _, v := range g.out.Cols[first:] {
		if !equalRows(v, i, v, j) {
			return false
		}
	}
	return true
}

// equalRows reports whether row i of v and row j of w are the same; two NULLs are.
func equalRows(v *batch.Vector, i int, w *batch.Vector, j int) bool {
	if a, b := v.IsNull(i), w.IsNull(j); a || b {
		return a == b
	}
	switch batch.ClassOf(v.Type) {
	case batch.ClassBool:
		return v.Bool[i] == w.Bool[j]
	case batch.ClassInt:
		return v.Int[i] == w.Int[j]
	case batch.ClassFloat:
		return v.Flt[i] == w.Flt[j]
	case batch.ClassDec:
		return v.Dec[i] == w.Dec[j]
	case batch.ClassBytes:
		return bytes.Equal(v.Bytes(i), w.Bytes(j))
	case batch.ClassList:
		if v.Len[i] != w.Len[j] {
			return false
		}
		for c := range v.Children {
			for e := range v.Len[i] {
				if !equalRows(v.Children[c], int(v.Off[i]+e), w.Children[c], int(w.Off[j]+e)) {
					return false
				}
			}
		}
	case batch.ClassRow:
		for c := range v.Children {
			if !equalRows(v.Children[c], i, w.Children[c], j) {
				return false
			}
		}
	}
	return true
}

// Watermark puts the result of no rows out at the end of a batch's input, where there was none. Rows without a key are
// those of the first subtask.
func (g *groupAggregate) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm != exec.MaxWatermark || !g.node.Always || g.ctx.Subtask != 0 {
		return nil
	}
	g.view.N, g.view.Sel = 1, nil
	pos := g.encode(&g.view, nil)
	m := g.table.Map(0)
	if err := g.upsert(m); err != nil {
		return err
	}
	if !g.created[0] {
		return nil // of rows, or from before a restart
	}
	slot := m.Fixed(g.refs[0])
	slot[groupFlags] |= flagLive
	g.out.Reset()
	for _, v := range g.out.Cols {
		v.Resize(1)
	}
	none := agg.Rows{In: &g.view, Map: m, Pos: pos, Slots: [][]byte{slot}, Refs: g.refs}
	if err := g.aggs.values(&none, g.out, 0, []int32{0}); err != nil {
		return err
	}
	g.out.N, g.out.Sel, g.out.Kinds = 1, nil, append(g.kinds[:0], batch.Insert)
	return out.Emit(g.out)
}

func (*groupAggregate) Snapshot(state.Epoch, exec.Emitter) error { return nil }
func (*groupAggregate) Close() error                             { return nil }
