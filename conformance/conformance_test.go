package conformance

import (
	"context"
	"flag"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/conformance/flink"
	"weir/planner/physical"
)

var (
	all   = flag.Bool("all-modes", false, "run every case in every mode, not a share of the cases that changes day by day")
	share = flag.Int("share", time.Now().UTC().YearDay()%shares, "which share of the cases runs in every mode")
)

// shares is in how many days each case comes to run in every mode.
const shares = 6

// TestCorpus runs every case on weir: plain, where the changes are compared with Flink's, and in the quick modes; those
// of the day's share in the thorough ones, too.
func TestCorpus(t *testing.T) {
	for _, path := range files(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".test"), func(t *testing.T) {
			var cases []found
			readFile(t, path, func(_ *testing.T, c found) string {
				cases = append(cases, c)
				return c.expected
			})
			for _, c := range cases {
				t.Run(c.Title, func(t *testing.T) {
					t.Parallel()
					checkOnWeir(t, c)
				})
			}
		})
	}
}

func files(t *testing.T) []string {
	paths, err := filepath.Glob("testdata/*.test")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	return paths
}

func checkOnWeir(t *testing.T, c found) {
	want, err := parseOutcome(c.expected)
	if err != nil {
		t.Fatalf("%s: %v", c.pos, err)
	}
	if c.Differs != "" {
		own, err := parseOutcome(c.Weir)
		if err != nil {
			t.Fatalf("%s: weir: %v", c.pos, err)
		}
		if difference(want, own, AllChanges) == "" {
			t.Errorf("%s: it says that weir differs, and expects what Flink gives", c.pos)
		}
		want = own
	}
	job, refused, err := plan(c.Case)
	if err != nil {
		t.Fatalf("%s: %v", c.pos, err)
	}
	if job == nil {
		if c.Differs != "" && !strings.HasPrefix(refused, want.Refused) {
			want.Refused += "..." // its code is part of the case
			t.Errorf("%s: %s", c.pos, shown(want.String(), refused))
		} else if diff := difference(want, Outcome{Refused: refused}, AllChanges); diff != "" {
			t.Errorf("%s: %s", c.pos, diff)
		}
		return
	}
	if want.Refused != "" {
		t.Errorf("%s: weir runs what was to be refused: %s", c.pos, want.Refused)
		return
	}
	compare(t, c, job, want, plain, c.comparison())
	modes := quick
	if h := fnv.New32a(); *all || func() bool { h.Write([]byte(c.Title)); return int(h.Sum32()%shares) == *share }() {
		modes = append(modes[:len(modes):len(modes)], thorough...)
	}
	for _, m := range modes {
		compare(t, c, job, want, m, Remaining)
	}
}

func compare(t *testing.T, c found, job *physical.Job, want Outcome, m mode, how Comparison) {
	t.Helper()
	got, err := onWeir(t.Context(), c.Case, job, c.steps, m)
	if err != nil {
		t.Errorf("%s: %v", c.pos, err)
		return
	}
	if diff := difference(want, got, how); diff != "" {
		t.Errorf("%s: %s: %s", c.pos, m.name, diff)
	}
}

// startFlink starts Flink for a test, which is left out where WEIR_FLINK is not set.
func startFlink(t *testing.T) *flink.Runner {
	t.Helper()
	return startVersion(t, flink.Version)
}

func startVersion(t *testing.T, version string) *flink.Runner {
	t.Helper()
	if os.Getenv("WEIR_FLINK") == "" {
		t.Skip("NOT RUN: WEIR_FLINK is not set")
	}
	r, err := flink.StartVersion(context.WithoutCancel(t.Context()), version) // the test's own ends before what is cleaned up
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestFlink runs every case on Flink and compares what is written with what it puts out; with -rewrite it writes. It runs where WEIR_FLINK
// is set (make conformance).
func TestFlink(t *testing.T) {
	runners := map[string]*flink.Runner{flink.Version: startFlink(t)}
	for _, path := range files(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".test"), func(sub *testing.T) {
			readFile(sub, path, func(sub *testing.T, c found) string {
				r := runners[c.version]
				if r == nil {
					r = startVersion(t, c.version)
					runners[c.version] = r
				}
				got, err := onFlink(r, c.Case, c.steps)
				if err != nil {
					sub.Fatalf("%s: %v", c.pos, err)
				}
				how := c.comparison()
				// The order between keys changes from run to run: what is written stays if it is as good.
				if written, err := parseOutcome(c.expected); err == nil && c.expected != "" && difference(written, got, how) == "" {
					return c.expected
				}
				return got.String()
			})
		})
	}
}
