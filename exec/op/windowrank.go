package op

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// windowRank keeps the first rows, in an order, of each window and key, and puts them out when the window closes.
// Its input carries the windows. Rows of closed windows are late: dropped and counted.
//
// The namespace of an entry is the end of its window. An entry holds the rows of one partition in order, no more than will go
// out:
//
//	rows   partition -> nothing; variable part, for each row: length and bytes of its order, length and bytes of the row
type windowRank struct {
	node *physical.WindowRank
	windows
	ctx      *exec.TaskContext
	types    []types.Type // of the input
	cols     []int
	table    state.Table
	progress progress
	wm       exec.Watermark

	all     []int32
	buckets map[int64][]int32 // rows of a batch by the end of their window
	ends    []int64
	view    batch.Batch
	keys    state.Keys
	rows    state.Keys
	hashes  []uint64
	unused  []uint64
	refs    []state.Ref
	created []bool
	sort    []byte
	buf     []byte
	out     *batch.Batch
	kept    []*batch.Vector // columns of out without the number
}

func newWindowRank(n *physical.WindowRank) (exec.Operator, error) {
	w, err := newWindows(n.Window, n.Input.Base().Columns)
	if err != nil {
		return nil, err
	}
	o := &windowRank{node: n, windows: w, types: columnTypes(n.Input), buckets: map[int64][]int32{}}
	for c := range o.types {
		o.cols = append(o.cols, c)
	}
	if err := orderable(o.types, n.Order); err != nil {
		return nil, err
	}
	o.out = batch.New(columnTypes(n), batch.TargetRows)
	o.kept = o.out.Cols[:len(o.types)]
	return o, nil
}

func (o *windowRank) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	n := o.node
	o.table, err = st.Table(state.TableSpec{
		Name:   "rows",
		Schema: fmt.Sprintf("windowrank1 to%d latest=%t key%d(%s) %v (%s)", n.To, n.Latest, batch.KeyFormat, typeList(pick(o.types, n.Partition)), n.Order, typeList(o.types)),
	})
	if err != nil {
		return err
	}
	o.wm, err = o.progress.open(ctx, st)
	return err
}

func (o *windowRank) Process(in *batch.Batch, _ exec.Emitter) error {
	late := int64(0)
	ends := in.Cols[o.w.EndColumn]
	o.ends = o.ends[:0]
	for _, i := range positions(in, &o.all) {
		if ends.IsNull(int(i)) {
			return o.noTime()
		}
		end := ends.Int[i]
		if o.closed(end, o.wm) {
			late++
			continue
		}
		b := o.buckets[end]
		if len(b) == 0 {
			o.ends = append(o.ends, end)
		}
		o.buckets[end] = append(b, i)
	}
	for _, end := range o.ends {
		if err := o.add(in, end, o.buckets[end]); err != nil {
			return err
		}
		o.buckets[end] = o.buckets[end][:0]
	}
	if late > 0 && o.ctx.Metrics != nil {
		o.ctx.Metrics.Late.Add(late)
	}
	return nil
}

// add puts rows of the window that ends at end into their places.
func (o *windowRank) add(in *batch.Batch, end int64, pos []int32) error {
	n := len(pos)
	o.view = *in
	o.view.Sel = pos
	o.hashes = batch.EncodeKeys(&o.view, o.node.Partition, &o.keys, o.hashes)
	o.unused = batch.EncodeKeys(&o.view, o.cols, &o.rows, o.unused)
	o.refs, o.created = grow(o.refs, n), grow(o.created, n)
	m := o.table.Map(end)
	if err := m.UpsertMany(o.hashes[:n], o.keys, o.refs, o.created); err != nil {
		return err
	}
	for k, i := range pos {
		o.sort = o.sort[:0]
		o.sort = appendOrder(o.sort, o.node.Order, in, int(i))
		held := m.Var(o.refs[k])
		at, fits := o.place(held)
		if !fits {
			continue
		}
		row := o.rows.Data[o.rows.Off[k]:o.rows.Off[k+1]]
		o.buf = append(o.buf[:0], held[:at]...)
		o.buf = append(binary.AppendUvarint(o.buf, uint64(len(o.sort))), o.sort...)
		o.buf = append(binary.AppendUvarint(o.buf, uint64(len(row))), row...)
		o.buf = append(o.buf, held[at:]...)
		if err := m.SetVar(o.refs[k], o.first(o.buf)); err != nil {
			return err
		}
	}
	return nil
}

// place is where the row with the order o.sort goes among those that are held; fits is false behind the last one that
// will go out. Of rows of one order the one that came first is before the others, or the one that came last.
func (o *windowRank) place(held []byte) (at int, fits bool) {
	for n := int64(0); n < o.node.To; n++ {
		if at == len(held) {
			return at, true
		}
		sort, _, next := nextRanked(held, at)
		if c := bytes.Compare(o.sort, sort); c < 0 || c == 0 && o.node.Latest {
			return at, true
		}
		at = next
	}
	return 0, false
}

// first is the part of held that will go out.
func (o *windowRank) first(held []byte) []byte {
	at := 0
	for n := int64(0); n < o.node.To && at < len(held); n++ {
		_, _, at = nextRanked(held, at)
	}
	return held[:at]
}

// nextRanked reads the row at a place of an entry.
func nextRanked(held []byte, at int) (sort, row []byte, next int) {
	part := func() []byte {
		n, w := binary.Uvarint(held[at:])
		at += w + int(n)
		return held[at-int(n) : at]
	}
	sort = part()
	row = part()
	return sort, row, at
}

func (o *windowRank) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm <= o.wm {
		return nil
	}
	o.wm = wm
	for _, end := range o.table.Namespaces() {
		if !o.closed(end, wm) {
			break
		}
		if err := o.fire(o.table.Map(end), out); err != nil {
			return err
		}
		if err := o.table.Drop(end); err != nil {
			return err
		}
		delete(o.buckets, end)
	}
	return emitRows(o.out, out)
}

// fire puts the rows of a window out.
func (o *windowRank) fire(m state.Map, out exec.Emitter) error {
	var failed error
	err := m.Scan(func(r state.Ref) bool {
		failed = o.partition(m.Var(r), out)
		return failed == nil
	})
	if err != nil {
		return err
	}
	return failed
}

func (o *windowRank) partition(held []byte, out exec.Emitter) error {
	for at, n := 0, int64(1); at < len(held); n++ {
		var row []byte
		_, row, at = nextRanked(held, at)
		if n < o.node.From {
			continue
		}
		if err := batch.DecodeKey(row, o.kept); err != nil {
			return fmt.Errorf("state of operator %s: %w", o.ctx.Operator, err)
		}
		if o.node.Number {
			v := o.out.Cols[len(o.kept)]
			v.Resize(o.out.N + 1)
			v.Int[o.out.N] = n
		}
		if o.out.N++; o.out.N >= batch.TargetRows {
			if err := emitRows(o.out, out); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *windowRank) Snapshot(state.Epoch, exec.Emitter) error { return o.progress.snapshot(o.wm) }

func (*windowRank) Close() error { return nil }
