package agg

import (
	"errors"
	"fmt"

	"weir/exec"
	"weir/exec/batch"
)

// newRank makes RANK and DENSE_RANK over rows that come in the order of their argument: equal values have equal numbers.
//
//	last value 8 | rows 8 | number 8
func newRank(c *Call) (Func, error) {
	if class(c.Types[0]) != batch.ClassInt {
		return nil, fmt.Errorf("%s in the order of a value of type %s is not supported", c.Func, c.Types[0])
	}
	return &rank{arg: c.Args[0], dense: c.Func == "DENSE_RANK"}, nil
}

type rank struct {
	place
	arg   int
	dense bool
}

func (a *rank) size() (int, bool) { return 24, false }
func (a *rank) format() string    { return fmt.Sprintf("rank%t", a.dense) }

func (a *rank) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	for k, i := range r.Pos {
		s := r.Slots[k][a.off : a.off+24]
		x, rows, number := uint64(v.Int[i]), word(s[8:])+1, word(s[16:])
		if rows == 1 || x != word(s) {
			if a.dense {
				number++
			} else {
				number = rows
			}
		}
		putWord(s, x)
		putWord(s[8:], rows)
		putWord(s[16:], number)
	}
	return nil
}

func (a *rank) Merge(_, _ *Rows) error { return fmt.Errorf("this is a bug: ranks cannot be merged") }

func (a *rank) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		out.Int[at[k]] = int64(word(s[a.off+16:]))
	}
	return nil
}

// newLag makes LAG: the last values, as many as the offset and one more, each behind a byte that is 1 for NULL. The offset and the
// default are columns of the input. Where a row's offset is smaller than that of a row before, what is too far back for it is forgotten, as in Flink.
func newLag(c *Call) (Func, error) {
	cl, err := newCell(c.Func, c.Types[0])
	if err != nil {
		return nil, err
	}
	a := &lag{arg: c.Args[0], offset: -1, def: -1, cell: cl, ignoreNulls: c.IgnoreNulls}
	if len(c.Args) > 1 {
		a.offset = c.Args[1]
	}
	if len(c.Args) > 2 {
		a.def = c.Args[2]
	}
	return a, nil
}

type lag struct {
	place
	arg, offset, def int // columns; -1 where there is none
	ignoreNulls      bool
	cell             cell
	buf, whole       []byte
}

// The fixed part is the number of values that are kept.
func (a *lag) size() (int, bool) { return 8, true }
func (a *lag) format() string    { return "lag" + a.cell.format() }

func (a *lag) rows(r *Rows, k int) uint64 {
	if a.offset < 0 {
		return 1
	}
	return uint64(r.In.Cols[a.offset].Int[r.Pos[k]])
}

// back is the offset of a row that comes in.
func (a *lag) back(r *Rows, k int) (uint64, error) {
	if a.offset < 0 {
		return 1, nil
	}
	return LagOffset("LAG", r.In.Cols[a.offset], int(r.Pos[k]))
}

// LagOffset is the offset of LAG or LEAD at row i of v. A NULL and a negative one are errors, as in Flink.
func LagOffset(name string, v *batch.Vector, i int) (uint64, error) {
	switch {
	case v.IsNull(i):
		return 0, exec.Fatalf("write COALESCE(offset, 1), or leave such rows out", "compute "+name, errors.New("its offset is NULL"))
	case v.Int[i] < 0:
		return 0, exec.Fatalf("write GREATEST(offset, 0), or leave such rows out", "compute "+name, fmt.Errorf("its offset is %d, less than 0", v.Int[i]))
	}
	return uint64(v.Int[i]), nil
}

// skip is the sequence behind its first value.
func (a *lag) skip(seq []byte) []byte {
	null, seq := seq[0], seq[1:]
	if null == 1 {
		return seq
	}
	_, rest := a.cell.next(seq)
	return rest
}

func (a *lag) Update(r *Rows) (err error) {
	v := r.In.Cols[a.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if a.ignoreNulls && v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k]
		n := word(s[a.off:])
		seq := a.getVar(r, k)
		back, err := a.back(r, k)
		if err != nil {
			return err
		}
		for ; n > back; n-- {
			seq = a.skip(seq)
		}
		a.buf = append(a.buf[:0], seq...)
		if v.IsNull(int(i)) {
			a.buf = append(a.buf, 1)
		} else {
			a.buf = a.cell.push(append(a.buf, 0), a.cell.read(v, int(i), &tmp))
		}
		putWord(s[a.off:], n+1)
		if a.whole, err = a.putVar(r, k, a.buf, a.whole); err != nil {
			return err
		}
	}
	return nil
}

func (a *lag) Merge(_, _ *Rows) error { return fmt.Errorf("this is a bug: LAG cannot be merged") }

func (a *lag) Values(r *Rows, out *batch.Vector, at []int32) error {
	var tmp [16]byte
	for k, s := range r.Slots {
		p := int(at[k])
		have, back := word(s[a.off:]), a.rows(r, k)
		// The row itself is the last one, unless it was ignored.
		if a.ignoreNulls && back > 0 && r.In.Cols[a.arg].IsNull(int(r.Pos[k])) {
			back--
		}
		if have <= back {
			if a.def < 0 || r.In.Cols[a.def].IsNull(int(r.Pos[k])) {
				out.SetNull(p)
			} else {
				a.cell.write(out, p, a.cell.read(r.In.Cols[a.def], int(r.Pos[k]), &tmp))
			}
			continue
		}
		seq := a.getVar(r, k)
		for ; have > back+1; have-- {
			seq = a.skip(seq)
		}
		if seq[0] == 1 {
			out.SetNull(p)
			continue
		}
		val, _ := a.cell.next(seq[1:])
		a.cell.write(out, p, val)
	}
	return nil
}
