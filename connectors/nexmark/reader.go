package nexmark

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"weir/exec"
	"weir/exec/batch"
)

func (n *source) Reader(ctx *exec.TaskContext) (exec.SourceReader, error) {
	o := n.options
	h := &house{
		seed: mix(o.Seed + golden), people: o.People, auctions: o.Auctions, bids: o.Bids,
		hotAuctions: o.HotAuctions, hotBidders: o.HotBidders, hotSellers: o.HotSellers, inFlight: o.InFlight, active: o.Active,
		personSize: o.PersonSize, auctionSize: o.AuctionSize, bidSize: o.BidSize,
		group: o.Group, delayed: uint64(o.DelayedShare * (1 << 63)), delay: o.Delay.Milliseconds(),
	}
	h.words = newLexicon(h.seed)
	return &reader{source: n, house: h, ctx: ctx, Waker: exec.NewWaker(), batch: batch.New(n.types, batch.TargetRows)}, nil
}

type reader struct {
	*source
	exec.Waker
	house  *house
	ctx    *exec.TaskContext
	splits []*split
	turn   int // the split that goes first at the next Poll
	batch  *batch.Batch
	out    exec.SourceBatch

	// The rows of the batch: the number of each one's event, and the events by kind with the rows that they are.
	numbers []int64
	rows    [bid + 1]struct {
		events []event
		at     []int32
	}
}

type split struct {
	id     string
	pos    position
	limit  int64 // events of this split, -1 without end
	paused bool
	// Pacing: at begin, what was to happen up to base, in milliseconds of event time, was due.
	begin time.Time
	base  int64
}

func (s *split) ended() bool { return s.limit >= 0 && s.pos.Next >= s.limit }

func (r *reader) AddSplits(splits []exec.Split) error {
	for _, s := range splits {
		p := &split{id: s.ID, limit: -1, begin: r.now()}
		if err := json.Unmarshal(s.State, &p.pos); err != nil || p.pos.Of < 1 || p.pos.Block < 1 {
			return exec.Fatalf("", "restore split "+s.ID+" of table "+r.table, fmt.Errorf("state not understood: %q", s.State))
		}
		// All splits of a table have the same origin.
		r.house.clock = newClock(p.pos.Origin, r.options.FirstRate, r.options.NextRate, r.options.Shape, r.options.Period)
		if p.base = p.pos.Origin; p.pos.Next > 0 {
			p.base = r.house.clock.at(p.pos.place())
		}
		if r.options.Events > 0 {
			p.limit = p.pos.share(r.options.Events)
		}
		r.splits = append(r.splits, p)
	}
	return nil
}

// tick is how long events are gathered before a batch is put out.
const tick = 10 * time.Millisecond

func (r *reader) Poll(ctx context.Context, wait time.Duration) (*exec.SourceBatch, error) {
	deadline := r.now().Add(wait)
	for {
		now := r.now()
		next, ended := r.gather(now)
		if len(r.numbers) > 0 {
			r.fill()
			r.out.Batch = r.batch
			return &r.out, nil
		}
		left := deadline.Sub(now)
		if ended || left <= 0 {
			return nil, nil
		}
		if next >= 0 && next < left {
			left = next
		}
		if woken, err := r.ctx.Metrics.Wait(ctx, left, r.Waker); woken || err != nil {
			return nil, err
		}
	}
}

// gather takes the events of the next batch. next is when there may be more, -1 for never; ended, that a split has come to its end.
func (r *reader) gather(now time.Time) (next time.Duration, ended bool) {
	r.out.Runs, r.numbers, next = r.out.Runs[:0], r.numbers[:0], -1
	for k := range r.rows {
		r.rows[k].events, r.rows[k].at = r.rows[k].events[:0], r.rows[k].at[:0]
	}
	for k := range r.splits {
		i := (r.turn + k) % len(r.splits)
		s := r.splits[i]
		if s.paused || s.ended() {
			continue
		}
		from := len(r.numbers)
		in := r.take(s, from+(batch.TargetRows-from)/(len(r.splits)-k), now)
		if len(r.numbers) > from {
			r.out.Runs = append(r.out.Runs, exec.SplitRun{Split: i, From: from, To: len(r.numbers)})
		}
		ended = ended || s.ended()
		if in >= 0 && (next < 0 || in < next) {
			next = in
		}
	}
	if len(r.splits) > 0 {
		r.turn = (r.turn + 1) % len(r.splits)
	}
	return next, ended
}

// take takes events of s that are due until the batch has so many rows, and says when more are due.
func (r *reader) take(s *split, rows int, now time.Time) time.Duration {
	due := s.base + now.Sub(s.begin).Milliseconds()
	for len(r.numbers) < rows && !s.ended() {
		place := s.pos.place()
		if r.options.Paced {
			if at := r.house.clock.at(place); at > due {
				return max(time.Duration(at-due)*time.Millisecond, tick)
			}
		}
		e := r.house.at(place)
		s.pos.Next++
		if k := r.house.kind(&e); r.kinds[k] {
			of := &r.rows[k]
			of.events, of.at = append(of.events, e), append(of.at, int32(len(r.numbers)))
			r.numbers = append(r.numbers, e.number)
		}
	}
	return 0
}

// fill makes the columns of the batch.
func (r *reader) fill() {
	r.batch.Reset()
	r.batch.N = len(r.numbers)
	for i := range r.columns {
		c := &r.columns[i]
		v, of := r.batch.Cols[c.vector], &r.rows[c.kind]
		v.Resize(r.batch.N)
		switch {
		case c.fill != nil:
			c.fill(r.house, of.events, of.at, v)
		case c.fields != nil:
			r.others(v, of.at)
			for j := range c.fields {
				f := &c.fields[j]
				child := v.Children[f.vector]
				r.others(child, of.at)
				f.fill(r.house, of.events, of.at, child)
			}
		default: // event_type
			for k := range r.rows {
				for _, at := range r.rows[k].at {
					v.Int[at] = int64(k)
				}
			}
		}
	}
}

// others makes all rows but some NULL.
func (r *reader) others(v *batch.Vector, but []int32) {
	if len(but) == r.batch.N {
		return
	}
	v.GrowNulls(r.batch.N)
	for i := range v.Nulls {
		v.Nulls[i] = ^uint64(0)
	}
	for _, at := range but {
		v.Nulls.Clear(int(at))
	}
}

func (r *reader) Positions() []exec.Split {
	out := make([]exec.Split, len(r.splits))
	for i, s := range r.splits {
		out[i] = s.pos.encode(s.id)
	}
	return out
}

func (r *reader) Done() []int {
	if r.options.KeepAlive {
		return nil
	}
	var out []int
	for i, s := range r.splits {
		if s.ended() {
			out = append(out, i)
		}
	}
	return out
}

// Pause leaves a split out of the next batches.
func (r *reader) Pause(split int, paused bool) error {
	r.splits[split].paused = paused
	return nil
}

// Locate says which event a row of the last batch is.
func (r *reader) Locate(row int) string {
	if row < 0 || row >= len(r.numbers) {
		return r.table
	}
	return fmt.Sprintf("%s event %d", r.table, r.numbers[row])
}

func (r *reader) Close() error { return nil }
