package pattern

import (
	"fmt"
	"iter"
	"math"
	"slices"
)

// Row is a row that some run has taken.
type Row struct {
	Time int64
	Data []byte // the caller's encoding
}

// Run is what may become a match: rows of the partition, one behind the other, cut into stretches of one variable each. The rows themselves are
// the partition's, once for all runs.
type Run struct {
	state int32
	last  *stretch // nil before the first row
	first uint64   // place of the first row in the partition
	end   uint64   // the one behind the last row
	start int64    // time of the first row
}

// stretch is the rows of a variable, up to the next stretch or the run's end. Runs that began alike may share theirs.
type stretch struct {
	variable int
	from     uint64 // place of the first row
	prev     *stretch
}

// notBegun is the first of the run that every partition has, which takes a first row again and again.
const notBegun = math.MaxUint64

// Skip says where the search goes on behind a match.
type Skip uint8

// The kinds of Skip.
const (
	PastLastRow Skip = iota
	ToNextRow
	ToFirst
	ToLast
)

// Search is a pattern with what is not part of it. It belongs to one goroutine.
type Search struct {
	Machine *Machine
	Skip    Skip
	To      int      // variable of ToFirst and ToLast
	Names   []string // of the variables, for messages
	// Within: the last row of a match is less than so much later than its first; 0: it may be as late as it likes.
	Within int64

	// Alone says of each variable that its condition does not depend on what a run has, so that a row is asked for it once for all runs in one
	// state. nil: all of them may.
	Alone []bool

	// Memory of one call, given to the next one.
	runs, matches heap
	taking        []way
	stack         []int32
	states        []stateWays
}

// Partition is the rows of one key. The zero value is none: use NewPartition.
type Partition struct {
	runs heap
	done heap   // matches that wait for runs that began earlier
	rows []Row  // from the first one on that a run or such a match has
	base uint64 // place of the first of rows
}

// Asker answers whether the row that is offered satisfies the condition of a variable, behind what the run has.
type Asker func(run *Run, variable int) (bool, error)

// Found is told a match, and the time at which it was found. The match, and its rows, are the partition's, until the call ends.
type Found func(match *Run, time int64) error

// NewPartition is a partition without rows.
func (s *Search) NewPartition() *Partition {
	p := &Partition{}
	p.runs.offer(Run{state: s.Machine.start, first: notBegun})
	return p
}

// Empty reports that nothing of the rows so far matters.
func (p *Partition) Empty() bool { return len(p.runs) <= 1 && len(p.done) == 0 }

// Begun is the time of the first row of the run that began first; ok is false where none has begun.
func (p *Partition) Begun() (start int64, ok bool) {
	if len(p.runs) <= 1 {
		return 0, false
	}
	return p.runs[0].start, true // the time of rows ascends
}

// Due is the time at which the run that began first is over; ok is false where none is.
func (s *Search) Due(p *Partition) (due int64, ok bool) {
	start, ok := p.Begun()
	return start + s.Within, ok && s.Within > 0
}

// Runs are the runs that the next row is going to be offered to, each with the variables whose conditions may be asked for it. The runs are
// the partition's own, until the next call with it.
func (s *Search) Runs(p *Partition) iter.Seq2[*Run, []int] {
	return func(yield func(*Run, []int) bool) {
		for i := range p.runs {
			if !yield(&p.runs[i], s.Machine.needs[p.runs[i].state]) {
				return
			}
		}
	}
}

// Advance drops the runs that are over at a time, one start after the other, and the matches that waited for them only are found.
func (s *Search) Advance(p *Partition, time int64, found Found) error {
	defer p.trim()
	for {
		due, ok := s.Due(p)
		if !ok || time < due {
			return nil
		}
		if len(p.done) == 0 { // nothing waits
			p.runs = rebuilt(p.runs, func(r *Run) bool { return r.first != notBegun && time-r.start >= s.Within })
			return nil
		}
		over := p.runs[0].start
		p.runs = rebuilt(p.runs, func(r *Run) bool { return r.first != notBegun && r.start == over })
		if err := s.release(p, due, found); err != nil {
			return err
		}
	}
}

// rebuilt is h without the runs that are over.
func rebuilt(h heap, over func(r *Run) bool) heap {
	var out heap
	for i := range h {
		if !over(&h[i]) {
			out.offer(h[i])
		}
	}
	return out
}

// Offer offers a row to all runs. Data is kept where a run takes it.
func (s *Search) Offer(p *Partition, time int64, data []byte, ask Asker, found Found) error {
	place := p.next()
	runs, matches := s.runs[:0], s.matches[:0]
	s.forgetStates()
	taken := false
	for i := range p.runs {
		run := &p.runs[i]
		ways, err := s.ways(run, ask)
		if err != nil {
			return err
		}
		for _, w := range ways {
			taken = true
			next := run.with(w.variable, place, time)
			next.state = w.to
			if w.to == final {
				matches.offer(next)
				continue
			}
			runs.offer(next)
			if w.ends {
				next.state = final
				matches.offer(next)
			}
		}
		if run.first == notBegun {
			runs.offer(*run)
		}
	}
	row := Row{Time: time}
	if taken {
		row.Data = slices.Clone(data)
	}
	p.rows = append(p.rows, row)
	for _, m := range matches {
		p.done.offer(m)
	}
	clear(p.runs)
	clear(matches)
	s.runs, s.matches, p.runs = p.runs, matches, runs
	defer p.trim()
	return s.release(p, time, found)
}

// with is r behind a row that a variable takes.
func (r *Run) with(variable int, place uint64, time int64) Run {
	next := *r
	next.end = place + 1
	if r.first == notBegun {
		next.first, next.start = place, time
	}
	if r.last == nil || r.last.variable != variable {
		next.last = &stretch{variable, place, r.last}
	}
	return next
}

// way is an edge that takes the row.
type way struct {
	variable int
	to       int32
	ends     bool // the final state can be reached behind it without another row
}

// stateWays is the ways on from a state whose conditions depend on the row alone, for the row that is offered.
type stateWays struct {
	known bool
	ways  []way
}

// ways is the ways on that take the row.
func (s *Search) ways(run *Run, ask Asker) ([]way, error) {
	if !s.alone(run.state) {
		var err error
		s.taking, err = s.open(s.taking[:0], run, ask)
		return s.taking, err
	}
	known := &s.states[run.state]
	if !known.known {
		ways, err := s.open(known.ways[:0], run, ask)
		if err != nil {
			return nil, err
		}
		*known = stateWays{true, ways}
	}
	return known.ways, nil
}

// forgetStates makes the ways of all states unknown, for another row.
func (s *Search) forgetStates() {
	if s.states == nil {
		s.states = make([]stateWays, len(s.Machine.states))
	}
	for i := range s.states {
		s.states[i].known = false
	}
}

// alone reports that what a row is asked for in a state does not depend on the run.
func (s *Search) alone(state int32) bool {
	if s.Alone == nil {
		return false
	}
	for _, v := range s.Machine.needs[state] {
		if !s.Alone[v] {
			return false
		}
	}
	return true
}

// open appends the ways on that take the row.
func (s *Search) open(out []way, run *Run, ask Asker) ([]way, error) {
	stack := append(s.stack[:0], run.state)
	for len(stack) > 0 {
		at := &s.Machine.states[stack[len(stack)-1]]
		stack = stack[:len(stack)-1]
		for i := range at.edges {
			e := &at.edges[i]
			ok, err := holds(run, e, ask)
			if err != nil {
				return nil, err
			}
			switch {
			case !ok:
			case e.take:
				out = append(out, way{variable: at.variable, to: e.to})
			default:
				stack = append(stack, e.to)
			}
		}
	}
	s.stack = stack
	for i := range out {
		if w := &out[i]; w.to != final {
			var err error
			if w.ends, err = s.ends(run, w.to, ask); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// ends reports that the final state can be reached from a state without a row.
func (s *Search) ends(run *Run, from int32, ask Asker) (bool, error) {
	stack := append(s.stack[:0], from)
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for i := range s.Machine.states[at].edges {
			e := &s.Machine.states[at].edges[i]
			if e.take {
				continue
			}
			ok, err := holds(run, e, ask)
			if err != nil {
				return false, err
			}
			if !ok {
				continue
			}
			if e.to == final {
				return true, nil
			}
			stack = append(stack, e.to)
		}
	}
	return false, nil
}

func holds(run *Run, e *edge, ask Asker) (bool, error) {
	for _, g := range e.guards {
		ok, err := ask(run, g.variable)
		if err != nil || ok == g.not {
			return false, err
		}
	}
	return true, nil
}

// release finds the matches that wait for no run any more, earliest first.
func (s *Search) release(p *Partition, time int64, found Found) error {
	for len(p.done) > 0 {
		if len(p.runs) > 0 && p.done[0].first > p.runs[0].first {
			return nil
		}
		m := p.done.poll()
		behind, err := s.behind(&m)
		if err != nil {
			return err
		}
		p.runs.removeBefore(behind)
		p.done.removeBefore(behind)
		if err := found(&m, time); err != nil {
			return err
		}
	}
	return nil
}

// behind is the place of the first row at which another match may begin behind m.
func (s *Search) behind(m *Run) (uint64, error) {
	switch s.Skip {
	case PastLastRow:
		return m.end, nil
	case ToNextRow:
		return m.first + 1, nil
	}
	from, to := m.RowsOf(s.To)
	if from == to {
		return 0, &SkipError{fmt.Sprintf("the match from %s has no row of %s, where the search is to go on", s.text(m), s.Names[s.To])}
	}
	place := from
	if s.Skip == ToLast {
		place = to - 1
	}
	if place == m.first {
		return 0, &SkipError{fmt.Sprintf("the match from %s begins with the row of %s where the search is to go on: it would be found for ever", s.text(m), s.Names[s.To])}
	}
	return place, nil
}

// SkipError is a match behind which the search cannot go on where it is to.
type SkipError struct{ Why string }

func (e *SkipError) Error() string { return e.Why }

// text says which variables took how many rows.
func (s *Search) text(m *Run) string {
	text := ""
	for v, name := range s.Names {
		if from, to := m.RowsOf(v); from < to {
			text += fmt.Sprintf(" %s (%d)", name, to-from)
		}
	}
	return fmt.Sprintf("row %d of its partition,%s,", m.first+1, text)
}

// Rows is the places in the partition of the rows that r has taken: from .. to-1.
func (r *Run) Rows() (from, to uint64) {
	if r.last == nil {
		return 0, 0
	}
	return r.first, r.end
}

// RowsOf is the places of the rows that a variable has; from and to are the same where it has none.
func (r *Run) RowsOf(variable int) (from, to uint64) {
	to = r.end
	x := r.last
	for ; x != nil && x.variable > variable; x = x.prev {
		to = x.from
	}
	if x == nil || x.variable != variable {
		return to, to
	}
	return x.from, to
}

// Row is the row at a place that a run of the partition has.
func (p *Partition) Row(place uint64) *Row { return &p.rows[place-p.base] }

// next is the place of the row that comes next.
func (p *Partition) next() uint64 { return p.base + uint64(len(p.rows)) }

// trim forgets the rows that neither a run nor a match has that waits.
func (p *Partition) trim() {
	needed := p.next()
	for _, h := range []heap{p.runs, p.done} {
		if len(h) > 0 {
			needed = min(needed, h[0].first)
		}
	}
	n := needed - p.base
	clear(p.rows[:n])
	if p.base = needed; n == uint64(len(p.rows)) {
		p.rows = p.rows[:0]
	} else {
		p.rows = p.rows[n:]
	}
}
