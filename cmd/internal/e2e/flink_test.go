package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const flinkVersion = "2.2.0"

// flinkJars fetches Flink's planner by Maven into the cache folder, once, and returns it.
func flinkJars(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil || os.Getenv("WEIR_NO_JAVA") != "" {
			if os.Getenv("WEIR_REQUIRE_KAFKA") != "" {
				t.Fatalf("%s is not installed, and WEIR_REQUIRE_KAFKA is set", tool)
			}
			t.Skipf("NOT RUN: Flink's planner needs %s", tool)
		}
	}
	cache := os.Getenv("WEIR_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(dir, "weir")
	}
	lib := filepath.Join(cache, "flink-"+flinkVersion)
	if _, err := os.Stat(filepath.Join(lib, "complete")); err == nil {
		return lib
	}
	fetch := exec.Command("mvn", "-q", "-B", "-f", "testdata/flink/pom.xml", "dependency:copy-dependencies", "-DoutputDirectory="+lib)
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Fatalf("fetch Flink: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(lib, "complete"), nil, 0o644); err != nil {
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
		t.Fatalf("Flink %s refuses an example: %v", flinkVersion, err)
	}
	if n := strings.Count(string(out), "accepted "); n != len(examples) {
		t.Fatalf("Flink accepted %d of %d examples", n, len(examples))
	}
}
