package agg

import (
	"math"

	"weir/exec/batch"
)

// newExtreme makes MIN and MAX: without retraction the value so far, with it a bag of all values, or what is left of them in a frame.
func newExtreme(c *Call) (Func, error) {
	cl, err := newCell(c.Func, c.Types[0])
	if err != nil {
		return nil, err
	}
	maximum := c.Func == "MAX"
	switch {
	case c.Retract && c.InOrder:
		sign := 1
		if !maximum {
			sign = -1
		}
		return newSliding(c, cl, "extreme", func(new, old []byte) bool { return sign*cl.cmp(new, old) >= 0 }), nil
	case c.Retract && c.Table != "":
		return &bigBag{arg: c.Args[0], bag: bag{cell: cl}, max: maximum, name: c.Table}, nil
	case c.Retract:
		return &extremeBag{arg: c.Args[0], bag: bag{cell: cl}, max: maximum}, nil
	}
	x := chosen{arg: c.Args[0], cell: cl, schema: "extreme"}
	x.replaces = func(new, old []byte) bool { return cl.cmp(new, old) < 0 }
	if maximum {
		x.replaces = func(new, old []byte) bool { return cl.cmp(new, old) > 0 }
	}
	switch {
	case cl.class == batch.ClassInt:
		return &extremeInt{x, maximum}, nil
	case cl.class == batch.ClassFloat:
		return &extremeFloat{x, maximum}, nil
	}
	return x.sized(), nil
}

// newEnd makes FIRST_VALUE and LAST_VALUE of the values that are not NULL.
func newEnd(c *Call) (Func, error) {
	cl, err := newCell(c.Func, c.Types[0])
	if err != nil {
		return nil, err
	}
	last := c.Func == "LAST_VALUE"
	switch {
	case c.Retract && c.InOrder:
		return newSliding(c, cl, "end", func(_, _ []byte) bool { return last }), nil
	case c.Retract:
		return &endList{list: list{cell: cl, arg: c.Args[0]}, last: last}, nil
	}
	x := chosen{arg: c.Args[0], cell: cl, schema: "end", replaces: func(_, _ []byte) bool { return last }}
	return x.sized(), nil
}

// chosen is one of the values that came: the least, the greatest, the first or the last. The fixed part is a byte that is 1 when
// there is one, and the value where it is of a fixed size; otherwise the section is the value.
type chosen struct {
	place
	arg      int
	cell     cell
	schema   string                     // what the encoding is called
	replaces func(new, old []byte) bool // new takes the place of old
}

// sized is c, or what keeps values of any length as c says.
func (c *chosen) sized() Func {
	if c.cell.size > 0 {
		return c
	}
	return &chosenBytes{chosen: *c}
}

func (c *chosen) size() (int, bool) { return 1 + c.cell.size, false }
func (c *chosen) format() string    { return c.schema + c.cell.format() }

func (c *chosen) Update(r *Rows) error {
	v := r.In.Cols[c.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][c.off : c.off+1+c.cell.size]
		if x := c.cell.read(v, int(i), &tmp); s[0] == 0 || c.replaces(x, s[1:]) {
			s[0] = 1
			copy(s[1:], x)
		}
	}
	return nil
}

func (c *chosen) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		d, s := dst.Slots[k][c.off:c.off+1+c.cell.size], s[c.off:c.off+1+c.cell.size]
		if s[0] != 0 && (d[0] == 0 || c.replaces(s[1:], d[1:])) {
			copy(d, s)
		}
	}
	return nil
}

func (c *chosen) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		s = s[c.off : c.off+1+c.cell.size]
		if s[0] == 0 {
			out.SetNull(int(at[k]))
			continue
		}
		c.cell.write(out, int(at[k]), s[1:])
	}
	return nil
}

// extremeInt is MIN and MAX of integers and times.
type extremeInt struct {
	chosen
	max bool
}

func (a *extremeInt) Update(r *Rows) error {
	v, off, maximum := r.In.Cols[a.arg], a.off, a.max
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][off : off+9]
		x, y := v.Int[i], int64(word(s[1:]))
		if s[0] == 0 || (x > y) == maximum && x != y {
			s[0] = 1
			putWord(s[1:], uint64(x))
		}
	}
	return nil
}

// extremeFloat is MIN and MAX of floats.
type extremeFloat struct {
	chosen
	max bool
}

func (a *extremeFloat) Update(r *Rows) error {
	v, off, maximum := r.In.Cols[a.arg], a.off, a.max
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		s := r.Slots[k][off : off+9]
		x, y := v.Flt[i], math.Float64frombits(word(s[1:]))
		if s[0] == 0 || maximum && x > y || !maximum && x < y {
			s[0] = 1
			putWord(s[1:], math.Float64bits(x))
		}
	}
	return nil
}

// chosenBytes is a chosen value of any length.
type chosenBytes struct {
	chosen
	whole []byte
}

func (c *chosenBytes) size() (int, bool) { return 1, true }

// offer makes x the value of the entry of row k if it takes the place of what is there.
func (c *chosenBytes) offer(r *Rows, k int, x []byte) (err error) {
	if s := r.Slots[k]; s[c.off] == 0 || c.replaces(x, c.getVar(r, k)) {
		s[c.off] = 1
		c.whole, err = c.putVar(r, k, x, c.whole)
	}
	return err
}

func (c *chosenBytes) Update(r *Rows) error {
	v := r.In.Cols[c.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		if err := c.offer(r, k, c.cell.read(v, int(i), &tmp)); err != nil {
			return err
		}
	}
	return nil
}

func (c *chosenBytes) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		if s[c.off] == 0 {
			continue
		}
		if err := c.offer(dst, k, c.getVar(src, k)); err != nil {
			return err
		}
	}
	return nil
}

func (c *chosenBytes) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		if s[c.off] == 0 {
			out.SetNull(int(at[k]))
			continue
		}
		c.cell.write(out, int(at[k]), c.getVar(r, k))
	}
	return nil
}
