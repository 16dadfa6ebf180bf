package planner

import (
	"errors"
	"slices"
	"sort"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/bind"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/rules"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Options is what a session knows of the build and of the world.
type Options struct {
	Registry  *catalog.Registry
	Functions fn.Catalog
	// Config is the defaults and the flags. The session owns it from then on and puts SET into it; a
	// job gets a copy.
	Config *config.Config
	// Fold computes a constant expression; nil: only literals count as constants.
	Fold func(scalar.Expr) (types.Value, error)
	// Env looks up ${VAR} and ${VAR:default} in the values of options and settings; nil leaves them as they are.
	Env func(string) (string, bool)
	// AllowUnset: a variable that is not set is no finding, and what is then not known is not checked.
	AllowUnset bool
	// Interactive: statements come one by one from a person; notes about running a file are left out.
	Interactive bool
}

// Session is the tables, views and settings that the statements so far have made. It is used by one goroutine.
type Session struct {
	o      Options
	tables map[string]*catalog.Table
	views  map[string]*catalog.View
	broken map[string]bool
	spaces spaces
	defs   map[string]*ast.CreateTable // of tables, for ALTER TABLE
	copied map[*ast.Like]*catalog.Table
	sets   map[string]diag.Span // the SET of a key, for labels
	unset  map[diag.Span]bool   // values with variables that are not set and need not be
	diags  *diag.List           // of the statement at work
	bound  bind.Views           // as long as no statement changes what a view may have read
	opt    *rules.Optimizer

	failed   map[string]bool // keys whose SET was refused, or may have been lost in a statement that does not parse
	analysis *Analysis       // where a script's statements are noted; nil in a session of single statements
}

// NewSession is an empty session.
func NewSession(o Options) *Session {
	if o.Config == nil {
		o.Config = config.New()
	}
	s := &Session{
		o: o, tables: map[string]*catalog.Table{}, views: map[string]*catalog.View{}, broken: map[string]bool{},
		bound: bind.Views{}, spaces: newSpaces(), defs: map[string]*ast.CreateTable{}, copied: map[*ast.Like]*catalog.Table{}, sets: map[string]diag.Span{}, failed: map[string]bool{}, unset: map[diag.Span]bool{},
	}
	s.opt = &rules.Optimizer{Functions: o.Functions, SourceMode: s.sourceMode, FullLookup: s.fullLookup, OwnSearch: s.ownSearch, ReadsFields: o.Registry.ReadsFields,
		LateTarget: s.lateTarget}
	return s
}

// Config is the session's present settings; the caller must not change them.
func (s *Session) Config() *config.Config { return s.o.Config }

// SetAt is the SET that gave key its present value; ok is false where none did.
func (s *Session) SetAt(key string) (at diag.Span, ok bool) {
	at, ok = s.sets[key]
	return at, ok
}

// Table is the table called name, nil when there is none.
func (s *Session) Table(name string) *catalog.Table { return s.tables[name] }

// View is the view called name, nil when there is none.
func (s *Session) View(name string) *catalog.View { return s.views[name] }

// Broken reports a name whose definition had errors.
func (s *Session) Broken(name string) bool { return s.broken[name] }

// Names is the names of all tables and views, sorted.
func (s *Session) Names() []string {
	var out []string
	for n := range s.tables {
		out = append(out, n)
	}
	for n := range s.views {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

var _ bind.Catalog = (*Session)(nil)

// Result is what a statement gave: one of the types below.
type Result interface{ result() }

// Results.
type (
	// Done is a statement that changed the session.
	Done struct{ Message string }
	// Rows is a table to show: SHOW, DESCRIBE, a bare SET.
	Rows struct {
		Columns []string
		Rows    [][]string
	}
	// Text is lines to show: EXPLAIN, SHOW CREATE TABLE.
	Text struct{ Text string }
	// JobResult is a job to run: INSERT or a statement set.
	JobResult struct{ Job *physical.Job }
	// QueryResult is a SELECT to run and show. Its job has one sink, of connector "collect".
	QueryResult struct {
		Job       *physical.Job
		Columns   []physical.Column
		Changelog physical.Changelog
	}
	// AnalyzeResult is a job or a query to run, whose plan is to be shown with what its operators did: EXPLAIN ANALYZE.
	AnalyzeResult struct {
		Job   *physical.Job
		Query bool // a SELECT: its rows are not shown
	}
)

func (*Done) result()        {}
func (*Rows) result()        {}
func (*Text) result()        {}
func (*JobResult) result()   {}
func (*QueryResult) result() {}

func (*AnalyzeResult) result() {}

// Execute checks and plans one statement, and changes the session by it. The result is nil when the
// findings, which are never nil, have errors. In an interactive session nothing was changed then; in a file the
// name of a definition that failed is remembered, and a statement that uses it gives no result and no finding.
func (s *Session) Execute(st ast.Statement) (Result, *diag.List) {
	diags := &diag.List{}
	s.diags = diags
	r := s.execute(st)
	switch st.(type) {
	case *ast.Set, *ast.Reset, *ast.Drop, *ast.AlterTable, *ast.DropSpace:
		s.bound = bind.Views{}
	}
	diags.All = unique(diags.All)
	diags.Sort()
	if diags.HasErrors() {
		return nil, diags
	}
	return r, diags
}

// unique leaves out findings that were made twice, as when a view is used twice.
func unique(all []*diag.Diagnostic) []*diag.Diagnostic {
	type id struct {
		code, title string
		span        diag.Span
	}
	seen := map[id]bool{}
	var out []*diag.Diagnostic
	for _, d := range all {
		k := id{d.Code, d.Title, d.Span}
		if !seen[k] {
			seen[k] = true
			out = append(out, d)
		}
	}
	return out
}

func (s *Session) execute(st ast.Statement) Result {
	switch st := st.(type) {
	case *ast.Set:
		return s.set(st)
	case *ast.Reset:
		return s.reset(st)
	case *ast.CreateTable:
		return s.createTable(st)
	case *ast.CreateView:
		return s.createView(st)
	case *ast.Drop:
		return s.drop(st)
	case *ast.AlterTable:
		return s.alterTable(st)
	case *ast.Inert:
		s.diags.Warnf(codes.StatementNoEffect, st.Sp, "%s has no effect: %s", st.Words, inert[st.Words]).Severity = diag.Note
		return &Done{Message: st.Words + " has no effect"}
	case *ast.Use:
		return s.use(st)
	case *ast.CreateSpace:
		return s.createSpace(st)
	case *ast.DropSpace:
		return s.dropSpace(st)
	case *ast.Insert:
		if j := s.job([]*ast.Insert{st}, st.Sp); j != nil {
			return &JobResult{Job: j}
		}
		return nil
	case *ast.StatementSet:
		if j := s.job(st.Inserts, st.Sp); j != nil {
			return &JobResult{Job: j}
		}
		return nil
	case *ast.Select:
		if q := s.query(st); q != nil {
			return q
		}
		return nil
	case *ast.Explain:
		return s.explain(st)
	case *ast.Show:
		return s.show(st)
	case *ast.Describe:
		switch st.What {
		case "JOB":
			s.shellOnly(st.Sp, "DESCRIBE JOB", "weir run shows how a running file does")
			return nil
		case "TOPIC":
			s.shellOnly(st.Sp, "DESCRIBE TOPIC", "write weir sql -c \"DESCRIBE TOPIC '%s'\"", st.Target.Value)
			return nil
		}
		return s.describe(st.Name)
	case *ast.StopJob:
		s.shellOnly(st.Sp, "STOP JOB", "stop a running file with SIGTERM: it commits what it has and leaves")
		return nil
	}
	s.diags.Errorf(codes.NoStatement, st.Span(), "this statement is not supported")
	return nil
}

// shellOnly refuses a statement that a shell executes before it asks the planner.
func (s *Session) shellOnly(at diag.Span, what, help string, args ...any) {
	s.diags.Errorf(codes.NoStatement, at, "%s works in the shell only", what).Help(help, args...)
}

// inert is why some statements of Flink have no effect.
var inert = map[string]string{
	"ADD JAR": "connectors and formats are built in", "REMOVE JAR": "connectors and formats are built in",
	"LOAD MODULE": "all functions are there", "UNLOAD MODULE": "all functions are there", "USE MODULES": "all functions are there",
	"ANALYZE TABLE": "weir plans without statistics",
}

// instead is keys that have no meaning here, with what to do.
var instead = map[string]string{
	"execution.state-recovery.path": "leave it out, and start with weir run --restore DIRECTORY",
	"execution.savepoint.path":      "leave it out, and start with weir run --restore DIRECTORY",
	"table.planner":                 "leave it out: there is one planner",
	"execution.planner":             "leave it out: there is one planner",
	"execution.type":                "write SET 'execution.runtime-mode' = 'streaming' or 'batch'",
	"execution.result-mode":         "write SET 'sql-client.execution.result-mode'",
	"execution.parallelism":         "write SET 'parallelism.default'",
	// of Confluent's Flink
	"sql.state-ttl":                "write SET 'table.exec.state.ttl'",
	"sql.local-time-zone":          "write SET 'table.local-time-zone'",
	"sql.current-catalog":          "write USE CATALOG name",
	"sql.current-database":         "write USE name",
	"sql.tables.scan.idle-timeout": "write SET 'table.exec.source.idle-timeout'",
	"sql.tables.scan.startup.mode": "write 'scan.startup.mode' into the options of each table that is read",
	"sql.tables.scan.bounded.mode": "write 'scan.bounded.mode' into the options of each table that is read",
	"sql.snapshot.mode":            "write SET 'execution.runtime-mode' = 'batch', and 'scan.bounded.mode' = 'latest-offset' into the options of each table that is read",
	"sql.dry-run":                  "leave it out, and look with weir check",
}

func (s *Session) set(st *ast.Set) Result {
	cfg := s.o.Config
	if st.KV == nil {
		r := &Rows{Columns: []string{"key", "value", "from"}}
		for _, k := range cfg.Settings() {
			r.Rows = append(r.Rows, []string{k, cfg.String(k), string(cfg.OriginOf(k))})
		}
		return r
	}
	key := st.KV.Key.Value
	spec := config.Lookup(key)
	if spec != nil && spec.Key != key {
		s.diags.Warnf(codes.SettingNoEffect, st.KV.Key.Sp, "'%s' is called '%s' now, which is set", key, spec.Key).Severity = diag.Note
		key = spec.Key
	}
	value, ok := s.expand(st.KV.Value.Value, st.KV.Value.Sp)
	if !ok {
		return nil
	}
	if s.unset[st.KV.Value.Sp] && spec != nil {
		return &Done{Message: "'" + key + "' depends on the environment"}
	}
	err := cfg.Set(key, value, config.FromFile)
	var unknown *config.UnknownKeyError
	switch {
	case errors.As(err, &unknown):
		s.unknownSetting(key, st.KV.Key.Sp)
		return nil
	case err != nil:
		s.failed[key] = true
		d := s.diags.Errorf(codes.SettingValue, st.KV.Value.Sp, "%s", err)
		if g, ok := diag.Suggest(strings.ToUpper(st.KV.Value.Value), spec.Values); ok {
			d.Help("did you mean '%s'?", g)
		}
		return nil
	}
	s.sets[key] = st.Sp
	if spec := config.NoEffect(key); spec != nil {
		s.diags.Warnf(codes.SettingNoEffect, st.KV.Key.Sp, "'%s' has no effect: %s", key, spec.Doc).Severity = diag.Note
	}
	if cfg.OriginOf(key) == config.FromFlag && cfg.String(key) != value {
		return &Done{Message: "'" + key + "' stays '" + cfg.String(key) + "', as the command line says"}
	}
	return &Done{Message: "'" + key + "' is set"}
}

func (s *Session) unknownSetting(key string, at diag.Span) {
	d := s.diags.Errorf(codes.UnknownSetting, at, "setting '%s' is not known", key)
	if help, ok := instead[key]; ok {
		d.Help("%s", help)
		return
	}
	names := make([]string, len(config.Keys))
	for i := range config.Keys {
		names[i] = config.Keys[i].Key
	}
	if g, ok := diag.Suggest(key, names); ok {
		s.failed[g] = true
		d.Help("did you mean '%s'?", g)
	} else {
		d.Help("a setting that weir does not know is never ignored: remove it")
	}
}

func (s *Session) reset(st *ast.Reset) Result {
	if st.Key == nil {
		s.o.Config.Reset("")
		s.sets = map[string]diag.Span{}
		return &Done{Message: "all settings are back to their defaults"}
	}
	spec := config.Lookup(st.Key.Value)
	if spec == nil {
		s.unknownSetting(st.Key.Value, st.Key.Sp)
		return nil
	}
	s.o.Config.Reset(spec.Key)
	delete(s.sets, spec.Key)
	return &Done{Message: "'" + spec.Key + "' is back to its default"}
}

func (s *Session) createView(st *ast.CreateView) Result {
	name, at, ok, there := s.newName(st.Name, st.IfNotExists)
	if !ok {
		return there
	}
	v := &catalog.View{Name: name, In: s.spaces.at, Columns: st.Columns, Query: st.Query, Temporary: st.Temporary, Span: st.Sp}
	if st.Comment != nil {
		v.Comment = st.Comment.Value
	}
	n := s.bindView(v)
	if n == nil {
		s.markBroken(name)
		return nil
	}
	if s.analysis != nil {
		s.analysis.Views = append(s.analysis.Views, &BoundView{View: v, Query: n})
	}
	delete(s.broken, name)
	s.views[name] = v
	s.spaces.holds[name] = at
	return &Done{Message: "view " + name + " is created"}
}

// bindView binds the query of v for its columns and its findings.
func (s *Session) bindView(v *catalog.View) logical.Node {
	b := s.binder()
	n := b.Query(v.Query)
	if n == nil {
		return nil
	}
	if v.Columns != nil && len(v.Columns) != len(n.Cols()) {
		s.diags.Errorf(codes.ColumnCount, v.Columns[0].Sp.To(v.Columns[len(v.Columns)-1].Sp), "view %s has %d names for the %d columns of its query", v.Name, len(v.Columns), len(n.Cols()))
		return nil
	}
	seen := map[string]bool{}
	for i, c := range n.Cols() {
		name, at := c.Name, v.Query.Sp
		if v.Columns != nil {
			name, at = v.Columns[i].Name, v.Columns[i].Sp
		}
		if seen[name] {
			s.diags.Errorf(codes.Duplicate, at, "view %s would have two columns called %s", v.Name, name).Help("give one of them another name with AS")
			return nil
		}
		seen[name] = true
	}
	return n
}

// markBroken remembers a definition that failed, so that a file's later statements are not blamed for it. A person at
// a prompt knows it and gets the plain answer.
func (s *Session) markBroken(name string) {
	if !s.o.Interactive {
		s.broken[name] = true
	}
}

// newName is the name and the place of a table or view that a statement defines. Where it defines nothing ok is false: after a finding, or
// since IF NOT EXISTS found it there, which is then the statement's result.
func (s *Session) newName(n ast.Name, ifNotExists bool) (name string, at catalog.Place, ok bool, there Result) {
	name, at, ok = s.Object(n, s.spaces.at, s.diags)
	switch {
	case !ok:
		return name, at, false, nil
	case s.exists(name, ifNotExists, n.Sp):
		return name, at, false, &Done{Message: name + " is there already"}
	}
	return name, at, !s.diags.HasErrors(), nil
}

// exists reports, unless that is allowed, a name that is taken.
func (s *Session) exists(name string, allowed bool, at diag.Span) bool {
	t, v := s.tables[name], s.views[name]
	if t == nil && v == nil {
		return false
	}
	if allowed {
		return true
	}
	d := s.diags.Errorf(codes.Duplicate, at, "%s is already defined", name)
	if t != nil {
		d.Label(t.NameSpan, "first here")
	} else {
		d.Label(v.Span, "first here")
	}
	d.Help("give it another name, write IF NOT EXISTS, or DROP the first one")
	return false
}

func (s *Session) drop(st *ast.Drop) Result {
	name, ok := s.object(st.Name)
	if !ok {
		return nil
	}
	what, other := "table", "view"
	_, found := s.tables[name]
	_, wrong := s.views[name]
	if st.View {
		what, other, found, wrong = other, what, wrong, found
	}
	switch {
	case found:
		delete(s.tables, name)
		if st.View {
			delete(s.views, name)
		}
		return &Done{Message: what + " " + name + " is dropped"}
	case wrong:
		s.diags.Errorf(codes.WrongObject, st.Name.Sp, "%s is a %s, not a %s", name, other, what).Help("write DROP %s %s", upper(other), scalar.QuoteName(name))
		return nil
	case s.broken[name], st.IfExists:
		delete(s.broken, name)
		return &Done{Message: what + " " + name + " is not there"}
	}
	bind.UnknownTable(s.diags, st.Name, name, what, s.Names())
	return nil
}

func upper(what string) string {
	if what == "view" {
		return "VIEW"
	}
	return "TABLE"
}

// binder is a binder for one query of the statement at work.
func (s *Session) binder() *bind.Binder {
	return &bind.Binder{
		Functions: s.o.Functions, Catalog: s, In: s.spaces.at, Registry: s.o.Registry, Zone: s.o.Config.Zone(), Diags: s.diags, Fold: s.o.Fold,
		Hints: s.hinted, Views: s.bound, Batch: s.o.Config.String(config.RuntimeMode) == "BATCH", LegacyCast: strings.EqualFold(s.o.Config.String(config.LegacyCast), "ENABLED"),
		NullsWithin: s.o.Config.String(config.NestedEnforcer) != "IGNORE",
	}
}

func (s *Session) connector(t *catalog.Table) *catalog.ConnectorSpec {
	if s.o.Registry == nil {
		return nil
	}
	return s.o.Registry.Connectors[t.Connector]
}

func (s *Session) sourceMode(t *catalog.Table) catalog.ChangeMode {
	if c := s.connector(t); c != nil && c.SourceMode != nil {
		return c.SourceMode(t)
	}
	return catalog.InsertOnly
}

func (s *Session) sinkMode(t *catalog.Table) catalog.ChangeMode {
	if t.Connector == rules.Collect {
		return catalog.Retract
	}
	if c := s.connector(t); c != nil && c.SinkMode != nil {
		return c.SinkMode(t)
	} else if c == nil && s.o.Registry != nil {
		return catalog.Retract // of a connector that is not known, which is said where the table is defined
	}
	return catalog.InsertOnly
}

// fullLookup reports a table that is looked up in memory only.
func (s *Session) fullLookup(t *catalog.Table) bool {
	c := s.connector(t)
	return c != nil && c.FullLookup
}

// makesWatermarks reports a table whose connector makes watermarks by itself.
func (s *Session) makesWatermarks(t *catalog.Table) bool {
	c := s.connector(t)
	return c != nil && c.SourceWatermark
}

// ownSearch reports a table whose connector searches it by vectors.
func (s *Session) ownSearch(t *catalog.Table) bool {
	c := s.connector(t)
	return c != nil && c.OwnSearch
}

func (s *Session) bounded(t *catalog.Table) bool {
	c := s.connector(t)
	return c != nil && c.Bounded != nil && c.Bounded(t)
}

// hinted is t with the options of a hint.
func (s *Session) hinted(t *catalog.Table, hints []*ast.Property) *catalog.Table {
	c := *t
	c.Options = slices.Clone(t.Options)
	opts, ok := s.options(hints)
	for _, o := range opts {
		if o.Key == "connector" {
			s.diags.Errorf(codes.NoHint, o.KeySpan, "a hint cannot change the connector of a table")
			ok = false
		}
	}
	c.Options = append(c.Options, opts...)
	if !ok || !s.checkOptions(&c, diag.Span{}) {
		return nil
	}
	return &c
}
