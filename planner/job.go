package planner

import (
	"slices"
	"strconv"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/bind"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/explain"
	"weir/planner/physical"
	"weir/planner/rules"
	"weir/planner/scalar"
)

// job plans INSERTs as one job; nil when one of them has errors.
func (s *Session) job(inserts []*ast.Insert, at diag.Span) *physical.Job {
	var outs []rules.Output
	ok := true
	s.opt.Trace() // of a statement that failed
	if s.analysis != nil {
		s.analysis.Jobs = append(s.analysis.Jobs, &BoundJob{Config: s.o.Config.Clone(), Span: at})
	}
	for _, st := range inserts {
		out := s.insert(st)
		ok = ok && out != nil
		if out != nil {
			outs = append(outs, *out)
		}
	}
	// The plans of those that are sound are made all the same, for their findings.
	sinks := s.opt.Build(outs, s.o.Config, s.bounded, s.diags)
	s.checkJob(append(outs, s.lateOutputs(sinks)...))
	if s.analysis != nil {
		s.analysis.Jobs[len(s.analysis.Jobs)-1].Sinks = sinks
	}
	if !ok || s.diags.HasErrors() {
		return nil
	}
	return &physical.Job{Name: s.jobName(outs), Sinks: sinks, Config: s.o.Config.Clone(), Fingerprint: rules.Fingerprint(sinks), Span: at,
		Rules: s.opt.Trace()}
}

// jobName is pipeline.name, or Flink's name for a job without one.
func (s *Session) jobName(outs []rules.Output) string {
	if n := s.o.Config.String(config.PipelineName); n != "" {
		return n
	}
	var names []string
	for _, o := range outs {
		if !slices.Contains(names, o.Table.Name) {
			names = append(names, o.Table.Name)
		}
	}
	return "insert-into_" + strings.Join(names, "_")
}

// insert binds one INSERT and improves its query.
func (s *Session) insert(st *ast.Insert) *rules.Output {
	found := len(s.diags.All)
	note := &BoundInsert{Stmt: st}
	if s.analysis != nil {
		j := s.analysis.Jobs[len(s.analysis.Jobs)-1]
		j.Inserts = append(j.Inserts, note)
	}
	name, ok := s.object(st.Table)
	if !ok {
		return nil
	}
	b := s.binder()
	t := s.tables[name]
	switch {
	case s.broken[name]:
		b.Query(st.Query) // for its own findings
		return nil
	case s.views[name] != nil:
		s.diags.Errorf(codes.WrongObject, st.Table.Sp, "%s is a view: rows are written to tables", name).Label(s.views[name].Span, "defined here")
		return nil
	case t == nil:
		bind.UnknownTable(s.diags, st.Table, name, "table", s.Names())
		b.Query(st.Query)
		return nil
	}
	if len(st.Hints) > 0 {
		if t = s.hinted(t, st.Hints); t == nil {
			return nil
		}
	}
	note.Table = t
	in := b.Insert(st, t)
	s.checkSources(b)
	s.checkSink(t, st.Table.Sp)
	if st.Overwrite {
		s.checkOverwrite(st, t)
	}
	if in == nil || hasErrors(s.diags.All[found:]) {
		return nil
	}
	note.Query = in.Query
	return &rules.Output{
		Table: t, Query: s.opt.Optimize(in.Query), Fields: in.Fields, SinkMode: s.sinkMode(t), At: st.Table.Sp, Span: st.Sp,
		Conflict: st.Conflict, Overwrite: st.Overwrite, Static: in.Static,
	}
}

// checkOverwrite refuses INSERT OVERWRITE where what was there cannot be replaced: Flink's rules.
func (s *Session) checkOverwrite(st *ast.Insert, t *catalog.Table) {
	at := st.Sp
	at.End = st.Table.Sp.End
	c := s.connector(t)
	switch {
	case c == nil || !c.Sink:
	case !c.Overwrite:
		s.diags.Errorf(codes.NoInsertForm, at, "table %s cannot be overwritten: connector '%s' only adds rows", t.Name, t.Connector).
			Label(t.NameSpan, "defined here").Help("write INSERT INTO, or use connector 'filesystem'")
	case !c.Fresh && s.o.Config.String(config.RuntimeMode) != "BATCH":
		s.diags.Errorf(codes.NoInsertForm, at, "INSERT OVERWRITE is for batch jobs").At("a stream has no end at which the old rows could be replaced").
			Help("SET 'execution.runtime-mode' = 'batch', or write INSERT INTO")
	}
}

// checkSources checks the tables that a query reads in that role.
func (s *Session) checkSources(b *bind.Binder) {
	for _, u := range b.Used() {
		if c := s.connector(u.Table); c != nil && !c.Source {
			s.diags.Errorf(codes.ConnectorRole, u.At, "table %s cannot be read: connector '%s' only writes", u.Table.Name, u.Table.Connector).
				Label(u.Table.NameSpan, "defined here")
			continue
		}
		if w := u.Table.Watermark; w != nil && w.OfSource() && !s.makesWatermarks(u.Table) {
			s.diags.Errorf(codes.Watermark, w.Expr.Span(), "connector '%s' makes no watermarks of its own", u.Table.Connector).
				At("it would never say how far event time has come").Label(u.At, "the table is read here").
				Note("Flink refuses this too").
				Help("compute it of the row time: WATERMARK FOR %[1]s AS %[1]s - INTERVAL '5' SECOND", scalar.QuoteName(u.Table.Columns[w.Column].Name))
			continue
		}
		s.checkTable(u.Table, catalog.UseSource)
		s.checkLate(u.Table, u.At)
		if s.o.Config.String(config.RuntimeMode) == "BATCH" && !s.bounded(u.Table) {
			d := s.diags.Errorf(codes.Unbounded, u.At, "table %s does not end, and a batch job puts its results out at the end", u.Table.Name).
				Label(u.Table.NameSpan, "defined here")
			if strings.HasSuffix(u.Table.Connector, "kafka") {
				d.Help("add 'scan.bounded.mode' = 'latest-offset' to it, to read what is there when the job starts")
			}
			d.Help("or SET 'execution.runtime-mode' = 'streaming'")
		}
	}
}

func (s *Session) checkSink(t *catalog.Table, at diag.Span) {
	c := s.connector(t)
	if c == nil {
		return
	}
	if !c.Sink {
		s.diags.Errorf(codes.ConnectorRole, at, "table %s cannot be written: connector '%s' only reads", t.Name, t.Connector).
			Label(t.NameSpan, "defined here")
		return
	}
	for i := range t.Columns {
		col := &t.Columns[i]
		if col.Kind != catalog.Metadata || col.Virtual {
			continue
		}
		if m := bind.Metadata(s.o.Registry, t, col.MetadataKey); m != nil && !m.Writable {
			s.diags.Errorf(codes.MetadataColumn, col.Span, "metadata '%s' of connector '%s' can only be read", col.MetadataKey, t.Connector).
				Label(at, "and here the table is written").Help("declare %s as VIRTUAL", scalar.QuoteName(col.Name))
		}
	}
	s.checkTable(t, catalog.UseSink)
}

// query plans a SELECT whose rows are shown.
func (s *Session) query(st *ast.Select) *QueryResult {
	b := s.binder()
	s.opt.Trace() // of a statement that failed
	n := b.Query(st.Query)
	s.checkSources(b)
	if s.analysis != nil && n != nil {
		s.analysis.Selects = append(s.analysis.Selects, n)
	}
	if n == nil || s.diags.HasErrors() {
		return nil
	}
	t := &catalog.Table{Name: rules.Collect, Connector: rules.Collect, Span: st.Sp, NameSpan: st.Sp}
	late := s.opt.LateTarget
	s.opt.LateTarget = nil // who looks at rows writes none
	out := rules.Output{Table: t, Query: s.opt.Optimize(n), SinkMode: catalog.Retract, At: st.Sp, Span: st.Sp}
	s.opt.LateTarget = late
	taken := map[string]bool{} // columns of one name get different ones, as in Flink: id, id0, id1
	for i, c := range n.Cols() {
		name := c.Name
		for n := 0; taken[name]; n++ {
			name = c.Name + strconv.Itoa(n)
		}
		taken[name] = true
		t.Columns = append(t.Columns, catalog.Column{Name: name, Type: c.Type, Time: c.Time})
		out.Fields = append(out.Fields, i)
	}
	sinks := s.opt.Build([]rules.Output{out}, s.o.Config, s.bounded, s.diags)
	if s.diags.HasErrors() {
		return nil
	}
	job := &physical.Job{Name: "select", Sinks: sinks, Config: s.o.Config.Clone(), Fingerprint: rules.Fingerprint(sinks), Span: st.Sp,
		Rules: s.opt.Trace()}
	r := &QueryResult{Job: job, Changelog: sinks[0].Changelog}
	for i := range t.Columns {
		r.Columns = append(r.Columns, physical.Column{Name: t.Columns[i].Name, Type: t.Columns[i].Type, Time: t.Columns[i].Time})
	}
	return r
}

func (s *Session) explain(st *ast.Explain) Result {
	var job *physical.Job
	switch in := st.Statement.(type) {
	case *ast.Insert:
		job = s.job([]*ast.Insert{in}, in.Sp)
	case *ast.StatementSet:
		job = s.job(in.Inserts, in.Sp)
	case *ast.Select:
		if q := s.query(in); q != nil {
			job = q.Job
		}
	default:
		s.diags.Errorf(codes.NoStatement, st.Statement.Span(), "EXPLAIN explains queries, INSERTs and statement sets")
	}
	if job == nil {
		return nil
	}
	if slices.Contains(st.Details, "ANALYZE") {
		_, query := st.Statement.(*ast.Select)
		return &AnalyzeResult{Job: job, Query: query}
	}
	return &Text{Text: explain.Text(job, st.Details)}
}
