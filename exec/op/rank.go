package op

import (
	"bytes"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/state"
)

// rank keeps the first rows of each partition in an order (Top-N), or, without an order, those that come first (LIMIT), where topN does not. Over an insert-only input a row that falls out of the first rows is
// forgotten; over one that changes rows all are kept, since any may come back in.
//
// A change of the row at place r, in a result of the places From to To:
//
//	without a number   the row that comes into the result goes out as +I, the one that leaves it, before, as -D
//	the first alone    of a key in an insert-only input: the row that comes goes out as +U, the one that leaves it, before, as -U where it is wanted
//	with a number      every place from r on has another row: -U, where it is wanted, and +U, and +I or -D for the last place
type rank struct {
	ordered
	cols []int

	keyedRows
	sort   []byte
	behind []ranked // of a change: the rows whose numbers it changes
	ranking
}

// ranking is what goes out of a rank: rows, and their numbers where they are wanted.
type ranking struct {
	node *physical.Rank
	out  *batch.Batch
	kept []*batch.Vector // columns of out without the number
}

func newRanking(n *physical.Rank) ranking {
	out := batch.New(columnTypes(n), batch.TargetRows)
	return ranking{n, out, out.Cols[:len(n.Input.Base().Columns)]}
}

// put puts a row out, which has the number in its partition.
func (o *ranking) put(row []byte, number int, kind batch.ChangeKind) error {
	if err := decodeListed(o.node.ID, row, o.kept); err != nil {
		return err
	}
	if o.node.Number {
		o.out.Cols[len(o.kept)].AppendInt(int64(number))
	}
	o.out.EndRow(kind)
	return nil
}

// replace puts out that another row has the number of old: -U, where it is wanted, and +U.
func (o *ranking) replace(old, now []byte, number int) error {
	if o.node.UpdateBefore {
		if err := o.put(old, number, batch.UpdateBefore); err != nil {
			return err
		}
	}
	return o.put(now, number, batch.UpdateAfter)
}

func newRank(n *physical.Rank) (exec.Operator, error) {
	in, err := newOrdered(n.ID, columnTypes(n.Input), n.Order)
	if err != nil {
		return nil, err
	}
	o := &rank{ordered: in, ranking: newRanking(n)}
	o.cols = scalar.FirstColumns(len(o.types))
	return o, nil
}

func (o *rank) Open(_ *exec.TaskContext, st state.Scope) error {
	return o.open(st, "rank", o.node.Partition, o.node.TTL)
}

func (o *rank) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos, err := o.read(in, o.node.Partition, o.cols, o.lists.heads.Map(0))
	if err != nil {
		return err
	}
	o.out.Reset()
	for k, i := range pos {
		x := o.list(&o.lists, k)
		p, _, err := o.partition(&x)
		if err != nil {
			return err
		}
		o.sort = o.sortKey(o.sort[:0], in, int(i))
		row := o.row(k)
		if in.Kind(int(i)).Adds() {
			err = o.insert(p, &x, row)
		} else {
			err = o.remove(p, &x, row)
		}
		if err != nil {
			return err
		}
		if o.out.N >= batch.TargetRows {
			if err := emitRows(o.out, out); err != nil {
				return err
			}
		}
	}
	o.lists.deleteEmpty(0, o.refs)
	if err := o.shrink(); err != nil {
		return err
	}
	return emitRows(o.out, out)
}

// insert adds a row whose order is o.sort.
func (o *rank) insert(p *partition, x *rowList, row []byte) error {
	r := p.coming(o.sort, row)
	to := o.node.To
	if n := int64(p.tree.Len()); !o.node.InputRetracts && n >= to {
		// Without an order the first rows that came stay, also before a copy of one of them.
		if last, _ := p.tree.GetAt(int(to - 1)); len(o.node.Order) == 0 || before(last, r) {
			return nil
		}
	}
	r.sort, r.row = together(r.sort, r.row)
	o.hold(p, r)
	if err := x.add(row, 0, r.seq); err != nil {
		return err
	}
	if err := o.changed(p, r, true); err != nil {
		return err
	}
	if !o.node.InputRetracts && int64(p.tree.Len()) > to {
		last, _ := p.tree.GetAt(int(to))
		o.release(p, last)
		_, err := x.remove(last.row)
		return err
	}
	return nil
}

// remove takes a row back. One that is not there (its TTL is over) changes nothing.
func (o *rank) remove(p *partition, x *rowList, row []byte) error {
	r, ok, err := o.last(p, o.sort, row)
	if !ok || err != nil {
		return err
	}
	if err := o.changed(p, r, false); err != nil {
		return err
	}
	o.release(p, r)
	_, err = x.remove(row)
	return err
}

// changed puts out what it changes that r came (it is in the tree) or goes (it still is).
func (o *rank) changed(p *partition, r ranked, came bool) error {
	if last, ok := p.tree.GetAt(int(o.node.To) - 1); ok && before(last, r) {
		return nil // behind the result
	}
	if o.node.Number {
		return o.renumber(p, r, came)
	}
	return o.exchange(p, r, came)
}

// exchange is changed without numbers: at most one row enters the result, and one leaves it.
func (o *rank) exchange(p *partition, r ranked, came bool) error {
	enters, enter := r, true
	if first, ok := p.tree.GetAt(int(o.node.From) - 1); !ok || before(r, first) {
		enters, enter = first, ok // r is before the result, and moves its first row
	}
	leaves, leave := p.tree.GetAt(int(o.node.To))
	if !came {
		enters, enter, leaves, leave = leaves, leave, enters, enter
	}
	if leave && enter && o.node.Updates {
		return o.replace(leaves.row, enters.row, 0)
	}
	if leave {
		if err := o.put(leaves.row, 0, batch.Delete); err != nil {
			return err
		}
	}
	if enter {
		return o.put(enters.row, 0, batch.Insert)
	}
	return nil
}

// renumber is changed with numbers: every row from r on has another one.
func (o *rank) renumber(p *partition, r ranked, came bool) error {
	from, to := max(p.placeOf(r), int(o.node.From)), int(o.node.To)
	first, ok := p.tree.GetAt(from - 1)
	if !ok {
		return nil // the result begins behind the last row
	}
	rows := o.behind[:0] // of the places from .. to, and the one behind the result, with r
	p.tree.Ascend(first, func(q ranked) bool {
		rows = append(rows, q)
		return from+len(rows)-1 <= to
	})
	o.behind = rows
	// A row that moves leaves its place before it takes another, so that whoever goes by a key of the rows themselves has it at the end, too.
	for n := range min(len(rows), to-from+1) {
		i := n
		if !came {
			i = min(len(rows), to-from+1) - 1 - n
		}
		if err := o.shift(rows[i:], from+i, came); err != nil {
			return err
		}
	}
	return nil
}

// shift puts out what a place has now: with is the rows from there on with the row that came or goes. Without it the place has the second of them.
func (o *rank) shift(with []ranked, place int, came bool) error {
	switch {
	case len(with) == 1 && came:
		return o.put(with[0].row, place, batch.Insert)
	case len(with) == 1:
		return o.put(with[0].row, place, batch.Delete)
	case bytes.Equal(with[0].row, with[1].row):
		return nil
	case came:
		return o.replace(with[1].row, with[0].row, place)
	}
	return o.replace(with[0].row, with[1].row, place)
}

func (*rank) Watermark(exec.Watermark, exec.Emitter) error { return nil }
func (*rank) Snapshot(state.Epoch, exec.Emitter) error     { return nil }
func (*rank) Close() error                                 { return nil }
