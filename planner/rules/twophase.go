package rules

import (
	"slices"

	"weir/parser/diag"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
)

// An aggregation in two phases: a LocalAggregate where the rows are, then the exchange, then the aggregation, which merges partial results. The
// state is that of the second phase, and the same as in one phase: a job may go from one to the other and back.

// groupLocal puts the first phase of g below its exchange where that leaves the changes as they are: with mini-batches, where there is one
// change a key for many rows anyway, and in a batch, whose last changes count.
func (b *builder) groupLocal(in built, g *physical.GroupAggregate, id string, at diag.Span) built {
	if g.MiniBatch == nil && !b.batch {
		return in
	}
	l := &physical.LocalAggregate{Keys: g.Keys, Aggs: g.Aggs, InputRetracts: g.InputRetracts, Hold: -1}
	if m := g.MiniBatch; m != nil {
		// Both phases together hold rows no longer than they may be held.
		l.Hold, l.Size = m.Latency/10, m.Size
	}
	in, g.TwoPhase = b.local(in, l, id, at)
	if g.TwoPhase {
		g.Held = max(0, l.Hold)
	}
	return in
}

// windowLocal puts the first phase of w below its exchange where rows fall into one slice of time each. Rows of different slices do not keep their order,
// which CUMULATE would show: it adds rows that come late to slices before theirs.
func (b *builder) windowLocal(in built, w *physical.WindowAggregate, id string, at diag.Span) (built, bool) {
	win := w.Window
	if win.Kind == physical.Cumulate && slices.ContainsFunc(w.Aggs, ordered) {
		return in, false
	}
	if win.ProcTime || win.Kind == physical.Session || win.TimeColumn >= 0 && win.Kind != physical.Tumble && (win.Size%win.Slide != 0 || win.Size != win.Slide && distinct(w.Aggs)) {
		return in, false
	}
	return b.local(in, &physical.LocalAggregate{Keys: w.Keys, Aggs: w.Aggs, Window: &win, InputRetracts: in.updating, Hold: -1}, id, at)
}

// ordered reports that the result of a depends on the order of rows.
func ordered(a physical.AggCall) bool { return a.Func == "FIRST_VALUE" || a.Func == "LAST_VALUE" }

// distinct reports that some call keeps a set of values.
func distinct(aggs []physical.AggCall) bool { return slices.ContainsFunc(aggs, keepsSet) }

func keepsSet(a physical.AggCall) bool { return a.Distinct && a.Func != "MIN" && a.Func != "MAX" }

// local puts l above in, with the path id of the aggregation, where the settings and the aggregates allow it, and reports it.
func (b *builder) local(in built, l *physical.LocalAggregate, id string, at diag.Span) (built, bool) {
	strategy := b.cfg.String(config.AggPhase)
	if strategy == "ONE_PHASE" || in.spread != nil && slices.Equal(in.spread, l.Keys) {
		return in, false
	}
	base := in.node.Base()
	for _, a := range l.Aggs {
		if !merges(a, base.Columns, distinct(l.Aggs), l.InputRetracts, strategy == "AUTO") {
			return in, false
		}
		if keepsSet(a) {
			apart := a.Args
			if a.Filter >= 0 {
				apart = append(slices.Clone(apart), a.Filter)
			}
			for _, c := range apart {
				if !slices.Contains(l.Split, c) {
					l.Split = append(l.Split, c)
				}
			}
		}
	}
	saved := b.path
	b.path = id
	l.Input = in.node
	l.Props = physical.Props{ID: b.id("local-aggregate"), Changelog: base.Changelog, Span: at,
		Columns: append(slices.Clone(base.Columns), physical.Column{Name: physical.Partial, Type: types.TBytes})}
	b.path = saved
	by := ""
	if len(l.Keys) > 0 {
		by = " by " + columnNames(base.Columns, l.Keys)
	}
	b.o.fire(TwoPhase, at, "rows are aggregated%s before they are sent, too, while that makes them fewer", by)
	in.node = l
	return in, true
}

// merges reports that partial results of a are small, and can be merged to what all rows would have given. sets: there are aggregates
// that keep sets of values; exact: bit by bit.
func merges(a physical.AggCall, in []physical.Column, sets, retracts, exact bool) bool {
	if retracts && sets {
		return false
	}
	rounded := len(a.Args) > 0 && in[a.Args[0]].Type.IsApprox()
	switch a.Func {
	case "COUNT":
		return true
	case "SUM", "$SUM0", "SUM0", "AVG":
		return !rounded || !exact && !retracts
	case "MIN", "MAX", "APPROX_COUNT_DISTINCT":
		return !retracts
	case "FIRST_VALUE", "LAST_VALUE":
		return !retracts && !sets // the groups of sets are in another order than rows
	case "STDDEV", "STDDEV_POP", "STDDEV_SAMP", "VARIANCE", "VAR_POP", "VAR_SAMP":
		return !retracts && !exact
	}
	return false
}
