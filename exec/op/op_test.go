package op_test

import (
	"testing"

	"weir/exec/op/agg"
	"weir/exec/op/optest"
	"weir/planner/fn"

	"github.com/cockroachdb/datadriven"
)

// TestOperators runs the files of testdata under every mode of optest.
func TestOperators(t *testing.T) {
	datadriven.Walk(t, "testdata/operators", optest.Run)
}

// TestEveryAggregateThatIsDeclaredHasAnAccumulator holds package fn and package agg together.
func TestEveryAggregateThatIsDeclaredHasAnAccumulator(t *testing.T) {
	n := 0
	for name, f := range fn.Builtins() {
		if f.Kind == fn.Aggregate {
			n++
			if !agg.Supported(name) {
				t.Errorf("%s is declared in planner/fn and has no accumulator", name)
			}
		}
	}
	if n == 0 {
		t.Error("planner/fn declares no aggregates")
	}
}
