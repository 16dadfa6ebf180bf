package op

import (
	"bytes"
	"container/list"
	"fmt"
	"sort"
	"time"
	"unsafe"

	"github.com/tidwall/btree"

	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// ordered is the rows of an operator by partition, each partition in an order. They are lists in the state, with the number in which they
// came. The order is a tree in memory, made of the list when the partition is touched, and forgotten when memory is short.
type ordered struct {
	id    string // of the operator
	types []types.Type
	order []physical.SortKey
	lists rowLists

	parts map[string]*list.Element // of *partition
	used  *list.List               // most recently used first
	held  int                      // bytes of rows in memory
	one   *batch.Batch             // a row of the state
	key   []byte                   // its order

	outcomes bool                   // rows have them
	forgot   func(*partition) error // called for a partition that is forgotten; nil when nobody cares
}

func newOrdered(id string, ts []types.Type, order []physical.SortKey) (ordered, error) {
	if err := orderable(ts, order); err != nil {
		return ordered{}, err
	}
	return ordered{id: id, types: ts, order: order, parts: map[string]*list.Element{}, used: list.New(), one: batch.New(ts, 1)}, nil
}

// open declares the tables of the rows; kind is what the operator is called in their schema.
func (o *ordered) open(st state.Scope, kind string, partition []int, ttl time.Duration) error {
	schema := fmt.Sprintf("%s key%d(%s) %v (%s)", kind, batch.KeyFormat, typeList(pick(o.types, partition)), o.order, typeList(o.types))
	return o.lists.open(st, "rows", state.TableSpec{TTL: ttl, Schema: schema}, rowSpec{retracts: true, timed: true})
}

// partition is the rows of one partition in order.
type partition struct {
	key  string
	tree *btree.BTreeG[ranked]
	same map[string]copies // by row
	next int64
	size int
	run  overRun // of an aggregation over the order
}

// ranked is a row at its place: by the order's columns, then as it came. Equal rows follow one another. Nobody writes to sort and row.
type ranked struct {
	sort []byte
	seq  int64
	dup  int
	row  []byte
	out  *outcome // nil in a Top-N
}

// outcome is what went out with a row of an aggregation over the order.
type outcome struct {
	values []byte           // of the calls, encoded like a key; nil: nothing yet
	kind   batch.ChangeKind // that the row came with
}

// copies is equal rows: the number of the first, and how many there are.
type copies struct {
	seq int64
	n   int
}

// orderMemory is the bytes of rows that the trees of an operator hold, as long as it is not one partition alone.
// Few partitions are touched often, and those that are not are made anew of their rows.
const orderMemory = 16 << 20

// partitionBytes is about what a partition takes without its rows: one whose rows were all taken back is forgotten, too.
const partitionBytes = 512

func before(a, b ranked) bool {
	if c := bytes.Compare(a.sort, b.sort); c != 0 {
		return c < 0
	}
	return a.seq < b.seq || a.seq == b.seq && a.dup < b.dup
}

// sortKey appends the order of a row: bytes that compare as the rows do.
func (o *ordered) sortKey(dst []byte, in *batch.Batch, i int) []byte {
	return appendOrder(dst, o.order, in, i)
}

// orderable reports a column of types that rows cannot be ordered by.
func orderable(ts []types.Type, order []physical.SortKey) error {
	for _, k := range order {
		if t := ts[k.Column]; !t.CanSort() {
			return fmt.Errorf("rows cannot be ordered by a value of type %s", t)
		}
	}
	return nil
}

// appendOrder appends the order of row i: bytes that compare as the rows do.
func appendOrder(dst []byte, order []physical.SortKey, in *batch.Batch, i int) []byte {
	for _, s := range order {
		dst = batch.AppendSortKey(dst, in.Cols[s.Column], i, s.Desc, s.NullsFirst)
	}
	return dst
}

// together copies two byte strings into one piece of memory.
func together(a, b []byte) ([]byte, []byte) {
	both := append(append(make([]byte, 0, len(a)+len(b)), a...), b...)
	return both[:len(a):len(a)], both[len(a):]
}

// bytes is about what a row takes, its places in the tree and the map included.
func (r *ranked) bytes() int { return len(r.row) + len(r.sort) + 192 }

// partition is the order of the rows of x, from memory or made anew.
func (o *ordered) partition(x *rowList) (p *partition, made bool, err error) {
	if e := o.parts[string(x.key)]; e != nil {
		o.used.MoveToFront(e)
		return e.Value.(*partition), false, nil
	}
	p = &partition{key: string(x.key), size: len(x.key) + partitionBytes, tree: btree.NewBTreeGOptions(before, btree.Options{NoLocks: true}), same: map[string]copies{}}
	err = x.each(func(q *place) error {
		o.one.Reset()
		if err := decodeListed(o.id, q.data(), o.one.Cols); err != nil {
			return err
		}
		o.key = o.sortKey(o.key[:0], o.one, 0)
		sort, row := together(o.key, q.data())
		for dup := range int(q.count()) {
			o.hold(p, ranked{sort: sort, seq: q.time(), dup: dup, row: row})
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	o.held += len(p.key) + partitionBytes
	o.parts[p.key] = o.used.PushFront(p)
	return p, true, nil
}

// hold adds a row to the order.
func (o *ordered) hold(p *partition, r ranked) {
	if o.outcomes && r.out == nil {
		r.out = &outcome{}
	}
	p.tree.Set(r)
	if r.dup > 0 {
		p.same[string(r.row)] = copies{r.seq, r.dup + 1}
	} else {
		// The key is the row itself, not a copy: it stays as it is for as long as it is held.
		p.same[unsafe.String(unsafe.SliceData(r.row), len(r.row))] = copies{r.seq, 1}
	}
	p.next = max(p.next, r.seq+1)
	n := r.bytes()
	p.size += n
	o.held += n
}

func (o *ordered) release(p *partition, r ranked) {
	p.tree.Delete(r)
	if r.dup == 0 {
		delete(p.same, string(r.row))
	} else {
		p.same[string(r.row)] = copies{r.seq, r.dup}
	}
	n := r.bytes()
	p.size -= n
	o.held -= n
}

// shrink forgets the partitions that were not used for longest. Their rows are in the state.
func (o *ordered) shrink() error {
	for o.held > orderMemory && o.used.Len() > 1 {
		e := o.used.Back()
		p := e.Value.(*partition)
		o.used.Remove(e)
		delete(o.parts, p.key)
		o.held -= p.size
		if o.forgot != nil {
			if err := o.forgot(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// coming is the place of a row that comes: behind those that are equal to it.
func (p *partition) coming(sort, row []byte) ranked {
	r := ranked{sort: sort, seq: p.next, row: row}
	if c, ok := p.same[string(row)]; ok {
		r.seq, r.dup = c.seq, c.n
	}
	return r
}

// placeOf is the place of a row that is in the tree, from 1.
func (p *partition) placeOf(r ranked) int {
	return 1 + sort.Search(p.tree.Len(), func(i int) bool {
		q, _ := p.tree.GetAt(i)
		return !before(q, r)
	})
}

// last is the last one of the rows that are equal to row. There is none when its TTL is over.
func (o *ordered) last(p *partition, sort, row []byte) (r ranked, ok bool, err error) {
	c, ok := p.same[string(row)]
	if !ok {
		return r, false, nil
	}
	r, ok = p.tree.Get(ranked{sort: sort, seq: c.seq, dup: c.n - 1})
	if !ok {
		return r, false, fmt.Errorf("this is a bug: a row of %s is in no place", o.id)
	}
	return r, true, nil
}
