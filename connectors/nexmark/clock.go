package nexmark

import "math"

// clock says when, in event time, an event happens. The rate is constant, or goes through steps that come again every period.
type clock struct {
	base   int64 // of event 0, milliseconds since 1970
	steps  []step
	events int64 // of a period
	period int64 // milliseconds
}

// step is a time of constant rate.
type step struct {
	delay  float64 // microseconds between two events
	events int64
	length int64 // milliseconds
}

// The shapes of a rate that changes.
const (
	shapeSquare = "SQUARE" // the first rate and the next one, half of the period each
	shapeSine   = "SINE"   // ten steps from the first rate to the next one and back
)

// newClock is the clock of a rate, in events a second, that goes from first to next and back within a period of so many seconds.
func newClock(base int64, first, next float64, shape string, period int64) clock {
	c := clock{base: base}
	rates := []float64{first}
	switch {
	case first == next:
	case shape == shapeSine:
		const n = 10
		rates = rates[:0]
		for i := range n {
			// The cosine is the same on every machine to the digits that are left after rounding.
			r := (first+next)/2 + (first-next)/2*math.Round(math.Cos(2*math.Pi*float64(i)/n)*1e9)/1e9
			rates = append(rates, math.Max(math.Round(r), 1))
		}
	default:
		rates = append(rates, next)
	}
	length := (period + int64(len(rates)) - 1) / int64(len(rates)) // seconds
	for _, r := range rates {
		s := step{delay: 1e6 / r}
		s.events = max(int64(float64(length)*r), 1)
		s.length = int64(float64(s.events)*s.delay) / 1000
		c.steps = append(c.steps, s)
		c.events += s.events
		c.period += s.length
	}
	return c
}

// at is the time of event number n in milliseconds since 1970. It never falls.
func (c *clock) at(n int64) int64 {
	if len(c.steps) == 1 {
		return c.base + int64(float64(n)*c.steps[0].delay)/1000
	}
	t := c.base + n/c.events*c.period
	n %= c.events
	for i := range c.steps {
		s := &c.steps[i]
		if n < s.events {
			return t + int64(float64(n)*s.delay)/1000
		}
		n -= s.events
		t += s.length
	}
	return t
}
