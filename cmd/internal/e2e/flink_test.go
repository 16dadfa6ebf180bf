package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weir/conformance/flink"
)

// flinkJars is the folder with Flink's jars; a test without Java and Maven is skipped.
func flinkJars(t *testing.T) string {
	t.Helper()
	lib, err := flink.Jars(t.Context())
	if errors.Is(err, flink.ErrUnavailable) && os.Getenv("WEIR_REQUIRE_KAFKA") == "" {
		t.Skipf("NOT RUN: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// Every example runs on Flink too: its planner accepts all of their statements as they stand.
func TestFlinkPlansEveryExample(t *testing.T) {
	lib := flinkJars(t)
	examples, err := filepath.Glob("../../../examples/*.sql")
	if err != nil || len(examples) < 5 {
		t.Fatalf("found %d examples: %v", len(examples), err)
	}
	args := append([]string{"-cp", filepath.Join(lib, "*"), "testdata/flink/Accept.java"}, examples...)
	out, err := exec.Command("java", args...).Output()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("Flink %s refuses an example: %v", flink.Version, err)
	}
	if n := strings.Count(string(out), "accepted "); n != len(examples) {
		t.Fatalf("Flink accepted %d of %d examples", n, len(examples))
	}
}
