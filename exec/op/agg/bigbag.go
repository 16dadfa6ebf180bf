package agg

import (
	"encoding/binary"
	"fmt"
	"time"

	"weir/exec/batch"
	"weir/state"
)

// bigBag is a bag of any number of values, as MIN and MAX of values that may be taken back and PERCENTILE need one: the MAX over a
// million sums must not rewrite a million values a row.
//
// The section in the group's entry is a header, where there is one, a byte and then, while the values take up to chunkBytes
// or there is no table for more, a bag (inline); after that a directory of chunks, each a bag of that size at most in a table of
// its own, under the group's key and the chunk's number:
//
//	header:     number of words (1 byte), words of 8 bytes
//	directory:  next number (4 bytes), then for each chunk, ascending: number (4 bytes), bound
//	chunk:      number of values (8 bytes, where they are counted); variable part: a bag
//
// A chunk has the values up to and including its bound and above the bound of the chunk before; the last one
// also those above its bound. The directory changes when a chunk is split or becomes empty, not with every
// value.
type bigBag struct {
	place
	bag
	arg     int
	max     bool
	headed  bool   // sections have a header
	head    []byte // that of a section which is written
	counted bool   // chunks have the number of their values
	name    string // of the table of chunks; empty for none
	spec    state.TableSpec
	table   state.Table

	dir   []byte
	key   []byte
	inner []byte
}

const (
	chunkBytes = 4096

	bagInline    = 0
	bagDirectory = 1
)

func (a *bigBag) size() (int, bool) { return 0, true }
func (a *bigBag) format() string    { return "bigbag" + a.cell.format() }

func (a *bigBag) open(st state.Scope, ttl time.Duration) (err error) {
	if a.name == "" {
		return nil
	}
	a.spec = state.TableSpec{Name: a.name, TTL: ttl, Prefixed: true, Schema: "chunks1 " + a.cell.format()}
	if a.counted {
		a.spec.Fixed = 8
	}
	a.table, err = st.Table(a.spec)
	return err
}

func (a *bigBag) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		n := int64(1)
		if r.retracts(k) {
			n = -1
		}
		if err := a.change(r, k, a.cell.read(v, int(i), &tmp), n); err != nil {
			return err
		}
	}
	return nil
}

// body is the section of row k behind its header.
func (a *bigBag) body(r *Rows, k int) []byte {
	sec := a.getVar(r, k)
	if a.headed && len(sec) > 0 {
		sec = sec[1+8*int(sec[0]):]
	}
	return sec
}

// put makes the section of row k kind and data.
func (a *bigBag) put(r *Rows, k int, kind byte, data []byte) (err error) {
	if len(data) == 0 {
		a.whole, err = a.putVar(r, k, nil, a.whole)
		return err
	}
	a.inner = append(append(append(a.inner[:0], a.head...), kind), data...)
	a.whole, err = a.putVar(r, k, a.inner, a.whole)
	return err
}

func (a *bigBag) change(r *Rows, k int, val []byte, n int64) error {
	sec := a.body(r, k)
	if len(sec) > 0 && sec[0] == bagDirectory {
		return a.changeChunk(r, k, sec[1:], val, n)
	}
	if len(sec) > 0 {
		sec = sec[1:]
	}
	data := a.add(sec, val, n)
	if len(data) <= chunkBytes || a.name == "" {
		return a.put(r, k, bagInline, data)
	}
	// The values move into a first chunk, without a bound yet, which is then split.
	a.dir = append(a.dir[:0], 1, 0, 0, 0)
	return a.split(r, k, 0, data, a.dir[4:4], nil)
}

// chunkKey is the key of a chunk of row k's group.
func (a *bigBag) chunkKey(r *Rows, k int, id uint32) (hash uint64, key []byte) {
	group := r.Map.Key(r.Refs[k])
	a.key = append(binary.AppendUvarint(a.key[:0], uint64(len(group))), group...)
	a.key = binary.LittleEndian.AppendUint32(a.key, id)
	return a.spec.HashOf(a.key), a.key
}

// entry splits the first entry off the chunks of a directory.
func (a *bigBag) entry(dir []byte) (id uint32, bound, rest []byte) {
	bound, rest = a.cell.next(dir[4:])
	return binary.LittleEndian.Uint32(dir), bound, rest
}

// locate finds the chunk for val: its number, and what lies before and behind its entry in the directory.
func (a *bigBag) locate(dir, val []byte) (id uint32, before, after []byte) {
	if w := 4 + a.cell.size; a.cell.size > 0 {
		lo, hi := 0, len(dir)/w-1
		for lo < hi {
			mid := (lo + hi) / 2
			if a.cell.cmp(dir[mid*w+4:mid*w+w], val) < 0 {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return binary.LittleEndian.Uint32(dir[lo*w:]), dir[:lo*w], dir[lo*w+w:]
	}
	for rest := dir; ; {
		id, bound, tail := a.entry(rest)
		if len(tail) == 0 || a.cell.cmp(bound, val) >= 0 {
			return id, dir[:len(dir)-len(rest)], tail
		}
		rest = tail
	}
}

func (a *bigBag) changeChunk(r *Rows, k int, dir, val []byte, n int64) error {
	id, before, after := a.locate(dir[4:], val)
	hash, key := a.chunkKey(r, k, id)
	m := a.table.Map(0)
	ref, _, err := m.Upsert(hash, key)
	if err != nil {
		return err
	}
	data := a.add(m.Var(ref), val, n)
	switch {
	case len(data) == 0:
		m.Delete(ref)
		if len(before)+len(after) == 0 {
			return a.put(r, k, bagInline, nil)
		}
		a.dir = append(append(append(a.dir[:0], dir[:4]...), before...), after...)
		return a.put(r, k, bagDirectory, a.dir)
	case len(data) <= chunkBytes:
		if a.counted {
			s := m.Fixed(ref)
			putWord(s, word(s)+uint64(n))
		}
		return m.SetVar(ref, data)
	}
	a.dir = append(a.dir[:0], dir...)
	return a.split(r, k, id, data, a.dir[4:4+len(before)], a.dir[len(a.dir)-len(after):])
}

// split makes chunk id, which holds data and stands between before and after in a.dir, into two.
func (a *bigBag) split(r *Rows, k int, id uint32, data, before, after []byte) error {
	cut, last := 0, []byte(nil)
	for cut < len(data)/2 {
		v, rest := a.cell.next(data[cut:])
		last = v
		cut = len(data) - len(rest) + 8
	}
	if cut == len(data) { // one huge value: nothing to split
		cut, last = 0, nil
	}
	next := binary.LittleEndian.Uint32(a.dir)
	dir := binary.LittleEndian.AppendUint32(nil, next+1)
	dir = append(dir, before...)
	if cut > 0 {
		dir = binary.LittleEndian.AppendUint32(dir, next)
		dir = a.cell.push(dir, last)
		if err := a.setChunk(r, k, next, data[:cut]); err != nil {
			return err
		}
	}
	dir = binary.LittleEndian.AppendUint32(dir, id)
	bound := data[cut:]
	for rest := bound; len(rest) > 0; {
		bound, rest = a.cell.next(rest)
		rest = rest[8:]
	}
	if len(after) > 0 {
		// The chunk's own bound stays: it is the lower end of the next one.
		bound = a.boundOf(before, id)
	}
	dir = a.cell.push(dir, bound)
	dir = append(dir, after...)
	if err := a.setChunk(r, k, id, data[cut:]); err != nil {
		return err
	}
	return a.put(r, k, bagDirectory, dir)
}

// boundOf is the bound of chunk id, whose entry follows before in a.dir.
func (a *bigBag) boundOf(before []byte, id uint32) []byte {
	_, bound, _ := a.entry(a.dir[4+len(before):])
	return bound
}

func (a *bigBag) setChunk(r *Rows, k int, id uint32, data []byte) error {
	m := a.table.Map(0)
	hash, key := a.chunkKey(r, k, id)
	ref, _, err := m.Upsert(hash, key)
	if err != nil {
		return err
	}
	if a.counted {
		putWord(m.Fixed(ref), uint64(a.size64(data)))
	}
	return m.SetVar(ref, data)
}

// size64 is the number of values in a bag.
func (a *bigBag) size64(data []byte) (n int64) {
	a.each(data, func(_ []byte, c int64) bool {
		n += c
		return true
	})
	return n
}

// Merge is for windows, whose groups have no chunks.
func (a *bigBag) Merge(dst, src *Rows) error {
	for k := range src.Slots {
		sec := a.body(src, k)
		if len(sec) == 0 {
			continue
		}
		if a.name != "" {
			return fmt.Errorf("this is a bug: accumulators with chunks cannot be merged")
		}
		if a.headed {
			whole := a.getVar(src, k)
			a.head = append(a.head[:0], whole[:len(whole)-len(sec)]...)
		}
		for data := sec[1:]; len(data) > 0; {
			v, rest := a.cell.next(data)
			if err := a.change(dst, k, v, int64(word(rest))); err != nil {
				return err
			}
			data = rest[8:]
		}
	}
	return nil
}

func (a *bigBag) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		sec := a.getVar(r, k)
		found, ok := []byte(nil), false
		switch {
		case len(sec) == 0:
		case sec[0] == bagInline:
			found, ok = a.extreme(sec[1:], a.max)
		default:
			var err error
			if found, ok, err = a.search(r, k, sec[5:]); err != nil {
				return err
			}
		}
		if !ok {
			out.SetNull(int(at[k]))
			continue
		}
		a.cell.write(out, int(at[k]), found)
	}
	return nil
}

// search looks for the extreme in the chunks, from the end where it is to be expected.
func (a *bigBag) search(r *Rows, k int, dir []byte) (found []byte, ok bool, err error) {
	look := func(id uint32) error {
		hash, key := a.chunkKey(r, k, id)
		m := a.table.Map(0)
		ref, err := m.Find(hash, key)
		if err != nil || ref == state.NoRef {
			return err
		}
		found, ok = a.extreme(m.Var(ref), a.max)
		return nil
	}
	if !a.max {
		for len(dir) > 0 && !ok {
			var id uint32
			id, _, dir = a.entry(dir)
			if err := look(id); err != nil {
				return nil, false, err
			}
		}
		return found, ok, nil
	}
	if w := 4 + a.cell.size; a.cell.size > 0 {
		for o := len(dir) - w; o >= 0 && !ok; o -= w {
			if err := look(binary.LittleEndian.Uint32(dir[o:])); err != nil {
				return nil, false, err
			}
		}
		return found, ok, nil
	}
	var ids []uint32
	for len(dir) > 0 {
		var id uint32
		id, _, dir = a.entry(dir)
		ids = append(ids, id)
	}
	for i := len(ids) - 1; i >= 0 && !ok; i-- {
		if err := look(ids[i]); err != nil {
			return nil, false, err
		}
	}
	return found, ok, nil
}
