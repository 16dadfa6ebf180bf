package batch

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"weir/planner/types"
	"weir/state"
)

// Keys that came with a batch are those that would be made of its rows: of all of them, of a selection, and a second time.
func TestCarriedKeysAreThoseOfTheRows(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	ts := []types.Type{types.TBigInt, types.TString, types.TDouble}
	for _, cols := range [][]int{{0}, {1}, {2}, {1, 0}, {0, 1, 2}} {
		for _, nulls := range []bool{false, true} {
			in := New(ts, 0)
			for i := range 300 {
				null := nulls && r.IntN(4) == 0
				if null {
					in.Cols[0].AppendNull()
					in.Cols[2].AppendNull()
				} else {
					in.Cols[0].AppendInt(r.Int64())
					in.Cols[2].AppendFloat(r.NormFloat64())
				}
				in.Cols[1].AppendString("a key that is long"[:r.IntN(19)])
				in.N = i + 1
			}
			var keys state.Keys
			hashes := EncodeKeys(in, cols, &keys, nil)
			var at []int32
			for i := range int32(300) {
				if r.IntN(2) == 0 {
					at = append(at, i)
				}
			}
			sent := New(ts, 0)
			sent.AppendRows(in, at)
			sent.SetHashes(cols, hashes, at)
			plain := New(ts, 0)
			plain.AppendRows(in, at)

			same := func(what string, b, of *Batch, cols []int) {
				t.Helper()
				var got, want state.Keys
				gotHashes, wantHashes := EncodeKeys(b, cols, &got, nil), EncodeKeys(of, cols, &want, nil)
				if !slices.Equal(gotHashes, wantHashes) || !slices.Equal(got.Off, want.Off) || !bytes.Equal(got.Data, want.Data) {
					t.Errorf("keys %v, NULLs %t: %s are others", cols, nulls, what)
				}
			}
			some := []int32{1, 5, 6, 100}
			view, plainView := *sent, *plain
			view.Sel, plainView.Sel = some, some
			same("those of a selection", &view, &plainView, cols)
			same("those of other columns", sent, plain, []int{2})
			same("all", sent, plain, cols)
			if sent.keyed.n != 0 {
				t.Error("the keys are there after they were taken")
			}
			same("those that are made again", sent, plain, cols)
			sent.SetHashes(cols, hashes, at)
			sent.Reset()
			plain.Reset()
			sent.AppendRows(in, some)
			plain.AppendRows(in, some)
			same("those of the next rows", sent, plain, cols)
		}
	}
}

func TestHashOfAWordIsThatOfItsBytes(t *testing.T) {
	for i := range 1000 {
		w := rand.Uint64() >> (i % 64)
		v := NewVector(types.TBigInt, 1)
		v.AppendInt(int64(w))
		var keys state.Keys
		got := EncodeKeys(&Batch{N: 1, Cols: []*Vector{v}}, []int{0}, &keys, nil)[0]
		if want := state.Hash(keys.Data); got != want || state.HashWord(w) != want {
			t.Fatalf("the hash of %d is %x and %x, want %x", w, got, state.HashWord(w), want)
		}
	}
}
