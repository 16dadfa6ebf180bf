package runtime

import (
	"sort"

	"weir/exec"
)

// autoWatermarkInterval is, where it is not set, how far event time must have moved on, in microseconds, for a watermark to be put
// out between two rows: Flink's pipeline.auto-watermark-interval of 200 ms.
const autoWatermarkInterval = 200_000

// passExact hands on the rows of sb, and in between the watermarks that make later rows of it late. A batch
// without such rows, which is nearly every one, goes on whole.
func (s *sourceTask) passExact(sb *exec.SourceBatch) error {
	p := s.progress
	cuts, err := p.cuts(sb)
	if err != nil {
		return err
	}
	if len(cuts) == 0 {
		if err := p.rows(sb); err != nil {
			return err
		}
		return s.task.first.Emit(sb.Batch)
	}
	b, all := sb.Batch, sb.Batch.Sel
	if all == nil {
		all = make([]int32, b.N)
		for i := range all {
			all[i] = int32(i)
		}
	}
	whole := b.Sel
	defer func() { b.Sel = whole }()
	from, to := 0, 0 // in all
	part := &exec.SourceBatch{Batch: b}
	for k := range len(cuts) + 1 {
		end := b.N
		if k < len(cuts) {
			end = cuts[k]
		}
		to = from + sort.Search(len(all)-from, func(j int) bool { return int(all[from+j]) >= end })
		if from < to {
			b.Sel = all[from:to:to]
			part.Runs = part.Runs[:0]
			for _, r := range sb.Runs {
				r.From, r.To = max(r.From, int(all[from])), min(r.To, end)
				if r.From < r.To {
					part.Runs = append(part.Runs, r)
				}
			}
			if err := p.rows(part); err != nil {
				return err
			}
			if err := s.task.first.Emit(b); err != nil {
				return err
			}
		}
		from = to
		if k < len(cuts) {
			if err := s.advance(); err != nil {
				return err
			}
		}
	}
	return nil
}

// cuts is the rows of sb before which the watermark must be put out: those that are behind it.
// The result is valid until the next call.
func (p *progress) cuts(sb *exec.SourceBatch) ([]int, error) {
	b := sb.Batch
	if b.Rows() == 0 {
		return nil, nil
	}
	if err := p.checkRowTime(b); err != nil {
		return nil, err
	}
	marks, err := p.expr.Eval(b, b.Sel)
	if err != nil {
		return nil, err
	}
	times, err := p.rowTime.Eval(b, b.Sel)
	if err != nil {
		return nil, err
	}
	p.at, p.trial = p.at[:0], p.trial[:0]
	for i := range p.splits {
		p.trial = append(p.trial, p.splits[i].wm)
	}
	interval := exec.Watermark(autoWatermarkInterval)
	if p.every != 0 {
		interval = exec.Watermark(max(p.every, 0).Microseconds())
	}
	put, due := p.current, p.current // what was put out, and what would have been by now
	at := 0                          // in b.Sel
	for _, r := range sb.Runs {
		others := exec.MaxWatermark
		for i := range p.splits {
			if sp := &p.splits[i]; i != r.Split && !sp.done && !sp.idle {
				others = min(others, p.trial[i])
			}
		}
		own := p.trial[r.Split]
		for i := range rowsOf(b, r, &at) {
			if due > put && exec.Watermark(times.Int[i]) <= due {
				p.at = append(p.at, i)
				put = due
			}
			if !marks.IsNull(i) && exec.Watermark(marks.Int[i]) > own {
				own = exec.Watermark(marks.Int[i])
				if all := min(own, others); due == exec.MinWatermark || all > due+interval {
					due = max(due, all)
				}
			}
		}
		p.trial[r.Split] = own
	}
	return p.at, nil
}
