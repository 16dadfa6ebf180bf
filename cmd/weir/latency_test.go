package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"weir/connectors/kafka/embedded"
)

// TestRowsAreOnTheScreenWhenTheyHaveCome: a SELECT over a topic shows each record before the next one is written: nothing waits
// for a batch to fill or for more input. How long it took is reported; it is asserted only that it happens at all.
func TestRowsAreOnTheScreenWhenTheyHaveCome(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"tableau", "changelog", "jsonl", "csv"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b, err := embedded.Start(embedded.Options{Addr: "127.0.0.1:0", Topics: []embedded.Topic{{Name: "words", Partitions: 1}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			dir := t.TempDir()
			definition := fmt.Sprintf(`CREATE TABLE words (word STRING) WITH ('connector' = 'kafka', 'topic' = 'words',
				'properties.bootstrap.servers' = '%s', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');`, b.Addr())
			if err := os.WriteFile(filepath.Join(dir, "words.sql"), []byte(definition), 0o644); err != nil {
				t.Fatal(err)
			}
			s, err := begin(weirCommand(t, dir, "sql", "-i", "words.sql", "--mode", mode))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.end)
			expect := func(pattern string) {
				t.Helper()
				if err := s.expect(regexp.MustCompile(pattern)); err != nil {
					t.Fatal(err)
				}
			}
			expect(`weir> $`)
			if _, err := s.f.WriteString("SELECT word FROM words;\r"); err != nil {
				t.Fatal(err)
			}
			// The first rows decide the widths of the columns, and tell that the query runs.
			write := func(word string) {
				t.Helper()
				if err := produce(b.Addr(), "words", `{"word":"`+word+`"}`+"\n"); err != nil {
					t.Fatal(err)
				}
			}
			write("first")
			expect(`first`)
			var took []time.Duration
			for i := range 50 {
				write(fmt.Sprintf("w%d.", i))
				written := time.Now()
				expect(fmt.Sprintf(`w%d\.`, i))
				took = append(took, time.Since(written))
			}
			slices.Sort(took)
			t.Logf("%s: from acknowledged to seen, of %d rows: median %s, worst %s", mode, len(took), took[len(took)/2], took[len(took)-1])
		})
	}
}

// weirCommand is weir, which the test binary is under that name, with files in dir.
func weirCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	weir := filepath.Join(dir, "weir")
	if err := os.Symlink(self, weir); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(weir, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME=", "TERM=xterm", "INPUTRC="+os.DevNull, "PAGER=cat", "TZ=UTC")
	return c
}
