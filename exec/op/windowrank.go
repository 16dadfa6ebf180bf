package op

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// windowRank keeps the first rows, in an order, of each window and key, and puts them out when the window closes.
// Its input carries the windows. Rows of closed windows are late: dropped and counted.
//
// Nobody sees the order before the window closes, so that rows are not kept in it: a row that comes is written behind those that are there, in
// chunks of a few rows. When a partition has twice as many as will go out, the rest is thrown away, and the order of the last one that stays is
// a limit: rows behind it, in most partitions soon nearly all, are not even encoded.
//
// The namespace of an entry is the end of its window.
//
//	rows    partition -> number of rows 4 | 1 when there is a limit 4; variable part: length and bytes of the limit, chunk 0
//	chunks  partition and number of a chunk -> nothing; variable part: the chunk
//
// A chunk is, for each of its rows, length and bytes of its order, length and bytes of the row. Rows that are equal in the order lie in the
// order in which they came.
type windowRank struct {
	node *physical.WindowRank
	windows
	ctx      *exec.TaskContext
	types    []types.Type // of the input
	cols     []int
	table    state.Table
	chunks   state.Table
	progress progress
	wm       exec.Watermark

	late    []int32           // of the batch under way
	buckets map[int64][]int32 // rows of a batch by the end of their window
	ends    []int64
	view    batch.Batch
	entries

	wanted []int32 // of a bucket: the rows that are not behind the limit, by their number
	taken  []int32 // their positions in the batch
	sorts  state.Keys
	rows   state.Keys

	buf   []byte
	key   []byte
	held  []byte       // all rows of a partition
	order []orderedRow // the same
	out   *batch.Batch
	kept  []*batch.Vector // columns of out without the number
}

// orderedRow is a row and its order: bytes that compare as the rows do.
type orderedRow struct{ sort, row []byte }

const (
	rankCount   = 0
	rankLimited = 4
	rankHead    = 8

	chunkRows = 32
)

func newWindowRank(n *physical.WindowRank) (exec.Operator, error) {
	w, err := newWindows(n.Window, n.Input.Base().Columns)
	if err != nil {
		return nil, err
	}
	o := &windowRank{node: n, windows: w, types: columnTypes(n.Input), buckets: map[int64][]int32{}}
	o.cols = scalar.FirstColumns(len(o.types))
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
	schema := fmt.Sprintf("windowrank2 to%d latest=%t key%d(%s) %v (%s)", n.To, n.Latest, batch.KeyFormat, typeList(pick(o.types, n.Partition)), n.Order, typeList(o.types))
	if o.table, err = st.Table(state.TableSpec{Name: "rows", Fixed: rankHead, Schema: schema}); err != nil {
		return err
	}
	if o.chunks, err = st.Table(state.TableSpec{Name: "chunks", Prefixed: true, Schema: schema}); err != nil {
		return err
	}
	o.wm, err = o.progress.open(ctx, st)
	return err
}

func (o *windowRank) Process(in *batch.Batch, _ exec.Emitter) error {
	o.late = o.late[:0]
	ends := in.Cols[o.w.EndColumn]
	o.ends = o.ends[:0]
	var rows []int32 // of the window that ends at cur
	cur := int64(math.MinInt64)
	for _, i := range positions(in, &o.all) {
		if ends.IsNull(int(i)) {
			return o.noTime()
		}
		end := ends.Int[i]
		if end != cur {
			if o.closed(end, o.wm) {
				o.late = append(o.late, i)
				continue
			}
			if len(rows) > 0 {
				o.buckets[cur] = rows
			}
			cur, rows = end, o.buckets[end]
			if len(rows) == 0 {
				o.ends = append(o.ends, end)
			}
		}
		rows = append(rows, i)
	}
	if len(rows) > 0 {
		o.buckets[cur] = rows
	}
	for _, end := range o.ends {
		if err := o.add(in, end, o.buckets[end]); err != nil {
			return err
		}
		o.buckets[end] = o.buckets[end][:0]
	}
	return o.ctx.DropLate(0, in, o.late, o.wm)
}

// add adds rows of the window that ends at end to their partitions.
func (o *windowRank) add(in *batch.Batch, end int64, pos []int32) error {
	o.view = *in
	o.view.Sel = pos
	o.encode(&o.view, o.node.Partition)
	m := o.table.Map(end)
	if err := o.upsert(m); err != nil {
		return err
	}
	o.wanted, o.taken = o.wanted[:0], o.taken[:0]
	o.sorts.Data, o.sorts.Off = o.sorts.Data[:0], append(o.sorts.Off[:0], 0)
	for k, i := range pos {
		from := len(o.sorts.Data)
		o.sorts.Data = appendOrder(o.sorts.Data, o.node.Order, in, int(i))
		if !o.fits(m, o.refs[k], o.sorts.Data[from:]) {
			o.sorts.Data = o.sorts.Data[:from]
			continue
		}
		o.sorts.Off = append(o.sorts.Off, uint32(len(o.sorts.Data)))
		o.wanted, o.taken = append(o.wanted, int32(k)), append(o.taken, i)
	}
	o.view.Sel = o.taken
	batch.EncodeUnhashed(&o.view, o.cols, &o.rows)
	for j, k := range o.wanted {
		r := orderedRow{o.sorts.At(j), o.rows.At(j)}
		if !o.fits(m, o.refs[k], r.sort) {
			continue // by the rows of this batch
		}
		if err := o.insert(m, end, o.refs[k], o.hashes[k], o.enc.At(int(k)), r); err != nil {
			return err
		}
	}
	return nil
}

// fits reports that a row of that order may be among those that will go out. Of rows of one order the one that came first is before the others, or
// the one that came last.
func (o *windowRank) fits(m state.Map, ref state.Ref, sort []byte) bool {
	if binary.LittleEndian.Uint32(m.Fixed(ref)[rankLimited:]) == 0 {
		return true
	}
	limit, _ := prefixed(m.Var(ref))
	c := bytes.Compare(sort, limit)
	return c < 0 || c == 0 && o.node.Latest
}

// prefixed splits b behind a length and as many bytes.
func prefixed(b []byte) (first, rest []byte) {
	n, w := binary.Uvarint(b)
	return b[w : w+int(n)], b[w+int(n):]
}

func appendPrefixed(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func appendRow(dst []byte, r orderedRow) []byte {
	return appendPrefixed(appendPrefixed(dst, r.sort), r.row)
}

// chunk is the key of a chunk of a partition from the second on, and its hash.
func (o *windowRank) chunk(hash uint64, key []byte, number int) (k []byte, h uint64) {
	o.key = binary.AppendUvarint(appendPrefixed(o.key[:0], key), uint64(number))
	return o.key, hash&^(1<<32-1) | state.Hash(o.key)&(1<<32-1)
}

// insert adds a row to its partition.
func (o *windowRank) insert(m state.Map, end int64, ref state.Ref, hash uint64, key []byte, r orderedRow) error {
	n := int(binary.LittleEndian.Uint32(m.Fixed(ref)[rankCount:]))
	if int64(n)+1 >= 2*o.node.To && o.node.To <= math.MaxInt32 {
		return o.prune(m, end, ref, hash, key, r)
	}
	binary.LittleEndian.PutUint32(m.Fixed(ref)[rankCount:], uint32(n+1))
	if n < chunkRows {
		o.buf = append(o.buf[:0], m.Var(ref)...)
		if n == 0 {
			o.buf = append(o.buf, 0) // no limit
		}
		o.buf = appendRow(o.buf, r)
		return m.SetVar(ref, o.buf)
	}
	chunks := o.chunks.Map(end)
	k, h := o.chunk(hash, key, n/chunkRows)
	c, _, err := chunks.Upsert(h, k)
	if err != nil {
		return err
	}
	o.buf = appendRow(append(o.buf[:0], chunks.Var(c)...), r)
	return chunks.SetVar(c, o.buf)
}

// sorted reads the rows of a partition, and another one if there is one, into o.order, in their order.
func (o *windowRank) sorted(m state.Map, end int64, ref state.Ref, hash uint64, key []byte, more ...orderedRow) error {
	n := int(binary.LittleEndian.Uint32(m.Fixed(ref)[rankCount:]))
	o.held = o.held[:0]
	if n > 0 {
		_, rows := prefixed(m.Var(ref))
		o.held = append(o.held, rows...)
	}
	chunks := o.chunks.Map(end)
	for number := 1; number*chunkRows < n; number++ {
		k, h := o.chunk(hash, key, number)
		c, err := chunks.Find(h, k)
		if err != nil {
			return err
		}
		if c == state.NoRef {
			return fmt.Errorf("state of operator %s: a chunk of rows is missing", o.ctx.Operator)
		}
		o.held = append(o.held, chunks.Var(c)...)
	}
	o.order = o.order[:0]
	for rest := o.held; len(rest) > 0; {
		var r orderedRow
		r.sort, rest = prefixed(rest)
		r.row, rest = prefixed(rest)
		o.order = append(o.order, r)
	}
	o.order = append(o.order, more...)
	if o.node.Latest {
		slices.Reverse(o.order)
	}
	slices.SortStableFunc(o.order, func(a, b orderedRow) int { return bytes.Compare(a.sort, b.sort) })
	return nil
}

// prune adds a row to its partition and throws away those that will not go out.
func (o *windowRank) prune(m state.Map, end int64, ref state.Ref, hash uint64, key []byte, r orderedRow) error {
	before := int(binary.LittleEndian.Uint32(m.Fixed(ref)[rankCount:]))
	if err := o.sorted(m, end, ref, hash, key, r); err != nil {
		return err
	}
	rows := o.order[:min(len(o.order), int(o.node.To))]
	head := m.Fixed(ref)
	binary.LittleEndian.PutUint32(head[rankCount:], uint32(len(rows)))
	binary.LittleEndian.PutUint32(head[rankLimited:], 1)
	o.buf = appendPrefixed(o.buf[:0], rows[len(rows)-1].sort)
	if o.node.Latest {
		slices.Reverse(rows) // as they came
	}
	chunks := o.chunks.Map(end)
	for number := 0; number*chunkRows < max(before, len(rows)); number++ {
		from := min(number*chunkRows, len(rows))
		for _, r := range rows[from:min(from+chunkRows, len(rows))] {
			o.buf = appendRow(o.buf, r)
		}
		if number == 0 {
			if err := m.SetVar(ref, o.buf); err != nil {
				return err
			}
			o.buf = o.buf[:0]
			continue
		}
		k, h := o.chunk(hash, key, number)
		c, _, err := chunks.Upsert(h, k)
		if err != nil {
			return err
		}
		if from == len(rows) {
			chunks.Delete(c)
		} else if err := chunks.SetVar(c, o.buf); err != nil {
			return err
		}
		o.buf = o.buf[:0]
	}
	return nil
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
		if err := o.fire(end, out); err != nil {
			return err
		}
		if err := o.table.Drop(end); err != nil {
			return err
		}
		if err := o.chunks.Drop(end); err != nil {
			return err
		}
		delete(o.buckets, end)
	}
	return emitRows(o.out, out)
}

// fire puts the rows of a window out.
func (o *windowRank) fire(end int64, out exec.Emitter) error {
	m := o.table.Map(end)
	var failed error
	err := m.Scan(func(r state.Ref) bool {
		key := m.Key(r)
		if failed = o.sorted(m, end, r, state.Hash(key), key); failed == nil {
			failed = o.put(out)
		}
		return failed == nil
	})
	if err != nil {
		return err
	}
	return failed
}

// put puts the rows in o.order out.
func (o *windowRank) put(out exec.Emitter) error {
	for at := o.node.From; at <= min(o.node.To, int64(len(o.order))); at++ {
		if err := batch.DecodeKey(o.order[at-1].row, o.kept); err != nil {
			return fmt.Errorf("state of operator %s: %w", o.ctx.Operator, err)
		}
		if o.node.Number {
			v := o.out.Cols[len(o.kept)]
			v.Resize(o.out.N + 1)
			v.Int[o.out.N] = at
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
