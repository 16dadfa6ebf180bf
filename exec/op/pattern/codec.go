package pattern

import (
	"encoding/binary"
	"errors"
)

// The stored form of a partition. It is part of the format of stored state: whoever changes it raises Format.
//
//	next row, number of rows; for each row: place, time, bytes (length first)
//	number of steps; for each, those before it first: row, variable, the step before it + 1
//	number of runs, number of matches that wait; for each: state, last step + 1, first row + 1
//
// All numbers are uvarints, times varints.

// Format is the version of the stored form.
const Format = 1

// Append appends the stored form of p.
func (p *Partition) Append(dst []byte) []byte {
	var rows []*Row
	var steps []*Step
	// Steps that are numbered in this call have their number in steps; what an earlier call left does not.
	known := func(x *Step) bool { return x.id < len(steps) && steps[x.id] == x }
	var stack []*Step
	for _, h := range []heap{p.runs, p.done} {
		for i := range h {
			for x := h[i].Last; x != nil && !known(x); x = x.Prev {
				stack = append(stack, x)
			}
			for len(stack) > 0 {
				x := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				x.id = len(steps)
				steps = append(steps, x)
				if r := x.Row; r.id >= len(rows) || rows[r.id] != r {
					r.id = len(rows)
					rows = append(rows, r)
				}
			}
		}
	}
	dst = binary.AppendUvarint(dst, p.next)
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	bySeq := make(map[uint64]int, len(rows))
	for i, r := range rows {
		bySeq[r.seq] = i
		dst = binary.AppendUvarint(dst, r.seq)
		dst = binary.AppendVarint(dst, r.Time)
		dst = binary.AppendUvarint(dst, uint64(len(r.Data)))
		dst = append(dst, r.Data...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(steps)))
	for _, x := range steps {
		dst = binary.AppendUvarint(dst, uint64(x.Row.id))
		dst = binary.AppendUvarint(dst, uint64(x.Variable))
		dst = binary.AppendUvarint(dst, stepNumber(x.Prev))
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.runs)))
	dst = binary.AppendUvarint(dst, uint64(len(p.done)))
	for _, h := range []heap{p.runs, p.done} {
		for i := range h {
			dst = binary.AppendUvarint(dst, uint64(h[i].state))
			dst = binary.AppendUvarint(dst, stepNumber(h[i].Last))
			first := 0
			if h[i].first != notBegun {
				first = bySeq[h[i].first] + 1
			}
			dst = binary.AppendUvarint(dst, uint64(first))
		}
	}
	return dst
}

func stepNumber(x *Step) uint64 {
	if x == nil {
		return 0
	}
	return uint64(x.id) + 1
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
	p := &Partition{next: r.uint(notBegun)}
	rows := make([]*Row, r.size())
	for i := range rows {
		x := &Row{seq: r.uint(notBegun), Time: r.int()}
		n := r.size()
		if r.bad || n > len(r.rest) {
			return nil, errStored
		}
		x.Data, r.rest = r.rest[:n:n], r.rest[n:]
		rows[i] = x
	}
	steps := make([]*Step, r.size())
	for i := range steps {
		row, variable, prev := r.uint(uint64(len(rows))), int(r.uint(uint64(len(s.Names)))), r.uint(uint64(i))
		if r.bad || row >= uint64(len(rows)) || variable >= len(s.Names) {
			return nil, errStored
		}
		var before *Step
		if prev > 0 {
			before = steps[prev-1]
		}
		steps[i] = newStep(rows[row], variable, before)
	}
	runs, done := r.size(), r.size()
	for i := range runs + done {
		state, last, first := r.uint(uint64(len(s.Machine.states)-1)), r.uint(uint64(len(steps))), r.uint(uint64(len(rows)))
		if r.bad || (last == 0) != (first == 0) || last == 0 && i >= runs {
			return nil, errStored
		}
		run := Run{state: int32(state), first: notBegun}
		if last > 0 {
			run.Last = steps[last-1]
		}
		if first > 0 {
			run.first, run.start = rows[first-1].seq, rows[first-1].Time
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
