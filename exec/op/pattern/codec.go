package pattern

import (
	"encoding/binary"
	"errors"
)

// The stored form of a partition. It is part of the format of stored state: whoever changes it raises Format.
//
//	place of the first row, number of rows; for each: time, bytes (length first)
//	number of runs, number of matches that wait; for each: state, first row + 1; where that is not 0, rows, and stretches, the last one first,
//	until they have all of these: variable, rows
//
// All numbers are uvarints, times varints; rows are counted from the first one that is stored.

// Format is the version of the stored form.
const Format = 2

// Append appends the stored form of p.
func (p *Partition) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, p.base)
	dst = binary.AppendUvarint(dst, uint64(len(p.rows)))
	for i := range p.rows {
		r := &p.rows[i]
		dst = binary.AppendVarint(dst, r.Time)
		dst = binary.AppendUvarint(dst, uint64(len(r.Data)))
		dst = append(dst, r.Data...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.runs)))
	dst = binary.AppendUvarint(dst, uint64(len(p.done)))
	for _, h := range []heap{p.runs, p.done} {
		for i := range h {
			dst = h[i].append(dst, p.base)
		}
	}
	return dst
}

// append appends the stored form of r; base is the place of the first row that is stored.
func (r *Run) append(dst []byte, base uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.state))
	if r.first == notBegun {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, r.first-base+1)
	dst = binary.AppendUvarint(dst, r.end-r.first)
	to := r.end
	for x := r.last; x != nil; x = x.prev {
		dst = binary.AppendUvarint(dst, uint64(x.variable))
		dst = binary.AppendUvarint(dst, to-x.from)
		to = x.from
	}
	return dst
}

var errStored = errors.New("the stored rows of a pattern are damaged")

type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uint(limit uint64) uint64 {
	x, n := binary.Uvarint(r.rest)
	if n <= 0 || x > limit {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

// size is a count of things of at least one byte each.
func (r *reader) size() int { return int(r.uint(uint64(len(r.rest)))) }

func (r *reader) int() int64 {
	x, n := binary.Varint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

// Read is the partition of a stored form. It keeps nothing of data.
func (s *Search) Read(data []byte) (*Partition, error) {
	r := &reader{rest: append([]byte(nil), data...)}
	p := &Partition{base: r.uint(notBegun / 2)}
	p.rows = make([]Row, r.size())
	for i := range p.rows {
		time, n := r.int(), r.size()
		if r.bad || n > len(r.rest) {
			return nil, errStored
		}
		p.rows[i] = Row{time, r.rest[:n:n]}
		r.rest = r.rest[n:]
	}
	runs, done := r.size(), r.size()
	for i := range runs + done {
		run := s.readRun(p, r)
		if r.bad || run.first == notBegun && i >= runs {
			return nil, errStored
		}
		if i < runs {
			p.runs.offer(run)
		} else {
			p.done.offer(run)
		}
	}
	if r.bad || len(r.rest) > 0 {
		return nil, errStored
	}
	return p, nil
}

// readRun reads a run of rows of p. Where r is bad afterwards it is none.
func (s *Search) readRun(p *Partition, r *reader) Run {
	run := Run{state: int32(r.uint(uint64(len(s.Machine.states) - 1))), first: notBegun}
	first := r.uint(uint64(len(p.rows)))
	if first == 0 {
		return run
	}
	run.first = p.base + first - 1
	run.start = p.rows[first-1].Time
	left := r.uint(uint64(len(p.rows)) - first + 1)
	run.end = run.first + left
	at := &run.last
	r.bad = r.bad || left == 0
	for before := uint64(len(s.Names)); left > 0 && !r.bad; {
		variable, n := r.uint(before), r.uint(left)
		if variable >= before || n == 0 {
			r.bad = true
			break
		}
		before, left = variable, left-n // variables follow one another in the pattern's order
		*at = &stretch{variable: int(variable), from: run.first + left}
		at = &(*at).prev
	}
	return run
}
