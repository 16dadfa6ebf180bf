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
	seq  uint64 // place in the partition
	id   int    // while it is stored
}

// Step is a row that a run has taken, behind those before it.
type Step struct {
	Row      *Row
	Variable int
	Prev     *Step // nil for the first
	first    *Step // of the same variable
	n        int   // rows of the same variable before it
	depth    int   // rows before it
	id       int   // while it is stored
}

// Run is what may become a match.
type Run struct {
	state int32
	Last  *Step  // nil before the first row
	first uint64 // seq of the first row
	start int64  // its time
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

	// Memory of one call, given to the next one.
	runs, matches heap
	ways          []way
	stack         []int32
}

// Partition is the rows of one key. The zero value is none: use NewPartition.
type Partition struct {
	runs heap
	done heap // matches that wait for runs that began earlier
	next uint64
}

// Asker answers whether the row that is offered satisfies the condition of a variable, behind what the run has.
type Asker func(run *Run, variable int) (bool, error)

// Found is told a match, by its last step, and the time at which it was found.
type Found func(last *Step, time int64) error

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
	row := &Row{Time: time, seq: p.next}
	p.next++
	taken := false
	runs, matches := s.runs[:0], s.matches[:0]
	for i := range p.runs {
		run := &p.runs[i]
		edges, err := s.open(run, ask)
		if err != nil {
			return err
		}
		for _, e := range edges {
			taken = true
			step := newStep(row, s.Machine.states[e.from].variable, run.Last)
			next := Run{state: e.to, Last: step, first: run.first, start: run.start}
			if run.first == notBegun {
				next.first, next.start = row.seq, time
			}
			if e.to == final {
				matches.offer(next)
				continue
			}
			runs.offer(next)
			ends, err := s.ends(run, e.to, ask)
			if err != nil {
				return err
			}
			if ends {
				next.state = final
				matches.offer(next)
			}
		}
		if run.first == notBegun {
			runs.offer(*run)
		}
	}
	if taken {
		row.Data = slices.Clone(data)
	}
	for _, m := range matches {
		p.done.offer(m)
	}
	clear(p.runs)
	clear(matches)
	s.runs, s.matches, p.runs = p.runs, matches, runs
	return s.release(p, time, found)
}

func newStep(row *Row, variable int, prev *Step) *Step {
	x := &Step{Row: row, Variable: variable, Prev: prev}
	x.first = x
	if prev != nil {
		x.depth = prev.depth + 1
		if prev.Variable == variable {
			x.first, x.n = prev.first, prev.n+1
		}
	}
	return x
}

// way is an edge that takes the row.
type way struct{ from, to int32 }

// open is the ways on that take the row.
func (s *Search) open(run *Run, ask Asker) (out []way, err error) {
	out = s.ways[:0]
	stack := append(s.stack[:0], run.state)
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for i := range s.Machine.states[at].edges {
			e := &s.Machine.states[at].edges[i]
			ok, err := holds(run, e, ask)
			if err != nil {
				return nil, err
			}
			switch {
			case !ok:
			case e.take:
				out = append(out, way{at, e.to})
			default:
				stack = append(stack, e.to)
			}
		}
	}
	s.ways, s.stack = out, stack
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
		skipped := func(r *Run) bool { return r.first != notBegun && r.first < behind }
		p.runs.remove(skipped)
		p.done.remove(skipped)
		if err := found(m.Last, time); err != nil {
			return err
		}
	}
	return nil
}

// behind is the place of the first row at which another match may begin behind m.
func (s *Search) behind(m *Run) (uint64, error) {
	switch s.Skip {
	case PastLastRow:
		return m.Last.Row.seq + 1, nil
	case ToNextRow:
		return m.first + 1, nil
	}
	x := m.Last.LastOf(s.To)
	if x == nil {
		return 0, &SkipError{fmt.Sprintf("the match from %s has no row of %s, where the search is to go on", s.text(m), s.Names[s.To])}
	}
	if s.Skip == ToFirst {
		x = x.first
	}
	if x.Row.seq == m.first {
		return 0, &SkipError{fmt.Sprintf("the match from %s begins with the row of %s where the search is to go on: it would be found for ever", s.text(m), s.Names[s.To])}
	}
	return x.Row.seq, nil
}

// SkipError is a match behind which the search cannot go on where it is to.
type SkipError struct{ Why string }

func (e *SkipError) Error() string { return e.Why }

// text says which variables took how many rows.
func (s *Search) text(m *Run) string {
	n := make([]int, len(s.Names))
	for x := m.Last; x != nil; x = x.Prev {
		n[x.Variable]++
	}
	text := ""
	for v, k := range n {
		if k > 0 {
			text += fmt.Sprintf(" %s (%d)", s.Names[v], k)
		}
	}
	return fmt.Sprintf("row %d of its partition,%s,", m.first+1, text)
}

// LastOf is the last row of a variable, nil where it has none.
func (x *Step) LastOf(variable int) *Step {
	for ; x != nil && x.Variable > variable; x = x.first.Prev {
	}
	if x != nil && x.Variable == variable {
		return x
	}
	return nil
}

// CountOf is how many rows a variable has.
func (x *Step) CountOf(variable int) int {
	if l := x.LastOf(variable); l != nil {
		return l.n + 1
	}
	return 0
}

// Count is how many rows there are.
func (x *Step) Count() int {
	if x == nil {
		return 0
	}
	return x.depth + 1
}

// Nth is the row of a variable with n rows of it before it; nil where there is none.
func (x *Step) Nth(variable, n int) *Step {
	x = x.LastOf(variable)
	if x == nil || n > x.n {
		return nil
	}
	if n == 0 {
		return x.first
	}
	for x.n > n {
		x = x.Prev
	}
	return x
}

// At is the row with n rows before it; nil where there is none.
func (x *Step) At(n int) *Step {
	if x == nil || n > x.depth {
		return nil
	}
	if n == 0 {
		for x.first.Prev != nil {
			x = x.first.Prev
		}
		return x.first
	}
	for x.depth > n {
		x = x.Prev
	}
	return x
}
