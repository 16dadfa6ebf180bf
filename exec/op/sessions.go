package op

import (
	"container/heap"
	"encoding/binary"
	"slices"

	"weir/exec"
	"weir/exec/batch"
	"weir/state"
)

// sessions is the open sessions of each partition, and which of them end next. A session of a partition goes on as long as the next row is no
// more than a gap away. It ends a gap behind its last row, when the watermark reaches that end less a millisecond.
//
//	open   partition -> due 8; variable part, for each open session, ascending: start 8 | end 8 | with ids: id 8
//
// A row is late when the session that it belongs to has ended. One that is a gap or less before an open session belongs to
// that, however old it is.
//
// The id of a session is the start that it had at first. Sessions of a partition never overlap and only grow, so that no other open one can
// have that id.
//
// due is the end at which the partition is looked at again, not after that of its first session. It is in the queue, which is in
// memory and made anew from the table: rows that make a session longer, nearly all, do not touch it.
type sessions struct {
	ids   bool
	width int // bytes of a session
	table state.Table
	queue dueQueue

	refs   []state.Ref // of a batch
	made   []bool
	bounds []session // of the partition that is looked at
	joined []session // by the last row
	buf    []byte
}

// session is an open session.
type session struct{ start, end, id int64 }

// dueQueue is the partitions by when they are due.
type dueQueue []duePartition

type duePartition struct {
	at   int64
	hash uint64
	key  []byte
}

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, k int) bool { return q[i].at < q[k].at }
func (q dueQueue) Swap(i, k int)      { q[i], q[k] = q[k], q[i] }
func (q *dueQueue) Push(x any)        { *q = append(*q, x.(duePartition)) }
func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = duePartition{}
	*q = (*q)[:len(*q)-1]
	return last
}

// open declares the table, and makes the queue.
func (s *sessions) open(st state.Scope, schema string, ids bool) (err error) {
	s.ids, s.width = ids, 16
	if ids {
		s.width = 24
	}
	if s.table, err = st.Table(state.TableSpec{Name: "open", Fixed: 8, Schema: schema}); err != nil {
		return err
	}
	m := s.table.Map(0)
	s.queue = s.queue[:0]
	err = m.Scan(func(r state.Ref) bool {
		key := slices.Clone(m.Key(r))
		s.queue = append(s.queue, duePartition{due(m, r), state.Hash(key), key})
		return true
	})
	heap.Init(&s.queue)
	return err
}

// assign calls f with each row of a batch that is not late and the session that it is in, as of extend; key is the partition, and valid until the
// batch is done. It returns the others, in late's memory.
func (s *sessions) assign(w *windows, wm exec.Watermark, in *batch.Batch, pos []int32, hashes []uint64, keys state.Keys, late []int32,
	f func(k int, key []byte, t int64, x session, joined []session) error) ([]int32, error) {
	late = late[:0]
	s.refs, s.made = grow(s.refs, len(pos)), grow(s.made, len(pos))
	if err := s.table.Map(0).UpsertMany(hashes[:len(pos)], keys, s.refs, s.made); err != nil {
		return late, err
	}
	times := in.Cols[w.w.TimeColumn]
	for k, i := range pos {
		t, err := w.rowTime(times, int(i))
		if err != nil {
			return late, err
		}
		key := keys.At(k)
		x, joined, ok, err := s.extend(w, wm, k, hashes[k], key, t)
		if err != nil {
			return late, err
		}
		if !ok {
			late = append(late, i)
			continue
		}
		if err := f(k, key, t, x, joined); err != nil {
			return late, err
		}
	}
	s.forgetEmpty()
	return late, nil
}

// extend adds the time of row k of the batch to the sessions of its partition; ok is false for a late row. x is the session that the row is in.
// Where it joined several, joined has these, ascending, and x has the id of the first one.
func (s *sessions) extend(w *windows, wm exec.Watermark, k int, hash uint64, key []byte, t int64) (x session, joined []session, ok bool, err error) {
	m, r := s.table.Map(0), s.refs[k]
	x = session{t, t + w.w.Size, t}
	s.read(m.Var(r))
	from := 0
	for from < len(s.bounds) && s.bounds[from].end < x.start {
		from++
	}
	to := from
	for to < len(s.bounds) && s.bounds[to].start <= x.end {
		to++
	}
	if to > from {
		first := s.bounds[from]
		x = session{min(x.start, first.start), max(x.end, s.bounds[to-1].end), first.id}
		if to == from+1 && x == first {
			return x, nil, true, nil
		}
	}
	if w.closed(x.end, wm) {
		return x, nil, false, nil
	}
	if to > from+1 {
		s.joined = append(s.joined[:0], s.bounds[from:to]...)
		joined = s.joined
	}
	fresh := len(s.bounds) == 0
	s.bounds = slices.Replace(s.bounds, from, to, x)
	if err := s.write(m, r); err != nil {
		return x, nil, false, err
	}
	if first := s.bounds[0].end; fresh || first < due(m, r) {
		setDue(m, r, first)
		heap.Push(&s.queue, duePartition{first, hash, slices.Clone(key)})
	}
	return x, joined, true, nil
}

// forgetEmpty deletes the entries that find made of partitions all of whose rows were late.
func (s *sessions) forgetEmpty() {
	m := s.table.Map(0)
	for k, r := range s.refs {
		if s.made[k] && len(m.Var(r)) == 0 {
			m.Delete(r)
		}
	}
}

// ended calls f with every session that ends by watermark wm, in the order of their ends, and forgets it.
func (s *sessions) ended(w *windows, wm exec.Watermark, f func(p *duePartition, x session) error) error {
	m := s.table.Map(0)
	for len(s.queue) > 0 && w.closed(s.queue[0].at, wm) {
		p := heap.Pop(&s.queue).(duePartition)
		r, err := m.Find(p.hash, p.key)
		if err != nil {
			return err
		}
		if r == state.NoRef || due(m, r) != p.at {
			continue // it has another place in the queue
		}
		s.read(m.Var(r))
		m.Touch(r)
		if x := s.bounds[0]; x.end == p.at {
			if err := f(&p, x); err != nil {
				return err
			}
			if s.bounds = slices.Delete(s.bounds, 0, 1); len(s.bounds) == 0 {
				m.Delete(r)
				continue
			}
			if err := s.write(m, r); err != nil {
				return err
			}
		}
		p.at = s.bounds[0].end
		setDue(m, r, p.at)
		heap.Push(&s.queue, p)
	}
	return nil
}

// due is the watermark at which a session may end.
func (s *sessions) due(c *clock) exec.Watermark {
	if len(s.queue) == 0 {
		return exec.MaxWatermark
	}
	return exec.Watermark(c.due(s.queue[0].at - tick))
}

func due(m state.Map, r state.Ref) int64 { return int64(binary.LittleEndian.Uint64(m.Fixed(r))) }

func setDue(m state.Map, r state.Ref, at int64) {
	binary.LittleEndian.PutUint64(m.Fixed(r), uint64(at))
}

func (s *sessions) read(v []byte) {
	s.bounds = s.bounds[:0]
	for ; len(v) >= s.width; v = v[s.width:] {
		x := session{start: int64(binary.LittleEndian.Uint64(v)), end: int64(binary.LittleEndian.Uint64(v[8:]))}
		if x.id = x.start; s.ids {
			x.id = int64(binary.LittleEndian.Uint64(v[16:]))
		}
		s.bounds = append(s.bounds, x)
	}
}

func (s *sessions) write(m state.Map, r state.Ref) error {
	s.buf = s.buf[:0]
	for _, x := range s.bounds {
		s.buf = binary.LittleEndian.AppendUint64(s.buf, uint64(x.start))
		s.buf = binary.LittleEndian.AppendUint64(s.buf, uint64(x.end))
		if s.ids {
			s.buf = binary.LittleEndian.AppendUint64(s.buf, uint64(x.id))
		}
	}
	return m.SetVar(r, s.buf)
}
