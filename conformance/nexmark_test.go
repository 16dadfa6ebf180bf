package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/conformance/flink"
	"weir/connectors/filesystem"
	"weir/connectors/formats"
	formatcsv "weir/connectors/formats/csv"
	formatjson "weir/connectors/formats/json"
	"weir/connectors/nexmark"
	"weir/connectors/spec"
	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/runtime"
	"weir/exec/runtime/runtimetest"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// The queries of examples/nexmark run over ten thousand events, a hundred to the second of event time, so that they have ten
// windows and every event has a time of its own.
const nexmarkEvents = 10_000

// nexmarkQuery is a query of examples/nexmark.
type nexmarkQuery struct {
	name   string
	script string
	plan   *planner.Program // nil where weir refuses it
	found  *diag.List
	tables *planner.Program // the tables of events alone
}

func readNexmark(t *testing.T, name string) *nexmarkQuery {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", "nexmark", name+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	const written = "'events.num' = '1000000'"
	if !strings.Contains(string(text), written) {
		t.Fatalf("%s.sql does not say %s", name, written)
	}
	dir := t.TempDir()
	q := &nexmarkQuery{name: name, script: strings.NewReplacer(written, fmt.Sprintf("'events.num' = '%d', 'first-event.rate' = '100'", nexmarkEvents),
		"file:///tmp/nexmark/", "file://"+dir+"/").Replace(string(text))}
	var side strings.Builder
	for _, s := range sideRows() {
		var row struct{ Key, Value json.Number }
		if err := json.Unmarshal(s.Row, &row); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&side, "%s,%s\n", row.Key, row.Value)
	}
	if err := os.WriteFile(filepath.Join(dir, "side_input.txt"), []byte(side.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	var tables []string
	for _, statement := range strings.SplitAfter(q.script, ";\n") {
		if strings.Contains(statement, "'connector' = 'nexmark'") {
			tables = append(tables, statement)
		}
	}
	q.tables, q.found = compileNexmark(t, strings.Join(tables, ""))
	if q.found.HasErrors() {
		t.Fatalf("%s: %s", name, q.found.All[0].Title)
	}
	q.plan, q.found = compileNexmark(t, q.script)
	return q
}

// sideInput is the options of q13's file.
var sideInput = regexp.MustCompile(`(?s)'connector' = 'filesystem',\s*'path' = '[^']*side_input.txt',\s*'format' = 'csv'`)

// sideRows is what q13's file says: ten thousand keys, each with itself for its value.
func sideRows() []flink.Step {
	out := make([]flink.Step, 10_000)
	for i := range out {
		out[i] = flink.Step{Table: "side_input", Row: fmt.Appendf(nil, `{"key": %d, "value": "%d"}`, i, i)}
	}
	return out
}

func compileNexmark(t *testing.T, script string) (*planner.Program, *diag.List) {
	t.Helper()
	cfg := config.New()
	if err := cfg.Set(config.LocalTimeZone, "UTC", config.FromFlag); err != nil {
		t.Fatal(err)
	}
	return planner.Compile([]*diag.File{{Name: "nexmark.sql", Text: script}}, planner.Options{
		Registry: spec.Registry(), Functions: fn.Builtins(), Config: cfg,
		Fold: func(e scalar.Expr) (types.Value, error) { return expr.Fold(e, expr.Env{Zone: time.UTC}) },
	})
}

// job is the query's job, or nil and why weir refuses it.
func (q *nexmarkQuery) job(t *testing.T) (*physical.Job, string) {
	t.Helper()
	for _, d := range q.found.All {
		if d.Severity == diag.Error {
			return nil, d.Code + " " + d.Title
		}
	}
	if len(q.plan.Jobs) != 1 {
		t.Fatalf("%s.sql is %d jobs", q.name, len(q.plan.Jobs))
	}
	return q.plan.Jobs[0], ""
}

// TestNexmark runs the queries on weir at parallelism 1, 2 and 4, and killed and restored, and compares what comes out with
// testdata/nexmark.txt, which Flink has written.
func TestNexmark(t *testing.T) {
	datadriven.RunTest(t, "testdata/nexmark.txt", func(t *testing.T, d *datadriven.TestData) string {
		q := readNexmark(t, d.CmdArgs[0].Key)
		job, refused := q.job(t)
		if job == nil {
			if !strings.HasPrefix(d.Expected, "refused: ") {
				t.Errorf("%s: weir refuses %s: %s", d.Pos, q.name, refused)
			}
			return d.Expected
		}
		for _, m := range []struct {
			name string
			pars []int // of each start; where there are two, the first instance is killed
		}{{"parallelism 1", []int{1}}, {"parallelism 2", []int{2}}, {"parallelism 4", []int{4}}, {"killed at 2, restored at 3", []int{2, 3}}} {
			out, err := q.run(t, job, m.pars)
			if err != nil {
				t.Errorf("%s: %s, %s: %v", d.Pos, q.name, m.name, err)
			} else if got := summary(out, byKey(d)); got != d.Expected {
				t.Errorf("%s: %s, %s: expected:\n%s\nweir:\n%s", d.Pos, q.name, m.name, d.Expected, got)
			}
		}
		return d.Expected
	})
}

// TestFlinkNexmark runs the same queries over the same events on Flink; with -rewrite it writes.
func TestFlinkNexmark(t *testing.T) {
	r := startFlink(t)
	datadriven.RunTest(t, "testdata/nexmark.txt", func(t *testing.T, d *datadriven.TestData) string {
		q := readNexmark(t, d.CmdArgs[0].Key)
		// Tables in memory stand for the file that Flink has no connector to look up in any more, and for the folders of q10, whose rows they
		// take with the values that name them; connectors/filesystem is tested on the folders.
		script := sideInput.ReplaceAllString(q.script, "'connector' = 'values', 'bounded' = 'true', 'lookup' = 'true'")
		script = strings.Replace(script, " PARTITIONED BY (dt, hm)", "", 1)
		steps := q.steps(t)
		if script != q.script && strings.Contains(script, "side_input") {
			steps = append(sideRows(), steps...)
		}
		out, err := ask(r, flink.Case{ID: q.name, Script: script, Settings: map[string]string{"table.local-time-zone": "UTC"},
			Steps: steps, End: true, Together: true, TimeoutMS: 540_000})
		if err != nil {
			t.Fatal(err)
		}
		return summary(out, byKey(d))
	})
}

// byKey says that the rows of a query have their first column for a key, as an upsert table would keep them. Flink's first row by a
// column that is no time tells a table that takes all changes what comes, not what it replaces: docs/compatibility.md.
func byKey(d *datadriven.TestData) bool { return d.HasArg("keyed") }

// summary is what a query's changes lead to: how many rows, their digest, and the first of them.
func summary(o Outcome, keyed bool) string {
	if o.Refused != "" || o.Failed != "" {
		return o.String()
	}
	rows, last := map[string]int{}, map[string]string{}
	for _, c := range o.Outputs[0].Changes {
		if keyed {
			key, _, _ := strings.Cut(c.Row, " | ")
			delete(rows, last[key])
			if last[key] = c.Row; c.adds() {
				rows[c.Row] = 1
			}
			continue
		}
		if c.adds() {
			rows[c.Row]++
		} else {
			rows[c.Row]--
		}
	}
	var all []string
	for _, row := range slices.Sorted(maps.Keys(rows)) {
		if rows[row] < 0 {
			return fmt.Sprintf("a row is taken back that is not there: %s\n", row)
		}
		for range rows[row] {
			all = append(all, row)
		}
	}
	out := fmt.Sprintf("%d rows, %x\n", len(all), sha256.Sum256([]byte(strings.Join(all, "\n"))))
	for _, row := range all[:min(3, len(all))] {
		if len(row) > 150 {
			row = row[:150] + "..."
		}
		out += row + "\n"
	}
	return out
}

// steps is the events as Flink is given them: all rows of one table after the other.
func (q *nexmarkQuery) steps(t *testing.T) []flink.Step {
	t.Helper()
	var out []flink.Step
	for _, name := range []string{"person", "auction", "bid", "nexmark"} {
		table := q.tables.Session.Table(name)
		if table == nil {
			continue
		}
		scan := &physical.Scan{Table: table, Parallelism: 1}
		var columns []formats.Column
		for i, f := range table.Physical() {
			c := table.Columns[f]
			scan.Columns, scan.Fields = append(scan.Columns, physical.Column{Name: c.Name, Type: c.Type}), append(scan.Fields, f)
			columns = append(columns, formats.Column{Name: c.Name, Type: c.Type, Index: i})
		}
		encoder, err := formatjson.NewEncoder(formats.EncoderSpec{Columns: columns, TimeZone: time.UTC})
		if err != nil {
			t.Fatal(err)
		}
		each(t, scan, func(b *batch.Batch) {
			for i := range b.N {
				row, _, err := encoder.Encode(nil, b, i)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, flink.Step{Table: name, Row: json.RawMessage(row)})
			}
		})
	}
	return out
}

// each reads a nexmark table to its end.
func each(t *testing.T, scan *physical.Scan, f func(*batch.Batch)) {
	t.Helper()
	source, err := nexmark.Connector().Source(scan, config.New(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	splits, err := source.Discover(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := source.Reader(&exec.TaskContext{Metrics: &exec.Metrics{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.AddSplits(splits); err != nil {
		t.Fatal(err)
	}
	for len(reader.Done()) == 0 {
		b, err := reader.Poll(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if b != nil {
			f(b.Batch)
		}
	}
}

// still is a clock on which no window of processing time ends, as none does on Flink's before the rows do; what is open then is dropped.
type still struct{}

func (still) Now() time.Time { return time.Date(2026, 1, 1, 0, 0, 5, 0, time.UTC) }

var errKilled = errors.New("killed by the test")

// run executes the query once, with a start for each parallelism. All but the last instance are killed: half of the batches that
// they read are committed, the other half is lost with them.
func (q *nexmarkQuery) run(t *testing.T, job *physical.Job, pars []int) (Outcome, error) {
	world := runtimetest.New()
	killed := len(pars) > 1
	world.Guarantee = func(*catalog.Table) string {
		if killed {
			return "exactly-once"
		}
		return "none"
	}
	dir := t.TempDir()
	for i, par := range pars {
		last := i == len(pars)-1
		w := &gate{World: world, open: last}
		cfg := job.Config.Clone()
		interval := "0 ms"
		if killed {
			interval = "24 h"
		}
		for _, kv := range [][2]string{{config.CheckpointInterval, interval}, {config.RestartStrategy, "none"}, {config.Parallelism, fmt.Sprint(par)}} {
			if err := cfg.Set(kv[0], kv[1], config.FromFlag); err != nil {
				return Outcome{}, err
			}
		}
		instance := *job
		instance.Config = cfg
		r, err := runtime.New(&instance, runtime.Options{Connectors: w, Memory: 16 << 20,
			StateDir: filepath.Join(dir, "state"), Clock: still{}})
		if err != nil {
			return Outcome{}, err
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := r.Run(ctx)
			done <- err
		}()
		if !last {
			err = w.halfway(ctx, r)
			cancel(errKilled)
			if ended := <-done; err == nil && !errors.Is(ended, errKilled) {
				err = fmt.Errorf("the job was to be killed, and ended with %v", ended)
			}
		} else {
			err = <-done
			cancel(nil)
		}
		if err != nil {
			return Outcome{}, err
		}
	}
	return Outcome{Outputs: []Output{output(world, job, job.Sinks[0])}}, nil
}

// gate is a world in which nexmark tables are nexmark tables, of which a few batches come at a time.
type gate struct {
	*runtimetest.World
	open  bool         // all may be read
	left  atomic.Int64 // batches that may be read; more are where tables have ended
	empty atomic.Int64 // how often a table had nothing more
}

// halfway lets the job read some batches, makes a checkpoint, and lets it read as many again. The tables do not end meanwhile.
func (g *gate) halfway(ctx context.Context, r *runtime.Runner) error {
	for i := range 2 {
		g.empty.Store(0)
		g.left.Store(2)
		for g.left.Load() > 0 && g.empty.Load() < 100 {
			if err := r.Settle(ctx); err != nil {
				return err
			}
		}
		g.left.Store(0)
		if err := r.Settle(ctx); err != nil {
			return err
		}
		if i == 0 {
			if _, err := r.Checkpoint(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gate) Source(scan *physical.Scan, cfg *config.Config, log *slog.Logger) (exec.SourceSpec, error) {
	if scan.Table.Connector == "filesystem" {
		return filesystem.Connector(formats.Registry{"csv": formatcsv.Format()}).Source(scan, cfg, log)
	}
	s, err := nexmark.Connector().Source(scan, cfg, log)
	return &gatedSource{s, g}, err
}

type gatedSource struct {
	exec.SourceSpec
	gate *gate
}

func (s *gatedSource) Reader(ctx *exec.TaskContext) (exec.SourceReader, error) {
	r, err := s.SourceSpec.Reader(ctx)
	return &gatedReader{r, s.gate}, err
}

type gatedReader struct {
	exec.SourceReader
	gate *gate
}

func (r *gatedReader) Poll(ctx context.Context, wait time.Duration) (*exec.SourceBatch, error) {
	if r.gate.open {
		return r.SourceReader.Poll(ctx, wait)
	}
	if r.gate.left.Load() <= 0 {
		return nil, nil
	}
	b, err := r.SourceReader.Poll(ctx, 0)
	if b == nil {
		r.gate.empty.Add(1)
	} else {
		r.gate.left.Add(-1)
	}
	return b, err
}

func (r *gatedReader) Done() []int {
	if r.gate.open {
		return r.SourceReader.Done()
	}
	return nil
}
