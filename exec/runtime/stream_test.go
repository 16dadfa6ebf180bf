package runtime_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	texts "weir/exec/expr/text"
	"weir/exec/killpoint"
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

// TestStream runs testdata/stream/*.test. A file is a job and its input:
//
//	sql                       tables of connector 'memory' (see runtimetest.Registry) and INSERTs
//	rows table=t split=0      a row a line, values separated by |, NULL for NULL; a TIMESTAMP is h:mm:ss
//	turns                     rows of several tables, their table and the kind of change in front: each is read when those before it
//	                          have gone through the job, also when they are read again
//	run [exact]               committed output by table, worked out by hand
//
// The job runs plain, then in every way that must not make a difference: in batches of one row, with an epoch
// every few rows, at other parallelisms, dead and restored at each point of the protocol, with its disk lost,
// stopped and started again. Output is compared without regard to order between keys. Of an upsert or retract
// table what remains is compared; with exact, all changes of each key, in order.
func TestStream(t *testing.T) {
	datadriven.Walk(t, "testdata/stream", func(t *testing.T, path string) {
		s := &streamTest{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "sql":
				s.sql = d.Input
				if _, err := s.plan(nil); err != nil {
					return err.Error()
				}
				return "ok"
			case "rows":
				var table string
				split := 0
				d.ScanArgs(t, "table", &table)
				d.MaybeScanArgs(t, "split", &split)
				s.rows = append(s.rows, inputRows{table, split, strings.Split(strings.TrimSpace(d.Input), "\n")})
				return ""
			case "turns":
				s.turns = strings.Split(strings.TrimSpace(d.Input), "\n")
				return ""
			case "run":
				s.exact = d.HasArg("exact")
				return s.runAll(t)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

type streamTest struct {
	sql   string
	rows  []inputRows
	turns []string // rows with their tables
	exact bool
}

type inputRows struct {
	table string
	split int
	lines []string
}

// plan compiles the file with further settings.
func (s *streamTest) plan(set map[string]string) (*physical.Job, error) {
	cfg := config.New()
	base := map[string]string{config.CheckpointInterval: "1 h", config.Parallelism: "2", config.PipelineName: "stream",
		config.RestartStrategy: "none", config.LocalTimeZone: "UTC"}
	for _, m := range []map[string]string{base, set} {
		for k, v := range m {
			if err := cfg.Set(k, v, config.FromFlag); err != nil {
				return nil, err
			}
		}
	}
	file := &diag.File{Name: "job.sql", Text: s.sql}
	p, found := planner.Compile([]*diag.File{file}, planner.Options{
		Registry: runtimetest.Registry(), Functions: fn.Builtins(), Config: cfg,
		Fold: func(e scalar.Expr) (types.Value, error) { return expr.Fold(e, expr.Env{Zone: time.UTC}) },
	})
	if found.HasErrors() {
		var b strings.Builder
		for _, d := range found.All {
			if d.Severity == diag.Error {
				fmt.Fprintf(&b, "%s: %s: %s\n", d.Span, d.Code, d.Title)
			}
		}
		return nil, errors.New(strings.TrimSpace(b.String()))
	}
	if len(p.Jobs) != 1 {
		return nil, fmt.Errorf("expected one job, found %d: use EXECUTE STATEMENT SET", len(p.Jobs))
	}
	return p.Jobs[0], nil
}

// world is the input of the file.
func (s *streamTest) world(t *testing.T, job *physical.Job) *runtimetest.World {
	w := runtimetest.New()
	for _, tb := range scanned(job) {
		splits := 1
		if v, ok := tb.Options.Get("splits"); ok {
			splits, _ = strconv.Atoi(v) // checked by the planner
		}
		w.Table(tb.Name, true, splits)
		if tb.Options.Lookup("lookup") != nil || tb.Options.Lookup("search") != nil {
			w.Unpaced(tb.Name)
		}
		for _, in := range s.rows {
			if in.table != tb.Name {
				continue
			}
			for _, line := range in.lines {
				w.Append(tb.Name, in.split, parseRow(t, tb, line))
			}
		}
		for i, line := range s.turns {
			head, row, _ := strings.Cut(line, "|")
			if table, kind, _ := strings.Cut(strings.TrimSpace(head), " "); table == tb.Name {
				w.AppendInTurn(tb.Name, 0, i+1, kindOf(t, kind), parseRow(t, tb, row))
			}
		}
	}
	return w
}

// kindOf reads the kind of a change; nothing is +I.
func kindOf(t *testing.T, s string) batch.ChangeKind {
	t.Helper()
	for _, k := range []batch.ChangeKind{batch.Insert, batch.UpdateBefore, batch.UpdateAfter, batch.Delete} {
		if s == "" || s == k.String() {
			return k
		}
	}
	t.Fatalf("%q is no kind of change", s)
	return 0
}

// scansOf is how often a job reads each table.
func scansOf(job *physical.Job) map[string]int {
	out := map[string]int{}
	for n := range job.Nodes() {
		if s, ok := n.(*physical.Scan); ok {
			out[s.Table.Name]++
		}
	}
	return out
}

func scanned(job *physical.Job) []*catalog.Table {
	var out []*catalog.Table
	for n := range job.Nodes() {
		var read *catalog.Table
		switch n := n.(type) {
		case *physical.Scan:
			read = n.Table
		case *physical.LookupJoin:
			read = n.Lookup.Table
		case *physical.VectorSearch:
			read = n.Lookup.Table
		}
		if read != nil && !slices.ContainsFunc(out, func(t *catalog.Table) bool { return t.Name == read.Name }) {
			out = append(out, read)
		}
	}
	return out
}

func parseRow(t *testing.T, tb *catalog.Table, line string) []types.Value {
	t.Helper()
	row := make([]types.Value, len(tb.Columns))
	words := strings.Split(line, "|")
	at := 0
	for i, c := range tb.Columns {
		if c.Kind == catalog.Computed {
			continue
		}
		if at == len(words) {
			t.Fatalf("row %q of table %s has too few values", line, tb.Name)
		}
		v, err := parseValue(c.Type, strings.TrimSpace(words[at]))
		if err != nil {
			t.Fatalf("row %q, column %s: %v", line, c.Name, err)
		}
		row[i] = v
		at++
	}
	return row
}

func parseValue(ty types.Type, s string) (types.Value, error) {
	if s == "NULL" {
		return nil, nil
	}
	switch {
	case ty.IsInteger():
		return strconv.ParseInt(s, 10, 64)
	case ty.IsApprox():
		return strconv.ParseFloat(s, 64)
	case ty.IsString():
		return s, nil
	case ty.Kind == types.Boolean:
		return strconv.ParseBool(s)
	case ty.IsTimestamp():
		var h, m, sec int64
		_, err := fmt.Sscanf(s, "%d:%d:%d", &h, &m, &sec)
		return (h*3600 + m*60 + sec) * 1e6, err
	}
	if ty.Nested != nil { // as JSON
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var x any
		if err := d.Decode(&x); err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		return nestedValue(ty, x)
	}
	return nil, fmt.Errorf("no notation for values of type %s", ty)
}

// nestedValue is x, of a JSON text, as a value of ty. The entries of a map are put into the order of their keys.
func nestedValue(ty types.Type, x any) (types.Value, error) {
	var bad error
	part := func(ty types.Type, x any) types.Value {
		v, err := nestedValue(ty, x)
		bad = errors.Join(bad, err)
		return v
	}
	switch x := x.(type) {
	case nil:
		return nil, nil
	case []any:
		list := make([]types.Value, 0, len(x))
		for _, e := range x {
			list = append(list, part(ty.Nested.Elem, e))
		}
		return list, bad
	case map[string]any:
		if ty.Kind == types.Row {
			row := make([]types.Value, len(ty.Nested.Fields))
			for i, f := range ty.Nested.Fields {
				row[i] = part(f.Type, x[f.Name])
			}
			return row, bad
		}
		key, elem := ty.Nested.Key, ty.Nested.Elem
		if ty.Kind == types.Multiset {
			key, elem = ty.Nested.Elem, types.TInt
		}
		var pairs [][2]types.Value
		for _, k := range slices.Sorted(maps.Keys(x)) {
			pairs = append(pairs, [2]types.Value{part(key, k), part(elem, x[k])})
		}
		return pairs, bad
	}
	return parseValue(ty, fmt.Sprint(x))
}

func showValue(ty types.Type, v types.Value) string {
	if ty.Nested != nil || ty.Kind == types.Variant {
		c := batch.NewVector(ty, 1)
		c.AppendValue(v)
		return string(texts.AppendValue(nil, c, 0, nil))
	}
	n, ok := v.(int64)
	if !ok || !ty.IsTimestamp() {
		return strings.Trim(runtimetest.Format([]types.Value{v}), "[]")
	}
	d := time.UnixMicro(n).UTC()
	if d.Nanosecond() != 0 {
		return d.Format("15:04:05.000")
	}
	return d.Format("15:04:05")
}

func (s *streamTest) show(job *physical.Job, w *runtimetest.World) string {
	var b strings.Builder
	for _, sink := range job.Sinks {
		fmt.Fprintf(&b, "%s\n", sink.Table.Name)
		changes := w.Output(sink.Table.Name)
		mode, _ := sink.Table.Options.Get("changes")
		if !s.exact {
			changes = remains(changes, mode, sink.Table.PrimaryKey)
		}
		line := func(c runtimetest.Change) string {
			out := make([]string, len(c.Row))
			for i, v := range c.Row {
				out[i] = showValue(sink.Table.Columns[i].Type, v)
			}
			return c.Kind.String() + "[" + strings.Join(out, ", ") + "]"
		}
		key := func(c runtimetest.Change) string {
			if sink.Table.PrimaryKey == nil {
				return line(c)[2:]
			}
			return keyOf(c, sink.Table.PrimaryKey)
		}
		slices.SortStableFunc(changes, func(x, y runtimetest.Change) int { return strings.Compare(key(x), key(y)) })
		for _, c := range changes {
			fmt.Fprintf(&b, "  %s\n", line(c))
		}
	}
	return b.String()
}

func keyOf(c runtimetest.Change, key []int) string {
	k := make([]types.Value, len(key))
	for i, col := range key {
		k[i] = c.Row[col]
	}
	return runtimetest.Format(k)
}

// remains is the table that the changes lead to.
func remains(changes []runtimetest.Change, mode string, key []int) []runtimetest.Change {
	var out []runtimetest.Change
	for _, c := range changes {
		same := func(o runtimetest.Change) bool {
			if mode == "upsert" {
				return keyOf(o, key) == keyOf(c, key)
			}
			return runtimetest.Format(o.Row) == runtimetest.Format(c.Row)
		}
		if mode == "upsert" {
			out = slices.DeleteFunc(out, same)
		}
		if c.Kind.Adds() {
			c.Kind = batch.Insert
			out = append(out, c)
			continue
		}
		if i := slices.IndexFunc(out, same); i >= 0 {
			out = slices.Delete(out, i, i+1)
		} else if mode != "upsert" {
			out = append(out, c) // a retraction of nothing: shows up as a difference
		}
	}
	return out
}

// variant is one way to run the job.
type variant struct {
	name  string
	set   map[string]string
	batch int
	pace  int
	die   string // kill point
	nth   int
	disk  bool              // the disk is lost with the process
	stop  int               // stopped after so many commits, and started again
	again map[string]string // settings of the start after the death or stop
}

func variants(t *testing.T) []variant {
	par := func(n string) map[string]string { return map[string]string{config.Parallelism: n} }
	phases := func(s string) map[string]string { return map[string]string{config.AggPhase: s} }
	vs := []variant{
		{name: "tiny batches", batch: 1},
		{name: "one subtask", set: par("1")},
		{name: "three subtasks", set: par("3"), batch: 2},
		{name: "epoch every other row", pace: 2},
		{name: "epoch every row, one subtask", pace: 1, set: par("1")},
		{name: "stopped and started again", pace: 1, stop: 3, again: par("3")},
		{name: "in one phase", set: phases("ONE_PHASE")},
		{name: "in two phases, tiny batches", batch: 1, set: phases("TWO_PHASE")},
		{name: "in two phases, stopped, and on in one", pace: 1, stop: 3, set: phases("TWO_PHASE"), again: phases("ONE_PHASE")},
		{name: "in one phase, stopped, and on in two", pace: 2, stop: 2, set: phases("ONE_PHASE"), again: phases("TWO_PHASE")},
	}
	for i, p := range killpoint.Points {
		vs = append(vs, variant{name: "dead at " + p, pace: 2, die: p, nth: 2 + i%2, set: par("2"), again: par([]string{"2", "3", "1"}[i%3])})
	}
	for _, p := range []string{killpoint.Step3Before, killpoint.Step4Before, killpoint.Step6After} {
		dir := map[string]string{config.Parallelism: "2", config.CheckpointDir: "file://" + t.TempDir()}
		vs = append(vs, variant{name: "disk lost at " + p, pace: 2, die: p, nth: 3, disk: true, set: dir, again: dir})
	}
	return vs
}

func (s *streamTest) runAll(t *testing.T) string {
	plain := s.runOne(t, variant{name: "plain"})
	for _, v := range variants(t) {
		if got := s.runOne(t, v); got != plain {
			t.Errorf("%s:\n%s\nplain:\n%s", v.name, got, plain)
		}
	}
	return plain
}

func (s *streamTest) runOne(t *testing.T, v variant) string {
	t.Helper()
	set := v.set
	var plan *physical.Job
	make := func() *physical.Job {
		p, err := s.plan(set)
		if err != nil {
			t.Fatal(err)
		}
		plan = p
		return p
	}
	w := s.world(t, make())
	w.BatchRows, w.Pace = v.batch, v.pace
	j := newJob(t, w, make)
	if s.turns != nil {
		j.turns = scansOf(plan)
	}
	if v.die != "" && j.dieAt(v.die, v.nth) {
		set = v.again
		if v.disk {
			if err := os.RemoveAll(j.dir); err != nil {
				t.Fatal(err)
			}
		}
	} else if v.die != "" {
		return s.outcome(t, v, plan, w, j.failed) // there was too little input to get there
	}
	if v.stop > 0 {
		left := v.stop
		var r *runtime.Runner
		j.opts = j.opts.WithHook(func(p string) error {
			if p == killpoint.Step6After {
				if left--; left == 0 {
					r.Stop()
				}
			}
			return nil
		})
		r = j.runner()
		if _, err := j.drive(r); err != nil {
			return s.outcome(t, v, plan, w, err)
		}
		set, left = v.again, -1
	}
	_, err := j.run()
	return s.outcome(t, v, plan, w, err)
}

func (s *streamTest) outcome(t *testing.T, v variant, plan *physical.Job, w *runtimetest.World, err error) string {
	t.Helper()
	if err == nil {
		return s.show(plan, w)
	}
	if !errors.Is(err, exec.ErrFatal) && !errors.As(err, new(*expr.RowError)) {
		t.Fatalf("%s: %v", v.name, err)
	}
	return fmt.Sprintf("error: %v\n", err)
}
