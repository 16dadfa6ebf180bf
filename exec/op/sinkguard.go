package op

import (
	"fmt"
	"slices"
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
// (table.exec.sink.not-null-enforcer, table.exec.sink.type-length-enforcer), within columns too if the job says so
// (table.exec.sink.nested-constraint-enforcer). Columns stay in the order of the sink's Fields.
type SinkGuard struct {
	stateless
	node *physical.Sink
	drop bool // rows with a NULL are dropped and counted as skipped

	all   []int32
	view  batch.Batch
	cols  []*batch.Vector
	fixed []batch.Vector // one for each rule of Lengths
	trail []int          // which elements of collections lead to the value that is looked at
}

var _ exec.Operator = (*SinkGuard)(nil)

// NewSinkGuard makes the guard of a sink, as New makes operators. A rule for a column that has no length is an error.
func NewSinkGuard(n *physical.Sink, _ Env) (*SinkGuard, error) {
	for _, l := range n.Lengths {
		if class := batch.ClassOf(l.Type); class != batch.ClassBytes {
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

// Process emits in as the table may have it: values mended that may be, rows dropped that are to be. Anything else is an error (exec.Fatalf)
// that names the column.
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
			rule := &g.node.Lengths[i]
			if !rule.Error {
				g.mend(i, rule)
			} else if err := g.length(rule); err != nil {
				return err
			}
		}
	}
	return out.Emit(&g.view)
}

// each calls f with the values at path within row i of v, until it returns false, and reports whether it never did.
func (g *SinkGuard) each(v *batch.Vector, i int, path []int, f func(*batch.Vector, int) bool) bool {
	if len(path) == 0 {
		return f(v, i)
	}
	if v.IsNull(i) {
		return true
	}
	c := v.Children[path[0]]
	if batch.ClassOf(v.Type) == batch.ClassRow {
		return g.each(c, i, path[1:], f)
	}
	for k := range int(v.Len[i]) {
		g.trail = append(g.trail, k)
		if !g.each(c, int(v.Off[i])+k, path[1:], f) {
			return false
		}
		g.trail = g.trail[:len(g.trail)-1]
	}
	return true
}

// name is what at is called, its elements by the trail: a.list[2].field, a.map[key].
func (g *SinkGuard) name(at physical.Place) string {
	c := &g.node.Table.Columns[g.node.Fields[at.Column]]
	name, t, trail := c.Name, c.Type, g.trail
	for _, p := range at.Path {
		if t.Kind == types.Row {
			name += "." + t.Nested.Fields[p].Name
			t = t.Nested.Fields[p].Type
			continue
		}
		switch {
		case t.Kind != types.Map:
			name += fmt.Sprintf("[%d]", trail[0])
			t = t.Nested.Elem
		case p == 0:
			name += "[key]"
			t = t.Nested.Key
		default:
			name += "[value]"
			t = t.Nested.Elem
		}
		trail = trail[1:]
	}
	return name
}

func notNull(v *batch.Vector, i int) bool { return !v.IsNull(i) }

func (g *SinkGuard) nulls(in *batch.Batch) error {
	for _, at := range g.node.NotNull {
		v, leaf := in.Cols[at.Column], in.Cols[at.Column]
		for _, p := range at.Path {
			leaf = leaf.Children[p]
		}
		if len(leaf.Nulls) == 0 && leaf.Type.Kind != types.Null {
			continue
		}
		pos := positions(&g.view, &g.all)
		for k, i := range pos {
			g.trail = g.trail[:0]
			if g.each(v, int(i), at.Path, notNull) {
				continue
			}
			if !g.drop {
				name := g.name(at)
				return exec.Fatalf(
					fmt.Sprintf("filter such rows out, give them a value with COALESCE, declare %s without NOT NULL, or SET 'table.exec.sink.not-null-enforcer' = 'DROP' to drop them", name),
					"write to table "+g.node.Table.Name,
					fmt.Errorf("column %s is NOT NULL, and a row has NULL for it", name))
			}
			// The rows before this one stay; the others are looked at one by one.
			keep := append(make([]int32, 0, len(pos)), pos[:k]...)
			for _, j := range pos[k:] {
				if g.each(v, int(j), at.Path, notNull) {
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

// length refuses values that have not the declared length.
func (g *SinkGuard) length(rule *physical.LengthRule) error {
	fixed := rule.Type.Kind == types.Char || rule.Type.Kind == types.Binary
	var wrong []byte
	fits := func(v *batch.Vector, i int) bool {
		if v.IsNull(i) {
			return true
		}
		x := v.Bytes(i)
		if len(x) <= rule.Type.Len && !fixed {
			return true
		}
		have := lengthOf(x, rule.Type)
		if have == rule.Type.Len || have < rule.Type.Len && !fixed {
			return true
		}
		wrong = x
		return false
	}
	for _, i := range positions(&g.view, &g.all) {
		g.trail = g.trail[:0]
		if g.each(g.view.Cols[rule.Column], int(i), rule.Path, fits) {
			continue
		}
		do := "shorten the value, declare a longer type"
		have := lengthOf(wrong, rule.Type)
		if have < rule.Type.Len {
			do = "fill the value up, declare " + variable(rule.Type)
		}
		return exec.Fatalf(
			do+", or SET 'table.exec.sink.type-length-enforcer' = 'TRIM_PAD' to bring such values to that length, 'IGNORE' to let them pass",
			"write to table "+g.node.Table.Name,
			fmt.Errorf("column '%s' is %s, and a value of length %d is being written into it: %s", g.name(rule.Place), rule.Type.WithNullable(true), have, excerpt(wrong, rule.Type.IsString())))
	}
	return nil
}

// variable is t without its padding.
func variable(t types.Type) string {
	if t.Kind == types.Char {
		return "VARCHAR"
	}
	return "VARBINARY"
}

func lengthOf(x []byte, t types.Type) int {
	if t.IsBinary() {
		return len(x)
	}
	return utf8.RuneCount(x)
}

// mend gives the values of rule number n their length. Its path leads through ROWs only.
func (g *SinkGuard) mend(n int, rule *physical.LengthRule) {
	v := g.view.Cols[rule.Column]
	for _, p := range rule.Path {
		v = v.Children[p]
	}
	chars := rule.Type.IsString()
	var fixed *batch.Vector
	for _, i := range positions(&g.view, &g.all) {
		if g.missing(int(i), rule.Place) {
			continue
		}
		x := v.Bytes(int(i))
		if len(x) <= rule.Type.Len && !rule.Pad {
			continue
		}
		have := lengthOf(x, rule.Type)
		if have == rule.Type.Len || have < rule.Type.Len && !rule.Pad {
			continue
		}
		if fixed == nil {
			fixed = g.own(n, v)
			g.put(rule.Place, fixed)
		}
		if have > rule.Type.Len {
			fixed.Len[i] = uint32(prefix(x, rule.Type.Len, chars))
			continue
		}
		off := len(fixed.Data)
		fixed.Data = append(fixed.Data, x...)
		for range rule.Type.Len - have {
			if chars {
				fixed.Data = append(fixed.Data, ' ')
			} else {
				fixed.Data = append(fixed.Data, 0)
			}
		}
		fixed.Off[i], fixed.Len[i] = uint32(off), uint32(len(fixed.Data)-off)
	}
}

// missing reports that row i has no value at a place, or no ROW in which it could be.
func (g *SinkGuard) missing(i int, at physical.Place) bool {
	v := g.view.Cols[at.Column]
	for _, p := range at.Path {
		if v.IsNull(i) {
			return true
		}
		v = v.Children[p]
	}
	return v.IsNull(i)
}

// put makes leaf the values at a place; the ROWs around it become copies.
func (g *SinkGuard) put(at physical.Place, leaf *batch.Vector) {
	into := &g.cols[at.Column]
	for _, p := range at.Path {
		row := **into
		row.Children = slices.Clone(row.Children)
		*into = &row
		into = &row.Children[p]
	}
	*into = leaf
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
