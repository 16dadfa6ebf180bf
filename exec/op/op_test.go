package op_test

import (
	"testing"

	"weir/exec/op/optest"

	"github.com/cockroachdb/datadriven"
)

// TestOperators runs the files of testdata under every mode of optest.
func TestOperators(t *testing.T) {
	datadriven.Walk(t, "testdata", optest.Run)
}
