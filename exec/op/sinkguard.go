package op

import (
	"fmt"
	"unicode/utf8"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// SinkGuard stands in front of a sink and holds its table's promises: a NOT NULL column gets no NULL, and
// CHAR(n), VARCHAR(n) and BINARY(n) values have the declared length where the job enforces it
// (table.exec.sink.not-null-enforcer, table.exec.sink.type-length-enforcer). Columns stay in the
// order of the sink's Fields.
type SinkGuard struct {
	stateless
	node *physical.Sink
	drop bool // rows with a NULL are dropped and counted as skipped

	all   []int32
	view  batch.Batch
	cols  []*batch.Vector
	fixed []batch.Vector // one for each rule of Lengths
}

var _ exec.Operator = (*SinkGuard)(nil)

// NewSinkGuard makes the guard of a sink. Every subtask needs one of its own.
func NewSinkGuard(n *physical.Sink, _ Env) (*SinkGuard, error) {
	for _, l := range n.Lengths {
		if class := batch.ClassOf(n.Input.Base().Columns[l.Column].Type); class != batch.ClassBytes {
			return nil, fmt.Errorf("this is a bug: column %s has no length to be enforced", n.Table.Columns[n.Fields[l.Column]].Name)
		}
	}
	return &SinkGuard{node: n, fixed: make([]batch.Vector, len(n.Lengths))}, nil
}

// Open reads the job's settings.
func (g *SinkGuard) Open(ctx *exec.TaskContext, st state.Scope) error {
	g.drop = ctx.Config != nil && ctx.Config.String(config.NotNullEnforcer) == "DROP"
	return g.stateless.Open(ctx, st)
}

// Process checks and mends in, and emits it.
func (g *SinkGuard) Process(in *batch.Batch, out exec.Emitter) error {
	if len(g.node.NotNull) == 0 && len(g.node.Lengths) == 0 {
		return out.Emit(in)
	}
	g.view = *in
	if err := g.nulls(in); err != nil {
		return err
	}
	if g.view.Rows() == 0 {
		return nil
	}
	if len(g.node.Lengths) > 0 {
		g.cols = append(g.cols[:0], in.Cols...)
		g.view.Cols = g.cols
		for i := range g.node.Lengths {
			if err := g.length(i, &g.node.Lengths[i]); err != nil {
				return err
			}
		}
	}
	return out.Emit(&g.view)
}

func (g *SinkGuard) column(c int) string { return g.node.Table.Columns[g.node.Fields[c]].Name }

func (g *SinkGuard) nulls(in *batch.Batch) error {
	for _, c := range g.node.NotNull {
		v := in.Cols[c]
		if len(v.Nulls) == 0 && v.Type.Kind != types.Null {
			continue
		}
		pos := positions(&g.view, &g.all)
		for k, i := range pos {
			if !v.IsNull(int(i)) {
				continue
			}
			if !g.drop {
				name := g.column(c)
				return exec.Fatalf(
					fmt.Sprintf("filter such rows out, give them a value with COALESCE, declare %s without NOT NULL, or SET 'table.exec.sink.not-null-enforcer' = 'DROP' to drop them", name),
					"write to table "+g.node.Table.Name,
					fmt.Errorf("column %s is NOT NULL, and a row has NULL for it", name))
			}
			// The rows before this one stay; the others are looked at one by one.
			keep := append(make([]int32, 0, len(pos)), pos[:k]...)
			for _, j := range pos[k:] {
				if !v.IsNull(int(j)) {
					keep = append(keep, j)
				}
			}
			if g.ctx.Metrics != nil {
				g.ctx.Metrics.Skipped.Add(int64(len(pos) - len(keep)))
			}
			g.view.Sel = keep
			break
		}
	}
	return nil
}

// length enforces rule number n on its column of g.view.
func (g *SinkGuard) length(n int, rule *physical.LengthRule) error {
	v := g.view.Cols[rule.Column]
	chars := !v.Type.IsBinary()
	var fixed *batch.Vector
	for _, i := range positions(&g.view, &g.all) {
		if v.IsNull(int(i)) {
			continue
		}
		x := v.Bytes(int(i))
		if len(x) <= rule.Len && !rule.Pad {
			continue
		}
		have := len(x)
		if chars {
			have = utf8.RuneCount(x)
		}
		if have == rule.Len || have < rule.Len && !rule.Pad {
			continue
		}
		if have > rule.Len && rule.Error {
			name, t := g.column(rule.Column), g.node.Table.Columns[g.node.Fields[rule.Column]].Type
			return exec.Fatalf(
				"shorten the value, declare a longer type, or SET 'table.exec.sink.type-length-enforcer' = 'TRIM_PAD' to cut such values, 'IGNORE' to let them pass",
				"write to table "+g.node.Table.Name,
				fmt.Errorf("column '%s' is %s, and a value of length %d is being written into it: %s", name, t, have, excerpt(x, chars)))
		}
		if fixed == nil {
			fixed = g.own(n, v)
			g.view.Cols[rule.Column] = fixed
		}
		if have > rule.Len {
			fixed.Len[i] = uint32(prefix(x, rule.Len, chars))
			continue
		}
		off := len(fixed.Data)
		fixed.Data = append(fixed.Data, x...)
		for range rule.Len - have {
			if chars {
				fixed.Data = append(fixed.Data, ' ')
			} else {
				fixed.Data = append(fixed.Data, 0)
			}
		}
		fixed.Off[i], fixed.Len[i] = uint32(off), uint32(len(fixed.Data)-off)
	}
	return nil
}

// own is a copy of v for rule n whose values may be replaced.
func (g *SinkGuard) own(n int, v *batch.Vector) *batch.Vector {
	f := &g.fixed[n]
	f.Type, f.Nulls = v.Type, v.Nulls
	f.Off = append(f.Off[:0], v.Off...)
	f.Len = append(f.Len[:0], v.Len...)
	f.Data = append(f.Data[:0], v.Data...)
	return f
}

// prefix is the length in bytes of the first n characters, or bytes, of x.
func prefix(x []byte, n int, chars bool) int {
	if !chars {
		return n
	}
	at := 0
	for range n {
		_, w := utf8.DecodeRune(x[at:])
		at += w
	}
	return at
}

func excerpt(x []byte, chars bool) string {
	if !chars {
		return fmt.Sprintf("%x...", x[:min(len(x), 20)])
	}
	s := []rune(string(x))
	if len(s) > 40 {
		return fmt.Sprintf("%q...", string(s[:40]))
	}
	return fmt.Sprintf("%q", string(s))
}
