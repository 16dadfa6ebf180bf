package runtime

import (
	"fmt"
	"iter"
	"time"

	"weir/exec"
	"weir/exec/batch"
)

// evaluator is a compiled expression: Eval's result is as long as b and holds the values of the
// selected rows at their physical positions. It is valid until the next Eval.
type evaluator interface {
	Eval(b *batch.Batch, sel []int32) (*batch.Vector, error)
}

// progress is the event time of one source subtask: a watermark for each split, and what they make together.
// Without a WATERMARK clause (expr is nil) it only knows which splits are done.
type progress struct {
	table   string    // for messages
	column  string    // the row-time column
	expr    evaluator // nil: the table has no watermark
	rowTime evaluator // nil: not checked
	timeout time.Duration
	onEvent bool
	every   time.Duration // least time between two watermarks; 0: none; negative: none is put out before the end
	now     func() time.Time
	put     time.Time            // when the last watermark was put out, where every is above zero
	exact   bool                 // watermarks come before the rows that they make late
	locate  func(row int) string // where a row came from; never nil

	splits  []splitProgress
	polled  time.Duration // time spent waiting for input: the clock by which splits become idle
	current exec.Watermark
	idle    bool

	trial []exec.Watermark // of cuts: the splits' watermarks as far as it has looked
	at    []int            // its result
}

// splitProgress is one split of a reader, by its index.
type splitProgress struct {
	wm     exec.Watermark
	done   bool
	idle   bool
	paused bool          // it waits for others of the alignment group
	active time.Duration // value of polled when its last row came
}

// add takes a further split, with the watermark that it had.
func (p *progress) add(wm exec.Watermark) {
	p.splits = append(p.splits, splitProgress{wm: wm, active: p.polled})
}

// rows raises the watermarks of the splits that sb's rows come from.
func (p *progress) rows(sb *exec.SourceBatch) error {
	for _, r := range sb.Runs {
		s := &p.splits[r.Split]
		s.active, s.idle = p.polled, false
	}
	if p.expr == nil {
		return nil
	}
	return p.raise(sb, func(r exec.SplitRun, wm int64) error {
		s := &p.splits[r.Split]
		s.wm = max(s.wm, exec.Watermark(wm))
		return nil
	})
}

// tell takes what the reader knows beyond its rows.
func (p *progress) tell(n exec.SplitProgress) {
	s := &p.splits[n.Split]
	s.wm = max(s.wm, n.Watermark)
	s.idle = s.idle || n.Idle
}

// raise calls f with the greatest watermark of each run; runs without rows that count are left out.
func (p *progress) raise(sb *exec.SourceBatch, f func(r exec.SplitRun, wm int64) error) error {
	b := sb.Batch
	if b.Rows() == 0 {
		return nil
	}
	if err := p.checkRowTime(b); err != nil {
		return err
	}
	v, err := p.expr.Eval(b, b.Sel)
	if err != nil {
		return err
	}
	at := 0 // in b.Sel
	for _, r := range sb.Runs {
		most, some := int64(0), false
		if b.Sel == nil && v.Nulls == nil {
			for _, wm := range v.Int[r.From:r.To] {
				if !some || wm > most {
					most, some = wm, true
				}
			}
		} else {
			for i := range rowsOf(b, r, &at) {
				if !v.IsNull(i) && (!some || v.Int[i] > most) {
					most, some = v.Int[i], true
				}
			}
		}
		if some {
			if err := f(r, most); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowsOf is the rows of a run that count. The runs of a batch are asked for in their order: at is the place in b.Sel behind the run before.
func rowsOf(b *batch.Batch, r exec.SplitRun, at *int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if b.Sel == nil {
			for i := r.From; i < r.To && yield(i); i++ {
			}
			return
		}
		for ; *at < len(b.Sel) && int(b.Sel[*at]) < r.To; *at++ {
			if i := int(b.Sel[*at]); i >= r.From && !yield(i) {
				return
			}
		}
	}
}

// checkRowTime refuses rows without event time, but for deletions: a stream of upserts deletes by key alone, and such a row says nothing
// of time.
func (p *progress) checkRowTime(b *batch.Batch) error {
	if p.rowTime == nil {
		return nil
	}
	v, err := p.rowTime.Eval(b, b.Sel)
	if err != nil {
		return err
	}
	if v.Nulls == nil {
		return nil
	}
	for k := range b.Rows() {
		i := b.At(k)
		if v.IsNull(i) && b.Kind(i) != batch.Delete {
			return exec.Fatalf(
				fmt.Sprintf("a row-time column must not be NULL: give it a value in a computed column (COALESCE(%s, ...)) and declare the WATERMARK on that, or filter such records out before they reach this topic or file", p.column),
				fmt.Sprintf("read %s", p.locate(i)),
				fmt.Errorf("the row-time column %s of table %s is NULL", p.column, p.table))
		}
	}
	return nil
}

// wait passes d of waiting for input and marks the splits that have been silent for too long.
func (p *progress) wait(d time.Duration) {
	p.polled += d
	if p.timeout <= 0 {
		return
	}
	for i := range p.splits {
		s := &p.splits[i]
		if s.paused {
			s.active = p.polled // it would speak if it were let
		}
		if !s.done && !s.idle && p.polled-s.active >= p.timeout {
			s.idle = true
		}
	}
}

// combine is the watermark of the subtask: the least of its splits that are neither done nor idle.
// advance reports a new one; idle and active report that the subtask became so.
func (p *progress) combine() valveOutput {
	least, most, active := exec.MaxWatermark, exec.MinWatermark, 0
	for i := range p.splits {
		s := &p.splits[i]
		if s.done {
			continue
		}
		most = max(most, s.wm)
		if !s.idle {
			active++
			least = min(least, s.wm)
		}
	}
	var out valveOutput
	if active == 0 {
		least = most
		if !p.idle {
			p.idle, out.idle = true, true
		}
	} else if p.idle {
		p.idle, out.active = false, true
	}
	if p.expr != nil && least > p.current && p.due() {
		p.current, out.wm, out.advance = least, least, true
	}
	return out
}

// tally counts the splits that are being read, and the idle ones among them; slow is the one that holds the watermark back, -1 where there is
// none or no watermark.
func (p *progress) tally() (splits, idle, slow int) {
	slow = -1
	for i := range p.splits {
		s := &p.splits[i]
		switch {
		case s.done:
			continue
		case s.idle:
			idle++
		case p.expr != nil && (slow < 0 || s.wm < p.splits[slow].wm):
			slow = i
		}
		splits++
	}
	return splits, idle, slow
}

// due reports whether a watermark may be put out now, and takes note of it.
func (p *progress) due() bool {
	if p.every == 0 || p.onEvent {
		return true
	}
	if p.every < 0 {
		return false
	}
	now := p.now()
	if now.Sub(p.put) < p.every {
		return false
	}
	p.put = now
	return true
}
