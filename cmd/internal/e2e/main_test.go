package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"weir/connectors/kafka/kafkatest"
)

// binary is weir, built with the kill points in it.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	// The jobs of a storm and those of several queries run beside one another however few processors there are; no other test is parallel.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "weir-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		defer kafkatest.Shutdown()
		binary = filepath.Join(dir, "weir")
		build := exec.Command("go", "build", "-tags", "weir_killpoints", "-o", binary, "weir/cmd/weir")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build weir: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}
