// Package fuzz makes random cases of the conformance corpus: tables, rows with kinds of change and disorder, and queries put
// together of all operators.
//
// A case is a function of a sequence of numbers, its choices. A seed gives the sequence of a new case; a case that fails is made smaller
// by making its sequence smaller (Minimise): whatever the numbers are, there is a case for them, and at each
// choice 0 is the simplest one. So the generator needs no second description of what may be left out.
//
// What a query puts out must not depend on what is not defined, such as the order in which rows of several keys come: a relation knows
// whether the order of its rows is (rel.ordered), and operators that would show it are only put above those.
package fuzz

import "math/rand/v2"

// Choices is a sequence of choices: made by a generator of random numbers, or given.
type Choices struct {
	rng  *rand.Rand // nil: given
	Made []uint32
	at   int
}

// FromSeed makes new choices.
func FromSeed(seed uint64) *Choices {
	return &Choices{rng: rand.New(rand.NewPCG(seed, 0x5eed))}
}

// Given are choices as they are; behind the last one all are 0.
func Given(made []uint32) *Choices { return &Choices{Made: made} }

// n chooses one of the numbers 0 to k-1.
func (c *Choices) n(k int) int {
	var v uint32
	switch {
	case c.rng != nil:
		v = uint32(c.rng.IntN(k))
		c.Made = append(c.Made, v)
	case c.at < len(c.Made):
		v = c.Made[c.at]
		c.at++
	}
	return int(v) % k
}

// chance is true in so many of 100 cases.
func (c *Choices) chance(percent int) bool { return c.n(100) >= 100-percent }

func pick[T any](c *Choices, from []T) T { return from[c.n(len(from))] }

// weighted chooses one of the entries by their weights. The first one with a weight is the simplest.
func weighted[T any](c *Choices, from []choice[T]) T {
	sum := 0
	for _, f := range from {
		sum += f.weight
	}
	at := c.n(sum)
	for _, f := range from {
		if at -= f.weight; at < 0 {
			return f.of
		}
	}
	return from[0].of
}

type choice[T any] struct {
	weight int
	of     T
}
