package jdbc

import (
	"math"
	"strings"
	"testing"

	"weir/exec/batch"
	texts "weir/exec/expr/text"
	"weir/planner/types"
)

// The ranges of a column, which may be as wide as numbers go, touch one another and leave nothing out.
func TestRangesCoverAllBetweenTheirEnds(t *testing.T) {
	for _, c := range []struct {
		lo, hi int64
		parts  int
		want   int
	}{{1, 10, 3, 3}, {1, 10, 4, 4}, {5, 5, 4, 1}, {0, 3, 8, 4}, {2, 1, 2, 0}, {math.MinInt64, math.MaxInt64, 4, 4}, {math.MaxInt64 - 3, math.MaxInt64, 2, 2}} {
		got := ranges(c.lo, c.hi, c.parts)
		if len(got) != c.want {
			t.Fatalf("%+v: %d ranges: %v", c, len(got), got)
		}
		for i, r := range got {
			if i == 0 && r[0] != c.lo || i > 0 && r[0] != got[i-1][1]+1 || r[0] > r[1] || i == len(got)-1 && r[1] != c.hi {
				t.Fatalf("%+v: %v", c, got)
			}
		}
	}
}

// What MySQL gives for a BIGINT UNSIGNED keeps its digits in each kind of column.
func TestUnsignedNumbersKeepTheirDigits(t *testing.T) {
	for _, c := range []struct {
		t    types.Type
		x    uint64
		want string // empty: it does not fit
	}{
		{types.TBigInt, 1<<53 + 1, "9007199254740993"}, {types.TBigInt, 1 << 63, ""}, {types.TInt, 1 << 40, ""},
		{types.MakeDecimal(20, 0), math.MaxUint64, "18446744073709551615"}, {types.TBoolean, 1, "true"}, {types.TDouble, 3, "3.0"},
	} {
		v := batch.NewVector(c.t, 1)
		err := appendValue(v, c.x)
		if (err == nil) != (c.want != "") {
			t.Fatalf("%d as %s: %v", c.x, c.t, err)
		}
		if err == nil {
			if got := strings.ToLower(string(texts.AppendValue(nil, v, 0, nil))); got != c.want {
				t.Fatalf("%d as %s is %s, not %s", c.x, c.t, got, c.want)
			}
		}
	}
}
