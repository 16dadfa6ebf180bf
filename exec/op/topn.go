package op

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/state"
)

// topN is rank where rows only come and few are kept: a partition is one entry, with its rows in order, and nothing of it is in memory
// beside the state.
//
//	top   key -> nothing; variable part: for each row, the first in order first: length of the order, of the row (uvarints) | order | row
//
// A row that is equal to others in order is behind them. What goes out is what rank says.
type topN struct {
	cols  []int
	table state.Table

	keyedRows
	sort []byte
	rows []topRow // of the partition, with the row that comes in its place
	buf  []byte
	ranking
}

// topRow is one row of a partition, in the state's memory or the batch's.
type topRow struct{ all, sort, row []byte }

// topRows is how many rows a partition of topN has at most: it is read and written whole.
const topRows = 128

// isTopN reports a rank that topN can do. Where there is a TTL each row has its own age, which entries of many do not know.
func isTopN(n *physical.Rank) bool { return !n.InputRetracts && n.TTL == 0 && n.To <= topRows }

func newTopN(n *physical.Rank) (exec.Operator, error) {
	types := columnTypes(n.Input)
	if err := orderable(types, n.Order); err != nil {
		return nil, err
	}
	o := &topN{ranking: newRanking(n)}
	o.cols = scalar.FirstColumns(len(types))
	return o, nil
}

func (o *topN) Open(_ *exec.TaskContext, st state.Scope) (err error) {
	n := o.node
	types := columnTypes(n.Input)
	o.table, err = st.Table(state.TableSpec{Name: "top", Schema: fmt.Sprintf("topn1 key%d(%s) %v row%d(%s)", batch.KeyFormat, typeList(pick(types, n.Partition)), n.Order, batch.RowFormat, typeList(types))})
	return err
}

func (o *topN) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	m := o.table.Map(0)
	pos, err := o.read(in, o.node.Partition, o.cols, m)
	if err != nil {
		return err
	}
	o.out.Reset()
	for k, i := range pos {
		o.sort = appendOrder(o.sort[:0], o.node.Order, in, int(i))
		place, err := o.place(m.Var(o.refs[k]), o.row(k))
		if err != nil {
			return err
		}
		if place == 0 {
			continue
		}
		if err := o.came(place); err != nil {
			return err
		}
		o.buf = o.buf[:0]
		for _, r := range o.rows[:min(len(o.rows), int(o.node.To))] {
			if r.all == nil {
				o.buf = binary.AppendUvarint(o.buf, uint64(len(r.sort)))
				o.buf = binary.AppendUvarint(o.buf, uint64(len(r.row)))
				o.buf = append(append(o.buf, r.sort...), r.row...)
				continue
			}
			o.buf = append(o.buf, r.all...)
		}
		if err := m.SetVar(o.refs[k], o.buf); err != nil {
			return err
		}
		if o.out.N >= batch.TargetRows {
			if err := emitRows(o.out, out); err != nil {
				return err
			}
		}
	}
	return emitRows(o.out, out)
}

// place reads a partition, puts the row that comes, whose order is o.sort, into its place, and returns that, from 1; 0 when it is behind all that
// may stay.
func (o *topN) place(v, row []byte) (place int, err error) {
	o.rows = o.rows[:0]
	for rest := v; len(rest) > 0; {
		n, w := binary.Uvarint(rest)
		m, x := binary.Uvarint(rest[max(w, 0):])
		head := w + x
		if left := uint64(len(rest) - head); w <= 0 || x <= 0 || n > left || m > left-n {
			return 0, fmt.Errorf("state of %s: the rows of a partition are cut off", o.node.ID)
		}
		size := head + int(n+m)
		r := topRow{rest[:size], rest[head : head+int(n)], rest[head+int(n) : size]}
		if place == 0 && bytes.Compare(o.sort, r.sort) < 0 {
			o.rows = append(o.rows, topRow{nil, o.sort, row})
			place = len(o.rows)
		}
		o.rows = append(o.rows, r)
		rest = rest[size:]
	}
	if place == 0 && len(o.rows) < int(o.node.To) {
		o.rows = append(o.rows, topRow{nil, o.sort, row})
		place = len(o.rows)
	}
	return place, nil
}

// came puts out what it changes that a row has come to a place of o.rows.
func (o *topN) came(place int) error {
	from, to := int(o.node.From), int(o.node.To)
	if o.node.Number {
		for k := max(place, from); k <= min(to, len(o.rows)); k++ {
			now := o.rows[k-1]
			if k == len(o.rows) { // there were fewer
				return o.put(now.row, k, batch.Insert)
			}
			old := o.rows[k] // what stood at place k stands one further now
			if bytes.Equal(old.row, now.row) {
				continue
			}
			if err := o.replace(old.row, now.row, k); err != nil {
				return err
			}
		}
		return nil
	}
	enters := max(place, from)
	if enters > len(o.rows) {
		return nil // the result begins behind the last row
	}
	kind := batch.Insert
	if len(o.rows) > to {
		leaves := batch.Delete
		if o.node.Updates {
			kind, leaves = batch.UpdateAfter, batch.UpdateBefore
		}
		if !o.node.Updates || o.node.UpdateBefore {
			if err := o.put(o.rows[to].row, 0, leaves); err != nil {
				return err
			}
		}
	}
	return o.put(o.rows[enters-1].row, 0, kind)
}

func (*topN) Watermark(exec.Watermark, exec.Emitter) error { return nil }
func (*topN) Snapshot(state.Epoch, exec.Emitter) error     { return nil }
func (*topN) Close() error                                 { return nil }
