// Package analyze puts what a job's operators did beside its plan: EXPLAIN ANALYZE of the shell and weir explain --analyze.
package analyze

import (
	"strings"

	"weir/exec/runtime"
	"weir/planner/explain"
	"weir/planner/physical"
)

// guard is behind the id of a sink's guard: a part of the sink that has counters of its own.
const guard = "-guard"

// Plan is the plan of job with the counters in st. The job must have been timed: runtime.Runner.Time.
func Plan(job *physical.Job, st runtime.Status) *explain.Plan {
	return Between(job, runtime.Status{}, st)
}

// Between is the plan of job with what was counted between two looks at it.
func Between(job *physical.Job, before, after runtime.Status) *explain.Plan {
	p := explain.Describe(job)
	was := map[string]runtime.OperatorStatus{}
	for _, o := range before.Operators {
		was[o.ID] = o
	}
	guards := map[string]int64{}
	for _, o := range after.Operators {
		b := was[o.ID]
		busy := int64(o.Busy - b.Busy)
		if sink, ok := strings.CutSuffix(o.ID, guard); ok {
			guards[sink] = busy
			continue
		}
		op := p.Operator(o.ID)
		if op == nil {
			continue // a cut before a sink of another parallelism is in no plan
		}
		m := &explain.Measured{
			RowsIn: o.Rows.In - b.Rows.In, RowsOut: o.Rows.Out - b.Rows.Out, Batches: o.Batches - b.Batches, BusyNanos: busy,
			Late: o.Rows.Late - b.Rows.Late, Skipped: o.Rows.Skipped - b.Rows.Skipped, StateBytes: o.State, Splits: o.Splits, Silent: o.Silent, Paused: o.Paused, Parallelism: max(1, o.Parallelism),
		}
		for i, s := range o.Subtasks {
			var w runtime.SubtaskStatus
			if i < len(b.Subtasks) {
				w = b.Subtasks[i]
			}
			m.Subtasks = append(m.Subtasks, explain.Subtask{RowsIn: s.Rows.In - w.Rows.In, RowsOut: s.Rows.Out - w.Rows.Out,
				Batches: s.Batches - w.Batches, BusyNanos: int64(s.Busy - w.Busy)})
		}
		op.Measured = m
	}
	for sink, busy := range guards {
		if op := p.Operator(sink); op != nil && op.Measured != nil {
			op.Measured.BusyNanos += busy
		}
	}
	p.Shares()
	return p
}
