package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/expr/text"
	"weir/exec/runtime/drive"
	"weir/exec/runtime/runtimetest"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/config"
	"weir/planner/datetime"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/rules"
	"weir/planner/scalar"
	"weir/planner/types"
)

// zone is the session's time zone in all cases.
var zone = datetime.NewZone(time.UTC)

// compile plans texts as one script.
func compile(texts ...string) (*planner.Program, *diag.List) {
	cfg := config.New()
	files := make([]*diag.File, len(texts))
	for i, t := range texts {
		files[i] = &diag.File{Name: fmt.Sprintf("case-%d.sql", i+1), Text: t}
	}
	if err := cfg.Set(config.LocalTimeZone, "UTC", config.FromFlag); err != nil {
		panic(err) // it is a setting
	}
	return planner.Compile(files, planner.Options{
		Registry: runtimetest.Registry(), Functions: fn.Builtins(), Config: cfg,
		Fold: func(e scalar.Expr) (types.Value, error) { return expr.Fold(e, expr.Env{Zone: time.UTC}) },
	})
}

// plan is the job of a case, or why weir refuses it.
func plan(c Case) (job *physical.Job, refused string, err error) {
	p, found := compile(c.Tables, c.SQL)
	if found.HasErrors() {
		for _, d := range found.All {
			if d.Severity == diag.Error {
				return nil, d.Code + " " + d.Title, nil
			}
		}
	}
	jobs := p.Jobs
	for _, q := range p.Queries {
		jobs = append(jobs, q.Job)
	}
	if len(jobs) != 1 {
		return nil, "", fmt.Errorf("a case is one job, this one is %d: use EXECUTE STATEMENT SET", len(jobs))
	}
	return jobs[0], "", nil
}

// mode is one way to run a case on weir.
type mode struct {
	name    string
	durable bool
	bulk    bool  // rows come in batches, not one by one
	pars    []int // parallelism of each start
	// after is called behind every step, with its number.
	after func(r *run, n int) error
}

// The modes. In the plain one changes are compared, in the others what they lead to.
var (
	plain = mode{name: "plain", pars: []int{1}}
	quick = []mode{
		{name: "in batches, three subtasks", bulk: true, pars: []int{3}},
		{name: "killed in the middle, restored at another parallelism", durable: true, pars: []int{2, 3}, after: func(r *run, n int) error {
			switch n { // one row is read again: the order of rows of several tables would not be the same
			case len(r.steps)/2 - 1:
				return r.d.Checkpoint()
			case len(r.steps) / 2:
				return r.again(r.d.Die)
			}
			return nil
		}},
	}
	thorough = []mode{
		{name: "three subtasks", pars: []int{3}, after: func(r *run, _ int) error { return r.d.Settle() }},
		{name: "in batches, one subtask", bulk: true, pars: []int{1}},
		{name: "a checkpoint behind every row", durable: true, pars: []int{1}, after: func(r *run, _ int) error { return r.d.Checkpoint() }},
		{name: "killed behind every row, checkpoints before even ones", durable: true, pars: []int{1, 2, 3}, after: deaths(0)},
		{name: "killed behind every row, checkpoints before odd ones", durable: true, pars: []int{3, 1, 2}, after: deaths(1)},
		{name: "stopped and started again", durable: true, pars: []int{2, 1}, after: func(r *run, n int) error {
			if n%3 == 2 {
				return r.again(r.d.Stop)
			}
			return r.d.Settle() // by which subtask a watermark comes first is not defined
		}},
	}
)

func deaths(commits int) func(*run, int) error {
	return func(r *run, n int) error {
		if n%2 == commits {
			if err := r.d.Checkpoint(); err != nil {
				return err
			}
		}
		return r.again(r.d.Die)
	}
}

// run is one execution of a case.
type run struct {
	ctx    context.Context
	m      mode
	d      *drive.Job
	steps  []step
	scans  int // of tables
	starts int
}

func (r *run) start() error {
	par := r.m.pars[r.starts%len(r.m.pars)]
	r.starts++
	return r.d.Start(r.ctx, par)
}

// again ends the job and starts it anew.
func (r *run) again(end func() error) error {
	if err := end(); err != nil {
		return err
	}
	if err := r.start(); err != nil || r.scans < 2 {
		return err
	}
	return r.d.Settle() // what is read again comes before what follows in all tables
}

// scans is how often a job reads tables.
func scans(job *physical.Job) int {
	n := 0
	seen := map[physical.Node]bool{}
	var visit func(physical.Node)
	visit = func(x physical.Node) {
		if seen[x] {
			return
		}
		seen[x] = true
		if _, ok := x.(*physical.Scan); ok {
			n++
		}
		for _, in := range x.Inputs() {
			visit(in)
		}
	}
	for _, s := range job.Sinks {
		visit(s)
	}
	return n
}

// limit is how long one execution may take.
const limit = 5 * time.Minute

// onWeir executes a planned case.
func onWeir(ctx context.Context, c Case, job *physical.Job, steps []step, m mode) (o Outcome, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the case took longer than %s", limit))
	defer cancel()
	d, err := drive.New(job, drive.Options{Durable: m.durable})
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if m.bulk {
		d.World.BatchRows = batch.TargetRows
	}
	r := &run{ctx: ctx, m: m, d: d, steps: steps, scans: scans(job)}
	if err := r.all(c); err != nil {
		if !errors.Is(err, exec.ErrFatal) && !errors.As(err, new(*expr.RowError)) {
			return o, fmt.Errorf("%s: %w", m.name, err)
		}
		return Outcome{Failed: err.Error()}, nil
	}
	for _, s := range job.Sinks {
		if !slices.ContainsFunc(o.Outputs, func(x Output) bool { return s.Table.Name == x.Name || strings.HasSuffix(s.Table.Name, "."+x.Name) }) { // two INSERTs may have one table
			o.Outputs = append(o.Outputs, output(d.World, job, s))
		}
	}
	return o, nil
}

func (r *run) all(c Case) error {
	if err := r.start(); err != nil {
		return err
	}
	for i := 0; i < len(r.steps); {
		n := 1
		for r.m.bulk && i+n < len(r.steps) && r.steps[i+n].table == r.steps[i].table {
			n++
		}
		entries := make([]runtimetest.Entry, n)
		for k := range n {
			entries[k] = r.steps[i+k].Entry
		}
		if err := r.d.Feed(r.steps[i].table, entries...); err != nil {
			return err
		}
		if r.m.after != nil {
			if err := r.m.after(r, i); err != nil {
				return err
			}
		}
		i += n
	}
	if err := r.d.Settle(); err != nil {
		return err
	}
	switch {
	case !c.Open:
		return r.d.End()
	case r.m.durable:
		return r.d.Checkpoint()
	}
	return nil
}

// output is what the table of s got, as text, from all of a job's sinks that write to it.
func output(w *runtimetest.World, job *physical.Job, s *physical.Sink) Output {
	o := Output{Name: s.Table.Name[strings.LastIndexByte(s.Table.Name, '.')+1:]} // without its database, as Flink's
	if s.Table.Connector == rules.Collect {
		o.Name = "query"
	}
	fields := map[string][]int{} // by sink
	for _, k := range job.Sinks {
		if k.Table.Name == s.Table.Name {
			fields[k.ID] = k.Fields
		}
	}
	var at []int // the table's columns that any sink fills
	place := map[int]int{}
	for f, c := range s.Table.Columns {
		for _, filled := range fields {
			if slices.Contains(filled, f) {
				place[f] = len(at)
				at = append(at, f)
				o.Columns = append(o.Columns, c.Name+" "+typeName(c.Type.String()))
				break
			}
		}
	}
	if mode, _ := s.Table.Options.Get("changes"); mode == "upsert" {
		for _, f := range s.Table.PrimaryKey {
			o.Key = append(o.Key, place[f])
		}
	}
	for _, c := range w.Output(s.Table.Name) {
		row := make([]string, len(at))
		for i, f := range at {
			t := s.Table.Columns[f].Type
			t.Nullable = true
			v := batch.NewVector(t, 1)
			row[i] = "NULL"
			k := slices.Index(fields[c.Sink], f)
			if k < 0 {
				continue
			}
			if v.AppendValue(c.Row[k]); v.IsNull(0) {
				continue
			}
			value := text.AppendValue(nil, v, 0, zone)
			if t.Kind == types.Binary || t.Kind == types.VarBinary {
				row[i] = fmt.Sprintf("x'%x'", value) // as the oracle writes it
				continue
			}
			row[i] = shorten(string(value))
		}
		o.Changes = append(o.Changes, Change{c.Kind.String(), strings.Join(row, " | ")})
	}
	return o
}
