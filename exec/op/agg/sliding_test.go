package agg_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/exec/op/memstate"
	"weir/planner/types"
	"weir/state"
)

// slidingCases are columns of values that make a frame keep much, little, or anything: beyond what one entry holds where they fall or rise.
var slidingCases = map[string]func(rnd *rand.Rand, i int) int64{
	"any":     func(rnd *rand.Rand, _ int) int64 { return rnd.Int64N(1_000_000) },
	"few":     func(rnd *rand.Rand, _ int) int64 { return rnd.Int64N(4) },
	"rising":  func(_ *rand.Rand, i int) int64 { return int64(i) },
	"falling": func(_ *rand.Rand, i int) int64 { return int64(-i) },
	"waves": func(rnd *rand.Rand, i int) int64 { // long ways up and down, with some that go far
		x := int64(i % 3000)
		if x > 1500 {
			x = 3000 - x
		}
		return x + rnd.Int64N(20)
	},
}

// A frame has the result that all of its values have, whatever comes and goes; in one entry and with blocks beside it.
func TestSlidingIsWhatTheFrameHas(t *testing.T) {
	const seed = 7
	for name, value := range slidingCases {
		for _, typ := range []types.Type{types.TBigInt, types.TString} {
			for _, table := range []string{"", "values0"} {
				for _, fn := range []string{"MIN", "MAX", "FIRST_VALUE", "LAST_VALUE"} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", name, typ, fn, table), func(t *testing.T) {
						slide(t, rand.New(rand.NewPCG(seed, 1)), fn, typ, table, value)
					})
				}
			}
		}
	}
}

// slide moves a frame of up to 3,000 rows over values of which some are NULL, and compares each result with that of the values themselves.
func slide(t *testing.T, rnd *rand.Rand, fn string, typ types.Type, table string, value func(*rand.Rand, int) int64) {
	set, err := agg.NewSet(0, []agg.Call{{Func: fn, Args: []int{0}, Types: []types.Type{typ}, Result: typ, Retract: true, InOrder: true, Table: table}})
	if err != nil {
		t.Fatal(err)
	}
	scope := memstate.NewScope(nil)
	if err := set.Open(scope, 0); err != nil {
		t.Fatal(err)
	}
	m := memstate.NewMap(set.Fixed)
	key := []byte("k")
	ref, _, err := m.Upsert(state.Hash(key), key)
	if err != nil {
		t.Fatal(err)
	}
	in, out := batch.New([]types.Type{typ}, 1), batch.New([]types.Type{typ}, 1)
	row := agg.Rows{In: in, Map: m, Pos: []int32{0}, Slots: [][]byte{m.Fixed(ref)}, Refs: []state.Ref{ref}}
	text := func(v *int64) string {
		switch {
		case v == nil:
			return "NULL"
		case typ == types.TBigInt:
			return fmt.Sprint(*v)
		}
		return fmt.Sprintf("%09d%s", *v+1_000_000, strings.Repeat("x", int(*v&31)))
	}
	change := func(v *int64, kind batch.ChangeKind) {
		in.Reset()
		switch {
		case v == nil:
			in.Cols[0].AppendNull()
		case typ == types.TBigInt:
			in.Cols[0].AppendInt(*v)
		default:
			in.Cols[0].AppendBytes([]byte(text(v)))
		}
		in.EndRow(kind)
		if err := set.Funcs[0].Update(&row); err != nil {
			t.Fatal(err)
		}
	}
	var frame []*int64
	most := 3000
	for i := range 6000 {
		if i%1000 == 0 {
			most = 1 + rnd.IntN(3000)
		}
		for len(frame) >= most {
			change(frame[0], batch.Delete)
			frame = frame[1:]
		}
		var v *int64
		if rnd.IntN(50) > 0 {
			x := value(rnd, i)
			v = &x
		}
		change(v, batch.Insert)
		if frame = append(frame, v); i%17 > 0 && i%1000 > 2 {
			continue
		}
		out.Reset()
		out.Cols[0].Resize(1)
		if err := set.Funcs[0].Values(&row, out.Cols[0], []int32{0}); err != nil {
			t.Fatal(err)
		}
		got := "NULL"
		switch {
		case out.Cols[0].IsNull(0):
		case typ == types.TBigInt:
			got = fmt.Sprint(out.Cols[0].Int[0])
		default:
			got = string(out.Cols[0].Bytes(0))
		}
		if want := text(resultOf(fn, frame)); got != want {
			t.Fatalf("row %d, a frame of %d rows: %s, not %s", i, len(frame), got, want)
		}
	}
	for _, v := range frame {
		change(v, batch.Delete)
	}
	if n := scope.Len(); n > 0 {
		t.Errorf("%d blocks are left of an empty frame", n)
	}
}

// resultOf is the result of a function over values.
func resultOf(fn string, frame []*int64) *int64 {
	there := slices.DeleteFunc(slices.Clone(frame), func(v *int64) bool { return v == nil })
	if len(there) == 0 {
		return nil
	}
	byValue := func(a, b *int64) int { return cmp.Compare(*a, *b) }
	switch fn {
	case "MIN":
		return slices.MinFunc(there, byValue)
	case "MAX":
		return slices.MaxFunc(there, byValue)
	case "FIRST_VALUE":
		return there[0]
	}
	return there[len(there)-1]
}
