package program

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The kernel kills what a thread has started when that thread ends, whoever asked for it: the end of one program must not end
// the thread that started it, or it takes others with it.
func TestTheEndOfAProgramEndsNoThread(t *testing.T) {
	before := threads(t)
	log := filepath.Join(t.TempDir(), "log")
	for range 20 {
		p, err := Start(exec.Command("sleep", "60"), log)
		if err != nil {
			t.Fatal(err)
		}
		p.Kill()
	}
	after := threads(t)
	for id := range before {
		if !after[id] {
			t.Errorf("thread %s of %d is gone", id, len(before))
		}
	}
}

// threads are the numbers of this process's threads.
func threads(t *testing.T) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool, len(entries))
	for _, e := range entries {
		ids[e.Name()] = true
	}
	return ids
}
