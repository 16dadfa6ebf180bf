package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weir/conformance/flink"
)

// What Flink's users write, in the style of its documentation: every file of testdata/accepted passes weir check
// without an error, and Flink's planner takes it as it stands.
func TestWeirAndFlinkAcceptTheSameFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/accepted/*.sql")
	if err != nil || len(files) < 35 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".sql"), func(t *testing.T) {
			if out, err := exec.Command(binary, "check", f).CombinedOutput(); err != nil {
				t.Fatalf("weir check: %v\n%s", err, out)
			}
		})
	}
	args := append([]string{"-cp", filepath.Join(flinkJars(t), "*"), "testdata/flink/Accept.java"}, files...)
	out, err := exec.Command("java", args...).Output()
	if err != nil {
		t.Fatalf("Flink %s refuses a file: %v\n%s", flink.Version, err, out)
	}
	if n := strings.Count(string(out), "accepted "); n != len(files) {
		t.Fatalf("Flink accepted %d of %d files", n, len(files))
	}
}
