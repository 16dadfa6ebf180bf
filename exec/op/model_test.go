package op_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op/memstate"
	"weir/exec/op/optest"
	"weir/planner/config"
	"weir/planner/types"
	"weir/state"
)

// modelRow is a row of the random changelog: a key and a value, which may be NULL.
type modelRow struct {
	key  string
	val  int64
	null bool
}

// modelResult computes the aggregates of the rows of one key from nothing.
func modelResult(rows []modelRow) string {
	var vals []int64
	for _, r := range rows {
		if !r.null {
			vals = append(vals, r.val)
		}
	}
	text := func(x int64) string { return fmt.Sprintf("v%05d", x) }
	if len(vals) == 0 {
		return fmt.Sprintf("%d, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL", len(rows))
	}
	sum := int64(0)
	for _, v := range vals {
		sum += v
	}
	distinct := slices.Clone(vals)
	slices.Sort(distinct)
	place := 0.75 * float64(len(vals)-1)
	below := distinct[int(place)]
	above := distinct[min(int(place)+1, len(vals)-1)]
	percentile := float64(below) + (place-math.Floor(place))*float64(above-below) // exact: quarters
	distinct = slices.Compact(distinct)
	return fmt.Sprintf("%d, %d, %d, %d, %d, %s, %d, %d, %d, %s, %v", len(rows), len(vals), sum,
		slices.Min(vals), slices.Max(vals), text(slices.Min(vals)), len(distinct), vals[0], vals[len(vals)-1], text(slices.Max(vals)), percentile)
}

const modelPlan = `
input k STRING, v BIGINT, s STRING, d DOUBLE, p DOUBLE
changelog retract
group k before
agg COUNT(*) BIGINT
agg COUNT(v) BIGINT
agg SUM(v) BIGINT
agg MIN(v) BIGINT
agg MAX(v) BIGINT
agg MIN(s) STRING
agg COUNT(DISTINCT v) BIGINT
agg FIRST_VALUE(v) BIGINT
agg LAST_VALUE(v) BIGINT
agg MAX(s) STRING
agg PERCENTILE(d,p) DOUBLE
`

// lines is an Emitter that writes rows as text.
type lines []string

func (l *lines) Emit(b *batch.Batch) error {
	for k := range b.Rows() {
		i := b.At(k)
		var vals []string
		for _, v := range b.Cols {
			vals = append(vals, optest.Format(v, i))
		}
		*l = append(*l, b.Kind(i).String()+"["+strings.Join(vals, ", ")+"]")
	}
	return nil
}

// TestGroupAggregateAgreesWithItsModelOnRandomChangelogs compares every change with aggregates computed from
// nothing; small and large groups, batches of any size, restored in between.
func TestGroupAggregateAgreesWithItsModelOnRandomChangelogs(t *testing.T) {
	for _, c := range []struct {
		name               string
		keys, values, rows int
		retract            float64
		restore            bool
	}{
		{"small", 5, 6, 3000, 0.48, true},
		{"large", 1, 2000, 9000, 0.3, false},
		{"shrinking", 2, 100000, 4000, 0.5, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			rnd := rand.New(rand.NewPCG(seed, 1))
			plan, err := optest.ParsePlan(modelPlan)
			if err != nil {
				t.Fatal(err)
			}
			scope := memstate.NewScope(time.Now)
			open := func() exec.Operator {
				o, err := plan.Operator()
				if err != nil {
					t.Fatal(err)
				}
				if err := o.Open(&exec.TaskContext{Config: config.New(), KeyGroups: state.KeyGroupRange{To: 128}}, scope); err != nil {
					t.Fatal(err)
				}
				return o
			}
			o := open()
			groups := map[string][]modelRow{}
			shrink := false
			for at := 0; at < c.rows; {
				var in []optest.Row
				var want, got lines
				for n := 1 + rnd.IntN(40); n > 0; n-- {
					at++
					key := fmt.Sprint("k", rnd.IntN(c.keys))
					old := groups[key]
					p := c.retract
					if shrink = at > c.rows*2/3; shrink {
						p = 0.9
					}
					r := modelRow{key, int64(rnd.IntN(c.values)), rnd.IntN(10) == 0}
					kind := batch.Insert
					if len(old) > 0 && rnd.Float64() < p {
						i := rnd.IntN(len(old))
						kind, r = batch.Delete, old[i]
						// The first equal row is the one that goes.
						i = slices.Index(old, r)
						groups[key] = slices.Delete(slices.Clone(old), i, i+1)
					} else {
						groups[key] = append(slices.Clone(old), r)
					}
					row := optest.Row{Kind: kind, Vals: []types.Value{r.key, nil, nil, nil, 0.75}}
					if !r.null {
						row.Vals = []types.Value{r.key, r.val, fmt.Sprintf("v%05d", r.val), float64(r.val), 0.75}
					}
					in = append(in, row)
					want.change(key, old, groups[key])
				}
				if err := o.Process(plan.Batch(in), &got); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("after %d rows:\ngot\n%s\nwant\n%s", at, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				if c.restore {
					if scope, err = scope.Copy(128, func(int) bool { return true }); err != nil {
						t.Fatal(err)
					}
					o = open()
				}
			}
		})
	}
}

// change is what a group puts out when its rows change.
func (l *lines) change(key string, old, now []modelRow) {
	was, is := modelResult(old), modelResult(now)
	line := func(kind, result string) { *l = append(*l, kind+"["+key+", "+result+"]") }
	switch {
	case len(old) == 0:
		line("+I", is)
	case len(now) == 0:
		line("-D", was)
	case was != is:
		line("-U", was)
		line("+U", is)
	}
}
