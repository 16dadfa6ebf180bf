package state

import (
	"bytes"
	"encoding/binary"
)

// The index of a hotMap: open addressing with linear probing. What a word is stands at the top of hot.go.

// reserve makes room for so many entries more.
func (m *hotMap) reserve(more int) {
	if need := m.held + more; need*10 > len(m.idx)*7 {
		m.rehash(need)
	}
}

func (m *hotMap) rehash(need int) {
	size := minSlots
	for need*10 > size*6 {
		size *= 2
	}
	m.t.account(int64(size-len(m.idx)) * 8)
	old := m.idx
	m.idx = make([]uint64, size)
	onLargePages(m.t, m.idx)
	m.mask = uint32(size - 1)
	for _, w := range old {
		if w != 0 {
			m.insertWord(w)
		}
	}
}

func (m *hotMap) insertIndex(h uint64, r Ref) { m.insertWord(h<<32 | uint64(uint32(r)+1)) }

func (m *hotMap) insertWord(w uint64) {
	s := uint32(w>>32) & m.mask
	for m.idx[s] != 0 {
		s = (s + 1) & m.mask
	}
	m.idx[s] = w
}

// removeIndex takes r out and closes the gap, so that no tombstones pile up.
func (m *hotMap) removeIndex(h uint64, r Ref) {
	s := uint32(h) & m.mask
	for uint32(m.idx[s]) != uint32(r)+1 {
		s = (s + 1) & m.mask
	}
	hole := s
	for {
		s = (s + 1) & m.mask
		w := m.idx[s]
		if w == 0 {
			break
		}
		home := uint32(w>>32) & m.mask
		// The word may move into the hole unless its home lies behind the hole.
		if (s-home)&m.mask >= (s-hole)&m.mask {
			m.idx[hole] = w
			hole = s
		}
	}
	m.idx[hole] = 0
	m.held--
}

// lookup finds the record of key, dead or alive, or NoRef.
func (m *hotMap) lookup(h uint64, key []byte) Ref {
	if len(m.idx) == 0 {
		return NoRef
	}
	tag := uint32(h)
	for s := uint32(h) & m.mask; ; s = (s + 1) & m.mask {
		w := m.idx[s]
		if w == 0 {
			return NoRef
		}
		if uint32(w>>32) == tag {
			if r := Ref(uint32(w) - 1); m.equal(r, h, key) {
				return r
			}
		}
	}
}

func (m *hotMap) equal(r Ref, h uint64, key []byte) bool {
	rec := m.rec(r)
	_ = rec[recFixed-1]
	n := int(binary.LittleEndian.Uint32(rec[recKeyLen:]))
	if n != len(key) || binary.LittleEndian.Uint64(rec) != h {
		return false
	}
	if n <= inlineKey {
		return string(rec[recKey:recKey+n]) == string(key)
	}
	off := int(binary.LittleEndian.Uint32(rec[recKey:]))
	return bytes.Equal(m.arenas[r/chunkRows].data[off:off+n], key)
}
