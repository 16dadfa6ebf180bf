package op

import (
	"encoding/binary"
	"fmt"
	"math"

	"weir/state"
)

// timeBuffer holds rows until the watermark passes them, and gives them back in the order of their times; rows of
// one time in the order in which they came. It lives in memory: its table gets at a barrier what has come and not gone
// since, so that a row that goes before the next barrier costs no state at all.
//
//	key and number of the row (uvarint) -> time 8; variable part: the row
type timeBuffer struct {
	table  state.Table
	heap   []timedRow
	gone   []timedRow // stored, and given back since the last barrier
	fresh  int        // rows of the heap that are not stored yet
	next   uint64     // number of the next row
	arena  []byte
	keyBuf []byte
}

// timedRow is one row of a timeBuffer.
type timedRow struct {
	time   int64
	seq    uint64
	hash   uint64 // of key
	key    []byte
	row    []byte
	stored bool
}

const arenaBlock = 1 << 16

// open declares the table and reads what it holds.
func (b *timeBuffer) open(st state.Scope, name, schema string) (err error) {
	b.table, err = st.Table(state.TableSpec{Name: name, Fixed: 8, Prefixed: true, Schema: "timebuffer1 " + schema})
	if err != nil {
		return err
	}
	m := b.table.Map(0)
	var bad error
	err = m.Scan(func(r state.Ref) bool {
		full := m.Key(r)
		n, w := binary.Uvarint(full)
		if w <= 0 || n > uint64(len(full)-w) {
			bad = fmt.Errorf("table %s holds a key of %d bytes that is none of its own", name, len(full))
			return false
		}
		seq, _ := binary.Uvarint(full[w+int(n):])
		key := b.copy(full[w : w+int(n)])
		b.push(timedRow{time: int64(binary.LittleEndian.Uint64(m.Fixed(r))), seq: seq, hash: state.Hash(key), key: key, row: b.copy(m.Var(r)), stored: true})
		b.next = max(b.next, seq+1)
		return true
	})
	if err == nil {
		err = bad
	}
	return err
}

// copy keeps x in the arena. Blocks are freed when none of their rows is left.
func (b *timeBuffer) copy(x []byte) []byte {
	if len(x) > cap(b.arena)-len(b.arena) {
		b.arena = make([]byte, 0, max(arenaBlock, len(x)))
	}
	at := len(b.arena)
	b.arena = append(b.arena, x...)
	return b.arena[at:len(b.arena):len(b.arena)]
}

// add keeps a row, by copy.
func (b *timeBuffer) add(time int64, hash uint64, key, row []byte) {
	b.push(timedRow{time: time, seq: b.next, hash: hash, key: b.copy(key), row: b.copy(row)})
	b.next++
	b.fresh++
}

func (r *timedRow) before(o *timedRow) bool {
	return r.time < o.time || r.time == o.time && r.seq < o.seq
}

func (b *timeBuffer) push(r timedRow) {
	h := append(b.heap, r)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !r.before(&h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = r
	b.heap = h
}

// due reports that a row's time is not after t.
func (b *timeBuffer) due(t int64) bool { return len(b.heap) > 0 && b.heap[0].time <= t }

// first is the time of the first row; math.MaxInt64 where there is none.
func (b *timeBuffer) first() int64 {
	if len(b.heap) == 0 {
		return math.MaxInt64
	}
	return b.heap[0].time
}

// pop takes the first row out.
func (b *timeBuffer) pop() timedRow {
	h := b.heap
	top := h[0]
	last := h[len(h)-1]
	h[len(h)-1] = timedRow{}
	h = h[:len(h)-1]
	if n := len(h); n > 0 {
		i := 0
		for {
			c := 2*i + 1
			if c >= n {
				break
			}
			if c+1 < n && h[c+1].before(&h[c]) {
				c++
			}
			if !h[c].before(&last) {
				break
			}
			h[i] = h[c]
			i = c
		}
		h[i] = last
	}
	b.heap = h
	if top.stored {
		b.gone = append(b.gone, top)
	} else {
		b.fresh--
	}
	return top
}

func (b *timeBuffer) stateKey(r *timedRow) ([]byte, uint64) {
	k := binary.AppendUvarint(b.keyBuf[:0], uint64(len(r.key)))
	k = append(k, r.key...)
	k = binary.AppendUvarint(k, r.seq)
	b.keyBuf = k
	return k, r.hash&^(1<<32-1) | state.Hash(k)&(1<<32-1)
}

// snapshot brings the table up to date.
func (b *timeBuffer) snapshot() error {
	m := b.table.Map(0)
	for i := range b.gone {
		k, h := b.stateKey(&b.gone[i])
		r, err := m.Find(h, k)
		if err != nil {
			return err
		}
		if r != state.NoRef {
			m.Delete(r)
		}
	}
	clear(b.gone)
	b.gone = b.gone[:0]
	if b.fresh == 0 {
		return nil
	}
	for i := range b.heap {
		e := &b.heap[i]
		if e.stored {
			continue
		}
		k, h := b.stateKey(e)
		r, _, err := m.Upsert(h, k)
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(m.Fixed(r), uint64(e.time))
		if err := m.SetVar(r, e.row); err != nil {
			return err
		}
		e.stored = true
	}
	b.fresh = 0
	return nil
}
