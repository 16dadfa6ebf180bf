package bind

import (
	"maps"
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// tableFunc binds TABLE(TUMBLE(...)) and its kin.
func (b *Binder) tableFunc(t *ast.TableFunc) (logical.Node, *scope) {
	name := strings.ToUpper(t.Name.Name)
	if name == vectorSearch {
		return b.searchAlone(t)
	}
	if tableFunctions[name] == nil {
		d := b.Diags.Errorf(codes.UnknownFunction, t.Name.Sp, "table function %s is not known", t.Name.Name)
		if s, ok := foreignFunctions[name]; ok {
			d.Help("%s", s)
		} else if t.Lateral {
			d.Help("a list is taken apart by CROSS JOIN UNNEST(list) AS u (element); what else is computed of one row stands in SELECT")
		} else if s, ok := diag.Suggest(name, slices.Sorted(maps.Keys(tableFunctions))); ok {
			d.Help("did you mean %s?", s)
		} else {
			d.Help("TUMBLE, HOP, CUMULATE, SESSION, VECTOR_SEARCH, TO_CHANGELOG and FROM_CHANGELOG are known")
		}
		return nil, nil
	}
	args, ok := b.tableArguments(t, name)
	if !ok {
		return nil, nil
	}
	if name == toChangelog || name == fromChangelog {
		return b.changelog(t, name, args)
	}
	in := b.windowInput(args["DATA"], name)
	w, ok := b.windowSpec(args, name, t.Sp)
	if in == nil || !ok {
		return nil, nil
	}
	desc := args["TIMECOL"]
	at := b.find(nodeScope(in, "", in.Span()), 0, len(in.Cols()), desc.Descriptor[0])
	if at == -1 {
		b.unknown(nodeScope(in, "", in.Span()), desc.Descriptor[0], inputName(args["DATA"]), in.Cols())
	}
	if at < 0 || !b.timeAttribute(in.Cols()[at], desc.Descriptor[0].Sp) {
		return nil, nil
	}
	w.LTZ, w.ProcTime = in.Cols()[at].Type.Kind == types.TimestampLTZ, in.Cols()[at].Time == catalog.ProcTime
	partition, ok := b.windowPartition(in, args["DATA"])
	if !ok {
		return nil, nil
	}
	tvf := newWindowTVF(in, at, w, t.Sp)
	tvf.Partition = partition
	return b.aliased(tvf, t.Alias, inputName(args["DATA"]), t.Sp)
}

func inputName(a *ast.TableArg) string {
	if a != nil && a.Table != nil {
		return a.Table.Last().Name
	}
	return ""
}

func (b *Binder) windowInput(a *ast.TableArg, name string) logical.Node {
	switch {
	case len(a.OrderBy) > 0:
		why := "the rows are ordered by their time"
		code := codes.WindowArgs
		if name == toChangelog || name == fromChangelog {
			why, code = "each row is for itself", codes.Changelog
		}
		b.Diags.Errorf(code, a.OrderBy[0].Sp, "ORDER BY has no meaning for the table of %s: %s", name, why).Help("leave it out")
		return nil
	case len(a.PartitionBy) > 0 && (name == toChangelog || name == fromChangelog):
		b.Diags.Errorf(codes.Changelog, a.PartitionBy[0].Span(), "PARTITION BY has no meaning for the table of %s: each row is for itself", name).
			Note("Flink 2.3 refuses this too").Help("leave it out")
		return nil
	case len(a.PartitionBy) > 0 && name != "SESSION":
		b.Diags.Errorf(codes.WindowArgs, a.PartitionBy[0].Span(), "PARTITION BY has no meaning for the table of %s", name).
			At("the windows are the same for all rows").Help("leave it out, and GROUP BY the column together with window_start and window_end")
		return nil
	}
	if a.Query != nil {
		return b.query(a.Query)
	}
	n, _ := b.tableName(&ast.TableName{At: a.At, Name: *a.Table})
	return n
}

// windowPartition is the columns of PARTITION BY.
func (b *Binder) windowPartition(in logical.Node, a *ast.TableArg) (cols []int, ok bool) {
	list := a.PartitionBy
	if len(list) == 1 {
		if row, isRow := list[0].(*ast.RowExpr); isRow {
			list = row.Items
		}
	}
	s := nodeScope(in, "", in.Span())
	for _, e := range list {
		ref, isRef := e.(*ast.ColumnRef)
		if !isRef || len(ref.Name.Parts) != 1 {
			b.Diags.Errorf(codes.WindowArgs, e.Span(), "PARTITION BY of SESSION takes columns of its table").
				Help("compute it below: SESSION((SELECT ..., %s AS key FROM ...) PARTITION BY key, ...)", e.Span().Text())
			return nil, false
		}
		at := b.find(s, 0, len(in.Cols()), ref.Name.Last())
		if at == -1 {
			b.unknown(s, ref.Name.Last(), inputName(a), in.Cols())
		}
		if at < 0 {
			return nil, false
		}
		if !slices.Contains(cols, at) {
			cols = append(cols, at)
		}
	}
	return cols, true
}

func (b *Binder) windowSpec(args map[string]*ast.TableArg, name string, at diag.Span) (w logical.Window, ok bool) {
	w.Span = at
	if name == "SESSION" {
		w.Kind = physical.Session
		w.Size, ok = b.windowInterval(args["GAP"].Expr, "the gap")
		w.Slide = w.Size
		return w, ok
	}
	w.Size, ok = b.windowInterval(args["SIZE"].Expr, "the size")
	w.Slide = w.Size
	part := ""
	switch name {
	case "HOP":
		w.Kind, part = physical.Hop, "slide"
	case "CUMULATE":
		w.Kind, part = physical.Cumulate, "step"
	}
	if part != "" {
		a := args[strings.ToUpper(part)]
		var ok2 bool
		w.Slide, ok2 = b.windowInterval(a.Expr, "the "+part)
		ok = ok && ok2
		if ok && w.Size%w.Slide != 0 {
			d := b.Diags.Errorf(codes.WindowArgs, args["SIZE"].Sp, "the size of a %s window must be a multiple of its %s", name, part).
				Label(a.Sp, "%s does not go into %s", scalar.IntervalText(w.Slide), scalar.IntervalText(w.Size))
			if w.Size < w.Slide {
				d.Help("the %s comes first, then the size", part)
			}
			ok = false
		}
	}
	if a := args["OFFSET"]; a != nil && a.Expr == nil {
		b.Diags.Errorf(codes.WindowArgs, a.Sp, "the offset of a window must be an interval")
		ok = false
	} else if a != nil {
		var ok2 bool
		w.Offset, ok2 = b.windowOffset(a.Expr)
		ok = ok && ok2
	}
	return w, ok
}

// windowInterval is a constant, positive interval in whole milliseconds.
func (b *Binder) windowInterval(e ast.Expr, what string) (int64, bool) {
	v, ok := b.constInterval(e, what)
	if ok && v <= 0 {
		b.Diags.Errorf(codes.WindowArgs, e.Span(), "%s of a window must be greater than zero", what)
		return 0, false
	}
	return v, ok
}

func (b *Binder) windowOffset(e ast.Expr) (int64, bool) { return b.constInterval(e, "the offset") }

func (b *Binder) constInterval(e ast.Expr, what string) (int64, bool) {
	v := b.scalarOver(e, &scope{what: "an argument of a window"}, "a window")
	if v == nil {
		return 0, false
	}
	n, ok := scalar.Int(v)
	switch {
	case v.Type().Kind == types.IntervalYearMonth:
		b.Diags.Errorf(codes.WindowArgs, e.Span(), "%s of a window cannot be months or years: they differ in length", what).
			Help("write days: INTERVAL '30' DAY")
		return 0, false
	case v.Type().Kind != types.IntervalDaySecond || !ok:
		b.Diags.Errorf(codes.WindowArgs, e.Span(), "%s of a window must be a constant interval, found %s", what, v.Type().WithNullable(true)).
			Help("write it as in INTERVAL '10' SECOND")
		return 0, false
	case n%1000 != 0:
		b.Diags.Errorf(codes.WindowArgs, e.Span(), "%s of a window must be whole milliseconds", what)
		return 0, false
	}
	return n, true
}

// timeAttribute reports whether c is a time attribute, and why not where it is not.
func (b *Binder) timeAttribute(c logical.Column, at diag.Span) bool {
	if c.Time != catalog.NoTime || b.Batch && c.Type.IsTimestamp() {
		return true
	}
	d := b.Diags.Errorf(codes.WindowTime, at, "a window needs a time attribute, and %s is none", c.Name)
	switch {
	case c.Lost != nil:
		d.Label(c.Lost.Span, "%s", c.Lost.Why)
		if c.Lost.Help != "" {
			d.Help("%s", c.Lost.Help)
		} else {
			d.Help("hand on %s unchanged to the window", c.Lost.Column)
		}
	case !c.Type.IsTimestamp():
		d.At("this is %s", c.Type.WithNullable(true)).Help("a time attribute is a TIMESTAMP(3) or TIMESTAMP_LTZ(3) column with a WATERMARK")
	case c.Table != nil && c.Table.Watermark != nil:
		d.Label(c.Table.Watermark.Span, "the WATERMARK of %s is on %s", c.Table.Name, c.Table.Columns[c.Table.Watermark.Column].Name).
			Help("use DESCRIPTOR(%s)", scalar.QuoteName(c.Table.Columns[c.Table.Watermark.Column].Name))
	case c.Table != nil:
		d.Label(c.Table.NameSpan, "%s has no WATERMARK", c.Table.Name).
			Help("add WATERMARK FOR %s AS %s - INTERVAL '5' SECOND to table %s", scalar.QuoteName(c.Name), scalar.QuoteName(c.Name), c.Table.Name)
	default:
		d.Help("a time attribute is a column with a WATERMARK, handed on unchanged")
	}
	return false
}

// newWindowTVF adds the window's columns behind those of in. The column that the window is of stays a time attribute, as in Flink, beside window_time.
func newWindowTVF(in logical.Node, time int, w logical.Window, at diag.Span) *logical.WindowTVF {
	t := &logical.WindowTVF{Base: logical.Base{Sp: at}, Input: in, Time: time, Window: w}
	t.Columns = append(t.Columns, in.Cols()...)
	n := len(t.Columns)
	ts := types.MakeTimestamp(3).NotNull()
	t.Columns = append(t.Columns, logical.Column{Name: "window_start", Type: ts})
	t.Columns = append(t.Columns, logical.Column{Name: "window_end", Type: ts})
	rt := in.Cols()[time]
	wt := rt.Type.NotNull()
	wt.Prec = 3
	t.Columns = append(t.Columns, logical.Column{Name: "window_time", Type: wt, Time: rt.Time})
	t.Win = &logical.WindowColumns{Start: n, End: n + 1, Time: n + 2, Spec: w}
	return t
}
