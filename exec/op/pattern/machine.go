// Package pattern finds patterns in rows: the automaton behind MATCH_RECOGNIZE, with the results of Flink's.
//
// A pattern is variables one behind the other, each with a quantifier. It becomes a Machine, whose states wait for a row of one variable:
//
//	take      the row belongs to the state's variable; the next row is looked at in another state
//	proceed   the state may be left without a row
//
// A Partition is the rows of one key. It has runs: what may become a match, each in a state, with the rows that it has taken. Every row is
// offered to every run, which goes on in one or several ways, or ends: rows of a match follow each other without gaps. A run that reaches
// the final state is a match, which waits until no run that began earlier is left. What a match skips is
// taken out of the runs.
//
// A quantifier that takes as many rows as it can guards the ways out of its loop: they are open to rows only that its own condition is not
// true for. Since the rows of a run follow each other, and those of each variable too, it has places of the partition's rows, which all
// runs share: where it begins, where each variable does, and where it ends.
package pattern

import "slices"

// Variable is one variable of a pattern.
type Variable struct {
	Min, Max  int // rows; Max -1: without end
	Reluctant bool
}

// Machine is a compiled pattern. It is immutable.
type Machine struct {
	states []state
	start  int32
	// needs has for each state the variables whose conditions may be asked for a row that is offered to a run in it.
	needs [][]int
}

// final is the state that every machine has first.
const final = 0

type state struct {
	variable int
	edges    []edge
}

type edge struct {
	take   bool
	to     int32
	guards []guard // all must hold for the row
}

// guard is the condition of a variable, or its opposite.
type guard struct {
	variable int
	not      bool
}

// Compile makes the machine of variables, of which one at least takes a row.
func Compile(vars []Variable) *Machine {
	m := &Machine{states: make([]state, 1)}
	next := int32(final)
	for v := len(vars) - 1; v >= 0; v-- {
		next = m.variable(v, vars[v], next)
	}
	m.start = next
	for s := range m.states {
		m.needs = append(m.needs, m.asked(int32(s)))
	}
	return m
}

// variable makes the states of variable v in front of state next, and gives the first of them.
func (m *Machine) variable(v int, x Variable, next int32) int32 {
	optional := x.Min == 0
	from := max(x.Min, 1)
	into := next
	if x.Max < 0 {
		loop := m.add(v)
		m.proceed(loop, next)
		if !x.Reluctant {
			m.avoid(next, v)
		}
		m.take(loop, loop)
		into = loop
	} else {
		if !x.Reluctant && from != x.Max {
			m.avoid(next, v)
		}
		for range x.Max - from {
			into = m.one(v, into, next, true)
		}
	}
	for range from - 1 {
		into = m.one(v, into, next, false)
	}
	return m.one(v, into, next, optional)
}

// one is a state that takes a row and goes to into; optional: or to past without one.
func (m *Machine) one(v int, into, past int32, optional bool) int32 {
	s := m.add(v)
	m.take(s, into)
	if optional {
		m.proceed(s, past)
	}
	return s
}

func (m *Machine) add(v int) int32 {
	m.states = append(m.states, state{variable: v})
	return int32(len(m.states) - 1)
}

func (m *Machine) take(s, to int32) {
	x := &m.states[s]
	x.edges = append(x.edges, edge{take: true, to: to, guards: []guard{{variable: x.variable}}})
}

func (m *Machine) proceed(s, to int32) {
	m.states[s].edges = append(m.states[s].edges, edge{to: to})
}

// avoid closes the ways out of state s to rows that variable v would take.
func (m *Machine) avoid(s int32, v int) {
	for i := range m.states[s].edges {
		e := &m.states[s].edges[i]
		e.guards = append(slices.Clone(e.guards), guard{v, true})
	}
}

// asked is the variables that state s asks for, ascending: what it can reach without a row, and what leads to the final state behind one.
func (m *Machine) asked(s int32) []int {
	type place struct {
		state  int32
		behind bool // the row
	}
	var out []int
	seen := map[place]bool{}
	var visit func(at place)
	visit = func(at place) {
		if seen[at] {
			return
		}
		seen[at] = true
		for _, e := range m.states[at.state].edges {
			if e.take && at.behind {
				continue // it would need another row
			}
			for _, g := range e.guards {
				if i, ok := slices.BinarySearch(out, g.variable); !ok {
					out = slices.Insert(out, i, g.variable)
				}
			}
			visit(place{e.to, at.behind || e.take})
		}
	}
	visit(place{state: s})
	return out
}

// States is the number of states, for the description of what is stored.
func (m *Machine) States() int { return len(m.states) }
