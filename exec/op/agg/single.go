package agg

import (
	"errors"

	"weir/exec"
	"weir/exec/batch"
)

// newSingle makes SINGLE_VALUE: the value of the only row, NULL of none, and an error when a second one comes. It stands
// for a sub-query that is a value.
//
//	number of rows 8 | 1 where the value is not NULL; variable part: the value
func newSingle(c *Call) (Func, error) {
	cl, err := newCell(c.Func, c.Types[0])
	if err != nil {
		return nil, err
	}
	return &single{arg: c.Args[0], cell: cl}, nil
}

type single struct {
	place
	arg   int
	cell  cell
	whole []byte
}

func (a *single) size() (int, bool) { return 9, true }
func (a *single) format() string    { return "single" + a.cell.format() }

func (a *single) Update(r *Rows) (err error) {
	v := r.In.Cols[a.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		s := r.Slots[k][a.off : a.off+9]
		n := int64(word(s))
		if r.retracts(k) {
			if n > 0 {
				n--
			}
			putWord(s, uint64(n))
			if n == 0 {
				s[8] = 0
				if a.whole, err = a.putVar(r, k, nil, a.whole); err != nil {
					return err
				}
			}
			continue
		}
		if n > 0 {
			return tooManyRows()
		}
		putWord(s, 1)
		if v.IsNull(int(i)) {
			continue
		}
		s[8] = 1
		if a.whole, err = a.putVar(r, k, a.cell.read(v, int(i), &tmp), a.whole); err != nil {
			return err
		}
	}
	return nil
}

// tooManyRows stops the job: what it asks for has no answer, and a new attempt would not find one.
func tooManyRows() error {
	return exec.Fatalf("add a condition that leaves one row, or take MAX, MIN or FIRST_VALUE of the rows", "compute the value of a sub-query",
		errors.New("there is more than one row, and a sub-query that is a value (and SINGLE_VALUE) takes one at most"))
}

func (a *single) Merge(dst, src *Rows) (err error) {
	for k, s := range src.Slots {
		d, s := dst.Slots[k][a.off:a.off+9], s[a.off:a.off+9]
		if word(s) == 0 {
			continue
		}
		if word(d) > 0 {
			return tooManyRows()
		}
		copy(d, s)
		if a.whole, err = a.putVar(dst, k, a.getVar(src, k), a.whole); err != nil {
			return err
		}
	}
	return nil
}

func (a *single) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		if s[a.off+8] == 0 {
			out.SetNull(int(at[k]))
			continue
		}
		a.cell.write(out, int(at[k]), a.getVar(r, k))
	}
	return nil
}
