package agg

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"weir/state"
)

// The estimate of so many different values is within 3 % (nearly four standard errors) of their number.
func TestEstimateIsNearTheNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	regs := make([]byte, registers)
	n := 0
	for _, to := range []int{1000, 10_000, 50_000, 200_000, 1_000_000} {
		for ; n < to; n++ {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], r.Uint64())
			at, rank := register(state.Hash(b[:]))
			regs[at] = max(regs[at], rank)
		}
		if e := estimate(regs); math.Abs(float64(e)/float64(n)-1) > 0.03 {
			t.Errorf("%d values are estimated as %d", n, e)
		}
	}
}

// Registers made of hashes say the same as those that were raised one by one.
func TestRegistersOfHashes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var hashes []byte
	regs := make([]byte, registers)
	for range hashesMost {
		h := r.Uint64()
		at, found := findHash(hashes, h)
		if found {
			t.Fatalf("%x is there already", h)
		}
		hashes = append(hashes[:at], append(binary.BigEndian.AppendUint64(nil, h), hashes[at:]...)...)
		i, rank := register(h)
		regs[i] = max(regs[i], rank)
	}
	if got := toRegisters(hashes)[1:]; string(got) != string(regs) {
		t.Error("the registers differ")
	}
	if _, found := findHash(hashes, binary.BigEndian.Uint64(hashes[8*100:])); !found {
		t.Error("a hash is not found again")
	}
}
