package op

import (
	"encoding/binary"

	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/state"
)

// copiedEntries is entries of a table that are copied out of it.
type copiedEntries struct {
	rows agg.Rows
	buf  []byte
	key  []byte
	cuts []cutAt
}

// cutAt is where the parts of a copied entry end in buf and in key.
type cutAt struct{ fixed, variable, key int }

func (c *copiedEntries) reset() { c.buf, c.key, c.cuts = c.buf[:0], c.key[:0], c.cuts[:0] }

// add copies an entry of m with the accumulators of set.
func (c *copiedEntries) add(m state.Map, r state.Ref, key []byte, set *agg.Set) {
	c.buf = append(c.buf, m.Fixed(r)[:set.Fixed]...)
	at := len(c.buf)
	if set.HasVar {
		c.buf = append(c.buf, m.Var(r)...)
	}
	c.key = append(c.key, key...)
	c.cuts = append(c.cuts, cutAt{at, len(c.buf), len(c.key)})
}

// entries is what was added, until the next change.
func (c *copiedEntries) entries() *agg.Rows {
	c.rows.Reset()
	from := 0
	for _, cut := range c.cuts {
		c.rows.Slots = append(c.rows.Slots, c.buf[from:cut.fixed])
		c.rows.Vars = append(c.rows.Vars, c.buf[cut.fixed:cut.variable])
		from = cut.variable
	}
	return &c.rows
}

// countRows counts the rows of entries that have their number in front, 8 bytes: those of in at pos, which are added or taken back.
func countRows(in *batch.Batch, pos []int32, slots [][]byte) {
	for k, s := range slots {
		c := binary.LittleEndian.Uint64(s)
		if in.Kind(int(pos[k])).Adds() {
			c++
		} else {
			c--
		}
		binary.LittleEndian.PutUint64(s, c)
	}
}

// addCount adds the number of rows in front of the entry src to that of dst.
func addCount(dst, src []byte) {
	binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(dst)+binary.LittleEndian.Uint64(src))
}
