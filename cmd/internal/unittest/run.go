package unittest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"weir/exec"
	"weir/exec/expr"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/rules"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Runner runs tests on weir itself. It is used by one goroutine at a time, but for Run.
type Runner struct {
	// Planner is what the planner knows of this build, for the given settings.
	Planner func(*config.Config) planner.Options
	// Chaos runs each test also with a death behind every row.
	Chaos bool
	// Coverage, when set, notes which ways the conditions of the jobs went.
	Coverage *Coverage
}

// Outcome is how a test came out.
type Outcome struct {
	Test    *Test
	Took    time.Duration
	Failure string // what is wrong, in one line; empty: it passed
	Detail  string // the difference, in full; it has no colours
	Skipped string // why it was not run; empty: it was
	Checks  []Check
	edits   []edit
}

// Check is one look at a table, for who wants to see them all (-v).
type Check struct {
	Table, Mode string
	Changes     int
	OK          bool
}

// fail notes the first failure.
func (o *Outcome) fail(title, detail string) {
	if o.Failure == "" {
		o.Failure = title
	}
	if o.Detail != "" {
		o.Detail += "\n"
	}
	o.Detail += detail
}

// patience is how long one test may take, of real time. None should take a second; machines that do much else besides are slow.
const patience = 3 * time.Minute

// errTooLong ends a test whose job does not come to rest.
var errTooLong = fmt.Errorf("the job did not come to rest within %s", patience)

// Run runs one test. Style draws differences.
func (r *Runner) Run(ctx context.Context, t *Test, style Style) *Outcome {
	began := time.Now()
	out := &Outcome{Test: t}
	defer func() { out.Took = time.Since(began) }()
	if t.skip != "" {
		out.Skipped = t.skip
		return out
	}
	r.run(ctx, t, nil, style, out)
	if out.Failure != "" || !r.Chaos {
		return out
	}
	for _, c := range chaosOf(t) {
		r.run(ctx, t, c, style, out)
		if out.Failure != "" {
			out.Failure = c.name + ": " + out.Failure
			break
		}
	}
	return out
}

// run runs t once; with chaos, killed and restored on its way.
func (r *Runner) run(ctx context.Context, t *Test, c *chaos, style Style, out *Outcome) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errTooLong)
	defer cancel()
	p, diags, err := r.compile(t)
	if err != nil {
		out.fail(err.Error(), "")
		return
	}
	if t.warns != nil {
		checkWarnings(t, diags, style, out)
	}
	if p == nil {
		r.refused(t, diags, style, out)
		return
	}
	e := &execution{t: t, r: r, ctx: ctx, program: p, chaos: c, style: style, out: out, par: t.par, clock: p.clock,
		looked: map[string]int{}, durable: c != nil}
	for _, s := range t.steps {
		e.durable = e.durable || slices.Contains([]string{"checkpoint", "kill", "stop", "restore"}, s.verb)
	}
	err = e.run()
	if cerr := e.close(); err == nil {
		err = cerr
	}
	if r.Coverage != nil && c == nil {
		r.Coverage.ran(e)
	}
	e.judge(err)
}

// program is a planned test.
type program struct {
	*planner.Program
	clock *clock
	files []*diag.File
	zone  *time.Location
}

// compile plans the jobs of a test. The program is nil when they have errors.
func (r *Runner) compile(t *Test) (*program, *diag.List, error) {
	var files []*diag.File
	for _, path := range t.File.Jobs {
		f, err := readSQL(path)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, f)
	}
	if t.query != "" {
		files = append(files, &diag.File{Name: fmt.Sprintf("%s:%d: query", t.File.Path, t.queryAt.Line), Text: strings.TrimRight(strings.TrimSpace(t.query), ";") + ";"})
	}
	cfg := config.New()
	for k, v := range t.set {
		if err := cfg.Set(k, v, config.FromFlag); err != nil {
			return nil, nil, fmt.Errorf("set: %w", err)
		}
	}
	p := &program{clock: &clock{now: t.now}, files: files}
	o := r.Planner(cfg)
	o.AllowUnset = false
	o.Env = func(name string) (string, bool) { v, ok := t.params[name]; return v, ok } // and not of the machine's
	o.Fold = func(e scalar.Expr) (types.Value, error) {
		return expr.Fold(e, expr.Env{Zone: cfg.Zone(), Clock: p.clock.Now})
	}
	var diags *diag.List
	p.Program, diags = planner.Compile(files, o)
	if p.Program == nil {
		return nil, diags, nil
	}
	p.zone = cfg.Zone()
	return p, diags, nil
}

func readSQL(path string) (*diag.File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the job of the test: %w; name it with `job:`", err)
	}
	return &diag.File{Name: path, Text: string(text)}, nil
}

// checkWarnings compares the codes of the findings that are no errors.
func checkWarnings(t *Test, diags *diag.List, style Style, out *Outcome) {
	var got []string
	for _, d := range diags.All {
		if d.Severity != diag.Error && !slices.Contains(got, d.Code) {
			got = append(got, d.Code)
		}
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(t.warns.codes))
	if !slices.Equal(got, want) {
		out.fail(fmt.Sprintf("expected the findings %s, found %s", listed(want), listed(got)), style.findings(diags))
		out.edits = append(out.edits, edit{key: t.warns.at, text: "[" + strings.Join(got, ", ") + "]"})
	}
}

func listed(codes []string) string {
	if len(codes) == 0 {
		return "none"
	}
	return strings.Join(codes, ", ")
}

// refused judges a job that does not plan.
func (r *Runner) refused(t *Test, diags *diag.List, style Style, out *Outcome) {
	if t.fails == nil {
		if t.warns == nil || len(t.steps) > 1 {
			out.fail("the job has errors", style.findings(diags))
		}
		return
	}
	for _, d := range diags.All {
		if d.Severity == diag.Error && t.fails.is(d.Code, d.Title, d.Here, strings.Join(d.Helps, " "), strings.Join(d.Notes, " ")) {
			return
		}
	}
	out.fail("the job fails in another way than "+t.fails.String(), style.findings(diags))
	for _, d := range diags.All {
		if d.Severity == diag.Error {
			out.edits = append(out.edits, edit{node: t.fails.at, key: t.fails.at, text: fmt.Sprintf("{code: %s, text: %s}", d.Code, quoted(d.Title))})
			break
		}
	}
}

func (f *failure) is(code string, texts ...string) bool {
	return (f.code == "" || f.code == code) && strings.Contains(strings.Join(texts, "\n"), f.text)
}

func (f *failure) String() string {
	switch {
	case f.code == "":
		return fmt.Sprintf("with %q", f.text)
	case f.text == "":
		return "with " + f.code
	}
	return fmt.Sprintf("with %s and %q", f.code, f.text)
}

// judge compares the end of a run with how the job was to fail.
func (e *execution) judge(err error) {
	t := e.t
	var wrong *wrongTest
	switch {
	case errors.As(err, &wrong):
		e.out.fail(wrong.title, e.style.findings(wrong.diags))
	case err == nil && t.fails != nil:
		e.out.fail("the job was to fail "+t.fails.String()+", and did not", "")
	case err == nil:
	case t.fails != nil && t.fails.is("", err.Error(), help(err)) && t.fails.code == "":
	default:
		text := err.Error()
		if h := help(err); h != "" {
			text += "\nhelp: " + h
		}
		title := "the job failed"
		if t.fails != nil {
			title = "the job fails in another way than " + t.fails.String()
			e.out.edits = append(e.out.edits, edit{node: t.fails.at, key: t.fails.at, text: quoted(err.Error())})
		}
		e.out.fail(title, text)
	}
}

// help is what to do about an error, where it says so.
func help(err error) string {
	var e *exec.Error
	if errors.As(err, &e) {
		return e.Help
	}
	return ""
}

// wrongTest is a test that does not fit its job.
type wrongTest struct {
	title string
	diags *diag.List
}

func (w *wrongTest) Error() string { return w.title }

// execution is one run of one test.
type execution struct {
	t       *Test
	r       *Runner
	ctx     context.Context
	program *program
	chaos   *chaos
	style   Style
	out     *Outcome
	clock   *clock
	durable bool // with checkpoints
	par     int
	down    bool // the test has ended the jobs

	jobs   []*live
	looked map[string]int // changes of each table that have been looked at
}

// run makes the steps.
func (e *execution) run() error {
	jobs := slices.Clone(e.program.Jobs)
	for _, q := range e.program.Queries {
		jobs = append(jobs, q.Job)
	}
	if len(jobs) == 0 {
		return errors.New("there is nothing to test: the job has no INSERT; select from a view with `query:`")
	}
	if err := e.checkNames(jobs); err != nil {
		return err
	}
	for _, j := range jobs {
		l, err := newLive(e, j)
		if err != nil {
			return err
		}
		e.jobs = append(e.jobs, l)
	}
	if err := e.start(); err != nil {
		return err
	}
	for _, s := range e.t.steps {
		if err := e.step(s); err != nil {
			return err
		}
	}
	return nil
}

func (e *execution) step(s *step) error {
	switch {
	case s.give != nil:
		return e.give(s.give)
	case s.expect != nil:
		return e.expect(s)
	case s.advance > 0:
		return e.advance(s.advance)
	}
	switch s.verb {
	case "checkpoint":
		return e.checkpoint()
	case "kill":
		e.down = true
		return e.kill()
	case "stop":
		e.down = true
		return e.stop()
	case "restore":
		if s.par > 0 {
			e.par = s.par
		}
		if err := e.kill(); err != nil { // a job that runs is killed first
			return err
		}
		return e.start()
	case "end":
		return e.finish()
	}
	return nil
}

// checkNames reports tables that the jobs do not have, before anything runs.
func (e *execution) checkNames(jobs []*physical.Job) error {
	read, written := map[string]bool{}, map[string]bool{}
	for _, j := range jobs {
		for n := range j.Nodes() {
			if s, ok := n.(*physical.Sink); ok {
				written[shown(s.Table)] = true
			}
			if t, _ := readBy(n); t != nil {
				read[t.Name] = true
			}
		}
	}
	f := *e.t.File
	f.diags = &diag.List{}
	name := func(set map[string]bool, g string) []string {
		var out []string
		for n := range set {
			out = append(out, n)
		}
		slices.Sort(out)
		return out
	}
	for _, s := range e.t.steps {
		for _, g := range s.give {
			if !read[g.table] {
				suggest(f.errorf(codeName, g.at, "no INSERT reads a table %s", g.table), g.table, name(read, g.table), "read")
			}
		}
		for _, w := range s.expect {
			if !written[w.table] {
				suggest(f.errorf(codeName, w.at, "no INSERT writes a table %s", w.table), w.table, name(written, w.table), "written")
			}
		}
	}
	if len(f.diags.All) > 0 {
		return &wrongTest{"the test names tables that the job does not have", f.diags}
	}
	return nil
}

func suggest(d *diag.Diagnostic, name string, known []string, verb string) {
	if near, ok := diag.Suggest(name, known); ok {
		d.Help("did you mean %s?", near)
		return
	}
	d.Help("these are %s: %s", verb, strings.Join(known, ", "))
}

// shown is the name by which tests know a written table.
func shown(t *catalog.Table) string {
	if t.Connector == rules.Collect {
		return "query"
	}
	return t.Name
}

// give feeds rows.
func (e *execution) give(all []given) error {
	for _, g := range all {
		entries, err := e.entries(g)
		if err != nil {
			return err
		}
		for _, x := range entries {
			if err := e.feed(g.table, x.Entry); err != nil {
				return err
			}
			if e.chaos != nil {
				if err := e.chaos.strike(e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// entries resolves what a test gives a table.
func (e *execution) entries(g given) ([]entry, error) {
	table, looked := e.tableOf(g.table)
	f := *e.t.File
	f.diags = &diag.List{}
	var cols []column
	var at []int // index into the table's columns
	for i, c := range table.Columns {
		if c.Kind != catalog.Computed {
			cols, at = append(cols, column{c.Name, c.Type}), append(at, i)
		}
	}
	r := newRower(&f, g.table, cols, e.program.zone, e.t.now)
	if w := table.Watermark; w != nil {
		c := table.Columns[w.Column]
		if r.rowTime = slices.Index(at, w.Column); r.rowTime < 0 {
			r.rowTime, r.hidden = 0, &column{c.Name, c.Type}
		}
	}
	out := r.entries(g.rows)
	mode := e.r.sourceMode(table)
	if looked {
		mode = catalog.Retract // what happens to the rows of a table is not up to its connector
	}
	for i := range out {
		x := &out[i]
		if x.Row == nil {
			continue
		}
		if !allowed(mode, x.Kind) {
			f.errorf(codeValue, x.at, "table %s never has a change of kind %s", g.table, x.Kind).
				Help("%s", modeHelp(mode, table.Connector))
		}
		wide := make([]types.Value, len(table.Columns))
		for k, v := range x.Row {
			wide[at[k]] = v
		}
		x.Row = wide
	}
	if len(f.diags.All) > 0 {
		return nil, &wrongTest{"the rows of " + g.table + " do not fit the table", f.diags}
	}
	return out, nil
}

// sourceMode is which changes a table gives.
func (r *Runner) sourceMode(t *catalog.Table) catalog.ChangeMode {
	if c := r.Planner(config.New()).Registry.Connectors[t.Connector]; c != nil && c.SourceMode != nil {
		return c.SourceMode(t)
	}
	return catalog.InsertOnly
}

// allowed reports whether a table of the mode has changes of the kind.
func allowed(mode catalog.ChangeMode, kind fmt.Stringer) bool {
	switch mode {
	case catalog.Retract:
		return true
	case catalog.Upsert:
		return kind.String() != "-U"
	}
	return kind.String() == "+I"
}

func modeHelp(mode catalog.ChangeMode, connector string) string {
	if mode == catalog.Upsert {
		return fmt.Sprintf("connector '%s' reads +I, +U and -D by key", connector)
	}
	return fmt.Sprintf("connector '%s' with this format reads rows, not changes: they are +I", connector)
}

// tableOf is a table that the jobs read; looked: it is looked up and not read.
func (e *execution) tableOf(table string) (t *catalog.Table, looked bool) {
	for _, l := range e.jobs {
		for n := range l.plan.Nodes() {
			if u, by := readBy(n); u != nil && u.Name == table && (t == nil || looked) {
				t, looked = u, by
			}
		}
	}
	return t, looked
}

// readBy is the table that n reads, or looks rows up in.
func readBy(n physical.Node) (t *catalog.Table, looked bool) {
	switch n := n.(type) {
	case *physical.Scan:
		return n.Table, false
	case *physical.LookupJoin:
		return n.Lookup.Table, true
	case *physical.VectorSearch:
		return n.Lookup.Table, true
	}
	return nil, false
}
