package agg

import (
	"encoding/binary"
	"slices"
)

// sequence is a section that grows at its end. The fixed part says how many of its bytes count, 4 bytes; behind them there may be room, so
// that what is appended costs its own length and not that of everything before it. The room grows with the sequence.
type sequence struct {
	place
	buf   []byte // scratch: the section, when it is written anew
	whole []byte
}

func (q *sequence) size() (int, bool) { return 4, true }

// data is the bytes that count, to be read only.
func (q *sequence) data(r *Rows, k int) []byte { return q.getVar(r, k)[:q.used(r, k)] }

func (q *sequence) used(r *Rows, k int) int {
	return int(binary.LittleEndian.Uint32(r.Slots[k][q.off:]))
}

func (q *sequence) setUsed(r *Rows, k, n int) {
	binary.LittleEndian.PutUint32(r.Slots[k][q.off:], uint32(n))
}

// append puts x, which lies elsewhere, behind the sequence of row k.
func (q *sequence) append(r *Rows, k int, x []byte) (err error) {
	if len(x) == 0 {
		return nil
	}
	used, section := q.used(r, k), q.getVar(r, k)
	n := used + len(x)
	if n <= len(section) {
		copy(q.sec.get(r.Map.Edit(r.Refs[k]))[used:], x)
	} else {
		// Nothing is kept free behind a first value, which is the only one of many groups.
		room := n
		if used > 0 {
			room += n / 4
		}
		q.buf = append(append(q.buf[:0], section[:used]...), x...)
		q.buf = slices.Grow(q.buf, room-n)[:room]
		clear(q.buf[n:])
		if q.whole, err = q.putVar(r, k, q.buf, q.whole); err != nil {
			return err
		}
	}
	q.setUsed(r, k, n)
	return nil
}

// cut takes the bytes from .. to-1 out of the sequence of row k. Of a section that is mostly free a new one is made.
func (q *sequence) cut(r *Rows, k, from, to int) error {
	used, section := q.used(r, k), q.getVar(r, k)
	n := used - (to - from)
	if n < len(section)/2 {
		return q.set(r, k, section[:from], section[to:used])
	}
	copy(q.sec.get(r.Map.Edit(r.Refs[k]))[from:], section[to:used])
	q.setUsed(r, k, n)
	return nil
}

// set makes the sequence of row k head and then tail, neither of which lies in q.buf.
func (q *sequence) set(r *Rows, k int, head, tail []byte) (err error) {
	q.buf = append(append(q.buf[:0], head...), tail...)
	q.setUsed(r, k, len(q.buf))
	q.whole, err = q.putVar(r, k, q.buf, q.whole)
	return err
}
