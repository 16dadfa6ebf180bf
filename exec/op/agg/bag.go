package agg

import (
	"bytes"

	"weir/exec/batch"
)

// bag is a multiset of values in a variable part: values ascending, each with a count of 8 bytes that is
// never 0, and negative when more was taken back than came.
type bag struct {
	cell  cell
	buf   []byte
	whole []byte
}

// find is where the entry of val is, or would be, in data; n is its length, 0 when it is not there.
func (b *bag) find(data, val []byte) (at, n int) {
	if w := b.cell.size; w > 0 {
		w += 8
		lo, hi := 0, len(data)/w
		for lo < hi {
			mid := (lo + hi) / 2
			c := b.cell.cmp(data[mid*w:mid*w+w-8], val)
			if c == 0 {
				return mid * w, w
			}
			if c < 0 {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return lo * w, 0
	}
	for rest := data; len(rest) > 0; {
		at := len(data) - len(rest)
		v, tail := b.cell.next(rest)
		switch c := bytes.Compare(v, val); {
		case c == 0:
			return at, len(data) - len(tail) + 8 - at
		case c > 0:
			return at, 0
		}
		rest = tail[8:]
	}
	return len(data), 0
}

// add is data with the count of val changed by n. The result lies in b.buf, but for an empty one.
func (b *bag) add(data, val []byte, n int64) []byte {
	at, have := b.find(data, val)
	tail := data[at+have:]
	if have > 0 {
		n += int64(word(data[at+have-8:]))
	}
	out := append(b.buf[:0], data[:at]...)
	if n != 0 {
		out = b.cell.push(out, val)
		out = append(out, 0, 0, 0, 0, 0, 0, 0, 0)
		putWord(out[len(out)-8:], uint64(n))
	}
	out = append(out, tail...)
	b.buf = out
	return out
}

// each calls f for the values with a positive count, ascending, until it returns false.
func (b *bag) each(data []byte, f func(val []byte, n int64) bool) {
	for len(data) > 0 {
		v, rest := b.cell.next(data)
		if n := int64(word(rest)); n > 0 && !f(v, n) {
			return
		}
		data = rest[8:]
	}
}

// extreme is the least or greatest value with a positive count.
func (b *bag) extreme(data []byte, maximum bool) (found []byte, ok bool) {
	if w := b.cell.size + 8; maximum && b.cell.size > 0 {
		for o := len(data) - w; o >= 0; o -= w {
			if int64(word(data[o+w-8:])) > 0 {
				return data[o : o+w-8], true
			}
		}
		return nil, false
	}
	b.each(data, func(v []byte, _ int64) bool {
		found, ok = v, true
		return maximum
	})
	return found, ok
}

// update adds the rows' values of column arg to the bags of their entries.
func (b *bag) update(p *place, r *Rows, arg int) (err error) {
	v := r.In.Cols[arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		n := int64(1)
		if r.retracts(k) {
			n = -1
		}
		data := p.getVar(r, k)
		x := b.cell.read(v, int(i), &tmp)
		if at, have := b.find(data, x); have > 0 && p.sec.of == 1 {
			if c := int64(word(data[at+have-8:])) + n; c != 0 {
				// Only the count changes: the rest is written as it is.
				b.buf = append(b.buf[:0], data...)
				putWord(b.buf[at+have-8:], uint64(c))
				if err = r.Map.SetVar(r.Refs[k], b.buf); err != nil {
					return err
				}
				continue
			}
		}
		if b.whole, err = p.putVar(r, k, b.add(data, x, n), b.whole); err != nil {
			return err
		}
	}
	return nil
}

func (b *bag) merge(p *place, dst, src *Rows) (err error) {
	for k := range src.Slots {
		for data := p.getVar(src, k); len(data) > 0; {
			v, rest := b.cell.next(data)
			if b.whole, err = p.putVar(dst, k, b.add(p.getVar(dst, k), v, int64(word(rest))), b.whole); err != nil {
				return err
			}
			data = rest[8:]
		}
	}
	return nil
}

// extremeBag is MIN and MAX of values that may be taken back.
type extremeBag struct {
	place
	bag
	arg int
	max bool
}

func (a *extremeBag) size() (int, bool)          { return 0, true }
func (a *extremeBag) format() string             { return "bag" + a.cell.format() }
func (a *extremeBag) Update(r *Rows) error       { return a.update(&a.place, r, a.arg) }
func (a *extremeBag) Merge(dst, src *Rows) error { return a.merge(&a.place, dst, src) }

func (a *extremeBag) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		found, ok := a.extreme(a.getVar(r, k), a.max)
		if !ok {
			out.SetNull(int(at[k]))
			continue
		}
		a.cell.write(out, int(at[k]), found)
	}
	return nil
}
