package rules

import (
	"fmt"
	"slices"
	"strings"

	"weir/parser/diag"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// Rule describes a rule of the optimizer: weir explain -v names those that fired.
type Rule struct{ Name, Doc string }

// The rules by name.
const (
	MergeCalcs        = "merge-calcs"
	DropCalc          = "drop-calc"
	FlattenUnion      = "flatten-union"
	SimplifyCondition = "simplify-condition"
	WindowAggregate   = "window-aggregate"
	PullWindow        = "pull-window"
	JoinOrder         = "join-order"
	JoinCondition     = "join-condition"
	OuterToInner      = "outer-to-inner"
	JoinKeys          = "join-keys"
	DropJoin          = "drop-join"
	WindowJoin        = "window-join"
	TopN              = "top-n"
	WindowRank        = "window-rank"
	Deduplicate       = "deduplicate"
	PruneColumns      = "prune-columns"
	PruneFields       = "prune-fields"
	PushFilter        = "push-filter"
	RetractInput      = "retract-input"
	TwoPhase          = "two-phase"
	AddExchange       = "add-exchange"
	KeepSpread        = "keep-spread"
	AddNormalize      = "add-changelog-normalize"
	AddMaterialize    = "add-upsert-materialize"
	AddConflicts      = "add-resolve-conflicts"
	ShareScan         = "share-scan"
	ReuseSubPlan      = "reuse-sub-plan"
)

// All is every rule, in the order in which they are applied.
var All = []Rule{
	{MergeCalcs, "Two projections or filters over the same rows become one."},
	{DropCalc, "A projection that hands on its input as it is goes."},
	{FlattenUnion, "Unions directly in a union become one."},
	{SimplifyCondition, "A condition is replaced by an equal, simpler one; one that is always true goes."},
	{WindowAggregate, "A GROUP BY with window_start and window_end becomes a window aggregation, which gives each result once."},
	{PullWindow, "The window function is taken into the aggregation, so that rows are not copied for each window."},
	{JoinOrder, "Tables are joined in an order in which each has a key in common with those before it, where the order of FROM does not."},
	{JoinCondition, "A condition over one side of a join is asked before the join; one over both sides becomes part of its condition."},
	{OuterToInner, "A LEFT JOIN whose rows without a partner no condition above lets through is an inner join."},
	{JoinKeys, "Columns that must be equal become the key by which the rows of a join are spread and found."},
	{DropJoin, "A LEFT JOIN by a key of its right side goes where nobody reads that side."},
	{WindowJoin, "Rows of two windowed inputs meet rows of their own window only, and are joined once, when it closes."},
	{TopN, "ROW_NUMBER that is asked for at most so many rows keeps those rows only."},
	{WindowRank, "The first rows of each window are put out once, when it closes."},
	{Deduplicate, "The first or last row in time of each key is kept, and nothing else."},
	{PruneColumns, "Columns that nobody reads are neither made nor decoded from records."},
	{PruneFields, "Fields of a ROW that nobody reads are not decoded from records."},
	{PushFilter, "Conditions that cannot fail are applied while records are decoded."},
	{RetractInput, "Aggregates over a stream that changes rows can take rows back."},
	{TwoPhase, "Rows are aggregated where they are before they are sent to the subtask of their key."},
	{AddExchange, "Rows with equal keys are brought to one subtask."},
	{KeepSpread, "Rows that are spread by the right key already are not moved again."},
	{AddNormalize, "A stream of changes by key gets its old rows back from state."},
	{AddMaterialize, "Changes whose key is not the sink's are put in order by the sink's key."},
	{AddConflicts, "Rows of one key of a sink wait for the watermark, and one of them is written."},
	{ShareScan, "A table that is named more than once is read once."},
	{ReuseSubPlan, "What is computed in the same way more than once, as a view that several queries read, is computed once."},
}

// fire notes that a rule changed the plan. The same change is noted once, however often the rule comes by.
func (o *Optimizer) fire(rule string, at diag.Span, format string, args ...any) {
	f := physical.Fired{Rule: rule, What: fmt.Sprintf(format, args...), Span: at}
	if !slices.Contains(o.fired, f) {
		o.fired = append(o.fired, f)
	}
}

// Trace is the rules that fired since it was called last.
func (o *Optimizer) Trace() []physical.Fired {
	out := o.fired
	o.fired = nil
	return out
}

// simplified notes a condition that became another.
func (o *Optimizer) simplified(from, to scalar.Expr) {
	was := scalar.Format(from, false)
	switch {
	case to == nil:
		o.fire(SimplifyCondition, from.Span(), "%s is always true", was)
	case scalar.Format(to, false) != was:
		o.fire(SimplifyCondition, from.Span(), "%s becomes %s", was, scalar.Format(to, false))
	}
}

func columnNames(cols []physical.Column, at []int) string {
	if len(at) == 0 {
		return "no column"
	}
	names := make([]string, len(at))
	for i, k := range at {
		names[i] = scalar.QuoteName(cols[k].Name)
	}
	return strings.Join(names, ", ")
}
