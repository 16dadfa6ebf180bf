package optest

import (
	"context"
	"time"

	"weir/exec/op/memstate"
	"weir/state"
)

// backend is where the state of an operator under test is.
type backend interface {
	// scopes is the state of n subtasks: what the last snapshot holds.
	scopes(n int) ([]state.Scope, error)
	// snapshot takes a snapshot of the scopes given out last.
	snapshot() error
}

// memory keeps state in maps.
type memory struct {
	clock func() time.Time
	last  []*memstate.Scope
}

func (m *memory) scopes(n int) ([]state.Scope, error) {
	var out []state.Scope
	var next []*memstate.Scope
	for i := range n {
		r := state.RangeOf(i, Groups, n)
		s := memstate.NewScope(m.clock)
		for _, from := range m.last {
			if err := s.Add(from, Groups, func(g int) bool { return g >= r.From && g < r.To }); err != nil {
				return nil, err
			}
		}
		next, out = append(next, s), append(out, s)
	}
	m.last = next
	return out, nil
}

func (m *memory) snapshot() error { return nil }

// store keeps state in a state.Store; a snapshot is an epoch that is read back.
type store struct {
	s     *state.Store
	epoch state.Epoch
	last  []*state.OperatorScope
}

func newStore(dir string, clock func() time.Time) (*store, error) {
	s, err := state.Open(dir, state.Options{Job: "optest", Clock: clock, Memory: 8 << 20})
	if err != nil {
		return nil, err
	}
	return &store{s: s}, nil
}

func (b *store) scopes(n int) ([]state.Scope, error) {
	if err := b.s.Start(b.s.Manifest(), Groups); err != nil {
		return nil, err
	}
	b.last = nil
	var out []state.Scope
	for i := range n {
		s := b.s.Scope("op", state.RangeOf(i, Groups, n))
		b.last, out = append(b.last, s), append(out, s)
	}
	return out, nil
}

func (b *store) snapshot() error {
	var frozen []*state.Frozen
	for _, s := range b.last {
		f, err := s.Freeze(b.epoch)
		if err != nil {
			return err
		}
		frozen = append(frozen, f)
	}
	m := &state.Manifest{Job: "optest", Name: "optest", Epoch: b.epoch, Groups: Groups, Parallelism: len(b.last), Fingerprint: "optest"}
	if p := b.s.Manifest(); p != nil {
		m.Previous = p.Nonce
	}
	if err := b.s.Prepare(context.Background(), m, frozen, nil); err != nil {
		return err
	}
	b.epoch++
	return b.s.Commit(m.Epoch)
}
