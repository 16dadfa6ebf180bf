package pattern

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestFindsWhatTryingEverythingFinds looks for random patterns in random rows, beside a matcher that knows no states: it keeps every way in which
// the rows so far can be given to the variables. What is found must be one of the ways that are whole, the one that began first, at the same row;
// and what was stored and read again between two rows must go on the same.
func TestFindsWhatTryingEverythingFinds(t *testing.T) {
	const rounds = 5000
	matches, skips := 0, 0
	for seed := range uint64(rounds) {
		c := newCheck(seed)
		if err := c.run(); err != nil {
			t.Fatalf("seed %d: pattern (%s) skip %d to %d within %d: %v", seed, c.text(), c.search.Skip, c.search.To, c.search.Within, err)
		}
		matches += c.found
		if c.stuck {
			skips++
		}
	}
	if matches < rounds || skips < rounds/100 {
		t.Errorf("only %d matches, %d that cannot be skipped: the test tries too little", matches, skips)
	}
}

// check is one random pattern, and every way to give it rows.
type check struct {
	rnd    *rand.Rand
	seed   uint64
	vars   []Variable
	search *Search
	deep   bool // conditions depend on what came before
	times  []int64

	alive, whole []assignment
	found        int
	stuck        bool
}

// assignment gives rows from start on to variables.
type assignment struct {
	start int
	vars  []int
}

func (a assignment) with(v int) assignment {
	return assignment{a.start, append(slices.Clone(a.vars), v)}
}

// taken is how many rows the last variable has.
func (a assignment) taken() (v, n int) {
	v = a.vars[len(a.vars)-1]
	for i := len(a.vars) - 1; i >= 0 && a.vars[i] == v; i-- {
		n++
	}
	return v, n
}

func newCheck(seed uint64) *check {
	c := &check{rnd: rand.New(rand.NewPCG(seed, 7)), seed: seed, search: &Search{}}
	c.deep = c.rnd.IntN(2) == 0
	for {
		c.vars = c.vars[:0]
		for range 1 + c.rnd.IntN(4) {
			q := [][2]int{{1, 1}, {1, 1}, {0, 1}, {0, -1}, {1, -1}, {2, 2}, {2, 3}, {0, 2}, {2, -1}}[c.rnd.IntN(9)]
			v := Variable{Min: q[0], Max: q[1], Reluctant: c.rnd.IntN(2) == 0}
			if v.Min == v.Max || v.Min == 0 && v.Max == 1 {
				v.Reluctant = false
			}
			c.vars = append(c.vars, v)
		}
		if c.allowed() {
			break
		}
	}
	for v := range c.vars {
		c.search.Names = append(c.search.Names, string(rune('A'+v)))
	}
	c.search.Machine = Compile(c.vars)
	if !c.deep && c.rnd.IntN(2) == 0 {
		for range c.vars {
			c.search.Alone = append(c.search.Alone, true)
		}
	}
	c.search.Skip = Skip(c.rnd.IntN(4))
	c.search.To = c.rnd.IntN(len(c.vars))
	if c.rnd.IntN(3) == 0 {
		c.search.Within = 2 + c.rnd.Int64N(6)
	}
	at := int64(100)
	for range 12 {
		at += c.rnd.Int64N(3)
		c.times = append(c.times, at)
	}
	return c
}

// greedy: it takes as many rows as it can, and could take fewer.
func (v Variable) greedy() bool { return !v.Reluctant && v.Min != v.Max && (v.Min != 0 || v.Max != 1) }

// allowed reports a pattern that the planner lets through.
func (c *check) allowed() bool {
	some := false
	for i, v := range c.vars {
		some = some || v.Min > 0
		if i > 0 && c.vars[i-1].greedy() && v.Min == 0 && (v.Max < 0 || v.Max == 1) {
			return false
		}
	}
	return some && !c.vars[len(c.vars)-1].greedy()
}

func (c *check) text() string {
	var s []string
	for i, v := range c.vars {
		s = append(s, fmt.Sprintf("%c{%d,%d}%s", 'A'+i, v.Min, v.Max, map[bool]string{true: "?"}[v.Reluctant]))
	}
	return strings.Join(s, " ")
}

// holds is the condition of variable v for a row behind the rows of before.
func (c *check) holds(before []int, row, v int) bool {
	h := fnv.New64a()
	fmt.Fprint(h, c.seed, row, v)
	if c.deep {
		fmt.Fprint(h, before)
	}
	return h.Sum64()%8 < 5
}

// run offers the rows to both.
func (c *check) run() error {
	p := c.search.NewPartition()
	for row, time := range c.times {
		if c.rnd.IntN(3) == 0 {
			q, err := c.search.Read(p.Append(nil))
			if err != nil {
				return err
			}
			p = q
		}
		var got []found
		note := func(match *Run, time int64) error { got = append(got, c.see(p, match, time)); return nil }
		err := c.search.Advance(p, time, note)
		if err == nil {
			ask := func(run *Run, v int) (bool, error) {
				return c.holds(c.variables(run), row, v), nil
			}
			err = c.search.Offer(p, time, []byte{byte(row)}, ask, note)
		}
		if stop, bad := c.compare(row, time, got, err); stop || bad != nil {
			return bad
		}
	}
	return nil
}

// found is a match, and when it was found.
type found struct {
	assignment
	time int64
}

// variables is those of the rows that a run has.
func (c *check) variables(r *Run) (out []int) {
	for v := range c.vars {
		for from, to := r.RowsOf(v); from < to; from++ {
			out = append(out, v)
		}
	}
	return out
}

// see reads a match by all the ways in which its rows can be asked for.
func (c *check) see(p *Partition, match *Run, time int64) found {
	from, to := match.Rows()
	f := found{assignment{int(p.Row(from).Data[0]), c.variables(match)}, time}
	if n := int(to - from); n != len(f.vars) {
		panic(fmt.Sprintf("a match of %d rows has %d of its variables", n, len(f.vars)))
	}
	for i := range f.vars {
		if x := p.Row(from + uint64(i)); int(x.Data[0]) != f.start+i || x.Time != c.times[f.start+i] {
			panic(fmt.Sprintf("row %d of a match is row %d of the partition, and the first one is %d", i, x.Data[0], f.start))
		}
	}
	at := from
	for v := range c.vars {
		first, end := match.RowsOf(v)
		if first < end && first != at {
			panic(fmt.Sprintf("the rows of variable %d begin at %d, and those before it end at %d", v, first, at))
		}
		if first < end {
			at = end
		}
	}
	return f
}

// compare goes on by a row without states. stop: the search ended with an error that was expected.
func (c *check) compare(row int, time int64, got []found, err error) (stop bool, bad error) {
	if w := c.search.Within; w > 0 {
		for {
			over := slices.IndexFunc(c.alive, func(a assignment) bool { return c.times[a.start]+w <= time })
			if over < 0 {
				break
			}
			start := c.times[c.alive[over].start]
			for _, a := range c.alive {
				start = min(start, c.times[a.start])
			}
			c.alive = slices.DeleteFunc(c.alive, func(a assignment) bool { return c.times[a.start] == start })
			if stop, bad := c.release(&got, start+w, err); stop || bad != nil {
				return stop, bad
			}
		}
	}
	var next []assignment
	for _, a := range append(c.alive, assignment{start: row}) {
		next = append(next, c.step(a, row)...)
	}
	c.alive = next
	if stop, bad := c.release(&got, time, err); stop || bad != nil {
		return stop, bad
	}
	if len(got) > 0 {
		return false, fmt.Errorf("row %d: found %v, which is none", row, got[0])
	}
	return false, err
}

// step is the ways to go on with a row; whole ones are noted.
func (c *check) step(a assignment, row int) (out []assignment) {
	take := func(v int) {
		b := a.with(v)
		out = append(out, b)
		if _, n := b.taken(); n >= max(c.vars[v].Min, 1) && c.ends(a.vars, row, v+1) {
			c.whole = append(c.whole, b)
		}
	}
	from := 0
	if len(a.vars) > 0 {
		v, n := a.taken()
		x := c.vars[v]
		if (x.Max < 0 || n < x.Max) && c.holds(a.vars, row, v) {
			take(v)
		}
		if n < max(x.Min, 1) {
			return out
		}
		from = v + 1
	}
	for v := from; v < len(c.vars) && c.passes(a.vars, row, v); v++ {
		if c.holds(a.vars, row, v) {
			take(v)
		}
		if c.vars[v].Min > 0 {
			break
		}
	}
	return out
}

// passes: a row that a variable takes as many as it can of belongs to it, and to none that is reached behind it.
func (c *check) passes(before []int, row, v int) bool {
	return v == 0 || !c.vars[v-1].greedy() || !c.holds(before, row, v-1)
}

// ends reports that what follows from variable v on may have no rows.
func (c *check) ends(before []int, row, v int) bool {
	for ; v < len(c.vars); v++ {
		if c.vars[v].Min > 0 || !c.passes(before, row, v) {
			return false
		}
	}
	return true
}

// release takes the matches that wait for none that began earlier off got.
func (c *check) release(got *[]found, time int64, err error) (stop bool, bad error) {
	for len(c.whole) > 0 {
		first := slices.MinFunc(c.whole, func(a, b assignment) int { return a.start - b.start }).start
		if slices.ContainsFunc(c.alive, func(a assignment) bool { return a.start < first }) {
			return false, nil
		}
		if len(*got) == 0 {
			// It cannot be skipped, or it was not found.
			if skip := new(SkipError); errors.As(err, &skip) {
				for _, a := range c.whole {
					if _, ok := c.behind(a); a.start == first && !ok {
						c.stuck = true
						return true, nil
					}
				}
			}
			return false, fmt.Errorf("at %d: a match from row %d is not found (error: %w)", time, first, err)
		}
		g := (*got)[0]
		*got = (*got)[1:]
		if !slices.ContainsFunc(c.whole, func(a assignment) bool { return a.start == first && g.start == first && slices.Equal(a.vars, g.vars) }) {
			return false, fmt.Errorf("at %d: found %v, but possible are %v", time, g.assignment, c.whole)
		}
		if g.time != time {
			return false, fmt.Errorf("%v was found at %d, not at %d", g.assignment, g.time, time)
		}
		behind, ok := c.behind(g.assignment)
		if !ok {
			return false, fmt.Errorf("%v cannot be skipped and was", g.assignment)
		}
		skipped := func(a assignment) bool { return a.start < behind }
		c.alive, c.whole = slices.DeleteFunc(c.alive, skipped), slices.DeleteFunc(c.whole, skipped)
		c.found++
	}
	return false, nil
}

// behind is where the search goes on behind a match.
func (c *check) behind(a assignment) (row int, ok bool) {
	at := len(a.vars)
	switch c.search.Skip {
	case ToNextRow:
		at = 1
	case ToFirst:
		at = slices.Index(a.vars, c.search.To)
	case ToLast:
		at = len(a.vars) - 1
		for at >= 0 && a.vars[at] != c.search.To {
			at--
		}
	}
	return a.start + at, at > 0
}

// TestDamagedStateIsAnError reads what is none.
func TestDamagedStateIsAnError(t *testing.T) {
	s := &Search{Machine: Compile([]Variable{{Min: 1, Max: -1, Reluctant: true}, {Min: 1, Max: 1}}), Names: []string{"A", "B"}, Skip: ToNextRow}
	p := s.NewPartition()
	for i := range 5 {
		ask := func(_ *Run, v int) (bool, error) { return v == 0, nil }
		if err := s.Offer(p, int64(i), []byte("row"), ask, nil); err != nil {
			t.Fatal(err)
		}
	}
	whole := p.Append(nil)
	if q, err := s.Read(whole); err != nil || !slices.Equal(q.Append(nil), whole) {
		t.Fatalf("what was stored is read as something else: %v", err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for n := range whole {
		if _, err := s.Read(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are read without an error", n, len(whole))
		}
		for range 50 { // it must not panic; whether it is an error is up to the byte
			b := slices.Clone(whole)
			b[n] ^= byte(1 + rnd.IntN(255))
			if _, err := s.Read(b); err != nil && !errors.Is(err, errStored) {
				t.Errorf("byte %d: %v", n, err)
			}
		}
	}
}
