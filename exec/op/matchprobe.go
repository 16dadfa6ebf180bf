package op

import (
	"encoding/binary"
	"fmt"
	"slices"

	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/op/agg"
	"weir/exec/op/memstate"
	"weir/exec/op/pattern"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// matchProbe gathers what expressions read of the rows of matches, a row for each run or match, so that they are computed for many at once.
// Its columns: those of the row that is looked at, then what is read of the rows before it.
type matchProbe struct {
	node     *physical.Match
	variable int // whose condition it is, -1 for measures
	exprs    []scalar.Expr
	current  []int // columns of the row that is looked at
	refs     []int // into node.Refs
	groups   []*matchAggs
	in       *batch.Batch
	n        int

	types []types.Type
	reads []int
	place map[int]int // of a column in reads
	kept  matchRows
}

// matchRows is rows of partitions, decoded: what is read of the same rows again and again is decoded once.
type matchRows struct {
	*batch.Batch
	// The last rows of the batch are these of a partition.
	part     *pattern.Partition
	from, to uint64
}

// at is where in the batch the rows from .. to-1 of a partition begin.
func (m *matchRows) at(part *pattern.Partition, from, to uint64) (int, error) {
	if part != m.part || from < m.from || from > m.to {
		m.part, m.from, m.to = part, from, from
	}
	first := m.N - int(m.to-m.from)
	for ; m.to < to; m.to++ {
		if err := m.decode(part.Row(m.to).Data); err != nil {
			return 0, err
		}
	}
	return first + int(from-m.from), nil
}

// decode appends a row.
func (m *matchRows) decode(data []byte) error {
	if len(m.Cols) > 0 {
		if err := batch.DecodeKey(data, m.Cols); err != nil {
			return fmt.Errorf("a row of a match: %w", err)
		}
	}
	m.N++
	return nil
}

// reset forgets the rows.
func (m *matchRows) reset() {
	m.Reset()
	m.part = nil
}

// matchAggs is the aggregates over the rows of one variable.
type matchAggs struct {
	variable int
	refs     []int // places in the probe's columns
	calls    *aggCalls
	args     *expr.Projection
	table    state.Table
	rows     matchRows // that any run has
	of       []int32   // by row of a run: the run
	pos      []int32   // and where the row is in rows
	keys     state.Keys
	hashes   []uint64
	entries  []state.Ref
	created  []bool
	update   agg.Rows
	at       []int32
}

func newMatchProbe(n *physical.Match, variable int, exprs []scalar.Expr, ts []types.Type, reads []int) (*matchProbe, error) {
	p := &matchProbe{node: n, variable: variable, types: ts, reads: reads, place: map[int]int{}}
	for i, c := range reads {
		p.place[c] = i
	}
	w := len(ts)
	at := map[int]int{} // of an expression's column in the probe
	var cols []types.Type
	for _, e := range exprs {
		for _, c := range scalar.Columns(e) {
			if c < w {
				if i, ok := slices.BinarySearch(p.current, c); !ok {
					p.current = slices.Insert(p.current, i, c)
				}
			} else if i, ok := slices.BinarySearch(p.refs, c-w); !ok {
				p.refs = slices.Insert(p.refs, i, c-w)
			}
		}
	}
	for _, c := range p.current {
		at[c] = len(cols)
		cols = append(cols, ts[c])
	}
	groups := map[int]*matchAggs{}
	for _, r := range p.refs {
		at[w+r] = len(cols)
		x := n.Refs[r]
		cols = append(cols, x.Type.WithNullable(true))
		if x.Func != "" {
			if groups[x.Var] == nil {
				groups[x.Var] = &matchAggs{variable: x.Var}
				p.groups = append(p.groups, groups[x.Var])
			}
			groups[x.Var].refs = append(groups[x.Var].refs, at[w+r])
		}
	}
	for _, g := range p.groups {
		if err := p.aggregates(g); err != nil {
			return nil, err
		}
	}
	for _, e := range exprs {
		p.exprs = append(p.exprs, scalar.Shift(e, func(c int) int { return at[c] }))
	}
	p.in = batch.New(cols, 0)
	p.kept = matchRows{Batch: batch.New(pick(ts, reads), 0)}
	return p, nil
}

// aggregates makes the accumulators of a group.
func (p *matchProbe) aggregates(g *matchAggs) error {
	var calls []physical.AggCall
	var args []scalar.Expr
	var in []types.Type
	for _, at := range g.refs {
		x := p.node.Refs[p.refs[at-len(p.current)]]
		c := physical.AggCall{Func: x.Func, Filter: -1, Type: x.Type, Name: x.Name}
		for _, a := range x.Args {
			c.Args = append(c.Args, len(args))
			args = append(args, scalar.Shift(a, func(c int) int { return p.place[c] }))
			in = append(in, a.Type())
		}
		calls = append(calls, c)
	}
	var err error
	if g.calls, err = newAggCalls(0, calls, in, aggUse{}); err != nil {
		return err
	}
	if g.args, err = expr.CompileProjection(args, expr.Env{}); err != nil {
		return err
	}
	st := memstate.NewScope(nil)
	if g.table, err = st.Table(state.TableSpec{Name: "acc", Fixed: g.calls.set.Fixed, Schema: g.calls.set.Schema}); err != nil {
		return err
	}
	if err := g.calls.open(st, 0); err != nil {
		return err
	}
	g.rows = matchRows{Batch: batch.New(pick(p.types, p.reads), 0)}
	return nil
}

// reset forgets the rows.
func (p *matchProbe) reset() {
	p.in.Reset()
	p.n = 0
	p.kept.reset()
	for _, g := range p.groups {
		g.rows.reset()
		g.of, g.pos = g.of[:0], g.pos[:0]
	}
}

// add appends a row: what a run has. Of a condition row is the one that is looked at, in the batch cur; of measures it has the partition and the
// time alone, and cur is nil.
func (p *matchProbe) add(run *pattern.Run, row *matchRow, cur *batch.Batch) error {
	for i, c := range p.current {
		p.in.Cols[i].AppendFrom(cur.Cols[c], int(row.pos))
	}
	for i, r := range p.refs {
		v := p.in.Cols[len(p.current)+i]
		x := &p.node.Refs[r]
		switch {
		case x.Func != "": // by finish
		case x.Time:
			v.AppendInt(row.time)
		default:
			place, found, isCurrent := p.find(x, run)
			switch {
			case isCurrent:
				v.AppendFrom(cur.Cols[x.Column], int(row.pos))
			case !found:
				v.AppendNull()
			default:
				at, err := p.kept.at(row.part.p, place, place+1)
				if err != nil {
					return err
				}
				v.AppendFrom(p.kept.Cols[p.place[x.Column]], at)
			}
		}
	}
	for _, g := range p.groups {
		if err := g.append(p, run, row); err != nil {
			return err
		}
	}
	p.n++
	return nil
}

// append appends the rows of the group's variable that a run has, the first of them first, and the row that is looked at where it counts.
func (g *matchAggs) append(p *matchProbe, run *pattern.Run, row *matchRow) error {
	from, to := rowsOf(run, g.variable)
	at, err := g.rows.at(row.part.p, from, to)
	if err != nil {
		return err
	}
	for k := range int(to - from) {
		g.of, g.pos = append(g.of, int32(p.n)), append(g.pos, int32(at+k))
	}
	if !p.counts(g.variable) {
		return nil
	}
	g.of, g.pos = append(g.of, int32(p.n)), append(g.pos, int32(g.rows.N))
	g.rows.part = nil // the row is none of the partition yet
	return g.rows.decode(row.kept)
}

// rowsOf is the places of the rows of a variable, or of all of them.
func rowsOf(run *pattern.Run, variable int) (from, to uint64) {
	if variable == physical.AllVars {
		return run.Rows()
	}
	return run.RowsOf(variable)
}

// counts reports that the row that is looked at is the last one of a variable.
func (p *matchProbe) counts(variable int) bool {
	return p.variable >= 0 && (variable == physical.AllVars || variable == p.variable)
}

// find is the place of the row that x reads, where there is one; or it is the one that is looked at.
func (p *matchProbe) find(x *physical.MatchRef, run *pattern.Run) (place uint64, found, isCurrent bool) {
	from, to := rowsOf(run, x.Var)
	n := int(to - from)
	counts := p.counts(x.Var)
	at := x.Offset
	if !x.First {
		if at = n - 1 - x.Offset; counts {
			at++
		}
	}
	switch {
	case at < 0 || at > n || at == n && !counts:
		return 0, false, false
	case at == n:
		return 0, false, true
	}
	return from + uint64(at), true, false
}

// finish computes the aggregates; the batch has a row for each add.
func (p *matchProbe) finish() (*batch.Batch, error) {
	p.in.N = p.n
	for _, g := range p.groups {
		if err := g.compute(p); err != nil {
			return nil, err
		}
	}
	return p.in, nil
}

func (g *matchAggs) compute(p *matchProbe) error {
	n := p.n
	g.keys.Off, g.keys.Data = append(g.keys.Off[:0], 0), g.keys.Data[:0]
	g.hashes, g.entries, g.created, g.at = grow(g.hashes, n), grow(g.entries, n), grow(g.created, n), grow(g.at, n)
	for i := range n {
		g.keys.Data = binary.LittleEndian.AppendUint32(g.keys.Data, uint32(i))
		g.keys.Off = append(g.keys.Off, uint32(len(g.keys.Data)))
		g.hashes[i], g.at[i] = state.Hash(g.keys.Data[4*i:]), int32(i)
	}
	m := g.table.Map(0)
	if err := m.UpsertMany(g.hashes, g.keys, g.entries, g.created); err != nil {
		return err
	}
	u := &g.update
	u.Reset()
	u.Map = m
	if g.rows.N > 0 {
		in, err := g.args.Apply(g.rows.Batch)
		if err != nil {
			return err
		}
		u.In = in
		for k, of := range g.of {
			u.Pos = append(u.Pos, g.pos[k])
			u.Slots = append(u.Slots, m.Fixed(g.entries[of]))
			u.Refs = append(u.Refs, g.entries[of])
		}
		if err := g.calls.update(u, 0); err != nil {
			return err
		}
	}
	u.Reset()
	for i, r := range g.entries {
		u.Pos = append(u.Pos, int32(i))
		u.Slots = append(u.Slots, m.Fixed(r))
		u.Refs = append(u.Refs, r)
	}
	for i, f := range g.calls.set.Funcs {
		v := p.in.Cols[g.refs[i]]
		v.Resize(n)
		if err := f.Values(u, v, g.at); err != nil {
			return err
		}
	}
	return g.table.Drop(0)
}

// matchCond is the condition of a variable.
type matchCond struct {
	variable int
	// Of the row alone: computed for a batch at once, where that fails row by row.
	filter  expr.Filter
	cur     *batch.Batch
	failed  bool
	holding []bool // by row
	sel     []int32
	one     []int32
	view    batch.Batch

	// With what the match has so far: computed for all runs of a wave at once, where that fails run by run.
	probe   *matchProbe
	runs    map[*pattern.Run]int // row in the probe
	bad     error
	answers []bool
}

// newMatchCond compiles the condition of variable v; nil where it has none.
func newMatchCond(n *physical.Match, v int, cond scalar.Expr, ts []types.Type, reads []int, env Env) (*matchCond, error) {
	if cond == nil || scalar.IsTrue(cond) {
		return nil, nil
	}
	c := &matchCond{variable: v}
	e := cond
	if slices.ContainsFunc(scalar.Columns(cond), func(i int) bool { return i >= len(ts) }) {
		p, err := newMatchProbe(n, v, []scalar.Expr{cond}, ts, reads)
		if err != nil {
			return nil, err
		}
		c.probe, c.runs, e = p, map[*pattern.Run]int{}, p.exprs[0]
	}
	var err error
	c.filter, err = expr.CompileFilter(e, env.Expr)
	return c, err
}

// begin computes the condition for the rows of a batch, where that is possible.
func (c *matchCond) begin(in *batch.Batch) {
	c.cur = in
	if c.probe != nil {
		return
	}
	c.holding = grow(c.holding, in.N)
	clear(c.holding)
	var err error
	c.sel, err = c.filter.Apply(in, c.sel[:0])
	if c.failed = err != nil; c.failed {
		return // rows that the condition is not asked for must not fail
	}
	for _, i := range c.sel {
		c.holding[i] = true
	}
}

// add has the condition computed for a row behind what a run has.
func (c *matchCond) add(run *pattern.Run, row *matchRow) {
	if c.bad != nil {
		return
	}
	c.runs[run] = c.probe.n
	c.bad = c.probe.add(run, row, c.cur)
}

// answer computes the condition for the runs that were added. Where that fails they are computed when they are asked for.
func (c *matchCond) answer() {
	if c.bad != nil || c.probe.n == 0 {
		return
	}
	c.answers = grow(c.answers, c.probe.n)
	c.bad = c.compute(c.answers)
}

func (c *matchCond) compute(into []bool) error {
	in, err := c.probe.finish()
	if err != nil {
		return err
	}
	clear(into)
	if c.sel, err = c.filter.Apply(in, c.sel[:0]); err != nil {
		return err
	}
	for _, i := range c.sel {
		into[i] = true
	}
	return nil
}

// forget ends a wave.
func (c *matchCond) forget() {
	clear(c.runs)
	c.probe.reset()
	c.bad = nil
}

// holds reports that a row satisfies the condition behind what a run has.
func (c *matchCond) holds(run *pattern.Run, row *matchRow) (bool, error) {
	if c.probe == nil {
		if !c.failed {
			return c.holding[row.pos], nil
		}
		c.view = *c.cur
		c.one = append(c.one[:0], row.pos)
		c.view.Sel = c.one
		var err error
		c.sel, err = c.filter.Apply(&c.view, c.sel[:0])
		return len(c.sel) > 0, err
	}
	if i, ok := c.runs[run]; ok && c.bad == nil {
		return c.answers[i], nil
	}
	c.probe.reset()
	if err := c.probe.add(run, row, c.cur); err != nil {
		return false, err
	}
	var answer [1]bool
	err := c.compute(answer[:])
	return answer[0], err
}
