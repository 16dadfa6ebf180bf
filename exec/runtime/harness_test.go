package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weir/exec"
	"weir/exec/killpoint"
	"weir/exec/runtime"
	"weir/exec/runtime/runtimetest"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long one run of a test's job may take before the test gives up: long, for machines that do much else besides.
const limit = 5 * time.Minute

// settings is a job's configuration; every pair is a key and a value.
func settings(t testing.TB, kv ...string) *config.Config {
	t.Helper()
	cfg := config.New()
	base := []string{config.CheckpointInterval, "1 h", config.RestartStrategy, "fixed-delay",
		"restart-strategy.fixed-delay.attempts", "5", "restart-strategy.fixed-delay.delay", "1 ms", config.Parallelism, "2"}
	kv = append(base, kv...)
	for i := 0; i < len(kv); i += 2 {
		if err := cfg.Set(kv[i], kv[i+1], config.FromFile); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

var (
	bigint = types.Type{Kind: types.BigInt, Nullable: true}
	text   = types.Type{Kind: types.VarChar, Len: types.MaxLen, Nullable: true}
)

// copyJob is INSERT INTO output SELECT id, v FROM input, by hand. guarantee is the sink's, see runtimetest.
func copyJob(cfg *config.Config, guarantee string) *physical.Job {
	cols := []physical.Column{{Name: "id", Type: bigint}, {Name: "v", Type: text}}
	table := func(name string) *catalog.Table {
		return &catalog.Table{Name: name, Connector: "memory",
			Columns: []catalog.Column{{Name: "id", Type: bigint}, {Name: "v", Type: text}},
			Options: catalog.Options{{Key: "guarantee", Value: guarantee}}}
	}
	props := func(id string) physical.Props { return physical.Props{ID: id, Columns: cols} }
	scan := &physical.Scan{Props: props("output/scan"), Table: table("input"), Fields: []int{0, 1}}
	calc := &physical.Calc{Props: props("output/calc"), Input: scan, Exprs: []scalar.Expr{
		&scalar.Column{Index: 0, Name: "id", Typ: bigint}, &scalar.Column{Index: 1, Name: "v", Typ: text}}}
	sink := &physical.Sink{Props: props("output"), Input: calc, Table: table("output"), Fields: []int{0, 1}}
	return &physical.Job{Name: "copy", Sinks: []*physical.Sink{sink}, Config: cfg, Fingerprint: "copy-1"}
}

// rows is n rows (from, "r<from>") and so on.
func rows(from, n int) [][]types.Value {
	out := make([][]types.Value, n)
	for i := range out {
		out[i] = []types.Value{int64(from + i), fmt.Sprintf("r%d", from+i)}
	}
	return out
}

// lines is what a sink gets of rows.
func lines(rs [][]types.Value) []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = "+I" + runtimetest.Format(r)
	}
	return out
}

// testLog sends the job's log to the test's when WEIR_TEST_LOG is set.
func testLog(t testing.TB) *slog.Logger {
	if os.Getenv("WEIR_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// job runs a job in a world, again and again, in a state directory of its own.
type job struct {
	t     testing.TB
	world *runtimetest.World
	dir   string
	make  func() *physical.Job
	opts  runtime.Options
	turns map[string]int // how often the tables are read whose rows come in turns; nil: all rows come at once

	failed error // what ended a run that dieAt expected to get further
}

func newJob(t testing.TB, w *runtimetest.World, plan func() *physical.Job) *job {
	return &job{t: t, world: w, dir: filepath.Join(t.TempDir(), "state"), make: plan,
		opts: runtime.Options{Memory: 8 << 20}} // small files: the store is opened hundreds of times
}

func (j *job) runner() *runtime.Runner {
	j.t.Helper()
	o := j.opts
	o.Connectors, o.StateDir = j.world, j.dir
	if o.Log == nil {
		o.Log = testLog(j.t)
	}
	r, err := runtime.New(j.make(), o)
	if err != nil {
		j.t.Fatal(err)
	}
	return r
}

// run runs the job to its end. While it runs, epochs are made one after the other.
func (j *job) run() (runtime.Summary, error) {
	j.t.Helper()
	return j.drive(j.runner())
}

func (j *job) drive(r *runtime.Runner) (runtime.Summary, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, errors.New("the test's time is over"))
	defer cancel()
	var beside sync.WaitGroup
	beside.Go(func() {
		for ctx.Err() == nil {
			if _, err := r.Checkpoint(ctx); err != nil && ctx.Err() != nil {
				return
			}
		}
	})
	if j.turns != nil {
		turns := j.world.Turns(j.turns)
		beside.Go(func() { _ = turns(ctx, r.Settle) }) // it fails with the run, which says why
	}
	sum, err := r.Run(ctx)
	cancel()
	beside.Wait()
	return sum, err
}

// mustRun is run without failure.
func (j *job) mustRun() runtime.Summary {
	j.t.Helper()
	sum, err := j.run()
	if err != nil {
		j.t.Fatalf("run: %v%s", err, help(err))
	}
	return sum
}

// help is the help text of an error, for failures.
func help(err error) string {
	var e *exec.Error
	if errors.As(err, &e) && e.Help != "" {
		return "\n" + e.Help
	}
	return ""
}

// errKilled ends a run as a crash would.
var errKilled = exec.Fatalf("", "die", errors.New("killed"))

// dieAt runs the job until it passes the named point for the nth time, and makes the
// directory as it is at that moment the job's state directory. It reports whether the point was reached; if not, the
// run has ended, with j.failed.
func (j *job) dieAt(point string, nth int) bool {
	j.t.Helper()
	left, frozen := nth, j.dir+"+"
	for {
		if _, err := os.Stat(frozen); err != nil {
			break
		}
		frozen += "+"
	}
	o := j.opts
	die := func(p string) error {
		if p != point {
			return nil
		}
		if left--; left != 0 {
			return nil
		}
		if err := copyDir(frozen, j.dir); err != nil {
			return err
		}
		return errKilled
	}
	j.opts = o.WithHook(die)
	j.world.Fault = func(op string) error { // the committer's own points
		if op != "commit" {
			return nil
		}
		if err := die(killpoint.Step4After); err != nil {
			return err
		}
		return die(killpoint.Step5Before)
	}
	_, err := j.run()
	j.opts, j.world.Fault = o, nil
	if left > 0 {
		j.failed = err
		return false
	}
	if !errors.Is(err, errKilled) {
		j.t.Fatalf("expected to die at %s, got %v", point, err)
	}
	j.dir = frozen
	return true
}

// copyDir copies a state directory as it is, but for its lock.
func copyDir(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(dst, 0o755)
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file that was just replaced
		}
		if err != nil {
			return err
		}
		return writeSparse(dst, b)
	})
}

// writeSparse leaves holes for zeros: a store preallocates files that are almost all zeros.
func writeSparse(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(int64(len(b))); err != nil {
		return err
	}
	var zeros [1 << 16]byte
	for at := 0; at < len(b); at += len(zeros) {
		block := b[at:min(len(b), at+len(zeros))]
		if bytes.Equal(block, zeros[:len(block)]) {
			continue
		}
		if _, err := f.WriteAt(block, int64(at)); err != nil {
			return err
		}
	}
	return f.Close()
}

func equal(t testing.TB, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Fatalf("got %d rows, want %d\ngot:\n%s\nwant:\n%s", len(got), len(want), clip(g), clip(w))
	}
}

func clip(s string) string {
	if len(s) > 3000 {
		return s[:3000] + " ..."
	}
	return s
}
