package runtime

import (
	"sync/atomic"
	"time"

	"weir/exec"
	"weir/planner/physical"
)

// alignGroup is the source tables of an attempt with the same 'scan.watermark.alignment.group', by their subtasks: those that are
// furthest ahead wait for the others. Members are added before the tasks start.
type alignGroup struct{ members []*atomic.Int64 }

// least is the watermark of the group: the least that any of its members has reported. MaxWatermark: nobody is to be waited for.
func (g *alignGroup) least() exec.Watermark {
	least := exec.MaxWatermark
	for _, m := range g.members {
		least = min(least, exec.Watermark(m.Load()))
	}
	return least
}

// alignment is one subtask in its group. It belongs to the task's goroutine, but for where, which the others read.
type alignment struct {
	group *alignGroup
	where *atomic.Int64 // the watermark of the subtask's slowest split; MaxWatermark: it is not to be waited for
	drift exec.Watermark
	every time.Duration // between two times at which splits are let go on

	paused int       // splits
	next   time.Time // when splits may be let go on again
}

// join makes a further subtask of a table with these settings.
func (g *alignGroup) join(a *physical.Alignment) *alignment {
	m := &atomic.Int64{}
	m.Store(int64(exec.MaxWatermark))
	g.members = append(g.members, m)
	return &alignment{group: g, where: m, drift: exec.Watermark(a.MaxDrift.Microseconds()), every: max(a.Every, time.Millisecond)}
}

// leave lets the others go on without this subtask: it reads no more. a may be nil.
func (a *alignment) leave() {
	if a != nil {
		a.where.Store(int64(exec.MaxWatermark))
	}
}

// report tells the group how far the subtask is. A split that is done, idle, or has not had a row yet is not waited for: it may never
// have another one. a may be nil.
func (a *alignment) report(p *progress) {
	if a == nil {
		return
	}
	least := exec.MaxWatermark
	for i := range p.splits {
		if s := &p.splits[i]; !s.done && !s.idle && s.wm != exec.MinWatermark {
			least = min(least, s.wm)
		}
	}
	a.where.Store(int64(least))
}

// align pauses the splits that are further ahead of the group than the drift allows, and lets those go on that no longer are. A split is
// paused as soon as it is too far ahead; it is let go on once an interval at most, since a source that is paused may throw away what it has
// fetched.
func (a *alignment) align(p *progress, r exec.SourceReader, now time.Time) error {
	a.report(p)
	limit := exec.MaxWatermark
	if least := a.group.least(); least < exec.MaxWatermark-a.drift {
		limit = least + a.drift
	}
	release := !now.Before(a.next)
	a.paused = 0
	for i := range p.splits {
		s := &p.splits[i]
		ahead := !s.done && s.wm > limit
		switch {
		case ahead == s.paused:
		case s.paused && !release:
		default:
			if err := r.Pause(i, ahead); err != nil {
				return err
			}
			if s.paused = ahead; !ahead {
				a.next = now.Add(a.every)
			}
		}
		if s.paused {
			a.paused++
		}
	}
	return nil
}
