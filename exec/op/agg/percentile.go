package agg

import (
	"fmt"
	"math"

	"weir/exec/batch"
	"weir/state"
)

// newPercentile makes PERCENTILE(x, percentage [, frequency]): a bag of the values with the percentages, which are a number or an
// array of numbers and the same in all rows, in its header.
func newPercentile(c *Call) (Func, error) {
	if len(c.Args) < 2 || class(c.Types[0]) != batch.ClassFloat {
		return nil, fmt.Errorf("this is a bug: PERCENTILE takes a DOUBLE and percentages")
	}
	cl, err := newCell(c.Func, c.Types[0])
	if err != nil {
		return nil, err
	}
	a := &percentile{percent: c.Args[1], frequency: -1}
	a.bigBag = bigBag{arg: c.Args[0], bag: bag{cell: cl}, headed: true, counted: true, name: c.Table}
	if len(c.Args) > 2 {
		a.frequency = c.Args[2]
	}
	return a, nil
}

type percentile struct {
	bigBag
	percent, frequency int // columns; -1 for none
}

func (a *percentile) format() string { return "percentile1" }

func (a *percentile) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		n := int64(1)
		if a.frequency >= 0 {
			if f := r.In.Cols[a.frequency]; f.IsNull(int(i)) || f.Int[i] < 1 {
				continue
			} else {
				n = f.Int[i]
			}
		}
		if r.retracts(k) {
			n = -n
		}
		if err := a.percentages(r.In.Cols[a.percent], int(i)); err != nil {
			return err
		}
		if err := a.change(r, k, a.cell.read(v, int(i), &tmp), n); err != nil {
			return err
		}
	}
	return nil
}

// percentages makes the header of those in row i.
func (a *percentile) percentages(v *batch.Vector, i int) error {
	from, to := i, i+1
	if batch.ClassOf(v.Type) == batch.ClassList {
		from = int(v.Off[i])
		to = from + int(v.Len[i])
		v = v.Children[0]
	}
	if to-from > math.MaxUint8 {
		return fmt.Errorf("PERCENTILE takes %d percentages at most, not %d", math.MaxUint8, to-from)
	}
	a.head = append(a.head[:0], byte(to-from))
	for e := from; e < to; e++ {
		a.head = append(a.head, 0, 0, 0, 0, 0, 0, 0, 0)
		putWord(a.head[len(a.head)-8:], math.Float64bits(v.Flt[e]))
	}
	return nil
}

func (a *percentile) Values(r *Rows, out *batch.Vector, at []int32) error {
	list := batch.ClassOf(out.Type) == batch.ClassList
	for k := range r.Slots {
		sec := a.body(r, k)
		n, err := a.total(r, k, sec)
		if err != nil {
			return err
		}
		p := int(at[k])
		if n <= 0 {
			out.SetNull(p)
			continue
		}
		head := a.getVar(r, k)
		head = head[1 : 1+8*int(head[0])]
		if list {
			out.Off[p], out.Len[p] = uint32(len(out.Children[0].Flt)), uint32(len(head)/8)
		}
		for ; len(head) > 0; head = head[8:] {
			x, err := a.at(r, k, sec, math.Float64frombits(word(head))*float64(n-1)+1)
			if err != nil {
				return err
			}
			if list {
				out.Children[0].AppendFloat(x)
			} else {
				out.Flt[p] = x
			}
		}
	}
	return nil
}

// total is the number of values of row k, whose section is sec.
func (a *percentile) total(r *Rows, k int, sec []byte) (n int64, err error) {
	err = a.bags(r, k, sec, func(_ []byte, count int64) bool {
		n += count
		return true
	})
	return n, err
}

// at is the value at a place of row k, counted from 1: between two values in proportion to how near they are.
func (a *percentile) at(r *Rows, k int, sec []byte, place float64) (float64, error) {
	lower, upper := math.Floor(place), math.Ceil(place)
	var values [2]float64
	found, before := 0, int64(0)
	err := a.bags(r, k, sec, func(data []byte, count int64) bool {
		if before+count < int64(lower) {
			before += count
			return true
		}
		a.each(data, func(v []byte, c int64) bool {
			for _, want := range []float64{lower, upper}[found:] {
				if int64(want) > before+c {
					break
				}
				values[found] = math.Float64frombits(word(v))
				found++
			}
			before += c
			return found < 2
		})
		return found < 2
	})
	if err != nil || lower == upper || values[0] == values[1] {
		return values[0], err
	}
	return (upper-place)*values[0] + (place-lower)*values[1], nil
}

// bags calls f for the bags of row k, ascending, with the numbers of their values, until it returns false.
func (a *percentile) bags(r *Rows, k int, sec []byte, f func(data []byte, count int64) bool) error {
	switch {
	case len(sec) == 0:
		return nil
	case sec[0] == bagInline:
		f(sec[1:], a.size64(sec[1:]))
		return nil
	}
	m := a.table.Map(0)
	for dir := sec[5:]; len(dir) > 0; {
		var id uint32
		id, _, dir = a.entry(dir)
		hash, key := a.chunkKey(r, k, id)
		ref, err := m.Find(hash, key)
		if err != nil {
			return err
		}
		if ref != state.NoRef && !f(m.Var(ref), int64(word(m.Fixed(ref)))) {
			return nil
		}
	}
	return nil
}
