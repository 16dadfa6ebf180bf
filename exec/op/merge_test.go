package op_test

import (
	"fmt"
	"slices"
	"testing"

	"weir/exec"
	"weir/exec/op"
	"weir/exec/op/memstate"
	"weir/exec/op/optest"
	"weir/planner/config"
	"weir/planner/types"
	"weir/state"
)

// TestWindowOfManyKeysIsMergedInParts has windows of 1,000 keys in two slices, merged about 100 at a time.
func TestWindowOfManyKeysIsMergedInParts(t *testing.T) {
	plan, err := optest.ParsePlan(`
input k BIGINT, ts TIMESTAMP(3)
window hop k size=10s slide=5s time=ts props=end
agg COUNT(*) BIGINT
`)
	if err != nil {
		t.Fatal(err)
	}
	o, err := plan.Operator()
	if err != nil {
		t.Fatal(err)
	}
	op.MergeAtATime(o, 100)
	if err := o.Open(&exec.TaskContext{Config: config.New(), KeyGroups: state.KeyGroupRange{To: 128}}, memstate.NewScope(nil)); err != nil {
		t.Fatal(err)
	}
	var in []optest.Row
	var want []string
	for k := range int64(1000) {
		in = append(in,
			optest.Row{Vals: []types.Value{k, int64(1_000_000)}},
			optest.Row{Vals: []types.Value{k, int64(6_000_000)}},
		)
		want = append(want, fmt.Sprintf("+I[%d, 2, 10s]", k))
	}
	var got lines
	if err := o.Process(plan.Batch(in), &got); err != nil {
		t.Fatal(err)
	}
	for _, wm := range []exec.Watermark{4_999_000, 9_999_000} {
		got = nil
		if err := o.Watermark(wm, &got); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d rows, want %d: %v", len(got), len(want), got[:min(5, len(got))])
	}
}
