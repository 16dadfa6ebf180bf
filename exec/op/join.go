package op

import (
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// join is a regular join: both sides are kept, and each row that comes is put together with the rows that the other
// side has. A batch of one side goes through three steps:
//
//	match   the rows of the other side with an equal key become pairs, decoded beside the columns of the batch
//	filter  the rest of the condition, over all pairs at once
//	put     row by row: what goes out, and what the two sides keep
//
// What goes out for a row, and what it changes (outer: a side whose rows go out with NULLs when they have no partner):
//
//	                  no partner                    with each partner
//	+I +U             outer: +I padded              other outer and this its first: -D of the padded other; then +I pair
//	-U -D             outer: -D padded              -D pair; other outer and this its last: +I of the padded other
//
// Where no side is outer the pair has the kind of the row; a pair that is taken back has it where its own side is not outer. A semi join puts the left row out when it has partners,
// an anti join when it has none; a row of the right side that is its first partner, or was its last, changes that.
type join struct {
	node  *physical.Join
	sides [2]joinSide
	pairs pairs
	types []types.Type // of the output
	out   *batch.Batch
}

// joinSide is one input of a join.
type joinSide struct {
	name  string
	keys  []int
	cols  []int
	types []types.Type
	keeps bool // its rows go out without a partner
	lists rowLists

	keyedRows             // of the batch under way, with the heads of its own lists
	met       []state.Ref // the heads of the other side's lists
}

func newJoinSide(name string, in physical.Node, keys []int, keeps bool) joinSide {
	ts := columnTypes(in)
	return joinSide{name: name, keys: keys, keeps: keeps, types: ts, cols: scalar.FirstColumns(len(ts))}
}

// encode makes keys and rows of the batch.
func (s *joinSide) encode(in *batch.Batch) (pos []int32) {
	batch.EncodeRows(in, s.cols, &s.rows)
	return s.entries.encode(in, s.keys)
}

func (s *joinSide) key(k int) []byte { return s.enc.At(k) }

// upsert makes the heads of the batch's lists.
func (s *joinSide) upsert(ns int64) error { return s.entries.upsert(s.lists.heads.Map(ns)) }

func (s *joinSide) list(ns int64, k int) rowList {
	return rowList{&s.lists, ns, s.hashes[k], s.key(k), s.refs[k]}
}

// meet finds the other side's lists of the batch's keys.
func (s *joinSide) meet(other *joinSide, ns int64, n int) error {
	s.met = grow(s.met, n)
	return other.lists.heads.Map(ns).FindMany(s.hashes[:n], s.enc, s.met)
}

// partner is the other side's list of row k, after meet; ok is false when there is none.
func (s *joinSide) partner(other *joinSide, ns int64, k int) (x rowList, ok bool) {
	return rowList{&other.lists, ns, s.hashes[k], s.key(k), s.met[k]}, s.met[k] != state.NoRef
}

// lonely decodes each row of a namespace that has had no partner into one, and calls f.
func (s *joinSide) lonely(ns int64, one *batch.Batch, f func() error) error {
	alone := func(p *place) error {
		if p.partners() > 0 {
			return nil
		}
		one.Reset()
		if err := batch.DecodeRow(p.data(), one.Cols); err != nil {
			return fmt.Errorf("state of a join: %w", err)
		}
		return f()
	}
	for _, t := range s.lists.tables() {
		m := t.Map(ns)
		var fail error
		err := m.Scan(func(r state.Ref) bool {
			fail = s.lists.rows(m, r, 0, alone)
			return fail == nil
		})
		if err == nil {
			err = fail
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *joinSide) schema(e *physical.Equi) string {
	return fmt.Sprintf("key%d(%s) (%s)", batch.KeyFormat, typeList(pick(s.types, s.keys)), typeList(s.types))
}

func newJoin(n *physical.Join, env Env) (exec.Operator, error) {
	o := &join{node: n}
	o.sides[0] = newJoinSide("left", n.Left, n.Equi.Left, n.Kind.KeepsLeft())
	o.sides[1] = newJoinSide("right", n.Right, n.Equi.Right, n.Kind.KeepsRight())
	if err := o.pairs.init(&o.sides, n.Equi, n.Filter, env); err != nil {
		return nil, err
	}
	o.types = o.pairs.types
	if n.Kind.OnlyLeft() {
		o.types = o.sides[0].types
	}
	o.out = batch.New(o.types, batch.TargetRows)
	return o, nil
}

func (o *join) Open(_ *exec.TaskContext, st state.Scope) error {
	n := o.node
	for i, s := range []struct {
		rows rowSpec
		key  []int // tells its rows apart
		spec state.TableSpec
	}{
		{rowSpec{retracts: n.LeftRetracts, partners: n.Kind.KeepsLeft() || n.Kind.OnlyLeft()}, n.LeftKey, state.TableSpec{TTL: n.LeftTTL}},
		{rowSpec{retracts: n.RightRetracts, partners: n.Kind.KeepsRight()}, n.RightKey, state.TableSpec{TTL: n.RightTTL}},
	} {
		side := &o.sides[i]
		s.spec.Schema = side.schema(&n.Equi)
		s.rows.single = s.key != nil && !slices.ContainsFunc(s.key, func(c int) bool { return !slices.Contains(side.keys, c) })
		if err := side.lists.open(st, side.name, s.spec, s.rows); err != nil {
			return err
		}
	}
	return nil
}

func (o *join) Process(in *batch.Batch, out exec.Emitter) error      { return o.process(0, in, out) }
func (o *join) ProcessRight(in *batch.Batch, out exec.Emitter) error { return o.process(1, in, out) }

// pairLimit is the number of pairs after which a batch is put out, so that keys with many rows do not need the memory
// of all their pairs at once.
const pairLimit = 2 * batch.TargetRows

func (o *join) process(from int, in *batch.Batch, out exec.Emitter) error {
	n := in.Rows()
	if n == 0 {
		return nil
	}
	this, other := &o.sides[from], &o.sides[1-from]
	pos := this.encode(in)
	if err := this.upsert(0); err != nil {
		return err
	}
	if err := this.meet(other, 0, n); err != nil {
		return err
	}
	start := 0
	p := &o.pairs
	p.begin(from)
	for k, i := range pos {
		if !p.partnerless(in, int(i), from) {
			if l, ok := this.partner(other, 0, k); ok {
				err := l.each(func(q *place) error {
					for range q.count() {
						if err := p.add(k, q.position(), q.data()); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
		}
		if p.n() >= pairLimit || k == n-1 {
			if err := o.put(from, in, pos, start, k+1, out); err != nil {
				return err
			}
			start = k + 1
			p.begin(from)
		}
	}
	this.lists.deleteEmpty(0, this.refs)
	return nil
}

// put decides about the rows start .. end-1 of the batch, whose pairs are complete.
func (o *join) put(from int, in *batch.Batch, pos []int32, start, end int, out exec.Emitter) error {
	p := &o.pairs
	if err := p.complete(in, pos); err != nil {
		return err
	}
	if o.node.Kind == physical.InnerJoin {
		if err := p.emit(in, pos, out); err != nil {
			return err
		}
		return o.keep(from, in, pos, start, end, nil)
	}
	o.out.Reset()
	partners := p.counts(start, end)
	at := 0
	for k := start; k < end; k++ {
		m := int(partners[k-start])
		var err error
		if o.node.Kind.OnlyLeft() {
			err = o.onlyLeft(from, in, int(pos[k]), k, p.sel[at:at+m])
		} else {
			err = o.outer(from, in, int(pos[k]), k, p.sel[at:at+m])
		}
		if err != nil {
			return err
		}
		at += m
		if o.out.N >= batch.TargetRows {
			if err := emitRows(o.out, out); err != nil {
				return err
			}
		}
	}
	if err := emitRows(o.out, out); err != nil {
		return err
	}
	return o.keep(from, in, pos, start, end, partners)
}

// keep adds the rows to their side's lists, or takes them back.
func (o *join) keep(from int, in *batch.Batch, pos []int32, start, end int, partners []int32) error {
	s := &o.sides[from]
	for k := start; k < end; k++ {
		if o.pairs.partnerless(in, int(pos[k]), from) {
			continue // no partner can ever come
		}
		x := s.list(0, k)
		if !in.Kind(int(pos[k])).Adds() {
			if _, err := x.remove(s.row(k)); err != nil {
				return err
			}
			continue
		}
		n := 0
		if partners != nil {
			n = int(partners[k-start])
		}
		if err := x.add(s.row(k), n, 0); err != nil {
			return err
		}
	}
	return nil
}

// outer puts out what row k, at position i of the batch, changes; sel is its pairs.
func (o *join) outer(from int, in *batch.Batch, i, k int, sel []int32) error {
	this, other := &o.sides[from], &o.sides[1-from]
	adds := in.Kind(i).Adds()
	pair, alone := batch.Insert, batch.Insert
	if !adds {
		pair, alone = batch.Delete, batch.Delete
		if !this.keeps {
			pair = in.Kind(i)
		}
	}
	if len(sel) == 0 {
		if this.keeps {
			o.pairs.pad(o.out, from, in, i, o.pairs.first[from], alone)
		}
		return nil
	}
	if adds && other.keeps {
		// A padded row gives way to its pair before the next one does, so that what counts them does not fall to none between.
		return o.change(from, k, sel, 1, func(q int, first bool) {
			if first {
				o.pairs.pad(o.out, 1-from, o.pairs.cand, q, 0, batch.Delete)
			}
			o.out.AppendRowAs(o.pairs.cand, q, pair)
		})
	}
	for _, q := range sel {
		o.out.AppendRowAs(o.pairs.cand, int(q), pair)
	}
	if !other.keeps {
		return nil
	}
	return o.change(from, k, sel, -1, func(q int, last bool) {
		if last {
			o.pairs.pad(o.out, 1-from, o.pairs.cand, q, 0, batch.Insert)
		}
	})
}

// change adds by to the partners of the other side's rows of the pairs sel of row k, and calls each for them: turned
// is whether the row had none before, or has none now.
func (o *join) change(from, k int, sel []int32, by int32, each func(pair int, turned bool)) error {
	this, other := &o.sides[from], &o.sides[1-from]
	x, ok := this.partner(other, 0, k)
	if !ok {
		return nil
	}
	last, turns := int64(-1), false
	for _, q := range sel {
		if at := o.pairs.places[q]; at != last { // equal rows share a place
			last, turns = at, false
			p, ok, err := x.at(at)
			if err != nil {
				return err
			}
			if ok {
				was := p.partners()
				now := uint32(max(0, int64(was)+int64(by)))
				p.setPartners(now)
				turns = (was == 0) != (now == 0)
			}
		}
		each(int(q), turns)
	}
	return nil
}

// onlyLeft is outer for semi and anti joins.
func (o *join) onlyLeft(from int, in *batch.Batch, i, k int, sel []int32) error {
	anti := o.node.Kind == physical.AntiJoin
	if from == 0 {
		if (len(sel) == 0) == anti {
			o.out.AppendRow(in, i)
		}
		return nil
	}
	by, kind := int32(1), in.Kind(i) // of a semi join a row comes and goes as its partner does
	if !in.Kind(i).Adds() {
		by = -1
	}
	switch {
	case anti && by > 0:
		kind = batch.Delete
	case anti:
		kind = batch.Insert
	}
	return o.change(from, k, sel, by, func(q int, turned bool) {
		if turned {
			o.out.AppendRowAs(o.pairs.cand, q, kind)
		}
	})
}

func (*join) Watermark(exec.Watermark, exec.Emitter) error { return nil }
func (*join) Snapshot(state.Epoch, exec.Emitter) error     { return nil }
func (*join) Close() error                                 { return nil }

// pairs puts rows of a batch together with rows that are kept: candidates, until the rest of the condition has been
// asked.
type pairs struct {
	types    []types.Type // of the pairs' columns
	first    [2]int       // column at which each side begins
	nullable [2][]int     // key columns in which a NULL has no partner
	filter   *expr.Filter // nil without a further condition

	from   int
	cand   *batch.Batch
	others []*batch.Vector // the columns of cand that the kept rows are decoded into
	rows   []int32         // row of the batch (k-th that counts), by pair
	places []int64         // position in the other side's list, by pair
	sel    []int32         // pairs that satisfy the condition, ascending
	gather []int32
	kinds  []batch.ChangeKind
	number []int32
}

func (p *pairs) init(sides *[2]joinSide, e physical.Equi, filter scalar.Expr, env Env) error {
	l, r := sides[0].types, sides[1].types
	p.types = append(append([]types.Type(nil), l...), r...)
	p.first = [2]int{0, len(l)}
	p.nullable = nullable(e)
	p.cand = batch.New(p.types, batch.TargetRows)
	if filter == nil {
		return nil
	}
	f, err := expr.CompileFilter(filter, env.Expr)
	p.filter = &f
	return err
}

// of is the side that column c of a pair belongs to.
func (p *pairs) of(c int) int {
	if c < p.first[1] {
		return 0
	}
	return 1
}

func (p *pairs) columns(side int) []*batch.Vector {
	if side == 0 {
		return p.cand.Cols[:p.first[1]]
	}
	return p.cand.Cols[p.first[1]:]
}

// pad appends to out the columns of one side, of row i of b where they begin at column base, with NULLs for the other side.
func (p *pairs) pad(out *batch.Batch, side int, b *batch.Batch, i, base int, kind batch.ChangeKind) {
	for c, v := range out.Cols {
		if p.of(c) == side {
			v.AppendFrom(b.Cols[c-base], i)
		} else {
			v.AppendNull()
		}
	}
	out.EndRow(kind)
}

// begin forgets all pairs; the next ones are of a batch of side from.
func (p *pairs) begin(from int) {
	p.from = from
	p.cand.Reset()
	p.others = p.columns(1 - from)
	p.rows, p.places, p.sel = p.rows[:0], p.places[:0], p.sel[:0]
}

func (p *pairs) n() int { return len(p.rows) }

// partnerless reports a row with a NULL in its key.
func (p *pairs) partnerless(in *batch.Batch, i, from int) bool {
	return anyNull(in, p.nullable[from], i)
}

// nullable is the key columns of each side in which a NULL has no partner.
func nullable(e physical.Equi) (cols [2][]int) {
	for i, safe := range e.NullSafe {
		if !safe {
			cols[0] = append(cols[0], e.Left[i])
			cols[1] = append(cols[1], e.Right[i])
		}
	}
	return cols
}

// anyNull reports that one of the columns is NULL in row i.
func anyNull(b *batch.Batch, cols []int, i int) bool {
	for _, c := range cols {
		if b.Cols[c].IsNull(i) {
			return true
		}
	}
	return false
}

// add pairs the k-th row of the batch with a kept row.
func (p *pairs) add(k int, position int64, row []byte) error {
	p.rows, p.places = append(p.rows, int32(k)), append(p.places, position)
	if len(p.others) == 0 {
		return nil
	}
	if err := batch.DecodeRow(row, p.others); err != nil {
		return fmt.Errorf("state of a join: %w", err)
	}
	return nil
}

// complete adds the batch's columns to the pairs and asks the condition.
func (p *pairs) complete(in *batch.Batch, pos []int32) error {
	p.gather = p.gather[:0]
	for _, k := range p.rows {
		p.gather = append(p.gather, pos[k])
	}
	for c, v := range p.columns(p.from) {
		v.AppendMany(in.Cols[c], p.gather, in.N)
	}
	p.cand.N = len(p.rows)
	if p.filter != nil {
		var err error
		p.sel, err = p.filter.Apply(p.cand, p.sel[:0])
		return err
	}
	for i := range p.rows {
		p.sel = append(p.sel, int32(i))
	}
	return nil
}

// counts is the number of pairs of each row from start to end-1 that satisfy the condition.
func (p *pairs) counts(start, end int) []int32 {
	p.number = grow(p.number, end-start)
	clear(p.number)
	for _, q := range p.sel {
		p.number[int(p.rows[q])-start]++
	}
	return p.number
}

// emit puts the pairs out, each with the kind of its row in the batch.
func (p *pairs) emit(in *batch.Batch, pos []int32, out exec.Emitter) error {
	if len(p.sel) == 0 {
		return nil
	}
	if in.Kinds != nil {
		p.kinds = p.kinds[:0]
		for _, i := range p.gather {
			p.kinds = append(p.kinds, in.Kinds[i])
		}
		p.cand.Kinds = p.kinds
	}
	if len(p.sel) < p.cand.N {
		p.cand.Sel = p.sel
	}
	return out.Emit(p.cand)
}
