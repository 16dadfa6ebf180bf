package runtime

import (
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
)

// lateRows makes rows of a table of late rows of the rows that an operator drops, and hands them to its sink: they are written by the
// operator's own task, and so in its epoch.
func lateRows(l *physical.LateOutput, to stage) func(*batch.Batch, []int32, exec.Watermark) error {
	out := batch.New(columnTypes(l.Sink.Input), 0)
	return func(in *batch.Batch, rows []int32, wm exec.Watermark) error {
		out.Reset()
		for i, c := range l.Columns {
			if c >= 0 {
				out.Cols[i].AppendMany(in.Cols[c], rows, in.N)
				continue
			}
			for range rows {
				out.Cols[i].AppendInt(int64(wm))
			}
		}
		out.N = len(rows)
		return to.Emit(out)
	}
}
