package agg

import (
	"encoding/binary"
	"fmt"
	"time"

	"weir/exec/batch"
	"weir/state"
)

// sliding is MIN, MAX, FIRST_VALUE and LAST_VALUE where values are taken back in the order in which they came, as those of a frame are. It keeps
// those that may still be the result: a value that comes takes out the ones before it whose place it takes. What is first of the others is
// the result, until it is taken back itself. So a row costs as much whether the frame has ten rows or ten thousand.
//
//	fixed part: length of the section 4, of the first values' bytes that are gone 4, values that came 8, that were taken back 8, first and next block 4 each
//	section:    the values that came last, one behind the other: how many came before it 8, value, its length and 8 (4 bytes, where it is of no fixed size)
//	block:      values that came before those, in a table of its own, under the group's key and the block's number (4 bytes)
//
// The section is cut in half when it has slidingBytes, and its older half becomes a block; the last block becomes the section again when that
// is empty. Only the first and the last block are ever touched.
type sliding struct {
	sequence
	arg      int
	cell     cell
	replaces func(new, old []byte) bool // as in chosen
	schema   string                     // what the encoding is called
	name     string                     // of the table of blocks; empty for none
	spec     state.TableSpec
	table    state.Table
	key      []byte
	one      []byte   // scratch: a value as it stands in the section
	read     [16]byte // scratch: a value that comes
}

const (
	slidingGone  = 4
	slidingCame  = 8
	slidingWent  = 16
	slidingFirst = 24
	slidingNext  = 28
	slidingFixed = 32

	slidingBytes = 4096
)

// newSliding makes a call whose values are taken back in order: new takes the place of old where replaces says so.
func newSliding(c *Call, cl cell, schema string, replaces func(new, old []byte) bool) *sliding {
	return &sliding{arg: c.Args[0], cell: cl, replaces: replaces, schema: schema, name: c.Table}
}

func (a *sliding) size() (int, bool) { return slidingFixed, true }
func (a *sliding) format() string    { return "sliding1 " + a.schema + a.cell.format() }

func (a *sliding) open(st state.Scope, ttl time.Duration) (err error) {
	if a.name == "" {
		return nil
	}
	a.spec = state.TableSpec{Name: a.name, TTL: ttl, Prefixed: true, Schema: "sliding blocks1 " + a.cell.format()}
	a.table, err = st.Table(a.spec)
	return err
}

func (a *sliding) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		var err error
		if r.retracts(k) {
			err = a.goes(r, k)
		} else {
			err = a.comes(r, k, a.cell.read(v, int(i), &a.read))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Merge is for windows, whose rows are taken back in any order.
func (*sliding) Merge(_, _ *Rows) error {
	return fmt.Errorf("this is a bug: accumulators of a frame cannot be merged")
}

func (a *sliding) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		f, err := a.front(r, k)
		if err != nil {
			return err
		}
		if len(f.data) == 0 {
			out.SetNull(int(at[k]))
			continue
		}
		_, val, _ := a.entry(f.data[f.gone:])
		a.cell.write(out, int(at[k]), val)
	}
	return nil
}

// entry splits the first value off a sequence of them; number is how many came before it.
func (a *sliding) entry(seq []byte) (number uint64, val, rest []byte) {
	val, rest = a.cell.next(seq[8:])
	if a.cell.size == 0 {
		rest = rest[4:]
	}
	return word(seq), val, rest
}

// last is the last value of a sequence, and where its entry begins.
func (a *sliding) last(seq []byte) (val []byte, at int) {
	if a.cell.size > 0 {
		at = len(seq) - 8 - a.cell.size
	} else {
		at = len(seq) - 4 - int(binary.LittleEndian.Uint32(seq[len(seq)-4:]))
	}
	_, val, _ = a.entry(seq[at:])
	return val, at
}

func (a *sliding) number(r *Rows, k, at int) int {
	return int(binary.LittleEndian.Uint32(r.Slots[k][a.off+at:]))
}

func (a *sliding) setNumber(r *Rows, k, at, n int) {
	binary.LittleEndian.PutUint32(r.Slots[k][a.off+at:], uint32(n))
}

// blocks are the numbers of the first block of row k's group, and of the one behind the last.
func (a *sliding) blocks(r *Rows, k int) (first, next int) {
	return a.number(r, k, slidingFirst), a.number(r, k, slidingNext)
}

func (a *sliding) setBlocks(r *Rows, k, first, next int) {
	if first == next {
		first, next = 0, 0
	}
	a.setNumber(r, k, slidingFirst, first)
	a.setNumber(r, k, slidingNext, next)
}

// front is where the first value of a group is.
type front struct {
	data  []byte // a block, or the section; empty: there is no value
	gone  int    // bytes of it that do not count
	block int    // its number; -1: the section
	ref   state.Ref
}

func (a *sliding) front(r *Rows, k int) (front, error) {
	gone := a.number(r, k, slidingGone)
	for no, next := a.blocks(r, k); no < next; no++ {
		hash, key := a.blockKey(r, k, no)
		m := a.table.Map(0)
		ref, err := m.Find(hash, key)
		if err != nil {
			return front{}, err
		}
		if ref != state.NoRef {
			return front{m.Var(ref), gone, no, ref}, nil
		}
		gone = 0 // its TTL is over
	}
	return front{a.data(r, k), gone, -1, state.NoRef}, nil
}

func (a *sliding) blockKey(r *Rows, k, no int) (hash uint64, key []byte) {
	group := r.Map.Key(r.Refs[k])
	a.key = append(binary.AppendUvarint(a.key[:0], uint64(len(group))), group...)
	a.key = binary.LittleEndian.AppendUint32(a.key, uint32(no))
	return a.spec.HashOf(a.key), a.key
}

// goes takes back the value that came first of those that were not taken back.
func (a *sliding) goes(r *Rows, k int) error {
	s := r.Slots[k][a.off:]
	went := word(s[slidingWent:]) + 1
	if went > word(s[slidingCame:]) {
		return nil // its TTL is over
	}
	putWord(s[slidingWent:], went)
	f, err := a.front(r, k)
	if err != nil || len(f.data) == 0 {
		return err
	}
	number, _, rest := a.entry(f.data[f.gone:])
	if number >= went {
		return nil // another one has taken its place
	}
	f.gone = len(f.data) - len(rest)
	_, next := a.blocks(r, k)
	switch {
	case f.block < 0:
		a.setBlocks(r, k, 0, 0)
		if f.gone > len(f.data)/2 {
			a.setNumber(r, k, slidingGone, 0)
			return a.behead(r, k, f.gone)
		}
	case len(rest) == 0:
		a.table.Map(0).Delete(f.ref)
		a.setBlocks(r, k, f.block+1, next)
		f.gone = 0
	default:
		a.setBlocks(r, k, f.block, next)
	}
	a.setNumber(r, k, slidingGone, f.gone)
	return nil
}

// behead takes the first bytes out of the section of row k. One that is nearly empty then is made anew.
func (a *sliding) behead(r *Rows, k, n int) error {
	used, section := a.used(r, k), a.getVar(r, k)
	if len(section) > 256 && used-n < len(section)/8 {
		return a.set(r, k, section[n:used], nil)
	}
	b := a.sec.get(r.Map.Edit(r.Refs[k]))
	copy(b, b[n:used])
	a.setUsed(r, k, used-n)
	return nil
}

// comes adds a value behind those whose place it does not take.
func (a *sliding) comes(r *Rows, k int, val []byte) error {
	data, gone := a.data(r, k), a.number(r, k, slidingGone)
	first, next := a.blocks(r, k)
	begin := 0 // of the section
	if first == next {
		begin = gone
	}
	n := len(data)
	for {
		if n == begin {
			if first == next {
				n = 0
				a.setNumber(r, k, slidingGone, 0)
				break
			}
			a.setUsed(r, k, n)
			next--
			if err := a.unseal(r, k, next); err != nil {
				return err
			}
			a.setBlocks(r, k, first, next)
			data = a.data(r, k)
			n = len(data)
			if first == next {
				begin = min(gone, n)
			}
			continue
		}
		old, at := a.last(data[:n])
		if !a.replaces(val, old) {
			break
		}
		n = at
	}
	a.setUsed(r, k, n)
	s := r.Slots[k][a.off:]
	came := word(s[slidingCame:])
	putWord(s[slidingCame:], came+1)
	a.one = a.cell.push(binary.LittleEndian.AppendUint64(a.one[:0], came), val)
	if a.cell.size == 0 {
		a.one = binary.LittleEndian.AppendUint32(a.one, uint32(len(a.one)))
	}
	if err := a.append(r, k, a.one); err != nil {
		return err
	}
	if a.name != "" && n+len(a.one) >= slidingBytes {
		return a.seal(r, k)
	}
	return nil
}

// seal makes a block of the older half of the section.
func (a *sliding) seal(r *Rows, k int) error {
	first, next := a.blocks(r, k)
	if gone := a.number(r, k, slidingGone); first == next && gone > 0 {
		a.setNumber(r, k, slidingGone, 0)
		if err := a.behead(r, k, gone); err != nil {
			return err
		}
	}
	data := a.data(r, k)
	cut := 0
	for cut < len(data)/2 {
		_, _, rest := a.entry(data[cut:])
		cut = len(data) - len(rest)
	}
	hash, key := a.blockKey(r, k, next)
	m := a.table.Map(0)
	ref, _, err := m.Upsert(hash, key)
	if err != nil {
		return err
	}
	if err := m.SetVar(ref, data[:cut]); err != nil {
		return err
	}
	a.setBlocks(r, k, first, next+1)
	return a.behead(r, k, cut)
}

// unseal makes a block the section, which is empty.
func (a *sliding) unseal(r *Rows, k, no int) error {
	hash, key := a.blockKey(r, k, no)
	m := a.table.Map(0)
	ref, err := m.Find(hash, key)
	if err != nil || ref == state.NoRef {
		return err // its TTL is over
	}
	if err := a.set(r, k, m.Var(ref), nil); err != nil {
		return err
	}
	m.Delete(ref)
	return nil
}
