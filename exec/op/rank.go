package op

import (
	"bytes"
	"container/list"
	"fmt"

	"github.com/tidwall/btree"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// rank keeps the first rows of each partition in an order (Top-N), or, without an order, those that come first (LIMIT). Over an insert-only input a row that falls out of the first rows is
// forgotten; over one that changes rows all are kept, since any may come back in.
//
// The rows of a partition are a list in the state, with the number in which they came. Their order is a tree in memory, made
// of the list when the partition is touched, and forgotten when memory is short.
//
// A change of the row at place r, in a result of the places From to To:
//
//	without a number   the row that comes into the result goes out as +I, the one that leaves it, before, as -D
//	with a number      every place from r on has another row: -U and +U, and +I or -D for the last place
type rank struct {
	node  *physical.Rank
	types []types.Type
	cols  []int
	lists rowLists

	parts map[string]*list.Element // of *partition
	used  *list.List               // most recently used first
	held  int                      // bytes of rows in memory

	enc    state.Keys
	rows   state.Keys
	hashes []uint64
	unused []uint64
	refs   []state.Ref
	create []bool
	all    []int32
	sort   []byte
	out    *batch.Batch
	kept   []*batch.Vector // columns of out without the number
}

// partition is the rows of one partition in order.
type partition struct {
	key  string
	tree *btree.BTreeG[ranked]
	same map[string]copies // by row
	next int64
	size int
}

// ranked is a row at its place: by the order's columns, then as it came. Equal rows follow one another.
type ranked struct {
	sort []byte
	seq  int64
	dup  int
	row  []byte
}

// copies is equal rows: the number of the first, and how many there are.
type copies struct {
	seq int64
	n   int
}

// rankMemory is the bytes of rows that the trees of an operator hold, as long as it is not one partition alone.
const rankMemory = 64 << 20

func before(a, b ranked) bool {
	if c := bytes.Compare(a.sort, b.sort); c != 0 {
		return c < 0
	}
	return a.seq < b.seq || a.seq == b.seq && a.dup < b.dup
}

func newRank(n *physical.Rank) (exec.Operator, error) {
	o := &rank{node: n, types: columnTypes(n.Input), parts: map[string]*list.Element{}, used: list.New()}
	for c := range o.types {
		o.cols = append(o.cols, c)
	}
	for _, k := range n.Order {
		if t := o.types[k.Column]; t.Nested != nil {
			return nil, fmt.Errorf("rows cannot be ordered by a value of type %s", t)
		}
	}
	o.out = batch.New(columnTypes(n), batch.TargetRows)
	o.kept = o.out.Cols[:len(o.types)]
	return o, nil
}

func (o *rank) Open(_ *exec.TaskContext, st state.Scope) error {
	n := o.node
	spec := state.TableSpec{TTL: n.TTL, Schema: fmt.Sprintf("rank key%d(%s) %v (%s)", batch.KeyFormat, typeList(pick(o.types, n.Partition)), n.Order, typeList(o.types))}
	return o.lists.open(st, "rows", spec, true, true)
}

func (o *rank) Process(in *batch.Batch, out exec.Emitter) error {
	n := in.Rows()
	if n == 0 {
		return nil
	}
	pos := positions(in, &o.all)
	o.hashes = batch.EncodeKeys(in, o.node.Partition, &o.enc, o.hashes)
	o.unused = batch.EncodeKeys(in, o.cols, &o.rows, o.unused)
	o.refs, o.create = grow(o.refs, n), grow(o.create, n)
	if err := o.lists.heads.Map(0).UpsertMany(o.hashes[:n], o.enc, o.refs, o.create); err != nil {
		return err
	}
	o.out.Reset()
	for k, i := range pos {
		key := o.enc.Data[o.enc.Off[k]:o.enc.Off[k+1]]
		x := rowList{&o.lists, 0, o.hashes[k], key, o.refs[k]}
		p, err := o.partition(&x)
		if err != nil {
			return err
		}
		o.sort = o.sort[:0]
		for _, s := range o.node.Order {
			o.sort = batch.AppendSortKey(o.sort, in.Cols[s.Column], int(i), s.Desc, s.NullsFirst)
		}
		row := o.rows.Data[o.rows.Off[k]:o.rows.Off[k+1]]
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
	o.shrink()
	return emitRows(o.out, out)
}

// partition is the order of the rows of x, from memory or made anew.
func (o *rank) partition(x *rowList) (*partition, error) {
	if e := o.parts[string(x.key)]; e != nil {
		o.used.MoveToFront(e)
		return e.Value.(*partition), nil
	}
	p := &partition{key: string(x.key), tree: btree.NewBTreeGOptions(before, btree.Options{NoLocks: true}), same: map[string]copies{}}
	one := batch.New(o.types, 1)
	err := x.each(func(_ int, q place) error {
		one.Reset()
		row := bytes.Clone(q.data())
		if err := batch.DecodeKey(row, one.Cols); err != nil {
			return fmt.Errorf("state of a row of %s: %w", o.node.ID, err)
		}
		var sort []byte
		for _, s := range o.node.Order {
			sort = batch.AppendSortKey(sort, one.Cols[s.Column], 0, s.Desc, s.NullsFirst)
		}
		for dup := range int(q.count()) {
			o.hold(p, ranked{sort: sort, seq: q.time(), dup: dup, row: row})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	o.parts[p.key] = o.used.PushFront(p)
	return p, nil
}

// hold adds a row to the order.
func (o *rank) hold(p *partition, r ranked) {
	p.tree.Set(r)
	p.same[string(r.row)] = copies{r.seq, r.dup + 1}
	p.next = max(p.next, r.seq+1)
	n := 2*len(r.row) + len(r.sort) + 128
	p.size += n
	o.held += n
}

func (o *rank) release(p *partition, r ranked) {
	p.tree.Delete(r)
	if r.dup == 0 {
		delete(p.same, string(r.row))
	} else {
		p.same[string(r.row)] = copies{r.seq, r.dup}
	}
	n := 2*len(r.row) + len(r.sort) + 128
	p.size -= n
	o.held -= n
}

// shrink forgets the partitions that were not used for longest. Their rows are in the state.
func (o *rank) shrink() {
	for o.held > rankMemory && o.used.Len() > 1 {
		e := o.used.Back()
		p := e.Value.(*partition)
		o.used.Remove(e)
		delete(o.parts, p.key)
		o.held -= p.size
	}
}

// insert adds a row whose order is o.sort.
func (o *rank) insert(p *partition, x *rowList, row []byte) error {
	r := ranked{sort: bytes.Clone(o.sort), seq: p.next, row: bytes.Clone(row)}
	if c, ok := p.same[string(row)]; ok {
		r.seq, r.dup = c.seq, c.n
	}
	to := o.node.To
	if n := int64(p.tree.Len()); !o.node.InputRetracts && n >= to {
		// Without an order the first rows that came stay, also before a copy of one of them.
		if last, _ := p.tree.GetAt(int(to - 1)); len(o.node.Order) == 0 || before(last, r) {
			return nil
		}
	}
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
	c, ok := p.same[string(row)]
	if !ok {
		return nil
	}
	r, ok := p.tree.Get(ranked{sort: o.sort, seq: c.seq, dup: c.n - 1})
	if !ok {
		return fmt.Errorf("this is a bug: a row of %s is in no place", o.node.ID)
	}
	if err := o.changed(p, r, false); err != nil {
		return err
	}
	o.release(p, r)
	_, err := x.remove(row)
	return err
}

// changed puts out what it changes that r came (it is in the tree) or goes (it still is).
func (o *rank) changed(p *partition, r ranked, came bool) error {
	from, to := int(o.node.From), int(o.node.To)
	if last, ok := p.tree.GetAt(to - 1); ok && before(last, r) {
		return nil // behind the result
	}
	// The rows from r on, up to the one behind the result; place is that of the first.
	place := 0
	var rows []ranked
	p.tree.Scan(func(q ranked) bool {
		if rows == nil {
			place++
			if before(q, r) {
				return true
			}
		}
		rows = append(rows, q)
		return place+len(rows)-1 <= to
	})
	at := func(k int) (ranked, bool) { // the row at place k with r in it
		if k-place < len(rows) {
			return rows[k-place], true
		}
		return ranked{}, false
	}
	if !o.node.Number {
		moved, movedOK := r, true
		if place < from { // r moves the first row of the result
			moved, movedOK = at(from)
		}
		enters, entersOK := moved, movedOK
		leaves, leavesOK := at(to + 1)
		if !came {
			enters, entersOK, leaves, leavesOK = leaves, leavesOK, moved, movedOK
		}
		if leavesOK {
			if err := o.put(leaves, 0, batch.Delete); err != nil {
				return err
			}
		}
		if entersOK {
			return o.put(enters, 0, batch.Insert)
		}
		return nil
	}
	for k := max(place, from); k <= to; k++ {
		with, ok := at(k)
		if !ok {
			break
		}
		without, other := at(k + 1)
		old, now := without, with
		if !came {
			old, now = with, without
		}
		switch {
		case other && bytes.Equal(old.row, now.row):
		case other:
			if err := o.put(old, k, batch.UpdateBefore); err != nil {
				return err
			}
			if err := o.put(now, k, batch.UpdateAfter); err != nil {
				return err
			}
		case came:
			if err := o.put(now, k, batch.Insert); err != nil {
				return err
			}
		default:
			if err := o.put(old, k, batch.Delete); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *rank) put(r ranked, number int, kind batch.ChangeKind) error {
	if err := batch.DecodeKey(r.row, o.kept); err != nil {
		return fmt.Errorf("state of a row of %s: %w", o.node.ID, err)
	}
	if o.node.Number {
		o.out.Cols[len(o.kept)].AppendInt(int64(number))
	}
	o.out.N++
	o.out.SetKind(o.out.N-1, kind)
	return nil
}

func (*rank) Watermark(exec.Watermark, exec.Emitter) error { return nil }
func (*rank) Snapshot(state.Epoch, exec.Emitter) error     { return nil }
func (*rank) Close() error                                 { return nil }
