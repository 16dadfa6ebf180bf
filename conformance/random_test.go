package conformance

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/conformance/flink"
	"weir/conformance/fuzz"
	"weir/planner/physical"
)

var (
	seed     = flag.Uint64("seed", 1, "the seed of the first random case; the next one has the next")
	cases    = flag.Uint64("cases", 20, "how many random cases are made, where -for does not say for how long: so many whatever the machine's speed")
	budget   = flag.Duration("for", 0, "how long random cases are made")
	keepIn   = flag.String("finds", "", "the folder that reduced cases are written to; a temporary one if empty")
	patience = flag.Duration("patience", 2*time.Minute, "how long one find is reduced")
)

// perJVM is how many cases one Java process runs: the classes that Flink makes for each pile up.
const perJVM = 400

// TestRandom makes random cases, seed by seed, so many or until its time is over: each runs on weir in every mode and, where WEIR_FLINK is set, on
// Flink. What differs is reduced and written as a case of the corpus.
//
//	go test ./conformance -run TestRandom -for 10m -seed 1000
func TestRandom(t *testing.T) {
	f := &fuzzer{t: t, counts: map[string]int{}, dir: *keepIn}
	if f.dir == "" {
		f.dir = t.TempDir()
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer f.stop()
	log, err := os.Create(filepath.Join(f.dir, "refused.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	f.log = log
	began := time.Now()
	last := *seed
	more := func() bool {
		if t.Failed() && *keepIn == "" {
			return false
		}
		if *budget > 0 {
			return time.Since(began) < *budget
		}
		return last < *seed+*cases
	}
	for ; more(); last++ {
		f.one(last)
		if (last-*seed)%50 == 49 {
			t.Logf("%s: seeds %d to %d: %s", time.Since(began).Round(time.Second), *seed, last, f.summary())
			fmt.Fprintf(os.Stderr, "%s %s: seeds %d to %d: %s\n", time.Now().UTC().Format(time.DateTime), time.Since(began).Round(time.Second), *seed, last, f.summary())
		}
	}
	t.Logf("%s: seeds %d to %d: %s", time.Since(began).Round(time.Second), *seed, last-1, f.summary())
}

// fuzzer is a run.
type fuzzer struct {
	t      *testing.T
	dir    string
	jvm    *flink.Runner
	ran    int // cases of jvm
	counts map[string]int
	log    *os.File // of what is refused
}

func (f *fuzzer) summary() string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(f.counts)) {
		out = append(out, fmt.Sprintf("%s %d", k, f.counts[k]))
	}
	return strings.Join(out, ", ")
}

// one makes and checks the case of a seed.
func (f *fuzzer) one(seed uint64) {
	made := fuzz.FromSeed(seed)
	c := fuzz.Generate(made)
	f.counts["cases"]++
	for _, u := range c.Uses {
		f.counts["with "+u]++
	}
	p := f.check(c, true)
	if p == nil {
		return
	}
	f.counts["finds"]++
	deadline := time.Now().Add(*patience)
	small := fuzz.Minimise(made.Made, func(c fuzz.Case) (bool, bool) {
		q := f.check(c, false)
		return q != nil && q.kind == p.kind, time.Now().After(deadline)
	})
	if q := f.check(small, false); q != nil && q.kind == p.kind {
		p = q
	}
	text := fmt.Sprintf("# seed %d: %s\n\ntables\n%s\n----\n\nrows\n%s\n----\n\ncase\n-- Seed %d.\n%s\n----\n\n# %s\n", seed, p.kind, small.Tables, strings.Join(small.Rows, "\n"), seed, small.SQL,
		strings.ReplaceAll(p.text, "\n", "\n# "))
	file := filepath.Join(f.dir, fmt.Sprintf("seed-%d.test", seed))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
	f.t.Errorf("%s", text)
}

// problem is what is wrong with a case.
type problem struct {
	kind string // while a case is reduced the kind stays the same
	text string
}

// noting counts what becomes of cases; one that is being reduced counts once.
func (f *fuzzer) noting(count bool) func(what string) {
	return func(what string) {
		if count {
			f.counts[what]++
		}
	}
}

// check runs a case in all ways; nil when all agree.
func (f *fuzzer) check(r fuzz.Case, count bool) *problem {
	note := f.noting(count)
	c := Case{Title: "random", Tables: r.Tables, SQL: r.SQL, Rows: r.Rows}
	steps, err := stepsOf(c)
	if err != nil {
		return &problem{"the rows cannot be read", err.Error()}
	}
	job, refused, err := plan(c)
	if err != nil {
		return &problem{"the case cannot be planned", err.Error()}
	}
	var want Outcome
	if os.Getenv("WEIR_FLINK") != "" {
		if want, err = f.flink(c, steps); err != nil {
			f.t.Fatal(err)
		}
		switch {
		case strings.Contains(want.Failed, "longer than its timeout"):
			note("given up by Flink")
			return nil
		case want.Refused != "" && job != nil:
			note("refused by Flink alone")
			if count {
				fmt.Fprintf(f.log, "Flink alone refuses, %s: %s\n", want.Refused, strings.ReplaceAll(c.SQL, "\n", " "))
			}
			want = Outcome{}
		case want.Refused != "":
			note("refused by both")
			return nil
		case job == nil:
			code, _, _ := strings.Cut(refused, " ")
			return &problem{"refused by weir: " + code, refused + "\n" + want.String()}
		default:
			note("compared with Flink")
		}
	}
	if job == nil {
		note("refused by weir")
		if count {
			fmt.Fprintf(f.log, "weir refuses, %s: %s\n", refused, strings.ReplaceAll(c.SQL, "\n", " "))
		}
		return nil
	}
	return f.modes(r, c, job, steps, want, count)
}

// modes runs a planned case on weir in every mode.
func (f *fuzzer) modes(r fuzz.Case, c Case, job *physical.Job, steps []step, want Outcome, count bool) *problem {
	note := f.noting(count)
	got, err := onWeir(f.t.Context(), c, job, steps, plain)
	if err != nil {
		return &problem{"plain: an error", err.Error()}
	}
	if len(want.Outputs) > 0 || want.Failed != "" {
		how := AllChanges
		if r.Batch || r.Twice || r.MiniBatch {
			how = Remaining
		}
		diff := difference(want, got, how)
		switch {
		case diff == "":
		case difference(want, got, Remaining) != "":
			return &problem{"another result than Flink's", diff}
		case difference(comingAndGoing(want), comingAndGoing(got), how) != "":
			return &problem{"other changes than Flink's", diff}
		default: // a row that Flink takes back and puts out again at once, or an update that is a deletion and a new row
			note("the same but for kinds")
			if count {
				fmt.Fprintf(f.log, "the same but for kinds: %s: %s\n", strings.ReplaceAll(c.SQL, "\n", " "), strings.ReplaceAll(diff, "\n", " "))
			}
		}
	}
	for _, m := range slices.Concat(quick, thorough) {
		if m.bulk && r.Apart {
			continue
		}
		other, err := onWeir(f.t.Context(), c, job, steps, m)
		if err != nil && strings.Contains(err.Error(), "took longer than") { // on a machine that is busy
			note("given up by weir")
			return nil
		}
		if err != nil {
			return &problem{m.name + ": an error", err.Error()}
		}
		if diff := difference(got, other, Remaining); diff != "" {
			return &problem{m.name + ": another result than plain", diff}
		}
	}
	return nil
}

// flink runs a case on Flink; the process is started when there is none, and anew after some cases.
func (f *fuzzer) flink(c Case, steps []step) (Outcome, error) {
	if f.ran >= perJVM {
		f.stop()
	}
	if f.jvm == nil {
		r, err := flink.Start(f.t.Context())
		if err != nil {
			return Outcome{}, err
		}
		f.jvm, f.ran = r, 0
	}
	f.ran++
	out, err := onFlink(f.jvm, c, steps)
	if err != nil {
		var inside *flink.Error
		if errors.As(err, &inside) {
			return Outcome{}, fmt.Errorf("%s\n%s: %w", c.Tables, c.SQL, err)
		}
		f.t.Logf("the process is started again: %v", err)
		f.stop()
		return Outcome{Failed: "longer than its timeout: the process died"}, nil
	}
	return out, nil
}

// stop ends the Java process.
func (f *fuzzer) stop() {
	if f.jvm == nil {
		return
	}
	if err := f.jvm.Close(); err != nil {
		f.t.Logf("the process of Flink: %v", err)
	}
	f.jvm = nil
}
