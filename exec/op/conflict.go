package op

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/planner/catalog"
	"weir/planner/datetime"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// resolveConflicts is ResolveConflicts. The changes of a sink key wait for the watermark, since those that take a row back may come behind the row
// that takes its place. Those that came upstream between the same two watermarks, which the last column of the input tells, belong together,
// whichever subtasks they come from: a row and the change that takes back just this row undo each other, in whichever order they come. When
// the watermark has passed theirs, what is left is applied to the row that was written last:
//
//	+I +U   the row takes the place of the one with the same key of the query, or comes behind the others
//	-U -D   the first row with that key goes; without one, nothing
//
// (where the query has no key, an equal row is meant). Then there is
//
//	no row      -D of the one written last, if there was one
//	one         +I, or +U where it is another than that one
//	several     a failure; or +I of the first where none was written, and otherwise nothing: the first stays
//
// Table rows has, by sink key, the row that was written last: hasRow, and its query key and all columns, encoded like keys, as in materialize.
// Table pending has the changes that wait: when the first of them came (a number that grows), and each as the watermark behind which it came, 8 bytes,
// its kind, query key and row.
type resolveConflicts struct {
	node    *physical.ResolveConflicts
	zone    *datetime.Zone
	types   []types.Type
	cols    []int
	rows    state.Table
	pending state.Table
	added   bool // rows are only added, each for itself: more than two of a key tell no more than two
	next    uint64
	wm      exec.Watermark

	entries
	queryKeys state.Keys
	rowBytes  state.Keys
	buf       []byte
	held      []waiting // what was taken out of pending
	due       []waiting
	left      []keptRow
	stamp     [8]byte
	out       *batch.Batch
}

// waiting is changes of one key that came behind one watermark, without it.
type waiting struct {
	at           exec.Watermark
	seq          uint64
	hash         uint64
	key, changes []byte
}

// keptRow is a row with its key of the query, which is empty where none is known.
type keptRow struct{ key, row []byte }

func newResolveConflicts(n *physical.ResolveConflicts) (exec.Operator, error) {
	o := &resolveConflicts{node: n, types: columnTypes(n), wm: exec.MinWatermark}
	o.cols = scalar.FirstColumns(len(o.types))
	o.added = n.Query == nil && n.Input.Base().Changelog.Mode == catalog.InsertOnly
	o.out = batch.New(o.types, batch.TargetRows)
	return o, nil
}

func (o *resolveConflicts) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	if ctx.Config != nil {
		o.zone = datetime.NewZone(ctx.Config.Zone())
	}
	schema := fmt.Sprintf("conflicts1 key%d(%s) by%v(%s)", batch.KeyFormat, typeList(pick(o.types, o.node.Keys)), o.node.Query, typeList(o.types))
	if o.rows, err = st.Table(state.TableSpec{Name: "rows", Fixed: 1, TTL: o.node.TTL, Schema: schema}); err != nil {
		return err
	}
	if o.pending, err = st.Table(state.TableSpec{Name: "pending", Fixed: 8, Schema: schema}); err != nil {
		return err
	}
	m := o.pending.Map(0)
	return m.Scan(func(r state.Ref) bool {
		o.next = max(o.next, binary.LittleEndian.Uint64(m.Fixed(r))+1)
		return true
	})
}

func (o *resolveConflicts) Process(in *batch.Batch, _ exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	pos := o.encode(in, o.node.Keys)
	batch.EncodeUnhashed(in, o.cols, &o.rowBytes)
	if o.node.Query != nil {
		batch.EncodeUnhashed(in, o.node.Query, &o.queryKeys)
	}
	m := o.pending.Map(0)
	if err := o.upsert(m); err != nil {
		return err
	}
	stamps := in.Cols[len(o.types)].Int
	for k, i := range pos {
		r := o.refs[k]
		list := m.Var(r)
		if len(list) == 0 {
			binary.LittleEndian.PutUint64(m.Fixed(r), o.next)
			o.next++
		}
		stamp := binary.LittleEndian.AppendUint64(o.stamp[:0], uint64(stamps[i]))
		if o.added && several(list, stamp) {
			continue // what comes of the key is known
		}
		row, adds := o.rowBytes.At(k), in.Kind(int(i)).Adds()
		if at, end, found := opposite(list, stamp, row, adds); found {
			o.buf = append(append(o.buf[:0], list[:at]...), list[end:]...)
		} else {
			o.buf = append(append(append(o.buf[:0], list...), stamp...), kindByte(adds))
			var key []byte
			if o.node.Query != nil {
				key = o.queryKeys.At(k)
			}
			o.buf = pushBytes(pushBytes(o.buf, key), row)
		}
		if err := m.SetVar(r, o.buf); err != nil {
			return err
		}
	}
	return nil
}

// several reports that a list has two rows that came behind one watermark.
func several(list, stamp []byte) bool {
	n := 0
	for len(list) > 0 {
		var s []byte
		if s, _, _, _, list = nextChange(list); bytes.Equal(s, stamp) {
			n++
		}
	}
	return n > 1
}

func kindByte(adds bool) byte {
	if adds {
		return 1
	}
	return 0
}

// nextChange takes the first change off a list: the watermark behind which it came, all of it behind that, its query key and row.
func nextChange(list []byte) (stamp, change, key, row, rest []byte) {
	key, rest = nextBytes(list[9:])
	row, rest = nextBytes(rest)
	return list[:8], list[8 : len(list)-len(rest)], key, row, rest
}

// opposite is where in a list of changes the first is that undoes a change of row that came behind the same watermark.
func opposite(list, stamp, row []byte, adds bool) (at, end int, found bool) {
	for rest := list; len(rest) > 0; {
		s, change, _, x, tail := nextChange(rest)
		if change[0] != kindByte(adds) && bytes.Equal(s, stamp) && bytes.Equal(x, row) {
			return len(list) - len(rest), len(list) - len(tail), true
		}
		rest = tail
	}
	return 0, 0, false
}

func (o *resolveConflicts) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if wm <= o.wm {
		return nil
	}
	o.wm = wm
	if err := o.takeDue(); err != nil {
		return err
	}
	o.out.Reset()
	for i := range o.due {
		if err := o.settle(&o.due[i]); err != nil {
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

// takeDue moves the changes that the watermark has passed from pending to due, in the order of the watermarks behind which they came.
func (o *resolveConflicts) takeDue() error {
	o.held, o.due = o.held[:0], o.due[:0]
	m := o.pending.Map(0)
	err := m.Scan(func(r state.Ref) bool {
		key := bytes.Clone(m.Key(r))
		o.held = append(o.held, waiting{seq: binary.LittleEndian.Uint64(m.Fixed(r)), hash: state.Hash(key), key: key, changes: bytes.Clone(m.Var(r))})
		m.Delete(r)
		return true
	})
	if err != nil {
		return err
	}
	for _, w := range o.held {
		first := len(o.due)
		o.buf = o.buf[:0]
		for list := w.changes; len(list) > 0; {
			stamp, change, _, _, rest := nextChange(list)
			at := exec.Watermark(binary.LittleEndian.Uint64(stamp))
			if at >= o.wm {
				o.buf = append(append(o.buf, stamp...), change...)
				list = rest
				continue
			}
			k := slices.IndexFunc(o.due[first:], func(d waiting) bool { return d.at == at })
			if k < 0 {
				k = len(o.due) - first
				o.due = append(o.due, waiting{at: at, seq: w.seq, hash: w.hash, key: w.key})
			}
			d := &o.due[first+k]
			d.changes = append(d.changes, change...)
			list = rest
		}
		if len(o.buf) == 0 {
			continue
		}
		r, _, err := m.Upsert(w.hash, w.key)
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(m.Fixed(r), w.seq)
		if err := m.SetVar(r, o.buf); err != nil {
			return err
		}
	}
	slices.SortFunc(o.due, func(a, b waiting) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq), bytes.Compare(a.key, b.key))
	})
	return nil
}

// settle applies the changes of one key to the row that was written last, and puts out what comes of it.
func (o *resolveConflicts) settle(w *waiting) error {
	m := o.rows.Map(0)
	r, err := m.Find(w.hash, w.key)
	if err != nil {
		return err
	}
	var written keptRow
	has := r != state.NoRef
	o.left = o.left[:0]
	if has {
		var rest []byte
		written.key, rest = nextBytes(m.Var(r))
		written.row, _ = nextBytes(rest)
		o.left = append(o.left, written)
	}
	for rest := w.changes; len(rest) > 0; {
		adds := rest[0] == kindByte(true)
		var c keptRow
		c.key, rest = nextBytes(rest[1:])
		c.row, rest = nextBytes(rest)
		at := slices.IndexFunc(o.left, func(x keptRow) bool {
			if o.node.Query != nil {
				return bytes.Equal(x.key, c.key)
			}
			return !adds && bytes.Equal(x.row, c.row) // without a key every row is one more
		})
		switch {
		case adds && at >= 0:
			o.left[at] = c
		case adds:
			o.left = append(o.left, c)
		case at >= 0:
			o.left = slices.Delete(o.left, at, at+1)
		}
	}
	switch {
	case len(o.left) > 1 && o.node.Fail:
		return o.conflict()
	case len(o.left) > 1 && has, len(o.left) == 1 && has && bytes.Equal(o.left[0].row, written.row), len(o.left) == 0 && !has:
		return nil
	case len(o.left) == 0:
		if err := o.put(written.row, batch.Delete); err != nil {
			return err
		}
		m.Delete(r)
		return nil
	}
	kind := batch.Insert
	if has {
		kind = batch.UpdateAfter
	}
	if err := o.put(o.left[0].row, kind); err != nil {
		return err
	}
	o.buf = pushBytes(pushBytes(o.buf[:0], o.left[0].key), o.left[0].row)
	if r, _, err = m.Upsert(w.hash, w.key); err != nil {
		return err
	}
	m.Fixed(r)[0] = hasRow
	return m.SetVar(r, o.buf)
}

func (o *resolveConflicts) put(row []byte, kind batch.ChangeKind) error {
	if err := decodeRow(o.node.ID, row, o.out.Cols); err != nil {
		return err
	}
	o.out.EndRow(kind)
	return nil
}

// conflict is the failure of DO ERROR: two rows of one key are left.
func (o *resolveConflicts) conflict() error {
	two := batch.New(o.types, 2)
	for _, x := range o.left[:2] {
		if err := decodeRow(o.node.ID, x.row, two.Cols); err != nil {
			return err
		}
		two.N++
	}
	var key, first, second []byte
	for _, c := range o.node.Keys {
		key = o.shown(key, two, c, 0)
	}
	for c := range o.types {
		first, second = o.shown(first, two, c, 0), o.shown(second, two, c, 1)
	}
	return exec.Fatalf("write ON CONFLICT DO NOTHING to keep the first row of a key, or DO DEDUPLICATE to keep the last; or filter one of them out",
		"write to table "+o.node.Table,
		fmt.Errorf("the PRIMARY KEY %s has several rows: (%s) and (%s)", key, first, second))
}

// shown appends a column of a row, as name=value.
func (o *resolveConflicts) shown(dst []byte, b *batch.Batch, c, i int) []byte {
	if len(dst) > 0 {
		dst = append(dst, ", "...)
	}
	dst = append(append(dst, o.node.Columns[c].Name...), '=')
	if b.Cols[c].IsNull(i) {
		return append(dst, "NULL"...)
	}
	return text.AppendValue(dst, b.Cols[c], i, o.zone)
}

// Restored: changes that waited for the next watermark wait on.
func (o *resolveConflicts) Restored(wm exec.Watermark) { o.wm = wm }

func (*resolveConflicts) Snapshot(state.Epoch, exec.Emitter) error { return nil }
func (*resolveConflicts) Close() error                             { return nil }

var _ exec.Restorer = (*resolveConflicts)(nil)

// stampWatermark adds the watermark behind which each row came.
type stampWatermark struct {
	stateless
	wm   exec.Watermark
	view batch.Batch
	cols []*batch.Vector
	at   *batch.Vector
}

func newStampWatermark(n *physical.StampWatermark) *stampWatermark {
	own := n.Columns[len(n.Columns)-1].Type
	return &stampWatermark{wm: exec.MinWatermark, at: batch.New([]types.Type{own}, batch.TargetRows).Cols[0]}
}

func (o *stampWatermark) Process(in *batch.Batch, out exec.Emitter) error {
	o.at.Reset()
	for range in.N {
		o.at.AppendInt(int64(o.wm))
	}
	o.cols = append(append(o.cols[:0], in.Cols...), o.at)
	o.view = batch.Batch{N: in.N, Sel: in.Sel, Kinds: in.Kinds, Cols: o.cols}
	return out.Emit(&o.view)
}

func (o *stampWatermark) Watermark(wm exec.Watermark, _ exec.Emitter) error {
	o.wm = wm
	return nil
}
