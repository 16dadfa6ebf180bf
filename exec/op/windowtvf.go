package op

import (
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
)

// windowTVF puts window_start, window_end and window_time behind the columns of every row, once for
// each window that the row is in, in the order of windows.of. It keeps nothing and drops nothing: late rows too go on.
// With TUMBLE the columns of the input go on as they are; with HOP and CUMULATE rows are copied.
type windowTVF struct {
	stateless
	windows
	width int // columns of the input
	all   []int32
	rows  []int32 // HOP, CUMULATE: the input row of each output row
	out   batch.Batch
	bound [3]*batch.Vector // start, end, time
	copy  *batch.Batch
}

func newWindowTVF(n *physical.WindowTVF) (*windowTVF, error) {
	w, err := newWindows(n.Window, n.Input.Base().Columns)
	if err != nil {
		return nil, err
	}
	in, ts := columnTypes(n.Input), columnTypes(n)
	o := &windowTVF{windows: w, width: len(in)}
	for i := range o.bound {
		t := types.MakeTimestamp(3).NotNull()
		if at := len(in) + i; at < len(ts) {
			t = ts[at]
		}
		o.bound[i] = batch.NewVector(t, batch.TargetRows)
	}
	o.copy = batch.New(in, batch.TargetRows)
	return o, nil
}

func (o *windowTVF) Process(in *batch.Batch, out exec.Emitter) error {
	pos := positions(in, &o.all)
	if len(pos) == 0 {
		return nil
	}
	times := in.Cols[o.w.TimeColumn]
	o.out.Cols = o.out.Cols[:0]
	if o.w.Size == o.w.Slide {
		for _, v := range o.bound {
			v.Reset()
			v.Resize(in.N)
		}
		for _, i := range pos {
			t, err := o.rowTime(times, int(i))
			if err != nil {
				return err
			}
			start, end, _, _, _ := o.of(t)
			o.put(int(i), start, end, times.Int[i])
		}
		o.out.N, o.out.Sel, o.out.Kinds = in.N, in.Sel, in.Kinds
		o.out.Cols = append(append(o.out.Cols, in.Cols...), o.bound[:]...)
		return out.Emit(&o.out)
	}
	o.rows = o.rows[:0]
	for _, v := range o.bound {
		v.Reset()
	}
	for _, i := range pos {
		t, err := o.rowTime(times, int(i))
		if err != nil {
			return err
		}
		start, end, n, toStart, toEnd := o.of(t)
		for range n {
			k := len(o.rows)
			o.rows = append(o.rows, i)
			for _, v := range o.bound {
				v.Resize(k + 1)
			}
			o.put(k, start, end, times.Int[i])
			start, end = start+toStart, end+toEnd
		}
		if len(o.rows) >= batch.TargetRows {
			if err := o.flush(in, out); err != nil {
				return err
			}
		}
	}
	return o.flush(in, out)
}

// put writes the bounds of a window to row k, whose time is at.
func (o *windowTVF) put(k int, start, end, at int64) {
	o.bound[0].Int[k], o.bound[1].Int[k], o.bound[2].Int[k] = start, end, o.windowTime(end, at)
}

func (*windowTVF) reached() exec.Watermark { return exec.MinWatermark }
func (*windowTVF) due() exec.Watermark     { return exec.MaxWatermark }

func (o *windowTVF) flush(in *batch.Batch, out exec.Emitter) error {
	if len(o.rows) == 0 {
		return nil
	}
	o.copy.Reset()
	o.copy.AppendRows(in, o.rows)
	o.out.Cols = append(append(o.out.Cols[:0], o.copy.Cols...), o.bound[:]...)
	o.out.N, o.out.Sel, o.out.Kinds = len(o.rows), nil, o.copy.Kinds
	err := out.Emit(&o.out)
	o.rows = o.rows[:0]
	for _, v := range o.bound {
		v.Reset()
	}
	return err
}
