package fn_test

import (
	"os"
	"strings"
	"testing"

	"weir/planner/fn"
	"weir/planner/types"
)

// TestPairsOfTypesGoTogetherAsInFlink reads, for each pair of types, whether Flink inserts the first into a column of the second, and what
// it makes of both in UNION ALL, CASE and COALESCE; behind a slash is what weir means to do otherwise.
func TestPairsOfTypesGoTogetherAsInFlink(t *testing.T) {
	data, err := os.ReadFile("flink/pairs.txt")
	if err != nil {
		t.Fatal(err)
	}
	builtins := fn.Builtins()
	for _, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		a, b := typeOf(t, f[0]), typeOf(t, f[1])
		_, implicit := fn.CanCast(a, b)
		got := []string{map[bool]string{true: "yes", false: "no"}[implicit]}
		common := func(c types.Type, err error) {
			if err != nil {
				got = append(got, "no")
			} else {
				got = append(got, c.String())
			}
		}
		common(fn.CommonType(a, b))
		c, _, err := builtins["CASE"].Resolve([]fn.Arg{{Type: types.TBoolean}, {Type: a}, {Type: b}})
		common(c, err)
		c, _, err = builtins["COALESCE"].Resolve([]fn.Arg{{Type: a}, {Type: b}})
		common(c, err)
		for i, what := range []string{"INSERT", "UNION ALL", "CASE", "COALESCE"} {
			want := f[2+i]
			if _, ours, differs := strings.Cut(want, "/"); differs {
				want = ours
			}
			if got[i] != want {
				t.Errorf("%s of %s and %s: %s, not %s", what, f[0], f[1], got[i], f[2+i])
			}
		}
	}
}
