package lint

import (
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/scalar"
)

// stateRules are about what a job has to remember, and whether it ever forgets.
var stateRules = []Rule{
	{Code: "SQ7201", Name: "join-without-end", run: joinWithoutEnd},
	{Code: "SQ7202", Name: "cross-join", run: crossJoin},
	{Code: "SQ7203", Name: "match-without-within", run: matchWithoutWithin},
	{Code: "SQ7204", Name: "distinct-without-end", run: distinctWithoutEnd},
	{Code: "SQ7206", Name: "limit-without-order", run: limitWithoutOrder},
	{Code: "SQ7207", Name: "changing-function-in-changes", run: changingFunction},
	{Code: "SQ7208", Name: "ttl-too-short", run: ttlTooShort},
	{Code: "SQ7210", Name: "over-without-partition", run: overWithoutPartition},
	{Code: "SQ7211", Name: "union-without-all", run: unionOfDisjoint},
	{Code: "SQ7212", Name: "join-one-sided", run: joinOneSided},
	{Code: "SQ7213", Name: "lookup-of-changes", run: lookupOfChanges},
}

// hasTTL reports that the job around the place at, or any job where the place is in none, forgets state.
func (p *pass) hasTTL(at diag.Span) bool {
	if j := p.jobAt(at); j != nil {
		return j.Config.Duration(config.StateTTL) > 0
	}
	return p.anyJob(func(c *config.Config) bool { return c.Duration(config.StateTTL) > 0 })
}

// inBatch reports that the place at is in a batch job.
func (p *pass) inBatch(at diag.Span) bool {
	j := p.jobAt(at)
	return j != nil && j.Config.String(config.RuntimeMode) == "BATCH"
}

// jobAt is the job around a place, nil where there is none.
func (p *pass) jobAt(at diag.Span) *planner.BoundJob {
	for _, j := range p.Jobs {
		if j.Span.File == at.File && j.Span.Start <= at.Start && at.End <= j.Span.End {
			return j
		}
	}
	return nil
}

// written reports whether the node with those above it is part of what goes to a table: a SELECT that is only shown
// ends with the shell.
func written(above []ast.Node) bool {
	if len(above) == 0 {
		return false
	}
	switch above[0].(type) {
	case *ast.Insert, *ast.StatementSet, *ast.CreateView, *ast.CreateTable:
		return true
	}
	return false
}

// joinWithoutEnd reports a join that remembers both sides for ever: not a lookup, not within a time, not of windows,
// not with a table of constants.
func joinWithoutEnd(p *pass) {
	each(p, func(j *ast.Join, above []ast.Node) {
		if !written(above) || j.Kind == "CROSS" && j.On == nil || p.hasTTL(j.Sp) || hintsTTL(above) || p.joinEnds(j, above) {
			return
		}
		at := j.JoinSpan
		if at.IsZero() {
			at = j.Sp
		}
		p.report(at, "this join remembers all rows of both sides for ever").At("a partner may always come").
			Help("bound it in time: ON ... AND a.t BETWEEN b.t - INTERVAL '1' HOUR AND b.t; or SET 'table.exec.state.ttl' = '1 d'")
	})
}

// hintsTTL reports a hint STATE_TTL of the SELECT around.
func hintsTTL(above []ast.Node) bool {
	core, ok := nearest[*ast.SelectCore](above)
	return ok && slices.ContainsFunc(core.Hints, func(h *ast.Hint) bool { return h.Name == "STATE_TTL" })
}

func (p *pass) joinEnds(j *ast.Join, above []ast.Node) bool {
	if j.On != nil && hasInterval(j.On) {
		return true
	}
	windows := 0
	if j.On != nil {
		within(ast.Node(j.On), func(r *ast.ColumnRef, _ []ast.Node) {
			if n := r.Name.Last().Name; n == "window_start" || n == "window_end" {
				windows++
			}
		})
	}
	for _, u := range j.Using {
		if u.Name == "window_start" || u.Name == "window_end" {
			windows++
		}
	}
	if windows > 0 {
		return true
	}
	core, ok := nearest[*ast.SelectCore](above)
	if ok && core.Where != nil && hasInterval(core.Where) {
		return true
	}
	switch r := j.Right.(type) {
	case *ast.TableName:
		if r.SysAsOf != nil {
			return true
		}
	case *ast.Unnest:
		return true
	case *ast.TableFunc:
		if r.Lateral {
			return true
		}
	case *ast.SubQuery:
		if r.Lateral {
			return true
		}
	}
	bounded := 0
	rels := p.relations(j)
	for _, r := range rels {
		if r.table != nil && strings.TrimPrefix(option(r.table, "scan.bounded.mode"), "unbounded") != "" || r.table != nil && r.table.Connector == "filesystem" && option(r.table, "source.monitor-interval") == "" {
			bounded++
		}
	}
	return len(rels) > 0 && bounded == len(rels)
}

func crossJoin(p *pass) {
	each(p, func(j *ast.Join, above []ast.Node) {
		if j.Kind != "CROSS" && (j.On != nil || len(j.Using) > 0 || j.Natural) {
			return
		}
		switch r := j.Right.(type) {
		case *ast.Unnest:
			return
		case *ast.TableFunc:
			if r.Lateral || !windowName(r.Name.Name) {
				return
			}
		case *ast.SubQuery:
			if r.Lateral {
				return
			}
		}
		// a, b WHERE a.x = b.x is a join with a condition.
		if core, ok := nearest[*ast.SelectCore](above); ok && core.Where != nil {
			left, right := names(p.relations(j.Left)), names(p.relations(j.Right))
			for _, c := range conjuncts(core.Where, "AND") {
				if l, r := mentions(c, left), mentions(c, right); l && r || !qualified(c) {
					return
				}
			}
		}
		at := j.JoinSpan
		if at.IsZero() || at.Text() == "" {
			at = j.Right.Span()
		}
		p.report(at, "every row of one side meets every row of the other").At("the result grows with the product of both").
			Help("write JOIN ... ON with the columns by which they belong together")
	})
}

func windowName(n string) bool {
	switch strings.ToUpper(n) {
	case "TUMBLE", "HOP", "CUMULATE", "SESSION":
		return true
	}
	return false
}

func names(rels []rel) (out []string) {
	for _, r := range rels {
		out = append(out, r.name)
	}
	return out
}

// mentions reports whether e has a column qualified by one of rels.
func mentions(e ast.Node, rels []string) (found bool) {
	within(e, func(r *ast.ColumnRef, _ []ast.Node) {
		if len(r.Name.Parts) > 1 && slices.Contains(rels, r.Name.Parts[0].Name) {
			found = true
		}
	})
	return found
}

// qualified reports whether every column of e says which relation it belongs to.
func qualified(e ast.Node) bool {
	all := true
	within(e, func(r *ast.ColumnRef, _ []ast.Node) { all = all && len(r.Name.Parts) > 1 })
	return all
}

// joinOneSided reports an ON in which no condition ties the two sides.
func joinOneSided(p *pass) {
	each(p, func(j *ast.Join, above []ast.Node) {
		if j.On == nil || j.Kind == "CROSS" {
			return
		}
		if _, ok := j.On.(*ast.BoolLit); ok {
			return
		}
		left, right := names(p.relations(j.Left)), names(p.relations(j.Right))
		if len(left) == 0 || len(right) == 0 || slices.Contains(left, "") || slices.Contains(right, "") || !qualified(j.On) {
			return
		}
		l, r := mentions(j.On, left), mentions(j.On, right)
		if l && r {
			return
		}
		p.report(j.On.Span(), "this ON does not say how the two sides belong together").
			At("it names one side only").Help("compare a column of %s with one of %s", left[len(left)-1], right[0])
	})
}

func matchWithoutWithin(p *pass) {
	each(p, func(m *ast.MatchRecognize, _ []ast.Node) {
		if m.Within != nil || p.inBatch(m.Sp) {
			return
		}
		p.report(m.PatternAt, "this pattern waits for its end for ever").At("rows of every match that has begun are kept").
			Help("add WITHIN INTERVAL '1' HOUR behind PATTERN (...)")
	})
}

// keepsAll are the aggregates whose state is all values.
var keepsAll = map[string]bool{"LISTAGG": true, "COLLECT": true, "ARRAY_AGG": true, "JSON_ARRAYAGG": true, "JSON_OBJECTAGG": true}

// distinctWithoutEnd reports COUNT(DISTINCT x) and the like over the whole stream: the planner speaks of growing
// keys, and here there is none.
func distinctWithoutEnd(p *pass) {
	for _, j := range p.Jobs {
		if j.Config.Duration(config.StateTTL) > 0 {
			continue
		}
		for _, in := range j.Inserts {
			if in.Query == nil || bounded(in.Query) {
				continue
			}
			walk(in.Query, func(n logical.Node) {
				a, ok := n.(*logical.Aggregate)
				if !ok || a.Windowed || len(a.Keys) > 0 {
					return
				}
				for _, g := range a.Aggs {
					if (g.Distinct || keepsAll[g.Func]) && !g.Span.IsZero() {
						p.report(g.Span, "every value that was ever seen is kept for this %s", g.Func).At("the stream has no end").
							Help("group by a window, or SET 'table.exec.state.ttl' = '7 d'")
					}
				}
			})
		}
	}
}

// bounded reports whether every table under n says where it ends.
func bounded(n logical.Node) bool {
	all := true
	walk(n, func(n logical.Node) {
		if s, ok := n.(*logical.Scan); ok {
			m := option(s.Table, "scan.bounded.mode")
			rows := option(s.Table, "number-of-rows")
			files := s.Table.Connector == "filesystem" && option(s.Table, "source.monitor-interval") == ""
			all = all && (m != "" && m != "unbounded" || rows != "" || files)
		}
	})
	return all
}

func limitWithoutOrder(p *pass) {
	each(p, func(q *ast.Query, above []ast.Node) {
		if q.Limit == nil || len(q.OrderBy) > 0 || !written(above) {
			return
		}
		if _, isValues := q.Body.(*ast.Values); isValues {
			return
		}
		p.report(q.Limit.Span(), "LIMIT without ORDER BY takes whichever rows come first").At("others each time").
			Help("add ORDER BY, or filter with WHERE")
	})
}

// updating reports whether the result of n changes rows that it has given before.
func updating(p *pass, n logical.Node) bool {
	switch n := n.(type) {
	case *logical.Aggregate:
		if !n.Windowed {
			return true
		}
	case *logical.Scan:
		return n.Table.Connector == "upsert-kafka"
	case *logical.Join:
		if n.AsOf != nil { // the changes of versions change no row of the result
			return updating(p, n.Left)
		}
	}
	return slices.ContainsFunc(n.Inputs(), func(in logical.Node) bool { return updating(p, in) })
}

func changingFunction(p *pass) {
	for _, j := range p.Jobs {
		for _, in := range j.Inserts {
			if in.Query == nil || !updating(p, in.Query) {
				continue
			}
			scalars(in.Query, func(e scalar.Expr, _ []scalar.Expr) {
				c, ok := e.(*scalar.Call)
				if !ok || c.Func.Deterministic || c.Func.Name == "PROCTIME" || c.Sp.IsZero() {
					return
				}
				p.report(c.Sp, "%s gives another value when a row of this query is changed", c.Func.Name).
					At("the old row cannot be found again by it").
					Note("the query changes rows that it has given before, and each time computes them anew").
					Help("take the value from the record, such as its timestamp, or from a query that only adds rows")
			})
		}
	}
}

// lookupOfChanges reports a lookup join over a query that changes rows: a row that is taken back is looked up anew, and what is found need
// not be what was found before.
func lookupOfChanges(p *pass) {
	for _, j := range p.Jobs {
		if j.Config.String(config.NonDeterministicUpdate) == "TRY_RESOLVE" {
			continue // what was found is kept
		}
		for _, in := range j.Inserts {
			if in.Query == nil {
				continue
			}
			walk(in.Query, func(n logical.Node) {
				join, ok := n.(*logical.Join)
				if !ok || join.AsOf == nil || !join.AsOf.Looks() || !updating(p, join.Left) {
					return
				}
				p.report(join.Sp, "this lookup join is over a query that changes rows").At("a row that is taken back is looked up anew").
					Label(join.AsOf.Sp, "what is found then need not be what was found before").
					Note("a row whose partner has changed meanwhile is not found again, and stays in the result").
					Help("SET 'table.optimizer.non-deterministic-update.strategy' = 'TRY_RESOLVE' to keep what was found, look up before the query that changes rows, or keep the table's versions: FOR SYSTEM_TIME AS OF a row time")
			})
		}
	}
}

func ttlTooShort(p *pass) {
	for _, j := range p.Jobs {
		ttl, every := j.Config.Duration(config.StateTTL), j.Config.Duration(config.CheckpointInterval)
		if ttl <= 0 || ttl >= every || every <= 0 {
			continue
		}
		at := j.Span
		if set := p.setAt(config.StateTTL, j.Span); set != nil {
			if at = set.KV.Value.Sp; bareNumber.MatchString(set.KV.Value.Value) {
				continue // its unit is missing
			}
		}
		p.report(at, "state is forgotten before the next checkpoint").At("%s, and a checkpoint every %s", j.Config.String(config.StateTTL), j.Config.String(config.CheckpointInterval)).
			Help("a TTL is hours or days: '1 d'")
	}
}

func overWithoutPartition(p *pass) {
	each(p, func(c *ast.Call, above []ast.Node) {
		if c.Over == nil || c.Over.Ref != nil || len(c.Over.PartitionBy) > 0 || !written(above) {
			return
		}
		if !p.anyJob(func(c *config.Config) bool { return c.Int(config.Parallelism) > 1 }) {
			return
		}
		p.report(c.Over.Sp, "this OVER has no PARTITION BY: one subtask gets all rows").Help("add PARTITION BY, or set 'parallelism.default' = '1'")
	})
}

// unionOfDisjoint reports a UNION that looks for duplicates: among rows which a constant tells apart, or of a stream.
func unionOfDisjoint(p *pass) {
	each(p, func(u *ast.SetOp, above []ast.Node) {
		if u.Op != "UNION" || u.All {
			return
		}
		if at := differs(u); !at.IsZero() {
			p.report(u.OpSpan, "this UNION looks for duplicates that cannot be").At("all rows are kept for it").
				Label(at, "the two sides differ here").Help("write UNION ALL").Fix(u.OpSpan, u.OpSpan.Text()+" ALL")
		} else if written(above) {
			p.report(u.OpSpan, "this UNION keeps every row to look for duplicates").At("UNION without ALL is DISTINCT").
				Help("write UNION ALL, unless duplicates have to go")
		}
	})
}

// differs is where a constant of the one side of u is another than that of the other side.
func differs(u *ast.SetOp) diag.Span {
	l, okL := u.Left.(*ast.SelectCore)
	r, okR := u.Right.(*ast.SelectCore)
	if !okL || !okR || len(l.Items) != len(r.Items) {
		return diag.Span{}
	}
	for i := range l.Items {
		if l.Items[i].Expr == nil || r.Items[i].Expr == nil {
			return diag.Span{}
		}
		a, as, aNum, ok := constant(l.Items[i].Expr)
		b, bs, bNum, ok2 := constant(r.Items[i].Expr)
		if ok && ok2 && aNum == bNum && (a != b || as != bs) {
			return r.Items[i].Sp
		}
	}
	return diag.Span{}
}

// keysOf is the group keys of the aggregate that a query's columns come from, by the columns' positions: -1 for
// what is no key. ok is false when the query is no projection of one aggregate.
func keysOf(n logical.Node) (a *logical.Aggregate, keys []int, ok bool) {
	at := scalar.FirstColumns(len(n.Cols()))
	for {
		switch x := n.(type) {
		case *logical.Calc:
			for i, c := range at {
				if c < 0 {
					continue
				}
				if r, plain := bare(x.Exprs[c]).(*scalar.Column); plain {
					at[i] = r.Index
				} else {
					at[i] = -2
				}
			}
			n = x.Input
		case *logical.Aggregate:
			return x, at, true
		default:
			return nil, nil, false
		}
	}
}

// keyColumns is the primary key of t by the positions of an insert's columns.
func keyColumns(t *catalog.Table, fields []int) (out []int) {
	for _, k := range t.PrimaryKey {
		if i := slices.Index(fields, k); i >= 0 {
			out = append(out, i)
		}
	}
	return out
}
