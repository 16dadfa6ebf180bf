package agg

import (
	"math/rand/v2"
	"testing"

	"weir/planner/decimal"
	"weir/planner/types"
)

// TestDecimalSumsAndQuotientsAreThoseOfPackageDecimal compares the allocation-free operations with the planner's.
func TestDecimalSumsAndQuotientsAreThoseOfPackageDecimal(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		a := types.Dec{Hi: int64(rnd.Uint64()) >> (1 + rnd.IntN(63)), Lo: rnd.Uint64()}
		b := types.Dec{Hi: int64(rnd.Uint64()) >> (1 + rnd.IntN(63)), Lo: rnd.Uint64()}
		if got, ok := addDec(a, b); ok {
			if want, ok := decimal.Add(a, b); ok && got != want {
				t.Fatalf("%v + %v = %v, want %v", a, b, got, want)
			}
		}
		if fits38(a) != decimal.Fits(a, 38) {
			t.Fatalf("fits38(%v) is %v", a, fits38(a))
		}
		if !fits38(a) {
			continue
		}
		n, up := rnd.Uint64N(1<<40)+1, rnd.IntN(7)
		got, ok := divRound(a, up, n)
		want, wantOK := decimal.DivTo(a, 0, decimal.FromInt(int64(n)), 0, 38, up)
		if ok != wantOK || ok && got != want {
			t.Fatalf("%v * 10^%d / %d = %v %v, want %v %v", a, up, n, got, ok, want, wantOK)
		}
	}
}
