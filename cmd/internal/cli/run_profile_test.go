package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each profile of a run that did something is one that Go's own tools can read.
func TestProfilesAreReadable(t *testing.T) {
	dir := t.TempDir()
	job := filepath.Join(dir, "job.sql")
	sql := `CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '200000');
CREATE TABLE nothing (n BIGINT, c BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nothing SELECT n, COUNT(*) FROM numbers GROUP BY n;
`
	if err := os.WriteFile(job, []byte(sql), 0o644); err != nil {
		t.Fatal(err)
	}
	profiles := filepath.Join(dir, "profiles")
	var out, errs strings.Builder
	if code := Main([]string{"run", job, "--profile", profiles}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	for _, c := range []struct {
		file, want string
		tool       []string
	}{
		{"cpu.pprof", "Type: cpu", []string{"pprof", "-top"}},
		{"heap.pprof", "Type: inuse_space", []string{"pprof", "-top"}},
		{"allocs.pprof", "Type: alloc_space", []string{"pprof", "-top"}},
		{"trace.out", "EventBatch", []string{"trace", "-d=wire"}},
	} {
		got, err := exec.Command("go", append(append([]string{"tool"}, c.tool...), filepath.Join(profiles, c.file))...).CombinedOutput()
		if err != nil || !strings.Contains(string(got), c.want) {
			t.Errorf("go tool %s %s: %v\n%.500s", strings.Join(c.tool, " "), c.file, err, got)
		}
	}
	stacks, err := os.ReadFile(filepath.Join(profiles, "goroutines.txt"))
	if err != nil || !strings.Contains(string(stacks), "goroutine ") {
		t.Errorf("goroutines.txt: %v\n%.500s", err, stacks)
	}
}
