// Command guard compares the speed of this tree with that of the commit it was made from: it builds the benchmarks of both, runs them
// in turns on this machine, and fails when the tree is clearly slower. Only ratios within one run count, so that any machine will do. What
// is compared is the best round of each: whatever else runs on the machine can only make a round slower.
//
//	go run ./cmd/internal/guard            against the merge base with main; on main, against the commit before
//	go run ./cmd/internal/guard -base REV  against another commit
//
// Where there is nothing to compare with (no repository, a shallow clone, a base that does not build) it says so and succeeds.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// suite is benchmarks of a package that touch neither disk nor broker.
type suite struct{ pkg, bench string }

var suites = []suite{
	{"./connectors/formats/json", "^(BenchmarkDecode|BenchmarkEncode)$"},
	{"./connectors/formats/csv", "^(BenchmarkDecode|BenchmarkEncode)$"},
	{"./connectors/formats/avro", "^(BenchmarkDecode|BenchmarkEncode)$"},
	{"./exec/expr", "^(BenchmarkJob|BenchmarkFilter)$"},
	{"./exec/op", "^(BenchmarkGroupAggregate|BenchmarkWindowAggregate)$/^(100|10s)$"},
	{"./exec/runtime", "^BenchmarkExchange$"},
	{"./state", "^BenchmarkUpsertMany$/^keys=(16384|1048576)$"}, // within the processor's caches, and beyond
}

const (
	rounds    = 6
	series    = 5 // of rounds, before a verdict of slower stands
	benchTime = "30ms"
	meanLimit = 1.3 // of the geometric mean of all ratios
	oneLimit  = 1.6 // of one ratio
)

func main() {
	base := flag.String("base", "", "compare with this `commit`")
	flag.Parse()
	if err := run(*base); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func git(args ...string) (string, error) {
	out, err := exec.Command("git", args...).Output()
	return strings.TrimSpace(string(out)), err
}

// baseOf is the commit to compare the work tree with, and "" with the reason where there is none.
func baseOf() (rev, why string) {
	head, err := git("rev-parse", "--verify", "-q", "HEAD")
	if err != nil {
		return "", "this is no git repository with a commit"
	}
	for _, main := range []string{"origin/main", "main"} {
		if b, err := git("merge-base", "HEAD", main); err == nil && b != head {
			return b, ""
		}
	}
	if changed, err := git("status", "--porcelain", "--untracked-files=no"); err == nil && changed != "" {
		return head, "" // what is about to be committed
	}
	if b, err := git("rev-parse", "--verify", "-q", "HEAD~1"); err == nil {
		return b, ""
	}
	return "", "the commit before HEAD is not here (a first commit, or a shallow clone)"
}

func run(rev string) (err error) {
	if rev == "" {
		var why string
		if rev, why = baseOf(); rev == "" {
			fmt.Printf("guard: skipped: %s\n", why)
			return nil
		}
	}
	dir, err := os.MkdirTemp("", "weir-guard-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	old := filepath.Join(dir, "base")
	if out, err := exec.Command("git", "worktree", "add", "--detach", "-f", old, rev).CombinedOutput(); err != nil {
		fmt.Printf("guard: skipped: %s cannot be checked out: %s\n", rev, strings.TrimSpace(string(out)))
		return nil
	}
	defer func() {
		if out, e := exec.Command("git", "worktree", "remove", "--force", old).CombinedOutput(); e != nil {
			err = errors.Join(err, fmt.Errorf("remove the base's work tree: %w: %s", e, out))
		}
	}()
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	trees := [2]string{old, here}
	bins, err := build(trees, dir)
	if err != nil {
		return err
	}
	// A verdict of slower is heard again, and all series count: on a machine with much other work the best of a dozen rounds may still be a bad one.
	times := [2]measured{{}, {}}
	for range series {
		for round := range rounds {
			for k := range 2 {
				tree := (k + round) % 2 // the first one of a pair has the colder machine
				for i, s := range suites {
					if bins[0][i] == "" || bins[1][i] == "" {
						continue
					}
					if err := measure(bins[tree][i], filepath.Join(trees[tree], s.pkg), s.bench, times[tree]); err != nil {
						return err
					}
				}
			}
		}
		text, slower := judge(times[0], times[1])
		if slower == nil {
			fmt.Print(text)
			fmt.Printf("guard: not slower than %.12s\n", rev)
			return nil
		}
		err = fmt.Errorf("slower than %.12s: %w\n%s", rev, slower, text)
	}
	return err
}

// build compiles the benchmarks of both trees; "" for a package that one of them does not have, or cannot compile in the base.
func build(trees [2]string, dir string) (bins [2][]string, err error) {
	for t, tree := range trees {
		for i, s := range suites {
			bin := filepath.Join(dir, fmt.Sprintf("%d-%d.test", t, i))
			cmd := exec.Command("go", "test", "-vet=off", "-c", "-o", bin, s.pkg)
			cmd.Dir = tree
			out, err := cmd.CombinedOutput()
			if err != nil && t == 1 {
				return bins, fmt.Errorf("build the benchmarks of %s: %w\n%s", s.pkg, err, out)
			}
			if _, statErr := os.Stat(bin); err != nil || statErr != nil {
				fmt.Printf("guard: %s has no benchmarks that build in the base: not compared\n", s.pkg)
				bin = ""
			}
			bins[t] = append(bins[t], bin)
		}
	}
	return bins, nil
}

// measured is nanoseconds per operation of each benchmark, by name, one a round.
type measured map[string][]float64

// measure runs a binary's benchmarks once.
func measure(bin, dir, bench string, into measured) error {
	cmd := exec.Command(bin, "-test.run=^$", "-test.bench="+bench, "-test.benchtime="+benchTime)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s in %s: %w\n%s", bench, dir, err, out)
	}
	return into.add(filepath.Base(dir), string(out))
}

// add takes the lines of a run: name, iterations, value, unit, ...
func (m measured) add(pkg, out string) error {
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") || f[3] != "ns/op" {
			continue
		}
		ns, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		name := pkg + "." + strings.TrimPrefix(f[0], "Benchmark")
		m[name] = append(m[name], ns)
	}
	return nil
}

// judge compares the best rounds. The error says what is slower; text has all of it.
func judge(before, after measured) (text string, slower error) {
	var names []string
	for n := range after {
		if len(before[n]) > 0 && len(after[n]) > 0 {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "guard: no benchmark is in both trees\n", nil
	}
	var b strings.Builder
	var errs []error
	sum := 0.0
	for _, n := range names {
		was, is := slices.Min(before[n]), slices.Min(after[n])
		ratio := is / was
		sum += math.Log(ratio)
		fmt.Fprintf(&b, "%-60s %12.0f ns -> %12.0f ns  %.2f\n", n, was, is, ratio)
		if ratio > oneLimit {
			errs = append(errs, fmt.Errorf("%s takes %.2f times as long (at most %.1f)", n, ratio, oneLimit))
		}
	}
	mean := math.Exp(sum / float64(len(names)))
	fmt.Fprintf(&b, "%-60s %37.2f\n", "geometric mean", mean)
	if mean > meanLimit {
		errs = append(errs, fmt.Errorf("all together take %.2f times as long (at most %.1f)", mean, meanLimit))
	}
	return b.String(), errors.Join(errs...)
}
