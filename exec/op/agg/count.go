package agg

import (
	"weir/exec/batch"
)

// count is COUNT(*) and COUNT(x, ...): 8 bytes.
type count struct {
	place
	args []int
}

func newCount(c *Call) (Func, error) { return &count{args: c.Args}, nil }

func (a *count) size() (int, bool) { return 8, false }
func (a *count) format() string    { return "count" }

func (a *count) Update(r *Rows) error {
	var nulls []*batch.Vector
	for _, c := range a.args {
		if v := r.In.Cols[c]; !noNulls(v) {
			nulls = append(nulls, v)
		}
	}
	off := a.off
	if nulls == nil && r.In.Kinds == nil {
		for _, s := range r.Slots {
			s = s[off : off+8]
			putWord(s, word(s)+1)
		}
		return nil
	}
rows:
	for k, s := range r.Slots {
		for _, v := range nulls {
			if v.IsNull(int(r.Pos[k])) {
				continue rows
			}
		}
		s = s[off : off+8]
		if r.retracts(k) {
			putWord(s, word(s)-1)
		} else {
			putWord(s, word(s)+1)
		}
	}
	return nil
}

func (a *count) Merge(dst, src *Rows) error {
	for k, s := range src.Slots {
		d := dst.Slots[k][a.off : a.off+8]
		putWord(d, word(d)+word(s[a.off:]))
	}
	return nil
}

func (a *count) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k, s := range r.Slots {
		out.Int[at[k]] = int64(word(s[a.off:]))
	}
	return nil
}
