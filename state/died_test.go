package state

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// What a process leaves in Badger's folder when it dies at a bad moment: a log that was made and has not grown, and a
// table that is half written and not yet in Badger's manifest.
func TestHalfMadeFilesOfBadgerAreNoDamage(t *testing.T) {
	for _, file := range []struct{ name, content string }{
		{"00999.mem", ""}, {"000999.vlog", ""}, {"000999.sst", ""}, {"000999.sst", "the beginning of a table\x00\x00\x00\x00"},
	} {
		t.Run(file.name, func(t *testing.T) {
			j := newJob(t, false)
			want := maps.Clone(j.live)
			j.must(j.store.Close())
			j.must(os.WriteFile(filepath.Join(j.dir, "data-1", file.name), []byte(file.content), 0o600))
			j.open()
			j.start(j.store.Manifest(), 2)
			j.check(want)
		})
	}
}

func TestFolderThatWasNeverFinishedIsMadeAnew(t *testing.T) {
	for _, file := range []string{"MANIFEST", "00001.mem", "000001.vlog", "KEYREGISTRY", "DISCARD"} {
		for _, content := range []string{"", "\x00\x00\x00"} {
			t.Run(file, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "state")
				if err := os.MkdirAll(filepath.Join(dir, "data-1"), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "data-1", file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				s, err := Open(dir, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}
