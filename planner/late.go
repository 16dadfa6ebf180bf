package planner

import (
	"slices"
	"strings"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/rules"
	"weir/planner/scalar"
)

// momentColumn is the column of a table of late rows that gets the watermark.
const momentColumn = "watermark"

// lateTarget is the table that late rows of t go to; nil when they are dropped. What is wrong with it has been reported by
// checkLate.
func (s *Session) lateTarget(t *catalog.Table) *rules.LateTarget {
	return s.findLate(t, diag.Span{}, &diag.List{})
}

// checkLate reports what is wrong with the table that late rows of t, read at a place, are to go to.
func (s *Session) checkLate(t *catalog.Table, at diag.Span) { s.findLate(t, at, s.diags) }

func (s *Session) findLate(t *catalog.Table, at diag.Span, diags *diag.List) *rules.LateTarget {
	target, from := s.lateTable(t, at, diags)
	if target == nil {
		return nil
	}
	return s.lateColumns(t, target, from, diags)
}

// lateTable is the table that late rows of t are to go to by its options or the setting, and where that is said; nil where there is
// none, or one that cannot be.
func (s *Session) lateTable(t *catalog.Table, at diag.Span, diags *diag.List) (target *catalog.Table, from diag.Span) {
	name := s.o.Config.String(config.LateRowsTarget)
	from = s.sets[config.LateRowsTarget]
	own := t.Options.Lookup(config.LateRowsTarget)
	if own != nil {
		name, from = own.Value, own.ValueSpan
	}
	if from.IsZero() {
		from = at
	}
	switch {
	case name == "":
		return nil, from
	case t.Watermark == nil && own == nil:
		return nil, from // the setting is for all tables; this one has no late rows
	case t.Watermark == nil:
		diags.Errorf(codes.LateRows, from, "table %s has no WATERMARK, so that no row of it is late", t.Name).Label(t.NameSpan, "defined here").
			Help("add a WATERMARK, or remove '%s'", config.LateRowsTarget)
		return nil, from
	}
	target = s.tables[name]
	switch {
	case s.broken[name]:
		return nil, from
	case target == nil && s.views[name] != nil:
		diags.Errorf(codes.LateRows, from, "late rows of %s are to go to %s, which is a view", t.Name, name).Label(s.views[name].Span, "defined here").Help("name a table")
		return nil, from
	case target == nil:
		d := diags.Errorf(codes.LateRows, from, "late rows of %s are to go to table %s, which is not known", t.Name, name)
		if g, ok := diag.Suggest(name, s.Names()); ok {
			d.Help("did you mean %s?", g)
		} else {
			d.Help("define it before this statement: CREATE TABLE %s (..., `%s` %s) WITH (...)", scalar.QuoteName(name), momentColumn, s.rowTimeType(t))
		}
		return nil, from
	case target.Name == t.Name:
		diags.Errorf(codes.LateRows, from, "late rows of %s would go to %s itself, and be late again", t.Name, t.Name).Help("name another table")
		return nil, from
	}
	if c := s.connector(target); c == nil || !c.Sink {
		diags.Errorf(codes.LateRows, from, "late rows of %s cannot go to %s: connector '%s' only reads", t.Name, target.Name, target.Connector).
			Label(target.NameSpan, "defined here")
		return nil, from
	}
	return target, from
}

// lateColumns gives the columns of target those of t, by their names, and the watermark.
func (s *Session) lateColumns(t, target *catalog.Table, from diag.Span, diags *diag.List) *rules.LateTarget {
	out := &rules.LateTarget{Table: target, Moment: -1, At: from}
	for i := range target.Columns {
		c := &target.Columns[i]
		if c.Kind == catalog.Computed || c.Kind == catalog.Metadata && c.Virtual {
			continue
		}
		if strings.EqualFold(c.Name, momentColumn) {
			if want := t.Columns[t.Watermark.Column].Type; c.Type.Kind != want.Kind {
				diags.Errorf(codes.LateRows, c.Span, "the watermark of %s is %s, and column %s of %s is %s", t.Name, s.rowTimeType(t), c.Name, target.Name, c.Type.WithNullable(true)).
					Label(from, "late rows of %s go there", t.Name).Help("declare it as %s", s.rowTimeType(t))
				return nil
			}
			out.Moment = i
			continue
		}
		k := slices.IndexFunc(t.Columns, func(s catalog.Column) bool { return s.Name == c.Name })
		if k < 0 {
			d := diags.Errorf(codes.LateRows, c.Span, "late rows of %s have no column %s", t.Name, c.Name).Label(from, "they go to %s", target.Name)
			if g, ok := diag.Suggest(c.Name, t.ColumnNames()); ok {
				d.Help("did you mean %s?", g)
			} else {
				d.Help("a table of late rows has columns of %s, by their names, and %s", t.Name, momentColumn)
			}
			return nil
		}
		src := &t.Columns[k]
		if !src.Type.EqualIgnoringNull(c.Type) {
			diags.Errorf(codes.LateRows, c.Span, "column %s of %s is %s, and in %s it is %s", c.Name, t.Name, src.Type.WithNullable(true), target.Name, c.Type.WithNullable(true)).
				Label(src.Span, "late rows come from here").Help("declare it as %s", src.Type.WithNullable(true))
			return nil
		}
		out.Columns, out.Fields = append(out.Columns, k), append(out.Fields, i)
	}
	if out.Moment < 0 {
		diags.Errorf(codes.LateRows, target.NameSpan, "table %s has no column for the watermark that a row came behind", target.Name).
			Label(from, "late rows of %s go there", t.Name).Help("add the column `%s` %s", momentColumn, s.rowTimeType(t))
		return nil
	}
	return out
}

func (s *Session) rowTimeType(t *catalog.Table) string {
	return t.Columns[t.Watermark.Column].Type.WithNullable(true).String()
}

// lateOutputs is the sinks of late rows among those of a job, for the checks that all sinks have.
func (s *Session) lateOutputs(sinks []*physical.Sink) []rules.Output {
	var out []rules.Output
	for _, k := range sinks {
		if r, ok := k.Input.(*physical.LateRows); ok {
			at := k.Span
			if o := s.tables[r.Table]; o != nil {
				if own := o.Options.Lookup(config.LateRowsTarget); own != nil {
					at = own.ValueSpan
				}
			}
			s.checkSink(k.Table, at)
			out = append(out, rules.Output{Table: k.Table, At: at, Span: k.Span})
		}
	}
	return out
}
