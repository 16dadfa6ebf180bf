package unittest

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"weir/conformance/flink"
	"weir/exec/batch"
	"weir/parser/diag"
	"weir/planner/catalog"
)

// Flink runs tests on Apache Flink. weir plans them too, which gives the tables their columns. Deaths and checkpoints in a test mean nothing
// there, and are left out; processing time cannot be moved.
type Flink struct {
	Planner func() *Runner
	process *flink.Runner
}

// StartFlink starts the Java process. It needs a JDK and Maven: flink.ErrUnavailable without them.
func StartFlink(ctx context.Context, r *Runner) (*Flink, error) {
	p, err := flink.Start(ctx)
	if err != nil {
		return nil, err
	}
	return &Flink{Planner: func() *Runner { return r }, process: p}, nil
}

// Close ends the process.
func (f *Flink) Close() error { return f.process.Close() }

// Run runs one test on Flink.
func (f *Flink) Run(ctx context.Context, t *Test, style Style) *Outcome {
	began := time.Now()
	out := &Outcome{Test: t}
	defer func() { out.Took = time.Since(began) }()
	switch {
	case t.skip != "":
		out.Skipped = t.skip
	case !t.flink:
		out.Skipped = "it does not say `flink: true`"
	case slices.ContainsFunc(t.steps, func(s *step) bool { return s.advance > 0 }):
		out.Skipped = "it moves processing time, and Flink's is the machine's"
	}
	if out.Skipped != "" {
		return out
	}
	r := f.Planner()
	p, diags, err := r.compile(t)
	switch {
	case err != nil:
		out.fail(err.Error(), "")
		return out
	case p == nil && t.fails == nil:
		out.fail("the job has errors", style.findings(diags))
		return out
	}
	e := &execution{t: t, r: r, ctx: ctx, program: p, style: style, out: out, par: 1, looked: map[string]int{}}
	c := flink.Case{ID: t.File.Path + ": " + t.Name, Settings: t.set, TimeoutMS: patience.Milliseconds()}
	for _, file := range filesOf(t, p) {
		c.Script += substituted(file.Text, t.params) + "\n;\n"
	}
	if p != nil {
		e.clock = p.clock
		if err := e.flinkSteps(&c); err != nil {
			e.judge(err)
			return out
		}
	}
	res, err := f.process.Run(c)
	if err != nil {
		out.fail(err.Error(), "")
		return out
	}
	if res.Error != nil || t.fails != nil {
		// Flink has words of its own: that it fails is all that can be compared.
		switch {
		case res.Error == nil:
			out.fail("the job was to fail, and Flink runs it", "")
		case t.fails == nil:
			out.fail("Flink fails", res.Error.Error())
		}
		return out
	}
	if err := e.flinkJudge(res); err != nil {
		e.judge(err)
	}
	return out
}

// filesOf is the texts of a test's script; those of one that does not plan are read anew.
func filesOf(t *Test, p *program) []*diag.File {
	if p != nil {
		return p.files
	}
	var out []*diag.File
	for _, path := range t.File.Jobs {
		if f, err := readSQL(path); err == nil { // it was read a moment ago
			out = append(out, f)
		}
	}
	return out
}

var parameter = regexp.MustCompile(`\$\{(\w+)(:[^}]*)?\}`)

// substituted is a script with its parameters' values.
func substituted(text string, params map[string]string) string {
	return parameter.ReplaceAllStringFunc(text, func(s string) string {
		m := parameter.FindStringSubmatch(s)
		if v, ok := params[m[1]]; ok {
			return v
		}
		if m[2] != "" {
			return m[2][1:]
		}
		return s
	})
}

// flinkSteps is what a test gives, as Flink takes it.
func (e *execution) flinkSteps(c *flink.Case) error {
	jobs := slices.Clone(e.program.Jobs)
	for _, q := range e.program.Queries {
		jobs = append(jobs, q.Job)
	}
	if err := e.checkNames(jobs); err != nil {
		return err
	}
	for _, j := range jobs {
		e.jobs = append(e.jobs, &live{plan: j, sinks: outputs(j)})
	}
	for _, s := range e.t.steps {
		c.End = c.End || s.verb == "end"
		for _, g := range s.give {
			entries, err := e.entries(g)
			if err != nil {
				return err
			}
			if t, _ := e.tableOf(g.table); t.Connector == "values" {
				if c.Changes == nil {
					c.Changes = map[string]string{}
				}
				c.Changes[g.table] = changesName(e.r.sourceMode(t))
			}
			for _, x := range entries {
				st := flink.Step{Table: g.table}
				switch {
				case x.Row != nil:
					st.Kind, st.Row = x.Kind.String(), json.RawMessage(x.json)
				case x.Idle:
					st.Idle = true
				default:
					ms := x.Watermark / 1000
					st.Watermark = &ms
				}
				c.Steps = append(c.Steps, st)
			}
		}
	}
	return nil
}

// changesName is how requests to Flink name a changelog mode.
func changesName(m catalog.ChangeMode) string {
	switch m {
	case catalog.Upsert:
		return "upsert"
	case catalog.Retract:
		return "retract"
	}
	return "insert"
}

// flinkJudge compares. Flink's output has no stages: what several looks expect of a table is put together.
func (e *execution) flinkJudge(res flink.Result) error {
	last := map[string]*want{}
	var order []string
	for _, s := range e.t.steps {
		for _, w := range s.expect {
			before := last[w.table]
			switch {
			case before == nil:
				order = append(order, w.table)
				c := *w
				last[w.table] = &c
			case before.mode == wantChangelog && w.mode == wantChangelog:
				before.rows = append(slices.Clone(before.rows), w.rows...)
			case before.mode == wantEmpty:
				c := *w
				last[w.table] = &c
			case w.mode != wantEmpty:
				c := *w
				last[w.table] = &c
			}
		}
	}
	for _, name := range order {
		s, err := e.flinkSeen(last[name], res)
		if err != nil {
			return err
		}
		if err := s.judge(e.style, e.out); err != nil {
			return err
		}
	}
	e.out.edits = nil // what weir puts out is what the file says
	return nil
}

func (e *execution) flinkSeen(w *want, res flink.Result) (*seen, error) {
	f := *e.t.File
	f.diags = &diag.List{}
	s := &seen{w: w}
	var sink *output
	for _, l := range e.jobs {
		for _, o := range l.sinks {
			if o.name == w.table {
				sink = o
			}
		}
	}
	s.rower = newRower(&f, w.table, sink.columns, e.program.zone, e.t.now)
	s.shape(sink)
	got := res.Tables[w.table]
	at := make([]int, len(sink.columns))
	for i, c := range sink.columns {
		if at[i] = slices.Index(got.Columns, c.Name); at[i] < 0 {
			at[i] = i // a SELECT's own names are not everywhere the same
			if len(got.Columns) != len(sink.columns) {
				return nil, fmt.Errorf("Flink's %s has the columns %v", w.table, got.Columns)
			}
		}
	}
	// Flink may plan the same query without -U where weir has it: what it puts out then replaces rows by their key.
	replaces := !slices.ContainsFunc(got.Changes, func(g flink.Change) bool { return kinds[g.Kind] == batch.UpdateBefore })
	s.upsert = s.upsert || s.key != nil && replaces
	for _, g := range got.Changes {
		c := change{kind: kinds[g.Kind], cells: make([]cell, len(at))}
		for i, k := range at {
			if v := g.Row[k]; v == nil {
				c.cells[i].null = true
			} else {
				c.cells[i].text = *v
			}
		}
		if s.upsert && c.kind == batch.UpdateBefore {
			continue
		}
		s.all = append(s.all, c)
	}
	s.fresh = s.all
	return s, nil
}
