package op

import (
	"fmt"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// Env is what the operators of a job are made with. It is one for all of them, and nobody writes to it.
type Env struct {
	Expr expr.Env // of the expressions of Calc
	// Lookup is what a LookupJoin asks; nil where there is none.
	Lookup func(*physical.LookupJoin) (exec.LookupSpec, error)
	// Search is what a VectorSearch asks; nil where there is none.
	Search func(*physical.VectorSearch) (exec.SearchSpec, error)
	// TestClock: time passes only when a test says so. Nobody can wait for it, so that pauses are over at once.
	TestClock bool
}

// New makes the operator of node, not opened yet. Every subtask needs one of its own: the runtime calls New for each of them before an
// attempt starts, on the coordinator's goroutine, and hands the operator to the task's.
//
// A node that is no operator (a Scan, a Values, a Union, an Exchange, a Sink) is an error, and so is a function or type that has no
// implementation, which the planner should have refused.
func New(node physical.Node, env Env) (exec.Operator, error) {
	switch n := node.(type) {
	case *physical.Calc:
		return newCalc(n, env)
	case *physical.WindowTVF:
		return timed(newWindowTVF(n))(n.Window)
	case *physical.SessionTVF:
		return timed(newSessionTVF(n))(n.Window)
	case *physical.WindowAggregate:
		if n.Window.Kind == physical.Session && n.Window.TimeColumn >= 0 {
			return timed(newSessionAggregate(n))(n.Window)
		}
		return timed(newWindowAggregate(n))(n.Window)
	case *physical.GroupAggregate:
		o, err := newGroupAggregate(n)
		if err == nil && n.MiniBatch != nil && n.MiniBatch.Latency > 0 {
			return newMiniBatch(o, n.MiniBatch, n.MiniBatch.Latency-n.Held, env.Expr.Clock), nil
		}
		return o, err
	case *physical.LocalAggregate:
		return newLocalAggregate(n, env.Expr.Clock)
	case *physical.ChangelogNormalize:
		return newNormalize(n)
	case *physical.UpsertMaterialize:
		return newMaterialize(n)
	case *physical.ResolveConflicts:
		return newResolveConflicts(n)
	case *physical.StampWatermark:
		return newStampWatermark(n), nil
	case *physical.ToChangelog:
		return newToChangelog(n), nil
	case *physical.FromChangelog:
		return newFromChangelog(n), nil
	case *physical.Final:
		return newFinal(n)
	case *physical.Sort:
		o, err := newSort(n)
		if err == nil && n.ProcTime {
			return byProcessingTime(o, n.Time), nil
		}
		return o, err
	case *physical.Expand:
		return newExpand(n)
	case *physical.Replicate:
		return newReplicate(n)
	case *physical.Unnest:
		return newUnnest(n)
	case *physical.Over:
		return newOver(n)
	case *physical.Match:
		o, err := newMatch(n, env)
		if err == nil && n.ProcTime {
			return &procTimeMatch{o}, nil
		}
		return o, err
	case *physical.SortedOver:
		return newSortedOver(n)
	case *physical.FinalOver:
		return newFinalOver(n)
	case *physical.Rank:
		if isTopN(n) {
			return newTopN(n)
		}
		return newRank(n)
	case *physical.WindowRank:
		return newWindowRank(n)
	case *physical.Deduplicate:
		return newDeduplicate(n)
	case *physical.Join:
		return newJoin(n, env)
	case *physical.WindowJoin:
		return newWindowJoin(n, env)
	case *physical.IntervalJoin:
		o, err := newIntervalJoin(n, env)
		if err == nil && n.ProcTime {
			return &procTimeJoin{*byProcessingTime(o, n.LeftTime), o, n.RightTime}, nil
		}
		return o, err
	case *physical.TemporalJoin:
		return newTemporalJoin(n, env)
	case *physical.LookupJoin:
		return newLookupJoin(n, env)
	case *physical.VectorSearch:
		return newVectorSearch(n, env)
	}
	return nil, fmt.Errorf("this is a bug: a plan node of type %T is no operator", node)
}

// timed is o by the time of a window.
func timed[T clocked](o T, err error) func(physical.Window) (exec.Operator, error) {
	return func(w physical.Window) (exec.Operator, error) {
		if err != nil {
			return nil, err
		}
		if w.ProcTime {
			return byProcessingTime(o, w.TimeColumn), nil
		}
		return o, nil
	}
}

// stateless is the parts of an operator that keeps nothing.
type stateless struct{ ctx *exec.TaskContext }

func (s *stateless) Open(ctx *exec.TaskContext, _ state.Scope) error { s.ctx = ctx; return nil }
func (*stateless) Watermark(exec.Watermark, exec.Emitter) error      { return nil }
func (*stateless) Snapshot(state.Epoch, exec.Emitter) error          { return nil }
func (*stateless) Close() error                                      { return nil }

func columnTypes(n physical.Node) []types.Type { return physical.Types(n.Base().Columns) }

func pick(ts []types.Type, cols []int) []types.Type {
	out := make([]types.Type, len(cols))
	for i, c := range cols {
		out[i] = ts[c]
	}
	return out
}

func typeList(ts []types.Type) string {
	s := ""
	for i, t := range ts {
		if i > 0 {
			s += ","
		}
		s += t.WithNullable(true).String()
	}
	return s
}

// positions is the physical positions of the rows of b that count, in scratch memory when there is no selection.
func positions(b *batch.Batch, scratch *[]int32) []int32 {
	if b.Sel != nil {
		return b.Sel
	}
	s := *scratch
	for len(s) < b.N {
		s = append(s, int32(len(s)))
	}
	*scratch = s
	return s[:b.N]
}

// grow is s with length n; what it holds is undefined.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
